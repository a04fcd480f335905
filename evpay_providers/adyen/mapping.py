"""Pure translation between evpay's requests and outcomes and Adyen's Checkout API; tables first."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.providers import (
    ActionRequired,
    AuthorizeRequest,
    CaptureRequest,
    CompleteRequest,
    Declined,
    Failed,
    Handle,
    IncrementRequest,
    OpenLink,
    Outcome,
    Pending,
    Reason,
    RefundRequest,
    RunClientSdk,
    Succeeded,
    Unknown,
    VoidRequest,
)
from evpay_providers.adyen.amounts import amount_param, from_adyen, money_of, to_adyen
from evpay_providers.adyen.failures import REFUSALS, refusal
from evpay_providers.adyen.holds import handle_of, hold_of, is_psp_reference, slip_of
from evpay_providers.adyen.methods import OWN_RAILS, is_stored, method_param, saved_method, type_of
from evpay_providers.adyen.settings import AdyenSettings

__all__ = [
    "REFERENCE",
    "Answer",
    "authorize_outcome",
    "authorize_params",
    "capture_params",
    "complete_outcome",
    "complete_params",
    "increment_outcome",
    "increment_params",
    "received_outcome",
    "refund_params",
    "split_void_reference",
    "void_params",
]

Answer = Mapping[str, Any]

REFERENCE: Final = "evpay_reference"
NOWHERE: Final = "https://return.invalid/"  # Adyen demands an address also where nobody can be sent back
_VOID_REFERENCE: Final = re.compile(r"(?P<reference>[A-Za-z0-9_]+)-(?P<amount>\d{1,18})\Z", re.ASCII)

# What may come back with the driver, by its name in `details`.
# https://docs.adyen.com/api-explorer/Checkout/72/post/payments/details#request-details (checked 2026-11-20)
DETAILS: Final = frozenset(
    {
        "MD",
        "PaReq",
        "PaRes",
        "billingToken",
        "facilitatorAccessToken",
        "orderID",
        "payerID",
        "payload",
        "paymentID",
        "redirectResult",
        "returnUrlQueryString",
        "threeDSResult",
        "threeds2.challengeResult",
        "threeds2.fingerprint",
        "vaultToken",
    }
)

# What may stand on a card statement.
# https://docs.adyen.com/api-explorer/Checkout/72/post/payments#request-shopperStatement (checked 2026-11-20)
_NOT_ON_STATEMENTS: Final = re.compile(r"[^A-Za-z0-9 .,'_\-?+*/]")


# --- ours to theirs


def authorize_params(request: AuthorizeRequest, *, settings: AdyenSettings) -> dict[str, Any]:
    """Ask for a pre-authorization that is captured by hand.

    Raises:
        InvalidInput: as `methods.method_param` does, and to save a method without naming a customer.
    """
    method = request.method
    if request.save_method and method.customer is None:
        raise InvalidInput(
            "Adyen saves a method for a shopper. Give PaymentMethod(customer='...').", code="customer_needed"
        )
    stored = is_stored(method)
    on_file = "UnscheduledCardOnFile" if request.off_session or request.save_method else "CardOnFile"
    held = {"manualCapture": "true"} | ({} if type_of(method) in OWN_RAILS else {"authorisationType": "PreAuth"})
    optional = {
        "shopperReference": method.customer,
        "recurringProcessingModel": on_file if stored or request.off_session or request.save_method else None,
        "storePaymentMethod": True if request.save_method and not stored else None,
        "shopperStatement": _statement(request.descriptor) if settings.send_descriptor else None,
        "authenticationData": {"threeDSRequestData": {"nativeThreeDS": "preferred"}}
        if settings.native_three_ds and not request.off_session
        else None,
    }
    return {
        "amount": amount_param(request.amount),
        "merchantAccount": settings.merchant_account,
        "paymentMethod": method_param(method, live=settings.live),
        "reference": request.reference,
        "returnUrl": request.return_url or settings.return_url or NOWHERE,
        "shopperInteraction": "ContAuth" if stored or request.off_session else "Ecommerce",
        "additionalData": held,
        "metadata": {REFERENCE: request.reference},
        **{name: value for name, value in optional.items() if value is not None},
    }


def _statement(text: str | None) -> str | None:
    return _NOT_ON_STATEMENTS.sub("", text or "").strip()[:22] or None


def complete_params(request: CompleteRequest) -> dict[str, Any] | None:
    """Hand on what came back with the driver, by the names that Adyen knows; None if there is nothing."""
    details = {name: value for name, value in request.answer.items() if name in DETAILS}
    data = request.answer.get("paymentData")
    return {"details": details, **({"paymentData": data} if data else {})} if details else None


def increment_params(request: IncrementRequest, *, merchant: str) -> dict[str, Any]:
    """State the new total, which may be the present one; with the last blob Adyen answers at once."""
    blob = request.handle.memo.get("adjust")
    return {
        "merchantAccount": merchant,
        "amount": amount_param(request.total),
        "reference": request.reference,
        **({"adjustAuthorisationData": blob} if blob else {}),
    }


def capture_params(request: CaptureRequest, *, merchant: str) -> dict[str, Any]:
    """Take the amount."""
    return {"merchantAccount": merchant, "amount": amount_param(request.amount), "reference": request.reference}


def void_params(request: VoidRequest, *, merchant: str) -> dict[str, Any]:
    """Cancel, by our own reference where theirs is not known.

    The webhook that follows does not say how much came free, so what should goes out behind our reference.
    """
    known = request.handle is not None and is_psp_reference(request.handle.id)
    return {
        "merchantAccount": merchant,
        "reference": f"{request.reference}-{to_adyen(request.amount)}",
        **({} if known else {"paymentReference": request.payment_reference}),
    }


def split_void_reference(reference: str, *, currency: str) -> tuple[str, Money] | None:
    """Return our reference of a VOID and what should come free, or None if it is not one of ours."""
    found = _VOID_REFERENCE.match(reference)
    return (found["reference"], from_adyen(int(found["amount"]), currency)) if found else None


def refund_params(request: RefundRequest, *, merchant: str) -> dict[str, Any]:
    """Refund; only PayPal wants to know which capture."""
    of_capture = request.handle.memo.get("method") == "paypal" and request.capture_id is not None
    return {
        "merchantAccount": merchant,
        "amount": amount_param(request.amount),
        "reference": request.reference,
        **({"capturePspReference": request.capture_id} if of_capture else {}),
    }


# --- theirs to ours


def _data(answer: Answer) -> Answer:
    data = answer.get("additionalData")
    return data if isinstance(data, dict) else {}


def _method_type(answer: Answer) -> str | None:
    method = answer.get("paymentMethod")
    found = method.get("type") if isinstance(method, dict) else method
    return found if isinstance(found, str) else _data(answer).get("paymentMethod")


def _confirmed(answer: Answer, *, asked: Money) -> Money | None:
    """Return what was authorized. Where an answer names no amount, all of it was, unless it says "in part"."""
    data = _data(answer)
    stated = data.get("authorisedAmountValue")
    if stated is not None:
        return from_adyen(int(str(stated)), str(data.get("authorisedAmountCurrency") or asked.currency.code))
    if answer["resultCode"] == "PartiallyAuthorised":
        return None
    return money_of(answer.get("amount")) or asked


def _held(answer: Answer, *, asked: Money, settings: AdyenSettings, off_session: bool, **_: Any) -> Outcome:
    amount, psp = _confirmed(answer, asked=asked), answer.get("pspReference")
    if amount is None or not is_psp_reference(psp):
        return Unknown(detail=f"{answer['resultCode']} without an amount or a pspReference")
    if amount.currency != asked.currency:
        return Unknown(detail=f"an answer in {amount.currency.code}, where {asked.currency.code} was asked")
    kind = _method_type(answer)
    return Succeeded(
        amount=amount,
        id=psp,
        handle=handle_of(str(psp), data=_data(answer), method_type=kind),
        hold=hold_of(amount, settings=settings, off_session=off_session, adjustable=kind not in OWN_RAILS),
        saved_method=saved_method(_data(answer), method_type=kind, account=settings.account),
        slip=slip_of(_data(answer)),
    )


def _psp_of(answer: Answer) -> str | None:
    psp = answer.get("pspReference")
    return str(psp) if is_psp_reference(psp) else None


def _refused(answer: Answer, *, off_session: bool, **_: Any) -> Outcome:
    code = answer.get("refusalReasonCode") or answer.get("refusalReason")
    return refusal(str(code) if code else None, payment_id=_psp_of(answer), off_session=off_session)


def _cancelled(answer: Answer, **_: Any) -> Outcome:
    return Declined(reason=Reason.CANCELLED_BY_DRIVER, code="Cancelled", id=_psp_of(answer))


def _broken(answer: Answer, **_: Any) -> Outcome:
    code = answer.get("refusalReasonCode")
    reason = REFUSALS.get(str(code), Reason.OTHER) if code else Reason.ISSUER_UNAVAILABLE
    return Failed(reason=reason, code=str(code or "Error"), id=_psp_of(answer))


def _accepted(answer: Answer, *, reference: str, **_: Any) -> Outcome:
    psp = _psp_of(answer)
    return Pending(id=psp, handle=handle_of(psp or reference, data=_data(answer), method_type=_method_type(answer)))


def _waiting(answer: Answer, *, off_session: bool, reference: str, **_: Any) -> Outcome:
    psp = _psp_of(answer)
    if off_session:
        return Declined(reason=Reason.AUTHENTICATION_REQUIRED, code=str(answer["resultCode"]), id=psp)
    action = answer["action"]
    url = action.get("url")
    opens = action.get("type") == "redirect" and isinstance(url, str) and action.get("method", "GET") == "GET"
    return ActionRequired(
        action=OpenLink(uri=url) if opens else RunClientSdk(payload=dict(action)),
        id=psp,
        # Where there is no reference of theirs yet, ours stands in: it is what such a payment is cancelled by.
        handle=handle_of(psp or reference, data={}, method_type=_method_type(answer)),
    )


# What a result says about the AUTHORIZE; those of flows that only authenticate are not here.
# https://docs.adyen.com/online-payments/build-your-integration/payment-result-codes (checked 2026-11-20)
RESULTS: Final[Mapping[str, Callable[..., Outcome]]] = {
    "Authorised": _held,
    "PartiallyAuthorised": _held,
    "Refused": _refused,
    "Cancelled": _cancelled,
    "Error": _broken,
    "Pending": _accepted,
    "Received": _accepted,
    "RedirectShopper": _waiting,
    "IdentifyShopper": _waiting,
    "ChallengeShopper": _waiting,
    "PresentToShopper": _waiting,
}


def authorize_outcome(
    answer: Answer, *, reference: str, asked: Money, settings: AdyenSettings, off_session: bool = False
) -> Outcome:
    """Say what became of the AUTHORIZE; a result that is not in the table is `Unknown`."""
    read = RESULTS.get(answer["resultCode"])
    named = answer.get("merchantReference")
    if read is None or (named is not None and named != reference):
        return Unknown(detail=f"a payment with the result {answer['resultCode']!r}, or of another reference")
    return read(answer, reference=reference, asked=asked, settings=settings, off_session=off_session)


def complete_outcome(answer: Answer, *, request: CompleteRequest, settings: AdyenSettings) -> Outcome:
    """Say what became of the AUTHORIZE, if the answer says that it is this one.

    What a browser brought back decides which payment Adyen answers about: it may be another of ours. An answer that
    names no payment may ask the driver for one thing more, and says nothing else.
    """
    outcome = authorize_outcome(answer, reference=request.payment_reference, asked=request.amount, settings=settings)
    if answer.get("merchantReference") is not None:
        return outcome
    if isinstance(outcome, ActionRequired):
        return replace(outcome, id=None, handle=request.handle)
    return Unknown(detail=f"a payment with the result {answer['resultCode']!r}, which does not say whose it is")


def received_outcome(answer: Answer) -> Outcome:
    """Say what became of a capture, void or refund: it was received, and a webhook tells the rest."""
    psp = _psp_of(answer)
    if answer.get("status") != "received" or psp is None:
        return Unknown(detail=f"a modification in status {answer.get('status')!r}")
    return Pending(id=psp)


def increment_outcome(answer: Answer, *, request: IncrementRequest, settings: AdyenSettings) -> Outcome:
    """Say what became of a new total: received, or with the blob at once."""
    psp, amount = _psp_of(answer), money_of(answer.get("amount")) or request.total
    if amount.currency != request.total.currency:
        return Unknown(detail=f"an answer in {amount.currency.code}, where {request.total.currency.code} was asked")
    match answer.get("status"):
        case "received" if psp:
            return Pending(id=psp)
        case "authorised" if psp:
            memo = {name: text for name, text in request.handle.memo.items() if name != "adjust"}
            fresh = handle_of(request.handle.id, data=answer, method_type=None)
            return Succeeded(
                amount=amount,
                id=psp,
                handle=Handle(id=fresh.id, memo=memo | dict(fresh.memo)),
                hold=hold_of(amount, settings=settings, off_session=False),
            )
        case "refused":
            return Declined(reason=Reason.INCREMENT_NOT_AVAILABLE, code="refused", id=psp)
        case status:
            return Unknown(detail=f"an adjustment in status {status!r}")
