"""The judge of Stripe's wire refuses what is wrong, and lets pass what real exchanges had."""

import json

import pytest
import stripe

from tests.judges.sdk_schemas import Schemas
from tests.judges.stripe_judge import Judge, form

CREATE = ("POST", "/v1/payment_intents")
RETRIEVE = ("GET", "/v1/payment_intents/pi_1")
REFUNDS = ("POST", "/v1/refunds")

GOOD = [
    ("amount", "2900"),
    ("currency", "usd"),
    ("capture_method", "manual"),
    ("confirm", "true"),
    ("metadata[evpay_reference]", "p1"),
    ("payment_method_options[card][request_multicapture]", "if_available"),
    ("expand[0]", "latest_charge"),
]
REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 500,
    "balance_transaction": "txn_1",
    "charge": "ch_1",
    "created": 1_762_799_400,
    "currency": "usd",
    "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
    "metadata": {},
    "payment_intent": "pi_1",
    "reason": None,
    "receipt_number": None,
    "source_transfer_reversal": None,
    "status": "succeeded",
    "transfer_reversal": None,
}


def judged(answer, *, endpoint=REFUNDS, status=200):
    return Judge().answer(*endpoint, status, json.dumps(answer).encode())


def test_form_is_a_tree():
    """Brackets nest."""
    assert form([("a[b][0]", "x"), ("a[b][1]", "y"), ("c", "z")]) == {"a": {"b": {"0": "x", "1": "y"}}, "c": "z"}


def test_good_request_passes():
    """As a real exchange had it."""
    assert Judge().request(*CREATE, GOOD) == []


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (("bogus", "1"), "bogus"),
        (("metadata[evpay_reference][x]", "p1"), "metadata"),
        (("amount", "12.50"), "amount"),
        (("amount", ""), "amount"),
        (("confirm", "yes"), "confirm"),
        (("capture_method", "manul"), "capture_method"),
        (("payment_method_types[0]", "card"), "payment_method_types"),
        (("allowed_payment_method_types[0]", "cards"), "allowed_payment_method_types"),
        (("payment_method_options[card][request_multicapture]", "true"), "request_multicapture"),
        (("payment_method_options[card][bogus]", "true"), "bogus"),
        (("expand", "latest_charge"), "expand"),
        (("setup_future_usage", "always"), "setup_future_usage"),
    ],
)
def test_bad_request_is_refused(bad, complaint):
    """An unknown field at any depth, a wrong type, a word that is not listed."""
    changed = [pair for pair in GOOD if pair[0] != bad[0] and not bad[0].startswith(pair[0])]

    (said,) = Judge().request(*CREATE, [*changed, bad])

    assert complaint in said


@pytest.mark.parametrize("missing", ["amount", "currency"])
def test_request_that_lacks_something_is_refused(missing):
    """What the SDK does not mark as optional."""
    (said,) = Judge().request(*CREATE, [pair for pair in GOOD if pair[0] != missing])

    assert missing in said


def test_path_that_the_sdk_does_not_know_is_refused():
    """A wrong method or path is no request of Stripe's."""
    assert Judge().request("DELETE", "/v1/payment_intents/pi_1", [])
    assert Judge().request("GET", "/v1/payment_intents/pi_1/../x", [])


def test_good_answer_passes():
    """As a real exchange had it, with made-up ids."""
    assert judged(REFUND) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"amount": "500"}, "amount"),
        ({"amount": 500.5}, "amount"),
        ({"object": "refunds"}, "object"),
        ({"currency": None}, "currency"),
        ({"charge": {"id": "ch_1"}}, "charge"),
        ({"bogus": 1}, "bogus"),
    ],
)
def test_bad_answer_is_refused(changes, complaint):
    """A wrong type, a null that cannot be, a thing that is not whole, a field that is not Stripe's."""
    assert complaint in " ".join(judged(REFUND | changes))


@pytest.mark.parametrize("missing", ["id", "amount", "created", "currency", "object"])
def test_answer_that_lacks_something_is_refused(missing):
    """What cannot be null must be there."""
    assert missing in " ".join(judged({name: value for name, value in REFUND.items() if name != missing}))


def test_error_is_judged_by_its_own_type():
    """A code is text, and the payment in it is a whole payment."""
    good = {"error": {"type": "card_error", "code": "card_declined", "decline_code": "lost_card", "message": "No."}}
    bad = {"error": {**good["error"], "payment_intent": {"id": "pi_1"}, "code": 7}}

    assert judged(good, status=402) == []
    assert len(judged(bad, status=402)) == 2


def test_schemas_reach_what_is_nested_and_expanded():
    """The card's terms, behind the charge, behind the payment."""
    defs = Schemas().of(stripe.PaymentIntent)["$defs"]

    card = defs["_charge.Charge.PaymentMethodDetails.Card"]["properties"]

    assert {"capture_before", "multicapture", "incremental_authorization", "overcapture"} <= set(card)
