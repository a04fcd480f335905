"""One settlement as rows: the event in the payment's chain, its postings, and the processor's ids as aliases. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import TypeAdapter

from evpay.ids import canonical_json
from evpay.ledger import postings
from evpay.payments.lifecycle import Settlement
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Outcome
from evpay.payments.records import PaymentRecord
from evpay.store.commit import Insert, Write

__all__ = ["record_rows"]

_PARTS: Final = frozenset({OperationKind.CAPTURE, OperationKind.REFUND})
_OUTCOME: Final[TypeAdapter[Any]] = TypeAdapter(Outcome)


def record_rows(
    before: PaymentRecord,
    settlement: Settlement,
    outcome: Outcome,
    *,
    source: str,
    actor: str | None,
    now_us: int,
    told_us: int | None = None,
) -> tuple[PaymentRecord, list[Write]]:
    """Return the payment one event on, and the event with its postings.

    Everything that the settlement changed is taken over; events are counted and chained from the payment so far.
    `told_us` is the instant at which, by the processor's clock, a message says that it happened.
    """
    payment = replace(settlement.payment, events=before.events + 1, head=before.head)
    operation = settlement.operation
    body: Mapping[str, Any] = {
        "operation": operation.id,
        "kind": operation.kind.value,
        "state": operation.state.value,
        "outcome": _OUTCOME.dump_python(operation.outcome or outcome, mode="json"),
        "changes": dict(settlement.changes),
        "source": source,
        "actor": actor,
        **({} if told_us is None else {"told_us": told_us}),
    }
    text = canonical_json(dict(body))
    head = hashlib.sha256((payment.head + text).encode()).hexdigest()
    key = {"tenant": payment.tenant, "payment": payment.id, "no": payment.events}
    kind = f"{operation.kind.value}.{operation.state.value}"
    writes: list[Write] = [Insert("event", {**key, "kind": kind, "body": text, "at_us": now_us, "hash": head})]
    held, holds = before.facts.open_hold, payment.facts.open_hold
    posted = postings(payment.funding, settlement.changes, open_before=held, open_after=holds)
    for line, posting in enumerate(posted, 1):
        values = {"line": line, "debit": posting.debit, "credit": posting.credit, "amount": posting.amount}
        writes.append(Insert("ledger", {**key, **values, "currency": payment.currency}))
    for theirs in _names(settlement, outcome):
        alias = {"tenant": payment.tenant, "account": payment.account.name, "id": theirs}
        writes.append(Insert("alias", {**alias, "payment": payment.id}, or_ignore=True))
    return replace(payment, head=head), writes


def _names(settlement: Settlement, outcome: Outcome) -> list[str]:
    """Return the ids by which the processor may speak of the payment: its own, and those of its captures and refunds.

    A part of a payment can be a payment of its own to a processor, and what becomes of it is told under its id.
    """
    handle, operation = settlement.payment.handle, settlement.operation
    names = [None if handle is None else handle.id]
    if operation.kind in _PARTS:
        names += [operation.provider_ref, getattr(outcome, "id", None)]
    return list(dict.fromkeys(name for name in names if name))
