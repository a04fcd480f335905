"""What is sent for each request."""

import pytest

from evpay.errors import InvalidInput
from evpay.providers import Handle, MethodKind, PaymentMethod
from evpay_providers.stripe import StripeSettings
from evpay_providers.stripe.params import (
    authorize_params,
    capture_params,
    increment_params,
    process_params,
    refund_params,
)
from tests.providers.stripe import orders

STAND_IN = StripeSettings(api_key="sk_test_x", base_url="http://127.0.0.1:1")
STATED = Handle(id="pi_1", memo={"terms": "stated"})
READER = PaymentMethod("tmr_1", kind=MethodKind.TERMINAL)
PAYPAL = PaymentMethod("paypal", kind=MethodKind.WALLET)


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


@pytest.mark.parametrize("kind", sorted(set(MethodKind) - {MethodKind.CARD, MethodKind.WALLET, MethodKind.TERMINAL}))
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


# --- wallets, PayPal, readers


@pytest.mark.parametrize("kind", [MethodKind.CARD, MethodKind.WALLET])
def test_confirmation_token_goes_into_its_own_field(kind):
    """What Stripe's SDK hands over for Apple Pay or Google Pay is a PaymentMethod or such a token."""
    params = authorize_params(orders.authorization(method=PaymentMethod("ctoken_1", kind=kind)), settings=STAND_IN)

    assert params["confirmation_token"] == "ctoken_1"
    assert "payment_method" not in params


def test_paypal_is_asked_for_without_a_token():
    """The driver approves behind the link; card features are not asked for."""
    settings = StripeSettings(api_key="sk_test_x", request_increment=True)
    back = "https://example.com/back"

    params = authorize_params(orders.authorization(method=PAYPAL, return_url=back), settings=settings)

    assert params["payment_method_data"] == {"type": "paypal"}
    assert params["allowed_payment_method_types"] == ["paypal"]
    assert (params["return_url"], params["confirm"], params["capture_method"]) == (back, True, "manual")
    assert not {"payment_method", "payment_method_options"} & set(params)


def test_saved_paypal_is_charged_by_its_token():
    """It is known by its brand."""
    method = PaymentMethod("pm_9", kind=MethodKind.WALLET, brand="paypal", customer="cus_1")

    params = authorize_params(
        orders.authorization(method=method, off_session=True), settings=StripeSettings(api_key="sk_test_x")
    )

    assert (params["payment_method"], params["allowed_payment_method_types"]) == ("pm_9", ["paypal"])


def test_paypal_needs_a_way_back():
    """Without one the driver would be lost at PayPal."""
    with pytest.raises(InvalidInput) as caught:
        authorize_params(orders.authorization(method=PAYPAL), settings=STAND_IN)

    assert caught.value.code == "return_url_needed"


def test_payment_for_a_reader_is_made_open():
    """It is confirmed at the reader, so there is neither a method nor a confirmation; it remembers the reader."""
    settings = StripeSettings(api_key="sk_test_x", request_increment=True, request_extended=True, send_descriptor=True)

    params = authorize_params(orders.authorization(method=READER, descriptor="EV 4711"), settings=settings)

    assert params == {
        "amount": 2000,
        "currency": "eur",
        "capture_method": "manual",
        "metadata": {"evpay_reference": orders.PAYMENT, "evpay_reader": "tmr_1"},
        "expand": ["latest_charge"],
        "allowed_payment_method_types": ["card_present"],
        "statement_descriptor_suffix": "EV 4711",
        "payment_method_options": {
            "card_present": {
                "request_incremental_authorization_support": True,
                "request_extended_authorization": True,
            }
        },
    }


def test_somebody_is_at_the_reader():
    """Off session nobody could present a card."""
    with pytest.raises(InvalidInput) as caught:
        authorize_params(orders.authorization(method=READER, off_session=True), settings=STAND_IN)

    assert caught.value.code == "off_session"


def test_reader_asks_for_no_tip_and_may_be_cancelled():
    """The amount on the screen is the hold."""
    assert process_params("pi_1") == {
        "payment_intent": "pi_1",
        "process_config": {"enable_customer_cancellation": True, "skip_tipping": True},
    }
