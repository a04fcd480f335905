"""Money, quantities and times as a reader of one locale expects them; nothing is rounded that is owed or billed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal, format_percent

from evpay.errors import InvalidInput
from evpay.money import Money, exponent_of

__all__ = ["Figures", "figures_for"]

_DIRECTION_MARKS: Final = re.compile("[\u200e\u200f\u061c]")
_CODE_BEFORE_NUMBER: Final = re.compile(r"(?<=[A-Za-z])(?=-?\d)")


def figures_for(locale: str) -> "Figures":
    """Return the figures of a locale such as `en`, `de-AT` or `nb_NO`.

    Raises:
        InvalidInput: `unknown_locale`.
    """
    try:
        return Figures(Locale.parse(locale.replace("-", "_")))
    except (UnknownLocaleError, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{str(locale)[:40]!r} is not a locale such as 'en' or 'de-DE'.", code="unknown_locale"
        ) from error


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def _offset(local: datetime) -> str:
    """Return `UTC`, `UTC+2` or `UTC-3:30`."""
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    hour = f"{'-' if minutes < 0 else '+'}{hours}" if minutes else ""
    return f"UTC{hour}:{rest:02d}" if rest else f"UTC{hour}"


@dataclass(frozen=True, slots=True)
class Figures:
    """How one locale writes figures."""

    locale: Locale

    def money(self, money: Money) -> str:
        """Write an amount with all decimals of its currency."""
        return self._currency(money.amount, money.currency.code, exponent_of(money.currency.code))

    def price(self, price: Decimal, currency: str) -> str:
        """Write a price with all the decimals it is stated with, at least the currency's."""
        return self._currency(price, currency, max(exponent_of(currency), _decimals(price)))

    def _currency(self, number: Decimal, currency: str, decimals: int) -> str:
        pattern = self.locale.currency_formats["standard"].pattern
        places = f".{'0' * decimals}" if decimals else ""
        text = format_currency(
            number,
            currency,
            format=re.sub(r"(?<=0)\.0+", places, pattern),
            locale=self.locale,
            currency_digits=False,
        )
        return _CODE_BEFORE_NUMBER.sub("\N{NO-BREAK SPACE}", _DIRECTION_MARKS.sub("", text))

    def number(self, number: Decimal, *, decimals: int = 0) -> str:
        """Write a number with all its decimals, at least so many."""
        places = "0" * max(decimals, _decimals(number))
        text = format_decimal(number, format=f"#,##0.{places}" if places else "#,##0", locale=self.locale)
        return _DIRECTION_MARKS.sub("", text)

    def percent(self, percent: Decimal) -> str:
        """Write a rate given in percent."""
        text = format_percent(percent.scaleb(-2), locale=self.locale, decimal_quantization=False)
        return _DIRECTION_MARKS.sub("", text)

    def kwh(self, *energies_wh: Decimal | None) -> Sequence[str | None]:
        """Write energies given in Wh as kWh, all with the decimals of the finest of them."""
        kwh = [None if energy is None else energy.scaleb(-3) for energy in energies_wh]
        decimals = max((_decimals(energy) for energy in kwh if energy is not None), default=0)
        return [None if energy is None else f"{self.number(energy, decimals=decimals)} kWh" for energy in kwh]

    def instant(self, at: datetime, *, zone: str) -> str:
        """Write an instant in local time, with the offset from UTC; fractions of a second are left out."""
        local = at.astimezone(_zone(zone))
        text = format_datetime(local, "medium", tzinfo=local.tzinfo, locale=self.locale)
        return f"{_DIRECTION_MARKS.sub('', text)} ({_offset(local)})"

    def duration(self, seconds: Fraction) -> str:
        """Write a duration to the nearest second: `1 h 23 min 45 s`."""
        whole = int(seconds + Fraction(1, 2))
        parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
        return " ".join(f"{self.number(Decimal(count))} {unit}" for count, unit in parts if count) or "0 s"
