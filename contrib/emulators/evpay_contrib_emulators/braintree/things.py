"""What the gateway keeps: transactions, customers, nonces and disputes. They change, as the real ones do."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from evpay_contrib_emulators.braintree.instruments import Instrument
from evpay_contrib_emulators.braintree.responses import Response

__all__ = ["DEAD", "Adjustment", "Customer", "Dispute", "Nonce", "StatusEvent", "Transaction"]

DEAD: Final = frozenset(
    {"voided", "failed", "processor_declined", "gateway_rejected", "settlement_declined", "settlement_failed"}
)
"""The statuses in which no money moves, nor will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvent:
    """That a transaction came into a status."""

    status: str
    amount: Decimal
    at: datetime
    source: str = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """That an authorization was to be changed by this amount; less than zero gives back."""

    amount: Decimal
    at: datetime
    response: Response

    @property
    def success(self) -> bool:
        """Whether it was changed."""
        return self.response.is_approval


@dataclass(slots=True, kw_only=True, eq=False)
class Transaction:
    """A sale, a part of one that is settled by itself, or a refund."""

    id: str
    type: str
    status: str
    amount: Decimal
    amount_requested: Decimal
    currency: str
    merchant_account: str
    instrument: Instrument
    created_at: datetime
    updated_at: datetime
    response: Response
    order_id: str | None = None
    token: str | None = None
    customer: Mapping[str, Any] = field(default_factory=dict)
    customer_id: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    rejection: str | None = None
    authorized: Decimal = Decimal(0)
    authorization_code: str | None = None
    authorization_expires_at: datetime | None = None
    network_transaction_id: str | None = None
    history: list[StatusEvent] = field(default_factory=list)
    adjustments: list[Adjustment] = field(default_factory=list)
    refund_ids: list[str] = field(default_factory=list)
    refunded_id: str | None = None
    partial_ids: list[str] = field(default_factory=list)
    authorized_id: str | None = None
    is_final: bool = False
    settlement_batch_id: str | None = None
    settlement_response: tuple[str, str] = ("", "")
    disbursed_on: date | None = None
    dispute_ids: list[str] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)

    @property
    def moves_money(self) -> bool:
        """Whether it is on its way to be settled, or there."""
        return self.status not in DEAD | {"authorized", "authorizing", "authorization_expired"}

    def at(self, status: str) -> datetime | None:
        """Return when it last came into this status, if ever."""
        return next((event.at for event in reversed(self.history) if event.status == status), None)

    def become(self, status: str, *, at: datetime, source: str = "api") -> None:
        """Go over into this status."""
        self.status = status
        self.updated_at = at
        self.history.append(StatusEvent(status=status, amount=self.amount, at=at, source=source))


@dataclass(slots=True, kw_only=True, eq=False)
class Customer:
    """Someone in the vault, with what is known of them."""

    id: str
    details: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Nonce:
    """A one-time stand-in for an instrument; `token` and `customer_id` if it was made of a vaulted method."""

    value: str
    instrument: Instrument
    token: str | None = None
    customer_id: str | None = None
    is_consumed: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Dispute:
    """A cardholder's bank takes a payment back, or asks for reasons."""

    id: str
    transaction_id: str
    amount: Decimal
    reason: str
    kind: str
    status: str
    opened_at: datetime
    updated_at: datetime
    history: list[tuple[str, datetime]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
