"""What an account claims, what it does not, and what a test may pull."""

import asyncio
import sqlite3
import threading
from datetime import timedelta

import pytest

from evpay.errors import ConfigurationError, InvalidInput, NotFound, UnsupportedOperation
from evpay.money import Money
from evpay.providers import (
    Absent,
    Declined,
    Failed,
    Funding,
    OperationKind,
    Reason,
    SettlementsRequest,
    Succeeded,
    Unknown,
)
from evpay_providers.sandbox import SandboxProvider, SandboxSettings
from evpay_providers.sandbox.books import Books

pytestmark = pytest.mark.anyio


async def _captured(host):
    await host.authorize()
    if host.provider.capabilities.funding is not Funding.DEPOSIT:
        await host.capture("30.00 EUR")
    return host


@pytest.mark.parametrize(
    ("options", "verb"),
    [
        ({"increment": False}, "increment"),
        ({"refund": False}, "refund"),
        ({"funding": "deposit"}, "increment"),
        ({"funding": "external"}, "increment"),
        ({"funding": "external"}, "refund"),
        ({"funding": "free"}, "refund"),
    ],
)
async def test_unclaimed_verbs_raise_and_send_nothing(at_host, options, verb):
    """What the account does not claim is an error that names account and verb; the books stay as they were."""
    host = await _captured(at_host(account="acme", **options))
    before = host.entry

    with pytest.raises(UnsupportedOperation) as caught:
        await getattr(host, verb)("80.00 EUR")

    assert (caught.value.account, caught.value.verb) == ("acme", verb)
    assert getattr(host.provider.capabilities, verb) is False
    assert host.entry == before


async def test_unclaimed_increment_is_not_promised_by_the_hold(at_host):
    """The hold of an account without increments says so."""
    outcome = await at_host(increment=False).authorize()

    assert outcome.hold.increment is False


async def test_unclaimed_look_up_is_unknown(at_host):
    """Without look-up, absence is never proven and the answer teaches nothing."""
    host = at_host(look_up=False)
    await host.authorize()

    assert isinstance(await host.look_up(), Unknown)
    assert host.provider.capabilities.absence_proven_after is None


async def test_claims_follow_the_settings(sandbox):
    """Every switch shows in the capabilities."""
    off = sandbox(off_session=False, releases_remainder=False, resend_for=None, absence_proven_after=None)
    on = sandbox()

    assert (off.capabilities.off_session, off.capabilities.releases_remainder) == (False, False)
    assert (off.capabilities.resend_for, off.capabilities.absence_proven_after) == ({}, None)
    assert (on.capabilities.off_session, on.capabilities.releases_remainder) == (True, True)
    assert on.capabilities.resend_for[OperationKind.REFUND] == timedelta(hours=24)


async def test_deposit_takes_first_and_pays_back(at_host):
    """Under DEPOSIT a capture only confirms; the void pays back exactly what is said; a refund comes from the rest."""
    host = at_host(funding="deposit")
    await host.authorize("50.00 EUR")
    before = host.entry

    confirmed = await host.capture("32.00 EUR")
    after_capture = host.entry
    back = await host.void("18.00 EUR")
    refunded = await host.refund("5.00 EUR")

    assert confirmed.amount == Money("32.00", "EUR")
    assert after_capture == before
    assert (back.amount, refunded.amount) == (Money("18.00", "EUR"), Money("5.00", "EUR"))
    assert host.totals == (5000, 3200, 1800, 500, 0)


async def test_deposit_pays_back_no_more_than_came(at_host):
    """Paying back and refunding never exceed the deposit."""
    host = at_host(funding="deposit")
    await host.authorize("50.00 EUR")
    await host.void("18.00 EUR")

    outcomes = [await host.void("32.01 EUR"), await host.refund("32.01 EUR")]

    assert [type(outcome) for outcome in outcomes] == [Failed, Failed]
    assert host.totals == (5000, 3200, 1800, 0, 0)


async def test_deposit_that_comes_late_or_grows(at_host):
    """Money may come after the authorization ended, and more of it later: the newest amount stands."""
    host = at_host(funding="deposit")
    await host.authorize(method="sandbox_action_elsewhere")
    books = host.provider.books
    books.expire(host.reference)
    ended = (await host.look_up()).reports[0].outcome

    books.pay_in(host.reference, 2000)
    first = (await host.look_up()).reports[0].outcome
    books.pay_in(host.reference, 5000)
    second = (await host.look_up()).reports[0].outcome

    assert isinstance(ended, Declined)
    assert (str(first.amount), str(second.amount)) == ("20.00 EUR", "50.00 EUR")
    assert host.entry.authorized == 5000


async def test_deposit_totals_are_not_claimed(at_host, clock):
    """A processor that takes no captures does not keep all five totals; its settlement shows what moved."""
    host = at_host(funding="deposit")
    await host.authorize("50.00 EUR")
    await host.void("18.00 EUR")

    page = await host.provider.settlements(SettlementsRequest(since=clock.time.date()))

    assert (await host.look_up()).totals is None
    assert [str(line.net) for line in page.lines] == ["50.00 EUR", "-18.00 EUR"]


@pytest.mark.parametrize("funding", ["account", "free"])
async def test_other_fundings_go_the_same_way(at_host, funding):
    """A balance or nothing at all: authorize, grow, capture; and no deadline."""
    host = at_host(funding=funding)

    held = await host.authorize("50.00 EUR")
    await host.increment("80.00 EUR")
    await host.capture("61.20 EUR")

    assert held.hold.expires is None
    assert host.totals == (8000, 6120, 1880, 0, 0)


async def test_dropped_answer_happens_nevertheless(at_host):
    """`drop_answer()` loses the next answer of any kind, once, and keeps the effect."""
    host = at_host()
    await host.authorize()
    host.provider.drop_answer()

    lost = await host.increment("80.00 EUR")
    captured = await host.capture("10.00 EUR")

    assert isinstance(lost, Unknown)
    assert isinstance(captured, Succeeded)
    assert host.totals == (8000, 1000, 7000, 0, 0)


async def test_dropped_request_does_not_happen(at_host):
    """With `effect=False` nothing reaches the books; only the named kind is hit, as often as said."""
    host = at_host()
    host.provider.drop_answer(OperationKind.CAPTURE, effect=False, times=2)
    await host.authorize()

    outcomes = [await host.capture("10.00 EUR", key="k") for _ in range(3)]

    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown, Succeeded]
    assert host.totals == (5000, 1000, 4000, 0, 0)


@pytest.mark.parametrize(("reason", "outcome_type"), [(Reason.DO_NOT_HONOR, Declined), (Reason.RATE_LIMITED, Failed)])
async def test_decline_next(at_host, reason, outcome_type):
    """The next call of the kind is refused, as the reason's side demands, and the one after is not."""
    host = at_host()
    host.provider.decline_next(reason, OperationKind.INCREMENT)
    await host.authorize()

    refused = await host.increment("80.00 EUR")
    granted = await host.increment("80.00 EUR")

    assert (type(refused), refused.reason) == (outcome_type, reason)
    assert isinstance(granted, Succeeded)


async def test_unsent_call_and_unsent_leg(at_host):
    """NOT_SENT touches no books; of a driver's leg it is unknown, because the authorization goes on."""
    host, waiting = at_host(), at_host()
    host.provider.decline_next(Reason.NOT_SENT)
    await waiting.authorize(method="sandbox_action")
    waiting.provider.decline_next(Reason.NOT_SENT)

    assert isinstance(await host.authorize(), Failed)
    assert isinstance(await host.look_up(), Absent)
    assert isinstance(await waiting.complete({"result": "ok"}), Unknown)
    assert waiting.entry.standing == "waiting"


async def test_dropped_look_up_teaches_nothing(at_host):
    """A look-up that fails is unknown, once."""
    host = at_host()
    host.provider.drop_look_up()

    assert isinstance(await host.look_up(), Unknown)
    assert isinstance(await host.look_up(), Absent)


async def test_held_answers_wait_with_their_effect_done(at_host):
    """Calls can be made to meet: the effect is in the books, the answers come when they are let go."""
    host = at_host()
    await host.authorize()
    await host.capture("30.00 EUR")
    host.provider.hold_answers()

    calls = [asyncio.ensure_future(host.refund("10.00 EUR", key="same")) for _ in range(3)]
    await host.provider.until_held(3)
    refunded = host.entry.refunded
    host.provider.release_answers()
    outcomes = await asyncio.gather(*calls)

    assert refunded == 1000
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert host.totals == (5000, 3000, 2000, 1000, 0)


async def test_cancelled_wait_keeps_the_effect(at_host):
    """A cancelled call passes its cancellation through; what it did stays."""
    host = at_host()
    host.provider.hold_answers()
    call = asyncio.ensure_future(host.authorize())
    await host.provider.until_held(1)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert host.totals == (5000, 0, 0, 0, 0)


async def test_delay_comes_after_the_effect(at_host):
    """A late answer is late only as an answer."""
    host = at_host()
    host.provider.delay(60, OperationKind.AUTHORIZE)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await host.authorize()

    assert host.totals == (5000, 0, 0, 0, 0)


async def test_call_abandoned_before_its_turn_never_happens(at_host, tmp_path):
    """A call that is cancelled while the books are busy has no effect later: the look-up said that it had none."""
    path = tmp_path / "books.db"
    reached = threading.Event()
    host = at_host(books=path, at=lambda label: reached.set() if label == "sandbox.before_effect" else None)
    assert isinstance(await host.look_up(), Absent)
    neighbour = sqlite3.connect(path, isolation_level=None)
    neighbour.execute("BEGIN IMMEDIATE")

    call = asyncio.ensure_future(host.authorize())
    await asyncio.to_thread(reached.wait, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    neighbour.execute("ROLLBACK")
    neighbour.close()

    assert isinstance(await host.look_up(), Absent)


async def test_labels_stand_around_the_effect(at_host):
    """A crash test can stop before the effect and after it."""
    seen = []
    host = at_host()
    host.provider.attach(at=lambda label: seen.append((label, len(host.provider.books.payments()))))

    await host.authorize()

    assert seen == [("sandbox.before_effect", 0), ("sandbox.after_effect", 1)]


async def test_attached_clock_rules(at_host, clock):
    """A simulation's clock decides when a hold ends."""
    host = at_host(now=None)
    host.provider.attach(now=clock)

    outcome = await host.authorize()

    assert outcome.hold.expires == clock.time + timedelta(days=7)


async def test_books_out_of_reach_send_nothing(at_host, tmp_path):
    """Where the file cannot be opened, surely nothing happened."""
    host = at_host(books=tmp_path / "missing" / "books.db")

    outcome = await host.authorize()

    assert (type(outcome), outcome.reason) == (Failed, Reason.NOT_SENT)
    assert isinstance(await host.look_up(), Unknown)


async def test_close_twice_and_memory_stays(at_host):
    """Closing may be repeated, and books in memory last as long as their provider."""
    host = at_host()
    await host.authorize()

    await host.provider.aclose()
    await host.provider.aclose()

    assert host.totals == (5000, 0, 0, 0, 0)
    assert isinstance(await host.capture("10.00 EUR"), Succeeded)
    assert host.totals == (5000, 1000, 4000, 0, 0)


async def test_accounts_share_a_file_without_meeting(at_host, tmp_path):
    """Two accounts in one file see their own payments; an audit without an account sees both."""
    path = tmp_path / "books.db"
    one, two = at_host(books=path, account="one"), at_host(books=path, account="two")
    await one.authorize("50.00 EUR")
    await two.authorize("20.00 EUR")

    with Books(path) as books:
        entries = [(entry.account, entry.authorized) for entry in books.payments()]

    assert entries == [("one", 5000), ("two", 2000)]
    assert [entry.authorized for entry in two.provider.books.payments()] == [2000]


async def test_books_refuse_what_cannot_be(at_host):
    """The processor's own acts are bound by the books too."""
    host = at_host()
    await host.authorize()
    await host.capture("30.00 EUR")
    books = host.provider.books

    with pytest.raises(InvalidInput):
        books.charge_back(host.reference, 3001)
    with pytest.raises(InvalidInput):
        books.driver_acts(host.reference)
    with pytest.raises(NotFound):
        books.settle_pending(host.reference)
    with pytest.raises(NotFound):
        host.provider.webhook("nobody")

    assert host.totals == (5000, 3000, 2000, 0, 0)


def test_short_secret_is_refused():
    """A webhook secret that proves nothing is a broken set-up."""
    with pytest.raises(ConfigurationError):
        SandboxSettings(webhook_secret="short")


def test_nothing_secret_in_repr():
    """Neither settings nor provider print the secret."""
    settings = SandboxSettings(webhook_secret="a-secret-that-nobody-sees")

    assert "nobody-sees" not in f"{settings!r} {settings} {SandboxProvider(settings)!r} {settings.model_dump_json()}"


def test_constructor_opens_nothing(tmp_path):
    """Making a provider touches no file."""
    SandboxProvider(SandboxSettings(books=tmp_path / "books.db"))

    assert list(tmp_path.iterdir()) == []
