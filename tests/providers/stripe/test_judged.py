"""Everything that the provider does, against the emulator, with every request and answer judged by the SDK's types."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date

import pytest
import stripe
from evpay_contrib_emulators.running import RunningEmulator, running

from evpay.providers import (
    ActionRequired,
    Declined,
    Failed,
    MethodKind,
    MoneyFacts,
    OpenLink,
    OperationKind,
    PaymentMethod,
    Pending,
    Reason,
    SettlementsRequest,
    Succeeded,
    Unknown,
)
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.judges.stripe_judge import JudgedTransport
from tests.providers.stripe import orders
from tests.providers.stripe.orders import eur

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

BACK = "https://example.com/back"
READER = PaymentMethod("tmr_kai3", kind=MethodKind.TERMINAL)


@pytest.fixture(scope="module")
def _emulator() -> Iterator[RunningEmulator]:
    with running("stripe") as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator: RunningEmulator) -> RunningEmulator:
    """A Stripe that holds nothing yet."""
    _emulator.clear()
    return _emulator


@pytest.fixture
async def provide(emulator: RunningEmulator) -> AsyncIterator[Callable[..., StripeProvider]]:
    """Make providers whose every exchange is judged at the end of the test."""
    transports: list[JudgedTransport] = []

    def make(**settings: object) -> StripeProvider:
        transports.append(JudgedTransport())
        values = {"api_key": "sk_test_example", "base_url": emulator.url, "cards_only": True, **settings}
        return StripeProvider(StripeSettings(**values), http_client=transports[-1])

    yield make
    for transport in transports:
        await transport.close_async()
        assert transport.requests
        assert transport.complaints == []


@pytest.fixture
def provider(provide: Callable[..., StripeProvider]) -> StripeProvider:
    """An account that asks for everything."""
    wanted = dict.fromkeys(("increment", "extended", "overcapture", "multicapture"), True)
    return provide(send_descriptor=True, **{f"request_{name}": value for name, value in wanted.items()})


def book(emulator):
    (payment,) = emulator.books()["payments"]
    return payment


@pytest.fixture
def client(emulator: RunningEmulator) -> Iterator[stripe.StripeClient]:
    """Stripe's own SDK, as a host or the Dashboard uses it."""
    http = stripe.RequestsClient()
    yield stripe.StripeClient("sk_test_example", base_addresses={"api": emulator.url}, http_client=http)
    http.close()


@pytest.fixture
def customer(client: stripe.StripeClient) -> str:
    """A customer that the host made."""
    return client.v1.customers.create({"name": "A driver"}).id


async def held(provider, amount="20.00", **fields):
    outcome = await provider.authorize(orders.authorization(amount, **fields))
    assert isinstance(outcome, Succeeded), outcome
    return outcome


async def look(provider, handle=None):
    return await provider.look_up(orders.question(handle))


async def test_whole_life_of_a_payment(emulator, provider):
    """Hold, raise, capture twice, refund, look up by id and by reference, settle: the books say the same."""
    hold = await held(provider, descriptor="EV 4711", return_url=BACK)
    raised = await provider.increment(orders.increase(hold.handle, "30.00"))
    first = await provider.capture(orders.taking(raised.handle, "5.00", final=False))
    last = await provider.capture(orders.taking(first.handle, "6.00"))
    back = await provider.refund(orders.giving_back(last.handle, "2.00", note="cable fault"))
    seen, found = await look(provider, last.handle), await look(provider)
    page = await provider.settlements(SettlementsRequest(since=date(2026, 1, 1)))

    assert [one.amount for one in (raised, first, last, back)] == [eur("30.00"), eur("5.00"), eur("6.00"), eur("2.00")]
    assert seen.totals == found.totals
    assert seen.totals == MoneyFacts(currency="EUR", authorized=3000, captured=1100, released=1900, refunded=200)
    assert {line.kind for line in page.lines} == {OperationKind.CAPTURE, OperationKind.REFUND}
    assert (book(emulator)["captured"], book(emulator)["refunded"]) == (1100, 200)


async def test_hold_that_is_given_back(provider):
    """By id, and by our reference alone."""
    by_id = await held(provider)
    released = await provider.void(orders.cancellation(by_id.handle))
    await held(provider, reference="p2")
    found = await provider.void(orders.cancellation(None, payment_reference="p2"))

    assert (released.amount, found.amount) == (eur("20.00"), eur("20.00"))


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("pm_card_visa_chargeDeclined", Reason.DO_NOT_HONOR),
        ("pm_card_chargeDeclinedInsufficientFunds", Reason.INSUFFICIENT_FUNDS),
        ("pm_card_visa_chargeDeclinedLostCard", Reason.LOST_OR_STOLEN),
        ("pm_card_visa_chargeDeclinedStolenCard", Reason.LOST_OR_STOLEN),
        ("pm_card_chargeDeclinedFraudulent", Reason.SUSPECTED_FRAUD),
        ("pm_card_chargeDeclinedVelocityLimitExceeded", Reason.LIMIT_EXCEEDED),
        ("pm_card_chargeDeclinedExpiredCard", Reason.EXPIRED_METHOD),
        ("pm_card_chargeDeclinedIncorrectCvc", Reason.INVALID_METHOD),
        ("pm_card_chargeDeclinedProcessingError", Reason.ISSUER_UNAVAILABLE),
        ("pm_evpay_oddCode", Reason.OTHER),
    ],
)
async def test_decline_has_its_reason_now_and_later(provider, token, reason):
    """The answer and the look-up say the same."""
    outcome = await provider.authorize(orders.authorization(token=token))
    seen = await look(provider)

    assert isinstance(outcome, Declined)
    assert outcome.reason is reason
    assert seen.reports[0].outcome == outcome


async def test_method_that_is_not_there_is_invalid(provider):
    """A token of nobody."""
    outcome = await provider.authorize(orders.authorization(token="pm_unknown"))

    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.INVALID_METHOD


@pytest.mark.parametrize("success", [True, False])
async def test_challenge_behind_a_link(emulator, provider, success):
    """The driver answers it or fails; either is learned by reading."""
    waiting = await provider.authorize(orders.authorization(token="pm_card_authenticationRequired", return_url=BACK))
    emulator.act("authenticate", id=waiting.handle.id, success=success)

    outcome = await provider.complete(orders.completion(waiting.handle))

    assert isinstance(waiting.action, OpenLink)
    assert isinstance(outcome, Succeeded if success else Declined)
    assert success or outcome.reason is Reason.AUTHENTICATION_FAILED


# --- saved methods


async def test_saved_method_is_charged_with_nobody_there(provider, customer):
    """Saved with the driver, then charged without."""
    method = PaymentMethod("pm_card_visa", customer=customer)
    first = await held(provider, method=method, save_method=True, reference="p1")

    again = await held(provider, method=first.saved_method, off_session=True, reference="p2")

    assert (first.saved_method.customer, first.saved_method.last4) == (customer, "4242")
    assert again.amount == eur("20.00")
    assert again.saved_method is None


async def test_saved_method_is_told_later_too(emulator, provider, customer):
    """After a challenge, and where the answer was lost."""
    method = PaymentMethod("pm_card_authenticationRequiredOnSetup", customer=customer)
    waiting = await provider.authorize(orders.authorization(method=method, save_method=True, return_url=BACK))
    emulator.act("authenticate", id=waiting.handle.id)

    told = (await look(provider)).reports[0].outcome.saved_method

    assert told.customer == customer
    assert isinstance(await provider.authorize(orders.authorization(method=told, off_session=True)), Succeeded)


async def test_issuer_that_wants_the_driver_declines_off_session(provider, customer):
    """Never an action: nobody is there to act."""
    method = PaymentMethod("pm_card_authenticationRequired", customer=customer)

    outcome = await provider.authorize(orders.authorization(method=method, off_session=True))

    assert outcome.reason is Reason.AUTHENTICATION_REQUIRED
    assert isinstance(outcome, Declined)
    assert (await look(provider)).reports[0].outcome == outcome


# --- wallets, PayPal, readers


@pytest.mark.parametrize(
    ("token", "wallet"), [("pm_evpay_applePay", "apple_pay"), ("pm_evpay_googlePay", "google_pay")]
)
async def test_wallet_hands_over_a_card(provider, token, wallet):
    """As a PaymentMethod of Stripe's SDK."""
    assert (await held(provider, method=PaymentMethod(token, kind=MethodKind.WALLET))).slip["wallet"] == wallet


async def test_wallet_hands_over_a_confirmation_token(client, provider):
    """As Stripe's Elements make it."""
    token = client.v1.test_helpers.confirmation_tokens.create({"payment_method": "pm_card_visa"}).id

    assert (await held(provider, method=PaymentMethod(token, kind=MethodKind.WALLET))).slip["last4"] == "4242"


async def test_paypal_is_approved_behind_a_link(emulator, provider):
    """Held, captured in part, the rest free."""
    paypal = PaymentMethod("paypal", kind=MethodKind.WALLET)
    waiting = await provider.authorize(orders.authorization(method=paypal, return_url=BACK))
    emulator.act("authenticate", id=waiting.handle.id)

    hold = await provider.complete(orders.completion(waiting.handle))
    taken = await provider.capture(orders.taking(hold.handle, "5.00"))

    assert isinstance(waiting.action, OpenLink)
    assert (hold.hold.increment, hold.slip["brand"]) == (False, "paypal")
    assert taken.amount == eur("5.00")
    assert book(emulator)["released"] == 1500


async def test_card_at_a_reader_is_held_raised_and_captured(emulator, provider):
    """Made open, shown, presented, and from then on like every payment."""
    waiting = await provider.authorize(orders.authorization(method=READER, descriptor="EV 4711"))
    shown = await provider.complete(orders.completion(waiting.handle))
    emulator.act("present", reader=READER.token)

    hold = await provider.complete(orders.completion(shown.handle))
    raised = await provider.increment(orders.increase(hold.handle, "30.00"))
    taken = await provider.capture(orders.taking(raised.handle, "12.34"))
    seen = await look(provider, taken.handle)

    assert isinstance(waiting, ActionRequired)
    assert hold.amount == eur("20.00")
    assert taken.amount == eur("12.34")
    assert seen.totals == MoneyFacts(currency="EUR", authorized=3000, captured=1234, released=1766)
    assert {report.reference is None for report in seen.reports} == {False}


@pytest.mark.parametrize(
    ("number", "reason"),
    [("4000000000009995", Reason.INSUFFICIENT_FUNDS), ("4000000000009987", Reason.LOST_OR_STOLEN)],
)
async def test_card_that_is_declined_at_a_reader(emulator, provider, number, reason):
    """The issuer's reason, from the completion and from the look-up."""
    waiting = await provider.authorize(orders.authorization(method=READER))
    shown = await provider.complete(orders.completion(waiting.handle))
    emulator.act("present", reader=READER.token, number=number)

    told = await provider.complete(orders.completion(shown.handle))

    assert isinstance(told, Declined)
    assert told.reason is reason
    assert (await look(provider)).reports[0].outcome == told


async def test_driver_cancels_at_the_reader(emulator, provider):
    """Learned by reading; the payment is then given back without a hold."""
    waiting = await provider.authorize(orders.authorization(method=READER))
    shown = await provider.complete(orders.completion(waiting.handle))
    emulator.act("cancel_at_reader", reader=READER.token)

    told = await provider.complete(orders.completion(shown.handle))

    assert told.reason is Reason.CANCELLED_BY_DRIVER
    assert (await provider.void(orders.cancellation(shown.handle))).amount == eur("0.00")


async def test_reader_that_is_offline_leaves_the_payment_waiting(emulator, provider):
    """Until it is there again."""
    waiting = await provider.authorize(orders.authorization(method=READER))
    emulator.act("connect_reader", reader=READER.token, online=False)
    refused = await provider.complete(orders.completion(waiting.handle))
    emulator.act("connect_reader", reader=READER.token, online=True)

    assert isinstance(refused, Unknown)
    assert isinstance(await provider.complete(orders.completion(waiting.handle)), ActionRequired)


# --- what happens at Stripe


async def taken(provider, amount="20.00"):
    hold = await held(provider)
    outcome = await provider.capture(orders.taking(hold.handle, amount))
    assert isinstance(outcome, Succeeded), outcome
    return outcome.handle


async def test_dispute_is_a_chargeback_until_it_is_won(emulator, provider):
    """Withdrawn, then back: one id, two verdicts, and whole totals each time."""
    handle = await taken(provider)
    dispute = emulator.act("dispute", id=handle.id)["id"]
    lost = await look(provider, handle)
    emulator.act("close_dispute", id=dispute, outcome="won")
    won = await look(provider, handle)
    page = await provider.settlements(SettlementsRequest(since=date(2026, 1, 1)))

    lines = [line for line in page.lines if line.kind is OperationKind.CHARGEBACK]
    assert [(line.payment_id, line.effect_id, line.gross) for line in lines] == [
        (handle.id, dispute, eur("20.00")),
        (handle.id, dispute, eur("-20.00")),
    ]
    assert [(report.kind, report.outcome.id) for report in (lost.reports[-1], won.reports[-1])] == [
        (OperationKind.CHARGEBACK, dispute),
        (OperationKind.CHARGEBACK, dispute),
    ]
    assert (lost.reports[-1].outcome.amount, lost.totals.charged_back) == (eur("20.00"), 2000)
    assert isinstance(won.reports[-1].outcome, Failed)
    assert (won.totals.charged_back, won.totals.captured) == (0, 2000)


async def test_inquiry_moves_no_money(emulator, provider):
    """It is not a chargeback, and the totals stay whole."""
    handle = await taken(provider)
    emulator.act("dispute", id=handle.id, reason="inquiry")

    seen = await look(provider, handle)

    assert {report.kind for report in seen.reports} == {OperationKind.AUTHORIZE, OperationKind.CAPTURE}
    assert seen.totals == MoneyFacts(currency="EUR", authorized=2000, captured=2000)


@pytest.mark.parametrize(
    ("verb", "params", "totals"),
    [
        ("capture", {"amount_to_capture": 700}, {"captured": 700, "released": 1300}),
        ("cancel", {"cancellation_reason": "requested_by_customer"}, {"released": 2000}),
        ("cancel", {"cancellation_reason": "duplicate"}, {"released": 2000}),
    ],
)
async def test_what_the_dashboard_did_is_in_the_totals(client, provider, verb, params, totals):
    """Captured or cancelled by somebody else: no report claims it, and nothing is missing."""
    hold = await held(provider)
    getattr(client.v1.payment_intents, verb)(hold.handle.id, params)

    seen = await look(provider, hold.handle)

    assert seen.totals == MoneyFacts(currency="EUR", authorized=2000, **totals)
    assert [report.kind for report in seen.reports] == [OperationKind.AUTHORIZE]


async def test_hold_that_lapsed_is_stripes_own_doing(emulator, provider):
    """Nobody asked for the release."""
    hold = await held(provider)
    emulator.advance(8 * 86_400)

    seen = await look(provider, hold.handle)

    assert [(report.kind, report.reference) for report in seen.reports][1:] == [(OperationKind.VOID, None)]
    assert seen.totals.released == 2000


@pytest.mark.parametrize(("token", "kind"), [("pm_card_pendingRefund", Pending), ("pm_card_refundFail", Failed)])
async def test_refund_that_is_not_through(provider, token, kind):
    """Pending is no total yet, failed never was one."""
    hold = await held(provider, token=token)
    await provider.capture(orders.taking(hold.handle, "20.00"))

    outcome = await provider.refund(orders.giving_back(hold.handle, "5.00"))
    seen = await look(provider, hold.handle)

    assert isinstance(outcome, kind)
    assert seen.totals.refunded == 0
    assert isinstance(seen.reports[-1].outcome, kind)
