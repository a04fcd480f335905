"""`evpay providers`: which adapters are installed, and what each can be told."""

from dataclasses import dataclass
from typing import Any, Final

import typer
from rich.table import Table

from evpay.cli.conformance import check, new
from evpay.cli.invocation import ConfigOption, JsonOption, StoreOption, invocation, write_json
from evpay.cli.stand_ins import stand_in
from evpay.cli.wording import console, shown
from evpay.errors import ConfigurationError
from evpay.payments.account import Capabilities
from evpay.providers import Provider
from evpay.providers.registry import build, load, provider_names

__all__ = ["providers"]

_SWITCHES: Final = ("increment", "refund", "off_session", "look_up", "releases_remainder", "settlements")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """An adapter as it comes, or an account as it is set up."""

    name: str
    adapter: str
    install: str | None = None
    problem: str | None = None
    capabilities: Capabilities | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "provider": self.adapter,
            "install": self.install,
            "problem": self.problem,
            "capabilities": None if self.capabilities is None else _capabilities(self.capabilities),
        }


providers: Final = typer.Typer(add_completion=False)
providers.command("new")(new)
providers.command("check")(check)


@providers.callback(invoke_without_command=True)
def listed(
    context: typer.Context, store: StoreOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the providers that are installed, and the accounts that are set up, with what each can be told.

    `new` and `check` are for authors of providers.
    """
    if context.invoked_subcommand is not None:
        invocation(context, store=store, config=config, as_json=as_json)
        return
    said = invocation(context, store=store, config=config, as_json=as_json)
    installed = [_installed(name) for name in provider_names()]
    accounts = [_account(provider) for provider in said.settings().built_providers()]
    if said.as_json:
        rows = {"providers": installed, "accounts": accounts}
        write_json({name: [row.to_json() for row in found] for name, found in rows.items()}, indent=2)
        return
    _show("Installed, each with its default settings", installed)
    if accounts:
        _show("Accounts that are set up", accounts)


def _installed(name: str) -> _Row:
    """Build an adapter with dummy settings: it does no I/O, and says what it could be told."""
    install = None
    try:
        install = load(name).install
        provider = build(name, name, stand_in(name).options)
    except ConfigurationError as error:
        return _Row(name=name, adapter=name, install=install, problem=error.message)
    return _Row(name=name, adapter=name, install=install, capabilities=provider.capabilities)


def _account(provider: Provider) -> _Row:
    account = provider.account
    return _Row(
        name=f"{account.name} ({'live' if account.live else 'test'})",
        adapter=account.provider,
        capabilities=provider.capabilities,
    )


def _capabilities(found: Capabilities) -> dict[str, Any]:
    return {
        "funding": found.funding.value,
        "currencies": None if found.amounts is None else sorted(found.amounts),
        **{name: getattr(found, name) for name in _SWITCHES},
        "resend": {kind.value: int(window.total_seconds()) for kind, window in found.resend_for.items()},
    }


def _show(title: str, rows: list[_Row]) -> None:
    screen = console()
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for name in ("", "money is", "raise", "refund", "away", "look up", "frees rest", "reports", "currencies"):
        table.add_column(name, overflow="fold", no_wrap=bool(name) and " " not in name)
    for row in rows:
        table.add_row(*_cells(row))
    screen.print(table)
    for row in rows:
        if row.problem:
            screen.print(f"{row.name}: {shown(row.problem)}", soft_wrap=True)
    screen.print()


def _cells(row: _Row) -> tuple[str, ...]:
    found = row.capabilities
    if found is None:
        return (row.name, "?")
    currencies = "all" if found.amounts is None else str(len(found.amounts))
    return (row.name, found.funding, *("yes" if getattr(found, name) else "-" for name in _SWITCHES), currencies)
