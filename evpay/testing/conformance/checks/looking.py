"""Look-ups and resends: how an effect is found, and made sure of, when its answer was lost."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import anyio

from evpay.money import to_minor
from evpay.payments.operation import OperationKind
from evpay.providers import (
    Absent,
    ActionRequired,
    EffectRequest,
    LookUpRequest,
    Observation,
    Outcome,
    Pending,
    Succeeded,
    Unknown,
)
from evpay.testing.conformance.check import check
from evpay.testing.conformance.orders import Paid, new_name
from evpay.testing.conformance.trial import Trial
from evpay.testing.conformance.wire import DROP_AFTER

__all__ = [
    "look_up_finds_by_reference",
    "look_up_has_no_effect",
    "look_up_sees_every_kind",
    "look_up_tells_pending_from_absent",
    "resend_has_one_effect",
    "simultaneous_resend_has_one_effect",
    "void_by_reference",
]

_MOVES: Final[Mapping[OperationKind, str]] = {
    OperationKind.AUTHORIZE: "authorized",
    OperationKind.INCREMENT: "authorized",
    OperationKind.CAPTURE: "captured",
    OperationKind.REFUND: "refunded",
}


@check(claim="look_up", cure="Search by the merchant's reference where the handle is missing.")
async def look_up_finds_by_reference(trial: Trial) -> None:
    """A payment is found by our reference alone, and by its handle."""
    paid = await trial.paid()
    for by_reference in (False, True):
        found = await trial.look_up(paid.question(by_reference=by_reference))
        way = "by its reference" if by_reference else "by its handle"
        seen = trial.expect_type(found, Observation, f"for a payment that is there, {way}")
        named = seen.payment_reference == paid.reference or seen.payment_id == paid.handle.id
        trial.expect(named, f"an observation that names the payment, {way}", seen)
        others = [report.reference for report in seen.reports if report.reference not in (None, paid.reference)]
        trial.expect(not others, "reports under our own references only", f"{others}")


@check(claim="look_up", cure="Answer Absent only where the gateway answered and has none; report what waits.")
async def look_up_tells_pending_from_absent(trial: Trial) -> None:
    """What is not there is `Absent`; what is pending or waits for the driver is there."""
    found = await trial.provider.look_up(LookUpRequest(payment_reference=new_name()))
    trial.expect_type(found, Absent, "for a reference that the gateway never saw")
    methods = trial.rig.methods
    for method, kinds in ((methods.pending, Pending), (methods.driver, ActionRequired)):
        if method is None:
            continue
        outcome = await trial.provider.authorize(trial.order(method))
        if not isinstance(outcome, Pending | ActionRequired) or outcome.handle is None:
            raise trial.broken(f"{kinds.__name__} with a handle", outcome)
        paid = Paid(request=trial.order(method), outcome=outcome, handle=outcome.handle, amount=trial.amount())
        seen = trial.expect_type(await trial.look_up(paid.question()), Observation, f"for what is {outcome.type}")
        done = [report for report in seen.reports if isinstance(report.outcome, Succeeded)]
        trial.expect(not done, f"no success told of what is {outcome.type}", f"{done}")


@check(
    claim="absence_proven_after",
    cure="Report every effect under its reference, or tell complete totals; else leave absence_proven_after None.",
)
async def look_up_sees_every_kind(trial: Trial) -> None:
    """Where absence is ever proven, a look-up sees every kind of effect."""
    trial.expect(trial.capabilities.look_up, "look_up claimed beside absence_proven_after", "it is not")
    paid = await trial.paid()
    await _seen(trial, paid, paid.request, await _noted(trial, paid))
    if trial.capabilities.increment:
        request = paid.increment(trial.amount(150))
        await _seen_after(trial, paid, request)
    taken = paid.capture(trial.amount(50))
    sends = OperationKind.CAPTURE in trial.sending_kinds()
    outcome = await (_seen_after(trial, paid, taken) if sends else trial.send(taken))
    if trial.capabilities.refund:
        if trial.rig.settle:
            trial.rig.settle()
        capture_id = outcome.id if isinstance(outcome, Succeeded | Pending) else None
        await _seen_after(trial, paid, paid.refund(trial.amount(25), capture_id=capture_id))
    other = await trial.paid()
    await _seen_after(trial, other, other.void())


async def _noted(trial: Trial, paid: Paid) -> Observation:
    return trial.expect_type(await trial.look_up(paid.question()), Observation, "for a payment that is there")


async def _seen_after(trial: Trial, paid: Paid, request: EffectRequest) -> Outcome:
    before = await _noted(trial, paid)
    outcome = await trial.send(request)
    trial.accepted(outcome, "for an effect that is to be seen")
    await _seen(trial, paid, request, await _noted(trial, paid), before=before)
    return outcome


async def _seen(
    trial: Trial, paid: Paid, request: EffectRequest, seen: Observation, *, before: Observation | None = None
) -> None:
    if any(report.reference == request.reference for report in seen.reports):
        return
    moved = seen.totals is not None and (before is None or before.totals != seen.totals)
    what = type(request).__name__.removesuffix("Request").lower()
    trial.expect(moved, f"a report or a moved total for the {what} of {paid.reference}", seen)


@check(claim="look_up", cure="Read only; a search may be a POST, then say so in Wire.is_read.")
async def look_up_has_no_effect(trial: Trial) -> None:
    """A look-up changes nothing."""
    paid, _, _ = await trial.captured(50)
    before = trial.held(paid.reference) if trial.rig.books else None
    mark = trial.proxy.mark if trial.has_wire else 0
    for by_reference in (False, True, False):
        await trial.provider.look_up(paid.question(by_reference=by_reference))
    if trial.has_wire:
        sent = trial.effects(trial.proxy.journal(mark))
        trial.expect(not sent, "reads only (Wire.is_read) from look-ups", f"{sent}")
    after = trial.held(paid.reference) if trial.rig.books else None
    trial.expect(before == after, f"the gateway's books as they were, {before}", f"{after}")


@check("void", "look_up", cure="Find the payment by payment_reference where there is no handle; else answer Unknown.")
async def void_by_reference(trial: Trial) -> None:
    """A void without a handle works by our reference, or is `Unknown`; it never pretends."""
    paid = await trial.paid()
    with anyio.move_on_after(trial.rig.lag.total_seconds()):
        while not isinstance(await trial.look_up(paid.question(by_reference=True)), Observation):  # noqa: ASYNC110
            await anyio.sleep(0.1)
    outcome = await trial.send(paid.void(by_reference=True))
    trial.expect_any(outcome, (Succeeded, Pending, Unknown), "for a void without a handle")
    if isinstance(outcome, Succeeded):
        trial.expect(outcome.amount == paid.amount, f"{paid.amount} released", outcome)
        trial.expect_held(paid, "after a void by reference", released=paid.amount)


@check(claim="resend_for", cure="Send the same key and the same body each time; claim only what the gateway promises.")
async def resend_has_one_effect(trial: Trial) -> None:
    """The same call, sent again within the claimed time after its answer was lost, has one effect.

    Where no key goes out, nothing but the gateway's refusal to do it twice keeps it to one, and that may be `Unknown`.
    """
    _needs_count(trial)
    for kind in trial.capabilities.resend_for:
        if kind not in (*trial.sending_kinds(), *_completes(trial, kind)):
            continue
        request = await trial.prepared(kind)
        before = _count(trial, request)
        if trial.has_wire:
            async with trial.broken_by(DROP_AFTER):
                await trial.send(request)
            first = None
        else:
            first = await trial.send(request)
        again = await trial.send(request)
        if not (trial.rig.wire and kind in trial.rig.wire.without_key and isinstance(again, Unknown)):
            trial.accepted(again, f"for {kind}, sent again with the same key")
            trial.expect(first is None or type(first) is type(again), f"the first answer again, {first!r}", again)
        _expect_once(trial, request, kind, before=before, times="sent again after its answer was lost")


def _completes(trial: Trial, kind: OperationKind) -> tuple[OperationKind, ...]:
    able = kind is OperationKind.COMPLETE and trial.rig.methods.driver and trial.rig.methods.driver_passes
    return (OperationKind.COMPLETE,) if able else ()


def _needs_count(trial: Trial) -> None:
    if trial.rig.books is None:
        trial.need(None, "Rig.books, to count what the gateway did", claim="resend_for")


def _count(trial: Trial, request: EffectRequest) -> int:
    held = trial.held(str(getattr(request, "payment_reference", request.reference)))
    return (held.effects or 0) if held else 0


def _expect_once(trial: Trial, request: EffectRequest, kind: OperationKind, *, before: int, times: str) -> None:
    held = trial.held(str(getattr(request, "payment_reference", request.reference)))
    if held is None:
        raise trial.broken(f"the payment in the gateway's books after {kind} was {times}", "none")
    name = _MOVES.get(kind)
    asked = getattr(request, "total", getattr(request, "amount", None))
    if name is not None and asked is not None:
        came = getattr(held, name)
        trial.expect(came == to_minor(asked), f"{name} {to_minor(asked)} after {kind} was {times}", f"{came}")
    if held.effects is not None:
        made = held.effects - before
        # A driver's leg may only read: then the effect was made when she approved.
        allowed = (0, 1) if kind is OperationKind.COMPLETE else (1,)
        trial.expect(made in allowed, f"one effect after {kind} was {times}", f"{made}")


@check(claim="resend_for", cure="Make a duplicate that meets the first one Unknown, and leave the rest to the gateway.")
async def simultaneous_resend_has_one_effect(trial: Trial) -> None:
    """The same call, sent twice at the same moment, has one effect, and neither answer lies about it."""
    _needs_count(trial)
    for kind in trial.capabilities.resend_for:
        if kind not in trial.sending_kinds():
            continue
        request = await trial.prepared(kind)
        before = _count(trial, request)
        outcomes: list[Outcome] = []

        async def once(wanted: EffectRequest, into: list[Outcome]) -> None:
            into.append(await trial.send(wanted))

        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(partial(once, request, outcomes))
        for outcome in outcomes:
            trial.expect_any(outcome, (Succeeded, Pending, Unknown), f"for {kind}, sent twice at once")
        _expect_once(trial, request, kind, before=before, times="sent twice at once")
