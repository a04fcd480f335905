"""Adyen's webhooks: size, kind, password, strict JSON, signature, age, mode and account, in this order.

The signature lies inside the body, in each item, so a bounded parse has to come first. Only some fields are signed:
references, merchant account, amount, event and success.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from evpay.errors import WebhookRejected
from evpay.providers import WebhookRequest, json_object, require_media_type, require_size
from evpay_providers.adyen.settings import AdyenSettings

__all__ = ["Item", "event_time", "proven_items", "signature_of"]

Item = Mapping[str, Any]

MAX_ITEMS: Final = 64

# What is signed, in this order; what is missing counts as empty, and nothing is escaped.
# https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures (checked 2026-11-20)
_SIGNED_BEFORE_AMOUNT: Final = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
_SIGNED_AFTER_AMOUNT: Final = ("eventCode", "success")

# Because nothing is escaped, each field but one has a shape in which no colon fits, so that a signed string is read
# in one way only.
_SHAPES: Final[Mapping[str, re.Pattern[str]]] = {
    "pspReference": re.compile(r"[A-Za-z0-9]{1,80}\Z", re.ASCII),
    "originalReference": re.compile(r"[A-Za-z0-9]{0,80}\Z", re.ASCII),
    "eventCode": re.compile(r"[A-Z0-9_]{1,80}\Z", re.ASCII),
    "success": re.compile(r"(?:true|false)\Z", re.ASCII),
    "merchantReference": re.compile(r"[^\x00-\x1f]{0,200}\Z"),
}
_CURRENCY: Final = re.compile(r"[A-Z]{3}\Z", re.ASCII)


def proven_items(request: WebhookRequest, *, settings: AdyenSettings) -> tuple[Item, ...]:
    """Return the items of a message, of which every single one is proven; else none of them.

    There is no limit to their age, because Adyen goes on sending for 30 days and the date is not signed; one from the
    future is refused, because then a clock is wrong.

    Raises:
        WebhookRejected: 413 too big, 415 not JSON, 401 wrong password, not signed by one of the keys or from the
            future, 400 malformed, 403 for the other mode or another merchant account.
    """
    account = settings.account
    require_size(request, account=account)
    require_media_type(request, "application/json", account=account)
    if not settings.signing_secrets:
        raise WebhookRejected("No HMAC key is set, so nothing can be believed.", account=account)
    _check_password(request, settings=settings)
    message = json_object(request.body, account=account)
    items = _items(message, account=account)
    if not all(_is_signed(item, keys=settings.signing_secrets) for item in items):
        raise WebhookRejected("An item's signature is not ours.", account=account)
    for item in items:
        _check_time(item, request=request, settings=settings)
    if message.get("live") != ("true" if settings.live else "false"):
        raise WebhookRejected("The message is of the other mode (test or live).", account=account, status=403)
    if any(item.get("merchantAccountCode") != settings.merchant_account for item in items):
        raise WebhookRejected("An item is of another merchant account.", account=account, status=403)
    return tuple(items)


def _check_password(request: WebhookRequest, *, settings: AdyenSettings) -> None:
    if settings.webhook_user is None or settings.webhook_password is None:
        return
    pair = f"{settings.webhook_user}:{settings.webhook_password.get_secret_value()}".encode()
    expected = b"Basic " + base64.b64encode(pair)
    given = request.headers.get("authorization", "").encode("utf-8", "replace")
    if not hmac.compare_digest(expected, given):
        raise WebhookRejected("The webhook's user or password is not ours.", account=settings.account)


def _items(message: Mapping[str, Any], *, account: str) -> list[Item]:
    wrapped = message.get("notificationItems")
    if not isinstance(wrapped, list) or not 0 < len(wrapped) <= MAX_ITEMS:
        raise WebhookRejected("The message has no items, or too many.", account=account, status=400)
    items = [part.get("NotificationRequestItem") if isinstance(part, dict) else None for part in wrapped]
    if not all(_is_shaped(item) for item in items):
        raise WebhookRejected("An item is not as documented.", account=account, status=400)
    return [item for item in items if item is not None]


def _is_shaped(item: object) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("merchantAccountCode"), str):
        return False
    amount, data = item.get("amount"), item.get("additionalData", {})
    if amount is not None and not _is_amount(amount):
        return False
    texts = {name: item.get(name, "") for name in _SHAPES}
    return isinstance(data, dict) and all(
        isinstance(text, str) and shape.match(text) for (name, shape) in _SHAPES.items() for text in (texts[name],)
    )


def _is_amount(amount: object) -> bool:
    if not isinstance(amount, dict) or type(amount.get("value")) is not int:
        return False
    currency = amount.get("currency")
    return isinstance(currency, str) and _CURRENCY.match(currency) is not None


def signature_of(item: Item, *, key: bytes) -> str:
    """Return the signature that an item has under a key, in base64."""
    amount = item.get("amount") or {}
    parts = [
        *(item.get(name, "") for name in _SIGNED_BEFORE_AMOUNT),
        amount.get("value", ""),
        amount.get("currency", ""),
        *(item.get(name, "") for name in _SIGNED_AFTER_AMOUNT),
    ]
    text = ":".join(str(part) for part in parts)
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def _is_signed(item: Item, *, keys: Sequence[bytes]) -> bool:
    """Say whether an item is signed under any active key; every key is tried, each in constant time."""
    given = str((item.get("additionalData") or {}).get("hmacSignature", "")).encode("utf-8", "replace")
    proven = False
    for key in keys:
        proven |= hmac.compare_digest(signature_of(item, key=key).encode(), given)
    return proven


def event_time(item: Item) -> datetime | None:
    """Return when it happened, or None where the item does not say or says it in no known way."""
    try:
        stamp = datetime.fromisoformat(str(item.get("eventDate", "")))
        return stamp.astimezone(UTC) if stamp.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _check_time(item: Item, *, request: WebhookRequest, settings: AdyenSettings) -> None:
    stamp = event_time(item)
    if stamp is not None and stamp > request.received_at + settings.webhook_tolerance:
        raise WebhookRejected(
            "An item is from the future. Check the clock if this happens to every message.", account=settings.account
        )
