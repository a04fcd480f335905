"""Bugs that the crash tests must find. Each is planted on purpose, into a backend's process that asks for it by name.

Nothing here runs in the process of the tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from evpay.engine import recovery, runner
from evpay.engine.conclusion import Lesson
from evpay.env import RealEnv
from evpay.payments.operation import OperationState
from evpay.payments.outcome import Declined
from evpay.payments.reasons import Reason
from evpay.store.commit import Commit, Insert

__all__ = ["BUGS"]


def _with_key(operation: Any, key: str) -> Any:
    return replace(operation, request=operation.request.replace(operation.idempotency_key, key), idempotency_key=key)


def key_made_when_sending() -> None:
    """The idempotency key is not on disk: whoever sends makes one."""
    right = runner.send

    async def send(provider: Any, operation: Any) -> Any:
        return await right(provider, _with_key(operation, RealEnv().new_id()))

    runner.send = send


def new_key_on_retry() -> None:
    """What is sent again is sent under a new key, neatly written down."""
    right = runner.resubmit_rows

    def resubmit_rows(payment: Any, before: Any, after: Any, **rest: Any) -> Any:
        again = _with_key(after, RealEnv().new_id()) if before.attempts else after
        return right(payment, before, again, **rest)

    runner.resubmit_rows = resubmit_rows


def silence_taken_for_a_decline() -> None:
    """An answer that did not arrive in time counts as a decline, and nobody looks."""

    async def resolve(self: Any, tenant: str, intent_id: str, operation_id: str) -> bool:
        declined = Declined(reason=Reason.DO_NOT_HONOR, code="timeout")
        lesson = Lesson(operation_id=operation_id, outcome=declined, source="recovery")
        return bool(await self._runner.learn(tenant, intent_id, lesson))

    recovery.Recoverer.resolve = resolve


def posted_in_a_second_transaction() -> None:
    """The outcome is written in one transaction, its postings in the next."""
    right_rows, right_learn = runner.conclude, runner.Runner.learn
    waiting: dict[str, Commit] = {}

    def is_posting(write: Any) -> bool:
        return isinstance(write, Insert) and write.table == "ledger"

    def conclude(case: Any, lesson: Any, **rest: Any) -> Any:
        rows = right_rows(case, lesson, **rest)
        if rows is None:
            return None
        waiting[lesson.operation_id] = Commit(tuple(write for write in rows.writes if is_posting(write)))
        return Commit(tuple(write for write in rows.writes if not is_posting(write)))

    async def learn(self: Any, tenant: str, intent_id: str, lesson: Any) -> bool:
        is_new = await right_learn(self, tenant, intent_id, lesson)
        postings = waiting.pop(lesson.operation_id, Commit())
        if is_new and postings.writes:
            self._spawn(self.context.store.commit(postings))
        return bool(is_new)

    runner.conclude, runner.Runner.learn = conclude, learn


def sent_before_it_is_on_disk() -> None:
    """The processor is told first, and only then is written down what it was told, and under which key."""
    right_run, right_submit, right_send = runner.Runner._run, runner.Runner._submit, runner.send
    answers: dict[str, Any] = {}

    async def tell(self: Any, draft: Any) -> None:
        operation = _with_key(draft.operation, RealEnv().new_id())
        answers[operation.id] = await right_send(self.context.provider(draft.payment), operation)

    async def send(provider: Any, operation: Any) -> Any:
        return answers.pop(operation.id, None) or await right_send(provider, operation)

    async def run(self: Any, tenant: str, intent_id: str, draft: Any, *, failover: bool) -> None:
        await tell(self, draft)
        await right_run(self, tenant, intent_id, draft, failover=failover)

    async def submit(self: Any, case: Any, draft: Any) -> None:
        await tell(self, draft)
        await right_submit(self, case, draft)

    runner.Runner._run, runner.Runner._submit, runner.send = run, submit, send


def never_taken_over() -> None:
    """What a dead backend had under way stays its own for ever."""
    right = recovery.Recoverer._claim

    async def claim(self: Any, case: Any, operation: Any) -> bool:
        return operation.state is not OperationState.SUBMITTING and await right(self, case, operation)

    recovery.Recoverer._claim = claim


BUGS: Final[Mapping[str, Callable[[], None]]] = {
    "key not on disk": key_made_when_sending,
    "new key on retry": new_key_on_retry,
    "time-out taken for a decline": silence_taken_for_a_decline,
    "outcome and posting in two transactions": posted_in_a_second_transaction,
    "sent before it is on disk": sent_before_it_is_on_disk,
    "never taken over": never_taken_over,
}
"""By name, what plants it."""
