"""What the meter said, and what of it counts.

Every reading is kept; `accept` decides, purely and from all of them at once, which ones count. So repeated, late
and reordered readings give the same answer, and nothing depends on the order of arrival.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import Field, model_validator

from evpay.errors import InvalidInput
from evpay.ids import digest
from evpay.instants import microseconds
from evpay.model import ExactDecimal, FrozenModel, Instant

__all__ = ["MJ_PER_WH", "ConnectorState", "Flag", "MeterReading", "Sample", "Track", "accept", "reading_digest"]

MJ_PER_WH: Final = 3_600_000
"""Millijoules in a watt-hour: energy is counted in whole millijoules."""

_SLACK_WH: Final = 200
_ASSUMED_POWER_W: Final = 500_000
_DAY_US: Final = 86_400_000_000
_SKEW_US: Final = 300_000_000
"""How far a station's clock may run ahead before its readings count as of now: five minutes."""
_EXACT: Final = Context(prec=100)


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

    if TYPE_CHECKING:  # more may be given than is kept; pyright has no plugin that would know

        def __init__(
            self,
            *,
            at: datetime,
            energy_wh: Decimal | int | str | None = None,
            register_wh: Decimal | int | str | None = None,
            power_w: Decimal | int | str | None = None,
            soc_percent: Decimal | int | str | None = None,
            state: ConnectorState | None = None,
            signed: str | None = None,
        ) -> None: ...

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
            wh = Decimal(energy_kwh).scaleb(3, context=_EXACT)
        except (ArithmeticError, ValueError, TypeError):
            raise InvalidInput(f"{str(energy_kwh)[:40]!r} is not a number of kWh.", code="malformed_number") from None
        if wh.is_finite() and wh.adjusted() < 20 and wh == wh.to_integral_value():
            wh = wh.quantize(Decimal(1), context=_EXACT)
        return cls(energy_wh=wh, **fields)


@dataclass(frozen=True, slots=True)
class Sample:
    """What counts of the readings at one instant: microseconds, millijoules since the start, and the state."""

    at_us: int
    energy_mj: int
    state: ConnectorState


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The accepted samples of a session in order of time, and what was odd about the rest.

    `first` is the reading from which energy is counted, `last_energy` the one up to which it is, `last` the newest.
    """

    samples: tuple[Sample, ...]
    flags: frozenset[Flag]
    first: MeterReading | None
    last: MeterReading | None
    last_energy: MeterReading | None
    signed: tuple[str, ...]

    @property
    def energy_mj(self) -> int:
        """Energy so far, in millijoules."""
        return self.samples[-1].energy_mj if self.samples else 0

    @property
    def energy_wh(self) -> Decimal:
        """Energy so far, in Wh, with the decimals that it needs; six at most."""
        whole, rest = divmod((self.energy_mj * 5 + 9) // 18, 1_000_000)
        return Decimal(f"{whole}.{rest:06}".rstrip("0").rstrip("."))


def reading_digest(reading: MeterReading) -> str:
    """Return the digest by which a repeated reading is known."""
    return digest(reading.model_dump(mode="json"))


def _micro_wh(wh: Decimal) -> int:
    """Return whole µWh: exact, as a reading has six decimals at most, and under any decimal context of the host's."""
    numerator, denominator = wh.as_integer_ratio()
    return numerator * 1_000_000 // denominator


def _plausible(elapsed_us: int, max_power_w: int | None) -> int:
    """Most µWh that can have flowed: maximum power over the time, 5 % of tolerance, and a little slack."""
    watts = max_power_w or _ASSUMED_POWER_W
    return watts * elapsed_us * 105 // 360_000 + _SLACK_WH * 1_000_000


@dataclass(frozen=True, slots=True)
class _Jump:
    """Where a meter rose by more than can have flowed: what it said, the energy until then, and the reading."""

    said: int
    energy: int
    reading: MeterReading


class _Counter:
    """Energy since the start, in µWh, out of what a meter says from reading to reading."""

    def __init__(self, *, max_power_w: int | None) -> None:
        self.energy = 0
        self.first: MeterReading | None = None
        self.last: MeterReading | None = None
        self._max_power_w = max_power_w
        self._baseline: int | None = None
        self._jumps: tuple[list[_Jump], list[_Jump]] = ([], [])  # of the session's energy, and of the register

    @property
    def begin(self) -> MeterReading | None:
        """The reading from which energy is counted."""
        at_zero = (jumps[0].reading for jumps in self._jumps if jumps and jumps[0].energy == 0)
        return next(at_zero, self.first)

    def read(self, reading: MeterReading, *, elapsed_us: int) -> int | None:
        """Return the energy that the reading shows, or None if that is more than can have flowed.

        A meter that jumped and stays up (its lifetime's energy sent as the session's, another session's register)
        counts on from the jump; one that comes down and counts on there only stumbled.
        """
        said = self._said(reading)
        jumps = self._jumps[reading.energy_wh is None]
        below = bisect_right(jumps, said, key=lambda jump: jump.said)
        shown = said - jumps[below - 1].said + jumps[below - 1].energy if below else said
        if shown > _plausible(elapsed_us, self._max_power_w):
            jumps.insert(below, _Jump(said, self.energy, reading))
            return None
        if shown > self.energy:
            del jumps[below:]
        if shown >= self.energy:
            self.energy, self.last = shown, reading
        self.first = self.first or reading
        return shown

    def _said(self, reading: MeterReading) -> int:
        own = None if reading.energy_wh is None else _micro_wh(reading.energy_wh)
        register = None if reading.register_wh is None else _micro_wh(reading.register_wh)
        if register is not None and self._baseline is None:
            self._baseline = register - (self.energy if own is None else own)
        if own is not None:
            return own
        return (register or 0) - (self._baseline or 0)


def _order(reading: MeterReading) -> tuple[object, ...]:
    """Return all that a reading says, its time first: readings of the same order are the same reading."""
    numbers = (reading.energy_wh, reading.register_wh, reading.power_w, reading.soc_percent)
    energy, register, power, soc = (-1 if number is None else number for number in numbers)
    return reading.at, energy, register, reading.state or "", power, soc, reading.signed or ""


def accept(readings: Iterable[MeterReading], *, started_us: int, now_us: int, max_power_w: int | None = None) -> Track:
    """Decide which readings count.

    Ordered by their own time; energy never falls; at one instant the higher plausible value counts; what exceeds
    maximum power x time x 1.05, or carries an absurd date, is left out. Whatever is odd raises a flag.
    Readings from before the start set the register's baseline and count as of the start; those of a clock that runs
    ahead count as of now, so that no time is billed that has not passed.
    """
    flags: set[Flag] = set()
    timely: dict[tuple[object, ...], MeterReading] = {}
    for reading in readings:
        at_us = microseconds(reading.at)
        if started_us - _DAY_US <= at_us <= max(now_us, started_us) + _DAY_US:
            timely[_order(reading)] = reading
        else:
            flags.add(Flag.IMPLAUSIBLE_TIME)
    ordered = [timely[order] for order in sorted(timely)]
    counter = _Counter(max_power_w=max_power_w)
    latest_us = max(now_us, started_us) + _SKEW_US
    samples = _samples(ordered, counter, started_us=started_us, latest_us=latest_us, flags=flags)
    return Track(
        samples=tuple(samples),
        flags=frozenset(flags),
        first=counter.begin,
        last=ordered[-1] if ordered else None,
        last_energy=counter.last,
        signed=tuple(dict.fromkeys(reading.signed for reading in ordered if reading.signed)),
    )


def _samples(
    ordered: list[MeterReading], counter: _Counter, *, started_us: int, latest_us: int, flags: set[Flag]
) -> list[Sample]:
    samples: list[Sample] = []
    state, shown_before = ConnectorState.CHARGING, None
    for reading in ordered:
        at_us = max(microseconds(reading.at), started_us)
        if at_us > latest_us:
            at_us = latest_us
            flags.add(Flag.IMPLAUSIBLE_TIME)
        state = reading.state or state
        energy, shown = counter.energy, None
        if reading.energy_wh is not None or reading.register_wh is not None:
            shown = counter.read(reading, elapsed_us=at_us - started_us)
            if shown is None:
                flags.add(Flag.IMPLAUSIBLE_ENERGY)
                if reading.state is None:
                    continue
            elif shown < energy:
                flags.add(Flag.FALLING_METER)
        if samples and samples[-1].at_us == at_us:
            if None not in (shown, shown_before) and shown != shown_before and at_us > started_us:
                flags.add(Flag.CONFLICTING_READING)
            samples.pop()
        else:
            shown_before = None
        shown_before = shown if shown is not None else shown_before
        samples.append(Sample(at_us, (counter.energy * 36 + 5) // 10, state))
    return samples
