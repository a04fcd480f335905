"""Following a session: its readings, its running cost, and what that means against the hold."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from evpay.engine.case import Case
from evpay.engine.context import Context
from evpay.errors import NotFound
from evpay.instants import instant, microseconds
from evpay.money import Money, from_minor, to_minor
from evpay.payments.exposure import Decision, Exposure, Increment, Situation, Verdict, weigh
from evpay.payments.operation import UNSETTLED, OperationKind, OperationState
from evpay.payments.records import OperationRecord
from evpay.sessions.model import Admission, Session, SessionStatus
from evpay.sessions.readings import ConnectorState, MeterReading, Track, accept, reading_digest
from evpay.store import reads
from evpay.store.rows import SessionRecord
from evpay.tariffs.compile import CompiledTariff, compile_tariff
from evpay.tariffs.cost import Cost
from evpay.tariffs.forecast import UntilAmount, until_amount
from evpay.tariffs.meter import CostMeter
from evpay.tariffs.model import Tariff
from evpay.tariffs.policy import PricingPolicy

__all__ = ["Followed", "Tracker", "expose", "session_view"]

_KEPT: Final = 20_000
_ASSUMED_POWER_W: Final = 22_000
_SECOND: Final = 1_000_000
_INCREMENTS: Final = {
    OperationState.SUCCEEDED: Increment.GRANTED,
    OperationState.DECLINED: Increment.DECLINED,
    OperationState.FAILED: Increment.DECLINED,
    OperationState.UNKNOWN: Increment.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A session with all its readings, what counts of them, and the meter after the last one."""

    record: SessionRecord
    compiled: CompiledTariff
    readings: tuple[MeterReading, ...]
    track: Track
    meter: CostMeter
    largest: int

    @property
    def is_used(self) -> bool:
        """Whether anything was measured at all; a session without a reading used nothing."""
        return bool(self.track.samples)

    @property
    def different(self) -> int:
        """How many different readings there are; the end may be told as a sample, too."""
        return len({reading_digest(reading) for reading in self.readings})

    def cost(self, *, step_minor: int) -> Cost:
        """Return what the session costs if it ends with the last reading."""
        return self.meter.cost(step_minor=step_minor)


def _meter(compiled: CompiledTariff, track: Track, start_us: int) -> CostMeter:
    meter = CostMeter(compiled, start_us=start_us)
    for sample in track.samples:
        meter.read(sample.at_us, sample.energy_mj, charging=sample.state is ConnectorState.CHARGING)
    return meter


def _largest(compiled: CompiledTariff, track: Track, start_us: int) -> int:
    meter, largest = CostMeter(compiled, start_us=start_us), 0
    for sample in track.samples:
        meter.read(sample.at_us, sample.energy_mj, charging=sample.state is ConnectorState.CHARGING)
        largest = max(largest, to_minor(meter.cost().total))
    return largest


class Tracker:
    """Keeps open sessions in memory; a look at the store's counters tells whether that is still all there is."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: OrderedDict[tuple[str, str], tuple[tuple[int, int], Followed]] = OrderedDict()

    async def follow(self, tenant: str, session_id: str) -> Followed:
        """Return the session as it is on disk.

        Raises:
            NotFound: no such session.
        """
        pulse = await self._context.store.read(
            lambda connection: reads.pulse(connection, tenant=tenant, session_id=session_id)
        )
        if pulse[0] == 0:
            raise NotFound("session", session_id)
        kept = self._kept.get((tenant, session_id))
        if kept is not None and kept[0] == pulse:
            self._kept.move_to_end((tenant, session_id))
            return kept[1]
        return await self._load(tenant, session_id)

    async def _load(self, tenant: str, session_id: str) -> Followed:
        def load(connection: Connection) -> tuple[SessionRecord | None, str, list[MeterReading], tuple[int, int]]:
            record = reads.session(connection, tenant=tenant, session_id=session_id)
            if record is None:
                return None, "", [], (0, 0)
            body = reads.tariff_body(connection, tenant=tenant, tariff_hash=record.session.tariff_hash)
            found = reads.readings(connection, tenant=tenant, session_id=session_id)
            return record, body, found, (record.version, len(found))

        record, body, readings, pulse = await self._context.store.read(load)
        if record is None:
            raise NotFound("session", session_id)
        tariff = Tariff.model_validate_json(body)
        followed = self.followed(record, tariff, readings)
        self._kept[tenant, session_id] = (pulse, followed)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return followed

    def followed(
        self, record: SessionRecord, tariff: Tariff, readings: Sequence[MeterReading], *, largest: int | None = None
    ) -> Followed:
        """Return the session with these readings (all of them), without looking at the store."""
        compiled = compile_tariff(tariff, pricing_policy(record))
        started_us = microseconds(record.session.started_at)
        connector = record.session.connector
        track = accept(
            readings,
            started_us=started_us,
            now_us=self._context.env.now_us(),
            max_power_w=connector.max_power_w if connector else None,
        )
        meter = _meter(compiled, track, started_us)
        seen = _largest(compiled, track, started_us) if largest is None else largest
        return Followed(
            record=record,
            compiled=compiled,
            readings=tuple(readings),
            track=track,
            meter=meter,
            largest=max(seen, to_minor(meter.cost().total) if track.samples else 0),
        )

    def with_readings(self, followed: Followed, added: Sequence[MeterReading]) -> Followed:
        """Return the session with more readings; those it has already change nothing."""
        fresh = [reading for reading in added if reading not in followed.readings]
        if not fresh:
            return followed
        tariff = followed.compiled.tariffs[0]
        return self.followed(followed.record, tariff, (*followed.readings, *fresh), largest=followed.largest)

    def keep(self, followed: Followed) -> None:
        """Remember a session whose new readings have just been written."""
        session = followed.record.session
        self._kept[session.tenant, session.id] = ((followed.record.version, len(followed.readings)), followed)

    def forget(self, tenant: str, session_id: str) -> None:
        """Drop a session that has ended."""
        self._kept.pop((tenant, session_id), None)


def pricing_policy(record: SessionRecord) -> PricingPolicy:
    """Return how the session is priced."""
    return PricingPolicy.model_validate(dict(record.policy.pricing))


def session_view(followed: Followed) -> Session:
    """Return the session as the face shows it: with what its readings say."""
    record, track = followed.record, followed.track
    session = record.session
    if session.status in (SessionStatus.FINISHED, SessionStatus.CANCELLED):
        return session.model_copy(update={"admission": Admission.DENY})
    status = session.status
    if track.samples and status is SessionStatus.READY:
        charging = track.samples[-1].state is ConnectorState.CHARGING
        status = SessionStatus.CHARGING if charging else SessionStatus.IDLE
    return session.model_copy(
        update={
            "status": status,
            "energy_wh": track.energy_wh,
            "first_reading": track.first,
            "last_reading": track.last_energy,
            "signed_data": track.signed,
            "flags": session.flags | track.flags,
        }
    )


def _increment(operations: Sequence[OperationRecord], *, authorized: int) -> Increment:
    """Say how the last raise stands; a refused one to no higher total only asked for more time."""
    raises = (found for found in reversed(operations) if found.kind is OperationKind.INCREMENT)
    refused = (OperationState.DECLINED, OperationState.FAILED)
    last = next((found for found in raises if found.amount > authorized or found.state not in refused), None)
    if last is None:
        return Increment.NONE
    return Increment.ASKED if last.state in UNSETTLED - {OperationState.UNKNOWN} else _INCREMENTS[last.state]


def _reserve_s(followed: Followed) -> int | None:
    connector = followed.record.session.connector
    if connector is None:
        return 120
    if connector.stop_latency_s is None:
        return None
    return connector.stop_latency_s + (connector.meter_interval_s or 0)


def _power_w(followed: Followed) -> int:
    connector, last = followed.record.session.connector, followed.track.last
    if connector is not None and connector.max_power_w is not None:
        return connector.max_power_w
    return max(_ASSUMED_POWER_W, int(last.power_w) if last and last.power_w else 0)


def _until(followed: Followed, cap: Money, *, step_minor: int) -> UntilAmount:
    idle = bool(followed.track.samples) and followed.track.samples[-1].state is not ConnectorState.CHARGING
    return until_amount(
        followed.meter, cap, power_w=0 if idle else _power_w(followed), charging=not idle, step_minor=step_minor
    )


def expose(followed: Followed, case: Case, *, step_minor: int, now_us: int) -> tuple[Exposure, Verdict]:
    """Weigh the running cost against the hold, as of `now_us`."""
    session, policy = followed.record.session, followed.record.policy
    payment = case.snapshot.payment
    operations = case.snapshot.of(payment.id)
    currency = payment.currency
    cost = followed.cost(step_minor=step_minor)
    owed = to_minor(cost.total) if followed.is_used else 0
    hold = payment.capturable + payment.facts.captured
    limit = None if session.limit is None else to_minor(session.limit)
    cap = hold if limit is None else min(hold, limit)
    until = _until(followed, from_minor(cap, currency), step_minor=step_minor)
    increment = _increment(operations, authorized=payment.facts.authorized)
    step, ceiling = policy.amount("raise_step", currency), policy.amount("raise_max", currency)
    authorize = case.authorize(payment.id)
    verdict = weigh(
        Situation(
            cost=owed,
            hold=hold,
            limit=limit,
            lasts_s=(until.at_us - now_us) / _SECOND if until.reached else None,
            reserve_s=_reserve_s(followed),
            can_raise=(
                payment.hold is not None
                and payment.hold.increment
                and increment in (Increment.NONE, Increment.GRANTED)
                and session.status is SessionStatus.READY
            ),
            raise_at_percent=policy.raise_at_percent,
            raise_step=to_minor(step) if step else max(authorize.amount, 1),
            raise_max=to_minor(ceiling) if ceiling else None,
            step_minor=step_minor,
        )
    )
    return _exposure(followed, case, cost, verdict, until, increment, cap=cap, hold=hold, owed=owed), verdict


def _exposure(
    followed: Followed,
    case: Case,
    cost: Cost,
    verdict: Verdict,
    until: UntilAmount,
    increment: Increment,
    *,
    cap: int,
    hold: int,
    owed: int,
) -> Exposure:
    session, track, payment = followed.record.session, followed.track, case.snapshot.payment
    started_us = microseconds(session.started_at)
    at_us = track.samples[-1].at_us if track.samples else started_us
    reserve_wh = Decimal(_power_w(followed)) * (_reserve_s(followed) or 0) / 3600
    ended = session.status in (SessionStatus.FINISHED, SessionStatus.CANCELLED)
    return Exposure(
        session_id=session.id,
        at=instant(at_us),
        decision=Decision.STOP if ended else verdict.decision,
        reason=f"session_{session.status}" if ended else verdict.reason,
        cost=cost,
        largest_cost=from_minor(max(followed.largest, owed), payment.currency),
        hold=from_minor(hold, payment.currency),
        remaining=from_minor(max(cap - owed, 0), payment.currency),
        unsecured=from_minor(max(owed - hold, 0), payment.currency),
        limit=session.limit,
        energy_wh=track.energy_wh,
        power_w=track.last.power_w if track.last else None,
        duration_s=(at_us - started_us) // _SECOND,
        stop_at_energy_wh=max(Decimal(until.energy_wh) - reserve_wh, Decimal(0)).quantize(Decimal(1))
        if until.reached
        else None,
        lasts_until=instant(until.at_us) if until.reached else None,
        hold_expires_at=instant(payment.expires_us) if payment.expires_us is not None else None,
        increment=increment,
    )
