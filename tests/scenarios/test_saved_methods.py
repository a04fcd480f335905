"""A card that a driver lets us keep, and charges when the driver is away."""

import json

import pytest

from evpay import Admission, Money, PaymentMethod
from evpay.errors import InvalidInput, NotFound
from tests.scenarios.day import a_day, charged, method, sandbox, session, started
from tests.scenarios.gateways import Retold
from tests.scenarios.invariants import operations

pytestmark = pytest.mark.anyio

BACK = "https://app.example/back"


async def test_a_saved_method_is_shown_and_kept_for_the_driver() -> None:
    """And pays the next session, of which the driver knows nothing until the receipt."""
    async with a_day(sandbox()) as sim:
        _, intent = await started(sim, driver="D-1", save_method=True, return_url=BACK)
        await sim.pay.finish("S-1", await charged(sim, 1_000))
        assert intent.saved_method is not None
        assert intent.saved_method.account == "sandbox"

        (saved,) = [found async for found in sim.pay.methods.list("D-1")]
        assert saved.method == intent.saved_method
        again = await started(sim, session_id="S-2", method=saved.method, driver="D-1")

        assert again.session.admission is Admission.ALLOW
        assert [found async for found in sim.pay.methods.list("D-2")] == []


async def test_nothing_is_kept_that_was_not_asked_for() -> None:
    """Without save_method there is nothing to keep, and without a driver nobody to keep it for."""
    async with a_day(sandbox()) as sim:
        assert (await started(sim, driver="D-1")).intent.saved_method is None
        await sim.pay.cancel("S-1", reason="gone")
        amount = Money("5", "EUR")
        intent = await sim.pay.payments.authorize(amount, method=method("approve"), key="k", save_method=True)

        assert intent.saved_method is not None
        assert [found async for found in sim.pay.methods.list("D-1")] == []


async def test_a_method_that_is_told_later_is_kept() -> None:
    """The driver confirms first; or a message tells of it days after the hold."""
    processor = Retold(lambda seen: seen)
    async with a_day(processor) as sim:
        reference = (await started(sim, driver="D-1", return_url=BACK)).intent.attempts[0].reference
        content = json.loads(processor.webhook(reference).body)
        content["id"] = "sbx_evt_token"
        told = {"token": "sandbox_approve", "account": None, "brand": "visa", "last4": "4242"}
        content["observation"]["reports"][0]["outcome"]["saved_method"] = told

        signed = processor.sign(json.dumps(content).encode())
        for _ in range(2):
            await sim.pay.webhook("sandbox", body=signed.body, headers=signed.headers)
            await sim.settle()

        intent = await sim.pay.payments.get("S-1")
        assert intent.saved_method == PaymentMethod("sandbox_approve", account="sandbox", brand="visa", last4="4242")
        assert [found.method async for found in sim.pay.methods.list("D-1")] == [intent.saved_method]


async def test_a_forgotten_method_is_not_listed() -> None:
    """However often it was saved; saved anew it is there again."""
    async with a_day(sandbox()) as sim:
        for number in range(2):
            name = f"S-{number}"
            await started(sim, session_id=name, driver="D-1", save_method=True, return_url=BACK)
            await sim.pay.cancel(name, reason="gone")
        (saved,) = [found async for found in sim.pay.methods.list("D-1")]

        await sim.pay.methods.forget("D-1", saved.id)

        assert [found async for found in sim.pay.methods.list("D-1")] == []
        with pytest.raises(NotFound, match=saved.id):
            await sim.pay.methods.forget("D-1", saved.id)
        await started(sim, session_id="S-9", driver="D-1", save_method=True, return_url=BACK)
        assert len([found async for found in sim.pay.methods.list("D-1")]) == 1


async def test_one_driver_cannot_forget_for_another() -> None:
    """Names of drivers are checked as everywhere."""
    async with a_day(sandbox()) as sim:
        await started(sim, driver="D-1", save_method=True, return_url=BACK)
        (saved,) = [found async for found in sim.pay.methods.list("D-1")]

        with pytest.raises(NotFound):
            await sim.pay.methods.forget("D-2", saved.id)
        with pytest.raises(InvalidInput):
            await sim.pay.methods.forget("", saved.id)


@pytest.mark.parametrize(("return_url", "off_session"), [(None, True), (BACK, False)])
async def test_a_charge_without_a_way_back_is_off_session(return_url: str | None, *, off_session: bool) -> None:
    """At the payment level, too: the processor is told that nobody is there."""
    async with a_day(sandbox()) as sim:
        await sim.pay.payments.authorize(Money("5", "EUR"), method=method("approve"), key="k", return_url=return_url)

        (asked,) = await operations(sim)
        assert json.loads(asked.request)["off_session"] is off_session


async def test_a_driver_who_is_needed_and_away_is_a_refusal_with_its_reason() -> None:
    """The host asks the driver, and starts again with a way back."""
    async with a_day(sandbox(), unsettled=True) as sim:
        await started(sim, "action")
        assert (await session(sim)).denial == "authentication_required"

        asked, intent = await started(sim, "action", return_url=BACK)

        assert (asked.admission, intent.outcome.type) == (Admission.WAIT, "action_required")
