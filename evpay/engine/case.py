"""Everything that a decision about one intent needs, and the decisions that need nothing else.

Pure: what must still be done is read off the facts, so that it is found again after any crash.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from evpay.engine.drafts import operation_id
from evpay.instants import microseconds
from evpay.payments.account import Capabilities
from evpay.payments.debt import Debt
from evpay.payments.intent import Snapshot
from evpay.payments.lifecycle import is_final_capture
from evpay.payments.operation import IN_FLIGHT, UNSETTLED, OperationKind, OperationState
from evpay.payments.records import OperationRecord, PaymentRecord, ReviewRecord
from evpay.receipts.model import Receipt, ReceiptKind
from evpay.sessions.model import Admission, SessionStatus
from evpay.store.rows import SessionRecord

__all__ = ["MAX_VOIDS", "Case", "Step", "extension", "is_wanted", "next_step", "wake_us"]

_SECOND: Final = 1_000_000
_VOID_AGAIN_S: Final = (60, 300, 1_800, 7_200, 21_600, 86_400)
MAX_VOIDS: Final = 40
"""Voids are repeated for more than a month, later each time; no hold lasts that long."""
_WEEK_US: Final = 7 * 86_400 * _SECOND
_AFTER_EXPIRY_US: Final = 60 * _SECOND
_EXTENSION_US: Final = 600 * _SECOND
_OPEN: Final = frozenset({SessionStatus.WAITING, SessionStatus.READY, SessionStatus.CHARGING, SessionStatus.IDLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An intent as it is on disk, with its session, its debt and its receipts."""

    snapshot: Snapshot
    session: SessionRecord | None = None
    debt: Debt | None = None
    receipts: tuple[Receipt, ...] = ()
    reviews: tuple[ReviewRecord, ...] = ()

    @property
    def tenant(self) -> str:
        """The tenant that all of it belongs to."""
        return self.snapshot.intent.tenant

    def payment(self, payment_id: str) -> PaymentRecord:
        """Return one attempt."""
        return next(payment for payment in self.snapshot.payments if payment.id == payment_id)

    def operation(self, operation_id: str) -> OperationRecord | None:
        """Return one operation, or None."""
        return next((found for found in self.snapshot.operations if found.id == operation_id), None)

    def authorize(self, payment_id: str) -> OperationRecord:
        """Return the AUTHORIZE of an attempt: its first operation."""
        return next(found for found in self.snapshot.of(payment_id) if found.kind is OperationKind.AUTHORIZE)

    def credit_note(self, operation_id: str) -> Receipt | None:
        """Return the credit note that a refund operation gave."""
        return next((found for found in self.receipts if found.refund_id == operation_id), None)

    @property
    def open_review(self) -> bool:
        """Whether a person must look at it."""
        return any(found.closed_us is None for found in self.reviews)

    @property
    def receipt(self) -> Receipt | None:
        """The session's receipt."""
        return next((found for found in self.receipts if found.kind is ReceiptKind.RECEIPT), None)

    def after(self, payment: PaymentRecord, *operations: OperationRecord) -> "Case":
        """Return the case as it is once a payment and some of its operations have changed."""
        newer = {operation.id: operation for operation in operations}
        known = tuple(newer.pop(found.id, found) for found in self.snapshot.operations)
        payments = tuple(payment if found.id == payment.id else found for found in self.snapshot.payments)
        return replace(self, snapshot=replace(self.snapshot, payments=payments, operations=(*known, *newer.values())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What must be done next at a payment, and not before when: submit a reserved operation, or void what is open."""

    kind: Literal["activate", "void"]
    payment: PaymentRecord
    operation: OperationRecord | None = None
    not_before_us: int = 0


def _is_captured(operations: tuple[OperationRecord, ...]) -> bool:
    """Say whether a final capture is done, so that the rest of the hold must come free."""
    return any(
        is_final_capture(operation) and operation.state in (OperationState.SUCCEEDED, OperationState.REVERSED)
        for operation in operations
    )


def _is_taken_back(operations: tuple[OperationRecord, ...]) -> bool:
    """Say whether a capture did not last, and since then nothing was taken or let go.

    A processor may take it a second time by itself, so the hold stays until a person, whom the review asks, decides.
    """
    captures = [found for found in operations if found.kind is OperationKind.CAPTURE]
    lost = [found.answered_us or 0 for found in captures if found.state is OperationState.REVERSED]
    if not lost:
        return False
    later = [found for found in operations if found.asked_us > max(lost)]
    is_taken = any(found.kind is OperationKind.CAPTURE and found.state is OperationState.SUCCEEDED for found in later)
    return not is_taken and all(found.kind is not OperationKind.VOID for found in later)


def is_wanted(case: Case, payment: PaymentRecord) -> bool:
    """Say whether somebody still counts on the hold of this attempt."""
    operations = case.snapshot.of(payment.id)
    if any(found.kind is OperationKind.CAPTURE and found.state in UNSETTLED for found in operations):
        return True
    if payment.id != case.snapshot.payment.id or _is_captured(operations):
        return False
    if case.session is None:
        return not any(found.kind is OperationKind.VOID for found in operations)
    session = case.session.session
    return session.status in _OPEN and session.admission is not Admission.DENY


def next_step(case: Case, payment: PaymentRecord, capabilities: Capabilities) -> Step | None:
    """Return what must be done at a payment now, or None if nothing must, or something is under way."""
    operations = case.snapshot.of(payment.id)
    if any(found.state in IN_FLIGHT and found.kind is OperationKind.VOID for found in operations):
        return None
    busy = [found for found in operations if found.state in IN_FLIGHT]
    reserved = [found for found in operations if found.state is OperationState.RESERVED]
    if not busy and reserved:
        return Step(kind="activate", payment=payment, operation=reserved[0], not_before_us=reserved[0].next_us or 0)
    voids = [found for found in operations if found.kind is OperationKind.VOID]
    authorize = case.authorize(payment.id)
    blind = authorize.state is OperationState.UNKNOWN and not capabilities.look_up and not voids
    # A capture behind a hold that nobody can ask about would wait for ever: the hold is let go, the cost is owed.
    wanted = (is_wanted(case, payment) or _is_taken_back(operations)) and not (blind and reserved)
    if wanted or len(voids) >= MAX_VOIDS or any(found.state in UNSETTLED for found in voids):
        return None
    waiting = authorize.state in (OperationState.REQUIRES_ACTION, OperationState.PENDING) and not busy
    if blind or waiting or (payment.facts.open_hold > 0 and not busy):
        return Step(kind="void", payment=payment, not_before_us=_void_again_us(voids))
    return None


def _void_again_us(voids: list[OperationRecord]) -> int:
    """Return when to void what earlier voids have not released: later each time, so that a look-up comes between."""
    if not voids or voids[-1].answered_us is None:
        return 0
    return voids[-1].answered_us + _VOID_AGAIN_S[min(len(voids), len(_VOID_AGAIN_S)) - 1] * _SECOND


def _states_a_hold(operation: OperationRecord) -> bool:
    return operation.kind is OperationKind.INCREMENT and operation.state is OperationState.SUCCEEDED


def extension(case: Case, payment: PaymentRecord) -> OperationRecord | None:
    """Return the INCREMENT to the same total by which more time was asked for before the hold expires, if it was."""
    total, expires = payment.facts.authorized, payment.expires_us
    return case.operation(operation_id(payment.id, "increment", str(total), str(expires)))


def wake_us(case: Case, payment: PaymentRecord, capabilities: Capabilities, *, now_us: int) -> int | None:
    """Return when housekeeping must look at a payment: at once if something is to be done, else at its deadline."""
    step = next_step(case, payment, capabilities)
    if step is not None:
        return max(now_us, step.not_before_us)
    if payment.facts.open_hold <= 0:
        return None
    if payment.expires_us is None:
        return now_us + _WEEK_US
    policy = case.session.policy if case.session else None
    before = (policy.before_expiry_s if policy else 86_400) * _SECOND
    created = microseconds(case.session.session.started_at) if case.session else payment.created_us
    grown = (found.answered_us or 0 for found in case.snapshot.of(payment.id) if _states_a_hold(found))
    begun = max((created, *grown))
    warning = max(payment.expires_us - before, begun + (payment.expires_us - begun) // 2)
    asked = extension(case, payment)
    if asked is not None and asked.state in UNSETTLED:
        return now_us + _EXTENSION_US
    refused = asked is not None and asked.state is not OperationState.SUCCEEDED and asked.answered_us
    deadlines = (warning, *([refused + _SECOND] if refused else []), payment.expires_us + _AFTER_EXPIRY_US)
    return next((deadline for deadline in deadlines if deadline > now_us), now_us + 3600 * _SECOND)
