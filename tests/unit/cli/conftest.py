"""A store with one session in it, and the command line as a function."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from evpay import Connector, EvPay, MeterReading, Money, PaymentMethod, Site, Tariff
from evpay.cli.app import app
from evpay_providers.sandbox import SandboxProvider, SandboxSettings

BEGIN = datetime(2026, 7, 1, 10, tzinfo=UTC)
TARIFF = Tariff.per_kwh("0.50", currency="EUR", vat="19", prices="gross")


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("EVPAY_STORE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run():
    """Call the command line as a shell would."""
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


async def _use(url, books):
    provider = SandboxProvider(SandboxSettings(account="shop", books=books, inline=True))
    async with EvPay.open(url, providers=[provider], worker=False) as pay:
        await pay.start(
            "S-1",
            tariff=TARIFF,
            method=PaymentMethod("sandbox_approve"),
            site=Site(id="harbour"),
            connector=Connector(id="1", max_power_w=50_000),
            at=BEGIN,
        )
        receipt = await pay.finish("S-1", MeterReading(at=BEGIN + timedelta(hours=1), energy_wh=20_000))
        await pay.refund(receipt.number, Money("2.00", "EUR"), reason="cable fault", key="t")
        await pay.payments.authorize(Money("7.00", "EUR"), method=PaymentMethod("sandbox_pending"), key="order-1")
    return url


@pytest.fixture
def used(tmp_path):
    """The URL of a store with a refunded session and a payment that waits."""
    return asyncio.run(_use(f"sqlite:///{tmp_path / 'shop.db'}", tmp_path / "shop.books.db"))
