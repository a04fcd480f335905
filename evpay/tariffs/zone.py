"""Local time without datetimes: the offsets of a time zone as whole seconds, and when they change.

Times and dates in a tariff are local to the site (OCPI 2.3.0, mod_tariffs, TariffRestrictions); durations are not.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from evpay.errors import InvalidInput

__all__ = ["DAY_S", "ZoneClock", "zone_clock"]

DAY_S: Final = 86_400
_BUCKET_S: Final = 400 * DAY_S
_PROBE_S: Final = 7 * DAY_S
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Span = tuple[int, int]


class ZoneClock:
    """The offsets of one zone, found by probing week by week and kept for each stretch of 400 days that is asked for.

    Seconds count from 1970 in UTC. Two changes of the clock lie more than a week apart in every zone.
    """

    __slots__ = ("_buckets", "_zone", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone = _zone(name)
        self._buckets: dict[int, tuple[list[int], list[int]]] = {}

    def offset(self, second: int) -> int:
        """Return how many seconds local time is ahead of UTC."""
        changes, offsets = self._bucket(second // _BUCKET_S)
        return offsets[bisect_right(changes, second)]

    def span(self, second: int) -> Span:
        """Return the offset and the second at which it is next looked at: its change, or the end of what was probed."""
        number = second // _BUCKET_S
        changes, offsets = self._bucket(number)
        index = bisect_right(changes, second)
        return offsets[index], changes[index] if index < len(changes) else (number + 1) * _BUCKET_S

    def _bucket(self, number: int) -> tuple[list[int], list[int]]:
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = self._probed(number * _BUCKET_S, (number + 1) * _BUCKET_S)
        return bucket

    def _probed(self, begin: int, end: int) -> tuple[list[int], list[int]]:
        changes: list[int] = []
        offsets = [self._ask(begin)]
        before = begin
        for probe in (*range(begin + _PROBE_S, end, _PROBE_S), end - 1):
            offset = self._ask(probe)
            if offset != offsets[-1]:
                changes.append(self._change(before, probe))
                offsets.append(offset)
            before = probe
        return changes, offsets

    def _change(self, before: int, after: int) -> int:
        """Return the first second with the later offset."""
        old = self._ask(before)
        while after - before > 1:
            middle = (before + after) // 2
            if self._ask(middle) == old:
                before = middle
            else:
                after = middle
        return after

    def _ask(self, second: int) -> int:
        try:
            offset = (_EPOCH + timedelta(seconds=second)).astimezone(self._zone).utcoffset()
        except (OverflowError, ValueError):
            return 0  # before the year 1 or after 9999; no instant that was read lies there
        return 0 if offset is None else round(offset.total_seconds())


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInput(
            f"{name[:60]!r} is no time zone such as 'Europe/Oslo'.", code="unknown_time_zone", path="time_zone"
        ) from error


@lru_cache(maxsize=700)
def zone_clock(name: str) -> ZoneClock:
    """Return the clock of a zone of the IANA database.

    Raises:
        InvalidInput: `unknown_time_zone`.
    """
    return ZoneClock(name)
