"""What came of an operation, and what is learned outside an answer.

The type of an outcome is its certainty: `Succeeded` and `Pending` took effect or were accepted, `ActionRequired`
waits for the driver, `Declined` and `Failed` did not happen and no longer can, `Unknown` is anything not proven.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue

from evpay.money import Money
from evpay.payments.facts import MoneyFacts
from evpay.payments.method import PaymentMethod
from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.reasons import Reason

__all__ = [
    "STATE_OF",
    "Absent",
    "Action",
    "ActionRequired",
    "ConfirmOnDevice",
    "Declined",
    "Failed",
    "Handle",
    "Hold",
    "Observation",
    "OpenLink",
    "Outcome",
    "Pending",
    "Report",
    "RunClientSdk",
    "Succeeded",
    "Unknown",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """An adapter's memory of a payment: the processor's id, and a memo of at most 4 KiB without secrets."""

    id: str
    memo: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What this hold allows. `expires`: an instant, a time after sending, or None for never."""

    expires: datetime | timedelta | None
    increment: bool = False
    extend: bool = False
    multiple_captures: bool = False
    capture_limit: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLink:
    """Show a button or a QR code: an https address, an app link, `bitcoin:`, a claim link."""

    uri: str
    type: Literal["open_link"] = "open_link"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClientSdk:
    """Give this to the processor's own SDK in the app or browser."""

    payload: Mapping[str, JsonValue]
    type: Literal["run_client_sdk"] = "run_client_sdk"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmOnDevice:
    """Nothing to show: the driver confirms on `device`, `"phone"` or a terminal's id."""

    device: str
    type: Literal["confirm_on_device"] = "confirm_on_device"


Action = Annotated[OpenLink | RunClientSdk | ConfirmOnDevice, Field(discriminator="type")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """It took effect. `amount` is what the processor confirmed, not what was asked."""

    amount: Money
    id: str | None = None
    handle: Handle | None = None
    hold: Hold | None = None
    saved_method: PaymentMethod | None = None
    slip: Mapping[str, str] = field(default_factory=dict)
    type: Literal["succeeded"] = "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """It was accepted; what came of it is told later."""

    id: str | None = None
    handle: Handle | None = None
    type: Literal["pending"] = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequired:
    """It waits for the driver. `expires`: an instant, a time after sending, or None where nobody says."""

    action: Action
    id: str | None = None
    handle: Handle | None = None
    expires: datetime | timedelta | None = None
    type: Literal["action_required"] = "action_required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The payer's side said no; nothing happened. `code` is the processor's own word."""

    reason: Reason
    code: str | None = None
    id: str | None = None
    type: Literal["declined"] = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The processor, the request or the set-up failed, or nothing was sent; nothing happened."""

    reason: Reason
    code: str | None = None
    id: str | None = None
    type: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nothing is proven: it may have happened."""

    detail: str
    type: Literal["unknown"] = "unknown"


Outcome = Annotated[
    Succeeded | Pending | ActionRequired | Declined | Failed | Unknown,
    Field(discriminator="type"),
]

STATE_OF: Final[Mapping[str, OperationState]] = {
    "succeeded": OperationState.SUCCEEDED,
    "pending": OperationState.PENDING,
    "action_required": OperationState.REQUIRES_ACTION,
    "declined": OperationState.DECLINED,
    "failed": OperationState.FAILED,
    "unknown": OperationState.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one effect; `reference` is ours, None for what the processor did by itself.

    A VOID that the processor did by itself is the end of a hold: it releases all that is open, whatever amount it
    names. Only of a deposit may it pay back a part.
    """

    kind: OperationKind
    outcome: Outcome
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was learned outside an answer. Without reports and totals it says only: ask about this payment.

    `payment_reference` is the AUTHORIZE's reference (ours), `payment_id` the processor's id; one of them, or a
    report's reference, is there. `event_id` is the same for every redelivery; None only from a look-up.
    """

    payment_reference: str | None = None
    payment_id: str | None = None
    reports: tuple[Report, ...] = ()
    totals: MoneyFacts | None = None
    event_id: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The processor answered, and has no such payment."""
