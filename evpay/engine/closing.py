"""What a finished session leaves behind: its receipt, its debt if it has one, and the credit notes of refunds."""

from dataclasses import replace
from datetime import UTC

from evpay.engine.announcing import announce
from evpay.engine.case import Case
from evpay.ids import canonical_json, wire_key
from evpay.instants import instant
from evpay.money import from_minor, to_minor
from evpay.payments.debt import Debt, DebtStatus
from evpay.payments.facts import MoneyFacts
from evpay.payments.method import PaymentMethod
from evpay.payments.operation import UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import Succeeded
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.receipts.build import draft_credit_note, draft_receipt, settlement_of
from evpay.receipts.model import Receipt, ReceiptKind, Seller, SettlementState
from evpay.receipts.numbering import receipt_body, seal, series_name
from evpay.sessions.model import SessionStatus
from evpay.store.commit import Commit, Insert, Numbered, Sealed, Update, Write
from evpay.store.rows import debt_values

__all__ = [
    "confirming",
    "credit_note_rows",
    "creditable",
    "debt_rows",
    "note_of",
    "notes_due",
    "owed",
    "receipt_commit",
    "total_facts",
]


def total_facts(case: Case) -> MoneyFacts:
    """Return the facts of all attempts together."""
    facts = MoneyFacts(currency=case.snapshot.payment.currency)
    for payment in case.snapshot.payments:
        facts = facts + payment.facts
    return facts


def confirming(case: Case) -> int:
    """Return what captures under way will take if they succeed, in minor units."""
    return sum(
        operation.amount
        for operation in case.snapshot.operations
        if operation.kind is OperationKind.CAPTURE and operation.state in UNSETTLED
    )


def owed(case: Case) -> tuple[int, SettlementState]:
    """Return what is due of a finished session, in minor units, and how its money stands."""
    if case.session is None or case.session.cost is None:
        return 0, SettlementState.SETTLED
    state, due = settlement_of(
        total=to_minor(case.session.cost.total), captured=total_facts(case).captured, confirming=confirming(case)
    )
    return due, state


def debt_rows(case: Case, *, now_us: int) -> list[Write]:
    """Return the writes that make the session's debt what is due now; none if it is that already."""
    if case.session is None or case.session.session.status is not SessionStatus.FINISHED:
        return []
    due, _ = owed(case)
    session = case.session.session
    known = case.debt
    standing = 0 if known is None or known.status is DebtStatus.SETTLED else to_minor(known.amount)
    if due == standing:
        return []
    currency, now = case.snapshot.payment.currency, instant(now_us)
    amount = from_minor(due, currency) if due else known.amount if known else from_minor(0, currency)
    debt = Debt(
        id=wire_key("debt", session.id),
        session_id=session.id,
        driver=session.driver,
        amount=amount,
        collected=from_minor(0, currency) if due else amount,
        status=DebtStatus.OPEN if due else DebtStatus.SETTLED,
        reason="cost_not_captured",
        receipt_number=session.receipt_number,
        created_at=known.created_at if known else now,
        updated_at=now,
    )
    values = debt_values(debt, tenant=case.tenant)
    if known is None:
        write: Write = Insert("debt", values)
    else:
        key = {name: values.pop(name) for name in ("tenant", "id")}
        write = Update("debt", key, values)
    return [write, *announce(case, "debt_changed", {"debt": debt.id}, now_us=now_us)]


def _paying(case: Case) -> PaymentRecord:
    """Return the attempt that paid, or the newest."""
    return next((p for p in case.snapshot.payments if p.facts.captured > 0), case.snapshot.payment)


def _slip(case: Case, payment: PaymentRecord) -> dict[str, str]:
    outcome = case.authorize(payment.id).outcome
    return dict(outcome.slip) if isinstance(outcome, Succeeded) else {}


def _numbered(case: Case, draft: Receipt, *, also: tuple[Write, ...], now_us: int) -> Numbered:
    """Take the next number of the seller's series and write the sealed receipt, with its event."""
    series = series_name(draft.seller.series, year=instant(now_us).astimezone(UTC).year)

    def give(number: int, head: str) -> Sealed:
        receipt = seal(draft, series=series, number=number, previous_hash=head)
        row = Insert(
            "receipt",
            {
                "tenant": case.tenant,
                "series": series,
                "number": number,
                "label": receipt.number,
                "kind": receipt.kind.value,
                "session": receipt.session_id,
                "corrects": receipt.corrects,
                "key": receipt.refund_id,
                "body": canonical_json(receipt_body(receipt)),
                "hash": receipt.hash,
                "issued_us": now_us,
            },
        )
        labelled = tuple(_with_label(write, receipt.number) for write in also)
        return Sealed((row, *labelled), receipt.hash, receipt)

    return Numbered(case.tenant, series, give)


def _with_label(write: Write, label: str) -> Insert | Update:
    """Fill the number into the writes that wait for it."""
    if not isinstance(write, Update):
        raise TypeError(f"only an update waits for a receipt's number, not {type(write).__name__}")
    return replace(write, values={**write.values, "receipt": label})


def receipt_commit(case: Case, *, seller: Seller, test: bool, now_us: int) -> Commit:
    """Return the commit that issues the receipt of a finished session."""
    record = case.session
    if record is None or record.cost is None:
        raise ValueError("only a finished session has a receipt")
    session, payment = record.session, _paying(case)
    due, state = owed(case)
    draft = draft_receipt(
        session=session,
        cost=record.cost,
        facts=total_facts(case),
        settlement=state,
        due=from_minor(due, payment.currency),
        seller=seller,
        issued_at=instant(now_us),
        test=test,
        method=PaymentMethod.model_validate_json(case.snapshot.intent.method),
        slip=_slip(case, payment),
        processor=payment.account.name,
        processor_reference=payment.handle.id if payment.handle else None,
    )
    update = Update(
        "session",
        {"tenant": session.tenant, "id": session.id},
        {"wake_us": None, "version": record.version + 1, "updated_us": now_us},
        {"version": record.version, "receipt": None},
    )
    told = announce(case, "receipt_issued", {"session": session.id, "kind": "receipt"}, now_us=now_us)
    return Commit((_numbered(case, draft, also=(update,), now_us=now_us), *told))


_NOTE_STATES = {
    OperationState.SUCCEEDED: SettlementState.SETTLED,
    OperationState.RESERVED: SettlementState.DUE,  # refused for now, and asked for again later
    OperationState.DECLINED: SettlementState.DUE,
    OperationState.FAILED: SettlementState.DUE,
}
_REFUSED = frozenset({OperationState.DECLINED, OperationState.FAILED})


def _notes(case: Case) -> tuple[dict[str, Receipt], list[Receipt]]:
    """Return the credit note of each refund, and those that nothing came of: the next refund of as much takes one.

    A refund that was refused leaves its note due; asking again, under another key, does not promise it twice.
    """
    notes: dict[str, Receipt] = {}
    free: list[Receipt] = []
    for operation in case.snapshot.operations:
        if operation.kind is not OperationKind.REFUND:
            continue
        note = case.credit_note(operation.id)
        if note is None:
            note = next((found for found in free if to_minor(found.total) == operation.amount), None)
            free = [found for found in free if found is not note]
        if note is not None:
            notes[operation.id] = note
            free += [note] if operation.state in _REFUSED else []
    return notes, free


def note_of(case: Case, operation_id: str) -> Receipt | None:
    """Return the credit note of a refund: its own, or the one that an earlier, refused refund left due."""
    return _notes(case)[0].get(operation_id)


def notes_due(case: Case) -> list[Receipt]:
    """Return the credit notes whose refund was refused, and that no other refund has taken over."""
    return _notes(case)[1]


def creditable(case: Case) -> int | None:
    """Return what credit notes may still promise of a receipt, in minor units; None where there is no receipt."""
    if case.receipt is None:
        return None
    notes, _ = _notes(case)
    promised = sum(to_minor(found.total) for found in case.receipts if found.kind is ReceiptKind.CREDIT_NOTE)
    coming = sum(
        found.amount
        for found in case.snapshot.operations
        if found.kind is OperationKind.REFUND and found.state in UNSETTLED and found.id not in notes
    )
    return to_minor(case.receipt.total) - promised - coming


def credit_note_rows(case: Case, operation: OperationRecord, *, test: bool, now_us: int) -> list[Write]:
    """Return the writes of the credit note that a refund of a session gives, whatever came of the refund.

    All notes together never promise more than the receipt's total, also where the processor gave back more.
    """
    original = case.receipt
    if operation.kind is not OperationKind.REFUND or original is None or note_of(case, operation.id) is not None:
        return []
    left = (creditable(case) or 0) + (operation.amount if operation.state in UNSETTLED else 0)
    if left <= 0:
        return []
    state = _NOTE_STATES.get(operation.state, SettlementState.CONFIRMING)
    amount = from_minor(min(operation.amount, left), operation.currency)
    draft = draft_credit_note(
        original=original,
        amount=amount,
        reason=operation.reason or "",
        facts=total_facts(case),
        settlement=state,
        due=amount if state is SettlementState.DUE else from_minor(0, operation.currency),
        issued_at=instant(now_us),
        processor_reference=operation.provider_ref,
        credited=tuple(found for found in case.receipts if found.kind is ReceiptKind.CREDIT_NOTE),
    ).model_copy(update={"refund_id": operation.id, "test": test})
    told = announce(case, "receipt_issued", {"refund": operation.id, "kind": "credit_note"}, now_us=now_us)
    return [_numbered(case, draft, also=(), now_us=now_us), *told]
