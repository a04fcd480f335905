"""What the engine keeps of a payment and its operations.

A payment is one attempt of an intent at one account. Totals are gross; reversals are totals of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from evpay.payments.account import Account, Funding
from evpay.payments.facts import MoneyFacts
from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.outcome import Handle, Hold, Outcome

__all__ = ["IntentRecord", "OperationRecord", "PaymentRecord", "ReviewRecord", "Totals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The gross totals of a payment in minor units, none of which ever falls."""

    authorized: int = 0
    captured: int = 0
    captured_reversed: int = 0
    released: int = 0
    refunded: int = 0
    refund_reversed: int = 0
    charged_back: int = 0
    chargeback_reversed: int = 0

    def plus(self, changes: Mapping[str, int]) -> "Totals":
        """Return the totals after the changes."""
        return replace(self, **{name: getattr(self, name) + minor for name, minor in changes.items()})

    def facts(self, currency: str) -> MoneyFacts:
        """Return the five running totals, net of reversals."""
        return MoneyFacts(
            currency=currency,
            authorized=self.authorized,
            captured=self.captured - self.captured_reversed,
            released=self.released,
            refunded=self.refunded - self.refund_reversed,
            charged_back=self.charged_back - self.chargeback_reversed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRecord:
    """One attempt. `reference` is the AUTHORIZE's; `version` rises by one with every write."""

    tenant: str
    id: str
    intent_id: str
    session_id: str | None
    attempt: int
    account: Account
    funding: Funding
    currency: str
    reference: str
    totals: Totals = field(default_factory=Totals)
    over_allowed: int = 0
    handle: Handle | None = None
    hold: Hold | None = None
    expires_us: int | None = None
    wake_us: int | None = None
    owner: str | None = None
    lease_us: int | None = None
    events: int = 0
    operations: int = 0
    head: str = ""
    version: int = 1
    created_us: int
    updated_us: int

    @property
    def facts(self) -> MoneyFacts:
        """The five running totals."""
        return self.totals.facts(self.currency)

    @property
    def capturable(self) -> int:
        """Most that a capture may take, in minor units: the open hold and what may be captured above it."""
        facts = self.facts
        return max(facts.authorized + self.over_allowed - facts.captured - facts.released, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRecord:
    """One side effect: what was asked, under which key, and what came of it. Amounts in minor units."""

    tenant: str
    id: str
    payment_id: str
    no: int
    kind: OperationKind
    amount: int
    currency: str
    digest: str
    reference: str
    idempotency_key: str
    request: str
    state: OperationState
    attempts: int = 0
    first_sent_us: int | None = None
    next_us: int | None = None
    outcome: Outcome | None = None
    confirmed: int | None = None
    provider_ref: str | None = None
    actor: str | None = None
    reason: str | None = None
    asked_us: int
    answered_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRecord:
    """The money of one session or order: its key, its method, and the limits it was made with."""

    tenant: str
    id: str
    key: str
    digest: str
    session_id: str | None
    method: str
    body: str
    version: int = 1
    created_us: int
    updated_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRecord:
    """Why a person must look at a payment. `note` names the operation while it is open, and says why it is closed."""

    tenant: str
    id: str
    payment_id: str
    reason: str
    opened_us: int
    closed_us: int | None = None
    actor: str | None = None
    note: str | None = None
