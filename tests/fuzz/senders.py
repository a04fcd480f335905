"""Who sends webhooks, and how a message of each is signed: what is fuzzed is proven, so that the parser is reached."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlencode
from xml.sax.saxutils import escape

from evpay import Money
from evpay.payments.facts import MoneyFacts
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Handle, Hold, Observation, Report, Succeeded
from evpay.providers import Provider, WebhookRequest
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from evpay_providers.braintree import BraintreeProvider, BraintreeSettings
from evpay_providers.sandbox import SandboxProvider, SandboxSettings
from evpay_providers.sandbox.webhooks import message, signed
from evpay_providers.stripe import StripeProvider, StripeSettings

__all__ = ["SENDERS", "Sender"]

_SECRET: Final = "whsec_fuzz_0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A provider, good messages of its processor as trees, and how a tree becomes bytes and bytes a request.

    `signed`: what the signature covers of a request's body, if that is not all of it.
    """

    provider: Provider
    seeds: tuple[Any, ...]
    sign: Callable[[bytes], WebhookRequest]
    write: Callable[[Any], bytes] = lambda tree: json.dumps(tree).encode("utf-8", "surrogatepass")
    signed: Callable[[bytes], object] = lambda body: body


def _request(body: bytes, headers: Mapping[str, str]) -> WebhookRequest:
    return WebhookRequest(body=body, headers=headers, received_at=datetime.now(UTC))


# --- Stripe


def _stripe_event(kind: str, thing: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000,
        "livemode": False,
        "type": kind,
        "data": {"object": thing},
        "request": {"id": None, "idempotency_key": None},
    }


def _stripe() -> Sender:
    def sign(body: bytes) -> WebhookRequest:
        stamp = str(int(time.time()))
        proof = hmac.new(_SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return _request(body, {"stripe-signature": f"t={stamp},v1={proof}", "content-type": "application/json"})

    intent = {"id": "pi_1", "object": "payment_intent", "amount": 2000, "metadata": {"evpay_reference": "a" * 26}}
    charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": {"evpay_reference": "a" * 26}}
    dispute = {"id": "dp_1", "object": "dispute", "payment_intent": "pi_1", "amount": 2000, "status": "lost"}
    reader = {"id": "tmr_1", "action": {"process_payment_intent": {"payment_intent": "pi_1"}, "status": "succeeded"}}
    return Sender(
        provider=StripeProvider(
            StripeSettings(api_key="sk_test_fuzz", webhook_secret=_SECRET, base_url="http://127.0.0.1:9")
        ),
        seeds=(
            _stripe_event("payment_intent.succeeded", intent),
            _stripe_event("charge.refunded", charge),
            _stripe_event("charge.dispute.closed", dispute),
            _stripe_event("terminal.reader.action_succeeded", reader),
        ),
        sign=sign,
    )


# --- the sandbox


def _sandbox() -> Sender:
    settings = SandboxSettings(webhook_secret=_SECRET)
    held = Succeeded(
        amount=Money("20.00", "EUR"), handle=Handle(id="sbx_1"), hold=Hold(expires=timedelta(days=7), increment=True)
    )
    seen = Observation(
        payment_reference="a" * 26,
        payment_id="sbx_1",
        reports=(Report(kind=OperationKind.AUTHORIZE, outcome=held, reference="a" * 26),),
        totals=MoneyFacts(currency="EUR", authorized=2_000),
        at=datetime(2026, 11, 20, tzinfo=UTC),
    )
    return Sender(
        provider=SandboxProvider(settings),
        seeds=(json.loads(message(seen, account=settings.account)),),
        sign=lambda body: _request(body, signed(body, secret=_SECRET, at=datetime.now(UTC)).headers),
    )


# --- Adyen

_HMAC_KEY: Final = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
_NOW: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def _adyen_text(item: Any) -> str | None:
    """Return what is signed of an item; None where it is none."""
    if not isinstance(item, dict):
        return None
    amount = item.get("amount")
    fields = {**item, **(amount if isinstance(amount, dict) else {})}
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference", "value", "currency",
             "eventCode", "success")  # fmt: skip
    return ":".join(str(fields.get(name, "")) for name in names)


def adyen_signed(item: Any, *, key: str = _HMAC_KEY) -> Any:
    """Return an item with its signature, where it has a place for one."""
    text = _adyen_text(item)
    data = item.get("additionalData", {}) if isinstance(item, dict) else None
    if text is None or not isinstance(data, dict):
        return item
    proof = hmac.new(bytes.fromhex(key), text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return {**item, "additionalData": {**data, "hmacSignature": base64.b64encode(proof).decode()}}


def _adyen_items(tree: Any) -> list[Any]:
    wrapped = tree.get("notificationItems") if isinstance(tree, dict) else None
    return wrapped if isinstance(wrapped, list) else []


def _adyen_written(tree: Any) -> bytes:
    items = [
        {**part, "NotificationRequestItem": adyen_signed(part.get("NotificationRequestItem"))}
        if isinstance(part, dict)
        else part
        for part in _adyen_items(tree)
    ]
    whole = {**tree, "notificationItems": items} if items else tree
    return json.dumps(whole).encode("utf-8", "surrogatepass")


def _adyen_covered(body: bytes) -> object:
    """Return what is signed of a message, with the signatures; None if it is no message."""
    try:
        items = [part["NotificationRequestItem"] for part in _adyen_items(json.loads(body))]
        return [(_adyen_text(item), item["additionalData"]["hmacSignature"]) for item in items]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _adyen_item(event: str, *, success: str = "true", **fields: Any) -> dict[str, Any]:
    first = event in ("AUTHORISATION", "EXPIRE")
    return {
        "amount": {"currency": "EUR", "value": 2_000},
        "eventCode": event,
        "eventDate": "2026-11-20T12:59:00+01:00",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "a" * 26,
        "originalReference": "" if first else "AUTH000000000001",
        "paymentMethod": "visa",
        "pspReference": "AUTH000000000001" if first else "EVENT00000000001",
        "reason": "" if success == "true" else "Insufficient balance on payment",
        "success": success,
        **fields,
    }


def adyen_message(*items: dict[str, Any], live: str = "false") -> dict[str, Any]:
    """Return a message of items, not signed yet."""
    return {"live": live, "notificationItems": [{"NotificationRequestItem": item} for item in items]}


def _adyen() -> Sender:
    saved = {
        "authCode": "1234",
        "cardSummary": "0004",
        "expiryDate": "03/2030",
        "tokenization.storedPaymentMethodId": "M5N7TQ4TG5PFWR50",
        "tokenization.shopperReference": "driver-1",
        "adjustAuthorisationData": "BQABAQB9CUYXxH==",
    }
    reversed_by_hand = {"modification.action": "refund"}
    return Sender(
        provider=AdyenProvider(
            AdyenSettings(
                api_key="AQE-an-example-of-a-key",
                merchant_account="TestMerchant",
                hmac_key=_HMAC_KEY,
                base_url="http://127.0.0.1:9",
            )
        ),
        seeds=(
            adyen_message(_adyen_item("AUTHORISATION", additionalData=saved)),
            adyen_message(_adyen_item("AUTHORISATION", success="false")),
            adyen_message(_adyen_item("AUTHORISATION_ADJUSTMENT", additionalData=saved)),
            adyen_message(_adyen_item("CAPTURE")),
            adyen_message(_adyen_item("CAPTURE_FAILED", reason="Capture Failed")),
            adyen_message(_adyen_item("CANCELLATION")),
            adyen_message(_adyen_item("CANCEL_OR_REFUND", additionalData=reversed_by_hand)),
            adyen_message(_adyen_item("CHARGEBACK"), _adyen_item("CHARGEBACK_REVERSED")),
            adyen_message(_adyen_item("TECHNICAL_CANCEL"), _adyen_item("EXPIRE")),
            adyen_message(_adyen_item("REFUND"), _adyen_item("CAPTURE"), _adyen_item("REFUND_FAILED")),
        ),
        sign=lambda body: WebhookRequest(body=body, headers={"content-type": "application/json"}, received_at=_NOW),
        write=_adyen_written,
        signed=_adyen_covered,
    )


# --- Braintree: XML in base64 in a form; what is mutated is the XML

_PRIVATE_KEY: Final = "private-key-of-the-fuzzing"


def _element(name: str, value: Any) -> str:
    """Write a member as an element, whatever it is called: a name that XML does not know is a good mutation too."""
    if isinstance(value, dict):
        content = "".join(_element(inner, held) for inner, held in value.items())
    elif isinstance(value, list):
        content = "".join(_element("item", held) for held in value)
    else:
        content = "" if value is None else escape(str(value))
    typed = ' type="datetime"' if name == "timestamp" else ""
    return f"<{name}{typed}>{content}</{name}>"


def braintree_written(tree: Any) -> bytes:
    """Return a notification's XML."""
    return _element("notification", tree).encode("utf-8", "surrogatepass")


def braintree_form(xml: bytes, *, private_key: str = _PRIVATE_KEY) -> bytes:
    """Return the signed form that carries a notification."""
    payload = base64.encodebytes(xml)
    proof = hmac.new(hashlib.sha1(private_key.encode()).digest(), payload, hashlib.sha1).hexdigest()
    return urlencode({"bt_signature": f"public1|{proof}", "bt_payload": payload.decode()}).encode()


def _braintree_covered(body: bytes) -> object:
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True)
        return fields["bt_signature"], fields["bt_payload"][0].rstrip("\n")
    except (ValueError, LookupError):
        return None


def braintree_tree(kind: str, subject: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a notification as a tree."""
    whole = {"timestamp": "2026-11-20T12:00:00Z", "kind": kind, "source-merchant-id": "m1", "subject": subject}
    return {**whole, **fields}


def _braintree() -> Sender:
    settled = {"transaction": {"id": "tx1", "status": "settled", "amount": "20.00", "currency-iso-code": "EUR"}}
    part = {"transaction": {"id": "tx2", "authorized-transaction-id": "tx1", "status": "settled"}}
    refund = {"transaction": {"id": "re1", "refunded-transaction-id": "tx1", "refund-ids": []}}
    dispute = {
        "dispute": {
            "id": "dp1",
            "kind": "chargeback",
            "status": "lost",
            "amount": "20.00",
            "amount-disputed": "20.00",
            "currency-iso-code": "EUR",
            "transaction": {"id": "tx1", "amount": "20.00"},
        }
    }
    review = {"transaction-review": {"transaction-id": "tx1", "decision": "smart_decision"}}
    return Sender(
        provider=BraintreeProvider(
            BraintreeSettings(
                merchant_id="m1",
                public_key="public1",
                private_key=_PRIVATE_KEY,
                merchant_accounts={"EUR": "eur"},
                base_url="http://127.0.0.1:9",
            )
        ),
        seeds=(
            braintree_tree("transaction_settled", settled),
            braintree_tree("transaction_disbursed", part),
            braintree_tree("refund_failed", refund),
            braintree_tree("transaction_reviewed", review),
            *(braintree_tree(f"dispute_{what}", dispute) for what in ("opened", "lost", "won", "accepted", "expired")),
        ),
        sign=lambda xml: WebhookRequest(
            body=braintree_form(xml),
            headers={"content-type": "application/x-www-form-urlencoded"},
            received_at=_NOW,
        ),
        write=braintree_written,
        signed=_braintree_covered,
    )


SENDERS: Final[Mapping[str, Callable[[], Sender]]] = {
    "adyen": _adyen,
    "braintree": _braintree,
    "sandbox": _sandbox,
    "stripe": _stripe,
}
