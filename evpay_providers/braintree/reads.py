"""Reads without effect: a payment as a whole, by its id or by our reference, and what of it may be refunded."""

import re
from collections.abc import Sequence
from typing import Final

from evpay.errors import InvalidInput
from evpay.providers import Absent, Failed, Reason, RefundRequest, Unknown
from evpay_providers.braintree import mapping
from evpay_providers.braintree.calls import BraintreeCalls, Refused
from evpay_providers.braintree.evidence import Payment
from evpay_providers.braintree.mapping import Answer

__all__ = ["captured", "checked", "found", "part", "payment"]

# What the SDK lets into a path. https://github.com/braintree/braintree_python (checked 2026-11-20)
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
MAX_DETAILS: Final = 50  # of a payment's parts and refunds, each of which is read by its id


def checked(payment_id: str) -> str:
    """Return an id that can stand in a path.

    Raises:
        InvalidInput: for any other; nothing is sent.
    """
    if not _SEGMENT.match(payment_id):
        raise InvalidInput(f"{payment_id!r} is no id of Braintree's: those are letters, digits, - and _.")
    return payment_id


async def payment(
    calls: BraintreeCalls, *, reference: str, payment_id: str | None, refunds: bool = True
) -> Payment | Absent | Failed | Unknown:
    """Read a payment by its id, else by our reference, with its parts and, if wanted, the refunds of all."""
    whole = await (found(calls, payment_id) if payment_id else _by_reference(calls, reference))
    if isinstance(whole, Absent | Failed | Unknown):
        return whole
    parts = await _each(calls, mapping.children_of(whole))
    if isinstance(parts, Failed | Unknown):
        return parts
    ids = [one for holder in (whole, *parts) for one in holder.get("refund_ids") or []] if refunds else []
    given_back = await _each(calls, ids)
    if isinstance(given_back, Failed | Unknown):
        return given_back
    return Payment(transaction=whole, parts=parts, refunds=given_back)


async def captured(calls: BraintreeCalls, request: RefundRequest) -> Answer | Failed | Unknown:
    """Read what is to be refunded: the capture that is named, else the payment, else a part that is large enough."""
    named = await found(calls, request.capture_id or request.handle.id)
    if isinstance(named, Failed | Unknown) or not mapping.children_of(named):
        return named
    parts = await _each(calls, mapping.children_of(named))
    if isinstance(parts, Failed | Unknown):
        return parts
    try:
        enough = [one for one in parts if mapping.amount_of(one) >= request.amount]
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return Unknown(detail="a part that does not say its amount")
    return enough[0] if enough else parts[0]


async def part(calls: BraintreeCalls, *, payment_id: str, reference: str) -> Answer | Failed | Unknown | None:
    """Read the part of a payment that carries our reference of a CAPTURE; None if surely no part does."""
    seen = await payment(calls, reference=reference, payment_id=payment_id, refunds=False)
    if isinstance(seen, Failed | Unknown):
        return seen
    if isinstance(seen, Absent):
        return Unknown(detail="the payment is not found")
    return next((one for one in seen.parts if one.get("order_id") == reference), None)


async def found(calls: BraintreeCalls, payment_id: str) -> Answer | Failed | Unknown:
    """Read one transaction by its id; `Failed` only if the read was not even sent."""
    if not _SEGMENT.match(payment_id):
        return Unknown(detail="what is looked for is no id of Braintree's")
    answer = await calls.ask(lambda gateway: gateway.transaction.find(payment_id))
    if isinstance(answer, Failed) and answer.reason is Reason.NOT_SENT:
        return answer
    if isinstance(answer, Failed | Refused):
        # Another account or environment would say the same of an id that is not there.
        return Unknown(detail=f"the read itself failed: {answer.reason if isinstance(answer, Failed) else 422}")
    return answer


async def _each(calls: BraintreeCalls, ids: Sequence[str]) -> list[Answer] | Failed | Unknown:
    if len(ids) > MAX_DETAILS:
        return Unknown(detail=f"{len(ids)} parts and refunds")
    answers: list[Answer] = []
    for one in ids:
        answer = await found(calls, one)
        if isinstance(answer, Failed | Unknown):
            return answer
        answers.append(answer)
    return answers


async def _by_reference(calls: BraintreeCalls, reference: str) -> Answer | Absent | Failed | Unknown:
    """Find the payment's own transaction; refunds and parts may carry its order id too."""
    hits = await calls.of_order(checked(reference))
    if isinstance(hits, Failed | Unknown):
        return hits
    own = [one for one in hits if one.get("type") == "sale" and not one.get("authorized_transaction_id")]
    if len(own) > 1:
        return Unknown(detail=f"{len(own)} payments carry the reference")
    return own[0] if own else Absent()
