"""Stripe's own SDK and Stripe's own rules against the Stripe emulator: what its documentation promises happens."""

import pytest
import stripe as sdk
from evpay_contrib_emulators import running

pytestmark = pytest.mark.scenario

DAY = 86_400
EVERYTHING = {
    "card": {
        f"request_{feature}": "if_available"
        for feature in ("incremental_authorization", "multicapture", "overcapture", "extended_authorization")
    }
}


@pytest.fixture(scope="module")
def _stripe():
    with running("stripe", webhook_secrets=["whsec_old", "whsec_new"]) as emulator:
        yield emulator


@pytest.fixture
def stripe(_stripe):
    _stripe.clear()
    return _stripe


@pytest.fixture
def client(stripe, monkeypatch):
    monkeypatch.setattr(sdk, "enable_telemetry", False)
    http = sdk.RequestsClient()
    yield sdk.StripeClient("sk_test_x", base_addresses={"api": stripe.url}, http_client=http)
    http.close()


def hold(client, **changes):
    params = {"amount": 2_000, "currency": "eur", "confirm": True, "capture_method": "manual"}
    params |= {"payment_method": "pm_card_visa", "expand": ["latest_charge"]}
    return client.v1.payment_intents.create(params | changes)


def card_of(intent):
    return intent.latest_charge.payment_method_details.card


def refused(call, *arguments):
    with pytest.raises(sdk.StripeError) as caught:
        call(*arguments)
    return caught.value


def types(client, **params):
    return [event.type for event in client.v1.events.list({"limit": 100, **params}).data]


# --- holds


def test_terms_of_a_hold_are_stated(stripe, client):
    """What was asked for and the card allows is available; nothing else is."""
    plain = card_of(hold(client))
    rich = card_of(hold(client, payment_method_options=EVERYTHING))
    mastercard = card_of(hold(client, payment_method="pm_card_mastercard", payment_method_options=EVERYTHING))
    stripe.configure(features=False)
    poor = card_of(hold(client, payment_method_options=EVERYTHING))

    def terms(card):
        return [card[name].status for name in ("incremental_authorization", "multicapture", "overcapture")]

    assert terms(plain) == terms(poor) == ["unavailable"] * 3
    assert terms(rich) == ["available"] * 3
    assert terms(mastercard) == ["unavailable", "available", "available"]
    assert (rich.overcapture.maximum_amount_capturable, plain.overcapture.maximum_amount_capturable) == (2_300, 2_000)


@pytest.mark.parametrize(
    ("changes", "options", "days"),
    [
        ({}, {}, 7),
        ({"off_session": True}, {}, 4.75),
        ({"off_session": True, "payment_method": "pm_card_amex"}, {}, 7),
        ({"payment_method_options": EVERYTHING}, {"extended": True}, 30),
        ({"payment_method_options": EVERYTHING}, {}, 7),
    ],
)
def test_hold_lasts_as_documented_and_then_comes_free(stripe, client, changes, options, days):
    """`capture_before` says how long; a moment later the payment is cancelled by itself."""
    stripe.configure(**options)
    intent = hold(client, **changes)
    stripe.advance(days * DAY - 60)
    before = client.v1.payment_intents.retrieve(intent.id).status
    stripe.advance(120)

    after = client.v1.payment_intents.retrieve(intent.id)

    assert card_of(intent).capture_before - intent.created == days * DAY
    assert (before, after.status, after.cancellation_reason) == ("requires_capture", "canceled", "automatic")
    assert types(client)[:2] == ["charge.expired", "payment_intent.canceled"]


def test_increment_states_the_new_total_ten_times_at_most(client):
    """A declined one leaves the hold as it was, and counts."""
    intent = hold(client, payment_method="pm_evpay_incrementDeclined", payment_method_options=EVERYTHING)
    increment = client.v1.payment_intents.increment_authorization
    declines = {refused(increment, intent.id, {"amount": 2_500}).code for _ in range(10)}

    eleventh = refused(increment, intent.id, {"amount": 2_500})

    assert declines == {"card_declined"}
    assert (type(eleventh), eleventh.http_status) == (sdk.InvalidRequestError, 400)
    assert client.v1.payment_intents.retrieve(intent.id).amount_capturable == 2_000


@pytest.mark.parametrize("amount", [2_000, 1_999])
def test_increment_only_goes_up(client, amount):
    """The same total or less is refused."""
    intent = hold(client, payment_method_options=EVERYTHING)

    assert refused(client.v1.payment_intents.increment_authorization, intent.id, {"amount": amount}).http_status == 400


def test_several_captures_share_the_hold(client):
    """Up to the limit above the hold, in all; the last one frees the rest."""
    intent = hold(client, payment_method_options=EVERYTHING)
    capture = client.v1.payment_intents.capture
    first = capture(intent.id, {"amount_to_capture": 1_500, "final_capture": False})
    over = refused(capture, intent.id, {"amount_to_capture": 801})
    last = capture(intent.id, {"amount_to_capture": 800})

    assert (first.status, first.amount_capturable) == ("requires_capture", 500)
    assert over.code == "amount_too_large"
    assert (last.status, last.amount_received) == ("succeeded", 2_300)


def test_partial_authorization_holds_less_than_was_asked(client):
    """The amount stays what was asked for."""
    intent = hold(client, payment_method="pm_evpay_partial")

    assert (intent.amount, intent.amount_capturable, card_of(intent).amount_authorized) == (2_000, 1_000, 1_000)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 49}, "amount_too_small"),
        ({"amount": 100_000_000}, "amount_too_large"),
        ({"amount": 150, "currency": "isk"}, None),
        ({"amount": 5_124, "currency": "kwd"}, None),
        ({"statement_descriptor": "Charging"}, None),
        ({"statement_descriptor_suffix": "a*b"}, None),
        ({"statement_descriptor_suffix": "x" * 23}, None),
        ({"capture_method": "by_hand"}, None),
        ({"customer": "cus_missing"}, "resource_missing"),
        ({"payment_method": "pm_card_nobody"}, "resource_missing"),
        ({"expand": ["amount"]}, None),
        ({"metadata": {"k" * 41: "v"}}, None),
    ],
)
def test_what_stripe_does_not_take_is_refused(stripe, client, changes, code):
    """With its own code where it has one; no payment is authorized."""
    error = refused(lambda: hold(client, **changes))

    assert (error.http_status, error.code) == (400, code)
    assert stripe.books()["payments"] == []


@pytest.mark.parametrize(
    ("currency", "amount", "minor"), [("isk", 50_000, 500), ("jpy", 500, 500), ("kwd", 5_120, 5_120)]
)
def test_books_are_in_minor_units_of_iso_4217(stripe, client, currency, amount, minor):
    """Whatever Stripe makes of a currency."""
    hold(client, currency=currency, amount=amount)

    assert stripe.books()["payments"][0]["authorized"] == minor


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
    ],
)
def test_decline_is_told_in_the_answer_and_by_the_payment(client, token, code, decline_code):
    """402, with the payment, the charge and the method beside the code."""
    error = refused(lambda: hold(client, payment_method=token))

    assert (error.http_status, error.code, error.error.decline_code) == (402, code, decline_code)
    intent = client.v1.payment_intents.retrieve(error.error.payment_intent.id)
    assert (intent.status, intent.last_payment_error.charge) == ("requires_payment_method", error.error.charge)
    assert types(client)[:2] == ["payment_intent.payment_failed", "charge.failed"]


# --- keys


def test_key_is_forgotten_after_a_day(stripe, client):
    """Until then its first answer is repeated; after that it is a new payment."""
    params = {"amount": 2_000, "currency": "eur"}
    first = client.v1.payment_intents.create(params, {"idempotency_key": "k"})
    stripe.advance(DAY - 60)
    again = client.v1.payment_intents.create(params, {"idempotency_key": "k"})
    stripe.advance(120)
    later = client.v1.payment_intents.create(params, {"idempotency_key": "k"})

    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert later.id != first.id


def test_answers_name_the_request_and_the_version(client):
    """As support asks for them."""
    intent = hold(client)

    headers = intent.last_response.headers
    assert headers["Request-Id"] == headers["Original-Request"]
    assert headers["Stripe-Version"] == sdk.api_version


# --- saved methods


def test_saved_method_is_charged_while_nobody_is_there(client):
    """Set up with a challenge, then charged without one; a card that asks every time is refused."""
    customer = client.v1.customers.create({"email": "driver@example.com"})
    saved = hold(client, customer=customer.id, setup_future_usage="off_session")
    strict = client.v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer.id})

    again = hold(client, customer=customer.id, payment_method=saved.payment_method, off_session=True)
    error = refused(lambda: hold(client, customer=customer.id, payment_method=strict.id, off_session=True))

    assert again.status == "requires_capture"
    assert (error.code, error.error.decline_code) == ("authentication_required", "authentication_required")
    assert len(client.v1.customers.payment_methods.list(customer.id).data) == 2


def test_set_up_card_is_not_challenged_again(stripe, client):
    """That is what the set-up is for."""
    customer = client.v1.customers.create()
    setup = client.v1.setup_intents.create(
        {"customer": customer.id, "payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": True}
    )
    stripe.act("authenticate", id=setup.id)
    done = client.v1.setup_intents.retrieve(setup.id)

    intent = hold(client, customer=customer.id, payment_method=done.payment_method, off_session=True)

    assert (setup.status, done.status, intent.status) == ("requires_action", "succeeded", "requires_capture")


def test_method_is_used_once_or_by_its_customer(client):
    """Without a customer it is used up; with one, it is nobody else's."""
    loose = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    hold(client, payment_method=loose.id)
    owned = hold(client, customer="cus_a", setup_future_usage="off_session").payment_method

    assert refused(lambda: hold(client, payment_method=loose.id)).param == "payment_method"
    assert refused(lambda: hold(client, payment_method=owned, customer="cus_b")).param == "payment_method"
    assert refused(lambda: hold(client, payment_method=owned)).param == "payment_method"


def test_challenge_ends_as_the_driver_answers(stripe, client):
    """Held if they pass; refused, with the code for it, if they fail."""
    passed, failed = (
        hold(client, payment_method="pm_card_threeDSecure2Required", return_url="https://host.example/back")
        for _ in range(2)
    )
    stripe.act("authenticate", id=passed.id)
    stripe.act("authenticate", id=failed.id, success=False)

    statuses = [client.v1.payment_intents.retrieve(intent.id).status for intent in (passed, failed)]

    assert (passed.status, passed.next_action.type) == ("requires_action", "redirect_to_url")
    assert statuses == ["requires_capture", "requires_payment_method"]
    error = client.v1.payment_intents.retrieve(failed.id).last_payment_error
    assert error.code == "payment_intent_authentication_failure"


def test_wallets_and_paypal_arrive_as_themselves(stripe, client):
    """A wallet is a card with a mark; PayPal is approved behind a link."""
    wallet = hold(client, payment_method="pm_evpay_googlePay")
    paypal = client.v1.payment_intents.create(
        {"amount": 900, "currency": "eur", "confirm": True, "capture_method": "manual", "return_url": "https://h.example",
         "allowed_payment_method_types": ["paypal"], "payment_method_data": {"type": "paypal"}}
    )  # fmt: skip
    stripe.act("authenticate", id=paypal.id)

    approved = client.v1.payment_intents.retrieve(paypal.id, {"expand": ["latest_charge"]})

    assert card_of(wallet).wallet.type == "google_pay"
    assert (paypal.status, approved.status) == ("requires_action", "requires_capture")
    assert approved.latest_charge.payment_method_details.type == "paypal"


# --- readers


def waiting(client, **changes):
    params = {"amount": 5_000, "currency": "eur", "capture_method": "manual"}
    return client.v1.payment_intents.create(params | {"allowed_payment_method_types": ["card_present"]} | changes)


def test_card_is_read_held_and_captured(client):
    """Shown on the reader, read, held for five days, and the card is kept if that is asked for."""
    reader = client.v1.terminal.readers.create({"registration_code": "simulated-wpe", "label": "Bay 1"})
    intent = waiting(
        client,
        customer="cus_a",
        setup_future_usage="off_session",
        payment_method_options={"card_present": {"request_incremental_authorization_support": True}},
    )
    shown = client.v1.terminal.readers.process_payment_intent(reader.id, {"payment_intent": intent.id})
    read = client.v1.test_helpers.terminal.readers.present_payment_method(reader.id)
    held = client.v1.payment_intents.increment_authorization(intent.id, {"amount": 6_000, "expand": ["latest_charge"]})
    client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1_234})

    card = held.latest_charge.payment_method_details.card_present
    assert (shown.action.status, read.action.status, held.amount_capturable) == ("in_progress", "succeeded", 6_000)
    assert card.capture_before - held.created == 5 * DAY
    again = hold(client, customer="cus_a", payment_method=card.generated_card, off_session=True)
    assert again.status == "requires_capture"


def test_reader_says_why_it_failed(stripe, client):
    """A declined card, a driver who gives up; the payment waits for the next card either way."""
    intent = waiting(client)
    readers = client.v1.terminal.readers
    readers.process_payment_intent("tmr_bay", {"payment_intent": intent.id})
    busy = refused(readers.process_payment_intent, "tmr_bay", {"payment_intent": intent.id})
    stripe.act("present", reader="tmr_bay", number="4000000000009995")
    declined = readers.retrieve("tmr_bay").action
    readers.process_payment_intent("tmr_bay", {"payment_intent": intent.id})
    stripe.act("cancel_at_reader", reader="tmr_bay")
    given_up = readers.retrieve("tmr_bay").action
    stripe.act("connect_reader", reader="tmr_bay", online=False)
    offline = refused(readers.process_payment_intent, "tmr_bay", {"payment_intent": intent.id})

    assert (busy.code, offline.code) == ("terminal_reader_busy", "terminal_reader_offline")
    assert (declined.failure_code, declined.api_error.decline_code) == ("card_declined", "insufficient_funds")
    assert given_up.failure_code == "customer_canceled"
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


# --- refunds, disputes, the balance


@pytest.fixture
def sold(client):
    """Return a payment of 20.00 that is captured."""
    return client.v1.payment_intents.capture(hold(client).id)


def test_refund_that_fails_later_brings_the_money_back(stripe, client, sold):
    """The balance has both lines, and the same amount can be refunded again."""
    refund = client.v1.refunds.create({"payment_intent": sold.id, "amount": 500})
    stripe.act("refund", id=refund.id, status="failed", failure_reason="lost_or_stolen_card")

    failed = client.v1.refunds.retrieve(refund.id)

    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
    lines = client.v1.balance_transactions.list({"source": refund.id}).data
    assert [(line.type, line.amount) for line in lines] == [("refund_failure", 500), ("refund", -500)]
    assert client.v1.refunds.create({"payment_intent": sold.id}).amount == 2_000
    assert "refund.failed" in types(client)


def test_refund_that_is_pending_can_be_taken_back(client):
    """And no other one."""
    intent = client.v1.payment_intents.capture(hold(client, payment_method="pm_card_pendingRefund").id)
    refund = client.v1.refunds.create({"payment_intent": intent.id})

    assert (refund.status, client.v1.refunds.cancel(refund.id).status) == ("pending", "canceled")
    assert refused(client.v1.refunds.cancel, refund.id).http_status == 400


def test_dispute_takes_the_money_and_gives_it_back_if_won(stripe, client, sold):
    """With Stripe's fee; while it is out, nothing can be refunded."""
    stripe.act("dispute", id=sold.id, amount=1_500)
    out = stripe.books()["payments"][0]["charged_back"]
    (dispute,) = client.v1.disputes.list({"payment_intent": sold.id}).data
    blocked = refused(client.v1.refunds.create, {"payment_intent": sold.id})
    won = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})

    assert (dispute.status, won.status, blocked.code) == ("needs_response", "won", "charge_disputed")
    assert [(entry.amount, entry.fee) for entry in won.balance_transactions] == [(-1_500, 2_000), (1_500, 0)]
    assert (out, stripe.books()["payments"][0]["charged_back"]) == (1_500, 0)
    assert types(client)[:2] == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]


def test_inquiry_moves_no_money(stripe, client):
    """A card that asks without disputing."""
    intent = client.v1.payment_intents.capture(hold(client, payment_method="pm_card_createDisputeInquiry").id)

    (dispute,) = client.v1.disputes.list({"payment_intent": intent.id}).data

    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert stripe.books()["payments"][0]["charged_back"] == 0


def test_balance_has_a_line_for_every_movement(client, sold):
    """With the fee, and the source when it is asked for; page by page."""
    client.v1.refunds.create({"payment_intent": sold.id, "amount": 500})
    pages = client.v1.balance_transactions.list({"limit": 1, "expand": ["data.source"]})

    lines = list(pages.auto_paging_iter())

    assert [(line.type, line.amount, line.fee, line.net) for line in lines] == [
        ("refund", -500, 0, -500),
        ("charge", 2_000, 55, 1_945),
    ]
    assert [line.source.object for line in lines] == ["refund", "charge"]


# --- events


def test_webhook_is_proven_by_either_secret(stripe, client):
    """While one secret replaces the other, both of them sign; a third one does not."""
    hold(client)
    message = stripe.webhooks()[0]
    proof = (message["body"], message["headers"]["Stripe-Signature"])

    events = [client.construct_event(*proof, secret) for secret in ("whsec_old", "whsec_new")]

    assert {event.type for event in events} == {"payment_intent.created"}
    with pytest.raises(sdk.SignatureVerificationError):
        client.construct_event(*proof, "whsec_third")


def test_events_say_what_asked_for_them_and_what_was_before(client):
    """The key of the request; the attributes that changed."""
    intent = hold(client, payment_method_options=EVERYTHING)
    client.v1.payment_intents.increment_authorization(intent.id, {"amount": 3_000}, {"idempotency_key": "more"})

    (event, *_) = client.v1.events.list({"type": "payment_intent.amount_capturable_updated"}).data

    assert event.request.idempotency_key == "more"
    assert (event.data.previous_attributes["amount"], event.data.object["amount"]) == (2_000, 3_000)


def test_events_are_gone_after_thirty_days(stripe, client):
    """Who did not ask in time has to look at the payments."""
    client.v1.customers.create()
    stripe.advance(29 * DAY)
    before = types(client)
    stripe.advance(2 * DAY)

    assert (before, types(client)) == (["customer.created"], [])
