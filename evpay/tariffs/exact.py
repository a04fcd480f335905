"""Exact numbers: decimals that never were floats, and fractions as text.

A fraction that no decimal holds (37 minutes at 1.00 per hour is 37/60) keeps its exact value in JSON as `"37/60"`.
"""

import re
from decimal import ROUND_DOWN, Context, Decimal
from fractions import Fraction
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from evpay.errors import InvalidInput

__all__ = [
    "MAX_DECIMALS",
    "Exact",
    "decimal_of",
    "decimals_of",
    "exact_decimal",
    "fraction_from_text",
    "fraction_text",
    "plain_text",
]

MAX_DECIMALS: Final = 12
"""Most decimals of a price, a rate or a limit: OCPI prices have 4."""

_MAX_MAGNITUDE: Final = 12
_PLAIN_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_FRACTION: Final = re.compile(r"-?\d{1,400}(?:/\d{1,400}|\.\d{1,400})?\Z", re.ASCII)


def exact_decimal(value: object, *, decimals: int = MAX_DECIMALS) -> Decimal:
    """Return a string, int or Decimal as Decimal; everything that may have lost digits is refused.

    Raises:
        InvalidInput: `inexact_number` for floats and other types, `malformed_number` for text that is no number,
            `number_out_of_range` beyond 12 digits before or `decimals` after the point.

    >>> exact_decimal("0.49")
    Decimal('0.49')
    """
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise InvalidInput(
            f"{repr(value) if isinstance(value, float) else 'This'} ({type(value).__name__}) is not an exact number. "
            "Give it as a string, an int or a Decimal ('0.49'); read JSON with read_json, which keeps every digit.",
            code="inexact_number",
        )
    if isinstance(value, str) and not _PLAIN_NUMBER.match(value):
        raise InvalidInput(f"{value[:40]!r} is not a plain decimal number such as '0.49'.", code="malformed_number")
    if isinstance(value, int) and abs(value) >= 10**_MAX_MAGNITUDE:
        raise InvalidInput("The number has more than 12 digits before the point.", code="number_out_of_range")
    number = Decimal(value)
    if not number.is_finite():
        raise InvalidInput(f"{number} is not a number that can be priced.", code="malformed_number")
    if (number and number.adjusted() >= _MAX_MAGNITUDE) or decimals_of(number) > decimals:
        raise InvalidInput(
            f"{number:.3e} is out of range: at most {_MAX_MAGNITUDE} digits before and {decimals} after the point.",
            code="number_out_of_range",
        )
    return number or Decimal(0).scaleb(-decimals_of(number))


def decimals_of(number: Decimal) -> int:
    """Return how many decimals the number is written with: 2 for 0.50, 0 for 1E+2."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def plain_text(number: Decimal) -> str:
    """Return the number without exponent, with the decimals it was written with."""
    return f"{number:f}"


Exact = Annotated[
    Decimal,
    BeforeValidator(exact_decimal),
    PlainSerializer(plain_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["0.49"]}),
]
"""A Decimal field of a model: floats refused, a string in JSON."""


def _is_decimal(denominator: int) -> bool:
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    return denominator == 1


def decimal_of(value: Fraction) -> Decimal:
    """Return the fraction as Decimal: exact where a decimal holds it, else cut off at 40 digits or more.

    The digits suffice that the cut can neither make nor hide a tie of any rounding.
    The ambient decimal context plays no part.
    """
    top, bottom = Decimal(value.numerator), Decimal(value.denominator)
    digits = max(40, len(top.as_tuple().digits) + 4 * len(bottom.as_tuple().digits) + 10)
    return Context(prec=digits, rounding=ROUND_DOWN).divide(top, bottom)


def fraction_text(value: Fraction) -> str:
    """Return the exact value as text: `5.625` where a decimal holds it, else `37/60`.

    >>> fraction_text(Fraction(5625, 1000)), fraction_text(Fraction(37, 60))
    ('5.625', '37/60')
    """
    return plain_text(decimal_of(value)) if _is_decimal(value.denominator) else str(value)


def fraction_from_text(text: object) -> Fraction:
    """Read what `fraction_text` wrote.

    Raises:
        InvalidInput: `malformed_number`.
    """
    if isinstance(text, str) and _FRACTION.match(text):
        try:
            return Fraction(text)
        except ZeroDivisionError:
            pass
    raise InvalidInput(
        f"{str(text)[:40]!r} is not an exact number such as '5.625' or '37/60'.", code="malformed_number"
    )
