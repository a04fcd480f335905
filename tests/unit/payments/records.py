"""Payments and operations in any state, for the tests of what is decided about them."""

from evpay.money import from_minor
from evpay.payments.account import Account, Funding
from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.outcome import Hold, Succeeded
from evpay.payments.records import OperationRecord, PaymentRecord, Totals

ACCOUNT = Account(provider="sandbox", name="main", live=False)
EUR = "EUR"


def payment(*, funding=Funding.HOLD, over_allowed=0, currency=EUR, hold=None, **more):
    """A payment whose totals are given by name."""
    totals = Totals(**{name: more.pop(name) for name in list(more) if name in Totals.__dataclass_fields__})
    fields = {
        "tenant": "t", "id": "P-1", "intent_id": "I-1", "session_id": None, "attempt": 1, "account": ACCOUNT,
        "reference": "ref-1", "created_us": 0, "updated_us": 0,
    }  # fmt: skip
    return PaymentRecord(
        **{**fields, **more}, funding=funding, currency=currency, totals=totals, over_allowed=over_allowed, hold=hold
    )


def operation(kind, amount=1000, state=OperationState.SUBMITTING, *, no=1, final=True, **more):
    """An operation as it is on disk."""
    kind = OperationKind(kind)
    fields = {
        "tenant": "t", "id": f"O-{no}", "payment_id": "P-1", "currency": EUR, "digest": "d",
        "reference": f"op-ref-{no}", "idempotency_key": f"key-{no:022}", "asked_us": 0,
        "request": f'{{"final":{str(final).lower()}}}',
    }  # fmt: skip
    return OperationRecord(**{**fields, **more}, no=no, kind=kind, amount=amount, state=OperationState(state))


def succeeded(minor, *, currency=EUR, expires=None, hold=False, **more):
    """A success; with `hold`, one that states the hold."""
    return Succeeded(amount=from_minor(minor, currency), hold=Hold(expires=expires) if hold else None, **more)
