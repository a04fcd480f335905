"""What a reader should know of how a record's periods found their prices.

The issuer of a record starts a new period where the price changes (OCPI 2.3.0, mod_cdrs, ChargingPeriod), and prices
are looked up at the start of a period. Where a period runs on over a change, that is said, not mended.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from evpay.tariffs.compile import Cell, CompiledTariff, Dimension
from evpay.tariffs.lines import Note
from evpay.tariffs.ocpi_cdr import Cdr
from evpay.tariffs.pieces import cuts
from evpay.tariffs.price import Period, charging_start, require_clock
from evpay.tariffs.ticks import TICKS_PER_SECOND
from evpay.tariffs.zone import DAY_S, ZoneClock

__all__ = ["lookup_notes"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_US: Final = 31 * DAY_S * TICKS_PER_SECOND


def lookup_notes(compiled: CompiledTariff, record: Cdr, clock: ZoneClock | None) -> list[Note]:
    """Return notes on periods whose price changes within, and on restrictions whose quantity was not measured."""
    axes = compiled.axes
    require_clock(compiled, clock)
    if not axes.kinds:
        return []
    notes: list[Note] = []
    periods = [item.period for item in record.periods]
    start_us = charging_start(compiled, periods, record.start_us)
    ends = [*(period.start_us for period in periods[1:]), record.end_us]
    energy = 0
    for item, end_us in zip(record.periods, ends, strict=True):
        period = item.period
        if period.is_reservation:
            continue
        missing = _missing(compiled, period)
        if missing:
            message = f"The tariff asks for {', '.join(missing)}, which the period does not say."
            notes.append(Note(code="measurement_missing", message=message, path=item.path))
        span = (period.start_us, max(period.start_us, end_us or 0))
        changes = _change(compiled, period, span, energy, start_us, clock)
        if changes is not None:
            moment = (_EPOCH + timedelta(microseconds=changes)).isoformat().replace("+00:00", "Z")
            message = f"A price changes at {moment}, within the period; all of it has the prices of its start."
            notes.append(Note(code="period_spans_price_change", message=message, path=item.path))
        energy += period.energy
    return notes


def _used(period: Period) -> list[Dimension]:
    volumes = {Dimension.ENERGY: period.energy, Dimension.TIME: period.time, Dimension.PARKING_TIME: period.parking}
    return [dimension for dimension, volume in volumes.items() if volume]


def _missing(compiled: CompiledTariff, period: Period) -> list[str]:
    """Return what was not measured although a price of what the period used depends on it."""
    missing = compiled.axes.missing(period.measured)
    if not missing:
        return []
    used = _used(period)
    asked = {
        compiled.axes.kinds[place].name
        for candidate in compiled.candidates
        if candidate.tariff == period.tariff and candidate.dimension in used
        for place, _ in candidate.masks
    }
    return [name for name in missing if name in asked]


def _change(
    compiled: CompiledTariff,
    period: Period,
    span: Sequence[int],
    energy: int,
    start_us: int,
    clock: ZoneClock | None,
) -> int | None:
    """Return the first instant within a period at which what it used would have another price."""
    axes, first = compiled.axes, compiled.situation(period.tariff)

    def cell(at_us: int, so_far: int) -> Cell:
        return compiled.cell(axes.number(first, at_us, so_far, at_us - start_us, period.measured, clock))

    used = _used(period)
    at_start = cell(span[0], energy)
    begin, end = (span[0], energy), (span[1], energy + period.energy)
    if span[1] - span[0] > _LONGEST_US:  # nobody charges for a month: look no further than that
        end = (span[0] + _LONGEST_US, energy + period.energy * _LONGEST_US // (span[1] - span[0]))
    for at_us, so_far in cuts(axes, begin, end, start_us=start_us, clock=clock)[:-1]:
        there = cell(at_us, so_far)
        if any(there[dimension] is not at_start[dimension] for dimension in used):
            return at_us
    return None
