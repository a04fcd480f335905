"""Disputes as what they do to money: a chargeback when funds are withdrawn, its reversal when they come back. Pure.

What is withdrawn and what comes back are balance transactions of the dispute. Its status says who is to act, and an
inquiry may never move money, so the status decides only where no money is shown.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

from evpay.money import to_minor
from evpay.providers import Failed, OperationKind, Reason, Report, Succeeded
from evpay_providers.stripe.amounts import from_stripe
from evpay_providers.stripe.mapping import Answer

__all__ = ["chargebacks", "charged_back"]


class Funds(Enum):
    """Where the disputed money is."""

    HERE = "here"
    WITHDRAWN = "withdrawn"
    CAME_BACK = "came back"
    NOT_TOLD = "not told"


# Statuses in which a dispute may have moved no money (yet): an inquiry never does. In another one, nothing is told.
# https://docs.stripe.com/api/disputes/object#dispute_object-status and
# https://docs.stripe.com/disputes/how-disputes-work (checked 2026-11-20)
STATUSES: Final = frozenset(
    {
        "appeal_needs_response",
        "appeal_under_review",
        "lost",
        "needs_response",
        "prevented",
        "under_review",
        "warning_closed",
        "warning_needs_response",
        "warning_under_review",
        "won",
    }
)


def _funds(dispute: Answer) -> Funds:
    """Say where the money is: the last movement counts, for what comes back was withdrawn before."""
    moved = dispute.get("balance_transactions")
    if moved is None:
        return Funds.NOT_TOLD
    if not moved:
        return Funds.HERE if dispute.get("status") in STATUSES else Funds.NOT_TOLD
    last = max(moved, key=lambda entry: (int(entry["created"]), int(entry["amount"])))
    return Funds.CAME_BACK if last["amount"] > 0 else Funds.WITHDRAWN


def chargebacks(disputes: Sequence[Answer]) -> list[Report]:
    """Report each dispute that moved money, under its own id; it is never one of our operations."""
    reports = []
    for dispute in disputes:
        amount = from_stripe(dispute["amount"], dispute["currency"])
        match _funds(dispute):
            case Funds.WITHDRAWN:
                taken = Succeeded(amount=amount, id=dispute["id"])
                reports.append(Report(kind=OperationKind.CHARGEBACK, outcome=taken))
            case Funds.CAME_BACK:
                # Nothing for a chargeback that was never seen; the reversal of one that was.
                back = Failed(reason=Reason.OTHER, code=str(dispute.get("status")), id=dispute["id"])
                reports.append(Report(kind=OperationKind.CHARGEBACK, outcome=back))
            case Funds.HERE | Funds.NOT_TOLD:
                continue
    return reports


def charged_back(disputes: Sequence[Answer], *, currency: str) -> int | None:
    """Return what is withdrawn now, in minor units; None where it is not told, or told in another currency."""
    total = 0
    for dispute in disputes:
        funds = _funds(dispute)
        if funds is Funds.NOT_TOLD or (funds is Funds.WITHDRAWN and dispute["currency"] != currency):
            return None
        total += to_minor(from_stripe(dispute["amount"], currency)) if funds is Funds.WITHDRAWN else 0
    return total
