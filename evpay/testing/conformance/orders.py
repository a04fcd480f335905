"""Requests as the engine writes them, and the one place that sends any of them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from evpay.money import Money
from evpay.payments.operation import OperationKind
from evpay.providers import (
    AuthorizeRequest,
    CaptureRequest,
    CompleteRequest,
    EffectRequest,
    Handle,
    IncrementRequest,
    LookUpRequest,
    Outcome,
    Provider,
    RefundRequest,
    VoidRequest,
)

__all__ = ["RETURN_URL", "Paid", "kind_of", "new_name", "send"]

RETURN_URL: Final = "https://charging.example/back"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_KINDS: Final[Mapping[type[EffectRequest], OperationKind]] = {
    AuthorizeRequest: OperationKind.AUTHORIZE,
    CompleteRequest: OperationKind.COMPLETE,
    IncrementRequest: OperationKind.INCREMENT,
    CaptureRequest: OperationKind.CAPTURE,
    VoidRequest: OperationKind.VOID,
    RefundRequest: OperationKind.REFUND,
}


def new_name() -> str:
    """Return a reference or key as the engine's: 26 characters of a-z and 0-9, never the same twice."""
    return "".join(secrets.choice(_LETTERS) for _ in range(26))


def kind_of(request: EffectRequest) -> OperationKind:
    """Return what a request asks for."""
    return _KINDS[type(request)]


async def send(provider: Provider, request: EffectRequest) -> Outcome:
    """Ask the provider by the method that the request is for."""
    match request:
        case AuthorizeRequest():
            return await provider.authorize(request)
        case CompleteRequest():
            return await provider.complete(request)
        case IncrementRequest():
            return await provider.increment(request)
        case CaptureRequest():
            return await provider.capture(request)
        case VoidRequest():
            return await provider.void(request)
        case RefundRequest():
            return await provider.refund(request)
    assert_never(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A payment that is under way: what was asked, what came, and the next requests about it."""

    request: AuthorizeRequest
    outcome: Outcome
    handle: Handle
    amount: Money

    @property
    def reference(self) -> str:
        """Our reference of the payment: the authorization's."""
        return self.request.reference

    def complete(self, answer: Mapping[str, str] | None = None) -> CompleteRequest:
        """Go on after the driver."""
        return CompleteRequest(
            reference=new_name(),
            idempotency_key=new_name(),
            payment_reference=self.reference,
            handle=self.handle,
            amount=self.request.amount,
            answer=answer or {},
        )

    def increment(self, total: Money, *, authorized: Money | None = None) -> IncrementRequest:
        """Raise the hold to a total."""
        return IncrementRequest(
            reference=new_name(),
            idempotency_key=new_name(),
            payment_reference=self.reference,
            handle=self.handle,
            total=total,
            authorized=authorized or self.amount,
        )

    def capture(self, amount: Money, *, final: bool = True) -> CaptureRequest:
        """Take an amount."""
        return CaptureRequest(
            reference=new_name(),
            idempotency_key=new_name(),
            payment_reference=self.reference,
            handle=self.handle,
            amount=amount,
            final=final,
        )

    def void(self, amount: Money | None = None, *, by_reference: bool = False) -> VoidRequest:
        """Give back what is not captured."""
        return VoidRequest(
            reference=new_name(),
            idempotency_key=new_name(),
            payment_reference=self.reference,
            handle=None if by_reference else self.handle,
            amount=amount or self.amount,
        )

    def refund(self, amount: Money, *, capture_id: str | None = None) -> RefundRequest:
        """Give back what is captured."""
        return RefundRequest(
            reference=new_name(),
            idempotency_key=new_name(),
            payment_reference=self.reference,
            handle=self.handle,
            amount=amount,
            capture_id=capture_id,
            note="Conformance",
        )

    def question(self, *, by_reference: bool = False) -> LookUpRequest:
        """Ask what became of it."""
        return LookUpRequest(payment_reference=self.reference, handle=None if by_reference else self.handle)
