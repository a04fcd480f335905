"""What Braintree shows of the past: a payment as a whole, with its parts, refunds and disputes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evpay.money import Money, from_minor, to_minor
from evpay.providers import (
    Failed,
    Handle,
    MoneyFacts,
    Observation,
    OperationKind,
    Outcome,
    Reason,
    Report,
    Succeeded,
    Unknown,
)
from evpay_providers.braintree.amounts import from_braintree
from evpay_providers.braintree.mapping import (
    BEGUN,
    TAKEN,
    Answer,
    adjustments_of,
    amount_of,
    authorize_outcome,
    authorized_amount,
    events_of,
    refund_outcome,
)
from evpay_providers.braintree.settings import BraintreeSettings

__all__ = ["Payment", "chargebacks", "observation", "released_amount", "withdrawn"]

# Which disputes take money, and what their status says about it; "retrieval" only asks for papers.
# https://developer.paypal.com/braintree/docs/reference/response/dispute (checked 2026-11-20)
TAKING_KINDS: Final = frozenset({"chargeback", "pre_arbitration"})
CHARGED_BACK: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("open", "under_review", "disputed", "lost", "accepted", "auto_accepted", "expired"), True),
    "won": False,
}
LOST_SETTLEMENTS: Final = frozenset({"settlement_declined", "settlement_failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A transaction that was authorized, the parts that were captured of it, and the refunds of both."""

    transaction: Answer
    parts: Sequence[Answer] = ()
    refunds: Sequence[Answer] = ()


def submitted(transaction: Answer) -> Money | None:
    """Return what was captured of a transaction that stands for itself, also if it was taken back afterwards."""
    events = events_of(transaction, "submitted_for_settlement")
    if transaction["status"] in TAKEN | LOST_SETTLEMENTS:
        return amount_of(transaction)
    if transaction["status"] == "voided" and events:
        return from_braintree(events[-1]["amount"], transaction["currency_iso_code"])
    return None


def _taken(payment: Payment) -> list[tuple[Answer, Money]]:
    """Return what was captured: each part, or the whole."""
    whole = payment.parts or [payment.transaction]
    return [(one, amount) for one in whole if (amount := submitted(one)) is not None]


def chargebacks(dispute: Answer) -> list[Report]:
    """Say what a dispute did to the money: taken as long as it is not won.

    If only a part came back, the chargeback is reversed, and the rest is another one.

    Raises:
        ValueError: for an amount that cannot be read.
    """
    return [Report(kind=OperationKind.CHARGEBACK, outcome=outcome) for outcome in _of_dispute(dispute)]


def _of_dispute(dispute: Answer) -> list[Outcome]:
    taken = CHARGED_BACK.get(dispute["status"])
    if taken is None:
        return [Unknown(detail=f"a dispute in status {dispute['status']!r}")]
    if taken:
        return [Succeeded(amount=withdrawn(dispute), id=dispute["id"])]
    back, lost = Failed(reason=Reason.OTHER, code=dispute["status"], id=dispute["id"]), withdrawn(dispute)
    return [back, Succeeded(amount=lost, id=f"{dispute['id']}-lost")] if to_minor(lost) else [back]


def withdrawn(dispute: Answer) -> Money:
    """Return what a dispute has taken: what it is about, or what of it was not won back.

    Where it is not said how much was won, all of it was.

    Raises:
        ValueError: for an amount that cannot be read.
    """
    amount, won = _disputed(dispute), dispute.get("amount_won")
    if CHARGED_BACK[dispute["status"]]:
        return amount
    back = amount if won is None else from_braintree(won, dispute["currency_iso_code"])
    if to_minor(back) < 0:
        raise ValueError("less than nothing was won")
    return from_minor(max(to_minor(amount) - to_minor(back), 0), dispute["currency_iso_code"])


def _disputed(dispute: Answer) -> Money:
    """Return the amount that a dispute is about."""
    amount = dispute.get("amount_disputed")
    return from_braintree(dispute["amount"] if amount is None else amount, dispute["currency_iso_code"])


def _disputes(payment: Payment) -> list[Answer]:
    found = [one for holder in (payment.transaction, *payment.parts) for one in holder.get("disputes") or []]
    return [one for one in found if one.get("kind") in TAKING_KINDS]


def _captured(transaction: Answer, *, handle: Handle | None) -> Outcome:
    """Say what became of a capture; a settlement that was declined took it back."""
    if transaction["status"] in LOST_SETTLEMENTS:
        return Failed(reason=Reason.OTHER, code=transaction["status"], id=transaction["id"])
    amount = submitted(transaction)
    if amount is None:
        return Unknown(detail=f"a capture in status {transaction['status']!r}")
    return Succeeded(amount=amount, id=transaction["id"], handle=handle)


def _captures(payment: Payment, *, reference: str | None) -> list[Report]:
    """Report each part under the reference that it carries, and the whole under the one that the handle remembers.

    Without it the totals tell it, because a whole capture carries no reference of its own.
    """
    whole = payment.transaction
    if not payment.parts:
        known = reference is not None and submitted(whole) is not None
        outcome = _captured(whole, handle=None)
        return [Report(kind=OperationKind.CAPTURE, outcome=outcome, reference=reference)] if known else []
    handle = Handle(id=whole["id"], memo={"captures": BEGUN})
    return [
        Report(
            kind=OperationKind.CAPTURE,
            outcome=_captured(one, handle=handle),
            reference=None if one.get("order_id") == whole.get("order_id") else one.get("order_id"),
        )
        for one in payment.parts
    ]


def _refunds(payment: Payment) -> list[Report]:
    """Report refunds; one that has its payment's own order id was made by somebody else."""
    taken = {one.get("order_id") for one in (payment.transaction, *payment.parts)}
    return [
        Report(
            kind=OperationKind.REFUND,
            outcome=refund_outcome(refund),
            reference=None if refund.get("order_id") in taken else refund.get("order_id"),
        )
        for refund in payment.refunds
    ]


def released_amount(payment: Payment) -> Money | None:
    """Return what was held and is not captured; None: it is not said what was held."""
    held = authorized_amount(payment.transaction)
    if held is None:
        return None
    taken = sum(to_minor(amount) for _, amount in _taken(payment))
    return from_minor(max(to_minor(held) - taken, 0), payment.transaction["currency_iso_code"])


def _is_over(payment: Payment) -> bool:
    """Say whether the hold is gone: given back, lapsed, or used up by a capture that was the last."""
    status = payment.transaction["status"]
    if payment.parts:
        return status in ("voided", "authorization_expired", "settled")
    return status in TAKEN | LOST_SETTLEMENTS | {"voided", "authorization_expired"}


def _totals(payment: Payment, refunds: Sequence[Report], disputes: Sequence[Answer]) -> MoneyFacts | None:
    """State the totals, complete or not at all."""
    whole = payment.transaction
    held, released = authorized_amount(whole), released_amount(payment)
    if held is None or released is None or any(one["status"] not in CHARGED_BACK for one in disputes):
        return None
    if payment.parts and whole["status"] == "settlement_pending" and to_minor(released):
        return None  # nothing says whether the last part has freed the rest
    taken = _taken(payment)
    lost = sum(to_minor(amount) for one, amount in taken if one["status"] in LOST_SETTLEMENTS)
    undone = sum(to_minor(amount) for one, amount in taken if one["status"] == "voided")
    refunded = [to_minor(report.outcome.amount) for report in refunds if isinstance(report.outcome, Succeeded)]
    return MoneyFacts(
        currency=whole["currency_iso_code"],
        authorized=to_minor(held),
        captured=sum(to_minor(amount) for _, amount in taken) - lost,
        released=to_minor(released) if _is_over(payment) else 0,
        refunded=sum(refunded) + undone,
        charged_back=sum(to_minor(withdrawn(one)) for one in disputes),
    )


def observation(
    payment: Payment, *, payment_reference: str, settings: BraintreeSettings, captured_as: str | None = None
) -> Observation:
    """Show the whole payment. The AUTHORIZE is left out once it was adjusted, for it is then told by the totals.

    `captured_as` is the reference of the CAPTURE, as the handle remembers it.
    """
    whole = payment.transaction
    reports = []
    if not adjustments_of(whole):
        outcome = authorize_outcome(whole, settings=settings)
        reports.append(Report(kind=OperationKind.AUTHORIZE, outcome=outcome, reference=payment_reference))
    released = released_amount(payment)
    if whole["status"] == "authorization_expired" and released is not None:
        lapsed = Succeeded(amount=released, id=f"{whole['id']}-expired")
        reports.append(Report(kind=OperationKind.VOID, outcome=lapsed))
    refunds, disputes = _refunds(payment), _disputes(payment)
    charges = [report for one in disputes for report in chargebacks(one)]
    return Observation(
        payment_reference=payment_reference,
        payment_id=whole["id"],
        reports=(*reports, *_captures(payment, reference=captured_as), *refunds, *charges),
        totals=_totals(payment, refunds, disputes),
    )
