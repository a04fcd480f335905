"""What a card's issuer says to a payment: a hold, a refusal, more on the hold, its capture and its end."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.balance import enter
from evpay_contrib_emulators.stripe.disputes import open_dispute
from evpay_contrib_emulators.stripe.features import authorized_limit, is_available, window
from evpay_contrib_emulators.stripe.parameters import required
from evpay_contrib_emulators.stripe.refusal import Refusal
from evpay_contrib_emulators.stripe.showing import show_charge, show_intent, show_method
from evpay_contrib_emulators.stripe.statement import require_descriptor
from evpay_contrib_emulators.stripe.things import Charge, Intent, Method

__all__ = ["authorize", "cancel", "capture", "decline", "expire", "increment", "wrong_state"]

_MOST_INCREMENTS: Final = 10  # https://docs.stripe.com/payments/incremental-authorization (checked 2026-11-20)
_MOST_CAPTURES: Final = 50  # https://docs.stripe.com/payments/multicapture (checked 2026-11-20)


def authorize(account: Account, intent: Intent, method: Method) -> None:
    """Have the issuer hold the amount, or a part of it; capture it if the payment is not captured by hand."""
    charge = _charge(account, intent, method)
    charge.authorized = intent.amount // 2 if method.card.partial else intent.amount
    asked = intent.options.get(charge.card.kind, {}).get("request_extended_authorization")
    charge.extended = account.options.extended and asked in ("if_available", True)
    charge.capture_before = intent.created + window(charge, off_session=intent.off_session)
    charge.is_open = True
    intent.error = intent.next_action = None
    intent.effects["authorize"] += 1
    _keep_method(account, intent, charge, method)
    intent.status, intent.capturable = "requires_capture", charge.authorized
    account.held[intent.id] = None
    account.emit("charge.succeeded", show_charge(account, charge))
    if intent.capture_method == "manual":
        account.emit("payment_intent.amount_capturable_updated", show_intent(account, intent))
    else:
        capture(account, intent, {})


def _charge(account: Account, intent: Intent, method: Method, **fields: Any) -> Charge:
    charge = Charge(
        id=account.id("ch"), intent=intent.id, card=method.card, method=method.id, created=account.now(), **fields
    )
    account.charges[charge.id] = charge
    intent.charge = charge
    intent.charges.append(charge)
    return charge


def _keep_method(account: Account, intent: Intent, charge: Charge, method: Method) -> None:
    """Save the method for later if that was asked for; without a customer it is used up."""
    later = intent.setup_future_usage or intent.options.get("card", {}).get("setup_future_usage")
    if method.card.kind == "card_present":
        if intent.customer and later in ("off_session", "on_session"):
            charge.generated_card = _generated(account, method, intent.customer)
    elif intent.customer and later in ("off_session", "on_session"):
        method.is_set_up = True
        if method.customer is None:
            method.customer = intent.customer
            account.emit("payment_method.attached", show_method(account, method))
    elif method.customer is None:
        method.spent = True


def _generated(account: Account, method: Method, customer: str) -> str:
    """Make the reusable card that Stripe makes of one that was read."""
    card = replace(method.card, kind="card")
    made = Method(id=account.id("pm"), card=card, created=account.now(), customer=customer, is_set_up=True)
    account.methods[made.id] = made
    return made.id


def decline(account: Account, intent: Intent, method: Method, *, code: str, decline_code: str | None) -> NoReturn:
    """Have the issuer refuse.

    Raises:
        Refusal: always.
    """
    error: dict[str, Any] = {"code": code, "message": "Your card was declined.", "type": "card_error"}
    error |= {"decline_code": decline_code} if decline_code else {}
    charge = _charge(account, intent, method, status="failed", error=dict(error))
    error |= {"charge": charge.id, "payment_method": show_method(account, method)}
    intent.status, intent.method, intent.next_action, intent.error = "requires_payment_method", None, None, error
    account.emit("charge.failed", show_charge(account, charge))
    account.emit("payment_intent.payment_failed", show_intent(account, intent))
    fields = {name: value for name, value in error.items() if name not in ("type", "message")}
    raise Refusal(402, error["message"], kind="card_error", payment_intent=show_intent(account, intent), **fields)


def wrong_state(account: Account, intent: Intent, done: str) -> Refusal:
    """Return the refusal of what cannot be done in this state."""
    return Refusal(
        400,
        f"This PaymentIntent could not be {done} because it has a status of {intent.status}.",
        code="payment_intent_unexpected_state",
        payment_intent=show_intent(account, intent),
    )


def _open_charge(account: Account, intent: Intent, done: str) -> Charge:
    if intent.status != "requires_capture" or intent.charge is None:
        raise wrong_state(account, intent, done)
    return intent.charge


def increment(account: Account, intent: Intent, params: Mapping[str, Any]) -> None:
    """Hold more: the amount is the new total. A refusal of the issuer changes nothing but the number of attempts."""
    required(params, "amount")
    charge = _open_charge(account, intent, "incremented")
    if not is_available(account, intent, charge, "incremental_authorization") or charge.captured:
        raise Refusal(400, "This PaymentIntent is not eligible for incremental authorization.")
    if params["amount"] <= charge.authorized:
        raise Refusal(400, "The amount must be greater than the authorized amount.", param="amount")
    if charge.increments >= _MOST_INCREMENTS:
        raise Refusal(400, f"This PaymentIntent was incremented {_MOST_INCREMENTS} times, which is the most.")
    charge.increments += 1
    if charge.card.increment_decline:
        message = "Your card was declined."
        raise Refusal(402, message, kind="card_error", code="card_declined", decline_code="insufficient_funds")
    before = {"amount": intent.amount, "amount_capturable": intent.capturable}
    intent.amount = charge.authorized = intent.capturable = params["amount"]
    intent.metadata |= params.get("metadata", {})
    intent.description = params.get("description", intent.description)
    intent.effects["increment"] += 1
    account.emit("payment_intent.amount_capturable_updated", show_intent(account, intent), previous=before)
    account.emit("charge.updated", show_charge(account, charge))


def capture(account: Account, intent: Intent, params: Mapping[str, Any]) -> None:
    """Take from the hold; the rest comes free unless this capture is not to be the last."""
    charge = _open_charge(account, intent, "captured")
    require_descriptor(params)
    amount = params.get("amount_to_capture", intent.capturable)
    if not 0 < amount <= max(intent.capturable, authorized_limit(account, intent, charge) - charge.captured):
        raise Refusal(400, "The amount to capture is too large.", code="amount_too_large", param="amount_to_capture")
    final = params.get("final_capture", True)
    may_go_on = is_available(account, intent, charge, "multicapture") and charge.captures < _MOST_CAPTURES - 1
    if not final and not may_go_on:
        raise Refusal(400, "final_capture may not be false for this payment.", param="final_capture")
    charge.captured += amount
    charge.captures += 1
    intent.received += amount
    intent.capturable = max(intent.capturable - amount, 0)
    intent.metadata |= params.get("metadata", {})
    intent.suffix = params.get("statement_descriptor_suffix", intent.suffix)
    intent.effects["capture"] += 1
    charge.transaction = enter(account, "charge", source=charge.id, amount=amount, currency=intent.currency)
    if final or not intent.capturable:
        close(intent, "succeeded")
        account.held.pop(intent.id, None)
    _tell_captured(account, intent, charge)


def _tell_captured(account: Account, intent: Intent, charge: Charge) -> None:
    if intent.capture_method == "manual":
        account.emit("charge.captured", show_charge(account, charge))
    if intent.status == "succeeded":
        account.emit("payment_intent.succeeded", show_intent(account, intent))
    else:
        account.emit("payment_intent.amount_capturable_updated", show_intent(account, intent))
    if charge.card.dispute and intent.status == "succeeded":
        open_dispute(account, intent, charge, reason=charge.card.dispute)


def close(intent: Intent, status: str) -> None:
    """End a payment; what is held and not captured comes free."""
    intent.status, intent.capturable = status, 0
    if intent.charge is not None and intent.charge.status == "succeeded":
        intent.charge.is_open = False
        intent.released = max(intent.charge.authorized - intent.charge.captured, 0)


def cancel(account: Account, intent: Intent, params: Mapping[str, Any]) -> None:
    """End a payment that is not captured, or not wholly."""
    if intent.status in ("canceled", "succeeded", "processing"):
        raise wrong_state(account, intent, "canceled")
    _end(account, intent, reason=params.get("cancellation_reason"))
    intent.effects["void"] += 1


def _end(account: Account, intent: Intent, *, reason: str | None) -> None:
    """End a payment by request or by time; what was captured of it stays."""
    close(intent, "succeeded" if intent.received else "canceled")
    account.held.pop(intent.id, None)
    intent.next_action, intent.cancellation_reason, intent.canceled_at = None, reason, account.now()
    ended = "payment_intent.succeeded" if intent.received else "payment_intent.canceled"
    account.emit(ended, show_intent(account, intent))


def expire(account: Account) -> None:
    """Let go of the holds whose time is over."""
    now = account.now()
    for name in list(account.held):
        intent = account.intents[name]
        charge = intent.charge
        if charge is not None and charge.capture_before is not None and charge.capture_before <= now:
            _end(account, intent, reason="automatic")
            account.emit("charge.expired", show_charge(account, charge))
