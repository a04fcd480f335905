"""What Stripe holds: payments, charges, refunds, disputes, saved methods, readers. They change as time goes on."""

from dataclasses import dataclass, field
from typing import Any

from evpay_contrib_emulators.stripe.cards import Card

__all__ = ["EFFECTS", "Charge", "Dispute", "Intent", "Method", "Reader", "Refund", "Setup", "Transaction"]

EFFECTS = ("authorize", "increment", "capture", "void", "refund")


@dataclass(slots=True, kw_only=True)
class Method:
    """A payment method; `spent`: it was used without a customer, and is good for nothing more."""

    id: str
    card: Card
    created: int
    customer: str | None = None
    spent: bool = False
    is_set_up: bool = False
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Charge:
    """One authorization of a card, whether it succeeded or not."""

    id: str
    intent: str
    card: Card
    method: str
    created: int
    status: str = "succeeded"
    authorized: int = 0
    captured: int = 0
    capture_before: int | None = None
    extended: bool = False
    is_open: bool = False
    transaction: str | None = None
    generated_card: str | None = None
    error: dict[str, Any] | None = None
    captures: int = 0
    increments: int = 0


@dataclass(slots=True, kw_only=True)
class Intent:
    """A PaymentIntent."""

    id: str
    amount: int
    currency: str
    created: int
    capture_method: str
    status: str
    kinds: list[str]
    customer: str | None = None
    method: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    automatic: dict[str, Any] | None = None
    description: str | None = None
    receipt_email: str | None = None
    setup_future_usage: str | None = None
    suffix: str | None = None
    return_url: str | None = None
    confirmation_method: str = "automatic"
    off_session: bool = False
    searchable: float = 0.0
    capturable: int = 0
    received: int = 0
    released: int = 0
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    charge: Charge | None = None
    charges: list[Charge] = field(default_factory=list)
    next_action: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    effects: dict[str, int] = field(default_factory=lambda: dict.fromkeys(EFFECTS, 0))


@dataclass(slots=True, kw_only=True)
class Refund:
    """A refund of a captured payment."""

    id: str
    intent: str
    charge: str
    amount: int
    currency: str
    created: int
    status: str
    reason: str | None = None
    failure_reason: str | None = None
    transaction: str | None = None
    failure_transaction: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Dispute:
    """A cardholder's complaint; an inquiry moves no money."""

    id: str
    intent: str
    charge: str
    amount: int
    currency: str
    created: int
    status: str
    reason: str
    transactions: list[str] = field(default_factory=list)
    withdrawn: int = 0
    evidence: dict[str, str] = field(default_factory=dict)
    submissions: int = 0
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Transaction:
    """A line of the balance."""

    id: str
    kind: str
    category: str
    source: str
    amount: int
    fee: int
    currency: str
    created: int
    available_on: int


@dataclass(slots=True, kw_only=True)
class Setup:
    """A SetupIntent: a method is saved without a payment."""

    id: str
    created: int
    status: str
    usage: str
    kinds: list[str]
    customer: str | None = None
    method: str | None = None
    return_url: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    next_action: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    cancellation_reason: str | None = None


@dataclass(slots=True, kw_only=True)
class Reader:
    """A reader of Stripe Terminal, and what it does or did last."""

    id: str
    label: str
    created: int
    location: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    action: dict[str, Any] | None = None
    online: bool = True
