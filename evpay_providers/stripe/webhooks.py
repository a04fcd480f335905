"""Stripe's webhooks: proven before they are parsed, and then believed only to name a payment.

Events come unordered and more than once, so none of them is taken for a fact: each says which payment to ask about.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from evpay.errors import WebhookRejected
from evpay.providers import (
    Account,
    Observation,
    WebhookRequest,
    fresh,
    json_object,
    require_media_type,
    require_size,
    verify_hmac,
)
from evpay_providers.stripe.params import REFERENCE

__all__ = ["SUBJECTS", "observations", "verify"]

SIGNATURE: Final = "stripe-signature"
_MAX_HEADER: Final = 2048

# Event type -> the path in its object to the id of the PaymentIntent.
# https://docs.stripe.com/api/events/types (checked 2026-11-20)
SUBJECTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "payment_intent.amount_capturable_updated",
            "payment_intent.canceled",
            "payment_intent.created",
            "payment_intent.partially_funded",
            "payment_intent.payment_failed",
            "payment_intent.processing",
            "payment_intent.requires_action",
            "payment_intent.succeeded",
        ),
        "id",
    ),
    **dict.fromkeys(
        (
            "charge.captured",
            "charge.dispute.closed",
            "charge.dispute.created",
            "charge.dispute.funds_reinstated",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.updated",
            "charge.expired",
            "charge.failed",
            "charge.pending",
            "charge.refund.updated",
            "charge.refunded",
            "charge.succeeded",
            "charge.updated",
            "refund.created",
            "refund.failed",
            "refund.updated",
        ),
        "payment_intent",
    ),
    **dict.fromkeys(
        ("terminal.reader.action_failed", "terminal.reader.action_succeeded", "terminal.reader.action_updated"),
        "action.process_payment_intent.payment_intent",
    ),
}


def _signatures(header: str, *, account: str) -> tuple[str, list[str]]:
    """Split `t=1,v1=a,v1=b` into the stamp and the signatures; other schemes are passed over."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    if len(header) > _MAX_HEADER or len(stamps) != 1:
        raise WebhookRejected("The signature header is malformed.", account=account, status=400)
    return stamps[0], [value for name, _, value in pairs if name == "v1"]


def verify(request: WebhookRequest, *, secrets: Sequence[str], account: str, tolerance: timedelta) -> None:
    """Prove that Stripe sent these bytes just now.

    https://docs.stripe.com/webhooks/signature (checked 2026-11-20)

    Raises:
        WebhookRejected: 413 too big, 415 not JSON, 400 malformed, 401 not signed by one of the secrets, too old or new.
    """
    require_size(request, account=account)
    require_media_type(request, "application/json", account=account)
    if not secrets:
        raise WebhookRejected("No webhook secret is set, so nothing can be believed.", account=account)
    stamp, signatures = _signatures(request.headers.get(SIGNATURE, ""), account=account)
    signed = stamp.encode("utf-8", "replace") + b"." + request.body
    verify_hmac(signed, signatures=signatures, secrets=secrets, account=account)
    fresh(stamp, received_at=request.received_at, tolerance=tolerance, account=account)


def observations(body: bytes, *, account: Account, connected: str | None) -> tuple[Observation, ...]:
    """Read proven bytes: one empty observation, or none for an event that is not about a payment.

    Raises:
        WebhookRejected: 403 for the other mode or another connected account, 400 for what is not an event.
    """
    event = json_object(body, account=account.name)
    if event.get("object") != "event":
        return ()  # a thin event of the newer API: it names no payment
    if event.get("livemode") is not account.live:
        raise WebhookRejected("The event is of the other mode (test or live).", account=account.name, status=403)
    if event.get("account") != connected:
        raise WebhookRejected("The event is of another account.", account=account.name, status=403)
    subject = SUBJECTS.get(str(event.get("type")))
    return () if subject is None else _subject(event, path=subject, account=account.name)


def _subject(event: Mapping[str, Any], *, path: str, account: str) -> tuple[Observation, ...]:
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    event_id, created = event.get("id"), event.get("created")
    if not isinstance(thing, dict) or not isinstance(event_id, str) or type(created) is not int:
        raise WebhookRejected("The message is signed, but is not an event.", account=account, status=400)
    payment_id: object = thing
    for name in path.split("."):
        payment_id = payment_id.get(name) if isinstance(payment_id, dict) else None
    if not isinstance(payment_id, str):
        return ()  # a charge made without a PaymentIntent is not one of ours
    return (
        Observation(
            payment_id=payment_id, payment_reference=_reference(thing), event_id=event_id, at=_instant(created)
        ),
    )


def _reference(thing: Mapping[str, Any]) -> str | None:
    metadata = thing.get("metadata")
    # A charge carries its intent's metadata; a refund carries the reference of the REFUND, which is another.
    if thing.get("object") not in ("payment_intent", "charge") or not isinstance(metadata, dict):
        return None
    reference = metadata.get(REFERENCE)
    return reference if isinstance(reference, str) else None


def _instant(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
