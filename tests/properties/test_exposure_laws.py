"""The laws of weighing cost against the hold."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evpay.payments.exposure import Decision, Situation, weigh

amounts = st.integers(0, 20_000)
situations = st.builds(
    Situation,
    cost=amounts,
    hold=amounts,
    limit=st.none() | amounts,
    lasts_s=st.none() | st.floats(-100, 10_000),
    reserve_s=st.none() | st.integers(0, 600),
    can_raise=st.booleans(),
    raise_at_percent=st.integers(1, 100),
    raise_step=st.integers(1, 9_000),
    raise_max=st.none() | amounts,
)


def cap_of(now):
    return now.hold if now.limit is None else min(now.hold, now.limit)


@given(situations)
def test_session_stops_when_the_cost_reaches_what_is_secured(now):
    """At the hold or the limit, whatever else is true."""
    if now.cost >= cap_of(now):
        assert Decision.STOP is weigh(now).decision


@given(situations)
def test_session_goes_on_when_there_is_room_and_time(now):
    """Nothing but the cap and the time it lasts stops a session."""
    lasts = now.lasts_s is None or now.reserve_s is None or now.lasts_s > now.reserve_s
    if now.cost < cap_of(now) and lasts:
        assert Decision.CONTINUE is weigh(now).decision


@given(situations)
def test_raise_is_above_the_hold_and_below_every_ceiling(now):
    """A raise states a higher total, never more than the driver's limit or the operator's most."""
    total = weigh(now).raise_to
    if total is not None:
        assert now.can_raise
        assert total > now.hold
        assert now.limit is None or total <= now.limit
        assert now.raise_max is None or total <= now.raise_max


@given(situations, st.integers(1, 700))
def test_raise_is_a_whole_number_of_the_accounts_steps(now, step):
    """Off its step the processor would refuse it; a ceiling off the step is not reached."""
    total = weigh(replace(now, step_minor=step)).raise_to
    ceilings = [bound for bound in (now.limit, now.raise_max) if bound is not None]
    if total is not None:
        assert total % step == 0
        assert total > now.hold
        assert all(total <= bound for bound in ceilings)


@given(situations)
def test_raise_covers_the_cost_unless_a_ceiling_forbids_it(now):
    """What is asked for is enough, and not a step more than that."""
    total = weigh(now).raise_to
    ceilings = [bound for bound in (now.limit, now.raise_max) if bound is not None]
    if total is not None and total not in ceilings:
        assert total > now.cost
        assert total == now.hold + now.raise_step or total - now.raise_step <= now.cost


@given(situations, st.integers(0, 5_000))
def test_higher_cost_never_turns_stop_into_go(now, more):
    """With all else equal, a dearer session is not let on where a cheaper one is stopped."""
    dearer = Situation(**{name: getattr(now, name) for name in now.__slots__} | {"cost": now.cost + more})
    if weigh(now).decision is Decision.STOP:
        assert Decision.STOP is weigh(dearer).decision
