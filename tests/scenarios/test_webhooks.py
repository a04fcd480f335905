"""Messages of a processor: proven, kept, answered, and applied once, whenever their payment is known."""

import asyncio
import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from evpay import Admission, Money, OperationKind, Reason
from evpay.errors import WebhookRejected
from evpay.events import AttentionNeeded
from evpay.providers import MAX_BODY_BYTES, Observation
from evpay.testing import SimulatedCrash, Simulation
from evpay_providers.sandbox import SandboxProvider
from tests.scenarios.day import a_day, charged, method, of_type, sandbox, session, started
from tests.scenarios.gateways import Retold
from tests.scenarios.invariants import payments

pytestmark = pytest.mark.anyio


async def a_waiting_start(sim: Simulation, processor: SandboxProvider) -> str:
    """Start a session whose hold is pending, settle it at the processor, and return the payment's reference."""
    _, intent = await started(sim, "pending")
    reference = intent.attempts[0].reference
    processor.books.settle_pending(reference)
    return reference


async def test_a_message_is_answered_and_applied_once() -> None:
    """Delivered five times, it counts once."""
    processor = sandbox()
    async with a_day(processor) as sim:
        body, headers = processor.webhook(await a_waiting_start(sim, processor))

        replies = [await sim.pay.webhook("sandbox", body=body, headers=headers) for _ in range(5)]
        await sim.settle()

        assert {reply.status for reply in replies} == {200}
        assert (await payments(sim))[0].facts.authorized == 2_000
        assert of_type(sim.events, AttentionNeeded) == []


async def test_header_names_may_be_in_any_capitals() -> None:
    """As servers hand them on."""
    processor = sandbox()
    async with a_day(processor) as sim:
        body, headers = processor.webhook(await a_waiting_start(sim, processor))

        reply = await sim.pay.webhook(
            "sandbox", body=body, headers={name.upper(): value for name, value in headers.items()}
        )

        assert reply.status == 200


@pytest.mark.parametrize("what", ["body", "signature", "no signature", "other secret"])
async def test_a_forged_message_is_believed_in_nothing(what: str) -> None:
    """Refused before it is parsed; nothing is kept."""
    processor, stranger = sandbox(), sandbox(webhook_secret="another-secret-of-somebody-else")
    async with a_day(processor, unsettled=True) as sim:
        stranger.attach(now=lambda: sim.now)
        body, headers = processor.webhook(await a_waiting_start(sim, processor))
        match what:
            case "body":
                body = body.replace(b"2000", b"9000").replace(b"20.00", b"90.00")
            case "signature":
                name = next(name for name in headers if "signature" in name)
                headers = {**headers, name: headers[name][:-1] + ("0" if headers[name][-1] != "0" else "1")}
            case "no signature":
                headers = {}
            case _:
                headers = stranger.sign(body).headers

        with pytest.raises(WebhookRejected) as caught:
            await sim.pay.webhook("sandbox", body=body, headers=headers)
        await sim.settle()

        assert caught.value.status in (400, 401)
        assert (await payments(sim))[0].facts.authorized == 0


async def test_a_stale_message_is_refused() -> None:
    """A replay of a proven message, ten minutes later."""
    processor = sandbox()
    async with a_day(processor) as sim:
        body, headers = processor.webhook(await a_waiting_start(sim, processor))
        await sim.advance(minutes=10)

        with pytest.raises(WebhookRejected) as caught:
            await sim.pay.webhook("sandbox", body=body, headers=headers)

        assert (caught.value.account, caught.value.status) == ("sandbox", 401)


async def test_a_message_that_is_too_big_is_not_read() -> None:
    """413, before anything else."""
    async with a_day(sandbox()) as sim:
        with pytest.raises(WebhookRejected) as caught:
            await sim.pay.webhook("sandbox", body=b"x" * (MAX_BODY_BYTES + 1), headers={})
        assert caught.value.status == 413

        with pytest.raises(WebhookRejected) as many:
            await sim.pay.webhook("sandbox", body=b"x", headers={str(index): "" for index in range(101)})
        assert many.value.status == 413


async def test_a_message_for_an_account_that_is_not_here_is_rejected() -> None:
    """Anybody may send to any address, and is not told which ones there are."""
    async with a_day(sandbox()) as sim:
        with pytest.raises(WebhookRejected) as refused:
            await sim.pay.webhook("stripe_eu", body=b"{}", headers={})

    assert refused.value.status == 404
    assert "sandbox" not in refused.value.message


async def test_a_message_of_an_unknown_type_is_answered_and_forgotten() -> None:
    """Processors send more than we asked for."""
    processor = sandbox()
    async with a_day(processor) as sim:
        text = json.dumps({"id": "e1", "type": "balance.available", "account": "sandbox", "live": False})

        body, headers = processor.sign(text.encode())
        reply = await sim.pay.webhook("sandbox", body=body, headers=headers)

        assert reply.status == 200


async def test_a_message_before_its_payment_is_parked_and_applied_when_it_appears() -> None:
    """As after a restored backup: references are derived from the session, so another store asks under the same."""
    before = sandbox()
    async with a_day(before) as sim:
        early = before.webhook((await started(sim)).intent.attempts[0].reference)
    processor = sandbox()
    processor.drop_answer(effect=False)
    processor.drop_look_up(times=100)
    async with a_day(processor, apart=True) as sim:
        reply = await sim.pay.webhook("sandbox", body=early.body, headers=early.headers)
        await sim.settle()
        assert (reply.status, await payments(sim)) == (200, [])

        await started(sim)
        assert (await payments(sim))[0].facts.authorized == 0
        await sim.advance(minutes=2)

        assert (await payments(sim))[0].facts.authorized == 2_000


async def test_a_message_that_nobody_ever_knows_is_looked_at_less_and_less() -> None:
    """It stays parked and disturbs nobody; in the end a person is told, once, and it is left alone."""
    processor = sandbox()
    async with a_day(processor, apart=True) as sim:
        await sim.pay.payments.authorize(Money("5", "EUR"), method=method("approve"), key="k")
        intent = await sim.pay.payments.get("k")
        message = processor.webhook(intent.attempts[0].reference)
        content = json.loads(message.body)
        content["id"], content["observation"]["payment_reference"] = "sbx_evt_x", "0" * 26
        content["observation"]["payment_id"] = "sbx_pay_of_somebody_else"
        for report in content["observation"]["reports"]:
            report["reference"] = "1" * 26

        signed = processor.sign(json.dumps(content).encode())
        reply = await sim.pay.webhook("sandbox", body=signed.body, headers=signed.headers)
        await sim.advance(days=1)
        assert of_type(sim.events, AttentionNeeded) == []
        await sim.advance(days=3)

        assert reply.status == 200
        assert (await sim.pay.payments.get("k")).facts.authorized == 500
        problems = [event.problem for event in of_type(sim.events, AttentionNeeded)]
        assert [(found.code, found.subject) for found in problems] == [("unmatched_webhook", "sandbox")]
        assert (await sim.pay.recover()).is_idle


async def test_the_same_event_with_other_content_is_kept_and_told() -> None:
    """Somebody contradicts themselves: both are kept, the second is not applied, a person is told once."""
    processor = sandbox()
    async with a_day(processor, apart=True) as sim:
        message = processor.webhook(await a_waiting_start(sim, processor))
        await sim.pay.webhook("sandbox", body=message.body, headers=message.headers)
        await sim.settle()
        content = json.loads(message.body)
        content["observation"]["totals"]["captured"] = 700

        signed = processor.sign(json.dumps(content).encode())
        replies = [await sim.pay.webhook("sandbox", body=signed.body, headers=signed.headers) for _ in range(2)]
        await sim.settle()

        assert {reply.status for reply in replies} == {200}
        assert (await payments(sim))[0].facts.captured == 0
        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["contradicting_webhook"]


async def test_a_message_waits_for_an_answer_that_is_on_its_way() -> None:
    """The answer itself is better evidence; both together count once."""
    processor = sandbox()
    async with a_day(processor) as sim:
        processor.hold_answers()
        asked = asyncio.ensure_future(started(sim))
        await processor.until_held(1)
        reference = (await payments(sim))[0].reference
        body, headers = processor.webhook(reference)

        await sim.pay.webhook("sandbox", body=body, headers=headers)
        await sim.settle()
        assert (await payments(sim))[0].facts.authorized == 0
        processor.release_answers()
        assert (await asked).session.admission is Admission.ALLOW
        await sim.advance(seconds=5)

        assert (await payments(sim))[0].facts.authorized == 2_000


async def test_messages_in_the_wrong_order_end_in_the_same_place() -> None:
    """The later state came first."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "pending_capture")
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        intent = await sim.pay.payments.get("S-1")
        before = processor.webhook(intent.attempts[0].reference)
        processor.books.settle_pending(intent.operations[-1].reference)
        after = processor.webhook(intent.attempts[0].reference)

        for message in (after, before):
            await sim.pay.webhook("sandbox", body=message.body, headers=message.headers)
            await sim.settle()

        assert (await sim.pay.payments.get("S-1")).facts.captured == 600


async def test_a_capture_that_is_reversed_later_waits_for_a_person_or_comes_back() -> None:
    """It had succeeded; the processor takes it back: a fact of its own. The hold is left, and may be taken again."""
    processor = sandbox()
    async with a_day(processor, apart=True) as sim:
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        reference = (await sim.pay.payments.get("S-1")).attempts[0].reference
        content = json.loads(processor.webhook(reference).body)
        capture = next(r for r in content["observation"]["reports"] if r["kind"] == "capture")
        capture["outcome"] = {"type": "failed", "reason": "other", "code": "bank_returned"}
        content["id"], content["observation"]["totals"] = "sbx_evt_reversal", None

        signed = processor.sign(json.dumps(content).encode())
        await sim.pay.webhook("sandbox", body=signed.body, headers=signed.headers)
        await sim.settle()

        intent = await sim.pay.payments.get("S-1")
        assert (intent.facts.captured, intent.facts.open_hold) == (0, 600)
        assert OperationKind.VOID not in {found.kind for found in intent.operations}
        assert "review" in [event.problem.code for event in of_type(sim.events, AttentionNeeded)]

        again = {"type": "succeeded", "amount": {"amount": "6.00", "currency": "EUR"}, "id": "sbx_again"}
        content["id"] = "sbx_evt_again"
        content["observation"]["reports"] = [{**capture, "reference": None, "outcome": again}]
        await sim.advance(hours=1)
        signed = processor.sign(json.dumps(content).encode())
        await sim.pay.webhook("sandbox", body=signed.body, headers=signed.headers)
        await sim.settle()

        assert (await sim.pay.payments.get("S-1")).facts.captured == 600


async def test_a_message_survives_a_crash_before_it_is_applied() -> None:
    """It was answered, so nobody sends it again: it is on disk."""
    processor = sandbox()
    async with a_day(processor) as sim:
        body, headers = processor.webhook(await a_waiting_start(sim, processor))
        sim.crash_at("commit.before", nth=2)  # the first keeps the message, the second would apply it
        await sim.pay.webhook("sandbox", body=body, headers=headers)
        with pytest.raises(SimulatedCrash):
            await sim.advance(seconds=1)

        await sim.crash()
        await sim.advance(seconds=2)

        assert (await session(sim)).admission is Admission.ALLOW


async def test_an_operation_of_the_processor_s_own_is_recorded_once() -> None:
    """A refund from its dashboard, told by webhook, by look-up and by webhook again."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        reference = (await sim.pay.payments.get("S-1")).attempts[0].reference
        processor.books.refund_from_dashboard(reference, 250)

        for _ in range(2):
            message = processor.webhook(reference)
            await sim.pay.webhook("sandbox", body=message.body, headers=message.headers)
            await sim.settle()
            await sim.pay.payments.get("S-1", refresh=True)

        intent = await sim.pay.payments.get("S-1")
        assert intent.facts.refunded == 250
        refunds = [found for found in intent.operations if found.kind is OperationKind.REFUND]
        assert [found.actor for found in refunds] == ["processor"]


async def test_a_refused_hold_that_succeeds_late_is_voided() -> None:
    """The processor said no and then yes: nobody counts on it, so it goes back."""
    processor = sandbox()
    async with a_day(processor) as sim:
        _, intent = await started(sim, "pending")
        reference = intent.attempts[0].reference
        denied = json.loads(processor.webhook(reference).body)
        report = denied["observation"]["reports"][0]
        report["outcome"] = {"type": "declined", "reason": Reason.DO_NOT_HONOR.value}
        denied["id"], denied["observation"]["totals"] = "sbx_evt_no", None
        signed = processor.sign(json.dumps(denied).encode())
        await sim.pay.webhook("sandbox", body=signed.body, headers=signed.headers)
        await sim.settle()
        assert (await session(sim)).admission is Admission.DENY

        processor.books.settle_pending(reference)
        message = processor.webhook(reference)
        await sim.pay.webhook("sandbox", body=message.body, headers=message.headers)
        await sim.advance(minutes=5)

        assert processor.books.payments()[0].released == 2_000
        assert (await session(sim)).admission is Admission.DENY


async def test_a_message_survives_a_crash_while_it_is_applied() -> None:
    """It was claimed by the process that died; another takes it up when the lease is over."""
    processor = sandbox()
    async with a_day(processor) as sim:
        body, headers = processor.webhook(await a_waiting_start(sim, processor))
        processor.drop_look_up(times=100)
        sim.crash_at("commit.after", nth=2)  # the first keeps the message, the second claims it
        await sim.pay.webhook("sandbox", body=body, headers=headers)
        with pytest.raises(SimulatedCrash):
            await sim.advance(seconds=1)
        await sim.crash()
        await sim.advance(seconds=30)
        assert (await session(sim)).admission is Admission.WAIT

        await sim.advance(seconds=40)

        assert (await session(sim)).admission is Admission.ALLOW


async def test_refused_messages_are_told_of_once_an_hour() -> None:
    """So that a wrong secret is noticed, and a flood of forgeries is not a flood of notices."""
    processor = sandbox()
    async with a_day(processor, unsettled=True) as sim:
        body, headers = processor.webhook(await a_waiting_start(sim, processor))

        async def forged(account: str = "sandbox") -> None:
            with pytest.raises(WebhookRejected):
                await sim.pay.webhook(account, body=body + b" ", headers=headers)

        for _ in range(5):
            await forged()
            await forged("nobody-of-ours")
        await sim.settle()
        told = of_type(sim.events, AttentionNeeded)
        await sim.advance(minutes=61)
        await forged()
        await sim.settle()

        assert [(notice.problem.code, notice.problem.subject) for notice in told] == [("webhook_refused", "sandbox")]
        assert "(401)" in told[0].problem.message
        codes = [notice.problem.code for notice in of_type(sim.events, AttentionNeeded)]
        assert codes.count("webhook_refused") == 2


def says_nothing(seen: Observation) -> Observation:
    """Tell only which payment to ask about."""
    return replace(seen, reports=(), totals=None)


async def test_a_message_that_waited_long_for_an_answer_is_not_given_up() -> None:
    """Waiting costs it none of its tries: the first look-up that fails is not the last."""
    processor = Retold(lambda seen: seen)
    async with a_day(processor) as sim:
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        reference = (await sim.pay.payments.get("S-1")).attempts[0].reference
        processor.books.refund_from_dashboard(reference, 250)
        processor.retell = says_nothing
        body, headers = processor.webhook(reference)
        processor.hold_answers()
        asked = asyncio.ensure_future(sim.pay.refund("R-2026-000001", Money("1", "EUR"), reason="too much"))
        await processor.until_held(1)

        for _ in range(10):  # it comes again and again, so that what is due is looked at
            await sim.pay.webhook("sandbox", body=body, headers=headers)
            await sim.advance(seconds=2)
        processor.release_answers()
        await asked
        processor.drop_look_up()
        await sim.advance(seconds=3)
        processor.retell = lambda seen: seen
        await sim.advance(days=2)

        assert (await sim.pay.payments.get("S-1")).facts.refunded == 350


async def test_a_message_about_a_payment_that_cannot_be_asked_about_is_told_and_asked_about_daily() -> None:
    """For a month, so that an outage of days loses nothing."""
    processor = Retold(lambda seen: seen)
    async with a_day(processor) as sim:
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        reference = (await sim.pay.payments.get("S-1")).attempts[0].reference
        processor.books.refund_from_dashboard(reference, 250)
        processor.retell = says_nothing
        body, headers = processor.webhook(reference)
        processor.drop_look_up(times=1_000)
        await sim.pay.webhook("sandbox", body=body, headers=headers)
        await sim.advance(days=5)
        told = [event.problem for event in of_type(sim.events, AttentionNeeded)]
        assert [(found.code, found.subject) for found in told] == [("unapplied_webhook", "sandbox")]

        processor.drop_look_up(times=-1_000)
        processor.retell = lambda seen: seen
        await sim.advance(days=2)

        assert (await sim.pay.payments.get("S-1")).facts.refunded == 250


async def test_a_message_about_a_payment_that_can_never_be_asked_about_is_given_up_with_a_word() -> None:
    """After a month more; a person hears of both."""
    processor = Retold(lambda seen: seen)
    async with a_day(processor) as sim:
        await started(sim)
        processor.retell = says_nothing
        body, headers = processor.webhook((await sim.pay.payments.get("S-1")).attempts[0].reference)
        await sim.pay.cancel("S-1", reason="none")
        processor.drop_look_up(times=1_000)
        await sim.pay.webhook("sandbox", body=body, headers=headers)
        await sim.advance(days=40)

        told = [event.problem for event in of_type(sim.events, AttentionNeeded)]
        assert [found.code for found in told] == ["unapplied_webhook", "unapplied_webhook"]
        assert (await sim.pay.recover()).is_idle


@pytest.mark.parametrize("kind", ["capture", "refund"])
async def test_a_message_about_a_part_of_a_payment_finds_it_by_the_part_s_id(kind: str) -> None:
    """It carries nothing else of ours: neither a reference nor the id of the payment."""
    processor = sandbox()
    async with a_day(processor, apart=True) as sim:
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        if kind == "refund":
            await sim.pay.refund("R-2026-000001", Money("1", "EUR"), reason="too much")
        intent = await sim.pay.payments.get("S-1")
        part = next(found for found in intent.operations if found.kind == kind).processor_reference
        content = json.loads(processor.webhook(intent.attempts[0].reference).body)
        outcome = {"type": "failed", "reason": "other", "code": "came_back", "id": part}
        content["id"] = "sbx_evt_of_a_part"
        content["observation"] |= {
            "payment_reference": None,
            "payment_id": part,
            "reports": [{"kind": kind, "outcome": outcome, "reference": None}],
            "totals": None,
        }

        signed = processor.sign(json.dumps(content).encode())
        await sim.pay.webhook("sandbox", body=signed.body, headers=signed.headers)
        await sim.settle()

        facts = (await sim.pay.payments.get("S-1")).facts
        assert (facts.captured, facts.refunded) == ((0, 0) if kind == "capture" else (600, 0))


ORDERS = [order for length in (2, 3) for order in itertools.product(["done", "failed"], repeat=length)]


@pytest.mark.parametrize("kind", ["capture", "refund"])
@pytest.mark.parametrize("order", [order for order in ORDERS if len(set(order)) == 2], ids="-".join)
async def test_a_success_and_its_later_failure_end_in_the_same_facts_in_any_order(
    kind: str, order: tuple[str, ...]
) -> None:
    """When it happened counts, not when it is told; and a person is asked to look, or the state says that it failed."""
    processor = sandbox()
    async with a_day(processor, apart=True, unsettled=True) as sim:
        await started(sim, f"pending_{kind}")
        await sim.pay.finish("S-1", await charged(sim, 12_000))
        if kind == "refund":
            await sim.pay.refund("R-2026-000001", Money("1", "EUR"), reason="too much")
        intent = await sim.pay.payments.get("S-1")
        asked = next(found for found in intent.operations if found.kind == kind)
        money = {"amount": "6.00" if kind == "capture" else "1.00", "currency": "EUR"}
        told: dict[str, tuple[int, dict[str, object]]] = {
            "done": (1, {"type": "succeeded", "amount": money, "id": "part"}),
            "failed": (2, {"type": "failed", "reason": "other", "code": "came_back", "id": "part"}),
        }
        content = json.loads(processor.webhook(intent.attempts[0].reference).body)
        for number, name in enumerate(order):
            hours, outcome = told[name]
            content["id"] = f"sbx_evt_{number}"
            content["observation"] |= {
                "at": (sim.now - timedelta(hours=5 - hours)).isoformat(),
                "reports": [{"kind": kind, "outcome": outcome, "reference": asked.reference}],
                "totals": None,
            }
            signed = processor.sign(json.dumps(content).encode())
            await sim.pay.webhook("sandbox", body=signed.body, headers=signed.headers)
            await sim.settle()

        intent = await sim.pay.payments.get("S-1")
        state = next(found for found in intent.operations if found.id == asked.id).state
        assert (intent.facts.captured, intent.facts.refunded) == ((0, 0) if kind == "capture" else (600, 0))
        assert state == ("reversed" if order[0] == "done" else "failed")
