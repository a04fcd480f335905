"""What the meter said, and what of it counts.

Every reading is kept; `accept` decides, purely and from all of them at once, which ones count. So repeated, late
and reordered readings give the same answer, and nothing depends on the order of arrival.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from evpay.env import microseconds
from evpay.errors import InvalidInput
from evpay.ids import digest
from evpay.model import ExactDecimal, FrozenModel, Instant

__all__ = ["MJ_PER_WH", "ConnectorState", "Flag", "MeterReading", "Sample", "Track", "accept", "reading_digest"]

MJ_PER_WH: Final = 3_600_000
"""Millijoules in a watt-hour: energy is counted in whole millijoules."""

_TOLERANCE: Final = Decimal("1.05")
_SLACK_WH: Final = 200
_ASSUMED_POWER_W: Final = 500_000
_DAY_US: Final = 86_400_000_000


class ConnectorState(StrEnum):
    """What the connector does: charging, plugged but drawing nothing (parking runs), or unplugged."""

    CHARGING = "charging"
    IDLE = "idle"
    UNPLUGGED = "unplugged"


class Flag(StrEnum):
    """Why a person may want to look at a session's readings."""

    CONFLICTING_READING = "conflicting_reading"
    FALLING_METER = "falling_meter"
    IMPLAUSIBLE_ENERGY = "implausible_energy"
    IMPLAUSIBLE_TIME = "implausible_time"
    READING_AFTER_FINISH = "reading_after_finish"


_Energy = Annotated[ExactDecimal, Field(ge=0, le=10_000_000, decimal_places=6)]
_Register = Annotated[ExactDecimal, Field(ge=0, le=10**13, decimal_places=6)]


class MeterReading(FrozenModel):
    """One reading. It needs an energy or a state.

    `energy_wh` counts from zero in this session (Wh); `register_wh` is the meter's own counter (Wh), whose earliest
    reading in the session is the baseline. `at` is an aware datetime. `signed` is a signed data set, kept as it is.

    >>> from datetime import UTC, datetime
    >>> MeterReading.kwh("21.3", at=datetime(2026, 7, 1, 12, tzinfo=UTC)).energy_wh
    Decimal('21300')
    """

    at: Instant
    energy_wh: _Energy | None = None
    register_wh: _Register | None = None
    power_w: Annotated[ExactDecimal, Field(ge=0, le=10_000_000)] | None = None
    soc_percent: Annotated[ExactDecimal, Field(ge=0, le=100)] | None = None
    state: ConnectorState | None = None
    signed: str | None = Field(default=None, max_length=16_384)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.energy_wh is None and self.register_wh is None and self.state is None:
            raise InvalidInput(
                "A reading needs an energy or a state: give energy_wh=, register_wh= or state=.", code="empty_reading"
            )
        return self

    @classmethod
    def kwh(cls, energy_kwh: str | int | Decimal, **fields: Any) -> Self:
        """Return a reading whose energy is given in kWh since the session began."""
        if isinstance(energy_kwh, float | bool):
            raise InvalidInput(
                f"{energy_kwh!r} is not exact. Give kWh as a string: MeterReading.kwh('21.3', at=...).",
                code="inexact_number",
            )
        try:
            wh = Decimal(energy_kwh) * 1000
        except (ArithmeticError, ValueError, TypeError):
            raise InvalidInput(f"{str(energy_kwh)[:40]!r} is not a number of kWh.", code="malformed_number") from None
        return cls(energy_wh=wh.normalize().quantize(Decimal(1)) if wh == wh.to_integral_value() else wh, **fields)


@dataclass(frozen=True, slots=True)
class Sample:
    """What counts of the readings at one instant: microseconds, millijoules since the start, and the state."""

    at_us: int
    energy_mj: int
    state: ConnectorState


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The accepted samples of a session in order of time, and what was odd about the rest."""

    samples: tuple[Sample, ...]
    flags: frozenset[Flag]
    first: MeterReading | None
    last: MeterReading | None
    signed: tuple[str, ...]

    @property
    def energy_mj(self) -> int:
        """Energy so far, in millijoules."""
        return self.samples[-1].energy_mj if self.samples else 0

    @property
    def energy_wh(self) -> Decimal:
        """Energy so far, in Wh."""
        return Decimal(self.energy_mj) / MJ_PER_WH


def reading_digest(reading: MeterReading) -> str:
    """Return the digest by which a repeated reading is known."""
    return digest(reading.model_dump(mode="json"))


def _mj(wh: Decimal) -> int:
    return int((wh * MJ_PER_WH).to_integral_value())


def _plausible_mj(elapsed_us: int, max_power_w: int | None) -> int:
    """Most energy that can have flowed: maximum power over the time, 5 % of tolerance, and a little slack."""
    watts = max_power_w or _ASSUMED_POWER_W
    return int(_TOLERANCE * watts * elapsed_us / 1000) + _SLACK_WH * MJ_PER_WH


def _baseline(ordered: list[MeterReading]) -> Decimal | None:
    first = next((reading for reading in ordered if reading.register_wh is not None), None)
    if first is None or first.register_wh is None:
        return None
    return first.register_wh - (first.energy_wh or 0)


def _energy(reading: MeterReading, baseline: Decimal | None) -> int | None:
    if reading.energy_wh is not None:
        return _mj(reading.energy_wh)
    if reading.register_wh is not None and baseline is not None:
        return _mj(reading.register_wh - baseline)
    return None


def accept(readings: Iterable[MeterReading], *, started_us: int, now_us: int, max_power_w: int | None = None) -> Track:
    """Decide which readings count.

    Ordered by their own time; energy never falls; at one instant the higher plausible value counts; what exceeds
    maximum power x time x 1.05, or carries an absurd date, is left out. Whatever is odd raises a flag.
    Readings from before the start set the register's baseline and count as of the start.
    """
    flags: set[Flag] = set()
    timely: list[MeterReading] = []
    for reading in readings:
        at_us = microseconds(reading.at)
        if started_us - _DAY_US <= at_us <= max(now_us, started_us) + _DAY_US:
            timely.append(reading)
        else:
            flags.add(Flag.IMPLAUSIBLE_TIME)
    timely.sort(key=lambda reading: (reading.at, reading.energy_wh or 0, reading.register_wh or 0, reading.state or ""))
    samples = _samples(timely, started_us=started_us, max_power_w=max_power_w, flags=flags)
    with_energy = [r for r in timely if r.energy_wh is not None or r.register_wh is not None]
    return Track(
        samples=tuple(samples),
        flags=frozenset(flags),
        first=with_energy[0] if with_energy else None,
        last=timely[-1] if timely else None,
        signed=tuple(dict.fromkeys(r.signed for r in timely if r.signed)),
    )


def _samples(
    ordered: list[MeterReading], *, started_us: int, max_power_w: int | None, flags: set[Flag]
) -> list[Sample]:
    baseline = _baseline(ordered)
    samples: list[Sample] = []
    energy, state = 0, ConnectorState.CHARGING
    for reading in ordered:
        at_us = max(microseconds(reading.at), started_us)
        claimed = _energy(reading, baseline)
        state = reading.state or state
        if claimed is not None and claimed > _plausible_mj(at_us - started_us, max_power_w):
            flags.add(Flag.IMPLAUSIBLE_ENERGY)
            claimed = None
            if reading.state is None:
                continue
        if claimed is not None and claimed < energy:
            flags.add(Flag.FALLING_METER)
        if samples and samples[-1].at_us == at_us:
            if claimed is not None and claimed != samples[-1].energy_mj and at_us > started_us:
                flags.add(Flag.CONFLICTING_READING)
            samples.pop()
        energy = max(energy, claimed or 0)
        samples.append(Sample(at_us, energy, state))
    return samples
