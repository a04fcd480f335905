"""Two backends on one store, and a processor in a third process: whatever they do at once happens once.

The backends are processes that do what they are told, line by line; the processor is reached through Stripe's own SDK.
"""

import json
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.crash.audit import differences, stripe_books
from tests.servers import RunningServer, running_stripe_server

pytestmark = pytest.mark.scenario

SESSIONS = 100
BURST = 25
REFUNDS = 50

BACKEND = textwrap.dedent(
    """
    import asyncio, json, sys
    from concurrent.futures import ThreadPoolExecutor
    from datetime import UTC, datetime, timedelta
    from evpay import EvPay, MeterReading, Money, PaymentMethod, Policy, Site, Tariff, sync
    from evpay.env import RealEnv
    from evpay.settings import Settings
    from evpay_providers.stripe import StripeProvider, StripeSettings

    server, began = sys.argv[1], datetime.fromisoformat(sys.argv[2])
    tariff = Tariff.per_kwh("0.50", currency="EUR", vat="25", prices="gross")
    site = Site(id="yard", time_zone="Europe/Oslo")
    last = MeterReading(at=began + timedelta(minutes=10), energy_wh=24_000)

    class Clock(RealEnv):
        def __init__(self, ahead_s):
            self.ahead_us = int(ahead_s * 1_000_000)

        def now_us(self):
            return super().now_us() + self.ahead_us

    def set_up(store, ahead_s):
        return {
            "settings": Settings.model_construct(store=store),
            "providers": [StripeProvider(StripeSettings(api_key="sk_test_example", base_url=server))],
            "policy": Policy(hold=(Money("20.00", "EUR"),)),
            "env": Clock(ahead_s),
            "worker": False,
        }

    async def start(pay, name):
        found = await pay.start(name, tariff=tariff, method=PaymentMethod("pm_card_visa"), site=site, at=began)
        return found.session.admission.value

    async def finish(pay, name):
        return (await pay.finish(name, last)).number

    async def refund(pay, name):
        return (await pay.refund(name, Money("2.00", "EUR"), reason="cable fault", key="ticket-9")).number

    async def recover(pay, name):
        return (await pay.recover()).model_dump()

    def refund_in_threads(names, place):
        with sync.EvPay.open(**set_up(*place)) as pay, ThreadPoolExecutor(len(names)) as threads:
            notes = [
                threads.submit(pay.refund, name, Money("2.00", "EUR"), reason="cable fault", key="ticket-9")
                for name in names
            ]
            return [note.result().number for note in notes]

    async def main():
        verbs = {"start": start, "finish": finish, "refund": refund, "recover": recover}
        pay, place = None, None
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, *names = json.loads(line)
            if verb == "open":
                pay, place, answers = EvPay.open(**set_up(*names)), names, "open"
            elif verb == "close":
                answers = await pay.aclose()
            elif verb == "refund_in_threads":
                answers = await asyncio.to_thread(refund_in_threads, names, place)
            else:
                answers = await asyncio.gather(*(verbs[verb](pay, name) for name in names))
            print(json.dumps(answers), flush=True)

    asyncio.run(main())
    """
)


class Backend:
    """One backend in a process of its own."""

    def __init__(self, server, began):
        command = [sys.executable, "-W", "error", "-c", BACKEND, server.url, began]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, verb, *names):
        """Say what to do, and do not wait."""
        self._process.stdin.write(json.dumps([verb, *names]) + "\n")
        self._process.stdin.flush()

    def hear(self):
        """Wait for the answers to what was told."""
        line = self._process.stdout.readline()
        assert line, "the backend died"
        return json.loads(line)

    def ask(self, verb, *names):
        """Tell, and hear."""
        self.tell(verb, *names)
        return self.hear()

    def end(self):
        """Let the process end."""
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._process.stdout.close()


@pytest.fixture(scope="module")
def _server() -> Iterator[RunningServer]:
    with running_stripe_server() as running:
        yield running


@pytest.fixture
def server(_server: RunningServer) -> RunningServer:
    """A Stripe-like server that holds nothing yet."""
    _server.clear()
    return _server


@pytest.fixture
def store(tmp_path):
    """Where both backends keep their books."""
    return tmp_path / "store.db"


@pytest.fixture(scope="module")
def _backends(_server) -> Iterator[tuple[Backend, Backend]]:
    began = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - 1_200))
    running = Backend(_server, began), Backend(_server, began)
    yield running
    for each in running:
        each.end()


@pytest.fixture
def backend(_backends, store) -> Iterator[Callable[..., Backend]]:
    """Open the store in one backend after the other; `ahead_s` is by how much its clock is wrong."""
    free, taken = list(_backends), []

    def run(*, ahead_s=0):
        taken.append(free.pop())
        taken[-1].ask("open", f"sqlite:///{store}", ahead_s)
        return taken[-1]

    yield run
    for each in taken:
        each.ask("close")


def at_once(first, second, verb, *names):
    """Let both backends do the same at the same time, and return what each answered."""
    first.tell(verb, *names)
    second.tell(verb, *names)
    return first.hear(), second.hear()


def bursts(names):
    return [names[start : start + BURST] for start in range(0, len(names), BURST)]


def effects(server):
    """How often each kind of effect happened at the processor, over all payments."""
    return sum((Counter(payment["effects"]) for payment in server.books()["payments"]), Counter())


def posts(server, path):
    """The requests with an effect that arrived at a path."""
    return [entry for entry in server.journal() if entry["method"] == "POST" and entry["path"].endswith(path)]


def wrong(store, server):
    """What differs between our books and the processor's, or within ours."""
    return differences(store, stripe_books(server.books()["payments"]))


def until(is_so):
    """Wait for a condition."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_finish_by_two_processes_captures_once(backend, server, store):
    """A hundred sessions, each finished by two processes at once: one capture each, and the same receipt for both."""
    first, second = backend(), backend()
    names = [f"S-{number}" for number in range(SESSIONS)]
    for burst in bursts(names):
        first.ask("start", *burst)

    receipts = [at_once(first, second, "finish", *burst) for burst in bursts(names)]

    assert all(mine == theirs for mine, theirs in receipts)
    assert len({number for mine, _ in receipts for number in mine}) == SESSIONS
    assert effects(server) == {"authorize": SESSIONS, "capture": SESSIONS}
    assert {payment["captured"] for payment in server.books()["payments"]} == {1_200}
    assert [entry["replayed"] for entry in posts(server, "/capture")] == [False] * SESSIONS
    assert wrong(store, server) == []


def test_refund_with_one_key_refunds_once(backend, server, store):
    """Fifty calls with one key, tasks in one process and threads of the blocking face in another: one refund."""
    first, second = backend(), backend()
    first.ask("start", "S-1")
    (receipt,) = first.ask("finish", "S-1")

    first.tell("refund", *[receipt] * (REFUNDS // 2))
    second.tell("refund_in_threads", *[receipt] * (REFUNDS // 2))
    notes = [*first.hear(), *second.hear()]

    assert len(notes) == REFUNDS
    assert len(set(notes)) == 1
    assert effects(server) == {"authorize": 1, "capture": 1, "refund": 1}
    assert len(posts(server, "/v1/refunds")) == 1
    assert server.books()["payments"][0]["refunded"] == 200
    assert wrong(store, server) == []


def test_start_by_two_processes_holds_once(backend, server, store):
    """The same sessions started by two processes at once: one hold each, and both are told that it is there."""
    first, second = backend(), backend()
    names = [f"S-{number}" for number in range(BURST)]

    admissions = at_once(first, second, "start", *names)

    assert admissions == (["allow"] * BURST, ["allow"] * BURST)
    assert effects(server) == {"authorize": BURST}
    assert len(posts(server, "/v1/payment_intents")) == BURST
    assert wrong(store, server) == []


@pytest.mark.parametrize(("verb", "path"), [("start", "/v1/payment_intents"), ("finish", "/capture")])
def test_recovery_leaves_what_a_live_backend_has_in_flight(backend, server, store, verb, path):
    """While a slow processor keeps one backend waiting, another one's recovery sends nothing of it."""
    live, recovering = backend(), backend()
    names = [f"S-{number}" for number in range(5)]
    if verb == "finish":
        live.ask("start", *names)
    server.fault("latency", seconds=6.0, method="POST", path=path, times=len(names))

    live.tell(verb, *names)
    until(lambda: len(posts(server, path)) == len(names))
    passes = [recovering.ask("recover", "") for _ in range(3)]
    still = [entry["status"] for entry in posts(server, path)]
    live.hear()

    assert still == [None] * len(names), "the processor was too fast for this test to say anything"
    assert {done["operations_settled"] + done["failed"] for (done,) in passes} == {0}
    assert len(posts(server, path)) == len(names)
    assert set(effects(server).values()) == {len(names)}
    assert wrong(store, server) == []


def test_recovery_whose_clock_is_wrong_does_no_harm(backend, server, store):
    """A backend whose clock is an hour ahead takes over what another one has in flight: still one capture each."""
    live, hasty = backend(), backend(ahead_s=3_600)
    names = [f"S-{number}" for number in range(5)]
    live.ask("start", *names)
    server.fault("latency", seconds=1.0, method="POST", path="/capture", times=len(names))

    live.tell("finish", *names)
    until(lambda: len(posts(server, "/capture")) == len(names))
    hasty.ask("recover", "")
    receipts = live.hear()
    hasty.ask("recover", "")

    assert len(set(receipts)) == len(names)
    assert effects(server) == {"authorize": len(names), "capture": len(names)}
    assert wrong(store, server) == []
