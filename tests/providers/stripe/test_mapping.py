"""Translation both ways, without a wire."""

from datetime import UTC, datetime, timedelta

import pytest

from evpay.money import Money
from evpay.providers import (
    ActionRequired,
    ConfirmOnDevice,
    Declined,
    Failed,
    Handle,
    Hold,
    MethodKind,
    OpenLink,
    PaymentMethod,
    Pending,
    Reason,
    RunClientSdk,
    Succeeded,
    Unknown,
)
from evpay_providers.stripe.mapping import (
    CANCELLATIONS,
    authorize_outcome,
    capture_outcome,
    hold_of,
    refund_outcome,
    void_outcome,
)
from tests.providers.stripe import answers


def usd(amount: str) -> Money:
    return Money(amount, "USD")


def read(intent, **options):
    return authorize_outcome(intent, account="stripe", **options)


# --- theirs to ours: the hold


def test_hold_is_read_from_the_charge():
    """Amount, expiry and terms come with the answer."""
    outcome = read(answers.intent())

    assert outcome.amount == usd("29.00")
    assert outcome.handle == Handle(id="pi_1", memo={"terms": "stated"})
    assert outcome.hold.expires == datetime(2025, 11, 17, 18, 29, 4, tzinfo=UTC)
    assert (outcome.hold.increment, outcome.hold.extend, outcome.hold.multiple_captures) == (False, False, False)
    assert outcome.hold.capture_limit is None
    assert outcome.slip == {"brand": "visa", "last4": "4242", "authorization_code": "057895"}


def test_features_count_only_when_available():
    """Each term of the hold has a field of its own."""
    card = {
        "incremental_authorization": {"status": "available"},
        "multicapture": {"status": "available"},
        "overcapture": {"status": "available", "maximum_amount_capturable": 3335},
    }

    outcome = read(answers.intent(card=card))

    assert (outcome.hold.increment, outcome.hold.multiple_captures) == (True, True)
    assert outcome.hold.capture_limit == usd("33.35")
    assert outcome.handle.memo["multicapture"] == "available"


def test_partial_approval_is_what_was_confirmed():
    """Less than asked is still the processor's word."""
    assert read(answers.intent(amount_capturable=1500, card={"amount_authorized": 1500})).amount == usd("15.00")


def test_amount_without_card_details_is_what_can_be_captured():
    """A charge that is only an id says no amount."""
    assert read(answers.intent(latest_charge="ch_1", amount_capturable=1500)).amount == usd("15.00")


@pytest.mark.parametrize(
    ("brand", "off_session", "window"),
    [
        ("visa", False, timedelta(days=7)),
        ("visa", True, timedelta(days=4, hours=18)),
        ("mastercard", True, timedelta(days=7)),
        ("amex", True, timedelta(days=7)),
        ("discover", True, timedelta(days=7)),
        ("unionpay", True, timedelta(days=4, hours=18)),
        (None, True, timedelta(days=4, hours=18)),
        (None, False, timedelta(days=7)),
    ],
)
def test_expiry_that_is_not_stated_is_stripes_own_window(brand, off_session, window):
    """Without capture_before the table decides, and the shortest window where it does not know."""
    hold = hold_of(answers.intent(card={"capture_before": None, "brand": brand}), off_session=off_session)

    assert hold.expires == window


def test_terse_answer_allows_nothing():
    """Missing terms are cautious ones."""
    outcome = read(answers.terse())

    assert outcome.amount == usd("29.00")
    assert outcome.handle.memo == {}
    assert (outcome.hold.increment, outcome.hold.multiple_captures, outcome.hold.capture_limit) == (False, False, None)


def test_saved_method_comes_back():
    """With setup_future_usage the new token, its customer and what the card shows."""
    outcome = read(answers.intent(setup_future_usage="off_session"))

    assert outcome.saved_method == PaymentMethod(
        "pm_1", account="stripe", customer="cus_1", brand="visa", last4="4242", expires="2034-11"
    )


def test_token_that_looks_like_a_card_number_is_left_out():
    """The hold stands; what looks like a card number is not kept."""
    outcome = read(answers.intent(setup_future_usage="off_session", payment_method="4111111111111111"))

    assert (outcome.type, outcome.amount, outcome.saved_method) == ("succeeded", usd("29.00"), None)


# --- theirs to ours: what became of the payment


def test_redirect_is_a_link():
    """Stripe's own page does the challenge."""
    step = {"type": "redirect_to_url", "redirect_to_url": {"url": "https://hooks.stripe.com/3ds"}}

    outcome = read(answers.intent(status="requires_action", next_action=step, latest_charge=None))

    assert outcome == ActionRequired(
        action=OpenLink(uri="https://hooks.stripe.com/3ds"), id="pi_1", handle=Handle(id="pi_1")
    )


def test_challenge_without_redirect_is_for_the_client_sdk():
    """The app gets the secret that its SDK needs."""
    step = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}

    outcome = read(answers.intent(status="requires_action", next_action=step, latest_charge=None))

    assert outcome.action == RunClientSdk(payload={"client_secret": "pi_1_secret_x"})


def test_challenge_with_nobody_there_is_a_decline():
    """Off session nobody can answer."""
    outcome = read(answers.intent(status="requires_action", latest_charge=None), off_session=True)

    assert outcome == Declined(reason=Reason.AUTHENTICATION_REQUIRED, code="requires_action", id="pi_1")


def test_failed_challenge_is_declined():
    """Where the driver failed, the error says so."""
    error = {"type": "invalid_request_error", "code": "payment_intent_authentication_failure"}

    outcome = read(answers.intent(status="requires_payment_method", last_payment_error=error, latest_charge=None))

    assert outcome == Declined(
        reason=Reason.AUTHENTICATION_FAILED, code="payment_intent_authentication_failure", id="pi_1"
    )


def test_payment_without_method_and_without_error_is_unknown():
    """No error, no decline."""
    assert isinstance(read(answers.intent(status="requires_payment_method")), Unknown)


def test_processing_is_pending():
    """Accepted, and told later."""
    assert isinstance(read(answers.intent(status="processing", latest_charge=None)), Pending)


@pytest.mark.parametrize(("code", "reason"), [*sorted(CANCELLATIONS.items()), ("of_the_future", Reason.OTHER)])
def test_cancelled_before_approval_is_declined(code, reason):
    """It cannot be approved any more."""
    outcome = read(answers.intent(status="canceled", cancellation_reason=code, latest_charge=None))

    assert outcome == Declined(reason=reason, code=code, id="pi_1")


def test_cancelled_after_approval_was_a_hold():
    """What was released had been authorized."""
    assert read(answers.intent(status="canceled", amount_capturable=0)).amount == usd("29.00")


@pytest.mark.parametrize("status", ["requires_confirmation", "entangled", "", None])
def test_status_that_is_not_listed_is_unknown(status):
    """Never success, never a decline."""
    assert isinstance(read(answers.intent(status=status)), Unknown)


# --- theirs to ours: capture, void, refund


def test_confirmed_capture_wins_over_what_was_asked():
    """Stripe's total counts."""
    assert capture_outcome(answers.captured(2800), asked=usd("29.00"), multiple=False).amount == usd("28.00")


def test_capture_names_the_charge():
    """The id of a capture is its charge's, expanded or not."""
    expanded = capture_outcome(answers.captured(), asked=usd("29.00"), multiple=False)
    plain = capture_outcome(answers.captured() | {"latest_charge": "ch_2"}, asked=usd("29.00"), multiple=False)

    assert (expanded.id, plain.id) == ("ch_1", "ch_2")


def test_one_of_several_captures_is_what_was_asked():
    """`amount_received` runs on, so it says the sum and not this one."""
    intent = answers.captured(2500, card={"multicapture": {"status": "available"}})

    assert capture_outcome(intent, asked=usd("10.00"), multiple=True).amount == usd("10.00")


def test_less_received_than_asked_is_unknown():
    """Of several captures the sum cannot be less than one."""
    assert isinstance(capture_outcome(answers.captured(500), asked=usd("10.00"), multiple=True), Unknown)


@pytest.mark.parametrize("multiple", [False, True])
def test_nothing_received_is_unknown(multiple):
    """A payment that still waits for its capture was not captured, whatever was accepted."""
    assert isinstance(capture_outcome(answers.intent(), asked=usd("10.00"), multiple=multiple), Unknown)


def test_capture_of_a_terse_server_is_what_was_asked():
    """Without a running total the accepted request is all there is."""
    assert capture_outcome(answers.terse(status="succeeded"), asked=usd("12.00"), multiple=False).amount == usd("12.00")


@pytest.mark.parametrize("status", ["processing", "canceled", "requires_payment_method", "entangled"])
def test_capture_that_left_another_status_is_unknown(status):
    """An answer that contradicts itself proves nothing."""
    assert isinstance(capture_outcome(answers.intent(status=status), asked=usd("29.00"), multiple=False), Unknown)


def test_void_says_what_came_free():
    """The whole hold, the rest after a capture, or zero if there was none."""
    whole = answers.intent(status="canceled", amount_capturable=0)
    rest = answers.captured(1000)
    nothing = answers.intent(status="canceled", amount_capturable=0, latest_charge=None)
    declined = answers.intent(status="canceled", amount_capturable=0, charge={"status": "failed"})

    released = [void_outcome(intent).amount for intent in (whole, rest, nothing, declined)]

    assert released == [usd("29.00"), usd("19.00"), usd("0.00"), usd("0.00")]


def test_void_that_left_another_status_is_unknown():
    """Cancelled and still capturable cannot be."""
    assert isinstance(void_outcome(answers.intent()), Unknown)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"status": "succeeded"}, Succeeded(amount=Money("10.00", "USD"), id="re_1")),
        ({"status": "pending"}, Pending(id="re_1")),
        ({"status": "requires_action"}, Pending(id="re_1")),
        (
            {"status": "failed", "failure_reason": "insufficient_funds"},
            Failed(reason=Reason.REFUND_FUNDS_LACKING, code="insufficient_funds", id="re_1"),
        ),
        (
            {"status": "failed", "failure_reason": "expired_or_canceled_card"},
            Failed(reason=Reason.EXPIRED_METHOD, code="expired_or_canceled_card", id="re_1"),
        ),
        (
            {"status": "failed", "failure_reason": "of_the_future"},
            Failed(reason=Reason.OTHER, code="of_the_future", id="re_1"),
        ),
        ({"status": "canceled"}, Failed(reason=Reason.OTHER, code="canceled", id="re_1")),
    ],
)
def test_refund_is_read_by_its_status(fields, outcome):
    """Pending is told later, failed is over."""
    assert refund_outcome(answers.refund(**fields)) == outcome


def test_refund_in_a_new_status_is_unknown():
    """Never success."""
    assert isinstance(refund_outcome(answers.refund(status="entangled")), Unknown)


# --- other ways to pay


PAYPAL = {"type": "paypal", "paypal": {"payer_id": "P1", "payer_email": "driver@example.com"}}
RECEIPT = {
    "application_preferred_name": "VISA CREDIT",
    "dedicated_file_name": "A0000000031010",
    "authorization_response_code": "3030",
    "account_type": "credit",
    "terminal_verification_results": None,
}
PRESENT = {
    "amount_authorized": 2900,
    "brand": "visa",
    "exp_month": 11,
    "exp_year": 2034,
    "generated_card": "pm_made",
    "incremental_authorization_supported": True,
    "last4": "4242",
    "read_method": "contactless_emv",
    "receipt": RECEIPT,
}


def present(**card):
    details = {"type": "card_present", "card_present": PRESENT | card}
    return answers.intent(charge={"payment_method_details": details}, payment_method="pm_read")


def at_reader(**fields):
    metadata = {"evpay_reference": "p1", "evpay_reader": "tmr_1"}
    waiting = {"status": "requires_payment_method", "latest_charge": None, "metadata": metadata}
    return answers.intent(**{**waiting, **fields})


@pytest.mark.parametrize("wallet", ["apple_pay", "google_pay"])
def test_slip_names_the_wallet(wallet):
    """A wallet hands over a card; the slip says both."""
    slip = read(answers.intent(card={"wallet": {"type": wallet}})).slip

    assert (slip["wallet"], slip["last4"]) == (wallet, "4242")


def test_paypal_is_held_like_a_card():
    """The intent's amounts count, for its charge states no terms; who pays is not kept."""
    outcome = read(answers.intent(charge={"payment_method_details": PAYPAL}, setup_future_usage="off_session"))

    assert outcome.amount == usd("29.00")
    assert outcome.slip == {"brand": "paypal"}
    assert outcome.hold == Hold(expires=timedelta(days=7))
    assert (outcome.saved_method.kind, outcome.saved_method.brand) == (MethodKind.WALLET, "paypal")


def test_card_that_was_read_has_its_own_terms():
    """Increments as supported, the shorter window, and what a chip receipt must show."""
    outcome = read(present())

    assert (outcome.hold.increment, outcome.hold.multiple_captures) == (True, False)
    assert outcome.hold.expires == timedelta(days=4, hours=18)
    assert outcome.slip == {
        "brand": "visa",
        "last4": "4242",
        "read_method": "contactless_emv",
        "application_preferred_name": "VISA CREDIT",
        "dedicated_file_name": "A0000000031010",
        "authorization_response_code": "3030",
        "account_type": "credit",
    }


@pytest.mark.parametrize("brand", ["mastercard", "amex", "discover", "of_the_future", None])
def test_hold_of_another_card_that_was_read_is_short(brand):
    """Two days, for every brand but one."""
    assert read(present(brand=brand)).hold.expires == timedelta(days=2)


def test_card_that_was_read_is_saved_as_the_card_made_of_it():
    """What was read cannot be charged again; what Stripe generates from it can."""
    assert read(present() | {"setup_future_usage": "off_session"}).saved_method.token == "pm_made"
    assert read(present(generated_card=None) | {"setup_future_usage": "off_session"}).saved_method is None


def test_ids_may_come_expanded():
    """Whoever asked for `customer` gets an object."""
    answer = answers.intent(setup_future_usage="off_session", customer={"id": "cus_9"}, payment_method={"id": "pm_9"})

    saved = read(answer).saved_method

    assert (saved.customer, saved.token) == ("cus_9", "pm_9")


def test_payment_for_a_reader_waits_for_the_card():
    """It is open, names its reader, and was not refused."""
    outcome = read(at_reader())

    assert outcome == ActionRequired(
        action=ConfirmOnDevice(device="tmr_1"), id="pi_1", handle=Handle(id="pi_1", memo={"reader": "tmr_1"})
    )


def test_payment_that_the_reader_refused_is_declined():
    """The error counts, and not that it could be tried with another card."""
    error = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}

    assert read(at_reader(last_payment_error=error)).reason is Reason.INSUFFICIENT_FUNDS


def test_intent_that_is_full_is_asked_to_remember_no_more():
    """Fifty things at most; what comes after is told by the totals."""
    full = {f"k{number}": "v" for number in range(50)}

    assert "terms" not in read(answers.intent(metadata=full)).handle.memo
    assert "terms" in read(answers.intent(metadata={"k": "v"})).handle.memo
