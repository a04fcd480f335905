"""From an observation to what it says about each operation. Pure.

A report under our reference is about our operation; one without is the processor's own doing, and becomes an
operation of its own. Totals settle the one operation in flight that they can be about.
"""

from dataclasses import replace

from evpay.engine.case import Case
from evpay.engine.conclusion import Lesson
from evpay.engine.drafts import update_payment
from evpay.ids import canonical_json, wire_key
from evpay.money import from_minor, to_minor
from evpay.payments.operation import IN_FLIGHT, OperationKind, OperationState
from evpay.payments.outcome import Observation, Report, Succeeded
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.store.commit import Commit, Insert
from evpay.store.rows import operation_values

__all__ = ["in_order", "lesson_of", "lesson_of_totals"]

_ORDER = {kind: index for index, kind in enumerate(OperationKind)}

_MOVED = {
    OperationKind.AUTHORIZE: "authorized",
    OperationKind.INCREMENT: "authorized",
    OperationKind.CAPTURE: "captured",
    OperationKind.VOID: "released",
    OperationKind.REFUND: "refunded",
}

_THEIRS = frozenset({OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND, OperationKind.CHARGEBACK})


def in_order(seen: Observation) -> list[Report]:
    """Return the reports in the order in which money moves, so that none is judged before what it rests on."""
    return sorted(seen.reports, key=lambda report: _ORDER[report.kind])


def lesson_of(
    case: Case, payment_id: str, report: Report, seen: Observation, *, source: str, now_us: int
) -> tuple[Lesson, Commit | None] | None:
    """Return what a report says, with the commit that first records an operation of the processor's own."""
    payment = case.payment(payment_id)
    ours = next((o for o in case.snapshot.of(payment_id) if o.reference == report.reference), None)
    if ours is not None:
        return Lesson(operation_id=ours.id, outcome=report.outcome, source=source, actor="processor"), None
    return _own(case, payment, report, seen, now_us=now_us)


def lesson_of_totals(case: Case, payment_id: str, seen: Observation, *, source: str) -> Lesson | None:
    """Settle the one operation in flight that the totals can be about, if exactly its total moved as asked."""
    payment, totals = case.payment(payment_id), seen.totals
    told = {report.reference for report in seen.reports}
    flying = [o for o in case.snapshot.of(payment_id) if o.state in IN_FLIGHT and o.reference not in told]
    if totals is None or len(flying) != 1 or flying[0].kind not in _MOVED or totals.currency != payment.currency:
        return None
    operation = flying[0]
    name, raised = _MOVED[operation.kind], operation.kind is OperationKind.INCREMENT
    moved = getattr(totals, name) - getattr(payment.facts, name)
    wanted = operation.amount - payment.facts.authorized if raised else operation.amount
    if moved <= 0 or moved != wanted:
        return None
    outcome = Succeeded(amount=from_minor(operation.amount, payment.currency), handle=payment.handle)
    return Lesson(operation_id=operation.id, outcome=outcome, source=source, actor="processor")


def _own(
    case: Case, payment: PaymentRecord, report: Report, seen: Observation, *, now_us: int
) -> tuple[Lesson, Commit] | None:
    """Return what the processor did by itself, as an operation with an id derived from theirs.

    Nothing for what cannot be told from a repeat, or what has not (yet) happened.
    """
    theirs = getattr(report.outcome, "id", None) or seen.event_id
    if theirs is None or report.kind not in _THEIRS:
        return None
    identity = wire_key("processor", payment.account.name, report.kind.value, theirs)
    known = case.operation(identity)
    lesson = Lesson(operation_id=identity, outcome=report.outcome, source="processor", actor="processor")
    if known is not None:
        return lesson, Commit()  # perhaps its reversal: a chargeback that was won, a refund that came back
    if not isinstance(report.outcome, Succeeded):
        return None
    operation = OperationRecord(
        tenant=payment.tenant,
        id=identity,
        payment_id=payment.id,
        no=payment.operations + 1,
        kind=report.kind,
        amount=to_minor(report.outcome.amount),
        currency=payment.currency,
        digest=identity,
        reference=wire_key("reference", identity),
        idempotency_key=wire_key("key", identity),
        request=canonical_json({"final": False}),
        state=OperationState.PENDING,
        provider_ref=theirs,
        actor="processor",
        asked_us=now_us,
        next_us=now_us,
    )
    counted = replace(payment, operations=operation.no)
    return lesson, Commit((update_payment(payment, counted), Insert("operation", operation_values(operation))))
