"""The payment level: verbs on an intent, for hosts that price and watch by themselves."""

import asyncio
from datetime import timedelta

import pytest

from evpay import ActionRequired, Declined, Failed, Money, OperationKind, Pending, Reason, Succeeded, Unknown
from evpay.errors import (
    ConfigurationError,
    InvalidInput,
    InvalidTransition,
    NotFound,
    StoreConflict,
    UnsupportedOperation,
)
from evpay.events import AttentionNeeded, PaymentChanged
from evpay.payments.intent import PaymentIntent
from evpay.testing import Simulation
from tests.scenarios.day import a_day, method, of_type, sandbox, started
from tests.scenarios.invariants import operations

pytestmark = pytest.mark.anyio

ASKED = "https://shop.example/back"


def eur(amount: str) -> Money:
    return Money(amount, "EUR")


async def held(sim: Simulation, what: str = "approve", amount: str = "50.00", **more: object) -> PaymentIntent:
    """Authorize under the key `order-1`."""
    fields = {"method": method(what), "key": "order-1", **more}
    return await sim.pay.payments.authorize(eur(amount), **fields)


async def test_from_hold_to_refund() -> None:
    """The program of the documentation."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim)
        assert (intent.status, intent.available) == ("authorized", ("increment", "capture", "void"))
        await sim.pay.payments.increment(intent.id, to=eur("80.00"))
        captured = await sim.pay.payments.capture(intent.id, eur("61.20"))
        assert (captured.status, captured.facts.released) == ("captured", 1_880)

        refunded = await sim.pay.payments.refund(intent.id, eur("5.00"), reason="goodwill", key="ticket-9")

        assert (refunded.status, refunded.facts.refunded) == ("partially_refunded", 500)
        assert [operation.kind for operation in refunded.operations] == ["authorize", "increment", "capture", "refund"]
        assert {operation.state for operation in refunded.operations} == {"succeeded"}
        assert [event.intent.id for event in of_type(sim.events, PaymentChanged)] == [intent.id] * 4


async def test_the_same_key_is_the_same_payment() -> None:
    """Repeated, it sends nothing."""
    processor = sandbox()
    async with a_day(processor) as sim:
        first = await held(sim)

        assert (await held(sim)).id == first.id
        assert len(processor.books.payments()) == 1


@pytest.mark.parametrize("other", [{"amount": "51.00"}, {"what": "partial_50"}, {"descriptor": "X"}])
async def test_the_same_key_with_other_content_is_a_conflict(other: dict[str, str]) -> None:
    """Nothing is sent."""
    processor = sandbox()
    async with a_day(processor) as sim:
        first = await held(sim)

        with pytest.raises(StoreConflict, match="'key:order-1' was used for another payment") as caught:
            await held(sim, **other)

        assert caught.value.existing == first.id
        assert len(processor.books.payments()) == 1


async def test_the_account_can_be_named() -> None:
    """`via`; and an unknown one is an error of the set-up."""
    first, second = sandbox("first"), sandbox("second")
    async with a_day(first, second) as sim:
        intent = await held(sim, via="second")
        assert [attempt.account.name for attempt in intent.attempts] == ["second"]

        with pytest.raises(ConfigurationError, match="no account of that name here \\(configured: first, second\\)"):
            await held(sim, via="third", key="order-2")


async def test_accounts_are_tried_in_turn() -> None:
    """As at the session level."""
    first, second = sandbox("first"), sandbox("second")
    first.decline_next(Reason.MISCONFIGURED)
    async with a_day(first, second) as sim:
        intent = await held(sim)

        assert [(a.account.name, a.status) for a in intent.attempts] == [("first", "failed"), ("second", "authorized")]
        assert intent.status == "authorized"


async def test_a_decline_is_a_value() -> None:
    """With its reason and the processor's own word."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim, "decline_limit_exceeded")

        assert isinstance(intent.outcome, Declined)
        assert (intent.outcome.reason, intent.status) == (Reason.LIMIT_EXCEEDED, "declined")
        assert intent.operations[0].raw_code == "limit_exceeded"
        assert intent.available == ()


@pytest.mark.parametrize("what", ["action", "action_sdk", "action_device"])
async def test_the_driver_acts(what: str) -> None:
    """A link, the processor's own SDK, a phone."""
    processor = sandbox()
    async with a_day(processor) as sim:
        waiting = await held(sim, what, return_url=ASKED)
        assert isinstance(waiting.outcome, ActionRequired)
        assert "complete_action" in waiting.available

        if what == "action_device":
            processor.books.driver_acts(waiting.attempts[0].reference)
        done = await sim.pay.payments.complete_action(waiting.id, {"back": "yes"})

        assert (done.status, done.facts.authorized) == ("authorized", 5_000)


async def test_a_claim_that_proves_nothing_does_not_block_the_right_one() -> None:
    """The way back was opened without what the driver should bring; then with it."""
    processor = sandbox(look_up=False)
    async with a_day(processor) as sim:
        waiting = await held(sim, "action", return_url=ASKED)
        processor.drop_answer(OperationKind.COMPLETE, effect=False)
        lost = await sim.pay.payments.complete_action(waiting.id, {})
        assert (lost.operations[-1].state, lost.status) == ("unknown", "requires_action")

        done = await sim.pay.payments.complete_action(waiting.id, {"back": "yes"})

        assert (done.status, done.facts.authorized) == ("authorized", 5_000)
        assert [found.state for found in done.operations] == ["succeeded", "expired", "succeeded"]


@pytest.mark.parametrize("effect", [True, False])
async def test_the_same_claim_again_is_sent_as_it_was(effect: bool) -> None:  # noqa: FBT001
    """Under the same key, so that it counts once; an empty one in between says nothing new."""
    processor = sandbox(look_up=False)
    async with a_day(processor) as sim:
        waiting = await held(sim, "action", return_url=ASKED)
        processor.drop_answer(OperationKind.COMPLETE, effect=effect)
        await sim.pay.payments.complete_action(waiting.id, {"back": "yes"})

        still = await sim.pay.payments.complete_action(waiting.id, {})
        assert (still.operations[-1].state, len(still.operations)) == ("unknown", 2)
        done = await sim.pay.payments.complete_action(waiting.id, {"back": "yes"})

        assert (done.status, done.facts.authorized) == ("authorized", 5_000)
        assert [found.attempts for found in await operations(sim)] == [1, 2]


async def test_two_claims_at_once_are_never_both_on_their_way() -> None:
    """The second is sent when it is clear that nothing is known of the first."""
    processor = sandbox(look_up=False)
    async with a_day(processor) as sim:
        waiting = await held(sim, "action", return_url=ASKED)
        processor.drop_answer(OperationKind.COMPLETE, effect=False)

        await asyncio.gather(
            *(sim.pay.payments.complete_action(waiting.id, {"back": back}) for back in ("no", "yes", "yes"))
        )

        done = await sim.pay.payments.get(waiting.id)
        assert (done.status, done.facts.authorized) == ("authorized", 5_000)
        assert len(done.operations) == 3


async def test_a_driver_who_never_acts_leaves_nothing_behind() -> None:
    """The processor gives up; ours says so."""
    processor = sandbox(approval_lifetime=timedelta(minutes=15))
    async with a_day(processor) as sim:
        await held(sim, "action_elsewhere", return_url=ASKED)

        await sim.advance(hours=1)

        assert (await sim.pay.payments.get("order-1")).status == "declined"


# ---- increments --------------------------------------------------------------------------------------------------


async def test_an_increment_is_a_new_total() -> None:
    """Repeated, it is the same operation; a higher one is another."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim)
        for to in ("60.00", "60.00", "75.00"):
            intent = await sim.pay.payments.increment(intent.id, to=eur(to))

        assert intent.facts.authorized == 7_500
        assert [effect.asked for effect in processor.books.payments()[0].effects] == [5_000, 6_000, 7_500]


@pytest.mark.parametrize("to", ["49.99", "0.01"])
async def test_an_increment_below_the_hold_is_none(to: str) -> None:
    """There is nothing to raise."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim)

        with pytest.raises(InvalidTransition, match=r"is not more than the hold of 50\.00 EUR"):
            await sim.pay.payments.increment(intent.id, to=eur(to))


async def test_the_same_total_again_asks_for_more_time() -> None:
    """Where the hold can be extended."""
    async with a_day(sandbox(extend=True)) as sim:
        intent = await held(sim)
        await sim.advance(days=2)

        later = await sim.pay.payments.increment(intent.id, to=eur("50.00"))

        assert intent.hold_expires_at is not None
        assert later.hold_expires_at == intent.hold_expires_at + timedelta(days=2)
        assert later.facts.authorized == 5_000


async def test_the_same_total_is_refused_where_time_cannot_be_asked_for() -> None:
    """The hold does not say that it can."""
    async with a_day(sandbox(extend=False)) as sim:
        intent = await held(sim)

        with pytest.raises(InvalidTransition):
            await sim.pay.payments.increment(intent.id, to=eur("50.00"))


async def test_a_hold_that_takes_no_increment_says_so() -> None:
    """It is not among what is available."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim, "increment_unavailable")

        assert "increment" not in intent.available
        with pytest.raises(InvalidTransition, match="Possible now: capture, void"):
            await sim.pay.payments.increment(intent.id, to=eur("60.00"))


async def test_a_declined_increment_leaves_the_hold() -> None:
    """The old one stands."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim, "increment_declined")

        after = await sim.pay.payments.increment(intent.id, to=eur("60.00"))

        assert isinstance(after.outcome, Declined)
        assert (after.status, after.facts.authorized) == ("authorized", 5_000)


@pytest.mark.parametrize("token", ["lose_increment", "lose_increment_no_effect"])
async def test_a_lost_increment_is_found_out(token: str) -> None:
    """Unknown means not granted, until it is known."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim, token)

        after = await sim.pay.payments.increment(intent.id, to=eur("60.00"))
        await sim.advance(minutes=1)

        assert isinstance(after.outcome, Unknown)
        assert after.facts.authorized == 5_000
        granted = 6_000 if token == "lose_increment" else 5_000
        assert (await sim.pay.payments.get(intent.id)).facts.authorized == granted


async def test_repeating_an_unknown_increment_looks_it_up() -> None:
    """Nothing is sent twice."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim, "lose_increment")
        await sim.pay.payments.increment(intent.id, to=eur("60.00"))

        after = await sim.pay.payments.increment(intent.id, to=eur("60.00"))

        assert after.facts.authorized == 6_000
        assert len(processor.books.payments()[0].effects) == 2


async def test_a_pending_increment_is_granted_when_it_is_settled() -> None:
    """Accepted is not granted."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim, "pending_increment")
        after = await sim.pay.payments.increment(intent.id, to=eur("60.00"))
        assert isinstance(after.outcome, Pending)
        assert after.facts.authorized == 5_000

        processor.books.settle_pending(after.operations[-1].reference)
        await sim.advance(minutes=5)

        assert (await sim.pay.payments.get(intent.id)).facts.authorized == 6_000


# ---- captures ----------------------------------------------------------------------------------------------------


async def test_without_an_amount_all_that_is_held_is_captured() -> None:
    """The whole hold."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim)

        captured = await sim.pay.payments.capture(intent.id)

        assert (captured.status, captured.facts.captured, captured.facts.released) == ("captured", 5_000, 0)


@pytest.mark.parametrize("amount", ["50.01", "0", "-1.00"])
async def test_more_than_is_held_or_nothing_cannot_be_captured(amount: str) -> None:
    """At this level it is the caller's mistake; nothing was sent."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim)

        with pytest.raises(InvalidTransition, match=r"at most 50\.00 EUR can"):
            await sim.pay.payments.capture(intent.id, eur(amount))

        assert processor.books.payments()[0].captured == 0


async def test_capturing_again_is_the_same_capture() -> None:
    """And another amount under it is a conflict."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim)
        await sim.pay.payments.capture(intent.id, eur("20.00"))

        again = await sim.pay.payments.capture(intent.id, eur("20.00"))
        whatever = await sim.pay.payments.capture(intent.id)

        assert again.facts.captured == whatever.facts.captured == 2_000
        with pytest.raises(StoreConflict, match=r"a capture of 20\.00 EUR, not for one of 21\.00 EUR"):
            await sim.pay.payments.capture(intent.id, eur("21.00"))


async def test_a_second_final_capture_under_another_key_is_refused() -> None:
    """After the final one there is nothing left."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim)
        await sim.pay.payments.capture(intent.id, eur("20.00"))

        with pytest.raises(InvalidTransition):
            await sim.pay.payments.capture(intent.id, eur("5.00"), key="another")


@pytest.mark.parametrize("amounts", [["20.00"], ["12.00", "5.00", "3.00"]])
async def test_what_was_captured_in_parts_is_refunded_as_it_is_asked(amounts: list[str]) -> None:
    """In one, where the processor can, and in parts other than those that were captured."""
    processor = sandbox(multiple_captures=True)
    async with a_day(processor) as sim:
        intent = await held(sim)
        await sim.pay.payments.capture(intent.id, eur("5.00"), final=False, key="a")
        await sim.pay.payments.capture(intent.id, eur("15.00"), key="b")
        for amount in amounts:
            intent = await sim.pay.payments.refund(intent.id, eur(amount), reason="goodwill", key=amount)

        assert (intent.status, intent.facts.refunded, processor.books.payments()[0].refunded) == (
            "refunded", 2_000, 2_000
        )  # fmt: skip


async def test_several_captures_where_the_hold_allows_them() -> None:
    """Each under its own key; the last one is final."""
    processor = sandbox(multiple_captures=True)
    async with a_day(processor) as sim:
        intent = await held(sim)
        await sim.pay.payments.capture(intent.id, eur("10.00"), final=False, key="a")
        partly = await sim.pay.payments.capture(intent.id, eur("15.00"), final=False, key="b")
        assert (partly.status, partly.facts.captured) == ("partially_captured", 2_500)

        done = await sim.pay.payments.capture(intent.id, eur("5.00"))

        assert (done.status, done.facts.captured, done.facts.released) == ("captured", 3_000, 2_000)


async def test_several_captures_are_refused_where_the_hold_takes_one() -> None:
    """The account cannot be told it."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim)

        with pytest.raises(UnsupportedOperation) as caught:
            await sim.pay.payments.capture(intent.id, eur("10.00"), final=False)

        assert (caught.value.account, caught.value.verb) == ("sandbox", "capture")


async def test_a_capture_in_another_currency_is_refused() -> None:
    """evpay never converts."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim)

        with pytest.raises(InvalidInput, match="the payment is in EUR"):
            await sim.pay.payments.capture(intent.id, Money("10.00", "NOK"))


async def test_a_capture_after_the_hold_expired_fails() -> None:
    """As a value: the processor's word."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim)
        processor.books.expire(intent.attempts[0].reference)

        after = await sim.pay.payments.capture(intent.id)

        assert isinstance(after.operations[1].outcome, Failed)
        assert after.operations[1].outcome.reason is Reason.AUTHORIZATION_EXPIRED
        await sim.pay.payments.get(intent.id, refresh=True)
        assert (await sim.pay.payments.get(intent.id)).facts.open_hold == 0


async def test_an_expired_hold_is_released_without_a_session_too() -> None:
    """A deadline for every hold."""
    async with a_day(sandbox(hold_lifetime=timedelta(hours=3))) as sim:
        await held(sim)

        await sim.advance(hours=4)

        assert (await sim.pay.payments.get("order-1")).status == "voided"
        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["hold_expires"]


# ---- voids -------------------------------------------------------------------------------------------------------


async def test_a_hold_is_let_go() -> None:
    """Repeated, it is the same void."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim)

        voided = [await sim.pay.payments.void(intent.id) for _ in range(3)]

        assert {each.status for each in voided} == {"voided"}
        assert len(processor.books.payments()[0].effects) == 2


async def test_a_captured_payment_cannot_be_voided() -> None:
    """Use refund."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim)
        await sim.pay.payments.capture(intent.id)

        with pytest.raises(InvalidTransition, match="Possible now: refund"):
            await sim.pay.payments.void(intent.id)


@pytest.mark.parametrize("what", ["pending_capture", "lose_capture"])
async def test_a_payment_whose_capture_is_under_way_cannot_be_voided(what: str) -> None:
    """The void could undo the capture, or be refused because of it."""
    processor = sandbox(resend_for=None)
    async with a_day(processor, unsettled=True) as sim:
        intent = await held(sim, what)
        processor.drop_look_up(times=2)
        waiting = await sim.pay.payments.capture(intent.id, eur("20.00"))
        assert "void" not in waiting.available

        with pytest.raises(InvalidTransition, match="capture of it is not settled"):
            await sim.pay.payments.void(intent.id)

        assert [effect.kind for effect in processor.books.payments()[0].effects] == ["authorize", "capture"]


async def test_a_declined_payment_cannot_be_voided() -> None:
    """There is nothing to let go."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim, "decline_do_not_honor")

        with pytest.raises(InvalidTransition, match="no hold that could be let go"):
            await sim.pay.payments.void(intent.id)


async def test_an_unknown_hold_can_be_voided_at_once() -> None:
    """A void does not wait in line behind an unknown authorization."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim, "lose_authorize")
        processor.drop_look_up()

        voided = await sim.pay.payments.void(intent.id)
        await sim.advance(minutes=1)

        assert voided.facts.open_hold == 0
        assert processor.books.payments()[0].released == 5_000


async def test_a_payment_that_waits_for_the_driver_can_be_voided() -> None:
    """Nobody is asked any more."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim, "action_elsewhere", return_url=ASKED)

        voided = await sim.pay.payments.void(intent.id)

        assert voided.status == "voided"
        assert processor.books.payments()[0].standing == "voided"


# ---- refunds -----------------------------------------------------------------------------------------------------


async def test_refunds_add_up_to_what_was_captured() -> None:
    """Each under its own key; together never more."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim)
        await sim.pay.payments.capture(intent.id, eur("30.00"))
        await sim.pay.payments.refund(intent.id, eur("10.00"), reason="a", key="a")
        await sim.pay.payments.refund(intent.id, eur("10.00"), reason="a", key="a")

        done = await sim.pay.payments.refund(intent.id, reason="the rest")

        assert (done.status, done.facts.refunded) == ("refunded", 3_000)
        with pytest.raises(InvalidTransition, match=r"at most 0\.00 EUR can"):
            await sim.pay.payments.refund(intent.id, eur("0.01"), reason="more", key="b")


async def test_another_amount_under_the_key_of_a_refund_is_a_conflict() -> None:
    """Nothing is sent."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim)
        await sim.pay.payments.capture(intent.id)
        await sim.pay.payments.refund(intent.id, eur("10.00"), reason="a", key="a")

        with pytest.raises(StoreConflict, match=r"a refund of 10\.00 EUR, not for one of 11\.00 EUR"):
            await sim.pay.payments.refund(intent.id, eur("11.00"), reason="a", key="a")

        assert processor.books.payments()[0].refunded == 1_000


async def test_a_hold_cannot_be_refunded() -> None:
    """Nothing was taken yet."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim)

        with pytest.raises(InvalidTransition, match="Possible now: increment, capture, void"):
            await sim.pay.payments.refund(intent.id, reason="a")


# ---- in line -----------------------------------------------------------------------------------------------------


async def test_a_verb_behind_an_unknown_one_waits_its_turn() -> None:
    """It is shown as pending without an id, and sent when its turn comes."""
    processor = sandbox(resend_for=None)
    async with a_day(processor) as sim:
        intent = await held(sim)
        processor.drop_answer(OperationKind.INCREMENT)
        processor.drop_look_up(times=2)
        await sim.pay.payments.increment(intent.id, to=eur("60.00"))

        waiting = await sim.pay.payments.capture(intent.id, eur("20.00"))
        assert waiting.outcome == Pending(id=None)
        assert waiting.operations[-1].state == "reserved"
        await sim.advance(minutes=10)

        entry = processor.books.payments()[0]
        assert (entry.authorized, entry.captured, entry.released) == (6_000, 2_000, 4_000)


async def test_a_partial_capture_that_waited_stays_partial() -> None:
    """Sent as the final one it would let the rest of the hold go."""
    processor = sandbox(resend_for=None, multiple_captures=True)
    async with a_day(processor) as sim:
        intent = await held(sim)
        processor.drop_answer(OperationKind.INCREMENT)
        processor.drop_look_up(times=2)
        await sim.pay.payments.increment(intent.id, to=eur("60.00"))
        await sim.pay.payments.capture(intent.id, eur("20.00"), final=False, key="first")

        await sim.advance(minutes=10)

        entry = processor.books.payments()[0]
        assert (entry.captured, entry.released) == (2_000, 0)
        await sim.pay.payments.capture(intent.id, eur("5.00"))


async def test_two_processes_worth_of_captures_at_once_capture_once() -> None:
    """The same call, eight times at the same moment."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim)

        found = await asyncio.gather(*(sim.pay.payments.capture(intent.id, eur("20.00")) for _ in range(8)))

        assert {each.facts.captured for each in found} == {2_000}
        assert [effect.kind for effect in processor.books.payments()[0].effects] == ["authorize", "capture"]


async def test_a_capture_and_a_void_at_once_do_one_of_them() -> None:
    """Whoever comes second is refused or finds nothing to do; the books agree."""
    processor = sandbox()
    async with a_day(processor) as sim:
        intent = await held(sim)

        await asyncio.gather(
            sim.pay.payments.capture(intent.id, eur("20.00")), sim.pay.payments.void(intent.id), return_exceptions=True
        )
        await sim.advance(minutes=10)

        entry = processor.books.payments()[0]
        assert entry.captured + entry.released == 5_000


# ---- a person ----------------------------------------------------------------------------------------------------


async def test_a_person_says_what_became_of_it() -> None:
    """With a reason and evidence, which are kept with who said so."""
    processor = sandbox(resend_for=None, look_up=False, absence_proven_after=None)
    async with a_day(processor) as sim:
        intent = await held(sim)
        processor.drop_answer(OperationKind.CAPTURE)
        await sim.pay.payments.capture(intent.id, eur("20.00"))
        assert (await sim.pay.payments.get(intent.id)).unresolved

        anna = sim.pay.scoped(actor="anna@acme.example")
        resolved = await anna.payments.resolve(
            intent.id, outcome=Succeeded(amount=eur("20.00")), reason="seen in the dashboard", evidence="ch_3Nx"
        )

        assert (resolved.facts.captured, resolved.unresolved) == (2_000, False)


async def test_only_what_is_unknown_can_be_resolved() -> None:
    """A person's word does not change what is known."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim)

        with pytest.raises(InvalidTransition, match="No operation of it is unknown"):
            await sim.pay.payments.resolve(
                intent.id, outcome=Succeeded(amount=eur("20.00")), reason="guess", evidence="none"
            )


async def test_refresh_asks_the_processor() -> None:
    """What is unknown is known afterwards."""
    async with a_day(sandbox()) as sim:
        intent = await held(sim, "lose_authorize")
        assert intent.unresolved

        known = await sim.pay.payments.get(intent.id, refresh=True)

        assert (known.status, known.unresolved) == ("authorized", False)


# ---- finding them ------------------------------------------------------------------------------------------------


async def test_an_intent_is_found_by_its_id_its_key_or_its_session() -> None:
    """Whatever the host has at hand."""
    async with a_day(sandbox()) as sim:
        ordered = await held(sim)
        _, of_session = await started(sim)

        assert (await sim.pay.payments.get(ordered.id)).id == ordered.id
        assert (await sim.pay.payments.get("order-1")).id == ordered.id
        assert (await sim.pay.payments.get("S-1")).id == of_session.id
        with pytest.raises(NotFound):
            await sim.pay.payments.get("order-2")


async def test_lists_are_narrowed_down() -> None:
    """Open holds, and what is unresolved; newest first."""
    async with a_day(sandbox(), unsettled=True) as sim:
        names = {"a": "approve", "b": "decline_do_not_honor", "c": "lose_authorize", "d": "approve"}
        ids = {}
        for key, what in names.items():
            ids[(await held(sim, what, key=key)).id] = key
            await sim.advance(seconds=0.001)

        async def keys(**narrowed: bool) -> str:
            return "".join([ids[intent.id] async for intent in sim.pay.payments.list(**narrowed)])

        assert await keys() == "dcba"
        assert await keys(open_hold=True) == "da"
        assert await keys(open_hold=False) == "cb"
        assert await keys(unresolved=True) == "c"
        assert await keys(open_hold=True, unresolved=False) == "da"


async def test_who_asked_is_on_record() -> None:
    """The actor of a scoped view stands with the operation."""
    async with a_day(sandbox()) as sim:
        anna = sim.pay.scoped(actor="anna@acme.example")
        intent = await anna.payments.authorize(eur("50.00"), method=method("approve"), key="order-1")
        await anna.payments.capture(intent.id, eur("20.00"))
        await anna.payments.refund(intent.id, eur("5.00"), reason="goodwill")

        actors = {found.kind: found.actor for found in await operations(sim)}

        assert actors[OperationKind.AUTHORIZE] == "anna@acme.example"
        assert actors[OperationKind.REFUND] == "anna@acme.example"
        assert actors[OperationKind.CAPTURE] == "anna@acme.example"
