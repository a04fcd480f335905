"""What an adapter costs beside the raw SDK: the same authorization at the same emulator, one call after the other.

Both are taken in turns within one run, so that a busy machine is as unfair to one as to the other.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from itertools import count

from evpay_contrib_emulators import running

from evpay import Money
from evpay.providers import AuthorizeRequest, Provider, Succeeded
from tests.scenarios.over_http.vendors import GATEWAYS

Call = Callable[[], Awaitable[object]]
_numbers = count(1)


def through_the_adapter(name: str, url: str) -> tuple[Call, Provider]:
    gateway = GATEWAYS[name]
    provider = gateway.provider(url)

    async def call() -> object:
        reference = f"a{next(_numbers):025d}"
        request = AuthorizeRequest(
            reference=reference,
            idempotency_key=reference,
            amount=Money("20.00", "EUR"),
            method=gateway.approve,
            return_url="https://host.example/back",
        )
        outcome = await provider.authorize(request)
        if not isinstance(outcome, Succeeded):
            raise TypeError(f"{name}: {outcome}")
        return outcome

    return call, provider


def raw_stripe(url: str) -> Call:
    import stripe

    client = stripe.StripeClient(
        "sk_test_scenario", base_addresses={"api": url}, http_client=stripe.HTTPXClient(), max_network_retries=0
    )

    async def call() -> object:
        return await client.v1.payment_intents.create_async(
            {
                "amount": 2000,
                "currency": "eur",
                "payment_method": "pm_card_visa",
                "confirm": True,
                "capture_method": "manual",
                "return_url": "https://host.example/back",
                "expand": ["latest_charge"],
                "metadata": {"reference": f"r{next(_numbers)}"},
                "payment_method_options": {"card": {"request_incremental_authorization": "if_available"}},
            },
            {"idempotency_key": f"raw-{next(_numbers)}"},
        )

    return call


def raw_adyen(url: str) -> Call:
    import json
    from base64 import urlsafe_b64decode

    import Adyen

    sdk = Adyen.Adyen(xapikey=GATEWAYS["adyen"].options["api_key"], platform="test")
    sdk.checkout.payments_api.baseUrl = f"{url}/v72"
    method = json.loads(urlsafe_b64decode(GATEWAYS["adyen"].approve.token))

    async def call() -> object:
        body = {
            "amount": {"value": 2000, "currency": "EUR"},
            "merchantAccount": "TestMerchant",
            "paymentMethod": method,
            "reference": f"r{next(_numbers)}",
            "returnUrl": "https://host.example/back",
            "additionalData": {"authorisationType": "PreAuth", "manualCapture": "true"},
        }
        key = f"raw-{next(_numbers)}"
        return await asyncio.to_thread(sdk.checkout.payments_api.payments, body, idempotency_key=key)

    return call


def raw_braintree(url: str) -> Call:
    import braintree

    port = url.rpartition(":")[2]
    options = GATEWAYS["braintree"].options
    host = ("127.0.0.1", port)
    environment = braintree.Environment("local", *host, "http://auth", False, None, *host)  # noqa: FBT003 - its order
    gateway = braintree.BraintreeGateway(
        braintree.Configuration(
            environment=environment, **{name: options[name] for name in ("merchant_id", "public_key", "private_key")}
        )
    )

    async def call() -> object:
        return await asyncio.to_thread(
            gateway.transaction.sale,
            {
                "amount": "20.00",
                "payment_method_nonce": "fake-valid-visa-nonce",
                "merchant_account_id": "scenario_eur",
                "order_id": f"r{next(_numbers)}",
                "options": {"submit_for_settlement": False},
            },
        )

    return call


RAW = {"stripe": raw_stripe, "adyen": raw_adyen, "braintree": raw_braintree}


async def timed(call: Call) -> float:
    start = time.perf_counter()
    await call()
    return time.perf_counter() - start


async def measured(name: str, *, calls: int) -> tuple[float, float]:
    """Return the medians of the raw SDK and of the adapter, in milliseconds."""
    with running(name, **GATEWAYS[name].options) as emulator:
        raw = RAW[name](emulator.url)
        adapter, provider = through_the_adapter(name, emulator.url)
        for warm_up in (raw, adapter):
            await warm_up()
        pairs = [(await timed(raw), await timed(adapter)) for _ in range(calls)]
        await provider.aclose()
    return tuple(1_000 * statistics.median(times) for times in zip(*pairs, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    calls = parser.parse_args().calls
    print(f"one authorization over HTTP at the emulator, median of {calls}, in turns")
    for name in RAW:
        raw, adapter = asyncio.run(measured(name, calls=calls))
        print(f"  {name:<10} raw SDK {raw:6.2f} ms   adapter {adapter:6.2f} ms   ratio {adapter / raw:5.2f}")


if __name__ == "__main__":
    main()
