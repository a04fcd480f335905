"""What a void asks for, and what is booked where the processor says no more than that it is done."""

import json

import pytest

from evpay.engine.case import next_step
from evpay.money import Money, from_minor
from evpay.payments.outcome import Declined, Pending, Succeeded, Unknown
from evpay.payments.reasons import Reason
from tests.unit.engine.cases import BLIND, HANDLE, World, session_of
from tests.unit.payments.records import EUR


def yes(amount):
    return Succeeded(amount=from_minor(amount, EUR), handle=HANDLE)


@pytest.fixture
def world():
    """A hold of 10.00 of whose AUTHORIZE nothing is known."""
    made = World()
    made.learn(made.ask("authorize", 1000), Unknown(detail="lost"), capabilities=BLIND)
    return made


def freed(world, void):
    """Let a processor say that what should come free did."""
    asked = json.loads(world.operation(void).request)["amount"]
    world.learn(void, Succeeded(amount=Money(**asked)), capabilities=BLIND)


def test_void_of_a_hold_that_may_be_there_asks_for_all_of_it(world):
    """When it is done, hold and release are in the books, and the late word of the hold is a repeat."""
    first = world.case.authorize(world.payment.id).id
    void = world.ask("void", 0)
    world.learn(void, Pending(), capabilities=BLIND)
    freed(world, void)

    assert ["hold<rail 1000", "rail<hold 1000"] == world.posted()
    assert world.learn(first, yes(1000), capabilities=BLIND) is None
    assert 0 == world.payment.facts.open_hold
    assert next_step(session_of(world.case, admission="deny"), world.payment, BLIND) is None
    world.check()


def test_hold_that_is_found_before_its_void_is_done_is_let_go_by_that(world):
    """One void is enough."""
    first = world.case.authorize(world.payment.id).id
    void = world.ask("void", 0)
    world.learn(void, Pending(), capabilities=BLIND)
    world.learn(first, yes(1000), capabilities=BLIND)
    freed(world, void)

    assert ["hold<rail 1000", "rail<hold 1000"] == world.posted()
    assert next_step(session_of(world.case, admission="deny"), world.payment, BLIND) is None
    world.check()


def test_void_that_is_refused_books_nothing_and_is_not_repeated(world):
    """There was nothing to let go."""
    world.learn(world.ask("void", 0), Declined(reason=Reason.INVALID_STATE), capabilities=BLIND)

    assert [] == world.posted()
    assert next_step(session_of(world.case, admission="deny"), world.payment, BLIND) is None
    world.check()


@pytest.mark.parametrize(("outcome", "amount"), [(yes(1000), 1000), (yes(400), 400), (Pending(), 0)])
def test_void_of_a_hold_that_is_known_asks_for_what_is_open(outcome, amount):
    """No more than that."""
    world = World()
    world.learn(world.ask("authorize", 1000), outcome)

    assert amount == world.operation(world.ask("void", 0)).amount
