"""The sandbox's webhooks: signed and dated like a real processor's, proven before they are parsed.

The header is `evpay-sandbox-signature: t=<Unix time>,v1=<hex HMAC-SHA256 of "<t>.<body>">`.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from evpay.errors import WebhookRejected
from evpay.ids import canonical_json, wire_key
from evpay.providers import (
    Observation,
    WebhookRequest,
    fresh,
    json_object,
    require_media_type,
    require_size,
    verify_hmac,
)
from evpay_providers.sandbox.settings import SandboxSettings

__all__ = ["SIGNATURE_HEADER", "SandboxWebhook", "message", "observations", "signed"]

SIGNATURE_HEADER: Final = "evpay-sandbox-signature"
_KNOWN_TYPE: Final = "payment.changed"
_OBSERVATION: Final = TypeAdapter(Observation)


class SandboxWebhook(NamedTuple):
    """A message as it is sent: give body and headers to `EvPay.webhook`."""

    body: bytes
    headers: Mapping[str, str]


def message(observation: Observation, *, account: str) -> bytes:
    """Return the body that tells an observation; the same state gives the same event id."""
    content = _OBSERVATION.dump_python(replace(observation, event_id=None), mode="json")
    event_id = f"sbx_evt_{wire_key(account, canonical_json(content))[:20]}"
    return canonical_json(
        {"id": event_id, "type": _KNOWN_TYPE, "account": account, "live": False, "observation": content}
    ).encode()


def signed(body: bytes, *, secret: str, at: datetime) -> SandboxWebhook:
    """Return the body with the headers that prove it, dated `at`."""
    stamp = str(int(at.timestamp()))
    proof = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {SIGNATURE_HEADER: f"t={stamp},v1={proof}", "content-type": "application/json"}
    return SandboxWebhook(body, headers)


def _prove(request: WebhookRequest, settings: SandboxSettings) -> None:
    account = settings.account
    require_size(request, account=account)
    require_media_type(request, "application/json", account=account)
    parts = [part.partition("=") for part in request.headers.get(SIGNATURE_HEADER, "")[:1000].split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"]
    if len(stamps) != 1:
        raise WebhookRejected(f"The message has no usable {SIGNATURE_HEADER}.", account=account, status=400)
    signed_bytes = stamps[0].encode("utf-8", "replace") + b"." + request.body
    verify_hmac(
        signed_bytes, signatures=signatures, secrets=[settings.webhook_secret.get_secret_value()], account=account
    )
    fresh(stamps[0], received_at=request.received_at, tolerance=settings.webhook_tolerance, account=account)


def observations(request: WebhookRequest, settings: SandboxSettings) -> tuple[Observation, ...]:
    """Prove a message, then say what it tells.

    Raises:
        WebhookRejected: 413 too big, 415 not JSON, 400 unreadable, 401 forged or stale, 403 another account or mode.
    """
    account = settings.account
    _prove(request, settings)
    content = json_object(request.body, account=account)
    if content.get("account") != account or content.get("live") is not False:
        raise WebhookRejected("The message is for another account or mode.", account=account, status=403)
    if content.get("type") != _KNOWN_TYPE:
        return ()
    try:
        told = _OBSERVATION.validate_json(json.dumps(content["observation"]))
        event_id = content["id"]
    except (KeyError, TypeError, ValidationError) as error:
        raise WebhookRejected("The message is not one of the sandbox's.", account=account, status=400) from error
    return (replace(told, event_id=str(event_id)),)
