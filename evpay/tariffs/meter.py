"""Running cost: one reading at a time, in constant memory, equal to the price at the end to the last digit."""

from collections.abc import Mapping
from typing import Any

from evpay.errors import InvalidInput
from evpay.tariffs.compile import CompiledTariff
from evpay.tariffs.cost import Cost
from evpay.tariffs.price import Tally

__all__ = ["CostMeter"]


class CostMeter:
    """Follow one session and say what it costs so far.

    Times are microseconds since 1970, energy is millijoules since the start of the session: one tick each.
    While `charging`, time counts as TIME; plugged but drawing nothing counts as PARKING_TIME.

    >>> from evpay.tariffs.compile import compile_tariff
    >>> from evpay.tariffs.model import Tariff
    >>> meter = CostMeter(compile_tariff(Tariff.per_kwh("0.50", currency="EUR")), start_us=0)
    >>> meter.read(60_000_000, 3_600_000_000, charging=True)
    >>> str(meter.cost().total)
    '0.50 EUR'
    """

    __slots__ = ("at_us", "charging", "compiled", "energy_mj", "start_us", "tally")

    def __init__(self, compiled: CompiledTariff, *, start_us: int, charging: bool = True) -> None:
        self.compiled = compiled
        self.tally = Tally(compiled)
        self.start_us = start_us
        self.at_us = start_us
        self.energy_mj = 0
        self.charging = charging

    def read(self, at_us: int, energy_mj: int, charging: bool) -> None:  # noqa: FBT001 - one of three facts of a reading
        """Take one reading: when, how much energy since the start, and the state from here on.

        The interval that ends here has the state of the reading before (the constructor's, for the first).

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
        cell = self.compiled.cell(0)
        if self.charging:
            self.tally.add(cell, energy, duration, 0)
        else:
            self.tally.add(cell, energy, 0, duration)
        self.at_us = at_us
        self.energy_mj = energy_mj
        self.charging = charging

    def cost(self, *, step_minor: int = 1) -> Cost:
        """Return what the session costs if it stops now, with steps and limits.

        It may fall later: a step that energy filled can be taken over by another component. Keep the largest.
        """
        return self.tally.cost(step_minor=step_minor)

    def copy(self) -> "CostMeter":
        """Return an independent copy."""
        other = CostMeter(self.compiled, start_us=self.start_us, charging=self.charging)
        other.tally = self.tally.copy()
        other.at_us = self.at_us
        other.energy_mj = self.energy_mj
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
            "flat_open": tally.flat_open,
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
            meter = cls(compiled, start_us=snapshot["start_us"], charging=snapshot["charging"])
            meter.at_us, meter.energy_mj = snapshot["at_us"], snapshot["energy_mj"]
            tally, candidates = meter.tally, compiled.candidates
            tally.flat_open = snapshot["flat_open"]
            tally.used, tally.priced = list(snapshot["used"]), list(snapshot["priced"])
            tally.last = [None if index is None else candidates[index] for index in snapshot["last"]]
            tally.volumes = {candidates[index]: ticks for index, ticks in snapshot["volumes"]}
        except (KeyError, IndexError, TypeError, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"That is not a snapshot of a meter: {error!r}.", code="malformed_snapshot") from error
        return meter
