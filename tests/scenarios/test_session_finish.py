"""How a session ends: captured, voided or owed, always with a receipt; and what comes after."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from evpay import Admission, ConnectorState, MeterReading, Money, OperationKind, Reason, Tariff
from evpay.engine.metering import reading_row
from evpay.errors import InvalidInput, InvalidTransition, NotFound, StoreConflict, UnsupportedOperation
from evpay.events import AttentionNeeded, DebtChanged, ReceiptIssued
from evpay.providers import AmountRule, Funding
from evpay.store.commit import Commit
from evpay.testing import SimulatedCrash, Simulation
from evpay_providers.sandbox import SandboxProvider
from tests.scenarios.day import TARIFF, a_day, charged, of_type, sandbox, session, started
from tests.scenarios.invariants import operations

pytestmark = pytest.mark.anyio

ASKED = "https://app.example/back"


def effects(processor: SandboxProvider) -> list[str]:
    """What the processor was asked to do, and did."""
    return [str(effect.kind) for entry in processor.books.payments() for effect in entry.effects]


def debts(sim: Simulation) -> list[tuple[str, Money]]:
    return [(str(event.debt.status), event.debt.amount) for event in of_type(sim.events, DebtChanged)]


async def test_what_was_used_is_captured_and_the_rest_released() -> None:
    """12 kWh at 0.50: 6.00 of 20.00."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)

        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000), reason="unplugged")

        assert (receipt.number, receipt.kind, receipt.test) == ("R-2026-000001", "receipt", True)
        assert (receipt.total, receipt.captured, receipt.released) == (
            Money("6.00", "EUR"),
            Money("6.00", "EUR"),
            Money("14.00", "EUR"),
        )
        assert (receipt.settlement, receipt.due) == ("settled", Money("0.00", "EUR"))
        ended = await session(sim)
        assert (ended.status, ended.admission, ended.stop_reason) == ("finished", Admission.DENY, "unplugged")
        assert ended.receipt_number == receipt.number
        assert [event.receipt for event in of_type(sim.events, ReceiptIssued)] == [receipt]


async def test_a_session_that_cost_nothing_is_voided_and_has_a_receipt_all_the_same() -> None:
    """Zero is not captured."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)

        receipt = await sim.pay.finish("S-1", await charged(sim, 0))

        assert (receipt.total, receipt.released) == (Money("0.00", "EUR"), Money("20.00", "EUR"))
        assert effects(processor) == ["authorize", "void"]


async def test_a_session_without_any_reading_used_nothing() -> None:
    """Nothing measured is nothing supplied, also under a flat price."""
    processor = sandbox()
    flat = Tariff.per_kwh("0.50", currency="EUR", vat="19", prices="gross", per_session="1.00")
    async with a_day(processor) as sim:
        await started(sim, tariff=flat)
        await sim.advance(minutes=10)

        receipt = await sim.pay.finish("S-1")

        assert receipt.total == Money("0.00", "EUR")
        assert effects(processor) == ["authorize", "void"]


async def test_less_than_the_account_takes_is_voided_and_owed() -> None:
    """The account's minimum is 50 cents; 30 are due."""
    processor = sandbox(amounts={"EUR": AmountRule(minimum_minor=50)})
    async with a_day(processor) as sim:
        await started(sim)

        receipt = await sim.pay.finish("S-1", await charged(sim, 600))

        assert effects(processor) == ["authorize", "void"]
        assert (receipt.total, receipt.due, receipt.settlement) == (Money("0.30", "EUR"), Money("0.30", "EUR"), "due")
        assert debts(sim) == [("open", Money("0.30", "EUR"))]


async def test_exactly_the_account_s_minimum_is_captured() -> None:
    """The bound itself."""
    processor = sandbox(amounts={"EUR": AmountRule(minimum_minor=50)})
    async with a_day(processor) as sim:
        await started(sim)

        await sim.pay.finish("S-1", await charged(sim, 1_000))

        assert effects(processor) == ["authorize", "capture"]


async def test_cost_above_the_hold_is_captured_as_far_as_it_goes_and_the_rest_is_a_debt() -> None:
    """Never a silent second capture."""
    processor = sandbox(increment=False)
    async with a_day(processor) as sim:
        await started(sim, driver="anna")

        receipt = await sim.pay.finish("S-1", await charged(sim, 45_000, minutes=150))

        assert (receipt.total, receipt.captured, receipt.due) == (
            Money("22.50", "EUR"),
            Money("20.00", "EUR"),
            Money("2.50", "EUR"),
        )
        assert debts(sim) == [("open", Money("2.50", "EUR"))]
        debt = of_type(sim.events, DebtChanged)[0].debt
        assert (debt.session_id, debt.driver, debt.reason) == ("S-1", "anna", "cost_not_captured")


async def test_what_the_processor_allows_above_the_hold_is_captured() -> None:
    """A declared over-capture is part of what can be taken."""
    processor = sandbox(increment=False, over_capture_percent=20)
    async with a_day(processor) as sim:
        await started(sim)

        receipt = await sim.pay.finish("S-1", await charged(sim, 45_000, minutes=150))

        assert (receipt.captured, receipt.due) == (Money("22.50", "EUR"), Money("0.00", "EUR"))


async def test_finishing_twice_gives_the_same_receipt() -> None:
    """Also with another reading, which is late data."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        first = await sim.pay.finish("S-1", await charged(sim, 12_000))

        again = await sim.pay.finish("S-1")
        other = await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=13_000))

        assert first == again == other
        assert effects(processor) == ["authorize", "capture"]


async def test_late_data_that_changes_the_price_is_for_a_person() -> None:
    """Nothing is taken a second time; the message says by how much."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 12_000))

        await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=13_000))
        await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=13_000))

        problems = [event.problem for event in of_type(sim.events, AttentionNeeded)]
        assert [(problem.code, problem.subject) for problem in problems] == [("late_data", "S-1")]
        assert "6.00 EUR" in problems[0].message
        assert "6.50 EUR" in problems[0].message


async def test_finish_without_a_reading_uses_the_last_one() -> None:
    """What was recorded counts."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.record("S-1", await charged(sim, 8_000))
        await sim.advance(minutes=30)

        receipt = await sim.pay.finish("S-1")

        assert receipt.total == Money("4.00", "EUR")
        assert receipt.ended_at == sim.now - timedelta(minutes=30)


async def test_a_finish_before_its_start_is_applied_when_the_start_comes() -> None:
    """The end overtook the beginning: the reading is kept, and nobody is left on hold."""
    processor = sandbox()
    async with a_day(processor) as sim:
        begun = sim.now
        reading = await charged(sim, 12_000)
        with pytest.raises(NotFound) as caught:
            await sim.pay.finish("S-1", reading)
        assert caught.value.kept

        ended, _ = await started(sim, at=begun)

        assert (ended.status, ended.admission) == ("finished", Admission.DENY)
        assert [receipt.total async for receipt in sim.pay.receipts.list()] == [Money("6.00", "EUR")]
        assert effects(processor) == ["authorize", "capture"]


async def test_a_finish_of_nothing_known_keeps_nothing() -> None:
    """Without a reading there is nothing to keep."""
    async with a_day(sandbox()) as sim:
        with pytest.raises(NotFound) as caught:
            await sim.pay.finish("S-1")

        assert not caught.value.kept


async def test_parking_runs_until_the_plug_is_out() -> None:
    """Charging ended, the session did not."""
    tariff = Tariff.per_kwh("0.50", currency="EUR", vat="19", prices="gross", parking_per_hour="6.00")
    async with a_day(sandbox()) as sim:
        await started(sim, tariff=tariff)
        await sim.pay.record("S-1", await charged(sim, 10_000))
        await sim.pay.record("S-1", MeterReading(at=sim.now, energy_wh=10_000, state=ConnectorState.IDLE))
        idle_since = sim.now
        await sim.advance(minutes=20)

        receipt = await sim.pay.finish("S-1", MeterReading(at=sim.now, state=ConnectorState.UNPLUGGED))

        assert receipt.total == Money("7.00", "EUR")
        assert receipt.charging_ended_at == idle_since


# ---- the processor misbehaves at the end -------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["lose_capture", "lose_capture_no_effect"])
async def test_a_lost_answer_to_the_capture_is_found_out(token: str) -> None:
    """Confirming at first; one capture in the end."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, token)

        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))
        await sim.advance(minutes=10)

        assert (receipt.settlement, receipt.due) == ("confirming", Money("0.00", "EUR"))
        assert processor.books.payments()[0].captured == 600
        assert debts(sim) == []


@pytest.mark.parametrize("effect", [True, False])
async def test_a_capture_that_cannot_be_looked_up_is_sent_again_as_it_was(effect: bool) -> None:  # noqa: FBT001
    """Same key, same bytes: it happens once."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        processor.drop_answer(OperationKind.CAPTURE, effect=effect)
        processor.drop_look_up(times=3)

        await sim.pay.finish("S-1", await charged(sim, 12_000))
        await sim.advance(minutes=10)

        assert processor.books.payments()[0].captured == 600
        captures = [found for found in await operations(sim) if found.kind is OperationKind.CAPTURE]
        assert [found.attempts for found in captures] == [2]


async def test_a_capture_that_nobody_can_tell_of_is_put_before_a_person_and_looked_for_on() -> None:
    """Neither look-up nor resend: time alone never settles it."""
    processor = sandbox(resend_for=None)
    async with a_day(processor, unsettled=True) as sim:
        await started(sim)
        processor.drop_answer(OperationKind.CAPTURE)
        processor.drop_look_up(times=10_000)

        await sim.pay.finish("S-1", await charged(sim, 12_000))
        await sim.advance(days=2)

        intent = await sim.pay.payments.get("S-1")
        assert intent.unresolved
        assert intent.facts.captured == 0


async def test_a_pending_capture_is_confirming_until_it_is_settled() -> None:
    """Accepted, not done."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "pending_capture")
        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))
        assert receipt.settlement == "confirming"

        reference = (await sim.pay.payments.get("S-1")).operations[-1].reference
        processor.books.settle_pending(reference)
        await sim.advance(minutes=10)

        assert (await sim.pay.payments.get("S-1")).facts.captured == 600


async def test_a_refused_capture_is_a_debt_and_the_hold_is_let_go() -> None:
    """The processor will not take it; nothing stays on hold for nothing."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "capture_failed")

        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))
        await sim.advance(minutes=10)

        assert (receipt.settlement, receipt.due) == ("due", Money("6.00", "EUR"))
        assert debts(sim) == [("open", Money("6.00", "EUR"))]
        assert processor.books.payments()[0].released == 2_000


@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.NOT_SENT, Reason.ISSUER_UNAVAILABLE])
async def test_a_capture_that_may_work_later_is_tried_later(reason: Reason) -> None:
    """It did nothing and has to be done: reserved again, under a new key."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        processor.decline_next(reason, OperationKind.CAPTURE, times=3)

        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))
        assert receipt.settlement == "confirming"
        await sim.advance(minutes=1)

        assert processor.books.payments()[0].captured == 600
        assert debts(sim) == []


async def test_a_capture_that_never_works_is_a_debt_in_the_end() -> None:
    """It is tried as long as the hold lasts; then the last refusal stands."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        processor.decline_next(Reason.RATE_LIMITED, OperationKind.CAPTURE, times=1_000)

        await sim.pay.finish("S-1", await charged(sim, 12_000))
        await sim.advance(days=8)

        assert debts(sim) == [("open", Money("6.00", "EUR"))]
        assert processor.books.payments()[0].released == 2_000


async def test_an_outage_of_hours_loses_no_capture() -> None:
    """The hold is good for days, so it is neither given up nor let go."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        processor.decline_next(Reason.NOT_SENT, OperationKind.CAPTURE, times=16)

        await sim.pay.finish("S-1", await charged(sim, 12_000))
        await sim.advance(hours=12)

        assert processor.books.payments()[0].captured == 600
        assert debts(sim) == []


async def test_a_capture_that_fails_after_all_is_a_debt() -> None:
    """It was pending, the receipt said so; then the processor said no."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "pending_capture")
        await sim.pay.finish("S-1", await charged(sim, 12_000))

        reference = (await sim.pay.payments.get("S-1")).operations[-1].reference
        processor.books.settle_pending(reference, reason=Reason.OTHER)
        await sim.advance(minutes=10)

        assert debts(sim) == [("open", Money("6.00", "EUR"))]
        assert processor.books.payments()[0].released == 2_000


async def test_the_rest_is_voided_where_the_processor_does_not_release_it() -> None:
    """After a final capture the remainder comes free, by us if not by them."""
    processor = sandbox(releases_remainder=False)
    async with a_day(processor) as sim:
        await started(sim)

        await sim.pay.finish("S-1", await charged(sim, 12_000))
        await sim.settle()

        assert effects(processor) == ["authorize", "capture", "void"]
        assert (await sim.pay.payments.get("S-1")).facts.open_hold == 0


@pytest.mark.parametrize("token", ["lose_void", "lose_void_no_effect"])
async def test_a_lost_answer_to_the_void_is_found_out(token: str) -> None:
    """The hold is let go once, and we know it."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, token)

        await sim.pay.finish("S-1", await charged(sim, 0))
        await sim.advance(minutes=10)

        assert processor.books.payments()[0].released == 2_000


async def test_a_void_that_is_refused_for_now_is_tried_later() -> None:
    """A hold that nobody wants is not forgotten."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        processor.decline_next(Reason.OTHER, OperationKind.VOID, times=2)

        await sim.pay.finish("S-1", await charged(sim, 0))
        await sim.advance(hours=1)

        assert processor.books.payments()[0].released == 2_000


async def test_a_pending_void_is_waited_for() -> None:
    """Accepted, not done."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "pending_void")
        await sim.pay.finish("S-1", await charged(sim, 0))

        reference = (await sim.pay.payments.get("S-1")).operations[-1].reference
        processor.books.settle_pending(reference)
        await sim.advance(minutes=10)

        assert (await sim.pay.payments.get("S-1")).facts.released == 2_000


async def test_a_deposit_gives_back_what_was_not_used() -> None:
    """The money is ours already: the difference goes back."""
    processor = sandbox(funding=Funding.DEPOSIT, increment=False)
    async with a_day(processor) as sim:
        await started(sim, "deposit_overpaid")

        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))
        await sim.settle()

        assert receipt.captured == Money("6.00", "EUR")
        entry = processor.books.payments()[0]
        assert (entry.authorized, entry.released) == (2_600, 2_000)


@pytest.mark.parametrize("funding", [Funding.ACCOUNT, Funding.EXTERNAL, Funding.FREE])
async def test_every_funding_goes_the_same_way(funding: Funding) -> None:
    """Fleet account, somebody else's capture, nothing at all: one flow."""
    processor = sandbox(funding=funding)
    async with a_day(processor) as sim:
        await started(sim)

        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))
        await sim.settle()

        assert receipt.total == receipt.captured == Money("6.00", "EUR")


# ---- finishing while something is under way ----------------------------------------------------------------------


async def test_finishing_while_the_increment_is_unknown_settles_that_first() -> None:
    """Then all that was used can be captured."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        processor.drop_answer(OperationKind.INCREMENT)
        await sim.pay.record("S-1", await charged(sim, 36_000, minutes=100))
        await sim.settle()

        receipt = await sim.pay.finish("S-1", await charged(sim, 44_000, minutes=25))

        assert (receipt.total, receipt.captured) == (Money("22.00", "EUR"), Money("22.00", "EUR"))


async def test_finishing_while_the_increment_stays_unknown_waits_for_its_turn() -> None:
    """The capture stands in line, and takes what can be taken when its turn comes."""
    processor = sandbox(resend_for=None)
    async with a_day(processor) as sim:
        await started(sim)
        processor.drop_answer(OperationKind.INCREMENT)
        processor.drop_look_up(times=3)
        await sim.pay.record("S-1", await charged(sim, 36_000, minutes=100))
        await sim.settle()

        receipt = await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=36_000))
        assert receipt.settlement == "confirming"
        await sim.advance(hours=1)

        assert processor.books.payments()[0].captured == 1_800


async def raised(sim: Simulation, processor: SandboxProvider) -> str:
    """Charge until more is asked for than the hold of 20, finish at 23, and return the increment's reference."""
    await started(sim, "pending_increment")
    await sim.pay.record("S-1", await charged(sim, 36_000, minutes=100))
    await sim.settle()
    receipt = await sim.pay.finish("S-1", await charged(sim, 46_000, minutes=25))
    assert (receipt.total, receipt.settlement, receipt.due) == (Money("23.00", "EUR"), "confirming", Money("0", "EUR"))
    assert effects(processor) == ["authorize", "increment"]
    return next(found.reference for found in await operations(sim) if found.kind is OperationKind.INCREMENT)


async def test_finishing_while_the_increment_is_pending_waits_for_it() -> None:
    """Accepted is not granted yet, and what is granted is captured."""
    processor = sandbox()
    async with a_day(processor) as sim:
        reference = await raised(sim, processor)
        await sim.advance(minutes=2)
        assert processor.books.payments()[0].captured == 0

        processor.books.settle_pending(reference)
        await sim.advance(minutes=5)

        assert processor.books.payments()[0].captured == 2_300
        assert debts(sim) == []


async def test_an_increment_that_is_refused_late_leaves_what_is_held() -> None:
    """The capture takes it at once; the rest is a debt."""
    processor = sandbox()
    async with a_day(processor) as sim:
        reference = await raised(sim, processor)

        processor.books.settle_pending(reference, reason=Reason.INSUFFICIENT_FUNDS)
        await sim.advance(minutes=5)

        assert processor.books.payments()[0].captured == 2_000
        assert debts(sim) == [("open", Money("3.00", "EUR"))]


async def test_an_increment_that_stays_pending_is_waited_for_some_minutes_only() -> None:
    """Then what is held is captured."""
    processor = sandbox()
    async with a_day(processor, unsettled=True) as sim:
        await raised(sim, processor)

        await sim.advance(minutes=9)
        assert processor.books.payments()[0].captured == 0
        await sim.advance(minutes=2)

        assert processor.books.payments()[0].captured == 2_000
        assert debts(sim) == [("open", Money("3.00", "EUR"))]


async def test_finishing_while_the_hold_is_unknown_captures_when_it_is_found() -> None:
    """The driver charged on an answer that was lost."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "lose_authorize")
        processor.drop_look_up(times=2)

        await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=150))
        await sim.advance(minutes=10)

        entry = processor.books.payments()[0]
        assert (entry.captured, entry.authorized - entry.captured - entry.released) == (8, 0)


async def test_finishing_while_the_driver_is_asked_owes_the_cost() -> None:
    """Nothing was held: the waiting authorization is closed, what was used is a debt."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "action_elsewhere", return_url=ASKED)

        receipt = await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=100))
        await sim.settle()

        assert (receipt.settlement, receipt.due) == ("due", Money("0.05", "EUR"))
        assert processor.books.payments()[0].standing == "voided"


async def test_finishing_a_denied_session_that_used_energy_anyway_is_a_debt() -> None:
    """The station let it flow all the same."""
    async with a_day(sandbox()) as sim:
        await started(sim, "decline_do_not_honor")

        receipt = await sim.pay.finish("S-1", await charged(sim, 4_000))

        assert (receipt.settlement, receipt.due) == ("due", Money("2.00", "EUR"))


async def test_two_finishes_at_once_capture_once() -> None:
    """Both get the same receipt."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        reading = await charged(sim, 12_000)

        receipts = await asyncio.gather(*(sim.pay.finish("S-1", reading) for _ in range(10)))

        assert len({receipt.number for receipt in receipts}) == 1
        assert effects(processor) == ["authorize", "capture"]


# ---- cancel ------------------------------------------------------------------------------------------------------


async def test_a_session_without_energy_can_be_cancelled() -> None:
    """The station refused: the hold is let go, there is no receipt."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)

        cancelled = await sim.pay.cancel("S-1", reason="station refused")

        assert (cancelled.status, cancelled.admission, cancelled.stop_reason) == (
            "cancelled",
            Admission.DENY,
            "station refused",
        )
        assert processor.books.payments()[0].released == 2_000
        assert (await sim.pay.cancel("S-1", reason="again")).stop_reason == "station refused"


async def test_a_reading_that_slips_in_before_a_crash_is_told_with_the_receipt() -> None:
    """Acknowledged while the end was written, and then the process died: the notice is not lost."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        last = await charged(sim, 12_000)
        sim.crash_at("outcome.committed")
        with suppress(SimulatedCrash, asyncio.CancelledError):
            await sim.pay.finish("S-1", last)
        await sim.crash()
        observer = sim._observer.engine
        late = MeterReading(at=last.at - timedelta(seconds=1), energy_wh=12_200)
        row = reading_row("default", "S-1", late, kind="sample", now_us=0)
        await observer.context.store.commit(Commit((row,)))

        await sim.advance(minutes=3)

        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["late_data"]
        assert len(of_type(sim.events, ReceiptIssued)) == 1


async def test_a_session_with_energy_cannot_be_cancelled() -> None:
    """Use finish."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.record("S-1", await charged(sim, 3_000))

        with pytest.raises(InvalidTransition, match=r"Use finish\(\)") as caught:
            await sim.pay.cancel("S-1", reason="too late")

        assert caught.value.available == ("finish",)


async def test_a_finished_session_cannot_be_cancelled() -> None:
    """It has its receipt."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.finish("S-1")

        with pytest.raises(InvalidTransition):
            await sim.pay.cancel("S-1", reason="too late")


async def test_a_cancelled_session_cannot_be_finished_but_its_reading_is_kept() -> None:
    """Nothing is billed; a person is told that energy flowed."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.cancel("S-1", reason="station refused")

        with pytest.raises(InvalidTransition, match="was cancelled"):
            await sim.pay.finish("S-1", await charged(sim, 3_000))

        assert len(await sim.pay.sessions.readings("S-1")) == 1
        assert [event.problem.code for event in of_type(sim.events, AttentionNeeded)] == ["late_data"]


async def test_cancelling_while_the_driver_is_asked_closes_the_authorization() -> None:
    """Nobody waits any more."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "action_elsewhere", return_url=ASKED)

        await sim.pay.cancel("S-1", reason="driver left")
        await sim.settle()

        assert processor.books.payments()[0].standing == "voided"


async def test_cancelling_a_pending_hold_closes_it() -> None:
    """What was accepted is taken back."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "pending")

        await sim.pay.cancel("S-1", reason="driver left")
        await sim.advance(minutes=10)

        assert processor.books.payments()[0].standing == "voided"


async def test_cancelling_while_the_hold_is_unknown_voids_what_is_found() -> None:
    """A hold that arrives later is voided."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim, "lose_authorize")
        processor.drop_look_up()

        await sim.pay.cancel("S-1", reason="driver left")
        await sim.advance(minutes=10)

        assert processor.books.payments()[0].released == 2_000


@pytest.mark.parametrize("end", ["cancel", "finish"])
async def test_ending_for_nothing_while_a_capture_is_pending_does_not_void(end: str) -> None:
    """The host took a fee by itself; a void could undo that. What it leaves is let go afterwards."""
    processor = sandbox(releases_remainder=False)
    # A fee of the host's own is on no receipt of ours.
    async with a_day(processor, unsettled=end == "finish") as sim:
        intent = (await started(sim, "pending_capture")).intent
        await sim.pay.payments.capture(intent.id, Money("5.00", "EUR"))
        await (sim.pay.cancel("S-1", reason="left") if end == "cancel" else sim.pay.finish("S-1"))
        await sim.settle()
        assert effects(processor) == ["authorize", "capture"]

        processor.books.settle_pending((await operations(sim))[-1].reference)
        await sim.advance(minutes=5)

        entry = processor.books.payments()[0]
        assert (entry.captured, entry.released) == (500, 1_500)


async def test_cancelling_a_denied_session_is_no_error() -> None:
    """There is nothing to let go; the denial stays."""
    async with a_day(sandbox()) as sim:
        await started(sim, "decline_do_not_honor")

        cancelled = await sim.pay.cancel("S-1", reason="driver left")

        assert (cancelled.status, cancelled.denial) == ("cancelled", "do_not_honor")


async def test_cancelling_while_the_start_waits_for_its_answer_voids_the_hold() -> None:
    """The hold comes after the cancellation: nobody wants it any more."""
    processor = sandbox()
    async with a_day(processor) as sim:
        processor.hold_answers()
        asked = asyncio.ensure_future(started(sim))
        await processor.until_held(1)

        cancelled = await sim.pay.cancel("S-1", reason="driver left")
        processor.release_answers()
        found, _ = await asked
        await sim.settle()

        assert cancelled.status == found.status == "cancelled"
        assert processor.books.payments()[0].released == 2_000


# ---- refunds -----------------------------------------------------------------------------------------------------


async def finished(sim: Simulation, token: str = "approve") -> str:
    """Return the receipt's number of a session of 12 kWh: 6.00."""
    await started(sim, token)
    return (await sim.pay.finish("S-1", await charged(sim, 12_000))).number


async def test_a_refund_gives_a_credit_note_beside_the_receipt() -> None:
    """The receipt itself never changes."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)

        note = await sim.pay.refund(number, Money("2.00", "EUR"), reason="cable fault", key="ticket-9")

        assert (note.kind, note.corrects, note.number) == ("credit_note", number, "R-2026-000002")
        assert (note.total, note.refunded, note.settlement) == (Money("2.00", "EUR"), Money("2.00", "EUR"), "settled")
        assert note.reason == "cable fault"
        assert (await sim.pay.receipts.get(number)).refunded == Money("0.00", "EUR")
        assert processor.books.payments()[0].refunded == 200


async def test_without_an_amount_all_is_given_back() -> None:
    """What is left of it."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)
        await sim.pay.refund(number, Money("2.00", "EUR"), reason="cable fault")

        note = await sim.pay.refund(number, reason="all of it")

        assert note.total == Money("4.00", "EUR")
        assert processor.books.payments()[0].refunded == 600


async def test_the_same_refund_again_is_the_same_credit_note() -> None:
    """By key; without one, by receipt, amount and reason."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)

        keyed = [await sim.pay.refund(number, Money("1", "EUR"), reason="a", key="k") for _ in range(2)]
        derived = [await sim.pay.refund(number, Money("1", "EUR"), reason="b") for _ in range(2)]
        everything = [await sim.pay.refund(number, reason="c") for _ in range(2)]

        assert keyed[0] == keyed[1]
        assert derived[0] == derived[1]
        assert everything[0] == everything[1]
        assert processor.books.payments()[0].refunded == 600
        assert effects(processor).count("refund") == 3


async def test_more_than_was_captured_cannot_be_refunded() -> None:
    """The message says what can."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)

        with pytest.raises(InvalidTransition, match=r"at most 6\.00 EUR can"):
            await sim.pay.refund(number, Money("6.01", "EUR"), reason="too much")

        assert effects(processor).count("refund") == 0


async def test_refunds_together_cannot_be_more_than_was_captured() -> None:
    """Ten at once, each of one euro, of six."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)

        done = await asyncio.gather(
            *(sim.pay.refund(number, Money("1", "EUR"), reason=f"r{index}", key=f"k{index}") for index in range(10)),
            return_exceptions=True,
        )

        assert sum(isinstance(each, InvalidTransition) for each in done) == 4
        assert processor.books.payments()[0].refunded == 600


async def test_fifty_refunds_under_one_key_are_one() -> None:
    """Every caller gets the one credit note."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)

        notes = await asyncio.gather(
            *(sim.pay.refund(number, Money("1", "EUR"), reason="r", key="k") for _ in range(50))
        )

        assert len({note.number for note in notes}) == 1
        assert processor.books.payments()[0].refunded == 100


async def test_a_refund_waits_for_a_capture_that_is_not_confirmed() -> None:
    """Money that may not be ours is not given back."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim, "pending_capture")
        with pytest.raises(InvalidTransition, match="not confirmed yet"):
            await sim.pay.refund(number, reason="cable fault")

        reference = (await sim.pay.payments.get("S-1")).operations[-1].reference
        processor.books.settle_pending(reference)
        await sim.advance(minutes=10)

        assert (await sim.pay.refund(number, reason="cable fault")).total == Money("6.00", "EUR")


@pytest.mark.parametrize("token", ["lose_refund", "lose_refund_no_effect"])
async def test_a_lost_answer_to_the_refund_is_found_out(token: str) -> None:
    """The credit note is confirming; the money goes back once."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim, token)

        note = await sim.pay.refund(number, Money("2.00", "EUR"), reason="cable fault", key="k")
        await sim.advance(minutes=10)
        again = await sim.pay.refund(number, Money("2.00", "EUR"), reason="cable fault", key="k")

        assert note.settlement == "confirming"
        assert again == note
        assert processor.books.payments()[0].refunded == 200


async def test_a_pending_refund_is_confirming() -> None:
    """Accepted; the processor says later that it is done."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim, "pending_refund")
        note = await sim.pay.refund(number, Money("2.00", "EUR"), reason="cable fault")
        assert note.settlement == "confirming"

        processor.books.settle_pending((await sim.pay.payments.get("S-1")).operations[-1].reference)
        await sim.advance(minutes=10)

        assert (await sim.pay.payments.get("S-1")).facts.refunded == 200


async def test_a_refused_refund_is_a_credit_note_that_is_due() -> None:
    """The driver has it in writing; the host sees that the money is not on its way."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)
        processor.decline_next(Reason.INVALID_METHOD, OperationKind.REFUND)

        note = await sim.pay.refund(number, Money("2.00", "EUR"), reason="cable fault")

        assert (note.settlement, note.due) == ("due", Money("2.00", "EUR"))
        assert processor.books.payments()[0].refunded == 0


@pytest.mark.parametrize("reason", [Reason.NOT_SETTLED_YET, Reason.REFUND_FUNDS_LACKING])
async def test_a_refund_that_may_work_later_is_tried_later(reason: Reason) -> None:
    """The capture has to settle first, or the balance to grow."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)
        processor.decline_next(reason, OperationKind.REFUND, times=4)

        note = await sim.pay.refund(number, Money("2.00", "EUR"), reason="cable fault")
        await sim.advance(minutes=5)

        assert (note.settlement, note.due) == ("due", note.total)
        assert processor.books.payments()[0].refunded == 200
        assert await sim.pay.refund(number, Money("2.00", "EUR"), reason="cable fault") == note


async def test_a_refund_that_was_refused_is_not_promised_twice() -> None:
    """Asked for again under another key, it takes over the credit note that is due."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)
        processor.decline_next(Reason.INVALID_METHOD, OperationKind.REFUND)
        due = await sim.pay.refund(number, Money("5.00", "EUR"), reason="cable fault", key="k1")

        again = await sim.pay.refund(number, Money("5.00", "EUR"), reason="cable fault", key="k2")

        assert again == due
        assert await sim.pay.refund(number, Money("5.00", "EUR"), reason="cable fault", key="k2") == due
        assert processor.books.payments()[0].refunded == 500
        notes = [note async for note in sim.pay.receipts.list() if note.corrects == number]
        assert notes == [due]


async def test_credit_notes_never_promise_more_than_the_receipt() -> None:
    """A note of five is due: another one of three, of six in all, is refused by its name."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)
        processor.decline_next(Reason.INVALID_METHOD, OperationKind.REFUND)
        due = await sim.pay.refund(number, Money("5.00", "EUR"), reason="cable fault", key="k1")

        with pytest.raises(InvalidTransition, match=f"one that is due: {due.number} of"):
            await sim.pay.refund(number, Money("3.00", "EUR"), reason="cable fault", key="k2")
        await sim.pay.refund(number, Money("1.00", "EUR"), reason="cable fault", key="k3")

        assert processor.books.payments()[0].refunded == 100


async def test_the_same_key_for_another_reason_is_a_conflict() -> None:
    """Nothing is sent."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)
        await sim.pay.refund(number, Money("1", "EUR"), reason="cable fault", key="k")

        with pytest.raises(StoreConflict, match="for another reason \\('cable fault'\\)"):
            await sim.pay.refund(number, Money("1", "EUR"), reason="goodwill", key="k")

        assert processor.books.payments()[0].refunded == 100


async def test_a_credit_note_cannot_be_refunded() -> None:
    """Refund the receipt."""

    async with a_day(sandbox()) as sim:
        number = await finished(sim)
        note = await sim.pay.refund(number, Money("2.00", "EUR"), reason="cable fault")

        with pytest.raises(InvalidInput, match=f"Refund the receipt that it corrects: '{number}'"):
            await sim.pay.refund(note.number, reason="again")


async def test_a_receipt_of_nothing_has_nothing_to_give_back() -> None:
    """Zero was captured."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        number = (await sim.pay.finish("S-1", await charged(sim, 0))).number

        with pytest.raises(InvalidTransition, match=r"at most 0\.00 EUR can"):
            await sim.pay.refund(number, reason="nothing")


async def test_a_refund_from_the_processor_s_dashboard_is_seen() -> None:
    """Somebody gave money back by hand: ours follows, and no more than the rest can be given back."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)
        reference = (await sim.pay.payments.get("S-1")).attempts[0].reference
        processor.books.refund_from_dashboard(reference, 400)

        await sim.pay.payments.get("S-1", refresh=True)

        assert (await sim.pay.payments.get("S-1")).facts.refunded == 400
        with pytest.raises(InvalidTransition, match=r"at most 2\.00 EUR can"):
            await sim.pay.refund(number, Money("6.00", "EUR"), reason="all")


async def test_a_chargeback_is_seen_and_leaves_nothing_to_refund() -> None:
    """The bank took it back."""
    processor = sandbox()
    async with a_day(processor) as sim:
        number = await finished(sim)
        reference = (await sim.pay.payments.get("S-1")).attempts[0].reference
        processor.books.charge_back(reference)
        body, headers = processor.webhook(reference)

        await sim.pay.webhook("sandbox", body=body, headers=headers)
        await sim.settle()

        assert (await sim.pay.payments.get("S-1")).facts.charged_back == 600
        with pytest.raises(InvalidTransition):
            await sim.pay.refund(number, reason="all")


async def test_an_account_that_cannot_refund_says_so() -> None:
    """Pay the driver by other means."""

    async with a_day(sandbox(refund=False)) as sim:
        number = await finished(sim)

        with pytest.raises(UnsupportedOperation, match="cannot give money back"):
            await sim.pay.refund(number, reason="cable fault")


async def test_numbers_run_through_all_documents_of_a_series() -> None:
    """Receipts and credit notes of many sessions: no gap, one chain."""
    async with a_day(sandbox()) as sim:
        for index in range(5):
            await started(sim, session_id=f"S-{index}", connector=None)
        reading = await charged(sim, 4_000)
        receipts = await asyncio.gather(*(sim.pay.finish(f"S-{index}", reading) for index in range(5)))
        await asyncio.gather(*(sim.pay.refund(each.number, reason="all") for each in receipts))

        numbers = [receipt.number async for receipt in sim.pay.receipts.list()]

        assert sorted(numbers) == [f"R-2026-{number:06d}" for number in range(1, 11)]


async def test_the_tariff_is_the_one_of_the_start() -> None:
    """Whatever the host offers by then."""
    async with a_day(sandbox()) as sim:
        await started(sim)

        receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))

        assert (receipt.tariff_id, receipt.tariff_hash) == (TARIFF.id, TARIFF.hash)
