"""The real SDK over real HTTP: what goes over the wire, and what the server then holds."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from evpay.errors import InvalidInput, UnsupportedOperation
from evpay.money import Money
from evpay.providers import (
    Absent,
    ActionRequired,
    Declined,
    Handle,
    LookUpRequest,
    OpenLink,
    PaymentMethod,
    Pending,
    Provider,
    Reason,
    SettlementsRequest,
    Succeeded,
    Unknown,
)
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.providers.stripe import orders
from tests.providers.stripe.orders import eur

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]


def book(server):
    (payment,) = server.books()["payments"]
    return payment


def sent(server, number=-1):
    entry = server.journal()[number]
    return entry["method"], entry["path"], dict(entry["params"]), entry["headers"].get("idempotency-key")


async def held(provider, amount="20.00", **fields):
    outcome = await provider.authorize(orders.authorization(amount, **fields))
    assert isinstance(outcome, Succeeded), outcome
    return outcome


async def test_it_is_a_provider(provider):
    """The class has the shape of the contract, and claims what it keeps."""
    assert isinstance(provider, Provider)
    assert (provider.account.provider, provider.account.name, provider.account.live) == ("stripe", "stripe", False)
    assert provider.capabilities.absence_proven_after == timedelta(hours=2)
    assert set(provider.capabilities.resend_for.values()) == {timedelta(hours=24)}


async def test_authorize_over_the_wire(server, provide):
    """One POST with our reference and key, in Stripe's units."""
    request = orders.authorization("20.00")

    outcome = await provide().authorize(request)

    assert sent(server) == (
        "POST",
        "/v1/payment_intents",
        {
            "amount": "2000",
            "currency": "eur",
            "payment_method": "pm_card_visa",
            "confirm": "true",
            "capture_method": "manual",
            "metadata[evpay_reference]": request.reference,
            "expand[0]": "latest_charge",
        },
        request.idempotency_key,
    )
    assert outcome.amount == eur("20.00")
    assert outcome.handle.id == book(server)["id"]
    assert timedelta(days=6, hours=23) < outcome.hold.expires - datetime.now(UTC) <= timedelta(days=7)


async def test_terms_are_those_of_the_payment(provider):
    """The same account, two cards, other terms."""
    visa = await held(provider)
    mastercard = await held(provider, token="pm_card_mastercard")

    assert (visa.hold.increment, visa.hold.multiple_captures, visa.hold.capture_limit) == (True, True, eur("23.00"))
    assert mastercard.hold.increment is False


async def test_partial_approval_is_less(provider):
    """The confirmed amount wins."""
    assert (await held(provider, token="pm_evpay_partial")).amount == eur("10.00")


async def test_whole_life_of_a_payment(server, provider):
    """Hold, raise, capture less, refund: the server's books say the same as the outcomes."""
    hold = await held(provider)
    raised = await provider.increment(orders.increase(hold.handle, "30.00"))
    taken = await provider.capture(orders.taking(raised.handle, "12.34"))
    back = await provider.refund(orders.giving_back(taken.handle, "2.00"))

    assert [outcome.amount for outcome in (raised, taken, back)] == [eur("30.00"), eur("12.34"), eur("2.00")]
    payment = book(server)
    assert (payment["authorized"], payment["captured"], payment["released"], payment["refunded"]) == (
        3000,
        1234,
        1766,
        200,
    )
    assert payment["effects"] == {"authorize": 1, "increment": 1, "capture": 1, "void": 0, "refund": 1}


@pytest.mark.parametrize(
    ("verb", "order", "path", "params"),
    [
        ("increment", lambda h: orders.increase(h, "30.00", reference="r1"), "/increment_authorization",
         {"amount": "3000", "metadata[evpay_r1]": "increment 3000", "expand[0]": "latest_charge"}),
        ("capture", lambda h: orders.taking(h, "5.00", reference="r1"), "/capture",
         {"amount_to_capture": "500", "metadata[evpay_r1]": "capture 500", "expand[0]": "latest_charge"}),
        ("void", orders.cancellation, "/cancel", {"expand[0]": "latest_charge"}),
    ],
)  # fmt: skip
async def test_effect_over_the_wire(server, provider, verb, order, path, params):
    """Path, body and key of each effect on a hold."""
    hold = await held(provider)
    request = order(hold.handle)

    outcome = await getattr(provider, verb)(request)

    assert isinstance(outcome, Succeeded), outcome
    assert sent(server) == ("POST", f"/v1/payment_intents/{hold.handle.id}{path}", params, request.idempotency_key)


async def test_refund_over_the_wire(server, provider):
    """A refund is of the payment, with a reference of its own."""
    hold = await held(provider)
    await provider.capture(orders.taking(hold.handle, "5.00"))
    request = orders.giving_back(hold.handle, "2.00", note="cable fault")

    await provider.refund(request)

    params = {
        "payment_intent": hold.handle.id,
        "amount": "200",
        "metadata[evpay_reference]": request.reference,
        "metadata[evpay_note]": "cable fault",
    }
    assert sent(server) == ("POST", "/v1/refunds", params, request.idempotency_key)


async def test_several_captures_then_the_last(server, provider):
    """Each says its own amount, and the last one releases the rest."""
    hold = await held(provider)

    first = await provider.capture(orders.taking(hold.handle, "5.00", final=False))
    last = await provider.capture(orders.taking(first.handle, "7.00"))

    assert (first.amount, last.amount) == (eur("5.00"), eur("7.00"))
    assert (book(server)["captured"], book(server)["released"]) == (1200, 800)


async def test_rest_after_a_partial_capture_is_voided(server, provider):
    """Cancelling then releases only the rest."""
    hold = await held(provider)
    await provider.capture(orders.taking(hold.handle, "5.00", final=False))

    outcome = await provider.void(orders.cancellation(hold.handle))

    assert outcome.amount == eur("15.00")
    assert (book(server)["captured"], book(server)["released"]) == (500, 1500)


async def test_capture_that_cannot_be_the_first_of_several_sends_nothing(server, provide):
    """Stripe would release the rest without being asked."""
    provider = provide()
    hold = await held(provider)

    with pytest.raises(UnsupportedOperation):
        await provider.capture(orders.taking(hold.handle, "5.00", final=False))

    assert len(server.journal()) == 1


async def test_increment_that_is_not_claimed_sends_nothing(server, provide):
    """Without the setting no payment ever allows it."""
    provider = provide()
    hold = await held(provider)

    with pytest.raises(UnsupportedOperation):
        await provider.increment(orders.increase(hold.handle, "30.00"))

    assert (provider.capabilities.increment, len(server.journal())) == (False, 1)


async def test_declined_increment_keeps_the_hold(server, provider):
    """The old total stands and can be captured."""
    hold = await held(provider, token="pm_evpay_incrementDeclined")

    outcome = await provider.increment(orders.increase(hold.handle, "30.00"))

    assert outcome == Declined(reason=Reason.INSUFFICIENT_FUNDS, code="insufficient_funds")
    assert (book(server)["authorized"], book(server)["effects"]["increment"]) == (2000, 0)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("pm_card_chargeDeclined", Reason.DO_NOT_HONOR),
        ("pm_card_chargeDeclinedInsufficientFunds", Reason.INSUFFICIENT_FUNDS),
        ("pm_card_chargeDeclinedLostCard", Reason.LOST_OR_STOLEN),
        ("pm_card_chargeDeclinedStolenCard", Reason.LOST_OR_STOLEN),
        ("pm_card_chargeDeclinedFraudulent", Reason.SUSPECTED_FRAUD),
        ("pm_card_chargeDeclinedVelocityLimitExceeded", Reason.LIMIT_EXCEEDED),
        ("pm_card_chargeDeclinedExpiredCard", Reason.EXPIRED_METHOD),
        ("pm_card_chargeDeclinedIncorrectCvc", Reason.INVALID_METHOD),
        ("pm_card_chargeDeclinedProcessingError", Reason.ISSUER_UNAVAILABLE),
        ("pm_evpay_oddCode", Reason.OTHER),
    ],
)
async def test_test_card_is_declined_for_its_reason(server, provide, token, reason):
    """Stripe's own test cards, through the SDK's own exceptions."""
    outcome = await provide().authorize(orders.authorization(token=token))

    assert isinstance(outcome, Declined)
    assert (outcome.reason, outcome.id) == (reason, book(server)["id"])


async def test_odd_status_is_unknown_and_processing_is_pending(provide):
    """Statuses of tomorrow, and of today."""
    assert isinstance(await provide().authorize(orders.authorization(token="pm_evpay_oddStatus")), Unknown)
    assert isinstance(await provide().authorize(orders.authorization(token="pm_evpay_processing")), Pending)


async def test_driver_is_sent_to_the_bank_and_comes_back(server, provide):
    """The answer of the browser is not believed: the payment is read."""
    provider = provide()
    waiting = await provider.authorize(
        orders.authorization(token="pm_card_authenticationRequired", return_url="https://example.com/back")
    )
    claim = orders.completion(waiting.handle, answer={"redirect_status": "succeeded"})
    before = await provider.complete(claim)
    server.authenticate(waiting.id)

    after = await provider.complete(claim)

    assert isinstance(waiting.action, OpenLink)
    assert isinstance(before, ActionRequired)
    assert (after.amount, after.handle.id) == (eur("20.00"), waiting.id)
    assert [entry["method"] for entry in server.journal()] == ["POST", "GET", "GET"]


async def test_failed_challenge_ends_the_authorization(server, provide):
    """The driver could not prove it."""
    provider = provide()
    waiting = await provider.authorize(orders.authorization(token="pm_card_authenticationRequired"))
    server.authenticate(waiting.id, success=False)

    outcome = await provider.complete(orders.completion(waiting.handle))

    assert outcome.reason is Reason.AUTHENTICATION_FAILED


async def test_challenge_off_session_is_a_decline(provide):
    """Nobody is there to answer."""
    outcome = await provide().authorize(orders.authorization(token="pm_card_authenticationRequired", off_session=True))

    assert isinstance(outcome, Declined)
    assert outcome.reason is Reason.AUTHENTICATION_REQUIRED


async def test_void_before_approval_frees_nothing(provide):
    """A payment that waits for the driver held nothing."""
    provider = provide()
    waiting = await provider.authorize(orders.authorization(token="pm_card_authenticationRequired"))

    outcome = await provider.void(orders.cancellation(waiting.handle))

    assert outcome.amount == eur("0.00")


async def test_saved_method_can_be_used_when_nobody_is_there(provide):
    """The token that came back is charged off session."""
    provider = provide()
    method = PaymentMethod("pm_card_visa", customer="cus_1")
    saved = (await provider.authorize(orders.authorization(method=method, save_method=True))).saved_method

    again = await provider.authorize(orders.authorization(method=saved, off_session=True, reference="p2"))

    assert (saved.customer, saved.account, saved.last4) == ("cus_1", "stripe", "4242")
    assert isinstance(again, Succeeded)


async def test_account_that_enables_redirecting_methods_still_works(server, provide):
    """Such accounts demand a return_url unless redirects are ruled out."""
    server.configure(redirects=True)

    refused = await provide(account="a").authorize(orders.authorization())
    accepted = await provide(account="b", cards_only=True).authorize(orders.authorization())

    assert (refused.type, accepted.type) == ("failed", "succeeded")


async def test_amount_that_cannot_be_written_sends_nothing(server, provide):
    """Refused before the first byte."""
    with pytest.raises(InvalidInput):
        await provide().authorize(orders.authorization(amount=Money("1.234", "KWD")))

    assert server.journal() == []


async def test_extra_passes_through_and_cannot_override(server, provide):
    """Fields of the host reach Stripe untouched; ours stay ours."""
    provider = provide()

    await provider.authorize(orders.authorization(extra={"description": "Charging at Kai 3"}))
    with pytest.raises(InvalidInput) as caught:
        await provider.authorize(orders.authorization(extra={"amount": 1}))

    assert sent(server)[2]["description"] == "Charging at Kai 3"
    assert (caught.value.code, len(server.journal())) == ("extra_overrides", 1)


async def test_resend_has_one_effect(server, provider):
    """The same key and bytes again, for each kind."""
    first = orders.authorization()
    hold, again = await provider.authorize(first), await provider.authorize(first)
    for verb, request in [
        ("increment", orders.increase(hold.handle, "30.00")),
        ("capture", orders.taking(hold.handle, "5.00")),
        ("refund", orders.giving_back(hold.handle, "1.00")),
    ]:
        assert await getattr(provider, verb)(request) == await getattr(provider, verb)(request)

    assert hold == again
    assert book(server)["effects"] == {"authorize": 1, "increment": 1, "capture": 1, "void": 0, "refund": 1}


async def test_look_up_finds_everything_by_our_reference_alone(server, provider):
    """Search, then the payment itself, then its refunds; nothing changes."""
    hold = await held(provider)
    await provider.capture(orders.taking(hold.handle, "5.00", reference="r1"))
    await provider.refund(orders.giving_back(hold.handle, "1.00", reference="r2"))
    effects = server.books()["effects"]

    by_reference = await provider.look_up(orders.question())

    assert by_reference == await provider.look_up(orders.question(hold.handle))
    told = [(report.kind.value, report.reference) for report in by_reference.reports]
    assert told == [("authorize", orders.PAYMENT), ("capture", "r1"), ("refund", "r2")]
    totals = by_reference.totals
    assert (totals.authorized, totals.captured, totals.released, totals.refunded) == (2000, 500, 1500, 100)
    assert server.books()["effects"] == effects


async def test_look_up_through_a_search_that_lags_is_absent(server, provide):
    """`Absent` counts only after `absence_proven_after`, which covers the lag."""
    server.configure(search_lag=60)
    provider = provide()
    await held(provider)

    assert await provider.look_up(orders.question()) == Absent()
    assert isinstance(await provider.void(orders.cancellation(None)), Unknown)


async def test_look_up_of_an_id_that_is_gone_is_unknown(provide):
    """Another account or mode would say the same, so it proves nothing."""
    assert isinstance(await provide().look_up(orders.question(Handle(id="pi_gone"))), Unknown)


async def test_look_up_that_finds_two_is_unknown(provide):
    """Which one would be meant?"""
    provider = provide()
    await held(provider)
    await held(provider)

    assert isinstance(await provider.look_up(orders.question()), Unknown)


async def test_reference_that_is_no_reference_is_not_searched_for(provide):
    """A quote would change the query."""
    with pytest.raises(InvalidInput):
        await provide().look_up(LookUpRequest(payment_reference="x' OR 'a':'b"))


async def test_void_by_reference(server, provide):
    """The id never arrived, and the hold is freed nevertheless."""
    provider = provide()
    await held(provider)

    outcome = await provider.void(orders.cancellation(None))

    assert outcome.amount == eur("20.00")
    assert (book(server)["released"], book(server)["effects"]["void"]) == (2000, 1)


async def test_expired_hold_is_seen(server, provide):
    """Stripe let it lapse: its own void."""
    provider = provide()
    hold = await held(provider)
    server.advance(8 * 86_400)

    try:
        seen = await provider.look_up(orders.question(hold.handle))
        late = await provider.capture(orders.taking(hold.handle, "5.00"))
    finally:
        server.advance(-8 * 86_400)

    assert [report.kind.value for report in seen.reports] == ["authorize", "void"]
    assert (seen.totals.released, late.type) == (2000, "unknown")


async def test_pending_refund_is_told_later(server, provide):
    """The look-up shows what became of it."""
    provider = provide()
    hold = await held(provider, token="pm_card_pendingRefund")
    await provider.capture(orders.taking(hold.handle, "5.00"))
    waiting = await provider.refund(orders.giving_back(hold.handle, "5.00"))
    before = await provider.look_up(orders.question(hold.handle))
    server.act("refund", id=waiting.id, status="failed", failure_reason="lost_or_stolen_card")

    after = await provider.look_up(orders.question(hold.handle))

    assert (waiting.type, before.reports[-1].outcome.type, before.totals.refunded) == ("pending", "pending", 0)
    assert after.reports[-1].outcome.reason is Reason.LOST_OR_STOLEN


async def test_settlements_page_by_page(provide):
    """Every line once, and new ones from where the last page ended."""
    provider = provide()
    hold = await held(provider)
    await provider.capture(orders.taking(hold.handle, "5.00"))
    since = datetime.now(UTC).date() - timedelta(days=1)
    first = await provider.settlements(SettlementsRequest(since=since))
    nothing = await provider.settlements(SettlementsRequest(since=since, cursor=first.cursor))
    await provider.refund(orders.giving_back(hold.handle, "1.00", reference="r1"))

    second = await provider.settlements(SettlementsRequest(since=since, cursor=nothing.cursor))

    assert [line.gross for line in first.lines] == [eur("5.00")]
    assert (nothing.lines, nothing.cursor) == ((), first.cursor)
    assert [(line.gross, line.reference) for line in second.lines] == [(eur("-1.00"), "r1")]


async def test_connected_account_and_version_are_named(server, provide):
    """Connect's header goes out with every request, and telemetry with none."""
    await held(provide(stripe_account="acct_1", send_descriptor=True), descriptor="EV 4711")

    headers = server.journal()[0]["headers"]
    assert (headers["stripe-account"], headers["stripe-version"]) == ("acct_1", "2026-10-28.endive")
    assert "x-stripe-client-telemetry" not in headers
    assert "platform" not in headers["x-stripe-client-user-agent"]
    assert sent(server)[2]["statement_descriptor_suffix"] == "EV 4711"


async def test_many_payments_at_once(server, provide):
    """Different payments do not disturb one another."""
    provider = provide()

    outcomes = await asyncio.gather(
        *(provider.authorize(orders.authorization(reference=f"p{number}")) for number in range(40))
    )

    assert len({outcome.handle.id for outcome in outcomes}) == len(server.books()["payments"]) == 40


async def test_close_twice_and_go_on(provide):
    """Closing ends nothing for good."""
    provider = provide()
    await held(provider)

    await provider.aclose()
    await provider.aclose()

    assert isinstance(await held(provider), Succeeded)


def test_one_loop_after_another(server):
    """A provider is bound to no event loop."""
    provider = StripeProvider(StripeSettings(api_key="sk_test_x", base_url=server.url))

    async def once(reference):
        outcome = await provider.authorize(orders.authorization(reference=reference))
        await provider.aclose()
        return outcome.type

    assert [asyncio.run(once("p1")), asyncio.run(once("p2"))] == ["succeeded", "succeeded"]


async def test_client_that_was_passed_in_is_used_and_left_open(server):
    """Only what the adapter opened is closed by it."""
    import stripe

    class Recording(stripe.HTTPClient):
        name, calls, closed = "recording", 0, False

        async def request_async(self, method, url, headers, post_data=None):
            self.calls += 1
            return b'{"id": "pi_1", "object": "payment_intent", "status": "processing", "currency": "eur"}', 200, {}

        async def close_async(self):
            self.closed = True

    client = Recording()
    provider = StripeProvider(StripeSettings(api_key="sk_test_x"), http_client=client)

    outcome = await provider.authorize(orders.authorization())
    await provider.aclose()

    assert (outcome.type, client.calls, client.closed) == ("pending", 1, False)
