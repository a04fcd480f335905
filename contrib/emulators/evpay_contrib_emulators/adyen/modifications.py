"""Captures, cancels, refunds, reversals and new amounts: taken at once, and told in a webhook what came of them."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from evpay_contrib_emulators.adyen.amounts import currency_of, value_of
from evpay_contrib_emulators.adyen.answers import WireError
from evpay_contrib_emulators.adyen.authorising import hold_on
from evpay_contrib_emulators.adyen.books import Books, Move, Payment
from evpay_contrib_emulators.adyen.fields import check
from evpay_contrib_emulators.adyen.payments import check_account
from evpay_contrib_emulators.adyen.refusals import OPEN_RESULTS, Verdict
from evpay_contrib_emulators.adyen.webhooks import post

__all__ = ["MODIFICATIONS", "cancel_by_reference", "modify"]

_PSP: Final = re.compile(r"[A-Z0-9]{16}", re.ASCII)
_ECHOED: Final = (
    "reference",
    "amount",
    "merchantRefundReason",
    "capturePspReference",
    "industryUsage",
    "lineItems",
    "splits",
    "store",
    "platformChargebackLogic",
    "subMerchants",
)
# Holder names with which a test payment's capture or refund fails later on,
# https://docs.adyen.com/development-resources/testing/result-codes, checked 2026-11-20.
_CAPTURE_FAILS, _REFUND_FAILS = "capture failed", "refund failed"
# The name of this emulator, not of Adyen: it publishes none for a refused adjustment.
_ADJUSTMENT_REFUSED: Final = "ADJUSTMENT_REFUSED"
_SCHEME_ANSWERS_S: Final = 3600

# Reasons of failed modifications. "Insufficient balance on payment" and the one of refunds are in Adyen's public
# examples; the words of the others are not verified.
_NOT_FOUND: Final = "Transaction not found"
_BALANCE: Final = "Insufficient balance on payment"
_NOT_CAPTURED: Final = "Transaction hasn't been captured, refund not possible"
_NOT_AUTHORISED: Final = "Transaction is not authorised"
_CAPTURED: Final = "Transaction has already been captured"
_CANCELLED: Final = "Transaction has already been cancelled"
_EXPIRED: Final = "Authorisation expired"


@dataclass(slots=True, kw_only=True)
class _Request:
    """One modification, as it was taken."""

    psp: str
    reference: str
    amount: int
    currency: str
    original: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Came:
    """What came of it; without a reason it was done."""

    reason: str = ""
    additional: Mapping[str, str] = field(default_factory=dict)
    fails_later: str | None = None

    @property
    def success(self) -> bool:
        return not self.reason


_Work = Callable[[Books, Payment, _Request], _Came]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modification:
    """A kind of modification: its event, the table of its fields, and what it does."""

    event: str
    table: str
    has_amount: bool
    work: _Work


def modify(books: Books, original: str, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Take a modification; whether it is possible is told later.

    Raises:
        WireError: the request itself is refused.
    """
    modification = MODIFICATIONS[kind]
    check(body, modification.table)
    check_account(books, body)
    if not _PSP.fullmatch(original):
        raise WireError("167")
    payment = books.payment(original)
    request = _read(books, original, payment, body, has_amount=modification.has_amount)
    answer = {name: body[name] for name in _ECHOED if name in body} | {
        "merchantAccount": body["merchantAccount"],
        "paymentPspReference": original,
        "pspReference": request.psp,
        "status": "received",
    }
    if kind == "amountUpdates":
        answer.setdefault("reference", "")
        if "adjustAuthorisationData" in body:
            return answer | _adjusted_at_once(books, payment, request, body["adjustAuthorisationData"])
    books.do_in(books.options.modification_delay, lambda: _process(books, modification, request))
    return answer


def _read(
    books: Books, original: str, payment: Payment | None, body: Mapping[str, Any], *, has_amount: bool
) -> _Request:
    amount, currency = (0, payment.currency) if payment else (0, "EUR")
    if has_amount:
        if "amount" not in body:
            raise WireError("100")
        amount, currency = value_of(body["amount"], least=1), currency_of(body["amount"])
        if payment is not None and currency != payment.currency:
            raise WireError("138")
    elif payment is not None:
        amount = payment.authorized
    reference = body.get("reference") or (payment.reference if payment else "")
    return _Request(psp=books.mint(), reference=reference, amount=amount, currency=currency, original=original)


def _process(books: Books, modification: Modification, request: _Request) -> None:
    payment = books.payment(request.original)
    came = _Came(reason=_NOT_FOUND) if payment is None else modification.work(books, payment, request)
    _tell(books, modification.event, payment, request, came)
    if came.fails_later is not None and payment is not None:
        books.do_in(_SCHEME_ANSWERS_S, lambda: fail_later(books, payment, request.psp, came.fails_later or ""))


def _tell(books: Books, event: str, payment: Payment | None, request: _Request, came: _Came) -> None:
    post(
        books,
        event,
        psp=request.psp,
        original=request.original,
        reference=request.reference,
        amount=request.amount,
        currency=request.currency,
        payment=payment,
        success=came.success,
        reason=came.reason,
        additional=came.additional,
    )


def fail_later(books: Books, payment: Payment, psp: str, event: str, *, reason: str | None = None) -> None:
    """Let a capture or a refund come back that seemed to have been done: CAPTURE_FAILED, REFUND_FAILED and the like.

    Raises:
        LookupError: there is no such capture or refund that could come back.
    """
    is_capture = event == "CAPTURE_FAILED"
    moves = payment.captures if is_capture else payment.refunds
    move = next((move for move in reversed(moves) if not move.failed and psp in {move.psp, ""}), None)
    if move is None:
        raise LookupError(f"payment {payment.psp} has nothing that could fail")
    move.failed = True
    books.book("SettledReversed" if is_capture else "RefundedReversed", payment, move)
    post(
        books,
        event,
        psp=move.psp,
        original=payment.psp,
        reference=move.reference,
        amount=move.amount,
        currency=payment.currency,
        payment=payment,
        reason=reason or {"CAPTURE_FAILED": "Capture Failed", "REFUND_FAILED": "Refund Failed"}.get(event, ""),
        additional={"paymentMethodVariant": payment.instrument.variant},
    )


def _stands(payment: Payment) -> str:
    """Return why nothing is held any more, or an empty string."""
    if not payment.is_authorised:
        return _CANCELLED if payment.end == "cancelled" else _NOT_AUTHORISED
    return {"cancelled": _CANCELLED, "expired": _EXPIRED}.get(payment.end or "", "")


def _capture(books: Books, payment: Payment, request: _Request) -> _Came:
    reason = _stands(payment)
    if reason:
        return _Came(reason=reason)
    most = payment.held
    if payment.held:
        most += payment.authorized * books.options.overcapture_percent // 100
    if request.amount > most:
        return _Came(reason=_BALANCE)
    move = Move(psp=request.psp, reference=request.reference, amount=request.amount)
    payment.captures.append(move)
    payment.effects["capture"] += 1
    books.book("Settled", payment, move)
    if not books.options.multiple_partial_captures:
        payment.released += payment.held
    return _Came(fails_later="CAPTURE_FAILED" if payment.instrument.holder == _CAPTURE_FAILS else None)


def _cancel(books: Books, payment: Payment, request: _Request) -> _Came:
    del books, request
    if payment.result in OPEN_RESULTS:
        payment.refusal = Verdict(result="Cancelled", reason="Cancelled", code="15", raw="CANCELLED")
        payment.result, payment.end = "Cancelled", "cancelled"
        return _Came()
    reason = _stands(payment)
    if reason:
        return _Came(reason=reason)
    if payment.captured and not payment.held:
        return _Came(reason=_CAPTURED)
    payment.released += payment.held
    payment.end = "cancelled"
    payment.effects["void"] += 1
    return _Came()


def _refund(books: Books, payment: Payment, request: _Request) -> _Came:
    if not payment.captured:
        return _Came(reason=_NOT_CAPTURED)
    if request.amount > payment.captured - payment.refunded - payment.charged_back:
        return _Came(reason=_BALANCE)
    move = Move(psp=request.psp, reference=request.reference, amount=request.amount)
    payment.refunds.append(move)
    payment.effects["refund"] += 1
    books.book("Refunded", payment, move)
    return _Came(fails_later="REFUND_FAILED" if payment.instrument.holder == _REFUND_FAILS else None)


def _reverse(books: Books, payment: Payment, request: _Request) -> _Came:
    if not payment.captured:
        came = _cancel(books, payment, request)
        return _Came(reason=came.reason, additional={"modification.action": "cancel"})
    action = {"modification.action": "refund"}
    if len([move for move in payment.captures if not move.failed]) > 1:
        return _Came(reason=_BALANCE, additional=action)
    request.amount = payment.captured - payment.refunded - payment.charged_back
    if request.amount <= 0:
        return _Came(reason=_BALANCE, additional=action)
    return _Came(reason=_refund(books, payment, request).reason, additional=action)


def _adjust(books: Books, payment: Payment, request: _Request) -> _Came:
    reason = _stands(payment)
    if not reason and not payment.pre_auth:
        reason = "Original transaction is not a pre-authorisation"
    if not reason and payment.captures:
        reason = _CAPTURED
    if not reason and payment.instrument.holder == _ADJUSTMENT_REFUSED:
        reason = "Refused"
    if reason:
        return _Came(reason=reason)
    payment.authorized = request.amount
    hold_on(books, payment)
    payment.effects["increment"] += 1
    if payment.blob is None:
        return _Came()
    payment.blob = secrets.token_urlsafe(48)
    return _Came(additional={"adjustAuthorisationData": payment.blob})


def _adjusted_at_once(books: Books, payment: Payment | None, request: _Request, blob: str) -> dict[str, Any]:
    """Adjust within the call, as Adyen does when the latest `adjustAuthorisationData` comes with it."""
    if payment is None or payment.blob is None or not secrets.compare_digest(blob.encode(), payment.blob.encode()):
        return {"status": "refused"}
    came = _adjust(books, payment, request)
    _tell(books, "AUTHORISATION_ADJUSTMENT", payment, request, came)
    if not came.success:
        payment.blob = secrets.token_urlsafe(48)
    return {"status": "authorised" if came.success else "refused", "adjustAuthorisationData": payment.blob}


def cancel_by_reference(books: Books, body: Mapping[str, Any]) -> dict[str, Any]:
    """Take the cancellation of a payment whose pspReference the merchant does not know.

    Raises:
        WireError: the request itself is refused.
    """
    check(body, "StandalonePaymentCancelRequest")
    check_account(books, body)
    psp, reference = books.mint(), body["paymentReference"]
    books.do_in(books.options.modification_delay, lambda: _technical_cancel(books, psp, reference))
    answer = {name: body[name] for name in ("merchantAccount", "paymentReference", "reference") if name in body}
    return answer | {"pspReference": psp, "status": "received"}


def _technical_cancel(books: Books, psp: str, reference: str) -> None:
    payment = books.payment_with(reference)
    request = _Request(
        psp=psp,
        reference=reference,
        amount=payment.requested if payment else 0,
        currency=payment.currency if payment else "EUR",
        original=payment.psp if payment else "",
    )
    came = _cancel(books, payment, request) if payment else _Came(reason=_NOT_FOUND)
    post(
        books,
        "TECHNICAL_CANCEL",
        psp=psp,
        original=request.original or None,
        reference=reference,
        amount=request.amount,
        currency=request.currency,
        payment=payment,
        success=came.success,
        reason=came.reason,
    )


MODIFICATIONS: Final[Mapping[str, Modification]] = {
    "amountUpdates": Modification(
        event="AUTHORISATION_ADJUSTMENT", table="PaymentAmountUpdateRequest", has_amount=True, work=_adjust
    ),
    "cancels": Modification(event="CANCELLATION", table="PaymentCancelRequest", has_amount=False, work=_cancel),
    "captures": Modification(event="CAPTURE", table="PaymentCaptureRequest", has_amount=True, work=_capture),
    "refunds": Modification(event="REFUND", table="PaymentRefundRequest", has_amount=True, work=_refund),
    "reversals": Modification(
        event="CANCEL_OR_REFUND", table="PaymentReversalRequest", has_amount=False, work=_reverse
    ),
}
