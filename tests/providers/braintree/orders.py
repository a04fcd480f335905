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
    LookUpRequest,
    PaymentMethod,
    RefundRequest,
    VoidRequest,
)

PAYMENT = "p0000000000000000000000001"
_numbers = count(1)


def names(**fields: Any) -> dict[str, Any]:
    """Give an effect a reference and a key of its own."""
    number = next(_numbers)
    return {"reference": f"r{number:025d}", "idempotency_key": f"k{number:025d}", **fields}


def eur(amount: str | Money) -> Money:
    return amount if isinstance(amount, Money) else Money(amount, "EUR")


def authorization(amount: str | Money = "20.00", *, token: str = "fake-valid-nonce", **fields: Any) -> AuthorizeRequest:
    method = fields.pop("method", None) or PaymentMethod(token)
    return AuthorizeRequest(**names(reference=PAYMENT, amount=eur(amount), method=method) | fields)


def completion(handle: Handle, **fields: Any) -> CompleteRequest:
    return CompleteRequest(**names(payment_reference=PAYMENT, handle=handle, amount=eur("20.00")) | fields)


def increase(handle: Handle, total: str, **fields: Any) -> IncrementRequest:
    held = {"total": eur(total), "authorized": eur("20.00")}
    return IncrementRequest(**names(payment_reference=PAYMENT, handle=handle, **held) | fields)


def taking(handle: Handle, amount: str, **fields: Any) -> CaptureRequest:
    return CaptureRequest(**names(payment_reference=PAYMENT, handle=handle, amount=eur(amount)) | fields)


def cancellation(handle: Handle | None, **fields: Any) -> VoidRequest:
    return VoidRequest(**names(payment_reference=PAYMENT, handle=handle, amount=eur("20.00")) | fields)


def giving_back(handle: Handle, amount: str, **fields: Any) -> RefundRequest:
    return RefundRequest(**names(payment_reference=PAYMENT, handle=handle, amount=eur(amount)) | fields)


def question(handle: Handle | None = None) -> LookUpRequest:
    return LookUpRequest(payment_reference=PAYMENT, handle=handle)
