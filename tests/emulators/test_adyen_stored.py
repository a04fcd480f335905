"""The Adyen emulator keeps payment methods for shoppers, and charges them without the shopper."""

import base64
import json

import pytest
from Adyen.exceptions import AdyenAPIUnprocessableEntity

from tests.emulators.adyen_desk import CARD, Desk

MANUAL = {"manualCapture": "true"}


@pytest.fixture
def desk():
    return Desk()


def stored(desk, shopper="shopper-1", **changes):
    answer = desk.pay(
        0,
        storePaymentMethod=True,
        shopperReference=shopper,
        recurringProcessingModel="UnscheduledCardOnFile",
        **changes,
    )
    return answer["additionalData"]["tokenization.storedPaymentMethodId"]


def charge(desk, token, shopper="shopper-1", **changes):
    method = {"type": "scheme", "storedPaymentMethodId": token}
    return desk.pay(
        1500,
        **{
            "paymentMethod": method,
            "shopperReference": shopper,
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": "UnscheduledCardOnFile",
            "additionalData": MANUAL,
            **changes,
        },
    )


def test_a_card_is_stored_with_a_payment_of_nothing(desk):
    """A zero-value authorisation holds nothing, and its answer and webhook carry the token."""
    token = stored(desk)

    data = desk.last["additionalData"]
    assert data["tokenization.storedPaymentMethodId"] == token
    assert data["tokenization.shopperReference"] == "shopper-1"
    assert data["tokenization.store.operationType"] == "created"
    assert desk.gateway.holdings()[0].authorized == 0


def test_the_same_card_keeps_its_token(desk):
    """Storing a card again says so, and makes no second token; another shopper gets one of their own."""
    first, second = stored(desk), stored(desk)
    operation = desk.last["additionalData"]["tokenization.store.operationType"]

    assert first == second
    assert operation == "alreadyExisting"
    assert stored(desk, shopper="shopper-2") != first


def test_a_stored_card_is_charged_without_the_shopper(desk):
    """ContAuth with the token needs no card, and is not sent to the bank."""
    answer = charge(desk, stored(desk), authenticationData={"attemptAuthentication": "always"})

    assert answer["resultCode"] == "Authorised"
    assert desk.holding(answer["pspReference"]).authorized == 1500


def test_the_issuer_may_want_the_shopper(desk):
    """A charge that needs authentication is refused with 38, by the card or by the test value."""
    card = stored(desk, paymentMethod=CARD | {"holderName": "SHOPPER_REQUIRED"})
    by_value = {"RequestedTestAcquirerResponseCode": "38"} | MANUAL

    answers = [charge(desk, card), charge(desk, stored(desk), additionalData=by_value)]

    assert [(answer["resultCode"], answer["refusalReasonCode"]) for answer in answers] == [("Refused", "38")] * 2


def test_a_token_is_good_for_its_shopper_only(desk):
    """Another shopper's token is refused."""
    with pytest.raises(AdyenAPIUnprocessableEntity):
        charge(desk, stored(desk), shopper="shopper-2")


def test_stored_methods_are_listed_and_forgotten(desk):
    """The list shows what a shopper has; what is deleted can be charged no more."""
    token = stored(desk)
    query = {"merchantAccount": "TestMerchant", "shopperReference": "shopper-1"}
    api = desk.sdk.checkout.recurring_api

    before = api.get_tokens_for_stored_payment_details(query_parameters=query).message["storedPaymentMethods"]
    deleted = api.delete_token_for_stored_payment_details(token, query_parameters=query)
    after = api.get_tokens_for_stored_payment_details(query_parameters=query).message["storedPaymentMethods"]

    assert [(method["id"], method["lastFour"], method["brand"]) for method in before] == [(token, "1111", "visa")]
    assert (deleted.status_code, after) == (204, [])
    with pytest.raises(AdyenAPIUnprocessableEntity):
        charge(desk, token)


def test_another_shopper_cannot_forget_a_method(desk):
    """A token is deleted for its shopper only."""
    token = stored(desk)

    with pytest.raises(AdyenAPIUnprocessableEntity):
        desk.sdk.checkout.recurring_api.delete_token_for_stored_payment_details(
            token, query_parameters={"merchantAccount": "TestMerchant", "shopperReference": "shopper-2"}
        )

    assert charge(desk, token)["resultCode"] == "Authorised"


def test_payment_methods_are_offered_with_what_is_stored(desk):
    """What is blocked is not offered; what the shopper has stored is."""
    token = stored(desk)
    body = {"merchantAccount": "TestMerchant", "shopperReference": "shopper-1", "blockedPaymentMethods": ["paypal"]}

    answer = desk.sdk.checkout.payments_api.payment_methods(body).message

    types = [method["type"] for method in answer["paymentMethods"]]
    assert "scheme" in types
    assert "paypal" not in types
    assert [method["id"] for method in answer["storedPaymentMethods"]] == [token]


def test_apple_pay_sessions_are_brokered(desk):
    """What Apple would give for the domain comes back in Base64."""
    body = {"displayName": "Charge", "domainName": "shop.example", "merchantIdentifier": "merchant.x"}

    answer = desk.sdk.checkout.utility_api.get_apple_pay_session(body)

    session = json.loads(base64.b64decode(answer.message["data"]))
    assert answer.status_code == 200
    assert session["domainName"] == "shop.example"
    with pytest.raises(AdyenAPIUnprocessableEntity):
        desk.sdk.checkout.utility_api.get_apple_pay_session({"displayName": "Charge"})
