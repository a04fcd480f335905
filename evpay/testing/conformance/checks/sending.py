"""What goes out: one request for one effect, our names on it, and nothing where nothing may go."""

import json
from typing import Final
from urllib.parse import parse_qsl

from evpay.errors import InvalidInput, UnsupportedOperation, WebhookRejected
from evpay.payments.operation import OperationKind
from evpay.providers import (
    Declined,
    EffectRequest,
    Failed,
    Handle,
    LookUpRequest,
    SettlementPage,
    SettlementsRequest,
    Unknown,
    WebhookRequest,
)
from evpay.testing.conformance.check import check
from evpay.testing.conformance.orders import Paid, new_name
from evpay.testing.conformance.trial import Trial
from evpay.testing.conformance.wire import DROP_AFTER, DROP_BEFORE, Exchange, answering

__all__ = [
    "extra_cannot_override",
    "extra_passes_through",
    "foreign_ids_stay_ids",
    "key_on_the_wire_and_stable",
    "no_foreign_exception",
    "no_sdk_retries",
    "one_effect_per_call",
    "reference_on_the_wire",
    "refusals_send_nothing",
]

_PROBE: Final = {"evpay_probe": "conformance-7f3a"}
_ODD_IDS: Final = (
    "no-such-payment",
    "",
    "a/../../b?c=d#e",
    "p\u00e4yment \N{SNOWMAN}",
    "%2e%2e%2f",
    "x" * 3000,
    "\n\r\0",
)


async def _sent(trial: Trial, request: EffectRequest) -> list[Exchange]:
    with trial.watched() as sent:
        await trial.send(request)
        return trial.effects(sent())


@check(cure="Send one request that changes something in each method; what needs two is two operations.")
async def one_effect_per_call(trial: Trial) -> None:
    """A method sends at most one request that changes something."""
    if not trial.has_wire and trial.rig.books is None:
        trial.need(None, "a wire (Rig.wire) or the gateway's books (Rig.books), to count effects")
    for kind in trial.kinds():
        request = await trial.prepared(kind)
        reference = request.reference if kind is OperationKind.AUTHORIZE else _payment_of(request)
        before = _effects(trial, reference)
        mark = trial.proxy.mark if trial.has_wire else 0
        await trial.send(request)
        if trial.has_wire:
            sent = trial.effects(trial.proxy.journal(mark))
            trial.expect(len(sent) <= 1, f"at most one request with an effect for {kind}", f"{sent}")
        after = _effects(trial, reference)
        if before is not None and after is not None and kind in trial.sending_kinds():
            trial.expect(after - before == 1, f"one effect in the gateway's books for {kind}", f"{after - before}")


def _payment_of(request: EffectRequest) -> str:
    return str(getattr(request, "payment_reference", request.reference))


def _effects(trial: Trial, reference: str) -> int | None:
    if trial.rig.books is None:
        return None
    held = trial.held(reference)
    return 0 if held is None else held.effects


@check(needs_wire=True, cure="Send `reference` with every effect, as merchant reference, order id or metadata.")
async def reference_on_the_wire(trial: Trial) -> None:
    """Our reference goes out with every effect, so that it can be found without an answer."""
    for kind in trial.sending_kinds():
        if trial.rig.wire and kind in trial.rig.wire.without_reference:
            continue
        request = await trial.prepared(kind)
        sent = await _sent(trial, request)
        is_kept = bool(sent) and all(exchange.carries(request.reference) for exchange in sent)
        trial.expect(is_kept, f"the reference in the request for {kind}", f"{sent} without it")


@check(needs_wire=True, cure="Send `idempotency_key` itself wherever the gateway takes a key; never make one up.")
async def key_on_the_wire_and_stable(trial: Trial) -> None:
    """The idempotency key goes out with every effect, and is the same for every resend."""
    for kind in trial.sending_kinds():
        if trial.rig.wire and kind in trial.rig.wire.without_key:
            continue
        request = await trial.prepared(kind)
        async with trial.broken_by(DROP_BEFORE) as seen:
            await trial.send(request)
            sent = trial.effects(seen())
        sent += await _sent(trial, request)
        is_kept = len(sent) >= 2 and all(exchange.carries(request.idempotency_key) for exchange in sent)
        trial.expect(is_kept, f"the key in both sendings of one {kind}", f"{sent}, not both with the key")


@check(needs_wire=True, cure="Switch the SDK's and the HTTP client's own retries off: the engine retries.")
async def no_sdk_retries(trial: Trial) -> None:
    """An adapter never sends a second time by itself."""
    faults = (DROP_BEFORE, DROP_AFTER, answering(500, b"{}"), answering(503), answering(429, b"{}"), answering(409))
    for kind in trial.sending_kinds():
        for fault in faults:
            request = await trial.prepared(kind)
            async with trial.broken_by(fault) as seen:
                await trial.send(request)
                sent = trial.effects(seen())
            trial.expect(len(sent) == 1, f"one request for {kind}, when the wire was {fault.name}", f"{len(sent)}")


@check(needs_wire=True, cure="Merge `extra` into the outermost body with with_extra, after your own fields.")
async def extra_passes_through(trial: Trial) -> None:
    """What a host puts into `extra` goes out untouched."""
    for kind in trial.sending_kinds():
        sent = await _sent(trial, _with_extra(await trial.prepared(kind), _PROBE))
        name, value = next(iter(_PROBE.items()))
        is_kept = bool(sent) and all(exchange.carries(name) and exchange.carries(value) for exchange in sent)
        trial.expect(is_kept, f"extra {_PROBE} in the request for {kind}", f"{sent} without it")


def _with_extra(request: EffectRequest, extra: dict[str, str]) -> EffectRequest:
    fields = {name: getattr(request, name) for name in request.__dataclass_fields__}
    return type(request)(**{**fields, "extra": extra})


def _outermost(exchange: Exchange) -> list[str]:
    text = exchange.body.decode("utf-8", "replace")
    if "json" in exchange.headers.get("content-type", ""):
        return sorted(json.loads(text))
    return sorted({name.partition("[")[0] for name, _ in parse_qsl(text, keep_blank_values=True)})


@check(needs_wire=True, cure="Merge `extra` with with_extra, which refuses a field that the adapter sets itself.")
async def extra_cannot_override(trial: Trial) -> None:
    """A field that the adapter sets itself is refused in `extra`, before anything is sent."""
    for kind in trial.sending_kinds():
        known = trial.rig.wire.own_fields if trial.rig.wire else None
        names = known
        if names is None:
            sent = await _sent(trial, await trial.prepared(kind))
            names = tuple(_outermost(sent[0])) if sent and sent[0].body else ()
        request = await trial.prepared(kind)
        for name in names if known is None or kind is OperationKind.AUTHORIZE else ():
            async with trial.broken_by(DROP_BEFORE):  # so that nothing odd reaches the gateway
                await trial.expect_refused(
                    trial.send(_with_extra(request, {name: "9999"})),
                    f"InvalidInput for extra that sets {name!r} in {kind}",
                    error=InvalidInput,
                )


@check(cure="Catch everything that the SDK raises (never BaseException), and answer with an outcome.")
async def no_foreign_exception(trial: Trial) -> None:
    """Whatever the gateway says about ids that it does not know, an adapter answers with an outcome."""
    for strange in _ODD_IDS:
        paid = Paid(request=trial.order(), outcome=Unknown(detail=""), handle=Handle(id=strange), amount=trial.amount())
        calls: list[EffectRequest] = [paid.capture(trial.amount(50)), paid.void()]
        calls += [paid.increment(trial.amount(150))] if trial.capabilities.increment else []
        calls += [paid.refund(trial.amount(50))] if trial.capabilities.refund else []
        calls += [paid.complete({"\u0000": "\u2603" * 50})] if trial.rig.methods.driver else []
        for request in calls:
            try:
                outcome = await trial.send(request)
            except (InvalidInput, UnsupportedOperation):
                continue
            known = Failed | Declined | Unknown
            if OperationKind.CAPTURE in trial.sending_kinds():
                is_void = type(request).__name__ == "VoidRequest"  # which also closes the door for what may come
                trial.expect(
                    is_void or isinstance(outcome, known), "a refusal or Unknown for an id never seen", outcome
                )
        await trial.provider.look_up(LookUpRequest(payment_reference=new_name(), handle=Handle(id=strange)))


@check(needs_wire=True, cure="Quote ids with urllib.parse.quote(id, safe='') before they go into a path.")
async def foreign_ids_stay_ids(trial: Trial) -> None:
    """An id in a path is quoted, so that it reaches nothing but itself."""

    async def capture_of(strange: str) -> list[Exchange]:
        order = trial.order()
        paid = Paid(request=order, outcome=Unknown(detail=""), handle=Handle(id=strange), amount=order.amount)
        with trial.watched() as sent:
            try:
                await trial.send(paid.capture(trial.amount(50)))
            except InvalidInput:
                return []
            return sent()

    for plain, odd in zip(await capture_of("plain"), await capture_of("odd/../id?a=b#c"), strict=False):
        same_shape = plain.path.count("/") == odd.path.count("/") and ("?" in plain.path) == ("?" in odd.path)
        trial.expect(same_shape, "an id that stays one segment of the path", f"{odd.method} {odd.path}")


@check(
    "increment",
    "refund",
    "look_up",
    "settlements",
    "webhooks",
    cure="Raise UnsupportedOperation (account, verb) before anything is sent; look_up answers Unknown, "
    "settlements an empty page, parse_webhook raises WebhookRejected.",
)
async def refusals_send_nothing(trial: Trial) -> None:
    """What is not claimed is refused by name, and sends nothing."""
    able, provider = trial.capabilities, trial.provider
    order = trial.order()
    paid = Paid(request=order, outcome=Unknown(detail=""), handle=Handle(id="unclaimed"), amount=order.amount)
    refused: dict[str, EffectRequest] = {}
    refused |= {} if able.increment else {"increment": paid.increment(trial.amount(150))}
    refused |= {} if able.refund else {"refund": paid.refund(trial.amount(50))}
    for verb, request in refused.items():
        error = await trial.expect_refused(
            trial.send(request), f"UnsupportedOperation for {verb}, which is not claimed", error=UnsupportedOperation
        )
        named = getattr(error, "verb", ""), getattr(error, "account", "")
        trial.expect(named == (verb, provider.account.name), "the verb and the account in the error", f"{named}")
    mark = trial.proxy.mark if trial.has_wire else 0
    if not able.look_up:
        found = await provider.look_up(paid.question())
        trial.expect(isinstance(found, Unknown), "Unknown from a look-up that is not claimed", found)
    if not able.settlements:
        page = await provider.settlements(SettlementsRequest(since=trial.rig.now().date(), cursor="c"))
        trial.expect(isinstance(page, SettlementPage) and not page.lines, "an empty page of settlements", page)
    if trial.rig.webhooks is None:
        message = WebhookRequest(body=b"{}", headers={}, received_at=trial.rig.now())
        await trial.expect_refused(provider.parse_webhook(message), "WebhookRejected", error=WebhookRejected)
    sent = trial.proxy.journal(mark) if trial.has_wire else []
    trial.expect(not sent, "nothing sent for what is not claimed", f"{sent}")
