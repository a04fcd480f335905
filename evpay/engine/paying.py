"""The payment level: verbs on an intent, for hosts that price and watch by themselves."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection

from evpay.engine.case import Case
from evpay.engine.conclusion import Lesson
from evpay.engine.context import Context
from evpay.engine.drafts import Draft, capture_request, draft_void, make_operation, operation_id
from evpay.engine.legs import draft_leg, last_leg, may_send_again, says_nothing_else
from evpay.engine.recovery import Recoverer
from evpay.engine.reviews import close_rows
from evpay.engine.runner import Runner
from evpay.errors import (
    InvalidInput,
    InvalidTransition,
    NotFound,
    StoreConflict,
    StoreUnavailable,
    UnsupportedOperation,
)
from evpay.money import Money, from_minor, to_minor
from evpay.payments.lifecycle import available, is_live
from evpay.payments.operation import UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import Handle, Outcome, Unknown
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.providers import EffectRequest, IncrementRequest
from evpay.store import reads
from evpay.store.commit import AlreadyThere, Commit, GuardMissed, SingleFlight

__all__ = ["Payer", "minor_of", "refusal"]

_TRIES: Final = 10
_RESOLVABLE: Final = frozenset({OperationState.UNKNOWN, OperationState.PENDING, OperationState.REQUIRES_ACTION})


class Payer:
    """Carries out what the payment level asks for."""

    def __init__(self, context: Context, runner: Runner, recoverer: Recoverer) -> None:
        self._context = context
        self._runner = runner
        self._recoverer = recoverer

    async def carry_out(self, tenant: str, intent_id: str, plan: Callable[[Case], Draft]) -> tuple[Case, str]:
        """Plan on the newest state and run; the same operation again is joined or looked up, never sent twice."""
        for _ in range(_TRIES):
            case = await self._context.case(tenant, intent_id)
            draft = plan(case)
            known = case.operation(draft.operation.id)
            if known is not None:
                _same_content(draft.operation, known)
                return await self.known(case, known), known.id
            try:
                await self._runner.run(tenant, intent_id, draft)
            except (AlreadyThere, GuardMissed):
                continue
            return await self._context.case(tenant, intent_id), draft.operation.id
        raise StoreUnavailable(f"Payment intent {intent_id!r} kept being changed by others. Try again.")

    async def known(self, case: Case, operation: OperationRecord) -> Case:
        """Wait for an operation that is asked for again, or look it up; return the case then."""
        intent_id = case.snapshot.intent.id
        if operation.state is OperationState.SUBMITTING:
            case = await self._runner.join(case.tenant, intent_id, operation.id, within_s=self._context.lease_s)
            operation = case.operation(operation.id) or operation
        if operation.state is OperationState.UNKNOWN:
            await self._recoverer.resolve(case.tenant, intent_id, operation.id)
            await self._runner.drive(case.tenant, intent_id)
            case = await self._context.case(case.tenant, intent_id)
        return case

    async def complete(self, tenant: str, intent_id: str, answer: Mapping[str, str], *, actor: str | None) -> Case:
        """Go on after the driver acted; what the browser says is a claim that only the processor can confirm.

        A leg that nobody can tell of does not block the next one: the same claim is sent again as it was, another one
        takes its place.
        """
        for _ in range(_TRIES):
            case = await self._context.case(tenant, intent_id)
            leg = last_leg(case, case.snapshot.payment)
            if _is_driver_awaited(case) and leg is not None and leg.state in UNSETTLED:
                case = await self.known(case, leg)
                leg = last_leg(case, case.snapshot.payment)
                if leg is None or leg.state is not OperationState.UNKNOWN:
                    return case
            if not _is_driver_awaited(case):
                return case
            if leg is not None and leg.state is OperationState.UNKNOWN and says_nothing_else(leg, answer):
                return await self._said_again(case, leg, answer)
            now_us = self._context.env.now_us()
            try:
                await self._runner.run(tenant, intent_id, draft_leg(case, answer, now_us=now_us, actor=actor))
            except (AlreadyThere, GuardMissed):
                continue
            return await self._context.case(tenant, intent_id)
        raise StoreUnavailable(f"Payment intent {intent_id!r} kept being changed by others. Try again.")

    async def _said_again(self, case: Case, leg: OperationRecord, answer: Mapping[str, str]) -> Case:
        """Send a leg of which nothing is known again as it was, if the same is claimed again."""
        intent_id = case.snapshot.intent.id
        provider = self._context.provider(case.payment(leg.payment_id))
        if may_send_again(leg, answer, provider.capabilities, now_us=self._context.env.now_us()):
            with suppress(GuardMissed, SingleFlight):  # somebody else has just sent it
                await self._runner.resend(case, leg)
            await self._runner.drive(case.tenant, intent_id)
        return await self._context.case(case.tenant, intent_id)

    async def increment(self, tenant: str, intent_id: str, *, to: Money, actor: str | None) -> Case:
        """Raise the hold to a new total, or ask for more time with the same."""

        def plan(case: Case) -> Draft:
            payment = case.snapshot.payment
            total = minor_of(to, payment, "to")
            identity = ("increment", str(total), str(payment.expires_us))
            if case.operation(operation_id(payment.id, *identity)) is None:
                self._require(case, "increment")
                if total < payment.facts.authorized or (total == payment.facts.authorized and not _extends(payment)):
                    held = from_minor(payment.facts.authorized, payment.currency)
                    raise refusal(case, self.verbs(case), "increment", f"{to} is not more than the hold of {held}.")
            return self.draft(
                case,
                payment,
                OperationKind.INCREMENT,
                identity,
                total,
                lambda reference, key: IncrementRequest(
                    reference=reference,
                    idempotency_key=key,
                    payment_reference=payment.reference,
                    handle=payment.handle or Handle(id=""),
                    total=to,
                    authorized=from_minor(payment.facts.authorized, payment.currency),
                ),
                actor=actor,
            )

        return (await self.carry_out(tenant, intent_id, plan))[0]

    async def capture(
        self, tenant: str, intent_id: str, amount: Money | None, *, final: bool, key: str | None, actor: str | None
    ) -> Case:
        """Take an amount, or all that is held; with `final` the rest comes free."""

        def plan(case: Case) -> Draft:
            payment = case.snapshot.payment
            identity = ("capture", key or ("final" if final else f"{amount}"))
            known = case.operation(operation_id(payment.id, *identity))
            wanted = minor_of(amount, payment, "amount") if amount is not None else payment.facts.open_hold
            if known is not None:
                wanted = minor_of(amount, payment, "amount") if amount is not None else known.amount
            else:
                self._require(case, "capture")
                if not 0 < wanted <= payment.capturable:
                    most = from_minor(payment.capturable, payment.currency)
                    raise refusal(
                        case, self.verbs(case), "capture", f"{amount} cannot be captured; at most {most} can."
                    )
                if not final and not (payment.hold and payment.hold.multiple_captures):
                    raise UnsupportedOperation(
                        f"Account {payment.account.name!r} takes one capture only. Leave out final=False.",
                        account=payment.account.name,
                        verb="capture",
                    )
            request_of = capture_request(payment, amount=wanted, final=final)
            return self.draft(case, payment, OperationKind.CAPTURE, identity, wanted, request_of, actor=actor)

        return (await self.carry_out(tenant, intent_id, plan))[0]

    async def void(self, tenant: str, intent_id: str, *, actor: str | None) -> Case:
        """Give back everything that is not captured; never while a capture is on its way, which it could undo."""
        case = await self._context.case(tenant, intent_id)
        payment = case.snapshot.payment
        operations = case.snapshot.of(payment.id)
        voids = [found for found in operations if found.kind is OperationKind.VOID]
        if voids and (voids[-1].state in UNSETTLED or not is_live(payment, operations)):
            return await self.known(case, voids[-1])
        if not is_live(payment, operations):
            raise refusal(case, self.verbs(case), "void", "There is no hold that could be let go.")

        def plan(now: Case) -> Draft:
            held = now.snapshot.payment
            if any(o.kind is OperationKind.CAPTURE and o.state in UNSETTLED for o in now.snapshot.of(held.id)):
                why = "A capture of it is not settled yet: let go of what that leaves then."
                raise refusal(now, self.verbs(now), "void", why)
            return draft_void(now.snapshot, held, now_us=self._context.env.now_us(), actor=actor)

        return (await self.carry_out(tenant, intent_id, plan))[0]

    async def resolve(
        self,
        tenant: str,
        intent_id: str,
        *,
        outcome: Outcome | None,
        operation: str | None,
        reason: str,
        evidence: str,
        actor: str | None,
    ) -> Case:
        """Let a person say what became of an operation, or that they have looked; the processor's word wins over it."""
        case = await self._context.case(tenant, intent_id)
        said = f"{reason} ({evidence})"
        if outcome is None:
            return await self._looked_at(case, said, actor=actor)
        found = self._resolvable(case, operation)
        lesson = Lesson(operation_id=found.id, outcome=outcome, source=f"operator: {said}", actor=actor)
        await self._runner.learn(tenant, intent_id, lesson)
        await self._runner.drive(tenant, intent_id)
        case = await self._context.case(tenant, intent_id)
        after = case.operation(found.id)
        if after is not None and after.state in UNSETTLED and isinstance(after.outcome, Unknown):
            why = f"It stays as it is: {after.outcome.detail}."
            raise refusal(case, self.verbs(case), "resolve", why)
        return case

    def _resolvable(self, case: Case, named: str | None) -> OperationRecord:
        """Return the operation that a person may speak about: one that is unknown, contradicted, or named and open."""
        if named is not None:
            found = case.operation(named)
            if found is None:
                raise NotFound("operation", named)
            if found.state not in _RESOLVABLE:
                raise refusal(case, self.verbs(case), "resolve", f"Operation {named!r} is {found.state}.")
            return found
        open_ = [o for o in case.snapshot.operations if o.state in _RESOLVABLE and isinstance(o.outcome, Unknown)]
        unknown = [o for o in case.snapshot.operations if o.state is OperationState.UNKNOWN and o not in open_]
        match open_ + unknown:
            case [one]:
                return one
            case []:
                raise refusal(case, self.verbs(case), "resolve", "No operation of it is unknown.")
            case several:
                names = ", ".join(f"{found.id} ({found.kind})" for found in several)
                why = f"Several of its operations are unknown. Name one with operation=: {names}."
                raise refusal(case, self.verbs(case), "resolve", why)

    async def _looked_at(self, case: Case, said: str, *, actor: str | None) -> Case:
        """Close the reviews of an intent that are about nothing which is still open."""
        open_ = {found.id for found in case.snapshot.operations if found.state in _RESOLVABLE}
        reviews = [found for found in case.reviews if found.closed_us is None and found.note not in open_]
        if not reviews:
            why = "Nothing is to be looked at, or only what is open: say what became of it with outcome=."
            raise refusal(case, self.verbs(case), "resolve", why)
        rows = close_rows(reviews, actor=actor, note=said, now_us=self._context.env.now_us())
        with suppress(GuardMissed):  # somebody else has just closed one
            await self._context.store.commit(Commit(tuple(rows)))
        return await self._context.case(case.tenant, case.snapshot.intent.id)

    async def find(self, tenant: str, name: str) -> Case:
        """Return an intent by its id, its key, or its session's id."""

        def find(connection: Connection) -> str | None:
            live = self._context.live
            for key in (f"session:{name}", f"key:{name}"):
                found = reads.intent_by_key(connection, tenant=tenant, key=key, live=live)
                if found is not None:
                    return found.intent.id
            return None

        found = await self._context.store.read(find)
        return await self._context.case(tenant, found or name)

    async def refresh(self, case: Case) -> Case:
        """Ask the processor about every attempt of an intent, and record what is new."""
        tenant, intent_id = case.tenant, case.snapshot.intent.id
        for payment in case.snapshot.payments:
            provider = self._context.provider(payment)
            if provider.capabilities.look_up:
                await self._recoverer.look(case, provider, payment_id=payment.id)
            for operation in case.snapshot.of(payment.id):
                if operation.state is OperationState.UNKNOWN:
                    await self._recoverer.resolve(tenant, intent_id, operation.id)
        await self._runner.drive(tenant, intent_id)
        return await self._context.case(tenant, intent_id)

    async def intent_ids(self, tenant: str, *, open_hold: bool | None) -> list[str]:
        """Return the intents' ids, newest first."""
        return await self._context.store.read(lambda c: reads.intent_ids(c, tenant=tenant, open_hold=open_hold))

    def verbs(self, case: Case) -> tuple[str, ...]:
        """Return what the newest attempt allows now."""
        payment = case.snapshot.payment
        can_refund = self._context.provider(payment).capabilities.refund
        return available(payment, case.snapshot.of(payment.id), can_refund=can_refund)

    def _require(self, case: Case, verb: str) -> None:
        verbs = self.verbs(case)
        if verb not in verbs:
            raise refusal(case, verbs, verb, "The payment does not allow it now.")

    def draft(
        self,
        case: Case,
        payment: PaymentRecord,
        kind: OperationKind,
        identity: tuple[str, ...],
        amount: int,
        request_of: Callable[[str, str], EffectRequest],
        *,
        reason: str | None = None,
        actor: str | None = None,
    ) -> Draft:
        """Return the operation that a verb asks for, under an id derived from what is asked."""
        del case
        made = make_operation(
            payment,
            id=operation_id(payment.id, *identity),
            kind=kind,
            amount=amount,
            request_of=request_of,
            now_us=self._context.env.now_us(),
            reason=reason,
            actor=actor,
        )
        return Draft(payment=payment, operation=made)


def _is_driver_awaited(case: Case) -> bool:
    authorize = case.authorize(case.snapshot.payment.id)
    return authorize.state in (OperationState.REQUIRES_ACTION, OperationState.PENDING)


def _extends(payment: PaymentRecord) -> bool:
    return payment.hold is not None and payment.hold.extend


def minor_of(amount: Money, payment: PaymentRecord, path: str) -> int:
    """Return an amount in minor units, or refuse one in another currency."""
    if amount.currency.code != payment.currency:
        raise InvalidInput(
            f"{path} is {amount}, the payment is in {payment.currency}: evpay never converts currencies.",
            code="currency_mismatch",
            path=path,
        )
    return to_minor(amount)


def _same_content(asked: OperationRecord, known: OperationRecord) -> None:
    is_other_reason = asked.kind is OperationKind.REFUND and asked.reason != known.reason
    if (asked.kind, asked.amount) != (known.kind, known.amount) or is_other_reason:
        reason = f" for another reason ({known.reason!r})" if is_other_reason else ""
        raise StoreConflict(
            f"This key was used for a {known.kind} of {from_minor(known.amount, known.currency)}{reason}, not for one "
            f"of {from_minor(asked.amount, asked.currency)}. Use a new key for another one.",
            key=known.id,
            existing=known.id,
        )


def refusal(case: Case, verbs: tuple[str, ...], verb: str, why: str) -> InvalidTransition:
    """Return why a verb is refused, with the verbs that are not."""
    intent = case.snapshot.intent
    return InvalidTransition(
        f"Payment intent {intent.id!r}: {verb} is not possible. {why}",
        intent_id=intent.id,
        verb=verb,
        available=verbs,
    )
