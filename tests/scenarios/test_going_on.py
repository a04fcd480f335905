"""A start that a crash cut short, or that nobody could be asked for, goes on when it is repeated."""

import asyncio
from contextlib import suppress

import pytest

from evpay import Admission, Money, Reason
from evpay.payments.intent import PaymentIntent
from evpay.testing import SimulatedCrash, Simulation
from tests.scenarios.day import a_day, method, sandbox, session, started
from tests.scenarios.invariants import payments

pytestmark = pytest.mark.anyio

BACK = "https://app.example/back"


async def killed(sim: Simulation, label: str, nth: int, *, payment_level: bool) -> None:
    """Ask for a hold, and die on the way."""
    sim.crash_at(label, nth=nth)
    with suppress(SimulatedCrash, asyncio.CancelledError):
        await asked(sim, payment_level=payment_level)
    await sim.crash()


async def asked(sim: Simulation, *, payment_level: bool, what: str = "approve") -> PaymentIntent:
    if payment_level:
        return await sim.pay.payments.authorize(Money("20", "EUR"), method=method(what), key="k")
    return (await started(sim, what)).intent


@pytest.mark.parametrize("payment_level", [False, True])
async def test_the_next_account_is_asked_after_a_crash_between_two(*, payment_level: bool) -> None:
    """The first surely did nothing; whoever repeats the call is answered by the second."""
    first, second = sandbox("first"), sandbox("second")
    first.decline_next(Reason.MISCONFIGURED)
    async with a_day(first, second) as sim:
        await killed(sim, "outcome.committed", 1, payment_level=payment_level)
        assert [found.account.name for found in await payments(sim)] == ["first"]
        await sim.advance(seconds=30)
        assert [found.account.name for found in await payments(sim)] == ["first"], "recovery starts no hold"

        intent = await asked(sim, payment_level=payment_level)

        assert [(found.account.name, found.status) for found in intent.attempts] == [
            ("first", "failed"), ("second", "authorized"),
        ]  # fmt: skip
        again = await asked(sim, payment_level=payment_level)
        assert len(again.attempts) == 2
        assert payment_level or (await session(sim)).admission is Admission.ALLOW


@pytest.mark.parametrize("payment_level", [False, True])
async def test_what_was_never_sent_is_asked_again(*, payment_level: bool) -> None:
    """Killed before the call left: recovery finds nothing there, and a repeat of the call asks."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await killed(sim, "intent.committed", 1, payment_level=payment_level)
        await sim.advance(minutes=3)
        assert processor.books.payments() == []
        if not payment_level:
            assert (await session(sim)).denial == "not_sent"

        intent = await asked(sim, payment_level=payment_level)

        assert (intent.status, len(processor.books.payments())) == ("authorized", 1)
        assert payment_level or (await session(sim)).admission is Admission.ALLOW


async def test_a_start_that_was_denied_for_another_reason_is_not_asked_again() -> None:
    """The rest of the accounts had their chance, or may not have one."""
    first, second = sandbox("first"), sandbox("second")
    async with a_day(first, second) as sim:
        for _ in range(2):
            intent = await asked(sim, payment_level=False, what="decline_do_not_honor")

        assert (len(intent.attempts), (await session(sim)).denial) == (1, "do_not_honor")


async def test_every_account_that_refuses_is_asked_once() -> None:
    """A repeat does not begin again where all were asked."""
    first, second = sandbox("first"), sandbox("second")
    async with a_day(first, second) as sim:
        for _ in range(2):
            intent = await asked(sim, payment_level=True, what="processor_down")

        assert [found.account.name for found in intent.attempts] == ["first", "second"]


async def test_two_repeats_at_once_ask_once() -> None:
    """After a crash between two accounts."""
    first, second = sandbox("first"), sandbox("second")
    first.decline_next(Reason.MISCONFIGURED)
    async with a_day(first, second) as sim:
        await killed(sim, "outcome.committed", 1, payment_level=False)

        both = await asyncio.gather(*(asked(sim, payment_level=False) for _ in range(2)))

        assert [len(intent.attempts) for intent in both] == [2, 2]
        assert len(second.books.payments()) == 1


@pytest.mark.parametrize("payment_level", [False, True])
async def test_a_driver_who_comes_is_asked_where_nobody_could_be(*, payment_level: bool) -> None:
    """Off session the issuer wanted the driver; the same call with a way back authorizes anew, on session."""
    processor = sandbox()
    async with a_day(processor, unsettled=True) as sim:
        alone = await asked(sim, payment_level=payment_level, what="action")
        assert alone.outcome.reason is Reason.AUTHENTICATION_REQUIRED

        if payment_level:
            amount = Money("20", "EUR")
            beside = await sim.pay.payments.authorize(amount, method=method("action"), key="k", return_url=BACK)
        else:
            beside = (await started(sim, "action", return_url=BACK)).intent

        assert (beside.outcome.type, beside.status) == ("action_required", "requires_action")
        assert [found.status for found in beside.attempts] == ["declined", "requires_action"]
        assert payment_level or (await session(sim)).admission is Admission.WAIT


async def test_each_account_holds_as_much_as_its_holds_need() -> None:
    """Where a hold cannot grow, the driver's whole limit is held at once, also at the second account."""
    first, second = sandbox("first"), sandbox("second", increment=False)
    first.decline_next(Reason.MISCONFIGURED)
    async with a_day(first, second) as sim:
        intent = (await started(sim, limit=Money("50", "EUR"))).intent

        assert [found.amount for found in intent.operations] == [Money("20", "EUR"), Money("50", "EUR")]
