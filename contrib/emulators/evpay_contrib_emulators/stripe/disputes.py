"""Disputes and inquiries: how they open, what money they move, how they end."""

from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.balance import enter
from evpay_contrib_emulators.stripe.refusal import Refusal, no_such
from evpay_contrib_emulators.stripe.showing import show_dispute
from evpay_contrib_emulators.stripe.things import Charge, Dispute, Intent

__all__ = ["accept", "answer_dispute", "decide", "dispute_named", "open_dispute"]

_FEE: Final = 2_000
_OPEN: Final = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
# Evidence that decides a dispute in test mode. https://docs.stripe.com/testing#disputes (checked 2026-11-20)
_DECIDING: Final = {"winning_evidence": "won", "losing_evidence": "lost"}


def open_dispute(
    account: Account, intent: Intent, charge: Charge, *, reason: str = "fraudulent", amount: int | None = None
) -> Dispute:
    """Have the cardholder complain; but for an inquiry, the money is withdrawn at once."""
    is_inquiry = reason == "inquiry"
    dispute = Dispute(
        id=account.id("du"),
        intent=intent.id,
        charge=charge.id,
        amount=charge.captured if amount is None else amount,
        currency=intent.currency,
        created=account.now(),
        status="warning_needs_response" if is_inquiry else "needs_response",
        reason="general" if is_inquiry else reason,
    )
    account.disputes[dispute.id] = dispute
    account.emit("charge.dispute.created", show_dispute(account, dispute))
    if not is_inquiry:
        withdraw(account, dispute)
    return dispute


def withdraw(account: Account, dispute: Dispute) -> None:
    """Take the money, and Stripe's fee for the work."""
    _move(account, dispute, -dispute.amount, category="dispute", fee=_FEE)
    dispute.withdrawn = dispute.amount
    account.emit("charge.dispute.funds_withdrawn", show_dispute(account, dispute))


def _move(account: Account, dispute: Dispute, amount: int, *, category: str, fee: int) -> None:
    line = enter(
        account,
        "adjustment",
        source=dispute.id,
        amount=amount,
        currency=dispute.currency,
        category=category,
        fee=fee,
    )
    dispute.transactions.append(line)


def dispute_named(account: Account, name: str) -> Dispute:
    """Find a dispute.

    Raises:
        Refusal: there is none.
    """
    found = account.disputes.get(name)
    if found is None:
        raise no_such("dispute", name, param="dispute")
    return found


def answer_dispute(account: Account, dispute: Dispute, params: Mapping[str, Any]) -> None:
    """Hand in evidence; some evidence decides the dispute, as in Stripe's own test mode."""
    _require_open(dispute)
    dispute.evidence |= params.get("evidence", {})
    dispute.metadata |= params.get("metadata", {})
    if params.get("submit", True) and dispute.evidence:
        dispute.submissions += 1
        dispute.status = "warning_under_review" if dispute.status.startswith("warning") else "under_review"
    account.emit("charge.dispute.updated", show_dispute(account, dispute))
    outcome = _DECIDING.get(dispute.evidence.get("uncategorized_text", ""))
    if outcome and dispute.submissions:
        decide(account, dispute, outcome)


def accept(account: Account, dispute: Dispute) -> None:
    """Give in; the money is lost."""
    decide(account, dispute, "lost")


def decide(account: Account, dispute: Dispute, outcome: str) -> None:
    """End a dispute: `won` brings the money back, `lost` does not, `warning_closed` ends an inquiry.

    Raises:
        Refusal: it has ended already.
    """
    _require_open(dispute)
    dispute.status = outcome
    if outcome == "won" and dispute.withdrawn:
        _move(account, dispute, dispute.amount, category="dispute_reversal", fee=0)
        dispute.withdrawn = 0
        account.emit("charge.dispute.funds_reinstated", show_dispute(account, dispute))
    account.emit("charge.dispute.closed", show_dispute(account, dispute))


def _require_open(dispute: Dispute) -> None:
    if dispute.status not in _OPEN:
        raise Refusal(400, f"This dispute is already closed, with a status of {dispute.status}.")
