"""Against the emulator, over real HTTP: what both read in the vendor's documents must agree."""

import pytest

from evpay.providers import (
    ActionRequired,
    Declined,
    Failed,
    OpenLink,
    OperationKind,
    Pending,
    Reason,
    RunClientSdk,
    Succeeded,
    Unknown,
)
from evpay_providers.adyen import wallets
from tests.providers.adyen import orders
from tests.providers.adyen.emulated import IN_A_BROWSER, WITH_3DS, book, card, held, report_of, sums, told
from tests.providers.adyen.orders import PAYMENT, eur

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]


async def test_whole_life_of_a_payment(emulator, connect):
    """Hold, raise, capture less, refund: the emulator's books say the same as its webhooks."""
    provider = connect()
    hold = await held(provider)
    requests = {
        "AUTHORISATION_ADJUSTMENT": orders.increase(hold.handle, "30.00"),
        "CAPTURE": orders.taking(hold.handle, "12.34"),
        "REFUND": orders.giving_back(hold.handle, "2.00"),
    }
    for verb, (event, request) in zip(("increment", "capture", "refund"), requests.items(), strict=True):
        outcome = await getattr(provider, verb)(request)
        report, seen = await report_of(emulator, provider, event)
        assert isinstance(outcome, Pending), outcome
        assert (report.reference, report.outcome.id) == (request.reference, outcome.id)
        assert (report.outcome.type, seen.payment_id) == ("succeeded", hold.handle.id)

    assert sums(emulator) == (3000, 1234, 1766, 200)
    assert book(emulator)["effects"] == {"authorize": 1, "increment": 1, "capture": 1, "void": 0, "refund": 1}
    assert book(emulator)["metadata"] == {"evpay_reference": PAYMENT}


async def test_webhook_of_the_hold_says_what_the_answer_said(emulator, connect):
    """Whichever comes first."""
    provider = connect()
    answer = await held(provider)

    report, seen = await report_of(emulator, provider, "AUTHORISATION")

    assert (seen.payment_reference, report.reference) == (PAYMENT, PAYMENT)
    assert (report.outcome.amount, report.outcome.handle, report.outcome.hold) == (
        answer.amount, answer.handle, answer.hold
    )  # fmt: skip


async def test_adjustments_at_once_with_the_blob(emulator, connect):
    """Where the account has them, one after the other."""
    emulator.configure(synchronous_adjustments=True)
    provider = connect()
    hold = await held(provider)

    first = await provider.increment(orders.increase(hold.handle, "30.00"))
    second = await provider.increment(orders.increase(first.handle, "40.00", authorized=eur("30.00")))
    longer = await provider.increment(orders.increase(second.handle, "40.00", authorized=eur("40.00")))

    assert [found.amount for found in (first, second, longer)] == [eur("30.00"), eur("40.00"), eur("40.00")]
    assert len({found.handle.memo["adjust"] for found in (hold, first, second, longer)}) == 4
    assert sums(emulator) == (4000, 0, 0, 0)


async def test_several_captures_and_the_rest_by_void(emulator, connect):
    """Where the account has them, the last one releases nothing."""
    emulator.configure(multiple_partial_captures=True)
    provider = connect(multiple_captures=True)
    hold = await held(provider)
    await provider.capture(orders.taking(hold.handle, "5.00", final=False))
    await provider.capture(orders.taking(hold.handle, "7.00"))
    await told(emulator, provider)
    assert sums(emulator) == (2000, 1200, 0, 0)

    request = orders.cancellation(hold.handle, amount=eur("8.00"))
    await provider.void(request)
    report, _ = await report_of(emulator, provider, "CANCELLATION")

    assert (report.reference, report.outcome.amount) == (request.reference, eur("8.00"))
    assert sums(emulator) == (2000, 1200, 800, 0)


async def test_void_without_their_reference(emulator, connect):
    """The answer was lost, so the hold is found by our reference."""
    provider = connect()
    emulator.fault("drop_after", path="/payments")
    lost = await provider.authorize(orders.authorization(method=card()))

    await provider.void(orders.cancellation(None))
    report, seen = await report_of(emulator, provider, "TECHNICAL_CANCEL")

    assert isinstance(lost, Unknown)
    assert (report.kind, report.outcome.amount) == (OperationKind.VOID, eur("20.00"))
    assert seen.payment_reference == PAYMENT or report.reference is not None
    assert sums(emulator) == (2000, 0, 2000, 0)


@pytest.mark.parametrize(
    ("holder", "outcome"),
    [
        ("DECLINED", (Declined, Reason.DO_NOT_HONOR)),
        ("CARD_EXPIRED", (Declined, Reason.EXPIRED_METHOD)),
        ("NOT_ENOUGH_BALANCE", (Declined, Reason.INSUFFICIENT_FUNDS)),
        ("BLOCK_CARD", (Declined, Reason.LOST_OR_STOLEN)),
        ("ERROR", (Failed, Reason.ISSUER_UNAVAILABLE)),
    ],
)
async def test_refusal_and_its_webhook(emulator, connect, holder, outcome):
    """Answer and webhook give the same reason."""
    provider = connect()

    answer = await provider.authorize(orders.authorization(method=card(holderName=holder)))
    report, _ = await report_of(emulator, provider, "AUTHORISATION")

    assert (type(answer), answer.reason) == outcome
    assert report.outcome.reason == answer.reason


@pytest.mark.parametrize(("native", "action"), [(False, OpenLink), (True, RunClientSdk)])
@pytest.mark.parametrize("passes", [True, False])
async def test_driver_authenticates(emulator, connect, native, action, passes):
    """A link or an action for the client; what comes back is handed on."""
    provider = connect(native_three_ds=native)
    request = orders.authorization(method=card(WITH_3DS), return_url="https://x.example/b", extra=IN_A_BROWSER)
    waiting = await provider.authorize(request)
    assert isinstance(waiting, ActionRequired)

    back = emulator.act("authenticate", reference=PAYMENT, success=passes)
    outcome = await provider.complete(orders.completion(waiting.handle, answer=back))

    assert isinstance(waiting.action, action)
    assert isinstance(outcome, Succeeded if passes else Declined), outcome
    assert passes or outcome.reason is Reason.AUTHENTICATION_FAILED


async def test_forged_answer_of_a_driver_ends_nothing(emulator, connect):
    """A browser may send anything."""
    provider = connect()
    waiting = await provider.authorize(orders.authorization(method=card(WITH_3DS)))

    outcome = await provider.complete(orders.completion(waiting.handle, answer={"redirectResult": "forged"}))

    assert isinstance(outcome, Unknown)
    assert sums(emulator) == (0, 0, 0, 0)


async def test_method_is_saved_and_charged_with_nobody_there(emulator, connect):
    """Once with the driver, and then without."""
    provider = connect()
    hold = await held(provider, save_method=True)
    assert hold.saved_method is not None
    request = orders.names(amount=eur("5.00"), method=hold.saved_method, off_session=True)

    outcome = await provider.authorize(orders.AuthorizeRequest(**request))

    assert (outcome.type, outcome.amount) == ("succeeded", eur("5.00"))


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        (wallets.apple_pay("abc"), "succeeded"),
        (wallets.google_pay("abc"), "succeeded"),
        (wallets.paypal(), "action_required"),
        (wallets.venmo(), "action_required"),
    ],
)
async def test_wallets_are_taken(connect, method, kind):
    """Nothing in the request is unknown to the emulator."""
    assert (await connect().authorize(orders.authorization(method=method))).type == kind
