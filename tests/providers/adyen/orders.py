"""Requests as the engine would write them, short enough for tests."""

from itertools import count
from typing import Any

from evpay.money import Money
from evpay.providers import (
    AuthorizeRequest,
    CaptureRequest,
    CompleteRequest,
    Handle,
    IncrementRequest,
    PaymentMethod,
    RefundRequest,
    VoidRequest,
)

PAYMENT = "p0000000000000000000000001"
PSP = "PAYMENT000000001"
STORED = "M5N7TQ4TG5PFWR50"
HANDLE = Handle(id=PSP)
_numbers = count(1)


def names(**fields: Any) -> dict[str, Any]:
    """Give an effect a reference and a key of its own."""
    number = next(_numbers)
    return {"reference": f"r{number:025d}", "idempotency_key": f"k{number:025d}", **fields}


def eur(amount: str) -> Money:
    return Money(amount, "EUR")


def authorization(amount: str = "20.00", *, token: str = STORED, **fields: Any) -> AuthorizeRequest:
    method = fields.pop("method", None) or PaymentMethod(token, customer="shopper-1")
    return AuthorizeRequest(**names(reference=PAYMENT, amount=eur(amount), method=method) | fields)


def completion(handle: Handle = HANDLE, **fields: Any) -> CompleteRequest:
    return CompleteRequest(**names(payment_reference=PAYMENT, handle=handle, amount=eur("20.00")) | fields)


def increase(handle: Handle = HANDLE, total: str = "30.00", **fields: Any) -> IncrementRequest:
    held = {"total": eur(total), "authorized": eur("20.00")}
    return IncrementRequest(**names(payment_reference=PAYMENT, handle=handle, **held) | fields)


def taking(handle: Handle = HANDLE, amount: str = "5.00", **fields: Any) -> CaptureRequest:
    return CaptureRequest(**names(payment_reference=PAYMENT, handle=handle, amount=eur(amount)) | fields)


def cancellation(handle: Handle | None = HANDLE, **fields: Any) -> VoidRequest:
    return VoidRequest(**names(payment_reference=PAYMENT, handle=handle, amount=eur("20.00")) | fields)


def giving_back(handle: Handle = HANDLE, amount: str = "1.00", **fields: Any) -> RefundRequest:
    return RefundRequest(**names(payment_reference=PAYMENT, handle=handle, amount=eur(amount)) | fields)
