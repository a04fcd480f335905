"""From an observation to what it says about each operation. Pure.

A report under our reference and of its kind is about our operation; any other is the processor's own doing, and becomes
an operation of its own. Totals settle what is on its way and can have moved them; where nothing is, they tell of the
processor's own doing.
"""

from evpay.engine import foreign
from evpay.engine.case import Case
from evpay.engine.conclusion import Lesson
from evpay.engine.foreign import PROCESSOR, Told, is_about, told_by_report, untold
from evpay.money import from_minor
from evpay.payments.operation import IN_FLIGHT, OperationKind, OperationState
from evpay.payments.outcome import Observation, Report, Succeeded
from evpay.payments.records import OperationRecord
from evpay.store.commit import Commit

__all__ = ["in_order", "is_early", "lesson_of", "lesson_of_totals"]

_ORDER = {kind: index for index, kind in enumerate(OperationKind)}

_MOVED = {
    OperationKind.AUTHORIZE: "authorized",
    OperationKind.INCREMENT: "authorized",
    OperationKind.CAPTURE: "captured",
    OperationKind.VOID: "released",
    OperationKind.REFUND: "refunded",
    OperationKind.CHARGEBACK: "charged_back",
}

_WAITING = frozenset({OperationState.PENDING, OperationState.REQUIRES_ACTION})


def in_order(seen: Observation) -> list[Report]:
    """Return the reports in the order in which money moves, so that none is judged before what it rests on."""
    return sorted(seen.reports, key=lambda report: _ORDER[report.kind])


def lesson_of(
    case: Case, payment_id: str, report: Report, seen: Observation, *, source: str, now_us: int
) -> tuple[Lesson, Commit | None] | None:
    """Return what a report says, with the commit that first records an operation of the processor's own."""
    payment = case.payment(payment_id)
    ours = next((o for o in case.snapshot.of(payment_id) if is_about(o, report)), None)
    if ours is not None:
        return Lesson(operation_id=ours.id, outcome=report.outcome, source=source, actor=PROCESSOR), None
    told = told_by_report(case, payment, report, event_id=seen.event_id, now_us=now_us)
    return None if told is None else _theirs(told)


def is_early(case: Case, payment_id: str, seen: Observation) -> bool:
    """Say whether a message has overtaken what it rests on: it waits for that."""
    payment = case.payment(payment_id)
    return any(foreign.is_early(case, payment, report, event_id=seen.event_id) for report in seen.reports)


def lesson_of_totals(
    case: Case, payment_id: str, seen: Observation, *, source: str, now_us: int
) -> tuple[Lesson, Commit | None] | None:
    """Return the next thing that the totals say: what became of an operation of ours, or what they did themselves."""
    ours = _settled_by_totals(case, payment_id, seen, source=source)
    if ours is not None:
        return ours, None
    told = untold(case, case.payment(payment_id), seen, now_us=now_us)
    return None if told is None else _theirs(told)


def _settled_by_totals(case: Case, payment_id: str, seen: Observation, *, source: str) -> Lesson | None:
    """Settle what is on its way and of one kind, if exactly its total moved as asked.

    A hold may be less than was asked: nothing else moves that total.
    """
    payment, totals = case.payment(payment_id), seen.totals
    untold_ = [o for o in case.snapshot.of(payment_id) if not any(is_about(o, report) for report in seen.reports)]
    open_ = [o for o in untold_ if _waits_for_word(o)]
    if totals is None or len({o.kind for o in open_}) != 1 or totals.currency != payment.currency:
        return None
    name = _MOVED[open_[0].kind]
    moved = getattr(totals, name) - getattr(payment.facts, name)
    wanted = {o.id: o.amount - payment.facts.authorized if _is_raise(o) else o.amount for o in open_}
    fitting = [o for o in open_ if moved in (wanted[o.id], sum(wanted.values()))]
    first = open_[0]
    if moved <= 0 or not (fitting or (first.kind is OperationKind.AUTHORIZE and moved < first.amount)):
        return None
    operation = fitting[0] if fitting else first
    confirmed = operation.amount if fitting else moved
    outcome = Succeeded(
        amount=from_minor(confirmed, payment.currency), id=operation.provider_ref, handle=payment.handle
    )
    return Lesson(operation_id=operation.id, outcome=outcome, source=source, actor=PROCESSOR)


def _waits_for_word(operation: OperationRecord) -> bool:
    """Say whether an operation was sent and may be what moved a total; a contradiction of theirs is not."""
    is_contradicted = operation.actor == PROCESSOR and operation.outcome is not None
    is_sent = operation.state in IN_FLIGHT or operation.state in _WAITING
    return is_sent and operation.kind in _MOVED and not is_contradicted


def _is_raise(operation: OperationRecord) -> bool:
    return operation.kind is OperationKind.INCREMENT


def _theirs(told: Told) -> tuple[Lesson, Commit]:
    identity, outcome, first = told
    return Lesson(operation_id=identity, outcome=outcome, source=PROCESSOR, actor=PROCESSOR), first
