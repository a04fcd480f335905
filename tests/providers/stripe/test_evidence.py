"""What a look-up tells."""

import pytest

from evpay.money import Money
from evpay.providers import Declined, Failed, MoneyFacts, OperationKind, Pending, Succeeded
from evpay_providers.stripe.evidence import observation
from evpay_providers.stripe.mapping import authorize_outcome
from tests.providers.stripe import answers


def look(intent, *refunds, disputes=()):
    outcome = authorize_outcome(intent, account="stripe")
    return observation(intent, authorized=outcome, refunds=refunds, disputes=disputes, payment_reference="p1")


def kinds(seen):
    return [(report.kind.value, report.reference) for report in seen.reports]


def test_hold_is_reported_under_our_reference():
    """The AUTHORIZE and the totals."""
    seen = look(answers.intent())

    assert (seen.payment_reference, seen.payment_id, seen.event_id) == ("p1", "pi_1", None)
    assert kinds(seen) == [("authorize", "p1")]
    assert seen.totals == MoneyFacts(currency="USD", authorized=2900)


def test_increments_and_captures_are_told_by_their_tags():
    """Once incremented, the AUTHORIZE is left out: only the new total is known."""
    tags = {"evpay_reference": "p1", "evpay_r2": "increment 2900", "evpay_r3": "capture 1000", "shop": "1"}

    seen = look(answers.captured(1000, metadata=tags))

    assert kinds(seen) == [("increment", "r2"), ("capture", "r3")]
    assert [report.outcome.amount for report in seen.reports] == [Money("29.00", "USD"), Money("10.00", "USD")]
    assert seen.totals == MoneyFacts(currency="USD", authorized=2900, captured=1000, released=1900)


@pytest.mark.parametrize("value", ["capture", "capture x", "capture -5", "refund 5", "", "capture 1 2"])
def test_tag_that_is_not_ours_is_passed_over(value):
    """Metadata can be edited by anybody in the dashboard."""
    assert kinds(look(answers.captured(metadata={"evpay_r3": value}))) == [("authorize", "p1")]


def test_refunds_are_told_apart():
    """Ours by reference; a dashboard refund has none; a pending one is no total yet."""
    theirs = answers.refund(id="re_2", amount=300, metadata={})
    waiting = answers.refund(id="re_3", amount=100, status="pending", metadata={"evpay_reference": "r5"})

    seen = look(answers.captured(), answers.refund(), theirs, waiting)

    assert kinds(seen)[1:] == [("refund", "r1"), ("refund", None), ("refund", "r5")]
    assert isinstance(seen.reports[3].outcome, Pending)
    assert seen.totals.refunded == 1300


def test_release_that_is_shown_as_a_refund_is_none():
    """What never moved our balance was not refunded."""
    release = answers.refund(metadata={}, balance_transaction=None)

    seen = look(answers.captured(1900), release)

    assert kinds(seen) == [("authorize", "p1")]
    assert seen.totals.refunded == 0


def test_expiry_is_the_processors_own_void():
    """Nobody of ours asked for it."""
    seen = look(answers.intent(status="canceled", cancellation_reason="automatic", amount_capturable=0))

    assert kinds(seen) == [("authorize", "p1"), ("void", None)]
    assert seen.totals == MoneyFacts(currency="USD", authorized=2900, released=2900)


def test_our_void_is_told_by_the_totals():
    """A cancellation carries no reference, so it is not claimed to be somebody else's."""
    seen = look(answers.intent(status="canceled", amount_capturable=0))

    assert kinds(seen) == [("authorize", "p1")]
    assert seen.totals.released == 2900


def test_payment_that_was_never_approved_held_nothing():
    """Waiting and cancelled ones too."""
    gone = look(answers.intent(status="canceled", cancellation_reason="abandoned", latest_charge=None))

    assert isinstance(gone.reports[0].outcome, Declined)
    assert gone.totals == MoneyFacts(currency="USD")


# --- disputes


def test_withdrawn_funds_are_a_chargeback():
    """Under the dispute's id and none of ours; the totals are complete."""
    seen = look(answers.captured(charge={"disputed": True}), disputes=[answers.dispute(-2900)])

    assert kinds(seen) == [("authorize", "p1"), ("chargeback", None)]
    assert seen.reports[1].outcome == Succeeded(amount=Money("29.00", "USD"), id="dp_1")
    assert seen.totals == MoneyFacts(currency="USD", authorized=2900, captured=2900, charged_back=2900)


def test_part_of_a_payment_may_be_disputed():
    """The dispute's amount counts, and not the balance's, which is in the currency of the settlement."""
    seen = look(
        answers.captured(charge={"disputed": True}), disputes=[answers.dispute(-400, amount=500), answers.dispute()]
    )

    assert seen.reports[1].outcome.amount == Money("5.00", "USD")
    assert seen.totals.charged_back == 500


@pytest.mark.parametrize("status", ["won", "under_review", "of_the_future"])
def test_funds_that_came_back_reverse_the_chargeback(status):
    """The same id fails: what had succeeded is undone, whatever the status says."""
    back = answers.dispute(-2900, 2900, status=status)

    seen = look(answers.captured(charge={"disputed": True}), disputes=[back])

    assert (seen.reports[1].kind, seen.reports[1].outcome.id) == (OperationKind.CHARGEBACK, "dp_1")
    assert isinstance(seen.reports[1].outcome, Failed)
    assert seen.totals.charged_back == 0


def test_order_of_movements_is_by_time():
    """Stripe promises no order in its list."""
    won = answers.dispute(-2900, 2900, status="won")
    won["balance_transactions"].reverse()

    assert look(answers.captured(charge={"disputed": True}), disputes=[won]).totals.charged_back == 0


@pytest.mark.parametrize(
    "status",
    ["warning_needs_response", "warning_under_review", "warning_closed", "needs_response", "prevented", "lost"],
)
def test_dispute_that_moved_no_money_is_no_chargeback(status):
    """An inquiry never moves any; a dispute does when it does."""
    seen = look(answers.captured(charge={"disputed": True}), disputes=[answers.dispute(status=status)])

    assert kinds(seen) == [("authorize", "p1")]
    assert seen.totals.charged_back == 0


@pytest.mark.parametrize(
    "odd",
    [
        answers.dispute(status="of_the_future"),
        answers.dispute(balance_transactions=None),
        answers.dispute(-2600, currency="eur"),
    ],
)
def test_dispute_that_cannot_be_told_leaves_no_totals(odd):
    """A new status without movements, no list of movements, another currency."""
    assert look(answers.captured(charge={"disputed": True}), disputes=[odd]).totals is None


# --- what was done elsewhere


def test_capture_in_the_dashboard_is_told_by_the_totals():
    """It carries no tag, so no report claims it; what is captured and free is complete."""
    tags = {"evpay_reference": "p1", "evpay_r3": "capture 1000"}

    seen = look(answers.captured(2500, metadata=tags))

    assert kinds(seen) == [("authorize", "p1"), ("capture", "r3")]
    assert seen.totals == MoneyFacts(currency="USD", authorized=2900, captured=2500, released=400)


@pytest.mark.parametrize("reason", ["requested_by_customer", "abandoned", "duplicate", "fraudulent", None])
def test_cancellation_in_the_dashboard_is_told_by_the_totals(reason):
    """Whoever cancelled, the hold is gone; it is not claimed twice."""
    seen = look(answers.intent(status="canceled", cancellation_reason=reason, amount_capturable=0))

    assert kinds(seen) == [("authorize", "p1")]
    assert seen.totals == MoneyFacts(currency="USD", authorized=2900, released=2900)


def test_more_captured_than_held_releases_nothing():
    """Over-capture, ours or theirs."""
    seen = look(answers.captured(3100))

    assert seen.totals == MoneyFacts(currency="USD", authorized=2900, captured=3100)


def test_totals_are_complete_or_absent():
    """Not beside a dispute that is not there, not without a charge to read, not from a server that keeps none."""
    seen = [
        look(answers.captured(charge={"disputed": True})),
        look(answers.captured() | {"latest_charge": "ch_1"}),
        look(answers.terse(status="succeeded")),
    ]

    assert [one.totals for one in seen] == [None, None, None]


def test_terse_server_shows_only_our_refunds():
    """It books a release as a refund."""
    release = answers.refund(id="re_2", metadata={})

    assert kinds(look(answers.terse(status="succeeded"), answers.refund(), release))[1:] == [("refund", "r1")]
