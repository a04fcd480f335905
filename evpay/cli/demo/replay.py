"""The demo with a recording: one session, through a real adapter, at a server that stands in for its processor."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from evpay.cli.demo.clock import SessionClock
from evpay.cli.demo.emulators import Emulated, settled
from evpay.cli.demo.following import follow, frozen_tariff
from evpay.cli.demo.place import Place
from evpay.cli.demo.steps import Step
from evpay.cli.demo.webhooks import receiving
from evpay.cli.demo.witnesses import hold_against_each_other
from evpay.cli.recording import Recorded, Recording
from evpay.client import EvPay
from evpay.money import Money, from_minor, to_minor
from evpay.payments.method import PaymentMethod
from evpay.providers import Provider
from evpay.sessions.model import Admission, Connector, Site
from evpay.tariffs.model import Tariff

__all__ = ["Replay", "replay"]

_SESSION: Final = "S-1"
_BACK_PERCENT: Final = 10
_BACK: Final = "https://host.example/back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What is run where. `account` makes the adapter anew, on a clock or on the real one; `emulator` is its server."""

    file: str
    recording: Recording
    tariff: Tariff
    method: PaymentMethod
    account: Callable[[Place, SessionClock | None], Provider]
    emulator: Emulated | None = None


async def replay(place: Place, run: Replay) -> AsyncIterator[Step]:
    """Tell it, step by step."""
    clock = SessionClock(run.recording.readings[0].arrived_at)
    provider = run.account(place, clock)
    name = provider.account.name
    async with (
        receiving() as door,
        EvPay.open(place.store, providers=[provider], env=clock, worker=False) as pay,
    ):
        door.pay = pay
        if run.emulator is not None:
            clock.lead(run.emulator.follow)
            await run.emulator.send_webhooks_to(door.address)
        yield Step.opened(place, title=f"evpay demo: a recorded session paid at {name}", accounts=[name])
        yield Step.recording(run.file, run.recording)
        async for step in _session(pay, clock, place, run):
            yield step
        door.pay = None
    if run.emulator is not None:
        place.keep_books({name: await run.emulator.books()})
    found = await hold_against_each_other(place, [] if run.emulator else [run.account(place, None)])
    yield Step.ledger(found)
    yield Step.check(found)


async def _answered(pay: EvPay, run: Replay) -> None:
    """Wait for what an emulator says later."""
    if run.emulator is not None:
        await settled(pay, [run.emulator])


async def _session(pay: EvPay, clock: SessionClock, place: Place, run: Replay) -> AsyncIterator[Step]:
    recorded = run.recording
    begun = await pay.start(
        _SESSION,
        tariff=run.tariff,
        method=run.method,
        site=Site(id=recorded.station),
        connector=Connector(id=recorded.connector),
        return_url=_BACK if run.emulator else None,
        at=recorded.started_at,
    )
    session, intent = await pay.sessions.get(_SESSION), await pay.payments.get(_SESSION)
    yield Step.tariff(await frozen_tariff(place, session.tariff_hash))
    if begun.session.admission is not Admission.ALLOW:
        yield Step.denied(session, intent)
        return
    await _answered(pay, run)
    yield Step.started(session, await pay.payments.get(_SESSION))
    before, last, late = _parted(recorded.readings)
    async for step in follow(pay, clock, _SESSION, before):
        yield step
    clock.move(last.arrived_at)
    number = (await pay.finish(_SESSION, last.reading)).number
    await _answered(pay, run)
    receipt = await pay.receipts.get(number)
    yield Step.finished(await pay.sessions.get(_SESSION), receipt, await pay.payments.get(_SESSION))
    yield Step.receipt(receipt, (await pay.receipts.render(number, "text")).decode())
    if late:
        yield await _late(pay, clock, late)
    facts = (await pay.payments.get(_SESSION)).facts
    if (back := _back(from_minor(facts.captured, facts.currency))) is not None:
        note = await pay.refund(number, back, reason="goodwill", key="demo")
        await _answered(pay, run)
        yield Step.refunded(await pay.receipts.get(note.number), await pay.payments.get(_SESSION))


def _parted(readings: Sequence[Recorded]) -> tuple[Sequence[Recorded], Recorded, Sequence[Recorded]]:
    """Return the readings before the end, the one that ends the session, and those that came late."""
    end = next(index for index, found in enumerate(readings) if found.ends)
    return readings[:end], readings[end], readings[end + 1 :]


async def _late(pay: EvPay, clock: SessionClock, late: Sequence[Recorded]) -> Step:
    for found in late:
        clock.move(found.arrived_at)
        await pay.record(_SESSION, found.reading)
    problems = [event async for event in pay.events("demo", wait=False) if event.type == "attention_needed"]
    told = [event.problem.message for event in problems if event.problem.code == "late_data"]
    return Step.late(await pay.sessions.get(_SESSION), count=len(late), problems=told)


def _back(captured: Money) -> Money | None:
    """Return a tenth of what was captured, in whole units where there are any."""
    minor = to_minor(captured) * _BACK_PERCENT // 100
    return from_minor(minor, captured.currency.code) if minor else None
