"""The code of the how-to pages does what the pages say."""

import asyncio
import json
import re
import types
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evpay import Connector, ConnectorState, EvPay, MeterReading, PaymentMethod, Site, Tariff
from evpay_providers.sandbox import SandboxProvider, SandboxSettings
from tests.docs.pages import as_module, python_blocks

NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=75)
"""A while ago, so that no reading is in the future, and no timer has gone off yet."""
TARIFF = Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="gross")
SITE = Site(id="harbour", time_zone="Europe/Berlin")
CARD = PaymentMethod("sandbox_approve")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages open `evpay.db` in the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def pay(tmp_path: Path) -> AsyncIterator[EvPay]:
    """A store with one finished session."""
    async with EvPay.open(f"sqlite:///{tmp_path / 'own.db'}", providers=[SandboxProvider(SandboxSettings())]) as opened:
        await opened.start("S-1", tariff=TARIFF, method=CARD, site=SITE, at=NOON)
        await opened.finish("S-1", MeterReading(at=NOON + timedelta(hours=1), energy_wh=20_000))
        yield opened


async def _receipt_number(pay: EvPay) -> str:
    number = (await pay.sessions.get("S-1")).receipt_number
    assert number is not None
    return number


class Plug:
    """A station that does as it is told, and remembers it."""

    def __init__(self, *, willing: bool = True) -> None:
        self.willing = willing
        self.told: list[tuple[str, str]] = []
        self.stopped = asyncio.Event()

    async def remote_start(self, session_id: str) -> bool:
        self.told.append(("start", session_id))
        return self.willing

    async def remote_stop(self, session_id: str) -> None:
        self.told.append(("stop", session_id))
        self.stopped.set()


def _backend(page: types.ModuleType, pay: EvPay, station: Plug, *, tag_method: str = "sandbox_approve") -> Any:
    return page.Backend(
        pay,
        station,
        site=SITE,
        point=Connector(id="1", max_power_w=22_000, meter_interval_s=60, stop_latency_s=30),
        tariff=Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="gross", parking_per_hour="6.00"),
        wallet={"TAG": PaymentMethod(tag_method)},
    )


@pytest.mark.anyio
async def test_a_card_at_the_station_becomes_a_receipt(pay: EvPay) -> None:
    """The asyncio page: swipe, meter values, idle, unplug."""
    page = as_module("docs/howto/asyncio-host.md", name="page_asyncio")
    backend = _backend(page, pay, Plug())

    sid, allowed = await backend.on_card_swiped("TAG", register_wh=1_000, at=NOON)
    again, _ = await backend.on_card_swiped("TAG", register_wh=1_000, at=NOON)
    await backend.on_meter(sid, register_wh=11_000, at=NOON + timedelta(minutes=40), state=ConnectorState.IDLE)
    receipt = await backend.on_unplugged(sid, at=NOON + timedelta(minutes=70))

    assert allowed
    assert sid == again
    assert receipt is not None
    assert str(receipt.total) == "7.90 EUR"  # 10 kWh at 0.49, and half an hour of parking at 6.00


@pytest.mark.anyio
async def test_a_station_that_refuses_costs_nothing(pay: EvPay) -> None:
    """The asyncio page: no energy flowed, so the hold is voided."""
    page = as_module("docs/howto/asyncio-host.md", name="page_asyncio")
    station = Plug(willing=False)
    backend = _backend(page, pay, station)

    await backend.on_app_start("S-2", CARD, driver="anna", return_url="https://app.example/back")

    assert station.told == [("start", "S-2")]
    assert (await pay.sessions.get("S-2")).status == "cancelled"


@pytest.mark.anyio
async def test_an_unknown_session_is_answered_all_the_same(pay: EvPay) -> None:
    """The asyncio page: what comes before its start is kept."""
    page = as_module("docs/howto/asyncio-host.md", name="page_asyncio")

    assert await _backend(page, pay, Plug()).on_unplugged("never-started", at=NOON) is None


@pytest.mark.anyio
async def test_the_listener_stops_the_station(pay: EvPay) -> None:
    """The asyncio page: a stop reaches the station as an event."""
    page = as_module("docs/howto/asyncio-host.md", name="page_asyncio")
    station = Plug()
    backend = _backend(page, pay, station, tag_method="sandbox_increment_declined")
    began = datetime.now(UTC) - timedelta(hours=3)
    sid, _ = await backend.on_card_swiped("TAG", register_wh=0, at=began)

    listening = asyncio.create_task(backend.obey())
    await backend.on_meter(sid, register_wh=60_000, at=began + timedelta(hours=2, minutes=59))
    async with asyncio.timeout(20):
        await station.stopped.wait()
    listening.cancel()

    assert ("stop", sid) in station.told


@pytest.mark.anyio
async def test_the_refund_page_gives_back_and_refuses_too_much(pay: EvPay) -> None:
    """The refund page: a credit note; more than was captured is refused."""
    page = as_module("docs/howto/refund.md", name="page_refund")
    number = await _receipt_number(pay)

    said = await page.give_back(pay, number)
    refused = await page.too_much(pay, number)

    assert said.endswith(f"corrects {number}: 2.00 EUR, settled")
    assert refused != "given back"


@pytest.mark.anyio
async def test_the_recover_page_makes_a_pass(pay: EvPay) -> None:
    """The page about crashes: one pass over a tidy store finds nothing to do."""
    page = as_module("docs/howto/recover.md", name="page_recover")

    assert await page.one_pass(pay)


TESTS_ON_THE_PAGE = re.findall(
    r"^async def (test_\w+)", "\n".join(python_blocks("docs/howto/test-your-host.md")), re.MULTILINE
)


@pytest.mark.anyio
@pytest.mark.parametrize("name", TESTS_ON_THE_PAGE)
async def test_the_tests_on_the_page_about_tests_pass(name: str) -> None:
    """A host that copies them starts green."""
    page = as_module("docs/howto/test-your-host.md", name="page_test_your_host")

    await getattr(page, name)()


@pytest.fixture
def fastapi_client() -> Iterator[Any]:
    """The application of the FastAPI page, served."""
    from fastapi.testclient import TestClient

    page = as_module("docs/howto/fastapi.md", name="page_fastapi")
    with TestClient(page.app) as client:
        yield client


def test_the_fastapi_page_takes_a_session_to_its_receipt(fastapi_client: Any) -> None:
    """Start, a reading, stop, and stop again."""
    begin = {"token": "sandbox_approve", "driver": "anna", "return_url": "https://a.example/", "at": NOON.isoformat()}
    sample = {"at": (NOON + timedelta(minutes=30)).isoformat(), "energy_wh": 10_000}

    started = fastapi_client.put("/sessions/S-1", json=begin).json()
    going = fastapi_client.post("/sessions/S-1/readings", json=sample).json()
    stopped = fastapi_client.post("/sessions/S-1/stop", json=sample).json()

    assert started == {"admission": "allow", "open": None}
    assert (going["decision"], going["cost"]) == ("continue", "4.90 EUR")
    assert (stopped["total"], stopped["settlement"]) == ("4.90 EUR", "settled")
    assert stopped == fastapi_client.post("/sessions/S-1/stop", json=sample).json()


def test_the_fastapi_page_sends_the_driver_to_the_bank_and_takes_her_back(fastapi_client: Any) -> None:
    """A driver who must approve gets a link; back again, the session may start."""
    begin = {"token": "sandbox_action", "driver": "anna", "return_url": "https://a.example/", "at": NOON.isoformat()}

    sent = fastapi_client.put("/sessions/S-1", json=begin).json()
    back = fastapi_client.get("/back/S-1", params={"result": "ok"}).json()

    assert sent["admission"] == "wait"
    assert sent["open"].startswith("https://")
    assert back == {"admission": "allow"}


def test_the_fastapi_page_shows_a_finished_session_live(fastapi_client: Any) -> None:
    """The live page ends with the session."""
    begin = {"token": "sandbox_approve", "driver": "anna", "return_url": "https://a.example/", "at": NOON.isoformat()}
    sample = {"at": (NOON + timedelta(minutes=30)).isoformat(), "energy_wh": 10_000}
    fastapi_client.put("/sessions/S-1", json=begin)
    fastapi_client.post("/sessions/S-1/stop", json=sample)

    lines = [line for line in fastapi_client.get("/sessions/S-1/live").text.split("\n") if line]

    assert all(json.loads(line.removeprefix("data: "))["cost"] == "4.90 EUR" for line in lines)


@pytest.mark.parametrize(
    ("method", "address", "body", "status", "error"),
    [
        ("POST", "/sessions/S-9/stop", {"at": NOON.isoformat(), "energy_wh": 1}, 404, "NotFound"),
        (
            "PUT",
            "/sessions/S-9",
            {"token": "4242 4242 4242 4242", "driver": "a", "return_url": "https://a.example/"},
            422,
            "CardNumberRefused",
        ),
    ],
)
def test_the_fastapi_page_answers_mistakes(
    fastapi_client: Any, method: str, address: str, body: dict[str, Any], status: int, error: str
) -> None:
    """What a caller gets wrong has a status and a name, and no card number in the answer."""
    answer = fastapi_client.request(method, address, json=body)

    assert (status, error) == (answer.status_code, answer.json()["error"])
    assert "4242" not in answer.text


def _signed() -> tuple[bytes, dict[str, str]]:
    """A message of the sandbox's about a payment that nobody here knows yet."""
    told = {"payment_reference": "anothers", "payment_id": "sbx_1"}
    event = {"id": "sbx_evt_1", "type": "payment.changed", "account": "sandbox", "live": False, "observation": told}
    body, headers = SandboxProvider(SandboxSettings()).sign(json.dumps(event).encode())
    return body, {**headers, "Content-Type": "application/json"}


def test_the_fastapi_page_takes_webhooks(fastapi_client: Any) -> None:
    """What is signed is accepted; what is forged is refused, without words."""
    body, headers = _signed()

    signed = fastapi_client.post("/webhooks/sandbox", content=body, headers=headers)
    forged = fastapi_client.post("/webhooks/sandbox", content=body + b" ", headers=headers)

    assert (signed.status_code, forged.status_code, forged.content) == (200, 401, b"")


@pytest.fixture
def django_client() -> Iterator[Any]:
    """The views of the Django page, served by a project without a database."""
    import django
    from django.conf import settings

    if not settings.configured:  # other tests of the same process may have been first
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="for tests", USE_TZ=True)
        django.setup()
    from django.test import Client, override_settings
    from django.urls import clear_url_caches

    page = as_module("docs/howto/django.md", name="page_django")
    with override_settings(ROOT_URLCONF="page_django", MIDDLEWARE=["page_django.Refusals"]):
        clear_url_caches()
        yield Client()
    page.pay.aclose()


def test_the_django_page_takes_a_session_to_its_receipt(django_client: Any) -> None:
    """Start, a reading, stop, and stop again."""

    def post(address: str, **body: Any) -> dict[str, Any]:
        answer = django_client.post(address, data=json.dumps(body), content_type="application/json")
        assert answer.status_code == 200, answer.content
        parsed: dict[str, Any] = answer.json()
        return parsed

    at = (NOON + timedelta(minutes=30)).isoformat()
    started = post("/sessions/S-1/start", token="sandbox_approve", driver="anna", at=NOON.isoformat())
    going = post("/sessions/S-1/readings", at=at, energy_wh=10_000)
    stopped = post("/sessions/S-1/stop", at=at, energy_wh=10_000)

    assert started == {"admission": "allow", "outcome": "succeeded"}
    assert going == {"decision": "continue", "cost": "4.90 EUR"}
    assert (stopped["total"], stopped["settlement"]) == ("4.90 EUR", "settled")
    assert stopped == post("/sessions/S-1/stop", at=at, energy_wh=10_000)


def test_the_django_page_answers_mistakes(django_client: Any) -> None:
    """An unknown session is a 404, a webhook without a signature a 400."""
    body = json.dumps({"at": NOON.isoformat(), "energy_wh": 1})

    unknown = django_client.post("/sessions/S-9/stop", data=body, content_type="application/json")
    forged = django_client.post("/webhooks/sandbox", data=body, content_type="application/json")

    assert (unknown.status_code, forged.status_code) == (404, 400)


def test_the_django_page_takes_webhooks(django_client: Any) -> None:
    """Without a CSRF token: the signature proves the sender."""
    body, headers = _signed()

    signed = django_client.post("/webhooks/sandbox", data=body, content_type="application/json", headers=headers)
    forged = django_client.post("/webhooks/sandbox", data=body + b" ", content_type="application/json", headers=headers)

    assert (signed.status_code, forged.status_code, forged.content) == (200, 401, b"")


def test_the_django_page_drains_its_events(django_client: Any) -> None:
    """The management command ends when there is nothing more to tell."""
    import sys

    body = json.dumps({"token": "sandbox_approve", "driver": "anna", "at": NOON.isoformat()})
    django_client.post("/sessions/S-1/start", data=body, content_type="application/json")
    django_client.post(
        "/sessions/S-1/stop",
        data=json.dumps({"at": (NOON + timedelta(minutes=30)).isoformat(), "energy_wh": 10_000}),
        content_type="application/json",
    )
    page = sys.modules["page_django"]

    first, second = page.tell_stations(), page.tell_stations()

    assert first > 0
    assert second == 0
