"""A charging backend that can be killed at any step. Run it as `python -m tests.crash.worker`.

It reads jobs, one JSON object a line, and carries out each in a process of its own, forked so that nothing is imported
twice. That process opens EvPay on the job's files, does the job's steps, and prints what the calls answered; where the
job says so it sends itself a real SIGKILL. After each job comes a line with the process's exit status.

A job's `kill` lists labels to be passed one after the other, from the step `armed_at` on; at the last one the process
dies. Its clock is the real one plus a shift, and sleeping moves the shift instead of waiting.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evpay import EvPay, MeterReading, Money, PaymentMethod, Policy, Site, Tariff
from evpay.env import RealEnv
from evpay.errors import InvalidTransition, StoreUnavailable
from evpay.instants import instant
from evpay.settings import Settings
from evpay.store import reads
from evpay_providers.sandbox import SandboxProvider, SandboxSettings
from tests.crash import planted
from tests.crash.wire import watched_stripe

TARIFF = Tariff.per_kwh("0.50", currency="EUR", vat="25", prices="gross")
POLICY = Policy(hold=(Money("20.00", "EUR"),))
SITE = Site(id="yard", time_zone="Europe/Oslo")
_MOST_PASSES = 400
_THREAD_ENDS_S = 30


@dataclass(kw_only=True)
class Job:
    """What one process is to do; times in seconds."""

    store: str
    provider: str
    books: str
    session: str
    began: str
    steps: list[str]
    kill: list[str]
    armed_at: str | None
    bug: str | None
    shift_s: float
    horizon_s: float


class MortalEnv(RealEnv):
    """The real world with a clock that can be put forward and a plan for a sudden end."""

    def __init__(self, *, shift_s: float) -> None:
        self._shift_us = int(shift_s * 1_000_000)
        self._plan: list[str] = []
        self.passed: list[str] = []
        self._lock = threading.Lock()

    def arm(self, labels: list[str]) -> None:
        """Die at the last of these labels, once the others have been passed in this order; keep what is passed."""
        self._plan, self.passed = list(labels), []

    def now_us(self) -> int:
        return super().now_us() + self._shift_us

    def put_forward(self, to_us: int) -> None:
        """Let it be that late, if it is not yet."""
        self._shift_us += max(to_us - self.now_us(), 0)

    def expects(self, label: str) -> bool:
        """Say whether this label is the next one of the plan."""
        return bool(self._plan) and self._plan[0] == label

    async def sleep(self, seconds: float) -> None:
        self._shift_us += int(seconds * 1_000_000)
        await asyncio.sleep(0)

    def at(self, label: str) -> None:
        with self._lock:
            self.passed.append(label)
            if not self.expects(label):
                return
            self._plan.pop(0)
            if not self._plan:
                os.kill(os.getpid(), signal.SIGKILL)


def _sandbox(job: Job, env: MortalEnv) -> SandboxProvider:
    return SandboxProvider(
        SandboxSettings(
            books=Path(job.books),
            look_up="blind" not in job.provider,
            releases_remainder="keeping" not in job.provider,
            now=lambda: instant(env.now_us()),
            at=env.at,
        )
    )


class Backend:
    """What a host does in the life of one session, one method a step."""

    def __init__(self, pay: EvPay, job: Job, env: MortalEnv) -> None:
        self._pay = pay
        self._job = job
        self._env = env
        self._began = datetime.fromisoformat(job.began)
        self._receipt: str | None = None

    def _reading(self, *, minutes: int, wh: int) -> MeterReading:
        return MeterReading(at=self._began + timedelta(minutes=minutes), energy_wh=wh)

    async def start(self) -> str:
        """Ask for a hold of 20.00."""
        token = "pm_card_visa" if self._job.provider == "stripe" else "sandbox_approve"
        session, _ = await self._pay.start(
            self._job.session, tariff=TARIFF, method=PaymentMethod(token), site=SITE, at=self._began
        )
        return session.admission.value

    async def charge(self) -> str:
        """Use 18.00, which is so much of the hold that it is raised."""
        exposure = await self._pay.record(self._job.session, self._reading(minutes=8, wh=36_000))
        await (await self._pay._engine()).runner.settled()
        return str(exposure.increment)

    async def finish(self) -> str:
        """End the session at 9.00 more than it used, if it used anything, and remember the receipt."""
        last = self._reading(minutes=16, wh=54_000) if "charge" in self._job.session else self._short()
        self._receipt = (await self._pay.finish(self._job.session, last)).number
        return self._receipt

    def _short(self) -> MeterReading | None:
        return None if "unused" in self._job.session else self._reading(minutes=16, wh=24_000)

    async def cancel(self) -> str:
        """End the session before any energy flowed."""
        return (await self._pay.cancel(self._job.session, reason="changed her mind")).status.value

    async def refund(self) -> str:
        """Give 2.00 back, under a key of the host's."""
        found = [receipt async for receipt in self._pay.receipts.list(session_id=self._job.session)]
        note = await self._pay.refund(found[0].number, Money("2.00", "EUR"), reason="cable fault", key="ticket-9")
        return note.number

    async def recover(self) -> str:
        """Make passes, the clock put forward to whatever is due next within the horizon, until nothing is."""
        engine = await self._pay._engine()
        end_us = self._env.now_us() + int(self._job.horizon_s * 1_000_000)
        for turn in range(_MOST_PASSES):
            await self._pay.recover()
            due_us = await engine.context.store.read(reads.next_due)
            if due_us is None or due_us > end_us:
                self._env.put_forward(end_us)
                return f"quiet after {turn + 1}"
            self._env.put_forward(due_us + 1)
        return "never quiet"


async def work(job: Job) -> dict[str, str]:
    """Do a job and return what each step answered."""
    env = MortalEnv(shift_s=job.shift_s)
    if job.bug is not None:
        planted.BUGS[job.bug]()
    provider = watched_stripe(job.books, env) if job.provider == "stripe" else _sandbox(job, env)
    settings = Settings.model_construct(store=job.store, call_deadline_s=10.0, lease_s=20.0)
    answers: dict[str, str] = {}
    async with EvPay.open(settings, providers=[provider], policy=POLICY, env=env, worker=False) as pay:
        backend = Backend(pay, job, env)
        for step in job.steps:
            if step == job.armed_at:
                env.arm(job.kill)
            try:
                answers[step] = await getattr(backend, step)()
            except (InvalidTransition, StoreUnavailable) as error:
                answers[step] = f"not now: {error}"
    shift_s = (env.now_us() - RealEnv().now_us()) / 1_000_000
    return {**answers, "shift_s": str(shift_s), "passed": " ".join(env.passed)}


def _die_with(job: Job) -> None:
    """Be the process of one job."""
    status = 0
    try:
        answers = asyncio.run(work(job))
        os.write(1, f"{json.dumps({'answers': answers})}\n".encode())
    except BaseException:
        os.write(1, f"{json.dumps({'error': traceback.format_exc()})}\n".encode())
        status = 1
    os._exit(status)


def _warm_up() -> None:
    """Live one whole life here, so that every process forked from now on has what is made at the first use."""
    with tempfile.TemporaryDirectory(prefix="evpay-crash-") as folder:
        job = Job(
            store=f"sqlite:///{folder}/store.db",
            provider="sandbox",
            books=f"{folder}/books.db",
            session="S-charge",
            began=datetime.now(UTC).isoformat(),
            steps=["start", "charge", "finish", "refund", "recover"],
            kill=[],
            armed_at=None,
            bug=None,
            shift_s=1_200,
            horizon_s=60,
        )
        asyncio.run(work(job))
    _wait_for_threads()


def _wait_for_threads() -> None:
    """Return when this thread is the only one: the threads of a closed store may still be ending."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(timeout=_THREAD_ENDS_S)
    if threading.active_count() > 1:
        raise RuntimeError(f"a process that has threads cannot be forked safely: {threading.enumerate()}")


def main() -> None:
    """Carry out jobs until there are no more."""
    _warm_up()
    with suppress(KeyboardInterrupt):
        for line in sys.stdin:
            if (pid := os.fork()) == 0:
                _die_with(Job(**json.loads(line)))
            _, status = os.waitpid(pid, 0)
            os.write(1, f"{json.dumps({'status': os.waitstatus_to_exitcode(status)})}\n".encode())


if __name__ == "__main__":
    main()
