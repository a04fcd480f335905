"""Adyen's answers in its own shape, with made-up references and cut to what is read."""

from typing import Any

from tests.providers.adyen.orders import PAYMENT, PSP

MODIFICATION = "MODIFICATION0001"


def authorised(**fields: Any) -> dict[str, Any]:
    return {
        "additionalData": {"authCode": "044925", "cardSummary": "1142", "paymentMethod": "visa"},
        "pspReference": PSP,
        "resultCode": "Authorised",
        "amount": {"currency": "EUR", "value": 2000},
        "merchantReference": PAYMENT,
        "paymentMethod": {"brand": "visa", "type": "scheme"},
        **fields,
    }


def refused(code: str = "2", text: str = "Refused", **fields: Any) -> dict[str, Any]:
    return {
        "pspReference": PSP,
        "refusalReason": text,
        "refusalReasonCode": code,
        "resultCode": "Refused",
        "merchantReference": PAYMENT,
        **fields,
    }


def redirect(**fields: Any) -> dict[str, Any]:
    action = {"type": "redirect", "method": "GET", "paymentMethodType": "scheme", "url": "https://bank.example/3ds"}
    return {"resultCode": "RedirectShopper", "action": action, **fields}


def native(**fields: Any) -> dict[str, Any]:
    action = {
        "type": "threeDS2",
        "subtype": "fingerprint",
        "token": "eyJ0",
        "authorisationToken": "Ab02",
        "paymentData": "x",
    }
    return {"resultCode": "IdentifyShopper", "action": action, **fields}


def received(**fields: Any) -> dict[str, Any]:
    return {
        "merchantAccount": "AcmeCharging",
        "paymentPspReference": PSP,
        "pspReference": MODIFICATION,
        "status": "received",
        **fields,
    }


def error(status: int = 422, code: str | None = "101", kind: str = "validation", **fields: Any) -> dict[str, Any]:
    return {"status": status, "message": "no", "errorType": kind, **({"errorCode": code} if code else {}), **fields}
