"""Double entry, by hand: what each change posts, for each funding."""

import pytest

from evpay.ledger import ACCOUNTS, CHART, Posting, balances, facts_of, postings
from evpay.payments.account import Funding
from evpay.payments.facts import MoneyFacts

CHANGES = {
    # change: (postings of a hold, of a deposit, of an account); of an open hold of 1000
    "authorized": ("hold<rail 9", "clearing<deposits 9", "hold<rail 9"),
    "captured": (
        "clearing<revenue 9, hold_used<hold 9",
        "deposits<revenue 9",
        "receivable<revenue 9, hold_used<hold 9",
    ),
    "captured_reversed": (
        "reversals<clearing 9, hold<hold_used 9",
        "reversals<deposits 9",
        "reversals<receivable 9, hold<hold_used 9",
    ),
    "released": ("rail<hold 9", "deposits<clearing 9", "rail<hold 9"),
    "refunded": ("revenue<clearing 9", "revenue<clearing 9", "revenue<receivable 9"),
    "refund_reversed": ("clearing<reversals 9", "clearing<reversals 9", "receivable<reversals 9"),
    "charged_back": ("disputes<clearing 9", "disputes<clearing 9", "disputes<receivable 9"),
    "chargeback_reversed": ("clearing<disputes 9", "clearing<disputes 9", "receivable<disputes 9"),
}
AFTER = {"authorized": 1009, "captured": 991, "captured_reversed": 1009, "released": 991}


def written(lines):
    return ", ".join(f"{line.debit}<{line.credit} {line.amount}" for line in lines)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize(
    ("funding", "column"),
    [(Funding.HOLD, 0), (Funding.EXTERNAL, 0), (Funding.FREE, 0), (Funding.DEPOSIT, 1), (Funding.ACCOUNT, 2)],
)
def test_change_has_its_postings(funding, column, name):
    """Each change of a total moves money between two accounts; a capture also uses up the hold."""
    lines = postings(funding, {name: 9}, open_before=1000, open_after=AFTER.get(name, 1000))

    assert CHANGES[name][column] == written(lines)


def test_capture_uses_the_hold_only_as_far_as_it_reaches():
    """What is captured above the hold never was on hold."""
    lines = postings(Funding.HOLD, {"captured": 1150}, open_before=1000, open_after=0)

    assert "clearing<revenue 1150, hold_used<hold 1000" == written(lines)


def test_final_capture_posts_the_release_of_the_rest():
    """Used and released together empty the hold."""
    lines = postings(Funding.HOLD, {"captured": 600, "released": 400}, open_before=1000, open_after=0)

    assert "clearing<revenue 600, rail<hold 400, hold_used<hold 600" == written(lines)


def test_hold_is_open_again_when_a_capture_above_it_is_reversed():
    """Only what was on hold comes back on hold."""
    lines = postings(Funding.HOLD, {"captured_reversed": 1150}, open_before=0, open_after=1000)

    assert "reversals<clearing 1150, hold<hold_used 1000" == written(lines)


def test_nothing_is_posted_when_nothing_moved():
    """An extension in time or a release of zero leaves no line: a line of zero is no posting."""
    assert () == postings(Funding.HOLD, {"authorized": 0, "released": 0}, open_before=5, open_after=5)
    assert () == postings(Funding.HOLD, {}, open_before=0, open_after=0)


def test_unknown_total_is_an_error():
    """A change that no chart knows cannot be left out of the books."""
    with pytest.raises(KeyError):
        postings(Funding.HOLD, {"stolen": 9}, open_before=0, open_after=0)


def test_account_of_every_posting_is_known():
    """No posting names an account that the list lacks, and no account lacks a posting."""
    used = {account for chart in CHART.values() for pairs in chart.values() for pair in pairs for account in pair}

    assert set(ACCOUNTS) == used


def test_balances_are_debits_less_credits():
    """Whatever is posted, all accounts together are zero."""
    lines = [Posting("hold", "rail", 1000), Posting("hold_used", "hold", 600), Posting("rail", "hold", 400)]

    assert {"hold": 0, "rail": -600, "hold_used": 600} == balances(lines)
    assert {} == balances([])


def test_facts_are_read_back_from_the_postings():
    """The ledger alone tells the five totals, net of reversals."""
    lines = [
        Posting("hold", "rail", 1000), Posting("clearing", "revenue", 600), Posting("hold_used", "hold", 600),
        Posting("rail", "hold", 400), Posting("revenue", "clearing", 200), Posting("clearing", "reversals", 50),
        Posting("disputes", "clearing", 30), Posting("clearing", "disputes", 10), Posting("reversals", "clearing", 100),
    ]  # fmt: skip
    expected = MoneyFacts(currency="EUR", authorized=1000, captured=500, released=400, refunded=150, charged_back=20)

    assert expected == facts_of(Funding.HOLD, lines, currency="EUR")


def test_postings_of_two_totals_are_never_mistaken_for_each_other():
    """Within a funding, a pair of accounts belongs to one total."""
    for chart in CHART.values():
        pairs = [pair for each in chart.values() for pair in each]
        assert len(pairs) == len(set(pairs))
