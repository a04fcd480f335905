"""The driver's legs of an authorization: what came back with the driver, one claim after the other. Pure."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from evpay.engine.bookkeeping import record_rows
from evpay.engine.case import Case
from evpay.engine.drafts import Draft, make_operation, operation_id
from evpay.engine.reviews import settled_rows
from evpay.money import from_minor
from evpay.payments.account import Capabilities
from evpay.payments.lifecycle import Settlement
from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.outcome import Handle, Unknown
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.providers import CompleteRequest
from evpay.store.commit import Commit, Update

__all__ = ["draft_leg", "last_leg", "may_send_again", "says_nothing_else"]

_SECOND: Final = 1_000_000


def _legs(case: Case, payment: PaymentRecord) -> list[OperationRecord]:
    return [found for found in case.snapshot.of(payment.id) if found.kind is OperationKind.COMPLETE]


def last_leg(case: Case, payment: PaymentRecord) -> OperationRecord | None:
    """Return the newest leg of an attempt, or None."""
    return next(reversed(_legs(case, payment)), None)


def _claimed(leg: OperationRecord) -> Mapping[str, str]:
    claimed: Mapping[str, str] = json.loads(leg.request)["answer"]
    return claimed


def says_nothing_else(leg: OperationRecord, answer: Mapping[str, str]) -> bool:
    """Say whether an answer claims nothing beyond what a leg has claimed; an empty one never does."""
    return not answer or dict(answer) == dict(_claimed(leg))


def may_send_again(leg: OperationRecord, answer: Mapping[str, str], capabilities: Capabilities, *, now_us: int) -> bool:
    """Say whether an unknown leg may be sent again: the same claim, and its key is surely still known."""
    window = capabilities.resend_for.get(OperationKind.COMPLETE)
    if window is None or leg.first_sent_us is None or dict(answer) != dict(_claimed(leg)):
        return False
    return now_us - leg.first_sent_us < int(window.total_seconds() * _SECOND) * 3 // 4


def draft_leg(case: Case, answer: Mapping[str, str], *, now_us: int, actor: str | None) -> Draft:
    """Return the next leg, under an id and a key of its own; one of which nothing is known is given up with it.

    Given up is EXPIRED, which is not final: should it have succeeded after all, that still counts.
    """
    payment = case.snapshot.payment
    authorize, known = case.authorize(payment.id), last_leg(case, payment)
    opening = Commit()
    if known is not None and known.state is OperationState.UNKNOWN:
        payment, opening = _given_up(case, payment, known, now_us=now_us, actor=actor)
    made = make_operation(
        payment,
        id=operation_id(payment.id, "complete", str(len(_legs(case, payment)))),
        kind=OperationKind.COMPLETE,
        amount=authorize.amount,
        request_of=lambda reference, key: CompleteRequest(
            reference=reference,
            idempotency_key=key,
            payment_reference=payment.reference,
            handle=payment.handle or Handle(id=""),
            amount=from_minor(authorize.amount, payment.currency),
            answer=dict(answer),
        ),
        now_us=now_us,
        actor=actor,
    )
    return Draft(payment=payment, operation=made, opening=opening)


def _given_up(
    case: Case, payment: PaymentRecord, leg: OperationRecord, *, now_us: int, actor: str | None
) -> tuple[PaymentRecord, Commit]:
    ended = Settlement(
        payment=payment, operation=replace(leg, state=OperationState.EXPIRED, answered_us=now_us, next_us=None)
    )
    outcome = leg.outcome or Unknown(detail="no answer is on record")
    after, rows = record_rows(payment, ended, outcome, source="engine", actor=actor, now_us=now_us)
    update = Update(
        "operation",
        {"tenant": leg.tenant, "id": leg.id},
        {"state": ended.operation.state.value, "answered_us": now_us, "next_us": None},
        {"state": leg.state.value, "attempts": leg.attempts},
    )
    closed = settled_rows(case, [ended], source="engine", actor=actor, now_us=now_us)
    return after, Commit((update, *rows, *closed))
