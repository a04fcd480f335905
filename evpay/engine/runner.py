"""One operation: intent on disk, one call, outcome on disk. The only place from which a processor is told anything."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from evpay.engine.case import Case, Step, is_wanted, next_step
from evpay.engine.conclusion import Lesson, conclude
from evpay.engine.context import Context
from evpay.engine.drafts import Draft, capture_request, draft_void, make_operation, reserve_rows, resubmit_rows
from evpay.engine.requests import send
from evpay.engine.waiting import stands_back_until_us
from evpay.errors import EvpayError, StoreUnavailable
from evpay.payments.lifecycle import is_final_capture
from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.outcome import ActionRequired, Declined, Failed, Outcome, Pending, Succeeded, Unknown
from evpay.payments.reasons import Reason
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.providers import Provider
from evpay.store.commit import AlreadyThere, GuardMissed, SingleFlight

__all__ = ["Runner"]

_TRIES: Final = 8
_STEPS: Final = 16
_POLL_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2)
_log = logging.getLogger("evpay.engine")


class Runner:
    """Runs operations. Each runs in a task of its own, so that only a kill can interrupt it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def aclose(self) -> None:
        """Wait for everything that is running."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def background(self, work: Coroutine[Any, Any, Any], *, name: str) -> None:
        """Run something that nobody waits for; what goes wrong is logged, and recovery finds the rest on disk."""
        self._spawn(self._guarded(work, name))

    async def settled(self) -> None:
        """Wait until nothing runs in the background."""
        await self.aclose()

    async def _guarded(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - nobody waits, and recovery finds on disk what is left to do
            _log.exception("background work failed; recovery takes it up", extra={"work": name})

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def run(self, tenant: str, intent_id: str, draft: Draft, *, failover: bool = False) -> None:
        """Reserve an operation, send it, record what came of it, and do what then must be done.

        If it has to wait, or another operation of the payment is in flight, it is only reserved, and sent when its turn
        comes.

        Raises:
            AlreadyThere, GuardMissed: nothing was written or sent; load again and decide again.
        """
        task = self._spawn(self._run(tenant, intent_id, draft, failover=failover))
        self._running[draft.operation.id] = task
        task.add_done_callback(lambda _: self._running.pop(draft.operation.id, None))
        await asyncio.shield(task)

    async def _run(self, tenant: str, intent_id: str, draft: Draft, *, failover: bool) -> None:
        context = self.context
        context.env.at("intent.before")
        now_us = context.env.now_us()
        # A call may be allowed longer than a lease lasts; nobody may take it over before it has had its time.
        lease_us = max(context.lease_us, now_us + int((draft.deadline_s or context.deadline_s) * 2_000_000))
        try:
            submit = draft.not_before_us is None
            rows = reserve_rows(draft, worker=context.worker, lease_us=lease_us, now_us=now_us, submit=submit)
            await context.store.commit(rows)
        except SingleFlight:
            rows = reserve_rows(draft, worker=context.worker, lease_us=lease_us, now_us=now_us, submit=False)
            await context.store.commit(rows)
            return
        if not submit:
            return
        context.env.at("intent.committed")
        await self._call_and_conclude(draft.payment, draft.operation, draft.deadline_s, failover=failover)
        await self.drive(tenant, intent_id)

    async def _call_and_conclude(
        self,
        payment: PaymentRecord,
        operation: OperationRecord,
        deadline_s: float | None = None,
        *,
        failover: bool = False,
        in_doubt: bool = False,
    ) -> None:
        outcome = await self._call(self.context.provider(payment), operation, deadline_s or self.context.deadline_s)
        self.context.env.at("outcome.received")
        await self.learn(
            payment.tenant,
            payment.intent_id,
            Lesson(operation_id=operation.id, outcome=outcome, source="answer", failover=failover, in_doubt=in_doubt),
        )
        self.context.env.at("outcome.committed")

    async def _call(self, provider: Provider, operation: OperationRecord, deadline_s: float) -> Outcome:
        """One call under one overall deadline; whatever is not an answer is Unknown."""
        try:
            async with self.context.env.timeout(deadline_s):
                answer: object = await send(provider, operation)
        except TimeoutError:
            return Unknown(detail=f"no answer within {deadline_s:g} s")
        except EvpayError as error:
            # By the contract nothing was sent. A driver's leg stays unknown: Failed would end its authorization.
            _log.warning("the adapter refused %s: %s", operation.kind, error.message)
            if operation.kind is OperationKind.COMPLETE:
                return Unknown(detail=type(error).__name__)
            return Failed(reason=Reason.INVALID_REQUEST, code=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the contract: whatever an adapter raises proves nothing
            _log.exception("the adapter is faulty: it raised instead of answering", extra={"kind": operation.kind})
            return Unknown(detail=type(error).__name__)
        if isinstance(answer, Succeeded | Pending | ActionRequired | Declined | Failed | Unknown):
            return answer
        _log.error("the adapter is faulty: it answered with %s", type(answer).__name__)
        return Unknown(detail=f"an answer of type {type(answer).__name__}")

    async def learn(self, tenant: str, intent_id: str, lesson: Lesson) -> bool:
        """Record what was learned on the newest state; say whether it was anything new.

        Evidence is never lost to a lost lease: it is applied again to what is on disk now.
        """
        context = self.context
        for _ in range(_TRIES):
            case = await context.case(tenant, intent_id)
            found = case.operation(lesson.operation_id)
            if found is None:
                return False
            capabilities = context.provider(case.payment(found.payment_id)).capabilities
            rows = conclude(case, lesson, capabilities=capabilities, test=not context.live, now_us=context.env.now_us())
            if rows is None:
                return False
            try:
                await context.store.commit(rows)
            except (GuardMissed, AlreadyThere):
                continue
            context.notify()
            return True
        raise StoreUnavailable(f"What was learned of operation {lesson.operation_id!r} could not be written.")

    async def drive(self, tenant: str, intent_id: str) -> None:
        """Do what the facts say must be done at an intent, until nothing must or it is not yet time."""
        for _ in range(_STEPS):
            case = await self.context.case(tenant, intent_id)
            if not await self._drive_once(case):
                return

    async def _drive_once(self, case: Case) -> bool:
        now_us = self.context.env.now_us()
        for payment in case.snapshot.payments:
            step = next_step(case, payment, self.context.provider(payment).capabilities)
            if step is None or _not_before_us(case, step) > now_us:
                continue
            try:
                if step.operation is not None:
                    await self._activate(case, step.operation)
                else:
                    draft = draft_void(case.snapshot, payment, now_us=now_us, actor="evpay")
                    await self._submit(draft)
            except (GuardMissed, AlreadyThere, SingleFlight):
                return True
            return True
        return False

    async def _submit(self, draft: Draft) -> None:
        context = self.context
        rows = reserve_rows(
            draft, worker=context.worker, lease_us=context.lease_us, now_us=context.env.now_us(), submit=True
        )
        context.env.at("intent.before")
        await context.store.commit(rows)
        context.env.at("intent.committed")
        await self._call_and_conclude(draft.payment, draft.operation)

    async def _activate(self, case: Case, operation: OperationRecord) -> None:
        """Send a reserved operation; a capture takes what can be taken now."""
        payment = case.payment(operation.payment_id)
        planned = operation
        if operation.kind is OperationKind.INCREMENT and not is_wanted(case, payment):
            no_more = Failed(reason=Reason.INCREMENT_NOT_AVAILABLE, code="not_wanted")
            lesson = Lesson(operation_id=operation.id, outcome=no_more, source="engine")
            await self.learn(case.tenant, case.snapshot.intent.id, lesson)
            return
        if operation.kind is OperationKind.CAPTURE and operation.attempts == 0:
            amount = min(operation.amount, payment.capturable)
            if amount <= 0:
                nothing = Failed(reason=Reason.AUTHORIZATION_EXPIRED, code="nothing_to_capture")
                lesson = Lesson(operation_id=operation.id, outcome=nothing, source="engine")
                await self.learn(case.tenant, case.snapshot.intent.id, lesson)
                return
            planned = make_operation(
                payment,
                id=operation.id,
                kind=OperationKind.CAPTURE,
                amount=amount,
                request_of=capture_request(payment, amount=amount, final=is_final_capture(operation)),
                now_us=operation.asked_us,
                actor=operation.actor,
                reason=operation.reason,
            )
            planned = _numbered_as(planned, operation)
        await self.resend(case, operation, planned)

    async def resend(self, case: Case, before: OperationRecord, after: OperationRecord | None = None) -> None:
        """Send what is on disk: the same bytes under the same key."""
        context = self.context
        rows, sent = resubmit_rows(
            case.payment(before.payment_id),
            before,
            after or before,
            worker=context.worker,
            lease_us=context.lease_us,
            now_us=context.env.now_us(),
        )
        await context.store.commit(rows)
        context.env.at("intent.committed")
        in_doubt = before.state in (OperationState.SUBMITTING, OperationState.UNKNOWN)
        await self._call_and_conclude(case.payment(before.payment_id), sent, in_doubt=in_doubt)

    async def join(self, tenant: str, intent_id: str, operation_id: str, *, within_s: float) -> Case:
        """Wait for an operation that somebody else runs, here or in another process, and return the case then."""
        task = self._running.get(operation_id)
        if task is not None:
            with suppress(TimeoutError):
                async with self.context.env.timeout(within_s):
                    await asyncio.wait({task})
        waited, turn = 0.0, 0
        while True:
            case = await self.context.case(tenant, intent_id)
            found = case.operation(operation_id)
            if found is None or found.state is not OperationState.SUBMITTING or waited >= within_s:
                return case
            pause = _POLL_S[min(turn, len(_POLL_S) - 1)]
            await self.context.env.sleep(pause)
            waited, turn = waited + pause, turn + 1

    def is_running(self, operation_id: str) -> bool:
        """Say whether this process is at an operation right now."""
        return operation_id in self._running


def _not_before_us(case: Case, step: Step) -> int:
    """Return when to do what must be done; a capture that was never sent waits for its hold to be raised."""
    operation = step.operation
    if operation is None or operation.kind is not OperationKind.CAPTURE or operation.attempts:
        return step.not_before_us
    operations = case.snapshot.of(step.payment.id)
    until_us = stands_back_until_us(step.payment, operations, amount=operation.amount, asked_us=operation.asked_us)
    return until_us or 0


def _numbered_as(planned: OperationRecord, reserved: OperationRecord) -> OperationRecord:
    return replace(planned, no=reserved.no, attempts=reserved.attempts)
