"""Adyen's own way of writing amounts, and back; exact, or refused."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.money import Money, exponent_of, from_minor, to_minor
from evpay.providers import AmountRule

__all__ = ["ADYEN_EXPONENTS", "AMOUNT_RULES", "CURRENCIES", "amount_param", "from_adyen", "money_of", "to_adyen"]


def _codes(text: str) -> list[str]:
    return text.split()


# https://docs.adyen.com/development-resources/currency-codes (checked 2026-11-20)
CURRENCIES: Final = frozenset(
    _codes(
        "AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BMD BND BOB BRL BSD BWP BYN BZD CAD CHF CLP CNY COP "
        "CRC CUP CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS "
        "INR IQD ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LYD MAD MDL MKD MMK MNT MOP MRU MUR MVR "
        "MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK "
        "SGD SHP SLE SOS SRD STN SVC SZL THB TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF "
        "YER ZAR ZMW"
    )
)

# What is not listed has two decimals. CLP and ISK have none by ISO 4217 and two here; CVE and IDR the other way round.
# https://docs.adyen.com/development-resources/currency-codes#minor-units (checked 2026-11-20)
ADYEN_EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(_codes("CVE DJF GNF IDR JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"), 0)
    | dict.fromkeys(_codes("BHD IQD JOD KWD LYD OMR TND"), 3)
)


def _exponent(currency: str) -> int:
    return ADYEN_EXPONENTS.get(currency, 2)


def to_adyen(money: Money) -> int:
    """Return the amount as Adyen writes it: 500 ISK is 50000, 12.30 EUR is 1230, 5000 IDR is 5000.

    Raises:
        InvalidInput: for a currency that Adyen does not take and for an amount that it cannot write.
    """
    currency = money.currency.code
    if currency not in CURRENCIES:
        raise InvalidInput(f"Adyen takes no {currency}.", code="currency_not_supported")
    shift = _exponent(currency) - exponent_of(currency)
    minor = to_minor(money)
    wire, rest = (minor * int(10**shift), 0) if shift >= 0 else divmod(minor, int(10**-shift))
    if rest:
        raise InvalidInput(
            f"{money} cannot be written for Adyen, which takes {currency} in steps of "
            f"{from_minor(_step_minor(currency), currency)}. Round the price to that step.",
            code="amount_not_payable",
        )
    return wire


def amount_param(money: Money) -> dict[str, Any]:
    """Return the amount as Adyen's object of value and currency.

    Raises:
        InvalidInput: as `to_adyen` does.
    """
    return {"value": to_adyen(money), "currency": money.currency.code}


def from_adyen(value: int, currency: str) -> Money:
    """Return what Adyen wrote as money.

    Raises:
        InvalidInput: for what is not a whole number, and if the currency cannot hold it exactly.
    """
    if type(value) is not int:
        raise InvalidInput(f"{value!r} is not an amount.", code="malformed_amount")
    minor, rest = divmod(value * 10 ** exponent_of(currency), 10 ** _exponent(currency))
    if rest:
        raise InvalidInput(f"{value} is not a whole number of the smallest {currency}.", code="excess_decimals")
    return from_minor(minor, currency)


def money_of(amount: object) -> Money | None:
    """Read Adyen's object of value and currency; None where there is none.

    Raises:
        InvalidInput: for an object that is not an amount.
    """
    if amount is None:
        return None
    if not isinstance(amount, dict) or not isinstance(amount.get("currency"), str):
        raise InvalidInput("An amount has a value and a currency.", code="malformed_amount")
    return from_adyen(amount["value"], amount["currency"])


def _step_minor(currency: str) -> int:
    return int(Decimal(10) ** max(exponent_of(currency) - _exponent(currency), 0))


AMOUNT_RULES: Final[Mapping[str, AmountRule]] = MappingProxyType(
    {code: AmountRule(minimum_minor=_step_minor(code), step_minor=_step_minor(code)) for code in sorted(CURRENCIES)}
)
