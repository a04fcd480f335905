"""Processors that tell in different ways what became of a payment end in the same facts."""

import itertools
import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from evpay import Admission, Failed, Money, OperationKind, Reason, Succeeded
from evpay.errors import InvalidTransition, NotFound
from evpay.events import AttentionNeeded, PaymentChanged
from evpay.providers import Observation
from evpay.testing import Simulation
from evpay_providers.sandbox import SandboxProvider
from tests.scenarios.day import a_day, charged, of_type, sandbox, session, started
from tests.scenarios.gateways import Retold, totals_only

pytestmark = pytest.mark.anyio

BACK = "https://app.example/back"


async def test_a_session_is_paid_at_a_processor_that_tells_only_totals() -> None:
    """Pending hold and pending capture are both settled by what moved."""
    processor = Retold(totals_only)
    async with a_day(processor) as sim:
        reference = (await started(sim, "pending")).intent.attempts[0].reference
        processor.books.settle_pending(reference)
        await sim.advance(seconds=10)
        assert (await session(sim)).admission is Admission.ALLOW

        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))

        assert (receipt.captured, receipt.settlement) == (receipt.total, "settled")


async def test_a_pending_capture_is_polled_until_the_totals_have_it() -> None:
    """In between nothing is written or announced: it waits as it did before."""
    processor = Retold(totals_only)
    async with a_day(processor) as sim:
        await started(sim, "pending_capture")
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        told = len(of_type(sim.events, PaymentChanged))
        await sim.advance(hours=3)
        assert processor.looked > 10
        assert len(of_type(sim.events, PaymentChanged)) == told

        intent = await sim.pay.payments.get("S-1")
        processor.books.settle_pending(intent.operations[-1].reference)
        await sim.advance(hours=2)

        assert (await sim.pay.payments.get("S-1")).facts.captured == 600


async def test_a_refund_at_the_dashboard_is_found_by_totals_and_named_by_a_message() -> None:
    """Once: an operation of the processor's own."""
    processor = Retold(totals_only)
    async with a_day(processor) as sim:
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        reference = (await sim.pay.payments.get("S-1")).attempts[0].reference
        processor.books.refund_from_dashboard(reference, 250)
        for _ in range(2):
            await sim.pay.payments.get("S-1", refresh=True)
        processor.retell = lambda seen: seen
        message = processor.webhook(reference)
        await sim.pay.webhook("sandbox", body=message.body, headers=message.headers)
        await sim.settle()

        intent = await sim.pay.payments.get("S-1")
        refunds = [found for found in intent.operations if found.kind is OperationKind.REFUND]
        assert (intent.facts.refunded, [found.actor for found in refunds]) == (250, ["processor"])
        assert refunds[0].processor_reference is not None


async def test_a_hold_that_is_let_go_while_a_session_counts_on_it_is_told() -> None:
    """Somebody cancelled it at the dashboard."""
    processor = Retold(totals_only)
    async with a_day(processor) as sim:
        reference = (await started(sim)).intent.attempts[0].reference
        processor.books.expire(reference)
        await sim.pay.payments.get("S-1", refresh=True)

        facts = (await sim.pay.payments.get("S-1")).facts
        assert (facts.authorized, facts.released) == (2_000, 2_000)
        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["hold_released"]


async def disputed(sim: Simulation, processor: SandboxProvider, amount: int | None = None) -> str:
    """Finish a session of 6.00, and let the bank take some of it back; return the payment's reference."""
    await started(sim)
    await sim.pay.finish("S-1", await charged(sim, 12_000))
    reference = (await sim.pay.payments.get("S-1")).attempts[0].reference
    processor.books.charge_back(reference, amount)
    await delivered(sim, processor, reference)
    return reference


async def delivered(sim: Simulation, processor: SandboxProvider, reference: str) -> None:
    """Let the processor's message come, twice."""
    message = processor.webhook(reference)
    for _ in range(2):
        await sim.pay.webhook("sandbox", body=message.body, headers=message.headers)
        await sim.settle()


async def test_a_chargeback_is_a_fact_that_a_person_is_told_of() -> None:
    """Once; the receipt stays, the payment says how it stands."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await disputed(sim, processor)

        intent = await sim.pay.payments.get("S-1")
        assert (intent.facts.charged_back, intent.status) == (600, "charged_back")
        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["chargeback"]
        assert (await sim.pay.receipts.get("R-2026-000001")).settlement == "settled"


async def test_after_a_chargeback_only_the_rest_can_be_refunded() -> None:
    """Refunded and charged back together are never more than was captured."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await disputed(sim, processor, 400)

        with pytest.raises(InvalidTransition, match=r"at most 2\.00 EUR can"):
            await sim.pay.refund("R-2026-000001", Money("2.01", "EUR"), reason="too much")
        await sim.pay.refund("R-2026-000001", reason="the rest")

        facts = (await sim.pay.payments.get("S-1")).facts
        assert (facts.refunded, facts.charged_back) == (200, 400)


def won(seen: Observation) -> Observation:
    """Tell the first chargeback as one that was won."""
    reports = list(seen.reports)
    at, first = next((at, found) for at, found in enumerate(reports) if found.kind is OperationKind.CHARGEBACK)
    reports[at] = replace(first, outcome=Failed(reason=Reason.OTHER, code="won", id=first.outcome.id))
    return replace(seen, reports=tuple(reports), totals=None)


@pytest.mark.parametrize("in_order", [True, False])
async def test_a_dispute_that_is_won_gives_the_money_back(*, in_order: bool) -> None:
    """Whether the end or the beginning of it is told first."""
    processor = Retold(lambda seen: replace(seen, totals=None))
    async with a_day(processor, apart=True) as sim:
        if in_order:
            await disputed(sim, processor)
            processor.retell = won
            await sim.pay.payments.get("S-1", refresh=True)
        else:
            processor.retell = won
            await disputed(sim, processor)
            assert (await sim.pay.payments.get("S-1")).facts.charged_back == 0
            processor.retell = lambda seen: replace(seen, totals=None)
            await sim.pay.payments.get("S-1", refresh=True)
            await sim.advance(minutes=20)
        intent = await sim.pay.payments.get("S-1")
        assert (intent.facts.charged_back, intent.status, intent.unresolved) == (0, "captured", False)
        codes = [event.problem.code for event in of_type(sim.events, AttentionNeeded)]
        assert codes == ["chargeback", "chargeback_won"]


async def test_many_messages_of_one_payment_are_one_question() -> None:
    """Each says only which payment it is about; a hundred of them do not ask a hundred times."""
    numbers = itertools.count()
    processor = Retold(lambda seen: replace(seen, reports=(), totals=None, event_id=f"e{next(numbers)}"))
    async with a_day(processor) as sim:
        reference = (await started(sim, "pending")).intent.attempts[0].reference
        processor.books.settle_pending(reference)
        message = processor.webhook(reference)
        before = processor.looked

        for _ in range(100):
            await sim.pay.webhook("sandbox", body=message.body, headers=message.headers)
        processor.retell = lambda seen: seen
        await sim.settle()

        assert processor.looked - before <= 3
        assert (await session(sim)).admission is Admission.ALLOW


async def messages(sim: Simulation, processor: Retold, reference: str) -> None:
    """As of a processor that cannot be asked: one message for each effect, newest first, and some of them twice."""
    seen = processor.retell
    for _ in range(2):
        message = processor.webhook(reference)
        count = len(json.loads(message.body)["observation"]["reports"])
        for index in reversed(range(count)):
            processor.retell = partial(one_report, index=index)
            await sim.pay.webhook("sandbox", body=message.body, headers=message.headers)
            await sim.settle()
    processor.retell = seen


def one_report(seen: Observation, *, index: int) -> Observation:
    """Tell one effect only, under an event id of its own."""
    report = seen.reports[index]
    return replace(seen, reports=(report,), totals=None, event_id=f"{index}/{report.outcome.type}/{report.kind}")


async def polled(sim: Simulation, processor: Retold, reference: str) -> None:
    """As of a processor that sends next to nothing."""
    del processor, reference
    await sim.pay.payments.get("S-1", refresh=True)
    await sim.advance(minutes=70)


WAYS = {
    "asynchronous": ({"look_up": False, "resend_for": timedelta(days=31)}, lambda seen: seen, messages),
    "polled": ({"resend_for": None}, lambda seen: replace(seen, totals=None), polled),
    "by totals": ({"resend_for": None}, totals_only, polled),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ["pending", "pending_capture", "pending_refund", "pending_increment", "pending_void"])
async def test_every_way_of_telling_ends_in_the_same_facts(way: str, what: str) -> None:
    """Whatever is accepted and done later: hold, increment, capture, release or refund; and a chargeback at the end."""
    settings, retell, told = WAYS[way]
    processor = Retold(retell, releases_remainder=what != "pending_void", **settings)
    async with a_day(processor, hold="20 EUR", policy={"raise_step": "20 EUR", "start_within_s": 86_400}) as sim:

        async def done() -> None:
            with suppress(NotFound):
                for _ in range(3):
                    processor.books.settle_pending(reference)
            await told(sim, processor, reference)

        reference = (await started(sim, what, return_url=BACK)).intent.attempts[0].reference
        await done()
        assert (await session(sim)).admission is Admission.ALLOW
        await sim.pay.record("S-1", await charged(sim, 36_000, minutes=100))
        await sim.settle()
        await done()
        receipt = await sim.pay.finish("S-1", await charged(sim, 40_000, minutes=20))
        await done()
        await sim.pay.refund(receipt.number, Money("3.00", "EUR"), reason="goodwill")
        await done()
        processor.books.charge_back(reference, 500)
        await done()

        facts = (await sim.pay.payments.get("S-1")).facts
        # Totals say that there is a hold, and not whether it may grow.
        released = 0 if (way, what) == ("by totals", "pending") else 2_000
        assert (facts.captured, facts.released, facts.refunded, facts.charged_back) == (2_000, released, 300, 500)


async def test_what_a_person_looked_at_is_no_longer_unresolved() -> None:
    """A capture of the processor's own is asked about; a person says that they have seen it."""
    processor = Retold(totals_only)
    async with a_day(processor, apart=True) as sim:
        await started(sim)
        processor.retell = captured_by_hand
        await sim.pay.payments.get("S-1", refresh=True)
        intent = await sim.pay.payments.get("S-1")
        assert (intent.unresolved, intent.facts.captured) == (True, 300)

        seen = await sim.pay.payments.resolve(intent.id, reason="the shop did it", evidence="mail of Ms Ito")

        assert not seen.unresolved
        await sim.pay.payments.get("S-1", refresh=True)
        assert not (await sim.pay.payments.get("S-1")).unresolved
        with pytest.raises(InvalidTransition, match="Nothing is to be looked at"):
            await sim.pay.payments.resolve(intent.id, reason="again", evidence="none")


def captured_by_hand(seen: Observation) -> Observation:
    """Tell that 3.00 was captured at the dashboard."""
    assert seen.totals is not None
    return replace(seen, reports=(), totals=replace(seen.totals, captured=300))


@pytest.mark.parametrize("by", ["evidence", "person"])
async def test_a_review_of_something_unknown_is_closed_when_it_is_known(by: str) -> None:
    """The processor confirms another amount than was asked; a day later the right one, or a person knows."""
    processor = Retold(lambda seen: replace(seen, totals=None))
    async with a_day(processor, unsettled=True) as sim:
        await started(sim, "pending_capture")
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        intent = await sim.pay.payments.get("S-1")
        capture = intent.operations[-1]
        processor.retell = confirmed_too_much
        for _ in range(3):
            await sim.pay.payments.get("S-1", refresh=True)
        problems = [event.problem.code for event in of_type(sim.events, AttentionNeeded)]
        assert (problems, (await sim.pay.payments.get("S-1")).unresolved) == (["review"], True)

        processor.retell = lambda seen: replace(seen, totals=None)
        processor.books.settle_pending(capture.reference)
        if by == "person":
            outcome = Succeeded(amount=Money("6.01", "EUR"))
            with pytest.raises(InvalidTransition, match=r"confirmed 6\.01 EUR of a capture of 6\.00 EUR"):
                await sim.pay.payments.resolve(intent.id, outcome=outcome, reason="seen", evidence="list")
            with pytest.raises(InvalidTransition, match="say what became of it"):
                await sim.pay.payments.resolve(intent.id, reason="seen", evidence="list")
            outcome = Succeeded(amount=capture.amount)
            await sim.pay.payments.resolve(intent.id, outcome=outcome, reason="seen", evidence="list")
        else:
            await sim.pay.payments.get("S-1", refresh=True)

        intent = await sim.pay.payments.get("S-1")
        assert (intent.unresolved, intent.facts.captured) == (False, 600)


def confirmed_too_much(seen: Observation) -> Observation:
    """Tell the capture with a cent more than was asked."""
    reports = [
        replace(found, outcome=Succeeded(amount=Money("6.01", "EUR"))) if found.kind is OperationKind.CAPTURE else found
        for found in seen.reports
    ]
    return replace(seen, reports=tuple(reports), totals=None)


async def test_a_person_names_the_operation_they_speak_of() -> None:
    """One that only waits can be settled by its name, and nothing else can."""
    processor = Retold(lambda seen: seen, look_up=False, resend_for=None)
    async with a_day(processor, apart=True) as sim:
        await started(sim, "pending_capture")
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        intent = await sim.pay.payments.get("S-1")
        hold, capture = intent.operations
        said = {"outcome": Succeeded(amount=capture.amount), "reason": "seen", "evidence": "list"}

        with pytest.raises(InvalidTransition, match="No operation of it is unknown"):
            await sim.pay.payments.resolve(intent.id, **said)
        with pytest.raises(NotFound, match="op-of-somebody-else"):
            await sim.pay.payments.resolve(intent.id, operation="op-of-somebody-else", **said)
        with pytest.raises(InvalidTransition, match="is succeeded"):
            await sim.pay.payments.resolve(intent.id, operation=hold.id, **said)
        resolved = await sim.pay.payments.resolve(intent.id, operation=capture.id, **said)

        assert resolved.facts.captured == 600


async def test_of_two_unknown_operations_one_has_to_be_named() -> None:
    """What is said of one must not settle the other."""
    processor = sandbox(look_up=False, resend_for=None)
    processor.drop_answer(times=2)
    async with a_day(processor, apart=True, unsettled=True) as sim:
        intent = (await started(sim)).intent
        await sim.pay.cancel("S-1", reason="gone")
        await sim.advance(minutes=1)
        intent = await sim.pay.payments.get("S-1")
        hold, void = intent.operations[:2]
        said = {"outcome": Succeeded(amount=Money("20", "EUR")), "reason": "seen", "evidence": "list"}
        assert (hold.state, void.state) == ("unknown", "unknown")

        with pytest.raises(InvalidTransition, match=f"{hold.id} \\(authorize\\), {void.id} \\(void\\)"):
            await sim.pay.payments.resolve(intent.id, **said)
        resolved = await sim.pay.payments.resolve(intent.id, operation=hold.id, **said)

        assert resolved.facts.authorized == 2_000


async def test_a_driver_who_confirmed_elsewhere_is_found_where_nothing_can_be_looked_up() -> None:
    """The message says only: ask. The authorization is taken as far as it goes, and that tells."""
    processor = Retold(lambda seen: replace(seen, reports=(), totals=None), look_up=False)
    async with a_day(processor) as sim:
        reference = (await started(sim, "action_elsewhere", return_url=BACK)).intent.attempts[0].reference
        message = processor.webhook(reference)
        await sim.pay.webhook("sandbox", body=message.body, headers=message.headers)
        await sim.settle()
        assert (await session(sim)).admission is Admission.WAIT

        processor.books.driver_acts(reference)
        await delivered(sim, processor, reference)

        assert (await session(sim)).admission is Admission.ALLOW
