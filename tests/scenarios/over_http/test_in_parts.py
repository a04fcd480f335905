"""A hold that is captured in parts, at every gateway: raised, partly taken, and the rest lapses or is given back."""

import pytest

from evpay import Failed, Money, PaymentMethod, Reason
from evpay.money import to_minor
from tests.scenarios.over_http.world import World, a_world

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]


def eur(amount: str) -> Money:
    return Money(amount, "EUR")


@pytest.fixture
async def world(tmp_path, emulators, name):
    """A backend whose account captures a hold in parts; in the end its facts are what the gateway holds."""
    async with a_world(tmp_path, emulators, names=[name], several=True) as found:
        yield found
        assert await found.differences() == []
        assert [] == [intent.id async for intent in found.pay.payments.list() if intent.unresolved]


async def held(world: World, gateway, **fields) -> str:
    """Hold 20.00 for an order."""
    given = {"method": gateway.approve, "return_url": "https://host.example/back", **fields}
    intent = await world.pay.payments.authorize(eur("20.00"), key="order-1", **given)
    await world.has("order-1", authorized=2_000)
    return intent.id


async def raised(world: World, gateway) -> str:
    """Hold 32.00, of which the first 20.00 were asked for at the beginning."""
    intent_id = await held(world, gateway)
    await world.pay.payments.increment(intent_id, to=eur("32.00"))
    await world.has("order-1", authorized=3_200)
    return intent_id


async def test_raised_hold_lapses(world, name):
    """All of it comes free."""
    gateway = world.gateways[name]
    await raised(world, gateway)
    await world.advance(seconds=gateway.expired_s)

    await world.has("order-1", authorized=3_200, released=3_200)


async def test_raised_hold_lapses_after_a_part_was_taken(world, name):
    """What was not taken comes free. Braintree tells it only by the time until which the hold stands."""
    gateway = world.gateways[name]
    intent_id = await raised(world, gateway)
    await world.pay.payments.capture(intent_id, eur("10.00"), final=False)
    await world.has("order-1", authorized=3_200, captured=1_000)
    await world.advance(seconds=gateway.expired_s)

    await world.has("order-1", authorized=3_200, captured=1_000, released=2_200)


async def test_rest_is_given_back_after_a_part_was_taken(world, name):
    """By us, before it lapses."""
    gateway = world.gateways[name]
    intent_id = await raised(world, gateway)
    await world.pay.payments.capture(intent_id, eur("10.00"), final=False)
    await world.has("order-1", authorized=3_200, captured=1_000)
    await world.pay.payments.void(intent_id)

    await world.has("order-1", authorized=3_200, captured=1_000, released=2_200)


async def taken_in_parts(world: World, gateway, *amounts: str, **fields) -> str:
    """Hold 20.00, and take it in parts."""
    intent_id = await held(world, gateway, **fields)
    captured = 0
    for amount in amounts:
        captured += to_minor(eur(amount))
        await world.pay.payments.capture(intent_id, eur(amount), final=captured == 2_000)
        await world.has("order-1", authorized=2_000, captured=captured)
    await world.advance(seconds=gateway.night_s)
    return intent_id


async def test_refunds_are_each_of_a_capture_that_is_large_enough(world, name):
    """Of 5.00 and 15.00 that were taken, 12.00, 5.00 and 3.00 go back."""
    intent_id = await taken_in_parts(world, world.gateways[name], "5.00", "15.00")
    for done, amount in ((1_200, "12.00"), (1_700, "5.00"), (2_000, "3.00")):
        await world.pay.payments.refund(intent_id, eur(amount), reason="goodwill", key=amount)
        await world.has("order-1", authorized=2_000, captured=2_000, refunded=done)


async def test_refund_of_two_captures_at_once(world, name):
    """Stripe and Adyen give it back. Braintree refunds one capture at a time and says so; nothing has moved then."""
    intent_id = await taken_in_parts(world, world.gateways[name], "5.00", "15.00")
    intent = await world.pay.payments.refund(intent_id, eur("20.00"), reason="goodwill", key="all")
    if name == "braintree":
        outcome = intent.operations[-1].outcome
        assert isinstance(outcome, Failed)
        assert outcome.reason is Reason.AMOUNT_TOO_LARGE
    await world.has("order-1", authorized=2_000, captured=2_000, refunded=0 if name == "braintree" else 2_000)


@pytest.mark.parametrize("name", ["braintree"])
async def test_refund_of_what_paypal_settled_in_parts(world, name):
    """PayPal is captured in parts without any setting of the account."""
    gateway = world.gateways[name]
    world.emulators[name].configure(card_partial_settlement=False)
    intent_id = await taken_in_parts(
        world, gateway, "5.00", "15.00", method=PaymentMethod("fake-paypal-billing-agreement-nonce")
    )
    await world.pay.payments.refund(intent_id, eur("12.00"), reason="goodwill", key="12.00")

    await world.has("order-1", authorized=2_000, captured=2_000, refunded=1_200)
