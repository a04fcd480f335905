"""The payment level: verbs on an intent, for hosts that price and watch by themselves."""

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Connection

from evpay.engine.case import Case
from evpay.engine.conclusion import Lesson
from evpay.engine.context import Context
from evpay.engine.drafts import Draft, capture_request, draft_void, make_operation, operation_id
from evpay.engine.recovery import Recoverer
from evpay.engine.runner import Runner
from evpay.errors import (
    InvalidInput,
    InvalidTransition,
    NotFound,
    StoreConflict,
    StoreUnavailable,
    UnsupportedOperation,
)
from evpay.ids import digest
from evpay.money import Money, from_minor, to_minor
from evpay.payments.lifecycle import available, is_live
from evpay.payments.operation import UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import Handle, Outcome
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.providers import CompleteRequest, EffectRequest, IncrementRequest, RefundRequest
from evpay.receipts.model import Receipt, ReceiptKind
from evpay.store import reads
from evpay.store.commit import AlreadyThere, GuardMissed

__all__ = ["Payer"]

_TRIES: Final = 10


class Payer:
    """Carries out what the payment level asks for."""

    def __init__(self, context: Context, runner: Runner, recoverer: Recoverer) -> None:
        self._context = context
        self._runner = runner
        self._recoverer = recoverer

    async def _do(self, tenant: str, intent_id: str, plan: Callable[[Case], Draft]) -> tuple[Case, str]:
        """Plan on the newest state and run; the same operation again is joined or looked up, never sent twice."""
        for _ in range(_TRIES):
            case = await self._context.case(tenant, intent_id)
            draft = plan(case)
            known = case.operation(draft.operation.id)
            if known is not None:
                _same_content(draft.operation, known)
                return await self._known(case, known), known.id
            try:
                await self._runner.run(tenant, intent_id, draft)
            except (AlreadyThere, GuardMissed):
                continue
            return await self._context.case(tenant, intent_id), draft.operation.id
        raise StoreUnavailable(f"Payment intent {intent_id!r} kept being changed by others. Try again.")

    async def _known(self, case: Case, operation: OperationRecord) -> Case:
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
        """Go on after the driver acted; what the browser says is a claim that only the processor can confirm."""
        case = await self._context.case(tenant, intent_id)
        payment = case.snapshot.payment
        authorize = case.authorize(payment.id)
        if authorize.state not in (OperationState.REQUIRES_ACTION, OperationState.PENDING):
            return case
        legs = [found for found in case.snapshot.of(payment.id) if found.kind is OperationKind.COMPLETE]
        if legs and legs[-1].state in UNSETTLED:
            return await self._known(case, legs[-1])

        def plan(now: Case) -> Draft:
            return self._draft(
                now,
                now.snapshot.payment,
                OperationKind.COMPLETE,
                ("complete", str(len(legs))),
                authorize.amount,
                lambda reference, key: CompleteRequest(
                    reference=reference,
                    idempotency_key=key,
                    payment_reference=payment.reference,
                    handle=payment.handle or Handle(id=""),
                    amount=from_minor(authorize.amount, payment.currency),
                    answer=dict(answer),
                ),
                actor=actor,
            )

        return (await self._do(tenant, intent_id, plan))[0]

    async def increment(self, tenant: str, intent_id: str, *, to: Money, actor: str | None) -> Case:
        """Raise the hold to a new total, or ask for more time with the same."""

        def plan(case: Case) -> Draft:
            payment = case.snapshot.payment
            total = _minor(to, payment, "to")
            identity = ("increment", str(total), str(payment.expires_us))
            if case.operation(operation_id(payment.id, *identity)) is None:
                self._require(case, "increment")
                if total < payment.facts.authorized or (total == payment.facts.authorized and not _extends(payment)):
                    held = from_minor(payment.facts.authorized, payment.currency)
                    raise _refusal(case, self._verbs(case), "increment", f"{to} is not more than the hold of {held}.")
            return self._draft(
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

        return (await self._do(tenant, intent_id, plan))[0]

    async def capture(
        self, tenant: str, intent_id: str, amount: Money | None, *, final: bool, key: str | None, actor: str | None
    ) -> Case:
        """Take an amount, or all that is held; with `final` the rest comes free."""

        def plan(case: Case) -> Draft:
            payment = case.snapshot.payment
            identity = ("capture", key or ("final" if final else f"{amount}"))
            known = case.operation(operation_id(payment.id, *identity))
            wanted = _minor(amount, payment, "amount") if amount is not None else payment.facts.open_hold
            if known is not None:
                wanted = _minor(amount, payment, "amount") if amount is not None else known.amount
            else:
                self._require(case, "capture")
                if not 0 < wanted <= payment.capturable:
                    most = from_minor(payment.capturable, payment.currency)
                    raise _refusal(
                        case, self._verbs(case), "capture", f"{amount} cannot be captured; at most {most} can."
                    )
                if not final and not (payment.hold and payment.hold.multiple_captures):
                    raise UnsupportedOperation(
                        f"Account {payment.account.name!r} takes one capture only. Leave out final=False.",
                        account=payment.account.name,
                        verb="capture",
                    )
            request_of = capture_request(payment, amount=wanted, final=final)
            return self._draft(case, payment, OperationKind.CAPTURE, identity, wanted, request_of, actor=actor)

        return (await self._do(tenant, intent_id, plan))[0]

    async def void(self, tenant: str, intent_id: str, *, actor: str | None) -> Case:
        """Give back everything that is not captured."""
        case = await self._context.case(tenant, intent_id)
        payment = case.snapshot.payment
        operations = case.snapshot.of(payment.id)
        voids = [found for found in operations if found.kind is OperationKind.VOID]
        if voids and (voids[-1].state in UNSETTLED or not is_live(payment, operations)):
            return await self._known(case, voids[-1])
        if not is_live(payment, operations):
            raise _refusal(case, self._verbs(case), "void", "There is no hold that could be let go.")
        return (
            await self._do(
                tenant,
                intent_id,
                lambda now: draft_void(
                    now.snapshot, now.snapshot.payment, now_us=self._context.env.now_us(), actor=actor
                ),
            )
        )[0]

    async def refund(
        self, tenant: str, intent_id: str, amount: Money | None, *, reason: str, key: str | None, actor: str | None
    ) -> tuple[Case, str]:
        """Give back captured money; return the case and the operation's id."""
        case = await self._context.case(tenant, intent_id)
        await self._confirm_captures(case)

        def plan(now: Case) -> Draft:
            payment = next((p for p in now.snapshot.payments if p.facts.captured > 0), now.snapshot.payment)
            wanted = _minor(amount, payment, "amount") if amount is not None else None
            identity = ("refund", key if key is not None else digest({"amount": str(wanted), "reason": reason}))
            known = now.operation(operation_id(payment.id, *identity))
            refundable = payment.facts.refundable - _refunding(now, payment)
            minor = wanted if wanted is not None else known.amount if known is not None else refundable
            if known is None:
                self._check_refund(now, payment, minor, refundable)
            captures = [o for o in now.snapshot.of(payment.id) if o.kind is OperationKind.CAPTURE and o.provider_ref]
            return self._draft(
                now,
                payment,
                OperationKind.REFUND,
                identity,
                minor,
                lambda reference, wire: RefundRequest(
                    reference=reference,
                    idempotency_key=wire,
                    payment_reference=payment.reference,
                    handle=payment.handle or Handle(id=""),
                    amount=from_minor(minor, payment.currency),
                    capture_id=captures[0].provider_ref if captures else None,
                    note=reason,
                ),
                reason=reason,
                actor=actor,
            )

        return await self._do(tenant, intent_id, plan)

    def _check_refund(self, case: Case, payment: PaymentRecord, minor: int, refundable: int) -> None:
        if not self._context.provider(payment).capabilities.refund:
            raise UnsupportedOperation(
                f"Account {payment.account.name!r} cannot give money back. Pay the driver by other means.",
                account=payment.account.name,
                verb="refund",
            )
        if not 0 < minor <= refundable:
            asked, most = from_minor(max(minor, 0), payment.currency), from_minor(refundable, payment.currency)
            raise _refusal(case, self._verbs(case), "refund", f"{asked} cannot be refunded; at most {most} can.")

    async def _confirm_captures(self, case: Case) -> None:
        """Let captures under way come to their end before money is given back."""
        for operation in case.snapshot.operations:
            if operation.kind is OperationKind.CAPTURE and operation.state in UNSETTLED:
                case = await self._known(case, operation)
                fresh = case.operation(operation.id)
                if fresh is not None and fresh.state in UNSETTLED:
                    raise _refusal(
                        case,
                        self._verbs(case),
                        "refund",
                        "Its capture is not confirmed yet. Try again when the processor has said what became of it.",
                    )

    async def refund_receipt(
        self, tenant: str, number: str, amount: Money | None, *, reason: str, key: str | None, actor: str | None
    ) -> Receipt:
        """Refund a receipt, and return the credit note."""
        original = await self._context.store.read(
            lambda connection: reads.receipt(connection, tenant=tenant, number=number)
        )
        if original is None or original.intent_id is None:
            raise NotFound("receipt", number)
        if original.kind is not ReceiptKind.RECEIPT:
            raise InvalidInput(
                f"{number!r} is a credit note. Refund the receipt that it corrects: {original.corrects!r}.",
                code="not_a_receipt",
            )
        case, operation_id_ = await self.refund(tenant, original.intent_id, amount, reason=reason, key=key, actor=actor)
        note = case.credit_note(operation_id_)
        if note is None:
            raise StoreUnavailable(
                f"The refund of {number!r} is under way elsewhere, and its credit note follows. "
                "Ask again with the same key."
            )
        return note

    async def resolve(
        self, tenant: str, intent_id: str, *, outcome: Outcome, reason: str, evidence: str, actor: str | None
    ) -> Case:
        """Let a person say what became of an unknown operation; what the processor says wins over it."""
        case = await self._context.case(tenant, intent_id)
        unknown = [found for found in case.snapshot.operations if found.state is OperationState.UNKNOWN]
        if not unknown:
            raise _refusal(case, self._verbs(case), "resolve", "No operation of it is unknown.")
        lesson = Lesson(
            operation_id=unknown[0].id, outcome=outcome, source=f"operator: {reason} ({evidence})", actor=actor
        )
        await self._runner.learn(tenant, intent_id, lesson)
        await self._runner.drive(tenant, intent_id)
        return await self._context.case(tenant, intent_id)

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

    def _verbs(self, case: Case) -> tuple[str, ...]:
        payment = case.snapshot.payment
        can_refund = self._context.provider(payment).capabilities.refund
        return available(payment, case.snapshot.of(payment.id), can_refund=can_refund)

    def _require(self, case: Case, verb: str) -> None:
        verbs = self._verbs(case)
        if verb not in verbs:
            raise _refusal(case, verbs, verb, "The payment does not allow it now.")

    def _draft(
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


def _refunding(case: Case, payment: PaymentRecord) -> int:
    """Return what refunds under way will give back."""
    return sum(
        found.amount
        for found in case.snapshot.of(payment.id)
        if found.kind is OperationKind.REFUND and found.state in UNSETTLED
    )


def _extends(payment: PaymentRecord) -> bool:
    return payment.hold is not None and payment.hold.extend


def _minor(amount: Money, payment: PaymentRecord, path: str) -> int:
    if amount.currency.code != payment.currency:
        raise InvalidInput(
            f"{path} is {amount}, the payment is in {payment.currency}: evpay never converts currencies.",
            code="currency_mismatch",
            path=path,
        )
    return to_minor(amount)


def _same_content(asked: OperationRecord, known: OperationRecord) -> None:
    if (asked.kind, asked.amount) != (known.kind, known.amount):
        raise StoreConflict(
            f"This key was used for a {known.kind} of {from_minor(known.amount, known.currency)}, not for one of "
            f"{from_minor(asked.amount, asked.currency)}. Use a new key for another one.",
            key=known.id,
            existing=known.id,
        )


def _refusal(case: Case, verbs: tuple[str, ...], verb: str, why: str) -> InvalidTransition:
    intent = case.snapshot.intent
    return InvalidTransition(
        f"Payment intent {intent.id!r}: {verb} is not possible. {why}",
        intent_id=intent.id,
        verb=verb,
        available=verbs,
    )
