"""An operator changes processors while sessions run: each session ends where it began, new ones begin at the new one.

Requests and webhooks are broken meanwhile. In the end the ledger equals what the gateways hold, to the cent.
"""

import random

import pytest

from evpay import Money
from tests.scenarios.over_http.vendors import GATEWAYS
from tests.scenarios.over_http.world import World, a_world

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

ORDER = [name for name in ("stripe", "adyen", "braintree") if name in GATEWAYS]
BREAKS = ("drop_after", "drop_before", "error_after", "error_before", "unavailable", "garbage", "rate_limit")
WEBHOOK_BREAKS = ("webhook_duplicate", "webhook_late", "webhook_forge", "webhook_reorder")
EACH = 4
CHARGED = {"authorized": 3_200, "captured": 2_500, "released": 700}


def broken(world: World, name: str, dice: random.Random) -> None:
    """Break the next request to a gateway, and its next webhook."""
    # Stripe keeps the errors of a key, and says so; of Adyen and Braintree nobody knows.
    world.emulators[name].fault(dice.choice(BREAKS), saved=name == "stripe")
    world.emulators[name].fault(dice.choice(WEBHOOK_BREAKS), seconds=2)


async def begun(world: World, name: str) -> list[str]:
    """Put a gateway first in the set-up, begin sessions there, and let them use most of their hold.

    All of them report at once: a station that is silent for hours is taken to go on charging, and its hold is raised.
    """
    await world.open(name, *(other for other in ORDER if other != name))
    sessions = [f"{name}-{number}" for number in range(EACH)]
    for session_id in sessions:
        await world.start(world.gateways[name], session_id)
        await world.has(session_id, authorized=2_000)
    reading = await world.charged(36_000, minutes=30)
    for session_id in sessions:
        await world.pay.record(session_id, reading)
        await world.has(session_id, authorized=3_200)
    return sessions


@pytest.mark.parametrize("seed", [1, 2])
async def test_sessions_move_from_one_gateway_to_the_next(tmp_path, emulators, seed):
    """Sessions of every gateway are finished and refunded after two switches, under faults."""
    dice = random.Random(seed)
    async with a_world(tmp_path, emulators, names=ORDER) as world:
        home = {session_id: name for name in ORDER for session_id in await begun(world, name)}
        last = await world.charged(50_000, minutes=1)
        for session_id, name in home.items():
            broken(world, name, dice)
            receipt = await world.pay.finish(session_id, last)
            assert receipt.total == Money("25.00", "EUR")
        for session_id in home:
            await world.has(session_id, **CHARGED)
        await world.advance(seconds=max(gateway.night_s for gateway in world.gateways.values()))
        for session_id, name in home.items():
            broken(world, name, dice)
            (receipt,) = [found async for found in world.pay.receipts.list(session_id=session_id)]
            await world.pay.refund(receipt.number, Money("2.00", "EUR"), reason="cable fault", key=f"T-{session_id}")
        for session_id in home:
            await world.has(session_id, **CHARGED, refunded=200)

        assert await world.differences() == []
        at = {session_id: (await world.pay.payments.get(session_id)).attempts for session_id in home}
        assert {session_id: [found.account.name for found in attempts] for session_id, attempts in at.items()} == {
            session_id: [name] for session_id, name in home.items()
        }
