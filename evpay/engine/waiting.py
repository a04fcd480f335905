"""How long a capture stands back for a hold that is being raised. Pure."""

from collections.abc import Iterable
from typing import Final

from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.records import OperationRecord, PaymentRecord

__all__ = ["stands_back_until_us"]

_MINUTE_US: Final = 60_000_000
_RAISE_US: Final = 10 * _MINUTE_US
"""What raises a hold later than this raises it for nobody: what is held then is captured."""


def stands_back_until_us(
    payment: PaymentRecord, operations: Iterable[OperationRecord], *, amount: int, asked_us: int
) -> int | None:
    """Return until when a capture of `amount`, in minor units, waits for an accepted increment; None if it need not.

    It waits only where more is asked for than is held, and never so long that the hold itself is lost.
    """
    is_raised = any(
        found.kind is OperationKind.INCREMENT
        and found.state is OperationState.PENDING
        and found.amount > payment.facts.authorized
        for found in operations
    )
    if not is_raised or amount <= payment.capturable:
        return None
    until_us = asked_us + _RAISE_US
    return until_us if payment.expires_us is None else min(until_us, payment.expires_us - _MINUTE_US)
