"""The magic methods: what each token makes the sandbox do. One row each; an unknown token is declined."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from evpay.providers import Declined, Failed, OperationKind, Reason

__all__ = ["METHODS", "DriverPart", "Script", "refusal_for"]


class DriverPart(StrEnum):
    """What the driver does when asked to act."""

    APPROVES = "approves"  # and comes back
    DECLINES = "declines"  # and comes back, whatever the answer claims
    ELSEWHERE = "elsewhere"  # acts at the processor only: nothing that comes back with the driver counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a magic method makes the processor do; everything not said is done as asked.

    `loses` names the call whose answer is lost, once for each key; `with_effect` says whether it happened.
    `share_percent` is how much of what was asked is secured; more than 100 only under DEPOSIT makes sense.
    """

    says: str
    refusals: Mapping[OperationKind, Declined | Failed] = field(default_factory=dict)
    reaches: bool = True
    driver: DriverPart | None = None
    action: str = "link"
    pending: OperationKind | None = None
    loses: OperationKind | None = None
    with_effect: bool = True
    share_percent: int = 100
    lifetime: timedelta | None = None
    increments: bool = True


_ALL_REASONS: Final = tuple(Reason)
_PAYER: Final = _ALL_REASONS[: _ALL_REASONS.index(Reason.AMOUNT_TOO_SMALL)]
_NOT_OF_AUTHORIZE: Final = frozenset(
    {
        Reason.AUTHORIZATION_EXPIRED,
        Reason.INCREMENT_NOT_AVAILABLE,
        Reason.NOT_SETTLED_YET,
        Reason.REFUND_FUNDS_LACKING,
        Reason.INVALID_STATE,
        Reason.NOT_SENT,
    }
)
_SET_UP: Final = tuple(reason for reason in _ALL_REASONS if reason not in {*_PAYER, *_NOT_OF_AUTHORIZE})
_MONEY_KINDS: Final = (OperationKind.INCREMENT, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)
_LOSABLE: Final = (OperationKind.AUTHORIZE, OperationKind.COMPLETE, *_MONEY_KINDS)


def refusal_for(reason: Reason) -> Declined | Failed:
    """Return `Declined` for a reason of the payer's part, `Failed` for any other."""
    return (Declined if reason in _PAYER else Failed)(reason=reason, code=reason.value)


def _refusing(reason: Reason) -> Script:
    refusal = refusal_for(reason)
    says = f"authorize: `{type(refusal).__name__}({reason.name})`"
    return Script(says=says, refusals={OperationKind.AUTHORIZE: refusal})


def _losing(kind: OperationKind, *, with_effect: bool) -> Script:
    happened = "it happened" if with_effect else "it did not happen"
    return Script(
        says=f"{kind}: the answer is lost once for each key, and {happened}",
        driver=DriverPart.APPROVES if kind is OperationKind.COMPLETE else None,
        loses=kind,
        with_effect=with_effect,
    )


_SINGLE: Final[Mapping[str, Script]] = {
    "sandbox_approve": Script(says="everything succeeds"),
    "sandbox_processor_down": Script(
        says='authorize: `Failed(ISSUER_UNAVAILABLE, "processor_down")`; another processor may be tried',
        refusals={OperationKind.AUTHORIZE: Failed(reason=Reason.ISSUER_UNAVAILABLE, code="processor_down")},
    ),
    "sandbox_not_sent": Script(
        says="authorize: `Failed(NOT_SENT)`, no connection; the books stay untouched", reaches=False
    ),
    "sandbox_action": Script(
        says="authorize: `ActionRequired(OpenLink)`; the driver approves and comes back",
        driver=DriverPart.APPROVES,
    ),
    "sandbox_action_declined": Script(
        says="authorize: as `sandbox_action`, but the driver fails the check, whatever the answer claims",
        driver=DriverPart.DECLINES,
    ),
    "sandbox_action_elsewhere": Script(
        says="authorize: as `sandbox_action`, but only `driver_acts` moves it: no answer that comes back counts",
        driver=DriverPart.ELSEWHERE,
    ),
    "sandbox_action_sdk": Script(
        says="authorize: `ActionRequired(RunClientSdk)`; the driver approves and comes back",
        driver=DriverPart.APPROVES,
        action="sdk",
    ),
    "sandbox_action_device": Script(
        says="authorize: `ActionRequired(ConfirmOnDevice)`; only `driver_acts` moves it",
        driver=DriverPart.ELSEWHERE,
        action="device",
    ),
    "sandbox_pending": Script(says="authorize: `Pending`, until `settle_pending`", pending=OperationKind.AUTHORIZE),
    "sandbox_increment_declined": Script(
        says="increment: `Declined(INSUFFICIENT_FUNDS)`; the old hold stands",
        refusals={OperationKind.INCREMENT: Declined(reason=Reason.INSUFFICIENT_FUNDS, code="insufficient_funds")},
    ),
    "sandbox_increment_unavailable": Script(
        says="the hold says that it takes no increment; increment: `Failed(INCREMENT_NOT_AVAILABLE)`",
        increments=False,
    ),
    "sandbox_capture_failed": Script(
        says='capture: `Failed(OTHER, "capture_failed")`; the hold stands',
        refusals={OperationKind.CAPTURE: Failed(reason=Reason.OTHER, code="capture_failed")},
    ),
    "sandbox_refund_failed": Script(
        says="refund: `Failed(REFUND_FUNDS_LACKING)`",
        refusals={OperationKind.REFUND: Failed(reason=Reason.REFUND_FUNDS_LACKING, code="balance_too_low")},
    ),
    "sandbox_refund_too_early": Script(
        says="refund: `Failed(NOT_SETTLED_YET)`",
        refusals={OperationKind.REFUND: Failed(reason=Reason.NOT_SETTLED_YET, code="not_settled_yet")},
    ),
    "sandbox_short_hold": Script(says="the hold lasts one hour", lifetime=timedelta(hours=1)),
    "sandbox_deposit_underpaid": Script(says="60 % of what was asked comes in", share_percent=60),
    "sandbox_deposit_overpaid": Script(
        says="130 % of what was asked comes in (under HOLD a processor that contradicts itself)", share_percent=130
    ),
}

METHODS: Final[Mapping[str, Script]] = MappingProxyType(
    {
        **_SINGLE,
        **{f"sandbox_decline_{reason}": _refusing(reason) for reason in _PAYER},
        **{f"sandbox_fail_{reason}": _refusing(reason) for reason in _SET_UP},
        **{
            f"sandbox_partial_{percent}": Script(says=f"{percent} % of what was asked is held", share_percent=percent)
            for percent in range(10, 100, 10)
        },
        **{
            f"sandbox_pending_{kind}": Script(says=f"{kind}: `Pending`, until `settle_pending`", pending=kind)
            for kind in _MONEY_KINDS
        },
        **{f"sandbox_lose_{kind}": _losing(kind, with_effect=True) for kind in _LOSABLE},
        **{f"sandbox_lose_{kind}_no_effect": _losing(kind, with_effect=False) for kind in _LOSABLE},
    }
)
