"""A backend that takes money through real SDKs over real HTTP, and emulators that send it signed webhooks."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from evpay_contrib_emulators import RunningEmulator
from evpay_contrib_web.starlette import webhook_route
from starlette.applications import Starlette

from evpay import EvPay, MeterReading, MoneyFacts, Policy, Site, Start, Tariff
from evpay.env import RealEnv
from evpay.instants import instant
from tests.scenarios.over_http.vendors import GATEWAYS, Gateway

__all__ = ["AheadEnv", "World", "a_world"]

SITE = Site(id="harbour", time_zone="Europe/Berlin", country="DE")
TARIFF = Tariff.per_kwh("0.50", currency="EUR", vat="19", prices="gross")
POLICY = Policy(hold="20 EUR", raise_step="12 EUR")
FACTS = ("authorized", "captured", "released", "refunded", "charged_back")


class AheadEnv(RealEnv):
    """The real world with a clock that can be put forward, together with the emulators'."""

    def __init__(self) -> None:
        self._ahead_us = 0

    def now_us(self) -> int:
        return super().now_us() + self._ahead_us

    def put_forward(self, seconds: float) -> None:
        """Let it be that much later."""
        self._ahead_us += int(seconds * 1_000_000)


@dataclass(kw_only=True)
class World:
    """One backend and the gateways that it may pay through, by name."""

    store: str
    env: AheadEnv
    emulators: Mapping[str, RunningEmulator]
    gateways: Mapping[str, Gateway]
    pay: EvPay = field(init=False)

    async def open(self, *names: str) -> None:
        """Open the store with these gateways, the first one for new sessions; as an operator's new set-up would."""
        if hasattr(self, "pay"):
            await self.pay.aclose()
        providers = [self.gateways[name].provider(self.emulators[name].url) for name in names]
        self.pay = EvPay.open(self.store, providers=providers, policy=POLICY, env=self.env, worker=False)

    @property
    def now(self) -> datetime:
        """What time it is for everybody here."""
        return instant(self.env.now_us())

    async def advance(self, **duration: float) -> None:
        """Let time pass for the backend and for every gateway."""
        seconds = timedelta(**duration).total_seconds()
        self.env.put_forward(seconds)
        for emulator in self.emulators.values():
            await asyncio.to_thread(emulator.advance, seconds)

    async def until(self, is_so: Callable[[], Awaitable[Any]], what: str) -> None:
        """Wait for a condition, doing what a backend's worker does meanwhile; time passes ever faster here."""
        deadline, step_s = time.monotonic() + 30, 0.5
        while not await is_so():
            assert time.monotonic() < deadline, f"it did not come to this: {what}\n{await self.told()}"
            await self.pay.recover()
            await self.advance(seconds=step_s)
            step_s = min(step_s * 1.2, 600)
            await asyncio.sleep(0.02)

    async def told(self) -> str:
        """Return every operation that is not settled, and what the gateways were asked last, for a failed test."""
        intents = [intent async for intent in self.pay.payments.list()]
        found = [
            f"{intent.session_id} {done.kind} {done.state} {done.outcome}"
            for intent in intents
            for done in intent.operations
            if done.state not in ("succeeded", "declined", "failed")
        ]
        asked = [
            f"{name} {entry['method']} {entry['path']} {entry['status']} {entry['fault']}"
            for name, emulator in self.emulators.items()
            for entry in emulator.journal()[-6:]
        ]
        return "\n".join([*found, *asked])

    async def start(self, gateway: Gateway, session_id: str = "S-1", **fields: Any) -> Start:
        """Let somebody plug in."""
        given = {"tariff": TARIFF, "site": SITE, "method": gateway.approve, "return_url": "https://host.example/back"}
        return await self.pay.start(session_id, **{**given, "at": self.now, **fields})

    async def charged(self, energy_wh: int, *, minutes: float) -> MeterReading:
        """Let time pass, and return what the meter says then."""
        await self.advance(minutes=minutes)
        return MeterReading(at=self.now, energy_wh=energy_wh)

    async def facts(self, session_id: str = "S-1") -> MoneyFacts:
        """Return what we hold to be true of a session's money."""
        return (await self.pay.payments.get(session_id)).facts

    async def has(self, session_id: str = "S-1", **totals: int) -> None:
        """Wait until our facts are these, in minor units; the totals that are not named are zero."""
        wanted = {**dict.fromkeys(FACTS, 0), **totals}

        async def is_so() -> bool:
            facts = await self.facts(session_id)
            return {name: getattr(facts, name) for name in FACTS} == wanted

        await self.until(is_so, f"{session_id} has {totals}; it has {await self.facts(session_id)}")

    async def payment_id(self, session_id: str = "S-1") -> str:
        """Return the gateway's own id of the payment of a session."""
        intent = await self.pay.payments.get(session_id)
        name = intent.attempts[-1].account.name
        reference = intent.attempts[-1].reference
        found: list[str] = [entry["id"] for entry in self.books(name) if entry["reference"] == reference]
        return found[0]

    def books(self, name: str) -> list[dict[str, Any]]:
        """Return every payment that a gateway holds."""
        payments: list[dict[str, Any]] = self.emulators[name].books()["payments"]
        return payments

    async def differences(self) -> list[str]:
        """Return where our facts and the gateways' own books are not the same, payment by payment, to the cent."""
        intents = [intent async for intent in self.pay.payments.list()]
        ours = {
            (attempt.account.name, attempt.reference): {name: getattr(attempt.facts, name) for name in FACTS}
            for intent in intents
            for attempt in intent.attempts
        }
        theirs = {
            (name, entry["reference"]): {fact: entry[fact] for fact in FACTS}
            for name in self.emulators
            for entry in self.books(name)
        }
        nothing = dict.fromkeys(FACTS, 0)
        return [
            f"{key}: we say {ours.get(key)}, they say {theirs.get(key)}"
            for key in ours.keys() | theirs.keys()
            if ours.get(key, nothing) != theirs.get(key, nothing)
        ]


@asynccontextmanager
async def a_world(
    folder: Path, emulators: Mapping[str, RunningEmulator], *, names: Iterable[str], several: bool = False
) -> AsyncIterator[World]:
    """Open a backend with these gateways, in this order; with `several`, holds are captured in parts."""
    gateways = {name: GATEWAYS[name].in_parts if several else GATEWAYS[name] for name in names}
    chosen = {name: emulators[name] for name in gateways}
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    for name, emulator in chosen.items():
        emulator.clear()
        emulator.configure(**(gateways[name].several_options if several else {}))
        emulator.send_webhooks_to(f"{address}/webhooks/{name}")
    world = World(store=f"sqlite:///{folder / 'evpay.db'}", env=AheadEnv(), emulators=chosen, gateways=gateways)
    await world.open(*gateways)
    try:
        async with _receiving(world, listener):
            yield world
    finally:
        await world.pay.aclose()


@asynccontextmanager
async def _receiving(world: World, listener: socket.socket) -> AsyncIterator[None]:
    """Take webhooks in at an address of ours, until the end of the block."""
    app = Starlette(routes=[webhook_route(lambda _: world.pay)])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    server.install_signal_handlers = lambda: None
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()
