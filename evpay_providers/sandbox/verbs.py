"""What the processor does when it is asked: one function a verb, all behind `serve`.

Everything here runs inside one transaction.
"""

from dataclasses import dataclass, replace
from typing import Final

from evpay.money import to_minor
from evpay.providers import (
    AuthorizeRequest,
    CaptureRequest,
    CompleteRequest,
    Declined,
    EffectRequest,
    Failed,
    Funding,
    Handle,
    IncrementRequest,
    OperationKind,
    Outcome,
    Reason,
    RefundRequest,
    Unknown,
    VoidRequest,
)
from evpay_providers.sandbox import mapping
from evpay_providers.sandbox.effects import await_driver, in_flight, lapse, new_effect, refuse_effect, settle_effect
from evpay_providers.sandbox.methods import METHODS, DriverPart, Script
from evpay_providers.sandbox.settings import SandboxSettings
from evpay_providers.sandbox.storage import Page, Payment, Terms

__all__ = ["CONFIRMED_ONLY", "Desk", "serve"]

CONFIRMED_ONLY: Final = frozenset({Funding.DEPOSIT, Funding.EXTERNAL})
"""Here a capture moves nothing: the money is the merchant's already, or somebody else takes it."""

_ORDINARY: Final = Script(says="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What one request is served with: the open books, the account's settings, a refusal that a test wants."""

    page: Page
    settings: SandboxSettings
    refusal: Declined | Failed | None = None


def _invalid(code: str) -> Failed:
    return Failed(reason=Reason.INVALID_REQUEST, code=code)


def _terms(settings: SandboxSettings, script: Script) -> Terms:
    is_hold = settings.funding is Funding.HOLD
    lifetime = script.lifetime or (settings.hold_lifetime if is_hold else None)
    may_grow = settings.funding not in CONFIRMED_ONLY
    return Terms(
        funding=settings.funding,
        lifetime_us=mapping.microseconds_of(lifetime),
        increment=settings.increment and script.increments and may_grow,
        extend=settings.extend and may_grow,
        multiple_captures=settings.multiple_captures,
        releases_remainder=settings.releases_remainder and may_grow,
        over_percent=settings.over_capture_percent,
        share_percent=script.share_percent,
    )


def _perform(
    desk: Desk,
    payment: Payment,
    request: EffectRequest,
    *,
    kind: OperationKind,
    asked: int,
    refusal: Declined | Failed | None,
) -> Outcome:
    script = METHODS.get(payment.token, _ORDINARY)
    effect = new_effect(desk.page, payment, kind, asked=asked, request=request)
    refused = desk.refusal or script.refusals.get(kind) or refusal
    if refused is not None:
        return refuse_effect(desk.page, payment, effect, refused)
    if script.pending is kind and asked:
        if kind is OperationKind.AUTHORIZE:
            desk.page.save(replace(payment, standing="pending", expires_us=None))
        return mapping.outcome_of(effect.outcome)
    return settle_effect(desk.page, payment, effect)


def _payment_of(page: Page, reference: str, handle: Handle | None) -> Payment | None:
    payment = page.find(reference=reference) if handle is None else page.find(id=handle.id)
    return None if payment is None or payment.reference != reference else lapse(page, payment)


def _open_payment(desk: Desk, *, reference: str, currency: str, key: str, token: str = "") -> Payment:
    settings, page = desk.settings, desk.page
    return page.add(
        Payment(
            account=settings.account,
            id=page.new_id("pay", key),
            reference=reference,
            currency=currency,
            method=mapping.masked(token) if token else "",
            token=token if token in METHODS else "",
            standing="refused",
            changed_us=page.now_us,
            terms=_terms(settings, METHODS.get(token, _ORDINARY)),
        )
    )


def _authorize_refusal(desk: Desk, request: AuthorizeRequest, asked: int) -> Declined | Failed | None:
    settings, token = desk.settings, request.method.token
    rules = settings.amounts
    rule = None if rules is None else rules.get(request.amount.currency.code)
    needs_driver = token in METHODS and (METHODS[token].driver is not None or not settings.off_session)
    if token not in METHODS:
        return Declined(reason=Reason.INVALID_METHOD, code="no_such_method")
    if rules is not None and rule is None:
        return Failed(reason=Reason.CURRENCY_NOT_SUPPORTED, code="currency_not_supported")
    if asked < (1 if rule is None else rule.minimum_minor):
        return Failed(reason=Reason.AMOUNT_TOO_SMALL, code="amount_too_small")
    if rule is not None and asked % rule.step_minor:
        return _invalid("off_step")
    if request.off_session and needs_driver:
        return Declined(reason=Reason.AUTHENTICATION_REQUIRED, code="driver_needed")
    return None


def _authorize(desk: Desk, request: AuthorizeRequest) -> Outcome:
    page, token, asked = desk.page, request.method.token, to_minor(request.amount)
    before = page.find(reference=request.reference)
    if before is not None and before.standing == "voided":
        return Failed(reason=Reason.INVALID_STATE, code="voided_before")
    payment = _open_payment(
        desk,
        reference=request.reference,
        currency=request.amount.currency.code,
        key=request.idempotency_key,
        token=token,
    )
    refusal = _authorize_refusal(desk, request, asked)
    script = METHODS.get(token, _ORDINARY)
    if script.driver is None or refusal or desk.refusal:
        return _perform(desk, payment, request, kind=OperationKind.AUTHORIZE, asked=asked, refusal=refusal)
    effect = new_effect(page, payment, OperationKind.AUTHORIZE, asked=asked, request=request)
    patience_us = mapping.microseconds_of(desk.settings.approval_lifetime) or 0
    return await_driver(page, payment, effect, action=script.action, patience_us=patience_us)


def _complete(desk: Desk, request: CompleteRequest) -> Outcome:
    page = desk.page
    payment = _payment_of(page, request.payment_reference, request.handle)
    if payment is None:
        return Unknown(detail="the sandbox has no such payment")
    effect = page.effects(payment)[0]
    part = METHODS.get(payment.token, _ORDINARY).driver
    # The answer says that the driver is back, and nothing else of it counts.
    if payment.standing == "waiting" and (desk.refusal or (request.answer and part is not DriverPart.ELSEWHERE)):
        refusal = Declined(reason=Reason.AUTHENTICATION_FAILED, code="authentication_failed")
        refused = desk.refusal or (refusal if part is DriverPart.DECLINES else None)
        return refuse_effect(page, payment, effect, refused) if refused else settle_effect(page, payment, effect)
    return mapping.outcome_of(effect.outcome)


def _standing_refusal(payment: Payment, currency: str) -> Failed | None:
    if payment.currency != currency:
        return _invalid("currency_mismatch")
    if payment.standing == "expired":
        return Failed(reason=Reason.AUTHORIZATION_EXPIRED, code="expired")
    if payment.standing != "open":
        return Failed(reason=Reason.INVALID_STATE, code=payment.standing)
    return None


def _increment(desk: Desk, request: IncrementRequest) -> Outcome:
    payment = _payment_of(desk.page, request.payment_reference, request.handle)
    if payment is None:
        return _invalid("no_such_payment")
    asked, terms = to_minor(request.total), payment.terms
    refusal = _standing_refusal(payment, request.total.currency.code)
    if refusal is None and asked < payment.authorized:
        refusal = _invalid("below_present_total")
    if refusal is None and not (terms.extend if asked == payment.authorized else terms.increment):
        refusal = Failed(reason=Reason.INCREMENT_NOT_AVAILABLE, code="increment_not_available")
    return _perform(desk, payment, request, kind=OperationKind.INCREMENT, asked=asked, refusal=refusal)


def _capture_refusal(page: Page, payment: Payment, request: CaptureRequest, asked: int) -> Failed | None:
    refusal = _standing_refusal(payment, request.amount.currency.code)
    if refusal is not None:
        return refusal
    if asked < 1:
        return Failed(reason=Reason.AMOUNT_TOO_SMALL, code="amount_too_small")
    if not request.final and not payment.terms.multiple_captures:
        return _invalid("multiple_captures_not_allowed")
    if payment.captured + in_flight(page, payment, OperationKind.CAPTURE) + asked > payment.limit:
        return Failed(reason=Reason.AMOUNT_TOO_LARGE, code="above_capture_limit")
    return None


def _capture(desk: Desk, request: CaptureRequest) -> Outcome:
    payment = _payment_of(desk.page, request.payment_reference, request.handle)
    if payment is None:
        return _invalid("no_such_payment")
    asked = to_minor(request.amount)
    if payment.standing == "closed" and payment.captured:
        return Unknown(detail="already captured")
    refusal = _capture_refusal(desk.page, payment, request, asked)
    return _perform(desk, payment, request, kind=OperationKind.CAPTURE, asked=asked, refusal=refusal)


def _void(desk: Desk, request: VoidRequest) -> Outcome:
    page = desk.page
    payment = _payment_of(page, request.payment_reference, request.handle)
    currency = request.amount.currency.code
    if payment is None:
        # Kept, so that an authorization that is still on its way finds the door closed.
        payment = _open_payment(
            desk, reference=request.payment_reference, currency=currency, key=request.idempotency_key
        )
        payment = page.save(replace(payment, standing="voided"))
    if payment.standing in {"waiting", "pending"}:
        refuse_effect(page, payment, page.effects(payment)[0], Failed(reason=Reason.INVALID_STATE, code="voided"))
        payment = page.save(replace(page.find(id=payment.id) or payment, standing="voided"))
    busy = in_flight(page, payment, OperationKind.CAPTURE) + in_flight(page, payment, OperationKind.VOID)
    free, refusal = max(payment.held - busy, 0), None
    if Funding(payment.terms.funding) in CONFIRMED_ONLY and free:
        asked = to_minor(request.amount)
        left = payment.authorized - payment.released - payment.refunded - payment.charged_back
        refusal = None if asked <= left else Failed(reason=Reason.AMOUNT_TOO_LARGE, code="above_deposit")
        free = asked
    if payment.currency != currency:
        refusal = _invalid("currency_mismatch")
    return _perform(desk, payment, request, kind=OperationKind.VOID, asked=free, refusal=refusal)


def _refund(desk: Desk, request: RefundRequest) -> Outcome:
    payment = _payment_of(desk.page, request.payment_reference, request.handle)
    if payment is None:
        return _invalid("no_such_payment")
    asked, refusal = to_minor(request.amount), None
    is_deposit = Funding(payment.terms.funding) in CONFIRMED_ONLY
    kept = payment.authorized - payment.released if is_deposit else payment.captured
    left = kept - payment.refunded - payment.charged_back - in_flight(desk.page, payment, OperationKind.REFUND)
    if left <= 0 and payment.refunded:
        return Unknown(detail="already refunded")
    if payment.currency != request.amount.currency.code:
        refusal = _invalid("currency_mismatch")
    elif not 0 < asked <= left:
        refusal = Failed(reason=Reason.AMOUNT_TOO_LARGE, code="above_captured") if asked > 0 else _invalid("no_amount")
    return _perform(desk, payment, request, kind=OperationKind.REFUND, asked=asked, refusal=refusal)


def _dispatch(desk: Desk, request: EffectRequest) -> Outcome:
    match request:
        case AuthorizeRequest():
            return _authorize(desk, request)
        case CompleteRequest():
            return _complete(desk, request)
        case IncrementRequest():
            return _increment(desk, request)
        case CaptureRequest():
            return _capture(desk, request)
        case VoidRequest():
            return _void(desk, request)
        case RefundRequest():
            return _refund(desk, request)


def _script(page: Page, request: EffectRequest) -> Script:
    if isinstance(request, AuthorizeRequest):
        return METHODS.get(request.method.token, _ORDINARY)
    payment = page.find(reference=request.payment_reference)
    return _ORDINARY if payment is None else METHODS.get(payment.token, _ORDINARY)


def serve(desk: Desk, request: EffectRequest, *, kind: OperationKind) -> Outcome:
    """Do what is asked, at most once for each idempotency key, and answer.

    A key is remembered for as long as the account promises (`resend_for`), with the answer, in the transaction of
    the effect. A COMPLETE needs none: it moves a waiting payment on, once, and else only reads.
    """
    page, key = desk.page, request.idempotency_key
    fingerprint = mapping.parameters_digest(kind, mapping.parameters(request))
    memory_us = mapping.microseconds_of(desk.settings.resend_for) or 0
    has_memory = kind is not OperationKind.COMPLETE and memory_us > 0
    kept = page.answer(key, since_us=page.now_us - memory_us) if has_memory else None
    if kept is not None:
        return mapping.outcome_of(kept[1]) if kept[0] == fingerprint else _invalid("idempotency_conflict")
    script = _script(page, request)
    is_lost = script.loses is kind and page.lose_once(key)
    if is_lost and not script.with_effect:
        return Unknown(detail="the sandbox lost the request")
    outcome = _dispatch(desk, request)
    if has_memory and not isinstance(outcome, Unknown):
        page.keep_answer(key, digest=fingerprint, outcome=mapping.outcome_json(outcome))
    return Unknown(detail="the sandbox lost the answer") if is_lost else outcome
