"""What the meter says during a session: kept before it is answered, priced, weighed against the hold."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from evpay.engine.announcing import announce, announce_to
from evpay.engine.case import Case, is_wanted
from evpay.engine.conclusion import update_session
from evpay.engine.context import Context
from evpay.engine.drafts import Draft, make_operation, operation_id
from evpay.engine.runner import Runner
from evpay.engine.tracking import Followed, Tracker, expose
from evpay.errors import NotFound
from evpay.ids import canonical_json
from evpay.instants import microseconds
from evpay.money import from_minor, to_minor
from evpay.payments.exposure import Decision, Exposure, Increment
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Handle
from evpay.providers import IncrementRequest
from evpay.sessions.model import SessionStatus
from evpay.sessions.readings import MeterReading, reading_digest
from evpay.store.commit import AlreadyThere, Commit, GuardMissed, Insert, Write
from evpay.store.rows import SessionRecord

__all__ = ["Meterer", "reading_row", "step_minor"]

_ENDED: Final = (SessionStatus.FINISHED, SessionStatus.CANCELLED)
_SECOND: Final = 1_000_000
_log = logging.getLogger("evpay.engine")


def reading_row(tenant: str, session_id: str, reading: MeterReading, *, kind: str, now_us: int) -> Insert:
    """Return the row of a reading; the same reading again is the same row."""
    return Insert(
        "reading",
        {
            "tenant": tenant,
            "session": session_id,
            "at_us": microseconds(reading.at),
            "kind": kind,
            "digest": reading_digest(reading),
            "energy_mj": None if reading.energy_wh is None else int(reading.energy_wh * 3_600_000),
            "received_us": now_us,
            "body": canonical_json(reading.model_dump(mode="json")),
        },
        or_ignore=True,
    )


def step_minor(context: Context, case: Case) -> int:
    """Return the step of amounts at the account that pays, in minor units."""
    payment = case.snapshot.payment
    rule = context.provider(payment).capabilities.rule_for(payment.currency)
    return rule.step_minor if rule else 1


class Meterer:
    """Takes readings."""

    def __init__(self, context: Context, runner: Runner, tracker: Tracker) -> None:
        self._context = context
        self._runner = runner
        self._tracker = tracker

    async def case_of(self, followed: Followed) -> Case:
        """Return the case of a session that is followed."""
        session = followed.record.session
        if session.intent_id is None:
            raise NotFound("payment intent", session.id)
        return await self._context.case(session.tenant, session.intent_id)

    async def exposure(self, tenant: str, session_id: str) -> Exposure:
        """Return how a session stands."""
        followed = await self._tracker.follow(tenant, session_id)
        case = await self.case_of(followed)
        step = step_minor(self._context, case)
        return expose(followed, case, step_minor=step, now_us=as_of(followed))[0]

    async def record(self, tenant: str, session_id: str, readings: Sequence[MeterReading]) -> Exposure:
        """Keep readings, and say what they mean.

        Raises:
            NotFound: there is no such session; the readings are kept and count when it starts.
        """
        now_us = self._context.env.now_us()
        rows = tuple(reading_row(tenant, session_id, found, kind="sample", now_us=now_us) for found in readings)
        try:
            before = await self._tracker.follow(tenant, session_id)
        except NotFound:
            await self._context.store.commit(Commit(rows))
            raise NotFound("session", session_id, kept=True) from None
        if before.record.session.status in _ENDED:
            return await self._late(before, readings, rows)
        after = self._tracker.with_readings(before, readings)
        case = await self.case_of(after)
        # As of the reading itself: it may have waited at the station. The timer watches what flows since.
        exposure, verdict = expose(after, case, step_minor=step_minor(self._context, case), now_us=as_of(after))
        told: list[Write] = []
        if after is not before and exposure.decision is Decision.STOP:
            told = stop_requested(case, exposure, now_us=now_us)
        if after is not before:
            await self._context.store.commit(Commit((*rows, *told)))
            self._tracker.keep(after)
            self._context.notify()
        if verdict.raise_to is not None:
            self._runner.background(self._raise(case, verdict.raise_to), name="increment")
            exposure = exposure.model_copy(update={"increment": Increment.ASKED})
        return exposure

    async def _late(self, before: Followed, readings: Sequence[MeterReading], rows: tuple[Insert, ...]) -> Exposure:
        """Keep readings that come after the end; if they would change the price, a person is told."""
        after = self._tracker.with_readings(before, readings)
        case = await self.case_of(before)
        step = step_minor(self._context, case)
        writes: list[Write] = list(rows)
        if after is not before:
            writes += late_data_rows(case, before.record, after, step_minor=step, now_us=self._context.env.now_us())
        await self._context.store.commit(Commit(tuple(writes)))
        self._tracker.forget(case.tenant, before.record.session.id)
        self._context.notify()
        return expose(before, case, step_minor=step, now_us=as_of(before))[0]

    async def extend(self, case: Case) -> None:
        """Ask for more time: the same total again, before the hold expires."""
        await self._raise(case, case.snapshot.payment.facts.authorized, extends=True)

    async def _raise(self, case: Case, total: int, *, extends: bool = False) -> None:
        """Ask for a higher total, or the same for more time; until it is granted the old hold counts."""
        for _ in range(3):
            payment = case.snapshot.payment
            identity = operation_id(payment.id, "increment", str(total), str(payment.expires_us))
            least = payment.facts.authorized if extends else payment.facts.authorized + 1
            if case.operation(identity) is not None or total < least:
                return
            if not is_wanted(case, payment):
                return  # the session has ended meanwhile
            made = make_operation(
                payment,
                id=identity,
                kind=OperationKind.INCREMENT,
                amount=total,
                request_of=lambda reference, key, payment=payment: IncrementRequest(  # type: ignore[misc]  # bound now
                    reference=reference,
                    idempotency_key=key,
                    payment_reference=payment.reference,
                    handle=payment.handle or Handle(id=""),
                    total=from_minor(total, payment.currency),
                    authorized=from_minor(payment.facts.authorized, payment.currency),
                ),
                now_us=self._context.env.now_us(),
                actor="evpay",
            )
            try:
                await self._runner.run(case.tenant, case.snapshot.intent.id, Draft(payment=payment, operation=made))
            except (AlreadyThere, GuardMissed):
                case = await self._context.case(case.tenant, case.snapshot.intent.id)
                continue
            await self.look_at(case.tenant, case.snapshot.intent.session_id or "")
            return

    async def look_at(self, tenant: str, session_id: str) -> None:
        """Weigh an open session as of now: tell the host to stop it if need be, and set the next look.

        Energy flows also when no reading comes, so the hold is assumed to be used at full power.
        """
        followed = await self._tracker.follow(tenant, session_id)
        record = followed.record
        if record.session.status is not SessionStatus.READY:
            return
        case = await self.case_of(followed)
        now_us = self._context.env.now_us()
        exposure, verdict = expose(followed, case, step_minor=step_minor(self._context, case), now_us=now_us)
        writes: list[Write] = []
        connector = record.session.connector
        interval_s = (connector.meter_interval_s if connector else None) or 60
        if exposure.decision is Decision.STOP:
            writes += stop_requested(case, exposure, now_us=now_us)
            wake = now_us + interval_s * _SECOND
        else:
            wake = next_timer(exposure, followed, now_us=now_us)
        if writes or wake != record.wake_us:
            writes.append(update_session(record, with_wake(record, wake), now_us=now_us))
            try:
                await self._context.store.commit(Commit(tuple(writes)))
            except GuardMissed:
                return
            self._context.notify()
        if verdict.raise_to is not None:
            self._runner.background(self._raise(case, verdict.raise_to), name="increment")


def as_of(followed: Followed) -> int:
    """Return the instant of the newest reading that counts, or of the start, in microseconds."""
    samples = followed.track.samples
    return samples[-1].at_us if samples else microseconds(followed.record.session.started_at)


def with_wake(record: SessionRecord, wake_us: int | None) -> SessionRecord:
    """Return the record with another time to look at it."""
    return replace(record, wake_us=wake_us)


def next_timer(exposure: Exposure, followed: Followed, *, now_us: int) -> int:
    """Return when the hold may be nearly used up, or an hour from now if it lasts longer than that is foreseen."""
    if exposure.lasts_until is None:
        return now_us + 3_600 * _SECOND
    connector = followed.record.session.connector
    reserve_s = 120 if connector is None else (connector.stop_latency_s or 0) + (connector.meter_interval_s or 0)
    return max(microseconds(exposure.lasts_until) - reserve_s * _SECOND, now_us + _SECOND)


def stop_requested(case: Case, exposure: Exposure, *, now_us: int) -> list[Write]:
    """Return the writes that ask the host to stop a session."""
    return announce(case, "stop_requested", {"exposure": exposure.model_dump(mode="json")}, now_us=now_us)


def late_data_rows(case: Case, record: SessionRecord, after: Followed, *, step_minor: int, now_us: int) -> list[Write]:
    """Return the writes that tell a person of readings that came after the bill and would change it."""
    if record.cost is None:
        price = "nothing was billed"
        changed = after.is_used
    else:
        now, then = after.cost(step_minor=step_minor).total, record.cost.total
        price, changed = (
            f"billed were {then}, with the late readings it would be {now}",
            to_minor(now) != to_minor(then),
        )
    if not changed:
        return []
    problem = {
        "code": "late_data",
        "subject": record.session.id,
        "message": f"Readings of session {record.session.id!r} came after its end: {price}.",
    }
    return announce_to(case.tenant, record.session.id, "attention_needed", {"problem": problem}, now_us=now_us)
