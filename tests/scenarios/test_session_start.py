"""How a session starts: every answer of a processor becomes an admission, and a hold nobody wants is let go."""

import asyncio

import pytest

from evpay import (
    ActionRequired,
    Admission,
    Connector,
    Declined,
    Failed,
    MeterReading,
    Money,
    OperationKind,
    PaymentMethod,
    Pending,
    Reason,
    Succeeded,
    Unknown,
)
from evpay.errors import StoreConflict, UnsupportedOperation
from evpay.events import AdmissionChanged, AttentionNeeded
from evpay.providers import AmountRule, Funding
from evpay_providers.sandbox.methods import METHODS
from tests.scenarios.day import APPROVE, POINT, SITE, TARIFF, a_day, method, of_type, sandbox, session, started
from tests.scenarios.invariants import operations, payments

pytestmark = pytest.mark.anyio

REFUSING = sorted(name for name, script in METHODS.items() if "authorize" in script.refusals)
ASKED = "https://app.example/back"
ELSEWHERE = {
    Reason.ISSUER_UNAVAILABLE,
    Reason.AMOUNT_TOO_LARGE,
    Reason.CURRENCY_NOT_SUPPORTED,
    Reason.NOT_SENT,
    Reason.RATE_LIMITED,
    Reason.INVALID_CREDENTIALS,
    Reason.MISCONFIGURED,
}
"""What another processor can help with; an issuer's own no is the same everywhere."""


async def test_an_approved_hold_lets_the_driver_charge() -> None:
    """The station may start, and the host is told so."""
    processor = sandbox()
    async with a_day(processor) as sim:
        found, intent = await started(sim)

        assert found.admission is Admission.ALLOW
        assert found.status == "ready"
        assert isinstance(intent.outcome, Succeeded)
        assert intent.facts.authorized == 2_000
        assert [event.session.admission for event in of_type(sim.events, AdmissionChanged)] == [Admission.ALLOW]


@pytest.mark.parametrize("token", REFUSING)
async def test_every_refusal_denies_and_says_why(token: str) -> None:
    """A refused hold is DENY, with the reason as its denial; nothing is left at the processor."""
    processor = sandbox()
    async with a_day(processor) as sim:
        found, intent = await sim.pay.start("S-1", tariff=TARIFF, site=SITE, method=PaymentMethod(token))

        assert isinstance(intent.outcome, Declined | Failed)
        assert found.admission is Admission.DENY
        assert found.denial == intent.outcome.reason.value
        assert intent.facts.open_hold == 0
        assert [event.session.admission for event in of_type(sim.events, AdmissionChanged)] == [Admission.DENY]


@pytest.mark.parametrize("reason", list(Reason))
async def test_another_account_is_tried_only_where_the_advice_allows_it(reason: Reason) -> None:
    """A duplicate or a suspected fraud is not shopped around."""
    first, second = sandbox("first"), sandbox("second")
    first.decline_next(reason)
    async with a_day(first, second) as sim:
        found, intent = await started(sim)
        tried = [attempt.account.name for attempt in intent.attempts]

        if reason in ELSEWHERE:
            assert tried == ["first", "second"]
            assert found.admission is Admission.ALLOW
        else:
            assert tried == ["first"]
            assert found.admission is Admission.DENY
            assert second.books.payments() == []


async def test_a_session_is_told_once_when_two_accounts_were_tried() -> None:
    """The first refusal is not an answer for the station as long as another account may be tried."""
    first, second = sandbox("first"), sandbox("second")
    first.decline_next(Reason.ISSUER_UNAVAILABLE)
    async with a_day(first, second) as sim:
        await started(sim)

        assert [event.session.admission for event in of_type(sim.events, AdmissionChanged)] == [Admission.ALLOW]


@pytest.mark.parametrize("effect", [True, False])
async def test_an_unknown_hold_is_never_tried_elsewhere(effect: bool) -> None:  # noqa: FBT001 - a parameter
    """What may have happened is looked up; a second hold beside it would be the driver's money twice."""
    first, second = sandbox("first"), sandbox("second")
    first.drop_answer(effect=effect)
    first.drop_look_up()
    async with a_day(first, second) as sim:
        found, intent = await started(sim)
        assert isinstance(intent.outcome, Unknown)
        assert found.admission is Admission.WAIT

        await sim.advance(minutes=10)

        assert (await session(sim)).admission is (Admission.ALLOW if effect else Admission.DENY)
        assert second.books.payments() == []


async def test_the_accounts_are_tried_once_each() -> None:
    """When all refuse, the last refusal is the answer."""
    first, second = sandbox("first"), sandbox("second")
    async with a_day(first, second) as sim:
        found, intent = await started(sim, "processor_down")

        assert [attempt.account.name for attempt in intent.attempts] == ["first", "second"]
        assert found.denial == "issuer_unavailable"
        assert len(of_type(sim.events, AdmissionChanged)) == 1


async def test_a_method_is_used_only_at_the_account_that_minted_it() -> None:
    """A token of one account means nothing to another."""
    first, second = sandbox("first"), sandbox("second")
    async with a_day(first, second) as sim:
        minted = PaymentMethod("sandbox_processor_down", account="second")
        _, intent = await sim.pay.start("S-1", tariff=TARIFF, site=SITE, method=minted)

        assert [attempt.account.name for attempt in intent.attempts] == ["second"]
        assert first.books.payments() == []


async def test_an_account_that_does_not_take_the_currency_is_passed_over() -> None:
    """What an account takes is known before anything is sent."""
    first, second = sandbox("first", amounts={"NOK": AmountRule()}), sandbox("second")
    async with a_day(first, second) as sim:
        _, intent = await started(sim)

        assert [attempt.account.name for attempt in intent.attempts] == ["second"]


async def test_no_account_for_the_currency_is_an_error_of_the_set_up() -> None:
    """It names the accounts that were asked, and nothing was sent."""
    processor = sandbox(amounts={"NOK": AmountRule()})
    async with a_day(processor) as sim:
        with pytest.raises(UnsupportedOperation, match="No account takes EUR \\(asked: sandbox\\)"):
            await started(sim)

        assert processor.books.payments() == []


async def test_an_account_that_needs_the_driver_is_not_asked_without_one() -> None:
    """Without `return_url` there is nobody to ask."""
    processor = sandbox(off_session=False)
    async with a_day(processor) as sim:
        with pytest.raises(UnsupportedOperation, match="return_url"):
            await started(sim)

        assert processor.books.payments() == []


# ---- the driver has to act ---------------------------------------------------------------------------------------


async def test_the_driver_confirms_and_may_charge() -> None:
    """WAIT until the driver is back and the processor says yes; then ALLOW."""
    processor = sandbox()
    async with a_day(processor) as sim:
        waiting, intent = await started(sim, "action", return_url=ASKED)
        assert isinstance(intent.outcome, ActionRequired)
        assert waiting.admission is Admission.WAIT

        allowed, done = await sim.pay.complete_action("S-1", {"redirect_status": "succeeded"})

        assert allowed.admission is Admission.ALLOW
        assert done.facts.authorized == 2_000
        assert [event.session.admission for event in of_type(sim.events, AdmissionChanged)] == [Admission.ALLOW]


async def test_what_the_browser_says_is_not_believed() -> None:
    """The processor says that the check failed, whatever came back with the driver."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "action_declined", return_url=ASKED)

        denied, _ = await sim.pay.complete_action("S-1", {"redirect_status": "succeeded"})

        assert denied.admission is Admission.DENY
        assert denied.denial == "authentication_failed"


async def test_a_demand_for_action_without_a_driver_is_a_refusal() -> None:
    """Nobody is there to be asked."""
    processor = sandbox()
    async with a_day(processor) as sim:
        denied, _ = await started(sim, "action")

        assert denied.denial == "authentication_required"


async def test_coming_back_twice_changes_nothing() -> None:
    """The present state again."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "action", return_url=ASKED)
        first = await sim.pay.complete_action("S-1", {"redirect_status": "succeeded"})

        second = await sim.pay.complete_action("S-1", {"redirect_status": "failed"})

        assert second.session.admission is first.session.admission
        assert second.intent.operations == first.intent.operations


async def test_a_lost_answer_to_the_driver_s_return_is_looked_up() -> None:
    """The leg is unknown, not a refusal; the next look says what became of it."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "lose_complete", return_url=ASKED)
        processor.drop_look_up()
        waiting, _ = await sim.pay.complete_action("S-1", {"redirect_status": "succeeded"})
        assert waiting.admission is Admission.WAIT

        await sim.advance(minutes=2)

        assert (await session(sim)).admission is Admission.ALLOW


async def test_a_driver_who_does_not_come_back_is_denied_and_nothing_stays_held() -> None:
    """`start_within_s` is over: DENY, and what was opened at the processor is closed."""
    processor = sandbox()
    async with a_day(processor, policy={"start_within_s": 300}) as sim:
        await started(sim, "action_elsewhere", return_url=ASKED)

        await sim.advance(minutes=6)

        denied = await session(sim)
        assert (denied.admission, denied.denial) == (Admission.DENY, "timed_out")
        assert processor.books.payments()[0].standing == "voided"


async def test_a_driver_who_confirms_too_late_gets_the_money_back() -> None:
    """The session was denied, the void was lost on its way, the driver confirmed after all: the hold is voided."""
    processor = sandbox()
    async with a_day(processor, policy={"start_within_s": 300}) as sim:
        _, intent = await started(sim, "action_elsewhere", return_url=ASKED)
        processor.drop_answer(OperationKind.VOID, effect=False)
        processor.drop_look_up(times=10)
        await sim.advance(minutes=5)
        processor.books.driver_acts(intent.attempts[0].reference)

        await sim.advance(minutes=30)

        assert (await session(sim)).denial == "timed_out"
        assert processor.books.payments()[0].released == 2_000


# ---- the processor takes its time --------------------------------------------------------------------------------


async def test_a_pending_hold_waits_for_its_webhook() -> None:
    """Accepted is not yet held: WAIT, until the signed message says so."""
    processor = sandbox()
    async with a_day(processor) as sim:
        waiting, intent = await started(sim, "pending")
        assert isinstance(intent.outcome, Pending)
        assert waiting.admission is Admission.WAIT

        reference = intent.attempts[0].reference
        processor.books.settle_pending(reference)
        body, headers = processor.webhook(reference)
        reply = await sim.pay.webhook("sandbox", body=body, headers=headers)
        await sim.settle()

        assert reply.status == 200
        assert (await session(sim)).admission is Admission.ALLOW
        assert [event.session.admission for event in of_type(sim.events, AdmissionChanged)] == [Admission.ALLOW]


async def test_a_pending_hold_that_is_refused_denies() -> None:
    """The other end of it."""
    processor = sandbox()
    async with a_day(processor) as sim:
        _, intent = await started(sim, "pending")

        processor.books.settle_pending(intent.attempts[0].reference, reason=Reason.INSUFFICIENT_FUNDS)
        await sim.advance(minutes=1)

        assert (await session(sim)).denial == "insufficient_funds"


async def test_a_pending_hold_that_comes_too_late_is_given_back() -> None:
    """The driver has left; late money is voided."""
    processor = sandbox()
    async with a_day(processor, policy={"start_within_s": 60}) as sim:
        await started(sim, "pending")

        await sim.advance(minutes=5)

        assert (await session(sim)).denial == "timed_out"
        entry = processor.books.payments()[0]
        assert (entry.authorized - entry.released, entry.standing) == (0, "voided")


async def test_an_unknown_hold_that_is_found_in_time_is_good() -> None:
    """The answer was lost, the look-up finds the hold, the driver may charge."""
    processor = sandbox()
    async with a_day(processor) as sim:
        waiting, _ = await started(sim, "lose_authorize")
        assert waiting.admission is Admission.WAIT

        await sim.advance(seconds=10)

        assert (await session(sim)).admission is Admission.ALLOW
        assert len(processor.books.payments()) == 1


async def test_an_unknown_hold_that_never_was_denies() -> None:
    """The look-up proves that nothing happened."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "lose_authorize_no_effect")

        await sim.advance(seconds=10)

        assert (await session(sim)).denial == "not_sent"
        assert (await operations(sim))[0].attempts == 1, "a hold that nobody waits for is never asked for again"


async def test_an_answer_that_never_comes_is_cut_off_by_the_deadline() -> None:
    """`answer_within_s` is the station's patience, in the clock of the simulation."""
    processor = sandbox()
    processor.hold_answers()
    async with a_day(processor, policy={"answer_within_s": 4}) as sim:
        asked = asyncio.ensure_future(started(sim))
        await sim.advance(seconds=3)
        assert not asked.done()

        await sim.advance(seconds=1)

        assert asked.done()
        assert (await asked).session.admission is Admission.WAIT
        processor.release_answers()
        await sim.advance(minutes=1)
        assert (await session(sim)).admission is Admission.ALLOW


async def test_an_unknown_hold_is_voided_blind_where_nobody_can_look_it_up() -> None:
    """An account without look-up: by our reference, so that no hold is left."""
    processor = sandbox(look_up=False, absence_proven_after=None)
    async with a_day(processor) as sim:
        await started(sim, "lose_authorize")

        await sim.advance(minutes=10)

        assert (await session(sim)).admission is Admission.DENY
        entry = processor.books.payments()[0]
        assert entry.authorized == entry.released


# ---- how much ----------------------------------------------------------------------------------------------------


async def test_a_partial_approval_is_the_hold() -> None:
    """What was confirmed counts, not what was asked."""
    processor = sandbox()
    async with a_day(processor) as sim:
        found, intent = await started(sim, "partial_40")

        assert found.admission is Admission.ALLOW
        assert intent.facts.authorized == 800
        assert (await sim.pay.exposure("S-1")).hold == Money("8.00", "EUR")


async def test_a_partial_hold_is_given_back_where_the_policy_wants_the_whole() -> None:
    """`accept_partial_hold=False`: less than asked is a refusal."""
    processor = sandbox()
    async with a_day(processor, policy={"accept_partial_hold": False}) as sim:
        found, _ = await started(sim, "partial_40")

        assert found.admission is Admission.DENY
        assert processor.books.payments()[0].released == 800


async def test_a_deposit_that_is_overpaid_is_held_in_full() -> None:
    """The driver sent more: all of it is theirs until it is used."""
    processor = sandbox(funding=Funding.DEPOSIT, increment=False)
    async with a_day(processor) as sim:
        found, intent = await started(sim, "deposit_overpaid")

        assert found.admission is Admission.ALLOW
        assert intent.facts.authorized == 2_600


async def test_a_deposit_that_is_underpaid_is_the_hold_and_can_be_topped_up() -> None:
    """Less came in; what comes later is added, as the processor reports it."""
    processor = sandbox(funding=Funding.DEPOSIT, increment=False)
    async with a_day(processor) as sim:
        _, intent = await started(sim, "deposit_underpaid")
        assert intent.facts.authorized == 1_200
        reference = intent.attempts[0].reference

        processor.books.pay_in(reference, 2_000)
        body, headers = processor.webhook(reference)
        await sim.pay.webhook("sandbox", body=body, headers=headers)
        await sim.settle()

        assert (await sim.pay.payments.get("S-1")).facts.authorized == 2_000


async def test_a_processor_that_confirms_more_than_was_asked_is_not_believed() -> None:
    """Under a hold that is a contradiction: nothing is posted, a person is asked."""
    processor = sandbox()
    async with a_day(processor, unsettled=True) as sim:
        found, intent = await started(sim, "deposit_overpaid")

        assert found.admission is Admission.WAIT
        assert intent.unresolved
        assert intent.facts.authorized == 0
        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["review"]


async def test_the_driver_s_limit_bounds_the_hold() -> None:
    """Never more than the driver allowed."""
    processor = sandbox()
    async with a_day(processor) as sim:
        _, intent = await started(sim, limit=Money("7.50", "EUR"))

        assert intent.facts.authorized == 750


async def test_a_hold_that_cannot_grow_is_the_whole_limit_at_once() -> None:
    """Where no increment will ever be possible."""
    processor = sandbox(increment=False)
    async with a_day(processor) as sim:
        _, intent = await started(sim, limit=Money("35.00", "EUR"))

        assert intent.facts.authorized == 3_500


# ---- again -------------------------------------------------------------------------------------------------------


async def test_the_same_start_again_sends_nothing() -> None:
    """The present state is the answer."""
    processor = sandbox()
    async with a_day(processor) as sim:
        first = await started(sim)
        await sim.advance(minutes=5)

        again = await started(sim)

        assert again.session.admission is Admission.ALLOW
        assert again.intent.id == first.intent.id
        assert [effect.kind for entry in processor.books.payments() for effect in entry.effects] == ["authorize"]


async def test_a_decline_stays_a_decline() -> None:
    """The same card again is not another question."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "decline_do_not_honor")

        again, _ = await started(sim, "decline_do_not_honor")

        assert again.admission is Admission.DENY
        assert len(processor.books.payments()[0].effects) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"tariff": TARIFF.model_copy(update={"id": "other"})},
        {"driver": "berta"},
        {"connector": Connector(id="2")},
        {"limit": Money("5", "EUR")},
        {"extra": {"metadata": "other"}},
    ],
    ids=["tariff", "driver", "connector", "limit", "extra"],
)
async def test_the_same_session_with_other_content_is_a_conflict(other: dict[str, object]) -> None:
    """It is another session's id, or a mistake; nothing is sent."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)

        with pytest.raises(StoreConflict, match="'S-1' was started before with another") as caught:
            await started(sim, **other)

        assert caught.value.key == "S-1"
        assert [effect.kind for entry in processor.books.payments() for effect in entry.effects] == ["authorize"]


async def test_another_card_after_a_decline_is_a_new_attempt() -> None:
    """The driver tries again; the session goes on where it stood."""
    processor = sandbox()
    async with a_day(processor) as sim:
        denied, _ = await started(sim, "decline_insufficient_funds")
        assert denied.admission is Admission.DENY

        allowed, intent = await started(sim)

        assert allowed.admission is Admission.ALLOW
        assert [attempt.facts.authorized for attempt in intent.attempts] == [0, 2_000]
        admissions = [event.session.admission for event in of_type(sim.events, AdmissionChanged)]
        assert admissions[-1] is Admission.ALLOW


async def test_another_card_beside_a_living_hold_is_a_conflict() -> None:
    """One session is held once."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)

        with pytest.raises(StoreConflict, match="has a hold with another method"):
            await started(sim, "partial_50")

        assert len(processor.books.payments()) == 1


async def test_another_card_after_a_lost_answer_first_settles_the_first() -> None:
    """The unknown hold is looked up; it turns out to be there, so there is nothing to try."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "lose_authorize")

        with pytest.raises(StoreConflict, match="has a hold with another method"):
            await started(sim, "partial_50")

        assert (await session(sim)).admission is Admission.ALLOW


async def test_starting_a_finished_session_again_is_its_present_state() -> None:
    """A station that repeats itself a day later charges nobody twice."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=0))

        again, _ = await started(sim)

        assert (again.status, again.admission) == ("finished", Admission.DENY)


# ---- which session -----------------------------------------------------------------------------------------------


async def test_without_an_id_the_connector_and_the_driver_name_the_session() -> None:
    """Networks that ask again get the same session."""
    processor = sandbox()
    async with a_day(processor) as sim:
        fields = {"tariff": TARIFF, "site": SITE, "connector": POINT, "method": APPROVE, "driver": "anna"}

        first, _ = await sim.pay.start(None, **fields)
        second, _ = await sim.pay.start(None, **fields)

        assert first.id == second.id
        assert len(processor.books.payments()) == 1


async def test_a_new_driver_at_a_connector_ends_the_session_that_cost_nothing() -> None:
    """No energy flowed: it is cancelled, and its hold let go."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, driver="anna")

        await started(sim, session_id="S-2", driver="berta")

        assert (await session(sim)).status == "cancelled"
        assert [entry.released for entry in processor.books.payments()] == [2_000, 0]


async def test_a_new_driver_at_a_connector_ends_the_session_that_was_used() -> None:
    """Energy flowed: it is finished with what is known."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, driver="anna")
        await sim.advance(minutes=20)
        await sim.pay.record("S-1", MeterReading(at=sim.now, energy_wh=6_000))

        await started(sim, session_id="S-2", driver="berta")

        ended = await session(sim)
        assert (ended.status, ended.stop_reason) == ("finished", "connector_taken_over")
        assert processor.books.payments()[0].captured == 300


async def test_a_driver_at_another_connector_disturbs_nobody() -> None:
    """Each connector has its own session."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)

        await started(sim, session_id="S-2", connector=Connector(id="2"))

        assert (await session(sim)).status == "ready"


async def test_two_starts_at_once_hold_once() -> None:
    """The same call from two messages: one hold, one answer."""
    processor = sandbox()
    async with a_day(processor) as sim:
        found = await asyncio.gather(*(started(sim) for _ in range(8)))

        assert {each.session.admission for each in found} == {Admission.ALLOW}
        assert len(await payments(sim)) == 1
        assert len(processor.books.payments()) == 1


async def test_a_method_without_a_scheme_of_ours_is_refused_by_the_processor() -> None:
    """An unknown token is the processor's word, not an exception."""
    processor = sandbox()
    async with a_day(processor) as sim:
        found, _ = await sim.pay.start("S-1", tariff=TARIFF, site="harbour", method=PaymentMethod("tok_nobody_knows"))

        assert found.denial == "invalid_method"


async def test_the_method_names_are_those_of_the_sandbox() -> None:
    """A typing error in this file would be a decline that proves nothing."""
    assert method("approve").token in METHODS
