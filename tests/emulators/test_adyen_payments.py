"""The Adyen emulator takes and refuses payments as Adyen documents it; Adyen's own library is the client."""

import base64
import json

import pytest
from Adyen.exceptions import AdyenAPIAuthenticationError, AdyenAPIInvalidPermission, AdyenAPIUnprocessableEntity

from tests.emulators.adyen_desk import CARD, KEY, Desk

DAY = 86_400


@pytest.fixture
def desk():
    return Desk()


def refused(desk, **changes):
    with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
        desk.pay(**changes)
    return caught.value.error_code


def test_a_pre_authorisation_is_held_and_told(desk):
    """A card that is good holds money; the answer and the webhook agree on the 16 characters of its reference."""
    answer = desk.pay(5000, metadata={"session": "s1"})

    assert answer["resultCode"] == "Authorised"
    assert len(answer["pspReference"]) == 16
    assert answer["pspReference"].isalnum()
    holding = desk.holding(answer["pspReference"])
    assert (holding.authorized, holding.captured, holding.status) == (5000, 0, "authorised")
    assert holding.effects == {"authorize": 1, "increment": 0, "capture": 0, "void": 0, "refund": 0}
    assert holding.metadata == {"session": "s1"}
    assert desk.events == [("AUTHORISATION", "true")]
    assert desk.last["pspReference"] == answer["pspReference"]
    assert desk.last["additionalData"]["metadata.session"] == "s1"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": None}, "100"),
        ({"reference": None}, "130"),
        ({"returnUrl": None}, "14_030"),
        ({"surprise": "x"}, "702"),
        ({"paymentMethod": CARD | {"surprise": "x"}}, "702"),
        ({"paymentMethod": None}, "702"),
        ({"paymentMethod": {"type": "barter"}}, "702"),
        ({"additionalData": {"manualCapture": True}}, "702"),
        ({"amount": {"value": "5000", "currency": "EUR"}}, "702"),
        ({"amount": {"value": 50.5, "currency": "EUR"}}, "702"),
        ({"amount": {"value": True, "currency": "EUR"}}, "702"),
        ({"amount": {"value": -1, "currency": "EUR"}}, "137"),
        ({"amount": {"value": 150, "currency": "ISK"}}, "137"),
        ({"amount": {"value": 1, "currency": "eur"}}, "138"),
        ({"reference": "r" * 81}, "702"),
        ({"shopperInteraction": "Sometimes"}, "702"),
        ({"metadata": {f"key{number}": "x" for number in range(21)}}, "177"),
        ({"metadata": {"k" * 21: "x"}}, "178"),
        ({"metadata": {"k": "x" * 81}}, "177"),
        ({"paymentMethod": CARD | {"encryptedCardNumber": "test_4111111111111112"}}, "101"),
        ({"paymentMethod": CARD | {"encryptedCardNumber": "adyenjs_0_1_18$x"}}, "174"),
        ({"paymentMethod": CARD | {"encryptedSecurityCode": "test_73"}}, "103"),
        ({"paymentMethod": {"type": "applepay"}}, "702"),
        ({"storePaymentMethod": True}, "180"),
        ({"paymentMethod": {"type": "scheme", "storedPaymentMethodId": "NOBODYKNOWSTHIS1"}}, "803"),
    ],
)
def test_what_is_wrong_is_refused_without_an_effect(desk, changes, code):
    """A request that breaks the specification is a 422 with its code, and nothing has happened."""
    assert refused(desk, **changes) == code
    assert desk.gateway.holdings() == []
    assert desk.items == []


def test_another_merchant_account_is_forbidden(desk):
    """The account is looked at before the payment: 403 with 901."""
    with pytest.raises(AdyenAPIInvalidPermission) as caught:
        desk.pay(merchantAccount="Somebody")

    assert caught.value.error_code == "901"


@pytest.mark.parametrize("headers", [{"x-api-key": "wrong"}, {"x-api-key": ""}])
def test_a_wrong_key_is_refused_before_anything(desk, headers):
    """Without the key of the account, even a kept answer is not given: 401 with 000."""
    desk.post("/v72/payments", desk.request(), **{"idempotency-key": "k1"})

    status, body = desk.post("/v72/payments", desk.request(), **{"idempotency-key": "k1"}, **headers)

    assert (status, body["errorCode"], body["errorType"]) == (401, "000", "security")


def test_the_library_sees_a_wrong_key(desk):
    """Adyen's library raises what it raises for 401."""
    desk.sdk.client.xapikey = "wrong"

    with pytest.raises(AdyenAPIAuthenticationError):
        desk.pay()


def test_basic_authentication_is_taken_too(desk):
    """Adyen takes the credentials of a web service user as well."""
    credentials = base64.b64encode(f"ws@Company.Test:{KEY}".encode()).decode()

    status, _ = desk.post("/v72/payments", desk.request(), **{"x-api-key": "", "authorization": f"Basic {credentials}"})

    assert status == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b'{"amount": NaN}', b"\xff", b"[" * 100_000], ids=lambda body: repr(body[:12])
)
def test_what_is_not_json_is_a_bad_request(desk, body):
    """The gateway never raises: what it cannot read is a 400."""
    response = desk.send("POST", "/v72/payments", body)

    assert response.status == 400
    assert json.loads(response.body)["errorCode"] == "702"


@pytest.mark.parametrize(
    ("knob", "result", "code"),
    [
        ("DECLINED", "Refused", "2"),
        ("ERROR", "Error", "4"),
        ("CARD_EXPIRED", "Refused", "6"),
        ("NOT_ENOUGH_BALANCE", "Refused", "12"),
        ("DECLINED : 06 : ERROR", "Refused", "2"),
    ],
)
def test_a_holder_name_makes_the_issuer_refuse(desk, knob, result, code):
    """The names that Adyen publishes for testers end in their result, and nothing is held."""
    answer = desk.pay(paymentMethod=CARD | {"holderName": knob})

    assert (answer["resultCode"], answer["refusalReasonCode"]) == (result, code)
    assert desk.holding(answer["pspReference"]).authorized == 0
    assert desk.events == [("AUTHORISATION", "false")]
    assert desk.last["reason"] == answer["refusalReason"]


def test_a_response_code_goes_before_the_holder_name(desk):
    """RequestedTestAcquirerResponseCode works for every payment method."""
    additional = {"RequestedTestAcquirerResponseCode": "6", "manualCapture": "true"}

    answer = desk.pay(paymentMethod={"type": "applepay", "applePayToken": "t"}, additionalData=additional)

    assert answer["refusalReason"] == "Expired Card"


@pytest.mark.parametrize(
    ("field", "value", "code"), [("encryptedExpiryYear", "test_2020", "2"), ("encryptedSecurityCode", "test_111", "24")]
)
def test_a_test_card_has_one_expiry_date_and_one_security_code(desk, field, value, code):
    """Other values than those of the published test cards are refused by the issuer."""
    assert desk.pay(paymentMethod=CARD | {field: value})["refusalReasonCode"] == code


def test_a_part_may_be_authorised(desk):
    """PartiallyAuthorised says how much it is, and no more is held."""
    answer = desk.pay(5000, paymentMethod=CARD | {"holderName": "PARTIALLY_AUTHORISED"})

    assert answer["resultCode"] == "PartiallyAuthorised"
    assert answer["additionalData"]["authorisedAmountValue"] == "2500"
    assert desk.holding(answer["pspReference"]).authorized == 2500


def test_a_pending_payment_ends_later(desk):
    """Received is told by no webhook until the payment has ended."""
    answer = desk.pay(paymentMethod=CARD | {"holderName": "PENDING"})
    before = desk.events

    desk.act("conclude", id=answer["pspReference"], success=True)

    assert (answer["resultCode"], before) == ("Received", [])
    assert desk.events == [("AUTHORISATION", "true")]
    assert desk.holding(answer["pspReference"]).authorized == 5000


def test_without_manual_capture_the_money_is_taken(desk):
    """An account that captures by itself takes what is authorised at once, or after captureDelayHours."""
    at_once = desk.hold(1000, additionalData=None)
    later = desk.hold(1000, additionalData=None, captureDelayHours=2)

    before = desk.holding(later).captured
    desk.advance(2 * 3600)

    assert desk.holding(at_once).captured == 1000
    assert (before, desk.holding(later).captured) == (0, 1000)


@pytest.mark.parametrize(
    ("currency", "value", "minor"),
    [
        ("EUR", 1234, 1234),
        ("JPY", 1234, 1234),
        ("KWD", 1234, 1234),
        ("ISK", 123_400, 1234),
        ("CLP", 123_400, 1234),
        ("IDR", 1234, 123_400),
        ("CVE", 1234, 123_400),
    ],
)
def test_holdings_are_in_iso_units_whatever_adyen_counts_in(desk, currency, value, minor):
    """Adyen counts CLP and ISK in hundredths, and CVE and IDR in whole units."""
    assert desk.holding(desk.hold(value, currency)).authorized == minor


def test_a_key_repeats_the_first_answer(desk):
    """The same key gives the same answer, with the header, and happens once; after 31 days it is a new request."""
    first = desk.send("POST", "/v72/payments", json.dumps(desk.request()).encode(), headers={"idempotency-key": "k1"})
    again = desk.send("POST", "/v72/payments", json.dumps(desk.request()).encode(), headers={"idempotency-key": "k1"})
    desk.advance(31 * DAY)
    anew = desk.send("POST", "/v72/payments", json.dumps(desk.request()).encode(), headers={"idempotency-key": "k1"})

    assert (first.replayed, again.replayed, anew.replayed) == (False, True, False)
    assert first.body == again.body != anew.body
    assert again.headers["idempotency-key"] == "k1"
    assert len(desk.gateway.holdings()) == 2


def test_a_key_at_work_may_be_tried_again(desk):
    """704 has the header that says so; which of the two documented statuses it is, is an option."""
    request = _request(desk, "k1")

    as_422 = desk.gateway.in_flight(request)
    desk.gateway.configure({"in_flight_status": 409})
    as_409 = desk.gateway.in_flight(request)

    assert [as_422.status, as_409.status] == [422, 409]
    assert json.loads(as_409.body)["errorCode"] == "704"
    assert as_409.headers["transient-error"] == "true"


def _request(desk, key):
    from evpay_contrib_emulators.gateway import WireRequest

    return WireRequest(method="POST", path="/v72/payments", headers={"idempotency-key": key, "x-api-key": KEY})


@pytest.mark.parametrize(("asked", "transient"), [("NO_CONNECTION_AVAILABLE", "true"), ("IOEXCEPTION_RECEIVED", None)])
def test_an_error_says_whether_it_may_be_tried_again(desk, asked, transient):
    """Only an error that is marked as transient leaves the key free."""
    body = desk.request(additionalData={"RequestedTestErrorResponseCode": asked})
    headers = {"idempotency-key": "k1"}
    first = desk.send("POST", "/v72/payments", json.dumps(body).encode(), headers=headers)
    again = desk.send("POST", "/v72/payments", json.dumps(desk.request()).encode(), headers=headers)

    assert first.status == 500
    assert first.headers.get("transient-error") == transient
    assert again.status == (200 if transient else 500)


def test_a_key_longer_than_64_characters_is_refused(desk):
    """Keys have at most 64 characters."""
    with pytest.raises(AdyenAPIUnprocessableEntity):
        desk.pay(key="k" * 65)


def test_the_shopper_goes_to_the_bank_and_comes_back(desk):
    """RedirectShopper holds nothing; redirectResult brings the verdict, once, however often it is asked for."""
    answer = desk.pay(authenticationData={"attemptAuthentication": "always"})
    psp = answer["pspReference"]
    held_before = desk.holding(psp).authorized

    result = desk.act("authenticate", id=psp, success=True)["redirectResult"]
    details = {"details": {"redirectResult": result}}
    ended = [desk.sdk.checkout.payments_api.payments_details(details).message for _ in range(2)]

    assert answer["resultCode"] == "RedirectShopper"
    assert (answer["action"]["type"], answer["action"]["method"]) == ("redirect", "GET")
    assert held_before == 0
    assert [one["resultCode"] for one in ended] == ["Authorised", "Authorised"]
    assert desk.holding(psp).effects["authorize"] == 1
    assert desk.events == [("AUTHORISATION", "true")]


@pytest.mark.parametrize(
    ("outcome", "result"), [("failed", "Refused"), ("cancelled", "Cancelled"), ("pending", "Pending")]
)
def test_the_shopper_may_come_back_with_nothing(desk, outcome, result):
    """What was not passed is not authorised."""
    psp = desk.hold(paymentMethod=CARD | {"encryptedCardNumber": "test_4212345678901237"})

    given = desk.act("authenticate", id=psp, outcome=outcome)["redirectResult"]
    answer = desk.sdk.checkout.payments_api.payments_details({"details": {"redirectResult": given}}).message

    assert answer["resultCode"] == result
    assert desk.holding(psp).authorized == 0


def test_the_action_leads_to_a_page_that_leads_back(desk):
    """The driver can open the action's URL, choose, and is sent to returnUrl with the result."""
    answer = desk.pay(authenticationData={"attemptAuthentication": "always"}, reference="<b>order</b>")
    path, _, query = answer["action"]["url"].removeprefix("http://127.0.0.1:4020").partition("?")

    page = desk.send("GET", path, query=query, headers={"x-api-key": ""})
    back = desk.send("GET", path, query=f"{query}&outcome=passed", headers={"x-api-key": ""})
    address, _, result = back.headers["location"].partition("?redirectResult=")
    ended = desk.sdk.checkout.payments_api.payments_details({"details": {"redirectResult": result}}).message

    assert page.status == 200
    assert b"<b>order</b>" not in page.body
    assert (back.status, address) == (302, "https://shop.example/back")
    assert ended["resultCode"] == "Authorised"


def test_native_authentication_has_an_action_of_its_own(desk):
    """With nativeThreeDS, the action is threeDS2 and the result a threeDSResult."""
    answer = desk.pay(
        paymentMethod=CARD | {"encryptedCardNumber": "test_4035501428146300"},
        authenticationData={"threeDSRequestData": {"nativeThreeDS": "preferred"}},
    )
    given = desk.act("authenticate", id=answer["pspReference"], success=True)
    ended = desk.sdk.checkout.payments_api.payments_details({"details": {"threeDSResult": given["threeDSResult"]}})

    assert (answer["resultCode"], answer["action"]["type"]) == ("IdentifyShopper", "threeDS2")
    assert ended.message["resultCode"] == "Authorised"


def test_a_result_that_nobody_was_given_is_refused(desk):
    """An invented redirectResult is 14_018, and changes nothing."""
    desk.hold(authenticationData={"attemptAuthentication": "always"})

    with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
        desk.sdk.checkout.payments_api.payments_details({"details": {"redirectResult": "invented"}})

    assert caught.value.error_code == "14_018"
    assert desk.items == []


def test_paypal_redirects_or_opens_its_app(desk):
    """PayPal authorises when the shopper approves, without waiting for /payments/details."""
    redirected = desk.pay(paymentMethod={"type": "paypal"})
    in_app = desk.pay(paymentMethod={"type": "paypal", "subtype": "sdk"}, reference="order-2")

    desk.act("authenticate", id=redirected["pspReference"], success=True)
    approved = {"paymentData": in_app["action"]["paymentData"], "details": {"orderID": "1", "payerID": "2"}}
    ended = desk.sdk.checkout.payments_api.payments_details(approved).message

    assert (redirected["resultCode"], redirected["action"]["type"]) == ("RedirectShopper", "redirect")
    assert (in_app["resultCode"], in_app["action"]["type"]) == ("Pending", "sdk")
    assert ended["resultCode"] == "Authorised"
    assert [desk.holding(answer["pspReference"]).authorized for answer in (redirected, in_app)] == [5000, 5000]


@pytest.mark.parametrize(
    ("method", "variant"),
    [
        ({"type": "applepay", "applePayToken": "t"}, "visa_applepay"),
        ({"type": "googlepay", "googlePayToken": "t"}, "visa_googlepay"),
    ],
)
def test_wallets_authorise_at_once(desk, method, variant):
    """A wallet's token is a card to the webhook, with the wallet as its variant."""
    answer = desk.pay(paymentMethod=method)

    assert answer["resultCode"] == "Authorised"
    assert answer["paymentMethod"]["type"] == method["type"]
    assert desk.last["additionalData"]["paymentMethodVariant"] == variant


def test_venmo_redirects(desk):
    """Venmo needs the shopper."""
    assert desk.pay(paymentMethod={"type": "venmo"})["resultCode"] == "RedirectShopper"
