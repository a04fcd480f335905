"""From evpay's requests to Stripe's parameters. Pure; tables first."""

from collections.abc import Mapping
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.providers import (
    AuthorizeRequest,
    CaptureRequest,
    IncrementRequest,
    MethodKind,
    OperationKind,
    PaymentMethod,
    RefundRequest,
)
from evpay_providers.stripe.amounts import to_stripe
from evpay_providers.stripe.settings import StripeSettings

__all__ = [
    "PAYPAL",
    "READER",
    "REFERENCE",
    "TAG",
    "authorize_params",
    "capture_params",
    "increment_params",
    "process_params",
    "refund_params",
]

REFERENCE: Final = "evpay_reference"
"""Metadata: the reference of the AUTHORIZE, on a refund that of the REFUND. See also `TAG`."""
TAG: Final = "evpay_"  # with a reference after it: an increment or a capture that the intent remembers
READER: Final = "evpay_reader"
"""Metadata: the reader that a payment with the card present is for."""

PAYPAL: Final = "paypal"
"""The token of a PayPal payment that has no PaymentMethod yet: the driver approves it behind a link."""

# A card in a browser or an app, and the wallets that hand over a card, are all Stripe's type "card".
METHOD_KINDS: Final = frozenset({MethodKind.CARD, MethodKind.WALLET, MethodKind.TERMINAL})

# The field for a token, by its beginning; every other token is a `payment_method`.
# https://docs.stripe.com/api/payment_intents/create#create_payment_intent-confirmation_token (checked 2026-11-20)
TOKEN_FIELDS: Final[Mapping[str, str]] = {"ctoken_": "confirmation_token"}

# Settings field -> parameter in payment_method_options[card].
# https://docs.stripe.com/payments/incremental-authorization (checked 2026-11-20)
FEATURES: Final[Mapping[str, str]] = {
    "request_increment": "request_incremental_authorization",
    "request_extended": "request_extended_authorization",
    "request_overcapture": "request_overcapture",
    "request_multicapture": "request_multicapture",
}
# The same in payment_method_options[card_present], where the value is `true`.
# https://docs.stripe.com/terminal/features/incremental-authorizations (checked 2026-11-20)
PRESENT_FEATURES: Final[Mapping[str, str]] = {
    "request_increment": "request_incremental_authorization_support",
    "request_extended": "request_extended_authorization",
}

# What is forbidden on a card statement. https://docs.stripe.com/get-started/account/statement-descriptors (2026-11-20)
_NOT_ON_STATEMENTS: Final = str.maketrans("", "", "<>\\'\"*")


def authorize_params(request: AuthorizeRequest, *, settings: StripeSettings) -> dict[str, Any]:
    """Ask for a hold in one request: confirmed at once, or open until a reader has read the card.

    Raises:
        InvalidInput: for a method that Stripe cannot be told, or that lacks what it needs.
    """
    _require_usable(request)
    at_reader = request.method.kind is MethodKind.TERMINAL
    specific = _present_params(request, settings=settings) if at_reader else _remote_params(request, settings=settings)
    optional = {
        "customer": request.method.customer,
        "setup_future_usage": "off_session" if request.save_method else None,
        "statement_descriptor_suffix": _descriptor(request.descriptor) if settings.send_descriptor else None,
    }
    return {
        "amount": to_stripe(request.amount),
        "currency": request.amount.currency.code.lower(),
        "capture_method": "manual",
        "metadata": {REFERENCE: request.reference} | ({READER: request.method.token} if at_reader else {}),
        "expand": ["latest_charge"],
        **_stated(optional),
        **_stated(specific),
    }


def _require_usable(request: AuthorizeRequest) -> None:
    method = request.method
    if method.kind not in METHOD_KINDS:
        raise InvalidInput(
            f"A {method.kind} cannot be charged through Stripe here. Use a card, a wallet or a terminal.",
            code="method_not_supported",
        )
    if request.save_method and method.customer is None:
        raise InvalidInput(
            "Stripe saves a method for a customer. Give PaymentMethod(customer='cus_...').", code="customer_needed"
        )
    if request.off_session and method.kind is MethodKind.TERMINAL:
        raise InvalidInput("At a terminal somebody is there. Charge a saved method off session.", code="off_session")
    if method.token == PAYPAL and not request.return_url:
        raise InvalidInput("PayPal sends the driver back to a return_url. Give one.", code="return_url_needed")


def _remote_params(request: AuthorizeRequest, *, settings: StripeSettings) -> dict[str, Any]:
    """The card is not there: confirm at once."""
    by_paypal = _is_paypal(request.method)
    features = {} if by_paypal else {p: "if_available" for field, p in FEATURES.items() if getattr(settings, field)}
    return {
        **_means(request.method),
        "confirm": True,
        "off_session": request.off_session or None,
        "return_url": request.return_url,
        "allowed_payment_method_types": [PAYPAL if by_paypal else "card"] if settings.sends_cards_only else None,
        "payment_method_options": {"card": features} if features else None,
    }


def _present_params(request: AuthorizeRequest, *, settings: StripeSettings) -> dict[str, Any]:
    """The card will be read by a reader: confirmed there, not here."""
    del request
    features = {param: True for field, param in PRESENT_FEATURES.items() if getattr(settings, field)}
    return {
        "allowed_payment_method_types": ["card_present"],
        "payment_method_options": {"card_present": features} if features else None,
    }


def _stated(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _is_paypal(method: PaymentMethod) -> bool:
    return PAYPAL in (method.token, method.brand)


def _means(method: PaymentMethod) -> dict[str, Any]:
    if method.token == PAYPAL:
        return {"payment_method_data": {"type": PAYPAL}}
    field = next((field for start, field in TOKEN_FIELDS.items() if method.token.startswith(start)), "payment_method")
    return {field: method.token}


def _descriptor(text: str | None) -> str | None:
    return (text or "").translate(_NOT_ON_STATEMENTS).strip()[:22] or None


def process_params(payment_id: str) -> dict[str, Any]:
    """Show the payment on a reader; the driver may cancel there, and is asked for no tip."""
    return {
        "payment_intent": payment_id,
        "process_config": {"enable_customer_cancellation": True, "skip_tipping": True},
    }


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
