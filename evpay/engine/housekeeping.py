"""One pass over everything that is due: evidence, operations, holds, sessions. Timers are rows, never tasks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Final, TypeVar

from evpay.engine.announcing import announce
from evpay.engine.case import Case, extension, next_step, wake_us
from evpay.engine.conclusion import update_session
from evpay.engine.context import Context
from evpay.engine.drafts import update_payment
from evpay.engine.ending import Ender
from evpay.engine.evidence import Evidence
from evpay.engine.foreign import lapsed
from evpay.engine.metering import Meterer, as_of, step_minor, stop_requested
from evpay.engine.recovery import Recoverer
from evpay.engine.runner import Runner
from evpay.engine.tracking import Tracker, expose
from evpay.errors import EvpayError
from evpay.instants import instant
from evpay.model import FrozenModel
from evpay.payments.exposure import Decision
from evpay.payments.operation import UNSETTLED, OperationKind
from evpay.payments.records import PaymentRecord
from evpay.sessions.model import Admission, SessionStatus
from evpay.store import reads
from evpay.store.commit import Commit, CommitRefused, GuardMissed, Write
from evpay.store.rows import SessionRecord

__all__ = ["Housekeeper", "Recovery"]

T = TypeVar("T")

_AT_ONCE: Final = 64
_SECOND: Final = 1_000_000
_LEAST_S: Final = 0.1
_MOST_S: Final = 5.0
_log = logging.getLogger("evpay.engine")


class Recovery(FrozenModel):
    """What one pass did, by count."""

    evidence_applied: int = 0
    operations_settled: int = 0
    operations_open: int = 0
    payments_looked_at: int = 0
    sessions_looked_at: int = 0
    failed: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        return not any(self.model_dump().values())


class Housekeeper:
    """Looks after what is due."""

    def __init__(
        self,
        context: Context,
        *,
        runner: Runner,
        tracker: Tracker,
        recoverer: Recoverer,
        evidence: Evidence,
        meterer: Meterer,
        ender: Ender,
    ) -> None:
        self._context = context
        self._runner = runner
        self._tracker = tracker
        self._recoverer = recoverer
        self._evidence = evidence
        self._meterer = meterer
        self._ender = ender

    async def run(self) -> None:
        """Do passes for ever, each when something is due, at least every few seconds."""
        while True:
            due: int | None = None
            try:
                await self.recover()
                due = await self._context.store.read(reads.next_due)
            except Exception:  # noqa: BLE001 - whatever goes wrong in one pass, deadlines must be kept in the next
                _log.exception("a recovery pass failed")
            await self._context.env.sleep(self._pause_s(due))

    def _pause_s(self, due_us: int | None) -> float:
        """Return how long to rest; what is due even after a pass cannot be done now, and haste would not help."""
        wait_s = _MOST_S if due_us is None else (due_us - self._context.env.now_us()) / _SECOND
        return min(max(wait_s, _LEAST_S), _MOST_S) if wait_s > 0 else _MOST_S

    async def recover(self) -> Recovery:
        """Do one pass. Messages are applied beside the rest: however many wait, no deadline waits for them."""
        applying = asyncio.ensure_future(self._evidence.apply_due())
        try:
            return await self._look_after(applying)
        finally:
            applying.cancel()
            await asyncio.gather(applying, return_exceptions=True)

    async def _look_after(self, applying: asyncio.Future[int]) -> Recovery:
        now_us = self._context.env.now_us()
        operations = await self._context.store.read(lambda c: reads.due_operations(c, now_us=now_us))
        settled, failed = await self._each(operations, lambda due: self._recoverer.recover(*due))
        payments = await self._context.store.read(lambda c: reads.due_payments(c, now_us=now_us))
        _, failed_payments = await self._each(payments, lambda due: self._payment(*due))
        sessions = await self._context.store.read(lambda c: reads.due_sessions(c, now_us=now_us))
        _, failed_sessions = await self._each(sessions, lambda due: self._session(*due))
        return Recovery(
            evidence_applied=await applying,
            operations_settled=sum(settled),
            operations_open=len(settled) - sum(settled),
            payments_looked_at=len(payments),
            sessions_looked_at=len(sessions),
            failed=failed + failed_payments + failed_sessions,
        )

    async def _each(self, due: Iterable[T], work: Callable[[T], Awaitable[bool]]) -> tuple[list[bool], int]:
        """Work on everything due, so many at once; one that fails does not stop the others."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(item: T) -> bool | None:
            async with gate:
                try:
                    return await work(item)
                except (EvpayError, CommitRefused) as error:
                    _log.warning("recovery of %s failed: %s", item, error)
                    return None
                except Exception:  # noqa: BLE001 - one payment that cannot be looked after must not stop the others
                    _log.exception("recovery of %s failed", item)
                    return None

        results = await asyncio.gather(*(one(item) for item in due))
        done = [result for result in results if result is not None]
        return done, len(results) - len(done)

    async def _payment(self, tenant: str, intent_id: str, payment_id: str) -> bool:
        """Do what must be done at a payment, or heed the deadline of its hold."""
        await self._look_again(await self._context.case(tenant, intent_id), payment_id)
        await self._runner.drive(tenant, intent_id)
        case = await self._context.case(tenant, intent_id)
        payment = case.payment(payment_id)
        now_us = self._context.env.now_us()
        if payment.wake_us is None or payment.wake_us > now_us:
            return True
        capabilities = self._context.provider(payment).capabilities
        writes: list[Write] = []
        if next_step(case, payment, capabilities) is None and payment.facts.open_hold > 0:
            if capabilities.look_up and payment.expires_us is not None and payment.expires_us <= now_us:
                case = await self._look_after_expiry(case, payment_id, now_us=now_us)
                payment = case.payment(payment_id)
            if await self._extended(case, payment):
                return True
            writes = await self._deadline(case, payment, now_us=now_us)
        wake = wake_us(case, payment, capabilities, now_us=now_us)
        if wake is not None and wake <= now_us:
            wake = now_us + 60 * _SECOND  # somebody else is at it, or it has to wait its turn
        after = replace(payment, wake_us=wake, updated_us=now_us)
        try:
            await self._context.store.commit(Commit((update_payment(payment, after), *writes)))
        except GuardMissed:
            return False
        self._context.notify()
        return True

    async def _look_after_expiry(self, case: Case, payment_id: str, *, now_us: int) -> Case:
        """Ask about a hold whose time is over; where nothing is said of its rest, the time that was stated counts."""
        tenant, intent_id = case.tenant, case.snapshot.intent.id
        provider = self._context.provider(case.payment(payment_id))
        seen = await self._recoverer.look(case, provider, payment_id=payment_id)
        case = await self._context.case(tenant, intent_id)
        ended = lapsed(case, case.payment(payment_id), seen, now_us=now_us)
        if ended is None:
            return case
        await self._recoverer.apply(tenant, intent_id, payment_id, ended, source="expiry")
        return await self._context.case(tenant, intent_id)

    async def _look_again(self, case: Case, payment_id: str) -> None:
        """Ask about a hold that is open although it was voided: the processor may have let it go by itself."""
        payment = case.payment(payment_id)
        provider = self._context.provider(payment)
        voided = any(found.kind is OperationKind.VOID for found in case.snapshot.of(payment_id))
        if voided and payment.facts.open_hold > 0 and provider.capabilities.look_up:
            await self._recoverer.look(case, provider, payment_id=payment_id)

    async def _extended(self, case: Case, payment: PaymentRecord) -> bool:
        """Ask for more time where the hold allows it and the session still runs; say whether there was cause to."""
        runs = case.session is not None and case.session.session.status is SessionStatus.READY
        can_extend = payment.hold is not None and payment.hold.extend and payment.id == case.snapshot.payment.id
        is_over = payment.expires_us is None or payment.expires_us <= self._context.env.now_us()
        if not runs or not can_extend or is_over or extension(case, payment) is not None:
            return False
        if case.session is None or not await self._is_heard_of(case.session):
            return False
        await self._meterer.extend(case)
        return True

    async def _is_heard_of(self, record: SessionRecord) -> bool:
        """Say whether anything of a session came within a day; a forgotten one keeps nobody's money for ever."""
        followed = await self._tracker.follow(record.session.tenant, record.session.id)
        return as_of(followed) >= self._context.env.now_us() - 86_400 * _SECOND

    async def _deadline(self, case: Case, payment: PaymentRecord, *, now_us: int) -> list[Write]:
        """Tell the host that a hold is about to expire: an open session should stop, and a person should know.

        While more time is asked for, nobody is told.
        """
        asked = extension(case, payment)
        if payment.facts.open_hold <= 0 or payment.expires_us is None:
            return []
        if asked is not None and asked.state in UNSETTLED and payment.expires_us > now_us:
            return []
        problem = {
            "code": "hold_expires",
            "subject": payment.session_id or payment.intent_id,
            "message": (
                f"The hold at {payment.account.name!r} expires at {instant(payment.expires_us).isoformat()} with "
                f"{payment.facts.open_hold} minor units open. Finish the session, or capture what is due."
            ),
        }
        writes = announce(case, "attention_needed", {"problem": problem}, now_us=now_us)
        if case.session is not None and case.session.session.status is SessionStatus.READY:
            followed = await self._tracker.follow(case.tenant, case.session.session.id)
            exposure, _ = expose(followed, case, step_minor=step_minor(self._context, case), now_us=now_us)
            stop = exposure.model_copy(update={"decision": Decision.STOP, "reason": "hold_expires"})
            writes += stop_requested(case, stop, now_us=now_us)
        return writes

    async def _session(self, tenant: str, session_id: str) -> bool:
        """Heed a session's timer: deny who waited too long, issue a receipt that is missing, watch the hold."""
        followed = await self._tracker.follow(tenant, session_id)
        record = followed.record
        status = record.session.status
        if status is SessionStatus.FINISHED:
            if record.session.receipt_number is None:
                await self._runner.drive(tenant, record.session.intent_id or "")
                await self._ender.receipt(tenant, session_id)
            return True
        if status is SessionStatus.READY:
            await self._meterer.look_at(tenant, session_id)
            return True
        now_us = self._context.env.now_us()
        case = await self._meterer.case_of(followed)
        waiting = status is SessionStatus.WAITING and record.session.admission is Admission.WAIT
        ended = record.changed(admission=Admission.DENY, denial="timed_out") if waiting else record
        ended = replace(ended, wake_us=None)
        writes: list[Write] = [update_session(record, ended, now_us=now_us)]
        if waiting:
            writes += announce(case, "admission_changed", {}, now_us=now_us)
        try:
            await self._context.store.commit(Commit(tuple(writes)))
        except GuardMissed:
            return False
        self._context.notify()
        await self._runner.drive(tenant, case.snapshot.intent.id)
        return True
