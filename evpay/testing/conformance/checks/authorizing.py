"""Authorizations: what they say, in every currency, and when the payer's side says no."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import anyio

from evpay.errors import EvpayError
from evpay.money import Money, exponent_of, from_minor, to_minor
from evpay.payments.account import AmountRule, Funding
from evpay.payments.reasons import Reason
from evpay.providers import Declined, Failed, Handle, Hold, Pending, Succeeded, Unknown
from evpay.testing.conformance.check import check
from evpay.testing.conformance.orders import Paid
from evpay.testing.conformance.trial import Trial

__all__ = [
    "amounts_exact_for_every_currency",
    "authorized_has_handle_and_hold",
    "confirmed_amount_wins",
    "declines_map_to_reasons",
    "expired_hold_is_not_captured",
    "expiry_stated",
    "former_ids_still_match",
    "memo_round_trips",
    "pending_is_neither_yes_nor_no",
    "unlisted_code_is_other",
    "untaken_currency_is_refused",
]

_USUAL_CURRENCIES: Final = ("EUR", "JPY", "KWD")
_MEMO_BYTES: Final = 4096
_AT_ONCE: Final = 8


@check("authorize", cure="Put the gateway's id into a Handle, and what this hold allows into a Hold.")
async def authorized_has_handle_and_hold(trial: Trial) -> None:
    """An authorization that succeeded carries a handle and a hold, and no secret in the handle."""
    paid = await trial.paid()
    done = trial.expect_type(paid.outcome, Succeeded, "for Methods.approve")
    trial.expect(isinstance(done.hold, Hold), "a hold with a succeeded authorization", done)
    trial.expect(bool(paid.handle.id), "an id in the handle", paid.handle)
    memo = "".join(f"{name}{value}" for name, value in paid.handle.memo.items())
    trial.expect(len(memo.encode()) <= _MEMO_BYTES, f"a memo of at most {_MEMO_BYTES} bytes", f"{len(memo)} letters")
    told = [secret for secret in trial.rig.secrets if secret in memo or secret in paid.handle.id]
    trial.expect(not told, "no secret in the handle", "one of Rig.secrets in it")
    trial.expect_held(paid, "after the authorization", authorized=paid.amount)


@check("authorize", cure="State Hold.expires as an aware datetime, a timedelta after sending, or None for never.")
async def expiry_stated(trial: Trial) -> None:
    """A hold says until when it lasts, by an instant or a span that is ahead."""
    done = trial.expect_type((await trial.paid()).outcome, Succeeded, "for Methods.approve")
    expires = done.hold.expires if done.hold else None
    if isinstance(expires, datetime):
        trial.expect(expires.tzinfo is not None, "an expiry with a time zone", expires)
        trial.expect(expires > trial.rig.now(), "an expiry that is ahead", expires)
    elif expires is not None:
        trial.expect(expires > timedelta(0), "an expiry that is ahead", expires)


@check("authorize", "capture", cure="Map the gateway's answer for an expired hold to Failed(AUTHORIZATION_EXPIRED).")
async def expired_hold_is_not_captured(trial: Trial) -> None:
    """A capture after the hold's time is refused, or not known; it is never a success."""
    advance = trial.need(trial.rig.advance, "Rig.advance, to move the gateway's clock")
    paid = await trial.paid()
    done = trial.expect_type(paid.outcome, Succeeded, "for Methods.approve")
    expires = done.hold.expires if done.hold else None
    if expires is None:
        trial.need(None, "a hold that ends")
        return
    left = expires - trial.rig.now() if isinstance(expires, datetime) else expires
    advance(left + timedelta(days=1))
    outcome = await trial.provider.capture(paid.capture(trial.amount(50)))
    trial.expect(isinstance(outcome, Failed | Unknown | Pending), "Failed after the hold's expiry", outcome)


@check("authorize", cure="Read the amount of the outcome from the answer, never from the request.")
async def confirmed_amount_wins(trial: Trial) -> None:
    """`Succeeded.amount` is what the gateway confirmed: a partial approval is less than was asked."""
    method = trial.need_method(trial.rig.methods.partial, "partial, a method that is approved in part")
    paid = await trial.paid(method)
    trial.expect(
        to_minor(paid.amount) < to_minor(paid.request.amount), f"less than {paid.request.amount}", f"{paid.amount}"
    )
    trial.expect_held(paid, "after a partial approval", authorized=paid.amount)


@check("authorize", cure="Answer Pending while the gateway has not decided.")
async def pending_is_neither_yes_nor_no(trial: Trial) -> None:
    """An authorization that is not decided yet is `Pending`, with a handle to ask about it."""
    method = trial.need_method(trial.rig.methods.pending, "pending, a method that is decided later")
    outcome = trial.expect_type(await trial.provider.authorize(trial.order(method)), Pending, "for Methods.pending")
    trial.expect(outcome.handle is not None, "a handle with Pending", outcome)


@check("authorize", cure="Put the code into the table of reasons, with its source and the date it was checked.")
async def declines_map_to_reasons(trial: Trial) -> None:
    """Each decline that the gateway can be made to give has its reason, and the gateway's own code beside it."""
    declines = trial.need(trial.rig.methods.declines or None, "Methods.declines, methods that are declined")
    for reason, method in declines.items():
        outcome = await trial.provider.authorize(trial.order(method))
        refusal = trial.refused(outcome, f"for the method that is declined for {reason}")
        trial.expect(refusal.reason is reason, f"the reason {reason}", outcome)
        trial.expect(bool(refusal.code), "the gateway's own code beside the reason", outcome)


@check("authorize", cure="Give the lookup in the table of reasons the default Reason.OTHER, and keep the code.")
async def unlisted_code_is_other(trial: Trial) -> None:
    """A decline with a code that no table knows is `OTHER`, with the code kept."""
    method = trial.need_method(trial.rig.methods.odd_decline, "odd_decline, declined with a code that nobody knows")
    outcome = await trial.provider.authorize(trial.order(method))
    refusal = trial.refused(outcome, "for Methods.odd_decline")
    trial.expect(refusal.reason is Reason.OTHER, "the reason OTHER", outcome)
    trial.expect(bool(refusal.code), "the gateway's own code beside OTHER", outcome)


@check("authorize", cure="Keep in Handle.memo only text, and nothing in the adapter object.")
async def memo_round_trips(trial: Trial) -> None:
    """A handle that went through a store works in another process: all that is needed is in it."""
    paid = await trial.paid()
    stored = Paid(request=paid.request, outcome=paid.outcome, handle=trial.again(paid.handle), amount=paid.amount)
    trial.expect(stored.handle == paid.handle, "the same handle after a round trip through JSON", stored.handle)
    outcome = await trial.fresh().capture(stored.capture(trial.amount(50)))
    trial.accepted(outcome, "for a capture by another adapter object, with the stored handle")


@check("increment", "look_up", cure="Let a former id find the payment: keep what is needed in Handle.memo.")
async def former_ids_still_match(trial: Trial) -> None:
    """Where a call replaces the handle, the former one still finds the payment."""
    if not (trial.capabilities.increment and trial.capabilities.look_up):
        trial.need(None, "an account with increments and look-ups")
    paid = await trial.paid()
    outcome = await trial.send(paid.increment(trial.amount(150)))
    handle = outcome.handle if isinstance(outcome, Succeeded | Pending) else None
    if handle is None or handle.id == paid.handle.id:
        trial.need(None, "a gateway that gives another id for the same payment: this one keeps the first")
    found = await trial.look_up(paid.question())
    trial.expect(not isinstance(found, Unknown) and hasattr(found, "reports"), "the payment by its former id", found)


def _odd_amount(rule: AmountRule, currency: str) -> Money:
    steps = max(1237, -(-rule.minimum_minor // rule.step_minor) + 7)
    return from_minor(steps * rule.step_minor, currency)


def _tried_currencies(trial: Trial) -> Sequence[str]:
    listed = trial.capabilities.amounts
    if listed is not None:
        return sorted(listed)
    return tuple(dict.fromkeys((*trial.rig.currencies, *_USUAL_CURRENCIES)))


@check(
    "amounts",
    cure="Convert by the gateway's own table of exponents, exactly, in both directions; list in `amounts` only what "
    "the account takes, with its step.",
)
async def amounts_exact_for_every_currency(trial: Trial) -> None:
    """An amount means the same here and there, in every currency that is claimed."""
    currencies = _tried_currencies(trial)
    chosen = {exponent_of(code): code for code in reversed(currencies)}
    through = {*chosen.values(), *(code for code in trial.rig.currencies if code in currencies)}
    gate = anyio.Semaphore(_AT_ONCE)
    trial.provider  # noqa: B018 - made once, before the tasks begin

    async def one(code: str) -> None:
        async with gate:
            await _exact(trial, code, to_the_end=code in through)

    async with anyio.create_task_group() as tasks:
        for code in currencies:
            tasks.start_soon(one, code)


async def _exact(trial: Trial, code: str, *, to_the_end: bool) -> None:
    rule = trial.rule(code)
    asked = _odd_amount(rule, code)
    outcome = await trial.provider.authorize(request := trial.order(amount=asked))
    done = trial.expect_type(outcome, Succeeded, f"for {asked}")
    trial.expect(done.amount == asked, f"{asked} authorized, as asked", f"{done.amount}")
    handle = done.handle or Handle(id="")
    paid = Paid(request=request, outcome=outcome, handle=handle, amount=done.amount)
    trial.expect_held(paid, f"for {asked}", authorized=asked)
    if rule.step_minor > 1:
        await _off_step(trial, from_minor(to_minor(asked) + 1, code))
    if not to_the_end:
        return
    part = from_minor(to_minor(asked) // rule.step_minor // 2 * rule.step_minor, code)
    part = max(part, from_minor(-(-rule.minimum_minor // rule.step_minor) * rule.step_minor, code))
    paid, _, captured = await trial.captured(paid=paid)
    trial.expect(not isinstance(captured, Succeeded) or captured.amount == asked, f"{asked} captured", captured)
    if trial.capabilities.funding in (Funding.HOLD, Funding.ACCOUNT):
        trial.expect_held(paid, f"after the capture of {asked}", captured=asked)
    if trial.capabilities.refund:
        back = await trial.send(paid.refund(part, capture_id=captured.id))
        trial.expect(not isinstance(back, Succeeded) or back.amount == part, f"{part} refunded", back)


async def _off_step(trial: Trial, amount: Money) -> None:
    try:
        outcome = await trial.provider.authorize(trial.order(amount=amount))
    except EvpayError:
        return
    trial.expect(isinstance(outcome, Failed), f"a refusal of {amount}, which is off the claimed step", outcome)


@check(
    "amounts", cure="Refuse a currency that is not in `amounts` with InvalidInput or Failed(CURRENCY_NOT_SUPPORTED)."
)
async def untaken_currency_is_refused(trial: Trial) -> None:
    """A currency that is not claimed is refused, not guessed at."""
    listed = trial.capabilities.amounts
    if listed is None:
        trial.need(None, "a list of currencies: this account takes all of them")
    missing = [code for code in ("XAF", "ISK", "CHF", "JPY", "ZMW", "KPW") if code not in (listed or {})]
    if not missing:
        trial.need(None, "a currency that the account does not take")
    for code in missing:
        amount = from_minor(100 * 10 ** exponent_of(code), code)
        try:
            outcome = await trial.provider.authorize(trial.order(amount=amount))
        except EvpayError:
            continue
        trial.expect(isinstance(outcome, Failed | Declined), f"a refusal of {amount}, which is not claimed", outcome)
