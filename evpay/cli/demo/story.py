"""The demo without a recording: two sandbox processors, one session told at length, and one that fails over."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from evpay.cli.demo.accounts import Stumbles, sandbox
from evpay.cli.demo.clock import SessionClock
from evpay.cli.demo.emulators import EMULATED, Emulated, are_installed, emulated
from evpay.cli.demo.following import DEFAULT_TARIFF, follow, frozen_tariff
from evpay.cli.demo.place import Place
from evpay.cli.demo.steps import Step
from evpay.cli.demo.switching import switching
from evpay.cli.demo.witnesses import hold_against_each_other
from evpay.cli.recorded_values import Recorded
from evpay.client import EvPay
from evpay.money import Money
from evpay.payments.method import PaymentMethod
from evpay.payments.operation import OperationKind
from evpay.payments.policy import Policy
from evpay.payments.reasons import Reason
from evpay.receipts.model import Seller
from evpay.sessions.model import Connector, Site
from evpay.sessions.readings import ConnectorState, MeterReading

__all__ = ["ACCOUNTS", "story"]

ACCOUNTS: Final = ("sandbox_one", "sandbox_two")
_SELLER: Final = Seller(id="harbour", name="Harbour Charging Ltd", address="Am Kai 3, 20457 Hamburg", country="DE")
_SITE: Final = Site(
    id="harbour", name="Harbour P1", address="Am Kai 3, 20457 Hamburg", country="DE", time_zone="Europe/Berlin"
)
_CONNECTOR: Final = Connector(id="1", max_power_w=50_000)
_POLICY: Final = Policy(hold="10 EUR", raise_step="12 EUR")
_METER_WH: Final = 148_230_500
_EVERY: Final = 2
_STEADY_MINUTES: Final = 18
_CHARGING_MINUTES: Final = 34
_UNPLUGGED_MINUTE: Final = 46
_BEFORE_NOW: Final = timedelta(minutes=90)


def _power_w(minute: int) -> int:
    """A battery that fills: steady at first, then less and less."""
    return 48_000 if minute <= _STEADY_MINUTES else 48_000 - 1_750 * (minute - _STEADY_MINUTES)


async def story(place: Place, *, over_http: bool) -> AsyncIterator[Step]:
    """Tell it, step by step; `over_http` with the gateways' emulators, if they are installed.

    They start while the first chapters are told.
    """
    with emulated(EMULATED if over_http and are_installed() else ()) as emulators:
        async for step in _chapters(place, emulators):
            yield step


async def _chapters(place: Place, emulators: Mapping[str, Emulated]) -> AsyncIterator[Step]:
    begin = (datetime.now(UTC) - _BEFORE_NOW).replace(second=0, microsecond=0)
    clock = SessionClock(begin)
    one, two = (sandbox(name, place=place, clock=clock) for name in ACCOUNTS)
    place.write_settings(dict.fromkeys(ACCOUNTS, "sandbox"))
    async with EvPay.open(
        place.store, providers=[one, two], policy=_POLICY, sellers=[_SELLER], env=clock, worker=False
    ) as pay:
        yield Step.opened(
            place, title="evpay demo: a charging session becomes money and a receipt", accounts=list(ACCOUNTS)
        )
        async for step in _long_session(pay, clock, place, begin):
            yield step
        async for step in _short_session(pay, clock, one, begin + timedelta(minutes=60)):
            yield step
    if emulators:
        async for step in switching(place, emulators, site=_SITE, policy=_POLICY):
            yield step
        place.keep_books({name: await emulator.books() for name, emulator in emulators.items()})
    else:
        yield Step.offline(installed=are_installed())
    found = await hold_against_each_other(place, [sandbox(name, place=place) for name in ACCOUNTS])
    yield Step.ledger(found)
    yield Step.check(found)


async def _long_session(pay: EvPay, clock: SessionClock, place: Place, begin: datetime) -> AsyncIterator[Step]:
    card = PaymentMethod("sandbox_approve", brand="visa", last4="4242")
    await pay.start(
        "S-1", tariff=DEFAULT_TARIFF, method=card, site=_SITE, connector=_CONNECTOR, driver="anna", at=begin
    )
    session = await pay.sessions.get("S-1")
    yield Step.tariff(await frozen_tariff(place, session.tariff_hash))
    yield Step.started(session, await pay.payments.get("S-1"))
    *before, last = _readings(begin)
    async for step in follow(pay, clock, "S-1", before):
        yield step
    clock.move(last.arrived_at)
    number = (await pay.finish("S-1", last.reading)).number
    receipt = await pay.receipts.get(number)
    yield Step.finished(await pay.sessions.get("S-1"), receipt, await pay.payments.get("S-1"))
    yield Step.receipt(receipt, (await pay.receipts.render(number, "text")).decode())
    clock.move(last.arrived_at + timedelta(minutes=5))
    note = await pay.refund(number, Money("2.00", "EUR"), reason="cable fault", key="ticket-9")
    yield Step.refunded(await pay.receipts.get(note.number), await pay.payments.get("S-1"))


def _readings(begin: datetime) -> list[Recorded]:
    found, energy_wh = [MeterReading(at=begin, register_wh=_METER_WH, power_w=0)], 0
    for minute in range(_EVERY, _CHARGING_MINUTES + 1, _EVERY):
        power_w = _power_w(minute)
        energy_wh += power_w * _EVERY // 60
        at = begin + timedelta(minutes=minute)
        found.append(MeterReading(at=at, register_wh=_METER_WH + energy_wh, power_w=power_w))
    for minute in range(_CHARGING_MINUTES + _EVERY, _UNPLUGGED_MINUTE + 1, _EVERY):
        state = ConnectorState.UNPLUGGED if minute == _UNPLUGGED_MINUTE else ConnectorState.IDLE
        at = begin + timedelta(minutes=minute)
        found.append(MeterReading(at=at, register_wh=_METER_WH + energy_wh, power_w=0, state=state))
    return [Recorded(arrived_at=reading.at, reading=reading) for reading in found]


async def _short_session(pay: EvPay, clock: SessionClock, first: Stumbles, begin: datetime) -> AsyncIterator[Step]:
    clock.move(begin)
    first.decline_next(Reason.NOT_SENT, OperationKind.AUTHORIZE)
    card = PaymentMethod("sandbox_approve", brand="mastercard", last4="4444")
    await pay.start("S-2", tariff=DEFAULT_TARIFF, method=card, site=_SITE, connector=_CONNECTOR, driver="ben", at=begin)
    yield Step.failed_over(await pay.sessions.get("S-2"), await pay.payments.get("S-2"))
    end = begin + timedelta(minutes=9)
    clock.move(end)
    number = (await pay.finish("S-2", MeterReading(at=end, energy_wh=6_300))).number
    yield Step.paid(await pay.receipts.get(number), await pay.payments.get("S-2"))
