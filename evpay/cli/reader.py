"""Reading a store without its providers: as another process would, in whatever mode the store has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import Connection

from evpay.env import RealEnv
from evpay.errors import ConfigurationError, NotFound
from evpay.payments.intent import PaymentIntent, Snapshot, intent_view
from evpay.store import Store, mode, reads

__all__ = ["Reader", "read_store", "reading"]

T = TypeVar("T")


class Reader:
    """Questions to an open store of one mode."""

    def __init__(self, store: Store, *, live: bool) -> None:
        self._store = store
        self._live = live

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """Return the answer to a question of `evpay.store.reads`."""
        return await self._store.read(question)

    async def snapshots(self, tenant: str) -> list[Snapshot]:
        """Return all intents with their payments and operations, newest first."""

        def load(connection: Connection) -> list[Snapshot]:
            ids = reads.intent_ids(connection, tenant=tenant)
            found = (
                reads.intent_by_id(connection, tenant=tenant, intent_id=intent_id, live=self._live) for intent_id in ids
            )
            return [snapshot for snapshot in found if snapshot is not None]

        return await self.ask(load)

    async def snapshot(self, tenant: str, named: str) -> Snapshot:
        """Return an intent by its id, by its session's id, or by the key it was made with.

        Raises:
            NotFound: no such intent.
        """

        def load(connection: Connection) -> Snapshot | None:
            by_id = reads.intent_by_id(connection, tenant=tenant, intent_id=named, live=self._live)
            keys = (f"session:{named}", f"key:{named}")
            by_key = (reads.intent_by_key(connection, tenant=tenant, key=key, live=self._live) for key in keys)
            return by_id or next((found for found in by_key if found is not None), None)

        found = await self.ask(load)
        if found is None:
            raise NotFound("payment intent", named)
        return found

    async def view(self, snapshot: Snapshot) -> PaymentIntent:
        """Return an intent as the face shows it; that its provider can refund is taken for granted."""
        intent = snapshot.intent
        review = await self.ask(lambda c: reads.open_review(c, tenant=intent.tenant, intent_id=intent.id))
        return intent_view(snapshot, can_refund=True, open_review=review)


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Reader]:
    """Open a store for reading, for test or for live as it was made.

    Raises:
        ConfigurationError: it is not a store, or nothing was ever kept in it.
    """
    found = await asyncio.to_thread(mode, url)
    if found is None:
        raise ConfigurationError("the store is new: no EvPay has been opened with it yet.", path="store")
    store = Store(url, env=RealEnv())
    await store.open(live=found == "live")
    try:
        yield Reader(store, live=found == "live")
    finally:
        await store.aclose()


def read_store(url: str, question: Callable[[Reader], Awaitable[T]]) -> T:
    """Open, ask, close."""

    async def ask() -> T:
        async with reading(url) as reader:
            return await question(reader)

    return asyncio.run(ask())
