"""What every part of the engine shares: the seam, the store, the providers and the operator's settings."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from evpay.engine.case import Case
from evpay.env import Env
from evpay.errors import ConfigurationError, NotFound
from evpay.ids import wire_key
from evpay.payments.policy import Policy
from evpay.payments.records import PaymentRecord
from evpay.providers import Provider
from evpay.receipts.model import Seller
from evpay.sessions.model import Site
from evpay.store import reads
from evpay.store.database import Store

__all__ = ["DEFAULT_TENANT", "Context", "debt_id"]

DEFAULT_TENANT: Final = "default"


def debt_id(session_id: str) -> str:
    """Return the id of the one debt that a session can have."""
    return wire_key("debt", session_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Shared by everything in the engine. `lease_s` is how long a worker may be silent before another takes over."""

    env: Env
    store: Store
    providers: Mapping[str, Provider]
    policy: Policy
    sites: Mapping[str, Site]
    sellers: Mapping[str, Seller]
    worker: str
    live: bool
    deadline_s: float = 30.0
    lease_s: float = 60.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def lease_us(self) -> int:
        """The end of a lease that is taken now."""
        return self.env.now_us() + int(self.lease_s * 1_000_000)

    def provider(self, payment: PaymentRecord) -> Provider:
        """Return the adapter that serves a payment.

        Raises:
            ConfigurationError: if the account is no longer configured although money may be there.
        """
        return self.provider_named(payment.account.name)

    def provider_named(self, account: str) -> Provider:
        """Return the adapter of an account."""
        try:
            return self.providers[account]
        except KeyError:
            known = ", ".join(sorted(self.providers)) or "none"
            raise ConfigurationError(
                f"There is no account of that name here (configured: {known}). Keep an account configured as long as "
                "payments of it are in the store.",
                path=f"providers.{account}",
            ) from None

    async def case(self, tenant: str, intent_id: str) -> Case:
        """Load an intent with everything that a decision about it needs."""
        found = await self.store.read(lambda connection: _case(connection, tenant, intent_id, live=self.live))
        if found is None:
            raise NotFound("payment intent", intent_id)
        return found

    def notify(self) -> None:
        """Wake whoever waits for news in this process."""
        self.changed.set()


def _case(connection: Connection, tenant: str, intent_id: str, *, live: bool) -> Case | None:
    snapshot = reads.intent_by_id(connection, tenant=tenant, intent_id=intent_id, live=live)
    if snapshot is None:
        return None
    session_id = snapshot.intent.session_id
    if session_id is None:
        return Case(snapshot=snapshot, reviews=reads.reviews_of(connection, tenant=tenant, intent_id=intent_id))
    return Case(
        snapshot=snapshot,
        session=reads.session(connection, tenant=tenant, session_id=session_id),
        debt=reads.debt(connection, tenant=tenant, debt_id=debt_id(session_id)),
        receipts=tuple(reads.receipts_of(connection, tenant=tenant, session_id=session_id)),
        reviews=reads.reviews_of(connection, tenant=tenant, intent_id=intent_id),
    )
