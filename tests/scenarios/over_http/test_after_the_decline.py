"""Stripe's page can still be used after the driver failed the challenge: what is held then is found and given back."""

import asyncio

import httpx
import pytest

from evpay import Admission, Declined
from tests.scenarios.over_http.world import a_world

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]


async def test_hold_of_another_card_after_the_decline_is_given_back(tmp_path, emulators):
    """The client secret stays good, so the page confirms with another card; nobody charges for it."""
    async with a_world(tmp_path, emulators, names=["stripe"]) as world:
        gateway, emulator = world.gateways["stripe"], world.emulators["stripe"]
        await world.start(gateway, method=gateway.challenged)
        payment_id = await world.payment_id()
        await asyncio.to_thread(emulator.act, "authenticate", id=payment_id, success=False)
        ended = await world.pay.complete_action("S-1", {"payment_intent": payment_id})
        assert isinstance(ended.intent.outcome, Declined)

        key = {"Authorization": "Bearer sk_test_scenario"}  # where a page has the client secret
        async with httpx.AsyncClient(base_url=emulator.url, headers=key) as page:
            confirmed = await page.post(
                f"/v1/payment_intents/{payment_id}/confirm", data={"payment_method": "pm_card_visa"}
            )
        assert confirmed.json().get("status") == "requires_capture", confirmed.text

        await world.has(authorized=2_000, released=2_000)
        assert (await world.pay.sessions.get("S-1")).admission is Admission.DENY
        assert await world.differences() == []
