"""While energy flows: the running cost against the hold, increments, STOP by reading and by timer, and expiry."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from evpay import Admission, Connector, ConnectorState, Decision, MeterReading, Money, OperationKind, Reason
from evpay.events import AttentionNeeded, StopRequested
from evpay.payments.records import OperationRecord
from evpay.testing import Simulation
from tests.scenarios.day import a_day, charged, of_type, sandbox, session, started
from tests.scenarios.invariants import operations, payments

pytestmark = pytest.mark.anyio


def stops(sim: Simulation) -> list[StopRequested]:
    return of_type(sim.events, StopRequested)


async def test_a_reading_says_what_it_costs_and_what_is_left() -> None:
    """12 kWh at 0.50 of a hold of 20."""
    async with a_day(sandbox()) as sim:
        await started(sim)

        exposure = await sim.pay.record("S-1", await charged(sim, 12_000))

        assert str(exposure.cost.total) == "6.00 EUR"
        assert (exposure.hold, exposure.remaining) == (Money("20.00", "EUR"), Money("14.00", "EUR"))
        assert (exposure.decision, exposure.increment) == (Decision.CONTINUE, "none")
        assert exposure.energy_wh == 12_000
        assert (await sim.pay.exposure("S-1")) == exposure
        assert (await session(sim)).status == "charging"


async def test_a_hold_that_is_nearly_used_is_raised() -> None:
    """At 80 percent a higher total is asked for, in the background; it is a total, not a difference."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)

        asked = await sim.pay.record("S-1", await charged(sim, 32_000, minutes=90))
        await sim.settle()

        assert (asked.decision, asked.increment) == (Decision.CONTINUE, "asked")
        after = await sim.pay.exposure("S-1")
        assert (after.increment, after.hold) == ("granted", Money("40.00", "EUR"))
        assert [effect.asked for effect in processor.books.payments()[0].effects] == [2_000, 4_000]
        assert stops(sim) == []


async def test_a_granted_hold_is_raised_again() -> None:
    """As often as it is needed."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        for energy_wh in (32_000, 64_000, 96_000):
            await sim.pay.record("S-1", await charged(sim, energy_wh, minutes=90))
            await sim.settle()

        assert [effect.asked for effect in processor.books.payments()[0].effects] == [2_000, 4_000, 6_000, 8_000]
        assert stops(sim) == []


async def test_the_step_and_the_ceiling_are_the_policy_s() -> None:
    """`raise_step` and `raise_max`."""
    processor = sandbox()
    async with a_day(processor, policy={"raise_step": "7 EUR", "raise_max": "30 EUR"}) as sim:
        await started(sim)
        for energy_wh in (32_000, 46_000, 56_000):
            await sim.pay.record("S-1", await charged(sim, energy_wh, minutes=90))
            await sim.settle()

        assert [effect.asked for effect in processor.books.payments()[0].effects] == [2_000, 2_700, 3_000]


async def test_the_driver_s_limit_is_the_ceiling_of_a_raise() -> None:
    """Never more than the driver allowed, and STOP when it is reached."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, limit=Money("25.00", "EUR"))
        await sim.pay.record("S-1", await charged(sim, 33_000, minutes=90))
        await sim.settle()
        assert processor.books.payments()[0].authorized == 2_500

        exposure = await sim.pay.record("S-1", await charged(sim, 50_000, minutes=60))

        assert (exposure.decision, exposure.reason) == (Decision.STOP, "limit_reached")
        assert exposure.limit == Money("25.00", "EUR")
        assert [event.exposure.reason for event in stops(sim)][-1:] == ["limit_reached"]


@pytest.mark.parametrize("token", ["increment_declined", "increment_unavailable"])
async def test_a_refused_increment_stops_only_when_the_hold_runs_out(token: str) -> None:
    """The old hold counts; the driver gets what is paid for."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, token)
        await sim.pay.record("S-1", await charged(sim, 32_000, minutes=90))
        await sim.settle()
        assert (await sim.pay.exposure("S-1")).decision is Decision.CONTINUE
        assert stops(sim) == []

        exposure = await sim.pay.record("S-1", await charged(sim, 40_000, minutes=22))

        assert (exposure.decision, exposure.reason) == (Decision.STOP, "hold_reached")
        assert exposure.hold == Money("20.00", "EUR")
        assert (await payments(sim))[0].facts.authorized == 2_000


async def test_a_refused_increment_is_not_asked_for_again_at_every_reading() -> None:
    """One no is a no for this hold."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "increment_declined")
        said = []
        for energy_wh, minutes in ((33_000, 90), (33_500, 2), (34_000, 2)):
            said.append((await sim.pay.record("S-1", await charged(sim, energy_wh, minutes=minutes))).increment)
            await sim.settle()

        assert said == ["asked", "declined", "declined"]
        assert [effect.kind for effect in processor.books.payments()[0].effects] == ["authorize", "increment"]


@pytest.mark.parametrize("effect", [True, False])
async def test_an_unknown_increment_is_not_granted_until_it_is_known(effect: bool) -> None:  # noqa: FBT001 - a parameter
    """Energy must not outrun the money; the look-up says what became of it."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        processor.drop_answer(OperationKind.INCREMENT, effect=effect)

        await sim.pay.record("S-1", await charged(sim, 32_000, minutes=90))
        await sim.settle()
        unknown = await sim.pay.exposure("S-1")
        await sim.advance(minutes=2)
        known = await sim.pay.exposure("S-1")

        assert (unknown.increment, unknown.hold) == ("unknown", Money("20.00", "EUR"))
        if effect:
            assert (known.increment, known.hold) == ("granted", Money("40.00", "EUR"))
        else:
            assert (known.increment, known.hold) == ("declined", Money("20.00", "EUR"))


async def test_an_unknown_increment_that_cannot_be_looked_up_is_sent_again_as_it_was() -> None:
    """The same key and bytes: it is granted once."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        processor.drop_answer(OperationKind.INCREMENT, effect=False)
        processor.drop_look_up()

        await sim.pay.record("S-1", await charged(sim, 32_000, minutes=90))
        await sim.advance(minutes=1)

        assert (await sim.pay.exposure("S-1")).increment == "granted"
        assert [effect.asked for effect in processor.books.payments()[0].effects] == [2_000, 4_000]


async def test_a_station_is_stopped_when_the_increment_stays_unknown() -> None:
    """Energy must not outrun the money: lost answer, silence, timer, crash."""
    processor = sandbox(resend_for=None)
    async with a_day(processor, hold="10 EUR", unsettled=True) as sim:
        await started(sim)
        processor.drop_answer()
        processor.drop_look_up(times=1_000)
        await sim.pay.record("S-1", await charged(sim, 17_000))

        await sim.advance(minutes=8)
        await sim.crash()

        assert {event.exposure.session_id for event in stops(sim)} == {"S-1"}
        assert (await sim.pay.exposure("S-1")).increment == "unknown"


async def test_the_timer_stops_a_session_without_readings() -> None:
    """Energy flows also when no meter value comes: at full power the hold lasts for 109 minutes."""
    processor = sandbox(increment=False)
    async with a_day(processor) as sim:
        await started(sim)
        await sim.advance(minutes=106)
        assert stops(sim) == []

        await sim.advance(minutes=2)

        assert [(event.exposure.session_id, event.exposure.reason) for event in stops(sim)] == [
            ("S-1", "hold_nearly_reached")
        ]


async def test_the_timer_says_it_again_while_energy_may_flow() -> None:
    """A stop that a station did not hear is asked for again, until the session ends."""
    processor = sandbox(increment=False)
    async with a_day(processor) as sim:
        await started(sim)
        await sim.advance(minutes=110)
        count = len(stops(sim))
        assert count > 1

        await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=38_000))
        await sim.advance(minutes=10)

        assert len(stops(sim)) == count


async def test_a_reading_moves_the_timer() -> None:
    """Less flowed than could have: the hold lasts longer."""
    processor = sandbox(increment=False)
    async with a_day(processor) as sim:
        await started(sim)
        await sim.advance(minutes=100)
        await sim.pay.record("S-1", MeterReading(at=sim.now, energy_wh=10_000))

        await sim.advance(minutes=75)
        assert stops(sim) == []
        await sim.advance(minutes=10)

        assert stops(sim)[0].exposure.reason == "hold_nearly_reached"


async def test_an_idle_car_costs_what_the_tariff_says() -> None:
    """Nothing flows: a tariff without parking never uses up the hold."""
    processor = sandbox(increment=False)
    async with a_day(processor) as sim:
        await started(sim)
        await sim.advance(minutes=30)
        await sim.pay.record("S-1", MeterReading(at=sim.now, energy_wh=10_000, state=ConnectorState.IDLE))

        await sim.advance(hours=12)

        assert stops(sim) == []
        assert (await session(sim)).status == "idle"


async def test_a_connector_that_cannot_be_stopped_is_told_when_the_hold_is_reached() -> None:
    """There is no time to leave room for; what flows after is a debt."""
    processor = sandbox(increment=False)
    async with a_day(processor) as sim:
        await started(sim, connector=Connector(id="1", max_power_w=22_000, meter_interval_s=None, stop_latency_s=None))

        near = await sim.pay.record("S-1", await charged(sim, 39_800, minutes=110))
        over = await sim.pay.record("S-1", await charged(sim, 42_000, minutes=10))

        assert (near.decision, over.decision) == (Decision.CONTINUE, Decision.STOP)
        assert over.unsecured == Money("1.00", "EUR")


async def test_a_stop_leaves_room_for_what_flows_until_it_takes_effect() -> None:
    """22 kW over two minutes are 733 Wh; up to 40.010 kWh the price rounds to the 20.00 that are held."""
    async with a_day(sandbox()) as sim:
        await started(sim)

        exposure = await sim.pay.exposure("S-1")

        assert exposure.stop_at_energy_wh is not None
        assert 40_000 - 734 <= exposure.stop_at_energy_wh < 40_010 - 733
        assert exposure.decision is Decision.CONTINUE


async def test_a_partial_hold_is_what_is_watched() -> None:
    """8 of 20 were approved."""
    processor = sandbox(increment=False)
    async with a_day(processor) as sim:
        await started(sim, "partial_40")

        exposure = await sim.pay.record("S-1", await charged(sim, 16_000, minutes=44))

        assert (exposure.decision, exposure.reason) == (Decision.STOP, "hold_reached")


# ---- a hold does not last for ever -------------------------------------------------------------------------------


async def test_a_hold_that_is_about_to_expire_stops_the_session_in_time() -> None:
    """A deadline before the processor's own: a person is told, and the station is to stop."""
    processor = sandbox(extend=False)
    async with a_day(processor, policy={"before_expiry_s": 600}) as sim:
        await started(sim, "short_hold")
        await sim.advance(minutes=49)
        assert of_type(sim.events, AttentionNeeded) == []

        await sim.advance(minutes=2)

        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["hold_expires"]
        assert [event.exposure.reason for event in stops(sim)] == ["hold_expires"]


async def test_a_hold_that_expired_is_recorded_as_released() -> None:
    """The processor let it go; ours says so too, and nothing is left that could be captured."""
    processor = sandbox(extend=False)
    async with a_day(processor) as sim:
        await started(sim, "short_hold")

        await sim.advance(minutes=90)

        facts = (await payments(sim))[0].facts
        assert (facts.authorized, facts.released, facts.open_hold) == (2_000, 2_000, 0)
        assert processor.books.payments()[0].standing == "expired"


async def test_a_session_that_ends_after_its_hold_expired_is_a_debt() -> None:
    """What cannot be captured is owed, and said so."""
    processor = sandbox(extend=False)
    async with a_day(processor) as sim:
        await started(sim, "short_hold")
        await sim.advance(minutes=90)

        receipt = await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=10_000))

        assert (receipt.settlement, receipt.due) == ("due", Money("5.00", "EUR"))
        assert processor.books.payments()[0].captured == 0


async def test_a_capture_that_finds_the_hold_expired_is_a_debt() -> None:
    """We did not know yet; the processor's refusal says so."""
    processor = sandbox()
    async with a_day(processor) as sim:
        _, intent = await started(sim)
        processor.books.expire(intent.attempts[0].reference)
        await sim.advance(minutes=45)

        receipt = await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=10_000))
        await sim.advance(hours=1)

        assert (receipt.settlement, receipt.due) == ("due", Money("5.00", "EUR"))
        assert (await payments(sim))[0].facts.open_hold == 0


# ---- following ---------------------------------------------------------------------------------------------------


async def test_watching_shows_every_change_and_ends_with_the_session() -> None:
    """The live page of a driver."""
    async with a_day(sandbox()) as sim:
        await started(sim)

        async def watch() -> list[str]:
            return [f"{exposure.cost.total} {exposure.decision}" async for exposure in sim.pay.watch("S-1")]

        watching = asyncio.ensure_future(watch())
        await sim.advance(seconds=5)
        await sim.pay.record("S-1", await charged(sim, 1_000, minutes=3))
        await sim.advance(seconds=5)
        await sim.pay.finish("S-1")
        await sim.advance(seconds=5)

        assert watching.done()
        assert await watching == ["0.00 EUR continue", "0.50 EUR continue", "0.50 EUR stop"]


async def test_a_session_that_was_denied_shows_no_room() -> None:
    """Nothing is held: whatever flows is unsecured, and the station is to stop."""
    async with a_day(sandbox()) as sim:
        denied, _ = await started(sim, "decline_do_not_honor")
        assert denied.admission is Admission.DENY

        exposure = await sim.pay.record("S-1", await charged(sim, 2_000, minutes=10))

        assert exposure.decision is Decision.STOP
        assert exposure.unsecured == Money("1.00", "EUR")


async def test_an_increment_is_asked_for_once_when_readings_come_at_once() -> None:
    """Two messages at the same moment want the same total: one operation."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        await sim.advance(minutes=90)
        readings = [MeterReading(at=sim.now, energy_wh=32_000 + step) for step in range(6)]

        await asyncio.gather(*(sim.pay.record("S-1", reading) for reading in readings))
        await sim.settle()

        assert [effect.asked for effect in processor.books.payments()[0].effects] == [2_000, 4_000]


async def test_a_processor_that_fails_an_increment_for_a_moment_is_an_increment_refused() -> None:
    """It did nothing; the old hold counts."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        processor.decline_next(Reason.RATE_LIMITED, OperationKind.INCREMENT)

        await sim.pay.record("S-1", await charged(sim, 32_000, minutes=90))
        await sim.settle()

        assert (await sim.pay.exposure("S-1")).increment == "declined"
        assert (await payments(sim))[0].facts.authorized == 2_000


def increments(sim_operations: Sequence[OperationRecord]) -> list[tuple[int, str]]:
    """What was asked for, and what came of it."""
    return [(found.amount, found.state) for found in sim_operations if found.kind is OperationKind.INCREMENT]


async def test_a_hold_that_can_be_extended_is_extended_while_the_session_runs() -> None:
    """Half an hour before a hold of one hour ends, the same total is asked for again: more time, no stop."""
    async with a_day(sandbox()) as sim:
        await started(sim, "short_hold")
        for minutes in (25, 50, 75, 100):
            await sim.pay.record("S-1", await charged(sim, minutes * 40, minutes=25))

        assert increments(await operations(sim)) == [(2_000, "succeeded")] * 3
        assert of_type(sim.events, StopRequested) == of_type(sim.events, AttentionNeeded) == []
        receipt = await sim.pay.finish("S-1")
        assert receipt.captured == receipt.total == Money("2.00", "EUR")


async def test_a_refused_extension_stops_the_session_before_the_hold_ends() -> None:
    """Once, with a word to a person; the hold may still be raised meanwhile."""
    processor = sandbox()
    processor.decline_next(Reason.INCREMENT_NOT_AVAILABLE, OperationKind.INCREMENT)
    async with a_day(processor) as sim:
        await started(sim, "short_hold")
        await sim.advance(minutes=45)

        assert increments(await operations(sim)) == [(2_000, "failed")]
        assert [event.exposure.reason for event in of_type(sim.events, StopRequested)] == ["hold_expires"]
        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["hold_expires"]
        assert (await sim.pay.exposure("S-1")).increment == "none"


async def test_an_extension_that_is_refused_later_stops_the_session_then() -> None:
    """It was accepted first: nobody is stopped while the processor has not decided."""
    processor = sandbox(hold_lifetime=timedelta(hours=6))
    async with a_day(processor) as sim:
        await started(sim, "pending_increment")
        await sim.pay.record("S-1", MeterReading(at=sim.now, energy_wh=0, state=ConnectorState.IDLE))
        await sim.advance(hours=4)
        assert of_type(sim.events, StopRequested) == []
        (asked,) = [found for found in await operations(sim) if found.kind is OperationKind.INCREMENT]
        processor.books.settle_pending(asked.reference, reason=Reason.INCREMENT_NOT_AVAILABLE)
        await sim.advance(minutes=80)

        assert [event.exposure.reason for event in of_type(sim.events, StopRequested)] == ["hold_expires"]


async def test_a_session_of_which_nothing_was_heard_for_a_day_is_not_extended() -> None:
    """Somebody forgot it: the driver's money is not kept for ever."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.record("S-1", MeterReading(at=sim.now, energy_wh=0, state=ConnectorState.IDLE))
        await sim.advance(days=8)

        assert increments(await operations(sim)) == []
        assert "hold_expires" in [event.exposure.reason for event in stops(sim)]
