"""Braintree's own SDK against the Braintree emulator: customers, saved methods, and charges without the payer."""

import base64
import json

import pytest
from evpay_contrib_emulators import running

from tests.emulators.braintree_desk import braintree, codes, sale_params, sdk_for

pytestmark = pytest.mark.scenario

NotFound = braintree.exceptions.not_found_error.NotFoundError


@pytest.fixture(scope="module")
def _emulator():
    with running("braintree") as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator):
    _emulator.clear()
    return _emulator


@pytest.fixture
def sdk(emulator):
    client = sdk_for(emulator.url)
    yield client
    client.close()


def customer_of(sdk, **changes):
    return sdk.customer.create({"first_name": "Dana", "email": "dana@example.com"} | changes).customer


def method_of(sdk, customer_id, **changes):
    params = {"customer_id": customer_id, "payment_method_nonce": "fake-valid-visa-nonce"} | changes
    result = sdk.payment_method.create({name: value for name, value in params.items() if value is not None})
    assert result.is_success, result.message
    return result.payment_method


def test_a_card_is_saved_with_a_payment_and_charged_without_the_payer(sdk):
    options = {"store_in_vault_on_success": True}
    first = sdk.transaction.sale(
        sale_params(options=options, external_vault={"status": "will_vault"}, customer={"id": "driver-1"})
    ).transaction

    later = sdk.transaction.sale(
        sale_params(
            payment_method_nonce=None,
            payment_method_token=first.credit_card_details.token,
            transaction_source="unscheduled",
            external_vault={
                "status": "vaulted",
                "previous_network_transaction_id": first.network_transaction_id,
            },
        )
    ).transaction

    assert "driver-1" == first.customer_details.id == later.customer_details.id
    assert ("authorized", first.credit_card_details.token) == (later.status, later.credit_card_details.token)
    assert [first.credit_card_details.token] == [one.token for one in sdk.customer.find("driver-1").payment_methods]


def test_a_declined_payment_saves_nothing_unless_it_must(sdk):
    on_success = sdk.transaction.sale(
        sale_params(amount="2000.00", options={"store_in_vault_on_success": True}, customer={"id": "a"})
    ).transaction
    always = sdk.transaction.sale(
        sale_params(amount="2000.00", options={"store_in_vault": True}, customer={"id": "b"})
    ).transaction

    assert None is on_success.credit_card_details.token
    assert always.credit_card_details.token == sdk.customer.find("b").credit_cards[0].token
    with pytest.raises(NotFound):
        sdk.customer.find("a")


@pytest.mark.parametrize(
    ("nonce", "kind"),
    [
        ("fake-valid-amex-nonce", braintree.CreditCard),
        ("fake-paypal-billing-agreement-nonce", braintree.PayPalAccount),
        ("fake-venmo-account-nonce", braintree.VenmoAccount),
        ("fake-apple-pay-visa-nonce", braintree.ApplePayCard),
        ("fake-android-pay-visa-nonce", braintree.AndroidPayCard),
    ],
)
def test_each_kind_of_method_is_saved_found_and_charged(sdk, nonce, kind):
    customer = customer_of(sdk)
    method = method_of(sdk, customer.id, payment_method_nonce=nonce)

    assert type(method) is kind is type(sdk.payment_method.find(method.token))
    assert method.default
    charged = sdk.transaction.sale(sale_params(payment_method_nonce=None, customer_id=customer.id))
    assert "authorized" == charged.transaction.status
    assert [method.token] == [one.token for one in sdk.customer.find(customer.id).payment_methods]


def test_a_verification_declines_with_what_the_bank_said(sdk):
    customer = customer_of(sdk)
    params = {"customer_id": customer.id, "payment_method_nonce": "fake-processor-declined-visa-nonce"}

    result = sdk.payment_method.create(params | {"options": {"verify_card": True}})
    verified = method_of(sdk, customer.id, options={"verify_card": True})

    assert ("Do Not Honor", "processor_declined", "2000") == (
        result.message,
        result.credit_card_verification.status,
        result.credit_card_verification.processor_response_code,
    )
    assert ["verified"] == [one["status"] for one in verified.verifications]
    assert [verified.token] == [one.token for one in sdk.customer.find(customer.id).payment_methods]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"customer_id": None}, ("customer_id", "93104")),
        ({"customer_id": "nobody"}, ("customer_id", "93105")),
        ({"payment_method_nonce": None}, ("payment_method_nonce", "93103")),
        ({"payment_method_nonce": "unknown"}, ("payment_method_nonce", "93108")),
        ({"payment_method_nonce": "fake-consumed-nonce"}, ("payment_method_nonce", "93107")),
        ({"payment_method_nonce": "fake-paypal-one-time-nonce"}, ("base", "82902")),
        ({"token": "with spaces"}, ("token", "91718")),
        ({"token": "taken"}, ("token", "91719")),
        ({"options": {"fail_on_duplicate_payment_method": True}}, ("number", "81724")),
        ({"payment_method_nonce": None, "number": "4111111111111112"}, ("number", "81715")),
    ],
)
def test_what_cannot_be_saved_says_why(sdk, changes, expected):
    customer = customer_of(sdk)
    method_of(sdk, customer.id, token="taken")
    params = {"customer_id": customer.id, "payment_method_nonce": "fake-valid-visa-nonce"} | changes

    result = sdk.payment_method.create({name: value for name, value in params.items() if value is not None})

    assert {expected} == codes(result)


def test_a_method_is_someones_own_and_can_be_taken_away(sdk):
    owner, other = customer_of(sdk), customer_of(sdk)
    method = method_of(sdk, owner.id)
    token = {"payment_method_nonce": None, "payment_method_token": method.token}

    assert {("base", "91516")} == codes(sdk.transaction.sale(sale_params(**token, customer_id=other.id)))
    assert sdk.payment_method.delete(method.token).is_success
    assert {("payment_method_token", "91518")} == codes(sdk.transaction.sale(sale_params(**token)))
    with pytest.raises(NotFound):
        sdk.payment_method.find(method.token)
    with pytest.raises(NotFound):
        sdk.payment_method.delete(method.token)
    assert {("customer_id", "91511")} == codes(
        sdk.transaction.sale(sale_params(payment_method_nonce=None, customer_id=owner.id))
    )


def test_a_nonce_of_a_saved_method_is_good_for_one_payment(sdk):
    method = method_of(sdk, customer_of(sdk).id)
    nonce = sdk.payment_method_nonce.create(method.token).payment_method_nonce

    charged = sdk.transaction.sale(sale_params(payment_method_nonce=nonce.nonce)).transaction
    again = sdk.transaction.sale(sale_params(payment_method_nonce=nonce.nonce))

    assert ("CreditCard", False, method.token) == (nonce.type, nonce.consumed, charged.credit_card_details.token)
    assert {("payment_method_nonce", "91564")} == codes(again)


def test_the_default_can_be_changed(sdk):
    customer = customer_of(sdk)
    first, second = method_of(sdk, customer.id), method_of(sdk, customer.id)

    updated = sdk.payment_method.update(
        second.token, {"options": {"make_default": True}, "cardholder_name": "Dana Example"}
    ).payment_method

    assert (True, "Dana Example") == (updated.default, updated.cardholder_name)
    assert not sdk.payment_method.find(first.token).default
    sdk.customer.update(customer.id, {"default_payment_method_token": first.token, "last_name": "Example"})
    assert sdk.payment_method.find(first.token).default


def test_customers_are_kept_changed_and_forgotten(sdk):
    customer = customer_of(sdk, id="driver-2")
    assert {("id", "91609")} == codes(sdk.customer.create({"id": "driver-2"}))
    assert {("id", "91610")} == codes(sdk.customer.create({"id": "not an id"}))

    updated = sdk.customer.update("driver-2", {"email": "new@example.com"}).customer

    assert ("Dana", "new@example.com") == (updated.first_name, updated.email)
    method = method_of(sdk, customer.id)
    sdk.customer.delete("driver-2")
    for lost in (lambda: sdk.customer.find("driver-2"), lambda: sdk.payment_method.find(method.token)):
        with pytest.raises(NotFound):
            lost()


def test_client_tokens_are_what_the_browser_decodes(sdk):
    customer = customer_of(sdk)

    token = sdk.client_token.generate({"customer_id": customer.id, "merchant_account_id": "emulator_usd"})

    content = json.loads(base64.b64decode(token))
    assert (2, "integration_merchant_id", "emulator_usd") == (
        content["version"],
        content["merchantId"],
        content["merchantAccountId"],
    )
    with pytest.raises(ValueError, match="does not exist"):
        sdk.client_token.generate({"customer_id": "nobody"})


def test_a_wallet_that_the_account_does_not_take_is_refused(emulator, sdk):
    emulator.configure(wallets=["paypal_account"])

    refused = sdk.transaction.sale(sale_params(payment_method_nonce="fake-apple-pay-visa-nonce"))

    assert {("merchant_account_id", "91577")} == codes(refused)
