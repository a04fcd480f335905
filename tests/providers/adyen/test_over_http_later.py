"""Against the emulator, over real HTTP: lost answers, refusals, and what comes days later."""

from datetime import date

import pytest

from evpay.providers import (
    Failed,
    MethodKind,
    OperationKind,
    PaymentMethod,
    Pending,
    Reason,
    SettlementsRequest,
    Succeeded,
    Unknown,
)
from evpay_providers.adyen import AdyenSettings, wallets
from tests.providers.adyen import orders
from tests.providers.adyen.conftest import API_KEY, MERCHANT
from tests.providers.adyen.emulated import TERMINAL, book, card, held, report_of, sums, told
from tests.providers.adyen.orders import PAYMENT, eur

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]


MAKERS = {
    "authorize": lambda _: orders.authorization(method=card()),
    "increment": lambda hold: orders.increase(hold.handle, "30.00"),
    "capture": lambda hold: orders.taking(hold.handle, "5.00"),
    "void": lambda hold: orders.cancellation(hold.handle),
    "refund": lambda hold: orders.giving_back(hold.handle, "1.00"),
}


async def order_for(emulator, provider, verb):
    """Prepare a payment so that `verb` is next."""
    if verb == "authorize":
        return MAKERS[verb](None)
    hold = await held(provider)
    if verb == "refund":
        await provider.capture(orders.taking(hold.handle, "5.00"))
        emulator.act("flush")
    return MAKERS[verb](hold)


@pytest.mark.parametrize("verb", MAKERS)
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "garbage", "unavailable", "conflict"])
async def test_resend_after_a_lost_answer_has_one_effect(emulator, connect, verb, fault):
    """The same key and bytes again: done once, and now we know."""
    provider = connect()
    request = await order_for(emulator, provider, verb)
    emulator.fault(fault)

    lost = await getattr(provider, verb)(request)
    found = await getattr(provider, verb)(request)
    emulator.act("flush")

    assert isinstance(lost, Unknown), lost
    assert isinstance(found, Succeeded | Pending), found
    assert book(emulator)["effects"][verb] == 1


@pytest.mark.parametrize("verb", MAKERS)
async def test_rate_limit_did_nothing(emulator, connect, verb):
    """429 is refused before the work."""
    provider = connect()
    request = await order_for(emulator, provider, verb)
    emulator.fault("rate_limit")

    limited = await getattr(provider, verb)(request)

    assert (type(limited), limited.reason) == (Failed, Reason.RATE_LIMITED)
    assert isinstance(await getattr(provider, verb)(request), Succeeded | Pending)


async def test_wrong_key_and_wrong_account_are_told(connect):
    """Before anything is done."""
    request = orders.authorization(method=card())

    wrong_key = await connect(api_key="AQE-some-other-key-altogether").authorize(request)
    wrong_account = await connect(merchant_account="SomebodyElse").authorize(request)

    assert (wrong_key.type, wrong_key.reason) == ("failed", Reason.INVALID_CREDENTIALS)
    assert (wrong_account.type, wrong_account.reason) == ("failed", Reason.MISCONFIGURED)


async def test_capture_of_more_than_held_fails_later(emulator, connect):
    """It is received, and its webhook says no."""
    provider = connect()
    hold = await held(provider)
    request = orders.taking(hold.handle, "50.00")

    outcome = await provider.capture(request)
    if isinstance(outcome, Pending):
        report, _ = await report_of(emulator, provider, "CAPTURE")
        assert (report.reference, report.outcome.type) == (request.reference, "failed")

    assert sums(emulator)[1] == 0


async def test_hold_expires_by_the_clock(emulator, connect):
    """The processor's own void of all of it."""
    provider = connect()
    await held(provider)
    emulator.advance(60 * 86_400)

    report, seen = await report_of(emulator, provider, "EXPIRE")

    assert (report.kind, report.outcome.amount, report.reference) == (OperationKind.VOID, eur("20.00"), None)
    assert seen.payment_reference == PAYMENT


async def test_what_does_not_last(emulator, connect):
    """A capture that fails after it had succeeded, and a dispute that is won and lost again."""
    provider = connect()
    hold = await held(provider)
    request = orders.taking(hold.handle, "12.00")
    await provider.capture(request)
    emulator.act("flush")
    emulator.act("chargeback", reference=PAYMENT)
    taken, _ = await report_of(emulator, provider, "CHARGEBACK")
    emulator.act("chargeback_reversed", reference=PAYMENT)
    back, _ = await report_of(emulator, provider, "CHARGEBACK_REVERSED")
    emulator.act("capture_failed", reference=PAYMENT)
    gone, _ = await report_of(emulator, provider, "CAPTURE_FAILED")

    assert (taken.kind, taken.outcome.amount) == (OperationKind.CHARGEBACK, eur("12.00"))
    assert (back.outcome.type, back.outcome.id) == ("failed", taken.outcome.id)
    assert (gone.kind, gone.outcome.type, gone.reference) == (OperationKind.CAPTURE, "failed", request.reference)


async def test_refund_that_comes_back(emulator, connect):
    """A later failure of our own refund."""
    provider = connect()
    hold = await held(provider)
    await provider.capture(orders.taking(hold.handle, "12.00"))
    emulator.act("flush")
    request = orders.giving_back(hold.handle, "2.00")
    await provider.refund(request)
    emulator.act("flush")

    emulator.act("refund_failed", reference=PAYMENT)
    report, _ = await report_of(emulator, provider, "REFUND_FAILED")

    assert (report.kind, report.outcome.type, report.reference) == (OperationKind.REFUND, "failed", request.reference)


async def test_terminal_and_then_online(emulator, connect):
    """The card is there, the capture is not."""
    provider = connect()
    method = PaymentMethod(TERMINAL, kind=MethodKind.TERMINAL)
    hold = await held(provider, method=method)
    await provider.capture(orders.taking(hold.handle, "5.00"))
    await told(emulator, provider)

    assert sums(emulator) == (2000, 500, 1500, 0)


async def test_terminal_whose_answer_is_lost_is_asked_again(emulator, connect):
    """One hold, however often the same request is sent."""
    provider = connect()
    request = orders.authorization(method=PaymentMethod(TERMINAL, kind=MethodKind.TERMINAL))

    first, again = await provider.authorize(request), await provider.authorize(request)

    assert (first.type, again) == ("succeeded", first)
    assert book(emulator)["effects"]["authorize"] == 1


async def test_settlement_report(emulator, connect):
    """Ours by reference, and nothing more until the next batch."""
    provider = connect()
    hold = await held(provider)
    request = orders.taking(hold.handle, "12.00")
    await provider.capture(request)
    emulator.act("flush")
    emulator.act("settle")

    page = await provider.settlements(SettlementsRequest(since=date(2020, 1, 1)))
    after = await provider.settlements(SettlementsRequest(since=date(2020, 1, 1), cursor=page.cursor))

    (line,) = [line for line in page.lines if line.kind is OperationKind.CAPTURE]
    assert (line.gross, line.reference, line.payment_id) == (eur("12.00"), request.reference, hold.handle.id)
    assert (after.lines, after.cursor) == ((), page.cursor)


async def test_apple_pay_session(connect, emulator):
    """Through Adyen, which asks Apple."""
    settings = AdyenSettings(api_key=API_KEY, merchant_account=MERCHANT, base_url=emulator.url)

    data = await wallets.apple_pay_session(
        settings, domain="pay.example.com", display_name="Acme", merchant_identifier="merchant.com.acme"
    )

    assert isinstance(data, str)
