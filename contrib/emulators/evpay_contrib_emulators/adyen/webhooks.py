"""Standard webhooks: items, their signatures, and the messages that carry one or several of them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.adyen.books import Books, Payment
from evpay_contrib_emulators.gateway import Delivery

__all__ = ["deliveries", "forged", "post", "signature"]

# https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures, checked 2026-11-20:
# these values with colons between them, empty where there is none, nothing escaped.
_SIGNED: Final = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")


def signature(item: Mapping[str, Any], hex_key: str) -> str:
    """Return the signature of an item."""
    amount = item["amount"]
    parts = [str(item.get(name, "")) for name in _SIGNED]
    parts += [str(amount["value"]), amount["currency"], item["eventCode"], item["success"]]
    digest = hmac.new(bytes.fromhex(hex_key), ":".join(parts).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def post(
    books: Books,
    event: str,
    *,
    psp: str,
    reference: str,
    amount: int = 0,
    currency: str = "EUR",
    payment: Payment | None = None,
    original: str | None = None,
    success: bool = True,
    reason: str = "",
    additional: Mapping[str, str] | None = None,
    operations: tuple[str, ...] = (),
) -> None:
    """Write an item, signed, for the next message."""
    item: dict[str, Any] = {
        "amount": {"currency": currency, "value": amount},
        "eventCode": event,
        "eventDate": books.clock.now().isoformat(timespec="seconds"),
        "merchantAccountCode": books.options.merchant_account,
        "merchantReference": reference,
        "pspReference": psp,
        "reason": reason,
        "success": "true" if success else "false",
    }
    if original is not None:
        item["originalReference"] = original
    if payment is not None:
        item["paymentMethod"] = payment.instrument.brand
    if operations:
        item["operations"] = list(operations)
    item["additionalData"] = {**(additional or {}), "hmacSignature": signature(item, books.options.hmac_key)}
    books.outbox.append(item)


def deliveries(books: Books, *, flush: bool) -> list[Delivery]:
    """Return the messages that are full; with `flush`, also one that is not."""
    size, messages = books.options.webhook_batch, []
    while len(books.outbox) >= size or (flush and books.outbox):
        items, books.outbox = books.outbox[:size], books.outbox[size:]
        messages.append(_message(books, items))
    return messages


def _message(books: Books, items: list[dict[str, Any]]) -> Delivery:
    headers = {"content-type": "application/json; charset=utf-8", "user-agent": "Adyen HttpClient 1.0"}
    user = books.options.webhook_user
    if user:
        credentials = base64.b64encode(f"{user}:{books.options.webhook_password}".encode()).decode()
        headers["authorization"] = f"Basic {credentials}"
    body = {"live": "false", "notificationItems": [{"NotificationRequestItem": item} for item in items]}
    return Delivery(
        event_id="+".join(f"{item['eventCode']}.{item['pspReference']}.{item['success']}" for item in items),
        kind="+".join(item["eventCode"] for item in items),
        body=json.dumps(body).encode(),
        headers=headers,
    )


def forged(delivery: Delivery) -> Delivery:
    """Return the message as somebody sends it who does not know the key."""
    body = json.loads(delivery.body)
    for wrapper in body["notificationItems"]:
        item = wrapper["NotificationRequestItem"]
        item["additionalData"]["hmacSignature"] = signature(item, "00" * 32)
    return Delivery(
        event_id=delivery.event_id, kind=delivery.kind, body=json.dumps(body).encode(), headers=delivery.headers
    )
