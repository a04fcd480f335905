"""What settlements say."""

from datetime import date

import pytest

from evpay.money import Money
from evpay.providers import OperationKind, SettlementsRequest
from evpay_providers.stripe.settlements import next_cursor, settlement_line, settlement_params
from tests.providers.stripe import answers


def entry(**fields):
    return {
        "id": "txn_1", "amount": 2900, "fee": 114, "net": 2786, "currency": "usd", "type": "charge",
        "reporting_category": "charge", "available_on": 1_763_337_600,
        "source": {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": {"evpay_reference": "p1"}},
    } | fields  # fmt: skip


def test_charge_is_a_capture_line():
    """Gross, fee and net in the currency of the settlement."""
    line = settlement_line(entry())

    assert (line.id, line.kind, line.payment_id, line.effect_id) == ("txn_1", OperationKind.CAPTURE, "pi_1", "ch_1")
    assert (line.gross, line.fee, line.net) == (Money("29.00", "USD"), Money("1.14", "USD"), Money("27.86", "USD"))
    assert (line.settled_on, line.reference) == (date(2025, 11, 17), None)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"type": "refund"}, OperationKind.REFUND),
        ({"type": "payment"}, OperationKind.CAPTURE),
        ({"type": "payment_refund"}, OperationKind.REFUND),
        ({"type": "adjustment", "reporting_category": "dispute"}, OperationKind.CHARGEBACK),
        ({"type": "adjustment", "reporting_category": "dispute_reversal"}, OperationKind.CHARGEBACK),
        ({"type": "payout", "reporting_category": "payout"}, None),
        ({"type": "stripe_fee", "reporting_category": "fee"}, None),
        ({"type": "of_the_future", "reporting_category": None}, None),
    ],
)
def test_line_has_the_kind_of_its_type(fields, kind):
    """A fee, a payout or something new has none."""
    assert settlement_line(entry(**fields)).kind is kind


def test_refund_line_names_the_operation():
    """A refund carries its own reference."""
    line = settlement_line(entry(source=answers.refund(), type="refund", amount=-1000))

    assert (line.reference, line.payment_id, line.effect_id) == ("r1", "pi_1", "re_1")


def test_line_without_source_names_nothing():
    """Fees and payouts belong to no payment."""
    line = settlement_line(entry(source=None, type="stripe_fee", reporting_category="fee"))

    assert (line.payment_id, line.effect_id) == (None, None)


@pytest.mark.parametrize(
    ("cursor", "place"),
    [(None, {}), ("txn_9:txn_5", {"starting_after": "txn_5"}), ("txn_9", {"ending_before": "txn_9"})],
)
def test_cursor_says_where_to_go_on(cursor, place):
    """Back to the first day once, and then forward."""
    params = settlement_params(SettlementsRequest(since=date(2026, 11, 1), cursor=cursor))

    assert params == {"limit": 100, "created": {"gte": 1_793_491_200}, "expand": ["data.source"], **place}


@pytest.mark.parametrize(
    ("cursor", "ids", "more", "after"),
    [
        (None, [], False, None),
        (None, ["txn_9", "txn_8"], False, "txn_9"),
        (None, ["txn_9", "txn_8"], True, "txn_9:txn_8"),
        ("txn_9:txn_8", ["txn_7"], True, "txn_9:txn_7"),
        ("txn_9:txn_7", ["txn_6"], False, "txn_9"),
        ("txn_9:txn_7", [], False, "txn_9"),
        ("txn_9", ["txn_11", "txn_10"], True, "txn_11"),
        ("txn_9", [], False, "txn_9"),
    ],
)
def test_cursor_moves_over_every_line_once(cursor, ids, more, after):
    """An empty page keeps its place."""
    page = {"data": [{"id": line_id} for line_id in ids], "has_more": more}

    assert next_cursor(page, cursor=cursor) == after
