"""Who may know whom: what the import contracts in pyproject.toml cannot say."""

from typing import Final

from tests.architecture.sources import PURE, sources

ADAPTERS_SEE: Final = (
    "evpay.errors",
    "evpay.instants",
    "evpay.model",
    "evpay.money",
    "evpay.payments",
    "evpay.providers",
)
SANDBOX_SEES: Final = (*ADAPTERS_SEE, "evpay.ids")
"""The sandbox is also the processor behind its adapter: it mints ids of its own."""


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_an_adapter_sees_the_contract_and_nothing_else_of_evpay() -> None:
    """The engine decides, an adapter translates; it knows no session, tariff, store or clock."""
    reaching = [
        f"{source.name} imports {module}"
        for source in sources()
        if source.name.startswith("evpay_providers.")
        for module, _ in source.imports()
        if module.split(".")[0] == "evpay"
        if not _within(module, SANDBOX_SEES if source.name.startswith("evpay_providers.sandbox") else ADAPTERS_SEE)
    ]

    assert reaching == []


def test_the_pure_packages_do_not_know_the_seam() -> None:
    """What decides about money gets the time as a value, and never the thing that tells it."""
    reaching = [
        f"{source.name} imports {module}.{name}"
        for source in sources()
        if source.within(PURE)
        for module, name in source.imports()
        if module == "evpay.env"
    ]

    assert reaching == []


def test_evpay_never_names_an_adapter_in_an_import() -> None:
    """Adapters and contrib packages are found by their entry points."""
    reaching = [
        f"{source.name} imports {module}"
        for source in sources()
        if source.name.split(".")[0] == "evpay"
        for module, _ in source.imports()
        if module.split(".")[0] == "evpay_providers" or module.startswith("evpay_contrib")
    ]

    assert reaching == []


def _private(module: str, name: str | None, importer: str) -> bool:
    """A private module belongs to the package it stands in; a private name belongs to its module alone."""
    parts = module.split(".")
    hidden = [index for index, part in enumerate(parts) if part.startswith("_")]
    if any(not _within(importer, (".".join(parts[:index]),)) for index in hidden):
        return True
    return name is not None and name.startswith("_") and not name.startswith("__") and module != importer


def test_nothing_reaches_into_a_private_name_of_another_module() -> None:
    """What begins with an underscore belongs to the module, or to the package, it stands in."""
    reaching = [
        f"{source.name} imports {module}.{name}"
        for source in sources()
        for module, name in source.imports()
        if module.split(".")[0] in {"evpay", "evpay_providers"}
        if _private(module, name, source.name)
    ]

    assert [] == reaching
