"""What must hold of every store, whatever happened: ours, the ledger and the processors' own books agree."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, select

from evpay.engine.context import debt_id
from evpay.ledger import Posting, balances, facts_of
from evpay.money import to_minor
from evpay.payments.account import Funding
from evpay.payments.debt import DebtStatus
from evpay.payments.operation import UNSETTLED
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.receipts.numbering import receipt_body, receipt_hash
from evpay.sessions.model import SessionStatus
from evpay.store import reads
from evpay.store.rows import operation_from, payment_from, receipt_from, session_from
from evpay.store.schema import metadata
from evpay.testing import Simulation
from evpay_providers.sandbox import SandboxProvider

__all__ = ["assert_sound", "operations", "payments", "read"]

T = TypeVar("T")

_T = metadata.tables
_FACTS = ("authorized", "captured", "released", "refunded", "charged_back")


async def read(sim: Simulation, function: Callable[[Connection], T]) -> T:
    """Read the store beside the process that lives in it."""
    return await sim._observer.engine.context.store.read(function)


async def payments(sim: Simulation) -> list[PaymentRecord]:
    """Return every payment of the store."""
    table = _T["payment"]
    rows = await read(sim, lambda c: c.execute(select(table).order_by(table.c.created_us, table.c.attempt)).all())
    return [payment_from(row, live=False) for row in rows]


async def operations(sim: Simulation) -> list[OperationRecord]:
    """Return every operation of the store, oldest first."""
    table = _T["operation"]
    rows = await read(sim, lambda c: c.execute(select(table).order_by(table.c.asked_us, table.c.no)).all())
    return [operation_from(row) for row in rows]


async def assert_sound(
    sim: Simulation, providers: Sequence[SandboxProvider], *, unsettled: bool = False, apart: bool = False
) -> None:
    """Hold the store to everything that must be true of it.

    `unsettled`: an operation may still be open, and then the processor may know more; `apart`: the books say
    something that no evidence has told us yet, or that contradicts what was asked.
    """
    stored = await payments(sim)
    for payment in stored:
        await _assert_ledger(sim, payment)
        await _assert_chain(sim, payment)
        assert payment.facts.open_hold <= 0 or payment.wake_us is not None, "an open hold that nothing wakes up for"
    if not unsettled:
        open_ = [(found.kind, found.state) for found in await operations(sim) if found.state in UNSETTLED]
        assert open_ == []
    if not unsettled and not apart:
        _assert_books(stored, providers)
    await _assert_receipts(sim)
    await _assert_sessions(sim, stored, unsettled=unsettled)


async def _assert_ledger(sim: Simulation, payment: PaymentRecord) -> None:
    rows = await read(sim, lambda c: reads.ledger_lines(c, tenant=payment.tenant, payment_id=payment.id))
    lines = [Posting(row.debit, row.credit, row.amount) for row in rows]

    assert sum(balances(lines).values()) == 0
    assert facts_of(payment.funding, lines, currency=payment.currency) == payment.facts


async def _assert_chain(sim: Simulation, payment: PaymentRecord) -> None:
    table = _T["event"]
    mine = (table.c.tenant == payment.tenant, table.c.payment == payment.id)
    rows = await read(sim, lambda c: c.execute(select(table).where(*mine).order_by(table.c.no)).all())
    head = ""
    for number, row in enumerate(rows, 1):
        head = hashlib.sha256((head + row.body).encode()).hexdigest()
        assert (row.no, row.hash) == (number, head)

    assert (payment.events, payment.head) == (len(rows), head)


def _assert_books(stored: Iterable[PaymentRecord], providers: Sequence[SandboxProvider]) -> None:
    """Compare, payment by payment; neither side may know a payment with money in it that the other does not."""
    ours = {(payment.account.name, payment.reference): _as_booked(payment) for payment in stored}
    theirs = {
        (entry.account, entry.reference): tuple(getattr(entry, name) for name in _FACTS)
        for provider in providers
        for entry in provider.books.payments()
    }
    nothing = tuple(0 for _ in _FACTS)

    assert {key: facts for key, facts in ours.items() if facts != nothing} == {
        key: facts for key, facts in theirs.items() if facts != nothing
    }


def _as_booked(payment: PaymentRecord) -> tuple[int, ...]:
    """Return our facts as the books would show them: what came in as a deposit is all kept until it is given back."""
    facts = {name: getattr(payment.facts, name) for name in _FACTS}
    if payment.funding in (Funding.DEPOSIT, Funding.EXTERNAL):
        facts["captured"] = facts["authorized"] - facts["released"]
        assert payment.facts.captured + payment.facts.open_hold == facts["captured"]
    return tuple(facts.values())


async def _assert_receipts(sim: Simulation) -> None:
    table = _T["receipt"]
    order = (table.c.tenant, table.c.series, table.c.number)
    rows = await read(sim, lambda c: c.execute(select(table).order_by(*order)).all())
    before: dict[tuple[str, str], tuple[int, str]] = {}
    for row in rows:
        receipt = receipt_from(row)
        number, previous = before.get((row.tenant, row.series), (0, ""))
        assert row.number == number + 1, "a gap in the numbers"
        assert receipt.previous_hash == previous
        assert row.hash == receipt.hash == receipt_hash(receipt_body(receipt))
        before[row.tenant, row.series] = (row.number, receipt.hash)


async def _assert_sessions(sim: Simulation, stored: Sequence[PaymentRecord], *, unsettled: bool) -> None:
    """A finished session has one receipt, and what it cost was taken, is owed, or is still on its way."""
    table = _T["session"]
    for row in await read(sim, lambda c: c.execute(select(table)).all()):
        record = session_from(row)
        session = record.session
        receipts = await read(sim, lambda c, s=session: reads.receipts_of(c, tenant=s.tenant, session_id=s.id))
        own = [receipt for receipt in receipts if receipt.corrects is None]
        assert len(own) == (session.status is SessionStatus.FINISHED)
        if not own or unsettled:
            continue
        taken = sum(p.facts.captured for p in stored if (p.tenant, p.session_id) == (session.tenant, session.id))
        debt = await read(sim, lambda c, s=session: reads.debt(c, tenant=s.tenant, debt_id=debt_id(s.id)))
        owed = to_minor(debt.amount) if debt is not None and debt.status is DebtStatus.OPEN else 0
        assert taken + owed == to_minor(own[0].total)
