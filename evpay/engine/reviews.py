"""What a person must look at: opened with the operation that it is about, closed when that is settled. Pure.

While a review is open its note names the operation; once it is closed the note says why.
"""

from collections.abc import Iterable

from evpay.engine.case import Case
from evpay.ids import wire_key
from evpay.payments.lifecycle import Settlement
from evpay.payments.operation import SETTLED, UNSETTLED
from evpay.payments.records import OperationRecord, PaymentRecord, ReviewRecord
from evpay.store.commit import Insert, Update, Write

__all__ = ["close_rows", "is_known", "open_row", "settled_rows"]


def _review_id(payment: PaymentRecord, reason: str) -> str:
    return wire_key("review", payment.id, reason)


def is_known(case: Case, payment: PaymentRecord, reason: str) -> bool:
    """Say whether a person was asked to look at this before, whatever came of it."""
    return any(found.payment_id == payment.id and found.reason == reason for found in case.reviews)


def open_row(case: Case, payment: PaymentRecord, operation: OperationRecord, reason: str, *, now_us: int) -> Insert:
    """Return the row that asks a person to look; the same reason again, while it is open, is the same row."""
    identity = _review_id(payment, reason)
    if any(found.id == identity and found.closed_us is not None for found in case.reviews):
        identity = wire_key("review", payment.id, reason, str(payment.version))
    opened = {
        "tenant": payment.tenant,
        "id": identity,
        "payment": payment.id,
        "subject": payment.session_id or payment.intent_id,
        "reason": reason,
        "opened_us": now_us,
        "note": operation.id,
    }
    return Insert("review", opened, or_ignore=True)


def close_rows(reviews: Iterable[ReviewRecord], *, actor: str | None, note: str, now_us: int) -> list[Write]:
    """Return the writes that close what is open of these reviews."""
    return [
        Update(
            "review",
            {"tenant": found.tenant, "id": found.id},
            {"closed_us": now_us, "actor": actor, "note": note},
            {"closed_us": None},
        )
        for found in reviews
        if found.closed_us is None
    ]


def settled_rows(
    case: Case, settled: Iterable[Settlement], *, source: str, actor: str | None, now_us: int
) -> list[Write]:
    """Return the writes that close the reviews of operations which are settled now and were not before."""
    ended = set()
    for settlement in settled:
        before = case.operation(settlement.operation.id)
        if before is not None and before.state in UNSETTLED and settlement.operation.state in SETTLED:
            ended.add(before.id)
    about = [found for found in case.reviews if found.note in ended]
    return close_rows(about, actor=actor, note=f"settled: {source}", now_us=now_us)
