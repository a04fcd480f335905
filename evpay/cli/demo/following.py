"""Following a session as a host does: readings at their own times, and how it then stands."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from evpay.cli.demo.clock import SessionClock
from evpay.cli.demo.place import Place
from evpay.cli.demo.steps import Step
from evpay.cli.reader import reading
from evpay.cli.recorded_values import Recorded
from evpay.client import EvPay
from evpay.payments.exposure import Increment
from evpay.payments.intent import Operation
from evpay.payments.operation import OperationKind, OperationState
from evpay.store import reads
from evpay.tariffs.model import Tariff

__all__ = ["DEFAULT_TARIFF", "follow", "frozen_tariff"]

DEFAULT_TARIFF: Final = Tariff.per_kwh(
    "0.59",
    currency="EUR",
    vat="19",
    prices="gross",
    per_session="0.35",
    parking_per_hour="6.00",
    id="harbour",
)
_SHOWN_S: Final = 7.0
_LONGEST_PAUSE_S: Final = 0.4
_LINES: Final = 8
_TRIES: Final = 1_000
_POLL_S: Final = 0.01
_UNANSWERED: Final = (OperationState.RESERVED, OperationState.SUBMITTING)


async def frozen_tariff(place: Place, tariff_hash: str) -> Tariff:
    """Return the tariff of a session as the store keeps it."""
    async with reading(place.store) as reader:
        body = await reader.ask(lambda c: reads.tariff_body(c, tenant="default", tariff_hash=tariff_hash))
    return Tariff.model_validate_json(body)


async def follow(pay: EvPay, clock: SessionClock, session_id: str, readings: Sequence[Recorded]) -> AsyncIterator[Step]:
    """Record readings one by one, each when it arrived, and tell how the session then stands."""
    pause_s = min(_SHOWN_S / max(len(readings), 1), _LONGEST_PAUSE_S)
    worth = max(len(readings) // _LINES, 1)
    known: Operation | None = None
    for index, found in enumerate(readings):
        clock.move(found.arrived_at)
        asked = (await pay.record(session_id, found.reading)).increment is Increment.ASKED
        newest = await _answered(pay, session_id, known) if asked else known
        exposure, session = await pay.exposure(session_id), await pay.sessions.get(session_id)
        is_worth = asked or index % worth == 0 or index == len(readings) - 1
        yield Step.reading(exposure, session, worth_a_line=is_worth, pause_s=pause_s)
        if newest is not None and newest != known:
            known = newest
            yield Step.increment(exposure, newest)


async def _newest_increment(pay: EvPay, session_id: str) -> Operation | None:
    intent = await pay.payments.get(session_id)
    return next((done for done in reversed(intent.operations) if done.kind is OperationKind.INCREMENT), None)


async def _answered(pay: EvPay, session_id: str, known: Operation | None) -> Operation | None:
    """Return the increment that was just asked for, once the processor has answered to it."""
    for _ in range(_TRIES):
        newest = await _newest_increment(pay, session_id)
        if newest is not None and newest != known and newest.state not in _UNANSWERED:
            return newest
        await asyncio.sleep(_POLL_S)
    return known
