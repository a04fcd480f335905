"""Exact money over py-moneyed: strict construction, minor units, one named rounding, exact allotting.

This is the only module that touches py-moneyed's edges.
Its Money accepts floats, NaN, lower-case codes and more decimals than the currency has, and converts to
minor units by cutting off; here each of those is refused with its reason.
"""

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, DecimalException, localcontext
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, Self

import moneyed
from moneyed import Currency
from moneyed.classes import SupportsNeg
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from evpay.errors import InvalidInput

__all__ = [
    "MAX_MINOR",
    "Money",
    "Rounding",
    "allot",
    "checked",
    "currency_of",
    "exponent_of",
    "format_money",
    "from_minor",
    "parse_money",
    "round_fraction",
    "to_minor",
    "total",
]

MAX_MINOR: Final = 2**53 - 1
"""Largest amount, in minor units: the largest integer that every JSON reader keeps exact (RFC 8259 section 6)."""

_NOT_DECIMAL: Final = {"MGA": 2, "MRU": 2}
"""ISO 4217 gives these two decimals although five of the smaller coin make one of the larger."""

_EXACT: Final = Context(prec=100)
"""Wide enough for every amount; the context of the thread belongs to the host, who may have made it narrow."""

_PLAIN_NUMBER: Final = re.compile(r"[+-]?\d{1,24}(?:\.\d{1,24})?\Z", re.ASCII)
_WRITTEN: Final = re.compile(r"(?P<amount>[+-]?\d[\d.]*)\s+(?P<currency>[A-Z]{3})\Z", re.ASCII)


class Rounding(StrEnum):
    """The rules by which a price becomes an amount that can be paid."""

    HALF_AWAY_FROM_ZERO = "half_away_from_zero"
    HALF_EVEN = "half_even"
    UP = "up"
    DOWN = "down"


@lru_cache(maxsize=512)
def currency_of(code: str) -> Currency:
    """Return the ISO 4217 currency of a code in capitals.

    Raises:
        InvalidInput: `unknown_currency` for anything else.
    """
    if re.fullmatch(r"[A-Z]{3}", str(code), re.ASCII):
        try:
            return moneyed.get_currency(code)
        except moneyed.CurrencyDoesNotExist:
            pass
    raise InvalidInput(
        f"{code!r:.40} is not a currency evpay knows. Use the ISO 4217 code in capitals, for example 'EUR'.",
        code="unknown_currency",
    )


@lru_cache(maxsize=512)
def exponent_of(currency: str) -> int:
    """Return how many decimals the currency has by ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _NOT_DECIMAL.get(currency, len(str(currency_of(currency).sub_unit)) - 1)


def _exact_decimal(amount: object) -> Decimal:
    if isinstance(amount, bool) or not isinstance(amount, int | str | Decimal):
        raise InvalidInput(
            f"An amount of {amount!r} ({type(amount).__name__}) is not exact. "
            "Give it as a string, an int or a Decimal: Money('12.30', 'EUR').",
            code="inexact_amount",
        )
    if isinstance(amount, str) and not _PLAIN_NUMBER.match(amount):
        raise InvalidInput(f"{amount[:40]!r} is not a plain decimal number such as '12.30'.", code="malformed_amount")
    try:
        number = Decimal(amount)
    except (DecimalException, ValueError) as error:
        raise InvalidInput(f"{str(amount)[:40]!r} is not a decimal number.", code="malformed_amount") from error
    if not number.is_finite():
        raise InvalidInput(f"{number} is not an amount.", code="malformed_amount")
    return number


def _checked_amount(amount: object, currency: Currency) -> Decimal:
    number = _exact_decimal(amount)
    exponent = exponent_of(currency.code)
    shown = f"{str(number)[:40]} {currency.code}"
    if number and number.adjusted() > 20:
        raise InvalidInput(f"{shown} is too large to be an amount.", code="amount_too_large")
    minor = number.scaleb(exponent, context=_EXACT) if len(number.as_tuple().digits) < 90 else None
    if minor is None or minor != minor.to_integral_value():
        raise InvalidInput(
            f"{shown} has more decimals than the currency: {currency.code} has {exponent}. "
            "Round it first, once, by a rule you choose.",
            code="excess_decimals",
        )
    if minor.copy_abs() > MAX_MINOR:
        raise InvalidInput(f"{shown} is too large to be an amount.", code="amount_too_large")
    amount_of_currency = number if minor else number.copy_abs()  # there is no minus zero
    return amount_of_currency.quantize(Decimal((0, (1,), -exponent)), context=_EXACT)


def _no_float(factor: object) -> None:
    if isinstance(factor, float):
        raise InvalidInput(
            f"Money cannot be multiplied or divided by {factor!r}: a float is not exact. Use an int or a Decimal.",
            code="inexact_number",
        )


class Money(moneyed.Money):
    """An exact amount in one currency.

    A py-moneyed Money that refuses what cannot be paid: floats, NaN, more decimals than the currency has,
    unknown or lower-case codes. The amount always has the currency's own number of decimals.

    >>> Money("12.3", "EUR")
    Money('12.30', 'EUR')
    >>> Money("10.00", "EUR") + Money("2.30", "EUR")
    Money('12.30', 'EUR')

    Raises:
        InvalidInput: with the value, the cause and the cure.
    """

    def __init__(self, amount: str | int | Decimal, currency: str | Currency) -> None:
        iso = currency_of(currency.code if isinstance(currency, Currency) else str(currency))
        super().__init__(_checked_amount(amount, iso), iso)

    # The operators are py-moneyed's, made exact under any context of the host's; the constructor checks each result.

    def __add__(self, other: object) -> Self:
        with localcontext(_EXACT):
            return super().__add__(other)

    __radd__ = __add__

    def __sub__(self, other: SupportsNeg) -> Self:
        with localcontext(_EXACT):
            return super().__sub__(other)

    def __neg__(self) -> Self:
        with localcontext(_EXACT):
            return super().__neg__()

    def __abs__(self) -> Self:
        with localcontext(_EXACT):
            return super().__abs__()

    def __mul__(self, other: object) -> Self:
        _no_float(other)
        with localcontext(_EXACT):
            return super().__mul__(other)

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Self | Decimal:
        _no_float(other)
        with localcontext(_EXACT):
            return super().__truediv__(other)

    def __rmod__(self, other: object) -> Self:
        _no_float(other)
        with localcontext(_EXACT):
            return super().__rmod__(other)

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__:
            raise AttributeError(f"Money cannot be changed: {name} is part of its value.")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Money cannot be changed: {name} is part of its value.")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (str(self.amount), self.currency.code)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency.code}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(
            _validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_serialize, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del schema, handler
        return {
            "type": "object",
            "title": "Money",
            "properties": {
                "amount": {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["12.30"]},
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]},
            },
            "required": ["amount", "currency"],
            "additionalProperties": False,
        }


def _serialize(money: Money) -> dict[str, str]:
    return {"amount": f"{money.amount:f}", "currency": money.currency.code}


def _validate(value: object) -> Money:
    if isinstance(value, moneyed.Money):
        return checked(value)
    if isinstance(value, str):
        return parse_money(value)
    if (
        isinstance(value, dict)
        and value.keys() == {"amount", "currency"}
        and isinstance(value["amount"], str | Decimal)
    ):
        return Money(value["amount"], value["currency"])
    raise InvalidInput(
        "Money is written {'amount': '12.30', 'currency': 'EUR'} with the amount as a string; "
        f"got {type(value).__name__}.",
        code="malformed_money",
    )


def checked(money: moneyed.Money) -> Money:
    """Return a plain py-moneyed Money as a strict one; a strict one comes back as it is.

    Raises:
        InvalidInput: if the plain one holds what a strict one refuses.
    """
    return money if isinstance(money, Money) else Money(money.amount, money.currency)


def parse_money(text: str) -> Money:
    """Read `"50 EUR"` or `"12.30 EUR"`, the way settings write money."""
    match = _WRITTEN.match(text)
    if match is None:
        raise InvalidInput(
            f"{text[:40]!r} is not money. Write the amount and the ISO 4217 code: '50 EUR'.",
            code="malformed_money",
        )
    return Money(match["amount"], match["currency"])


def to_minor(money: moneyed.Money) -> int:
    """Return the amount in minor units of ISO 4217: 12.30 EUR is 1230, 500 JPY is 500. Exact or an error."""
    strict = checked(money)
    return int(strict.amount.scaleb(exponent_of(strict.currency.code), context=_EXACT))


def from_minor(minor: int, currency: str) -> Money:
    """Return minor units of ISO 4217 as money: 1230 and "EUR" is 12.30 EUR."""
    if type(minor) is not int:
        raise InvalidInput(f"Minor units are a whole int, not {minor!r}.", code="inexact_amount")
    return Money(Decimal(minor).scaleb(-exponent_of(currency), context=_EXACT), currency)


def total(amounts: Iterable[moneyed.Money], *, currency: str) -> Money:
    """Return the sum; the currency is named so that an empty sum has one too.

    Raises:
        InvalidInput: `currency_mismatch` if an amount is in another currency.
    """
    minor = 0
    for money in amounts:
        if money.currency.code != currency:
            raise InvalidInput(
                f"{money.amount} {money.currency.code} cannot be added to a total in {currency}: "
                "evpay never converts currencies.",
                code="currency_mismatch",
            )
        minor += to_minor(money)
    return from_minor(minor, currency)


def round_fraction(value: Fraction, *, rule: Rounding = Rounding.HALF_AWAY_FROM_ZERO, step: int = 1) -> int:
    """Round to a whole multiple of `step` by the named rule. Exact: no Decimal, no context."""
    scaled = value / step
    floor = math.floor(scaled)
    rest = scaled - floor
    if rest == 0:
        return floor * step
    match rule:
        case Rounding.HALF_AWAY_FROM_ZERO:
            up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and value > 0)
        case Rounding.HALF_EVEN:
            up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and floor % 2 == 1)
        case Rounding.UP:
            up = True
        case Rounding.DOWN:
            up = False
    return (floor + up) * step


def allot(whole: int, weights: Sequence[int | Fraction]) -> list[int]:
    """Split `whole` minor units over `weights` so that the parts add up to it exactly.

    Largest remainder: every part is the floor or the ceiling of its exact share; ties go to the earlier part.
    All weights zero: the whole goes to the first part.

    Raises:
        InvalidInput: a weight below zero, or a whole other than zero and nothing to split it over.
    """
    if any(weight < 0 for weight in weights):
        raise InvalidInput(f"{list(weights)!r:.80} has a weight below zero.", code="negative_weight")
    if not weights:
        if whole:
            raise InvalidInput(f"{whole} cannot be split over nothing.", code="nothing_to_allot")
        return []
    weight_sum = sum(weights)
    if weight_sum == 0:
        return [whole] + [0] * (len(weights) - 1)
    shares = [Fraction(whole) * weight / weight_sum for weight in weights]
    parts = [math.floor(share) for share in shares]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - shares[index])
    for index in by_remainder[: whole - sum(parts)]:
        parts[index] += 1
    return parts


def format_money(money: moneyed.Money, *, locale: str = "en") -> str:
    """Write money for a reader of `locale` (`en`, `de-DE`, `nb-NO`), never by the process environment."""
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - loads locale data, needed only for display
    from babel.numbers import format_currency  # noqa: PLC0415

    strict = checked(money)
    try:
        reader = Locale.parse(locale.replace("-", "_"))  # never empty: babel would then ask the environment
        with localcontext(_EXACT):
            return format_currency(strict.amount, strict.currency.code, locale=reader, decimal_quantization=False)
    except (ValueError, UnknownLocaleError) as error:
        raise InvalidInput(f"{locale!r:.40} is not a locale such as 'en' or 'de-DE'.", code="unknown_locale") from error
