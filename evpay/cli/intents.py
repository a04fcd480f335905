"""`evpay intents`: the payments in a store; and one of them with everything that is known about it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import Connection

from evpay.cli.intent_view import Detail, show_detail
from evpay.cli.invocation import (
    ConfigOption,
    JsonOption,
    StoreOption,
    TenantOption,
    invocation,
    write_json,
)
from evpay.cli.reader import Reader, read_store
from evpay.cli.wording import age_text, console, minor_text, shown
from evpay.payments.intent import PaymentIntent, Snapshot
from evpay.store import reads

__all__ = ["intents"]


def intents(
    context: typer.Context,
    intent_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A session's id, the key of a payment, or an intent's id.")
    ] = None,
    tenant: TenantOption = "default",
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List payments, newest first; or show one with its operations, events and postings."""
    said = invocation(context, store=store, config=config, as_json=as_json)
    if intent_id is not None:
        detail = read_store(said.store_url(), lambda reader: _detail(reader, tenant, intent_id))
        write_json(detail.to_json(), indent=2) if said.as_json else show_detail(detail)
        return
    found = read_store(said.store_url(), lambda reader: _all(reader, tenant))
    if said.as_json:
        write_json({"intents": [intent.model_dump(mode="json") for intent in found]}, indent=2)
    else:
        _show(found)


async def _all(reader: Reader, tenant: str) -> list[PaymentIntent]:
    return [await reader.view(snapshot) for snapshot in await reader.snapshots(tenant)]


async def _detail(reader: Reader, tenant: str, named: str) -> Detail:
    snapshot = await reader.snapshot(tenant, named)
    return Detail(
        intent=await reader.view(snapshot),
        payments=snapshot.payments,
        events=await reader.ask(lambda connection: _of_payments(connection, snapshot, reads.events_of)),
        postings=await reader.ask(lambda connection: _of_payments(connection, snapshot, reads.ledger_lines)),
    )


def _of_payments(connection: Connection, snapshot: Snapshot, question: Any) -> Sequence[Any]:
    tenant = snapshot.intent.tenant
    return [row for found in snapshot.payments for row in question(connection, tenant=tenant, payment_id=found.id)]


def _show(found: Sequence[PaymentIntent]) -> None:
    screen = console()
    if not found:
        screen.print("No payments yet.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("session or key", "left"), ("status", "left"), ("account", "left")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]  # one of rich's words
    for name in ("held", "taken", "freed", "back", "age"):
        table.add_column(name, justify="right", no_wrap=True)
    now = datetime.now(UTC)
    for intent in found:
        table.add_row(*_cells(intent, now))
    screen.print(table)
    screen.print(
        f"{len(found)} in all. `evpay intents ID` shows one: its operations, events and postings.", style="dim"
    )


def _cells(intent: PaymentIntent, now: datetime) -> tuple[str, ...]:
    facts = intent.facts
    back = facts.refunded + facts.charged_back
    amounts = (facts.authorized, facts.captured, facts.released, back)
    return (
        shown(intent.session_id or intent.key.removeprefix("key:")),
        intent.status.replace("_", " ") + (" (look!)" if intent.unresolved else ""),
        intent.attempts[-1].account.name,
        *(minor_text(minor, facts.currency) for minor in amounts[:-1]),
        f"{minor_text(back, facts.currency)} {facts.currency}",
        age_text(now - intent.created_at),
    )
