"""The Adyen emulator takes every modification and tells later what came of it, as Adyen does."""

import pytest
from Adyen.exceptions import AdyenAPIInvalidPermission, AdyenAPIUnprocessableEntity

from tests.emulators.adyen_desk import CARD, Desk

DAY = 86_400
UNKNOWN = "NOBODYKNOWSTHIS1"


@pytest.fixture
def desk():
    return Desk()


def came(desk):
    return desk.last["eventCode"], desk.last["success"]


def named(holder):
    return CARD | {"holderName": holder}


@pytest.mark.parametrize(
    ("kind", "value", "event"),
    [
        ("amountUpdates", 7000, "AUTHORISATION_ADJUSTMENT"),
        ("captures", 5000, "CAPTURE"),
        ("cancels", None, "CANCELLATION"),
        ("reversals", None, "CANCEL_OR_REFUND"),
    ],
)
def test_a_modification_is_received_and_told(desk, kind, value, event):
    """The answer is 201 `received` with a reference of its own; the webhook carries it, and the payment's."""
    psp = desk.hold(5000)

    result = desk.modify(psp, kind, value)

    assert (result.status_code, result.message["status"]) == (201, "received")
    assert result.message["paymentPspReference"] == psp != result.message["pspReference"]
    assert came(desk) == (event, "true")
    assert desk.last["pspReference"] == result.message["pspReference"]
    assert (desk.last["originalReference"], desk.last["merchantReference"]) == (psp, "mod-1")


def test_what_came_of_it_may_take_time(desk):
    """With a delay, the answer says `received` and nothing has happened yet."""
    desk.gateway.configure({"modification_delay": 60})
    psp = desk.hold(5000)

    desk.modify(psp, "captures", 5000)
    before = desk.holding(psp).captured
    desk.advance(61)

    assert before == 0
    assert desk.holding(psp).captured == 5000
    assert came(desk) == ("CAPTURE", "true")


@pytest.mark.parametrize(
    ("kind", "value", "currency", "code"),
    [
        ("captures", 0, "EUR", "137"),
        ("captures", -5, "EUR", "137"),
        ("captures", None, "EUR", "100"),
        ("captures", 5, "USD", "138"),
        ("refunds", 0, "EUR", "137"),
        ("refunds", 5, "USD", "138"),
        ("amountUpdates", 0, "EUR", "137"),
        ("amountUpdates", 5, "USD", "138"),
    ],
)
def test_an_amount_that_cannot_be_is_refused_at_once(desk, kind, value, currency, code):
    """A modification that is not well formed is a 422, and no webhook follows."""
    psp = desk.hold(5000)
    events = desk.events

    with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
        desk.modify(psp, kind, value, currency=currency)

    assert caught.value.error_code == code
    assert desk.events == events


def test_a_reference_that_is_none_is_refused(desk):
    """A payment is named by 16 capital letters and digits: all else is 167."""
    with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
        desk.modify("short", "captures", 5)

    assert caught.value.error_code == "167"


def test_another_merchants_payment_is_forbidden(desk):
    """The merchant account is looked at in modifications as well."""
    with pytest.raises(AdyenAPIInvalidPermission):
        desk.modify(desk.hold(), "captures", 5, merchantAccount="Somebody")


@pytest.mark.parametrize("kind", ["amountUpdates", "captures", "cancels", "refunds", "reversals"])
def test_an_unknown_payment_fails_in_the_webhook_only(desk, kind):
    """The request for a payment that is not there is taken, and fails later."""
    value = None if kind in {"cancels", "reversals"} else 100

    result = desk.modify(UNKNOWN, kind, value)

    assert result.message["status"] == "received"
    assert desk.last["success"] == "false"
    assert desk.last["originalReference"] == UNKNOWN


@pytest.mark.parametrize("total", [7000, 3000, 5000])
def test_an_adjustment_sets_the_new_total(desk, total):
    """The amount is the new total, more or less; the same again only prolongs the hold."""
    psp = desk.hold(5000)
    desk.advance(20 * DAY)

    desk.modify(psp, "amountUpdates", total, industryUsage="delayedCharge")
    desk.advance(20 * DAY)

    holding = desk.holding(psp)
    assert (holding.authorized, holding.released, holding.status) == (total, 0, "authorised")
    assert holding.effects["increment"] == 1


def test_only_a_pre_authorisation_can_be_adjusted(desk):
    """A final authorisation stays what it is."""
    psp = desk.hold(5000, additionalData={"manualCapture": "true"})

    desk.modify(psp, "amountUpdates", 7000)

    assert came(desk) == ("AUTHORISATION_ADJUSTMENT", "false")
    assert desk.holding(psp).authorized == 5000
    assert desk.holding(psp).effects["increment"] == 0


def test_an_issuer_may_refuse_an_adjustment(desk):
    """The old hold stays."""
    psp = desk.hold(5000, paymentMethod=named("ADJUSTMENT_REFUSED"))

    desk.modify(psp, "amountUpdates", 7000)

    assert came(desk) == ("AUTHORISATION_ADJUSTMENT", "false")
    assert desk.holding(psp).authorized == 5000


def test_what_is_captured_cannot_be_adjusted(desk):
    """Only what has not been captured can be adjusted."""
    psp = desk.hold(5000)
    desk.modify(psp, "captures", 5000)

    desk.modify(psp, "amountUpdates", 7000)

    assert came(desk) == ("AUTHORISATION_ADJUSTMENT", "false")


def test_the_latest_blob_adjusts_at_once(desk):
    """With `adjustAuthorisationData` the answer says what came of it, and has the blob for the next time."""
    desk.gateway.configure({"synchronous_adjustments": True})
    answer = desk.pay(5000)
    psp, blob = answer["pspReference"], answer["additionalData"]["adjustAuthorisationData"]

    first = desk.modify(psp, "amountUpdates", 6000, adjustAuthorisationData=blob).message
    stale = desk.modify(psp, "amountUpdates", 8000, adjustAuthorisationData=blob).message
    next_one = desk.modify(psp, "amountUpdates", 7000, adjustAuthorisationData=first["adjustAuthorisationData"]).message

    assert [first["status"], stale["status"], next_one["status"]] == ["authorised", "refused", "authorised"]
    assert desk.holding(psp).authorized == 7000
    assert desk.holding(psp).effects["increment"] == 2


def test_an_adjustment_is_refused_at_once(desk):
    """What an issuer refuses, the answer says."""
    desk.gateway.configure({"synchronous_adjustments": True})
    answer = desk.pay(5000, paymentMethod=named("ADJUSTMENT_REFUSED"))
    blob = answer["additionalData"]["adjustAuthorisationData"]

    result = desk.modify(answer["pspReference"], "amountUpdates", 6000, adjustAuthorisationData=blob).message

    assert result["status"] == "refused"
    assert desk.holding(answer["pspReference"]).authorized == 5000


def test_an_account_without_the_option_gives_no_blob(desk):
    """Support has to enable synchronous adjustments first."""
    assert "adjustAuthorisationData" not in desk.pay()["additionalData"]


def test_the_rest_goes_after_a_partial_capture(desk):
    """By default one capture is all: the rest is released, and a second one fails."""
    psp = desk.hold(5000)

    desk.modify(psp, "captures", 3000)
    first = came(desk)
    desk.modify(psp, "captures", 1000)

    holding = desk.holding(psp)
    assert (first, came(desk)) == (("CAPTURE", "true"), ("CAPTURE", "false"))
    assert desk.last["reason"] == "Insufficient balance on payment"
    assert (holding.captured, holding.released, holding.effects["capture"]) == (3000, 2000, 1)


def test_several_captures_where_the_account_has_them(desk):
    """With the option the rest stays held until it is captured or cancelled, and no more is taken than was held."""
    desk.gateway.configure({"multiple_partial_captures": True})
    psp = desk.hold(5000)

    for value in (2000, 2000, 1001):
        desk.modify(psp, "captures", value)
    desk.modify(psp, "cancels")

    assert [success for event, success in desk.events if event == "CAPTURE"] == ["true", "true", "false"]
    assert came(desk) == ("CANCELLATION", "true")
    holding = desk.holding(psp)
    assert (holding.captured, holding.released) == (4000, 1000)
    assert (holding.effects["capture"], holding.effects["void"]) == (2, 1)


@pytest.mark.parametrize(("percent", "success"), [(0, "false"), (15, "true"), (10, "false")])
def test_more_than_is_held_only_where_the_account_may(desk, percent, success):
    """Overcapture is off until it is enabled, and then has a limit."""
    desk.gateway.configure({"overcapture_percent": percent})
    psp = desk.hold(1000)

    desk.modify(psp, "captures", 1150)

    assert came(desk) == ("CAPTURE", success)
    assert desk.holding(psp).captured == (1150 if success == "true" else 0)


def test_a_cancelled_payment_gives_nothing_more(desk):
    """After a cancellation, captures and cancellations fail."""
    psp = desk.hold(5000)

    for kind, value in (("cancels", None), ("cancels", None), ("captures", 5000)):
        desk.modify(psp, kind, value)

    assert [success for _, success in desk.events[1:]] == ["true", "false", "false"]
    holding = desk.holding(psp)
    assert (holding.status, holding.released, holding.captured) == ("cancelled", 5000, 0)
    assert holding.effects["void"] == 1


def test_what_is_captured_cannot_be_cancelled(desk):
    """A cancellation after the capture fails; the money stays."""
    psp = desk.hold(5000)
    desk.modify(psp, "captures", 5000)

    desk.modify(psp, "cancels")

    assert came(desk) == ("CANCELLATION", "false")
    assert desk.holding(psp).captured == 5000


def test_refunds_go_up_to_what_was_captured(desk):
    """Several refunds are possible, but never more than was captured."""
    psp = desk.hold(5000)
    desk.modify(psp, "refunds", 1000)
    before = desk.last["reason"]
    desk.modify(psp, "captures", 5000)

    for value in (3000, 2000, 1):
        desk.modify(psp, "refunds", value, merchantRefundReason="CUSTOMER REQUEST")

    assert before == "Transaction hasn't been captured, refund not possible"
    assert [success for event, success in desk.events if event == "REFUND"] == ["false", "true", "true", "false"]
    assert (desk.holding(psp).refunded, desk.holding(psp).effects["refund"]) == (5000, 2)


@pytest.mark.parametrize(("captured", "action"), [(False, "cancel"), (True, "refund")])
def test_a_reversal_cancels_or_refunds(desk, captured, action):
    """The webhook says which of the two it was."""
    psp = desk.hold(5000)
    if captured:
        desk.modify(psp, "captures", 5000)

    desk.modify(psp, "reversals")

    assert came(desk) == ("CANCEL_OR_REFUND", "true")
    assert desk.last["additionalData"]["modification.action"] == action
    holding = desk.holding(psp)
    assert (holding.refunded, holding.released) == ((5000, 0) if captured else (0, 5000))


def test_a_payment_is_cancelled_by_our_own_reference(desk):
    """Where the answer was lost, /cancels takes the payment's reference; TECHNICAL_CANCEL says what came of it."""
    psp = desk.hold(5000, reference="lost")
    api = desk.sdk.checkout.modifications_api
    body = {"merchantAccount": "TestMerchant", "paymentReference": "lost", "reference": "mod-1"}

    result = api.cancel_authorised_payment(body)
    found = desk.last
    api.cancel_authorised_payment(body | {"paymentReference": "never"})

    assert (result.status_code, result.message["paymentReference"]) == (201, "lost")
    assert (found["eventCode"], found["success"], found["originalReference"]) == ("TECHNICAL_CANCEL", "true", psp)
    assert found["merchantReference"] == "lost"
    assert desk.holding(psp).released == 5000
    assert came(desk) == ("TECHNICAL_CANCEL", "false")
    assert "originalReference" not in desk.last


def test_a_payment_that_waits_for_the_shopper_can_be_cancelled(desk):
    """The driver who comes back after that finds it cancelled."""
    answer = desk.pay(authenticationData={"attemptAuthentication": "always"})
    result = desk.act("authenticate", id=answer["pspReference"], success=True)["redirectResult"]

    desk.modify(answer["pspReference"], "cancels")
    ended = desk.sdk.checkout.payments_api.payments_details({"details": {"redirectResult": result}}).message

    assert ended["resultCode"] == "Cancelled"
    assert desk.holding(answer["pspReference"]).authorized == 0


def test_a_hold_expires_by_the_clock(desk):
    """After its days a hold is gone, EXPIRE tells of it, and a capture fails."""
    desk.gateway.configure({"hold_days": 7})
    psp = desk.hold(5000)

    desk.advance(7 * DAY - 60)
    before = desk.holding(psp).status
    desk.advance(60)
    event = desk.last
    desk.modify(psp, "captures", 5000)

    assert before == "authorised"
    assert (event["eventCode"], event["pspReference"], event["amount"]["value"]) == ("EXPIRE", psp, 5000)
    assert (desk.holding(psp).status, desk.holding(psp).released) == ("expired", 5000)
    assert came(desk) == ("CAPTURE", "false")
    assert desk.holding(psp).effects["void"] == 0


@pytest.mark.parametrize(
    ("holder", "verb", "event", "field"),
    [
        ("capture failed", "captures", "CAPTURE_FAILED", "captured"),
        ("refund failed", "refunds", "REFUND_FAILED", "refunded"),
    ],
)
def test_the_documented_holder_names_fail_later(desk, holder, verb, event, field):
    """The modification succeeds first; the news that it failed comes with success=true."""
    psp = desk.hold(5000, paymentMethod=named(holder))
    desk.modify(psp, "captures", 5000)
    if verb == "refunds":
        desk.modify(psp, "refunds", 2000)
    modification = desk.last["pspReference"]
    done = getattr(desk.holding(psp), field)

    desk.advance(3700)

    assert done > 0
    assert came(desk) == (event, "true")
    assert desk.last["pspReference"] == modification
    assert getattr(desk.holding(psp), field) == 0


@pytest.mark.parametrize("verb", ["refund_failed", "refunded_reversed"])
def test_a_refund_comes_back(desk, verb):
    """The money of a refund that the bank returns is the merchant's again, and can be refunded again."""
    psp = desk.hold(5000)
    desk.modify(psp, "captures", 5000)
    desk.modify(psp, "refunds", 5000)

    desk.act(verb, id=psp)
    after = desk.holding(psp).refunded
    desk.modify(psp, "refunds", 5000)

    assert (verb.upper(), "true") in desk.events
    assert after == 0
    assert came(desk) == ("REFUND", "true")


def test_a_failed_capture_is_captured_again(desk):
    """Adyen tries again by itself, and says so in the reason of another CAPTURE."""
    psp = desk.hold(5000)
    desk.modify(psp, "captures", 5000)

    desk.act("capture_failed", id=psp)
    between = desk.holding(psp).captured
    desk.act("recaptured", id=psp)

    assert between == 0
    assert desk.last["reason"] == "Transaction Recaptured"
    assert desk.holding(psp).captured == 5000


def test_a_chargeback_takes_the_money_and_its_reversal_brings_it_back(desk):
    """Both name one dispute, and no refund is possible of what was charged back."""
    psp = desk.hold(5000, reference="disputed")
    desk.modify(psp, "captures", 5000)

    desk.act("dispute", reference="disputed", event="NOTIFICATION_OF_CHARGEBACK")
    desk.act("chargeback", reference="disputed")
    taken = desk.holding(psp).charged_back
    desk.modify(psp, "refunds", 1)
    refund = came(desk)
    desk.act("chargeback_reversed", reference="disputed")

    disputes = [item for item in desk.items if "CHARGEBACK" in item["eventCode"]]
    assert taken == 5000
    assert refund == ("REFUND", "false")
    assert desk.holding(psp).charged_back == 0
    assert len({item["pspReference"] for item in disputes}) == 1
    assert {item["originalReference"] for item in disputes} == {psp}


@pytest.mark.parametrize(
    ("verb", "arguments", "error"),
    [
        ("nothing", {}, LookupError),
        ("chargeback", {"id": UNKNOWN}, LookupError),
        ("chargeback", {"reference": "order-1"}, ValueError),
        ("capture_failed", {"reference": "order-1"}, LookupError),
        ("authenticate", {"reference": "order-1"}, ValueError),
        ("conclude", {"reference": "order-1"}, ValueError),
        ("dispute", {"reference": "order-1", "event": "SUNSHINE"}, ValueError),
        ("terminal", {"device": "x", "state": "melted"}, ValueError),
    ],
)
def test_what_cannot_happen_is_said(desk, verb, arguments, error):
    """A wrong verb, payment or argument is an error, and nothing happens."""
    desk.hold(5000)

    with pytest.raises(error):
        desk.act(verb, **arguments)

    assert len(desk.items) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"surprise": 1},
        {"hold_days": 0},
        {"hold_days": "7"},
        {"hold_days": True},
        {"webhook_batch": 0},
        {"hmac_key": "not hex"},
        {"api_key": ""},
        {"in_flight_status": 200},
        {"manual_capture": 1},
    ],
)
def test_options_are_checked(desk, options):
    """An option that is not known or does not fit is refused by name."""
    with pytest.raises(ValueError):
        desk.gateway.configure(options)
