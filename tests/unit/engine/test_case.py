"""What must be done next at a payment, and when somebody looks at it again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from evpay.engine.case import MAX_VOIDS, is_wanted, next_step, wake_us
from evpay.payments.operation import OperationState
from evpay.payments.outcome import Failed, Hold, Succeeded, Unknown
from evpay.payments.reasons import Reason
from tests.unit.engine.cases import BLIND, NOW, SEES, World, session_of
from tests.unit.payments.records import succeeded

DAY_US = 86_400_000_000
OPEN = ["waiting", "ready", "charging", "idle"]


def held(expires=None):
    world = World()
    amount = succeeded(1000).amount
    world.learn(world.ask("authorize", 1000), Succeeded(amount=amount, hold=Hold(expires=expires)))
    return world


def step_of(case, capabilities=SEES):
    step = next_step(case, case.snapshot.payment, capabilities)
    return None if step is None else step.kind


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize(("admission", "wanted"), [("allow", True), ("wait", True), ("deny", False)])
def test_hold_is_wanted_while_its_session_is_open_and_not_denied(status, admission, wanted):
    """A denied session needs no hold."""
    case = session_of(held().case, status=status, admission=admission)

    assert wanted == is_wanted(case, case.snapshot.payment)
    assert (None if wanted else "void") == step_of(case)


@pytest.mark.parametrize("status", ["finished", "cancelled"])
def test_hold_is_let_go_when_its_session_is_over(status):
    """What nobody captures is given back."""
    assert "void" == step_of(session_of(held().case, status=status))


def test_hold_is_wanted_while_a_capture_is_under_way():
    """Also of a finished session, whatever its state."""
    world = held()
    asked = world.ask("capture", 600, "pending")
    case = session_of(world.case, status="finished")

    assert is_wanted(case, case.snapshot.payment)
    assert step_of(case) is None
    assert "pending" == world.operation(asked).state


def test_hold_of_an_order_is_wanted_until_the_host_voids_it():
    """Without a session only the host knows."""
    world = held()
    assert is_wanted(world.case, world.payment)

    world.learn(world.ask("void", 1000), Failed(reason=Reason.OTHER))
    assert not is_wanted(world.case, world.payment)


def test_older_attempt_is_not_wanted():
    """Another account has been tried since: a hold that it may have left is given back."""
    world = held()
    newer = replace(world.payment, id="P-2", attempt=2)
    case = replace(world.case, snapshot=replace(world.case.snapshot, payments=(world.payment, newer)))

    assert not is_wanted(case, world.payment)
    assert "void" == next_step(case, world.payment, SEES).kind


@pytest.mark.parametrize("blocker", ["submitting", "unknown"])
def test_reserved_operation_waits_for_the_one_in_flight(blocker):
    """At most one effect at a time for one payment; then it is sent."""
    world = held()
    first = world.ask("increment", 1500, blocker)
    waiting = world.ask("capture", 600, "reserved")
    assert step_of(world.case) is None

    world.learn(first, Failed(reason=Reason.OTHER))
    step = next_step(world.case, world.payment, SEES)
    assert ("activate", waiting) == (step.kind, step.operation.id)


def test_nothing_is_done_while_a_void_is_in_flight():
    """What it releases is not known yet."""
    world = held()
    world.ask("void", 1000)
    world.ask("capture", 600, "reserved")

    assert step_of(session_of(world.case, status="finished")) is None


@pytest.mark.parametrize(("capabilities", "step"), [(BLIND, "void"), (SEES, None)])
def test_lost_authorization_is_voided_by_reference_when_nobody_can_look(capabilities, step):
    """Where a look-up tells, it is asked first."""
    world = World()
    world.learn(world.ask("authorize", 1000), Unknown(detail="lost"), capabilities=capabilities)

    assert step == step_of(session_of(world.case, admission="deny"), capabilities)


@pytest.mark.parametrize("state", ["requires_action", "pending"])
def test_waiting_authorization_is_voided_when_nobody_wants_it(state):
    """The driver must not be able to pay for a session that is over."""
    world = World()
    world.ask("authorize", 1000, state)

    assert "void" == step_of(session_of(world.case, admission="deny"))
    assert step_of(session_of(world.case, admission="wait", status="waiting")) is None


def test_voiding_is_given_up_after_six_times():
    """A processor that never releases is a person's business; the hold keeps its wake."""
    world = held(timedelta(days=7))
    case = session_of(world.case, status="finished")
    for _ in range(MAX_VOIDS):
        world.case = case
        assert "void" == step_of(case)
        world.learn(world.ask("void", 1000), Failed(reason=Reason.OTHER))
        case = session_of(world.case, status="finished")

    assert step_of(case) is None
    assert wake_us(case, world.payment, SEES, now_us=NOW) > NOW


def test_payment_is_looked_at_before_its_hold_expires():
    """A day before, or half-way of a hold that is short; and once more after it."""
    long, short = held(timedelta(days=7)), held(timedelta(hours=24))
    expiry = NOW + DAY_US

    assert NOW + 6 * DAY_US == long.payment.wake_us
    assert NOW + DAY_US // 2 == short.payment.wake_us
    assert expiry + 60_000_000 == wake_us(short.case, short.payment, SEES, now_us=expiry - 1)
    assert expiry + 120_000_000 + 3_600_000_000 == wake_us(
        short.case, short.payment, SEES, now_us=expiry + 120_000_000
    )  # fmt: skip


def test_payment_is_looked_at_weekly_when_its_hold_never_expires():
    """Nothing is forgotten for ever."""
    assert NOW + 7 * DAY_US == held().payment.wake_us


def test_payment_sleeps_when_nothing_is_held():
    """A declined payment needs nobody."""
    world = World()
    world.learn(world.ask("authorize", 1000), Failed(reason=Reason.OTHER))

    assert world.payment.wake_us is None


def test_payment_wakes_when_its_reserved_operation_may_be_sent():
    """Not before the time that it was postponed to."""
    world = held()
    asked = world.ask("capture", 600)
    world.learn(asked, Failed(reason=Reason.RATE_LIMITED))

    assert world.operation(asked).next_us == world.payment.wake_us > NOW


def test_after_shows_a_case_as_it_will_be():
    """Changed rows replace the old ones in place, new ones come last."""
    world = held()
    asked = world.ask("capture", 600)
    changed = replace(world.operation(asked), state=OperationState.PENDING)
    case = world.case.after(replace(world.payment, lease_us=5), changed)

    assert (5, "pending", 2) == (
        case.snapshot.payment.lease_us, case.operation(asked).state, len(case.snapshot.operations)
    )  # fmt: skip
    assert "submitting" == world.operation(asked).state
