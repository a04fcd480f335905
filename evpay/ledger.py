"""Double entry: every change of a payment's facts as postings, one debit and one credit each.

Accounts: `hold` money that issuers reserved for us and `rail` their promise; `hold_used` holds that became captures;
`clearing` what the processor owes us (`receivable` where it is a balance or an invoice); `revenue` what drivers owed
for charging; `deposits` drivers' money in our hands; `disputes` what was charged back; `reversals` captures and
refunds that the processor took back later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from evpay.payments.account import Funding
from evpay.payments.facts import MoneyFacts

__all__ = ["ACCOUNTS", "CHART", "Posting", "balances", "facts_of", "postings"]

ACCOUNTS: Final = (
    "hold",
    "rail",
    "hold_used",
    "clearing",
    "revenue",
    "deposits",
    "disputes",
    "reversals",
    "receivable",
)


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount` minor units (more than zero) moved from `credit` to `debit`."""

    debit: str
    credit: str
    amount: int


_RESERVED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "authorized": (("hold", "rail"),),
    "captured": (("clearing", "revenue"),),
    "captured_reversed": (("reversals", "clearing"),),
    "used": (("hold_used", "hold"),),
    "unused": (("hold", "hold_used"),),
    "released": (("rail", "hold"),),
    "refunded": (("revenue", "clearing"),),
    "refund_reversed": (("clearing", "reversals"),),
    "charged_back": (("disputes", "clearing"),),
    "chargeback_reversed": (("clearing", "disputes"),),
}
_DEPOSITED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    **_RESERVED,
    "authorized": (("clearing", "deposits"),),
    "captured": (("deposits", "revenue"),),
    "captured_reversed": (("reversals", "deposits"),),
    "used": (),
    "unused": (),
    "released": (("deposits", "clearing"),),
}
_POSTED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    name: tuple(
        ("receivable" if debit == "clearing" else debit, "receivable" if credit == "clearing" else credit)
        for debit, credit in pairs
    )
    for name, pairs in _RESERVED.items()
}
CHART: Final[Mapping[Funding, Mapping[str, tuple[tuple[str, str], ...]]]] = {
    Funding.HOLD: _RESERVED,
    Funding.EXTERNAL: _RESERVED,
    Funding.FREE: _RESERVED,
    Funding.DEPOSIT: _DEPOSITED,
    Funding.ACCOUNT: _POSTED,
}


def postings(funding: Funding, changes: Mapping[str, int], *, open_before: int, open_after: int) -> tuple[Posting, ...]:
    """Return the postings of changed totals (minor units), between the open hold before and after the change.

    A capture uses up the hold as far as it reaches; what is captured above it never was on hold. A capture that is
    reversed leaves as much of the hold open again.
    """
    used = open_before + changes.get("authorized", 0) - changes.get("released", 0) - open_after
    moved = {**changes, "used": used, "unused": -used}
    chart = CHART[funding]
    return tuple(
        Posting(debit, credit, minor) for name, minor in moved.items() if minor > 0 for debit, credit in chart[name]
    )


def balances(lines: Iterable[Posting]) -> dict[str, int]:
    """Return debits less credits by account; the sum over all accounts is always zero."""
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.debit] = sums.get(line.debit, 0) + line.amount
        sums[line.credit] = sums.get(line.credit, 0) - line.amount
    return sums


def _moved(lines: Iterable[Posting], debit: str, credit: str) -> int:
    return sum(line.amount for line in lines if line.debit == debit and line.credit == credit)


def facts_of(funding: Funding, lines: Iterable[Posting], *, currency: str) -> MoneyFacts:
    """Read the five totals back out of the postings: they must equal the facts of the payment."""
    kept = tuple(lines)
    sums = {name: sum(_moved(kept, debit, credit) for debit, credit in CHART[funding][name]) for name in _RESERVED}
    return MoneyFacts(
        currency=currency,
        authorized=sums["authorized"],
        captured=sums["captured"] - sums["captured_reversed"],
        released=sums["released"],
        refunded=sums["refunded"] - sums["refund_reversed"],
        charged_back=sums["charged_back"] - sums["chargeback_reversed"],
    )
