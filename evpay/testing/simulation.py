"""A charging day in milliseconds: a real EvPay and a real store under a simulated clock, and a crash when asked."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar, runtime_checkable

from evpay._shared import Shared, View
from evpay.client import EvPay
from evpay.engine.assembly import Engine
from evpay.engine.context import DEFAULT_TENANT
from evpay.errors import InvalidInput
from evpay.events import Event
from evpay.instants import instant, microseconds
from evpay.payments.policy import Policy
from evpay.providers import Provider
from evpay.providers.registry import build
from evpay.receipts.model import Seller
from evpay.sessions.model import Site
from evpay.settings import Settings
from evpay.store import migrate, reads
from evpay.testing.world import SimulatedEnv, World

__all__ = ["Simulation", "simulate"]

T = TypeVar("T")

_CONSUMER: Final = "evpay.testing"
_MICROSECOND: Final = timedelta(microseconds=1)
_PAUSE_US: Final = 5_000_000


@runtime_checkable
class _Attachable(Protocol):
    """A provider that takes a clock and labels of somebody else's, as the sandbox does."""

    def attach(self, *, now: Callable[[], datetime], at: Callable[[str], None]) -> None: ...


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run what never waits, because reads and writes are done where they are asked for."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("this was not to wait for anything")


class _Process:
    """One life of a backend: its seam, its EvPay, its connections to the store."""

    def __init__(self, env: SimulatedEnv, shared: Shared) -> None:
        self.env = env
        self._shared = shared
        self.pay = EvPay(View(shared, DEFAULT_TENANT, None))

    async def opened(self) -> Self:
        await self._shared.opened()
        return self

    @property
    def engine(self) -> Engine:
        if self._shared.engine is None:
            raise RuntimeError("the simulated process is not open")
        return self._shared.engine

    async def kill(self, world: World) -> None:
        """End it with nothing but its connections closed, as the operating system would."""
        self.env.kill("crash()")
        await world.quiet()
        with self.env.closing():
            await self.engine.context.store.aclose()


class Simulation:
    """A backend under a simulated clock; made by `simulate()`.

    Nothing happens by itself: time passes in `advance()`, or when the test itself waits for the clock.
    """

    def __init__(self, world: World, start: Callable[[SimulatedEnv], Shared], *, zone: datetime, seed: int) -> None:
        self._world = world
        self._start = start
        self._zone = zone.tzinfo
        self._seed = seed
        self._lives = 0
        self._process: _Process
        self._observer: _Process
        self._pass: asyncio.Task[object] | None = None
        self._rest_until_us = 0
        self._events: list[Event] = []

    @property
    def pay(self) -> EvPay:
        """The EvPay of the process that lives now; after `crash()` it is another one."""
        return self._process.pay

    @property
    def now(self) -> datetime:
        """The simulated time, in the zone of the start."""
        return instant(self._world.now_us).astimezone(self._zone)

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that a listener of the host would have been told so far, of all processes together."""
        _at_once(self._listen())
        return tuple(self._events)

    @property
    def labels(self) -> Mapping[str, int]:
        """How often the present process has come to each point at which `crash_at` can kill it."""
        return self._process.env.labels

    async def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass. What becomes due on the way is done when it is due, in order; nothing sleeps for real.

        Raises:
            SimulatedCrash: the process died on the way, where `crash_at` told it to.
        """
        span = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
        if span < timedelta(0):
            raise InvalidInput(f"Time cannot be advanced by {span}: it only goes on.", code="negative_time")
        await self._pass_until(self._world.now_us + span // _MICROSECOND)

    async def settle(self) -> None:
        """Wait until nothing goes on any more that does not wait for the clock."""
        await self._world.quiet()

    def crash_at(self, label: str, *, nth: int = 1) -> None:
        """Kill the process when it comes to a point for the n-th time from now: `SimulatedCrash` is raised there.

        The points: `intent.before`, `intent.committed`, `outcome.received`, `outcome.committed` around a call to a
        processor; `commit.before`, `commit.inside`, `commit.after` around every write; of the sandbox
        `sandbox.before_effect`, `sandbox.after_effect`. Call `crash()` then, to go on with a new process.
        """
        self._process.env.arm(label, nth=nth)

    async def crash(self) -> None:
        """Kill the process, as `kill -9` would, and start a new one on the same store."""
        await self._kill()
        self._process = await self._born()

    async def open(self) -> None:
        """Start the first process."""
        self._observer = await _Process(env := SimulatedEnv(self._world, seed="observer"), self._start(env)).opened()
        self._process = await self._born()

    async def close(self) -> None:
        """End the process; the events stay readable."""
        await self._kill()
        await self._listen()
        await self._observer.kill(self._world)

    async def _born(self) -> _Process:
        self._lives += 1
        env = SimulatedEnv(self._world, seed=f"{self._seed}/{self._lives}")
        env.drive(asyncio.current_task(), self._pass_until)
        shared = self._start(env)
        for provider in shared.providers.values():
            if isinstance(provider, _Attachable):
                provider.attach(now=lambda: instant(self._world.now_us), at=env.at)
        return await _Process(env, shared).opened()

    async def _kill(self) -> None:
        await self._process.kill(self._world)
        if self._pass is not None:
            self._pass.cancel()
            await asyncio.gather(self._pass, return_exceptions=True)
            self._pass = None

    async def _listen(self) -> None:
        if not self._observer.env.is_dead:
            async for event in self._observer.engine.outbox.events(DEFAULT_TENANT, _CONSUMER, wait=False):
                self._events.append(event)

    async def _pass_until(self, target_us: int) -> None:
        await self._turn()
        while (at_us := self._next_us()) is not None and at_us <= target_us:
            self._world.move_to(at_us)
            await self._turn()
        self._world.move_to(target_us)
        await self._turn()

    async def _turn(self) -> None:
        """Let go on what can, and let the process look after what is due, as its background worker would."""
        await self._world.quiet()
        self._process.env.check()
        self._end_pass()
        due_us = self._due_us()
        if self._pass is None and due_us is not None and due_us <= self._world.now_us:
            self._pass = asyncio.ensure_future(self._process.pay.recover())
            await self._world.quiet()
            self._process.env.check()
            self._end_pass()
            self._rest_until_us = self._world.now_us + _PAUSE_US

    def _end_pass(self) -> None:
        if self._pass is not None and self._pass.done():
            ended, self._pass = self._pass, None
            ended.result()

    def _due_us(self) -> int | None:
        """Return when the next pass is to be; what a pass could not do waits for a few seconds."""
        due_us = _at_once(self._observer.engine.context.store.read(reads.next_due))
        if due_us is None or due_us > self._world.now_us:
            return due_us
        return max(due_us, self._rest_until_us)

    def _next_us(self) -> int | None:
        waits = (self._world.next_timer(), self._due_us() if self._pass is None else None)
        return min((max(at_us, self._world.now_us) for at_us in waits if at_us is not None), default=None)


@cache
def _blank_store() -> bytes:
    """Return the file of a store in which nothing has happened: made once, as migrating takes most of the time."""
    with tempfile.TemporaryDirectory(prefix="evpay-") as folder:
        place = Path(folder) / "blank.db"
        migrate(f"sqlite:///{place}")
        return place.read_bytes()


def _parsed(start: str | datetime) -> datetime:
    begun = datetime.fromisoformat(start) if isinstance(start, str) else start
    if begun.tzinfo is None:
        raise InvalidInput(
            f"start={begun.isoformat()} has no time zone, so it names no instant. Add one: 2026-07-01T10:00+02:00.",
            code="naive_time",
            path="start",
        )
    return begun


@asynccontextmanager
async def simulate(
    *,
    start: str | datetime = "2026-07-01T10:00+02:00",
    providers: Sequence[Provider] | None = None,
    policy: Policy | None = None,
    sites: Iterable[Site] = (),
    sellers: Iterable[Seller] = (),
    seed: int = 0,
) -> AsyncIterator[Simulation]:
    """Give a test an EvPay whose clock it moves, on a temporary SQLite file, without background worker.

    Without providers there is one sandbox with books in memory. A provider that has `attach(now=, at=)`, as the
    sandbox does, is put under the simulated clock. The same seed and the same calls give the same ids and events.

    Raises:
        InvalidInput: `start` has no time zone.
    """
    begun = _parsed(start)
    world = World(start_us=microseconds(begun))
    accounts = (build("sandbox", "sandbox", {}),) if providers is None else tuple(providers)
    places = {site.id: site for site in sites}
    named = {seller.id: seller for seller in sellers}
    with tempfile.TemporaryDirectory(prefix="evpay-", ignore_cleanup_errors=True) as folder:
        place = Path(folder) / "evpay.db"
        place.write_bytes(_blank_store())
        settings = Settings.model_construct(store=f"sqlite:///{place}")

        def process(env: SimulatedEnv) -> Shared:
            return Shared(
                store=settings.store,
                providers=accounts,
                policy=Policy().merged(policy),
                sites=places,
                sellers=named,
                env=env,
                worker=False,
                deadline_s=settings.call_deadline_s,
                lease_s=settings.lease_s,
            )

        simulation = Simulation(world, process, zone=begun, seed=seed)
        await simulation.open()
        try:
            yield simulation
        finally:
            await simulation.close()
            for provider in accounts:
                await provider.aclose()
