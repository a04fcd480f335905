"""The Adyen emulator over HTTP, in a process of its own, with Adyen's own library as the client."""

import json
import urllib.request

import Adyen
import pytest
from Adyen.exceptions import AdyenAPICommunicationError, AdyenAPIUnprocessableEntity
from Adyen.util import is_valid_hmac_notification
from evpay_contrib_emulators import running
from requests.exceptions import ConnectionError as RequestsConnectionError

from tests.emulators.adyen_desk import CARD, KEY
from tests.emulators.inbox import receiving

pytestmark = pytest.mark.scenario

HMAC_KEY = "AB" * 32
REQUEST = {
    "amount": {"value": 5000, "currency": "EUR"},
    "merchantAccount": "TestMerchant",
    "reference": "order-1",
    "returnUrl": "https://shop.example/back",
    "paymentMethod": CARD,
    "additionalData": {"authorisationType": "PreAuth", "manualCapture": "true"},
}


@pytest.fixture(scope="module")
def _emulator():
    with running("adyen", hmac_key=HMAC_KEY) as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator):
    _emulator.clear()
    return _emulator


@pytest.fixture
def checkout(emulator):
    library = Adyen.Adyen(xapikey=KEY, platform="test")
    for api in (library.checkout.payments_api, library.checkout.modifications_api):
        api.baseUrl = f"{emulator.url}/v72"
    return library.checkout


def test_a_session_from_hold_to_refund(emulator, checkout):
    """The books, the webhooks and the answers agree, and every signature passes the library's check."""
    with receiving() as inbox:
        emulator.send_webhooks_to(inbox.url)
        psp = checkout.payments_api.payments(REQUEST, idempotency_key="k1").message["pspReference"]
        for call, value in (
            (checkout.modifications_api.update_authorised_amount, 7000),
            (checkout.modifications_api.capture_authorised_payment, 6000),
            (checkout.modifications_api.refund_captured_payment, 1000),
        ):
            body = {"amount": {"value": value, "currency": "EUR"}, "merchantAccount": "TestMerchant"}
            assert call(body, psp).message["status"] == "received"
        letters = inbox.wait_for(4)

    (payment,) = emulator.books()["payments"]
    assert (payment["authorized"], payment["captured"], payment["released"], payment["refunded"]) == (
        7000,
        6000,
        1000,
        1000,
    )
    assert all(is_valid_hmac_notification(json.loads(letter.body), HMAC_KEY) for letter in letters)


def test_an_answer_that_is_lost_is_asked_for_again_with_the_key(emulator, checkout):
    """The effect happened once, though the connection broke."""
    emulator.fault("drop_after", path="/payments")
    with pytest.raises(RequestsConnectionError):
        checkout.payments_api.payments(REQUEST, idempotency_key="k1")

    answer = checkout.payments_api.payments(REQUEST, idempotency_key="k1").message

    books = emulator.books()
    assert books["effects"] == 1
    assert books["payments"][0]["id"] == answer["pspReference"]


@pytest.mark.parametrize(("kind", "effects"), [("error_before", 0), ("error_after", 1)])
def test_an_error_is_kept_for_its_key(emulator, checkout, kind, effects):
    """A 500 that is kept is repeated, with or without an effect behind it."""
    emulator.fault(kind, path="/payments")

    for _ in range(2):
        with pytest.raises(AdyenAPICommunicationError):
            checkout.payments_api.payments(REQUEST, idempotency_key="k1")

    assert emulator.books()["effects"] == effects


def test_faults_of_adyen_only_can_be_asked_for(emulator, checkout):
    """`conflict` is 704, and `transient_error` an error that leaves the key free."""
    emulator.fault("conflict", path="/payments")
    with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
        checkout.payments_api.payments(REQUEST, idempotency_key="k1")
    emulator.fault("transient_error", path="/payments")
    with pytest.raises(AdyenAPICommunicationError):
        checkout.payments_api.payments(REQUEST, idempotency_key="k1")

    assert caught.value.error_code == "704"
    assert checkout.payments_api.payments(REQUEST, idempotency_key="k1").message["resultCode"] == "Authorised"


def test_the_report_is_where_the_webhook_says(emulator, checkout):
    """The URL in REPORT_AVAILABLE is the emulator's own, and gives the file to who has the key."""
    checkout.payments_api.payments(REQUEST | {"additionalData": {}})

    url = emulator.act("settle")["url"]

    request = urllib.request.Request(url, headers={"x-api-key": KEY})
    with urllib.request.urlopen(request, timeout=10) as response:
        text = response.read().decode()
    assert url.startswith(emulator.url)
    assert text.startswith("Company Account,Merchant Account,Psp Reference,")
    assert (
        json.loads(emulator.webhooks()[-1]["body"])["notificationItems"][0]["NotificationRequestItem"]["reason"] == url
    )


def test_holds_expire_when_the_clock_goes_on(emulator, checkout):
    """Nothing has to be asked: EXPIRE is sent when it is time."""
    checkout.payments_api.payments(REQUEST)

    emulator.advance(28 * 86_400)

    assert emulator.books()["payments"][0]["status"] == "expired"
    assert emulator.webhooks()[-1]["kind"] == "EXPIRE"
