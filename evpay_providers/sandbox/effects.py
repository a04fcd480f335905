"""What an effect does to a payment, and what time does to it: the arithmetic of the processor's own books.

Everything here runs inside one transaction. It shares no accounting with evpay's engine.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from evpay.ids import canonical_json
from evpay.money import from_minor
from evpay.providers import (
    CaptureRequest,
    Declined,
    EffectRequest,
    Failed,
    OperationKind,
    Outcome,
    Pending,
    Reason,
    Succeeded,
)
from evpay_providers.sandbox import mapping
from evpay_providers.sandbox.storage import Effect, Page, Payment

__all__ = ["await_driver", "in_flight", "lapse", "new_effect", "refuse_effect", "settle_effect"]

_PREFIX: Final[Mapping[OperationKind, str]] = {
    OperationKind.AUTHORIZE: "auth",
    OperationKind.INCREMENT: "inc",
    OperationKind.CAPTURE: "cap",
    OperationKind.VOID: "void",
    OperationKind.REFUND: "ref",
    OperationKind.CHARGEBACK: "cb",
}


def _expiry_us(page: Page, payment: Payment) -> int | None:
    lifetime = payment.terms.lifetime_us
    return None if lifetime is None else page.now_us + lifetime


def new_effect(
    page: Page, payment: Payment, kind: OperationKind, *, asked: int, request: EffectRequest | None = None
) -> Effect:
    """Write an effect that is still pending; without a request it is the processor's own."""
    reference = None if request is None else request.reference
    pending = Pending(id=page.new_id(_PREFIX[kind], payment.id, reference or ""), handle=mapping.handle_of(payment))
    return page.add_effect(
        Effect(
            payment=payment.no,
            id=str(pending.id),
            kind=kind,
            reference=reference,
            asked=asked,
            final=int(isinstance(request, CaptureRequest) and request.final),
            state=pending.type,
            outcome=mapping.outcome_json(pending),
            request="{}" if request is None else canonical_json(mapping.parameters(request)),
            at_us=page.now_us,
        )
    )


def _conclude(page: Page, effect: Effect, outcome: Outcome, *, amount: int = 0) -> Outcome:
    text = mapping.outcome_json(outcome)
    page.save_effect(replace(effect, state=outcome.type, outcome=text, amount=amount, at_us=page.now_us))
    return outcome


def _approve(page: Page, payment: Payment, effect: Effect, amount: int | None) -> Payment:
    share = max(effect.asked * payment.terms.share_percent // 100, 1)
    authorized = share if amount is None else amount
    return replace(payment, authorized=authorized, standing="open", expires_us=_expiry_us(page, payment))


def _raise(page: Page, payment: Payment, effect: Effect, amount: int | None) -> Payment:
    total = effect.asked if amount is None else amount
    expires = _expiry_us(page, payment) if total == payment.authorized else payment.expires_us
    return replace(payment, authorized=total, expires_us=expires)


def _take(page: Page, payment: Payment, effect: Effect, amount: int | None) -> Payment:
    del page
    taken = replace(payment, captured=payment.captured + (effect.asked if amount is None else amount))
    if not effect.final:
        return taken
    rest = taken.held if taken.terms.releases_remainder else 0
    return replace(taken, released=taken.released + rest, standing="closed")


def _release(page: Page, payment: Payment, effect: Effect, amount: int | None) -> Payment:
    del page
    freed = effect.asked if amount is None else amount
    if not freed:
        return payment
    released = payment.released + freed
    is_all = released >= payment.authorized and payment.captured == 0
    return replace(payment, released=released, standing="voided" if is_all else "closed")


def _give_back(page: Page, payment: Payment, effect: Effect, amount: int | None) -> Payment:
    del page
    return replace(payment, refunded=payment.refunded + (effect.asked if amount is None else amount))


def _take_back(page: Page, payment: Payment, effect: Effect, amount: int | None) -> Payment:
    del page
    return replace(payment, charged_back=payment.charged_back + (effect.asked if amount is None else amount))


_APPLY: Final[Mapping[OperationKind, Callable[[Page, Payment, Effect, int | None], Payment]]] = {
    OperationKind.AUTHORIZE: _approve,
    OperationKind.INCREMENT: _raise,
    OperationKind.CAPTURE: _take,
    OperationKind.VOID: _release,
    OperationKind.REFUND: _give_back,
    OperationKind.CHARGEBACK: _take_back,
}


def settle_effect(page: Page, payment: Payment, effect: Effect, *, amount: int | None = None) -> Outcome:
    """Let an effect happen, for another amount than asked if one is given, and say so."""
    kind = OperationKind(effect.kind)
    after = page.save(_APPLY[kind](page, payment, effect, amount))
    if kind is OperationKind.AUTHORIZE:
        return _conclude(page, effect, mapping.approved(after, effect), amount=after.authorized)
    moved = effect.asked if amount is None else amount
    hold = mapping.hold_of(after) if kind is OperationKind.INCREMENT else None
    confirmed = Succeeded(
        amount=from_minor(moved, after.currency), id=effect.id, handle=mapping.handle_of(after), hold=hold
    )
    return _conclude(page, effect, confirmed, amount=moved)


def refuse_effect(page: Page, payment: Payment, effect: Effect, refusal: Declined | Failed) -> Outcome:
    """Let an effect not happen; an authorization is over with that."""
    standing = "refused" if effect.kind == OperationKind.AUTHORIZE else payment.standing
    page.save(replace(payment, standing=standing, expires_us=None if standing == "refused" else payment.expires_us))
    return _conclude(page, effect, replace(refusal, id=effect.id))


def await_driver(page: Page, payment: Payment, effect: Effect, *, action: str, patience_us: int) -> Outcome:
    """Let an authorization wait for the driver."""
    waiting = page.save(replace(payment, standing="waiting", expires_us=page.now_us + patience_us))
    return _conclude(page, effect, mapping.approval(waiting, effect.id, action=action))


def lapse(page: Page, payment: Payment) -> Payment:
    """Let the processor do what it does at a deadline: give up waiting, or release the hold."""
    if payment.expires_us is None or page.now_us < payment.expires_us:
        return payment
    if payment.standing == "waiting":
        effect = page.effects(payment)[0]
        refuse_effect(page, payment, effect, Declined(reason=Reason.APPROVAL_EXPIRED, code="approval_expired"))
    elif payment.held:
        effect = new_effect(page, payment, OperationKind.VOID, asked=payment.held)
        settle_effect(page, replace(payment, expires_us=None), effect)
        released = page.find(id=payment.id) or payment
        page.save(replace(released, standing="closed" if payment.captured else "expired"))
    return page.find(id=payment.id) or payment


def in_flight(page: Page, payment: Payment, kind: OperationKind) -> int:
    """Return what is asked for by effects of a kind that are still pending."""
    effects = page.effects(payment)
    return sum(effect.asked for effect in effects if effect.kind == kind and effect.state == "pending")
