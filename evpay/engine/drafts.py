"""Operations in the making: what is asked, under which id, reference and key, as rows that make it durable.

An id is derived from what is asked, so that the same call made twice is the same operation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from evpay.engine.requests import key_for, reference_for, request_digest, request_text
from evpay.ids import wire_key
from evpay.money import from_minor
from evpay.payments.intent import Snapshot
from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.outcome import Handle
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.providers import CaptureRequest, EffectRequest, VoidRequest
from evpay.store.commit import Commit, Insert, Update
from evpay.store.rows import operation_values, payment_values

__all__ = [
    "Draft",
    "capture_request",
    "draft_void",
    "make_operation",
    "operation_id",
    "reserve_rows",
    "resubmit_rows",
    "update_payment",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An operation to reserve at a payment; `opening` is written in the same commit, `born` with a new payment.

    With `not_before_us` it is only reserved, and sent then, or as soon as what it waits for is settled.
    """

    payment: PaymentRecord
    operation: OperationRecord
    opening: Commit = field(default_factory=Commit)
    born: bool = False
    deadline_s: float | None = None
    not_before_us: int | None = None


def operation_id(*parts: str) -> str:
    """Return the id of an operation, derived from what is asked."""
    return wire_key("operation", *parts)


def make_operation(
    payment: PaymentRecord,
    *,
    id: str,  # noqa: A002 - the field's own name
    kind: OperationKind,
    amount: int,
    request_of: Callable[[str, str], EffectRequest],
    now_us: int,
    actor: str | None = None,
    reason: str | None = None,
    first: bool = False,
) -> OperationRecord:
    """Return the operation with its request, digest, reference and key; not yet sent."""
    reference = payment.reference if first else reference_for(id)
    key = key_for(id)
    request = request_of(reference, key)
    return OperationRecord(
        tenant=payment.tenant,
        id=id,
        payment_id=payment.id,
        no=payment.operations + 1,
        kind=kind,
        amount=amount,
        currency=payment.currency,
        digest=request_digest(kind, request),
        reference=reference,
        idempotency_key=key,
        request=request_text(kind, request),
        state=OperationState.RESERVED,
        actor=actor,
        reason=reason,
        asked_us=now_us,
    )


def capture_request(payment: PaymentRecord, *, amount: int, final: bool) -> Callable[[str, str], CaptureRequest]:
    """Return what makes the request of a capture from its reference and key."""
    return lambda reference, key: CaptureRequest(
        reference=reference,
        idempotency_key=key,
        payment_reference=payment.reference,
        handle=payment.handle or Handle(id=""),
        amount=from_minor(amount, payment.currency),
        final=final,
    )


def draft_void(snapshot: Snapshot, payment: PaymentRecord, *, now_us: int, actor: str | None = None) -> Draft:
    """Return the void of everything that is open; the n-th void of a payment has its own id.

    While nothing is known of the hold, all that was asked should come free: where the processor does not say how much
    did, hold and release are booked by that.
    """
    operations = snapshot.of(payment.id)
    count = sum(1 for found in operations if found.kind is OperationKind.VOID)
    unknown = (o.amount for o in operations if (o.kind, o.state) == (OperationKind.AUTHORIZE, OperationState.UNKNOWN))
    amount = max(payment.facts.open_hold, *unknown, 0)

    def request(reference: str, key: str) -> VoidRequest:
        return VoidRequest(
            reference=reference,
            idempotency_key=key,
            payment_reference=payment.reference,
            amount=from_minor(amount, payment.currency),
            handle=payment.handle,
        )

    made = make_operation(
        payment,
        id=operation_id(payment.id, "void", str(count)),
        kind=OperationKind.VOID,
        amount=amount,
        request_of=request,
        now_us=now_us,
        actor=actor,
    )
    return Draft(payment=payment, operation=made)


def update_payment(before: PaymentRecord, after: PaymentRecord) -> Update:
    """Return the guarded update of a payment, one version on."""
    values = payment_values(replace(after, version=before.version + 1))
    for name in ("tenant", "id"):
        values.pop(name)
    return Update("payment", {"tenant": before.tenant, "id": before.id}, values, {"version": before.version})


def _claimed(payment: PaymentRecord, *, worker: str, lease_us: int, now_us: int) -> PaymentRecord:
    return replace(payment, owner=worker, lease_us=lease_us, updated_us=now_us)


def reserve_rows(draft: Draft, *, worker: str, lease_us: int, now_us: int, submit: bool) -> Commit:
    """Return the rows that make an intent to act durable, before anything is sent.

    With `submit` the operation is on its way from here on; otherwise it waits, RESERVED, for another one, whose
    conclusion wakes the payment.
    """
    claimed = _claimed(draft.payment, worker=worker, lease_us=lease_us, now_us=now_us)
    counted = replace(claimed, operations=draft.operation.no)
    state = OperationState.SUBMITTING if submit else OperationState.RESERVED
    operation = replace(
        draft.operation,
        state=state,
        attempts=1 if submit else 0,
        first_sent_us=now_us if submit else None,
        next_us=lease_us if submit else draft.not_before_us,
    )
    payment_row = Insert("payment", payment_values(counted)) if draft.born else update_payment(draft.payment, counted)
    return draft.opening + Commit((payment_row, Insert("operation", operation_values(operation))))


def resubmit_rows(
    payment: PaymentRecord, before: OperationRecord, after: OperationRecord, *, worker: str, lease_us: int, now_us: int
) -> tuple[Commit, OperationRecord]:
    """Return the rows that send an operation (again), and the operation as it then is."""
    sent = replace(
        after,
        state=OperationState.SUBMITTING,
        attempts=before.attempts + 1,
        first_sent_us=before.first_sent_us if before.first_sent_us is not None else now_us,
        next_us=lease_us,
    )
    claimed = _claimed(payment, worker=worker, lease_us=lease_us, now_us=now_us)
    values = operation_values(sent)
    key = {"tenant": before.tenant, "id": before.id}
    for name in key:
        values.pop(name)
    guard = {"state": before.state.value, "attempts": before.attempts}
    return Commit((update_payment(payment, claimed), Update("operation", key, values, guard))), sent
