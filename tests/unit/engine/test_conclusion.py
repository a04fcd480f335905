"""From an outcome to the rows that record it, kind by kind."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from evpay.engine.case import next_step
from evpay.engine.conclusion import next_look_us
from evpay.money import Money
from evpay.payments.lifecycle import available
from evpay.payments.outcome import (
    ActionRequired,
    Declined,
    Failed,
    Hold,
    OpenLink,
    Pending,
    Succeeded,
    Unknown,
)
from evpay.payments.reasons import Reason
from evpay.store.commit import Insert
from tests.unit.engine.cases import BLIND, HANDLE, NOW, RELEASES, SEES, World, session_of
from tests.unit.payments.records import operation

SECOND = 1_000_000
DAY = timedelta(days=1)
LOST = Unknown(detail="lost")
LATER = Failed(reason=Reason.RATE_LIMITED)
NEVER = Declined(reason=Reason.DO_NOT_HONOR)
WAITING = ActionRequired(action=OpenLink(uri="https://example.com"))


def yes(minor, currency="EUR", **more):
    amount = Money(minor, "JPY") if currency == "JPY" else Money(f"{minor // 100}.{minor % 100:02}", currency)
    return Succeeded(amount=amount, handle=HANDLE, **more)


def held(**more):
    """A payment of 10.00 on hold."""
    world = World(**more)
    world.learn(world.ask("authorize", 1000), yes(1000, hold=Hold(expires=7 * DAY, increment=True)))
    return world


def captured():
    """A payment of which 6.00 were captured and the rest released."""
    world = held()
    world.learn(world.ask("capture", 600), yes(600), capabilities=RELEASES)
    return world


STORIES = {
    # name: (world, kind, amount, outcome, capabilities, state afterwards, postings)
    "authorized": (World, "authorize", 1000, yes(1000), SEES, "succeeded", ["hold<rail 1000"]),
    "authorized in part": (World, "authorize", 1000, yes(400), SEES, "succeeded", ["hold<rail 400"]),
    "nothing authorized": (World, "authorize", 1000, yes(0), SEES, "succeeded", []),
    "authorization waits": (World, "authorize", 1000, WAITING, SEES, "requires_action", []),
    "authorization pending": (World, "authorize", 1000, Pending(), SEES, "pending", []),
    "authorization declined": (World, "authorize", 1000, NEVER, SEES, "declined", []),
    "authorization not sent": (World, "authorize", 1000, Failed(reason=Reason.NOT_SENT), SEES, "failed", []),
    "authorization rate limited": (World, "authorize", 1000, LATER, SEES, "failed", []),
    "authorization lost": (World, "authorize", 1000, LOST, SEES, "unknown", []),
    "authorized too much": (World, "authorize", 1000, yes(1001), SEES, "unknown", []),
    "raised": (held, "increment", 1500, yes(1500), SEES, "succeeded", ["hold<rail 500"]),
    "raise declined": (held, "increment", 1500, NEVER, SEES, "declined", []),
    "raise rate limited": (held, "increment", 1500, LATER, SEES, "failed", []),
    "raise lost": (held, "increment", 1500, LOST, SEES, "unknown", []),
    "captured, rest released by them": (
        held, "capture", 600, yes(600), RELEASES, "succeeded",
        ["clearing<revenue 600", "rail<hold 400", "hold_used<hold 600"],
    ),
    "captured, rest stays": (
        held, "capture", 600, yes(600), SEES, "succeeded", ["clearing<revenue 600", "hold_used<hold 600"]
    ),
    "captured all": (
        held, "capture", 1000, yes(1000), RELEASES, "succeeded", ["clearing<revenue 1000", "hold_used<hold 1000"]
    ),
    "captured another amount": (held, "capture", 600, yes(599), RELEASES, "unknown", []),
    "capture lost": (held, "capture", 600, LOST, RELEASES, "unknown", []),
    "capture pending": (held, "capture", 600, Pending(), RELEASES, "pending", []),
    "capture declined": (held, "capture", 600, NEVER, RELEASES, "declined", []),
    "capture rate limited": (held, "capture", 600, LATER, RELEASES, "reserved", []),
    "voided": (held, "void", 1000, yes(1000), SEES, "succeeded", ["rail<hold 1000"]),
    "voided in part": (held, "void", 1000, yes(300), SEES, "succeeded", ["rail<hold 300"]),
    "void rate limited": (held, "void", 1000, LATER, SEES, "reserved", []),
    "void lost": (held, "void", 1000, LOST, SEES, "unknown", []),
    "refunded": (captured, "refund", 200, yes(200), SEES, "succeeded", ["revenue<clearing 200"]),
    "refund must be claimed": (captured, "refund", 200, WAITING, SEES, "requires_action", []),
    "refund not settled yet": (captured, "refund", 200, Failed(reason=Reason.NOT_SETTLED_YET), SEES, "reserved", []),
    "refund declined": (captured, "refund", 200, NEVER, SEES, "declined", []),
    "refunded too much": (captured, "refund", 700, yes(700), SEES, "unknown", []),
}  # fmt: skip


@pytest.mark.parametrize(
    ("make", "kind", "amount", "outcome", "capabilities", "state", "posted"), STORIES.values(), ids=STORIES
)
def test_outcome_is_recorded_whole(make, kind, amount, outcome, capabilities, state, posted):
    """One event that continues the chain, the postings of what moved, the operation's state, and the payment's wake."""
    world = make()
    events, lines = len(world.events), len(world.lines)
    asked = world.ask(kind, amount)
    world.learn(asked, outcome, capabilities=capabilities)
    known = world.operation(asked)

    assert (state, posted) == (known.state, world.posted()[lines:])
    assert (events + 1, f"{kind}.{state}") == (len(world.events), world.events[-1]["kind"])
    assert "payment_changed" == world.told[-1]
    assert (known.next_us is not None) == (state in ("reserved", "pending", "unknown", "requires_action"))
    assert world.payment.lease_us is None
    world.check()


@pytest.mark.parametrize("make", [World, held, captured])
def test_nothing_is_written_when_nothing_new_is_said(make):
    """A repeat leaves no event."""
    world = make()
    asked = world.ask("authorize", 5) if make is World else world.case.snapshot.operations[0].id
    world.learn(asked, yes(5))

    assert world.learn(asked, yes(5)) is None
    assert world.learn("O-unknown", yes(5)) is None


def test_writes_that_come_along_are_kept_when_nothing_new_is_said():
    """The message that repeated is acknowledged all the same."""
    world = held()
    note = Insert("alias", {"account": "main", "id": "x"}, or_ignore=True)
    commit = world.learn(world.case.snapshot.operations[0].id, yes(1000), extra_writes=(note,))

    assert (note,) == commit.writes


@pytest.mark.parametrize("kind", ["capture", "void"])
@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.NOT_SETTLED_YET, Reason.ISSUER_UNAVAILABLE])
def test_postponed_operation_keeps_its_content_under_a_new_key(kind, reason):
    """A key whose refusal the processor has stored would be refused again; what is asked stays the same."""
    world = held()
    asked = world.ask(kind, 600)
    before = world.operation(asked)
    world.learn(asked, Failed(reason=reason))
    after = world.operation(asked)
    told, now = json.loads(before.request), json.loads(after.request)

    assert before.idempotency_key != after.idempotency_key == now["idempotency_key"]
    assert told | {"idempotency_key": None} == now | {"idempotency_key": None}
    assert (before.reference, before.digest, before.id) == (after.reference, after.digest, after.id)
    assert after.next_us > NOW


@pytest.mark.parametrize(("days", "state"), [(5, "reserved"), (8, "failed")])
def test_refusal_is_final_when_the_hold_is_over(days, state):
    """A capture is worth another round as long as there is something to capture."""
    world = held()
    asked = world.ask("capture", 600)

    world.learn(asked, LATER, after=timedelta(days=days))

    assert state == world.operation(asked).state


@pytest.mark.parametrize("reason", [Reason.NOT_SENT, Reason.RATE_LIMITED])
def test_refused_second_sending_says_nothing_of_the_first(reason):
    """What became of the first sending is still not known."""
    world = held()
    asked = world.ask("capture", 600)
    world.learn(asked, Failed(reason=reason), in_doubt=True)

    assert "unknown" == world.operation(asked).state


@pytest.mark.parametrize(
    ("outcome", "state", "authorized"),
    [(yes(1000), "succeeded", 1000), (yes(400), "succeeded", 400), (NEVER, "declined", 0), (Pending(), "pending", 0),
     (WAITING, "requires_action", 0), (Failed(reason=Reason.APPROVAL_EXPIRED), "failed", 0)],
)  # fmt: skip
def test_leg_of_the_driver_settles_the_authorization(outcome, state, authorized):
    """What the answer to COMPLETE means is recorded on the AUTHORIZE; the leg itself is done."""
    world = World()
    first = world.ask("authorize", 1000)
    world.learn(first, WAITING)
    leg = world.ask("complete", 1000)
    world.learn(leg, outcome)

    assert ("succeeded", state) == (world.operation(leg).state, world.operation(first).state)
    assert authorized == world.payment.facts.authorized
    world.check()


def test_lost_leg_of_the_driver_leaves_the_authorization_waiting():
    """Nothing is known, so nothing is settled."""
    world = World()
    first = world.ask("authorize", 1000)
    world.learn(first, WAITING)
    leg = world.ask("complete", 1000)
    world.learn(leg, LOST)

    assert ("unknown", "requires_action") == (world.operation(leg).state, world.operation(first).state)


@pytest.mark.parametrize("outcome", [WAITING, Pending(), LOST])
def test_void_ends_an_authorization_that_waits(outcome):
    """What was voided before it came about is over, and money that comes after all still counts."""
    world = World()
    first = world.ask("authorize", 1000)
    world.learn(first, outcome)
    world.learn(world.ask("void", 0), yes(0))
    assert ("expired", ()) == (world.operation(first).state, tuple(world.posted()))

    world.learn(first, yes(1000))
    assert ("succeeded", 1000) == (world.operation(first).state, world.payment.facts.open_hold)
    assert world.reviews
    assert "void" == next_step(world.case, world.payment, SEES).kind
    world.check()


def test_void_that_released_something_proves_the_hold():
    """A void by reference that released money shows that the lost authorization had its hold: both are recorded."""
    world = World()
    first = world.ask("authorize", 1000)
    world.learn(first, LOST, capabilities=BLIND)
    assert "void" == next_step(session_of(world.case, admission="deny"), world.payment, BLIND).kind
    void = world.ask("void", 0)
    world.learn(void, yes(1000), capabilities=BLIND)

    assert ("succeeded", "succeeded") == (world.operation(first).state, world.operation(void).state)
    assert ["hold<rail 1000", "rail<hold 1000"] == world.posted()
    assert (1000, 1000, 0) == (
        world.payment.facts.authorized, world.payment.facts.released, world.payment.facts.open_hold
    )  # fmt: skip
    assert {} == world.reviews
    assert world.learn(first, yes(1000)) is None
    world.check()


@pytest.mark.parametrize("released", [yes(1001), yes(500, "NOK")])
def test_void_proves_nothing_when_its_amount_cannot_be(released):
    """More than was asked for, or another currency: a person looks."""
    world = World()
    first = world.ask("authorize", 1000)
    world.learn(first, LOST)
    void = world.ask("void", 0)
    world.learn(void, released)

    assert ("unknown", "unknown") == (world.operation(first).state, world.operation(void).state)
    assert world.reviews
    world.check()


@pytest.mark.parametrize(("final", "rest"), [(True, 0), (False, 400)])
def test_rest_is_released_only_by_a_final_capture(final, rest):
    """A capture that is not the last leaves the hold as it is."""
    world = held()
    world.learn(world.ask("capture", 600, final=final), yes(600), capabilities=RELEASES)

    assert rest == world.payment.facts.open_hold
    world.check()


def test_rest_is_voided_when_the_processor_does_not_release_it():
    """After a final capture somebody gives the remainder back."""
    world = held()
    world.learn(world.ask("capture", 600), yes(600))
    step = next_step(world.case, world.payment, SEES)

    assert ("void", NOW) == (step.kind, world.payment.wake_us)


def test_reversal_opens_the_hold_again_and_asks_for_a_person():
    """The books follow: the hold is open, and stays so, as the processor may take it a second time by itself."""
    world = captured()
    capture = world.case.snapshot.operations[1].id
    world.learn(capture, Failed(reason=Reason.OTHER))

    assert ("reversed", 600, 0) == (
        world.operation(capture).state, world.payment.facts.open_hold, world.payment.facts.captured
    )  # fmt: skip
    assert ["reversals<clearing 600", "hold<hold_used 600"] == world.posted()[-2:]
    assert "attention_needed" in world.told
    assert None is next_step(world.case, world.payment, SEES)
    assert {"capture", "void"} <= set(available(world.payment, world.case.snapshot.operations, can_refund=True))
    world.check()


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_hold_behind_a_reversal_is_let_go_once_a_person_has_begun_to(state):
    """A void that came before the reversal says nothing; one that came after it is repeated as any other."""
    world = captured()
    world.ask("void", 0, "succeeded")
    capture = world.case.snapshot.operations[1].id
    world.learn(capture, Failed(reason=Reason.OTHER), after=timedelta(seconds=1))
    assert None is next_step(world.case, world.payment, SEES)

    later = world.operation(world.ask("void", 0, state))
    world.case = world.case.after(world.payment, replace(later, asked_us=NOW + 2 * SECOND))
    assert "void" == next_step(world.case, world.payment, SEES).kind


def test_rest_behind_a_capture_that_came_back_is_let_go():
    """What was taken a second time is final."""
    world = captured()
    world.learn(world.case.snapshot.operations[1].id, Failed(reason=Reason.OTHER))
    again = world.operation(world.ask("capture", 500))
    world.case = world.case.after(world.payment, replace(again, asked_us=NOW + SECOND))
    world.learn(again.id, yes(500))

    assert 100 == world.payment.facts.open_hold
    assert "void" == next_step(world.case, world.payment, SEES).kind


@pytest.mark.parametrize(
    ("age_s", "wait_s"),
    [(0, 5), (29, 5), (30, 60), (299, 60), (300, 300), (3599, 300), (3600, 3600), (21_599, 3600), (21_600, 21_600)],
)
def test_unsettled_operation_is_looked_at_less_and_less_often(age_s, wait_s):
    """Every few seconds at first, every six hours in the end, and never not at all."""
    asked = operation("capture", asked_us=NOW - age_s * SECOND)

    assert NOW + wait_s * SECOND == next_look_us(asked, now_us=NOW)
