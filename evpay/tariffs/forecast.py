"""The questions asked before the money is spent: how much to hold, and how far an amount will reach.

Answers come from the evaluator itself, so steps, taxes, limits and rounding are right by construction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from evpay.errors import InvalidInput
from evpay.money import Money, exponent_of, from_minor, to_minor
from evpay.tariffs.compile import Bound, CompiledTariff, compile_tariff
from evpay.tariffs.cost import Cost, Totals
from evpay.tariffs.exact import fraction_text
from evpay.tariffs.limits import only_tax_factor
from evpay.tariffs.meter import CostMeter
from evpay.tariffs.model import Tariff
from evpay.tariffs.price import Period, price_periods
from evpay.tariffs.ticks import TICKS_PER_SECOND, TICKS_PER_WH

__all__ = ["HoldAdvice", "UntilAmount", "estimate", "hold_for", "until_amount"]

_DAY_S: Final = 86_400
_MJ_PER_WS: Final = 1000


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


def estimate(tariff: Tariff, *, energy_wh: int, minutes: int, idle_minutes: int = 0) -> Cost:
    """Return the cost of charging so much in so many minutes and staying plugged, idle, for some more."""
    return _session_cost(compile_tariff(tariff), energy_wh, minutes * 60, idle_minutes * 60)


def _session_cost(compiled: CompiledTariff, energy_wh: int, duration_s: int, idle_s: int) -> Cost:
    charging = Period(start_us=0, energy=energy_wh * TICKS_PER_WH, time=duration_s * TICKS_PER_SECOND)
    idle = Period(start_us=charging.time, parking=idle_s * TICKS_PER_SECOND)
    return price_periods(compiled, (charging, idle))


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
) -> HoldAdvice:
    """Return how much to hold for an expected session.

    The largest cost along that session plus the margin, not below the tariff's least price and not above its greatest,
    rounded up to a whole `step`; at last within `minimum` and `maximum`, which are the caller's.
    With `use_preauthorize_amount` the tariff's own amount, where it has one, takes the place of the expected cost.

    Raises:
        InvalidInput: `tax_unknown` if the total including tax cannot be derived; `currency_mismatch`.
    """
    currency = compiled.currency
    wanted = compiled.tariffs[0].preauthorize_amount if use_preauthorize_amount else None
    if wanted is None:
        amount, reason = _expected(compiled, energy_wh, duration_s, idle_s, margin_percent)
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


def _expected(
    compiled: CompiledTariff, energy_wh: int, duration_s: int, idle_s: int, margin_percent: int
) -> tuple[int, str]:
    # Within charging and within idling cost only grows; where parking begins it may fall, for parking takes over the
    # step of time. So these are all the places where it can be largest.
    stages = {0, min(1, idle_s), idle_s}
    largest = max(_payable(_session_cost(compiled, energy_wh, duration_s, idle).totals) for idle in stages)
    amount = ceil(Fraction(largest * (100 + margin_percent), 100))
    margin = f" and {margin_percent} %" if margin_percent else ""
    return amount, f"the expected cost of {fraction_text(Fraction(energy_wh, 1000))} kWh{margin}"


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

    def at(second: int) -> CostMeter:
        later = meter.copy()
        later.charging = charging
        later.read(
            meter.at_us + second * TICKS_PER_SECOND, meter.energy_mj + power_w * _MJ_PER_WS * second, charging=charging
        )
        return later

    def within(second: int) -> bool:
        return _payable(at(second).tally.totals(step_minor=step_minor)) <= limit

    second = _last_within(within, horizon_s, grows=_grows(meter.compiled))
    there = at(second)
    return UntilAmount(
        energy_wh=there.energy_mj // TICKS_PER_WH,
        at_us=there.at_us,
        cost=there.cost(step_minor=step_minor),
        reached=second < horizon_s,
    )


def _grows(compiled: CompiledTariff) -> bool:
    return all(candidate.price >= 0 for candidate in compiled.candidates)


def _last_within(within: Callable[[int], bool], horizon_s: int, *, grows: bool) -> int:
    """Return the last second before the first one that is not within; bisected where cost only grows."""
    if not within(0) or horizon_s <= 0 or not within(1):
        return 0
    if not grows:
        return next((second - 1 for second in range(2, horizon_s + 1) if not within(second)), horizon_s)
    if within(horizon_s):
        return horizon_s
    low, high = 1, horizon_s
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if within(middle) else (low, middle)
    return low
