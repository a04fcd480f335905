"""The rig of Braintree, over the real SDK and HTTP, in front of the emulator."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from evpay_contrib_emulators import RunningEmulator

from evpay.payments.method import MethodKind, PaymentMethod
from evpay.payments.operation import OperationKind
from evpay.payments.reasons import Reason
from evpay.testing.conformance import Answer, Held, Message, Methods, Rig, Subject, Webhooks, Wire
from evpay_providers.braintree import BraintreeProvider, BraintreeSettings

PRIVATE_KEY = "conformance-private-key-0001"
OTHER_KEY = "conformance-private-key-0002"
MERCHANT_ACCOUNTS = {"EUR": "eur", "JPY": "jpy", "KWD": "kwd", "HUF": "huf", "ISK": "isk"}
OPTIONS: dict[str, Any] = {
    "merchant_id": "conformance",
    "public_key": "public_one",
    "private_key": PRIVATE_KEY,
    "merchant_accounts": {account: currency for currency, account in MERCHANT_ACCOUNTS.items()},
}
_PAGE = "https://developer.paypal.com/braintree/docs/reference/request/transaction"


def _message(kind: str, subject: str, at: datetime, *, more: str = "") -> bytes:
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'<notification><timestamp type="datetime">{stamp}</timestamp><kind>{kind}</kind>{more}'
        f"<subject>{subject}</subject></notification>"
    ).encode()


def _signed(content: bytes, _: datetime, *, public: str = "public_one", private: str = PRIVATE_KEY) -> Message:
    payload = base64.encodebytes(content)
    key = hashlib.sha1(private.encode()).digest()
    proof = hmac.new(key, payload, hashlib.sha1).hexdigest()
    body = urlencode({"bt_signature": f"{public}|{proof}", "bt_payload": payload.decode()}).encode()
    return Message(body=body, headers={"Content-Type": "application/x-www-form-urlencoded"})


def _about(subject: Subject, *, more: str = "") -> bytes:
    return _message(
        "transaction_settled", f"<transaction><id>{subject.payment_id}</id></transaction>", subject.at, more=more
    )


def _signed_parts(body: bytes) -> Sequence[range]:
    """The two values of the form, but not the letters of its escapes, which may be written in either case."""
    return [
        range(found.start(1), found.end(1))
        for found in re.finditer(rb"bt_[a-z]+=|%[0-9A-F]{2}|([A-Za-z0-9]+)", body)
        if found[1]
    ]


def _webhooks() -> Webhooks:
    other = "<source-merchant-id>another</source-merchant-id>"
    return Webhooks(
        about=lambda subject: _signed(_about(subject), subject.at),
        signature_header=None,
        rotated=lambda subject: _signed(_about(subject), subject.at, public="public_two", private=OTHER_KEY),
        other_account=lambda subject: _signed(_about(subject, more=other), subject.at),
        unknown_type=lambda at: _signed(_message("moon_rose", "<moon/>", at), at),
        sign=_signed,
        signed_parts=_signed_parts,
    )


def braintree_rig(emulator: RunningEmulator, **settings: Any) -> Rig:
    """Braintree with keys, and increments where the processor has them."""

    def provider(base_url: str) -> BraintreeProvider:
        return BraintreeProvider(
            BraintreeSettings(
                **{
                    "merchant_id": "conformance",
                    "public_key": "public_one",
                    "private_key": PRIVATE_KEY,
                    "merchant_accounts": MERCHANT_ACCOUNTS,
                    "webhook_keys": {"public_two": OTHER_KEY},
                    "base_url": base_url,
                    "webhook_max_age": timedelta(hours=1),
                    "request_keys": True,
                    "request_increment": True,
                    **settings,
                }
            )
        )

    return Rig(
        provider=provider,
        methods=Methods(
            approve="fake-valid-nonce",
            declines={
                Reason.DO_NOT_HONOR: "fake-processor-declined-visa-nonce",
                Reason.SUSPECTED_FRAUD: "fake-gateway-rejected-fraud-nonce",
            },
            increment_refused=PaymentMethod("fake-paypal-one-time-nonce", kind=MethodKind.WALLET),
        ),
        wire=Wire(
            upstream=emulator.url,
            is_read=lambda exchange: exchange.method == "GET" or "/advanced_search" in exchange.path,
            without_reference={
                OperationKind.INCREMENT: f"takes the amount only: {_PAGE}/adjust-authorization",
                OperationKind.CAPTURE: f"an order id would replace the payment's: {_PAGE}/submit-for-settlement",
                OperationKind.VOID: f"takes no order id: {_PAGE}/void",
            },
            without_key={OperationKind.INCREMENT: f"takes the amount only: {_PAGE}/adjust-authorization"}
            if settings.get("request_keys", True)
            else dict.fromkeys(OperationKind, "the account has no request keys"),
            in_flight=Answer(
                status=422,
                body=b'<api-error-response><errors><transaction><errors type="array"><error><code>915233</code>'
                b"<attribute>api_request_key</attribute><message>In flight.</message></error></errors></transaction>"
                b"</errors><message>In flight.</message></api-error-response>",
                headers={"Content-Type": "application/xml"},
            ),
            own_fields=("amount", "merchant_account_id", "order_id", "payment_method_nonce", "options", "type"),
        ),
        webhooks=_webhooks(),
        books=lambda: [Held.of(entry) for entry in emulator.books()["payments"]],
        advance=lambda by: emulator.advance(by.total_seconds()),
        settle=lambda: emulator.act("settle") and None,
        lag=timedelta(0),
        currencies=tuple(MERCHANT_ACCOUNTS),
        secrets=(PRIVATE_KEY, OTHER_KEY),
        package="evpay_providers.braintree",
        sdk=("braintree", "requests"),
    )
