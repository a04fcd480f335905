"""Running cost against the hold: the decision, and the new total to ask for."""

import pytest

from evpay.payments.exposure import Decision, Situation, Verdict, weigh

CONTINUE, STOP = Decision.CONTINUE, Decision.STOP


def situation(**changes):
    """A hold of 50.00 that may be raised by 20.00 at 80 %, two minutes between a decision and its effect."""
    usual = {
        "cost": 1000, "hold": 5000, "limit": None, "lasts_s": None, "reserve_s": 120, "can_raise": True,
        "raise_at_percent": 80, "raise_step": 2000, "raise_max": None,
    }  # fmt: skip
    return Situation(**{**usual, **changes})


TABLE = {
    "far away": ({}, CONTINUE, "within_hold", None),
    "just below the share": ({"cost": 3999}, CONTINUE, "within_hold", None),
    "at the share": ({"cost": 4000}, CONTINUE, "within_hold", 7000),
    "one below the hold": ({"cost": 4999}, CONTINUE, "within_hold", 7000),
    "at the hold": ({"cost": 5000}, STOP, "hold_reached", 7000),
    "above the hold": ({"cost": 5001}, STOP, "hold_reached", 7000),
    "at the next step": ({"cost": 7000}, STOP, "hold_reached", 9000),
    "several steps above": ({"cost": 11_500}, STOP, "hold_reached", 13_000),
    "no raise possible": ({"cost": 5000, "can_raise": False}, STOP, "hold_reached", None),
    "lasts longer than three reserves": ({"lasts_s": 360.1}, CONTINUE, "within_hold", None),
    "lasts three reserves": ({"lasts_s": 360.0}, CONTINUE, "within_hold", 7000),
    "lasts a little more than the reserve": ({"lasts_s": 120.1}, CONTINUE, "within_hold", 7000),
    "lasts the reserve": ({"lasts_s": 120.0}, STOP, "hold_nearly_reached", 7000),
    "is over by the clock": ({"lasts_s": -5.0}, STOP, "hold_nearly_reached", 7000),
    "cannot be stopped": ({"lasts_s": 0.0, "reserve_s": None}, CONTINUE, "within_hold", None),
    "cannot be stopped, at the share": ({"cost": 4000, "reserve_s": None}, CONTINUE, "within_hold", 7000),
    "cannot be stopped, at the hold": ({"cost": 5000, "reserve_s": None}, STOP, "hold_reached", 7000),
    "stops at once": ({"lasts_s": 0.1, "reserve_s": 0}, CONTINUE, "within_hold", None),
    "limit below the hold": ({"cost": 2000, "limit": 2000}, STOP, "limit_reached", None),
    "limit below the hold, near": ({"cost": 1999, "limit": 2000}, CONTINUE, "within_hold", None),
    "limit below the hold, soon": ({"limit": 2000, "lasts_s": 60.0}, STOP, "limit_nearly_reached", None),
    "limit equal to the hold": ({"cost": 5000, "limit": 5000}, STOP, "limit_reached", None),
    "limit above the hold": ({"cost": 4000, "limit": 6000}, CONTINUE, "within_hold", 6000),
    "limit above the hold, hold used up": ({"cost": 5000, "limit": 6000}, STOP, "hold_reached", 6000),
    "most below the step": ({"cost": 4000, "raise_max": 5500}, CONTINUE, "within_hold", 5500),
    "most reached": ({"cost": 4000, "raise_max": 5000}, CONTINUE, "within_hold", None),
    "most below the hold": ({"cost": 4000, "raise_max": 4500}, CONTINUE, "within_hold", None),
    "limit below the most": ({"cost": 4000, "limit": 5200, "raise_max": 5500}, CONTINUE, "within_hold", 5200),
    "most below the limit": ({"cost": 4000, "limit": 5500, "raise_max": 5200}, CONTINUE, "within_hold", 5200),
    "nothing was held": ({"cost": 0, "hold": 0}, STOP, "hold_reached", 2000),
    "raised in the account's step": ({"cost": 4000, "step_minor": 300}, CONTINUE, "within_hold", 7200),
    "a limit off the account's step": ({"cost": 4000, "limit": 6100, "step_minor": 300}, CONTINUE, "within_hold", 6000),
    "no step fits below the limit": ({"cost": 4000, "limit": 5090, "step_minor": 100}, CONTINUE, "within_hold", None),
    "raised at once": ({"cost": 50, "raise_at_percent": 1}, CONTINUE, "within_hold", 7000),
    "raised at the end": ({"cost": 4999, "raise_at_percent": 100}, CONTINUE, "within_hold", None),
}


@pytest.mark.parametrize(("changes", "decision", "reason", "raise_to"), TABLE.values(), ids=TABLE)
def test_verdict_follows_the_table(changes, decision, reason, raise_to):
    """Until an increment is granted the old hold counts; a raise is asked for early, and never above a ceiling."""
    assert Verdict(decision=decision, reason=reason, raise_to=raise_to) == weigh(situation(**changes))


def test_verdict_comes_at_once_when_the_step_is_a_cent():
    """The steps to the new total are counted, not walked."""
    verdict = weigh(situation(cost=2**53, raise_step=1))

    assert 2**53 + 1 == verdict.raise_to
