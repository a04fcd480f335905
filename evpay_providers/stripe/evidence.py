"""What Stripe shows of the past: a payment as a whole."""

from collections.abc import Sequence
from typing import Final

from evpay.money import to_minor
from evpay.providers import (
    MoneyFacts,
    Observation,
    OperationKind,
    Outcome,
    Report,
    Succeeded,
)
from evpay_providers.stripe.disputes import chargebacks, charged_back
from evpay_providers.stripe.mapping import (
    Answer,
    amount_of,
    authorized_amount,
    charge_of,
    refund_outcome,
    released_amount,
    void_outcome,
    was_held,
)
from evpay_providers.stripe.params import REFERENCE, TAG

__all__ = ["observation"]

# Stripe lets a hold lapse by itself with one of these cancellation reasons.
# https://docs.stripe.com/api/payment_intents/object#payment_intent_object-cancellation_reason (checked 2026-11-20)
EXPIRIES: Final = frozenset({"automatic", "expired"})


def _tagged(intent: Answer) -> list[Report]:
    """Read back the increments and captures that the intent remembers."""
    reports = []
    for key, value in (intent.get("metadata") or {}).items():
        kind, _, amount = str(value).partition(" ")
        if key.startswith(TAG) and kind in (OperationKind.INCREMENT, OperationKind.CAPTURE) and amount.isdecimal():
            done = Succeeded(amount=amount_of(int(amount), intent), id=charge_of(intent).get("id"))
            reports.append(Report(kind=OperationKind(kind), outcome=done, reference=key.removeprefix(TAG)))
    return reports


def _refunds(refunds: Sequence[Answer], *, currency: str, complete: bool) -> list[Report]:
    """Report refunds; one that is not ours only if it moved our balance, for a release may be shown as a refund.

    Raises:
        ValueError: a refund is in another currency than its payment.
    """
    reports = []
    for refund in refunds:
        if refund["currency"] != currency:
            raise ValueError("a refund in another currency")
        reference = (refund.get("metadata") or {}).get(REFERENCE)
        if reference or (complete and refund.get("balance_transaction")):
            reports.append(Report(kind=OperationKind.REFUND, outcome=refund_outcome(refund), reference=reference))
    return reports


def _totals(intent: Answer, refunds: Sequence[Report], disputes: Sequence[Answer]) -> MoneyFacts | None:
    """State the totals, complete or not at all: not without a charge to read, nor beside a dispute that cannot be."""
    received = intent.get("amount_received")
    charge = charge_of(intent)
    withdrawn = charged_back(disputes, currency=intent["currency"])
    unseen = bool(charge.get("disputed")) and not disputes
    if received is None or withdrawn is None or unseen or not (charge or intent.get("latest_charge") is None):
        return None
    final = intent["status"] in ("canceled", "succeeded")
    refunded = [to_minor(report.outcome.amount) for report in refunds if isinstance(report.outcome, Succeeded)]
    return MoneyFacts(
        currency=intent["currency"].upper(),
        authorized=to_minor(authorized_amount(intent)) if was_held(intent) else 0,
        captured=to_minor(amount_of(received, intent)),
        released=to_minor(released_amount(intent)) if final else 0,
        refunded=sum(refunded),
        charged_back=withdrawn,
    )


def observation(
    intent: Answer,
    *,
    authorized: Outcome,
    refunds: Sequence[Answer],
    disputes: Sequence[Answer] = (),
    payment_reference: str,
) -> Observation:
    """Show the whole payment, of which `authorized` is what became of the AUTHORIZE.

    It is left out once it was incremented, for only the new total is stated. A cancellation carries no reference and a
    capture in the dashboard neither, so whoever did them, the totals tell.
    """
    reports = _tagged(intent)
    if not any(report.kind is OperationKind.INCREMENT for report in reports):
        reports.insert(0, Report(kind=OperationKind.AUTHORIZE, outcome=authorized, reference=payment_reference))
    given_back = _refunds(refunds, currency=intent["currency"], complete=intent.get("amount_received") is not None)
    if intent["status"] == "canceled" and intent.get("cancellation_reason") in EXPIRIES and was_held(intent):
        reports.append(Report(kind=OperationKind.VOID, outcome=void_outcome(intent)))
    return Observation(
        payment_reference=payment_reference,
        payment_id=intent["id"],
        reports=(*reports, *given_back, *chargebacks(disputes)),
        totals=_totals(intent, given_back, disputes),
    )
