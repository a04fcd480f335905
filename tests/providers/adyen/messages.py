"""Webhooks as Adyen sends them, signed by the SDK's own helper, which shares nothing with the adapter's."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

from Adyen.util import generate_notification_sig

from evpay.providers import WebhookRequest
from tests.providers.adyen.conftest import KEYS, MERCHANT
from tests.providers.adyen.orders import PAYMENT, PSP

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EVENT = "EVENT00000000001"


def item(event: str = "AUTHORISATION", *, success: str = "true", **fields: Any) -> dict[str, Any]:
    """An item about the payment; None takes a field away."""
    of_payment = event in ("AUTHORISATION", "EXPIRE")
    whole = {
        "amount": {"currency": "EUR", "value": 2000},
        "eventCode": event,
        "eventDate": "2026-11-20T12:59:00+01:00",
        "merchantAccountCode": MERCHANT,
        "merchantReference": PAYMENT,
        "originalReference": None if of_payment else PSP,
        "paymentMethod": "visa",
        "pspReference": PSP if event == "AUTHORISATION" else EVENT,
        "reason": "",
        "success": success,
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not None}


def signed(thing: dict[str, Any], *, key: str = KEYS[0]) -> dict[str, Any]:
    """Sign an item with the SDK."""
    thing = copy.deepcopy(thing)
    plain = {name: value for name, value in thing.items() if name != "additionalData"}
    proof = generate_notification_sig(plain, key).decode()
    return {**thing, "additionalData": {**thing.get("additionalData", {}), "hmacSignature": proof}}


def body_of(*items: dict[str, Any], live: str = "false") -> bytes:
    """Wrap items that are signed already."""
    wrapped = [{"NotificationRequestItem": thing} for thing in items]
    return json.dumps({"live": live, "notificationItems": wrapped}).encode()


def request(*items: dict[str, Any], key: str = KEYS[0], live: str = "false", **fields: Any) -> WebhookRequest:
    """A message of items, all signed."""
    body = body_of(*(signed(thing, key=key) for thing in items), live=live)
    return WebhookRequest(**{"body": body, "headers": {}, "received_at": NOW, **fields})
