"""Translation both ways, without a wire."""

from datetime import UTC, datetime, timedelta

import pytest

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.providers import (
    ActionRequired,
    Declined,
    Failed,
    Handle,
    MethodKind,
    OpenLink,
    PaymentMethod,
    Pending,
    Reason,
    RunClientSdk,
    Succeeded,
    Unknown,
)
from evpay_providers.stripe import StripeSettings
from evpay_providers.stripe.mapping import (
    CANCELLATIONS,
    authorize_outcome,
    authorize_params,
    capture_outcome,
    capture_params,
    hold_of,
    increment_params,
    refund_outcome,
    refund_params,
    void_outcome,
)
from tests.providers.stripe import answers, orders

STAND_IN = StripeSettings(api_key="sk_test_x", base_url="http://127.0.0.1:1")
STATED = Handle(id="pi_1", memo={"terms": "stated"})


def usd(amount: str) -> Money:
    return Money(amount, "USD")


def read(intent, **options):
    return authorize_outcome(intent, account="stripe", **options)


# --- ours to theirs


def test_plain_authorization_sends_nothing_optional():
    """A minimal stand-in understands every field of it."""
    params = authorize_params(orders.authorization("20.00"), settings=STAND_IN)

    assert params == {
        "amount": 2000,
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "confirm": True,
        "capture_method": "manual",
        "metadata": {"evpay_reference": orders.PAYMENT},
        "expand": ["latest_charge"],
    }


@pytest.mark.parametrize(
    ("fields", "added"),
    [
        ({"off_session": True}, {"off_session": True}),
        ({"return_url": "https://example.com/back"}, {"return_url": "https://example.com/back"}),
        (
            {"save_method": True, "method": PaymentMethod("pm_1", customer="cus_1")},
            {"setup_future_usage": "off_session", "customer": "cus_1", "payment_method": "pm_1"},
        ),
        ({"method": PaymentMethod("pm_1", customer="cus_1")}, {"customer": "cus_1", "payment_method": "pm_1"}),
        ({"descriptor": "EV 4711"}, {}),
    ],
)
def test_optional_field_is_sent_when_asked_for(fields, added):
    """Each wish of a request adds its own parameters and no others."""
    plain = authorize_params(orders.authorization(), settings=STAND_IN)

    assert authorize_params(orders.authorization(**fields), settings=STAND_IN) == plain | added


@pytest.mark.parametrize(
    ("setting", "param"),
    [
        ("request_increment", "request_incremental_authorization"),
        ("request_extended", "request_extended_authorization"),
        ("request_overcapture", "request_overcapture"),
        ("request_multicapture", "request_multicapture"),
    ],
)
def test_feature_is_requested_when_the_settings_ask(setting, param):
    """Features need special pricing, so they are asked for one by one."""
    settings = StripeSettings(api_key="sk_test_x", base_url="http://127.0.0.1:1", **{setting: True})

    params = authorize_params(orders.authorization(), settings=settings)

    assert params["payment_method_options"] == {"card": {param: "if_available"}}


def test_redirecting_methods_are_ruled_out_at_stripe():
    """Without it Stripe demands a return_url from accounts that enable redirecting methods."""
    params = authorize_params(orders.authorization(), settings=StripeSettings(api_key="sk_test_x"))

    assert params["allowed_payment_method_types"] == ["card"]


@pytest.mark.parametrize(
    ("text", "sent"),
    [("EV 4711", "EV 4711"), ('<b>"EV"*\'\\', "bEV"), ("x" * 30, "x" * 22), ("<>", None), (None, None)],
)
def test_descriptor_is_cut_to_what_statements_can_show(text, sent):
    """Forbidden characters are left out rather than refused by Stripe."""
    settings = StripeSettings(api_key="sk_test_x", send_descriptor=True)

    params = authorize_params(orders.authorization(descriptor=text), settings=settings)

    assert params.get("statement_descriptor_suffix") == sent


@pytest.mark.parametrize("kind", sorted(set(MethodKind) - {MethodKind.CARD, MethodKind.WALLET}))
def test_method_that_is_no_card_is_refused(kind):
    """Nothing is sent for a kind that this adapter cannot charge."""
    with pytest.raises(InvalidInput) as caught:
        authorize_params(orders.authorization(method=PaymentMethod("t", kind=kind)), settings=STAND_IN)

    assert caught.value.code == "method_not_supported"


def test_saving_needs_a_customer():
    """A method that belongs to nobody cannot be used again."""
    with pytest.raises(InvalidInput) as caught:
        authorize_params(orders.authorization(save_method=True), settings=STAND_IN)

    assert caught.value.code == "customer_needed"


def test_increment_states_the_total_and_leaves_a_tag():
    """The new total, not the difference; the tag lets a look-up name the effect."""
    params = increment_params(orders.increase(STATED, "30.00", reference="r7"))

    assert params == {"amount": 3000, "expand": ["latest_charge"], "metadata": {"evpay_r7": "increment 3000"}}


def test_capture_on_a_stand_in_is_plain():
    """A server that states no terms is not asked to remember anything."""
    params = capture_params(orders.taking(Handle(id="pi_1"), "12.34"))

    assert params == {"amount_to_capture": 1234, "expand": ["latest_charge"]}


def test_capture_that_is_not_final_says_so_and_leaves_a_tag():
    """Only then is final_capture sent."""
    params = capture_params(orders.taking(STATED, "12.34", final=False, reference="r8"))

    assert params == {
        "amount_to_capture": 1234,
        "expand": ["latest_charge"],
        "final_capture": False,
        "metadata": {"evpay_r8": "capture 1234"},
    }


def test_refund_carries_its_own_reference_and_note():
    """The reference of a refund is the REFUND's."""
    params = refund_params(orders.giving_back(STATED, "2.00", reference="r9", note="n" * 600))

    assert params == {
        "payment_intent": "pi_1",
        "amount": 200,
        "metadata": {"evpay_reference": "r9", "evpay_note": "n" * 500},
    }


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
