"""Cards at a terminal: pre-authorizations through Adyen's cloud, which are then captured online.

The driver takes longer than a call may, so a payment that is still under way is `ActionRequired(ConfirmOnDevice)`;
`complete` asks the terminal what became of it, and a webhook tells it as well.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.providers import (
    UNREADABLE,
    ActionRequired,
    AuthorizeRequest,
    CompleteRequest,
    ConfirmOnDevice,
    Declined,
    Failed,
    Handle,
    Outcome,
    Reason,
    Succeeded,
    Unknown,
    with_extra,
)
from evpay_providers.adyen.amounts import to_adyen
from evpay_providers.adyen.failures import failure, refusal_of_text
from evpay_providers.adyen.holds import handle_of, hold_of, is_psp_reference
from evpay_providers.adyen.mapping import REFERENCE
from evpay_providers.adyen.settings import AdyenSettings

if TYPE_CHECKING:
    from evpay_providers.adyen.calls import AdyenCalls

__all__ = ["authorize", "complete", "is_waiting", "payment_outcome", "service_id"]

_DEVICE: Final = re.compile(r"[A-Za-z0-9-]{3,64}\Z", re.ASCII)
_AMOUNT_MARK: Final = "amount-goes-here"

# https://docs.adyen.com/point-of-sale/design-your-integration/choose-your-architecture/cloud (checked 2026-11-20)
_LIVE_HOSTS: Final = {
    "eu": "https://device-api-live.adyen.com",
    "us": "https://device-api-live-us.adyen.com",
    "au": "https://device-api-live-au.adyen.com",
    "apse": "https://device-api-live-apse.adyen.com",
}
_TEST_HOST: Final = "https://device-api-test.adyen.com"

# Why a terminal did not take a payment. `Refusal` is told by its reason; what is not listed proves nothing, and so
# does `UnreachableHost`, because the terminal may have been cut off after the card was asked.
# https://docs.adyen.com/point-of-sale/error-scenarios (checked 2026-11-20)
DECLINES: Final[Mapping[str, Reason]] = {
    "Aborted": Reason.APPROVAL_EXPIRED,
    "Cancel": Reason.CANCELLED_BY_DRIVER,
    "InvalidCard": Reason.INVALID_METHOD,
    "PaymentRestriction": Reason.NOT_PERMITTED,
    "WrongPIN": Reason.AUTHENTICATION_FAILED,
}
# Why an issuer refused, by a terminal's `message`: its refusal reasons have other words than those online.
# https://github.com/adyen-examples/adyen-mock-terminal-api (checked 2026-11-20)
MESSAGES: Final[Mapping[str, Reason]] = {
    "BLOCK_CARD": Reason.LOST_OR_STOLEN,
    "CARD_EXPIRED": Reason.EXPIRED_METHOD,
    "INVALID_AMOUNT": Reason.LIMIT_EXCEEDED,
    "INVALID_CARD": Reason.INVALID_METHOD,
    "INVALID_PIN": Reason.AUTHENTICATION_FAILED,
    "NOT_ENOUGH_BALANCE": Reason.INSUFFICIENT_FUNDS,
}
FAILURES: Final[Mapping[str, Reason]] = {
    "Busy": Reason.INVALID_STATE,
    "DeviceOut": Reason.MISCONFIGURED,
    "InsertedCard": Reason.INVALID_STATE,
    "LoggedOut": Reason.MISCONFIGURED,
    "MessageFormat": Reason.INVALID_REQUEST,
    "NotAllowed": Reason.MISCONFIGURED,
    "UnavailableDevice": Reason.MISCONFIGURED,
    "UnavailableService": Reason.MISCONFIGURED,
}


def service_id(key: str) -> str:
    """Return the id of a payment at a terminal: ten letters and digits, the same for every resend of a key."""
    return base64.b32encode(hashlib.sha256(key.encode()).digest())[:10].decode()


def is_waiting(handle: Handle) -> bool:
    """Say whether a payment is, or was, under way at a terminal."""
    return "terminal" in handle.memo


async def authorize(request: AuthorizeRequest, *, calls: "AdyenCalls", settings: AdyenSettings) -> Outcome:
    """Ask a terminal for a card, unless it has been asked already under the same key.

    Raises:
        InvalidInput: the token is no terminal's id, or the amount cannot be written.
    """
    device = request.method.token
    if not _DEVICE.match(device):
        raise InvalidInput("The id of a terminal is as V400m-123456789.", code="malformed_token")
    to_adyen(request.amount)
    service = service_id(request.idempotency_key)
    text = _payment_text(request, device=device, service=service, settings=settings)
    desk = _Desk(calls=calls, settings=settings, device=device, service=service)
    found = await calls.in_time(lambda: _ask_once(desk, text))
    waiting = Handle(id=request.reference, memo={"terminal": device, "service": service})
    return _read(found, desk=desk, waiting=waiting, asked=request.amount, reference=request.reference)


async def complete(request: CompleteRequest, *, calls: "AdyenCalls", settings: AdyenSettings) -> Outcome:
    """Ask the terminal what became of the payment."""
    memo = request.handle.memo
    if request.extra:
        raise InvalidInput("A terminal is only asked, so extra has no place.", code="extra_overrides", path="extra")
    desk = _Desk(calls=calls, settings=settings, device=memo["terminal"], service=memo["service"])
    found = await calls.in_time(desk.status)
    if found is None or isinstance(found, Failed):
        return Unknown(detail="the terminal does not know the payment, or could not be asked")
    return _read(found, desk=desk, waiting=request.handle, asked=request.amount, reference=request.payment_reference)


class _Desk:
    """One payment at one terminal: sends messages about it, on the thread that it is used in."""

    def __init__(self, *, calls: "AdyenCalls", settings: AdyenSettings, device: str, service: str) -> None:
        self._calls = calls
        self._deadline_s = settings.deadline.total_seconds()
        self.settings = settings
        self.device = device
        self.service = service

    def status(self) -> Mapping[str, Any] | Failed | Unknown | None:
        """Return the payment's response, `{}` while it is under way, None if the terminal knows of none."""
        body = {
            "TransactionStatusRequest": {
                "ReceiptReprintFlag": False,
                "MessageReference": {
                    "MessageCategory": "Payment",
                    "SaleID": self.settings.sale_id,
                    "ServiceID": self.service,
                },
            }
        }
        # A message of its own, and an id may not come twice within two days.
        own = secrets.token_hex(5)
        text = json.dumps(_message("TransactionStatus", body, settings=self.settings, device=self.device, service=own))
        answer = self.send(text, share=0.2)
        if isinstance(answer, Failed | Unknown):
            return answer
        try:
            return _status_of(answer["TransactionStatusResponse"])
        except UNREADABLE as error:
            return Unknown(detail=f"a status that is not as documented: {type(error).__name__}")

    def send(self, text: str, *, share: float) -> Mapping[str, Any] | Failed | Unknown:
        """Send one message; `share` of the deadline is its own. Return what is in `SaleToPOIResponse`."""
        host = self.settings.terminal_url or self.settings.base_url
        host = host or (_LIVE_HOSTS[self.settings.terminal_region] if self.settings.live else _TEST_HOST)
        url = f"{host}/v1/merchants/{self.settings.merchant_account}/devices/{self.device}/sync"
        found = self._calls.exchange("POST", url, body=text, deadline_s=self._deadline_s * share)
        if isinstance(found, Failed | Unknown):
            return found
        try:
            content = json.loads(found[0], parse_float=Decimal)
            if found[1] != 200:
                return failure(status=found[1], body=content, transient=False)
            inner = content["SaleToPOIResponse"]
            return inner if isinstance(inner, dict) else Unknown(detail="an answer that is not a terminal's")
        except UNREADABLE as error:
            return Unknown(detail=f"HTTP {found[1]}, not a terminal's answer: {type(error).__name__}")


def _message(
    category: str, body: Mapping[str, Any], *, settings: AdyenSettings, device: str, service: str
) -> dict[str, Any]:
    header = {
        "ProtocolVersion": "3.0",
        "MessageClass": "Service",
        "MessageCategory": category,
        "MessageType": "Request",
        "SaleID": settings.sale_id,
        "ServiceID": service,
        "POIID": device,
    }
    return {"SaleToPOIRequest": {"MessageHeader": header, **body}}


def _payment_text(request: AuthorizeRequest, *, device: str, service: str, settings: AdyenSettings) -> str:
    """Write the request; its amount is a decimal number in JSON, and never a float here."""
    options = {"authorisationType": "PreAuth", "manualCapture": "true", f"metadata.{REFERENCE}": request.reference}
    if request.save_method and request.method.customer is not None:
        options |= {"shopperReference": request.method.customer, "recurringProcessingModel": "UnscheduledCardOnFile"}
    body = {
        "PaymentRequest": {
            "SaleData": {
                "SaleTransactionID": {
                    "TransactionID": request.reference,
                    "TimeStamp": datetime.now(UTC).isoformat(timespec="seconds"),
                },
                "SaleToAcquirerData": urlencode(options),
            },
            "PaymentTransaction": {
                "AmountsReq": {"Currency": request.amount.currency.code, "RequestedAmount": _AMOUNT_MARK}
            },
        }
    }
    message = _message("Payment", body, settings=settings, device=device, service=service)
    text = json.dumps(with_extra(message, request.extra))
    return text.replace(f'"{_AMOUNT_MARK}"', format(request.amount.amount, "f"))


def _ask_once(desk: _Desk, text: str) -> Mapping[str, Any] | Failed | Unknown:
    """Send the payment if the terminal has never heard of it; if its answer is lost, ask what became of it."""
    before = desk.status()
    if before is not None:
        return before
    answer = desk.send(text, share=0.5)
    if not isinstance(answer, Unknown):
        return answer if isinstance(answer, Failed) else answer.get("PaymentResponse") or answer
    after = desk.status()
    return answer if after is None or isinstance(after, Failed) else after


def _status_of(status: Mapping[str, Any]) -> Mapping[str, Any] | Unknown | None:
    response = status["Response"]
    if response["Result"] == "Success":
        found = status["RepeatedMessageResponse"]["RepeatedResponseMessageBody"]["PaymentResponse"]
        return found if isinstance(found, dict) and found else Unknown(detail="a status without a payment")
    match response.get("ErrorCondition"):
        case "InProgress":
            return {}
        case "NotFound":
            return None
        case condition:
            return Unknown(detail=f"the terminal says {condition!r} of the payment")


def _read(
    found: Mapping[str, Any] | Failed | Unknown, *, desk: _Desk, waiting: Handle, asked: Money, reference: str
) -> Outcome:
    if isinstance(found, Failed | Unknown):
        return found
    if not found:
        return ActionRequired(action=ConfirmOnDevice(device=desk.device), id=None, handle=waiting)
    try:
        outcome = payment_outcome(found, settings=desk.settings)
        whose = ((found.get("SaleData") or {}).get("SaleTransactionID") or {}).get("TransactionID")
    except UNREADABLE as error:
        return Unknown(detail=f"an answer that is not as documented: {type(error).__name__}")
    if whose != reference and (whose is not None or isinstance(outcome, Succeeded)):
        # What a terminal turned away unread may not be named; money that is held, and what belongs to another, is.
        return Unknown(detail="an answer that does not say that it is of this payment")
    if isinstance(outcome, Succeeded) and outcome.amount.currency != asked.currency:
        return Unknown(detail=f"an answer in {outcome.amount.currency.code}, where {asked.currency.code} was asked")
    return outcome


def payment_outcome(payment: Mapping[str, Any], *, settings: AdyenSettings) -> Outcome:
    """Say what a terminal's `PaymentResponse` means."""
    response = payment["Response"]
    told = dict(parse_qsl(str(response.get("AdditionalResponse") or "")))
    match response["Result"]:
        case "Success" | "Partial":
            return _held(payment, told, settings=settings)
        case "Failure":
            return _not_held(str(response.get("ErrorCondition")), told)
        case result:
            return Unknown(detail=f"a terminal's result {result!r}")


def _held(payment: Mapping[str, Any], told: Mapping[str, str], *, settings: AdyenSettings) -> Outcome:
    """The payment's reference follows the terminal's own, behind a dot."""
    _, _, psp = str(payment["POIData"]["POITransactionID"]["TransactionID"]).rpartition(".")
    stated = payment["PaymentResult"]["AmountsResp"]
    if not is_psp_reference(psp):
        return Unknown(detail="a terminal's answer without a pspReference")
    amount = Money(Decimal(stated["AuthorizedAmount"]), stated["Currency"])
    card = (payment["PaymentResult"].get("PaymentInstrumentData") or {}).get("CardData") or {}
    slip = {"brand": str(card.get("PaymentBrand") or ""), "last4": str(card.get("MaskedPan") or "")[-4:]}
    return Succeeded(
        amount=amount,
        id=psp,
        handle=handle_of(psp, data=told, method_type=None),
        hold=hold_of(amount, settings=settings, off_session=False),
        slip={name: text for name, text in slip.items() if text},
    )


def _not_held(condition: str, told: Mapping[str, str]) -> Outcome:
    if condition == "Refusal":
        reason, code = refusal_of_text(told.get("refusalReason", "").lstrip("0123456789 "))
        message = told.get("message", "")
        if reason is Reason.OTHER and message in MESSAGES:
            return Declined(reason=MESSAGES[message], code=message)
        return Declined(reason=reason, code=code or message or condition)
    if condition in DECLINES:
        return Declined(reason=DECLINES[condition], code=condition)
    if condition in FAILURES:
        return Failed(reason=FAILURES[condition], code=condition)
    return Unknown(detail=f"a terminal's condition {condition!r}")
