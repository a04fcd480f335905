"""The money of one session or order, as the face shows it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evpay.instants import instant
from evpay.model import FrozenModel, Instant
from evpay.money import Money, from_minor
from evpay.payments.account import Account, Funding
from evpay.payments.facts import MoneyFacts
from evpay.payments.lifecycle import Status, available, status
from evpay.payments.method import PaymentMethod
from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.outcome import Outcome, Pending, Succeeded
from evpay.payments.records import IntentRecord, OperationRecord, PaymentRecord

__all__ = ["Attempt", "Operation", "PaymentIntent", "Snapshot", "intent_view", "saved_method_of"]


class Operation(FrozenModel):
    """One side effect at a processor. `reference` is what it is known by there (ours); `raw_code` is theirs."""

    id: str
    kind: OperationKind
    state: OperationState
    amount: Money
    outcome: Outcome
    account: str
    reference: str
    processor_reference: str | None = None
    raw_code: str | None = None
    actor: str | None = None
    reason: str | None = None
    asked_at: Instant
    answered_at: Instant | None = None


class Attempt(FrozenModel):
    """The try at one account."""

    account: Account
    funding: Funding
    status: Status
    reference: str
    processor_id: str | None = None
    facts: MoneyFacts
    hold_expires_at: Instant | None = None


class PaymentIntent(FrozenModel):
    """Attempts, operations and the facts folded from them; `outcome` is the newest operation's.

    `unresolved`: an operation is unknown, or a person must look. `saved_method` is what `save_method` gave, once the
    processor has told it: good for charges when the driver is away.
    """

    id: str
    key: str
    tenant: str
    session_id: str | None = None
    status: Status
    outcome: Outcome
    facts: MoneyFacts
    method: PaymentMethod
    saved_method: PaymentMethod | None = None
    attempts: tuple[Attempt, ...]
    operations: tuple[Operation, ...]
    available: tuple[str, ...]
    hold_expires_at: Instant | None = None
    unresolved: bool = False
    created_at: Instant
    updated_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An intent as it is on disk: its record, its payments by attempt, and their operations in order."""

    intent: IntentRecord
    payments: tuple[PaymentRecord, ...]
    operations: tuple[OperationRecord, ...]

    @property
    def payment(self) -> PaymentRecord:
        """The newest attempt."""
        return self.payments[-1]

    def of(self, payment_id: str) -> tuple[OperationRecord, ...]:
        """Return the operations of one attempt, oldest first."""
        return tuple(operation for operation in self.operations if operation.payment_id == payment_id)


def _instant(at_us: int | None) -> Instant | None:
    return None if at_us is None else instant(at_us)


def _operation(record: OperationRecord, account: str) -> Operation:
    outcome = record.outcome or Pending(id=None)
    return Operation(
        id=record.id,
        kind=record.kind,
        state=record.state,
        amount=from_minor(record.amount, record.currency),
        outcome=outcome,
        account=account,
        reference=record.reference,
        processor_reference=record.provider_ref,
        raw_code=getattr(outcome, "code", None),
        actor=record.actor,
        reason=record.reason,
        asked_at=instant(record.asked_us),
        answered_at=_instant(record.answered_us),
    )


def _attempt(payment: PaymentRecord, operations: Sequence[OperationRecord]) -> Attempt:
    return Attempt(
        account=payment.account,
        funding=payment.funding,
        status=status(payment.facts, operations),
        reference=payment.reference,
        processor_id=payment.handle.id if payment.handle else None,
        facts=payment.facts,
        hold_expires_at=_instant(payment.expires_us),
    )


def _sum(facts: Iterable[MoneyFacts], currency: str) -> MoneyFacts:
    total = MoneyFacts(currency=currency)
    for one in facts:
        total = total + one
    return total


def saved_method_of(operation: OperationRecord, account: str) -> PaymentMethod | None:
    """Return the method that an AUTHORIZE left to be used again, bound to the account that keeps it."""
    saved = operation.outcome.saved_method if isinstance(operation.outcome, Succeeded) else None
    if saved is None or saved.account is not None:
        return saved
    return saved.model_copy(update={"account": account})


def intent_view(snapshot: Snapshot, *, can_refund: bool, open_review: bool = False) -> PaymentIntent:
    """Fold what is on disk into what the face shows."""
    newest = snapshot.payment
    accounts = {payment.id: payment.account.name for payment in snapshot.payments}
    own = snapshot.of(newest.id)
    operations = tuple(_operation(record, accounts[record.payment_id]) for record in snapshot.operations)
    saved = [saved_method_of(record, accounts[record.payment_id]) for record in reversed(snapshot.operations)]
    unknown = any(record.state is OperationState.UNKNOWN for record in snapshot.operations)
    return PaymentIntent(
        id=snapshot.intent.id,
        key=snapshot.intent.key,
        tenant=snapshot.intent.tenant,
        session_id=snapshot.intent.session_id,
        status=status(newest.facts, own),
        outcome=operations[-1].outcome if operations else Pending(),
        facts=_sum((payment.facts for payment in snapshot.payments), newest.currency),
        method=PaymentMethod.model_validate_json(snapshot.intent.method),
        saved_method=next((found for found in saved if found is not None), None),
        attempts=tuple(_attempt(payment, snapshot.of(payment.id)) for payment in snapshot.payments),
        operations=operations,
        available=available(newest, own, can_refund=can_refund),
        hold_expires_at=_instant(newest.expires_us),
        unresolved=unknown or open_review,
        created_at=instant(snapshot.intent.created_us),
        updated_at=instant(max(payment.updated_us for payment in snapshot.payments)),
    )
