"""The values in a recording: times, numbers and units, each refused with its line number if it cannot be one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from evpay.errors import InvalidInput
from evpay.sessions.readings import MeterReading

__all__ = ["MAX_READINGS", "Recorded", "fault", "number_of", "time_of", "wh_of"]

MAX_READINGS: Final = 5_000
"""More than three days of one reading a minute."""

_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?\Z", re.ASCII)
_PER_UNIT: Final[Mapping[str, int]] = {"Wh": 1, "kWh": 1000}
_LONGEST_TIME: Final = 40
_YEARS: Final = range(2000, 2101)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One reading, and when its message arrived; `ends`: with it the session is finished."""

    arrived_at: datetime
    reading: MeterReading
    ends: bool = False


def fault(number: int, what: str) -> InvalidInput:
    """Return the error for a line that cannot be read."""
    return InvalidInput(f"Line {number} of the recording: {what}.", code="malformed_recording", path=f"line {number}")


def time_of(value: object, *, number: int, name: str) -> datetime:
    """Return an ISO 8601 time with its zone."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= _LONGEST_TIME else None
    except ValueError:
        at = None
    if at is None or at.year not in _YEARS:
        raise fault(number, f"{name!r} is {value!r:.60}, which is no ISO 8601 time such as 2026-07-01T10:00:00Z")
    if at.tzinfo is None:
        raise fault(number, f"{name!r} is {value!r:.60}, which has no time zone. Add one, as in 2026-07-01T10:00:00Z")
    return at


def number_of(value: object, *, number: int, name: str) -> Decimal:
    """Return a number that is not negative, from JSON or from text."""
    text = str(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""
    if not _NUMBER.match(text):
        raise fault(number, f"{name!r} is {value!r:.60}, which is no number")
    found = Decimal(text)
    if found < 0:
        raise fault(number, f"{name!r} is {value!r:.60}, and less than nothing is not metered")
    return found


def wh_of(value: object, *, number: int, name: str, unit: object = "Wh") -> Decimal:
    """Return an energy in Wh."""
    factor = _PER_UNIT.get(unit) if isinstance(unit, str) else None
    if factor is None:
        raise fault(number, f"the unit {unit!r:.30} of {name!r} is neither Wh nor kWh")
    energy = number_of(value, number=number, name=name) * factor
    if energy != energy.quantize(Decimal("0.000001")):
        raise fault(number, f"{name!r} is {value!r:.60}, finer than a millionth of a Wh")
    return energy
