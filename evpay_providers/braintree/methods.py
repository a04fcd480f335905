"""The means of payment behind a transaction: a card, a wallet with a card, PayPal or Venmo."""

from collections.abc import Mapping
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.providers import MethodKind, PaymentMethod

__all__ = ["CARDS", "VAULT", "saved_method", "slip_of"]

Answer = Mapping[str, Any]

VAULT: Final = "vault:"
"""In front of a token of the vault; a token without it is a nonce, unless nobody is there."""

# Payment instrument type -> the part of a transaction that describes it. Google Pay is still called Android Pay.
# https://developer.paypal.com/braintree/docs/reference/response/transaction (checked 2026-11-20)
INSTRUMENTS: Final[Mapping[str, str]] = {
    "credit_card": "credit_card",
    "apple_pay_card": "apple_pay",
    "android_pay_card": "android_pay_card",
    "paypal_account": "paypal",
    "venmo_account": "venmo_account",
}
# What a receipt says where there is no card number.
WORDS: Final[Mapping[str, str]] = {"paypal_account": "PayPal", "venmo_account": "Venmo"}
# The card types that are written in another way elsewhere; others in small letters.
# https://developer.paypal.com/braintree/docs/reference/response/credit-card (checked 2026-11-20)
BRANDS: Final[Mapping[str, str]] = {"American Express": "amex"}
CARDS: Final = frozenset({"credit_card", "apple_pay_card", "android_pay_card"})


def _instrument(transaction: Answer) -> Answer:
    part = transaction.get(INSTRUMENTS.get(str(transaction.get("payment_instrument_type")), ""))
    return part if isinstance(part, Mapping) else {}


def saved_method(transaction: Answer, *, account: str) -> PaymentMethod | None:
    """Return the method as it is in the vault, None if it is not there, or cannot be kept."""
    found = _instrument(transaction)
    token = found.get("token")
    if not token:
        return None
    year, month = str(found.get("expiration_year") or ""), str(found.get("expiration_month") or "")
    wallet = transaction.get("payment_instrument_type") != "credit_card"
    last4 = str(found.get("last_4") or found.get("virtual_card_last_4") or "")
    try:
        return PaymentMethod(
            f"{VAULT}{token}",
            kind=MethodKind.WALLET if wallet else MethodKind.CARD,
            account=account,
            customer=(transaction.get("customer") or {}).get("id"),
            brand=_brand(found),
            last4=last4 if len(last4) == 4 and last4.isascii() and last4.isalnum() else None,
            expires=f"{year}-{month:0>2}" if year.isdecimal() and len(year) == 4 and month.isdecimal() else None,
        )
    except InvalidInput:
        # The money is certain, a token that we must not keep is not: it looks like a card number, or is malformed.
        return None


def _brand(instrument: Answer) -> str | None:
    found = str(instrument.get("card_type") or instrument.get("virtual_card_type") or "")
    card = found.rpartition(" - ")[2]  # as in "Apple Pay - Visa"
    return BRANDS.get(card, card.lower())[:40] or None


def slip_of(transaction: Answer) -> dict[str, str]:
    """Return what a receipt says of the means of payment."""
    found = _instrument(transaction)
    parts = {
        "method": WORDS.get(str(transaction.get("payment_instrument_type"))),
        "brand": _brand(found),
        "last4": found.get("last_4") or found.get("virtual_card_last_4"),
        "authorization_code": transaction.get("processor_authorization_code"),
    }
    return {name: str(value) for name, value in parts.items() if value}
