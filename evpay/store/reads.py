"""What the engine reads: one function per question, on a connection of the store's readers."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, and_, bindparam, func, or_, select

from evpay.payments.debt import Debt
from evpay.payments.intent import Snapshot
from evpay.payments.records import OperationRecord, ReviewRecord
from evpay.receipts.model import Receipt
from evpay.sessions.readings import MeterReading
from evpay.store.rows import (
    SessionRecord,
    debt_from,
    intent_from,
    operation_from,
    payment_from,
    reading_from,
    receipt_from,
    review_from,
    session_from,
)
from evpay.store.schema import metadata

__all__ = [
    "debt",
    "due_inbox",
    "due_operations",
    "due_payments",
    "due_sessions",
    "events_after",
    "events_of",
    "has_final_reading",
    "inbox_digest",
    "intent_by_id",
    "intent_by_key",
    "intent_ids",
    "latest_session",
    "ledger_lines",
    "next_due",
    "open_review",
    "open_session",
    "operation",
    "operation_by_reference",
    "payment_by_alias",
    "payment_by_id",
    "payment_by_reference",
    "pulse",
    "readings",
    "receipt",
    "receipt_by_key",
    "receipts_of",
    "reviews_of",
    "session",
    "tariff_body",
]

_T = metadata.tables


@cache
def _of(table: str, *names: str, order_by: str | None = None) -> Select[Any]:
    """Return the statement for the rows of a table whose columns are as given; making one takes longer than asking."""
    columns = _T[table].c
    found = select(_T[table]).where(*(columns[name] == bindparam(name) for name in names))
    return found if order_by is None else found.order_by(columns[order_by])


def _row(connection: Connection, table: str, **key: object) -> Row[Any] | None:
    return connection.execute(_of(table, *key), key).one_or_none()


def session(connection: Connection, *, tenant: str, session_id: str) -> SessionRecord | None:
    """Return a session."""
    row = _row(connection, "session", tenant=tenant, id=session_id)
    return None if row is None else session_from(row)


def pulse(connection: Connection, *, tenant: str, session_id: str) -> tuple[int, int]:
    """Return a session's version and how many readings it has: whether what is in memory is still all there is."""
    version, readings = connection.execute(_pulse(), {"tenant": tenant, "session": session_id}).one()
    return version or 0, readings


@cache
def _pulse() -> Select[Any]:
    table, reading = _T["session"], _T["reading"]
    tenant: BindParameter[str] = bindparam("tenant")
    session_id: BindParameter[str] = bindparam("session")
    version = select(table.c.version).where(table.c.tenant == tenant, table.c.id == session_id)
    count = select(func.count()).select_from(reading).where(reading.c.tenant == tenant, reading.c.session == session_id)
    return select(version.scalar_subquery(), count.scalar_subquery())


def readings(connection: Connection, *, tenant: str, session_id: str) -> list[MeterReading]:
    """Return all readings of a session, in order of time."""
    query = _of("reading", "tenant", "session", order_by="at_us")
    return [reading_from(row) for row in connection.execute(query, {"tenant": tenant, "session": session_id})]


def tariff_body(connection: Connection, *, tenant: str, tariff_hash: str) -> str:
    """Return the frozen tariff of a session, as JSON."""
    table = _T["tariff"]
    return str(
        connection.execute(
            select(table.c.body).where(table.c.tenant == tenant, table.c.hash == tariff_hash)
        ).scalar_one()
    )


def _snapshot(connection: Connection, row: Row[Any] | None, *, live: bool) -> Snapshot | None:
    if row is None:
        return None
    key = {"tenant": row.tenant, "intent": row.id}
    payments = connection.execute(_of("payment", "tenant", "intent", order_by="attempt"), key).all()
    operations = connection.execute(_operations_of_intent(), key)
    attempts = {found.id: found.attempt for found in payments}
    ordered = sorted((operation_from(found) for found in operations), key=lambda o: (attempts[o.payment_id], o.no))
    return Snapshot(
        intent=intent_from(row),
        payments=tuple(payment_from(found, live=live) for found in payments),
        operations=tuple(ordered),
    )


@cache
def _operations_of_intent() -> Select[Any]:
    table, payment = _T["operation"], _T["payment"]
    join = table.join(payment, and_(payment.c.tenant == table.c.tenant, payment.c.id == table.c.payment))
    return (
        select(table)
        .select_from(join)
        .where(payment.c.tenant == bindparam("tenant"), payment.c.intent == bindparam("intent"))
    )


def intent_by_id(connection: Connection, *, tenant: str, intent_id: str, live: bool) -> Snapshot | None:
    """Return an intent with its payments and operations."""
    return _snapshot(connection, _row(connection, "intent", tenant=tenant, id=intent_id), live=live)


def intent_by_key(connection: Connection, *, tenant: str, key: str, live: bool) -> Snapshot | None:
    """Return the intent of a key."""
    return _snapshot(connection, _row(connection, "intent", tenant=tenant, key=key), live=live)


def intent_ids(connection: Connection, *, tenant: str, open_hold: bool | None = None) -> list[str]:
    """Return the intents' ids, newest first; with `open_hold` only those with, or without, money on hold."""
    table, payment = _T["intent"], _T["payment"]
    held = (
        select(payment.c.intent)
        .where(payment.c.tenant == tenant)
        .where(payment.c.authorized - payment.c.released - payment.c.captured + payment.c.captured_reversed > 0)
    )
    query = select(table.c.id).where(table.c.tenant == tenant)
    if open_hold is not None:
        query = query.where(table.c.id.in_(held) if open_hold else table.c.id.not_in(held))
    return list(connection.execute(query.order_by(table.c.created_us.desc(), table.c.id)).scalars())


def operation(connection: Connection, *, tenant: str, operation_id: str) -> OperationRecord | None:
    """Return an operation."""
    row = _row(connection, "operation", tenant=tenant, id=operation_id)
    return None if row is None else operation_from(row)


def operation_by_reference(connection: Connection, *, account: str, reference: str) -> OperationRecord | None:
    """Return the operation that went out to an account under a reference."""
    table, payment = _T["operation"], _T["payment"]
    join = table.join(payment, and_(payment.c.tenant == table.c.tenant, payment.c.id == table.c.payment))
    row = connection.execute(
        select(table).select_from(join).where(table.c.reference == reference, payment.c.account == account)
    ).one_or_none()
    return None if row is None else operation_from(row)


def payment_by_reference(connection: Connection, *, account: str, reference: str) -> tuple[str, str, str] | None:
    """Return (tenant, intent, payment) of an AUTHORIZE's reference."""
    table = _T["payment"]
    row = connection.execute(
        select(table.c.tenant, table.c.intent, table.c.id).where(
            table.c.account == account, table.c.reference == reference
        )
    ).one_or_none()
    return None if row is None else (row.tenant, row.intent, row.id)


def payment_by_alias(connection: Connection, *, account: str, processor_id: str) -> tuple[str, str, str] | None:
    """Return (tenant, intent, payment) of a present or former id at the processor."""
    alias, table = _T["alias"], _T["payment"]
    join = alias.join(table, and_(table.c.tenant == alias.c.tenant, table.c.id == alias.c.payment))
    row = connection.execute(
        select(table.c.tenant, table.c.intent, table.c.id)
        .select_from(join)
        .where(alias.c.account == account, alias.c.id == processor_id)
    ).one_or_none()
    return None if row is None else (row.tenant, row.intent, row.id)


def open_session(connection: Connection, *, tenant: str, connector: str, site: str, not_id: str) -> str | None:
    """Return the session that is open at a connector, other than the one named."""
    table = _T["session"]
    return connection.execute(
        select(table.c.id)
        .where(
            table.c.tenant == tenant,
            table.c.connector == connector,
            table.c.site == site,
            table.c.id != not_id,
            table.c.status.not_in(("finished", "cancelled")),
        )
        .order_by(table.c.created_us.desc())
        .limit(1)
    ).scalar()


def latest_session(connection: Connection, *, tenant: str, site: str, connector: str) -> str | None:
    """Return the newest session at a connector."""
    table = _T["session"]
    return connection.execute(
        select(table.c.id)
        .where(table.c.tenant == tenant, table.c.site == site, table.c.connector == connector)
        .order_by(table.c.created_us.desc(), table.c.id)
        .limit(1)
    ).scalar()


def receipt(connection: Connection, *, tenant: str, number: str) -> Receipt | None:
    """Return a receipt or credit note by its printed number."""
    row = _row(connection, "receipt", tenant=tenant, label=number)
    return None if row is None else receipt_from(row)


def receipt_by_key(connection: Connection, *, tenant: str, corrects: str, key: str) -> Receipt | None:
    """Return the credit note that a refund call with this key gave."""
    row = _row(connection, "receipt", tenant=tenant, corrects=corrects, key=key)
    return None if row is None else receipt_from(row)


def receipts_of(connection: Connection, *, tenant: str, session_id: str | None = None) -> list[Receipt]:
    """Return receipts and credit notes, of one session or all, oldest first."""
    table = _T["receipt"]
    query = select(table).where(table.c.tenant == tenant)
    if session_id is not None:
        query = query.where(table.c.session == session_id)
    return [receipt_from(row) for row in connection.execute(query.order_by(table.c.issued_us, table.c.number))]


def debt(connection: Connection, *, tenant: str, debt_id: str) -> Debt | None:
    """Return a debt."""
    row = _row(connection, "debt", tenant=tenant, id=debt_id)
    return None if row is None else debt_from(row)


def open_review(connection: Connection, *, tenant: str, intent_id: str) -> bool:
    """Say whether a person must look at a payment of the intent."""
    return any(found.closed_us is None for found in reviews_of(connection, tenant=tenant, intent_id=intent_id))


def reviews_of(connection: Connection, *, tenant: str, intent_id: str) -> tuple[ReviewRecord, ...]:
    """Return everything about an intent that a person was asked to look at."""
    rows = connection.execute(_reviews(), {"tenant": tenant, "intent": intent_id})
    return tuple(review_from(row) for row in rows)


@cache
def _reviews() -> Select[Any]:
    review, payment = _T["review"], _T["payment"]
    tenant: BindParameter[str] = bindparam("tenant")
    ids = select(payment.c.id).where(payment.c.tenant == tenant, payment.c.intent == bindparam("intent"))
    return select(review).where(review.c.tenant == tenant, review.c.payment.in_(ids)).order_by(review.c.opened_us)


def ledger_lines(connection: Connection, *, tenant: str, payment_id: str | None = None) -> Sequence[Any]:
    """Return (payment, debit, credit, amount, currency) of all postings, in order."""
    table = _T["ledger"]
    query = select(table.c.payment, table.c.debit, table.c.credit, table.c.amount, table.c.currency).where(
        table.c.tenant == tenant
    )
    if payment_id is not None:
        query = query.where(table.c.payment == payment_id)
    return connection.execute(query.order_by(table.c.payment, table.c.no, table.c.line)).all()


def events_after(connection: Connection, *, tenant: str, consumer: str, limit: int = 100) -> Sequence[Row[Any]]:
    """Return the outbox rows that a consumer has not acknowledged, oldest first."""
    outbox, cursor = _T["outbox"], _T["consumer"]
    join = outbox.outerjoin(
        cursor,
        and_(cursor.c.tenant == outbox.c.tenant, cursor.c.name == consumer, cursor.c.subject == outbox.c.subject),
    )
    return connection.execute(
        select(outbox)
        .select_from(join)
        .where(outbox.c.tenant == tenant, or_(cursor.c.no.is_(None), outbox.c.no > cursor.c.no))
        .order_by(outbox.c.at_us, outbox.c.subject, outbox.c.no)
        .limit(limit)
    ).all()


def events_of(connection: Connection, *, tenant: str, payment_id: str) -> Sequence[Row[Any]]:
    """Return the events of a payment, oldest first: each is bound to the one before it by its hash."""
    table = _T["event"]
    return connection.execute(
        select(table).where(table.c.tenant == tenant, table.c.payment == payment_id).order_by(table.c.no)
    ).all()


def due_operations(connection: Connection, *, now_us: int, limit: int = 500) -> list[tuple[str, str, str]]:
    """Return (tenant, intent, operation) of what is due and not under a live lease; nearest hold deadline first."""
    table, payment = _T["operation"], _T["payment"]
    join = table.join(payment, and_(payment.c.tenant == table.c.tenant, payment.c.id == table.c.payment))
    rows = connection.execute(
        select(table.c.tenant, payment.c.intent, table.c.id)
        .select_from(join)
        .where(table.c.next_us <= now_us)
        .order_by(payment.c.expires_us.is_(None), payment.c.expires_us, table.c.next_us)
        .limit(limit)
    )
    return [(row.tenant, row.intent, row.id) for row in rows]


def due_payments(connection: Connection, *, now_us: int, limit: int = 500) -> list[tuple[str, str, str]]:
    """Return (tenant, intent, payment) of what housekeeping must look at."""
    table = _T["payment"]
    rows = connection.execute(
        select(table.c.tenant, table.c.intent, table.c.id)
        .where(table.c.wake_us <= now_us)
        .order_by(table.c.wake_us)
        .limit(limit)
    )
    return [(row.tenant, row.intent, row.id) for row in rows]


def due_sessions(connection: Connection, *, now_us: int, limit: int = 500) -> list[tuple[str, str]]:
    """Return (tenant, session) whose timer has come."""
    table = _T["session"]
    rows = connection.execute(
        select(table.c.tenant, table.c.id).where(table.c.wake_us <= now_us).order_by(table.c.wake_us).limit(limit)
    )
    return [(row.tenant, row.id) for row in rows]


def due_inbox(connection: Connection, *, now_us: int, limit: int = 500) -> Sequence[Row[Any]]:
    """Return the evidence that is not applied yet and whose time has come."""
    table = _T["inbox"]
    return connection.execute(
        select(table).where(table.c.next_us <= now_us).order_by(table.c.received_us, table.c.event_id).limit(limit)
    ).all()


def next_due(connection: Connection) -> int | None:
    """Return the earliest instant at which anything is due, in microseconds; None if nothing ever is."""
    columns = (
        _T["operation"].c.next_us,
        _T["payment"].c.wake_us,
        _T["session"].c.wake_us,
        _T["inbox"].c.next_us,
    )
    times = [connection.execute(select(func.min(column))).scalar() for column in columns]
    return min((time for time in times if time is not None), default=None)


def payment_by_id(connection: Connection, *, tenant: str, payment_id: str) -> tuple[str, str, str] | None:
    """Return (tenant, intent, payment) of a payment."""
    table = _T["payment"]
    row = connection.execute(
        select(table.c.intent).where(table.c.tenant == tenant, table.c.id == payment_id)
    ).one_or_none()
    return None if row is None else (tenant, row.intent, payment_id)


def inbox_digest(connection: Connection, *, account: str, event_id: str) -> str | None:
    """Return the digest of a message that is kept."""
    table = _T["inbox"]
    return connection.execute(
        select(table.c.digest).where(table.c.account == account, table.c.event_id == event_id)
    ).scalar()


def has_final_reading(connection: Connection, *, tenant: str, session_id: str) -> bool:
    """Say whether the end of a session was told."""
    table = _T["reading"]
    found = connection.execute(
        select(table.c.at_us)
        .where(table.c.tenant == tenant, table.c.session == session_id, table.c.kind == "final")
        .limit(1)
    )
    return found.first() is not None
