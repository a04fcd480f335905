"""Adyen's smallest units, and how they become those of ISO 4217 and decimals."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from evpay_contrib_emulators.adyen.answers import WireError

__all__ = ["currency_of", "iso_minor", "major", "value_of", "wire_value"]

_NO_DECIMALS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS: Final = "BHD IQD JOD KWD LYD OMR TND"
_ISO_DECIMALS: Final[Mapping[str, int]] = {
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
}

# Where Adyen departs from ISO 4217: https://docs.adyen.com/development-resources/currency-codes, checked 2026-11-20.
_ADYEN_DECIMALS: Final[Mapping[str, int]] = {**_ISO_DECIMALS, "CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2}


def _iso_decimals(currency: str) -> int:
    return _ISO_DECIMALS.get(currency, 2)


def _decimals(currency: str) -> int:
    return _ADYEN_DECIMALS.get(currency, 2)


def iso_minor(value: int, currency: str) -> int:
    """Return an amount of the wire in the minor units of ISO 4217."""
    return int(Decimal(value).scaleb(_iso_decimals(currency) - _decimals(currency)))


def major(value: int, currency: str) -> Decimal:
    """Return an amount of the wire as a decimal in whole units, as reports and terminals show it."""
    return Decimal(value).scaleb(-_decimals(currency))


def wire_value(amount: Decimal, currency: str) -> int:
    """Return a decimal amount of a terminal in Adyen's smallest units.

    Raises:
        ValueError: the currency has no such small amounts.
    """
    scaled = amount.scaleb(_decimals(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} {currency} has too many decimals")
    return int(scaled)


def currency_of(amount: Mapping[str, Any]) -> str:
    """Return the currency of an amount object.

    Raises:
        WireError: it is not a currency code.
    """
    currency: str = amount["currency"]
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise WireError("138")
    return currency


def value_of(amount: Mapping[str, Any], *, least: int) -> int:
    """Return the value of an amount object.

    Raises:
        WireError: it is less than `least`, or not an amount that the currency has: this emulator refuses 1.50 ISK,
            which books in ISO 4217 units could not show. What Adyen does with it is not verified.
    """
    value: int = amount["value"]
    currency = currency_of(amount)
    step = 10 ** max(_decimals(currency) - _iso_decimals(currency), 0)
    if value < least or value % step:
        raise WireError("137")
    return value
