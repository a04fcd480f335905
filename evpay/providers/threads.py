"""Blocking SDKs on worker threads: bounded in number, and honest about what was given up."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import anyio
import anyio.to_thread

from evpay.payments.outcome import Failed, Unknown
from evpay.payments.reasons import Reason

__all__ = ["ThreadSlots", "call_in_thread", "in_thread"]

T = TypeVar("T")


class ThreadSlots:
    """How many blocking calls of one account may run at once, in whichever event loops.

    A call that was given up keeps its slot until its thread has really ended: it still holds a connection, and may
    still take effect. Whoever waits for a slot waits on the event loop, in turn, and no thread is started for it.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._waiting: deque[Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a slot. Who is cancelled while waiting has none."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn: Future[None] = Future()
            self._waiting.append(turn)
        given = False
        try:
            await asyncio.wrap_future(turn)
            given = True
        finally:
            if not given and not turn.cancel():
                self.give_back()  # it came in the moment of the cancellation

    def give_back(self) -> None:
        """Give a slot to whoever waits longest; from any thread."""
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    turn.set_result(None)
                    return
            self._free += 1


class _Seat:
    """One call's hold on a slot, which the thread and the caller share: whoever leaves last gives it back.

    A thread that comes after its caller has left does not begin.
    """

    def __init__(self, slots: ThreadSlots) -> None:
        self._slots = slots
        self._lock = threading.Lock()
        self._is_vacated = False
        self.begun = False

    def begin(self) -> bool:
        with self._lock:
            self.begun = not self._is_vacated
            return self.begun

    def leave(self) -> None:
        with self._lock:
            is_last = self._is_vacated or not self.begun
            self._is_vacated = True
        if is_last:
            self._slots.give_back()


async def _run(function: Callable[[], T], *, slots: ThreadSlots, seat: _Seat) -> T:
    def work() -> T:
        if not seat.begin():
            raise RuntimeError("given up before it began; nobody hears this")
        try:
            return function()
        finally:
            seat.leave()

    await slots.take()
    try:
        # The slot is the bound: anyio's own would count no thread that was given up.
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
    finally:
        seat.leave()


async def in_thread(function: Callable[[], T], *, slots: ThreadSlots | None = None) -> T:
    """Run a blocking call on a worker thread; without `slots`, on one of anyio's.

    Cancellation abandons the thread, which may still take effect: give the call a time-out of its own.
    """
    if slots is None:
        return await anyio.to_thread.run_sync(function, abandon_on_cancel=True)
    return await _run(function, slots=slots, seat=_Seat(slots))


async def call_in_thread(function: Callable[[], T], *, slots: ThreadSlots, deadline_s: float) -> T | Failed | Unknown:
    """Run one blocking call of a processor's SDK, for no longer than the deadline, waiting for a slot included.

    What did not begin in time never begins, and is `Failed(NOT_SENT)`; what did begin is `Unknown`.
    """
    seat = _Seat(slots)
    with anyio.move_on_after(deadline_s):
        return await _run(function, slots=slots, seat=seat)
    if seat.begun:
        return Unknown(detail="no answer within the deadline")
    return Failed(reason=Reason.NOT_SENT, code="NoThread")
