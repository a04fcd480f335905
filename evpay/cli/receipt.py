"""`evpay receipt`: a receipt or credit note, as it was issued."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from evpay.cli.invocation import ConfigOption, JsonOption, StoreOption, TenantOption, invocation
from evpay.cli.reader import Reader, read_store
from evpay.errors import NotFound
from evpay.receipts.model import Receipt
from evpay.receipts.render import render
from evpay.store import reads

__all__ = ["receipt"]


class Format(StrEnum):
    """What a receipt can be printed as."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


def receipt(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As printed on it: R-2026-000001.")],
    form: Annotated[Format | None, typer.Option("--format", help="As what (default: text; json with --json).")] = None,
    locale: Annotated[str, typer.Option(help="For whom: en, de-DE, nb-NO.")] = "en",
    tenant: TenantOption = "default",
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a receipt or a credit note."""
    said = invocation(context, store=store, config=config, as_json=as_json)
    found = read_store(said.store_url(), lambda reader: _find(reader, tenant, number))
    wanted = form or (Format.JSON if said.as_json else Format.TEXT)
    sys.stdout.flush()
    sys.stdout.buffer.write(render(found, wanted, locale=locale))
    sys.stdout.buffer.flush()


async def _find(reader: Reader, tenant: str, number: str) -> Receipt:
    found = await reader.ask(lambda connection: reads.receipt(connection, tenant=tenant, number=number))
    if found is None:
        raise NotFound("receipt", number)
    return found
