"""Between evpay's values and the processor's books; nothing here has an effect."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue, TypeAdapter

from evpay.ids import digest, wire_key
from evpay.instants import instant
from evpay.money import Money, from_minor
from evpay.providers import (
    Action,
    ActionRequired,
    ConfirmOnDevice,
    EffectRequest,
    Funding,
    Handle,
    Hold,
    MoneyFacts,
    Observation,
    OpenLink,
    OperationKind,
    Outcome,
    PaymentMethod,
    Report,
    RunClientSdk,
    SettlementLine,
    Succeeded,
    with_extra,
)
from evpay_providers.sandbox.storage import Effect, Payment

__all__ = [
    "approval",
    "approved",
    "asked_for",
    "handle_of",
    "hold_of",
    "masked",
    "microseconds_of",
    "observation",
    "outcome_json",
    "outcome_of",
    "parameters",
    "parameters_digest",
    "settlement_lines",
    "totals",
]

_OUTCOME: Final[TypeAdapter[Outcome]] = TypeAdapter(Outcome)

_ACTIONS: Final[Mapping[str, Callable[[str], Action]]] = {
    "link": lambda payment_id: OpenLink(uri=f"https://sandbox.invalid/approve/{payment_id}"),
    "sdk": lambda payment_id: RunClientSdk(payload={"approval": payment_id}),
    "device": lambda _: ConfirmOnDevice(device="phone"),
}

_SETTLED_SIGN: Final[Mapping[Funding, Mapping[OperationKind, int]]] = {
    Funding.HOLD: {OperationKind.CAPTURE: 1, OperationKind.REFUND: -1, OperationKind.CHARGEBACK: -1},
    Funding.ACCOUNT: {OperationKind.CAPTURE: 1, OperationKind.REFUND: -1},
    Funding.DEPOSIT: {OperationKind.AUTHORIZE: 1, OperationKind.VOID: -1, OperationKind.REFUND: -1},
    Funding.EXTERNAL: {},
    Funding.FREE: {},
}
"""Which effects move money that the processor settles, and in which direction."""


def masked(token: str) -> str:
    """Return a token as an audit may show it."""
    return f"{token[:8]}…{token[-3:]}" if len(token) > 12 else "…"


def microseconds_of(span: timedelta | None) -> int | None:
    """Return a time span in microseconds."""
    return None if span is None else span // timedelta(microseconds=1)


def _method_word(method: PaymentMethod) -> dict[str, JsonValue]:
    return {"token": masked(method.token), "fingerprint": wire_key("method", method.token)}


def _word(value: Any) -> Any:
    match value:
        case Money():
            return str(value)
        case PaymentMethod():
            return _method_word(value)
        case Handle():
            return value.id
        case Mapping():
            return dict(value)
    return value


def parameters(request: EffectRequest) -> dict[str, JsonValue]:
    """Return what goes to the processor: our fields, and `extra` beside them.

    Raises:
        InvalidInput: if `extra` sets a field of ours.
    """
    own = {field.name: _word(getattr(request, field.name)) for field in fields(request)}
    del own["extra"], own["idempotency_key"]
    return with_extra(own, request.extra)


def parameters_digest(kind: OperationKind, params: Mapping[str, JsonValue]) -> str:
    """Return what two requests under one idempotency key must have in common."""
    return digest([kind.value, dict(params)])


def asked_for(params: str) -> Mapping[str, Any]:
    """Return the parameters of an effect as they were kept."""
    return dict(json.loads(params))


def outcome_json(outcome: Outcome) -> str:
    """Return an outcome as the books keep it."""
    return _OUTCOME.dump_json(outcome).decode()


def outcome_of(text: str) -> Outcome:
    """Return an outcome that the books kept."""
    return _OUTCOME.validate_json(text)


def handle_of(payment: Payment) -> Handle:
    """Return the adapter's memory of a payment."""
    return Handle(id=payment.id)


def _expiry(payment: Payment) -> datetime | None:
    return None if payment.expires_us is None else instant(payment.expires_us)


def hold_of(payment: Payment) -> Hold:
    """Return what the hold allows now."""
    terms = payment.terms
    return Hold(
        expires=_expiry(payment),
        increment=terms.increment,
        extend=terms.extend,
        multiple_captures=terms.multiple_captures,
        capture_limit=from_minor(payment.limit, payment.currency) if terms.over_percent else None,
    )


def approved(payment: Payment, effect: Effect) -> Succeeded:
    """Return the outcome of an authorization that took effect."""
    saved = PaymentMethod(payment.token, account=payment.account, brand="sandbox", last4="4242")
    return Succeeded(
        amount=from_minor(payment.authorized, payment.currency),
        id=effect.id,
        handle=handle_of(payment),
        hold=hold_of(payment),
        saved_method=saved if asked_for(effect.request).get("save_method") else None,
        slip={"method": "Sandbox 4242"},
    )


def approval(payment: Payment, effect_id: str, *, action: str) -> ActionRequired:
    """Return what an authorization that waits for the driver says."""
    return ActionRequired(
        action=_ACTIONS[action](payment.id), id=effect_id, handle=handle_of(payment), expires=_expiry(payment)
    )


def totals(payment: Payment) -> MoneyFacts | None:
    """Return the five totals; None where the processor does not keep them all (it takes no captures itself)."""
    if Funding(payment.terms.funding) in {Funding.DEPOSIT, Funding.EXTERNAL}:
        return None
    return MoneyFacts(
        currency=payment.currency,
        authorized=payment.authorized,
        captured=payment.captured,
        released=payment.released,
        refunded=payment.refunded,
        charged_back=payment.charged_back,
    )


def observation(payment: Payment, effects: Sequence[Effect], *, event_id: str | None = None) -> Observation:
    """Return everything that is known about a payment: a report for each effect, and the totals."""
    reports = tuple(
        Report(kind=OperationKind(effect.kind), outcome=outcome_of(effect.outcome), reference=effect.reference)
        for effect in effects
    )
    return Observation(
        payment_reference=payment.reference,
        payment_id=payment.id,
        reports=reports,
        totals=totals(payment),
        event_id=event_id,
        at=instant(payment.changed_us),
    )


def settlement_lines(payment: Payment, effects: Sequence[Effect]) -> tuple[SettlementLine, ...]:
    """Return a line for each effect that moved money; the sandbox takes no fees."""
    signs = _SETTLED_SIGN[Funding(payment.terms.funding)]
    nothing = from_minor(0, payment.currency)
    lines = []
    for effect in effects:
        sign = signs.get(OperationKind(effect.kind))
        if sign is None or effect.state != "succeeded" or not effect.amount:
            continue
        gross = from_minor(sign * effect.amount, payment.currency)
        lines.append(
            SettlementLine(
                id=effect.id,
                kind=OperationKind(effect.kind),
                gross=gross,
                fee=nothing,
                net=gross,
                settled_on=instant(effect.at_us).date(),
                payment_id=payment.id,
                effect_id=effect.id,
                reference=effect.reference,
            )
        )
    return tuple(lines)
