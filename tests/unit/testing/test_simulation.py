"""The simulation itself: time that only tests move, timers in order, processes that die where they are told to."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from evpay import MeterReading, PaymentMethod, Policy, Site, Tariff
from evpay.errors import ConfigurationError, InvalidInput, StoreUnavailable
from evpay.events import AdmissionChanged
from evpay.instants import microseconds
from evpay.testing import SimulatedCrash, SimulatedEnv, Simulation, simulate
from evpay.testing.world import World
from evpay_providers.sandbox import SandboxProvider, SandboxSettings

pytestmark = pytest.mark.anyio

TARIFF = Tariff.per_kwh("0.50", currency="EUR", vat="19", prices="gross")
SITE = Site(id="harbour", time_zone="Europe/Berlin")
LABELS = (
    "intent.before",
    "intent.committed",
    "outcome.received",
    "outcome.committed",
    "commit.before",
    "commit.inside",
    "commit.after",
    "sandbox.before_effect",
    "sandbox.after_effect",
)


async def start(sim: Simulation, what: str = "approve", session_id: str = "S-1") -> str:
    method = PaymentMethod(f"sandbox_{what}")
    return (await sim.pay.start(session_id, tariff=TARIFF, site=SITE, method=method)).session.admission


@pytest.fixture
def world() -> World:
    return World(start_us=0)


# ---- the clock ---------------------------------------------------------------------------------------------------


async def test_the_clock_starts_where_it_is_told_and_moves_only_when_told() -> None:
    """In the zone of the start."""
    async with simulate(start="2026-07-01T10:00+02:00") as sim:
        assert sim.now.isoformat() == "2026-07-01T10:00:00+02:00"
        await asyncio.sleep(0)
        await sim.advance(seconds=1, minutes=2, hours=3, days=4)

        assert sim.now.isoformat() == "2026-07-05T13:02:01+02:00"


async def test_a_start_may_be_a_datetime_and_never_a_naive_one() -> None:
    """It would name no instant."""
    async with simulate(start=datetime(2026, 1, 1, tzinfo=UTC)) as sim:
        assert sim.now == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="no time zone"):
        async with simulate(start="2026-07-01T10:00"):
            pass


async def test_time_goes_on_only() -> None:
    """Never back."""
    async with simulate() as sim:
        with pytest.raises(InvalidInput, match="only goes on"):
            await sim.advance(minutes=-1)


async def test_sleepers_wake_in_order_at_their_time(world: World) -> None:
    """Those of one instant in the order in which they fell asleep."""
    env, woken = SimulatedEnv(world, seed="s"), []

    async def nap(name: str, seconds: float) -> None:
        await env.sleep(seconds)
        woken.append((name, world.now_us))

    naps = [asyncio.ensure_future(nap(*each)) for each in (("c", 3), ("a", 1), ("b", 1), ("d", 9))]
    await world.quiet()
    while (at_us := world.next_timer()) is not None and at_us <= 5_000_000:
        world.move_to(at_us)
        await world.quiet()

    assert woken == [("a", 1_000_000), ("b", 1_000_000), ("c", 3_000_000)]
    env.kill("the end")
    assert [type(each) for each in await asyncio.gather(*naps, return_exceptions=True)][-1] is SimulatedCrash


async def test_a_sleeper_that_is_cancelled_leaves_no_timer(world: World) -> None:
    """The clock need not stop there."""
    nap = asyncio.ensure_future(SimulatedEnv(world, seed="s").sleep(5))
    await world.quiet()
    nap.cancel()
    await world.quiet()

    assert world.next_timer() is None


async def test_a_timeout_counts_on_the_simulated_clock(world: World) -> None:
    """What never answers is cut off; what answers in time is not."""
    env = SimulatedEnv(world, seed="s")

    async def bounded(answer: asyncio.Event) -> str:
        try:
            async with env.timeout(30):
                await answer.wait()
        except TimeoutError:
            return f"cut off at {world.now_us}"
        return "answered"

    silence, answer = asyncio.Event(), asyncio.Event()
    first, second = asyncio.ensure_future(bounded(silence)), asyncio.ensure_future(bounded(answer))
    await world.quiet()
    answer.set()
    world.move_to(29_999_999)
    await world.quiet()
    assert not first.done()
    world.move_to(30_000_000)

    assert await first == "cut off at 30000000"
    assert await second == "answered"


async def test_the_clock_never_runs_backwards(world: World) -> None:
    """Also when it is asked to."""
    world.move_to(10)
    world.move_to(5)

    assert world.now_us == 10


async def test_time_passes_when_the_test_itself_waits_for_it() -> None:
    """Nobody else could move it then: a call that joins what a dead process left waits as long as it has to."""
    processor = SandboxProvider()
    async with simulate(providers=[processor], policy=Policy(hold="20 EUR")) as sim:
        await start(sim)
        sim.crash_at("sandbox.after_effect")
        with pytest.raises(SimulatedCrash):
            await sim.pay.finish("S-1", MeterReading(at=sim.now, energy_wh=100))
        await sim.crash()
        before = sim.now

        await sim.pay.finish("S-1")

        assert sim.now > before


async def test_timers_fire_in_order_between_two_instants() -> None:
    """Each at its own time, not all at the end."""
    async with simulate(policy=Policy(hold="20 EUR", start_within_s=90)) as sim:
        for index in range(3):
            method = PaymentMethod("sandbox_action_elsewhere")
            await sim.pay.start(f"S-{index}", tariff=TARIFF, site=SITE, method=method, return_url="https://x.example")
            await sim.advance(seconds=10)

        await sim.advance(hours=1)

        told = [(e.subject, e.at) for e in sim.events if isinstance(e, AdmissionChanged)]
        begun = microseconds(datetime.fromisoformat("2026-07-01T10:00+02:00"))
        assert [subject for subject, _ in told] == ["S-0", "S-1", "S-2"]
        assert [microseconds(at) - begun for _, at in told] == [90_000_000, 100_000_000, 110_000_000]


# ---- events ------------------------------------------------------------------------------------------------------


async def test_events_are_there_at_once_and_stay_readable() -> None:
    """Without advance, through crashes, and when all is over."""
    async with simulate(policy=Policy(hold="20 EUR")) as sim:
        assert sim.events == ()
        await start(sim)
        assert [event.type for event in sim.events] == ["admission_changed", "payment_changed"]
        assert len(sim.events) == 2
        await sim.crash()
        await sim.pay.cancel("S-1", reason="over")

    assert [event.type for event in sim.events] == ["admission_changed", "payment_changed", "payment_changed"]


async def test_reading_the_events_changes_nothing() -> None:
    """Neither labels nor ids: a crash point stays where it is."""
    labels = []
    for curious in (True, False):
        async with simulate(policy=Policy(hold="20 EUR")) as sim:
            await start(sim)
            if curious:
                assert sim.events
            await start(sim, session_id="S-2")
            labels.append(dict(sim.labels))

    assert labels[0] == labels[1]


# ---- crashes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", LABELS)
async def test_a_process_dies_where_it_is_told_to(label: str) -> None:
    """And the next one brings the money to rest: what is held is for a session that may charge, and never twice."""
    processor = SandboxProvider()
    async with simulate(providers=[processor], policy=Policy(hold="20 EUR")) as sim:
        sim.crash_at(label)
        with pytest.raises(SimulatedCrash, match=f"killed at '{label}'"):
            await start(sim)
        with pytest.raises(SimulatedCrash):
            await sim.pay.sessions.get("S-1")
        with pytest.raises(SimulatedCrash):
            await sim.advance(seconds=1)

        await sim.crash()
        await sim.advance(hours=1)

        entries = processor.books.payments()
        found = [intent.session_id async for intent in sim.pay.payments.list()]
        is_allowed = bool(found) and (await sim.pay.sessions.get("S-1")).admission == "allow"
        assert sum(entry.authorized - entry.released for entry in entries) == (2_000 if is_allowed else 0)
        assert len(entries) <= 1


async def test_the_nth_time_counts_from_now() -> None:
    """What was passed before does not count."""
    async with simulate(policy=Policy(hold="20 EUR")) as sim:
        await start(sim)
        sim.crash_at("intent.committed", nth=2)
        await start(sim, session_id="S-2")

        with pytest.raises(SimulatedCrash):
            await start(sim, session_id="S-3")


async def test_what_was_running_reaches_neither_store_nor_processor_after_a_crash() -> None:
    """An answer that comes to a dead process is heard by nobody."""
    processor = SandboxProvider()
    async with simulate(providers=[processor], policy=Policy(hold="20 EUR")) as sim:
        processor.hold_answers()
        asked = asyncio.ensure_future(start(sim))
        await processor.until_held(1)
        old = sim.pay

        await sim.crash()
        processor.release_answers()
        await sim.settle()

        with pytest.raises(SimulatedCrash):
            await asked
        with pytest.raises(StoreUnavailable):
            await old.sessions.get("S-1")
        assert (await sim.pay.sessions.get("S-1")).admission == "wait"
        assert (await sim.pay.payments.get("S-1")).facts.authorized == 0


async def test_a_listener_of_a_dead_process_ends() -> None:
    """It hears of it, and does not hang."""
    async with simulate(policy=Policy(hold="20 EUR")) as sim:

        async def listen() -> None:
            async for _ in sim.pay.events("csms"):
                pass

        listening = asyncio.ensure_future(listen())
        await sim.settle()

        await sim.crash()

        with pytest.raises(SimulatedCrash):
            await listening


async def test_a_test_may_end_with_everything_hanging() -> None:
    """Calls without answers, listeners: the end of the block cuts them off."""
    processor = SandboxProvider()
    async with simulate(providers=[processor], policy=Policy(hold="20 EUR")) as sim:
        processor.hold_answers()
        asked = asyncio.ensure_future(start(sim))
        await processor.until_held(1)

    with pytest.raises(SimulatedCrash):
        await asked


async def test_the_processor_keeps_its_books_through_a_crash() -> None:
    """It is another company's computer."""
    processor = SandboxProvider()
    async with simulate(providers=[processor], policy=Policy(hold="20 EUR")) as sim:
        await start(sim)
        await sim.crash()
        assert processor.books.payments()[0].authorized == 2_000

    assert processor.books.payments()[0].authorized == 2_000


# ---- set-up ------------------------------------------------------------------------------------------------------


async def test_without_providers_there_is_one_sandbox() -> None:
    """The shortest test there is."""
    async with simulate() as sim:
        assert await start(sim) == "allow"


async def test_a_processor_s_clock_is_the_simulation_s() -> None:
    """A hold of an hour expires when an hour has passed."""
    processor = SandboxProvider(SandboxSettings(extend=False))
    async with simulate(providers=[processor]) as sim:
        await start(sim, "short_hold")
        assert processor.books.payments()[0].expires == sim.now + timedelta(hours=1)
        await sim.advance(minutes=61)

        assert processor.books.payments()[0].standing == "expired"


async def test_the_set_up_is_checked_as_ever() -> None:
    """Two accounts of one name."""
    with pytest.raises(ConfigurationError, match="two providers"):
        async with simulate(providers=[SandboxProvider(), SandboxProvider()]):
            pass


async def test_sites_can_be_named() -> None:
    """As in a host's own set-up."""
    async with simulate(sites=[SITE]) as sim:
        method = PaymentMethod("sandbox_approve")
        session, _ = await sim.pay.start("S-1", tariff=TARIFF, site="harbour", method=method)

        assert session.site == SITE


async def test_the_fixture_is_the_simulation(evpay_simulation) -> None:
    """It comes with the installed package."""
    async with evpay_simulation(seed=3) as sim:
        assert await start(sim) == "allow"


def test_the_plugin_brings_neither_store_nor_simulation() -> None:
    """pytest loads it in every run, wherever evpay is installed."""
    code = (
        "import sys, evpay.testing.pytest_plugin\n"
        "heavy = {'sqlalchemy', 'alembic', 'evpay.testing.simulation', 'evpay.engine.runner', 'stripe'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_package_says_what_it_does_not_have() -> None:
    """Names are loaded late, and a wrong one is an AttributeError as ever."""
    import evpay.testing

    with pytest.raises(AttributeError, match="no attribute 'simulator'"):
        evpay.testing.simulator  # noqa: B018 - the access itself
