"""What restrictions compare, cut into classes: a restriction becomes a set of classes, and a lookup a number.

An axis is one quantity (time of day, weekday, date, kWh so far, duration, current, power) with sorted thresholds.
The class of a value is how many thresholds it has reached, so every interval is half-open: its lower bound belongs to
it, its upper bound does not. Midnight, lone ends and weekdays are only sets of classes; no rule about them is left
for the evaluator. Source: OCPI 2.3.0, mod_tariffs, TariffRestrictions.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Final

from evpay.tariffs.model import DayOfWeek, Restrictions
from evpay.tariffs.policy import PricingPolicy
from evpay.tariffs.ticks import TICKS_PER_SECOND, ticks_from_units
from evpay.tariffs.zone import DAY_S, ZoneClock

__all__ = ["NOT_MEASURED", "Axes", "AxisKind", "Mask", "Measured"]


class AxisKind(IntEnum):
    """A quantity that restrictions compare; the last four are measured and may be missing."""

    TIME_OF_DAY = 0
    WEEKDAY = 1
    DATE = 2
    ENERGY = 3
    DURATION = 4
    MIN_CURRENT = 5
    MAX_CURRENT = 6
    MIN_POWER = 7
    MAX_POWER = 8


Mask = tuple[int, int]
"""The place of an axis among those in use, and the classes that match as bits."""

Measured = tuple[int | None, int | None, int | None, int | None]
"""Least and greatest current (A) and least and greatest power (kW) of a period, in ticks; None if not measured."""

NOT_MEASURED: Final[Measured] = (None, None, None, None)

_LOCAL: Final = frozenset({AxisKind.TIME_OF_DAY, AxisKind.WEEKDAY, AxisKind.DATE})
_WEEKDAYS: Final[Mapping[DayOfWeek, int]] = {day: index for index, day in enumerate(DayOfWeek)}
_FIRST_WEEKDAY: Final = _WEEKDAYS[DayOfWeek.THURSDAY]  # 1970-01-01
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()
_NEVER: Final = 1 << 80

Range = tuple[AxisKind, int | None, int | None]


def _ticks(number: Decimal | None) -> int | None:
    return None if number is None else ticks_from_units(number)[0]


def _micros(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * TICKS_PER_SECOND


def _day(day: date | None) -> int | None:
    return None if day is None else day.toordinal() - _FIRST_DAY


def _second_of_day(text: str) -> int:
    return int(text[:2]) * 3600 + int(text[3:]) * 60


def _measured_axes(policy: PricingPolicy) -> dict[str, AxisKind]:
    """Say which end of what a period measured each bound is held against.

    `inside`: the whole period lies within the bounds. `touching`: any part of it does.
    """
    least = {"current": AxisKind.MIN_CURRENT, "power": AxisKind.MIN_POWER}
    most = {"current": AxisKind.MAX_CURRENT, "power": AxisKind.MAX_POWER}
    low, high = (least, most) if policy.measured_bounds == "inside" else (most, least)
    return {f"min_{name}": low[name] for name in least} | {f"max_{name}": high[name] for name in most}


def _ranges(restrictions: Restrictions, policy: PricingPolicy) -> list[Range]:
    """Return the restrictions that are plain ranges; None is an open end."""
    found: list[Range] = [
        (AxisKind.DATE, _day(restrictions.start_date), _day(restrictions.end_date)),
        (AxisKind.ENERGY, _ticks(restrictions.min_kwh), _ticks(restrictions.max_kwh)),
        (AxisKind.DURATION, _micros(restrictions.min_duration), _micros(restrictions.max_duration)),
    ]
    for name, kind in _measured_axes(policy).items():
        bound = _ticks(getattr(restrictions, name))
        found.append((kind, bound, None) if name.startswith("min") else (kind, None, bound))
    return [item for item in found if item[1] is not None or item[2] is not None]


def _times(restrictions: Restrictions, policy: PricingPolicy) -> list[tuple[int, int]] | None:
    """Return the seconds of the day in which the restrictions hold, or None if all.

    A lone start lasts until midnight, a lone end begins at it, and an end at 00:00 is the end of the day.
    An end before the start runs over midnight.
    """
    if restrictions.start_time is None and restrictions.end_time is None:
        return None
    start = _second_of_day(restrictions.start_time or "00:00")
    end = _second_of_day(restrictions.end_time or "00:00") or DAY_S
    if start == end:
        return None if policy.whole_day_when_start_equals_end else []
    if start < end:
        return None if (start, end) == (0, DAY_S) else [(start, end)]
    return [(0, end), (start, DAY_S)]


class Axes:
    """The axes that the restrictions of some tariffs use, and their thresholds."""

    __slots__ = ("_classes", "_dates", "_durations", "_energies", "_measured", "_place", "_times", "_weekdays",
                 "kinds", "local", "measures", "thresholds")  # fmt: skip

    def __init__(self, restrictions: Iterable[Restrictions], policy: PricingPolicy) -> None:
        found: dict[AxisKind, set[int]] = {}
        for item in restrictions:
            for kind, low, high in _ranges(item, policy):
                found.setdefault(kind, set()).update(bound for bound in (low, high) if bound is not None)
            times = _times(item, policy)
            if times is not None:
                found.setdefault(AxisKind.TIME_OF_DAY, set()).update(edge for window in times for edge in window)
            if item.day_of_week:
                found.setdefault(AxisKind.WEEKDAY, set()).update(range(1, 7))
        self.kinds = tuple(sorted(found))
        self.thresholds: Mapping[AxisKind, list[int]] = {kind: sorted(found[kind] - {0, DAY_S}) if kind is
            AxisKind.TIME_OF_DAY else sorted(found[kind]) for kind in self.kinds}  # fmt: skip
        self._place = {kind: place for place, kind in enumerate(self.kinds)}
        self._classes = [len(self.thresholds[kind]) + (2 if kind >= AxisKind.MIN_CURRENT else 1) for kind in self.kinds]
        self.local = not _LOCAL.isdisjoint(self.kinds)
        self._times = self.thresholds.get(AxisKind.TIME_OF_DAY)
        self._weekdays = AxisKind.WEEKDAY in self._place
        self._dates = self.thresholds.get(AxisKind.DATE)
        self._energies = self.thresholds.get(AxisKind.ENERGY)
        self._durations = self.thresholds.get(AxisKind.DURATION)
        self._measured = [
            (kind - AxisKind.MIN_CURRENT, self.thresholds[kind]) for kind in self.kinds if kind >= AxisKind.MIN_CURRENT
        ]
        self.measures = bool(self._measured)

    def masks(self, restrictions: Restrictions, policy: PricingPolicy) -> tuple[Mask, ...]:
        """Return the restrictions as sets of classes; they hold where all of them hold."""
        masks = [self._mask(kind, [(low, high)], policy) for kind, low, high in _ranges(restrictions, policy)]
        times = _times(restrictions, policy)
        if times is not None:
            masks.append(self._mask(AxisKind.TIME_OF_DAY, times, policy))
        if restrictions.day_of_week:
            days = sum(1 << index for index in {_WEEKDAYS[day] for day in restrictions.day_of_week})
            masks.append((self._place[AxisKind.WEEKDAY], days))
        return tuple(masks)

    def _mask(self, kind: AxisKind, windows: Sequence[tuple[int | None, int | None]], policy: PricingPolicy) -> Mask:
        thresholds, mask = self.thresholds[kind], 0
        last = len(thresholds)
        for low, high in windows:
            begin = 0 if low is None else bisect_right(thresholds, low)
            end = last + 1 if high is None or (kind is AxisKind.TIME_OF_DAY and high == DAY_S) else (
                bisect_right(thresholds, high))  # fmt: skip
            mask |= sum(1 << number for number in range(begin, end))
        if kind >= AxisKind.MIN_CURRENT and policy.missing_measurement == "match":
            mask |= 1 << (last + 1)
        return self._place[kind], mask

    def number(
        self, first: int, at_us: int, energy: int, elapsed_us: int, measured: Measured, clock: ZoneClock | None
    ) -> int:
        """Return the number of the combination of classes here; `first` is the number of what is no axis.

        `energy` is what the session took before, `elapsed_us` how long it has lasted.
        """
        number = first
        if self.local and clock is not None:
            second = at_us // TICKS_PER_SECOND
            day, of_day = divmod(second + clock.offset(second), DAY_S)
            if self._times is not None:
                number = number * (len(self._times) + 1) + bisect_right(self._times, of_day)
            if self._weekdays:
                number = number * 7 + (day + _FIRST_WEEKDAY) % 7
            if self._dates is not None:
                number = number * (len(self._dates) + 1) + bisect_right(self._dates, day)
        if self._energies is not None:
            number = number * (len(self._energies) + 1) + bisect_right(self._energies, energy)
        if self._durations is not None:
            number = number * (len(self._durations) + 1) + bisect_right(self._durations, elapsed_us)
        for index, thresholds in self._measured:
            value = measured[index]
            place = len(thresholds) + 1 if value is None else bisect_right(thresholds, value)
            number = number * (len(thresholds) + 2) + place
        return number

    def classes(self, number: int) -> tuple[int, list[int]]:
        """Take a number apart: what was no axis, and the class on each axis."""
        found = []
        for count in reversed(self._classes):
            number, place = divmod(number, count)
            found.append(place)
        return number, found[::-1]

    def missing(self, measured: Measured) -> list[str]:
        """Return the names of the measured axes in use that have no value."""
        return [AxisKind(index + AxisKind.MIN_CURRENT).name for index, _ in self._measured if measured[index] is None]

    def next_instant(self, at_us: int, start_us: int, clock: ZoneClock | None) -> int:
        """Return the next instant at which time alone may lead to another class."""
        found = _NEVER
        if self._durations is not None:
            index = bisect_right(self._durations, at_us - start_us)
            if index < len(self._durations):
                found = start_us + self._durations[index]
        if self.local and clock is not None:
            found = min(found, self._next_local(at_us // TICKS_PER_SECOND, clock) * TICKS_PER_SECOND)
        return found

    def _next_local(self, second: int, clock: ZoneClock) -> int:
        offset, change = clock.span(second)
        of_day = (second + offset) % DAY_S
        times = self._times or ()
        index = bisect_right(times, of_day)
        edge = times[index] if index < len(times) else DAY_S
        return min(change, second + edge - of_day)

    def crossings(self, energy: int, until: int) -> list[int]:
        """Return the kWh thresholds above `energy` up to and with `until`, in ticks."""
        if self._energies is None:
            return []
        return self._energies[bisect_right(self._energies, energy) : bisect_right(self._energies, until)]

    def next_energy(self, energy: int) -> int:
        """Return the next kWh threshold above `energy`, in ticks."""
        crossings = self.crossings(energy, _NEVER)
        return crossings[0] if crossings else _NEVER
