"""From an outcome to the one commit that records it: facts, event, postings, session, debt, events for the host.

Pure: the case as it is on disk and what was learned go in, rows come out.
"""

from dataclasses import dataclass, replace
from typing import Final

from evpay.engine.announcing import announce
from evpay.engine.bookkeeping import record_rows
from evpay.engine.case import Case, wake_us
from evpay.engine.closing import credit_note_rows, debt_rows
from evpay.engine.drafts import update_payment
from evpay.engine.foreign import against_plan
from evpay.engine.requests import key_for
from evpay.engine.reviews import is_known, open_row, settled_rows
from evpay.engine.saving import saved_rows
from evpay.instants import instant
from evpay.money import to_minor
from evpay.payments.account import Capabilities
from evpay.payments.lifecycle import Settlement, is_final_capture, settle
from evpay.payments.operation import SETTLED, UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import ActionRequired, Declined, Failed, Outcome, Pending, Succeeded, Unknown
from evpay.payments.reasons import OF_THE_SENDING, Advice, Reason, advice_for, may_try_elsewhere
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.sessions.model import Admission, SessionStatus
from evpay.store.commit import Commit, Update, Write
from evpay.store.rows import SessionRecord, operation_values, session_values

__all__ = ["Lesson", "answer_start", "conclude", "next_look_us", "update_session"]

_SECOND: Final = 1_000_000
_DRIVEN_FOR_US: Final = 7 * 86_400 * _SECOND
_FIRST_LOOK_US: Final = 60 * _SECOND
_DRIVEN: Final = frozenset({OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND})
_AGES: Final = ((30, 5), (300, 60), (3_600, 300), (21_600, 3_600))  # younger than s: look again after s


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was learned of one operation, from where, and by whom if a person said so.

    `failover`: the caller of `start` is there and may try another account. `in_doubt`: it answers a second sending,
    and what became of the first is not known. `told_us`: when it happened, by the clock of a processor that said so.
    """

    operation_id: str
    outcome: Outcome
    source: str
    actor: str | None = None
    failover: bool = False
    in_doubt: bool = False
    told_us: int | None = None
    extra_writes: tuple[Write, ...] = ()


def next_look_us(operation: OperationRecord, *, now_us: int) -> int:
    """Return when to look again at what is not settled: soon at first, every six hours in the end."""
    age = (now_us - operation.asked_us) // _SECOND
    wait = next((wait for limit, wait in _AGES if age < limit), 21_600)
    return now_us + wait * _SECOND


def conclude(case: Case, lesson: Lesson, *, capabilities: Capabilities, test: bool, now_us: int) -> Commit | None:
    """Return the commit that records what was learned, or None if it says nothing new."""
    found = case.operation(lesson.operation_id)
    if found is None:
        return None
    payment = case.payment(found.payment_id)
    lesson = replace(lesson, outcome=_believed(lesson))
    settled = _proven_hold(case, payment, found, lesson.outcome, now_us=now_us)
    told = settle(settled[-1].payment if settled else payment, found, lesson.outcome, now_us=now_us)
    if told.repeated or (told.operation == found and told.review and is_known(case, payment, told.review)):
        return Commit(lesson.extra_writes) if lesson.extra_writes else None
    told = against_plan(case, _released(_rescheduled(told, found, lesson.outcome, now_us=now_us), capabilities))
    settled += [told, *([] if settled else _settle_authorize(case, told, lesson.outcome, now_us=now_us))]
    return _rows(case, payment, settled, lesson, capabilities=capabilities, test=test, now_us=now_us)


def _proven_hold(
    case: Case, payment: PaymentRecord, operation: OperationRecord, outcome: Outcome, *, now_us: int
) -> list[Settlement]:
    """Settle an AUTHORIZE of which nothing was known by the void that released its hold: so it was there."""
    authorize = case.authorize(payment.id)
    if operation.kind is not OperationKind.VOID or operation.state not in UNSETTLED or authorize.state in SETTLED:
        return []
    if not isinstance(outcome, Succeeded) or outcome.amount.currency.code != payment.currency:
        return []
    if not payment.facts.open_hold < to_minor(outcome.amount) <= authorize.amount:
        return []
    held = Succeeded(amount=outcome.amount, handle=outcome.handle)
    return [settle(payment, authorize, held, now_us=now_us)]


def _believed(lesson: Lesson) -> Outcome:
    """Return what an answer proves: a refusal of the sending itself says nothing of an earlier sending."""
    outcome = lesson.outcome
    if lesson.in_doubt and isinstance(outcome, Failed) and outcome.reason in OF_THE_SENDING:
        return Unknown(detail=f"sent again and refused ({outcome.reason}); the first sending is still open")
    return outcome


def _may_work_later(operation: OperationRecord, reason: Reason, *, until_us: int, now_us: int) -> bool:
    """Say whether something that must be done, and surely was not, is worth another round."""
    is_open = operation.state in UNSETTLED and now_us < until_us
    later = advice_for(reason) & {Advice.RETRY_SAME, Advice.RETRY_LATER}
    return operation.kind in _DRIVEN and is_open and bool(later)


def _rescheduled(settlement: Settlement, before: OperationRecord, outcome: Outcome, *, now_us: int) -> Settlement:
    """Say when to go on with what is not settled; what surely did nothing and must be done is reserved again."""
    operation = settlement.operation
    # A capture is tried as long as the hold lasts, a void or refund for a week: an outage of hours loses nothing.
    expires_us = settlement.payment.expires_us if operation.kind is OperationKind.CAPTURE else None
    until_us = expires_us or operation.asked_us + _DRIVEN_FOR_US
    if isinstance(outcome, Failed | Declined) and _may_work_later(
        before, outcome.reason, until_us=until_us, now_us=now_us
    ):
        # It did nothing, so it may be asked anew. A key whose refusal the processor has stored would be refused again;
        # a key that never got there is kept, and holds off what may still be on its way.
        arrived = outcome.reason is not Reason.NOT_SENT
        key = key_for(operation.idempotency_key) if arrived else operation.idempotency_key
        waits = min(2 ** min(operation.attempts, 10), 3600)
        operation = replace(
            operation,
            state=OperationState.RESERVED,
            idempotency_key=key,
            request=operation.request.replace(before.idempotency_key, key),
            next_us=now_us + waits * _SECOND,
            first_sent_us=None,
        )
    elif operation.state in UNSETTLED:
        operation = replace(operation, next_us=next_look_us(operation, now_us=now_us))
    return replace(settlement, operation=operation)


def _settle_authorize(case: Case, first: Settlement, outcome: Outcome, *, now_us: int) -> list[Settlement]:
    """Apply to the AUTHORIZE what a driver's leg or a void says about it."""
    operation = first.operation
    authorize = case.authorize(operation.payment_id)
    if authorize.id == operation.id:
        return _settle_legs(case, first, outcome, now_us=now_us)
    if authorize.state in SETTLED:
        return []
    if operation.kind is OperationKind.COMPLETE and not isinstance(outcome, Unknown):
        second = settle(first.payment, authorize, outcome, now_us=now_us)
        if second.repeated:
            return []
        return [_rescheduled(second, authorize, outcome, now_us=now_us)]
    if operation.kind is OperationKind.VOID and operation.state is OperationState.SUCCEEDED:
        # Not CANCELLED, which is final: should money come after all, it is late money, and is voided again.
        ended = replace(authorize, state=OperationState.EXPIRED, answered_us=now_us, next_us=None)
        return [Settlement(payment=first.payment, operation=ended)]
    return []


def _settle_legs(case: Case, first: Settlement, outcome: Outcome, *, now_us: int) -> list[Settlement]:
    """End the driver's legs of which nothing was known: what is learned of the AUTHORIZE is what became of them."""
    if isinstance(outcome, Unknown):
        return []
    legs = [
        found
        for found in case.snapshot.of(first.payment.id)
        if found.kind is OperationKind.COMPLETE and found.state in UNSETTLED
    ]
    return [
        Settlement(
            payment=first.payment,
            operation=replace(leg, state=OperationState.SUCCEEDED, outcome=outcome, answered_us=now_us, next_us=None),
        )
        for leg in legs
    ]


def _rows(
    case: Case,
    before: PaymentRecord,
    settled: list[Settlement],
    lesson: Lesson,
    *,
    capabilities: Capabilities,
    test: bool,
    now_us: int,
) -> Commit:
    writes: list[Write] = []
    payment = before
    for settlement in settled:
        payment, rows = record_rows(
            payment,
            settlement,
            lesson.outcome,
            source=lesson.source,
            actor=lesson.actor,
            now_us=now_us,
            told_us=lesson.told_us,
        )
        writes += rows
        if settlement.review is not None:
            writes.append(open_row(case, payment, settlement.operation, settlement.review, now_us=now_us))
    after = case.after(payment, *(settlement.operation for settlement in settled))
    session, session_writes = _session_after(after, settled, lesson, now_us=now_us)
    after = replace(after, session=session)
    payment = replace(
        payment, lease_us=None, updated_us=now_us, wake_us=wake_us(after, payment, capabilities, now_us=now_us)
    )
    after = after.after(payment)
    writes = [update_payment(before, payment), *writes, *session_writes]
    writes += _operations(case, settled)
    writes += debt_rows(after, now_us=now_us)
    told = next(settlement.operation for settlement in settled if settlement.operation.id == lesson.operation_id)
    writes += credit_note_rows(after, told, test=test, now_us=now_us)
    writes += saved_rows(after, settled, now_us=now_us)
    writes += settled_rows(case, settled, source=lesson.source, actor=lesson.actor, now_us=now_us)
    for code, message in _problems(settled):
        problem = {"code": code, "subject": payment.session_id or payment.intent_id, "message": message}
        writes += announce(after, "attention_needed", {"problem": problem}, now_us=now_us)
    writes += announce(after, "payment_changed", {"intent": case.snapshot.intent.id}, now_us=now_us)
    return Commit((*writes, *lesson.extra_writes))


def _problems(settled: list[Settlement]) -> list[tuple[str, str]]:
    """Return what a person is told of, with its code."""
    reviews = [("review", found.review) for found in settled if found.review is not None]
    return reviews + [found.notice for found in settled if found.notice is not None]


def _released(settlement: Settlement, capabilities: Capabilities) -> Settlement:
    """Record the release of the rest where the processor releases it with the final capture."""
    operation = settlement.operation
    rest = settlement.payment.facts.open_hold
    done = operation.state is OperationState.SUCCEEDED and "captured" in settlement.changes
    if not (done and capabilities.releases_remainder and rest > 0 and is_final_capture(operation)):
        return settlement
    released = replace(settlement.payment, totals=settlement.payment.totals.plus({"released": rest}))
    return replace(settlement, payment=released, changes={**settlement.changes, "released": rest})


def _operations(case: Case, settled: list[Settlement]) -> list[Write]:
    writes: list[Write] = []
    for settlement in settled:
        before = case.operation(settlement.operation.id)
        values = operation_values(settlement.operation)
        key = {name: values.pop(name) for name in ("tenant", "id")}
        guard = {} if before is None else {"state": before.state.value, "attempts": before.attempts}
        writes.append(Update("operation", key, values, guard))
    return writes


def update_session(before: SessionRecord, after: SessionRecord, *, now_us: int) -> Update:
    """Return the guarded update of a session, one version on."""
    later = replace(after, version=before.version + 1)
    later = later.changed(updated_at=instant(now_us))
    values = session_values(later, now_us=now_us)
    key = {name: values.pop(name) for name in ("tenant", "id")}
    return Update("session", key, values, {"version": before.version})


def _session_after(
    case: Case, settled: list[Settlement], lesson: Lesson, *, now_us: int
) -> tuple[SessionRecord | None, list[Write]]:
    """Let the outcome of an AUTHORIZE decide a session that waits for it."""
    record = case.session
    authorize = next((s.operation for s in settled if s.operation.kind is OperationKind.AUTHORIZE), None)
    if record is None or authorize is None or record.session.admission is not Admission.WAIT:
        return record, []
    if authorize.payment_id != case.snapshot.payment.id or record.session.status is not SessionStatus.WAITING:
        return record, []
    held = case.snapshot.payment.facts.open_hold
    decided = _decide(record, authorize, lesson, held=held, now_us=now_us)
    if decided is None:
        return record, []
    return replace(decided, version=record.version + 1), _decided(case, record, decided, now_us=now_us)


def _decided(case: Case, before: SessionRecord, after: SessionRecord, *, now_us: int) -> list[Write]:
    writes: list[Write] = [update_session(before, after, now_us=now_us)]
    if after.session.admission is not before.session.admission:
        writes += announce(replace(case, session=after), "admission_changed", {}, now_us=now_us)
    return writes


def answer_start(case: Case, *, now_us: int) -> Commit | None:
    """Return the commit that goes with telling the caller of `start` how it stands; None if it changes nothing.

    A hold that was found when nobody could be told has waited for this.
    """
    record, payment = case.session, case.snapshot.payment
    if record is None or record.session.admission is not Admission.WAIT:
        return None
    authorize = case.authorize(payment.id)
    if authorize.state is not OperationState.SUCCEEDED and authorize.state not in UNSETTLED:
        return None  # another account may be tried
    known = authorize.outcome or Unknown(detail="no answer is on record")
    lesson = Lesson(operation_id=authorize.id, outcome=known, source="answer")
    decided = _decide(record, authorize, lesson, held=payment.facts.open_hold, now_us=now_us)
    if decided is None:
        return None
    # One version on, so that whoever is concluding the AUTHORIZE now reads that there is somebody to tell.
    return Commit((update_payment(payment, payment), *_decided(case, record, decided, now_us=now_us)))


def _decide(
    record: SessionRecord, authorize: OperationRecord, lesson: Lesson, *, held: int, now_us: int
) -> SessionRecord | None:
    """Return the session as an AUTHORIZE leaves it, or None if it stays as it is.

    A hold that comes after the driver's time is not used. One that is found when the caller got no answer, because
    its process died, waits for the caller to ask again, or for that time to be over.
    """
    is_answer = lesson.source == "answer"
    match outcome := authorize.outcome:
        case Succeeded() if record.wake_us is not None and record.wake_us <= now_us:
            return _denied(record, "timed_out")
        case Succeeded() if not (is_answer or record.answered):
            return None
        case Succeeded():
            if held <= 0:
                return _denied(record, "nothing_was_held")
            if held < authorize.amount and not record.policy.accept_partial_hold:
                return _denied(record, "partial_hold")
            ready = record.changed(status=SessionStatus.READY, admission=Admission.ALLOW)
            return replace(ready, wake_us=now_us + _FIRST_LOOK_US)
        case Declined() | Failed():
            if lesson.failover and may_try_elsewhere(outcome.reason):
                return None
            return _denied(record, outcome.reason.value)
        case Pending() | ActionRequired() | Unknown() | None:
            return replace(record, answered=True) if is_answer and not record.answered else None


def _denied(record: SessionRecord, denial: str) -> SessionRecord:
    return replace(record.changed(admission=Admission.DENY, denial=denial), wake_us=None)
