"""What comes of a payment: the verdict falls, money is held or taken, a token is made, and a webhook tells of it."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from evpay_contrib_emulators.adyen.books import Books, Move, Payment, StoredMethod
from evpay_contrib_emulators.adyen.refusals import Verdict
from evpay_contrib_emulators.adyen.webhooks import post

__all__ = ["capture_in_full", "conclude", "hold_on", "payment_answer"]

_OPERATIONS: Final = ("CANCEL", "CAPTURE", "REFUND")
_REFUSED_REASONS: Final = frozenset({"Refused", "Error", "Cancelled"})


def conclude(books: Books, payment: Payment, verdict: Verdict) -> None:
    """Let the verdict fall; Received and Pending wait for another one, all others are told in a webhook."""
    payment.result = verdict.result
    payment.refusal = verdict if verdict.result in _REFUSED_REASONS else None
    if verdict.result in {"Received", "Pending"}:
        return
    if payment.is_authorised:
        _hold(books, payment, verdict)
    _tell(books, payment, verdict)
    if payment.is_authorised and not payment.manual and payment.authorized:
        books.do_in(payment.capture_hours * 3600, lambda: capture_in_full(books, payment))


def _hold(books: Books, payment: Payment, verdict: Verdict) -> None:
    payment.authorized = payment.requested * verdict.share // 100
    hold_on(books, payment)
    payment.effects["authorize"] += 1
    payment.auth_code = f"{secrets.randbelow(1_000_000):06}"
    if payment.pre_auth and books.options.synchronous_adjustments:
        payment.blob = secrets.token_urlsafe(48)
    if payment.store and payment.shopper:
        _store(books, payment, payment.shopper)


def hold_on(books: Books, payment: Payment) -> None:
    """Hold for as long as an authorisation stands, counted from now."""
    lasts = timedelta(days=books.options.hold_days)
    payment.expires = books.clock.now() + lasts
    books.do_in(lasts.total_seconds(), lambda: _expire(books, payment))


def _expire(books: Books, payment: Payment) -> None:
    if not payment.held or payment.expires is None or payment.expires > books.clock.now():
        return
    payment.released += payment.held
    payment.end = "expired"
    post(
        books,
        "EXPIRE",
        psp=payment.psp,
        reference=payment.reference,
        amount=payment.authorized,
        currency=payment.currency,
        payment=payment,
    )


def _store(books: Books, payment: Payment, shopper: str) -> None:
    for stored in books.stored.values():
        if (stored.shopper, stored.instrument) == (shopper, payment.instrument):
            payment.stored_id, payment.store_operation = stored.id, "alreadyExisting"
            return
    payment.stored_id, payment.store_operation = books.mint(), "created"
    books.stored[payment.stored_id] = StoredMethod(
        id=payment.stored_id,
        shopper=shopper,
        instrument=payment.instrument,
        model=payment.model,
        created=books.clock.now(),
        first_psp=payment.psp,
    )


def capture_in_full(books: Books, payment: Payment) -> None:
    """Take all that is held, as an account does that captures by itself. Adyen sends no webhook of it."""
    if payment.held:
        move = Move(psp=payment.psp, reference=payment.reference, amount=payment.held)
        payment.captures.append(move)
        payment.effects["capture"] += 1
        books.book("Settled", payment, move)


def _tell(books: Books, payment: Payment, verdict: Verdict) -> None:
    success = payment.is_authorised
    card = payment.instrument
    reason = verdict.reason or ("" if success else verdict.result)
    if success and card.summary:
        reason = f"{payment.auth_code}:{card.summary}:{card.expiry}"
    post(
        books,
        "AUTHORISATION",
        psp=payment.psp,
        reference=payment.reference,
        amount=payment.authorized if success else payment.requested,
        currency=payment.currency,
        payment=payment,
        success=success,
        reason=reason,
        additional=_additional(payment) | {f"metadata.{name}": value for name, value in payment.metadata.items()},
        operations=_OPERATIONS if success else (),
    )


def _additional(payment: Payment) -> dict[str, str]:
    """Return the additional data that the answer and the webhook have in common; all values are strings."""
    card, verdict = payment.instrument, payment.refusal or payment.verdict
    known = {
        "authCode": payment.auth_code,
        "cardSummary": card.summary,
        "expiryDate": card.expiry,
        "paymentMethod": card.brand,
        "paymentMethodVariant": card.variant,
        "refusalReasonRaw": verdict.raw,
        "recurringProcessingModel": payment.model,
        "adjustAuthorisationData": payment.blob,
    }
    data = {name: value for name, value in known.items() if value}
    if payment.result == "PartiallyAuthorised":
        data |= {"authorisedAmountValue": str(payment.authorized), "authorisedAmountCurrency": payment.currency}
    if payment.store_operation and payment.stored_id:
        data |= {
            "tokenization.shopperReference": str(payment.shopper),
            "tokenization.storedPaymentMethodId": payment.stored_id,
            "tokenization.store.operationType": payment.store_operation,
            "recurring.recurringDetailReference": payment.stored_id,
            "recurring.shopperReference": str(payment.shopper),
        }
    return data


def payment_answer(payment: Payment, action: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the answer of /payments and /payments/details."""
    additional = _additional(payment) | {"merchantReference": payment.reference}
    if payment.instrument.holder:
        additional["cardHolderName"] = payment.instrument.holder  # webhooks do not have it
    answer: dict[str, Any] = {
        "pspReference": payment.psp,
        "resultCode": payment.result,
        "merchantReference": payment.reference,
        "additionalData": additional,
    }
    if action is not None:
        return answer | {"action": dict(action)}
    if payment.is_authorised:
        answer["amount"] = {"currency": payment.currency, "value": payment.authorized}
    kind = "scheme" if payment.instrument.kind == "card" else payment.instrument.kind
    answer["paymentMethod"] = {"type": kind}
    if payment.instrument.summary:
        answer["paymentMethod"]["brand"] = payment.instrument.brand
    if payment.refusal is not None and payment.refusal.reason is not None:
        answer |= {"refusalReason": payment.refusal.reason, "refusalReasonCode": payment.refusal.code or "0"}
    return answer
