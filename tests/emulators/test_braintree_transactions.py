"""Braintree's own SDK against the Braintree emulator: authorizations, and what is done with them."""

from decimal import Decimal

import pytest
from evpay_contrib_emulators import running

from tests.emulators.braintree_desk import DAY, braintree, codes, sale_params, sdk_for

pytestmark = pytest.mark.scenario


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


def hold(sdk, **changes):
    result = sdk.transaction.sale(sale_params(**changes))
    assert result.is_success, result.message
    return result.transaction


def settled(sdk, emulator, **changes):
    transaction = hold(sdk, options={"submit_for_settlement": True}, **changes)
    emulator.act("settle", id=transaction.id)
    return sdk.transaction.find(transaction.id)


def book(emulator):
    (payment,) = emulator.books()["payments"]
    return payment


def moved(payment):
    return {name: payment[name] for name in ("authorized", "captured", "released", "refunded")}


# --- sales


def test_sale_is_authorized_for_a_week_in_the_default_account(emulator, sdk):
    transaction = hold(sdk)

    assert ("authorized", "EUR", Decimal("20.00")) == (
        transaction.status,
        transaction.currency_iso_code,
        transaction.amount,
    )
    assert DAY * 7 == (transaction.authorization_expires_at - transaction.created_at).total_seconds()
    assert ("1000", "Approved", "approved") == (
        transaction.processor_response_code,
        transaction.processor_response_text,
        transaction.processor_response_type,
    )
    assert ["authorized"] == [event.status for event in transaction.status_history]
    assert transaction.network_transaction_id
    assert {"authorized": 2_000, "captured": 0, "released": 0, "refunded": 0} == moved(book(emulator))
    assert ("p1", {"authorize": 1, "increment": 0, "capture": 0, "void": 0, "refund": 0}) == (
        book(emulator)["reference"],
        book(emulator)["effects"],
    )


@pytest.mark.parametrize(
    ("nonce", "kind", "details"),
    [
        ("fake-valid-mastercard-nonce", "credit_card", "credit_card_details"),
        ("fake-apple-pay-visa-nonce", "apple_pay_card", "apple_pay_details"),
        ("fake-android-pay-visa-nonce", "android_pay_card", "android_pay_card_details"),
        ("fake-paypal-one-time-nonce", "paypal_account", "paypal_details"),
        ("fake-venmo-account-nonce", "venmo_account", "venmo_account_details"),
    ],
)
def test_each_instrument_is_told_as_its_own_kind(sdk, nonce, kind, details):
    transaction = hold(sdk, payment_method_nonce=nonce)

    assert kind == transaction.payment_instrument_type
    assert getattr(transaction, details).image_url


@pytest.mark.parametrize(
    ("amount", "status", "code", "type_"),
    [
        ("2000.00", "processor_declined", "2000", "soft_declined"),
        ("2001.50", "processor_declined", "2001", "soft_declined"),
        ("2015.00", "processor_declined", "2015", "hard_declined"),
        ("2999.99", "processor_declined", "2999", "soft_declined"),
        ("3000.00", "failed", "3000", "soft_declined"),
    ],
)
def test_the_sandbox_declines_by_amount(emulator, sdk, amount, status, code, type_):
    result = sdk.transaction.sale(sale_params(amount=amount))

    assert not result.is_success
    assert [] == result.errors.deep_errors
    told = result.transaction
    assert (status, code, type_) == (told.status, told.processor_response_code, told.processor_response_type)
    assert f"{code} : {result.message}" == told.additional_processor_response
    assert status == sdk.transaction.find(told.id).status
    assert {"authorized": 0, "captured": 0, "released": 0, "refunded": 0} == moved(book(emulator))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": "5001.00"}, "application_incomplete"),
        ({"payment_method_nonce": "fake-gateway-rejected-fraud-nonce"}, "fraud"),
        ({"payment_method_nonce": "fake-gateway-rejected-risk-thresholds-nonce"}, "risk_threshold"),
        ({"payment_method_nonce": "fake-token-issuance-error-venmo-account-nonce"}, "token_issuance"),
        ({"options": {"three_d_secure": {"required": True}}}, "three_d_secure"),
    ],
)
def test_the_gateway_rejects_with_a_reason(sdk, changes, reason):
    result = sdk.transaction.sale(sale_params(**changes))

    assert ("gateway_rejected", reason) == (result.transaction.status, result.transaction.gateway_rejection_reason)
    assert f"Gateway Rejected: {reason}" == result.message


@pytest.mark.parametrize(
    ("billing", "cvv", "reason"),
    [
        ({"street_address": "200 Fake Street"}, "123", "avs"),
        ({"postal_code": "20000"}, "123", "avs"),
        ({}, "200", "cvv"),
        ({"postal_code": "20000"}, "200", "avs_and_cvv"),
    ],
)
def test_rules_about_addresses_reject_where_they_are_set_up(emulator, sdk, billing, cvv, reason):
    card = {"number": "4012888888881881", "expiration_date": "05/2030", "cvv": cvv}
    params = {"payment_method_nonce": None, "credit_card": card, "billing": billing}
    assert "authorized" == hold(sdk, **params).status
    emulator.configure(address_rules=True)

    assert reason == sdk.transaction.sale(sale_params(**params)).transaction.gateway_rejection_reason


@pytest.mark.parametrize("nonce", ["fake-processor-declined-visa-nonce", "fake-processor-declined-amex-nonce"])
def test_declining_nonces_decline(sdk, nonce):
    result = sdk.transaction.sale(sale_params(payment_method_nonce=nonce))

    assert ("processor_declined", "2000") == (result.transaction.status, result.transaction.processor_response_code)


def test_paypal_declines_an_amount_that_cards_take(sdk):
    declined = sdk.transaction.sale(sale_params(amount="5001.01", payment_method_nonce="fake-paypal-one-time-nonce"))

    assert "2038" == declined.transaction.processor_response_code
    assert "authorized" == hold(sdk, amount="5001.01").status


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"amount": None}, {("amount", "81502")}),
        ({"amount": "0.00"}, {("amount", "81531")}),
        ({"amount": "-1.00"}, {("amount", "81501")}),
        ({"amount": "1.001"}, {("amount", "81503")}),
        ({"amount": "1E+1"}, {("amount", "81503")}),
        ({"amount": "99999999999.00"}, {("amount", "81528")}),
        ({"amount": "100.5", "merchant_account_id": "emulator_jpy"}, {("amount", "81503")}),
        ({"amount": "1.0001", "merchant_account_id": "emulator_kwd"}, {("amount", "81503")}),
        ({"merchant_account_id": "nobody"}, {("merchant_account_id", "91513")}),
        ({"order_id": "x" * 256}, {("order_id", "91501")}),
        ({"payment_method_nonce": "unknown"}, {("payment_method_nonce", "91565")}),
        ({"payment_method_nonce": "fake-consumed-nonce"}, {("payment_method_nonce", "91564")}),
        ({"payment_method_nonce": None}, {("base", "91508")}),
        ({"payment_method_nonce": None, "payment_method_token": "unknown"}, {("payment_method_token", "91518")}),
        ({"payment_method_nonce": None, "customer_id": "nobody"}, {("customer_id", "91510")}),
        ({"payment_method_token": "both"}, {("base", "91515")}),
        ({"transaction_source": "whim"}, {("transaction_source", "915133")}),
        ({"sca_exemption": "whim"}, {("sca_exemption", "915213")}),
        ({"external_vault": {"status": "whim"}}, {("status", "915175")}),
        (
            {"external_vault": {"status": "will_vault", "previous_network_transaction_id": "020261120"}},
            {("status", "915177")},
        ),
        ({"custom_fields": {"nobody": "set it up"}}, {("custom_fields", "91526")}),
        ({"descriptor": {"name": "NO ASTERISK"}}, {("name", "92201")}),
        ({"three_d_secure_pass_thru": {"cavv": "x"}}, {("eci_flag", "915113")}),
        ({"api_request_key": "k" * 256}, {("api_request_key", "915230")}),
        ({"amount": "0.00", "order_id": "x" * 256}, {("amount", "81531"), ("order_id", "91501")}),
    ],
)
def test_what_is_wrong_is_told_by_code_and_nothing_is_there(emulator, sdk, changes, expected):
    result = sdk.transaction.sale(sale_params(**changes))

    assert expected == codes(result)
    assert result.transaction is None
    assert "sale" == result.params["transaction"]["type"]
    assert [] == emulator.books()["payments"]


def test_an_authentication_id_must_be_there_and_of_this_card(sdk):
    card = {"number": "4012888888881881", "expiration_month": "05", "expiration_year": "2030"}
    name = sdk.testing.create_3ds_verification("emulator_eur", card)
    required = {"three_d_secure": {"required": True}}

    assert {("three_d_secure_authentication_id", "915196")} == codes(
        sdk.transaction.sale(sale_params() | {"three_d_secure_authentication_id": None})
    )
    assert {("three_d_secure_authentication_id", "915197")} == codes(
        sdk.transaction.sale(
            sale_params(payment_method_nonce="fake-valid-mastercard-nonce", three_d_secure_authentication_id=name)
        )
    )
    both = {"eci_flag": "05", "cavv": "x"}
    assert {("three_d_secure_authentication_id", "915199")} == codes(
        sdk.transaction.sale(sale_params(three_d_secure_authentication_id=name, three_d_secure_pass_thru=both))
    )
    assert "authorized" == hold(sdk, three_d_secure_authentication_id=name, options=required).status


@pytest.mark.parametrize(("success", "status"), [(True, "authorized"), (False, "gateway_rejected")])
def test_a_challenge_makes_a_new_nonce_that_passes_or_not(emulator, sdk, success, status):
    made = emulator.act("three_d_secure", of="fake-valid-visa-nonce", success=success)
    options = {"three_d_secure": {"required": True}}

    result = sdk.transaction.sale(sale_params(payment_method_nonce=made["nonce"], options=options))

    assert status == result.transaction.status
    assert success is result.transaction.three_d_secure_info.liability_shifted


def test_a_nonce_made_for_a_payment_is_good_for_one(emulator, sdk):
    nonce = emulator.act("nonce", of="fake-valid-visa-nonce")["nonce"]

    assert "authorized" == hold(sdk, payment_method_nonce=nonce).status
    assert {("payment_method_nonce", "91564")} == codes(sdk.transaction.sale(sale_params(payment_method_nonce=nonce)))
    assert sdk.payment_method_nonce.find(nonce).consumed


def test_a_part_is_authorized_only_where_a_part_is_accepted(emulator, sdk):
    emulator.configure(card_funds="12.50")

    refused = sdk.transaction.sale(sale_params())
    part = hold(sdk, accept_partial_authorization=True)

    assert "2001" == refused.transaction.processor_response_code
    assert part.partially_authorized
    assert (Decimal("12.50"), "20.00") == (part.amount, part.amount_requested)
    assert [0, 1_250] == sorted(payment["authorized"] for payment in emulator.books()["payments"])


@pytest.mark.parametrize(
    ("account", "currency", "amount", "minor"),
    [
        ("emulator_jpy", "JPY", "1500", 1_500),
        ("emulator_kwd", "KWD", "1.234", 1_234),
        ("emulator_nok", "NOK", "9.5", 950),
    ],
)
def test_the_merchant_account_decides_the_currency_and_its_decimals(emulator, sdk, account, currency, amount, minor):
    transaction = hold(sdk, amount=amount, merchant_account_id=account)

    assert (currency, Decimal(amount)) == (transaction.currency_iso_code, transaction.amount)
    assert (currency, minor) == (book(emulator)["currency"], book(emulator)["authorized"])


def test_duplicates_are_rejected_where_that_is_switched_on(emulator, sdk):
    emulator.configure(duplicate_seconds=30)
    hold(sdk)

    again = sdk.transaction.sale(sale_params())
    emulator.advance(31)

    assert "duplicate" == again.transaction.gateway_rejection_reason
    assert "authorized" == hold(sdk).status


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ({}, 7),
        ({"transaction_source": "unscheduled"}, 1),
        ({"payment_method_nonce": "fake-valid-mastercard-nonce"}, 30),
        ({"payment_method_nonce": "fake-paypal-one-time-nonce"}, 29),
        ({"payment_method_nonce": "fake-venmo-account-nonce"}, 10),
    ],
)
def test_an_authorization_ends_by_the_clock(emulator, sdk, changes, days):
    transaction = hold(sdk, **changes)

    emulator.advance(days * DAY - 60)
    assert "authorized" == sdk.transaction.find(transaction.id).status
    emulator.advance(120)

    assert "authorization_expired" == sdk.transaction.find(transaction.id).status
    assert {("base", "91507")} == codes(sdk.transaction.submit_for_settlement(transaction.id))
    assert 2_000 == book(emulator)["released"]


# --- adjusting


def test_a_total_goes_up_and_down(emulator, sdk):
    transaction = hold(sdk)

    up = sdk.transaction.adjust_authorization(transaction.id, "32.50").transaction
    down = sdk.transaction.adjust_authorization(transaction.id, "10.00").transaction

    assert (Decimal("32.50"), Decimal("10.00")) == (up.amount, down.amount)
    assert [Decimal("12.50"), Decimal("-22.50")] == [made.amount for made in down.authorization_adjustments]
    assert transaction.id == down.id
    assert (1_000, 2) == (book(emulator)["authorized"], book(emulator)["effects"]["increment"])


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        ("0.00", ("amount", "81531")),
        ("20.00", ("base", "95606")),
        ("2015.00", ("base", "95602")),
        ("2001.00", ("base", "95603")),
        ("3000.00", ("base", "95603")),
    ],
)
def test_a_total_that_is_refused_leaves_the_old_one(emulator, sdk, total, expected):
    transaction = hold(sdk)

    result = sdk.transaction.adjust_authorization(transaction.id, total)

    assert {expected} == codes(result)
    assert Decimal("20.00") == result.transaction.amount
    assert (2_000, 0) == (book(emulator)["authorized"], book(emulator)["effects"]["increment"])


@pytest.mark.parametrize(
    ("adjustment", "total", "code"),
    [("none", "25.00", "915222"), ("decrease", "25.00", "915220"), ("increase", "15.00", "915221")],
)
def test_a_processor_may_not_adjust(emulator, sdk, adjustment, total, code):
    emulator.configure(adjustment=adjustment)

    result = sdk.transaction.adjust_authorization(hold(sdk).id, total)

    assert {("base", code)} == codes(result)


def test_what_cannot_be_adjusted_says_why(sdk):
    recurring = hold(sdk, transaction_source="recurring")
    submitted = hold(sdk, options={"submit_for_settlement": True})
    paypal = hold(sdk, payment_method_nonce="fake-paypal-one-time-nonce")

    assert recurring.recurring
    assert {("base", "915219")} == codes(sdk.transaction.adjust_authorization(recurring.id, "30.00"))
    assert {("base", "915218")} == codes(sdk.transaction.adjust_authorization(submitted.id, "30.00"))
    assert {("base", "915222")} == codes(sdk.transaction.adjust_authorization(paypal.id, "30.00"))


# --- settling


def test_less_is_settled_and_the_rest_is_free(emulator, sdk):
    transaction = hold(sdk)

    params = {"order_id": "p1-c1", "descriptor": {"name": "EVP*CHARGE A1B2"}}
    done = sdk.transaction.submit_for_settlement(transaction.id, "12.34", params).transaction

    assert (transaction.id, "submitted_for_settlement", Decimal("12.34")) == (done.id, done.status, done.amount)
    assert ("p1-c1", "EVP*CHARGE A1B2") == (done.order_id, done.descriptor.name)
    assert {"authorized": 2_000, "captured": 1_234, "released": 766, "refunded": 0} == moved(book(emulator))
    assert "p1" == book(emulator)["reference"]


def test_more_is_settled_only_where_the_processor_allows(emulator, sdk):
    assert {("amount", "91522")} == codes(sdk.transaction.submit_for_settlement(hold(sdk).id, "20.01"))
    emulator.configure(overcapture_percent=115)

    assert sdk.transaction.submit_for_settlement(hold(sdk).id, "23.00").is_success
    assert {("amount", "91522")} == codes(sdk.transaction.submit_for_settlement(hold(sdk).id, "23.01"))


def test_parts_are_transactions_of_their_own(emulator, sdk):
    parent = hold(sdk, payment_method_nonce="fake-paypal-billing-agreement-nonce")

    first = sdk.transaction.submit_for_partial_settlement(parent.id, "5.00").transaction
    last = sdk.transaction.submit_for_partial_settlement(parent.id, "6.00", {"final_capture": True}).transaction
    parent = sdk.transaction.find(parent.id)

    assert ("sale", "submitted_for_settlement") == (first.type, first.status)
    assert parent.id == first.authorized_transaction_id
    assert ("settlement_pending", [first.id, last.id]) == (parent.status, parent.partial_settlement_transaction_ids)
    assert {("base", "915103")} == codes(sdk.transaction.submit_for_partial_settlement(parent.id, "1.00"))
    assert {("base", "915103")} == codes(sdk.transaction.submit_for_partial_settlement(first.id, "1.00"))
    assert {"authorized": 2_000, "captured": 1_100, "released": 900, "refunded": 0} == moved(book(emulator))
    assert 2 == book(emulator)["effects"]["capture"]


def test_parts_stay_within_the_authorization_and_the_rest_can_be_voided(emulator, sdk):
    parent = hold(sdk, payment_method_nonce="fake-venmo-account-nonce")
    sdk.transaction.submit_for_partial_settlement(parent.id, "15.00")

    assert {("amount", "91522")} == codes(sdk.transaction.submit_for_partial_settlement(parent.id, "5.01"))
    assert 0 == book(emulator)["released"]
    assert "voided" == sdk.transaction.void(parent.id).transaction.status
    assert {"authorized": 2_000, "captured": 1_500, "released": 500, "refunded": 0} == moved(book(emulator))


def test_cards_are_settled_in_parts_only_where_that_is_released(emulator, sdk):
    assert {("base", "915102")} == codes(sdk.transaction.submit_for_partial_settlement(hold(sdk).id, "5.00"))
    emulator.configure(card_partial_settlement=True)

    assert sdk.transaction.submit_for_partial_settlement(hold(sdk).id, "5.00").is_success


def test_details_are_updated_only_before_the_night(emulator, sdk):
    transaction = hold(sdk)
    assert {("base", "915129")} == codes(sdk.transaction.update_details(transaction.id, {"order_id": "new"}))
    sdk.transaction.submit_for_settlement(transaction.id)

    updated = sdk.transaction.update_details(transaction.id, {"order_id": "new", "amount": "19.00"}).transaction

    assert ("new", Decimal("19.00")) == (updated.order_id, updated.amount)


# --- giving back


@pytest.mark.parametrize("options", [{}, {"submit_for_settlement": True}])
def test_void_gives_everything_back_before_the_night(emulator, sdk, options):
    transaction = hold(sdk, options=options)

    assert "voided" == sdk.transaction.void(transaction.id).transaction.status
    assert {("base", "91504")} == codes(sdk.transaction.void(transaction.id))
    assert {"authorized": 2_000, "captured": 0, "released": 2_000, "refunded": 0} == moved(book(emulator))


def test_what_is_settled_or_declined_cannot_be_voided(emulator, sdk):
    declined = sdk.transaction.sale(sale_params(amount="2000.00")).transaction

    assert {("base", "91504")} == codes(sdk.transaction.void(declined.id))
    assert {("base", "91504")} == codes(sdk.transaction.void(settled(sdk, emulator).id))


def test_refund_needs_a_settled_transaction(sdk):
    submitted = hold(sdk, options={"submit_for_settlement": True})

    assert {("base", "91506")} == codes(sdk.transaction.refund(hold(sdk).id))
    assert {("base", "91506")} == codes(sdk.transaction.refund(submitted.id))


def test_refunds_add_up_to_the_sale_and_no_further(emulator, sdk):
    sale = settled(sdk, emulator)

    first = sdk.transaction.refund(sale.id, {"amount": "12.00", "order_id": "p1-r1"}).transaction
    assert {("amount", "91521")} == codes(sdk.transaction.refund(sale.id, "8.01"))
    rest = sdk.transaction.refund(sale.id).transaction

    assert ("credit", "p1-r1", sale.id) == (first.type, first.order_id, first.refunded_transaction_id)
    assert (Decimal("8.00"), "submitted_for_settlement") == (rest.amount, rest.status)
    assert {("base", "91512")} == codes(sdk.transaction.refund(sale.id))
    assert {("base", "91505")} == codes(sdk.transaction.refund(first.id))
    assert [first.id, rest.id] == sdk.transaction.find(sale.id).refund_ids
    assert {"authorized": 2_000, "captured": 2_000, "released": 0, "refunded": 2_000} == moved(book(emulator))
    assert 2 == book(emulator)["effects"]["refund"]


def test_a_refund_is_declined_for_good_or_sent_all_the_same(emulator, sdk):
    sale = settled(sdk, emulator, amount="9000.00")

    hard = sdk.transaction.refund(sale.id, "2004.00")
    soft = sdk.transaction.refund(sale.id, "2046.00")

    assert ("processor_declined", "hard_declined", "2004 : Expired Card") == (
        hard.transaction.status,
        hard.transaction.processor_response_type,
        hard.transaction.additional_processor_response,
    )
    assert soft.is_success
    assert ("submitted_for_settlement", "1005", "approved", "2046 : Declined") == (
        soft.transaction.status,
        soft.transaction.processor_response_code,
        soft.transaction.processor_response_type,
        soft.transaction.additional_processor_response,
    )
    assert 204_600 == book(emulator)["refunded"]


def test_reverse_voids_what_can_be_voided_and_refunds_the_rest(emulator, sdk):
    open_one, paid = hold(sdk), settled(sdk, emulator)

    assert ("voided", open_one.id) == (
        (reversed_one := sdk.transaction.reverse(open_one.id).transaction).status,
        reversed_one.id,
    )
    refund = sdk.transaction.reverse(paid.id).transaction
    assert ("credit", paid.id) == (refund.type, refund.refunded_transaction_id)
    assert {("base", "915282")} == codes(sdk.transaction.reverse(open_one.id))


def test_a_voided_refund_is_none(emulator, sdk):
    sale = settled(sdk, emulator)
    refund = sdk.transaction.refund(sale.id).transaction

    sdk.transaction.void(refund.id)

    assert 0 == book(emulator)["refunded"]
    assert sdk.transaction.refund(sale.id).is_success


# --- once and only once


@pytest.mark.parametrize("amount", ["20.00", "2000.00"])
def test_the_same_request_with_the_same_key_happens_once(emulator, sdk, amount):
    first = sdk.transaction.sale(sale_params(amount=amount, api_request_key="k1"))
    again = sdk.transaction.sale(sale_params(amount=amount, api_request_key="k1"))

    assert (first.is_success, first.transaction.id) == (again.is_success, again.transaction.id)
    assert 1 == len(emulator.books()["payments"])


def test_a_key_tells_the_present_state_of_what_it_did(sdk):
    first = sdk.transaction.sale(sale_params(api_request_key="k1")).transaction
    sdk.transaction.void(first.id)

    assert "voided" == sdk.transaction.sale(sale_params(api_request_key="k1")).transaction.status


def test_every_effect_takes_a_key(emulator, sdk):
    calls = {
        "void": lambda: sdk.transaction.void(voided.id, {"api_request_key": "v"}),
        "submit": lambda: sdk.transaction.submit_for_settlement(paid.id, "19.00", {"api_request_key": "s"}),
        "refund": lambda: sdk.transaction.refund(done.id, {"amount": "5.00", "api_request_key": "r"}),
        "part": lambda: sdk.transaction.submit_for_partial_settlement(wallet.id, "5.00", {"api_request_key": "p"}),
    }
    voided, paid, done = hold(sdk), hold(sdk), settled(sdk, emulator)
    wallet = hold(sdk, payment_method_nonce="fake-venmo-account-nonce")

    ids = {name: (call().transaction.id, call().transaction.id) for name, call in calls.items()}

    assert all(first == again for first, again in ids.values())
    effects = [payment["effects"] for payment in emulator.books()["payments"]]
    assert {"authorize": 4, "increment": 0, "capture": 3, "void": 1, "refund": 1} == {
        name: sum(each[name] for each in effects) for name in effects[0]
    }


def test_a_key_is_for_one_request_that_went_well(emulator, sdk):
    sdk.transaction.sale(sale_params(api_request_key="k1"))
    sdk.transaction.sale(sale_params(api_request_key="k2", amount="0.00"))
    emulator.fault("error_before", path="/transactions")
    with pytest.raises(braintree.exceptions.server_error.ServerError):
        sdk.transaction.sale(sale_params(api_request_key="k3"))
    emulator.fault("conflict")

    at_work = sdk.transaction.sale(sale_params(api_request_key="k4"))

    key = "api_request_key"
    assert {(key, "915233")} == codes(at_work)
    assert {(key, "915232")} == codes(sdk.transaction.sale(sale_params(api_request_key="k1", amount="21.00")))
    assert {(key, "915234")} == codes(sdk.transaction.sale(sale_params(api_request_key="k2", amount="0.00")))
    assert {(key, "915235")} == codes(sdk.transaction.sale(sale_params(api_request_key="k3")))
    assert 1 == len(emulator.books()["payments"])


def test_keys_are_forgotten_after_a_month_and_not_for_everybody(emulator, sdk):
    first = sdk.transaction.sale(sale_params(api_request_key="k1")).transaction
    emulator.advance(30 * DAY + 60)
    later = sdk.transaction.sale(sale_params(api_request_key="k1")).transaction
    emulator.configure(api_request_keys=False)

    assert first.id != later.id
    assert {("api_request_key", "915231")} == codes(sdk.transaction.sale(sale_params(api_request_key="k9")))


def test_a_lost_answer_is_found_by_its_key_and_by_its_order(emulator, sdk):
    emulator.fault("drop_after", method="POST", path="/transactions")
    with pytest.raises(braintree.exceptions.http.connection_error.ConnectionError):
        sdk.transaction.sale(sale_params(api_request_key="k1"))

    by_key = sdk.transaction.sale(sale_params(api_request_key="k1")).transaction
    by_order = list(sdk.transaction.search(braintree.TransactionSearch.order_id == "p1").items)

    assert [by_key.id] == [found.id for found in by_order]
    assert 1 == len(emulator.books()["payments"])
