"""The side effects at a processor, and the states one of them goes through."""

from enum import StrEnum
from typing import Final

__all__ = ["IN_FLIGHT", "SETTLED", "UNSETTLED", "OperationKind", "OperationState"]


class OperationKind(StrEnum):
    """One side effect at a processor. CHARGEBACK is the processor's own; COMPLETE is a driver's leg of AUTHORIZE."""

    AUTHORIZE = "authorize"
    COMPLETE = "complete"
    INCREMENT = "increment"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    CHARGEBACK = "chargeback"


class OperationState(StrEnum):
    """Where an operation stands. RESERVED waits for another one; SUBMITTING was, or is about to be, sent."""

    RESERVED = "reserved"
    SUBMITTING = "submitting"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVERSED = "reversed"


UNSETTLED: Final = frozenset(
    {
        OperationState.RESERVED,
        OperationState.SUBMITTING,
        OperationState.REQUIRES_ACTION,
        OperationState.PENDING,
        OperationState.UNKNOWN,
    }
)
SETTLED: Final = frozenset(OperationState) - UNSETTLED
IN_FLIGHT: Final = frozenset({OperationState.SUBMITTING, OperationState.UNKNOWN})
"""At most one operation of a payment is in one of these, voids aside."""
