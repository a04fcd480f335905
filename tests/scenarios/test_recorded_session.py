"""A session recorded from a station, paid through the Stripe adapter; what the server says it holds is what counts.

localstripe knows neither increments nor search nor idempotency and refuses optional parameters: with it there is no
increment, and nothing is proven about replay. The frames are those of a real client, with other names, times and a
larger consumption: values in Wh and kWh, power beside energy, a central system that was away, meter values that
came after the stop.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.servers import running_localstripe, running_stripe_server

pytestmark = pytest.mark.scenario

EVPAY = [sys.executable, "-c", "from evpay.cli import main; main()"]
KEY = {"Authorization": "Bearer sk_test_evpay_demo"}
BEGIN = datetime(2026, 6, 3, 9, 26, tzinfo=UTC)
TARIFF = {
    "id": "AC", "country_code": "NL", "party_id": "EVP", "currency": "EUR", "tax_included": "YES",
    "elements": [{"price_components": [
        {"type": "FLAT", "price": "0.50", "step_size": 1, "taxes": []},
        {"type": "ENERGY", "price": "0.45", "step_size": 1, "taxes": []},
    ]}],
}  # fmt: skip
METER = ((5, "74580", "Wh"), (10, "80.568", "kWh"))
LATE = ((15, "82626"), (20, "85097"), (25, "87118"))


def moment(minutes, seconds=0):
    return (BEGIN + timedelta(minutes=minutes, seconds=seconds)).isoformat().replace("+00:00", "Z")


def recording(station="CP-7"):
    """Frames as a central system logged them."""
    frames = []

    def said(minutes, action, payload, answer=None):
        number = f"id-{len(frames)}"
        for direction, frame in (("<-", [2, number, action, payload]), ("->", [3, number, answer or {}])):
            frames.append({"t": moment(minutes, 1), "cp": station, "dir": direction, "frame": frame})

    def metered(at, arrived, value, unit):
        samples = [
            {"context": "Sample.Periodic", "location": "Outlet", "value": value, "unit": unit,
             "measurand": "Energy.Active.Import.Register"},
            {"context": "Sample.Periodic", "value": "21.5", "unit": "kW", "measurand": "Power.Active.Import"},
        ]  # fmt: skip
        value = {
            "connectorId": 1,
            "transactionId": 668,
            "meterValue": [{"timestamp": moment(at), "sampledValue": samples}],
        }
        said(arrived, "MeterValues", value)

    accepted = {"idTagInfo": {"status": "Accepted"}}
    said(-1, "BootNotification", {"chargePointVendor": "Example", "chargePointModel": "Simple"})
    said(0, "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"})
    started = {"idTag": "TAG1", "meterStart": 70000, "timestamp": moment(0), "connectorId": 1}
    said(0, "StartTransaction", started, {"transactionId": 668, **accepted})
    said(0, "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    for at, value, unit in METER:
        metered(at, at, value, unit)
    frames.append({"note": "the central system is away; the station comes back without a BootNotification"})
    stopped = {"transactionId": 668, "meterStop": 88750, "timestamp": moment(30), "reason": "Local"}
    said(32, "StopTransaction", stopped, accepted)
    said(32, "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    for at, value in LATE:
        metered(at, 33, value, "Wh")
    return "\n".join(json.dumps(frame) for frame in frames)


@pytest.fixture
def pay_at(tmp_path):
    """Run the demo against a server and return its steps."""
    (tmp_path / "session.jsonl").write_text(recording())
    (tmp_path / "tariff.json").write_text(json.dumps(TARIFF))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVPAY_")}

    def run(url, *more, session="session.jsonl", tariff="tariff.json"):
        options = ["--provider", "stripe", "--base-url", url, *more]
        options += [*(("--session", session) if session else ()), *(("--tariff", tariff) if tariff else ())]
        done = subprocess.run(
            [*EVPAY, "demo", "--fast", "--json", *options], check=False, capture_output=True, text=True, timeout=60,
            cwd=tmp_path, env={**kept, "TMPDIR": str(tmp_path), "PYTHONWARNINGS": "error"},
        )  # fmt: skip
        assert done.stderr == ""
        return done.returncode, {step["step"]: step for step in map(json.loads, done.stdout.splitlines())}

    return run


@pytest.fixture(scope="module")
def localstripe():
    with running_localstripe() as server:
        yield server


def test_localstripe_says_what_it_held_captured_released_and_refunded(localstripe, pay_at):
    """18.75 kWh at 0.45 and a fee of 0.50 are 8.94 euros; 14.00 were held; a tenth goes back."""
    status, steps = pay_at(localstripe.url)
    payment = steps["started"]["intent"]["attempts"][0]["processor_id"]
    intent = localstripe.call("GET", f"/v1/payment_intents/{payment}", headers=KEY)
    charge = intent["latest_charge"]
    refunds = localstripe.call("GET", f"/v1/refunds?charge={charge['id']}", headers=KEY)["data"]

    assert (status, steps["done"]["ok"]) == (0, True)
    held = 50 + 30 * 45
    assert (intent["status"], intent["currency"], charge["amount"], charge["captured"]) == (
        "succeeded", "eur", held, True,
    )  # fmt: skip
    ours = [refund["amount"] for refund in refunds if "evpay_reference" in refund["metadata"]]
    given_back = [refund["amount"] for refund in refunds if "evpay_reference" not in refund["metadata"]]
    # It books what was not captured as a refund of its own; what is left is what it keeps.
    assert (ours, given_back) == ([89], [held - 894])
    assert held - sum(given_back) - sum(ours) == 894 - 89
    facts = steps["refund"]["facts"]
    assert {name: facts[name] for name in ("authorized", "captured", "released", "refunded")} == {
        "authorized": held, "captured": 894, "released": held - 894, "refunded": 89,
    }  # fmt: skip


def test_readings_that_come_after_the_stop_take_no_more_money(localstripe, pay_at):
    """They are older than the stop and below it: kept, and nothing changes."""
    _, steps = pay_at(localstripe.url)

    assert steps["late_readings"]["count"] == len(LATE)
    assert steps["late_readings"]["problems"] == []
    assert len([found for found in steps["check"]["lines"] if found["agrees"]]) == 1


def test_stripe_server_holds_the_same(pay_at):
    """A server with idempotency and search; each effect reached it once, and its totals are ours."""
    with running_stripe_server() as server:
        status, steps = pay_at(server.url)
        paths = [entry["path"] for entry in server.journal() if entry["method"] == "POST"]

    assert (status, steps["done"]["ok"]) == (0, True)
    assert [path.rpartition("/")[2] for path in paths] == ["payment_intents", "capture", "refunds"]
    told = steps["check"]["lines"][0]["processor"]
    assert told == {"authorized": 1400, "captured": 894, "released": 506, "refunded": 89, "charged_back": 0}


def test_all_but_the_address_has_a_default(pay_at):
    """A recording, a tariff, a method and a dummy key come with evpay."""
    with running_stripe_server() as server:
        status, steps = pay_at(server.url, session=None, tariff=None)

    assert (status, steps["done"]["ok"]) == (0, True)
    assert steps["recording"]["chosen"].startswith("station HARBOUR-07")


def test_another_method_of_the_server_is_declined(localstripe, pay_at):
    """A card that can be saved but not charged: nobody charges, and nothing is held."""
    status, steps = pay_at(localstripe.url, "--method", "pm_card_chargeCustomerFail")

    assert status == 1
    assert steps["denied"]["session"]["admission"] == "deny"
    assert "captured" not in steps


def test_server_that_is_away_is_a_failure_without_effect(pay_at):
    """Nothing listens there: not sent, and nobody charges."""
    status, steps = pay_at("http://127.0.0.1:1")

    assert status == 1
    assert steps["denied"]["intent"]["outcome"]["reason"] == "not_sent"
