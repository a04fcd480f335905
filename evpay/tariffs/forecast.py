"""The questions asked before the money is spent: how much to hold, and how far an amount will reach.

Answers come from the evaluator itself, so steps, taxes, limits and rounding are right by construction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import Final

from evpay.errors import InvalidInput
from evpay.money import Money, exponent_of, from_minor, to_minor
from evpay.tariffs.axes import NOT_MEASURED, Measured
from evpay.tariffs.compile import Bound, CompiledTariff, compile_tariff, refuse_restrictions
from evpay.tariffs.cost import Cost, Totals
from evpay.tariffs.exact import fraction_text
from evpay.tariffs.fields import micros_of
from evpay.tariffs.limits import only_tax_factor
from evpay.tariffs.meter import CostMeter, average_power
from evpay.tariffs.model import Tariff
from evpay.tariffs.pieces import Cut
from evpay.tariffs.price import require_clock
from evpay.tariffs.ticks import TICKS_PER_SECOND, TICKS_PER_WH
from evpay.tariffs.zone import ZoneClock, zone_clock

__all__ = ["HoldAdvice", "UntilAmount", "estimate", "hold_for", "until_amount"]

_DAY_S: Final = 86_400
_MJ_PER_WS: Final = 1000
_IDLE: Final[Measured] = (None, None, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAdvice:
    """How much to hold before a session, and why that much."""

    amount: Money
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilAmount:
    """How far an amount reaches: energy since the start of the session, the instant, and the cost there.

    `reached` is False if the amount is not used up within the horizon.
    """

    energy_wh: int
    at_us: int
    cost: Cost
    reached: bool


def estimate(
    tariff: Tariff,
    *,
    energy_wh: int,
    minutes: int,
    idle_minutes: int = 0,
    start: datetime | None = None,
    time_zone: str | None = None,
) -> Cost:
    """Return the cost of charging so much in so many minutes and staying plugged, idle, for some more.

    Energy flows evenly. Prices by local time need the `start` and the `time_zone` of the site.

    Raises:
        InvalidInput: `time_zone_missing`; `start_missing`; `unsupported_restriction` for prices by current.
    """
    clock = None if time_zone is None else zone_clock(time_zone)
    start_us = None if start is None else micros_of(start)
    session = _Expected(energy_wh, minutes * 60, idle_minutes * 60)
    return session.ended(compile_tariff(tariff), start_us, clock).cost()


class _Expected:
    """A session as it is expected: so much energy in so many seconds, evenly, and then so many seconds idle."""

    __slots__ = ("duration_s", "energy_wh", "idle_s")

    def __init__(self, energy_wh: int, duration_s: int, idle_s: int) -> None:
        self.energy_wh = energy_wh
        self.duration_s = duration_s
        self.idle_s = idle_s

    def begun(self, compiled: CompiledTariff, start_us: int | None, clock: ZoneClock | None) -> CostMeter:
        """Return the meter at the start of the session."""
        require_clock(compiled, clock)
        if start_us is None and compiled.axes.local:
            raise InvalidInput(
                "The tariff has prices by local time, so its cost depends on when the session starts. Give the start.",
                code="start_missing",
                path="start",
            )
        refuse_restrictions(compiled.tariffs[0], ("min_current", "max_current"))
        power = average_power(self.energy_wh * TICKS_PER_WH, self.duration_s * TICKS_PER_SECOND, NOT_MEASURED)
        return CostMeter(compiled, start_us=start_us or 0, clock=clock, measured=power)

    def charged(self, meter: CostMeter) -> Cut:
        """Return when charging ends, with its energy."""
        return meter.start_us + self.duration_s * TICKS_PER_SECOND, self.energy_wh * TICKS_PER_WH

    def ended(self, compiled: CompiledTariff, start_us: int | None, clock: ZoneClock | None) -> CostMeter:
        """Return the meter at the end of the session."""
        meter = self.begun(compiled, start_us, clock)
        at_us, energy = self.charged(meter)
        meter.read(at_us, energy, charging=False, measured=_IDLE)
        if self.idle_s:
            meter.read(at_us + self.idle_s * TICKS_PER_SECOND, energy, charging=False, measured=_IDLE)
        return meter

    def largest(self, compiled: CompiledTariff, start_us: int | None, clock: ZoneClock | None) -> int:
        """Return the largest cost along the session in minor units.

        Within a piece of one price cost only grows; where prices change or parking begins it may fall, for another
        component takes over the step. So the ends of the pieces are all the places where it can be largest.
        """
        meter = self.begun(compiled, start_us, clock)
        at_us, energy = self.charged(meter)
        stages = [(meter, cut) for cut in meter.cuts_until((at_us, energy))]
        idle = meter.copy()
        idle.read(at_us, energy, charging=False, measured=_IDLE)
        if self.idle_s:
            stages += [(idle, cut) for cut in idle.cuts_until((at_us + self.idle_s * TICKS_PER_SECOND, energy))]
            stages.append((idle, (at_us + TICKS_PER_SECOND, energy)))
        found = 0
        for before, cut in stages:
            there = before.copy()
            there.read(*cut, charging=before.charging, measured=before.measured)
            found = max(found, _payable(there.tally.totals()))
        return found


def hold_for(
    compiled: CompiledTariff,
    *,
    energy_wh: int,
    duration_s: int,
    idle_s: int = 0,
    margin_percent: int = 0,
    step: Money | None = None,
    minimum: Money | None = None,
    maximum: Money | None = None,
    use_preauthorize_amount: bool = False,
    start_us: int | None = None,
    clock: ZoneClock | None = None,
) -> HoldAdvice:
    """Return how much to hold for an expected session.

    The largest cost along that session plus the margin, not below the tariff's least price and not above its greatest,
    rounded up to a whole `step`; at last within `minimum` and `maximum`, which are the caller's.
    With `use_preauthorize_amount` the tariff's own amount, where it has one, takes the place of the expected cost.
    Prices by local time need the start and the clock of the site.

    Raises:
        InvalidInput: `tax_unknown` if the total including tax cannot be derived; `currency_mismatch`; as `estimate`.
    """
    currency = compiled.currency
    expected = _Expected(energy_wh, duration_s, idle_s)
    wanted = compiled.tariffs[0].preauthorize_amount if use_preauthorize_amount else None
    if wanted is None:
        largest = expected.largest(compiled, start_us, clock)
        amount = ceil(Fraction(largest * (100 + margin_percent), 100))
        margin = f" and {margin_percent} %" if margin_percent else ""
        reason = f"the expected cost of {fraction_text(Fraction(energy_wh, 1000))} kWh{margin}"
    else:
        amount, reason = _minor(Fraction(wanted), currency), "the tariff's own amount to hold"
    least, greatest = (_limit(compiled, bound) for bound in compiled.limits[0])
    if least is not None and amount <= least:
        amount, reason = least, "the least price of the tariff"
    step_minor = 1 if step is None else max(1, _amount_minor(step, currency, "step"))
    amount = -(-amount // step_minor) * step_minor
    # Limits that cross (a least price with tax above the greatest) are priced at the least, so that is held.
    if greatest is not None and amount > max(greatest, least or 0):
        amount, reason = max(greatest, least or 0), "the greatest price of the tariff"
    if minimum is not None and amount < _amount_minor(minimum, currency, "minimum"):
        amount, reason = _amount_minor(minimum, currency, "minimum"), "the least hold that is asked for"
    if maximum is not None and amount > _amount_minor(maximum, currency, "maximum"):
        amount, reason = _amount_minor(maximum, currency, "maximum"), "the greatest hold that is asked for"
    return HoldAdvice(amount=from_minor(amount, currency), reason=reason)


def _limit(compiled: CompiledTariff, bound: Bound | None) -> int | None:
    """Return a limit of the price with tax in minor units, rounded up, where it is known before the session."""
    if bound is None:
        return None
    if bound.after is not None:
        after, before = Fraction(bound.after, compiled.incl_den), Fraction(bound.before or 0, compiled.excl_den)
        return _minor(max(after, before), compiled.currency)
    factor = only_tax_factor(compiled)
    if bound.before is None or factor is None:
        return None
    return _minor(Fraction(bound.before, compiled.excl_den) * factor, compiled.currency)


def _minor(amount: Fraction, currency: str) -> int:
    return ceil(amount * int(10 ** exponent_of(currency)))


def _amount_minor(amount: Money, currency: str, name: str) -> int:
    if amount.currency.code != currency:
        raise InvalidInput(
            f"{name} is {amount}, the tariff is in {currency}: evpay never converts currencies.",
            code="currency_mismatch",
            path=name,
        )
    return to_minor(amount)


def _payable(totals: Totals) -> int:
    if totals.incl is None:
        raise InvalidInput(
            "The total including tax cannot be derived, and a driver pays that total. State the tax in the tariff.",
            code="tax_unknown",
        )
    # A policy may round finer than the currency can be paid; what is paid is the next payable amount.
    return -(-totals.incl // int(10 ** (totals.decimals - exponent_of(totals.currency))))


def until_amount(
    meter: CostMeter,
    amount: Money,
    *,
    power_w: int,
    horizon_s: int = _DAY_S,
    charging: bool = True,
    step_minor: int = 1,
) -> UntilAmount:
    """Return the last whole second from the last reading at which the cost is still within the amount.

    It is assumed that the session goes on at `power_w`, in the given state. If the cost is above the amount already,
    the answer is the last reading itself.

    Raises:
        InvalidInput: `currency_mismatch`; `tax_unknown`.
    """
    limit = _amount_minor(amount, meter.compiled.currency, "amount")

    known = [(0, meter)]

    def at(second: int) -> CostMeter:
        from_s, before = known[-1] if second >= known[-1][0] else known[0]
        later = before.copy()
        later.charging = charging
        later.read(
            meter.at_us + second * TICKS_PER_SECOND,
            meter.energy_mj + power_w * _MJ_PER_WS * second,
            charging=charging,
            measured=meter.measured,
        )
        if second > from_s:
            walked[second] = later
        return later

    walked: dict[int, CostMeter] = {}

    def within(second: int) -> bool:
        return _payable(at(second).tally.totals(step_minor=step_minor)) <= limit

    def passed(second: int) -> None:
        known.append((second, walked[second]))
        walked.clear()

    second = _last_within(within, _changes(meter, power_w, horizon_s), passed, grows=_grows(meter.compiled))
    there = at(second)
    return UntilAmount(
        energy_wh=there.energy_mj // TICKS_PER_WH,
        at_us=there.at_us,
        cost=there.cost(step_minor=step_minor),
        reached=second < horizon_s,
    )


def _changes(meter: CostMeter, power_w: int, horizon_s: int) -> list[int]:
    """Return the last whole seconds of each piece of one price from now on, the horizon last."""
    if horizon_s <= 0:
        return []
    end = (meter.at_us + horizon_s * TICKS_PER_SECOND, meter.energy_mj + power_w * _MJ_PER_WS * horizon_s)
    seconds = {(at_us - meter.at_us) // TICKS_PER_SECOND for at_us, _ in meter.cuts_until(end)}
    return sorted(seconds - {0})


def _grows(compiled: CompiledTariff) -> bool:
    return all(candidate.price >= 0 for candidate in compiled.candidates)


def _last_within(
    within: Callable[[int], bool], changes: Sequence[int], passed: Callable[[int], None], *, grows: bool
) -> int:
    """Return the last second before the first one that is not within; bisected where cost only grows.

    It only grows between two `changes` of price; where prices change it may fall. `passed` is told each change that is
    still within.
    """
    if not within(0) or not changes:
        return 0
    if not grows:
        return next((second - 1 for second in range(1, changes[-1] + 1) if not within(second)), changes[-1])
    low = 0
    for change in changes:
        if within(change):
            low = change
            passed(change)
            continue
        high = change
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if within(middle) else (low, middle)
        return low
    return low
