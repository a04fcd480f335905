"""Events to the host: at least once, in order per session, a cursor per consumer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from sqlalchemy import Connection, Row

from evpay.engine.context import Context
from evpay.engine.tracking import Tracker, session_view
from evpay.events import (
    AdmissionChanged,
    AttentionNeeded,
    DebtChanged,
    Event,
    PaymentChanged,
    ReceiptIssued,
    StopRequested,
)
from evpay.instants import instant
from evpay.payments.intent import intent_view
from evpay.store import reads
from evpay.store.commit import AlreadyThere, Commit, Insert, Update
from evpay.store.rows import load_json

__all__ = ["Outbox"]

_POLL_S: Final = 0.5


class Outbox:
    """Delivers what was written with the facts."""

    def __init__(self, context: Context, tracker: Tracker) -> None:
        self._context = context
        self._tracker = tracker
        self._cursors: set[tuple[str, str]] = set()

    async def events(self, tenant: str, consumer: str, *, wait: bool) -> AsyncIterator[Event]:
        """Yield what the consumer has not acknowledged; asking for the next one acknowledges."""
        while True:
            self._context.changed.clear()
            rows = await self._context.store.read(
                lambda connection: reads.events_after(connection, tenant=tenant, consumer=consumer)
            )
            for row in rows:
                event = await self._event(row)
                if event is not None:
                    yield event
                await self._acknowledge(tenant, consumer, row)
            if not rows and not wait:
                return
            if not rows:
                await self._news()

    async def _news(self) -> None:
        """Wait for news of this process, or look again soon for those of others."""
        waiting = asyncio.ensure_future(self._context.changed.wait())
        pause = asyncio.ensure_future(self._context.env.sleep(_POLL_S))
        try:
            await asyncio.wait({waiting, pause}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            pause.cancel()
            await asyncio.gather(waiting, pause, return_exceptions=True)

    async def _acknowledge(self, tenant: str, consumer: str, row: Row[Any]) -> None:
        key = {"tenant": tenant, "name": consumer, "subject": row.subject}
        if (consumer, row.subject) not in self._cursors:
            try:
                await self._context.store.commit(
                    Commit((Insert("consumer", {**key, "no": row.no, "next_us": None, "attempts": 0}),))
                )
            except AlreadyThere:
                pass
            else:
                self._cursors.add((consumer, row.subject))
                return
        self._cursors.add((consumer, row.subject))
        await self._context.store.commit(Commit((Update("consumer", key, {"no": row.no}),)))

    async def _event(self, row: Row[Any]) -> Event | None:
        body = load_json(row.body)
        told = {"subject": row.subject, "number": row.no, "at": instant(row.at_us)}
        match row.kind:
            case "admission_changed":
                session = session_view(await self._tracker.follow(row.tenant, row.subject))
                return AdmissionChanged(session=session, **told)
            case "stop_requested":
                return StopRequested.model_validate({**told, "exposure": body["exposure"]})
            case "payment_changed":
                case = await self._context.case(row.tenant, body["intent"])
                can_refund = self._context.provider(case.snapshot.payment).capabilities.refund
                view = intent_view(case.snapshot, can_refund=can_refund, open_review=case.open_review)
                return PaymentChanged(intent=view, **told)
            case "attention_needed":
                return AttentionNeeded.model_validate({**told, "problem": body["problem"]})
        return await self._document(row, body, told)

    async def _document(self, row: Row[Any], body: dict[str, Any], told: dict[str, Any]) -> Event | None:
        def find(connection: Connection) -> ReceiptIssued | DebtChanged | None:
            if row.kind == "debt_changed":
                debt = reads.debt(connection, tenant=row.tenant, debt_id=body["debt"])
                return None if debt is None else DebtChanged(debt=debt, **told)
            issued = reads.receipts_of(connection, tenant=row.tenant, session_id=row.subject)
            refund = body.get("refund")
            receipt = next((found for found in issued if found.refund_id == refund), None)
            return None if receipt is None else ReceiptIssued(receipt=receipt, **told)

        return await self._context.store.read(find)
