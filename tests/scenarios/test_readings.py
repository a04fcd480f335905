"""Readings repeated, late, out of order, falling, from elsewhere: nothing lost, a clear answer, never a wrong price."""

import random
from datetime import timedelta
from itertools import permutations

import pytest

from evpay import MeterReading, Money
from evpay.errors import InvalidInput, NotFound
from evpay.events import AttentionNeeded
from evpay.sessions.readings import Flag
from tests.scenarios.day import a_day, charged, of_type, sandbox, session, started

pytestmark = pytest.mark.anyio


async def test_a_repeated_reading_changes_nothing() -> None:
    """Stations repeat what was not acknowledged in time."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        reading = await charged(sim, 8_000)

        first = await sim.pay.record("S-1", reading)
        again = await sim.pay.record("S-1", reading)

        assert first == again
        assert len(await sim.pay.sessions.readings("S-1")) == 1
        assert (await session(sim)).flags == frozenset()


async def test_readings_in_any_order_cost_the_same() -> None:
    """Which ones count is decided from all of them at once."""
    costs = set()
    for order in permutations(range(4)):
        async with a_day(sandbox()) as sim:
            begun = sim.now
            await started(sim)
            await sim.advance(hours=1)
            readings = [
                MeterReading(at=begun + timedelta(minutes=minutes), energy_wh=wh)
                for minutes, wh in ((10, 2_000), (20, 5_000), (30, 5_000), (40, 9_000))
            ]
            for index in order:
                await sim.pay.record("S-1", readings[index])
            costs.add((await sim.pay.finish("S-1")).total)

    assert costs == {Money("4.50", "EUR")}


async def test_many_readings_at_once_are_one_call() -> None:
    """What a station kept while it was offline."""
    async with a_day(sandbox()) as sim:
        begun = sim.now
        await started(sim)
        await sim.advance(hours=1)
        readings = [MeterReading(at=begun + timedelta(minutes=m), energy_wh=m * 300) for m in range(1, 60)]
        random.Random(7).shuffle(readings)

        exposure = await sim.pay.record("S-1", iter(readings))

        assert exposure.energy_wh == 59 * 300
        assert len(await sim.pay.sessions.readings("S-1")) == 59


async def test_a_late_reading_never_lowers_the_energy() -> None:
    """It refines what was before."""
    async with a_day(sandbox()) as sim:
        begun = sim.now
        await started(sim)
        await sim.pay.record("S-1", await charged(sim, 9_000))

        exposure = await sim.pay.record("S-1", MeterReading(at=begun + timedelta(minutes=20), energy_wh=4_000))

        assert exposure.energy_wh == 9_000
        assert (await session(sim)).flags == frozenset()


async def test_a_falling_meter_is_flagged_and_does_not_count() -> None:
    """The energy that was delivered is not taken back."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.record("S-1", await charged(sim, 9_000))

        exposure = await sim.pay.record("S-1", await charged(sim, 3_000, minutes=5))

        assert exposure.energy_wh == 9_000
        assert Flag.FALLING_METER in (await session(sim)).flags
        assert (await sim.pay.finish("S-1")).total == Money("4.50", "EUR")


async def test_two_values_at_one_instant_are_both_kept_and_flagged() -> None:
    """The higher plausible one counts."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.record("S-1", await charged(sim, 9_000))

        exposure = await sim.pay.record("S-1", MeterReading(at=sim.now, energy_wh=8_000))

        assert exposure.energy_wh == 9_000
        assert Flag.CONFLICTING_READING in (await session(sim)).flags
        assert len(await sim.pay.sessions.readings("S-1")) == 2


async def test_more_energy_than_can_have_flowed_is_not_billed() -> None:
    """22 kW for 45 minutes are 16.5 kWh; 160 are a mistake."""
    async with a_day(sandbox()) as sim:
        await started(sim)

        exposure = await sim.pay.record("S-1", await charged(sim, 160_000))
        await sim.pay.record("S-1", await charged(sim, 17_000, minutes=5))

        assert exposure.energy_wh == 0
        assert Flag.IMPLAUSIBLE_ENERGY in (await session(sim)).flags
        assert (await sim.pay.finish("S-1")).total == Money("8.50", "EUR")


async def test_a_reading_of_another_day_does_not_count() -> None:
    """An absurd date is flagged."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        for days in (-400, 400):
            await sim.pay.record("S-1", MeterReading(at=sim.now + timedelta(days=days), energy_wh=5_000))

        assert Flag.IMPLAUSIBLE_TIME in (await session(sim)).flags
        assert (await sim.pay.finish("S-1")).total == Money("0.00", "EUR")


async def test_a_register_counts_from_its_first_reading() -> None:
    """The meter's own counter knows nothing of sessions."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.record("S-1", MeterReading(at=sim.now, register_wh=1_234_500))
        await sim.advance(minutes=45)

        receipt = await sim.pay.finish("S-1", MeterReading(at=sim.now, register_wh=1_246_500))

        assert receipt.total == Money("6.00", "EUR")
        assert (receipt.register_begin_wh, receipt.register_end_wh) == (1_234_500, 1_246_500)


async def test_a_register_read_before_the_start_is_the_baseline() -> None:
    """The station's first meter value is older than the answer of the processor."""
    async with a_day(sandbox()) as sim:
        plugged_in = sim.now
        with pytest.raises(NotFound) as caught:
            await sim.pay.record("S-1", MeterReading(at=plugged_in, register_wh=1_000))
        await sim.advance(minutes=2)

        await started(sim)
        await sim.advance(minutes=45)
        receipt = await sim.pay.finish("S-1", MeterReading(at=sim.now, register_wh=13_000))

        assert caught.value.kept
        assert receipt.total == Money("6.00", "EUR")


async def test_readings_before_the_start_are_kept_and_count() -> None:
    """The station may always be answered."""
    async with a_day(sandbox()) as sim:
        begun = sim.now
        await sim.advance(minutes=30)
        with pytest.raises(NotFound, match="is kept and will be applied"):
            await sim.pay.record("S-1", MeterReading(at=sim.now, energy_wh=5_000))

        await started(sim, at=begun)

        assert (await sim.pay.exposure("S-1")).energy_wh == 5_000


async def test_readings_of_another_session_do_not_touch_this_one() -> None:
    """Each is kept where it belongs."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        reading = await charged(sim, 5_000)
        with pytest.raises(NotFound):
            await sim.pay.record("S-2", reading)

        assert (await sim.pay.exposure("S-1")).energy_wh == 0
        assert await sim.pay.sessions.readings("S-1") == ()


async def test_a_reading_after_the_end_is_kept_and_said_to_change_the_price() -> None:
    """The receipt stands."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))

        exposure = await sim.pay.record("S-1", await charged(sim, 14_000, minutes=10))

        assert (exposure.decision, exposure.reason) == ("stop", "session_finished")
        assert len(await sim.pay.sessions.readings("S-1")) == 2
        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["late_data"]
        assert await sim.pay.receipts.get(receipt.number) == receipt


async def test_a_reading_after_the_end_that_changes_nothing_disturbs_nobody() -> None:
    """A sample from the middle arrives late."""
    async with a_day(sandbox()) as sim:
        begun = sim.now
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 12_000))

        await sim.pay.record("S-1", MeterReading(at=begun + timedelta(minutes=10), energy_wh=2_000))

        assert of_type(sim.events, AttentionNeeded) == []
        assert len(await sim.pay.sessions.readings("S-1")) == 2


async def test_readings_survive_a_crash() -> None:
    """Each is on disk when `record` returns."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.record("S-1", await charged(sim, 8_000))

        await sim.crash()

        assert (await sim.pay.exposure("S-1")).cost.total == Money("4.00", "EUR")


async def test_an_exposure_of_nothing_known_is_not_found() -> None:
    """Nothing is kept, for there is nothing to keep."""
    async with a_day(sandbox()) as sim:
        with pytest.raises(NotFound) as caught:
            await sim.pay.exposure("S-1")

        assert not caught.value.kept


@pytest.mark.parametrize(("kwh", "price"), [("10.009", "5.00"), ("10.01", "5.01"), ("10.009001", "5.01")])
async def test_every_watt_hour_counts(kwh: str, price: str) -> None:
    """Energy is exact up to the tariff's step of one Wh, which is taken in full; the price is rounded once."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.advance(minutes=45)

        receipt = await sim.pay.finish("S-1", MeterReading.kwh(kwh, at=sim.now))

        assert receipt.total == Money(price, "EUR")


@pytest.mark.parametrize(
    "fields",
    [{"energy_wh": 1.5}, {"energy_wh": -1}, {}, {"energy_wh": "many"}, {"energy_wh": 10**12}],
    ids=["float", "negative", "empty", "no number", "absurd"],
)
async def test_a_malformed_reading_is_refused_where_it_is_made(fields: dict[str, object]) -> None:
    """Nothing of it reaches a session."""
    async with a_day(sandbox()) as sim:
        with pytest.raises(InvalidInput):
            MeterReading(at=sim.now, **fields)
