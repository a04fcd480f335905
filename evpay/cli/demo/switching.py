"""The demo's last chapter: the same session at three gateways over HTTP, switched while a session runs."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from evpay.cli.demo.clock import SessionClock
from evpay.cli.demo.emulators import EMULATED, Emulated, settled
from evpay.cli.demo.following import DEFAULT_TARIFF
from evpay.cli.demo.place import Place
from evpay.cli.demo.steps import Step
from evpay.cli.demo.webhooks import Door, receiving
from evpay.cli.stand_ins import stand_in
from evpay.client import EvPay
from evpay.payments.method import PaymentMethod
from evpay.payments.policy import Policy
from evpay.sessions.model import Connector, Site
from evpay.sessions.readings import MeterReading

__all__ = ["switching"]

_FIRST_SESSION: Final = 3
_MOST_W: Final = 50_000
_PLUGS_IN: Final = timedelta(minutes=1)
_FIRST_WH: Final = 600
_CHARGES: Final = timedelta(minutes=12)
_ENERGY_WH: Final = 8_400


async def switching(
    place: Place, emulators: Mapping[str, Emulated], *, site: Site, policy: Policy
) -> AsyncIterator[Step]:
    """Begin a session at each gateway, the first line of the set-up changed in between; finish all of them."""
    async with receiving() as door:
        clock = SessionClock(datetime.now(UTC))
        for emulator in emulators.values():
            await emulator.send_webhooks_to(door.address)
            clock.lead(emulator.follow)
        host = _Host(place=place, emulators=emulators, site=site, policy=policy, door=door, clock=clock)
        async for step in _told(host):
            yield step


@dataclass(frozen=True, slots=True, kw_only=True)
class _Host:
    """What a host has: a store, accounts, a clock on the wall, and a door for webhooks."""

    place: Place
    emulators: Mapping[str, Emulated]
    site: Site
    policy: Policy
    door: Door
    clock: SessionClock

    @asynccontextmanager
    async def opened(self, first: str) -> AsyncIterator[EvPay]:
        """Open the store with an account at each gateway; the first one takes new sessions."""
        order = (first, *(name for name in EMULATED if name != first))
        providers = [self.emulators[name].provider() for name in order]
        async with EvPay.open(
            self.place.store, providers=providers, policy=self.policy, env=self.clock, worker=False
        ) as pay:
            self.door.pay = pay
            yield pay
            self.door.pay = None

    async def settled(self, pay: EvPay) -> None:
        """Wait until the gateways have said all, and do what is due."""
        await settled(pay, self.emulators.values())


async def _told(host: _Host) -> AsyncIterator[Step]:
    running: list[str] = []
    for number, name in enumerate(EMULATED, _FIRST_SESSION):
        session_id = f"S-{number}"
        async with host.opened(name) as pay:
            if running:
                yield Step.switched(name, running=running)
            await _begin(host, pay, session_id, gateway=name, connector=str(number))
            yield Step.held(await pay.sessions.get(session_id), await pay.payments.get(session_id))
        running.append(session_id)
    host.clock.move(host.clock.now() + _CHARGES)
    async with host.opened(EMULATED[-1]) as pay:
        for session_id in running:
            receipt = await pay.finish(session_id, MeterReading(at=host.clock.now(), energy_wh=_ENERGY_WH))
            await host.settled(pay)
            yield Step.paid(receipt, await pay.payments.get(session_id))


async def _begin(host: _Host, pay: EvPay, session_id: str, *, gateway: str, connector: str) -> None:
    """Plug in, with the test card of a gateway, and use a little."""
    await pay.start(
        session_id,
        tariff=DEFAULT_TARIFF,
        method=PaymentMethod(str(stand_in(gateway).method)),
        site=host.site,
        connector=Connector(id=connector, max_power_w=_MOST_W),
        return_url="https://host.example/back",
        at=host.clock.now(),
    )
    await host.settled(pay)
    host.clock.move(host.clock.now() + _PLUGS_IN)
    await pay.record(session_id, MeterReading(at=host.clock.now(), energy_wh=_FIRST_WH))
