"""What a host gets wrong is a typed error that names value, cause and cure, and nothing was sent."""

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import moneyed
import pytest

from evpay import EvPay, MeterReading, Money, PaymentMethod, Policy, Settings, Tariff
from evpay.errors import (
    CardNumberRefused,
    ConfigurationError,
    InvalidInput,
    NotFound,
    StoreUnavailable,
)
from evpay.providers import Account
from evpay.testing import Simulation, simulate
from evpay_providers.sandbox import SandboxProvider
from tests.scenarios.day import APPROVE, a_day, charged, sandbox, started
from tests.scenarios.invariants import operations

pytestmark = pytest.mark.anyio

CARD = "4242 4242 4242 4242"
NAIVE = datetime(2026, 7, 1, 10)  # noqa: DTZ001 - the mistake itself
NETTO = Tariff.per_kwh("0.42", currency="EUR", vat="19", prices="net")


def ocpi(**changes: Any) -> Tariff:
    """A tariff as a roaming partner sends it."""
    element: dict[str, Any] = {"price_components": [{"type": "ENERGY", "price": Decimal("0.5"), "step_size": 1}]}
    element |= changes.pop("element", {})
    document = {
        "country_code": "DE",
        "party_id": "ALL",
        "id": "12",
        "currency": "EUR",
        "elements": [element],
        "last_updated": "2026-01-01T00:00:00Z",
        **changes,
    }
    return Tariff.from_ocpi(document, version="2.3.0")


STARTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no tariff": ({"tariff": 0.49}, "wrong_type", r"tariff is 0\.49.*Tariff\.per_kwh"),
    "a tariff as JSON": ({"tariff": {"id": "T"}}, "wrong_type", "Give a Tariff"),
    "a token alone": ({"method": "pm_card_visa"}, "wrong_type", r'PaymentMethod\("pm_card_visa"\)'),
    "an unknown site": ({"site": "nowhere"}, "unknown_site", r"no site 'nowhere' \(configured: harbour\)"),
    "no site": ({"site": None}, "unknown_site", "Give a Site"),
    "a naive time": ({"at": NAIVE}, "naive_time", r"at=2026-07-01T10:00:00 has no time zone.*datetime\.now\(UTC\)"),
    "a limit in another currency": (
        {"limit": Money("20", "NOK")},
        "currency_mismatch",
        "The limit is 20.00 NOK.*in EUR.*Give the limit in the tariff's currency",
    ),
    "a limit of nothing": ({"limit": Money("0", "EUR")}, "limit_not_positive", r"0\.00 EUR"),
    "a negative limit": ({"limit": Money("-5", "EUR")}, "limit_not_positive", r"-5\.00 EUR"),
    "a bare number as limit": ({"limit": 20}, "wrong_type", r"Money\("),
    "an empty id": ({"session_id": ""}, "malformed_id", "session_id is ''"),
    "a line break in the id": ({"session_id": "S\n1"}, "malformed_id", "without control characters"),
    "an id of another type": ({"session_id": 17}, "malformed_id", "session_id is 17"),
    "a long id": ({"session_id": "S" * 256}, "malformed_id", "1 to 255 characters"),
    "an odd driver": ({"driver": "a\x00b"}, "malformed_id", "driver is"),
    "nothing to name the session": (
        {"session_id": None, "driver": "anna", "connector": None},
        "session_unnamed",
        "needs a connector and a driver",
    ),
    "an account that is not here": ({"method": PaymentMethod("tok", account="stripe_eu")}, "", "configured: sandbox"),
    "a hold in no currency of ours": (
        {"policy": Policy(hold=["50 NOK"])},
        "hold_currency_missing",
        "names no amount in EUR.*hold = ",
    ),
    "a policy of another type": ({"policy": "generous"}, "wrong_type", "Policy"),
    "extra of another type": ({"extra": ["a"]}, "wrong_type", "extra"),
}


@pytest.mark.parametrize("case", STARTS)
async def test_a_start_that_cannot_be_is_refused_before_anything_is_sent(case: str) -> None:
    """The error names the value, the cause and the cure; the books stay empty, and the right call works."""
    wrong, code, says = STARTS[case]
    processor = sandbox()
    async with a_day(processor) as sim:
        with pytest.raises((InvalidInput, ConfigurationError), match=says) as caught:
            await started(sim, **wrong)

        if code:
            assert getattr(caught.value, "code", None) == code
        assert processor.books.payments() == []
        assert await operations(sim) == []
        assert (await started(sim)).session.admission == "allow"


UNPRICED: dict[str, tuple[dict[str, Any], str]] = {
    "tax unknown": ({"tax_included": "NO", "country_code": "US"}, "tax_unknown"),
    "by day": ({"element": {"restrictions": {"day_of_week": ["MONDAY"]}}}, "unsupported_restriction"),
    "by power": ({"element": {"restrictions": {"min_power": 16}}}, "unsupported_restriction"),
    "for reservations": ({"element": {"restrictions": {"reservation": "RESERVATION"}}}, "unsupported_reservation"),
}


@pytest.mark.parametrize("case", UNPRICED)
async def test_a_tariff_that_cannot_be_priced_starts_nothing(case: str) -> None:
    """Refused by name; nothing of it is ignored."""
    changes, code = UNPRICED[case]
    processor = sandbox()
    async with a_day(processor) as sim:
        with pytest.raises(InvalidInput) as caught:
            await started(sim, tariff=ocpi(**changes))

        assert caught.value.code == code
        assert processor.books.payments() == []


async def test_a_tariff_in_net_prices_is_held_with_its_tax() -> None:
    """What is held and captured is what the driver pays."""
    async with a_day(sandbox(), policy={"hold": "energy", "hold_energy_wh": 10_000, "hold_duration_s": 0}) as sim:
        _, intent = await started(sim, tariff=NETTO)

        assert intent.facts.authorized == 500  # 4.20 and 19 %, rounded up to whole cents: 4.998


# ---- card numbers ------------------------------------------------------------------------------------------------


async def _cancel(sim: Simulation) -> None:
    await started(sim)
    await sim.pay.cancel("S-1", reason=f"wrong card {CARD}")


async def _finish(sim: Simulation) -> None:
    await started(sim)
    await sim.pay.finish("S-1", reason=f"paid by {CARD}")


async def _refund(sim: Simulation) -> None:
    await started(sim)
    receipt = await sim.pay.finish("S-1", await charged(sim, 12_000))
    await sim.pay.refund(receipt.number, reason=f"to {CARD}")


async def _refund_payment(sim: Simulation) -> None:
    intent = await sim.pay.payments.authorize(Money("5", "EUR"), method=APPROVE, key="k")
    await sim.pay.payments.capture(intent.id)
    await sim.pay.payments.refund(intent.id, reason=f"to {CARD}")


async def _descriptor(sim: Simulation) -> None:
    await sim.pay.payments.authorize(Money("5", "EUR"), method=APPROVE, key="k", descriptor=CARD)


async def _method(sim: Simulation) -> None:
    await sim.pay.payments.authorize(Money("5", "EUR"), method=PaymentMethod(CARD), key="k")


async def _label(sim: Simulation) -> None:
    await started(sim, method=PaymentMethod("sandbox_approve", label=CARD))


@pytest.mark.parametrize("call", [_cancel, _finish, _refund, _refund_payment, _descriptor, _method, _label])
async def test_a_card_number_is_refused_and_never_repeated(
    call: Callable[[Simulation], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever text is taken: typed, without the number, and not in any log."""
    caplog.set_level(0)
    async with a_day(sandbox()) as sim:
        with pytest.raises(CardNumberRefused, match="looks like a card number") as caught:
            await call(sim)

        said = f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {caplog.text}"
        assert "4242" not in said.replace("Sandbox 4242", "")


async def test_a_card_number_in_a_setting_of_text_reaches_no_store() -> None:
    """What was refused is nowhere on the disk."""
    async with a_day(sandbox()) as sim:
        with pytest.raises(CardNumberRefused):
            await _cancel(sim)

        place = sim._process.engine.context.store.place.removeprefix("sqlite:///")
        with open(place, "rb") as file:  # noqa: ASYNC230, PTH123 - the file itself
            assert b"4242 4242" not in file.read()


# ---- money and readings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["0", "-1", "0.00"])
async def test_nothing_and_less_cannot_be_held(amount: str) -> None:
    """Hold more than zero."""
    processor = sandbox()
    async with a_day(processor) as sim:
        with pytest.raises(InvalidInput, match=r"cannot be held\. Hold more than zero"):
            await sim.pay.payments.authorize(Money(amount, "EUR"), method=APPROVE, key="k")

        assert processor.books.payments() == []


@pytest.mark.parametrize(
    "amount", [moneyed.Money("1.005", "EUR"), moneyed.Money("NaN", "EUR")], ids=["too exact", "no number"]
)
async def test_money_of_another_library_is_checked_at_the_edge(amount: moneyed.Money) -> None:
    """A plain py-moneyed value may be anything."""
    processor = sandbox()
    async with a_day(processor) as sim:
        with pytest.raises(InvalidInput):
            await sim.pay.payments.authorize(amount, method=APPROVE, key="k")

        assert processor.books.payments() == []


async def test_money_of_another_library_is_taken_when_it_is_exact() -> None:
    """Hosts that use py-moneyed need not convert."""
    async with a_day(sandbox()) as sim:
        intent = await sim.pay.payments.authorize(moneyed.Money("5.00", "EUR"), method=APPROVE, key="k")

        assert intent.facts.authorized == 500


@pytest.mark.parametrize("amount", [5, 5.0, "5.00 EUR", None])
async def test_what_is_not_money_is_no_amount(amount: object) -> None:
    """A bare number is never money."""
    processor = sandbox()
    async with a_day(processor) as sim:
        with pytest.raises(InvalidInput, match=r"Money\("):
            await sim.pay.payments.authorize(amount, method=APPROVE, key="k")

        assert processor.books.payments() == []


async def test_a_float_never_becomes_money() -> None:
    """Refused where it is made."""
    with pytest.raises(InvalidInput, match=r"0\.1"):
        Money(0.1, "EUR")


async def test_a_refund_in_another_currency_is_refused() -> None:
    """evpay never converts."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        number = (await sim.pay.finish("S-1", await charged(sim, 12_000))).number

        with pytest.raises(InvalidInput, match="never converts"):
            await sim.pay.refund(number, Money("2.00", "NOK"), reason="cable fault")

        assert processor.books.payments()[0].refunded == 0


async def test_a_naive_reading_is_refused_where_it_is_made() -> None:
    """It would name no instant."""
    with pytest.raises(InvalidInput, match="time zone"):
        MeterReading(at=NAIVE, energy_wh=1)


@pytest.mark.parametrize("reading", [{"energy_wh": 1}, 12_000, "12 kWh", [12_000]])
async def test_what_is_not_a_reading_is_not_recorded(reading: object) -> None:
    """With an example of what is meant."""
    async with a_day(sandbox()) as sim:
        await started(sim)

        with pytest.raises(InvalidInput, match="MeterReading"):
            await sim.pay.record("S-1", reading)
        with pytest.raises(InvalidInput, match="MeterReading"):
            await sim.pay.finish("S-1", reading)

        assert (await sim.pay.sessions.get("S-1")).status == "ready"


# ---- what is not there -------------------------------------------------------------------------------------------


async def test_what_is_not_there_is_not_found() -> None:
    """By kind and id."""
    async with a_day(sandbox()) as sim:
        pay = sim.pay
        for call in (
            pay.sessions.get("S-9"),
            pay.sessions.readings("S-9"),
            pay.exposure("S-9"),
            pay.cancel("S-9", reason="r"),
            pay.complete_action("S-9", {}),
            pay.refund("R-9", reason="r"),
            pay.receipts.get("R-9"),
            pay.payments.get("k-9"),
            pay.payments.capture("k-9"),
            pay.payments.void("k-9"),
            pay.payments.increment("k-9", to=Money("5", "EUR")),
        ):
            with pytest.raises(NotFound, match="-9'") as caught:
                await call
            assert not caught.value.kept


# ---- set-ups -----------------------------------------------------------------------------------------------------


class LiveProvider:
    """An account for live money, as far as opening asks."""

    def __init__(self, name: str = "live_one") -> None:
        self.account = Account(provider="sandbox", name=name, live=True)
        self.capabilities = SandboxProvider().capabilities

    async def aclose(self) -> None:
        pass


def opened(*providers: Any, store: str = "sqlite:///:memory:", **options: Any) -> EvPay:
    return EvPay.open(store, providers=providers, **options)


async def test_test_and_live_never_share_a_store() -> None:
    """Not in one set-up."""
    with pytest.raises(ConfigurationError, match="live money \\(live_one\\)"):
        opened(SandboxProvider(), LiveProvider())


async def test_a_store_made_for_test_refuses_live_accounts(tmp_path: Any) -> None:
    """And not one after the other."""
    store = f"sqlite:///{tmp_path / 'evpay.db'}"
    async with opened(SandboxProvider(), store=store):
        pass

    with pytest.raises(ConfigurationError, match="made for 'test' and the providers are 'live'"):
        async with opened(LiveProvider(), store=store):
            pass


async def test_two_accounts_of_one_name_are_refused() -> None:
    """The name is how money is found again."""
    with pytest.raises(ConfigurationError, match=r"providers\.sandbox: two providers have this account name"):
        opened(SandboxProvider(), SandboxProvider())


async def test_no_provider_is_an_error_that_offers_the_sandbox() -> None:
    """The first thing that everybody runs into."""
    with pytest.raises(ConfigurationError, match=r"providers=\[SandboxProvider\(\)\]"):
        EvPay.open("sqlite:///:memory:")


@pytest.mark.parametrize("url", ["evpay.db", "mysql://x/y", "sqlite://host/x", ""])
async def test_a_store_that_cannot_be_is_named(url: str) -> None:
    """With two that can."""
    with pytest.raises(ConfigurationError, match=r"sqlite:///evpay\.db"):
        async with opened(SandboxProvider(), store=url):
            pass


async def test_a_folder_that_does_not_exist_is_named() -> None:
    """Nothing is made behind the host's back."""
    with pytest.raises((ConfigurationError, StoreUnavailable), match="/nowhere/at/all"):
        async with opened(SandboxProvider(), store="sqlite:////nowhere/at/all/evpay.db"):
            pass


async def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK is not installed: what to type."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "stripe"]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("evpay_providers.stripe")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "stripe", None)
    settings = Settings.model_construct(
        store="sqlite:///:memory:", providers={"stripe_eu": {"use": "stripe", "api_key": "sk_test_0123456789abcdef"}}
    )

    with pytest.raises(ConfigurationError, match=r"pip install 'evpay\[stripe\]'"):
        EvPay.open(settings)


async def test_an_account_that_was_removed_is_missed_by_name() -> None:
    """Money may be there."""
    processor = sandbox("first")
    async with simulate(providers=[processor], policy=Policy(hold="20 EUR")) as sim:
        await started(sim)
        place = sim._process.engine.context.store.place
        async with opened(sandbox("second"), store=place, worker=False) as other:
            with pytest.raises(ConfigurationError, match=r"providers\.first: .*configured: second"):
                await other.finish("S-1")
