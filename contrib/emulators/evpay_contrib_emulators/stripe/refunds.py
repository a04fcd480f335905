"""Refunds of what was captured; some of them change days later."""

from collections.abc import Mapping
from typing import Any

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.balance import enter
from evpay_contrib_emulators.stripe.refusal import Refusal, missing, no_such
from evpay_contrib_emulators.stripe.showing import show_charge, show_refund
from evpay_contrib_emulators.stripe.things import Intent, Refund

__all__ = ["cancel_refund", "change_refund", "create_refund", "refund_named", "refunded"]


def refunded(account: Account, intent: Intent, *statuses: str) -> int:
    """Return how much of a payment has been given back, counting refunds of these statuses."""
    return sum(refund.amount for refund in account.refunds_of.get(intent.id, ()) if refund.status in statuses)


def create_refund(account: Account, params: Mapping[str, Any]) -> Refund:
    """Give back some of a captured payment, or all that is left."""
    intent = _intent(account, params)
    if not intent.received or intent.charge is None:
        raise Refusal(400, "This PaymentIntent does not have a successful charge to refund.")
    left = intent.received - refunded(account, intent, "succeeded", "pending")
    amount = params.get("amount", left)
    if left == 0:
        raise Refusal(400, "Charge has already been refunded.", code="charge_already_refunded")
    if not 0 < amount <= left:
        raise Refusal(400, f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})")
    if any(dispute.withdrawn for dispute in account.disputes.values() if dispute.intent == intent.id):
        raise Refusal(400, "This charge has been charged back.", code="charge_disputed")
    refund = Refund(
        id=account.id("re"),
        intent=intent.id,
        charge=intent.charge.id,
        amount=amount,
        currency=intent.currency,
        created=account.now(),
        status=intent.charge.card.refund,
        reason=params.get("reason"),
        metadata=dict(params.get("metadata", {})),
    )
    refund.transaction = enter(account, "refund", source=refund.id, amount=-amount, currency=intent.currency)
    account.refunds[refund.id] = refund
    account.refunds_of.setdefault(intent.id, []).append(refund)
    intent.effects["refund"] += 1
    account.emit("refund.created", show_refund(refund))
    account.emit("charge.refunded", show_charge(account, intent.charge))
    if refund.status == "failed":
        change_refund(account, refund, "failed", failure_reason="expired_or_canceled_card")
    return refund


def _intent(account: Account, params: Mapping[str, Any]) -> Intent:
    if "payment_intent" in params:
        return account.intent(params["payment_intent"], param="payment_intent")
    if "charge" not in params:
        raise missing("payment_intent")
    if params["charge"] not in account.charges:
        raise no_such("charge", params["charge"], param="charge")
    return account.intents[account.charges[params["charge"]].intent]


def refund_named(account: Account, name: str) -> Refund:
    """Find a refund.

    Raises:
        Refusal: there is none.
    """
    found = account.refunds.get(name)
    if found is None:
        raise no_such("refund", name, param="id")
    return found


def change_refund(account: Account, refund: Refund, status: str, *, failure_reason: str | None = None) -> None:
    """Have a refund end in another way than it began; the money of one that fails comes back to the balance."""
    refund.status = status
    refund.failure_reason = failure_reason
    if status in ("failed", "canceled") and refund.failure_transaction is None:
        refund.failure_transaction = enter(
            account,
            "refund_failure",
            source=refund.id,
            amount=refund.amount,
            currency=refund.currency,
        )
    account.emit("refund.failed" if status == "failed" else "refund.updated", show_refund(refund))
    account.emit("charge.refund.updated", show_refund(refund))


def cancel_refund(account: Account, refund: Refund) -> None:
    """Take a refund back that is still pending."""
    if refund.status != "pending":
        raise Refusal(400, f"This refund cannot be canceled because it has a status of {refund.status}.")
    change_refund(account, refund, "canceled", failure_reason="merchant_request")
