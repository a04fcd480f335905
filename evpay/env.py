"""The one seam to the world: clock, ids, randomness, sleep, blocking work and labels.

Everything that would make two runs differ comes through here, so the engine runs under simulation as it is.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from evpay.ids import id_from_bytes

__all__ = ["Env", "RealEnv"]

T = TypeVar("T")


class Env(Protocol):
    """What the engine asks of the world."""

    def now_us(self) -> int:
        """The wall clock in microseconds since 1970 UTC. No safety rests on it."""
        ...

    def new_id(self) -> str:
        """A new id of 26 characters of `[a-z0-9]`."""
        ...

    def random(self) -> float:
        """A number in [0, 1), for jitter only."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raise `TimeoutError` in the block after that time."""
        ...

    def start_writer(self, loop: Callable[[], None]) -> Callable[[], None] | None:
        """Run the store's writing loop on a thread of its own and return what joins it; None: writes are inline."""
        ...

    async def blocking(self, function: Callable[[], T]) -> T:
        """Run blocking work (a read of the store) off the event loop."""
        ...

    def at(self, label: str) -> None:
        """Pass a named point between two steps; a test may stop the world here."""
        ...


class RealEnv:
    """The real world."""

    def now_us(self) -> int:
        """See `Env`."""
        return time.time_ns() // 1000

    def new_id(self) -> str:
        """See `Env`."""
        return id_from_bytes(secrets.token_bytes(17))

    def random(self) -> float:
        """See `Env`."""
        return secrets.randbelow(1_000_000) / 1_000_000

    async def sleep(self, seconds: float) -> None:
        """See `Env`."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """See `Env`."""
        return asyncio.timeout(seconds)

    def start_writer(self, loop: Callable[[], None]) -> Callable[[], None] | None:
        """See `Env`."""
        thread = threading.Thread(target=loop, name="evpay-store-writer", daemon=True)
        thread.start()
        return thread.join

    async def blocking(self, function: Callable[[], T]) -> T:
        """See `Env`."""
        return await asyncio.to_thread(function)

    def at(self, label: str) -> None:
        """See `Env`; nothing happens here."""
