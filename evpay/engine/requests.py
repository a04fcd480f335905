"""From a kind of operation to the request for it, to bytes on disk, to the adapter's method: one table each way."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from evpay.ids import canonical_json, digest, wire_key
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Outcome
from evpay.payments.records import OperationRecord
from evpay.providers import (
    AuthorizeRequest,
    CaptureRequest,
    CompleteRequest,
    EffectRequest,
    IncrementRequest,
    Provider,
    RefundRequest,
    VoidRequest,
)

__all__ = ["key_for", "reference_for", "request_digest", "request_text", "send"]

_METHODS: Final[Mapping[OperationKind, tuple[str, TypeAdapter[Any]]]] = {
    OperationKind.AUTHORIZE: ("authorize", TypeAdapter(AuthorizeRequest)),
    OperationKind.COMPLETE: ("complete", TypeAdapter(CompleteRequest)),
    OperationKind.INCREMENT: ("increment", TypeAdapter(IncrementRequest)),
    OperationKind.CAPTURE: ("capture", TypeAdapter(CaptureRequest)),
    OperationKind.VOID: ("void", TypeAdapter(VoidRequest)),
    OperationKind.REFUND: ("refund", TypeAdapter(RefundRequest)),
}


def reference_for(operation_id: str) -> str:
    """Return the reference by which an effect is known at the processor."""
    return wire_key("reference", operation_id)


def key_for(operation_id: str) -> str:
    """Return the idempotency key of an operation."""
    return wire_key("key", operation_id)


def request_text(kind: OperationKind, request: EffectRequest) -> str:
    """Return the request as it is stored: a resend is made from exactly this."""
    return canonical_json(_METHODS[kind][1].dump_python(request, mode="json"))


def request_digest(kind: OperationKind, request: EffectRequest) -> str:
    """Return the digest by which the same content is known, key and reference aside."""
    body = _METHODS[kind][1].dump_python(request, mode="json")
    return digest({name: value for name, value in body.items() if name not in ("reference", "idempotency_key")})


async def send(provider: Provider, operation: OperationRecord) -> Outcome:
    """Make the call that is on disk."""
    method, adapter = _METHODS[operation.kind]
    outcome: Outcome = await getattr(provider, method)(adapter.validate_json(operation.request))
    return outcome
