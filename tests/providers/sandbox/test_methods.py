"""Every magic method does what its row says."""

from datetime import timedelta
from pathlib import Path

import pytest

from evpay.money import Money
from evpay.providers import (
    Absent,
    ActionRequired,
    ConfirmOnDevice,
    Declined,
    Failed,
    OpenLink,
    Pending,
    Reason,
    RunClientSdk,
    Succeeded,
    Unknown,
)
from evpay_providers.sandbox.methods import METHODS

pytestmark = pytest.mark.anyio

PAYER = [
    "insufficient_funds",
    "limit_exceeded",
    "do_not_honor",
    "not_permitted",
    "lost_or_stolen",
    "suspected_fraud",
    "expired_method",
    "invalid_method",
    "method_revoked",
    "authentication_required",
    "authentication_failed",
    "issuer_unavailable",
    "cancelled_by_driver",
    "approval_expired",
]
SET_UP = [
    "amount_too_small",
    "amount_too_large",
    "currency_not_supported",
    "rate_limited",
    "invalid_request",
    "invalid_credentials",
    "misconfigured",
    "test_live_mismatch",
    "other",
]
LOSABLE = ["increment", "capture", "void", "refund"]


def test_page_lists_every_method():
    """The documented table has exactly one row for each token."""
    page = Path(__file__).parents[3] / "docs" / "providers" / "sandbox.md"
    rows = [line.split("|") for line in page.read_text().splitlines() if line.startswith("| `sandbox_")]

    assert {row[1].strip(" `"): row[2].strip() for row in rows} == {
        token: script.says for token, script in METHODS.items()
    }
    assert len(rows) == len(METHODS)


@pytest.mark.parametrize("reason", PAYER)
async def test_payer_reasons_decline(at_host, reason):
    """A no of the payer's side is `Declined`, with nothing held."""
    host = at_host()

    outcome = await host.authorize(method=f"sandbox_decline_{reason}")

    assert outcome == Declined(reason=Reason(reason), code=reason, id=outcome.id)
    assert host.totals == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("reason", SET_UP)
async def test_set_up_reasons_fail(at_host, reason):
    """What is the processor's or the set-up's fault is `Failed`, with nothing held."""
    host = at_host()

    outcome = await host.authorize(method=f"sandbox_fail_{reason}")

    assert outcome == Failed(reason=Reason(reason), code=reason, id=outcome.id)
    assert host.totals == (0, 0, 0, 0, 0)


async def test_unknown_token_is_an_invalid_method(at_host):
    """A token without a row is declined."""
    outcome = await at_host().authorize(method="pm_card_visa")

    assert (type(outcome), outcome.reason) == (Declined, Reason.INVALID_METHOD)


async def test_processor_down_fails_so_that_another_may_be_tried(at_host):
    """Down is `Failed` with a reason that allows another processor."""
    host = at_host()

    outcome = await host.authorize(method="sandbox_processor_down")

    assert (type(outcome), outcome.reason, outcome.code) == (Failed, Reason.ISSUER_UNAVAILABLE, "processor_down")
    assert host.entry.standing == "refused"


async def test_not_sent_leaves_the_books_untouched(at_host):
    """A failed connection is `Failed(NOT_SENT)`, and there is no such payment."""
    host = at_host()

    outcome = await host.authorize(method="sandbox_not_sent")

    assert (type(outcome), outcome.reason) == (Failed, Reason.NOT_SENT)
    assert isinstance(await host.look_up(), Absent)


@pytest.mark.parametrize(
    ("method", "action"),
    [("sandbox_action", OpenLink), ("sandbox_action_sdk", RunClientSdk)],
)
async def test_action_waits_then_completes(at_host, clock, method, action):
    """The driver must act; a poll moves nothing; back with an answer, the money is held. Repeating changes nothing."""
    host = at_host()

    asked = await host.authorize(method=method, save_method=True)
    polled = await host.complete()
    done = await host.complete({"result": "cancelled"})
    again = await host.complete({"result": "cancelled"})

    assert isinstance(asked, ActionRequired)
    assert isinstance(asked.action, action)
    assert asked.expires == clock.time + timedelta(minutes=15)
    assert polled == asked
    assert isinstance(done, Succeeded)
    assert done.hold.expires == clock.time + timedelta(days=7)
    assert done.saved_method is not None
    assert again == done
    assert host.totals == (5000, 0, 0, 0, 0)
    assert len(host.entry.effects) == 1


async def test_action_declined_whatever_the_answer_claims(at_host):
    """The answer comes from a browser: the books decide."""
    host = at_host()
    await host.authorize(method="sandbox_action_declined")

    outcome = await host.complete({"result": "authorised", "status": "succeeded"})

    assert (type(outcome), outcome.reason) == (Declined, Reason.AUTHENTICATION_FAILED)
    assert host.totals == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("method", ["sandbox_action_elsewhere", "sandbox_action_device"])
async def test_action_elsewhere_ignores_answers(at_host, method):
    """Until the driver acts at the processor, no claim moves the payment; then a poll finds it."""
    host = at_host()
    asked = await host.authorize(method=method)

    claimed = await host.complete({"result": "authorised"})
    host.provider.books.driver_acts(host.reference)
    found = await host.complete()

    assert claimed == asked
    assert isinstance(asked.action, ConfirmOnDevice) is (method == "sandbox_action_device")
    assert isinstance(found, Succeeded)
    assert host.totals == (5000, 0, 0, 0, 0)


async def test_driver_refuses_elsewhere(at_host):
    """The driver may say no at the processor."""
    host = at_host()
    await host.authorize(method="sandbox_action_elsewhere")

    host.provider.books.driver_acts(host.reference, reason=Reason.CANCELLED_BY_DRIVER)
    outcome = await host.complete()

    assert (type(outcome), outcome.reason) == (Declined, Reason.CANCELLED_BY_DRIVER)


async def test_approval_expires(at_host, clock):
    """A driver who comes too late finds the authorization ended."""
    host = at_host()
    await host.authorize(method="sandbox_action")
    clock.advance(minutes=15)

    outcome = await host.complete({"result": "ok"})

    assert (type(outcome), outcome.reason) == (Declined, Reason.APPROVAL_EXPIRED)


async def test_void_before_approval_ends_it(at_host):
    """A void while the driver is away releases nothing and leaves nothing to approve."""
    host = at_host()
    await host.authorize(method="sandbox_action")

    voided = await host.void()
    outcome = await host.complete({"result": "ok"})

    assert voided.amount == Money("0.00", "EUR")
    assert (type(outcome), outcome.code) == (Failed, "voided")
    assert host.totals == (0, 0, 0, 0, 0)


async def test_pending_authorization_settles_by_webhook(at_host, clock):
    """Pending until the processor settles it; the webhook it signs then says so."""
    host = at_host()

    pending = await host.authorize(method="sandbox_pending")
    before = await host.look_up()
    host.provider.books.settle_pending(host.reference)
    (told,) = await host.hear(*host.provider.webhook(host.reference), at=clock.time)

    assert isinstance(pending, Pending)
    assert before.reports[0].outcome == pending
    assert told.payment_reference == host.reference
    assert told.reports[0].outcome.amount == Money("50.00", "EUR")
    assert told.reports[0].outcome.hold.expires == clock.time + timedelta(days=7)
    assert told.totals.authorized == 5000


async def test_pending_authorization_may_be_refused_or_less(at_host):
    """What comes of a pending authorization is the processor's decision."""
    refused, less = at_host(), at_host()
    await refused.authorize(method="sandbox_pending")
    await less.authorize(method="sandbox_pending")

    refused.provider.books.settle_pending(refused.reference, reason=Reason.DO_NOT_HONOR)
    less.provider.books.settle_pending(less.reference, amount=1200)

    assert refused.totals == (0, 0, 0, 0, 0)
    assert (await refused.look_up()).reports[0].outcome.reason is Reason.DO_NOT_HONOR
    assert less.totals == (1200, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("verb", "amount", "settled"),
    [
        ("increment", "80.00 EUR", (8000, 0, 0, 0, 0)),
        ("capture", "30.00 EUR", (5000, 3000, 2000, 0, 0)),
        ("void", "50.00 EUR", (5000, 0, 5000, 0, 0)),
        ("refund", "30.00 EUR", (5000, 3000, 2000, 3000, 0)),
    ],
)
async def test_pending_effects_count_once_settled(at_host, verb, amount, settled):
    """A pending effect moves nothing until it settles, and then exactly what was asked."""
    host = at_host()
    await host.authorize(method=f"sandbox_pending_{verb}")
    if verb == "refund":
        await host.capture("30.00 EUR")
    before = host.totals

    pending = await getattr(host, verb)(amount)
    while_pending = host.totals
    host.provider.books.settle_pending(host.reference)

    assert isinstance(pending, Pending)
    assert while_pending == before
    assert host.totals == settled


async def test_pending_refund_is_spoken_for(at_host):
    """Two pending refunds cannot add up to more than the capture."""
    host = at_host()
    await host.authorize(method="sandbox_pending_refund")
    await host.capture("30.00 EUR")
    await host.refund("20.00 EUR")

    outcome = await host.refund("20.00 EUR")

    assert (type(outcome), outcome.reason) == (Failed, Reason.AMOUNT_TOO_LARGE)


@pytest.mark.parametrize("suffix", ["", "_no_effect"])
async def test_lost_authorize(at_host, suffix):
    """The answer is lost; the look-up knows whether it happened; a resend is one effect and is answered."""
    host = at_host()

    lost = await host.authorize(method=f"sandbox_lose_authorize{suffix}")
    seen = await host.look_up()
    resent = await host.authorize(method=f"sandbox_lose_authorize{suffix}")

    assert isinstance(lost, Unknown)
    assert isinstance(seen, Absent) is bool(suffix)
    assert isinstance(resent, Succeeded)
    assert host.totals == (5000, 0, 0, 0, 0)
    assert len(host.provider.books.payments()) == 1


@pytest.mark.parametrize("suffix", ["", "_no_effect"])
async def test_lost_complete(at_host, suffix):
    """A lost leg is unknown; the next one finds or does it, once."""
    host = at_host()
    await host.authorize(method=f"sandbox_lose_complete{suffix}")

    lost = await host.complete({"result": "ok"}, key="leg")
    after_loss = host.totals
    again = await host.complete({"result": "ok"}, key="leg")

    assert isinstance(lost, Unknown)
    assert after_loss == ((0, 0, 0, 0, 0) if suffix else (5000, 0, 0, 0, 0))
    assert isinstance(again, Succeeded)
    assert host.totals == (5000, 0, 0, 0, 0)


@pytest.mark.parametrize("suffix", ["", "_no_effect"])
@pytest.mark.parametrize("verb", LOSABLE)
async def test_lost_effects(at_host, verb, suffix):
    """For each verb: lost once for a key, happened or not as the row says, and one effect after a resend."""
    amount = {"increment": "80.00 EUR", "capture": "30.00 EUR", "void": "50.00 EUR", "refund": "10.00 EUR"}[verb]
    host = at_host()
    await host.authorize(method=f"sandbox_lose_{verb}{suffix}")
    if verb == "refund":
        await host.capture("30.00 EUR")
    before = host.totals

    lost = await getattr(host, verb)(amount, key="k")
    after_loss = host.totals
    resent = await getattr(host, verb)(amount, key="k")
    again = await getattr(host, verb)(amount, key="k")

    assert isinstance(lost, Unknown)
    assert (after_loss == before) is bool(suffix)
    assert isinstance(resent, Succeeded)
    assert again == resent
    assert [effect.kind.value for effect in host.entry.effects].count(verb) == 1


async def test_increment_declined_keeps_the_hold(at_host):
    """Declined means that the old hold stands, and can be captured."""
    host = at_host()
    await host.authorize(method="sandbox_increment_declined")

    outcome = await host.increment("80.00 EUR")
    captured = await host.capture("50.00 EUR")

    assert (type(outcome), outcome.reason) == (Declined, Reason.INSUFFICIENT_FUNDS)
    assert isinstance(captured, Succeeded)
    assert host.totals == (5000, 5000, 0, 0, 0)


async def test_increment_unavailable_is_said_by_the_hold(at_host):
    """The hold itself says that it does not grow."""
    host = at_host()

    held = await host.authorize(method="sandbox_increment_unavailable")
    outcome = await host.increment("80.00 EUR")

    assert held.hold.increment is False
    assert (type(outcome), outcome.reason) == (Failed, Reason.INCREMENT_NOT_AVAILABLE)
    assert host.totals == (5000, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("method", "verb", "reason", "totals"),
    [
        ("sandbox_capture_failed", "capture", Reason.OTHER, (5000, 0, 0, 0, 0)),
        ("sandbox_refund_failed", "refund", Reason.REFUND_FUNDS_LACKING, (5000, 3000, 2000, 0, 0)),
        ("sandbox_refund_too_early", "refund", Reason.NOT_SETTLED_YET, (5000, 3000, 2000, 0, 0)),
    ],
)
async def test_later_steps_fail(at_host, method, verb, reason, totals):
    """A capture or refund that fails moves nothing."""
    host = at_host()
    await host.authorize(method=method)
    if verb == "refund":
        await host.capture("30.00 EUR")

    outcome = await getattr(host, verb)("30.00 EUR")

    assert (type(outcome), outcome.reason) == (Failed, reason)
    assert host.totals == totals


@pytest.mark.parametrize(
    ("method", "asked", "held"),
    [
        *((f"sandbox_partial_{percent}", "50.00 EUR", f"{percent * 50 // 100}.{percent * 50 % 100:02} EUR")
          for percent in range(10, 100, 10)),
        ("sandbox_partial_60", "0.99 EUR", "0.59 EUR"),
        ("sandbox_partial_10", "5 JPY", "1 JPY"),
        ("sandbox_partial_60", "0.101 KWD", "0.060 KWD"),
    ],
)  # fmt: skip
async def test_partial_approval_confirms_less(at_host, method, asked, held):
    """The confirmed amount is what is held, in whole minor units, never nothing, and no more can be captured."""
    host = at_host()

    outcome = await host.authorize(asked, method=method)
    too_much = await host.capture(asked)

    assert str(outcome.amount) == held
    assert (type(too_much), too_much.reason) == (Failed, Reason.AMOUNT_TOO_LARGE)


async def test_short_hold_lasts_an_hour(at_host, clock):
    """A hold may be shorter than the account's usual."""
    host = at_host()

    outcome = await host.authorize(method="sandbox_short_hold")
    clock.advance(hours=1)

    assert outcome.hold.expires == clock.time
    assert host.entry.standing == "expired"


@pytest.mark.parametrize(("method", "came"), [("underpaid", "30.00 EUR"), ("overpaid", "65.00 EUR")])
async def test_deposit_of_another_amount(at_host, method, came):
    """What came in is what is confirmed, less or more than asked; all of it can be paid back."""
    host = at_host(funding="deposit")

    outcome = await host.authorize("50.00 EUR", method=f"sandbox_deposit_{method}")
    back = await host.void(came)

    assert str(outcome.amount) == came
    assert str(back.amount) == came
    assert host.entry.released == host.entry.authorized


def test_every_row_is_tested():
    """No method is forgotten here."""
    tested = {
        "sandbox_approve", "sandbox_processor_down", "sandbox_not_sent", "sandbox_action", "sandbox_action_declined",
        "sandbox_action_elsewhere", "sandbox_action_sdk", "sandbox_action_device", "sandbox_pending",
        "sandbox_increment_declined", "sandbox_increment_unavailable", "sandbox_capture_failed",
        "sandbox_refund_failed", "sandbox_refund_too_early", "sandbox_short_hold", "sandbox_deposit_underpaid",
        "sandbox_deposit_overpaid",
        *(f"sandbox_decline_{reason}" for reason in PAYER),
        *(f"sandbox_fail_{reason}" for reason in SET_UP),
        *(f"sandbox_partial_{percent}" for percent in range(10, 100, 10)),
        *(f"sandbox_pending_{verb}" for verb in LOSABLE),
        *(f"sandbox_lose_{verb}" for verb in ["authorize", "complete", *LOSABLE]),
        *(f"sandbox_lose_{verb}_no_effect" for verb in ["authorize", "complete", *LOSABLE]),
    }  # fmt: skip

    assert set(METHODS) == tested
