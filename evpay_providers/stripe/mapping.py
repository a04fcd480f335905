"""Pure translation between evpay's requests and outcomes and Stripe's parameters and objects; tables first."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.money import Money, from_minor, to_minor
from evpay.providers import (
    Action,
    ActionRequired,
    AuthorizeRequest,
    CaptureRequest,
    Declined,
    Failed,
    Handle,
    Hold,
    IncrementRequest,
    MethodKind,
    OpenLink,
    OperationKind,
    Outcome,
    PaymentMethod,
    Pending,
    Reason,
    RefundRequest,
    RunClientSdk,
    Succeeded,
    Unknown,
)
from evpay_providers.stripe.amounts import from_stripe, to_stripe
from evpay_providers.stripe.failures import REFUND_FAILURES, decline
from evpay_providers.stripe.settings import StripeSettings

__all__ = [
    "REFERENCE",
    "TAG",
    "Answer",
    "amount_of",
    "authorize_outcome",
    "authorize_params",
    "authorized_amount",
    "capture_outcome",
    "capture_params",
    "charge_of",
    "handle_of",
    "hold_of",
    "increment_params",
    "refund_outcome",
    "refund_params",
    "released_amount",
    "void_outcome",
    "was_held",
]

Answer = Mapping[str, Any]

REFERENCE: Final = "evpay_reference"
"""Metadata: the reference of the AUTHORIZE, on a refund that of the REFUND. See also `TAG`."""
TAG: Final = "evpay_"  # with a reference after it: an increment or a capture that the intent remembers

# A card in a browser or an app, and the wallets that hand over a card, are all Stripe's type "card".
METHOD_TYPES: Final[Mapping[MethodKind, str]] = {MethodKind.CARD: "card", MethodKind.WALLET: "card"}

# Settings field -> parameter in payment_method_options[card]. https://docs.stripe.com/payments/incremental-authorization
# (checked 2026-11-20)
FEATURES: Final[Mapping[str, str]] = {
    "request_increment": "request_incremental_authorization",
    "request_extended": "request_extended_authorization",
    "request_overcapture": "request_overcapture",
    "request_multicapture": "request_multicapture",
}

# How long a hold lasts where the answer does not say; Stripe's own windows for payments without the card present.
# https://docs.stripe.com/payments/place-a-hold-on-a-payment-method (checked 2026-11-20)
DRIVER_PRESENT_WINDOW: Final = timedelta(days=7)
OFF_SESSION_WINDOWS: Final[Mapping[str, timedelta]] = {
    "visa": timedelta(days=4, hours=18),
    "mastercard": timedelta(days=7),
    "amex": timedelta(days=7),
    "discover": timedelta(days=7),
}
CAUTIOUS_WINDOW: Final = min(OFF_SESSION_WINDOWS.values())

# https://docs.stripe.com/api/payment_intents/object#payment_intent_object-cancellation_reason (checked 2026-11-20)
CANCELLATIONS: Final[Mapping[str, Reason]] = {
    "abandoned": Reason.CANCELLED_BY_DRIVER,
    "automatic": Reason.APPROVAL_EXPIRED,
    "expired": Reason.APPROVAL_EXPIRED,
    "fraudulent": Reason.SUSPECTED_FRAUD,
    "requested_by_customer": Reason.CANCELLED_BY_DRIVER,
}

# What is forbidden on a card statement. https://docs.stripe.com/get-started/account/statement-descriptors (2026-11-20)
_NOT_ON_STATEMENTS: Final = str.maketrans("", "", "<>\\'\"*")


# --- ours to theirs


def authorize_params(request: AuthorizeRequest, *, settings: StripeSettings) -> dict[str, Any]:
    """Confirm a PaymentIntent with manual capture in one request."""
    method = request.method
    if method.kind not in METHOD_TYPES:
        raise InvalidInput(
            f"A {method.kind} cannot be charged through Stripe here. Use a card or a wallet's card token.",
            code="method_not_supported",
        )
    if request.save_method and method.customer is None:
        raise InvalidInput(
            "Stripe saves a method for a customer. Give PaymentMethod(customer='cus_...').", code="customer_needed"
        )
    features = {param: "if_available" for field, param in FEATURES.items() if getattr(settings, field)}
    optional = {
        "customer": method.customer,
        "off_session": request.off_session or None,
        "return_url": request.return_url,
        "setup_future_usage": "off_session" if request.save_method else None,
        "statement_descriptor_suffix": _descriptor(request.descriptor) if settings.send_descriptor else None,
        "allowed_payment_method_types": [METHOD_TYPES[method.kind]] if settings.sends_cards_only else None,
        "payment_method_options": {"card": features} if features else None,
    }
    return {
        "amount": to_stripe(request.amount),
        "currency": request.amount.currency.code.lower(),
        "payment_method": method.token,
        "confirm": True,
        "capture_method": "manual",
        "metadata": {REFERENCE: request.reference},
        "expand": ["latest_charge"],
        **{name: value for name, value in optional.items() if value is not None},
    }


def _descriptor(text: str | None) -> str | None:
    return (text or "").translate(_NOT_ON_STATEMENTS).strip()[:22] or None


def _tag(request: CaptureRequest | IncrementRequest, *, kind: OperationKind, amount: Money) -> dict[str, Any]:
    """Remember the effect in the intent's metadata, where the server is known to be Stripe-like enough."""
    stated = request.handle.memo.get("terms") == "stated"
    return {"metadata": {f"{TAG}{request.reference}": f"{kind} {to_stripe(amount)}"}} if stated else {}


def increment_params(request: IncrementRequest) -> dict[str, Any]:
    """State the new total."""
    tag = _tag(request, kind=OperationKind.INCREMENT, amount=request.total)
    return {"amount": to_stripe(request.total), "expand": ["latest_charge"], **tag}


def capture_params(request: CaptureRequest) -> dict[str, Any]:
    """Take the amount; the rest comes free by itself unless more captures are to follow."""
    more = {} if request.final else {"final_capture": False}
    tag = _tag(request, kind=OperationKind.CAPTURE, amount=request.amount)
    return {"amount_to_capture": to_stripe(request.amount), "expand": ["latest_charge"], **more, **tag}


def refund_params(request: RefundRequest) -> dict[str, Any]:
    """Refund the payment as a whole: it has one charge, also after several captures."""
    note = {"evpay_note": request.note[:500]} if request.note else {}
    return {
        "payment_intent": request.handle.id,
        "amount": to_stripe(request.amount),
        "metadata": {REFERENCE: request.reference, **note},
    }


# --- theirs to ours


def charge_of(intent: Answer) -> Answer:
    """Return the charge, empty where it was not expanded."""
    charge = intent.get("latest_charge")
    return charge if isinstance(charge, dict) else {}


def _card(intent: Answer) -> Answer:
    details = charge_of(intent).get("payment_method_details") or {}
    return details.get("card") or {}


def _available(card: Answer, feature: str) -> bool:
    return (card.get(feature) or {}).get("status") == "available"


def amount_of(value: int, intent: Answer) -> Money:
    """Read an amount in the intent's currency."""
    return from_stripe(value, intent["currency"])


def authorized_amount(intent: Answer) -> Money:
    """Return what is or was held, which after a partial approval is less than the intent's amount."""
    stated = _card(intent).get("amount_authorized")
    if stated is None and intent["status"] == "requires_capture" and intent.get("amount_capturable") is not None:
        stated = intent["amount_capturable"] + (intent.get("amount_received") or 0)
    return amount_of(intent["amount"] if stated is None else stated, intent)


def handle_of(intent: Answer) -> Handle:
    """Keep the id, whether the server states a payment's terms, and whether several captures are allowed."""
    card = _card(intent)
    memo = {"terms": "stated"} if "multicapture" in card else {}
    return Handle(
        id=intent["id"], memo=memo | ({"multicapture": "available"} if _available(card, "multicapture") else {})
    )


def hold_of(intent: Answer, *, off_session: bool) -> Hold:
    """Read the terms of this hold; what is not stated is not allowed."""
    card = _card(intent)
    until = card.get("capture_before")
    brand_window = OFF_SESSION_WINDOWS.get(card.get("brand") or "", CAUTIOUS_WINDOW)
    over = card["overcapture"].get("maximum_amount_capturable") if _available(card, "overcapture") else None
    return Hold(
        expires=datetime.fromtimestamp(until, UTC)
        if until is not None
        else (brand_window if off_session else DRIVER_PRESENT_WINDOW),
        increment=_available(card, "incremental_authorization"),
        multiple_captures=_available(card, "multicapture"),
        capture_limit=None if over is None else amount_of(over, intent),
    )


def _saved_method(intent: Answer, *, account: str) -> PaymentMethod | None:
    if not (intent.get("setup_future_usage") and intent.get("customer") and intent.get("payment_method")):
        return None
    card = _card(intent)
    expires = (
        f"{card['exp_year']:04d}-{card['exp_month']:02d}" if card.get("exp_year") and card.get("exp_month") else None
    )
    return PaymentMethod(
        str(intent["payment_method"]),
        account=account,
        customer=str(intent["customer"]),
        brand=card.get("brand"),
        last4=card.get("last4"),
        expires=expires,
    )


def _slip(intent: Answer) -> dict[str, str]:
    card = _card(intent)
    return {name: str(card[name]) for name in ("brand", "last4", "authorization_code") if card.get(name)}


def _held(intent: Answer, *, off_session: bool, account: str) -> Outcome:
    return Succeeded(
        amount=authorized_amount(intent),
        id=intent["id"],
        handle=handle_of(intent),
        hold=hold_of(intent, off_session=off_session),
        saved_method=_saved_method(intent, account=account),
        slip=_slip(intent),
    )


def _waiting(intent: Answer, *, off_session: bool, **_: str) -> Outcome:
    if off_session:
        return Declined(reason=Reason.AUTHENTICATION_REQUIRED, code="requires_action", id=intent["id"])
    step = intent.get("next_action") or {}
    url = (step.get("redirect_to_url") or {}).get("url")
    action: Action = OpenLink(uri=url) if url else RunClientSdk(payload={"client_secret": intent.get("client_secret")})
    return ActionRequired(action=action, id=intent["id"], handle=handle_of(intent))


def _refused(intent: Answer, **_: bool | str) -> Outcome:
    error = intent.get("last_payment_error")
    if not isinstance(error, dict):
        return Unknown(detail="requires_payment_method without an error")
    return decline(error, payment_id=intent["id"])


def _cancelled(intent: Answer, *, off_session: bool, account: str) -> Outcome:
    if was_held(intent):
        return _held(intent, off_session=off_session, account=account)
    code = intent.get("cancellation_reason")
    return Declined(reason=CANCELLATIONS.get(str(code), Reason.OTHER), code=code or "canceled", id=intent["id"])


def _processing(intent: Answer, **_: bool | str) -> Outcome:
    return Pending(id=intent["id"], handle=handle_of(intent))


# What an intent's status says about its AUTHORIZE. `requires_confirmation` is not here: we confirm in the same request.
# https://docs.stripe.com/payments/paymentintents/lifecycle (checked 2026-11-20)
AUTHORIZE_STATUSES: Final[Mapping[str, Callable[..., Outcome]]] = {
    "requires_capture": _held,
    "succeeded": _held,
    "requires_action": _waiting,
    "processing": _processing,
    "requires_payment_method": _refused,
    "canceled": _cancelled,
}


def authorize_outcome(intent: Answer, *, off_session: bool = False, account: str) -> Outcome:
    """Say what became of the AUTHORIZE; a status that is not in the table is `Unknown`."""
    read = AUTHORIZE_STATUSES.get(intent["status"])
    if read is None:
        return Unknown(detail=f"a PaymentIntent in status {intent['status']!r}")
    return read(intent, off_session=off_session, account=account)


def was_held(intent: Answer) -> bool:
    """Say whether the card was ever authorized."""
    return charge_of(intent).get("status") == "succeeded"


def capture_outcome(intent: Answer, *, asked: Money, multiple: bool) -> Outcome:
    """Say what was captured. `amount_received` is a running total, so of several captures it proves, not says."""
    if intent["status"] not in ("succeeded", "requires_capture"):
        return Unknown(detail=f"captured, yet in status {intent['status']!r}")
    received = intent.get("amount_received")
    amount = asked if received is None else amount_of(received, intent)
    if multiple and received is not None:
        if to_minor(amount) < to_minor(asked):
            return Unknown(detail="captured, yet less was received than was asked")
        amount = asked
    charge = intent.get("latest_charge")
    return Succeeded(
        amount=amount, id=charge if isinstance(charge, str) else charge_of(intent).get("id"), handle=handle_of(intent)
    )


def released_amount(intent: Answer) -> Money:
    """Return what was held and not captured."""
    held = to_minor(authorized_amount(intent)) if was_held(intent) else 0
    taken = to_minor(amount_of(intent.get("amount_received") or 0, intent))
    return from_minor(max(held - taken, 0), intent["currency"].upper())


def void_outcome(intent: Answer) -> Outcome:
    """Say what came free; zero if nothing was held. After a partial capture a cancelled intent is `succeeded`."""
    if intent["status"] not in ("canceled", "succeeded"):
        return Unknown(detail=f"cancelled, yet in status {intent['status']!r}")
    return Succeeded(amount=released_amount(intent), id=intent["id"])


def refund_outcome(refund: Answer) -> Outcome:
    """Say what became of a refund; a status that is not known is `Unknown`."""
    match refund["status"]:
        case "succeeded":
            return Succeeded(amount=from_stripe(refund["amount"], refund["currency"]), id=refund["id"])
        case "pending" | "requires_action":
            return Pending(id=refund["id"])
        case "failed" | "canceled":
            code = refund.get("failure_reason") or refund["status"]
            return Failed(reason=REFUND_FAILURES.get(code, Reason.OTHER), code=code, id=refund["id"])
        case status:
            return Unknown(detail=f"a refund in status {status!r}")
