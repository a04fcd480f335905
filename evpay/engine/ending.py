"""How a session ends: priced, captured or voided, the receipt; and what comes after: cancel, refund."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from evpay.engine.case import Case
from evpay.engine.closing import debt_rows, receipt_commit
from evpay.engine.conclusion import update_session
from evpay.engine.context import Context
from evpay.engine.drafts import Draft, capture_request, draft_void, make_operation, operation_id
from evpay.engine.metering import late_data_rows, reading_row, step_minor
from evpay.engine.recovery import Recoverer
from evpay.engine.runner import Runner
from evpay.engine.tracking import Followed, Tracker, session_view
from evpay.engine.waiting import stands_back_until_us
from evpay.errors import InvalidTransition, NotFound, StoreUnavailable
from evpay.instants import instant
from evpay.money import to_minor
from evpay.payments.lifecycle import is_live
from evpay.payments.operation import IN_FLIGHT, UNSETTLED, OperationKind, OperationState
from evpay.payments.records import OperationRecord
from evpay.receipts.model import Receipt, Seller
from evpay.sessions.model import Admission, Session, SessionStatus
from evpay.sessions.readings import ConnectorState, MeterReading
from evpay.store import reads
from evpay.store.commit import AlreadyThere, Commit, GuardMissed, Insert, Write
from evpay.store.rows import SessionRecord
from evpay.tariffs.compile import compile_tariff
from evpay.tariffs.cost import Cost
from evpay.tariffs.meter import CostMeter
from evpay.tariffs.model import Tariff

__all__ = ["Ender"]

_TRIES: Final = 10
_DEFAULT_SELLER: Final = Seller()


class Ender:
    """Ends sessions."""

    def __init__(self, context: Context, runner: Runner, tracker: Tracker, recoverer: Recoverer) -> None:
        self._context = context
        self._runner = runner
        self._tracker = tracker
        self._recoverer = recoverer

    async def finish(
        self,
        tenant: str,
        session_id: str,
        reading: MeterReading | None,
        *,
        reason: str | None,
        actor: str | None = None,
    ) -> Receipt:
        """Price the session, take what was used, let the rest go, and return the receipt.

        Raises:
            NotFound: there is no such session; the reading is kept, and the session ends when it starts.
            InvalidTransition: the session was cancelled.
        """
        for _ in range(_TRIES):
            now_us = self._context.env.now_us()
            rows = () if reading is None else (reading_row(tenant, session_id, reading, kind="final", now_us=now_us),)
            try:
                followed = await self._tracker.follow(tenant, session_id)
            except NotFound:
                await self._context.store.commit(Commit(rows))
                raise NotFound("session", session_id, kept=bool(rows)) from None
            status = followed.record.session.status
            if status in (SessionStatus.FINISHED, SessionStatus.CANCELLED):
                await self._late(followed, reading, rows)
                if status is SessionStatus.CANCELLED:
                    raise InvalidTransition(
                        f"Session {session_id!r} was cancelled; nothing is billed. The reading is kept.",
                        intent_id=followed.record.session.intent_id or "",
                        verb="finish",
                    )
                return await self.receipt(tenant, session_id)
            case = await self._quiet(await self._context.case(tenant, followed.record.session.intent_id or ""))
            # Readings may have come while an operation in flight was waited for.
            followed = await self._tracker.follow(tenant, session_id)
            after = followed if reading is None else self._tracker.with_readings(followed, (reading,))
            try:
                await self._end(case, after, rows, reason=reason, actor=actor)
            except (AlreadyThere, GuardMissed):
                continue
            return await self.receipt(tenant, session_id)
        raise StoreUnavailable(f"Session {session_id!r} could not be finished: others kept changing it. Try again.")

    async def _slipped_in(self, case: Case, record: SessionRecord) -> list[Write]:
        """Return the writes that tell of readings which were acknowledged while the session's end was written.

        They go with the receipt, so that a process that dies between the two loses no notice.
        """
        session = record.session
        self._tracker.forget(session.tenant, session.id)
        ended = await self._tracker.follow(session.tenant, session.id)
        if record.billed is None or ended.different <= record.billed:
            return []
        step, now_us = step_minor(self._context, case), self._context.env.now_us()
        return late_data_rows(case, record, ended, step_minor=step, now_us=now_us)

    async def _quiet(self, case: Case) -> Case:
        """Let an operation in flight come to its end, or look it up, so that the capture need not wait for it."""
        intent_id = case.snapshot.intent.id
        flying = [found for found in case.snapshot.operations if found.state in IN_FLIGHT]
        for operation in flying:
            case = await self._runner.join(case.tenant, intent_id, operation.id, within_s=self._context.deadline_s)
            fresh = case.operation(operation.id)
            if fresh is not None and fresh.state is OperationState.UNKNOWN:
                await self._recoverer.resolve(case.tenant, intent_id, operation.id)
                case = await self._context.case(case.tenant, intent_id)
        return case

    async def _end(
        self, case: Case, followed: Followed, rows: tuple[Insert, ...], *, reason: str | None, actor: str | None
    ) -> None:
        """Write the end of the session with its capture or void in one commit, then act."""
        now_us = self._context.env.now_us()
        ended = self._ended(case, followed, reason=reason, now_us=now_us)
        draft = self._closing_draft(case, ended, now_us=now_us, actor=actor)
        record = case.session
        if record is None or record.version != followed.record.version:
            raise GuardMissed("session", {"id": ended.session.id})
        closed = replace(case, session=ended)
        if draft is not None:
            closed = closed.after(draft.payment, draft.operation)
        opening: tuple[Write, ...] = (
            *rows,
            update_session(record, ended, now_us=now_us),
            *debt_rows(closed, now_us=now_us),
        )
        if draft is None:
            await self._context.store.commit(Commit(opening))
            await self._runner.drive(case.tenant, case.snapshot.intent.id)
        else:
            await self._runner.run(case.tenant, case.snapshot.intent.id, replace(draft, opening=Commit(opening)))

    def _ended(self, case: Case, followed: Followed, *, reason: str | None, now_us: int) -> SessionRecord:
        track, session = followed.track, followed.record.session
        cost = self._cost(case, followed)
        ended_at = instant(track.samples[-1].at_us) if track.samples else session.started_at
        changed = followed.record.changed(
            status=SessionStatus.FINISHED,
            admission=Admission.DENY,
            ended_at=ended_at,
            charging_ended_at=_charging_ended(followed) or ended_at,
            energy_wh=track.energy_wh,
            first_reading=track.first,
            last_reading=track.last_energy,
            signed_data=track.signed,
            stop_reason=reason,
            flags=session.flags | track.flags,
        )
        # Until its receipt is out, housekeeping looks after a finished session.
        wake_us = now_us + int(self._context.lease_s * 1_000_000)
        return replace(changed, cost=cost, billed=followed.different, wake_us=wake_us)

    def _cost(self, case: Case, followed: Followed) -> Cost:
        if followed.is_used:
            return followed.cost(step_minor=step_minor(self._context, case))
        free = compile_tariff(Tariff.free(currency=followed.compiled.currency))
        return CostMeter(free, start_us=0).cost()

    def _closing_draft(self, case: Case, ended: SessionRecord, *, now_us: int, actor: str | None) -> Draft | None:
        """Return the capture of what was used, the void of a hold that is not needed, or None without a hold."""
        payment = case.snapshot.payment
        if not is_live(payment, case.snapshot.of(payment.id)):
            return None
        authorize = case.authorize(payment.id)
        if authorize.state in (OperationState.REQUIRES_ACTION, OperationState.PENDING):
            return None  # nothing can be captured, and nobody wants the hold any more: it is voided, the cost is owed
        rule = self._context.provider(payment).capabilities.rule_for(payment.currency)
        owed = to_minor(ended.cost.total) if ended.cost else 0
        # While it is open how much is held, all of it is asked for; when its turn comes, what is held then is taken.
        operations = case.snapshot.of(payment.id)
        until_us = stands_back_until_us(payment, operations, amount=owed, asked_us=now_us)
        flying = authorize.state is not OperationState.SUCCEEDED or any(
            found.state in IN_FLIGHT and found.kind is OperationKind.INCREMENT for found in operations
        )
        waits = flying or until_us is not None
        amount = owed if waits else min(owed, payment.capturable)
        if owed < (rule.minimum_minor if rule else 1) or amount <= 0:
            waits = waits or _is_capturing(operations)
            return None if waits else draft_void(case.snapshot, payment, now_us=now_us, actor=actor)
        made = make_operation(
            payment,
            id=operation_id(payment.id, "capture", "session"),
            kind=OperationKind.CAPTURE,
            amount=amount,
            request_of=capture_request(payment, amount=amount, final=True),
            now_us=now_us,
            actor=actor,
        )
        return Draft(payment=payment, operation=made, not_before_us=until_us)

    async def _late(self, followed: Followed, reading: MeterReading | None, rows: tuple[Insert, ...]) -> None:
        """Keep a reading that comes after the end; tell a person if it would change the price."""
        if reading is None:
            return
        after = self._tracker.with_readings(followed, (reading,))
        if after is followed:
            return
        case = await self._context.case(followed.record.session.tenant, followed.record.session.intent_id or "")
        told = late_data_rows(
            case,
            followed.record,
            after,
            step_minor=step_minor(self._context, case),
            now_us=self._context.env.now_us(),
        )
        await self._context.store.commit(Commit((*rows, *told)))
        self._tracker.forget(case.tenant, followed.record.session.id)

    async def receipt(self, tenant: str, session_id: str) -> Receipt:
        """Return the receipt of a finished session; issue it if that is not done yet."""
        for _ in range(_TRIES):
            record = await self._context.store.read(
                lambda connection: reads.session(connection, tenant=tenant, session_id=session_id)
            )
            if record is None or record.session.intent_id is None:
                raise NotFound("session", session_id)
            case = await self._context.case(tenant, record.session.intent_id)
            if case.receipt is not None:
                return case.receipt
            for operation in case.snapshot.operations:
                if operation.state is OperationState.SUBMITTING:
                    case = await self._runner.join(
                        tenant, case.snapshot.intent.id, operation.id, within_s=self._context.lease_s
                    )
            seller = self._seller(record.session)
            try:
                rows = receipt_commit(
                    case, seller=seller, test=not self._context.live, now_us=self._context.env.now_us()
                )
                answers = await self._context.store.commit(rows + Commit(tuple(await self._slipped_in(case, record))))
            except (AlreadyThere, GuardMissed):
                continue
            self._context.notify()
            return next(answer for answer in answers if isinstance(answer, Receipt))
        raise StoreUnavailable(f"The receipt of session {session_id!r} could not be issued. Try again.")

    def _seller(self, session: Session) -> Seller:
        named = session.site.seller
        if named is not None and named in self._context.sellers:
            return self._context.sellers[named]
        return next(iter(self._context.sellers.values()), _DEFAULT_SELLER)

    async def finish_early(self, tenant: str, session_id: str) -> bool:
        """End a session whose end was told before its start; say whether there was one."""
        told = await self._context.store.read(
            lambda connection: reads.has_final_reading(connection, tenant=tenant, session_id=session_id)
        )
        if not told:
            return False
        followed = await self._tracker.follow(tenant, session_id)
        if followed.record.session.status in (SessionStatus.FINISHED, SessionStatus.CANCELLED):
            return False
        await self.finish(tenant, session_id, None, reason="ended_before_start")
        return True

    async def take_over(self, tenant: str, session_id: str) -> None:
        """End a session whose connector somebody else uses now: billed if anything is owed, else cancelled."""
        followed = await self._tracker.follow(tenant, session_id)
        owes = followed.is_used and followed.cost(step_minor=1).total.amount > 0
        if owes or followed.track.energy_mj > 0:
            await self.finish(tenant, session_id, None, reason="connector_taken_over")
        else:
            await self.cancel(tenant, session_id, reason="connector_taken_over")

    async def latest_session(self, tenant: str, *, site: str, connector: str) -> str | None:
        """Return the newest session at a connector, whatever became of it."""
        return await self._context.store.read(
            lambda c: reads.latest_session(c, tenant=tenant, site=site, connector=connector)
        )

    async def open_session(self, tenant: str, *, site: str, connector: str, not_id: str) -> Session | None:
        """Return the session that is open at a connector, if there is one."""
        found = await self._context.store.read(
            lambda c: reads.open_session(c, tenant=tenant, site=site, connector=connector, not_id=not_id)
        )
        return None if found is None else session_view(await self._tracker.follow(tenant, found))

    async def find_receipt(self, tenant: str, number: str) -> Receipt | None:
        """Return a receipt by its number."""
        return await self._context.store.read(lambda c: reads.receipt(c, tenant=tenant, number=number))

    async def list_receipts(self, tenant: str, *, session_id: str | None) -> list[Receipt]:
        """Return receipts and credit notes, oldest first."""
        return await self._context.store.read(lambda c: reads.receipts_of(c, tenant=tenant, session_id=session_id))

    async def cancel(self, tenant: str, session_id: str, *, reason: str, actor: str | None = None) -> Session:
        """End a session in which no energy flowed, and let its hold go."""
        for _ in range(_TRIES):
            followed = await self._tracker.follow(tenant, session_id)
            record = followed.record
            if record.session.status is SessionStatus.CANCELLED:
                return record.session
            if record.session.status is SessionStatus.FINISHED or followed.track.energy_mj > 0:
                raise InvalidTransition(
                    f"Session {session_id!r} cannot be cancelled: energy flowed or it is finished. Use finish().",
                    intent_id=record.session.intent_id or "",
                    verb="cancel",
                    available=("finish",),
                )
            now_us = self._context.env.now_us()
            cancelled = record.changed(
                status=SessionStatus.CANCELLED,
                admission=Admission.DENY,
                denial=record.session.denial or "cancelled",
                stop_reason=reason,
                ended_at=instant(now_us).astimezone(UTC),
            )
            update = update_session(record, replace(cancelled, wake_us=None), now_us=now_us)
            try:
                await self._cancelled(record, update, now_us=now_us, actor=actor)
            except (AlreadyThere, GuardMissed):
                continue
            self._tracker.forget(tenant, session_id)
            self._context.notify()
            return cancelled.session
        raise StoreUnavailable(f"Session {session_id!r} could not be cancelled. Try again.")

    async def _cancelled(self, record: SessionRecord, update: Write, *, now_us: int, actor: str | None) -> None:
        session = record.session
        case = await self._context.case(session.tenant, session.intent_id or "")
        payment = case.snapshot.payment
        operations = case.snapshot.of(payment.id)
        busy = any(found.state in IN_FLIGHT for found in operations)
        if busy or _is_capturing(operations) or not is_live(payment, operations):
            # What is in flight is voided as soon as it is known: nobody wants it any more.
            await self._context.store.commit(Commit((update,)))
            await self._runner.drive(session.tenant, case.snapshot.intent.id)
            return
        draft = draft_void(case.snapshot, payment, now_us=now_us, actor=actor)
        await self._runner.run(session.tenant, case.snapshot.intent.id, replace(draft, opening=Commit((update,))))


def _is_capturing(operations: Iterable[OperationRecord]) -> bool:
    """Say whether a capture is on its way, which a void could undo; what it leaves is let go afterwards."""
    return any(found.kind is OperationKind.CAPTURE and found.state in UNSETTLED for found in operations)


def _charging_ended(followed: Followed) -> datetime | None:
    """Return when charging last ended, if the session was idle at its end."""
    ended: int | None = None
    for sample in followed.track.samples:
        if sample.state is ConnectorState.CHARGING:
            ended = None
        elif ended is None:
            ended = sample.at_us
    return None if ended is None else instant(ended)
