"""Reads the payment method of a request: cards as Adyen's test environment takes them, wallets, PayPal and Venmo."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.adyen.answers import WireError
from evpay_contrib_emulators.adyen.books import Instrument
from evpay_contrib_emulators.adyen.fields import check
from evpay_contrib_emulators.adyen.refusals import verdict_with

__all__ = ["instrument_of", "is_valid_number"]

# Which table of fields a type of payment method has; the names are those of the specification.
_TABLE_OF: Final[Mapping[str, str]] = {
    "applepay": "ApplePayDetails",
    "card": "CardDetails",
    "googlepay": "GooglePayDetails",
    "paypal": "PayPalDetails",
    "paywithgoogle": "GooglePayDetails",
    "scheme": "CardDetails",
    "venmo": "VenmoDetails",
}
_BRANDS: Final = (
    (re.compile(r"3[47]"), "amex"),
    (re.compile(r"4"), "visa"),
    (re.compile(r"5[1-5]|2[2-7]"), "mc"),
    (re.compile(r"6011|64|65"), "discover"),
    (re.compile(r"50|56|57|58|6"), "maestro"),
)
# Test cards of https://docs.adyen.com/development-resources/testing/test-card-numbers and of the examples in the
# specification that ask for 3-D Secure; all cards take the same expiry dates and security codes. Checked 2026-11-20.
_ENROLLED: Final = frozenset({"4212345678901237", "4035501428146300", "4917610000000000"})
_EXPIRIES: Final = frozenset({"03/2030", "10/2030", "12/2030"})
_SECURITY_CODES: Final = frozenset({"737", "7373"})
_WALLET_BRAND: Final = "visa"  # an emulated wallet has one card
_TEST_PREFIX: Final = "test_"


def is_valid_number(number: str) -> bool:
    """Return whether this can be a card number: its length, and its check digit (ISO/IEC 7812-1)."""
    if not re.fullmatch(r"\d{12,19}", number, re.ASCII):
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def instrument_of(details: Mapping[str, Any]) -> Instrument:
    """Return what is paid with.

    Raises:
        WireError: the payment method is not one, or its fields do not fit.
    """
    kind = details.get("type", "scheme")
    if not isinstance(kind, str) or kind not in _TABLE_OF:
        raise WireError("702", "Field 'paymentMethod' is not valid.")
    check(details, _TABLE_OF[kind])
    if kind in {"scheme", "card"}:
        return _card(details)
    if kind in {"applepay", "googlepay", "paywithgoogle"}:
        name = "applepay" if kind == "applepay" else "googlepay"
        token = details["applePayToken" if name == "applepay" else "googlePayToken"]
        return Instrument(
            kind=name,
            brand=_WALLET_BRAND,
            variant=f"{_WALLET_BRAND}_{name}",
            summary=_digits_for(token),
            expiry="03/2030",
        )
    return Instrument(kind=kind, brand=kind, variant=kind, subtype=details.get("subtype"))


def _card(details: Mapping[str, Any]) -> Instrument:
    number = _plain(details, "number", "encryptedCardNumber")
    month, year = (
        _plain(details, "expiryMonth", "encryptedExpiryMonth"),
        _plain(details, "expiryYear", "encryptedExpiryYear"),
    )
    security_code = _plain(details, "cvc", "encryptedSecurityCode")
    if not is_valid_number(number):
        raise WireError("101")
    if not re.fullmatch(r"\d{1,2}", month) or not re.fullmatch(r"\d{4}", year):
        raise WireError("129")
    brand = next((brand for pattern, brand in _BRANDS if pattern.match(number)), "visa")
    if security_code and len(security_code) != (4 if brand == "amex" else 3):
        raise WireError("103")
    expiry = f"{month.zfill(2)}/{year}"
    flaw = None
    if expiry not in _EXPIRIES:
        flaw = verdict_with("2", raw="DECLINED Expiry Incorrect")
    elif security_code and security_code not in _SECURITY_CODES:
        flaw = verdict_with("24", raw="DECLINED CVC Incorrect")
    return Instrument(
        kind="scheme",
        brand=brand,
        variant=brand,
        summary=number[-4:],
        expiry=expiry,
        holder=details.get("holderName"),
        enrolled=number in _ENROLLED,
        flaw=flaw,
    )


def _plain(details: Mapping[str, Any], name: str, encrypted: str) -> str:
    """Return a field of a card, or what its encrypted twin says: here, as at Adyen's, `test_` and the plain value."""
    if name in details:
        return str(details[name])
    value = str(details.get(encrypted, ""))
    if value and not value.startswith(_TEST_PREFIX):
        raise WireError("174")
    return value.removeprefix(_TEST_PREFIX)


def _digits_for(token: str) -> str:
    """Return four digits that are always the same for a token."""
    return f"{int.from_bytes(hashlib.sha256(token.encode()).digest()[:4]) % 10_000:04}"
