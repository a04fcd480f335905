"""Disputes: a cardholder's bank takes back what was paid; they are found, accepted, contested, won and lost."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from evpay_contrib_emulators.braintree.account import Account, new_id
from evpay_contrib_emulators.braintree.errors import Invalid, NotFound, flaw
from evpay_contrib_emulators.braintree.things import Dispute, Transaction
from evpay_contrib_emulators.braintree.webhooks import notify
from evpay_contrib_emulators.braintree.xml import Array

__all__ = [
    "TAKEN_BACK",
    "accept",
    "add_evidence",
    "as_dispute",
    "become",
    "finalize",
    "open_dispute",
    "remove_evidence",
]

TAKEN_BACK: Final = frozenset({"open", "under_review", "disputed", "lost", "accepted", "auto_accepted", "expired"})
"""The statuses in which the merchant does not have the money."""

_REPLY: Final = timedelta(days=7)
_KINDS: Final = ("chargeback", "pre_arbitration", "retrieval")
# As the official SDK 4.48 names them (checked 2026-11-20)
_REASONS: Final = (
    *("cancelled_recurring_transaction", "credit_not_processed", "duplicate", "fraud", "general", "invalid_account"),
    *("not_recognized", "product_not_received", "product_unsatisfactory", "retrieval", "transaction_amount_differs"),
)


def open_dispute(
    account: Account,
    transaction: Transaction,
    *,
    amount: Decimal | None,
    reason: str = "fraud",
    kind: str = "chargeback",
) -> Dispute:
    """Open a dispute over a transaction, or a part of it.

    Raises:
        ValueError: the amount is more than was paid, or the reason or the kind is not known.
    """
    amount = transaction.amount if amount is None else amount
    if not 0 < amount <= transaction.amount:
        raise ValueError(f"amount is {amount}: not a part of {transaction.amount}")
    if reason not in _REASONS or kind not in _KINDS:
        raise ValueError(f"{reason!r} or {kind!r} is not known")
    now = account.now()
    dispute = Dispute(
        id=new_id(16),
        transaction_id=transaction.id,
        amount=amount,
        reason=reason,
        kind=kind,
        status="open",
        opened_at=now,
        updated_at=now,
        history=[("open", now)],
    )
    account.disputes[dispute.id] = dispute
    transaction.dispute_ids.append(dispute.id)
    notify(account, "dispute_opened", {"dispute": as_dispute(account, dispute)})
    return dispute


def become(account: Account, dispute: Dispute, status: str) -> None:
    """Go over into a status, and tell it."""
    dispute.status, dispute.updated_at = status, account.now()
    dispute.history.append((status, account.now()))
    notify(account, f"dispute_{status}", {"dispute": as_dispute(account, dispute)})


def accept(account: Account, dispute: Dispute) -> None:
    """Let the cardholder have the money.

    Raises:
        Invalid: it is not open any more.
    """
    _needs_open(dispute, "95704")
    become(account, dispute, "accepted")


def finalize(account: Account, dispute: Dispute) -> None:
    """Contest it with the evidence that is there.

    Raises:
        Invalid: it is not open any more.
    """
    _needs_open(dispute, "95705")
    become(account, dispute, "disputed")


def add_evidence(account: Account, dispute: Dispute, params: Mapping[str, Any]) -> dict[str, Any]:
    """Attach a text, and return it.

    Raises:
        Invalid: it is not open any more.
    """
    _needs_open(dispute, "95701")
    evidence = {
        "id": new_id(16),
        "comments": params.get("comments"),
        "category": params.get("category"),
        "sequence_number": params.get("sequence_number"),
        "created_at": account.now(),
        "sent_to_processor_at": None,
        "url": None,
    }
    dispute.evidence.append(evidence)
    return evidence


def remove_evidence(dispute: Dispute, name: str) -> None:
    """Take a piece of evidence away.

    Raises:
        NotFound: there is none of this id.
        Invalid: it is not open any more.
    """
    if all(evidence["id"] != name for evidence in dispute.evidence):
        raise NotFound(f"no evidence {name!r}")
    _needs_open(dispute, "95702")
    dispute.evidence = [evidence for evidence in dispute.evidence if evidence["id"] != name]


def _needs_open(dispute: Dispute, code: str) -> None:
    if dispute.status != "open":
        raise Invalid(flaw(code, "status", where="dispute"))


def as_dispute(account: Account, dispute: Dispute) -> dict[str, Any]:
    """Return the dispute as answers and webhooks have it."""
    transaction = account.transactions[dispute.transaction_id]
    show: Callable[[Decimal], str] = lambda amount: account.shown(amount, transaction)  # noqa: E731 - said three times
    return {
        "id": dispute.id,
        "amount": show(dispute.amount),
        "amount_disputed": show(dispute.amount),
        "amount_won": show(dispute.amount if dispute.status == "won" else Decimal(0)),
        "case_number": f"CASE-{dispute.id[:6].upper()}",
        "created_at": dispute.opened_at,
        "currency_iso_code": transaction.currency,
        "date_opened": dispute.opened_at.date(),
        "date_won": dispute.updated_at.date() if dispute.status == "won" else None,
        "processor_comments": None,
        "kind": dispute.kind,
        "merchant_account_id": transaction.merchant_account,
        "original_dispute_id": None,
        "reason": dispute.reason,
        "reason_code": "83" if dispute.reason == "fraud" else None,
        "reason_description": None,
        "received_date": dispute.opened_at.date(),
        "reference_number": f"REF-{dispute.id[6:10].upper()}",
        "reply_by_date": (dispute.opened_at + _REPLY).date(),
        "status": dispute.status,
        "updated_at": dispute.updated_at,
        "status_history": Array(
            item="status_history",
            values=[
                {"status": status, "timestamp": at, "effective_date": at.date(), "disbursement_date": None}
                for status, at in dispute.history
            ],
        ),
        "evidence": Array(item="evidence", values=dispute.evidence),
        "transaction": {
            "id": transaction.id,
            "amount": show(transaction.amount),
            "created_at": transaction.created_at,
            "order_id": transaction.order_id,
            "purchase_order_number": None,
            "payment_instrument_subtype": transaction.instrument.brand,
            "installment_count": None,
        },
    }
