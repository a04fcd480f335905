"""Every verb of the contract, as a well-behaved processor answers it."""

from datetime import timedelta

import pytest

from evpay.errors import InvalidInput, NotFound
from evpay.money import Money, from_minor, to_minor
from evpay.providers import (
    Absent,
    Account,
    Declined,
    Failed,
    Handle,
    MoneyFacts,
    Observation,
    OperationKind,
    Provider,
    Reason,
    SettlementsRequest,
    Succeeded,
    Unknown,
)

pytestmark = pytest.mark.anyio


async def test_sandbox_is_a_provider_of_a_test_account(sandbox):
    """The sandbox satisfies the contract and can never be live."""
    provider = sandbox(account="demo")

    assert isinstance(provider, Provider)
    assert provider.account == Account(provider="sandbox", name="demo", live=False)


async def test_authorize_secures_the_amount(at_host, clock):
    """A success confirms the amount and carries id, handle and hold with its end."""
    host = at_host(hold_lifetime=timedelta(days=7))

    outcome = await host.authorize("50.00 EUR")

    assert isinstance(outcome, Succeeded)
    assert outcome.amount == Money("50.00", "EUR")
    assert outcome.handle == Handle(id=host.entry.id)
    assert outcome.hold.expires == clock.time + timedelta(days=7)
    assert (outcome.hold.increment, outcome.hold.multiple_captures, outcome.hold.capture_limit) == (True, False, None)
    assert host.totals == (5000, 0, 0, 0, 0)


async def test_whole_life_ends_in_matching_books(at_host):
    """Hold 50, grow to 80, capture 61.20, give back 5: the rest of 18.80 came free with the capture."""
    host = at_host()
    await host.authorize("50.00 EUR")

    grown = await host.increment("80.00 EUR")
    captured = await host.capture("61.20 EUR")
    refunded = await host.refund("5.00 EUR")

    assert [outcome.amount for outcome in (grown, captured, refunded)] == [
        Money("80.00", "EUR"),
        Money("61.20", "EUR"),
        Money("5.00", "EUR"),
    ]
    assert host.totals == (8000, 6120, 1880, 500, 0)
    assert host.entry.standing == "closed"


async def test_saved_method_comes_back_when_asked_for(at_host):
    """`save_method` returns a method of this account, that works without the driver."""
    host, other = at_host(account="acme"), None
    outcome = await host.authorize(save_method=True)
    other = at_host(host.provider, name="later")

    again = await other.authorize(method=outcome.saved_method.token, off_session=True)

    assert outcome.saved_method.account == "acme"
    assert isinstance(again, Succeeded)
    assert again.saved_method is None


async def test_increment_to_the_present_total_extends_the_hold(at_host, clock):
    """The same total asks for more time; the total stays."""
    host = at_host()
    before = await host.authorize()
    clock.advance(days=6)

    outcome = await host.increment("50.00 EUR")

    assert outcome.amount == Money("50.00", "EUR")
    assert outcome.hold.expires - before.hold.expires == timedelta(days=6)


async def test_increment_to_more_keeps_the_deadline(at_host, clock):
    """More money is not more time."""
    host = at_host()
    before = await host.authorize()
    clock.advance(days=1)

    outcome = await host.increment("60.00 EUR")

    assert outcome.hold.expires == before.hold.expires


async def test_increment_below_the_total_is_refused(at_host):
    """A hold is never lowered by an increment."""
    host = at_host()
    await host.authorize("50.00 EUR")

    outcome = await host.increment("49.99 EUR")

    assert isinstance(outcome, Failed)
    assert outcome.code == "below_present_total"
    assert host.totals == (5000, 0, 0, 0, 0)


async def test_capture_above_the_hold_is_refused(at_host):
    """Nothing is taken beyond what was secured."""
    host = at_host()
    await host.authorize("50.00 EUR")

    outcome = await host.capture("50.01 EUR")

    assert (type(outcome), outcome.reason) == (Failed, Reason.AMOUNT_TOO_LARGE)
    assert host.totals == (5000, 0, 0, 0, 0)


async def test_over_capture_takes_up_to_the_stated_limit(at_host):
    """With over-capture, the hold states its limit, and the limit holds."""
    host = at_host(over_capture_percent=20)

    outcome = await host.authorize("50.00 EUR")
    above = await host.capture("60.01 EUR")
    within = await host.capture("60.00 EUR")

    assert outcome.hold.capture_limit == Money("60.00", "EUR")
    assert isinstance(above, Failed)
    assert within.amount == Money("60.00", "EUR")
    assert host.totals == (5000, 6000, 0, 0, 0)


async def test_second_capture_is_unknown_after_a_final_one(at_host):
    """ "Already captured" may be the echo of an earlier attempt, so it proves nothing; and it takes nothing."""
    host = at_host()
    await host.authorize()
    await host.capture("10.00 EUR")

    outcome = await host.capture("10.00 EUR")

    assert isinstance(outcome, Unknown)
    assert host.totals == (5000, 1000, 4000, 0, 0)


async def test_several_captures_where_the_hold_allows_them(at_host):
    """`final=False` leaves the hold open where multiple captures are on, and is refused where not."""
    several, single = at_host(multiple_captures=True), at_host()
    await several.authorize()
    await single.authorize()

    await several.capture("10.00 EUR", final=False)
    await several.capture("15.00 EUR")
    refused = await single.capture("10.00 EUR", final=False)

    assert several.totals == (5000, 2500, 2500, 0, 0)
    assert isinstance(refused, Failed)
    assert single.totals == (5000, 0, 0, 0, 0)


async def test_remainder_stays_held_without_releases_remainder(at_host):
    """Where the processor does not release the rest, a void does, and captures stay closed."""
    host = at_host(releases_remainder=False)
    await host.authorize()
    await host.capture("10.00 EUR")
    before = host.totals

    outcome = await host.void("40.00 EUR")

    assert before == (5000, 1000, 0, 0, 0)
    assert outcome.amount == Money("40.00", "EUR")
    assert host.totals == (5000, 1000, 4000, 0, 0)


@pytest.mark.parametrize("by_handle", [True, False])
async def test_void_gives_everything_back(at_host, by_handle):
    """A void works by handle and by our reference alone, and says what came free."""
    host = at_host()
    await host.authorize()

    outcome = await host.void(by_handle=by_handle)
    again = await host.void(by_handle=by_handle)

    assert outcome.amount == Money("50.00", "EUR")
    assert again.amount == Money("0.00", "EUR")
    assert host.totals == (5000, 0, 5000, 0, 0)
    assert host.entry.standing == "voided"


async def test_void_of_an_unknown_reference_closes_the_door(at_host):
    """A void that overtakes its authorization releases nothing, and the late authorization holds nothing."""
    host = at_host()

    voided = await host.void()
    late = await host.authorize()

    assert voided.amount == Money("0.00", "EUR")
    assert (type(late), late.code) == (Failed, "voided_before")
    assert host.totals == (0, 0, 0, 0, 0)


async def test_capture_after_void_is_refused(at_host):
    """What was given back cannot be taken."""
    host = at_host()
    await host.authorize()
    await host.void()

    outcome = await host.capture("10.00 EUR")

    assert (type(outcome), outcome.reason) == (Failed, Reason.INVALID_STATE)


async def test_refund_never_exceeds_what_was_captured(at_host):
    """Refunds add up to at most the capture; beyond it they are refused, and at zero left unproven."""
    host = at_host()
    await host.authorize()
    await host.capture("30.00 EUR")
    await host.refund("20.00 EUR")

    too_much = await host.refund("10.01 EUR")
    rest = await host.refund("10.00 EUR")
    echo = await host.refund("10.00 EUR")

    assert (type(too_much), type(rest), type(echo)) == (Failed, Succeeded, Unknown)
    assert host.totals == (5000, 3000, 2000, 3000, 0)


@pytest.mark.parametrize("verb", ["increment", "capture", "refund"])
async def test_other_currency_is_refused(at_host, verb):
    """A payment has one currency."""
    host = at_host()
    await host.authorize("50.00 EUR")
    if verb == "refund":
        await host.capture("40.00 EUR")

    outcome = await getattr(host, verb)("60.00 NOK" if verb == "increment" else "10.00 NOK")

    assert (type(outcome), outcome.code) == (Failed, "currency_mismatch")


@pytest.mark.parametrize(("currency", "asked"), [("JPY", 7301), ("EUR", 7301), ("NOK", 7301), ("KWD", 7301)])
async def test_amounts_are_exact_in_every_exponent(at_host, currency, asked):
    """Zero, two and three decimals go through capture, release and refund to the minor unit."""
    host = at_host()
    await host.authorize(str(from_minor(asked, currency)))

    captured = await host.capture(str(from_minor(asked - 2300, currency)))
    refunded = await host.refund(str(from_minor(1, currency)))

    assert to_minor(captured.amount) == asked - 2300
    assert captured.amount.currency.code == refunded.amount.currency.code == currency
    assert host.totals == (asked, asked - 2300, 2300, 1, 0)


async def test_expired_hold_is_released_by_the_processor(at_host, clock):
    """After the deadline the money is free, a capture is refused, and the release carries no reference of ours."""
    host = at_host()
    await host.authorize()
    clock.advance(days=7)

    outcome = await host.capture("10.00 EUR")
    seen = await host.look_up()

    assert (type(outcome), outcome.reason) == (Failed, Reason.AUTHORIZATION_EXPIRED)
    assert host.totals == (5000, 0, 5000, 0, 0)
    (release,) = [report for report in seen.reports if report.kind is OperationKind.VOID]
    assert release.reference is None
    assert release.outcome.amount == Money("50.00", "EUR")


async def test_hold_stands_until_its_last_moment(at_host, clock):
    """A capture a second before the deadline succeeds."""
    host = at_host()
    await host.authorize()
    clock.advance(days=7, seconds=-1)

    assert isinstance(await host.capture("10.00 EUR"), Succeeded)


@pytest.mark.parametrize("with_handle", [True, False])
async def test_look_up_shows_every_effect_and_the_totals(at_host, with_handle):
    """Each effect is reported under our reference with its outcome, and the totals are complete."""
    host = at_host()
    outcomes = [await host.authorize(), await host.increment("80.00 EUR"), await host.capture("61.20 EUR")]
    outcomes.append(await host.refund("5.00 EUR"))

    seen = await host.look_up(with_handle=with_handle)

    assert [report.outcome for report in seen.reports] == outcomes
    assert [report.kind.value for report in seen.reports] == ["authorize", "increment", "capture", "refund"]
    assert all(report.reference for report in seen.reports)
    assert seen.reports[0].reference == seen.payment_reference == host.reference
    assert seen.totals == MoneyFacts(currency="EUR", authorized=8000, captured=6120, released=1880, refunded=500)
    assert seen.event_id is None


async def test_look_up_shows_refusals_too(at_host):
    """A decline is a fact the processor knows."""
    host = at_host()
    outcome = await host.authorize(method="sandbox_decline_lost_or_stolen")

    seen = await host.look_up()

    assert [report.outcome for report in seen.reports] == [outcome]
    assert seen.totals == MoneyFacts(currency="EUR")


async def test_look_up_of_an_unknown_reference_is_absent(at_host):
    """It answered, and has no such payment; at once, because these books cannot lag."""
    host = at_host()

    assert isinstance(await host.look_up(), Absent)
    assert host.provider.capabilities.absence_proven_after == timedelta(0)


async def test_look_up_has_no_effect(at_host):
    """Looking twice shows the same and changes nothing."""
    host = at_host()
    await host.authorize()

    first, second = await host.look_up(), await host.look_up()

    assert isinstance(first, Observation)
    assert first == second


async def test_handle_of_another_payment_is_refused(at_host):
    """Reference and handle must belong together, or nothing happens."""
    host = at_host()
    await host.authorize()
    other = at_host(host.provider, name="other")
    await other.authorize()
    host.handle = other.handle

    outcome = await host.capture("10.00 EUR")

    assert (type(outcome), outcome.code) == (Failed, "no_such_payment")
    assert other.totals == (5000, 0, 0, 0, 0)


async def test_extra_is_kept_and_cannot_override(at_host):
    """`extra` goes along; a field of ours in it is an error before anything is sent."""
    sent = []
    host, other = at_host(), at_host(at=sent.append)
    await host.authorize(extra={"store": "7"})

    with pytest.raises(InvalidInput) as caught:
        await other.authorize(extra={"amount": "1.00 EUR"})

    assert caught.value.code == "extra_overrides"
    assert sent == []
    assert isinstance(await other.look_up(), Absent)
    changed = await host.authorize(extra={"store": "8"})
    assert (type(changed), changed.code) == (Failed, "idempotency_conflict")


async def test_nothing_and_less_is_too_small(at_host):
    """An amount of zero is no payment."""
    outcome = await at_host().authorize("0.00 EUR")

    assert (type(outcome), outcome.reason) == (Failed, Reason.AMOUNT_TOO_SMALL)


async def test_amount_rules_refuse_what_they_do_not_list(at_host):
    """With rules, other currencies and amounts below the minimum are refused, and claimed so."""
    options = {"amounts": {"EUR": {"minimum_minor": 50}}}
    host, small = at_host(**options), at_host(**options)

    other = await host.authorize("50.00 NOK")
    below = await small.authorize("0.49 EUR")

    assert (other.reason, below.reason) == (Reason.CURRENCY_NOT_SUPPORTED, Reason.AMOUNT_TOO_SMALL)
    assert host.provider.capabilities.rule_for("NOK") is None
    assert host.provider.capabilities.rule_for("EUR").minimum_minor == 50


async def test_settlements_add_up_to_the_books(at_host, clock):
    """A line for each movement of money, with stable ids, none before its day."""
    host = at_host()
    await host.authorize()
    await host.capture("30.00 EUR")
    await host.refund("5.00 EUR")
    since = clock.time.date()

    page = await host.provider.settlements(SettlementsRequest(since=since))
    again = await host.provider.settlements(SettlementsRequest(since=since))
    later = await host.provider.settlements(SettlementsRequest(since=since + timedelta(days=1)))

    assert [(line.kind.value, line.net) for line in page.lines] == [
        ("capture", Money("30.00", "EUR")),
        ("refund", Money("-5.00", "EUR")),
    ]
    assert page == again
    assert later.lines == ()


async def test_books_name_what_they_do_not_have(sandbox):
    """An audit for an unknown reference is an error that names it."""
    with pytest.raises(NotFound, match="nobody"):
        sandbox().books.payment("nobody")


async def test_books_never_show_a_token(at_host):
    """The audit shows a masked method, also of a token that was refused."""
    host = at_host()
    await host.authorize(method="tok_secret_of_somebody_else")

    entry = host.entry

    assert "secret" not in repr(entry)
    assert entry.standing == "refused"


async def test_off_session_that_needs_a_driver_is_declined(at_host):
    """Nobody is there: the answer is a decline, never a link."""
    host, strict = at_host(), at_host(off_session=False)

    outcomes = [
        await host.authorize(method="sandbox_action", off_session=True),
        await strict.authorize(off_session=True),
    ]

    assert {(type(outcome), outcome.reason) for outcome in outcomes} == {(Declined, Reason.AUTHENTICATION_REQUIRED)}
