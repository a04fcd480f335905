"""A payment terminal behind the cloud device API: payments, and what became of one."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from evpay_contrib_emulators.adyen.amounts import major, wire_value
from evpay_contrib_emulators.adyen.answers import WireError, json_answer
from evpay_contrib_emulators.adyen.authorising import conclude
from evpay_contrib_emulators.adyen.books import Books, Instrument, Payment
from evpay_contrib_emulators.adyen.refusals import AUTHORISED, Verdict, verdict_with
from evpay_contrib_emulators.gateway import WireResponse

__all__ = ["STATES", "Terminals"]

_MOST: Final = 10**12
STATES: Final = ("ready", "busy", "cancelled")
_SERVICE_ID: Final = re.compile(r"[A-Za-z0-9]{1,10}", re.ASCII)

# The last three digits of an amount make a test terminal decline: refusal code, message, ErrorCondition,
# https://docs.adyen.com/point-of-sale/testing-pos-payments, checked 2026-11-20. 129 to 133 are not emulated.
_DECLINES: Final[Mapping[int, tuple[str, str, str, str]]] = {
    124: ("12", "NOT_ENOUGH_BALANCE", "210 Not enough balance", "Refusal"),
    125: ("5", "BLOCK_CARD", "199 Card blocked", "Refusal"),
    126: ("6", "CARD_EXPIRED", "228 Card expired", "Refusal"),
    127: ("7", "INVALID_AMOUNT", "214 Declined online", "Refusal"),
    128: ("8", "INVALID_CARD", "214 Declined online", "InvalidCard"),
    134: ("17", "INVALID_PIN", "129 Invalid online PIN", "WrongPIN"),
}
_CARD: Final = Instrument(kind="scheme", brand="visa", variant="visa", summary="1111", expiry="03/2030")


class _MalformedError(Exception):
    """A message that a terminal does not take."""


class Terminals:
    """All terminals of the merchant account; any POIID is one."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._done: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._states: dict[str, str] = {}
        self._tender = 0

    def set_state(self, device: str, state: str) -> None:
        """Say what the next payment meets on this terminal: it is ready, busy, or the shopper walks away.

        Raises:
            ValueError: there is no such state.
        """
        if state not in STATES:
            raise ValueError(f"unknown state {state!r}; there are {', '.join(STATES)}")
        self._states[device] = state

    def answer(self, merchant: str, device: str, body: Mapping[str, Any]) -> WireResponse:
        """Answer a message to a terminal.

        Raises:
            WireError: it is not this merchant's terminal.
        """
        if merchant != self._books.options.merchant_account:
            raise WireError("901")
        try:
            header, content = self._answered(_object(body, "SaleToPOIRequest"), device)
        except _MalformedError as error:
            return json_answer(200, _rejected(str(error), self._books.clock.now()))
        shown = {**header, "MessageType": "Response"}
        return json_answer(200, {"SaleToPOIResponse": {"MessageHeader": shown, **content}})

    def _answered(self, request: Mapping[str, Any], device: str) -> tuple[dict[str, str], dict[str, Any]]:
        header = _header(request, device)
        category = header["MessageCategory"]
        if category == "Payment":
            return header, {"PaymentResponse": self._pay(header, _object(request, "PaymentRequest"))}
        if category == "TransactionStatus":
            reference = _object(_object(request, "TransactionStatusRequest"), "MessageReference")
            return header, {"TransactionStatusResponse": self._status(header, reference)}
        raise _MalformedError(f"MessageCategory {category} is not emulated")

    def _pay(self, header: Mapping[str, str], request: Mapping[str, Any]) -> dict[str, Any]:
        key = (header["POIID"], header["SaleID"], header["ServiceID"])
        sale = _object(request, "SaleData")
        if key in self._done:
            return self._nothing(sale, "MessageFormat", "message=ServiceID+is+not+unique")
        state = self._states.pop(header["POIID"], "ready")
        if state == "busy":
            return self._nothing(sale, "Busy", "message=Terminal+is+busy")
        if state == "cancelled":
            answer = self._nothing(
                sale, "Cancel", "message=108+Shopper+cancelled+tx&refusalReason=108+Shopper+cancelled+tx"
            )
        else:
            answer = self._paid(header, sale, _object(request, "PaymentTransaction"))
        self._done[key] = answer
        return answer

    def _paid(
        self, header: Mapping[str, str], sale: Mapping[str, Any], transaction: Mapping[str, Any]
    ) -> dict[str, Any]:
        asked = _object(transaction, "AmountsReq")
        currency = str(asked.get("Currency", ""))
        given = _acquirer_data(sale.get("SaleToAcquirerData"))
        value = _wire(asked.get("RequestedAmount"), currency)
        payment = self._payment(
            str(_object(sale, "SaleTransactionID").get("TransactionID", "")), currency, value, given
        )
        self._books.payments[payment.psp] = payment
        conclude(self._books, payment, payment.verdict)
        return self._shown(header, sale, payment, _DECLINES.get(value % 1000))

    def _payment(self, reference: str, currency: str, value: int, given: Mapping[str, str]) -> Payment:
        decline = _DECLINES.get(value % 1000)
        verdict: Verdict = (verdict_with(decline[0], raw=decline[1]) if decline else None) or AUTHORISED
        manual = given.get("manualCapture", "true" if self._books.options.manual_capture else "false")
        return Payment(
            psp=self._books.mint(),
            reference=given.get("merchantReference", reference),
            currency=currency,
            requested=value,
            instrument=_CARD,
            verdict=verdict,
            created=self._books.clock.now(),
            manual=manual == "true",
            pre_auth=given.get("authorisationType") == "PreAuth",
            interaction="POS",
            shopper=given.get("shopperReference"),
            store="shopperReference" in given and "recurringProcessingModel" in given,
            model=given.get("recurringProcessingModel"),
            metadata={
                name.removeprefix("metadata."): text for name, text in given.items() if name.startswith("metadata.")
            },
        )

    def _shown(
        self,
        header: Mapping[str, str],
        sale: Mapping[str, Any],
        payment: Payment,
        decline: tuple[str, str, str, str] | None,
    ) -> dict[str, Any]:
        self._tender += 1
        now = _stamp(self._books.clock.now())
        transaction = {"TimeStamp": now, "TransactionID": f"v4W5{self._tender:015}.{payment.psp}"}
        result: dict[str, Any] = {
            "OnlineFlag": True,
            "PaymentAcquirerData": {
                "AcquirerPOIID": header["POIID"],
                "AcquirerTransactionID": {"TimeStamp": now, "TransactionID": payment.psp},
                "MerchantID": self._books.options.merchant_account,
            },
            "PaymentInstrumentData": {
                "PaymentInstrumentType": "Card",
                "CardData": {"EntryMode": ["Contactless"], "MaskedPan": "411111 **** 1111", "PaymentBrand": "visa"},
            },
        }
        response = {"Result": "Success", "AdditionalResponse": _additional(payment)}
        if decline is not None:
            _, message, reason, condition = decline
            text = f"message={message}&refusalReason={quote(reason)}&{_additional(payment)}"
            response = {"Result": "Failure", "ErrorCondition": condition, "AdditionalResponse": text}
        else:
            result["AmountsResp"] = {
                "AuthorizedAmount": _json_number(major(payment.authorized, payment.currency)),
                "Currency": payment.currency,
            }
        return {
            "POIData": {"POIReconciliationID": "1000", "POITransactionID": transaction},
            "PaymentReceipt": [],
            "PaymentResult": result,
            "Response": response,
            "SaleData": {"SaleTransactionID": sale["SaleTransactionID"]},
        }

    def _nothing(self, sale: Mapping[str, Any], condition: str, text: str) -> dict[str, Any]:
        """Return the answer to a payment that never reached Adyen."""
        transaction = _object(sale, "SaleTransactionID")
        return {
            "POIData": {"POITransactionID": {"TimeStamp": _stamp(self._books.clock.now()), "TransactionID": ""}},
            "Response": {"Result": "Failure", "ErrorCondition": condition, "AdditionalResponse": text},
            "SaleData": {"SaleTransactionID": transaction},
        }

    def _status(self, header: Mapping[str, str], reference: Mapping[str, Any]) -> dict[str, Any]:
        wanted = (header["POIID"], str(reference.get("SaleID", "")), str(reference.get("ServiceID", "")))
        found = self._done.get(wanted)
        if found is None:
            text = "message=Did+not+find+a+matching+transaction"
            return {"Response": {"Result": "Failure", "ErrorCondition": "NotFound", "AdditionalResponse": text}}
        repeated = {
            "MessageHeader": {
                **header,
                "MessageCategory": "Payment",
                "MessageType": "Response",
                "SaleID": wanted[1],
                "ServiceID": wanted[2],
            },
            "RepeatedResponseMessageBody": {"PaymentResponse": found},
        }
        return {
            "MessageReference": dict(reference),
            "Response": {"Result": "Success"},
            "RepeatedMessageResponse": repeated,
        }


def _header(request: Mapping[str, Any], device: str) -> dict[str, str]:
    header = _object(request, "MessageHeader")
    expected = {"ProtocolVersion": "3.0", "MessageClass": "Service", "MessageType": "Request", "POIID": device}
    for name, value in expected.items():
        if header.get(name) != value:
            raise _MalformedError(f"MessageHeader.{name} is not {value}")
    for name in ("MessageCategory", "SaleID", "ServiceID"):
        if not isinstance(header.get(name), str) or not header[name]:
            raise _MalformedError(f"MessageHeader.{name} is missing")
    if not _SERVICE_ID.fullmatch(header["ServiceID"]):
        raise _MalformedError("MessageHeader.ServiceID is not 1 to 10 letters and digits")
    return dict(header)


def _object(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    if not isinstance(value, dict):
        raise _MalformedError(f"{name} is missing")
    return value


def _wire(amount: object, currency: str) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or not re.fullmatch(r"[A-Z]{3}", currency):
        raise _MalformedError("AmountsReq is not an amount")
    try:
        value = wire_value(Decimal(amount), currency)
    except (ArithmeticError, ValueError) as error:
        raise _MalformedError(str(error)) from error
    if not 0 < value < _MOST:
        raise _MalformedError("RequestedAmount is not an amount")
    return value


def _acquirer_data(text: object) -> dict[str, str]:
    """Read SaleToAcquirerData, which is either a form or JSON in Base64."""
    if text is None:
        return {}
    if not isinstance(text, str):
        raise _MalformedError("SaleToAcquirerData is not a string")
    if "=" in text.rstrip("="):
        return dict(parse_qsl(text))
    try:
        content = json.loads(base64.b64decode(text, validate=True))
    except ValueError as error:
        raise _MalformedError("SaleToAcquirerData cannot be read") from error
    if not isinstance(content, dict):
        raise _MalformedError("SaleToAcquirerData cannot be read")
    flat = {name: str(value) for name, value in content.items() if isinstance(value, str)}
    for name, prefix in (("additionalData", ""), ("metadata", "metadata.")):
        inner = content.get(name)
        if isinstance(inner, dict):
            flat |= {f"{prefix}{key}": str(value) for key, value in inner.items()}
    return flat


def _additional(payment: Payment) -> str:
    known = {
        "pspReference": payment.psp,
        "merchantReference": payment.reference,
        "cardSummary": payment.instrument.summary,
        "paymentMethod": payment.instrument.brand,
        "authCode": payment.auth_code,
        "shopperReference": payment.shopper,
        "tokenization.storedPaymentMethodId": payment.stored_id,
        "adjustAuthorisationData": payment.blob,
    }
    return urlencode({name: value for name, value in known.items() if value})


def _json_number(amount: Decimal) -> float:
    """Return a number whose shortest decimal form, which JSON shows, is the amount."""
    return float(amount)


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")


def _rejected(details: str, now: datetime) -> dict[str, Any]:
    """Return how a terminal refuses a message. That it comes with status 200 is not verified."""
    header = {
        "MessageCategory": "Event",
        "MessageClass": "Event",
        "MessageType": "Notification",
        "POIID": "N/A",
        "ProtocolVersion": "3.0",
        "SaleID": "N/A",
    }
    event = {"EventToNotify": "Reject", "TimeStamp": _stamp(now), "EventDetails": f"message={quote(details)}"}
    return {"SaleToPOIRequest": {"MessageHeader": header, "EventNotification": event}}
