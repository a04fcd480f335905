"""What messages said, applied to their payments: one pass at a time, each message claimed, each payment once."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row

from evpay.engine.announcing import announce_to
from evpay.engine.case import Case
from evpay.engine.context import DEFAULT_TENANT, Context
from evpay.engine.observing import is_early
from evpay.engine.paying import Payer
from evpay.engine.recovery import Recoverer
from evpay.engine.runner import Runner
from evpay.payments.operation import OperationState
from evpay.payments.outcome import Observation, Unknown
from evpay.store import reads
from evpay.store.commit import Commit, GuardMissed, Update, Write

__all__ = ["Evidence"]

_OBSERVATION: Final = TypeAdapter(Observation)
_SECOND: Final = 1_000_000
_PARKED_S: Final = (1, 10, 60, 600, 3_600, 21_600, 86_400)
_DAYS: Final = 30
_AT_ONCE: Final = 16
_log = logging.getLogger("evpay.engine")

_Message = Row[Any]
_Payment = tuple[str, str, str]


class Evidence:
    """Applies what is kept in the inbox."""

    def __init__(self, context: Context, runner: Runner, recoverer: Recoverer, payer: Payer) -> None:
        self._context = context
        self._runner = runner
        self._recoverer = recoverer
        self._payer = payer
        self._pass = asyncio.Lock()
        self._is_asked = False

    def apply_soon(self) -> None:
        """Apply what is due in the background; however often this is asked for meanwhile, it is one pass."""
        if not self._is_asked:
            self._is_asked = True
            self._runner.background(self.apply_due(), name="evidence")

    async def apply_due(self) -> int:
        """Apply what is due; return how many messages found their payment. One pass at a time."""
        async with self._pass:
            self._is_asked = False
            now_us = self._context.env.now_us()
            rows = await self._context.store.read(lambda connection: reads.due_inbox(connection, now_us=now_us))
            claimed = await self._claimed(rows)
            groups: dict[_Payment, list[_Message]] = {}
            strays: list[_Message] = []
            for row, found in zip(claimed, await self._payments_of(claimed), strict=True):
                if found is None:
                    strays.append(row)
                else:
                    groups.setdefault(found, []).append(row)
            await self._park(strays, None)
            gate = asyncio.Semaphore(_AT_ONCE)
            return sum(await asyncio.gather(*(self._guarded(gate, *group) for group in groups.items())))

    async def _claimed(self, rows: Sequence[_Message]) -> Sequence[_Message]:
        """Take messages for this pass; other processes leave them alone until the lease is over.

        All at once; one by one only where another process was quicker with some of them.
        """
        if not rows or await self._claim(rows):
            return rows
        return [row for row in rows if await self._claim([row])]

    async def _claim(self, rows: Sequence[_Message]) -> bool:
        lease_us = self._context.lease_us
        writes = (
            Update("inbox", _key(row), {"next_us": lease_us}, {"next_us": row.next_us, "attempts": row.attempts})
            for row in rows
        )
        try:
            await self._context.store.commit(Commit(tuple(writes)))
        except GuardMissed:
            return False
        return True

    async def _payments_of(self, rows: Sequence[_Message]) -> list[_Payment | None]:
        """Return whose payment each message is about, all in one read."""
        seen = [(row.account, _observation_of(row)) for row in rows]
        return await self._context.store.read(
            lambda connection: [
                None if told is None else _payment_of(connection, account, told) for account, told in seen
            ]
        )

    async def _guarded(self, gate: asyncio.Semaphore, found: _Payment, rows: list[_Message]) -> int:
        async with gate:
            try:
                return await self._apply(found, rows)
            except Exception:  # noqa: BLE001 - one message that cannot be applied must not stop the others
                _log.exception("a message could not be applied; others go on", extra={"account": rows[0].account})
                await self._park(rows, found[2])
                return 0

    async def _apply(self, found: _Payment, rows: list[_Message]) -> int:
        """Apply everything that was told of one payment, in the order in which it came."""
        tenant, intent_id, payment_id = found
        case = await self._context.case(tenant, intent_id)
        if _has_live_call(case, payment_id, now_us=self._context.env.now_us()):
            await self._wait(rows)
            return 0
        early: list[_Message] = []
        empty: list[_Message] = []
        for row in rows:
            seen = _OBSERVATION.validate_json(row.body)
            if not seen.reports and seen.totals is None:
                empty.append(row)
                continue
            await self._recoverer.apply(tenant, intent_id, payment_id, seen, source="webhook")
            case = await self._context.case(tenant, intent_id)
            if is_early(case, payment_id, seen):
                early.append(row)
        waits = early + (empty if empty and not await self._asked(case, payment_id) else [])
        await self._runner.drive(tenant, intent_id)
        await self._reschedule([row for row in rows if row not in waits], None, payment_id)
        await self._park(waits, payment_id)
        return len(rows) - len(waits)

    async def _asked(self, case: Case, payment_id: str) -> bool:
        """Ask the processor, once for all messages that say no more than that; say whether it could be asked.

        Where nothing can be looked up, an authorization that waits for the driver is taken as far as it goes.
        """
        provider = self._context.provider(case.payment(payment_id))
        if not provider.capabilities.look_up:
            if payment_id == case.snapshot.payment.id:
                await self._payer.complete(case.tenant, case.snapshot.intent.id, {}, actor=None)
            return True
        return not isinstance(await self._recoverer.look(case, provider, payment_id=payment_id), Unknown)

    async def _wait(self, rows: list[_Message]) -> None:
        """Look again in a moment, uncounted: waiting for an answer is no failure of the message."""
        next_us = self._context.env.now_us() + 2 * _SECOND
        await self._context.store.commit(
            Commit(tuple(Update("inbox", _key(row), {"next_us": next_us}) for row in rows))
        )

    async def _park(self, rows: list[_Message], payment_id: str | None) -> None:
        """Look at messages again, later each time; a person is told of those that do not come to rest.

        What belongs to nothing is then left alone; what is about a payment is looked at daily for a month more.
        """
        by_attempts: dict[int, list[_Message]] = {}
        for row in rows:
            by_attempts.setdefault(row.attempts, []).append(row)
        for attempts, alike in by_attempts.items():
            wait_s = _wait_s(attempts, is_known=payment_id is not None)
            next_us = None if wait_s is None else self._context.env.now_us() + wait_s * _SECOND
            if next_us is not None and attempts != len(_PARKED_S):
                await self._reschedule(alike, next_us, payment_id)
                continue
            for row in alike:
                await self._reschedule([row], next_us, payment_id, *self._told_of(row, payment_id, next_us))

    def _told_of(self, row: _Message, payment_id: str | None, next_us: int | None) -> list[Write]:
        """Tell a person of a message that does not come to rest, and what is done about it."""
        which = f"Account {row.account!r} sent event {row.event_id!r}"
        if payment_id is None:
            code, why = "unmatched_webhook", "which belongs to no payment of this store or cannot be applied"
        else:
            code, why = "unapplied_webhook", f"which is about payment {payment_id!r} and could not be applied so far"
        then = "looked at no more" if next_us is None else "looked at daily; compare the payment with the processor"
        problem = {"code": code, "subject": row.account, "message": f"{which}, {why}. It is kept, and {then}."}
        now_us = self._context.env.now_us()
        told = {"problem": problem}
        return announce_to(DEFAULT_TENANT, f"account:{row.account}", "attention_needed", told, now_us=now_us)

    async def _reschedule(
        self, rows: list[_Message], next_us: int | None, payment_id: str | None, *told: Write
    ) -> None:
        if not rows:
            return
        writes = (
            Update(
                "inbox",
                _key(row),
                {"next_us": next_us, "attempts": row.attempts + 1, "payment": payment_id or row.payment},
            )
            for row in rows
        )
        await self._context.store.commit(Commit((*writes, *told)))


def _observation_of(row: _Message) -> Observation | None:
    try:
        return _OBSERVATION.validate_json(row.body)
    except Exception:  # noqa: BLE001 - one message that cannot be read must not stop the others
        _log.exception("a message cannot be read; others go on", extra={"account": row.account})
        return None


def _wait_s(attempts: int, *, is_known: bool) -> int | None:
    """Return how long to wait before the next look, in seconds; None if there is none."""
    if attempts < len(_PARKED_S):
        return _PARKED_S[attempts]
    return _PARKED_S[-1] if is_known and attempts < len(_PARKED_S) + _DAYS else None


def _key(row: _Message) -> dict[str, str]:
    return {"tenant": row.tenant, "account": row.account, "event_id": row.event_id}


def _payment_of(connection: Connection, account: str, seen: Observation) -> tuple[str, str, str] | None:
    """Return (tenant, intent, payment) of an observation: by our references first, then by their ids."""
    if seen.payment_reference is not None:
        found = reads.payment_by_reference(connection, account=account, reference=seen.payment_reference)
        if found is not None:
            return found
    for report in seen.reports:
        operation = (
            reads.operation_by_reference(connection, account=account, reference=report.reference)
            if report.reference
            else None
        )
        if operation is not None:
            return reads.payment_by_id(connection, tenant=operation.tenant, payment_id=operation.payment_id)
    if seen.payment_id is not None:
        return reads.payment_by_alias(connection, account=account, processor_id=seen.payment_id)
    return None


def _has_live_call(case: Case, payment_id: str, *, now_us: int) -> bool:
    """Say whether somebody is waiting for an answer right now, which is better evidence than a message."""
    lease = case.payment(payment_id).lease_us
    flying = any(found.state is OperationState.SUBMITTING for found in case.snapshot.of(payment_id))
    return flying and lease is not None and lease > now_us
