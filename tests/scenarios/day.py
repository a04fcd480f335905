"""A simulated day at one site, and what most scenarios do in it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from evpay import Connector, MeterReading, PaymentMethod, Policy, Session, Site, Start, Tariff
from evpay.events import Event
from evpay.testing import Simulation, simulate
from evpay_providers.sandbox import SandboxProvider, SandboxSettings
from tests.scenarios.invariants import assert_sound

__all__ = [
    "APPROVE",
    "POINT",
    "SITE",
    "TARIFF",
    "a_day",
    "charged",
    "method",
    "of_type",
    "sandbox",
    "session",
    "started",
]

E = TypeVar("E")

SITE = Site(id="harbour", time_zone="Europe/Berlin", country="DE")
TARIFF = Tariff.per_kwh("0.50", currency="EUR", vat="19", prices="gross")
POINT = Connector(id="1", max_power_w=22_000, meter_interval_s=60, stop_latency_s=60)
APPROVE = PaymentMethod("sandbox_approve")


def method(what: str) -> PaymentMethod:
    """Return the magic method of a name."""
    return PaymentMethod(f"sandbox_{what}")


def sandbox(account: str = "sandbox", **settings: Any) -> SandboxProvider:
    """Return a processor with books in memory."""
    return SandboxProvider(SandboxSettings(account=account, **settings))


@asynccontextmanager
async def a_day(
    *providers: SandboxProvider,
    hold: str = "20 EUR",
    unsettled: bool = False,
    apart: bool = False,
    policy: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Simulation]:
    """Simulate, and hold the store to its rules at the end."""
    rules = Policy(**{"hold": hold, **(policy or {})})
    async with simulate(providers=providers, policy=rules, sites=[SITE], **options) as sim:
        yield sim
        await sim.settle()
        await assert_sound(sim, providers, unsettled=unsettled, apart=apart)


async def started(sim: Simulation, what: str = "approve", *, session_id: str = "S-1", **more: Any) -> Start:
    """Start a session with a magic method at the connector."""
    fields = {"tariff": TARIFF, "site": SITE, "connector": POINT, "method": method(what), **more}
    return await sim.pay.start(session_id, **fields)


async def charged(sim: Simulation, energy_wh: int, *, minutes: float = 45) -> MeterReading:
    """Let time pass and return the reading at its end; nothing is recorded."""
    await sim.advance(minutes=minutes)
    return MeterReading(at=sim.now, energy_wh=energy_wh)


def of_type(events: Sequence[Event], kind: type[E]) -> list[E]:
    """Return the events of one type."""
    return [event for event in events if isinstance(event, kind)]


async def session(sim: Simulation, session_id: str = "S-1") -> Session:
    """Return a session as it stands."""
    return await sim.pay.sessions.get(session_id)
