"""What a `PaymentMethod` is in Adyen's words, and what Adyen saves as one of ours.

A token is one of three things: the id of a stored method, the object `paymentMethod` that Adyen's client library
gives to the page or the app, as JSON, or the same in base64url.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.payments.method import refuse_card_number
from evpay.providers import MethodKind, PaymentMethod

__all__ = ["client_method", "is_stored", "method_param", "saved_method", "type_of"]

_STORED: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
_EXPIRY: Final = re.compile(r"(\d{1,2})/(\d{4})\Z", re.ASCII)
_BASE64_OF_OBJECT: Final = "eyJ"

TYPES: Final[Mapping[MethodKind, str]] = {MethodKind.CARD: "scheme", MethodKind.WALLET: "scheme"}

# What is held as the wallet's own, not as the card behind it. https://docs.adyen.com/payment-methods (2026-11-20)
OWN_RAILS: Final = frozenset({"paypal", "venmo"})

# Card data in the clear: only encrypted fields are handed on.
# https://docs.adyen.com/api-explorer/Checkout/72/post/payments#request-paymentMethod (checked 2026-11-20)
IN_THE_CLEAR: Final = frozenset({"cvc", "encryptedPassword", "expiryMonth", "expiryYear", "number"})

# Where an answer or a webhook carries what was saved: the newer name first.
# https://docs.adyen.com/online-payments/tokenization/create-tokens (checked 2026-11-20)
SAVED_FIELDS: Final = (
    ("tokenization.storedPaymentMethodId", "tokenization.shopperReference"),
    ("recurring.recurringDetailReference", "recurring.shopperReference"),
)


def client_method(fields: Mapping[str, str], *, kind: MethodKind = MethodKind.CARD, **known: Any) -> PaymentMethod:
    """Make a method of what Adyen's client library has collected: its `state.data.paymentMethod`.

    `known` are further fields of `PaymentMethod`, as `customer`.

    >>> client_method({"type": "paypal", "subtype": "sdk"}, kind=MethodKind.WALLET).kind
    <MethodKind.WALLET: 'wallet'>

    Raises:
        InvalidInput: there is no type, or card data in the clear.
    """
    checked = _checked(dict(fields))
    text = json.dumps(checked, separators=(",", ":"), sort_keys=True)
    return PaymentMethod(base64.urlsafe_b64encode(text.encode()).decode(), kind=kind, **known)


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(fields.get("type"), str):
        raise InvalidInput("Adyen's paymentMethod has a type.", code="malformed_token")
    if fields.keys() & IN_THE_CLEAR:
        raise InvalidInput("Adyen's paymentMethod is handed on with encrypted fields only.", code="card_data")
    return fields


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InvalidInput("The token is not the JSON of Adyen's paymentMethod.", code="malformed_token")
    return _checked(content)


def _read(token: str) -> dict[str, Any] | None:
    """Return the client library's object, or None where the token is the id of a stored method."""
    if token.startswith("{"):
        return _object(token)
    if not token.startswith(_BASE64_OF_OBJECT):
        return None
    try:
        return _object(base64.urlsafe_b64decode(token.encode("ascii")).decode())
    except (binascii.Error, UnicodeError):
        raise InvalidInput("The token is not the base64url of Adyen's paymentMethod.", code="malformed_token") from None


def is_stored(method: PaymentMethod) -> bool:
    """Say whether the token is of a method that was saved."""
    fields = _read(method.token)
    return fields is None or "storedPaymentMethodId" in fields


def type_of(method: PaymentMethod) -> str:
    """Return Adyen's type: `scheme`, `applepay`, `paypal` and so on."""
    fields = _read(method.token)
    return TYPES.get(method.kind, "scheme") if fields is None else str(fields["type"])


def method_param(method: PaymentMethod, *, live: bool) -> dict[str, Any]:
    """Return the object `paymentMethod` of a request.

    Raises:
        InvalidInput: a kind that is not charged here, a token that is none, or card data that is not encrypted.
    """
    if method.kind not in TYPES:
        raise InvalidInput(
            f"A {method.kind} cannot be charged through Adyen here. Use a card, a wallet or a terminal.",
            code="method_not_supported",
        )
    fields = _read(method.token)
    if fields is not None:
        if live:
            # Adyen's test values are card numbers behind `test_`.
            refuse_card_number(json.dumps(fields), field="PaymentMethod.token")
        return fields
    if not _STORED.match(method.token):
        raise InvalidInput("The id of a stored method is letters and digits.", code="malformed_token")
    return {"type": TYPES[method.kind], "storedPaymentMethodId": method.token}


def saved_method(data: Mapping[str, Any], *, method_type: str | None, account: str) -> PaymentMethod | None:
    """Read what was saved from `additionalData`; `method_type` is the type or brand that was charged.

    None if nothing was saved, or nothing that can be kept.
    """
    found = next(
        ((data[token], data[customer]) for token, customer in SAVED_FIELDS if data.get(token) and data.get(customer)),
        None,
    )
    if found is None:
        return None
    token, customer = str(found[0]), str(found[1])
    own_rail = method_type in OWN_RAILS
    if own_rail:
        token = json.dumps({"type": method_type, "storedPaymentMethodId": token}, separators=(",", ":"))
    expiry = _EXPIRY.match(str(data.get("expiryDate", "")))
    last4 = str(data.get("cardSummary", ""))
    try:
        return PaymentMethod(
            token,
            kind=MethodKind.WALLET if own_rail else MethodKind.CARD,
            account=account,
            customer=customer,
            brand=str(data.get("paymentMethod") or method_type or "")[:40] or None,
            last4=last4 if re.fullmatch(r"[0-9A-Za-z]{4}", last4) else None,
            expires=f"{expiry[2]}-{int(expiry[1]):02d}" if expiry else None,
        )
    except InvalidInput:
        # The money is certain, a token that we must not keep is not: it looks like a card number, or is malformed.
        return None
