"""What Stripe shows of the past: a payment as a whole, and the lines of its settlements."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

from evpay.money import to_minor
from evpay.providers import (
    MoneyFacts,
    Observation,
    OperationKind,
    Outcome,
    Report,
    SettlementLine,
    SettlementsRequest,
    Succeeded,
)
from evpay_providers.stripe.amounts import from_stripe
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

__all__ = ["next_cursor", "observation", "settlement_line", "settlement_params"]

# Stripe lets a hold lapse by itself with one of these cancellation reasons.
# https://docs.stripe.com/api/payment_intents/object#payment_intent_object-cancellation_reason (checked 2026-11-20)
EXPIRIES: Final = frozenset({"automatic", "expired"})

# https://docs.stripe.com/reports/balance-transaction-types (checked 2026-11-20). Not listed: neither ours nor money.
SETTLEMENT_KINDS: Final[Mapping[str, OperationKind]] = {
    "charge": OperationKind.CAPTURE,
    "payment": OperationKind.CAPTURE,
    "refund": OperationKind.REFUND,
    "payment_refund": OperationKind.REFUND,
    "dispute": OperationKind.CHARGEBACK,
    "dispute_reversal": OperationKind.CHARGEBACK,
}


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


def settlement_params(request: SettlementsRequest) -> dict[str, Any]:
    """Ask for one page.

    Stripe lists the newest first: the cursor `newest:oldest` walks back to `since` once, then `newest` goes forward.
    """
    newest, _, oldest = (request.cursor or "").partition(":")
    since = int(datetime.combine(request.since, time(), UTC).timestamp())
    place = {"starting_after": oldest} if oldest else {"ending_before": newest} if newest else {}
    return {"limit": 100, "created": {"gte": since}, "expand": ["data.source"], **place}


def next_cursor(page: Answer, *, cursor: str | None) -> str | None:
    """Say where to go on after a page."""
    ids = [entry["id"] for entry in page["data"]]
    newest, _, oldest = (cursor or "").partition(":")
    if not ids:
        return newest or None
    if oldest or not newest:
        first = newest or ids[0]
        return f"{first}:{ids[-1]}" if page.get("has_more") else first
    return str(ids[0])


def settlement_line(entry: Answer) -> SettlementLine:
    """Read one balance transaction, in the currency of the settlement.

    A charge carries the metadata of its payment, so only a refund names the operation itself.
    """
    source = entry.get("source")
    origin: Answer = source if isinstance(source, dict) else {"id": source}
    payment = origin.get("payment_intent")
    currency = entry["currency"]
    return SettlementLine(
        id=entry["id"],
        kind=SETTLEMENT_KINDS.get(entry["type"]) or SETTLEMENT_KINDS.get(entry.get("reporting_category") or ""),
        gross=from_stripe(entry["amount"], currency),
        fee=from_stripe(entry["fee"], currency),
        net=from_stripe(entry["net"], currency),
        settled_on=_day(entry["available_on"]),
        payment_id=payment if isinstance(payment, str) else None,
        effect_id=origin.get("id"),
        reference=(origin.get("metadata") or {}).get(REFERENCE) if origin.get("object") == "refund" else None,
    )


def _day(instant: int) -> date:
    return datetime.fromtimestamp(instant, UTC).date()
