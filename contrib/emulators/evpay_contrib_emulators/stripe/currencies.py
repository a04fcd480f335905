"""What Stripe does with the smallest units of currencies."""

from typing import Final

from evpay_contrib_emulators.stripe.refusal import Refusal, invalid

__all__ = ["iso_minor", "require_amount", "whole_units"]

# https://docs.stripe.com/currencies#special-cases (checked 2026-11-20): whole units sent as hundredths.
_WHOLE: Final = frozenset({"isk", "ugx"})
# https://docs.stripe.com/currencies#three-decimal (checked 2026-11-20): the last digit must be 0.
_THREE_DECIMALS: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts (checked 2026-11-20), those that are used here
_LEAST: Final = {"aud": 50, "cad": 50, "chf": 50, "eur": 50, "gbp": 30, "jpy": 50, "usd": 50}
_MOST: Final = 99_999_999


def require_amount(amount: int, currency: str) -> None:
    """Refuse an amount that Stripe would not charge.

    Raises:
        Refusal: it is not positive, too small, too large, or not a real amount of that currency.
    """
    if amount <= 0:
        raise invalid(
            "This value must be greater than or equal to 1.", param="amount", code="parameter_invalid_integer"
        )
    if len(currency) != 3 or not currency.isalpha():
        raise invalid(f"Invalid currency: {currency}.", param="currency")
    if (currency in _WHOLE and amount % 100) or (currency in _THREE_DECIMALS and amount % 10):
        raise Refusal(400, f"Invalid amount for {currency}: it has fewer decimals.", param="amount")
    if amount < _LEAST.get(currency, 1):
        raise Refusal(400, "The amount is below the minimum charge.", code="amount_too_small", param="amount")
    if amount > _MOST:
        raise Refusal(400, "Amount must be no more than $999,999.99", code="amount_too_large", param="amount")


def whole_units(amount: int, currency: str) -> int:
    """Return the amount without the decimals that the currency has only on the wire."""
    return amount - amount % 100 if currency in _WHOLE else amount


def iso_minor(amount: int, currency: str) -> int:
    """Return Stripe's amount in the minor units of ISO 4217."""
    if currency in _WHOLE:
        return amount // 100
    return amount * 100 if currency == "mga" else amount
