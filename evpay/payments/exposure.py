"""Running cost against the hold: continue, raise, or stop.

Neither rule assumes that cost only grows: a step or a tier can make a session cheaper by the next reading.
"""

from dataclasses import dataclass
from enum import StrEnum

from evpay.model import ExactDecimal, FrozenModel, Instant
from evpay.money import Money
from evpay.tariffs.cost import Cost

__all__ = ["Decision", "Exposure", "Increment", "Situation", "Verdict", "weigh"]


class Decision(StrEnum):
    """What the station should do."""

    CONTINUE = "continue"
    STOP = "stop"


class Increment(StrEnum):
    """How the last attempt to raise the hold stands."""

    NONE = "none"
    ASKED = "asked"
    GRANTED = "granted"
    DECLINED = "declined"
    UNKNOWN = "unknown"


class Exposure(FrozenModel):
    """What a session owes now, against what is on hold for it.

    `remaining` is what is left of the hold (or of the driver's limit), `unsecured` what exceeds it;
    `stop_at_energy_wh` leaves room for what flows until a stop takes effect; `lasts_until` is when the hold is used up
    at full power, None if that is more than a day away.
    """

    session_id: str
    at: Instant
    decision: Decision
    reason: str
    cost: Cost
    largest_cost: Money
    hold: Money
    remaining: Money
    unsecured: Money
    limit: Money | None = None
    energy_wh: ExactDecimal
    power_w: ExactDecimal | None = None
    duration_s: int
    stop_at_energy_wh: ExactDecimal | None = None
    lasts_until: Instant | None = None
    hold_expires_at: Instant | None = None
    increment: Increment = Increment.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the decision hangs on; amounts in minor units (`raise_step` more than zero), times in s.

    `lasts_s`: how long the cap lasts at full power; None: longer than the forecast looks.
    `step_minor`: the account's step of amounts.
    `reserve_s`: between a decision and its effect (meter interval and stop latency); None: it cannot be stopped.
    """

    cost: int
    hold: int
    limit: int | None
    lasts_s: float | None
    reserve_s: int | None
    can_raise: bool
    raise_at_percent: int
    raise_step: int
    raise_max: int | None
    step_minor: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Continue or stop, why, and the new total to ask for, if the hold is to be raised."""

    decision: Decision
    reason: str
    raise_to: int | None = None


def _raise_to(now: Situation) -> int | None:
    """Return the new total to ask for, or None."""
    ceiling = min((bound for bound in (now.limit, now.raise_max) if bound is not None), default=None)
    steps = max((now.cost - now.hold) // now.raise_step + 1, 1)
    total = -(-(now.hold + steps * now.raise_step) // now.step_minor) * now.step_minor
    if ceiling is not None:
        total = min(total, ceiling // now.step_minor * now.step_minor)
    near = now.cost * 100 >= now.hold * now.raise_at_percent
    soon = now.lasts_s is not None and now.reserve_s is not None and now.lasts_s <= 3 * now.reserve_s
    return total if now.can_raise and total > now.hold and (near or soon) else None


def weigh(now: Situation) -> Verdict:
    """Decide. Until an increment is granted, the old hold counts."""
    cap = now.hold if now.limit is None else min(now.hold, now.limit)
    raise_to = _raise_to(now)
    bound = "limit" if now.limit is not None and now.limit <= now.hold else "hold"
    if now.cost >= cap:
        return Verdict(decision=Decision.STOP, reason=f"{bound}_reached", raise_to=raise_to)
    if now.reserve_s is not None and now.lasts_s is not None and now.lasts_s <= now.reserve_s:
        return Verdict(decision=Decision.STOP, reason=f"{bound}_nearly_reached", raise_to=raise_to)
    return Verdict(decision=Decision.CONTINUE, reason="within_hold", raise_to=raise_to)
