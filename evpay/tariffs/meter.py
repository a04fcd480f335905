"""Running cost: one reading at a time, in constant memory, equal to the price at the end to the last digit."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.tariffs.axes import NOT_MEASURED, Measured
from evpay.tariffs.compile import Cell, CompiledTariff
from evpay.tariffs.cost import Cost
from evpay.tariffs.pieces import Cut, cuts
from evpay.tariffs.price import Tally, require_clock
from evpay.tariffs.ticks import TICKS_PER_UNIT
from evpay.tariffs.zone import ZoneClock, zone_clock

__all__ = ["CostMeter", "average_power"]

_FOREVER: Final = 1 << 80
_ALONE: Final = CompiledTariff.situation(0)


def average_power(energy_mj: int, duration_us: int, otherwise: Measured) -> Measured:
    """Return what was measured with the average power of an interval; without a duration as it was otherwise."""
    if duration_us <= 0:
        return otherwise
    power = energy_mj * TICKS_PER_UNIT // duration_us  # a millijoule per microsecond is a kilowatt
    return (otherwise[0], otherwise[1], power, power)


class CostMeter:
    """Follow one session and say what it costs so far.

    Times are microseconds since 1970, energy is millijoules since the start of the session: one tick each.
    `clock` is the site's, for prices by local time. `measured` are current and power from the start on.
    While `charging`, time counts as TIME; plugged but drawing nothing counts as PARKING_TIME.

    >>> from evpay.tariffs.compile import compile_tariff
    >>> from evpay.tariffs.model import Tariff
    >>> meter = CostMeter(compile_tariff(Tariff.per_kwh("0.50", currency="EUR")), start_us=0)
    >>> meter.read(60_000_000, 3_600_000_000, charging=True)
    >>> str(meter.cost().total)
    '0.50 EUR'
    """

    __slots__ = (
        "_cell",
        "_holds_mj",
        "_holds_us",
        "at_us",
        "charging",
        "clock",
        "compiled",
        "energy_mj",
        "measured",
        "start_us",
        "tally",
    )  # fmt: skip

    def __init__(
        self,
        compiled: CompiledTariff,
        *,
        start_us: int,
        charging: bool = True,
        clock: ZoneClock | None = None,
        measured: Measured = NOT_MEASURED,
    ) -> None:
        require_clock(compiled, clock)
        self.compiled = compiled
        self.clock = clock
        self.tally = Tally(compiled)
        self.start_us = start_us
        self.at_us = start_us
        self.energy_mj = 0
        self.charging = charging
        self.measured = measured
        self._settle()

    def read(
        self,
        at_us: int,
        energy_mj: int,
        charging: bool,  # noqa: FBT001 - one of three facts of a reading
        *,
        measured: Measured = NOT_MEASURED,
        more_cuts: Iterable[int] = (),
    ) -> None:
        """Take one reading: when, how much energy since the start, and the state and measurements from here on.

        The interval that ends here has the state of the reading before (the constructor's, for the first). It is cut
        wherever the tariff has other prices; `more_cuts` are further instants to cut at, which change nothing.

        Raises:
            InvalidInput: `reading_out_of_order` if it is older than the last; `energy_falls` if less energy.
                Nothing is changed then.
        """
        duration, energy = at_us - self.at_us, energy_mj - self.energy_mj
        if duration < 0:
            raise InvalidInput(
                f"A reading at {at_us} us is older than the last one at {self.at_us} us. Give readings in order.",
                code="reading_out_of_order",
            )
        if energy < 0:
            raise InvalidInput(
                f"{energy_mj} mJ is less than the {self.energy_mj} mJ read before; energy fed back is not priced yet.",
                code="energy_falls",
            )
        holds = at_us < self._holds_us and energy_mj < self._holds_mj and not more_cuts
        if not duration and not energy and at_us > self.start_us:
            pass  # the same instant told again begins nothing new
        elif holds:
            self._add(self._cell, energy, duration)
        else:
            self._walk((at_us, energy_mj), more_cuts)
        settled = holds and measured == self.measured
        self.at_us, self.energy_mj, self.charging, self.measured = at_us, energy_mj, charging, measured
        if not settled:
            self._settle()

    def _walk(self, end: Cut, more_cuts: Iterable[int]) -> None:
        """Add the interval that ends with a reading, piece by piece, each at the prices of its start."""
        begin: Cut = (self.at_us, self.energy_mj)
        measured = self._in_interval(end)
        for cut in cuts(self.compiled.axes, begin, end, start_us=self.start_us, clock=self.clock, more=more_cuts):
            self._add(self._cell_at(begin, measured), cut[1] - begin[1], cut[0] - begin[0])
            begin = cut

    def _add(self, cell: Cell, energy: int, duration: int) -> None:
        if self.charging:
            self.tally.add(cell, energy, duration, 0)
        else:
            self.tally.add(cell, energy, 0, duration)

    def _in_interval(self, end: Cut) -> Measured:
        if self.compiled.policy.power_of_interval == "held" or not self.compiled.axes.measures:
            return self.measured
        return average_power(end[1] - self.energy_mj, end[0] - self.at_us, self.measured)

    def _cell_at(self, begin: Cut, measured: Measured) -> Cell:
        compiled, (at_us, energy) = self.compiled, begin
        number = compiled.axes.number(_ALONE, at_us, energy, at_us - self.start_us, measured, self.clock)
        return compiled.cell(number)

    def _settle(self) -> None:
        """Find the prices from the last reading on, and until when and to which energy they hold."""
        compiled = self.compiled
        self._holds_us, self._holds_mj = _FOREVER, _FOREVER
        self._cell = self._cell_at((self.at_us, self.energy_mj), self.measured)
        if not compiled.axes.kinds:
            return
        if compiled.axes.measures and compiled.policy.power_of_interval == "average":
            self._holds_us = self.at_us  # every interval has a power of its own
            return
        self._holds_us = compiled.axes.next_instant(self.at_us, self.start_us, self.clock)
        self._holds_mj = compiled.axes.next_energy(self.energy_mj)

    def cuts_until(self, end: Cut) -> list[Cut]:
        """Return where the prices may change until a later instant and energy, if all goes on evenly."""
        begin = (self.at_us, self.energy_mj)
        return cuts(self.compiled.axes, begin, end, start_us=self.start_us, clock=self.clock)

    def cost(self, *, step_minor: int = 1) -> Cost:
        """Return what the session costs if it stops now, with steps and limits.

        It may fall later: a step that energy filled can be taken over by another component. Keep the largest.
        """
        return self.tally.cost(step_minor=step_minor)

    def copy(self) -> "CostMeter":
        """Return an independent copy."""
        other = CostMeter.__new__(CostMeter)
        for name in CostMeter.__slots__:
            setattr(other, name, getattr(self, name))
        other.tally = self.tally.copy()
        return other

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state as a JSON object; its size does not grow with the session."""
        tally = self.tally
        return {
            "tariff_hash": self.compiled.tariffs[0].hash,
            "start_us": self.start_us,
            "at_us": self.at_us,
            "energy_mj": self.energy_mj,
            "charging": self.charging,
            "zone": None if self.clock is None else self.clock.name,
            "measured": list(self.measured),
            "flats": sorted(tally.flats),
            "last_time": tally.last_time,
            "used": tally.used.copy(),
            "priced": tally.priced.copy(),
            "last": [None if candidate is None else candidate.index for candidate in tally.last],
            "volumes": [[candidate.index, ticks] for candidate, ticks in tally.volumes.items()],
        }

    @classmethod
    def restore(cls, compiled: CompiledTariff, snapshot: Mapping[str, Any]) -> "CostMeter":
        """Return the meter that `snapshot` was taken of.

        Raises:
            InvalidInput: `tariff_changed` for another tariff, `malformed_snapshot` for something else.
        """
        try:
            if snapshot["tariff_hash"] != compiled.tariffs[0].hash:
                raise InvalidInput(
                    "The snapshot was taken with another tariff. Restore it with the tariff the session started with.",
                    code="tariff_changed",
                )
            clock = None if snapshot["zone"] is None else zone_clock(snapshot["zone"])
            low_a, high_a, low_kw, high_kw = snapshot["measured"]
            measured = (low_a, high_a, low_kw, high_kw)
            meter = cls(
                compiled,
                start_us=snapshot["start_us"],
                charging=snapshot["charging"],
                clock=clock,
                measured=measured,
            )
            meter.at_us, meter.energy_mj = snapshot["at_us"], snapshot["energy_mj"]
            tally, candidates = meter.tally, compiled.candidates
            tally.flats, tally.last_time = set(snapshot["flats"]), snapshot["last_time"]
            tally.used, tally.priced = list(snapshot["used"]), list(snapshot["priced"])
            tally.last = [None if index is None else candidates[index] for index in snapshot["last"]]
            tally.volumes = {candidates[index]: ticks for index, ticks in snapshot["volumes"]}
            meter._settle()
        except (KeyError, IndexError, TypeError, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"That is not a snapshot of a meter: {error!r}.", code="malformed_snapshot") from error
        return meter
