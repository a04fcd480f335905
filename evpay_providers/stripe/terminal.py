"""A card that is read by a reader of Stripe Terminal: where such a payment stands. Pure; tables first.

A payment is made open, is then shown on its reader, once, and is authorized there. Its card's terms, captures and
refunds are those of every other payment.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from evpay.providers import ActionRequired, ConfirmOnDevice, Declined, Handle, Outcome, Reason, Unknown
from evpay_providers.stripe.failures import decline
from evpay_providers.stripe.mapping import Answer, authorize_outcome, handle_of

__all__ = ["SHOWN", "shown", "standing", "waits"]

SHOWN: Final = "shown"
"""In the memo of a handle: the reader was told of the payment, and is not told again."""

# `failure_code` of a reader's action. https://docs.stripe.com/terminal/payments/collect-card-payment (2026-11-20)
READER_FAILURES: Final[Mapping[str, Reason]] = {"customer_canceled": Reason.CANCELLED_BY_DRIVER}


def waits(outcome: Outcome) -> bool:
    """Say whether a payment waits for its reader."""
    return isinstance(outcome, ActionRequired) and isinstance(outcome.action, ConfirmOnDevice)


def _action_for(reader: Answer, payment_id: str) -> Answer | None:
    """Return what the reader does or did last, if it is about this payment."""
    action = reader.get("action") or {}
    named = (action.get("process_payment_intent") or {}).get("payment_intent")
    return action if payment_id == (named.get("id") if isinstance(named, dict) else named) else None


def standing(intent: Answer, reader: Answer, *, handle: Handle, account: str) -> Outcome | None:
    """Say where a payment at a reader stands; None: the reader was not told of it yet.

    The reader must have been read before the payment, so that what it has just done is seen.
    """
    outcome = authorize_outcome(intent, account=account)
    if not waits(outcome):
        return outcome
    action = _action_for(reader, str(intent["id"]))
    if action is None:
        return _gone(intent) if SHOWN in handle.memo else None
    match action.get("status"):
        case "in_progress":
            return shown(intent)
        case "failed":
            return _refused(action, payment_id=str(intent["id"]))
        case status:
            return Unknown(detail=f"the reader's action is {status!r}, and the payment still waits")


def _refused(action: Answer, *, payment_id: str) -> Declined:
    code = str(action.get("failure_code") or "failed")
    if action.get("api_error") and code not in READER_FAILURES:
        return decline(action["api_error"], payment_id=payment_id)
    return Declined(reason=READER_FAILURES.get(code, Reason.OTHER), code=code, id=payment_id)


def _gone(intent: Answer) -> Declined:
    """The reader was told, and has gone on to something else without a card."""
    return Declined(reason=Reason.APPROVAL_EXPIRED, code="reader_moved_on", id=intent["id"])


def shown(intent: Answer) -> ActionRequired:
    """The payment is on the reader's screen and waits for a card."""
    handle = handle_of(intent)
    told = replace(handle, memo={**handle.memo, SHOWN: "yes"})
    return ActionRequired(action=ConfirmOnDevice(device=told.memo["reader"]), id=intent["id"], handle=told)
