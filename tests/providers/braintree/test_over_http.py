"""The adapter at a Braintree that somebody else wrote: whole lives of payments, what breaks, and what it then holds."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from evpay_contrib_emulators import RunningEmulator, running

from evpay.money import Money
from evpay.providers import (
    Absent,
    Declined,
    Failed,
    OperationKind,
    PaymentMethod,
    Pending,
    Reason,
    SettlementsRequest,
    Succeeded,
    Unknown,
    WebhookRequest,
)
from evpay_providers.braintree import BraintreeProvider, BraintreeSettings, client_token
from tests.providers.braintree import orders
from tests.providers.braintree.conftest import KEYS
from tests.providers.braintree.orders import eur

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

ACCOUNTS = {"eur_account": "EUR", "jpy_account": "JPY", "kwd_account": "KWD"}
FAULTS = (
    "drop_after", "error_after", "garbage", "truncated", "drop_before", "error_before", "unavailable", "redirect",
)  # fmt: skip
PAYPAL = PaymentMethod("fake-paypal-one-time-nonce", kind="wallet")


@pytest.fixture(scope="module")
def _gateway():
    names = {name: KEYS[name] for name in ("merchant_id", "public_key", "private_key")}
    with running("braintree", merchant_accounts=ACCOUNTS, **names) as emulator:
        yield emulator


@pytest.fixture
def gateway(_gateway: RunningEmulator) -> RunningEmulator:
    """A Braintree that holds nothing yet."""
    _gateway.clear()
    return _gateway


@pytest.fixture
async def provide(gateway):
    """Make providers that talk to it."""
    made: list[BraintreeProvider] = []

    def make(**settings: object) -> BraintreeProvider:
        wanted = {**KEYS, "base_url": gateway.url, "request_keys": True, "request_increment": True}
        made.append(
            BraintreeProvider(BraintreeSettings(**{**wanted, "partial_settlement": ("paypal_account",), **settings}))
        )
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture
def provider(provide: Callable[..., BraintreeProvider]) -> BraintreeProvider:
    return provide()


def book(gateway):
    (payment,) = gateway.books()["payments"]
    return payment


def facts(gateway):
    held = book(gateway)
    return tuple(held[name] for name in ("authorized", "captured", "released", "refunded"))


async def held(provider, amount="20.00", **fields):
    outcome = await provider.authorize(orders.authorization(amount, **fields))
    assert isinstance(outcome, Succeeded), outcome
    return outcome


async def test_whole_life_of_a_payment(gateway, provider):
    """Hold, raise, capture less, settle, refund in parts: the gateway's books say the same."""
    hold = await held(provider)
    raised = await provider.increment(orders.increase(hold.handle, "30.00"))
    taken = await provider.capture(orders.taking(raised.handle, "12.34"))
    early = await provider.refund(orders.giving_back(taken.handle, "2.00", capture_id=taken.id))
    gateway.act("settle")
    refunds = [
        await provider.refund(orders.giving_back(taken.handle, amount, capture_id=taken.id))
        for amount in ("2.00", "3.00")
    ]
    gateway.act("settle")

    assert [one.amount for one in (hold, raised, taken)] == [eur("20.00"), eur("30.00"), eur("12.34")]
    assert early.reason is Reason.NOT_SETTLED_YET
    assert [type(one) for one in refunds] == [Pending, Pending]
    assert facts(gateway) == (3000, 1234, 1766, 500)
    seen = await provider.look_up(orders.question(taken.handle))
    totals = seen.totals
    assert (totals.authorized, totals.captured, totals.released, totals.refunded) == (3000, 1234, 1766, 500)
    assert [report.outcome.type for report in seen.reports] == ["succeeded"] * 3
    assert timedelta(days=6) < hold.hold.expires - datetime.now(UTC) <= timedelta(days=30)


async def test_refund_before_settlement(gateway, provider):
    """A whole capture is voided, and sending it again has no second effect."""
    hold = await held(provider)
    taken = await provider.capture(orders.taking(hold.handle, "12.34"))
    request = orders.giving_back(taken.handle, "12.34", capture_id=taken.id)

    first, again = await provider.refund(request), await provider.refund(request)

    assert first == again == Succeeded(amount=eur("12.34"), id=taken.id)
    totals = (await provider.look_up(orders.question(taken.handle))).totals
    assert (totals.authorized, totals.captured, totals.refunded) == (2000, 1234, 1234)


async def test_void_by_id_and_by_reference(gateway, provider):
    """What is held comes free, once."""
    hold = await held(provider)
    await held(provider, reference="p2")

    by_id = await provider.void(orders.cancellation(hold.handle))
    by_reference = await provider.void(orders.cancellation(None, payment_reference="p2"))
    again = await provider.void(orders.cancellation(hold.handle))

    assert (by_id.amount, by_reference.amount) == (eur("20.00"), eur("20.00"))
    assert [payment["released"] for payment in gateway.books()["payments"]] == [2000, 2000]
    assert isinstance(again, Unknown)


async def test_void_after_a_capture_gives_nothing_back(gateway, provider):
    """The captured money stays."""
    hold = await held(provider)
    taken = await provider.capture(orders.taking(hold.handle, "5.00"))

    outcome = await provider.void(orders.cancellation(taken.handle))

    assert isinstance(outcome, Failed)
    assert facts(gateway) == (2000, 500, 1500, 0)


async def test_capture_between_look_and_void_is_told(gateway, provider):
    """Somebody in the Control Panel was quicker: the money went back, and the totals say so."""
    hold = await held(provider)
    gateway.fault("latency", path="/void", method="PUT", seconds=1.0)

    voiding = asyncio.create_task(provider.void(orders.cancellation(hold.handle)))
    await asyncio.sleep(0.5)
    taken = await provider.capture(orders.taking(hold.handle, "20.00"))

    assert isinstance(taken, Succeeded)
    assert isinstance(await voiding, Unknown)
    totals = (await provider.look_up(orders.question(hold.handle))).totals
    assert (totals.authorized, totals.captured, totals.released, totals.refunded) == (2000, 2000, 0, 2000)


async def test_several_captures_of_paypal(gateway, provider):
    """Parts of their own, the last of which ends it; each can be refunded."""
    hold = await held(provider, method=PAYPAL)
    first = await provider.capture(orders.taking(hold.handle, "5.00", final=False, reference="r2"))
    last = await provider.capture(orders.taking(first.handle, "7.00", reference="r3"))
    seen = await provider.look_up(orders.question(last.handle))
    gateway.act("settle")
    back = await provider.refund(orders.giving_back(last.handle, "6.00", capture_id=last.id))

    assert (hold.hold.multiple_captures, first.amount, last.amount) == (True, eur("5.00"), eur("7.00"))
    assert first.id != last.id
    assert sorted(report.reference for report in seen.reports) == [orders.PAYMENT, "r2", "r3"]
    assert isinstance(back, Pending | Succeeded)
    assert book(gateway)["captured"] == 1200


@pytest.mark.parametrize(
    ("amount", "token", "reason"),
    [
        ("2000.00", "fake-valid-nonce", Reason.DO_NOT_HONOR),
        ("2001.00", "fake-valid-nonce", Reason.INSUFFICIENT_FUNDS),
        ("2002.00", "fake-valid-nonce", Reason.LIMIT_EXCEEDED),
        ("2004.00", "fake-valid-nonce", Reason.EXPIRED_METHOD),
        ("2010.00", "fake-valid-nonce", Reason.INVALID_METHOD),
        ("2014.00", "fake-valid-nonce", Reason.SUSPECTED_FRAUD),
        ("2047.00", "fake-valid-nonce", Reason.LOST_OR_STOLEN),
        ("2099.00", "fake-valid-nonce", Reason.AUTHENTICATION_REQUIRED),
        ("10.00", "fake-processor-declined-visa-nonce", Reason.DO_NOT_HONOR),
        ("10.00", "fake-gateway-rejected-fraud-nonce", Reason.SUSPECTED_FRAUD),
    ],
)
async def test_vendors_test_values_are_declined_for_their_reason(provider, amount, token, reason):
    """Amounts and nonces of Braintree's own sandbox."""
    outcome = await provider.authorize(orders.authorization(amount, token=token))

    assert isinstance(outcome, Declined)
    assert (outcome.reason, bool(outcome.id)) == (reason, True)


@pytest.mark.parametrize(
    ("amount", "token", "reason"),
    [
        ("3000.00", "fake-valid-nonce", Reason.ISSUER_UNAVAILABLE),
        ("10.00", "fake-consumed-nonce", Reason.INVALID_METHOD),
        ("10.00", "no-such-nonce", Reason.INVALID_METHOD),
    ],
)
async def test_what_is_no_decline_failed(provider, amount, token, reason):
    """The processor, or the nonce."""
    outcome = await provider.authorize(orders.authorization(amount, token=token))

    assert isinstance(outcome, Failed)
    assert outcome.reason is reason


async def test_saved_method_is_charged_with_nobody_there(provider):
    """The token that came back, again and again."""
    saved = (await held(provider, save_method=True)).saved_method

    again = [await held(provider, method=saved, off_session=True, reference=f"p{number}") for number in range(2, 4)]

    assert (saved.account, saved.last4 is not None, bool(saved.customer)) == ("braintree", True, True)
    assert [outcome.amount for outcome in again] == [eur("20.00")] * 2


@pytest.mark.parametrize("off_session", [False, True])
async def test_challenge_that_the_account_wants_is_a_decline(gateway, provider, off_session):
    """A rule of the account, with the driver there or not."""
    saved = (await held(provider, save_method=True)).saved_method
    gateway.configure(three_d_secure=True)

    outcome = await provider.authorize(orders.authorization(method=saved, off_session=off_session, reference="p2"))

    # Whether a charge with nobody there is exempt is the account's business; if not, it is a decline.
    assert isinstance(outcome, Succeeded) or outcome.reason is Reason.AUTHENTICATION_REQUIRED
    assert off_session or isinstance(outcome, Declined)


async def test_processor_that_raises_nothing(gateway, provider):
    """It can be told, and refuses: the hold stands."""
    gateway.configure(adjustment="none")
    hold = await held(provider)

    outcome = await provider.increment(orders.increase(hold.handle, "30.00"))

    assert isinstance(outcome, Failed)
    assert (outcome.reason, book(gateway)["authorized"]) == (Reason.INCREMENT_NOT_AVAILABLE, 2000)


async def test_declined_increment_keeps_the_hold(gateway, provider):
    """The issuer says no to the new total, whose amount is the code."""
    hold = await held(provider, "1500.00")

    outcome = await provider.increment(orders.increase(hold.handle, "2001.00"))
    taken = await provider.capture(orders.taking(hold.handle, "1500.00"))

    assert isinstance(outcome, Declined)
    assert facts(gateway) == (150_000, 150_000, 0, 0)
    assert taken.amount == eur("1500.00")


@pytest.mark.parametrize("amount", [Money("500", "JPY"), Money("1.234", "KWD"), Money("0.01", "EUR")])
async def test_amounts_of_every_exponent(gateway, provider, amount):
    """Out and back, exactly."""
    outcome = await held(provider, amount)

    assert outcome.amount == amount


@pytest.mark.parametrize("verb", ["authorize", "increment", "capture", "void", "refund"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_lost_answer_is_unknown(gateway, provider, verb, fault):
    """With the effect or without it; a look-up shows which, and the same key makes it once."""
    request = await prepared(gateway, provider, verb)
    place = {
        "authorize": "/transactions", "increment": "/adjust_authorization", "capture": "/submit_for_settlement",
        "void": "/void", "refund": "/refund",
    }[verb]  # fmt: skip
    gateway.fault(fault, path=place, method="POST" if verb in ("authorize", "refund") else "PUT", saved=False)

    outcome = await getattr(provider, verb)(request)
    again = outcome if verb == "increment" else await getattr(provider, verb)(request)

    assert isinstance(outcome, Unknown)
    assert verb == "increment" or isinstance(again, Succeeded | Pending)
    moved = {"authorize": "authorized", "increment": "authorized", "capture": "captured", "void": "released"}.get(verb)
    if moved and verb != "increment":
        assert book(gateway)[moved] == {"authorize": 2000, "capture": 500, "void": 2000}[verb]
    seen = await provider.look_up(orders.question(getattr(request, "handle", None)))
    if verb == "increment":
        assert seen.totals.authorized == book(gateway)["authorized"]


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize("verb", ["increment", "capture", "void"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_lost_call_sent_again_has_one_effect(gateway, provide, verb, fault, keys):
    """What Braintree takes once per transaction may be sent again without a key; the totals then tell what happened."""
    provider = provide(request_keys=keys, partial_settlement=())
    request = await prepared(gateway, provider, verb)
    places = {"increment": "/adjust_authorization", "capture": "/submit_for_settlement", "void": "/void"}
    gateway.fault(fault, path=places[verb], method="PUT", saved=False)

    lost = await getattr(provider, verb)(request)
    again = await getattr(provider, verb)(request)
    once_more = await getattr(provider, verb)(request)

    assert OperationKind(verb) in provider.capabilities.resend_for
    assert isinstance(lost, Unknown)
    if keys and verb != "increment":
        assert type(again) is type(once_more) is Succeeded
    else:
        assert isinstance(again, Succeeded | Unknown)
        assert isinstance(once_more, Unknown)
    totals = (await provider.look_up(orders.question(request.handle))).totals
    wanted = {"increment": (3000, 0, 0, 0), "capture": (2000, 500, 1500, 0), "void": (2000, 0, 2000, 0)}[verb]
    assert facts(gateway) == (totals.authorized, totals.captured, totals.released, totals.refunded) == wanted
    assert book(gateway)["effects"][verb] == 1


async def prepared(gateway, provider, verb):
    if verb == "authorize":
        return orders.authorization()
    hold = await held(provider)
    if verb == "refund":
        await provider.capture(orders.taking(hold.handle, "5.00"))
        gateway.act("settle")
    return {
        "increment": lambda: orders.increase(hold.handle, "30.00"),
        "capture": lambda: orders.taking(hold.handle, "5.00"),
        "void": lambda: orders.cancellation(hold.handle),
        "refund": lambda: orders.giving_back(hold.handle, "1.00"),
    }[verb]()


async def test_rate_limit_did_nothing(gateway, provider):
    """And says so."""
    gateway.fault("rate_limit")

    outcome = await provider.authorize(orders.authorization())

    assert (outcome.type, outcome.reason, gateway.books()["payments"]) == ("failed", Reason.RATE_LIMITED, [])


async def test_account_without_keys(gateway, provide):
    """It refuses them, and works without."""
    gateway.configure(api_request_keys=False)

    refused = await provide(account="a").authorize(orders.authorization())
    accepted = await provide(account="b", request_keys=False).authorize(orders.authorization())

    assert (refused.type, refused.reason, accepted.type) == ("failed", Reason.MISCONFIGURED, "succeeded")


async def test_key_of_another_request_is_unknown(provider):
    """The first one has it."""
    await provider.authorize(orders.authorization(idempotency_key="k1"))

    assert isinstance(await provider.authorize(orders.authorization("21.00", idempotency_key="k1")), Unknown)


async def test_wrong_keys_are_told(provide):
    """The gateway does not know them."""
    outcome = await provide(private_key="another-private-key").authorize(orders.authorization())

    assert (outcome.type, outcome.reason) == ("failed", Reason.INVALID_CREDENTIALS)


async def test_search_that_lags_finds_nothing_yet(gateway, provider):
    """So absence is never taken for proven."""
    gateway.configure(search_lag=60.0)
    await held(provider)

    assert await provider.look_up(orders.question()) == Absent()
    assert provider.capabilities.absence_proven_after is None


async def test_expired_hold_is_seen(gateway, provider):
    """Braintree let it lapse."""
    hold = await held(provider)
    gateway.act("expire", id=hold.id)

    seen = await provider.look_up(orders.question(hold.handle))

    assert [report.kind.value for report in seen.reports] == ["authorize", "void"]
    assert isinstance(await provider.capture(orders.taking(hold.handle, "5.00")), Unknown | Failed)


async def test_settlement_that_is_declined_reverses_the_capture(gateway, provider):
    """A night later."""
    hold = await held(provider, method=PAYPAL)
    taken = await provider.capture(orders.taking(hold.handle, "5.00", reference="r2"))
    gateway.act("settlement_declined", id=taken.id)

    seen = await provider.look_up(orders.question(taken.handle))

    (told,) = [report for report in seen.reports if report.reference == "r2"]
    assert isinstance(told.outcome, Failed)


async def test_dispute_over_the_wire_and_by_webhook(gateway, provider):
    """Opened: the look-up tells it. Won: the message itself does, for the same id."""
    hold = await held(provider)
    taken = await provider.capture(orders.taking(hold.handle, "5.00"))
    gateway.act("settle")
    opened = gateway.act("dispute_opened", id=taken.id)
    seen = await provider.look_up(orders.question(taken.handle))
    gateway.act("dispute_won", id=opened.get("id", taken.id))
    after = await provider.look_up(orders.question(taken.handle))

    assert [(report.kind.value, report.outcome.type) for report in seen.reports][-1] == ("chargeback", "succeeded")
    assert [(report.kind.value, report.outcome.type) for report in after.reports][-1] == ("chargeback", "failed")
    assert seen.reports[-1].outcome.id == after.reports[-1].outcome.id
    messages = [await read(provider, message) for message in gateway.webhooks()]
    won = [one for told in messages for one in told if one.reports]
    assert won[-1].payment_id == taken.id
    assert won[-1].reports[0].outcome == after.reports[-1].outcome


async def read(provider, message):
    headers = {name.lower(): value for name, value in message["headers"].items()}
    body = message["body"].encode() if isinstance(message["body"], str) else bytes(message["body"])
    return await provider.parse_webhook(WebhookRequest(body=body, headers=headers, received_at=datetime.now(UTC)))


async def test_settlement_lines(gateway, provider):
    """What was settled, once; a refund of the next night after it."""
    hold = await held(provider)
    taken = await provider.capture(orders.taking(hold.handle, "5.00"))
    gateway.act("settle")
    since = datetime.now(UTC).date() - timedelta(days=2)
    first = await provider.settlements(SettlementsRequest(since=since))
    nothing = await provider.settlements(SettlementsRequest(since=since, cursor=first.cursor))
    await provider.refund(orders.giving_back(hold.handle, "1.00", reference="r9"))
    gateway.act("settle")

    second = await provider.settlements(SettlementsRequest(since=since, cursor=nothing.cursor))

    assert [(line.id, line.gross) for line in first.lines] == [(taken.id, eur("5.00"))]
    assert (nothing.lines, nothing.cursor) == ((), first.cursor)
    assert ("r9", Money("-1.00", "EUR"), taken.id) in [
        (one.reference, one.gross, one.payment_id) for one in second.lines
    ]


async def test_many_payments_at_once(gateway, provider):
    """Over real threads and connections."""
    outcomes = await asyncio.gather(
        *(provider.authorize(orders.authorization(reference=f"p{number}")) for number in range(30))
    )

    assert len({outcome.handle.id for outcome in outcomes}) == len(gateway.books()["payments"]) == 30


async def test_client_token(provider):
    """What an app begins with."""
    assert isinstance(await client_token(provider, currency="EUR"), str)
