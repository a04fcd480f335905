"""One payment intent for a person to read, or for a program: attempts, operations, events, postings."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

from evpay.cli.wording import console, minor_text, shown
from evpay.instants import instant
from evpay.ledger import ACCOUNTS, Posting, balances
from evpay.payments.intent import Operation, PaymentIntent
from evpay.payments.records import PaymentRecord

__all__ = ["Detail", "show_detail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """An intent, and the rows behind it."""

    intent: PaymentIntent
    payments: Sequence[PaymentRecord]
    events: Sequence[Any]
    postings: Sequence[Any]

    def to_json(self) -> dict[str, Any]:
        """Return one JSON object: the intent, its events with their hashes, its postings in minor units."""
        return {
            "intent": self.intent.model_dump(mode="json"),
            "events": [
                {
                    "payment": row.payment,
                    "no": row.no,
                    "kind": row.kind,
                    "at": _iso(instant(row.at_us)),
                    "body": json.loads(row.body),
                    "hash": row.hash,
                }
                for row in self.events
            ],
            "postings": [dict(row._mapping) for row in self.postings],  # noqa: SLF001 - the public name, in SQLAlchemy
        }


def show_detail(detail: Detail) -> None:
    """Print an intent."""
    screen = console()
    for part in (_head(detail.intent), _attempts(detail), _operations(detail.intent), _events(detail)):
        screen.print(part)
        screen.print()
    _postings(screen, detail)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _clock(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def _head(intent: PaymentIntent) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for label, value in _said(intent):
        table.add_row(label, shown(value))
    return table


def _said(intent: PaymentIntent) -> Iterator[tuple[str, str]]:
    yield "intent", intent.id
    if intent.session_id:
        yield "session", intent.session_id
    else:
        yield "key", intent.key.removeprefix("key:")
    yield "status", intent.status.replace("_", " ") + (", a person must look" if intent.unresolved else "")
    yield "last answer", _answer(intent.operations[-1]) if intent.operations else "none"
    yield "method", " ".join(filter(None, (intent.method.kind, intent.method.brand, intent.method.last4)))
    if intent.hold_expires_at and intent.facts.open_hold:
        yield "hold lasts to", f"{_clock(intent.hold_expires_at)} UTC"
    yield "possible now", ", ".join(intent.available) or "nothing"
    yield "made, changed", f"{_clock(intent.created_at)}, {_clock(intent.updated_at)} UTC"


def _answer(operation: Operation) -> str:
    outcome = operation.outcome
    reason = getattr(outcome, "reason", None) or getattr(outcome, "detail", None)
    code = f" [{operation.raw_code}]" if operation.raw_code else ""
    return f"{outcome.type.replace('_', ' ')}{f': {reason}' if reason else ''}{code}"


def _attempts(detail: Detail) -> Table:
    amounts = ("held", "taken", "freed", "refunded", "charged back")
    table = _table("Attempts", "account", "status", *amounts, "", right=amounts)
    for attempt in detail.intent.attempts:
        facts = attempt.facts
        minors = (facts.authorized, facts.captured, facts.released, facts.refunded, facts.charged_back)
        cells = (minor_text(minor, facts.currency) for minor in minors)
        table.add_row(attempt.account.name, attempt.status.replace("_", " "), *cells, facts.currency)
    return table


def _operations(intent: PaymentIntent) -> Table:
    table = _table("Operations", "asked at (UTC)", "kind", "amount", "account", "answer", right=("amount",))
    for operation in intent.operations:
        table.add_row(
            _clock(operation.asked_at),
            operation.kind,
            str(operation.amount),
            operation.account,
            shown(_answer(operation) if operation.answered_at else operation.state.replace("_", " ")),
        )
    return table


def _events(detail: Detail) -> Table:
    table = _table("Events", "at (UTC)", "no", "kind", "hash", right=("no",))
    for row in detail.events:
        table.add_row(_clock(instant(row.at_us)), str(row.no), shown(row.kind.replace("_", " ")), row.hash[:16])
    return table


def _postings(screen: Console, detail: Detail) -> None:
    table = _table("Postings", "debit", "credit", "amount", "", right=("amount",))
    for row in detail.postings:
        table.add_row(row.debit, row.credit, minor_text(row.amount, row.currency), row.currency)
    screen.print(table)
    sums = balances(Posting(row.debit, row.credit, row.amount) for row in detail.postings)
    currency = detail.intent.facts.currency
    parts = [f"{name} {minor_text(sums[name], currency)}" for name in ACCOUNTS if sums.get(name)]
    screen.print(f"Balances: {', '.join(parts) or 'none'}; their sum is {minor_text(sum(sums.values()), currency)}.")
