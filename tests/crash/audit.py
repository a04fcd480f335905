"""Our books against the processor's, read from the files by plain SQL. It shares no code with the engine.

`differences` returns sentences; none means that all is well.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

__all__ = ["Entry", "differences", "sandbox_books", "stripe_books", "totals"]

_OPEN: Final = ("reserved", "submitting", "requires_action", "pending", "unknown")
_ENDED: Final = ("finished", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One payment as the processor has it, in minor units, and how often each kind of effect happened."""

    authorized: int
    captured: int
    released: int
    refunded: int
    effects: Counter[str]

    @property
    def held(self) -> int:
        """What is on hold."""
        return self.authorized - self.captured - self.released


def _rows(connection: sqlite3.Connection, sql: str, *values: object) -> list[sqlite3.Row]:
    return connection.execute(sql, values).fetchall()


def _opened(path: str | Path) -> "closing[sqlite3.Connection]":
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    return closing(connection)


def sandbox_books(path: str | Path) -> dict[str, Entry]:
    """Read the sandbox's books, by our reference of the payment; two payments of one reference are told apart."""
    entries: dict[str, Entry] = {}
    if not Path(path).exists():
        return entries
    with _opened(path) as books:
        for row in _rows(books, "SELECT * FROM payment ORDER BY no"):
            done = _rows(books, "SELECT kind FROM effect WHERE payment = ? AND state = 'succeeded'", row["no"])
            name = row["reference"] if row["reference"] not in entries else f"{row['reference']} again"
            entries[name] = Entry(
                authorized=row["authorized"],
                captured=row["captured"],
                released=row["released"],
                refunded=row["refunded"],
                effects=Counter(effect["kind"] for effect in done),
            )
    return entries


def stripe_books(payments: Iterable[dict[str, Any]]) -> dict[str, Entry]:
    """Read what the Stripe-like server holds."""
    entries: dict[str, Entry] = {}
    for row in payments:
        reference = row["reference"]
        name = reference if reference not in entries else f"{reference} again"
        entries[name] = Entry(
            authorized=row["authorized"],
            captured=row["captured"],
            released=row["released"],
            refunded=row["refunded"],
            effects=Counter({kind: count for kind, count in row["effects"].items() if count}),
        )
    return entries


def totals(books: dict[str, Entry]) -> tuple[int, int, int, int]:
    """Return what was authorized, captured, refunded and is still on hold, over all payments."""
    entries = books.values()
    return (
        sum(entry.authorized for entry in entries),
        sum(entry.captured for entry in entries),
        sum(entry.refunded for entry in entries),
        sum(entry.held for entry in entries),
    )


def differences(store: Path, books: dict[str, Entry], *, is_over: bool = True) -> list[str]:
    """Say what is wrong in the store, or differs between it and the processor's books.

    Before all `is_over`, an operation may be open, and a payment that has one may differ; a session may wait.
    """
    with _opened(store) as ours:
        payments = _rows(ours, "SELECT * FROM payment ORDER BY id")
        unsettled = {payment["id"]: list(_unsettled(ours, payment)) for payment in payments}
        found = [*_integrity(ours), *_unknown_to_us(payments, books)]
        for payment in payments:
            if is_over or not unsettled[payment["id"]]:
                found += [*unsettled[payment["id"]], *_against(ours, payment, books)]
            found += [*_posted(ours, payment), *_chained(ours, payment)]
        return [*found, *_numbered(ours), *(_sessions(ours) if is_over else ())]


def _integrity(ours: sqlite3.Connection) -> Iterator[str]:
    answer = [row[0] for row in _rows(ours, "PRAGMA integrity_check")]
    if answer != ["ok"]:
        yield f"the file is damaged: {answer}"


def _unknown_to_us(payments: list[sqlite3.Row], books: dict[str, Entry]) -> Iterator[str]:
    for reference in sorted(books.keys() - {payment["reference"] for payment in payments}):
        yield f"the processor has a payment {reference!r} that we do not know: {books[reference]}"


def _against(ours: sqlite3.Connection, payment: sqlite3.Row, books: dict[str, Entry]) -> Iterator[str]:
    theirs = books.get(payment["reference"]) or Entry(
        authorized=0, captured=0, released=0, refunded=0, effects=Counter()
    )
    facts = _facts(payment)
    if facts != (theirs.authorized, theirs.captured, theirs.released, theirs.refunded):
        yield f"our facts are {facts}, the processor's {theirs}"
    sql = "SELECT kind FROM operation WHERE payment = ? AND state = 'succeeded'"
    done = Counter(row["kind"] for row in _rows(ours, sql, payment["id"]))
    if done != theirs.effects:
        yield f"our operations are {dict(done)}, the processor's effects {dict(theirs.effects)}"


def _facts(payment: sqlite3.Row) -> tuple[int, int, int, int]:
    return (
        payment["authorized"],
        payment["captured"] - payment["captured_reversed"],
        payment["released"],
        payment["refunded"] - payment["refund_reversed"],
    )


def _unsettled(ours: sqlite3.Connection, payment: sqlite3.Row) -> Iterator[str]:
    for row in _rows(ours, "SELECT kind, state FROM operation WHERE payment = ?", payment["id"]):
        if row["state"] in _OPEN:
            yield f"the {row['kind']} is still {row['state']}"
    for row in _rows(ours, "SELECT reason FROM review WHERE payment = ? AND closed_us IS NULL", payment["id"]):
        yield f"a person is asked: {row['reason']}"


def _posted(ours: sqlite3.Connection, payment: sqlite3.Row) -> Iterator[str]:
    """Read the five totals out of the postings of a hold, and compare them with the payment."""
    lines = _rows(ours, "SELECT debit, credit, amount FROM ledger WHERE payment = ?", payment["id"])
    moved: Counter[tuple[str, str]] = Counter()
    sums: Counter[str] = Counter()
    for line in lines:
        moved[line["debit"], line["credit"]] += line["amount"]
        sums[line["debit"]] += line["amount"]
        sums[line["credit"]] -= line["amount"]
    ledger = (
        moved["hold", "rail"],
        moved["clearing", "revenue"] - moved["reversals", "clearing"],
        moved["rail", "hold"],
        moved["revenue", "clearing"] - moved["clearing", "reversals"],
    )
    if ledger != _facts(payment):
        yield f"the ledger says {ledger}, the facts {_facts(payment)}"
    if sum(sums.values()) != 0:
        yield f"the ledger sums to {sum(sums.values())}"
    if sums["hold"] != payment["authorized"] - payment["captured"] - payment["released"]:
        yield f"the account 'hold' has {sums['hold']}"


def _chained(ours: sqlite3.Connection, payment: sqlite3.Row) -> Iterator[str]:
    head = ""
    changed: Counter[str] = Counter()
    events = _rows(ours, "SELECT no, body, hash FROM event WHERE payment = ? ORDER BY no", payment["id"])
    for number, event in enumerate(events, 1):
        head = hashlib.sha256((head + event["body"]).encode()).hexdigest()
        changed.update(json.loads(event["body"])["changes"])
        if (event["no"], event["hash"]) != (number, head):
            yield f"event {event['no']} breaks the chain"
    if head != payment["head"]:
        yield "the payment does not end its chain of events"
    for name, amount in changed.items():
        if payment[name] != amount:
            yield f"the events add up to {name} {amount}, the payment has {payment[name]}"


def _numbered(ours: sqlite3.Connection) -> Iterator[str]:
    head = ""
    for number, row in enumerate(_rows(ours, "SELECT number, body, hash FROM receipt ORDER BY number"), 1):
        if row["number"] != number:
            yield f"there is a gap before receipt {row['number']}"
        if json.loads(row["body"])["previous_hash"] != head:
            yield f"receipt {number} does not follow the one before it"
        head = row["hash"]


def _sessions(ours: sqlite3.Connection) -> Iterator[str]:
    for row in _rows(ours, "SELECT id, status, admission, body FROM session"):
        notes = _rows(ours, "SELECT kind FROM receipt WHERE session = ?", row["id"])
        count = sum(note["kind"] == "receipt" for note in notes)
        if count != (row["status"] == "finished"):
            yield f"session {row['id']!r} is {row['status']} and has {count} receipts"
        held = _rows(
            ours, "SELECT sum(authorized - captured - released) AS open FROM payment WHERE session = ?", row["id"]
        )[0]["open"]
        if held and (row["status"] in _ENDED or row["admission"] == "deny"):
            yield f"session {row['id']!r} is {row['status']} and {held} are still on hold"
        if row["admission"] == "wait":
            yield f"session {row['id']!r} still waits"
        yield from _owed(ours, row)


def _owed(ours: sqlite3.Connection, session: sqlite3.Row) -> Iterator[str]:
    """What a finished session cost is captured, or owed."""
    cost = json.loads(session["body"])["cost"]
    if cost is None:
        return
    total = round(Decimal(cost["exact_incl"]) * 100)
    captured = _rows(
        ours, "SELECT sum(captured - captured_reversed) AS paid FROM payment WHERE session = ?", session["id"]
    )[0]["paid"]
    debts = _rows(ours, "SELECT amount, collected, status FROM debt WHERE session = ?", session["id"])
    due = sum(debt["amount"] - debt["collected"] for debt in debts if debt["status"] == "open")
    if captured + due != total:
        yield f"session {session['id']!r} cost {total}: {captured} are captured and {due} are owed"
