"""The public face as users write it. Checked by mypy and pyright in strict mode, never run.

What must not type-check is marked with an ignore: both checkers complain about an ignore that is not needed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_never, assert_type

from evpay import (
    Action,
    ActionRequired,
    Admission,
    ConfirmOnDevice,
    Connector,
    ConnectorState,
    Declined,
    EvPay,
    Exposure,
    Failed,
    MeterReading,
    Money,
    OpenLink,
    Outcome,
    PaymentIntent,
    PaymentMethod,
    Pending,
    Policy,
    Reason,
    Receipt,
    RunClientSdk,
    Session,
    Settings,
    Site,
    Start,
    Succeeded,
    Tariff,
    Unknown,
    WebhookReply,
    derive_id,
    sync,
)
from evpay.errors import InvalidInput, NotFound, WebhookRejected
from evpay.events import AdmissionChanged, AttentionNeeded, PaymentChanged, ReceiptIssued, StopRequested
from evpay.providers import Provider
from evpay.testing import simulate
from evpay_providers.sandbox import SandboxProvider, SandboxSettings
from evpay_providers.stripe import StripeProvider, StripeSettings

now = datetime.now(UTC)
tariff = Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="gross", parking_per_hour=Decimal("6.00"))
site = Site(id="harbour", time_zone="Europe/Berlin")
point = Connector(id="1", max_power_w=22_000)
card = PaymentMethod("pm_card_visa")


def every_adapter_is_a_provider(key: str) -> list[Provider]:
    return [SandboxProvider(SandboxSettings()), StripeProvider(StripeSettings(api_key=key))]


async def session_level(providers: list[Provider]) -> Receipt:
    async with EvPay.open("sqlite:///evpay.db", providers=providers, policy=Policy(hold="50 EUR")) as pay:
        assert_type(pay, EvPay)
        start = await pay.start("S-1", tariff=tariff, method=card, site=site, connector=point, driver="anna", at=now)
        assert_type(start, Start)
        session, intent = start
        assert_type(session, Session)
        assert_type(intent, PaymentIntent)
        if session.admission is not Admission.ALLOW:
            await pay.cancel("S-1", reason="nobody came")
        exposure = await pay.record("S-1", MeterReading(at=now, energy_wh=7_400, state=ConnectorState.CHARGING))
        assert_type(exposure, Exposure)
        exposure = await pay.record("S-1", [MeterReading.kwh("7.4", at=now), MeterReading.kwh("8.1", at=now)])
        receipt = await pay.finish("S-1", MeterReading(at=now, energy_wh=21_300), reason="unplugged")
        assert_type(receipt, Receipt)
        assert_type(receipt.total, Money)
        assert_type(await pay.refund(receipt.number, Money("2.00", "EUR"), reason="fault", key="ticket-9"), Receipt)
        return await pay.refund(receipt.number, reason="all of it")


async def payment_level(pay: EvPay) -> str:
    intent = await pay.payments.authorize(Money("50.00", "EUR"), method=card, key="order-17")
    assert_type(intent, PaymentIntent)
    intent = await pay.payments.increment(intent.id, to=Money("80.00", "EUR"))
    intent = await pay.payments.capture(intent.id, Money("61.20", "EUR"))
    intent = await pay.payments.refund(intent.id, Money("5.00", "EUR"), reason="goodwill", key="ticket-9")
    intent = await pay.payments.void(intent.id)
    assert_type(await pay.payments.get(intent.id, refresh=True), PaymentIntent)
    async for one in pay.payments.list(unresolved=True):
        assert_type(one, PaymentIntent)
    return says(intent.outcome)


def says(outcome: Outcome) -> str:
    match outcome:
        case Succeeded(amount=amount):
            assert_type(amount, Money)
            return str(amount)
        case Pending() | Unknown():
            return "wait for PaymentChanged"
        case ActionRequired(action=action):
            return shows(action)
        case Declined(reason=reason) | Failed(reason=reason):
            assert_type(reason, Reason)
            return reason.value
        case _:
            assert_never(outcome)


def shows(action: Action) -> str:
    match action:
        case OpenLink(uri=uri):
            return uri
        case RunClientSdk(payload=payload):
            return str(payload)
        case ConfirmOnDevice(device=device):
            return device
        case _:
            assert_never(action)


async def webhook(pay: EvPay, body: bytes, headers: Mapping[str, str]) -> int:
    try:
        reply = await pay.webhook("stripe_eu", body=body, headers=headers, url="https://pay.example/webhooks/stripe_eu")
    except WebhookRejected as error:
        return error.status
    assert_type(reply, WebhookReply)
    return reply.status


async def events(pay: EvPay) -> None:
    async for event in pay.events("csms", wait=False):
        match event:
            case AdmissionChanged(session=session):
                assert_type(session, Session)
            case StopRequested(exposure=exposure):
                assert_type(exposure, Exposure)
            case PaymentChanged(intent=intent):
                assert_type(intent, PaymentIntent)
            case ReceiptIssued(receipt=receipt):
                assert_type(receipt, Receipt)
            case AttentionNeeded(problem=problem):
                assert_type(problem.code, str)
            case _:
                pass


async def live(pay: EvPay) -> None:
    async for exposure in pay.watch("S-1"):
        assert_type(exposure, Exposure)


def blocking() -> None:
    pay = sync.EvPay.open("sqlite:///evpay.db", providers=[SandboxProvider(SandboxSettings())])
    assert_type(pay.start(derive_id("CP-1", 1), tariff=tariff, method=card, site=site), Start)
    assert_type(pay.record("S-1", MeterReading(at=now, energy_wh=1)), Exposure)
    assert_type(pay.finish("S-1"), Receipt)
    assert_type(pay.payments.capture("I-1"), PaymentIntent)
    assert_type(pay.sessions.get("S-1"), Session)
    assert_type(pay.receipts.get("R-2026-1"), Receipt)
    for event in pay.events("cron", wait=False):
        assert_type(event.subject, str)
    pay.aclose()


def configured() -> EvPay:
    return EvPay.open(Settings.load("evpay.toml"))


async def simulated() -> None:
    async with simulate(start="2026-07-01T10:00+02:00", providers=[SandboxProvider()]) as sim:
        assert_type(sim.pay, EvPay)
        await sim.advance(minutes=3)
        assert_type(sim.now, datetime)


async def mistakes(pay: EvPay) -> None:
    Money(12.3, "EUR")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Tariff.per_kwh(0.49, currency="EUR")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await pay.finish("S-1", raeson="typo")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    sync.EvPay.open("sqlite:///evpay.db").start("S-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    try:
        await pay.sessions.get("S-1")
    except NotFound as error:
        assert_type(error.kept, bool)
    except InvalidInput as error:
        assert_type(error.code, str)
