"""Webhooks verified and stored per second: signed Stripe events, many at once, into an SQLite store of its own.

Printed beside what the floor is, in the same run: the same number of HMACs, and the same number of events verified
by the SDK's own function. The messages are about payments that nobody knows, so that only the intake is measured.
"""

import asyncio
import hashlib
import hmac
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from evpay import EvPay
from evpay_providers.stripe import StripeProvider, StripeSettings

SECRET = "whsec_bench_0123456789abcdef"
AT_ONCE = 256


def signed(number: int) -> tuple[bytes, dict[str, str]]:
    now = int(time.time())
    event = {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": now,
        "livemode": False,
        "type": "payment_intent.amount_capturable_updated",
        "data": {"object": {"id": f"pi_{number}", "object": "payment_intent", "amount": 2000, "metadata": {}}},
    }
    body = json.dumps(event).encode()
    signature = hmac.new(SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={now},v1={signature}", "Content-Type": "application/json"}


async def taken(messages: list[tuple[bytes, dict[str, str]]], folder: str) -> float:
    """Return how long it took until every message was answered."""
    provider = StripeProvider(
        StripeSettings(api_key="sk_test_bench", webhook_secret=SECRET, base_url="http://127.0.0.1:9")
    )
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(pay: EvPay, body: bytes, headers: dict[str, str]) -> None:
        async with gate:
            reply = await pay.webhook("stripe", body=body, headers=headers)
            if reply.status != 200:
                raise RuntimeError(f"answered {reply.status}")

    async with EvPay.open(f"sqlite:///{folder}/bench.db", providers=[provider], worker=False) as pay:
        await pay.recover()
        started = time.perf_counter()
        await asyncio.gather(*(one(pay, body, headers) for body, headers in messages))
        return time.perf_counter() - started


def verified_by_the_sdk(messages: list[tuple[bytes, dict[str, str]]]) -> float:
    import stripe

    started = time.perf_counter()
    for body, headers in messages:
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)
    return time.perf_counter() - started


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6_000
    messages = [signed(number) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        took = asyncio.run(taken(messages, folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    sdk = verified_by_the_sdk(messages)
    print(f"{datetime.now(UTC):%Y-%m-%d}  webhooks, {count} of {len(messages[0][0])} bytes, {AT_ONCE} at once")
    print(f"  verified, stored and answered  {count / took:>9,.0f} /s  ({took:.2f} s, {size / 1e6:.1f} MB on disk)")
    print(f"  the SDK verifies alone         {count / sdk:>9,.0f} /s  ({took / sdk:.1f} times our whole way)")


if __name__ == "__main__":
    main()
