"""From Stripe's PaymentIntents and refunds to outcomes. Pure; tables first."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.money import Money, from_minor, to_minor
from evpay.providers import (
    Action,
    ActionRequired,
    ConfirmOnDevice,
    Declined,
    Failed,
    Handle,
    Hold,
    MethodKind,
    OpenLink,
    Outcome,
    PaymentMethod,
    Pending,
    Reason,
    RunClientSdk,
    Succeeded,
    Unknown,
)
from evpay_providers.stripe.amounts import from_stripe, limit_from_stripe
from evpay_providers.stripe.failures import REFUND_FAILURES, decline
from evpay_providers.stripe.params import PAYPAL, READER

__all__ = [
    "INTENT",
    "LIST",
    "READER_THING",
    "REFUND",
    "SEARCH_RESULT",
    "Answer",
    "all_of",
    "amount_of",
    "authorize_outcome",
    "authorized_amount",
    "capture_outcome",
    "charge_of",
    "handle_of",
    "hold_of",
    "other_thing",
    "refund_outcome",
    "released_amount",
    "void_outcome",
    "was_held",
]

Answer = Mapping[str, Any]

# `object` of what is read here. https://docs.stripe.com/api (checked 2026-11-20)
INTENT: Final = "payment_intent"
REFUND: Final = "refund"
READER_THING: Final = "terminal.reader"
LIST: Final = "list"
SEARCH_RESULT: Final = "search_result"

# How long a hold lasts where the answer does not say, by brand.
# https://docs.stripe.com/payments/place-a-hold-on-a-payment-method (checked 2026-11-20)
DRIVER_PRESENT_WINDOW: Final = timedelta(days=7)
OFF_SESSION_WINDOWS: Final[Mapping[str, timedelta]] = {
    "visa": timedelta(days=4, hours=18),
    "mastercard": timedelta(days=7),
    "amex": timedelta(days=7),
    "discover": timedelta(days=7),
}
CAUTIOUS_WINDOW: Final = min(OFF_SESSION_WINDOWS.values())
CARD_PRESENT_WINDOWS: Final[Mapping[str, timedelta]] = {"visa": timedelta(days=4, hours=18)}
CAUTIOUS_PRESENT_WINDOW: Final = timedelta(days=2)

# https://docs.stripe.com/api/payment_intents/object#payment_intent_object-cancellation_reason (checked 2026-11-20)
CANCELLATIONS: Final[Mapping[str, Reason]] = {
    "abandoned": Reason.CANCELLED_BY_DRIVER,
    "automatic": Reason.APPROVAL_EXPIRED,
    "expired": Reason.APPROVAL_EXPIRED,
    "fraudulent": Reason.SUSPECTED_FRAUD,
    "requested_by_customer": Reason.CANCELLED_BY_DRIVER,
}

# An intent remembers at most so many things. https://docs.stripe.com/api/metadata (checked 2026-11-20)
METADATA_KEYS: Final = 50

# What a receipt for the card shows, of a chip's own data too.
# https://docs.stripe.com/terminal/features/receipts#custom (checked 2026-11-20)
SLIP: Final = ("brand", "last4", "authorization_code", "read_method")
CHIP_SLIP: Final = (
    "application_preferred_name",
    "dedicated_file_name",
    "authorization_code",
    "authorization_response_code",
    "application_cryptogram",
    "cardholder_verification_method",
    "terminal_verification_results",
    "transaction_status_information",
    "account_type",
)


def other_thing(answer: Answer, *, of: str, asked: Money | None = None) -> str | None:
    """Say how an answer is about something else than was asked for; None: it is about that.

    A charge and a refund have a status and an amount too, and an amount in another currency is not the one we asked.
    """
    if answer.get("object") != of:
        return f"the answer is no {of}"
    if asked is not None and of != READER_THING and str(answer.get("currency")).upper() != asked.currency.code:
        return f"the answer is not in {asked.currency.code}"
    return None


def all_of(page: Answer, *, of: str) -> list[Answer]:
    """Return what a list holds.

    Raises:
        ValueError: there is something of another kind in it.
    """
    found: list[Answer] = page["data"]
    if any(other_thing(entry, of=of) for entry in found):
        raise ValueError(f"not each of the list is a {of}")
    return found


def charge_of(intent: Answer) -> Answer:
    """Return the charge, empty where it was not expanded."""
    charge = intent.get("latest_charge")
    return charge if isinstance(charge, dict) else {}


def _details(intent: Answer) -> tuple[str, Answer]:
    """Return how was paid, and what the charge says about it."""
    details = charge_of(intent).get("payment_method_details") or {}
    kind = details.get("type") or "card"
    return kind, details.get(kind) or {}


def _card(intent: Answer) -> Answer:
    return _details(intent)[1]


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
    """Keep the id, whether the server states a payment's terms, whether several captures are allowed, and the reader.

    Terms count as stated only as long as there is room to remember increments and captures by.
    """
    card, metadata = _card(intent), intent.get("metadata") or {}
    stated = "multicapture" in card or "incremental_authorization_supported" in card
    memo = {
        "terms": "stated" if stated and len(metadata) < METADATA_KEYS else None,
        "multicapture": "available" if _available(card, "multicapture") else None,
        "reader": metadata.get(READER),
    }
    return Handle(id=intent["id"], memo={name: str(value) for name, value in memo.items() if value})


def hold_of(intent: Answer, *, off_session: bool) -> Hold:
    """Read the terms of this hold; what is not stated is not allowed."""
    kind, card = _details(intent)
    until = card.get("capture_before")
    over = card["overcapture"].get("maximum_amount_capturable") if _available(card, "overcapture") else None
    return Hold(
        expires=_window(kind, card.get("brand") or "", off_session=off_session)
        if until is None
        else datetime.fromtimestamp(until, UTC),
        increment=_available(card, "incremental_authorization")
        or card.get("incremental_authorization_supported") is True,
        multiple_captures=_available(card, "multicapture"),
        capture_limit=None if over is None else limit_from_stripe(over, intent["currency"]),
    )


def _window(kind: str, brand: str, *, off_session: bool) -> timedelta:
    if kind == "card_present":
        return CARD_PRESENT_WINDOWS.get(brand, CAUTIOUS_PRESENT_WINDOW)
    return OFF_SESSION_WINDOWS.get(brand, CAUTIOUS_WINDOW) if off_session else DRIVER_PRESENT_WINDOW


def _saved_method(intent: Answer, *, account: str) -> PaymentMethod | None:
    """Return what was saved for the customer; of a card that was read, the card that Stripe made of it.

    None also for what cannot be kept.
    """
    kind, card = _details(intent)
    token = card.get("generated_card") if kind == "card_present" else intent.get("payment_method")
    if not (intent.get("setup_future_usage") and intent.get("customer") and token):
        return None
    expires = (
        f"{card['exp_year']:04d}-{card['exp_month']:02d}" if card.get("exp_year") and card.get("exp_month") else None
    )
    try:
        return PaymentMethod(
            _id(token),
            kind=MethodKind.WALLET if kind == PAYPAL else MethodKind.CARD,
            account=account,
            customer=_id(intent["customer"]),
            brand=PAYPAL if kind == PAYPAL else card.get("brand"),
            last4=card.get("last4"),
            expires=expires,
        )
    except InvalidInput:
        # The money is certain, a token that we must not keep is not: it looks like a card number, or is malformed.
        return None


def _id(value: Any) -> str:
    """Read an id, which is an object where somebody asked for it to be expanded."""
    return str(value["id"] if isinstance(value, dict) else value)


def _slip(intent: Answer) -> dict[str, str]:
    kind, card = _details(intent)
    chip = card.get("receipt") or {}
    slip = {"brand": PAYPAL} if kind == PAYPAL else {}
    slip |= {name: str(card[name]) for name in SLIP if card.get(name)}
    slip |= {name: str(chip[name]) for name in CHIP_SLIP if chip.get(name)}
    wallet = (card.get("wallet") or {}).get("type")
    return slip | ({"wallet": str(wallet)} if wallet else {})


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
    if isinstance(error, dict):
        return decline(error, payment_id=intent["id"])
    reader = (intent.get("metadata") or {}).get(READER)
    if reader:
        return ActionRequired(action=ConfirmOnDevice(device=str(reader)), id=intent["id"], handle=handle_of(intent))
    return Unknown(detail="requires_payment_method without an error")


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
    if received == 0:
        return Unknown(detail="captured, yet nothing was received")
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
