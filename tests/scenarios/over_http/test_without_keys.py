"""The story at a Braintree account that takes no idempotency keys: what was lost is made sure of, and nothing twice."""

from dataclasses import replace
from functools import partial

import pytest

from evpay import Money
from tests.scenarios.over_http.world import a_world

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

LOST = ("drop_after", "drop_before", "error_after", "error_before", "unavailable")


@pytest.fixture
async def world(tmp_path, emulators):
    """A backend that sends no keys; in the end its facts are what the gateway holds."""
    async with a_world(tmp_path, emulators, names=["braintree"]) as found:
        known = found.gateways["braintree"]
        found.gateways = {"braintree": replace(known, provider=partial(known.provider, request_keys=False))}
        found.emulators["braintree"].configure(api_request_keys=False)
        await found.open("braintree")
        yield found
        assert await found.differences() == []


def effects(world, kind: str) -> list[int]:
    return [entry["effects"].get(kind, 0) for entry in world.books("braintree")]


@pytest.mark.parametrize("kind", LOST)
async def test_lost_increment_does_not_keep_the_capture_back(world, kind):
    """The hold is raised once, and everything is taken."""
    await world.start(world.gateways["braintree"])
    world.emulators["braintree"].fault(kind, path="/adjust_authorization", method="PUT")
    await world.pay.record("S-1", await world.charged(36_000, minutes=60))
    await world.pay.finish("S-1", await world.charged(50_000, minutes=30))

    await world.has(authorized=3_200, captured=2_500, released=700)
    assert (effects(world, "increment"), effects(world, "capture")) == ([1], [1])


@pytest.mark.parametrize("kind", LOST)
async def test_lost_capture_is_taken_once(world, kind):
    """Whether it took effect or not."""
    await world.start(world.gateways["braintree"])
    world.emulators["braintree"].fault(kind, path="/submit_for_settlement", method="PUT")
    await world.pay.finish("S-1", await world.charged(24_000, minutes=60))

    await world.has(authorized=2_000, captured=1_200, released=800)
    assert effects(world, "capture") == [1]


@pytest.mark.parametrize("kind", LOST)
async def test_lost_void_gives_everything_back(world, kind):
    """Once."""
    await world.start(world.gateways["braintree"])
    world.emulators["braintree"].fault(kind, path="/void", method="PUT")
    await world.pay.cancel("S-1", reason="changed her mind")

    await world.has(authorized=2_000, released=2_000)
    assert effects(world, "void") == [1]


async def test_lost_refund_is_never_sent_again(world):
    """Two of the same amount would both be paid, so a person decides."""
    await world.start(world.gateways["braintree"])
    receipt = await world.pay.finish("S-1", await world.charged(24_000, minutes=60))
    await world.has(authorized=2_000, captured=1_200, released=800)
    await world.advance(seconds=world.gateways["braintree"].night_s)
    world.emulators["braintree"].fault("unavailable", path="/refund", method="POST")
    await world.pay.refund(receipt.number, Money("2.00", "EUR"), reason="cable fault", key="ticket-9")
    for _ in range(5):
        await world.advance(hours=6)
        await world.pay.recover()

    asked = [entry for entry in world.emulators["braintree"].journal() if entry["path"].endswith("/refund")]
    assert len(asked) == 1
    (intent,) = [intent async for intent in world.pay.payments.list()]
    assert [done.state.value for done in intent.operations if done.kind.value == "refund"] == ["unknown"]
