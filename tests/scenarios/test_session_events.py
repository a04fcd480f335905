"""What the host is told: at least once, in order per session, with a cursor per listener, across restarts."""

import asyncio

import pytest

from evpay import MeterReading, Money
from evpay.errors import NotFound
from evpay.events import AdmissionChanged, Event, PaymentChanged, ReceiptIssued
from evpay.testing import SimulatedCrash, Simulation
from tests.scenarios.day import APPROVE, POINT, SITE, TARIFF, a_day, charged, method, sandbox, session, started

pytestmark = pytest.mark.anyio

FIELDS = {"tariff": TARIFF, "site": SITE, "connector": POINT, "method": APPROVE}


async def drained(sim: Simulation, consumer: str) -> list[Event]:
    """Take everything that a listener has not acknowledged."""
    return [event async for event in sim.pay.events(consumer, wait=False)]


async def finished(sim: Simulation, session_id: str = "S-1") -> None:
    await started(sim, session_id=session_id, connector=None)
    await sim.pay.finish(session_id, await charged(sim, 12_000))


async def test_a_session_is_told_in_order() -> None:
    """Numbered without a gap, from the first."""
    async with a_day(sandbox()) as sim:
        await finished(sim)

        told = await drained(sim, "csms")

        assert [type(event) for event in told] == [AdmissionChanged, PaymentChanged, PaymentChanged, ReceiptIssued]
        assert [(event.subject, event.number) for event in told] == [("S-1", number) for number in range(1, 5)]


async def test_each_listener_has_a_cursor_of_its_own() -> None:
    """What one has taken, another still gets."""
    async with a_day(sandbox()) as sim:
        await finished(sim)

        first = await drained(sim, "csms")
        again = await drained(sim, "csms")
        other = await drained(sim, "billing")

        assert again == []
        assert first == other


async def test_asking_for_the_next_one_acknowledges() -> None:
    """A listener that dies with an event in its hands gets it once more."""
    async with a_day(sandbox()) as sim:
        await finished(sim)
        listening = sim.pay.events("csms", wait=False)
        taken = [await anext(listening), await anext(listening)]

        await sim.crash()

        assert (await drained(sim, "csms"))[0] == taken[1]


async def test_nothing_is_told_twice_after_a_restart() -> None:
    """What was acknowledged stays so."""
    async with a_day(sandbox()) as sim:
        await finished(sim)
        await drained(sim, "csms")

        await sim.crash()

        assert await drained(sim, "csms") == []


async def test_a_listener_waits_for_what_comes() -> None:
    """In this process it is woken at once."""
    async with a_day(sandbox()) as sim:
        heard: list[str] = []

        async def listen() -> None:
            async for event in sim.pay.events("csms"):
                heard.append(event.type)  # noqa: PERF401 - it never ends

        listening = asyncio.ensure_future(listen())
        await sim.settle()
        await started(sim)
        await sim.settle()

        assert heard == ["admission_changed", "payment_changed"]
        listening.cancel()


async def test_a_listener_hears_of_what_another_process_did() -> None:
    """It looks again after half a second."""
    async with a_day(sandbox()) as sim:
        heard: list[str] = []

        async def listen() -> None:
            async for event in sim._observer.pay.events("csms"):
                heard.append(event.type)  # noqa: PERF401 - it never ends

        listening = asyncio.ensure_future(listen())
        await sim.settle()
        await started(sim)
        await sim.settle()
        assert heard == []
        await sim.advance(seconds=1)

        assert heard == ["admission_changed", "payment_changed"]
        listening.cancel()
        await sim.settle()


async def test_sessions_do_not_disturb_each_other_s_order() -> None:
    """Each subject counts for itself."""
    async with a_day(sandbox()) as sim:
        for index in range(4):
            await started(sim, session_id=f"S-{index}", connector=None)
        reading = await charged(sim, 8_000)
        await asyncio.gather(*(sim.pay.finish(f"S-{index}", reading) for index in range(4)))

        told = await drained(sim, "csms")

        for index in range(4):
            numbers = [event.number for event in told if event.subject == f"S-{index}"]
            assert numbers == [1, 2, 3, 4]


async def test_more_events_than_fit_into_one_read_are_all_told() -> None:
    """A listener that was away for a while."""
    async with a_day(sandbox()) as sim:
        for index in range(60):
            intent = await sim.pay.payments.authorize(Money("5.00", "EUR"), method=APPROVE, key=f"k{index}")
            await sim.pay.payments.void(intent.id)

        assert len(await drained(sim, "csms")) == 120


async def test_the_same_seed_tells_the_same_story() -> None:
    """Ids, keys, numbers, times: two runs do not differ in a letter."""
    stories = []
    for _ in range(2):
        processor = sandbox()
        async with a_day(processor, seed=7) as sim:
            processor.drop_answer()
            named = await sim.pay.start(None, **FIELDS, driver="anna")
            await sim.advance(minutes=10)
            await sim.crash()
            await sim.pay.record(named.session.id, MeterReading(at=sim.now, energy_wh=3_000))
            await sim.pay.finish(named.session.id)
            stories.append([event.model_dump_json() for event in sim.events])

    assert stories[0] == stories[1]


async def test_two_starts_without_an_id_at_once_are_one_session() -> None:
    """The id is derived from what was at the connector before: a double tap holds money once."""
    processor = sandbox()
    async with a_day(processor) as sim:
        twice = (sim.pay.start(None, **FIELDS, driver="anna"), sim.pay.start(None, **FIELDS, driver="anna"))
        first, second = await asyncio.gather(*twice)

        assert first.session.id == second.session.id
        assert len(processor.books.payments()) == 1


# ---- tenants -----------------------------------------------------------------------------------------------------


async def test_tenants_do_not_see_each_other() -> None:
    """The same ids, keys and numbers on both sides, and nothing in common."""
    processor = sandbox()
    async with a_day(processor) as sim:
        acme, volt = sim.pay.scoped(tenant="acme"), sim.pay.scoped(tenant="volt")
        for pay in (acme, volt):
            await pay.start("S-1", **FIELDS)
        await acme.payments.authorize(Money("5.00", "EUR"), method=APPROVE, key="k")
        reading = await charged(sim, 12_000)
        receipt = await acme.finish("S-1", reading)

        assert (await volt.sessions.get("S-1")).status == "ready"
        assert [r.number async for r in volt.receipts.list()] == []
        assert [i.session_id async for i in volt.payments.list()] == ["S-1"]
        for lost in (
            volt.receipts.get(receipt.number),
            volt.payments.get("k"),
            volt.refund(receipt.number, reason="r"),
        ):
            with pytest.raises(NotFound):
                await lost
        assert {e.subject for e in [x async for x in volt.events("csms", wait=False)]} == {"S-1"}
        assert [type(e) for e in [x async for x in volt.events("csms", wait=False)]] == []
        assert (await volt.finish("S-1", reading)).number == receipt.number
        assert len(processor.books.payments()) == 3


async def test_recovery_looks_after_every_tenant() -> None:
    """One worker serves them all."""
    processor = sandbox()
    async with a_day(processor) as sim:
        acme = sim.pay.scoped(tenant="acme")
        await acme.start("S-1", **{**FIELDS, "method": method("lose_authorize")})

        await sim.advance(minutes=1)

        assert (await acme.sessions.get("S-1")).admission == "allow"


async def test_a_crash_in_the_middle_of_a_start_is_finished_by_the_next_process() -> None:
    """The hold was made, its answer died with the process; the host asks again."""
    processor = sandbox()
    async with a_day(processor) as sim:
        sim.crash_at("outcome.received")
        with pytest.raises(SimulatedCrash):
            await started(sim)
        await sim.crash()

        again, _ = await started(sim)
        await sim.advance(minutes=10)

        assert len(processor.books.payments()) == 1
        assert again.id == (await session(sim)).id
