"""The laws of the ledger over any changes: it sums to zero and tells the facts and the open hold."""

from hypothesis import given
from hypothesis import strategies as st

from evpay.ledger import balances, facts_of, postings
from evpay.payments.account import Funding
from evpay.payments.records import Totals

NAMES = list(Totals.__dataclass_fields__)
changes = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 10**15), max_size=4)


@given(st.sampled_from(Funding), st.lists(changes, max_size=8))
def test_ledger_tells_the_facts_whatever_happened(funding, story):
    """For every funding and any order of changes, also several at once: debits equal credits, postings equal facts."""
    totals, lines = Totals(), []
    for step in story:
        after = totals.plus(step)
        held = [each.facts("EUR").open_hold for each in (totals, after)]
        lines += postings(funding, step, open_before=held[0], open_after=held[1])
        totals = after

    sums = balances(lines)
    assert sum(sums.values()) == 0
    assert totals.facts("EUR") == facts_of(funding, lines, currency="EUR")
    if funding is not Funding.DEPOSIT:
        assert totals.facts("EUR").open_hold == sums.get("hold", 0)
