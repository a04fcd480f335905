"""The same story at every gateway, told through the official SDK over HTTP: it ends in the same facts."""

import asyncio

import pytest

from evpay import Admission, Declined, Money, Reason, Start
from evpay.receipts.model import SettlementState
from tests.scenarios.over_http.vendors import GATEWAYS
from tests.scenarios.over_http.world import World, a_world

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]


@pytest.fixture
async def world(tmp_path, emulators, name):
    """A backend with one gateway; in the end its facts are what the gateway holds."""
    async with a_world(tmp_path, emulators, names=[name]) as found:
        yield found
        await settled(found)
        assert await found.differences() == []


async def settled(world: World) -> None:
    """Wait until nothing is owed an answer."""

    async def is_so() -> bool:
        intents = [intent async for intent in world.pay.payments.list()]
        return not any(intent.unresolved for intent in intents)

    await world.until(is_so, "everything has an answer")


async def finished(world: World, gateway, energy_wh: int = 24_000) -> str:
    """Take a session from plug to receipt, at 12.00."""
    await world.start(gateway)
    await world.has(authorized=2_000)
    receipt = await world.pay.finish("S-1", await world.charged(energy_wh, minutes=60))
    cost = energy_wh // 20
    await world.has(authorized=2_000, captured=cost, released=2_000 - cost)
    return receipt.number


async def test_hold_capture_of_a_part_and_release(world, name):
    """20.00 are held, 12.00 taken, 8.00 come free."""
    number = await finished(world, world.gateways[name])

    receipt = await world.pay.receipts.get(number)
    assert receipt.total == Money("12.00", "EUR")
    # Where the gateway answers later, the receipt says how the money stood when it was written.
    taken = {SettlementState.SETTLED: Money("12.00", "EUR"), SettlementState.CONFIRMING: Money("0.00", "EUR")}
    assert receipt.captured == taken[receipt.settlement]


async def test_hold_grows_while_it_charges(world, name):
    """At 18.00 of 20.00 it is raised to 32.00, and 25.00 are taken."""
    await world.start(world.gateways[name])
    await world.pay.record("S-1", await world.charged(36_000, minutes=60))
    await world.has(authorized=3_200)
    await world.pay.finish("S-1", await world.charged(50_000, minutes=30))

    await world.has(authorized=3_200, captured=2_500, released=700)


async def test_refund_of_a_part(world, name):
    """2.00 go back, once however often they are asked for."""
    gateway = world.gateways[name]
    number = await finished(world, gateway)
    await world.advance(seconds=gateway.night_s)
    for _ in range(3):
        await world.pay.refund(number, Money("2.00", "EUR"), reason="cable fault", key="ticket-9")

    await world.has(authorized=2_000, captured=1_200, released=800, refunded=200)


async def test_unused_session_gives_everything_back(world, name):
    """Nothing is captured."""
    await world.start(world.gateways[name])
    await world.pay.cancel("S-1", reason="changed her mind")

    await world.has(authorized=2_000, released=2_000)


async def test_card_without_money_is_denied(world, name):
    """With the same reason everywhere."""
    gateway = world.gateways[name]
    gateway.empty_card(world.emulators[name])
    started = await world.start(gateway, method=gateway.poor)

    assert started.session.admission is Admission.DENY
    assert isinstance(started.intent.outcome, Declined)
    assert started.intent.outcome.reason is Reason.INSUFFICIENT_FUNDS
    await world.has()


async def test_driver_passes_the_challenge(world, name):
    """Until then nobody charges and nothing is held; afterwards all is as with any other hold."""
    gateway = world.gateways[name]
    if gateway.upgraded is not None:
        world.emulators[name].configure(three_d_secure=True)
    started = await world.start(gateway, method=gateway.challenged)
    assert started.session.admission is not Admission.ALLOW
    await world.has()
    passed = await (_comes_back if gateway.answer else _starts_anew)(world, gateway, started)

    assert passed.session.admission is Admission.ALLOW
    await world.has(passed.session.id, authorized=2_000)


@pytest.mark.parametrize("name", sorted(name for name, gateway in GATEWAYS.items() if gateway.answer))
async def test_driver_comes_back_with_nothing_first(world, name):
    """The way back is opened without its query: that proves nothing, and is in nobody's way."""
    gateway = world.gateways[name]
    started = await world.start(gateway, method=gateway.challenged)
    empty = await world.pay.complete_action("S-1", {})
    assert empty.session.admission is Admission.WAIT
    passed = await _comes_back(world, gateway, started)

    assert passed.session.admission is Admission.ALLOW
    await world.has(authorized=2_000)


async def _comes_back(world: World, gateway, started) -> Start:
    """The gateway waits for the driver, who comes back to us."""
    assert started.intent.outcome.type == "action_required"
    answer = await asyncio.to_thread(gateway.answer, world.emulators[gateway.name], await world.payment_id())
    return await world.pay.complete_action("S-1", answer)


async def _starts_anew(world: World, gateway, started) -> Start:
    """The gateway refuses; the driver passes the challenge in the app, which gives another method."""
    assert started.intent.outcome.reason is Reason.AUTHENTICATION_REQUIRED
    method = await asyncio.to_thread(gateway.upgraded, world.emulators[gateway.name])
    return await world.start(gateway, "S-2", method=method)


async def test_timeout_after_the_hold_took_effect(world, name):
    """The answer is lost; the hold is found, or the same request is sent again, and there is one hold."""
    world.emulators[name].fault("drop_after", method="POST")
    await world.start(world.gateways[name])
    await world.start(world.gateways[name])

    await world.has(authorized=2_000)
    assert [entry["effects"].get("authorize") for entry in world.books(name)] == [1]


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error_after", "unavailable"])
async def test_capture_whose_answer_is_lost(world, name, kind):
    """Whether it took effect or not, it is captured once."""
    await world.start(world.gateways[name])
    await world.has(authorized=2_000)
    world.emulators[name].fault(kind)
    await world.pay.finish("S-1", await world.charged(24_000, minutes=60))

    await world.has(authorized=2_000, captured=1_200, released=800)
    assert [entry["effects"].get("capture") for entry in world.books(name)] == [1]


async def test_hold_that_lapses(world, name):
    """It is released by the gateway, and we know."""
    gateway = world.gateways[name]
    await world.start(gateway)
    await world.has(authorized=2_000)
    await world.advance(seconds=gateway.expired_s)

    await world.has(authorized=2_000, released=2_000)


async def test_dispute_takes_the_money_back(world, name):
    """What the cardholder's bank took is charged back, and is in the books of both."""
    gateway = world.gateways[name]
    await finished(world, gateway)
    await world.advance(seconds=gateway.night_s)
    payment_id = await world.payment_id()
    await asyncio.to_thread(gateway.dispute, world.emulators[name], payment_id)

    await world.has(authorized=2_000, captured=1_200, released=800, charged_back=1_200)
