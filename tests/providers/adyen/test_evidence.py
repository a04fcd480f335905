"""What each event tells of the effect that it is about."""

from datetime import UTC, datetime, timedelta

import pytest

from evpay.providers import (
    Declined,
    Failed,
    Handle,
    OperationKind,
    PaymentMethod,
    Pending,
    Reason,
    Succeeded,
)
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from tests.providers.adyen.conftest import API_KEY, KEYS, MERCHANT
from tests.providers.adyen.messages import EVENT, item, request
from tests.providers.adyen.orders import PAYMENT, PSP, eur

pytestmark = pytest.mark.anyio

OURS = "c0000000000000000000000007"


async def told(thing, **settings):
    """Return what one item tells."""
    values = {"api_key": API_KEY, "merchant_account": MERCHANT, "hmac_keys": KEYS, **settings}
    (seen,) = await AdyenProvider(AdyenSettings(**values)).parse_webhook(request(thing))
    return seen


async def outcome_of(thing, **settings):
    (report,) = (await told(thing, **settings)).reports
    return report.kind, report.outcome, report.reference


async def test_authorisation_names_payment_and_operation():
    """With handle and hold, as an answer would have."""
    seen = await told(item(additionalData={"authCode": "1", "cardSummary": "1142"}))

    (report,) = seen.reports
    assert (seen.payment_reference, seen.payment_id, report.reference) == (PAYMENT, PSP, PAYMENT)
    assert seen.at == datetime(2026, 11, 20, 11, 59, tzinfo=UTC)
    assert (report.kind, report.outcome.amount, report.outcome.handle) == (
        OperationKind.AUTHORIZE, eur("20.00"), Handle(id=PSP)
    )  # fmt: skip
    assert (report.outcome.hold.expires, report.outcome.hold.increment) == (timedelta(days=7), True)
    assert report.outcome.slip == {"brand": "visa", "last4": "1142", "authorization_code": "1"}


@pytest.mark.parametrize(
    ("text", "reason", "code"),
    [
        ("Refused", Reason.DO_NOT_HONOR, "2"),
        ("Not enough balance", Reason.INSUFFICIENT_FUNDS, "12"),
        ("EXPIRED CARD", Reason.EXPIRED_METHOD, "6"),
        ("never heard", Reason.OTHER, "never heard"),
        ("", Reason.OTHER, None),
    ],
)
async def test_authorisation_that_failed_is_declined(text, reason, code):
    """Told in words; words that are not known are kept."""
    outcome = await outcome_of(item(success="false", reason=text))

    assert outcome == (OperationKind.AUTHORIZE, Declined(reason=reason, code=code, id=PSP), PAYMENT)


async def test_token_that_looks_like_a_card_number_blocks_no_message():
    """The money is told, without the token."""
    data = {"tokenization.storedPaymentMethodId": "4111111111111111", "tokenization.shopperReference": "s-1"}

    _, outcome, _ = await outcome_of(item(additionalData=data))

    assert (outcome.type, outcome.amount, outcome.saved_method) == ("succeeded", eur("20.00"), None)


@pytest.mark.parametrize(
    ("token", "customer"),
    [
        ("tokenization.storedPaymentMethodId", "tokenization.shopperReference"),
        ("recurring.recurringDetailReference", "recurring.shopperReference"),
    ],
)
async def test_saved_method_comes_with_the_authorisation(token, customer):
    """By its newer name and by its older one."""
    data = {token: "M5N7TQ4TG5PFWR50", customer: "shopper-1", "cardSummary": "1142", "expiryDate": "3/2030"}

    _, outcome, _ = await outcome_of(item(additionalData=data))

    assert outcome.saved_method == PaymentMethod(
        "M5N7TQ4TG5PFWR50", account="adyen", customer="shopper-1", brand="visa", last4="1142", expires="2030-03"
    )


@pytest.mark.parametrize(
    ("event", "kind"),
    [("CAPTURE", OperationKind.CAPTURE), ("REFUND", OperationKind.REFUND)],
)
async def test_modification_is_ours_by_its_reference(event, kind):
    """merchantReference is that of the capture or refund, originalReference that of the payment."""
    seen = await told(item(event, merchantReference=OURS, amount={"currency": "EUR", "value": 500}))

    (report,) = seen.reports
    assert (seen.payment_reference, seen.payment_id) == (None, PSP)
    assert (report.kind, report.outcome, report.reference) == (kind, Succeeded(amount=eur("5.00"), id=EVENT), OURS)


@pytest.mark.parametrize(
    ("event", "text", "reason"),
    [
        ("REFUND", "Transaction hasn't been captured, refund not possible", Reason.NOT_SETTLED_YET),
        ("CAPTURE", "Insufficient balance on payment", Reason.INVALID_STATE),
        ("CAPTURE", "something else", Reason.OTHER),
    ],
)
async def test_modification_that_failed(event, text, reason):
    """With its reason, and the processor's own words."""
    _, outcome, reference = await outcome_of(item(event, success="false", reason=text, merchantReference=OURS))

    assert (outcome, reference) == (Failed(reason=reason, code=text, id=EVENT), OURS)


@pytest.mark.parametrize(
    ("event", "kind", "reference"),
    [
        ("CAPTURE_FAILED", OperationKind.CAPTURE, OURS),
        ("REFUND_FAILED", OperationKind.REFUND, OURS),
        ("REFUNDED_REVERSED", OperationKind.REFUND, OURS),
        ("CHARGEBACK_REVERSED", OperationKind.CHARGEBACK, None),
    ],
)
async def test_what_did_not_last_is_a_later_failure(event, kind, reference):
    """`success` is "true" in these: the failing has succeeded."""
    found = await outcome_of(item(event, merchantReference=OURS, reason="came back"))

    assert found == (kind, Failed(reason=Reason.OTHER, code="came back", id=EVENT), reference)


async def test_capture_that_comes_back_is_another_one():
    """Under the same reference of theirs, and perhaps under the payment's of ours."""
    first = await told(item("CAPTURE"))
    again = await told(item("CAPTURE", reason="Transaction Recaptured"))

    (report,) = again.reports
    assert (report.kind, report.reference, report.outcome.amount) == (OperationKind.CAPTURE, None, eur("20.00"))
    assert report.outcome.id != EVENT
    assert again.event_id != first.event_id


async def test_failing_that_failed_tells_nothing():
    """The money stays where it is."""
    assert (await told(item("CAPTURE_FAILED", success="false"))).reports == ()


async def test_adjustment_carries_the_new_total():
    """The whole, not the difference; and the blob for the next one."""
    thing = item(
        "AUTHORISATION_ADJUSTMENT",
        merchantReference=OURS,
        amount={"currency": "EUR", "value": 3000},
        additionalData={"adjustAuthorisationData": "BQAB"},
    )

    kind, outcome, reference = await outcome_of(thing)

    assert (kind, outcome.amount, reference) == (OperationKind.INCREMENT, eur("30.00"), OURS)
    assert outcome.handle == Handle(id=PSP, memo={"adjust": "BQAB"})
    assert outcome.hold.expires == timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "reason"), [("Not enough balance", Reason.INSUFFICIENT_FUNDS), ("", Reason.INCREMENT_NOT_AVAILABLE)]
)
async def test_refused_adjustment_is_declined(text, reason):
    """The old hold stands."""
    _, outcome, _ = await outcome_of(item("AUTHORISATION_ADJUSTMENT", success="false", reason=text))

    assert (outcome.type, outcome.reason) == ("declined", reason)


@pytest.mark.parametrize("event", ["CANCELLATION", "TECHNICAL_CANCEL"])
async def test_void_says_what_should_come_free(event):
    """Our reference carries it, because the event's amount is that of the authorization."""
    found = await outcome_of(item(event, merchantReference=f"{OURS}-1500"))

    assert found == (OperationKind.VOID, Succeeded(amount=eur("15.00"), id=EVENT), OURS)


async def test_void_of_somebody_else_is_the_processors():
    """Cancelled by hand: no reference of ours."""
    found = await outcome_of(item("CANCELLATION", merchantReference=OURS))

    assert found == (OperationKind.VOID, Succeeded(amount=eur("20.00"), id=EVENT), None)


async def test_technical_cancel_under_the_payments_reference_finds_the_payment():
    """Where it comes with the reference of what was cancelled."""
    seen = await told(item("TECHNICAL_CANCEL"))

    assert (seen.payment_reference, seen.reports[0].reference) == (PAYMENT, None)


async def test_void_that_failed():
    """It is ours as well."""
    kind, outcome, reference = await outcome_of(
        item("CANCELLATION", success="false", merchantReference=f"{OURS}-1500", reason="Transaction not found")
    )

    assert (kind, outcome.type, outcome.reason, reference) == (
        OperationKind.VOID, "failed", Reason.INVALID_STATE, OURS
    )  # fmt: skip


async def test_expiry_is_the_processors_own_void():
    """Nobody asked for it."""
    seen = await told(item("EXPIRE"))

    (report,) = seen.reports
    assert (seen.payment_reference, report.reference) == (PAYMENT, None)
    assert (report.kind, report.outcome) == (OperationKind.VOID, Succeeded(amount=eur("20.00"), id=EVENT))


async def test_second_chargeback_is_another_one():
    """The same dispute takes the money again after it was given back."""
    first = await outcome_of(item("CHARGEBACK"))
    back = await outcome_of(item("CHARGEBACK_REVERSED"))
    second = await outcome_of(item("SECOND_CHARGEBACK"))

    assert first == (OperationKind.CHARGEBACK, Succeeded(amount=eur("20.00"), id=EVENT), None)
    assert (back[1].type, back[1].id) == ("failed", EVENT)
    assert (second[1].type, second[1].amount) == ("succeeded", eur("20.00"))
    assert second[1].id not in (EVENT, None)


@pytest.mark.parametrize("event", ["NOTIFICATION_OF_CHARGEBACK", "REQUEST_FOR_INFORMATION", "NOTIFICATION_OF_FRAUD"])
async def test_dispute_that_begins_names_the_payment(event):
    """No money moved yet."""
    seen = await told(item(event))

    assert (seen.payment_reference, seen.payment_id, seen.reports) == (PAYMENT, PSP, ())


@pytest.mark.parametrize(("action", "kind"), [("cancel", OperationKind.VOID), ("refund", OperationKind.REFUND)])
async def test_reversal_by_hand(action, kind):
    """The item says which of the two it became."""
    found = await outcome_of(item("CANCEL_OR_REFUND", additionalData={"modification.action": action}))

    assert found == (kind, Succeeded(amount=eur("20.00"), id=EVENT), None)


async def test_postponed_refund_is_pending():
    """It waits for the capture."""
    found = await outcome_of(item("POSTPONED_REFUND", merchantReference=OURS))

    assert found == (OperationKind.REFUND, Pending(id=EVENT), OURS)


async def test_paypal_hold_cannot_be_adjusted():
    """Only cards can."""
    _, outcome, _ = await outcome_of(item(paymentMethod="paypal"))

    assert (outcome.handle, outcome.hold.increment, outcome.hold.extend) == (
        Handle(id=PSP, memo={"method": "paypal"}), False, False
    )  # fmt: skip
