"""Whatever is learned of a payment, in any order: its rows satisfy the store, its books balance, its hold wakes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from evpay.engine.case import next_step, wake_us
from evpay.payments.account import Funding
from evpay.payments.outcome import ActionRequired, Declined, Failed, OpenLink, Pending, Unknown
from evpay.payments.reasons import Reason
from tests.unit.engine.cases import BLIND, NOW, RELEASES, SEES, World, session_of
from tests.unit.payments.records import succeeded

amounts = st.integers(0, 15).map(lambda hundreds: hundreds * 100)
outcomes = st.one_of(
    amounts.map(succeeded),
    st.sampled_from(
        [
            Unknown(detail="lost"),
            Pending(),
            ActionRequired(action=OpenLink(uri="https://example.com")),
            Failed(reason=Reason.RATE_LIMITED),
            Failed(reason=Reason.OTHER),
            Declined(reason=Reason.DO_NOT_HONOR),
        ]
    ),
)
kinds = st.sampled_from(["complete", "increment", "capture", "capture", "void", "void", "refund"])
states = st.sampled_from(["submitting", "unknown", "pending", "reserved"])
steps = st.lists(st.tuples(kinds, amounts, states, outcomes, st.integers(0, 9), st.booleans()), max_size=7)
sessions = st.none() | st.tuples(
    st.sampled_from(["allow", "deny", "wait"]), st.sampled_from(["ready", "finished", "cancelled"])
)


@settings(max_examples=100)
@given(
    st.sampled_from([Funding.HOLD, Funding.DEPOSIT, Funding.ACCOUNT]),
    st.sampled_from([SEES, BLIND, RELEASES]),
    sessions,
    outcomes,
    steps,
)
def test_every_reachable_case_can_be_stored_and_wakes(funding, capabilities, session, first, story):
    """The CHECKs of the schema hold, postings equal facts, the chain is whole, and an open hold has a deadline."""
    world = World(funding=funding)
    if session is not None:
        world.case = session_of(world.case, admission=session[0], status=session[1])
    world.learn(world.ask("authorize", 1000), first, capabilities=capabilities)
    world.check()
    for kind, amount, state, outcome, which, final in story:
        asked = world.ask(kind, amount or 100, state, final=final)
        known = world.case.snapshot.operations
        for operation_id in (asked, known[which % len(known)].id):
            world.learn(operation_id, outcome, capabilities=capabilities)
            world.check()
    payment = world.payment
    wake = wake_us(world.case, payment, capabilities, now_us=NOW)
    if payment.facts.open_hold > 0 or next_step(world.case, payment, capabilities) is not None:
        assert wake is not None
        assert wake >= NOW
