"""Increments, captures, voids and refunds: what they do to the money, as the gateway itself counts it."""

from dataclasses import replace
from datetime import datetime

from evpay.errors import UnsupportedOperation
from evpay.money import Money, from_minor, to_minor
from evpay.payments.account import Funding
from evpay.payments.reasons import Reason
from evpay.providers import ActionRequired, Failed, Hold, Outcome, Pending, Succeeded, Unknown
from evpay.testing.conformance.check import check
from evpay.testing.conformance.orders import Paid
from evpay.testing.conformance.trial import Trial

__all__ = [
    "declined_increment_keeps_hold",
    "deposit_capture_sends_nothing",
    "extension_keeps_total",
    "final_capture_releases_as_claimed",
    "increment_states_total",
    "multiple_captures_as_the_hold_says",
    "over_capture_as_the_hold_says",
    "refund_before_settlement",
    "refunds_add_up",
    "void_returns_the_rest",
]

_BY_CAPTURE = (Funding.HOLD, Funding.ACCOUNT)


def _later(paid: Paid, outcome: Succeeded | Pending, amount: Money) -> Paid:
    return replace(paid, handle=outcome.handle or paid.handle, amount=amount)


@check(
    claim="increment",
    cure="Send the difference where the gateway wants one (total less authorized), and answer with the whole total.",
)
async def increment_states_total(trial: Trial) -> None:
    """An increment states the new total, and its outcome is the whole total after the call."""
    paid = await trial.paid()
    for percent in (150, 225):
        total = trial.amount(percent)
        outcome = await trial.send(paid.increment(total))
        done = trial.accepted(outcome, f"for an increment from {paid.amount} to {total}")
        if isinstance(done, Succeeded):
            trial.expect(done.amount == total, f"the whole total {total} in the outcome", done)
            trial.expect(isinstance(done.hold, Hold), "the new hold with a succeeded increment", done)
        elif trial.rig.settle is not None:
            trial.rig.settle()
        trial.expect_held(paid, "after an increment", authorized=total)
        paid = _later(paid, done, total)
    outcome = await trial.send(paid.capture(paid.amount))
    trial.accepted(outcome, f"for a capture of the whole new total {paid.amount}")


@check(claim="increment", cure="Answer Declined or Failed; touch nothing of the hold.")
async def declined_increment_keeps_hold(trial: Trial) -> None:
    """A refused increment is `Declined` or `Failed`, and the old hold stands."""
    method = trial.need_method(
        trial.rig.methods.increment_refused, "increment_refused, a hold that takes no increment", claim="increment"
    )
    paid = await trial.paid(method)
    outcome = await trial.send(paid.increment(trial.amount(150)))
    trial.refused(outcome, "for an increment that is refused")
    trial.expect_held(paid, "after a refused increment", authorized=paid.amount)
    outcome = await trial.send(paid.capture(paid.amount))
    trial.accepted(outcome, f"for a capture of the old hold of {paid.amount}")


@check(claim="increment", cure="Send the present total again for more time, or leave Hold.extend false.")
async def extension_keeps_total(trial: Trial) -> None:
    """An increment to the present total asks for more time, and changes no amount."""
    paid = await trial.paid()
    before = trial.expect_type(paid.outcome, Succeeded, "for Methods.approve").hold
    if before is None or not before.extend:
        trial.need(None, "a hold that can be extended (Hold.extend)")
    outcome = await trial.send(paid.increment(paid.amount))
    done = trial.accepted(outcome, "for an extension")
    trial.expect_held(paid, "after an extension", authorized=paid.amount)
    if isinstance(done, Succeeded) and before and done.hold:
        trial.expect(done.amount == paid.amount, f"the total {paid.amount} unchanged", done)
        if isinstance(before.expires, datetime) and isinstance(done.hold.expires, datetime):
            trial.expect(done.hold.expires >= before.expires, f"an end not before {before.expires}", done.hold.expires)


@check(
    "releases_remainder",
    cure="Claim releases_remainder only if a final capture frees the rest by itself; else leave the rest for the void.",
)
async def final_capture_releases_as_claimed(trial: Trial) -> None:
    """The rest of a final capture comes free as claimed: with the capture, or with the void that follows."""
    if trial.capabilities.funding not in _BY_CAPTURE:
        trial.need(None, "an account that holds and captures")
    paid, _, done = await trial.captured(40)
    part, rest = trial.amount(40), trial.amount(60)
    if isinstance(done, Succeeded):
        trial.expect(done.amount == part, f"{part} captured", done)
    if trial.rig.books is None and not trial.capabilities.look_up:
        trial.need(None, "Rig.books or a look-up, to see what came free", claim="releases_remainder")
    if trial.capabilities.releases_remainder:
        await _expect_totals(trial, paid, "after a final capture", captured=part, released=rest)
        return
    await _expect_totals(trial, paid, "after a final capture that releases nothing", captured=part, released=0)
    outcome = await trial.send(paid.void(rest))
    trial.accepted(outcome, "for the void of the rest")
    if isinstance(outcome, Succeeded):
        trial.expect(outcome.amount == rest, f"{rest} released by the void", outcome)
    await _expect_totals(trial, paid, "after the void of the rest", captured=part, released=rest)


async def _expect_totals(trial: Trial, paid: Paid, when: str, **amounts: Money | int) -> None:
    """Ask the books, and the adapter's own look-up where it tells totals."""
    trial.expect_held(paid, when, **amounts)
    if not trial.capabilities.look_up:
        return
    found = await trial.look_up(paid.question())
    totals = getattr(found, "totals", None)
    for name, value in amounts.items() if totals else ():
        wanted = value if isinstance(value, int) else to_minor(value)
        told = getattr(totals, name)
        trial.expect(told == wanted, f"{name} {wanted} (minor units) in the look-up {when}", f"{name} {told}")


@check("capture", cure="Refuse final=False where the hold does not allow it; else ask the gateway to keep the rest.")
async def multiple_captures_as_the_hold_says(trial: Trial) -> None:
    """A capture that is not final keeps the rest for the next one, where the hold says so; else it is refused."""
    if trial.capabilities.funding not in _BY_CAPTURE:
        trial.need(None, "an account that holds and captures")
    paid = await trial.paid()
    hold = trial.expect_type(paid.outcome, Succeeded, "for Methods.approve").hold
    first = paid.capture(trial.amount(25), final=False)
    if hold is None or not hold.multiple_captures:
        try:
            refused: Outcome = await trial.send(first)
        except UnsupportedOperation:
            return
        trial.expect(isinstance(refused, Failed | Unknown), "a refusal of a capture that is not final", refused)
        return
    done = trial.accepted(await trial.send(first), "for a first capture of two")
    if isinstance(done, Succeeded):
        trial.expect(done.amount == first.amount, f"{first.amount} captured by the first", done)
    last = _later(paid, done, paid.amount).capture(trial.amount(50))
    done = trial.accepted(await trial.send(last), "for the second capture of two")
    if isinstance(done, Succeeded):
        trial.expect(done.amount == last.amount, f"{last.amount} captured by the second", done)
    trial.expect_held(paid, "after two captures", captured=trial.amount(75))


@check("capture", cure="State Hold.capture_limit only where more may be captured, and refuse more than it.")
async def over_capture_as_the_hold_says(trial: Trial) -> None:
    """No more is captured than the hold allows, and as much as it says is possible."""
    if trial.capabilities.funding not in _BY_CAPTURE:
        trial.need(None, "an account that holds and captures")
    paid = await trial.paid()
    hold = trial.expect_type(paid.outcome, Succeeded, "for Methods.approve").hold
    most = (hold.capture_limit if hold else None) or paid.amount
    step = trial.rule(trial.currency).step_minor
    above = from_minor(to_minor(most) + step, trial.currency)
    outcome = await trial.send(paid.capture(above))
    trial.expect(
        not isinstance(outcome, Succeeded), f"no success of a capture of {above}, with {most} allowed", outcome
    )
    if most > paid.amount:
        done = trial.accepted(await trial.send(paid.capture(most)), f"for a capture of the limit {most}")
        if isinstance(done, Succeeded):
            trial.expect(done.amount == most, f"{most} captured", done)
        elif trial.rig.settle is not None:
            trial.rig.settle()
        trial.expect_held(paid, "after a capture of the limit", captured=most)


@check("void", cure="Answer with what the gateway released, and zero if nothing was held.")
async def void_returns_the_rest(trial: Trial) -> None:
    """A void gives back everything that is not captured, and a second one gives back nothing."""
    paid = await trial.paid()
    outcome = await trial.send(paid.void())
    trial.expect_any(outcome, (Succeeded, Pending, ActionRequired), "for a void of the whole hold")
    if isinstance(outcome, Succeeded):
        trial.expect(outcome.amount == paid.amount, f"{paid.amount} released", outcome)
    if trial.rig.settle is not None:
        trial.rig.settle()
    trial.expect_held(paid, "after the void", released=paid.amount)
    again = await trial.send(paid.void())
    if isinstance(again, Succeeded):
        trial.expect(to_minor(again.amount) == 0, "nothing released by a second void, or Unknown", again)


@check("refund", claim="refund", cure="Send each refund under its own reference and key, for the amount asked.")
async def refunds_add_up(trial: Trial) -> None:
    """Several refunds of one payment add up, and no more is given back than was taken."""
    paid, _, taken = await trial.captured()
    for percent in (25, 50):
        part = trial.amount(percent)
        outcome = await trial.send(paid.refund(part, capture_id=taken.id))
        if isinstance(outcome, Failed) and outcome.reason is Reason.NOT_SETTLED_YET:
            trial.need(None, "Rig.settle, so that captures settle and can be refunded in part", claim="refund")
        trial.expect_any(outcome, (Succeeded, Pending, ActionRequired), f"for a refund of {part}")
        if isinstance(outcome, Succeeded):
            trial.expect(outcome.amount == part, f"{part} refunded", outcome)
    if trial.rig.settle is not None:
        trial.rig.settle()
    trial.expect_held(paid, "after two refunds", refunded=trial.amount(75))
    outcome = await trial.send(paid.refund(trial.amount(50), capture_id=taken.id))
    trial.expect(not isinstance(outcome, Succeeded), "no success of a refund of more than is left", outcome)


@check("refund", claim="refund", cure="Void what is unsettled and whole, or answer Failed(NOT_SETTLED_YET).")
async def refund_before_settlement(trial: Trial) -> None:
    """A refund right after the capture goes through, or is refused as too early."""
    paid = await trial.paid()
    taken = await trial.send(paid.capture(paid.amount))
    done = trial.accepted(taken, "for a whole capture")
    paid = _later(paid, done, paid.amount)
    outcome = await trial.send(paid.refund(paid.amount, capture_id=done.id))
    early = (Reason.NOT_SETTLED_YET, Reason.REFUND_FUNDS_LACKING)
    if isinstance(outcome, Failed):
        trial.expect(outcome.reason in early, "Failed(NOT_SETTLED_YET), if it is too early", outcome)
    else:
        trial.expect_any(outcome, (Succeeded, Pending, ActionRequired), "for a whole refund right after the capture")


@check("funding", cure="Under DEPOSIT and EXTERNAL answer a capture at once, with the amount asked and no request.")
async def deposit_capture_sends_nothing(trial: Trial) -> None:
    """Where the money is ours already, a capture confirms and sends nothing."""
    if trial.capabilities.funding not in (Funding.DEPOSIT, Funding.EXTERNAL):
        trial.need(None, "an account that takes deposits")
    paid = await trial.paid()
    mark = trial.proxy.mark if trial.has_wire else 0
    before = trial.held(paid.reference) if trial.rig.books else None
    outcome = await trial.send(paid.capture(trial.amount(50)))
    if trial.capabilities.funding is Funding.DEPOSIT:
        trial.expect_type(outcome, Succeeded, "for the capture of a deposit")
        sent = trial.proxy.journal(mark) if trial.has_wire else []
        trial.expect(not sent, "nothing sent by the capture of a deposit", f"{sent}")
    after = trial.held(paid.reference) if trial.rig.books else None
    trial.expect(before == after, f"the gateway's books as they were, {before}", f"{after}")
