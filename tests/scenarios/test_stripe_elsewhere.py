"""What happens at Stripe and not through us ends in our facts: disputes, the dashboard, a reader's buttons."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from evpay_contrib_emulators.running import RunningEmulator, running

from evpay import EvPay, MeterReading, Money, PaymentMethod, Policy, Site, Tariff
from evpay.payments.method import MethodKind
from evpay.settings import Settings
from evpay_providers.stripe import StripeProvider, StripeSettings

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

SECRET = "whsec_of_these_tests_only"
TARIFF = Tariff.per_kwh("0.50", currency="EUR", vat="25", prices="gross")
YARD = Site(id="yard", time_zone="Europe/Oslo")
READER = PaymentMethod("tmr_kai3", kind=MethodKind.TERMINAL)


@pytest.fixture(scope="module")
def _emulator() -> Iterator[RunningEmulator]:
    with running("stripe") as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator: RunningEmulator) -> RunningEmulator:
    """A Stripe that holds nothing yet, and keeps its webhooks until they are fetched."""
    _emulator.clear()
    _emulator.configure(webhook_secrets=[SECRET])
    return _emulator


@pytest.fixture
async def pay(emulator: RunningEmulator, tmp_path: Path) -> AsyncIterator[EvPay]:
    """A backend with one account at Stripe."""
    account = StripeProvider(StripeSettings(api_key="sk_test_x", base_url=emulator.url, webhook_secret=SECRET))
    async with EvPay.open(
        settings=Settings.model_construct(store=f"sqlite:///{tmp_path}/evpay.db"),
        providers=[account],
        policy=Policy(hold=(Money("20.00", "EUR"),)),
        worker=False,
    ) as opened:
        yield opened


@pytest.fixture
def deliver(emulator: RunningEmulator, pay: EvPay) -> Callable[[], Awaitable[None]]:
    """Bring every webhook to the backend once more, newest first: neither order nor repetition may matter."""

    async def bring() -> None:
        for message in reversed(emulator.webhooks()):
            await pay.webhook("stripe", body=message["body"].encode(), headers=message["headers"])
        await pay.recover()

    return bring


async def charged(pay, name="s1"):
    began = datetime.now(UTC) - timedelta(minutes=20)
    started = await pay.start(name, tariff=TARIFF, method=PaymentMethod("pm_card_visa"), site=YARD, at=began)
    await pay.finish(name, MeterReading(at=began + timedelta(minutes=10), energy_wh=24_000))
    return started.intent.id


async def facts(pay, intent):
    return (await pay.payments.get(intent)).facts


async def test_lost_money_is_charged_back_and_comes_back_when_the_dispute_is_won(emulator, pay, deliver):
    """One chargeback, whatever the order of the messages and however often they come; one reversal."""
    intent = await charged(pay)
    (payment,) = emulator.books()["payments"]
    dispute = emulator.act("dispute", id=payment["id"])
    await deliver()
    lost = await facts(pay, intent)

    emulator.act("close_dispute", id=dispute["id"], outcome="won")
    await deliver()
    won = await facts(pay, intent)

    assert (lost.captured, lost.charged_back) == (1200, 1200)
    assert (won.captured, won.charged_back) == (1200, 0)


async def test_inquiry_changes_no_facts(emulator, pay, deliver):
    """The cardholder's bank asks; no money has moved."""
    intent = await charged(pay)
    (payment,) = emulator.books()["payments"]
    emulator.act("dispute", id=payment["id"], reason="inquiry")
    await deliver()

    assert (await facts(pay, intent)).charged_back == 0


async def test_session_at_a_reader(emulator, pay):
    """The hold waits for the card, is shown once, and the session may begin when the card was read."""
    started = await pay.start("s1", tariff=TARIFF, method=READER, site=YARD)
    shown = await pay.complete_action("s1", {})
    asked_again = await pay.complete_action("s1", {})
    emulator.act("present", reader=READER.token)

    allowed = await pay.complete_action("s1", {})

    sent = [entry["path"] for entry in emulator.journal() if entry["method"] == "POST"]
    assert [one.session.admission.value for one in (started, shown, asked_again, allowed)] == [*["wait"] * 3, "allow"]
    assert sent == ["/v1/payment_intents", "/v1/terminal/readers/tmr_kai3/process_payment_intent"]


async def test_driver_who_cancels_at_the_reader_does_not_charge(emulator, pay):
    """The red button denies the session."""
    await pay.start("s1", tariff=TARIFF, method=READER, site=YARD)
    await pay.complete_action("s1", {})
    emulator.act("cancel_at_reader", reader=READER.token)

    denied = await pay.complete_action("s1", {})

    assert (denied.session.admission.value, denied.session.denial) == ("deny", "cancelled_by_driver")
