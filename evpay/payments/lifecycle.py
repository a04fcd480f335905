"""The pure rules of a payment: what an outcome changes, what the status is, and what may be done next.

Facts change only through `settle`; the status is derived from facts and operations and never set.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from evpay.instants import microseconds
from evpay.money import from_minor, to_minor
from evpay.payments.account import Funding
from evpay.payments.facts import MoneyFacts
from evpay.payments.operation import IN_FLIGHT, SETTLED, UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import (
    STATE_OF,
    ActionRequired,
    Declined,
    Failed,
    Hold,
    Outcome,
    Pending,
    Succeeded,
    Unknown,
)
from evpay.payments.records import OperationRecord, PaymentRecord

__all__ = ["Settlement", "Status", "available", "expiry_us", "is_final_capture", "is_live", "settle", "status"]


class Status(StrEnum):
    """What a payment is, by its facts and operations."""

    CREATED = "created"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZING = "authorizing"
    AUTHORIZED = "authorized"
    CAPTURING = "capturing"
    PARTIALLY_CAPTURED = "partially_captured"
    CAPTURED = "captured"
    VOIDING = "voiding"
    VOIDED = "voided"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"
    DECLINED = "declined"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What an outcome makes of a payment and its operation.

    `changes` are the totals that grew, by name, in minor units; `review` says why a person must look, if one must;
    `notice` is a code and what to tell a person of whom nothing is asked.
    `repeated` means that the outcome says nothing new, and nothing is to be written.
    """

    payment: PaymentRecord
    operation: OperationRecord
    changes: Mapping[str, int] = field(default_factory=dict)
    review: str | None = None
    notice: tuple[str, str] | None = None
    repeated: bool = False


def expiry_us(expires: datetime | timedelta | None, *, sent_us: int) -> int | None:
    """Return the instant of an expiry in microseconds; a time after sending counts from `sent_us`."""
    match expires:
        case None:
            return None
        case timedelta():
            return sent_us + expires // timedelta(microseconds=1)
        case datetime():
            return microseconds(expires)
        case never:
            assert_never(never)


def settle(payment: PaymentRecord, operation: OperationRecord, outcome: Outcome, *, now_us: int) -> Settlement:
    """Apply an outcome, from an answer or an observation, to a payment.

    The confirmed amount counts, also where it is less than asked. Another currency, more than asked, or a capture
    or refund of another amount changes nothing and asks for a review. What had succeeded and is later reported as
    failed is reversed, by totals of its own.
    """
    if operation.state in SETTLED:
        return _settle_again(payment, operation, outcome, now_us=now_us)
    if _says_nothing_new(payment, operation, outcome):
        return Settlement(payment=payment, operation=operation, repeated=True)
    answered = replace(
        operation,
        state=STATE_OF[outcome.type],
        outcome=outcome,
        provider_ref=getattr(outcome, "id", None) or operation.provider_ref,
        answered_us=now_us,
        next_us=operation.next_us if STATE_OF[outcome.type] in UNSETTLED else None,
    )
    if operation.kind is OperationKind.COMPLETE:
        return Settlement(payment=_with_handle(payment, outcome), operation=_leg(answered, outcome))
    match outcome:
        case Succeeded():
            return _settle_success(payment, answered, outcome, before=operation, now_us=now_us)
        case Pending() | ActionRequired():
            return Settlement(payment=_with_handle(payment, outcome), operation=answered)
        case Declined() | Failed() | Unknown():
            return Settlement(payment=payment, operation=answered)
        case never:
            assert_never(never)


def _says_nothing_new(payment: PaymentRecord, operation: OperationRecord, outcome: Outcome) -> bool:
    """Say whether an operation waits as it did before: a poll that finds it so is no event."""
    known = operation.outcome
    match outcome:
        case Unknown():
            return operation.state is OperationState.UNKNOWN and isinstance(known, Unknown)
        case Pending() | ActionRequired():
            same = isinstance(known, Pending) if isinstance(outcome, Pending) else known == outcome
            ids = (None, operation.provider_ref)
            waits = operation.state is STATE_OF[outcome.type] and same
            return waits and outcome.id in ids and outcome.handle in (None, payment.handle)
        case _:
            return False


def _leg(operation: OperationRecord, outcome: Outcome) -> OperationRecord:
    """A driver's leg is done once it is answered; what the answer means is settled on its AUTHORIZE."""
    if isinstance(outcome, Unknown):
        return operation
    return replace(operation, state=OperationState.SUCCEEDED, next_us=None)


def _with_handle(payment: PaymentRecord, outcome: Outcome) -> PaymentRecord:
    handle = getattr(outcome, "handle", None)
    return payment if handle is None else replace(payment, handle=handle)


def _with_hold(payment: PaymentRecord, hold: Hold | None, *, authorized: int, sent_us: int) -> PaymentRecord:
    if hold is None:
        return payment
    stated = hold.capture_limit
    limit = to_minor(stated) if stated is not None and stated.currency.code == payment.currency else authorized
    gone = payment.facts.captured + payment.facts.released  # what has been captured was allowed
    return replace(
        payment,
        hold=hold,
        expires_us=expiry_us(hold.expires, sent_us=sent_us),
        over_allowed=max(limit - authorized, gone - authorized, 0),
    )


def _settle_success(
    payment: PaymentRecord, operation: OperationRecord, outcome: Succeeded, *, before: OperationRecord, now_us: int
) -> Settlement:
    review = _contradiction(payment, operation, outcome)
    if review is not None and before.state in UNSETTLED and before.outcome == Unknown(detail=review):
        return Settlement(payment=payment, operation=before, repeated=True)  # told before
    if review is not None:
        # What only waits goes on waiting: UNKNOWN holds up every other effect, and at most one may be in flight.
        waits = before.state in (OperationState.PENDING, OperationState.REQUIRES_ACTION)
        state = before.state if waits else OperationState.UNKNOWN
        held = replace(operation, state=state, outcome=Unknown(detail=review), answered_us=now_us)
        return Settlement(payment=_with_handle(payment, outcome), operation=held, review=review)
    confirmed = to_minor(outcome.amount)
    changes = _changes(payment, operation, confirmed)
    after = replace(_with_handle(payment, outcome), totals=payment.totals.plus(changes))
    if operation.kind in (OperationKind.AUTHORIZE, OperationKind.INCREMENT):
        after = _with_hold(
            after, outcome.hold, authorized=after.totals.authorized, sent_us=operation.first_sent_us or now_us
        )
    return Settlement(payment=after, operation=replace(operation, confirmed=confirmed), changes=changes)


def _contradiction(payment: PaymentRecord, operation: OperationRecord, outcome: Succeeded) -> str | None:
    """Return why an amount cannot be believed, or None."""
    currency = outcome.amount.currency.code
    if currency != payment.currency:
        return f"the processor confirmed {currency} where {payment.currency} was asked"
    confirmed = to_minor(outcome.amount)
    asked = from_minor(operation.amount, payment.currency)
    if confirmed < 0:
        return f"the processor confirmed a negative amount for {operation.kind}"
    match operation.kind:
        case OperationKind.CAPTURE | OperationKind.REFUND if confirmed != operation.amount:
            return f"the processor confirmed {outcome.amount} of a {operation.kind} of {asked}"
        case OperationKind.CAPTURE if confirmed > payment.capturable:
            most = from_minor(payment.capturable, payment.currency)
            return f"the processor captured {outcome.amount} where {most} could be captured"
        case OperationKind.REFUND | OperationKind.CHARGEBACK if confirmed > payment.facts.refundable:
            most = from_minor(payment.facts.refundable, payment.currency)
            return f"the processor gave back {outcome.amount} where {most} was left of what is captured"
        case OperationKind.VOID if confirmed > payment.facts.open_hold:
            held = from_minor(payment.facts.open_hold, payment.currency)
            return f"the processor released {outcome.amount} where {held} was on hold"
        case OperationKind.INCREMENT if not payment.facts.authorized <= confirmed <= operation.amount:
            return f"the processor confirmed a hold of {outcome.amount} where {asked} was asked"
        case OperationKind.AUTHORIZE if confirmed > operation.amount and payment.funding is not Funding.DEPOSIT:
            return f"the processor confirmed a hold of {outcome.amount} where {asked} was asked"
        case _:
            return None


def _changes(payment: PaymentRecord, operation: OperationRecord, confirmed: int) -> dict[str, int]:
    match operation.kind:
        case OperationKind.AUTHORIZE:
            return {"authorized": confirmed}
        case OperationKind.COMPLETE:
            return {}
        case OperationKind.INCREMENT:
            return {"authorized": confirmed - payment.totals.authorized}
        case OperationKind.CAPTURE:
            return {"captured": confirmed}
        case OperationKind.VOID:
            return {"released": confirmed}
        case OperationKind.REFUND:
            return {"refunded": confirmed}
        case OperationKind.CHARGEBACK:
            return {"charged_back": confirmed}
        case never:
            assert_never(never)


_REVERSAL: Final[Mapping[OperationKind, str]] = {
    OperationKind.CAPTURE: "captured_reversed",
    OperationKind.REFUND: "refund_reversed",
    OperationKind.CHARGEBACK: "chargeback_reversed",
}


def _settle_again(payment: PaymentRecord, operation: OperationRecord, outcome: Outcome, *, now_us: int) -> Settlement:
    """Apply what is told about an operation that was settled already."""
    same = Settlement(payment=payment, operation=operation, repeated=True)
    gone = isinstance(outcome, Declined | Failed)
    if operation.state is OperationState.SUCCEEDED and gone and operation.kind in _REVERSAL:
        changes = {_REVERSAL[operation.kind]: operation.confirmed or 0}
        if operation.kind is OperationKind.CAPTURE and changes["captured_reversed"] > payment.facts.refundable:
            review = "the processor reversed a capture of which something had been given back"
            return Settlement(payment=payment, operation=operation, review=review)
        is_won = operation.kind is OperationKind.CHARGEBACK
        back = from_minor(operation.confirmed or 0, operation.currency)
        return Settlement(
            payment=replace(payment, totals=payment.totals.plus(changes)),
            operation=replace(operation, state=OperationState.REVERSED, outcome=outcome, answered_us=now_us),
            changes=changes,
            review=None if is_won else f"the processor reversed a {operation.kind} that had succeeded",
            notice=("chargeback_won", f"The dispute is won: {back} that was charged back is ours.") if is_won else None,
        )
    late = (OperationState.DECLINED, OperationState.FAILED, OperationState.EXPIRED)
    if operation.state in late and isinstance(outcome, Succeeded):
        reopened = replace(operation, state=OperationState.SUCCEEDED, outcome=outcome, answered_us=now_us)
        settled = _settle_success(payment, reopened, outcome, before=operation, now_us=now_us)
        if settled.operation.state is OperationState.SUCCEEDED:
            return replace(settled, review=f"a {operation.kind} that had ended as {operation.state} succeeded late")
        return Settlement(payment=payment, operation=operation, review=settled.review)
    if (
        operation.state is OperationState.SUCCEEDED
        and isinstance(outcome, Succeeded)
        and operation.kind is OperationKind.AUTHORIZE
        and payment.funding is Funding.DEPOSIT
    ):
        return _top_up(payment, operation, outcome, now_us=now_us)
    known = operation.outcome
    if (
        isinstance(known, Succeeded)
        and isinstance(outcome, Succeeded)
        and outcome.saved_method
        and (operation.state is OperationState.SUCCEEDED and known.saved_method is None)
    ):
        kept = replace(known, saved_method=outcome.saved_method)
        return Settlement(payment=payment, operation=replace(operation, outcome=kept))
    return same


def _top_up(payment: PaymentRecord, operation: OperationRecord, outcome: Succeeded, *, now_us: int) -> Settlement:
    """A deposit that is paid in parts: a later report carries what has come in all."""
    more = (
        to_minor(outcome.amount) - (operation.confirmed or 0) if outcome.amount.currency.code == payment.currency else 0
    )
    if more <= 0:
        return Settlement(payment=payment, operation=operation, repeated=True)
    changes = {"authorized": more}
    return Settlement(
        payment=replace(_with_handle(payment, outcome), totals=payment.totals.plus(changes)),
        operation=replace(operation, outcome=outcome, confirmed=to_minor(outcome.amount), answered_us=now_us),
        changes=changes,
    )


def _of(operations: Sequence[OperationRecord], *kinds: OperationKind) -> list[OperationRecord]:
    return [operation for operation in operations if operation.kind in kinds]


_REFUSED: Final[Mapping[OperationState, Status]] = {
    OperationState.DECLINED: Status.DECLINED,
    OperationState.FAILED: Status.FAILED,
    OperationState.EXPIRED: Status.DECLINED,
    OperationState.CANCELLED: Status.FAILED,
}


def status(facts: MoneyFacts, operations: Sequence[OperationRecord]) -> Status:
    """Derive the status of one payment; the first rule that matches wins."""
    active = {operation.kind for operation in operations if operation.state in UNSETTLED}
    if facts.captured > 0:
        if facts.refunded >= facts.captured:
            return Status.REFUNDED
        if facts.charged_back > 0:
            return Status.CHARGED_BACK
        if facts.refunded > 0:
            return Status.PARTIALLY_REFUNDED
        return Status.PARTIALLY_CAPTURED if facts.open_hold > 0 else Status.CAPTURED
    if OperationKind.CAPTURE in active:
        return Status.CAPTURING
    if OperationKind.VOID in active:
        return Status.VOIDING
    if facts.open_hold > 0:
        return Status.AUTHORIZED
    if facts.released > 0:
        return Status.VOIDED
    return _status_before_money(operations)


def _status_before_money(operations: Sequence[OperationRecord]) -> Status:
    asked = _of(operations, OperationKind.AUTHORIZE)
    if not asked:
        return Status.CREATED
    first = asked[0]
    if first.state is OperationState.REQUIRES_ACTION:
        return Status.REQUIRES_ACTION
    if first.state in UNSETTLED:
        return Status.AUTHORIZING
    if _of(operations, OperationKind.VOID):
        return Status.VOIDED
    return _REFUSED.get(first.state, Status.VOIDED)


def is_live(payment: PaymentRecord, operations: Sequence[OperationRecord]) -> bool:
    """Say whether money may be, or may yet come, on hold at this payment."""
    if payment.facts.open_hold > 0:
        return True
    return any(operation.state in UNSETTLED for operation in _of(operations, OperationKind.AUTHORIZE))


def is_final_capture(operation: OperationRecord) -> bool:
    """Say whether an operation is a capture after which nothing more is taken."""
    return operation.kind is OperationKind.CAPTURE and bool(json.loads(operation.request)["final"])


def _closes(operation: OperationRecord) -> bool:
    """Say whether nothing more can be asked of the hold because of this operation."""
    match operation.kind:
        case OperationKind.VOID:
            return operation.state not in _REFUSED
        case OperationKind.CAPTURE:
            is_taken = operation.state is OperationState.SUCCEEDED and is_final_capture(operation)
            return operation.state in UNSETTLED or is_taken
        case _:
            return False


def available(payment: PaymentRecord, operations: Sequence[OperationRecord], *, can_refund: bool) -> tuple[str, ...]:
    """Return the verbs that the payment allows now."""
    verbs: list[str] = []
    asked = _of(operations, OperationKind.AUTHORIZE)
    waiting = any(operation.state is OperationState.REQUIRES_ACTION for operation in asked)
    busy = any(operation.state in IN_FLIGHT for operation in operations if operation.kind is not OperationKind.VOID)
    closed = any(_closes(operation) for operation in operations)
    if waiting:
        verbs.append("complete_action")
    if payment.facts.open_hold > 0 and not closed:
        if payment.hold is not None and payment.hold.increment and not busy:
            verbs.append("increment")
        verbs.append("capture")
    if is_live(payment, operations) and not closed:
        verbs.append("void")
    if can_refund and payment.facts.refundable > 0:
        verbs.append("refund")
    return tuple(verbs)
