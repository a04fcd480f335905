"""The simulated world: a clock that only a test moves, seeded ids, and processes that can be killed at a label."""

import asyncio
import heapq
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from evpay.env import Env
from evpay.ids import id_from_bytes

__all__ = ["SimulatedCrash", "SimulatedEnv", "Timer", "World"]

T = TypeVar("T")

_SECOND: Final = 1_000_000
_QUIET_TURNS: Final = 25


class SimulatedCrash(BaseException):
    """The simulated process was killed. Nothing of it has an effect any more; `Simulation.crash()` starts a new one.

    Like a kill it is not to be caught by `except Exception`.
    """


@dataclass(order=True, slots=True)
class Timer:
    """Something to call at an instant; those of one instant in the order in which they were set."""

    at_us: int
    no: int
    callback: Callable[[], object] = field(compare=False)
    is_cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Call nothing."""
        self.is_cancelled = True


class World:
    """The clock, and what waits for it. `steps` counts what processes did, so that one can tell when all is quiet."""

    def __init__(self, *, start_us: int) -> None:
        self.now_us = start_us
        self.steps = 0
        self._timers: list[Timer] = []
        self._count = 0

    def call_at(self, at_us: int, callback: Callable[[], object]) -> Timer:
        """Call something when the clock passes an instant."""
        self._count += 1
        timer = Timer(at_us, self._count, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def next_timer(self) -> int | None:
        """Return when something next waits to be called."""
        while self._timers and self._timers[0].is_cancelled:
            heapq.heappop(self._timers)
        return self._timers[0].at_us if self._timers else None

    def move_to(self, at_us: int) -> None:
        """Set the clock, never backwards, and call what waited for it."""
        self.now_us = max(self.now_us, at_us)
        while (due := self.next_timer()) is not None and due <= self.now_us:
            self.steps += 1
            heapq.heappop(self._timers).callback()

    async def quiet(self) -> None:
        """Return when nothing goes on any more that does not wait for the clock."""
        turns = 0
        while turns < _QUIET_TURNS:
            before = self.steps
            await asyncio.sleep(0)
            turns = turns + 1 if self.steps == before else 0


class SimulatedEnv:
    """The seam of one simulated process. It satisfies `evpay.env.Env`.

    Work that would block and the store's writes are done where they are asked for. Once the process is dead, every
    use of the seam raises `SimulatedCrash`, so what is left of it can neither write nor send.
    """

    def __init__(self, world: World, *, seed: str) -> None:
        self._world = world
        self._random = random.Random(seed)  # noqa: S311 - the same ids in every run are the point
        self._armed: dict[str, int] = {}
        self._cuts: dict[int, Callable[[], object]] = {}
        self._cut_count = 0
        self._killed_at: str | None = None
        self._is_closing = False
        self._driver: asyncio.Task[object] | None = None
        self._pass_until: Callable[[int], Awaitable[None]] | None = None
        self.labels: Counter[str] = Counter()

    def drive(self, task: "asyncio.Task[object] | None", pass_until: Callable[[int], Awaitable[None]]) -> None:
        """Let time pass by itself when this task waits for the clock: nobody else could move it then."""
        self._driver, self._pass_until = task, pass_until

    def arm(self, label: str, *, nth: int) -> None:
        """Kill the process when it comes to a label for the n-th time from now."""
        self._armed[label] = self.labels[label] + nth

    def kill(self, label: str) -> None:
        """End the process here: what waits is cut off, and whatever goes on raises at its next step."""
        self._killed_at = self._killed_at or label
        for cut in list(self._cuts.values()):
            self._world.steps += 1
            cut()

    @property
    def is_dead(self) -> bool:
        """Whether the process was killed."""
        return self._killed_at is not None

    def check(self) -> None:
        """Raise if the process is dead."""
        if self._killed_at is not None and not self._is_closing:
            raise SimulatedCrash(f"the process was killed at {self._killed_at!r}: call crash() to start a new one")

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Let go of a dead process's files, as its end would."""
        self._is_closing = True
        try:
            yield
        finally:
            self._is_closing = False

    def now_us(self) -> int:
        """See `Env`."""
        return self._world.now_us

    def new_id(self) -> str:
        """See `Env`."""
        return id_from_bytes(self._random.randbytes(17))

    def random(self) -> float:
        """See `Env`."""
        return self._random.random()

    async def sleep(self, seconds: float) -> None:
        """See `Env`; it ends when the clock is moved past it."""
        self._step()
        until_us = self._world.now_us + max(int(seconds * _SECOND), 0)
        if self._pass_until is not None and asyncio.current_task() is self._driver:
            await self._pass_until(until_us)
            return
        over = asyncio.Event()
        timer = self._world.call_at(until_us, over.set)
        with self._cut_by(over.set):
            try:
                await over.wait()
            finally:
                timer.cancel()
        self._step()

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """See `Env`; it counts on the simulated clock."""
        return self._timeout(seconds)

    @asynccontextmanager
    async def _timeout(self, seconds: float) -> AsyncIterator[object]:
        self._step()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:

            def expire() -> None:
                if not limit.expired():
                    limit.reschedule(loop.time())

            timer = self._world.call_at(self._world.now_us + int(seconds * _SECOND), expire)
            with self._cut_by(expire):
                try:
                    yield limit
                finally:
                    timer.cancel()

    def start_writer(self, loop: Callable[[], None]) -> Callable[[], None] | None:
        """See `Env`; there is no thread, so writes are done where they are asked for."""
        del loop
        return None

    async def blocking(self, function: Callable[[], T]) -> T:
        """See `Env`; done at once, on the event loop."""
        self._step()
        return function()

    def at(self, label: str) -> None:
        """See `Env`; the label is counted, and the process dies here if that was asked for."""
        self._step()
        self.labels[label] += 1
        if self._armed.get(label) == self.labels[label]:
            self.kill(label)
            self.check()

    def _step(self) -> None:
        self._world.steps += 1
        self.check()

    @contextmanager
    def _cut_by(self, cut: Callable[[], object]) -> Iterator[None]:
        """Remember how to end a wait, for as long as it lasts, in case the process is killed meanwhile."""
        self._cut_count += 1
        no = self._cut_count
        self._cuts[no] = cut
        try:
            yield
        finally:
            del self._cuts[no]


_: type[Env] = SimulatedEnv
