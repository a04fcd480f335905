"""Stripe's own way of writing amounts, and back; exact, or refused."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from evpay.errors import InvalidInput
from evpay.money import Money, exponent_of, from_minor, to_minor
from evpay.providers import AmountRule

__all__ = ["AMOUNT_RULES", "CURRENCIES", "STRIPE_EXPONENTS", "from_stripe", "limit_from_stripe", "to_stripe"]


def _codes(text: str) -> list[str]:
    return text.split()


# Presentment currencies. https://docs.stripe.com/currencies (checked 2026-11-20)
CURRENCIES: Final = frozenset(
    _codes(
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF "
        "CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR "
        "ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR "
        "MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR "
        "SEK SGD SHP SLE SOS SRD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF "
        "YER ZAR ZMW"
    )
)

# Where Stripe departs from the two decimals that it takes for granted.
# ISK and UGX have no decimals by ISO 4217, yet are sent with two, which must be 00; MGA has two by ISO and none here.
# https://docs.stripe.com/currencies#zero-decimal and #special-cases (checked 2026-11-20)
STRIPE_EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(_codes("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"), 0)
    | dict.fromkeys(_codes("BHD JOD KWD OMR TND"), 3)
    | dict.fromkeys(_codes("ISK UGX"), 2)
)

# What an amount on the wire must be a multiple of: the last digit of three, the last two of ISK and UGX, are 0.
# https://docs.stripe.com/currencies#three-decimal (checked 2026-11-20)
WIRE_STEPS: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(_codes("BHD JOD KWD OMR TND"), 10) | dict.fromkeys(_codes("ISK UGX"), 100)
)

# Smallest charge, in Stripe's units, of the currencies that state one. It holds in the currency of settlement, so an
# account that converts may meet a higher one. https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
# (checked 2026-11-20)
WIRE_MINIMUMS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "USD": 50, "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250,
        "EUR": 50, "GBP": 30, "HKD": 400, "HUF": 17_500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300,
        "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000,
    }
)  # fmt: skip


def _exponent(currency: str) -> int:
    return STRIPE_EXPONENTS.get(currency, 2)


def _wire_units(minor: int, currency: str) -> tuple[int, int]:
    """Return an ISO amount in Stripe's units, and what is left over in ISO units."""
    shift = _exponent(currency) - exponent_of(currency)
    return (minor * 10**shift, 0) if shift >= 0 else divmod(minor, 10**-shift)


def to_stripe(money: Money) -> int:
    """Return the amount as Stripe writes it: 500 ISK is 50000, 1.230 KWD is 1230, 12.30 EUR is 1230.

    Raises:
        InvalidInput: for a currency that Stripe does not take and for an amount that it cannot write.
    """
    currency = money.currency.code
    if currency not in CURRENCIES:
        raise InvalidInput(f"Stripe takes no {currency}.", code="currency_not_supported")
    wire, rest = _wire_units(to_minor(money), currency)
    step = WIRE_STEPS.get(currency, 1)
    if rest or wire % step:
        raise InvalidInput(
            f"{money} cannot be written for Stripe, which takes {currency} in steps of "
            f"{from_minor(_step_minor(currency), currency)}. Round the price to that step.",
            code="amount_not_payable",
        )
    return wire


def from_stripe(amount: int, currency: str) -> Money:
    """Return what Stripe wrote as money; `currency` in Stripe's lower case or in capitals.

    Raises:
        InvalidInput: if the currency cannot hold it exactly.
    """
    code = currency.upper()
    if type(amount) is not int:
        raise InvalidInput(f"{amount!r} is not an amount.", code="malformed_amount")
    minor, rest = divmod(amount * 10 ** exponent_of(code), 10 ** _exponent(code))
    if rest:
        raise InvalidInput(f"{amount} is not a whole number of the smallest {code}.", code="excess_decimals")
    return from_minor(minor, code)


def limit_from_stripe(amount: int, currency: str) -> Money:
    """Return the most that may be asked for under a limit: of 142255 in ISK only the whole krónur, 1422."""
    return from_stripe(amount - amount % WIRE_STEPS.get(currency.upper(), 1), currency)


def _step_minor(currency: str) -> int:
    exponent, iso = _exponent(currency), exponent_of(currency)
    wire_step = WIRE_STEPS.get(currency, 1)
    return int(10 ** (iso - exponent)) if iso > exponent else max(wire_step // int(10 ** (exponent - iso)), 1)


def _rule(currency: str) -> AmountRule:
    step = _step_minor(currency)
    minimum = WIRE_MINIMUMS.get(currency)
    least = step if minimum is None else minimum * 10 ** exponent_of(currency) // 10 ** _exponent(currency)
    return AmountRule(minimum_minor=max(least, 1), step_minor=step)


AMOUNT_RULES: Final[Mapping[str, AmountRule]] = MappingProxyType({code: _rule(code) for code in sorted(CURRENCIES)})
