"""The rig of Adyen, over the real SDK and HTTP, in front of the emulator."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from evpay_contrib_emulators import RunningEmulator

from evpay.payments.method import PaymentMethod
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import ActionRequired
from evpay.payments.reasons import Reason
from evpay.testing.conformance import Answer, Held, Message, Methods, Rig, Subject, Webhooks, Wire
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from evpay_providers.adyen.methods import client_method

KEY = "AQE-conformance-0123456789"
MERCHANT = "ConformanceCOM"
WITH_3DS = "4917610000000000"
HMAC_KEYS = ("A1" * 32, "B2" * 32)
SIGNED = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference", "eventCode", "success")


def card(number: str = "4111111111111111", holder: str = "APPROVED") -> PaymentMethod:
    fields = {
        "type": "scheme",
        "holderName": holder,
        "encryptedCardNumber": f"test_{number}",
        "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030",
        "encryptedSecurityCode": "test_737",
    }
    return client_method(fields, customer="conformance-1")


def _proof(item: Mapping[str, Any], key: str) -> str:
    amount = item["amount"]
    parts = [
        *(item.get(name, "") for name in SIGNED[:4]),
        str(amount["value"]),
        amount["currency"],
        *(item[name] for name in SIGNED[4:]),
    ]
    digest = hmac.new(bytes.fromhex(key), ":".join(parts).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _item(subject: Subject, **changes: Any) -> dict[str, Any]:
    return {
        "amount": {"currency": "EUR", "value": 2000},
        "eventCode": "AUTHORISATION",
        "eventDate": subject.at.isoformat(),
        "merchantAccountCode": MERCHANT,
        "merchantReference": subject.reference,
        "paymentMethod": "visa",
        "pspReference": subject.payment_id,
        "reason": "",
        "success": "true",
        **changes,
    }


def _message(*items: dict[str, Any], live: str = "false", key: str = HMAC_KEYS[0]) -> Message:
    wrapped = [
        {"NotificationRequestItem": {**item, "additionalData": {"hmacSignature": _proof(item, key)}}} for item in items
    ]
    body = json.dumps({"live": live, "notificationItems": wrapped}).encode()
    return Message(body=body, headers={"Content-Type": "application/json"})


def _signed_parts(body: bytes) -> Sequence[range]:
    """Return where the values of the signed fields stand in a message of one item."""
    item = json.loads(body)["notificationItems"][0]["NotificationRequestItem"]
    texts = [item[name] for name in SIGNED if item.get(name)]
    texts += [item["amount"]["currency"], str(item["amount"]["value"]), item["additionalData"]["hmacSignature"]]
    starts = [(body.index(text.encode()), len(text)) for text in texts]
    return [range(start, start + length) for start, length in starts]


def _webhooks() -> Webhooks:
    return Webhooks(
        about=lambda subject: _message(_item(subject)),
        signature_header=None,
        dated=False,
        rotated=lambda subject: _message(_item(subject), key=HMAC_KEYS[1]),
        other_mode=lambda subject: _message(_item(subject), live="true"),
        other_account=lambda subject: _message(_item(subject, merchantAccountCode="SomebodyElse")),
        unknown_type=lambda at: _message(_item(Subject(reference="a", payment_id="A1", at=at), eventCode="MOON_ROSE")),
        batch=lambda subjects: _message(*(_item(subject) for subject in subjects)),
        signed_parts=_signed_parts,
    )


def adyen_rig(emulator: RunningEmulator, **settings: Any) -> Rig:
    """Adyen with the settings of one account."""

    def provider(base_url: str) -> AdyenProvider:
        values = {"api_key": KEY, "merchant_account": MERCHANT, "hmac_keys": HMAC_KEYS, "report_key": KEY, **settings}
        return AdyenProvider(AdyenSettings(base_url=base_url or emulator.url, **values))

    def acts(*, success: bool) -> Any:
        def act(reference: str, _: ActionRequired) -> Mapping[str, str]:
            return emulator.act("authenticate", reference=reference, success=success)

        return act

    def settle() -> None:
        emulator.act("flush")
        emulator.act("settle")

    def books() -> list[Held]:
        return [Held.of(entry) for entry in emulator.books()["payments"]]

    return Rig(
        provider=provider,
        methods=Methods(
            approve=card(),
            declines={
                Reason.DO_NOT_HONOR: card(holder="DECLINED"),
                Reason.INSUFFICIENT_FUNDS: card(holder="NOT_ENOUGH_BALANCE"),
                Reason.EXPIRED_METHOD: card(holder="CARD_EXPIRED"),
                Reason.LOST_OR_STOLEN: card(holder="BLOCK_CARD"),
            },
            driver=card(WITH_3DS),
            driver_passes=acts(success=True),
            driver_fails=acts(success=False),
            increment_refused=card(holder="ADJUSTMENT_REFUSED"),
        ),
        wire=Wire(
            upstream=emulator.url,
            without_reference={
                OperationKind.COMPLETE: "details name no reference: "
                "https://docs.adyen.com/api-explorer/Checkout/72/post/payments/details",
            },
            in_flight=Answer(
                status=422,
                body=b'{"status": 422, "errorCode": "704", "message": "in progress", "errorType": "validation"}',
                headers={"Content-Type": "application/json"},
            ),
            odd_status=lambda body: body.replace(b'"Authorised"', b'"Entangled"'),
        ),
        webhooks=_webhooks(),
        books=books,
        settle=settle,
        advance=lambda by: emulator.advance(by / timedelta(seconds=1)),
        currencies=("EUR", "JPY", "KWD", "ISK", "IDR", "CLP", "HUF"),
        secrets=(KEY, *HMAC_KEYS),
        package="evpay_providers.adyen",
        sdk=("Adyen", "requests", "urllib3"),
    )
