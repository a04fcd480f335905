"""A connector that somebody else uses now, and driver's legs and voids that nobody hears of."""

import asyncio
from datetime import timedelta

import pytest

from evpay import Admission, ConnectorState, MeterReading, Money, OperationKind, Tariff
from evpay.errors import InvalidInput
from evpay.events import AttentionNeeded
from tests.scenarios.day import a_day, charged, method, of_type, sandbox, session, started

pytestmark = pytest.mark.anyio


async def test_a_finished_session_started_again_leaves_the_one_that_runs_there_now() -> None:
    """Repeating a call returns what it did before, and ends nobody's charging."""
    async with a_day(sandbox(), unsettled=True) as sim:
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 5_000))
        await started(sim, session_id="S-2")

        again = await started(sim)

        assert again.session.admission is Admission.DENY
        assert (await session(sim, "S-2")).admission is Admission.ALLOW


async def test_a_refused_start_ends_nothing() -> None:
    """What is wrong with the order is found before anything is done for it."""
    async with a_day(sandbox(), unsettled=True) as sim:
        await started(sim)

        with pytest.raises(InvalidInput, match="NOK"):
            await started(sim, session_id="S-2", limit=Money("100", "NOK"))

        assert (await session(sim)).admission is Admission.ALLOW


async def test_time_is_billed_when_the_connector_is_taken_over() -> None:
    """What a session owes is not only energy."""
    by_time = Tariff.per_kwh("0.50", currency="EUR", per_hour="6.00")
    processor = sandbox()
    async with a_day(processor, unsettled=True) as sim:
        await started(sim, tariff=by_time)
        await sim.advance(minutes=60)
        await sim.pay.record("S-1", MeterReading(at=sim.now, state=ConnectorState.CHARGING))

        await started(sim, session_id="S-2")

        assert processor.books.payments()[0].captured == 600


async def test_a_lost_leg_does_not_hold_up_the_capture() -> None:
    """What a look-up says of the hold is what became of the driver's leg, also where absence is never proven."""
    processor = sandbox(absence_proven_after=None, resend_for=None)
    async with a_day(processor) as sim:
        await started(sim, "action", return_url="https://app.example/back")
        processor.drop_answer(OperationKind.COMPLETE)
        await sim.pay.complete_action("S-1", {"state": "done"})
        await sim.advance(minutes=2)

        receipt = await sim.pay.finish("S-1", await charged(sim, 5_000))

        assert (receipt.settlement, receipt.captured) == ("settled", Money("2.50", "EUR"))


async def test_readings_that_come_while_finish_waits_are_billed() -> None:
    """An acknowledged reading counts, whatever the capture had to wait for."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        await sim.advance(minutes=60)
        await sim.pay.record("S-1", MeterReading(at=sim.now - timedelta(minutes=1), energy_wh=10_000))
        await sim.pay.record("S-1", MeterReading(at=sim.now, energy_wh=11_000))

        assert (await sim.pay.finish("S-1")).total == Money("5.50", "EUR")


async def test_the_rest_of_a_partly_captured_hold_can_be_let_go() -> None:
    """Otherwise it would stay until it expires."""
    processor = sandbox(multiple_captures=True)
    async with a_day(processor) as sim:
        order = {"method": method("approve"), "key": "order-1"}
        intent = await sim.pay.payments.authorize(Money("50.00", "EUR"), **order)
        await sim.pay.payments.capture(intent.id, Money("5.00", "EUR"), final=False, key="a")

        done = await sim.pay.payments.void(intent.id)

        assert (done.facts.captured, done.facts.released) == (500, 4_500)


async def test_a_reading_that_slips_in_while_the_session_ends_is_not_forgotten() -> None:
    """It was acknowledged: it is billed, or a person is told that it would change the bill."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.advance(minutes=60)
        await sim.pay.record("S-1", MeterReading(at=sim.now - timedelta(minutes=2), energy_wh=10_000))

        late = MeterReading(at=sim.now, energy_wh=12_000)
        receipt, _ = await asyncio.gather(sim.pay.finish("S-1"), sim.pay.record("S-1", late))

        problems = [event.problem.code for event in of_type(sim.events, AttentionNeeded)]
        assert receipt.total == Money("6.00", "EUR") or problems == ["late_data"]
