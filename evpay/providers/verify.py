"""Webhook signatures: proven in constant time, before anything is parsed."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from evpay.errors import ConfigurationError, InvalidInput, WebhookRejected
from evpay.json_text import read_json
from evpay.providers.requests import WebhookRequest

__all__ = [
    "MAX_BODY_BYTES",
    "fresh",
    "json_object",
    "require_media_type",
    "require_secret",
    "require_size",
    "verify_hmac",
]

MAX_BODY_BYTES: Final = 256 * 1024
_STAMP: Final = re.compile(r"\d{9,11}\Z", re.ASCII)


def require_secret(secret: str, *, path: str) -> str:
    """Return the secret, or refuse one that proves nothing: empty, blank or under 16 characters."""
    if len(secret.strip()) < 16:
        raise ConfigurationError(
            "is empty or too short to prove anything. Copy the whole signing secret from the processor.", path=path
        )
    return secret


def require_size(request: WebhookRequest, *, account: str) -> None:
    """Refuse a message that is larger than any of a processor's, before anything else is looked at.

    Raises:
        WebhookRejected: 413.
    """
    if len(request.body) > MAX_BODY_BYTES:
        raise WebhookRejected(f"The message is larger than {MAX_BODY_BYTES} bytes.", account=account, status=413)


def require_media_type(request: WebhookRequest, media_type: str, *, account: str) -> None:
    """Refuse a message of another kind, before anything of it is looked at; a message that names none is let through.

    Raises:
        WebhookRejected: 415.
    """
    named = request.headers.get("content-type", media_type).partition(";")[0].strip().lower()
    if named != media_type:
        raise WebhookRejected(f"The message is not {media_type}.", account=account, status=415)


def json_object(body: bytes, *, account: str) -> dict[str, Any]:
    """Return the JSON object that a message is: strictly read, numbers with a point as Decimal.

    Duplicate names, NaN and Infinity, endless digits, depth, and what is not UTF-8 are refused, and so is all JSON that
    is not an object. Call it after the signature is proven, where that lies outside the body.

    Raises:
        WebhookRejected: 400.
    """
    try:
        value = read_json(body)
    except InvalidInput:
        value = None
    if not isinstance(value, dict):
        raise WebhookRejected("The message is not a JSON object.", account=account, status=400)
    return value


def fresh(stamp: str, *, received_at: datetime, tolerance: timedelta, account: str) -> None:
    """Refuse a Unix timestamp that is not near `received_at`, on either side.

    Raises:
        WebhookRejected: 401; a replayed message, or a clock that is wrong.
    """
    if not _STAMP.match(stamp):
        raise WebhookRejected("The message's time stamp is not a Unix time.", account=account, status=400)
    age = received_at.timestamp() - int(stamp)
    if abs(age) > tolerance.total_seconds():
        raise WebhookRejected(
            f"The message is {age:+.0f} s away from our clock; {tolerance.total_seconds():.0f} s are accepted. "
            "Check the clock if this happens to every message.",
            account=account,
        )


def verify_hmac(
    signed: bytes, *, signatures: Sequence[str], secrets: Iterable[str], account: str, algorithm: str = "sha256"
) -> None:
    """Accept if any of at most 8 hex signatures is the HMAC of `signed` under any active secret.

    Every pair is compared in constant time, without an early exit.

    Raises:
        WebhookRejected: 401 for a wrong signature, 400 for none or too many.
    """
    if not 0 < len(signatures) <= 8:
        raise WebhookRejected("The message carries no usable signature.", account=account, status=400)
    proven = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), signed, getattr(hashlib, algorithm)).hexdigest().encode()
        for signature in signatures:
            proven |= hmac.compare_digest(expected, signature.encode("utf-8", "replace"))
    if not proven:
        raise WebhookRejected("The message's signature is not ours.", account=account)
