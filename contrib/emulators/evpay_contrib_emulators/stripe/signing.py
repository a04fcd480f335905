"""Events as webhooks, signed as Stripe signs them. https://docs.stripe.com/webhooks/signature (checked 2026-11-20)."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evpay_contrib_emulators.gateway import Delivery

__all__ = ["forged", "signed", "signed_again"]


def signed(event: Mapping[str, Any], *, secrets: Sequence[str], at: int) -> Delivery:
    """Return an event as it is sent, with one signature for each secret."""
    body = json.dumps(event).encode()
    unsigned = Delivery(event_id=event["id"], kind=event["type"], body=body, headers={})
    return signed_again(unsigned, secrets=secrets, at=at)


def signed_again(delivery: Delivery, *, secrets: Sequence[str], at: int) -> Delivery:
    """Return the same message with a signature of this moment."""
    text = str(at).encode() + b"." + delivery.body
    signatures = [hmac.new(secret.encode(), text, hashlib.sha256).hexdigest() for secret in secrets]
    header = ",".join((f"t={at}", *(f"v1={signature}" for signature in signatures)))
    return replace(
        delivery,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": header,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        },
    )


def forged(delivery: Delivery, *, at: int) -> Delivery:
    """Return the message as somebody signs it who does not know the secret."""
    return signed_again(delivery, secrets=("whsec_guessed",), at=at)
