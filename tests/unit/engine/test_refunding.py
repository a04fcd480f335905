"""Which capture a refund is of."""

import json
from dataclasses import replace

import pytest

from evpay.engine.refunding import capture_for
from evpay.payments.operation import OperationState
from evpay.payments.outcome import Failed
from evpay.payments.reasons import Reason
from tests.unit.engine.cases import World
from tests.unit.payments.records import succeeded


def taken(*parts):
    """A hold that was captured in parts, named c0, c1 and so on."""
    world = World()
    world.learn(world.ask("authorize", 5000), succeeded(5000, hold=True))
    for no, minor in enumerate(parts):
        world.learn(world.ask("capture", minor, final=False), succeeded(minor, id=f"c{no}"))
    return world


def refund(world, minor, of, state="succeeded"):
    asked = world.operation(world.ask("refund", minor, state))
    request = json.dumps({**json.loads(asked.request), "capture_id": of})
    world.case = world.case.after(world.payment, replace(asked, request=request))


def named(world, minor):
    found = capture_for(world.case.snapshot.operations, minor)
    return found and found.provider_ref


@pytest.mark.parametrize(
    ("parts", "minor", "expected"),
    [
        ([], 100, None),
        ([500], 100, "c0"),
        ([500], 900, "c0"),
        ([500, 1500], 100, "c1"),
        ([1500, 500], 100, "c0"),
        ([500, 1500], 1500, "c1"),
        ([500, 1500], 1501, None),
        ([700, 700], 700, "c0"),
    ],
)
def test_the_largest_is_taken_if_it_is_enough(parts, minor, expected):
    """One effect cannot be of two captures; whether one refund can, the processor knows."""
    assert expected == named(taken(*parts), minor)


@pytest.mark.parametrize("state", ["succeeded", "pending", "unknown", "submitting", "reserved"])
def test_what_was_given_back_of_a_capture_is_not_there_any_more(state):
    """Nor what is about to be."""
    world = taken(500, 1500)
    refund(world, 1200, "c1", state)

    assert ["c0", "c0", None] == [named(world, minor) for minor in (300, 500, 501)]


@pytest.mark.parametrize("state", ["failed", "declined", "reversed"])
def test_what_did_not_go_back_is_still_there(state):
    """It can be given back by another refund."""
    world = taken(500, 1500)
    refund(world, 1200, "c1", state)

    assert "c1" == named(world, 1500)


def test_capture_that_did_not_last_is_none():
    """Nothing of it is there."""
    world = taken(500, 1500)
    lost = world.case.snapshot.operations[-1]
    world.learn(lost.id, Failed(reason=Reason.OTHER))

    assert OperationState.REVERSED is world.operation(lost.id).state
    assert "c0" == named(world, 400)
