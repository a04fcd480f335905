"""Refunds: of a payment, or of a receipt, which gives a credit note."""

import json
from collections.abc import Sequence

from evpay.engine.case import Case
from evpay.engine.closing import creditable, note_of, notes_due
from evpay.engine.context import Context
from evpay.engine.drafts import Draft, operation_id
from evpay.engine.paying import Payer, minor_of, refusal
from evpay.errors import InvalidInput, NotFound, StoreUnavailable, UnsupportedOperation
from evpay.ids import digest
from evpay.money import Money, from_minor, to_minor
from evpay.payments.operation import UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import Handle
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.providers import RefundRequest
from evpay.receipts.model import Receipt, ReceiptKind
from evpay.store import reads

__all__ = ["Refunder", "capture_for"]


class Refunder:
    """Gives captured money back."""

    def __init__(self, context: Context, payer: Payer) -> None:
        self._context = context
        self._payer = payer

    async def refund(
        self, tenant: str, intent_id: str, amount: Money | None, *, reason: str, key: str | None, actor: str | None
    ) -> tuple[Case, str]:
        """Give back captured money; return the case and the operation's id."""
        case = await self._context.case(tenant, intent_id)
        await self._confirm_captures(case)

        def plan(now: Case) -> Draft:
            payment = next((p for p in now.snapshot.payments if p.facts.captured > 0), now.snapshot.payment)
            wanted = minor_of(amount, payment, "amount") if amount is not None else None
            identity = ("refund", key if key is not None else digest({"amount": str(wanted), "reason": reason}))
            known = now.operation(operation_id(payment.id, *identity))
            refundable = payment.facts.refundable - _refunding(now, payment)
            minor = wanted if wanted is not None else known.amount if known is not None else refundable
            if known is None:
                self._check_refund(now, payment, minor, refundable)
            capture = capture_for(now.snapshot.of(payment.id), minor)
            return self._payer.draft(
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
                    capture_id=None if capture is None else capture.provider_ref,
                    note=reason,
                ),
                reason=reason,
                actor=actor,
            )

        return await self._payer.carry_out(tenant, intent_id, plan)

    def _check_refund(self, case: Case, payment: PaymentRecord, minor: int, refundable: int) -> None:
        if not self._context.provider(payment).capabilities.refund:
            raise UnsupportedOperation(
                f"Account {payment.account.name!r} cannot give money back. Pay the driver by other means.",
                account=payment.account.name,
                verb="refund",
            )
        if not 0 < minor <= refundable:
            asked, most = from_minor(max(minor, 0), payment.currency), from_minor(refundable, payment.currency)
            raise refusal(case, self._payer.verbs(case), "refund", f"{asked} cannot be refunded; at most {most} can.")
        left, due = creditable(case), notes_due(case)
        if left is None or minor <= left or any(to_minor(found.total) == minor for found in due):
            return
        waiting = ", ".join(f"{found.number} of {found.total}" for found in due) or "none"
        raise refusal(
            case,
            self._payer.verbs(case),
            "refund",
            f"Its credit notes would promise more than the receipt's {case.receipt and case.receipt.total}. Refund as "
            f"much as one that is due: {waiting}.",
        )

    async def _confirm_captures(self, case: Case) -> None:
        """Let captures under way come to their end before money is given back."""
        for operation in case.snapshot.operations:
            if operation.kind is OperationKind.CAPTURE and operation.state in UNSETTLED:
                case = await self._payer.known(case, operation)
                fresh = case.operation(operation.id)
                if fresh is not None and fresh.state in UNSETTLED:
                    raise refusal(
                        case,
                        self._payer.verbs(case),
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
        note = note_of(case, operation_id_)
        if note is None:
            raise StoreUnavailable(
                f"The refund of {number!r} is under way elsewhere, and its credit note follows. "
                "Ask again with the same key."
            )
        return note


def capture_for(operations: Sequence[OperationRecord], amount: int) -> OperationRecord | None:
    """Return the capture that a refund is of: of several, the one of which most is left, if that is enough.

    None is enough: then the processor decides whether it gives back several captures at once.
    """
    captures = [o for o in operations if _is_there(o) and o.kind is OperationKind.CAPTURE and o.provider_ref]
    if len(captures) < 2:
        return captures[0] if captures else None
    left = {found.provider_ref: found.confirmed or 0 for found in captures}
    for refund in operations:
        of = json.loads(refund.request).get("capture_id") if refund.kind is OperationKind.REFUND else None
        if of in left and (_is_there(refund) or refund.state in UNSETTLED):
            left[of] -= refund.amount
    most = max(captures, key=lambda found: left[found.provider_ref])
    return most if left[most.provider_ref] >= amount else None


def _is_there(operation: OperationRecord) -> bool:
    return operation.state is OperationState.SUCCEEDED


def _refunding(case: Case, payment: PaymentRecord) -> int:
    """Return what refunds under way will give back."""
    return sum(
        found.amount
        for found in case.snapshot.of(payment.id)
        if found.kind is OperationKind.REFUND and found.state in UNSETTLED
    )
