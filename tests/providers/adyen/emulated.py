"""What tests do with the emulator: test cards, payments that are held already, and what its webhooks say."""

from datetime import UTC, datetime

from evpay.providers import Observation, Succeeded, WebhookRequest
from evpay_providers.adyen.methods import client_method
from tests.providers.adyen import orders

# https://docs.adyen.com/development-resources/testing/test-card-numbers (checked 2026-11-20)
VISA, WITH_3DS = "4111111111111111", "4917610000000000"
TERMINAL = "V400m-123456789"
SCREEN = {"colorDepth": 24, "screenHeight": 700, "screenWidth": 1000, "timeZoneOffset": 0, "javaEnabled": False}
BROWSER = {"userAgent": "Mozilla/5.0", "acceptHeader": "*/*", "language": "en", **SCREEN}
IN_A_BROWSER = {"channel": "Web", "origin": "https://x.example", "browserInfo": BROWSER}


def card(number=VISA, **fields):
    encrypted = {
        "encryptedCardNumber": f"test_{number}",
        "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030",
        "encryptedSecurityCode": "test_737",
    }
    return client_method({"type": "scheme", **encrypted, **fields}, customer="shopper-1")


async def held(provider, amount="20.00", **fields):
    outcome = await provider.authorize(orders.authorization(amount, **{"method": card(), **fields}))
    assert isinstance(outcome, Succeeded), outcome
    return outcome


async def told(emulator, provider, kind=None) -> list[Observation]:
    """Let what is due happen, and return what the emulator's webhooks say."""
    emulator.act("flush")
    seen = []
    for message in emulator.webhooks():
        headers = {name.lower(): value for name, value in message["headers"].items()}
        found = await provider.parse_webhook(
            WebhookRequest(body=message["body"].encode(), headers=headers, received_at=datetime(2028, 1, 1, tzinfo=UTC))
        )
        seen += found if kind in (None, message["kind"]) else ()
    return seen


async def report_of(emulator, provider, kind):
    """Return the last report of a kind of event, and its observation."""
    seen = (await told(emulator, provider, kind))[-1]
    return (*seen.reports, None)[0], seen


def book(emulator):
    (payment,) = emulator.books()["payments"]
    return payment


def sums(emulator):
    found = book(emulator)
    return tuple(found[name] for name in ("authorized", "captured", "released", "refunded"))
