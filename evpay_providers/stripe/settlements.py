"""Settlement lines from Stripe's balance transactions."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

from evpay.providers import OperationKind, SettlementLine, SettlementsRequest
from evpay_providers.stripe.amounts import from_stripe
from evpay_providers.stripe.mapping import Answer
from evpay_providers.stripe.params import REFERENCE

__all__ = ["next_cursor", "settlement_line", "settlement_params"]

# https://docs.stripe.com/reports/balance-transaction-types (checked 2026-11-20). Not listed: neither ours nor money.
LINE_KINDS: Final[Mapping[str, OperationKind]] = {
    "charge": OperationKind.CAPTURE,
    "payment": OperationKind.CAPTURE,
    "refund": OperationKind.REFUND,
    "payment_refund": OperationKind.REFUND,
    "dispute": OperationKind.CHARGEBACK,
    "dispute_reversal": OperationKind.CHARGEBACK,
}


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
        kind=LINE_KINDS.get(entry["type"]) or LINE_KINDS.get(entry.get("reporting_category") or ""),
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
