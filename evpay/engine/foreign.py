"""What a processor, or somebody at its dashboard, did by themselves: operations that nobody here asked for. Pure.

Each is recorded once. One that only a total tells of is anonymous: a report that names it later takes up its place.
What is known of its parts is kept in its request: `{"final": false, "parts": {"re_1": 250}}`, amounts in minor units.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from evpay.engine.case import Case, is_wanted
from evpay.engine.drafts import update_payment
from evpay.ids import canonical_json, wire_key
from evpay.money import from_minor, to_minor
from evpay.payments.account import Funding
from evpay.payments.lifecycle import Settlement
from evpay.payments.operation import UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import Declined, Failed, Observation, Outcome, Report, Succeeded
from evpay.payments.records import OperationRecord, PaymentRecord
from evpay.store.commit import Commit, Insert, Update
from evpay.store.rows import operation_values

__all__ = ["PROCESSOR", "Told", "against_plan", "is_about", "is_early", "lapsed", "told_by_report", "untold"]

PROCESSOR: Final = "processor"
"""The actor of everything here."""

_TOTALS: Final[Mapping[OperationKind, str]] = {
    OperationKind.CAPTURE: "captured",
    OperationKind.VOID: "released",
    OperationKind.REFUND: "refunded",
    OperationKind.CHARGEBACK: "charged_back",
}
"""What a processor does by itself, and the total that tells of it."""

_RESTS_ON: Final[Mapping[OperationKind, frozenset[OperationKind]]] = {
    OperationKind.CAPTURE: frozenset({OperationKind.AUTHORIZE}),
    OperationKind.VOID: frozenset({OperationKind.AUTHORIZE, OperationKind.INCREMENT, OperationKind.CAPTURE}),
}
"""What of ours must be settled before a message about theirs can be judged: it may have overtaken the other one."""

_DAY_US: Final = 86_400 * 1_000_000
_TAKEN_BEFORE: Final = frozenset({Funding.DEPOSIT, Funding.EXTERNAL})
"""Here a capture moves nothing at the processor, so its totals are other ones than ours."""

_ON_ITS_WAY: Final = UNSETTLED - {OperationState.RESERVED}
_LATE: Final = frozenset({OperationState.DECLINED, OperationState.FAILED, OperationState.EXPIRED})

Told = tuple[str, Outcome, Commit]
"""The operation, what became of it, and the commit that comes first."""


def is_about(operation: OperationRecord, report: Report) -> bool:
    """Say whether a report is about an operation of ours: our reference, and the kind that is reported of it.

    A capture from a dashboard may carry the payment's reference, which is the AUTHORIZE's too.
    """
    is_leg = operation.kind is OperationKind.COMPLETE and report.kind is OperationKind.AUTHORIZE
    return operation.reference == report.reference and (operation.kind is report.kind or is_leg)


def told_by_report(
    case: Case, payment: PaymentRecord, report: Report, *, event_id: str | None, now_us: int
) -> Told | None:
    """Return what a report says that is about no operation of ours.

    Nothing for what cannot be told from a repeat, is known already, has not (yet) happened or comes too early. A
    release of theirs is the end of a hold: whatever amount it names, it is of all that is open.
    """
    theirs = getattr(report.outcome, "id", None) or event_id
    if theirs is None:
        return None
    operations = [found for found in case.snapshot.of(payment.id) if found.kind is report.kind]
    ended = _ended(payment, report)
    named = next((found for found in operations if found.provider_ref == theirs), None)
    if named is not None:  # perhaps its reversal: a chargeback that was won, a refund that came back
        return named.id, ended, Commit()
    if report.kind not in _TOTALS or not isinstance(report.outcome, Succeeded) or not isinstance(ended, Succeeded):
        return None
    if any(theirs in _parts(found) for found in operations):
        return None
    amount = to_minor(report.outcome.amount)
    anonymous = _anonymous(operations, amount)
    if anonymous is not None:
        return anonymous.id, report.outcome, _taken_up(payment, anonymous, theirs, amount)
    is_nothing = report.kind is OperationKind.VOID and to_minor(ended.amount) == 0
    if is_nothing or _has_overtaken(case, payment, report, event_id=event_id):
        return None
    identity = wire_key("processor", payment.account.name, report.kind.value, theirs)
    if case.operation(identity) is not None:
        return identity, ended, Commit()
    born = _born(payment, report.kind, to_minor(ended.amount), identity=identity, theirs=theirs, now_us=now_us)
    return identity, ended, born


def _ended(payment: PaymentRecord, report: Report) -> Outcome:
    """Return what a release of theirs released: some name what was first held, others what is held now, or nothing.

    Of a deposit they may pay back a part.
    """
    outcome = report.outcome
    is_end = report.kind is OperationKind.VOID and payment.funding is not Funding.DEPOSIT
    if not is_end or not isinstance(outcome, Succeeded) or outcome.amount.currency.code != payment.currency:
        return outcome
    return replace(outcome, amount=from_minor(payment.facts.open_hold, payment.currency))


def _has_overtaken(case: Case, payment: PaymentRecord, report: Report, *, event_id: str | None) -> bool:
    """Say whether a message of theirs rests on something of ours that is still open. A look-up tells both at once."""
    return event_id is not None and _is_open(case, payment, _RESTS_ON.get(report.kind, frozenset()))


def _is_open(case: Case, payment: PaymentRecord, kinds: frozenset[OperationKind]) -> bool:
    open_ = (o for o in case.snapshot.of(payment.id) if o.state in _ON_ITS_WAY and o.actor != PROCESSOR)
    return any(found.kind in kinds for found in open_)


def lapsed(case: Case, payment: PaymentRecord, seen: object, *, now_us: int) -> Observation | None:
    """Return the end of a hold of which a look-up does not say whether its rest is free, or None if it may be open.

    The processor has stated the instant at which it ends; a day later it is over. An adapter's own guess is not enough.
    """
    stated = payment.hold is not None and isinstance(payment.hold.expires, datetime)
    is_over = payment.expires_us is not None and payment.expires_us + _DAY_US <= now_us
    is_untold = isinstance(seen, Observation) and seen.totals is None
    if not (stated and is_over and is_untold) or _is_open(case, payment, _RESTS_ON[OperationKind.VOID]):
        return None
    rest = from_minor(payment.facts.open_hold, payment.currency)
    ended = Report(kind=OperationKind.VOID, outcome=Succeeded(amount=rest, id=f"{payment.reference}-lapsed"))
    return Observation(payment_reference=payment.reference, reports=(ended,))


def is_early(case: Case, payment: PaymentRecord, report: Report, *, event_id: str | None) -> bool:
    """Say whether a report has overtaken what it rests on: the beginning of what it ends, or something of ours."""
    theirs = getattr(report.outcome, "id", None) or event_id
    operations = case.snapshot.of(payment.id)
    is_known = any(found.kind is report.kind and found.provider_ref == theirs for found in operations)
    if theirs is None or is_known or any(is_about(found, report) for found in operations):
        return False
    if isinstance(report.outcome, Succeeded):
        return _has_overtaken(case, payment, report, event_id=event_id)
    can_come_back = report.kind in (OperationKind.CHARGEBACK, OperationKind.REFUND)
    return can_come_back and isinstance(report.outcome, Declined | Failed) and report.outcome.id is not None


def untold(case: Case, payment: PaymentRecord, seen: Observation, *, now_us: int) -> Told | None:
    """Return the first effect that only the totals tell of, or None.

    Nothing is concluded while something of ours is on its way, as that may be what moved them; nor from a total that
    is less than what is on record, which may only be old.
    """
    operations, totals = case.snapshot.of(payment.id), seen.totals
    is_open = any(found.state in _ON_ITS_WAY for found in operations)
    if totals is None or totals.currency != payment.currency or is_open or payment.funding in _TAKEN_BEFORE:
        return None
    authorize = case.authorize(payment.id)
    if totals.authorized > payment.totals.authorized == 0 and authorize.state in _LATE:
        held = from_minor(totals.authorized, payment.currency)
        return authorize.id, Succeeded(amount=held, handle=payment.handle), Commit()
    for kind, name in _TOTALS.items():
        moved = getattr(totals, name) - getattr(payment.totals, name)
        if moved <= 0 or _may_be_reported(seen, kind):
            continue
        identity = wire_key("processor", payment.id, kind.value, "total", str(getattr(totals, name)))
        if case.operation(identity) is None:
            born = _born(payment, kind, moved, identity=identity, theirs=None, now_us=now_us)
            return identity, Succeeded(amount=from_minor(moved, payment.currency)), born
    return None


def _may_be_reported(seen: Observation, kind: OperationKind) -> bool:
    """Say whether an effect that is reported as not settled yet may be in the total already."""
    return any(report.kind is kind and report.outcome.type in ("pending", "action_required") for report in seen.reports)


def _parts(operation: OperationRecord) -> dict[str, int]:
    """Return what is known of the parts of an anonymous operation: their id and amount."""
    return dict(json.loads(operation.request).get("parts", {})) if operation.actor == PROCESSOR else {}


def _anonymous(operations: Sequence[OperationRecord], amount: int) -> OperationRecord | None:
    """Return the operation without a name of theirs that an effect must be: the same amount, else a part of it."""
    left = [
        (found, (found.confirmed or 0) - sum(_parts(found).values()))
        for found in operations
        if found.actor == PROCESSOR and found.provider_ref is None and found.state is OperationState.SUCCEEDED
    ]
    same = next((found for found, rest in left if rest == amount), None)
    return same or next((found for found, rest in left if rest >= amount), None)


def _taken_up(payment: PaymentRecord, operation: OperationRecord, theirs: str, amount: int) -> Commit:
    parts = {**_parts(operation), theirs: amount}
    values: dict[str, object] = {"request": canonical_json({"final": False, "parts": parts})}
    if amount == operation.confirmed:
        values["provider_ref"] = theirs
    key = {"tenant": operation.tenant, "id": operation.id}
    return Commit(
        (update_payment(payment, payment), Update("operation", key, values, {"state": operation.state.value}))
    )


def _born(
    payment: PaymentRecord, kind: OperationKind, amount: int, *, identity: str, theirs: str | None, now_us: int
) -> Commit:
    operation = OperationRecord(
        tenant=payment.tenant,
        id=identity,
        payment_id=payment.id,
        no=payment.operations + 1,
        kind=kind,
        amount=amount,
        currency=payment.currency,
        digest=identity,
        reference=wire_key("reference", identity),
        idempotency_key=wire_key("key", identity),
        request=canonical_json({"final": False}),
        state=OperationState.PENDING,
        provider_ref=theirs,
        actor=PROCESSOR,
        asked_us=now_us,
        next_us=now_us,
    )
    counted = replace(payment, operations=operation.no)
    return Commit((update_payment(payment, counted), Insert("operation", operation_values(operation))))


def against_plan(case: Case, told: Settlement) -> Settlement:
    """Say why a person must hear of what a processor did by itself, if it crosses what is under way here."""
    operation = told.operation
    if operation.actor != PROCESSOR or not told.changes or told.review is not None:
        return told
    payment = case.payment(operation.payment_id)
    amount = from_minor(operation.confirmed or 0, operation.currency)
    match operation.kind:
        case OperationKind.CAPTURE:
            return replace(told, review=f"the processor captured {amount} that nobody here asked for")
        case OperationKind.VOID if is_wanted(case, payment):
            said = f"The processor let go {amount} of a hold at {payment.account.name!r} that is still counted on."
            return replace(told, notice=("hold_released", said))
        case OperationKind.CHARGEBACK if operation.state is OperationState.SUCCEEDED:
            said = f"{amount} was charged back at {payment.account.name!r}. Answer the dispute while there is time."
            return replace(told, notice=("chargeback", said))
        case _:
            return told
