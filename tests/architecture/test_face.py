"""The public face: what `import evpay` gives, and what it costs."""

import importlib
import inspect
import subprocess
import sys
from typing import Final

import pytest

import evpay
from tests.architecture.sources import sources

FACE: Final = frozenset(
    [
        "EvPay",
        "Settings",
        "Policy",
        "Route",
        "Site",
        "Seller",
        "Connector",
        "Tariff",
        "Quote",
        "Cost",
        "CostLine",
        "Session",
        "MeterReading",
        "ConnectorState",
        "Admission",
        "Start",
        "Exposure",
        "Decision",
        "PaymentMethod",
        "MethodKind",
        "SavedMethod",
        "PaymentIntent",
        "Attempt",
        "Operation",
        "MoneyFacts",
        "Funding",
        "OperationKind",
        "PricingPolicy",
        "Receipt",
        "Debt",
        "Money",
        "derive_id",
        "WebhookReply",
        "Recovery",
        "Problem",
        "Outcome",
        "Succeeded",
        "Pending",
        "ActionRequired",
        "Declined",
        "Failed",
        "Unknown",
        "Reason",
        "Advice",
        "OpenLink",
        "RunClientSdk",
        "ConfirmOnDevice",
        "__version__",
    ]
)
LATER: Final = frozenset({"Quote", "Route"})
"""Names that are planned, and whose packages do not exist yet."""

HEAVY: Final = ("stripe", "Adyen", "braintree", "sqlalchemy", "alembic", "httpx", "requests", "typer", "rich", "jinja2")

TYPE_ALIASES: Final = frozenset({"Outcome", "Action"})


def _public_modules() -> list[str]:
    return [source.name for source in sources() if not source.is_migration]


def test_importing_evpay_imports_nothing_heavy() -> None:
    """No processor's SDK, no database library, no web or terminal library is loaded by `import evpay`."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import evpay, sys; print('\\n'.join(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()

    assert [name for name in HEAVY if name in loaded] == []


def test_the_public_names_are_those_of_the_face() -> None:
    """The face is agreed: no name appears or disappears by accident."""
    assert set(evpay.__all__) == FACE - LATER


@pytest.mark.parametrize("name", sorted(FACE - LATER))
def test_a_public_name_can_be_imported_and_explains_itself(name: str) -> None:
    """Each public name is there; classes and functions have a docstring of their own."""
    public = getattr(evpay, name)

    if inspect.isclass(public) or inspect.isfunction(public):
        assert public.__doc__
    else:
        assert name in TYPE_ALIASES | {"__version__"}


@pytest.mark.parametrize("module", _public_modules())
def test_what_a_module_promises_is_there(module: str) -> None:
    """Every name in an `__all__` exists, once, in order, and classes and functions of the module explain themselves."""
    loaded = importlib.import_module(module)
    names = list(getattr(loaded, "__all__", ()))

    assert sorted(set(names)) == sorted(names)
    for name in names:
        public = getattr(loaded, name)
        if (inspect.isclass(public) or inspect.isfunction(public)) and public.__module__ == module:
            assert inspect.getdoc(public), f"{module}.{name} has no docstring"
