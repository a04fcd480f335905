"""Cost that could not be captured, with a life of its own."""

from enum import StrEnum

from evpay.model import FrozenModel, Instant
from evpay.money import Money

__all__ = ["Debt", "DebtStatus"]


class DebtStatus(StrEnum):
    """Open, or settled by a capture that came through after all."""

    OPEN = "open"
    SETTLED = "settled"


class Debt(FrozenModel):
    """What a driver still owes for a session; one per session, and its amount follows what was captured."""

    id: str
    session_id: str
    driver: str | None = None
    amount: Money
    collected: Money
    status: DebtStatus
    reason: str
    receipt_number: str | None = None
    created_at: Instant
    updated_at: Instant
