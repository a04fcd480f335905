"""Webhooks: a signed form with XML in it."""

import base64
import hashlib
import hmac
import uuid
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.xml import write
from evpay_contrib_emulators.gateway import Delivery

__all__ = ["forged", "notify", "signature_of"]

_HEADERS: Final = {
    "content-type": "application/x-www-form-urlencoded",
    "accept": "*/*",
    "user-agent": "Braintree Webhooks",
}


def signature_of(payload: bytes, keys: dict[str, str]) -> str:
    """Return `public_key|hash` for every pair of keys, joined by `&`."""
    return "&".join(f"{public}|{_hash(private, payload)}" for public, private in keys.items())


def _hash(private_key: str, payload: bytes) -> str:
    # the vendor's own way: an HMAC by SHA-1, its key the SHA-1 of the private key
    key = hashlib.sha1(private_key.encode()).digest()  # noqa: S324
    return hmac.new(key, payload, hashlib.sha1).hexdigest()


def notify(account: Account, kind: str, subject: dict[str, Any]) -> None:
    """Send a notification."""
    content = {"timestamp": account.now(), "kind": kind, "subject": subject}
    payload = base64.encodebytes(write("notification", content))  # in lines, as the vendor sends it
    form = {"bt_signature": signature_of(payload, account.options.keys), "bt_payload": payload.decode()}
    delivery = Delivery(event_id=str(uuid.uuid4()), kind=kind, body=urlencode(form).encode(), headers=_HEADERS)
    account.outbox.append(delivery)


def forged(delivery: Delivery) -> Delivery:
    """Return the message as someone sends it who does not know the private key."""
    form = parse_qs(delivery.body.decode())
    payload = form["bt_payload"][0]
    public = form["bt_signature"][0].partition("|")[0]
    wrong = {"bt_signature": signature_of(payload.encode(), {public: "guessed"}), "bt_payload": payload}
    return Delivery(
        event_id=delivery.event_id, kind=delivery.kind, body=urlencode(wrong).encode(), headers=delivery.headers
    )
