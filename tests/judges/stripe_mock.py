"""Stripe's own stateless server, which refuses what its newest specification does not know.

It answers every request that is well-formed with the same made-up object, so it says nothing about what we make of an
answer; it says that each request of ours is one of Stripe's.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import stripe

from evpay.providers import Handle, PaymentMethod, SettlementsRequest
from evpay_providers.stripe import StripeProvider, StripeSettings
from evpay_providers.stripe.transport import LoopTransport
from tests.judges.processes import free_port, serving
from tests.judges.tools import stripe_mock
from tests.judges.verdict import Bench, Verdict
from tests.providers.stripe import orders

__all__ = ["judge_stripe_mock"]

_KEY = "sk_test_judged"
_HELD = Handle(id="pi_1", memo={"multicapture": "available"})


class _Watched(LoopTransport):
    """The provider's own transport; every status is noted."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(deadline_s=20, direct=True)
        self._verdict = verdict

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        body, status, answered = await super().request_async(method, url, headers, post_data)
        self._verdict.note(None if status == 200 else f"{method} {url} {post_data!r}: {status} {body[:300]!r}")
        return body, status, answered


async def judge_stripe_mock(bench: Bench) -> Verdict:
    """Send everything that the provider can send; a known-bad request first, which must be refused."""
    program, port, verdict = stripe_mock(bench), free_port(), Verdict()
    async with serving([str(program), "-http-port", str(port), "-https-port", "0"], port=port) as url:
        _require_a_judge(url, verdict)
        settings = StripeSettings(
            api_key=_KEY,
            base_url=url,
            cards_only=True,
            send_descriptor=True,
            request_increment=True,
            request_extended=True,
            request_overcapture=True,
            request_multicapture=True,
        )
        transport = _Watched(verdict)
        await _everything(StripeProvider(settings, http_client=transport))
        await transport.close_async()
    return verdict


def _require_a_judge(url: str, verdict: Verdict) -> None:
    """See that it refuses: a judge that lets everything pass proves nothing."""
    client = stripe.StripeClient(_KEY, base_addresses={"api": url})
    for bad in ({"amount": 2000, "currency": "eur", "bogus": "1"}, {"currency": "eur"}):
        try:
            client.v1.payment_intents.create(bad)  # type: ignore[arg-type]  # wrong on purpose
        except stripe.InvalidRequestError:
            verdict.note(None)
        else:
            verdict.note(f"the judge let {bad!r} pass")


async def _everything(provider: StripeProvider) -> None:
    saved = PaymentMethod("pm_card_visa", customer="cus_1")
    # No payment on a reader: the newest stripe-mock (0.203) has an older specification than the SDK, one that does not
    # yet list card_present among allowed_payment_method_types. The SDK's own types judge those requests.
    for order in (
        orders.authorization(descriptor="EV 4711", return_url="https://example.com/back"),
        orders.authorization(method=saved, save_method=True),
        orders.authorization(method=saved, off_session=True),
    ):
        await provider.authorize(order)
    await provider.complete(orders.completion(_HELD))
    await provider.increment(orders.increase(_HELD, "30.00"))
    await provider.capture(orders.taking(_HELD, "5.00", final=False))
    await provider.capture(orders.taking(_HELD, "5.00"))
    await provider.void(orders.cancellation(_HELD))
    await provider.void(orders.cancellation(None))
    await provider.refund(orders.giving_back(_HELD, "2.00", note="cable fault"))
    await provider.look_up(orders.question(_HELD))
    await provider.look_up(orders.question())
    await provider.settlements(SettlementsRequest(since=date(2026, 1, 1)))
