"""How the command line writes amounts, times and what others wrote."""

import sys
import unicodedata
from datetime import timedelta
from typing import Final

from rich.console import Console

from evpay.money import exponent_of, from_minor

__all__ = ["age_text", "console", "minor_text", "shown"]

_LEAST_COLUMNS: Final = 80
_MARK: Final = "\N{REPLACEMENT CHARACTER}"
_AGES: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def console() -> Console:
    """Return the console on standard output; in a pipe it is as wide as a common terminal."""
    width = None if sys.stdout.isatty() else _LEAST_COLUMNS
    return Console(highlight=False, markup=False, emoji=False, width=width)


def shown(text: object) -> str:
    """Return text of others with what could move the cursor or turn the line around replaced by a mark."""
    return "".join(_MARK if unicodedata.category(letter).startswith("C") else letter for letter in str(text))


def minor_text(minor: int, currency: str) -> str:
    """Return an amount in minor units as a number of the currency, without its code.

    >>> minor_text(-1607, "EUR"), minor_text(500, "JPY")
    ('-16.07', '500')
    """
    if minor < 0:
        return f"-{minor_text(-minor, currency)}"
    return f"{from_minor(minor, currency).amount:.{exponent_of(currency)}f}"


def age_text(age: timedelta) -> str:
    """Return how long ago, in its largest unit.

    >>> age_text(timedelta(minutes=75))
    '1 h'
    """
    seconds = max(int(age.total_seconds()), 0)
    unit_s, unit = next((found for found in _AGES if seconds >= found[0]), _AGES[-1])
    return f"{seconds // unit_s} {unit}"
