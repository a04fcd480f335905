"""Braintree's own SDK against the Braintree emulator: nights, searches, reports, disputes and notifications."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from evpay_contrib_emulators import running

from tests.emulators.braintree_desk import AUTH, DAY, braintree, codes, notifications, sale_params, sdk_for
from tests.emulators.inbox import receiving

pytestmark = pytest.mark.scenario

SUBMIT = {"submit_for_settlement": True}
Search = braintree.TransactionSearch


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


def sale(sdk, **changes):
    result = sdk.transaction.sale(sale_params(**({"options": SUBMIT} | changes)))
    assert result.is_success, result.message
    return result.transaction


def statuses(transaction):
    return [event.status for event in transaction.status_history]


def found(sdk, *criteria):
    return [one.id for one in sdk.transaction.search(list(criteria)).items]


# --- nights


def test_the_night_settles_what_was_submitted_before_it(emulator, sdk):
    emulator.configure(settlement_hour=(datetime.now(UTC) + timedelta(hours=2)).hour)
    transaction = sale(sdk)

    emulator.advance(2.5 * 3_600)
    settling = sdk.transaction.find(transaction.id)
    emulator.advance(5 * 3_600)
    settled = sdk.transaction.find(transaction.id)

    assert ["authorized", "submitted_for_settlement", "settling"] == statuses(settling)
    assert ["authorized", "submitted_for_settlement", "settling", "settled"] == statuses(settled)
    assert settled.settlement_batch_id
    assert None is settled.disbursement_details.disbursement_date
    emulator.advance(DAY)
    assert sdk.transaction.find(transaction.id).is_disbursed


def test_what_is_void_does_not_settle(emulator, sdk):
    transaction = sale(sdk)
    sdk.transaction.void(transaction.id)

    emulator.advance(2 * DAY)

    assert "voided" == sdk.transaction.find(transaction.id).status


@pytest.mark.parametrize(
    ("amount", "nonce", "status", "captured"),
    [
        ("4001.00", "fake-valid-visa-nonce", "settlement_declined", 0),
        ("4002.00", "fake-paypal-one-time-nonce", "settlement_pending", 400_200),
        ("4002.00", "fake-valid-visa-nonce", "settled", 400_200),
        ("5001.02", "fake-valid-visa-nonce", "settled", 500_102),
    ],
)
def test_the_sandbox_settles_by_amount(emulator, sdk, amount, nonce, status, captured):
    transaction = sale(sdk, amount=amount, payment_method_nonce=nonce)

    emulator.act("settle", id=transaction.id)

    assert status == sdk.transaction.find(transaction.id).status
    assert captured == emulator.books()["payments"][0]["captured"]


@pytest.mark.parametrize(
    ("helper", "status"),
    [
        ("settle_transaction", "settled"),
        ("settlement_confirm_transaction", "settlement_confirmed"),
        ("settlement_decline_transaction", "settlement_declined"),
        ("settlement_pending_transaction", "settlement_pending"),
    ],
)
def test_the_sandbox_has_helpers(sdk, helper, status):
    transaction = sale(sdk)

    assert status == getattr(sdk.testing, helper)(transaction.id).transaction.status
    assert {("base", "91575")} == codes(getattr(sdk.testing, helper)(sale(sdk, options={}).id))


# --- search and reports


def test_search_finds_by_order_status_time_and_amount(emulator, sdk):
    first, second = sale(sdk), sale(sdk, order_id="p2", amount="30.00", options={})
    now = datetime.now(UTC)

    assert [first.id] == found(sdk, Search.order_id == "p1")
    assert [second.id, first.id] == found(sdk, Search.order_id.starts_with("p"))
    assert [second.id] == found(sdk, Search.status.in_list("authorized"))
    assert [second.id] == found(sdk, Search.amount >= "30.00")
    assert [first.id] == found(sdk, Search.amount.between("1.00", "20.00"))
    assert [second.id] == found(sdk, Search.ids.in_list([second.id, "unknown"]))
    assert 2 == len(found(sdk, Search.created_at.between(now - timedelta(hours=1), now + timedelta(hours=1))))
    assert [] == found(sdk, Search.created_at <= now - timedelta(hours=1))
    assert [] == found(sdk, Search.order_id == "p3")
    emulator.act("settle")
    assert [first.id] == found(sdk, Search.settled_at >= now - timedelta(minutes=1))


def test_search_goes_over_pages(sdk):
    ids = [sale(sdk, order_id="many", options={}).id for _ in range(53)]

    collection = sdk.transaction.search(Search.order_id == "many")

    assert 53 == collection.maximum_size
    assert ids[::-1] == [one.id for one in collection.items]


def test_search_may_lag_behind(emulator, sdk):
    emulator.configure(search_lag=60)
    transaction = sale(sdk)

    assert [] == found(sdk, Search.order_id == "p1")
    assert transaction.id == sdk.transaction.find(transaction.id).id
    emulator.advance(61)
    assert [transaction.id] == found(sdk, Search.order_id == "p1")


def test_a_criterion_that_is_not_known_is_refused(sdk):
    with pytest.raises(braintree.exceptions.authorization_error.AuthorizationError):
        sdk.transaction.search(Search.store_id == "x")


def test_the_batch_of_a_day_is_summed_up(emulator, sdk):
    emulator.configure(custom_fields=["site"])
    for amount, site in (("20.00", "north"), ("22.50", "north"), ("5.00", "south")):
        sale(sdk, amount=amount, custom_fields={"site": site})
    emulator.act("settle")
    day = f"{datetime.now(UTC):%Y-%m-%d}"

    (whole,) = sdk.settlement_batch_summary.generate(day).settlement_batch_summary.records
    by_site = sdk.settlement_batch_summary.generate(day, "site").settlement_batch_summary.records

    assert ("3", "47.50", "sale", "Visa", "emulator_eur") == tuple(
        whole[name] for name in ("count", "amount_settled", "kind", "card_type", "merchant_account_id")
    )
    assert {("north", "42.50"), ("south", "5.00")} == {(one["site"], one["amount_settled"]) for one in by_site}
    assert {("settlement_date", "82302")} == codes(sdk.settlement_batch_summary.generate("whenever"))


# --- disputes


def test_a_dispute_is_found_contested_and_won(emulator, sdk):
    transaction = sale(sdk)
    name = emulator.act("dispute_opened", id=transaction.id, amount="15.00", reason="product_not_received")["id"]
    assert 1_500 == emulator.books()["payments"][0]["charged_back"]

    dispute = sdk.dispute.find(name)
    listed = list(sdk.dispute.search(braintree.DisputeSearch.status.in_list("open")).disputes.items)
    evidence = sdk.dispute.add_text_evidence(name, "The car was charged.").evidence
    sdk.dispute.finalize(name)

    assert ("open", "product_not_received", "chargeback") == (dispute.status, dispute.reason, dispute.kind)
    assert (15, transaction.id) == (dispute.amount_disputed, dispute.transaction.id)
    assert [name] == [one.id for one in listed]
    assert [name] == [one.id for one in sdk.transaction.find(transaction.id).disputes]
    assert ("disputed", ["The car was charged."]) == (
        (contested := sdk.dispute.find(name)).status,
        [one.comments for one in contested.evidence],
    )
    assert {("status", "95702")} == codes(sdk.dispute.remove_evidence(name, evidence.id))
    emulator.act("dispute_won", id=name)
    assert 0 == emulator.books()["payments"][0]["charged_back"]
    assert ["dispute_opened", "dispute_disputed", "dispute_won"] == [one.kind for one in notifications(emulator, sdk)]
    assert 15 == notifications(emulator, sdk)[2].dispute.amount_won


def test_a_dispute_is_accepted_once(emulator, sdk):
    name = emulator.act("dispute_opened", id=sale(sdk).id)["id"]

    assert sdk.dispute.accept(name).is_success
    assert {("status", "95704")} == codes(sdk.dispute.accept(name))
    assert "accepted" == sdk.dispute.find(name).status
    assert 2_000 == emulator.books()["payments"][0]["charged_back"]


def test_a_disputing_card_is_disputed_at_once(sdk):
    card = {"number": "4023898493988028", "expiration_date": "12/2030"}

    transaction = sale(sdk, payment_method_nonce=None, credit_card=card)

    assert ["open"] == [dispute.status for dispute in transaction.disputes]


@pytest.mark.parametrize(
    ("verb", "arguments", "problem"),
    [
        ("fly", {}, "no act"),
        ("expire", {"id": "unknown"}, "no transaction"),
        ("expire", {}, "needs 'id'"),
        ("dispute_won", {"id": "unknown"}, "no dispute"),
        ("refund_failed", {"id": "unknown"}, "no transaction"),
        ("three_d_secure", {"of": "unknown"}, "no nonce"),
    ],
)
def test_an_act_that_cannot_be_says_why(emulator, verb, arguments, problem):
    with pytest.raises(ValueError, match=problem):
        emulator.act(verb, **arguments)


# --- notifications


def test_cards_settle_in_silence_and_wallets_do_not(emulator, sdk):
    sale(sdk)
    wallet = sale(sdk, payment_method_nonce="fake-paypal-one-time-nonce")

    emulator.act("settle")

    (told,) = notifications(emulator, sdk)
    assert ("transaction_settled", wallet.id, "settled") == (told.kind, told.transaction.id, told.transaction.status)
    emulator.configure(card_settled_webhooks=True)
    card = sale(sdk)
    emulator.act("settle", id=card.id)
    assert [wallet.id, card.id] == [one.transaction.id for one in notifications(emulator, sdk)]


def test_a_failed_settlement_and_a_failed_refund_are_told(emulator, sdk):
    failed, paid = sale(sdk), sale(sdk, order_id="p2")
    emulator.act("settlement_declined", id=failed.id)
    emulator.act("settle", id=paid.id)
    refund = sdk.transaction.refund(paid.id).transaction

    emulator.act("refund_failed", id=refund.id)

    told = notifications(emulator, sdk)
    assert [("transaction_settlement_declined", failed.id), ("refund_failed", refund.id)] == [
        (one.kind, one.transaction.id) for one in told
    ]
    assert ("processor_declined", paid.id) == (told[1].transaction.status, told[1].transaction.refunded_transaction_id)
    assert [0, 0] == [payment["refunded"] for payment in emulator.books()["payments"]]


def test_disbursement_is_told(emulator, sdk):
    transaction = sale(sdk)
    emulator.act("settle", id=transaction.id)

    emulator.advance(DAY + 60)

    (told,) = notifications(emulator, sdk)
    assert ("transaction_disbursed", transaction.id) == (told.kind, told.transaction.id)
    assert told.transaction.is_disbursed


def test_a_notification_is_a_form_that_is_signed_over_its_payload(emulator, sdk):
    with receiving() as inbox:
        emulator.send_webhooks_to(inbox.url)
        emulator.act("check")
        (letter,) = inbox.wait_for(1)

    form = parse_qs(letter.body.decode(), strict_parsing=True)
    payload = form["bt_payload"][0]
    digest = hmac.new(hashlib.sha1(AUTH[1].encode()).digest(), payload.encode(), "sha1").hexdigest()
    assert {"bt_signature", "bt_payload"} == set(form)
    assert "application/x-www-form-urlencoded" == letter.headers["content-type"]
    assert [f"{AUTH[0]}|{digest}"] == form["bt_signature"]
    told = sdk.webhook_notification.parse(form["bt_signature"][0], payload)
    assert "check" == told.kind
    assert abs(told.timestamp - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)


def test_several_keys_sign_and_one_is_enough(emulator, sdk):
    emulator.configure(other_keys={"new_public_key": "new_private_key"})
    emulator.act("check")
    (message,) = emulator.webhooks()
    form = parse_qs(message["body"])
    newer = sdk_for(emulator.url, public_key="new_public_key", private_key="new_private_key")

    for client in (sdk, newer):
        assert "check" == client.webhook_notification.parse(form["bt_signature"][0], form["bt_payload"][0]).kind
    assert "authorized" == newer.transaction.sale(sale_params()).transaction.status
    newer.close()


def test_a_forged_notification_is_not_taken_by_the_library(emulator, sdk):
    emulator.fault("webhook_forge")
    with receiving() as inbox:
        emulator.send_webhooks_to(inbox.url)
        emulator.act("check")
        forged, true = (parse_qs(letter.body.decode()) for letter in inbox.wait_for(2))

    with pytest.raises(braintree.exceptions.invalid_signature_error.InvalidSignatureError):
        sdk.webhook_notification.parse(forged["bt_signature"][0], forged["bt_payload"][0])
    assert forged["bt_payload"] == true["bt_payload"]
    assert "check" == sdk.webhook_notification.parse(true["bt_signature"][0], true["bt_payload"][0]).kind


def test_a_wallet_that_is_revoked_is_told_and_gone(emulator, sdk):
    customer = sdk.customer.create({"payment_method_nonce": "fake-paypal-billing-agreement-nonce"}).customer
    (method,) = customer.payment_methods

    emulator.act("revoke", token=method.token)

    (told,) = notifications(emulator, sdk)
    assert "payment_method_revoked_by_customer" == told.kind
    assert method.token == told.revoked_payment_method_metadata.token
    with pytest.raises(braintree.exceptions.not_found_error.NotFoundError):
        sdk.payment_method.find(method.token)
