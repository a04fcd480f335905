"""What a checkout asks for around a payment: methods, stored methods, and Apple Pay sessions."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from evpay_contrib_emulators.adyen.answers import WireError
from evpay_contrib_emulators.adyen.books import Books, StoredMethod
from evpay_contrib_emulators.adyen.fields import check
from evpay_contrib_emulators.adyen.payments import check_account

__all__ = ["apple_pay_session", "forget_method", "methods", "stored_methods"]

_METHODS: Final = (
    {"name": "Cards", "type": "scheme", "brands": ["visa", "mc", "amex", "discover", "maestro"]},
    {"name": "Apple Pay", "type": "applepay"},
    {"name": "Google Pay", "type": "googlepay"},
    {"name": "PayPal", "type": "paypal"},
    {"name": "Venmo", "type": "venmo"},
)
_MODELS: Final = ["CardOnFile", "Subscription", "UnscheduledCardOnFile"]
_SESSION_LIVES: Final = timedelta(minutes=5)


def methods(books: Books, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer POST /paymentMethods.

    Raises:
        WireError: the request is refused.
    """
    check(body, "PaymentMethodsRequest")
    check_account(books, body)
    blocked, allowed = body.get("blockedPaymentMethods", []), body.get("allowedPaymentMethods")
    offered = [
        method for method in _METHODS if method["type"] not in blocked and (not allowed or method["type"] in allowed)
    ]
    answer: dict[str, Any] = {"paymentMethods": offered}
    shopper = body.get("shopperReference")
    stored = [
        _shown(method) | {"supportedShopperInteractions": ["Ecommerce", "ContAuth"]} for method in _of(books, shopper)
    ]
    return answer | ({"storedPaymentMethods": stored} if stored else {})


def stored_methods(books: Books, query: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /storedPaymentMethods.

    Raises:
        WireError: it is not this merchant's, or no shopper is named.
    """
    check_account(books, query)
    shopper = query.get("shopperReference")
    if not shopper:
        raise WireError("180")
    details = [
        _shown(stored)
        | {
            "shopperReference": shopper,
            "createdAt": stored.created.isoformat(timespec="seconds"),
            "firstPspReference": stored.first_psp,
        }
        for stored in _of(books, shopper)
    ]
    return {
        "merchantAccount": books.options.merchant_account,
        "shopperReference": shopper,
        "storedPaymentMethods": details,
    }


def forget_method(books: Books, token: str, query: Mapping[str, str]) -> None:
    """Forget a stored method.

    Raises:
        WireError: it is not this merchant's, or this shopper has no such method.
    """
    check_account(books, query)
    stored = books.stored.get(token)
    if stored is None or stored.shopper != query.get("shopperReference"):
        raise WireError("803")
    del books.stored[token]


def apple_pay_session(books: Books, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer POST /applePay/sessions: what Apple would have given, in Base64.

    Raises:
        WireError: the request is refused.
    """
    check(body, "ApplePaySessionRequest")
    now = books.clock.now()
    session = {
        "epochTimestamp": int(now.timestamp() * 1000),
        "expiresAt": int((now + _SESSION_LIVES).timestamp() * 1000),
        "merchantSessionIdentifier": f"SSH{books.mint()}",
        "nonce": books.mint().lower(),
        "merchantIdentifier": body["merchantIdentifier"],
        "domainName": body["domainName"],
        "displayName": body["displayName"],
        "signature": "00",
    }
    return {"data": base64.b64encode(json.dumps(session).encode()).decode()}


def _of(books: Books, shopper: str | None) -> list[StoredMethod]:
    return [stored for stored in books.stored.values() if stored.shopper == shopper]


def _shown(stored: StoredMethod) -> dict[str, Any]:
    card = stored.instrument
    shown: dict[str, Any] = {
        "id": stored.id,
        "type": "scheme" if card.kind == "card" else card.kind,
        "name": card.brand.upper(),
        "supportedRecurringProcessingModels": _MODELS,
    }
    if card.summary:
        month, _, year = card.expiry.partition("/")
        shown |= {"brand": card.brand, "lastFour": card.summary, "expiryMonth": month, "expiryYear": year[-2:]}
    return shown | ({"holderName": card.holder} if card.holder else {})
