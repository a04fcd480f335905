"""Braintree's own way of writing amounts, and back; exact, or refused."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from evpay.errors import InvalidInput
from evpay.money import Money, exponent_of, from_minor, to_minor
from evpay.providers import AmountRule

__all__ = ["BRAINTREE_EXPONENTS", "amount_rule", "from_braintree", "to_braintree"]

# An amount is a decimal string in the format of the merchant account's currency: as many decimals as it has.
# https://developer.paypal.com/braintree/docs/reference/request/transaction/sale#amount and
# https://developer.paypal.com/braintree/docs/reference/general/currencies (checked 2026-11-20)
_PLACES: Final[Mapping[int, str]] = {
    0: "CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: "AED AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CHF CNY COP CRC CVE CZK DKK "
    "DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT "
    "LAK LBP LKR LRD LSL MAD MDL MKD MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "
    "PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SRD SVC SZL THB TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD YER ZAR",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
BRAINTREE_EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {code: places for places, codes in _PLACES.items() for code in codes.split()}
)


def to_braintree(money: Money) -> str:
    """Return the amount as Braintree writes it: "12.30" EUR, "500" JPY, "1.234" KWD; never with an exponent.

    Raises:
        InvalidInput: for a currency that is not in the table and for an amount that it cannot write.
    """
    currency = money.currency.code
    places = BRAINTREE_EXPONENTS.get(currency)
    if places is None:
        raise InvalidInput(f"Braintree takes no {currency}.", code="currency_not_supported")
    units, rest = divmod(to_minor(money) * 10**places, 10 ** exponent_of(currency))
    if rest or units < 0:
        raise InvalidInput(f"{money} cannot be written with {places} decimals.", code="amount_not_payable")
    whole, fraction = divmod(units, 10**places)
    return f"{whole}.{fraction:0{places}d}" if places else str(whole)


def from_braintree(amount: Decimal | str, currency: str) -> Money:
    """Return what Braintree wrote as money.

    Raises:
        InvalidInput: if it is no number, or the currency cannot hold it exactly.
    """
    number = amount if isinstance(amount, Decimal) else Decimal(str(amount))
    if not number.is_finite() or abs(number) >= 10**15:
        raise InvalidInput(f"{amount!r} is not an amount.", code="malformed_amount")
    minor, rest = divmod(number * 10 ** exponent_of(currency), 1)
    if rest:
        raise InvalidInput(f"{amount} is not a whole number of the smallest {currency}.", code="excess_decimals")
    return from_minor(int(minor), currency)


def amount_rule(currency: str) -> AmountRule:
    """Return the rule for a currency: the smallest step that both ISO 4217 and Braintree can write."""
    step = 10 ** max(exponent_of(currency) - BRAINTREE_EXPONENTS[currency], 0)
    return AmountRule(minimum_minor=step, step_minor=step)
