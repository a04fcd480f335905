"""Answers as Adyen words them: JSON bodies, and the one shape of every error."""

import json
from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.gateway import WireResponse

__all__ = ["ERRORS", "WireError", "error_answer", "json_answer"]

_JSON: Final = {"content-type": "application/json;charset=UTF-8"}

# errorCode: status, errorType, message. From the examples of the OpenAPI specification (Checkout v72) and the mocks of
# the official libraries, https://github.com/Adyen/adyen-openapi and https://github.com/Adyen/adyen-python-api-library;
# 704 from https://docs.adyen.com/development-resources/api-idempotency; checked 2026-11-20.
ERRORS: Final[Mapping[str, tuple[int, str, str]]] = {
    "000": (401, "security", "HTTP Status Response - Unauthorized"),
    "010": (403, "security", "Not allowed"),
    "100": (422, "validation", "Required object 'amount' is not provided."),
    "101": (422, "validation", "Invalid card number"),
    "103": (422, "validation", "CVC is not the right length"),
    "130": (422, "validation", "Reference Missing"),
    "167": (422, "validation", "Original pspReference required for this operation"),
    "702": (422, "validation", "Unexpected input"),
    "177": (422, "validation", "Metadata size exceeds limit"),
    "178": (422, "validation", "Metadata key size exceeds limit"),
    "704": (422, "validation", "request already processed or in progress"),
    "901": (403, "security", "Invalid Merchant Account"),
    "14_018": (422, "validation", "Invalid payload provided"),
    "14_030": (422, "validation", "Return URL is missing."),
    # not verified: numbers and texts that no public example shows
    "129": (422, "validation", "Expiry Date Invalid"),
    "137": (422, "validation", "Invalid amount specified"),
    "138": (422, "validation", "Unsupported currency specified"),
    "174": (422, "validation", "Unable to decrypt data"),
    "180": (422, "validation", "Invalid shopperReference"),
    "803": (422, "validation", "PaymentDetail not found"),
}


class WireError(Exception):
    """A request that is refused before anything has happened."""

    def __init__(self, code: str, message: str | None = None, *, status: int | None = None) -> None:
        usual_status, self.kind, usual_message = ERRORS[code]
        super().__init__(code)
        self.code = code
        self.status = status or usual_status
        self.message = message or usual_message


def json_answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> WireResponse:
    """Return an answer with a JSON body."""
    return WireResponse(
        status=status, body=json.dumps(body, default=str).encode(), headers={**_JSON, **(headers or {})}
    )


def error_answer(error: WireError, *, psp: str | None, headers: Mapping[str, str] | None = None) -> WireResponse:
    """Return the answer to a request that was refused; `psp` is the reference of the request, where it has one."""
    body: dict[str, Any] = {
        "status": error.status,
        "errorCode": error.code,
        "message": error.message,
        "errorType": error.kind,
    }
    if psp is not None:
        body["pspReference"] = psp
    return json_answer(error.status, body, headers)
