"""`evpay price`: what the session of an OCPI CDR costs, and why."""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from evpay.cli.invocation import JsonOption, invocation
from evpay.errors import InvalidInput
from evpay.json_text import MAX_BYTES
from evpay.tariffs.cost import Cost
from evpay.tariffs.exact import plain_text
from evpay.tariffs.lines import CostLine
from evpay.tariffs.ocpi import price_cdr, read_json
from evpay.tariffs.policy import PricingPolicy

__all__ = ["price"]

_CANNOT_BE_PRICED = 2


def price(
    context: typer.Context,
    cdr: Annotated[str, typer.Argument(metavar="CDR.json", help="An OCPI CDR; - reads it from standard input.")],
    tariff: Annotated[
        list[str] | None, typer.Option(metavar="TARIFF.json", help="Price with this tariff instead; may be repeated.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="The site's time zone, as Europe/Oslo.")] = None,
    reservation_expired: Annotated[
        bool, typer.Option("--reservation-expired", help="The reservation expired unused.")
    ] = False,
    decimals: Annotated[int | None, typer.Option(min=0, max=12, help="Round the totals to so many decimals.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Price the session of an OCPI CDR (2.1.1, 2.2.1 or 2.3.0), line by line."""
    as_json = invocation(context, as_json=as_json).as_json
    try:
        document = _read(cdr, path="CDR")
        tariffs = [_read(name, path="--tariff") for name in tariff] if tariff else None
        cost = price_cdr(
            document,
            tariffs,
            time_zone=time_zone,
            reservation_expired=reservation_expired,
            policy=PricingPolicy(decimals=decimals),
        )
        text = json.dumps(_report(cost), ensure_ascii=False) if as_json else None
    except InvalidInput as error:
        _refuse(error, as_json=as_json)
        raise typer.Exit(_CANNOT_BE_PRICED) from error
    if text is None:
        _show(cost)
    else:
        print(text)


def _read(name: str, *, path: str) -> Any:
    try:
        if name == "-":
            text = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                text = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"{name!r} cannot be read: {reason}.", code="file_unreadable", path=path) from error
    return read_json(text)


def _report(cost: Cost) -> dict[str, Any]:
    document = cost.to_json()
    sides = ("excl", "incl")
    return {
        "currency": cost.currency,
        "total_cost": {side: document[f"total_{side}"] for side in sides},
        "exact": {"excl": _plain(cost.exact_excl), "incl": _plain(cost.exact_incl)},
        "lines": [_line_report(line) for line in cost.lines],
        "notes": document["notes"],
    }


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else plain_text(number)


def _line_report(line: CostLine) -> dict[str, Any]:
    decimal = {"volume": line.volume, "billed_volume": line.billed_volume, "exact": line.exact}
    return {**line.to_json(), **{name: plain_text(value) for name, value in decimal.items()}}


def _refuse(error: InvalidInput, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": {"code": error.code, "message": error.message, "path": error.path}}))
        return
    where = f" (at {error.path})" if error.path else ""
    Console().print(f"Cannot be priced{where}: {error.message} [{error.code}]", markup=False, highlight=False)


def _show(cost: Cost) -> None:
    console = Console()
    table = Table(title=f"{cost.tariff_id} in {cost.currency}", title_justify="left", expand=False)
    table.add_column("what")
    table.add_column("used", justify="right")
    table.add_column("billed", justify="right")
    table.add_column("price", justify="right")
    table.add_column("tax %", justify="right")
    table.add_column("amount", justify="right")
    for line in cost.lines:
        used, billed, unit_price, tax = _cells(line)
        table.add_row(line.kind.value, used, billed, unit_price, tax, line.to_json()["amount"])
    console.print(table)
    for line in cost.lines:
        console.print(f"{line.kind.value}: {line.reason}", markup=False, highlight=False, soft_wrap=True)
    document = cost.to_json()
    for side, words in (("excl", "without tax"), ("incl", "with tax")):
        total = document[f"total_{side}"]
        console.print(f"total {words}: {total or 'not derivable'} {cost.currency if total else ''}".rstrip())
    for tax in document["taxes"]:
        rate = f" {tax['percentage']} %" if tax["percentage"] else ""
        console.print(f"{tax['name']}{rate}: {tax['amount']} on {tax['net']}", markup=False)
    for note in cost.notes:
        console.print(f"note {note.code}: {note.message} {note.path or ''}".rstrip(), markup=False)


def _cells(line: CostLine) -> tuple[str, str, str, str]:
    if line.unit_price is None:
        return "", "", "", ""
    used, billed = (f"{round(volume, 4):f} {line.unit}".rstrip() for volume in (line.volume, line.billed_volume))
    tax = "" if line.tax_percent is None else plain_text(line.tax_percent)
    return used, billed, plain_text(line.unit_price), tax
