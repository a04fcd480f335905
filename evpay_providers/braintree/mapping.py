"""Pure translation between evpay's requests and outcomes and Braintree's parameters and transactions; tables first."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.money import Money, from_minor, to_minor
from evpay.providers import (
    AuthorizeRequest,
    CaptureRequest,
    Failed,
    Handle,
    Hold,
    MethodKind,
    Outcome,
    Pending,
    Reason,
    RefundRequest,
    Succeeded,
    Unknown,
)
from evpay_providers.braintree.amounts import from_braintree, to_braintree
from evpay_providers.braintree.failures import PROCESSOR_REASONS, decline
from evpay_providers.braintree.methods import CARDS, VAULT, saved_method, slip_of
from evpay_providers.braintree.settings import BraintreeSettings

__all__ = [
    "BEGUN",
    "CAPTURED_AS",
    "IN_PARTS",
    "TAKEN",
    "UNSETTLED",
    "Answer",
    "adjustments_of",
    "amount_of",
    "authorize_outcome",
    "authorize_params",
    "authorized_amount",
    "capture_outcome",
    "capture_params",
    "captured_since",
    "children_of",
    "events_of",
    "handle_of",
    "increment_outcome",
    "refund_outcome",
    "refund_params",
]

Answer = Mapping[str, Any]

SEVERAL: Final = "several"  # memo "captures": more than one is allowed
BEGUN: Final = "begun"  # memo "captures": the first of several was taken, so the last has to be one of them
CAPTURED_AS: Final = "captured_as"
"""Memo: the reference of the CAPTURE that took the whole transaction."""

IN_PARTS: Final = "submit_for_partial_settlement"
"""The SDK's call that captures a part as a transaction of its own."""

METHOD_KINDS: Final = frozenset({MethodKind.CARD, MethodKind.WALLET})

# How long a hold lasts where the answer does not say: the shortest of Braintree's own windows, with the driver there
# and without. https://developer.paypal.com/braintree/articles/get-started/transaction-life-cycle (checked 2026-11-20)
CAUTIOUS_WINDOW: Final = timedelta(days=7)
OFF_SESSION_WINDOW: Final = timedelta(days=1)

# Money is on its way or there, and can still be called back only until it is being settled.
# https://developer.paypal.com/braintree/docs/reference/general/statuses (checked 2026-11-20)
UNSETTLED: Final = frozenset({"submitted_for_settlement", "settlement_pending"})
TAKEN: Final = UNSETTLED | {"settling", "settlement_confirmed", "settled"}

# --- ours to theirs


def authorize_params(request: AuthorizeRequest, *, settings: BraintreeSettings) -> dict[str, Any]:
    """Authorize, to be submitted for settlement later. `order_id` is our reference."""
    method, currency = request.method, request.amount.currency.code
    if method.kind not in METHOD_KINDS:
        raise InvalidInput(
            f"A {method.kind} cannot be charged through Braintree here. Use a card's or a wallet's nonce or token.",
            code="method_not_supported",
        )
    if currency not in settings.merchant_accounts:
        raise InvalidInput(
            f"The account has no merchant account for {currency}. Add it to merchant_accounts.",
            code="currency_not_supported",
        )
    vaulted = request.off_session or method.token.startswith(VAULT)
    kind = "payment_method_token" if vaulted else "payment_method_nonce"
    source = "unscheduled" if request.off_session else "estimated" if settings.request_estimated else None
    save = {"store_in_vault_on_success": True} if request.save_method and not vaulted else {}
    field = settings.reference_field
    optional = {
        "customer_id": None if vaulted else method.customer,
        "transaction_source": source,
        "descriptor": _descriptor(request.descriptor, company=settings.company),
        "custom_fields": {field: request.reference} if field else None,
        "accept_partial_authorization": settings.partial_approval or None,
        "api_request_key": request.idempotency_key if settings.request_keys else None,
    }
    return {
        "type": "sale",
        "amount": to_braintree(request.amount),
        "merchant_account_id": settings.merchant_accounts[currency],
        "order_id": request.reference,
        kind: method.token.removeprefix(VAULT),
        "options": {"submit_for_settlement": False, **save},
        **{name: value for name, value in optional.items() if value is not None},
    }


def _descriptor(text: str | None, *, company: str | None) -> dict[str, str] | None:
    """Join the company's part and the code with an asterisk, 22 characters at most."""
    code = "".join(letter for letter in text or "" if letter.isascii() and (letter.isalnum() or letter in " .+-"))
    return {"name": f"{company}*{code.strip()}"[:22]} if company and code.strip() else None


def capture_params(request: CaptureRequest, *, key: str | None) -> tuple[str, dict[str, Any]]:
    """Name the call and its parameters: the whole transaction at once, or a part of it as a child of its own.

    A whole one keeps the order id that it has, because it is the payment's reference, by which it is found.
    """
    keyed = {} if key is None else {"api_request_key": key}
    if request.final and request.handle.memo.get("captures") != BEGUN:
        return "submit_for_settlement", keyed
    last = {"final_capture": True} if request.final else {}
    return IN_PARTS, {"order_id": request.reference, **last, **keyed}


def refund_params(request: RefundRequest, *, key: str | None) -> dict[str, Any]:
    """Refund a part or all of a settled transaction, under our own reference."""
    keyed = {} if key is None else {"api_request_key": key}
    return {"amount": to_braintree(request.amount), "order_id": request.reference, **keyed}


# --- theirs to ours


def amount_of(transaction: Answer) -> Money:
    """Read a transaction's amount in its own currency."""
    return from_braintree(transaction["amount"], transaction["currency_iso_code"])


def events_of(transaction: Answer, status: str) -> list[Answer]:
    """Return the moments at which the transaction came into a status, the first one first."""
    return [event for event in transaction.get("status_history") or [] if event.get("status") == status]


def authorized_amount(transaction: Answer) -> Money | None:
    """Return what is or was held: after settling less, the amount is that which was settled. None: it is not said."""
    if transaction["status"] in ("authorized", "authorizing", "authorization_expired"):
        return amount_of(transaction)
    currency = transaction["currency_iso_code"]
    held = [from_braintree(event["amount"], currency) for event in events_of(transaction, "authorized")]
    if not held:
        return None
    raised = sum(to_minor(change) for change in adjustments_of(transaction))
    return held[-1] if held[-1] != held[0] else from_minor(to_minor(held[0]) + raised, currency)


def adjustments_of(transaction: Answer) -> list[Money]:
    """Return the changes of the hold that took effect; a reduction is negative."""
    changes = [one for one in transaction.get("authorization_adjustments") or [] if one.get("success")]
    return [from_braintree(one["amount"], transaction["currency_iso_code"]) for one in changes]


def handle_of(transaction: Answer, *, settings: BraintreeSettings, begun: bool = False) -> Handle:
    """Keep the id, and whether several captures are allowed or have begun."""
    several = transaction.get("payment_instrument_type") in settings.partial_settlement
    memo = {"captures": BEGUN if begun else SEVERAL} if several or begun else {}
    return Handle(id=transaction["id"], memo=memo)


def hold_of(transaction: Answer, *, settings: BraintreeSettings, off_session: bool) -> Hold:
    """Read the terms of this hold; what is not stated is not allowed."""
    until = transaction.get("authorization_expires_at")
    kind = transaction.get("payment_instrument_type")
    if isinstance(until, datetime):
        expires: datetime | timedelta = until.replace(tzinfo=UTC)
    else:
        expires = OFF_SESSION_WINDOW if off_session else CAUTIOUS_WINDOW
    return Hold(
        expires=expires,
        increment=settings.request_increment and kind in CARDS,
        multiple_captures=kind in settings.partial_settlement,
    )


def _held(transaction: Answer, *, settings: BraintreeSettings, off_session: bool, save: bool) -> Outcome:
    amount = authorized_amount(transaction)
    if amount is None:
        return Unknown(detail=f"{transaction['status']}, and it is not said what was held")
    return Succeeded(
        amount=amount,
        id=transaction["id"],
        handle=handle_of(transaction, settings=settings, begun=bool(children_of(transaction))),
        hold=hold_of(transaction, settings=settings, off_session=off_session),
        saved_method=saved_method(transaction, account=settings.account) if save else None,
        slip=slip_of(transaction),
    )


def children_of(transaction: Answer) -> list[str]:
    """Return the ids of the parts that were captured of it."""
    return list(transaction.get("partial_settlement_transaction_ids") or [])


def captured_since(before: Answer, after: Answer) -> bool:
    """Say whether more of a transaction was captured when it was voided than when we looked at it before."""
    if children_of(before) or children_of(after):
        return children_of(before) != children_of(after)
    return bool(events_of(after, "submitted_for_settlement"))


def _authorizing(transaction: Answer, *, settings: BraintreeSettings, **_: bool) -> Outcome:
    return Pending(id=transaction["id"], handle=handle_of(transaction, settings=settings))


def _declined(transaction: Answer, **_: Any) -> Outcome:
    return decline(transaction)


# What a transaction's status says about its AUTHORIZE.
# https://developer.paypal.com/braintree/docs/reference/general/statuses (checked 2026-11-20)
AUTHORIZE_STATUSES: Final[Mapping[str, Callable[..., Outcome]]] = {
    "authorizing": _authorizing,
    **dict.fromkeys(
        (
            *sorted(TAKEN),
            "authorized",
            "authorization_expired",
            "settlement_declined",
            "settlement_failed",
            "voided",
        ),
        _held,
    ),
    "failed": _declined,
    "gateway_rejected": _declined,
    "processor_declined": _declined,
}


def authorize_outcome(
    transaction: Answer, *, settings: BraintreeSettings, off_session: bool = False, save: bool = True
) -> Outcome:
    """Say what became of the AUTHORIZE; a status that is not in the table is `Unknown`.

    A method that is in the vault is told as saved, unless `save` says that nobody asked for it.
    """
    read = AUTHORIZE_STATUSES.get(transaction["status"])
    if read is None:
        return Unknown(detail=f"a transaction in status {transaction['status']!r}")
    return read(transaction, settings=settings, off_session=off_session, save=save)


def increment_outcome(transaction: Answer, *, payment_id: str, settings: BraintreeSettings) -> Outcome:
    """Say what is held now of this payment."""
    if transaction["id"] != payment_id:
        return Unknown(detail="the hold of another payment")
    if transaction["status"] != "authorized":
        return Unknown(detail=f"adjusted, yet in status {transaction['status']!r}")
    return _held(transaction, settings=settings, off_session=False, save=False)


def capture_outcome(transaction: Answer, *, handle: Handle, reference: str, in_parts: bool) -> Outcome:
    """Say what was submitted for settlement; it has to be the transaction itself, or a part that names it.

    A part has an id and an order id of its own, and the handle remembers that it began; of a whole capture the handle
    remembers the reference.
    """
    if transaction["status"] not in TAKEN:
        return Unknown(detail=f"submitted, yet in status {transaction['status']!r}")
    part = transaction["id"] != handle.id
    if part != in_parts or (part and transaction.get("authorized_transaction_id") != handle.id):
        return Unknown(detail="the part of another payment")
    memo = {**handle.memo, "captures": BEGUN} if part else {**handle.memo, CAPTURED_AS: reference}
    return Succeeded(amount=amount_of(transaction), id=transaction["id"], handle=Handle(id=handle.id, memo=memo))


def _refund_failed(refund: Answer) -> Outcome:
    code = str(refund.get("processor_response_code") or refund["status"])
    return Failed(reason=PROCESSOR_REASONS.get(code, Reason.OTHER), code=code, id=refund["id"])


# What a refund's own transaction says. https://developer.paypal.com/braintree/docs/reference/general/statuses
# (checked 2026-11-20)
REFUND_STATUSES: Final[Mapping[str, Callable[[Answer], Outcome]]] = {
    **dict.fromkeys(
        ("authorizing", "authorized", *sorted(TAKEN - {"settled"})), lambda refund: Pending(id=refund["id"])
    ),
    "settled": lambda refund: Succeeded(amount=amount_of(refund), id=refund["id"]),
    **dict.fromkeys(
        ("failed", "gateway_rejected", "processor_declined", "settlement_declined", "settlement_failed", "voided"),
        _refund_failed,
    ),
}


def refund_outcome(refund: Answer) -> Outcome:
    """Say what became of a refund; a status that is not known is `Unknown`, as is what is no refund at all."""
    if refund.get("type") != "credit":
        return Unknown(detail=f"a transaction of type {refund.get('type')!r}, where a refund was asked")
    read = REFUND_STATUSES.get(refund["status"])
    return Unknown(detail=f"a refund in status {refund['status']!r}") if read is None else read(refund)
