"""The Adyen emulator's terminals take pre-authorisations that are then adjusted and captured online."""

import base64
import json
from urllib.parse import parse_qs

import pytest

from tests.emulators.adyen_desk import Desk

DEVICE = "S1F2-000158"
PATH = f"/v1/merchants/TestMerchant/devices/{DEVICE}/sync"
PRE_AUTH = "authorisationType=PreAuth&manualCapture=true"


@pytest.fixture
def desk():
    return Desk()


def header(category="Payment", **changes):
    return {
        "ProtocolVersion": "3.0",
        "MessageClass": "Service",
        "MessageCategory": category,
        "MessageType": "Request",
        "ServiceID": "1",
        "SaleID": "kiosk",
        "POIID": DEVICE,
    } | changes


def payment(amount=50.0, *, data=PRE_AUTH, currency="EUR", **changes):
    sale = {"SaleTransactionID": {"TransactionID": "order-1", "TimeStamp": "2026-11-20T12:00:00Z"}}
    if data is not None:
        sale["SaleToAcquirerData"] = data
    return {
        "SaleToPOIRequest": {
            "MessageHeader": header(**changes),
            "PaymentRequest": {
                "SaleData": sale,
                "PaymentTransaction": {"AmountsReq": {"Currency": currency, "RequestedAmount": amount}},
            },
        }
    }


def status_of(service, **changes):
    return {
        "SaleToPOIRequest": {
            "MessageHeader": header("TransactionStatus", ServiceID="9", **changes),
            "TransactionStatusRequest": {
                "MessageReference": {"MessageCategory": "Payment", "SaleID": "kiosk", "ServiceID": service}
            },
        }
    }


def paid(desk, *args, **changes):
    _, answer = desk.post(PATH, payment(*args, **changes))
    return answer["SaleToPOIResponse"]["PaymentResponse"]


def psp_of(response):
    return response["POIData"]["POITransactionID"]["TransactionID"].partition(".")[2]


def test_a_terminal_holds_and_the_rest_is_done_online(desk):
    """The reference after the tender's is a pspReference, with which the hold is adjusted and captured."""
    response = paid(desk, 50.0)
    psp = psp_of(response)
    desk.modify(psp, "amountUpdates", 6000)
    desk.modify(psp, "captures", 5500)

    assert response["Response"]["Result"] == "Success"
    assert response["PaymentResult"]["AmountsResp"] == {"AuthorizedAmount": 50.0, "Currency": "EUR"}
    holding = desk.holding(psp)
    assert (holding.reference, holding.authorized, holding.captured, holding.released) == ("order-1", 6000, 5500, 500)
    assert [success for _, success in desk.events] == ["true", "true", "true"]


def test_what_goes_to_the_acquirer_may_be_json(desk):
    """SaleToAcquirerData is a form, or JSON in Base64."""
    data = base64.b64encode(
        json.dumps({"additionalData": {"authorisationType": "PreAuth", "manualCapture": "true"}}).encode()
    ).decode()

    psp = psp_of(paid(desk, data=data))
    desk.modify(psp, "amountUpdates", 6000)

    assert desk.holding(psp).authorized == 6000


def test_without_manual_capture_the_money_is_taken(desk):
    """A plain payment is captured by itself."""
    assert desk.holding(psp_of(paid(desk, 50.0, data=None))).captured == 5000


@pytest.mark.parametrize(
    ("amount", "condition", "message"),
    [
        (1.24, "Refusal", "NOT_ENOUGH_BALANCE"),
        (21.25, "Refusal", "BLOCK_CARD"),
        (1.26, "Refusal", "CARD_EXPIRED"),
        (1.28, "InvalidCard", "INVALID_CARD"),
        (1.34, "WrongPIN", "INVALID_PIN"),
    ],
)
def test_the_end_of_an_amount_declines(desk, amount, condition, message):
    """The endings that Adyen publishes for testers decline, on the terminal and in the webhook."""
    response = paid(desk, amount)

    assert response["Response"]["Result"] == "Failure"
    assert response["Response"]["ErrorCondition"] == condition
    assert parse_qs(response["Response"]["AdditionalResponse"])["message"] == [message]
    assert desk.holding(psp_of(response)).authorized == 0
    assert desk.events == [("AUTHORISATION", "false")]


def test_what_became_of_a_payment_can_be_asked(desk):
    """TransactionStatus repeats the whole answer, and says NotFound for what never came."""
    first = paid(desk, 50.0, ServiceID="A1")

    _, known = desk.post(PATH, status_of("A1"))
    _, unknown = desk.post(PATH, status_of("A2"))

    known = known["SaleToPOIResponse"]["TransactionStatusResponse"]
    unknown = unknown["SaleToPOIResponse"]["TransactionStatusResponse"]
    assert known["Response"]["Result"] == "Success"
    repeated = known["RepeatedMessageResponse"]
    assert repeated["RepeatedResponseMessageBody"]["PaymentResponse"] == first
    assert repeated["MessageHeader"]["ServiceID"] == "A1"
    assert (unknown["Response"]["Result"], unknown["Response"]["ErrorCondition"]) == ("Failure", "NotFound")


def test_a_service_id_is_used_once(desk):
    """The same message again takes no second payment."""
    paid(desk, 50.0)

    again = paid(desk, 50.0)

    assert again["Response"]["Result"] == "Failure"
    assert len(desk.gateway.holdings()) == 1


@pytest.mark.parametrize(("state", "condition"), [("busy", "Busy"), ("cancelled", "Cancel")])
def test_a_terminal_may_not_be_ready(desk, state, condition):
    """A busy terminal, or a driver who walks away, is a failure without a payment; the next one works."""
    desk.act("terminal", device=DEVICE, state=state)

    failed, worked = paid(desk, ServiceID="A1"), paid(desk, ServiceID="A2")

    assert (failed["Response"]["Result"], failed["Response"]["ErrorCondition"]) == ("Failure", condition)
    assert worked["Response"]["Result"] == "Success"
    assert len(desk.gateway.holdings()) == 1


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"SaleToPOIRequest": []},
        payment(ServiceID="12345678901"),
        payment(POIID="another"),
        payment(ProtocolVersion="2.0"),
        payment(category="Dance"),
        payment("50.00"),
        payment(-5),
        payment(0),
        payment(50.005),
        payment(5.5, currency="JPY"),
        payment(currency="euro"),
        payment(data="%%%"),
        payment(data=7),
    ],
    ids=str,
)
def test_a_message_that_does_not_fit_is_rejected(desk, message):
    """A terminal rejects what it cannot read, and no payment is made."""
    _, answer = desk.post(PATH, message)

    assert answer["SaleToPOIRequest"]["EventNotification"]["EventToNotify"] == "Reject"
    assert desk.gateway.holdings() == []


def test_another_merchants_terminal_is_forbidden(desk):
    """The account in the path is looked at."""
    status, answer = desk.post(PATH.replace("TestMerchant", "Somebody"), payment())

    assert (status, answer["errorCode"]) == (403, "901")


def test_a_card_can_be_stored_at_the_terminal(desk):
    """With a shopper and a model, the answer has a token that can be charged later."""
    response = paid(desk, data=f"{PRE_AUTH}&shopperReference=shopper-1&recurringProcessingModel=UnscheduledCardOnFile")

    token = parse_qs(response["Response"]["AdditionalResponse"])["tokenization.storedPaymentMethodId"][0]
    answer = desk.pay(
        paymentMethod={"type": "scheme", "storedPaymentMethodId": token},
        shopperReference="shopper-1",
        shopperInteraction="ContAuth",
    )
    assert answer["resultCode"] == "Authorised"
