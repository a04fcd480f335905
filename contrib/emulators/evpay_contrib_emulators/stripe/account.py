"""The account: everything that is held, the ids, the time, and what happened as events."""

import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any, Final

from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.stripe.options import Options
from evpay_contrib_emulators.stripe.refusal import no_such
from evpay_contrib_emulators.stripe.things import (
    Charge,
    Dispute,
    Intent,
    Method,
    Reader,
    Refund,
    Setup,
    Transaction,
)

__all__ = ["DAY", "VERSION", "Account", "Asking"]

VERSION: Final = "2026-10-28.endive"
DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Which request is at work; nothing if something happens by itself."""

    id: str | None = None
    key: str | None = None
    version: str = VERSION


@dataclass(slots=True, kw_only=True)
class Account:
    """One merchant at Stripe."""

    clock: Clock
    options: Options = field(default_factory=Options)
    intents: dict[str, Intent] = field(default_factory=dict)
    charges: dict[str, Charge] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    transactions: dict[str, Transaction] = field(default_factory=dict)
    methods: dict[str, Method] = field(default_factory=dict)
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    setups: dict[str, Setup] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    unsent: list[dict[str, Any]] = field(default_factory=list)
    by_metadata: dict[str, list[str]] = field(default_factory=dict)
    """Payments by the values of their metadata, for search."""
    refunds_of: dict[str, list[Refund]] = field(default_factory=dict)
    """Refunds by their payment."""
    held: dict[str, None] = field(default_factory=dict)
    """The payments with an open hold."""
    asking: Asking = field(default_factory=Asking)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _salt: str = field(default_factory=lambda: secrets.token_hex(4))

    def now(self) -> int:
        """Return the time here, in Unix seconds."""
        return int(self.clock.now().timestamp())

    def id(self, prefix: str) -> str:
        """Return an id that nothing else has, nor had before everything was forgotten."""
        return f"{prefix}_{next(self._numbers):08d}{self._salt}"

    def intent(self, name: str, *, param: str = "intent") -> Intent:
        """Find a payment.

        Raises:
            Refusal: there is none.
        """
        found = self.intents.get(name)
        if found is None:
            raise no_such("payment_intent", name, param=param)
        return found

    def emit(self, kind: str, thing: dict[str, Any], *, previous: dict[str, Any] | None = None) -> None:
        """Note that something happened; it is sent as a webhook, and listed among the events."""
        data: dict[str, Any] = {"object": thing}
        if previous:
            data["previous_attributes"] = previous
        event: dict[str, Any] = {
            "id": self.id("evt"),
            "object": "event",
            "api_version": VERSION,
            "created": self.now(),
            "data": data,
            "livemode": self.options.livemode,
            "pending_webhooks": 1,
            "request": {"id": self.asking.id, "idempotency_key": self.asking.key},
            "type": kind,
        }
        self.events[event["id"]] = event
        self.unsent.append(event)
