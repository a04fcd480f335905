"""Braintree's webhooks: proven before they are parsed, and then believed only where nothing can outrun them.

Messages come unordered and more than once, so most of them only say which payment to ask about. How a dispute ended is
final, and is stated.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from evpay.errors import WebhookRejected
from evpay.providers import (
    Observation,
    Report,
    WebhookRequest,
    fresh,
    require_media_type,
    require_size,
)
from evpay_providers.braintree.evidence import TAKING_KINDS, chargebacks
from evpay_providers.braintree.settings import BraintreeSettings

__all__ = ["ABOUT", "FINAL", "challenge_reply", "observations", "verify"]

FORM: Final = "application/x-www-form-urlencoded"
_PAYLOAD: Final = re.compile(r"[A-Za-z0-9+/=\n]+\Z", re.ASCII)
_PAIR: Final = re.compile(r"([A-Za-z0-9_-]{1,64})\|([0-9a-f]{40})\Z", re.ASCII)
_CHALLENGE: Final = re.compile(r"[a-f0-9]{20,32}\Z", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z\Z", re.ASCII)
MAX_SIGNATURES: Final = 8

# Kinds that are about a transaction, and which element of the subject it is.
# https://developer.paypal.com/braintree/docs/reference/general/webhooks (checked 2026-11-20)
ABOUT: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "refund_failed",
            "transaction_disbursed",
            "transaction_retried",
            "transaction_settled",
            "transaction_settlement_declined",
        ),
        "transaction",
    ),
    "transaction_reviewed": "transaction_review",
    **dict.fromkeys(
        (
            "dispute_accepted",
            "dispute_auto_accepted",
            "dispute_disputed",
            "dispute_expired",
            "dispute_lost",
            "dispute_opened",
            "dispute_under_review",
            "dispute_won",
        ),
        "dispute",
    ),
}
# How a dispute ends; nothing comes after it under the same id.
# https://developer.paypal.com/braintree/docs/reference/response/dispute (checked 2026-11-20)
FINAL: Final[Mapping[str, str]] = {"dispute_lost": "lost", "dispute_won": "won", "dispute_accepted": "accepted"}


def _signed_by(private_key: str, message: bytes) -> str:
    """Return the signature: HMAC-SHA1, whose key is the SHA-1 of the private key.

    https://developer.paypal.com/braintree/docs/guides/webhooks/parse (checked 2026-11-20)
    """
    key = hashlib.sha1(private_key.encode()).digest()  # noqa: S324 - Braintree's own choice
    return hmac.new(key, message, hashlib.sha1).hexdigest()


def challenge_reply(challenge: str, *, settings: BraintreeSettings) -> str:
    """Answer the GET by which Braintree proves an address: the body to send back for `?bt_challenge=`.

    Raises:
        WebhookRejected: 400 for what is not a challenge; nothing else is ever signed.
    """
    if not _CHALLENGE.match(challenge):
        raise WebhookRejected("This is not a challenge of Braintree's.", account=settings.account, status=400)
    signature = _signed_by(settings.private_key.get_secret_value(), challenge.encode())
    return f"{settings.public_key}|{signature}"


def _fields(request: WebhookRequest, *, account: str) -> tuple[str, str]:
    """Return signature and payload, each of which must be there once."""
    require_size(request, account=account)
    require_media_type(request, FORM, account=account)
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=8
        )
    except ValueError:
        pairs = []
    found = {name: [value for key, value in pairs if key == name] for name in ("bt_signature", "bt_payload")}
    if any(len(values) != 1 for values in found.values()):
        raise WebhookRejected("The message is not one signature and one payload.", account=account, status=400)
    return found["bt_signature"][0], found["bt_payload"][0]


def _is_proven(signatures: Iterable[tuple[str, str]], payload: str, *, keys: Iterable[tuple[str, str]]) -> bool:
    """Compare every signature with that of every key pair of the same name, in constant time and without an exit.

    The payload is signed with the line break at its end, which some frameworks strip.
    """
    proven = False
    given = list(signatures)
    for public, private in keys:
        expected = [_signed_by(private, text.encode()) for text in (payload, payload + "\n")]
        for name, signature in given:
            for one in expected:
                proven |= (name == public) & hmac.compare_digest(one, signature)
    return proven


def verify(request: WebhookRequest, *, settings: BraintreeSettings) -> str:
    """Prove that Braintree sent this payload, and return it still encoded.

    Raises:
        WebhookRejected: 413 too big, 415 not a form, 400 malformed, 401 not signed by one of the keys.
    """
    signature, payload = _fields(request, account=settings.account)
    pairs = [_PAIR.match(part) for part in signature.split("&")] if len(signature) <= 2048 else []
    signatures = [(match[1], match[2]) for match in pairs if match]
    if not 0 < len(signatures) <= MAX_SIGNATURES or len(signatures) != len(pairs) or not _PAYLOAD.match(payload):
        raise WebhookRejected("The message carries no usable signature.", account=settings.account, status=400)
    if not _is_proven(signatures, payload, keys=settings.signing_secrets):
        raise WebhookRejected("The message's signature is not ours.", account=settings.account)
    return payload


def _parsed(payload: str, *, account: str) -> ET.Element:
    """Parse proven text; a document type, and so an entity of its own, is refused unread."""
    try:
        text = base64.b64decode(payload.replace("\n", ""), validate=True).decode("utf-8")
        root = None if "<!" in text else ET.fromstring(text.strip())  # noqa: S314 - see the import
    except (binascii.Error, ValueError, ET.ParseError, RecursionError):
        root = None
    if root is None or root.tag != "notification":
        raise WebhookRejected("The message is signed, but is not a notification.", account=account, status=400)
    return root


def _text(element: ET.Element, *path: str) -> str | None:
    """Return the text at a place; names are written with - or with _."""
    here: ET.Element | None = element
    for name in path:
        here = (
            next((child for child in here if child.tag.replace("-", "_") == name), None) if here is not None else None
        )
    text = None if here is None else (here.text or "").strip()
    return text or None


def _instant(text: str | None, *, account: str) -> datetime:
    try:
        at = datetime.fromisoformat(text) if text and _INSTANT.match(text) else None
    except ValueError:
        at = None
    if at is None:
        raise WebhookRejected("The message has no time stamp.", account=account, status=400)
    return at.astimezone(UTC)


def observations(payload: str, *, request: WebhookRequest, settings: BraintreeSettings) -> tuple[Observation, ...]:
    """Read a proven payload: one observation, or none for a message that is not about a payment.

    Raises:
        WebhookRejected: 400 for what is no notification, 401 for one that is too old or of the future, 403 for another
            merchant's.
    """
    root = _parsed(payload, account=settings.account)
    at = _instant(_text(root, "timestamp"), account=settings.account)
    _in_time(at, request=request, settings=settings)
    merchant = _text(root, "source_merchant_id")
    if merchant not in (None, settings.merchant_id):
        raise WebhookRejected("The message is of another merchant.", account=settings.account, status=403)
    kind = _text(root, "kind") or ""
    subject = root.find("subject")
    holder = ABOUT.get(kind)
    if holder is None or subject is None:
        return ()
    event_id = hashlib.sha256(payload.rstrip("\n").encode()).hexdigest()
    return _about(subject, kind=kind, holder=holder, event_id=event_id, at=at)


def _in_time(at: datetime, *, request: WebhookRequest, settings: BraintreeSettings) -> None:
    """Refuse what is too old, and what is more than five minutes ahead of our clock."""
    early = at > request.received_at
    tolerance = timedelta(minutes=5) if early else settings.webhook_max_age
    stamp = str(int(at.timestamp()))
    fresh(stamp, received_at=request.received_at, tolerance=tolerance, account=settings.account)


def _about(subject: ET.Element, *, kind: str, holder: str, event_id: str, at: datetime) -> tuple[Observation, ...]:
    place = {"dispute": ("dispute", "transaction", "id"), "transaction_review": (holder, "transaction_id")}
    payment_id = _text(subject, *place.get(holder, (holder, "id")))
    if holder == "transaction":
        # A refund and a part are transactions of their own, known by the one that they belong to.
        owners = ("refunded_transaction_id", "authorized_transaction_id")
        payment_id = next((owner for name in owners if (owner := _text(subject, holder, name))), payment_id)
    if payment_id is None:
        return ()
    reports = _ended(subject, kind=kind) if kind in FINAL else ()
    return (Observation(payment_id=payment_id, reports=reports, event_id=event_id, at=at),)


def _ended(subject: ET.Element, *, kind: str) -> tuple[Report, ...]:
    """State how a dispute ended; one that only asks for papers took nothing."""
    names = ("id", "kind", "amount", "amount_disputed", "amount_won", "currency_iso_code")
    dispute = {name: _text(subject, "dispute", name) for name in names}
    if dispute["kind"] not in TAKING_KINDS or None in (dispute["id"], dispute["amount"], dispute["currency_iso_code"]):
        return ()
    try:
        return tuple(chargebacks({**dispute, "status": FINAL[kind]}))
    except (ArithmeticError, ValueError):
        return ()
