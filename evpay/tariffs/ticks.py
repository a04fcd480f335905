"""The unit in which volumes are counted: whole ticks, so that no volume is ever rounded twice.

One kWh, one hour and one start of a session are each 3,600,000,000 ticks: a tick is one millijoule or one microsecond.
All dimensions therefore share one formula, `amount = price * ticks`, in integers.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Final

from evpay.tariffs.exact import decimal_of

__all__ = [
    "TICKS_PER_SECOND",
    "TICKS_PER_UNIT",
    "TICKS_PER_WH",
    "half_away_from_zero",
    "snap",
    "ticks_from_units",
    "units_from_ticks",
]

TICKS_PER_UNIT: Final = 3_600_000_000
TICKS_PER_WH: Final = TICKS_PER_UNIT // 1000
TICKS_PER_SECOND: Final = TICKS_PER_UNIT // 3600


def ticks_from_units(number: Decimal) -> tuple[int, bool]:
    """Return kWh or hours as ticks, and whether that was exact.

    Eight decimals are always exact; what is finer is rounded half to even.

    >>> ticks_from_units(Decimal("20.45"))
    (73620000000, True)
    """
    top, bottom = number.as_integer_ratio()
    ticks, rest = divmod(top * TICKS_PER_UNIT, bottom)
    if rest == 0:
        return ticks, True
    twice = 2 * rest
    return ticks + (twice > bottom or (twice == bottom and ticks % 2 == 1)), False


def units_from_ticks(ticks: int) -> Decimal:
    """Return ticks as kWh or hours (cut off at 40 digits where no decimal holds them)."""
    return decimal_of(Fraction(ticks, TICKS_PER_UNIT))


def snap(ticks: int, within: int) -> int:
    """Return time snapped to the whole second if it is no further than `within` ticks from one.

    A CDR with 4 decimals writes 40 minutes as 0.6667 h, which is 2400.12 s; a step of 600 s must not bill 50 minutes.
    """
    nearest = (ticks + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND * TICKS_PER_SECOND
    return nearest if abs(ticks - nearest) <= within else ticks


def half_away_from_zero(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to the nearest whole number, ties away from zero; the denominator is positive."""
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((denominator - 2 * numerator) // (2 * denominator))
