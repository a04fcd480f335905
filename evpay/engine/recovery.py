"""What is not settled is looked up, then sent again if that is safe, and otherwise looked up again later.

Recovery has no writing code of its own: a kill in it is a kill in any operation. It drives captures, voids and
refunds forward, never starts a hold that nobody waits for, and voids one that came too late.
"""

import json
import logging
from dataclasses import replace

from evpay.engine.case import Case
from evpay.engine.conclusion import Lesson, next_look_us
from evpay.engine.context import Context
from evpay.engine.drafts import update_payment
from evpay.engine.observing import in_order, lesson_of, lesson_of_totals
from evpay.engine.runner import Runner
from evpay.errors import EvpayError
from evpay.ids import wire_key
from evpay.instants import microseconds
from evpay.payments.operation import UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import Absent, Failed, Observation, Succeeded, Unknown
from evpay.payments.reasons import Reason
from evpay.payments.records import OperationRecord
from evpay.providers import LookUpRequest, Provider
from evpay.store import reads
from evpay.store.commit import AlreadyThere, Commit, GuardMissed, Insert, SingleFlight, Update

__all__ = ["Recoverer"]

_SECOND = 1_000_000
_REVIEW_AFTER_US = 86_400 * _SECOND
_MARGIN_US = 3_600 * _SECOND
_MOST_BY_TOTALS = 16
_NOT_RESENT = frozenset({OperationKind.AUTHORIZE, OperationKind.COMPLETE})
_MAY_COME_BACK = frozenset({OperationKind.CAPTURE, OperationKind.REFUND})
_NOT_DONE = frozenset({"failed", "declined"})
_log = logging.getLogger("evpay.engine")


class Recoverer:
    """Settles what a crash, a lost answer or a slow processor left open."""

    def __init__(self, context: Context, runner: Runner) -> None:
        self._context = context
        self._runner = runner

    async def recover(self, tenant: str, intent_id: str, operation_id: str) -> bool:
        """Take over one due operation, unless somebody is at it; say whether it is settled now."""
        case = await self._context.case(tenant, intent_id)
        operation = case.operation(operation_id)
        if operation is None or operation.state not in UNSETTLED or self._runner.is_running(operation_id):
            return False
        if operation.state is OperationState.RESERVED:
            await self._runner.drive(tenant, intent_id)
            return True
        if not await self._claim(case, operation):
            return False
        settled = await self.resolve(tenant, intent_id, operation_id)
        await self._runner.drive(tenant, intent_id)
        return settled

    async def _claim(self, case: Case, operation: OperationRecord) -> bool:
        """Take the lease of the payment if nobody holds it; the raised version locks out the old holder."""
        context, now_us = self._context, self._context.env.now_us()
        payment = case.payment(operation.payment_id)
        if operation.state is OperationState.SUBMITTING and payment.lease_us is not None and payment.lease_us > now_us:
            return False
        claimed = replace(payment, owner=context.worker, lease_us=context.lease_us, updated_us=now_us)
        try:
            await context.store.commit(
                Commit(
                    (
                        update_payment(payment, claimed),
                        Update(
                            "operation",
                            {"tenant": case.tenant, "id": operation.id},
                            {"next_us": context.lease_us},
                            {"state": operation.state.value, "attempts": operation.attempts},
                        ),
                    )
                )
            )
        except GuardMissed:
            return False
        return True

    async def resolve(self, tenant: str, intent_id: str, operation_id: str) -> bool:
        """Look an operation up; if that taught nothing and it is safe, send it again. Say whether it is settled."""
        case = await self._context.case(tenant, intent_id)
        operation = case.operation(operation_id)
        if operation is None or operation.state not in UNSETTLED:
            return True
        provider = self._context.provider(case.payment(operation.payment_id))
        if await self._looked_up(case, operation, provider):
            return True
        case = await self._context.case(tenant, intent_id)
        fresh = case.operation(operation_id)
        if fresh is None or fresh.state not in UNSETTLED:
            return True
        if self._may_resend(fresh, provider):
            try:
                await self._runner.resend(case, fresh)
            except (GuardMissed, SingleFlight):
                return False
            case = await self._context.case(tenant, intent_id)
            fresh = case.operation(operation_id)
            if fresh is None or fresh.state not in UNSETTLED:
                return True
        await self._look_later(case, fresh)
        return False

    async def _looked_up(self, case: Case, operation: OperationRecord, provider: Provider) -> bool:
        if not provider.capabilities.look_up:
            return False
        seen = await self.look(case, provider, payment_id=operation.payment_id)
        if isinstance(seen, Unknown):
            return False
        fresh = (await self._context.case(case.tenant, case.snapshot.intent.id)).operation(operation.id)
        if fresh is None or fresh.state not in UNSETTLED:
            return True
        if not self._absence_proven(fresh, seen, provider):
            return False
        outcome = Failed(reason=Reason.NOT_SENT, code="absent")
        return await self._learn(case, Lesson(operation_id=operation.id, outcome=outcome, source="look_up"))

    async def look(self, case: Case, provider: Provider, *, payment_id: str) -> Observation | Absent | Unknown:
        """Ask the processor what it knows of a payment, and record what is new of it."""
        payment = case.payment(payment_id)
        try:
            async with self._context.env.timeout(self._context.deadline_s):
                seen: object = await provider.look_up(
                    LookUpRequest(payment_reference=payment.reference, handle=payment.handle)
                )
        except (TimeoutError, EvpayError) as error:
            return Unknown(detail=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the contract: a faulty adapter proves nothing
            _log.exception("the adapter is faulty: its look-up raised")
            return Unknown(detail=type(error).__name__)
        if isinstance(seen, Observation):
            await self.apply(case.tenant, case.snapshot.intent.id, payment_id, seen, source="look_up")
        if isinstance(seen, Observation | Absent | Unknown):
            return seen
        _log.error("the adapter is faulty: its look-up answered with %s", type(seen).__name__)
        return Unknown(detail=f"an answer of type {type(seen).__name__}")

    async def apply(self, tenant: str, intent_id: str, payment_id: str, seen: Observation, *, source: str) -> int:
        """Record everything that an observation says; return how much of it was new."""
        new = 0
        for report in in_order(seen):
            case = await self._context.case(tenant, intent_id)
            told = lesson_of(case, payment_id, report, seen, source=source, now_us=self._context.env.now_us())
            if told is None:
                continue
            lesson, birth = told
            if source == "webhook" and seen.at is not None:
                lesson = replace(lesson, told_us=microseconds(seen.at))
            if not await self._is_outdated(case, lesson):
                new += await self._apply_one(tenant, intent_id, lesson, birth)
        for _ in range(_MOST_BY_TOTALS):
            case = await self._context.case(tenant, intent_id)
            now_us = self._context.env.now_us()
            told = lesson_of_totals(case, payment_id, seen, source=source, now_us=now_us)
            if told is None or not await self._apply_one(tenant, intent_id, *told):
                break
            new += 1
        return new

    async def _is_outdated(self, case: Case, lesson: Lesson) -> bool:
        """Say whether a message tells of a success that failed afterwards: the failure was only told first.

        The other way round a failure is always taken in: to miss one is worse than to ask a person.
        """
        found, told_us = case.operation(lesson.operation_id), lesson.told_us
        if found is None or told_us is None or found.kind not in _MAY_COME_BACK:
            return False
        if not isinstance(lesson.outcome, Succeeded) or found.state is OperationState.SUCCEEDED:
            return False
        events = await self._context.store.read(
            lambda connection: reads.events_of(connection, tenant=case.tenant, payment_id=found.payment_id)
        )
        bodies = [json.loads(event.body) for event in events]
        failed = [told for told in bodies if told["operation"] == found.id and told["outcome"]["type"] in _NOT_DONE]
        return any(told_us <= told["told_us"] for told in failed if "told_us" in told)

    async def _apply_one(self, tenant: str, intent_id: str, lesson: Lesson, birth: Commit | None) -> int:
        if birth is not None and birth.writes:
            try:
                await self._context.store.commit(birth)
            except (AlreadyThere, GuardMissed):
                return 0
        return await self._runner.learn(tenant, intent_id, lesson)

    def _absence_proven(self, operation: OperationRecord, seen: Observation | Absent, provider: Provider) -> bool:
        """Say whether a look-up that left the operation out proves that it never happened."""
        proven_after = provider.capabilities.absence_proven_after
        if proven_after is None or operation.state in (OperationState.REQUIRES_ACTION, OperationState.PENDING):
            return False
        if operation.kind is OperationKind.COMPLETE:
            return False  # it is reported as its AUTHORIZE, so its own absence proves nothing
        del seen
        sent_us = max(operation.first_sent_us or 0, operation.answered_us or 0)
        return self._context.env.now_us() - sent_us >= proven_after.total_seconds() * _SECOND

    def _may_resend(self, operation: OperationRecord, provider: Provider) -> bool:
        if operation.kind in _NOT_RESENT or operation.state not in (OperationState.UNKNOWN, OperationState.SUBMITTING):
            return False
        window = provider.capabilities.resend_for.get(operation.kind)
        if window is None or operation.first_sent_us is None:
            return False
        window_us = int(window.total_seconds() * _SECOND)
        age_us = self._context.env.now_us() - operation.first_sent_us
        return age_us < window_us - min(_MARGIN_US, window_us // 4)

    async def _learn(self, case: Case, lesson: Lesson) -> bool:
        return await self._runner.learn(case.tenant, case.snapshot.intent.id, lesson)

    async def _look_later(self, case: Case, operation: OperationRecord) -> None:
        """Put the next look further off; after a day a person is asked too, and looking goes on."""
        now_us = self._context.env.now_us()
        if operation.state is OperationState.SUBMITTING:
            outcome = Unknown(detail="no answer is on record")
            await self._learn(case, Lesson(operation_id=operation.id, outcome=outcome, source="recovery"))
            return
        writes: list[Insert | Update] = [
            Update(
                "operation",
                {"tenant": case.tenant, "id": operation.id},
                {"next_us": next_look_us(operation, now_us=now_us)},
                {"state": operation.state.value, "attempts": operation.attempts},
            )
        ]
        if now_us - operation.asked_us > _REVIEW_AFTER_US:
            reason = f"{operation.kind} is {operation.state} for more than a day"
            row = {
                "tenant": case.tenant,
                "id": wire_key("review", operation.id, reason),
                "payment": operation.payment_id,
                "subject": case.snapshot.intent.session_id or case.snapshot.intent.id,
                "reason": reason,
                "opened_us": now_us,
                "note": operation.id,
            }
            writes.append(Insert("review", row, or_ignore=True))
        try:
            await self._context.store.commit(Commit(tuple(writes)))
        except GuardMissed:
            return
