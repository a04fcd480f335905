"""Each provider's account as it comes, with one switch on, and with all of them: what the feature table is told from.

A switch is a setting that says what somebody has enabled for the account at the gateway; the emulator is told too.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

from evpay_contrib_emulators import RunningEmulator, running
from pydantic import BaseModel

from evpay.testing.conformance import Rig
from evpay_providers.adyen import AdyenSettings
from evpay_providers.braintree import BraintreeSettings
from evpay_providers.sandbox import SandboxSettings
from evpay_providers.stripe import StripeSettings
from tests.conformance.rigs import adyen, braintree
from tests.conformance.rigs.adyen import adyen_rig
from tests.conformance.rigs.braintree import braintree_rig
from tests.conformance.rigs.sandbox import sandbox_rig
from tests.conformance.rigs.stripe import stripe_rig
from tests.servers import running_stripe_server

__all__ = ["ACCOUNTS", "Account", "Switches", "rig_of"]

Switches: TypeAlias = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One provider: its name and package, its settings' class, and the value of each switch when it is on.

    `at_gateway`: what the emulator is told when a switch is on, and when it is off.
    """

    title: str
    install: str
    settings: type[BaseModel]
    switches: Mapping[str, Any]
    at_gateway: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=dict)

    def values(self, on: Switches) -> dict[str, Any]:
        """Return the settings with these switches on and the others as they come."""
        fields = self.settings.model_fields
        return {name: value if name in on else fields[name].default for name, value in self.switches.items()}

    def options(self, on: Switches) -> dict[str, Any]:
        """Return what the emulator is told."""
        chosen = [states[0] if name in on else states[1] for name, states in self.at_gateway.items()]
        return {name: value for options in chosen for name, value in options.items()}


# In the order of the table's columns.
ACCOUNTS: Final[Mapping[str, Account]] = {
    "stripe": Account(
        title="Stripe",
        install="`evpay[stripe]`",
        settings=StripeSettings,
        switches=dict.fromkeys(("request_increment", "request_multicapture", "request_overcapture"), True),
    ),
    "adyen": Account(
        title="Adyen",
        install="`evpay[adyen]`",
        settings=AdyenSettings,
        switches={"multiple_captures": True, "overcapture_percent": 15, "report_key": adyen.KEY},
        at_gateway={
            "multiple_captures": ({"multiple_partial_captures": True}, {"multiple_partial_captures": False}),
            "overcapture_percent": ({"overcapture_percent": 15}, {"overcapture_percent": 0}),
        },
    ),
    "braintree": Account(
        title="Braintree",
        install="`evpay[braintree]`",
        settings=BraintreeSettings,
        switches={"partial_settlement": ("credit_card",), "request_increment": True, "request_keys": True},
        at_gateway={
            "partial_settlement": ({"card_partial_settlement": True}, {"card_partial_settlement": False}),
        },
    ),
    "sandbox": Account(
        title="sandbox",
        install="comes with evpay",
        settings=SandboxSettings,
        switches={"multiple_captures": True, "over_capture_percent": 15},
    ),
}


@contextmanager
def rig_of(name: str) -> Iterator[Callable[[Switches], Rig]]:
    """Start the provider's gateway, and return what makes a rig of an account there with some switches on."""
    account = ACCOUNTS[name]
    with _RIGS[name]() as rig:

        def made(on: Switches) -> Rig:
            return rig(account.options(on), account.values(on))

        yield made


_Rigs: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], Rig]


@contextmanager
def _stripe() -> Iterator[_Rigs]:
    with running_stripe_server() as server:
        yield lambda _, settings: stripe_rig(server, **settings)


def _emulated(name: str, rig: Callable[..., Rig], **options: Any) -> Callable[[], Any]:
    @contextmanager
    def started() -> Iterator[_Rigs]:
        with running(name, **options) as emulator:
            yield lambda told, settings: _told(emulator, told, rig, settings)

    return started


def _told(emulator: RunningEmulator, options: dict[str, Any], rig: Callable[..., Rig], settings: dict[str, Any]) -> Rig:
    emulator.configure(**options)
    return rig(emulator, **settings)


@contextmanager
def _sandbox() -> Iterator[_Rigs]:
    with TemporaryDirectory() as folder:
        made: list[Any] = []

        def rig(_: dict[str, Any], settings: dict[str, Any]) -> Rig:
            made.append(sandbox_rig(Path(folder) / f"books{len(made)}.db", **settings))
            found: Rig = made[-1].__enter__()
            return found

        try:
            yield rig
        finally:
            for opened in made:
                opened.__exit__(None, None, None)


_RIGS: Final[Mapping[str, Callable[[], Any]]] = {
    "stripe": _stripe,
    "adyen": _emulated(
        "adyen",
        adyen_rig,
        api_key=adyen.KEY,
        merchant_account=adyen.MERCHANT,
        hmac_key=adyen.HMAC_KEYS[0],
        synchronous_adjustments=True,
    ),
    "braintree": _emulated("braintree", braintree_rig, gzip=False, **braintree.OPTIONS),
    "sandbox": _sandbox,
}
