"""Blocking calls on threads: bounded, also when their callers are gone, and honest about what never began."""

import asyncio
import threading

import anyio
import pytest

from evpay.payments.outcome import Failed, Unknown
from evpay.payments.reasons import Reason
from evpay.providers import ThreadSlots, call_in_thread, in_thread

pytestmark = pytest.mark.anyio


class Gate:
    """Work that stands still until it is let go, and counts how much of it runs at once."""

    def __init__(self):
        self.go = threading.Event()
        self.arrivals = threading.Semaphore(0)
        self.begun = 0
        self.inside = 0
        self.most = 0
        self._lock = threading.Lock()

    def work(self):
        with self._lock:
            self.begun += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.arrivals.release()
        self.go.wait(10)
        with self._lock:
            self.inside -= 1
        return threading.get_ident()

    async def arrived(self):
        assert await asyncio.to_thread(self.arrivals.acquire, timeout=10)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.go.set()


async def given_up(gate, slots):
    """One call that runs, and whose caller has gone."""
    task = asyncio.create_task(in_thread(gate.work, slots=slots))
    await gate.arrived()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_blocking_call_runs_on_a_thread_and_is_abandoned_when_cancelled(gate):
    """A blocking SDK does not hold up the loop, nor a deadline."""
    with anyio.move_on_after(0.05) as scope:
        await in_thread(gate.work)
    gate.go.set()

    assert scope.cancelled_caught
    assert await in_thread(gate.work) != threading.get_ident()


async def test_no_more_run_at_once_than_there_are_slots(gate):
    """The rest waits, and then has its turn."""
    slots = ThreadSlots(3)
    tasks = [asyncio.create_task(in_thread(gate.work, slots=slots)) for _ in range(12)]
    for _ in range(3):
        await gate.arrived()
    begun = gate.begun
    gate.go.set()
    await asyncio.gather(*tasks)

    assert (begun, gate.begun, gate.most) == (3, 12, 3)


async def test_call_that_was_given_up_keeps_its_slot_until_its_thread_has_ended(gate):
    """It still holds a connection, and may still take effect."""
    slots = ThreadSlots(2)
    for _ in range(2):
        await given_up(gate, slots)

    third = asyncio.create_task(in_thread(gate.work, slots=slots))
    await asyncio.sleep(0.05)
    begun = gate.begun
    gate.go.set()
    await asyncio.wait_for(third, 10)

    assert (begun, gate.begun, gate.most) == (2, 3, 2)


async def test_many_that_are_given_up_start_no_further_threads(gate):
    """A processor that hangs while the engine goes on trying."""
    slots = ThreadSlots(2)
    for _ in range(2):
        await given_up(gate, slots)
    before = threading.active_count()

    for _ in range(50):
        outcome = await call_in_thread(gate.work, slots=slots, deadline_s=0.001)
        assert outcome == Failed(reason=Reason.NOT_SENT, code="NoThread")

    assert (gate.begun, threading.active_count()) == (2, before)


async def test_what_has_not_begun_when_it_is_given_up_never_begins(gate):
    """Else it would be sent after somebody was told that it was not."""
    slots = ThreadSlots(1)
    first = asyncio.create_task(in_thread(gate.work, slots=slots))
    await gate.arrived()
    never = await call_in_thread(gate.work, slots=slots, deadline_s=0.01)
    gate.go.set()
    await first
    await asyncio.wait_for(in_thread(lambda: None, slots=slots), 10)

    assert never == Failed(reason=Reason.NOT_SENT, code="NoThread")
    assert gate.begun == 1


async def test_what_has_begun_is_unknown_at_the_deadline(gate):
    """Its thread goes on."""
    outcome = await call_in_thread(gate.work, slots=ThreadSlots(1), deadline_s=0.2)

    assert isinstance(outcome, Unknown)
    assert gate.begun == 1


async def test_answer_in_time_is_the_answer():
    """Also an exception, which is whoever calls to understand."""
    slots = ThreadSlots(1)
    with pytest.raises(ZeroDivisionError):
        await call_in_thread(lambda: 1 // 0, slots=slots, deadline_s=5)

    assert await call_in_thread(lambda: 5, slots=slots, deadline_s=5) == 5


async def test_no_slot_is_lost_when_callers_come_and_go_in_every_moment():
    """Cancelled while they wait, as they are served, and as they end."""
    slots = ThreadSlots(2)
    for number in range(300):
        tasks = [asyncio.create_task(in_thread(lambda: None, slots=slots)) for _ in range(6)]
        for _ in range(number % 7):
            await asyncio.sleep(0)
        for task in tasks[number % 3 :: 2]:
            task.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks, return_exceptions=True)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            barrier = threading.Barrier(2)
            for _ in range(2):
                group.start_soon(lambda: in_thread(lambda: barrier.wait(5), slots=slots))


def test_slots_are_those_of_the_account_and_not_of_a_loop(gate):
    """A thread that one loop has left behind counts in the next one."""
    slots = ThreadSlots(1)
    asyncio.run(given_up(gate, slots))

    outcome = asyncio.run(call_in_thread(gate.work, slots=slots, deadline_s=0.05))

    assert outcome == Failed(reason=Reason.NOT_SENT, code="NoThread")


def test_whoever_waits_in_another_loop_is_served(gate):
    """A slot that is given back in one loop wakes a call in another."""
    slots = ThreadSlots(1)
    got = []
    holder = threading.Thread(target=lambda: asyncio.run(in_thread(gate.work, slots=slots)))
    holder.start()
    assert gate.arrivals.acquire(timeout=10)
    waiter = threading.Thread(target=lambda: got.append(asyncio.run(in_thread(lambda: 7, slots=slots))))
    waiter.start()
    gate.go.set()
    waiter.join(10)
    holder.join(10)

    assert got == [7]
