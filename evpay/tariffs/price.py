"""The evaluator: what was used, period by period, becomes a cost.

`Tally` is the one place that knows the rules of adding up, step sizes and rounding; CDRs, running meters and
forecasts all use it. Sources: OCPI 2.3.0, mod_tariffs (PriceComponent, Tariff) and mod_cdrs (step_size).
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from evpay.errors import InvalidInput
from evpay.money import Rounding, exponent_of, round_fraction
from evpay.tariffs.axes import NOT_MEASURED, Measured
from evpay.tariffs.compile import Candidate, Cell, CompiledTariff, Dimension
from evpay.tariffs.cost import Cost, Ratio, Totals
from evpay.tariffs.itemise import Bill
from evpay.tariffs.limits import Limited, apply_limits
from evpay.tariffs.lines import Note
from evpay.tariffs.model import TaxIncluded
from evpay.tariffs.ticks import TICKS_PER_UNIT, half_away_from_zero
from evpay.tariffs.zone import ZoneClock

__all__ = ["Period", "Tally", "cells_of", "charging_start", "price_periods", "require_clock"]

_ENERGY, _TIME, _PARKING, _RESERVED = (
    Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.RESERVATION_TIME,
)  # fmt: skip
_FLAT, _RESERVATION_FLAT = Dimension.FLAT, Dimension.RESERVATION_FLAT


class Period:
    """A stretch of a session: when it began (microseconds since 1970), its tariff's number, and ticks used.

    `reserved` is reservation time, None if the period is none; `measured` are its currents and powers.
    """

    __slots__ = ("energy", "measured", "parking", "reserved", "start_us", "tariff", "time")

    def __init__(
        self,
        *,
        start_us: int,
        energy: int = 0,
        time: int = 0,
        parking: int = 0,
        reserved: int | None = None,
        tariff: int = 0,
        measured: Measured = NOT_MEASURED,
    ) -> None:
        self.start_us = start_us
        self.energy = energy
        self.time = time
        self.parking = parking
        self.reserved = reserved
        self.tariff = tariff
        self.measured = measured

    @property
    def is_reservation(self) -> bool:
        """Whether the connector was only kept free."""
        return self.reserved is not None and not (self.energy or self.time or self.parking)


class Tally:
    """What a session has used so far, per price component; its size depends on the tariff, not on the session."""

    __slots__ = ("compiled", "flats", "last", "last_time", "priced", "used", "volumes")

    def __init__(self, compiled: CompiledTariff) -> None:
        self.compiled = compiled
        self.volumes: dict[Candidate, int] = {}
        self.used = [0, 0, 0, 0]
        self.priced = [0, 0, 0, 0]
        self.last: list[Candidate | None] = [None, None, None, None]
        self.last_time: int = _TIME
        self.flats: set[int] = set()

    def copy(self) -> "Tally":
        """Return an independent copy."""
        other = Tally(self.compiled)
        other.volumes = self.volumes.copy()
        other.used = self.used.copy()
        other.priced = self.priced.copy()
        other.last = self.last.copy()
        other.last_time = self.last_time
        other.flats = self.flats.copy()
        return other

    def add(self, cell: Cell, energy: int, time: int, parking: int) -> None:
        """Add what one period used, in ticks, at the prices of its cell.

        A volume of zero does not count as the last of its dimension: a cut at a boundary must change nothing.
        """
        if (flat := cell[_FLAT]) is not None:
            self._charge_once(flat, 0)
        if energy:
            self._add(_ENERGY, cell[_ENERGY], energy)
        if time:
            self._add(_TIME, cell[_TIME], time)
        if parking:
            self._add(_PARKING, cell[_PARKING], parking)

    def add_reservation(self, cell: Cell, reserved: int) -> None:
        """Add time for which a connector was reserved, in ticks, at the prices of the period's cell."""
        if (flat := cell[_RESERVATION_FLAT]) is not None:
            self._charge_once(flat, 1)
        if reserved:
            self._add(_RESERVED, cell[_RESERVED], reserved)

    def _charge_once(self, flat: Candidate, context: int) -> None:
        """Charge a price per session, once for charging and once for a reservation.

        OCPI does not say that it is once; example 16 of 2.3.0, mod_tariffs, charges one of each kind.
        """
        once_per = self.compiled.policy.flat_once_per
        key = context
        if once_per != "context":
            key = 0 if once_per == "session" else 2 * flat.tariff + context
        if key not in self.flats:
            self.flats.add(key)
            self.volumes[flat] = TICKS_PER_UNIT

    def _add(self, dimension: int, winner: Candidate | None, ticks: int) -> None:
        self.used[dimension] += ticks
        if winner is not None:
            self.volumes[winner] = self.volumes.get(winner, 0) + ticks
            self.priced[dimension] += ticks
            self.last[dimension] = winner
            if dimension != _ENERGY:
                self.last_time = dimension

    def surplus(self) -> dict[Candidate, int]:
        """Return what step sizes add, at the last component of each dimension.

        Once at the end, on priced volume only; of the two times only parking if any parking was priced
        (OCPI 2.2.1-d2 and 2.3.0, mod_cdrs, step_size). Reservation time is a group of its own.
        """
        policy = self.compiled.policy
        if policy.step_size == "none":
            return {}
        counted = self.priced if policy.step_counts == "priced" else self.used
        groups = [(self.last[_ENERGY], counted[_ENERGY]), *self._time_groups(counted)]
        return {
            last: -total % last.step
            for last, total in groups
            if last is not None and last.step > 1 and total > 0 and total % last.step
        }

    def _time_groups(self, counted: Sequence[int]) -> list[tuple[Candidate | None, int]]:
        """Return what is rounded up of times: the last component and the total of each group."""
        policy = self.compiled.policy
        by_last = policy.time_step_taken_by == "last_time_dimension"
        parks = self.last_time == _PARKING if by_last else self.priced[_PARKING] > 0
        reserved = (self.last[_RESERVED], counted[_RESERVED])
        if policy.reservation_step == "own":
            taker = _PARKING if parks else _TIME
            return [(self.last[taker], counted[taker]), reserved]
        if parks:
            return [(self.last[_PARKING], counted[_PARKING])]
        return [(self.last[_TIME] or reserved[0], counted[_TIME] + reserved[1])]

    def _billable(self) -> dict[Candidate, int]:
        """Return what is charged for, before steps: all that was counted, but for a price per session waived."""
        if self.compiled.policy.flat_without_energy == "charged" or self.used[_ENERGY]:
            return self.volumes.copy()
        return {candidate: ticks for candidate, ticks in self.volumes.items() if candidate.dimension is not _FLAT}

    def totals(self, *, step_minor: int = 1, session_tariff: int = 0) -> Totals:
        """Return what `cost` would say in total, without the means to explain it."""
        return self._totals(self.surplus(), step_minor, session_tariff)[0]

    def cost(self, *, step_minor: int = 1, session_tariff: int = 0, notes: Sequence[Note] = ()) -> Cost:
        """Return what the session costs if it ends here.

        `step_minor` is the account's step in minor units where it is coarser than the currency's;
        `session_tariff` is the number of the tariff whose limits hold.

        Raises:
            InvalidInput: `tax_unknown` if neither total can be derived.
        """
        surplus = self.surplus()
        totals, limited = self._totals(surplus, step_minor, session_tariff)
        if limited is not None:
            notes = (*notes, *limited.notes)
        bill = Bill(
            compiled=self.compiled,
            volumes=self._billable(),
            surplus=surplus,
            used=self.used.copy(),
            limited=limited,
            session_tariff=session_tariff,
        )
        clamped = limited is not None and bool(limited.steps)
        return Cost(totals, source=bill, clamped=clamped, notes=notes)

    def _totals(
        self, surplus: Mapping[Candidate, int], step_minor: int, session_tariff: int
    ) -> tuple[Totals, Limited | None]:
        compiled = self.compiled
        excl, incl = self._sums(surplus)
        limits = compiled.limits[session_tariff]
        limited = None if limits == (None, None) else apply_limits(compiled, limits, excl, incl)
        if limited is None:
            excl_ratio: Ratio | None = None if excl is None else (excl, compiled.excl_den)
            incl_ratio: Ratio | None = None if incl is None else (incl, compiled.incl_den)
        else:
            excl_ratio, incl_ratio = _ratio(limited.excl), _ratio(limited.incl)
        return _totals(compiled, step_minor, excl_ratio, incl_ratio), limited

    def _sums(self, surplus: Mapping[Candidate, int]) -> tuple[int | None, int | None]:
        excl = incl = 0
        compiled = self.compiled
        plain = compiled.policy.component_decimals is None
        waives = compiled.policy.flat_without_energy == "waived"
        for candidate, ticks in (self._billable() if waives else self.volumes).items():
            billed = ticks + surplus.get(candidate, 0)
            amount = candidate.price * billed if plain else compiled.amount(candidate, billed)
            excl += amount * candidate.excl_weight
            incl += amount * candidate.incl_weight
        if compiled.all_known:
            return excl, incl
        excl_known, incl_known = self._known()
        return excl if excl_known else None, incl if incl_known else None

    def _known(self) -> tuple[bool, bool]:
        """Say which totals are derivable; what costs nothing has no tax, except where the format knows none."""
        compiled = self.compiled
        groups = [compiled.groups[candidate.group] for candidate in self.volumes if candidate.price]
        unstated = any(tariff.tax_included is TaxIncluded.UNSTATED for tariff in compiled.tariffs)
        excl_known = all(group.excl is not None for group in groups)
        return excl_known, not unstated and all(group.incl is not None for group in groups)


def _ratio(value: Fraction | None) -> Ratio | None:
    return None if value is None else value.as_integer_ratio()


def _totals(compiled: CompiledTariff, step_minor: int, excl: Ratio | None, incl: Ratio | None) -> Totals:
    if excl is None and incl is None:
        raise InvalidInput(
            "Neither the total with tax nor the one without can be derived. State the tax of every component.",
            code="tax_unknown",
        )
    decimals, step = _rounding_unit(compiled, step_minor)
    rule = compiled.policy.rounding
    return Totals(
        compiled.currency,
        decimals,
        step,
        None if excl is None else _rounded(excl, decimals, step, rule),
        None if incl is None else _rounded(incl, decimals, step, rule),
        excl,
        incl,
    )


def _rounded(ratio: Ratio, decimals: int, step: int, rule: Rounding) -> int:
    if rule is Rounding.HALF_AWAY_FROM_ZERO:
        return half_away_from_zero(ratio[0] * 10**decimals, ratio[1] * step) * step
    return round_fraction(Fraction(ratio[0] * 10**decimals, ratio[1]), rule=rule, step=step)


def _rounding_unit(compiled: CompiledTariff, step_minor: int) -> tuple[int, int]:
    """Return the decimals of the amounts and the step in them: the coarser of the policy's and the account's."""
    if step_minor < 1:
        raise InvalidInput(f"A rounding step of {step_minor!r} minor units is not positive.", code="invalid_step")
    exponent, wanted = exponent_of(compiled.currency), compiled.policy.decimals
    if wanted is None:
        return exponent, step_minor
    decimals = max(exponent, wanted)
    account_step = 1 if step_minor == 1 else step_minor * 10 ** (decimals - exponent)
    return decimals, max(10 ** (decimals - wanted), account_step)


def price_periods(
    compiled: CompiledTariff,
    periods: Sequence[Period],
    *,
    clock: ZoneClock | None = None,
    start_us: int | None = None,
    expired: bool = False,
    session_tariff: int = 0,
    step_minor: int = 1,
    notes: Sequence[Note] = (),
) -> Cost:
    """Return the cost of a session given as periods in order.

    `clock` is the site's, for prices by local time; `start_us` the start of the record, for durations where the
    policy counts them from there; `expired` says that a reservation expired unused.

    Raises:
        InvalidInput: `time_zone_missing`; as `Tally.cost`.
    """
    tally = Tally(compiled)
    for period, cell in zip(periods, cells_of(compiled, periods, clock, start_us, expired=expired), strict=True):
        if period.reserved is not None:
            tally.add_reservation(cell, period.reserved)
            if period.is_reservation:
                continue
        tally.add(cell, period.energy, period.time, period.parking)
    return tally.cost(step_minor=step_minor, session_tariff=session_tariff, notes=notes)


def require_clock(compiled: CompiledTariff, clock: ZoneClock | None) -> None:
    """Refuse to price by local time where the time zone is not known.

    Raises:
        InvalidInput: `time_zone_missing`.
    """
    if compiled.axes.local and clock is None:
        raise InvalidInput(
            "The tariff has prices by local time, and the time zone of the site is not known. "
            "Give time_zone='Europe/Oslo' (or what applies).",
            code="time_zone_missing",
            path="time_zone",
        )


def cells_of(
    compiled: CompiledTariff,
    periods: Sequence[Period],
    clock: ZoneClock | None,
    start_us: int | None,
    *,
    expired: bool,
) -> list[Cell]:
    """Return the prices of each period, as they are at its start.

    Durations count from the start of charging; those of a reservation from its own (`PricingPolicy.duration_from`).
    """
    require_clock(compiled, clock)
    axes = compiled.axes
    if not axes.kinds:
        return [compiled.cell(compiled.situation(period.tariff, expired=expired)) for period in periods]
    reserved_us = next(
        (period.start_us for period in periods if period.reserved is not None and period.is_reservation), 0
    )
    charging_us = charging_start(compiled, periods, start_us)
    energy, cells = 0, []
    for period in periods:
        at_us = period.start_us
        reserving = period.reserved is not None and period.is_reservation
        elapsed_us = at_us - (reserved_us if reserving else charging_us)
        first = compiled.situation(period.tariff, expired=expired)
        cells.append(compiled.cell(axes.number(first, at_us, energy, elapsed_us, period.measured, clock)))
        energy += period.energy
    return cells


def charging_start(compiled: CompiledTariff, periods: Sequence[Period], start_us: int | None) -> int:
    """Return the instant from which durations count, in microseconds since 1970."""
    if compiled.policy.duration_from == "cdr_start" and start_us is not None:
        return start_us
    return next((period.start_us for period in periods if not period.is_reservation), 0)
