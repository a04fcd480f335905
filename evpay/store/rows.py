"""Values to rows and back: the only place that knows which column holds what."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Row

from evpay.ids import canonical_json
from evpay.instants import instant, microseconds
from evpay.money import to_minor
from evpay.payments.account import Account, Funding
from evpay.payments.debt import Debt
from evpay.payments.method import PaymentMethod, SavedMethod
from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.outcome import Handle, Hold, Outcome
from evpay.payments.policy import Policy
from evpay.payments.records import IntentRecord, OperationRecord, PaymentRecord, ReviewRecord, Totals
from evpay.receipts.model import Receipt
from evpay.sessions.model import Session
from evpay.sessions.readings import MeterReading
from evpay.tariffs.cost import Cost

__all__ = [
    "SessionRecord",
    "debt_from",
    "debt_values",
    "intent_from",
    "intent_values",
    "load_json",
    "method_from",
    "method_values",
    "operation_from",
    "operation_values",
    "payment_from",
    "payment_values",
    "reading_from",
    "receipt_from",
    "review_from",
    "session_from",
    "session_values",
]

_OUTCOME: Final[TypeAdapter[Any]] = TypeAdapter(Outcome)
_HANDLE: Final = TypeAdapter(Handle)
_HOLD: Final = TypeAdapter(Hold)
_TOTALS: Final = tuple(Totals.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session as it is on disk: what the face shows, and what only the engine needs.

    `digest` is that of the call that started it; `cost` is there once it is finished; `version` rises by one with
    every write; `wake_us` is when housekeeping looks at it next. `answered`: whoever started it was told to wait.
    `billed`: how many different readings the price is made of.
    """

    session: Session
    policy: Policy
    digest: str
    cost: Cost | None = None
    wake_us: int | None = None
    version: int = 1
    answered: bool = False
    billed: int | None = None

    def changed(self, **fields: object) -> "SessionRecord":
        """Return the record with some fields of its session changed."""
        return replace(self, session=self.session.model_copy(update=fields))


def load_json(text: str) -> Any:
    """Read canonical JSON from the store; fractions as Decimal."""
    return json.loads(text, parse_float=Decimal)


def _dumped(adapter: TypeAdapter[Any], value: object) -> str | None:
    return None if value is None else canonical_json(adapter.dump_python(value, mode="json"))


def _loaded(adapter: TypeAdapter[Any], text: str | None) -> Any:
    return None if text is None else adapter.validate_json(text)


def payment_values(payment: PaymentRecord) -> dict[str, object]:
    """Return the columns of a payment."""
    return {
        "tenant": payment.tenant,
        "id": payment.id,
        "intent": payment.intent_id,
        "session": payment.session_id,
        "attempt": payment.attempt,
        "provider": payment.account.provider,
        "account": payment.account.name,
        "funding": payment.funding.value,
        "currency": payment.currency,
        "reference": payment.reference,
        **{name: getattr(payment.totals, name) for name in _TOTALS},
        "over_allowed": payment.over_allowed,
        "handle": _dumped(_HANDLE, payment.handle),
        "hold": _dumped(_HOLD, payment.hold),
        "expires_us": payment.expires_us,
        "wake_us": payment.wake_us,
        "owner": payment.owner,
        "lease_us": payment.lease_us,
        "events": payment.events,
        "operations": payment.operations,
        "head": payment.head,
        "version": payment.version,
        "created_us": payment.created_us,
        "updated_us": payment.updated_us,
    }


def payment_from(row: Row[Any], *, live: bool) -> PaymentRecord:
    """Return the payment of a row; `live` is the store's mode."""
    return PaymentRecord(
        tenant=row.tenant,
        id=row.id,
        intent_id=row.intent,
        session_id=row.session,
        attempt=row.attempt,
        account=Account(provider=row.provider, name=row.account, live=live),
        funding=Funding(row.funding),
        currency=row.currency,
        reference=row.reference,
        totals=Totals(**{name: getattr(row, name) for name in _TOTALS}),
        over_allowed=row.over_allowed,
        handle=_loaded(_HANDLE, row.handle),
        hold=_loaded(_HOLD, row.hold),
        expires_us=row.expires_us,
        wake_us=row.wake_us,
        owner=row.owner,
        lease_us=row.lease_us,
        events=row.events,
        operations=row.operations,
        head=row.head,
        version=row.version,
        created_us=row.created_us,
        updated_us=row.updated_us,
    )


def operation_values(operation: OperationRecord) -> dict[str, object]:
    """Return the columns of an operation."""
    return {
        "tenant": operation.tenant,
        "id": operation.id,
        "payment": operation.payment_id,
        "no": operation.no,
        "kind": operation.kind.value,
        "amount": operation.amount,
        "currency": operation.currency,
        "digest": operation.digest,
        "reference": operation.reference,
        "idempotency_key": operation.idempotency_key,
        "request": operation.request,
        "state": operation.state.value,
        "attempts": operation.attempts,
        "first_sent_us": operation.first_sent_us,
        "next_us": operation.next_us,
        "outcome": _dumped(_OUTCOME, operation.outcome),
        "confirmed": operation.confirmed,
        "provider_ref": operation.provider_ref,
        "actor": operation.actor,
        "reason": operation.reason,
        "asked_us": operation.asked_us,
        "answered_us": operation.answered_us,
    }


def operation_from(row: Row[Any]) -> OperationRecord:
    """Return the operation of a row."""
    return OperationRecord(
        tenant=row.tenant,
        id=row.id,
        payment_id=row.payment,
        no=row.no,
        kind=OperationKind(row.kind),
        amount=row.amount,
        currency=row.currency,
        digest=row.digest,
        reference=row.reference,
        idempotency_key=row.idempotency_key,
        request=row.request,
        state=OperationState(row.state),
        attempts=row.attempts,
        first_sent_us=row.first_sent_us,
        next_us=row.next_us,
        outcome=_loaded(_OUTCOME, row.outcome),
        confirmed=row.confirmed,
        provider_ref=row.provider_ref,
        actor=row.actor,
        reason=row.reason,
        asked_us=row.asked_us,
        answered_us=row.answered_us,
    )


def intent_values(intent: IntentRecord) -> dict[str, object]:
    """Return the columns of an intent."""
    return {
        "tenant": intent.tenant,
        "id": intent.id,
        "key": intent.key,
        "digest": intent.digest,
        "session": intent.session_id,
        "method": intent.method,
        "version": intent.version,
        "created_us": intent.created_us,
        "updated_us": intent.updated_us,
        "body": intent.body,
    }


def intent_from(row: Row[Any]) -> IntentRecord:
    """Return the intent of a row."""
    return IntentRecord(
        tenant=row.tenant,
        id=row.id,
        key=row.key,
        digest=row.digest,
        session_id=row.session,
        method=row.method,
        version=row.version,
        created_us=row.created_us,
        updated_us=row.updated_us,
        body=row.body,
    )


def review_from(row: Row[Any]) -> ReviewRecord:
    """Return the review of a row that is about a payment."""
    return ReviewRecord(
        tenant=row.tenant,
        id=row.id,
        payment_id=row.payment,
        reason=row.reason,
        opened_us=row.opened_us,
        closed_us=row.closed_us,
        actor=row.actor,
        note=row.note,
    )


def session_values(record: SessionRecord, *, now_us: int) -> dict[str, object]:
    """Return the columns of a session."""
    session = record.session
    body: Mapping[str, Any] = {
        "session": session.model_dump(mode="json"),
        "policy": record.policy.model_dump(mode="json", exclude_unset=True),
        "cost": None if record.cost is None else record.cost.to_json(),
        "answered": record.answered,
        "billed": record.billed,
    }
    return {
        "tenant": session.tenant,
        "id": session.id,
        "tariff": session.tariff_hash,
        "status": session.status.value,
        "admission": session.admission.value,
        "driver": session.driver,
        "site": session.site.id,
        "connector": session.connector.id if session.connector else None,
        "intent": session.intent_id,
        "started_us": microseconds(session.started_at),
        "stopped_us": None if session.ended_at is None else microseconds(session.ended_at),
        "wake_us": record.wake_us,
        "receipt": session.receipt_number,
        "version": record.version,
        "created_us": microseconds(session.created_at),
        "updated_us": now_us,
        "digest": record.digest,
        "body": canonical_json(dict(body)),
    }


def session_from(row: Row[Any]) -> SessionRecord:
    """Return the session of a row."""
    body = load_json(row.body)
    return SessionRecord(
        session=Session.model_validate({**body["session"], "receipt_number": row.receipt}),
        policy=Policy.model_validate(body["policy"]),
        digest=row.digest,
        cost=None if body["cost"] is None else Cost.from_json(body["cost"]),
        wake_us=row.wake_us,
        version=row.version,
        answered=body["answered"],
        billed=body.get("billed"),
    )


def reading_from(row: Row[Any]) -> MeterReading:
    """Return the reading of a row."""
    return MeterReading.model_validate(load_json(row.body))


def receipt_from(row: Row[Any]) -> Receipt:
    """Return the receipt of a row."""
    body = load_json(row.body)
    body.pop("schema")
    return Receipt.model_validate(body)


def method_values(saved: SavedMethod, *, tenant: str) -> dict[str, object]:
    """Return the columns of a saved method."""
    return {
        "tenant": tenant,
        "id": saved.id,
        "driver": saved.driver,
        "body": canonical_json(saved.method.model_dump(mode="json")),
        "created_us": microseconds(saved.created_at),
    }


def method_from(row: Row[Any]) -> SavedMethod:
    """Return the saved method of a row."""
    method = PaymentMethod.model_validate(load_json(row.body))
    return SavedMethod(id=row.id, driver=row.driver, method=method, created_at=instant(row.created_us))


def debt_values(debt: Debt, *, tenant: str) -> dict[str, object]:
    """Return the columns of a debt."""
    return {
        "tenant": tenant,
        "id": debt.id,
        "session": debt.session_id,
        "driver": debt.driver,
        "currency": debt.amount.currency.code,
        "amount": to_minor(debt.amount),
        "collected": to_minor(debt.collected),
        "status": debt.status.value,
        "reason": debt.reason,
        "receipt": debt.receipt_number,
        "created_us": microseconds(debt.created_at),
        "updated_us": microseconds(debt.updated_at),
        "body": canonical_json(debt.model_dump(mode="json")),
    }


def debt_from(row: Row[Any]) -> Debt:
    """Return the debt of a row."""
    return Debt.model_validate(load_json(row.body))
