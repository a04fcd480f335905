"""What a host is told, at least once and in order per session: one closed union, delivered by `pay.events(...)`."""

from typing import Annotated, Literal

from pydantic import Field

from evpay.model import FrozenModel, Instant
from evpay.payments.debt import Debt
from evpay.payments.exposure import Exposure
from evpay.payments.intent import PaymentIntent
from evpay.receipts.model import Receipt
from evpay.sessions.model import Session

__all__ = [
    "AdmissionChanged",
    "AttentionNeeded",
    "DebtChanged",
    "Event",
    "PaymentChanged",
    "Problem",
    "ReceiptIssued",
    "StopRequested",
]


class Problem(FrozenModel):
    """Something a person should look at; `code` is stable, `subject` names the session, payment or setting."""

    code: str
    subject: str
    message: str


class _Told(FrozenModel):
    """What every event carries: (subject, number) is the same for every delivery of it."""

    subject: str
    number: int
    at: Instant


class AdmissionChanged(_Told):
    """A session that waited is allowed or denied."""

    type: Literal["admission_changed"] = "admission_changed"
    session: Session


class StopRequested(_Told):
    """Stop the session at the station: what is held is, or may soon be, used up."""

    type: Literal["stop_requested"] = "stop_requested"
    exposure: Exposure


class PaymentChanged(_Told):
    """Something became of a payment; the intent is the present one."""

    type: Literal["payment_changed"] = "payment_changed"
    intent: PaymentIntent


class ReceiptIssued(_Told):
    """A receipt or a credit note was issued."""

    type: Literal["receipt_issued"] = "receipt_issued"
    receipt: Receipt


class DebtChanged(_Told):
    """A debt was recorded, changed or settled."""

    type: Literal["debt_changed"] = "debt_changed"
    debt: Debt


class AttentionNeeded(_Told):
    """A person should look at something."""

    type: Literal["attention_needed"] = "attention_needed"
    problem: Problem


Event = Annotated[
    AdmissionChanged | StopRequested | PaymentChanged | ReceiptIssued | DebtChanged | AttentionNeeded,
    Field(discriminator="type"),
]
