"""`evpay demo` as a shell sees it: every step, nothing that moves in a pipe, and books that must agree."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.scenario

EVPAY = [sys.executable, "-c", "from evpay.cli import main; main()"]
STEPS = ["opened", "tariff", "started", "reading", "increment", "captured", "receipt", "refund", "failover",
         "paid", "held", "switched", "ledger", "check", "done"]  # fmt: skip
GATEWAYS = ["stripe", "adyen", "braintree"]


@pytest.fixture
def environment(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVPAY_")}
    return {**kept, "TMPDIR": str(tmp_path), "PYTHONWARNINGS": "error"}


@pytest.fixture
def evpay(environment, tmp_path):
    """Run the command in an empty folder."""

    def run(*arguments):
        command = [*EVPAY, *map(str, arguments)]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=60
        )

    return run


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """One whole demo, as JSON: its folder, what it printed, and its steps."""
    folder = tmp_path_factory.mktemp("demo")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVPAY_")}
    result = subprocess.run(
        [*EVPAY, "demo", "--json"],
        check=False,
        capture_output=True,
        text=True,
        env={**kept, "TMPDIR": str(folder), "PYTHONWARNINGS": "error"},
        cwd=folder,
        timeout=100,
    )
    return folder, result, steps_of(result)


def steps_of(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def named(steps, name):
    return [step for step in steps if step["step"] == name]


def test_demo_tells_every_step_as_json(told):
    """One object a line; the amounts belong together, and everything agrees."""
    folder, result, steps = told

    assert (result.returncode, result.stderr) == (0, "")
    assert list(dict.fromkeys(step["step"] for step in steps)) == STEPS
    assert steps[-1]["ok"] is True
    assert Path(steps[-1]["folder"]).parent == folder
    facts = named(steps, "refund")[0]["facts"]
    assert facts["authorized"] == facts["captured"] + facts["released"]
    assert facts["refunded"] == 200
    assert named(steps, "increment")[0]["increment"] == "granted"
    attempts = named(steps, "failover")[0]["intent"]["attempts"]
    assert [(found["account"]["name"], found["status"]) for found in attempts] == [
        ("sandbox_one", "failed"), ("sandbox_two", "authorized"),
    ]  # fmt: skip
    assert named(steps, "ledger")[0]["sums"] == {"EUR": 0}
    assert all(line["agrees"] for line in named(steps, "check")[0]["lines"])


def test_demo_switches_gateways_while_sessions_run(told):
    """Each session ends at the gateway where it began, over HTTP, and the gateways' own books say the same."""
    steps = told[2]

    homes = [step["intent"]["attempts"][-1]["account"]["name"] for step in named(steps, "held")]
    assert homes == GATEWAYS
    assert [(step["first"], step["running"]) for step in named(steps, "switched")] == [
        ("adyen", ["S-3"]), ("braintree", ["S-3", "S-4"]),
    ]  # fmt: skip
    assert [step["facts"]["captured"] for step in named(steps, "paid")[1:]] == [531, 531, 531]
    lines = {line["session"]: line for line in named(steps, "check")[0]["lines"]}
    assert [lines[name]["processor"]["captured"] for name in ("S-3", "S-4", "S-5")] == [531, 531, 531]


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_demo_runs_a_recording_at_each_emulator(evpay, gateway):
    """Without a server to name: evpay starts one, and it agrees in the end."""
    result = evpay("demo", "--fast", "--json", "--provider", gateway)
    steps = steps_of(result)

    assert (result.returncode, result.stderr) == (0, "")
    (line,) = named(steps, "check")[0]["lines"]
    assert (line["account"], line["agrees"]) == (gateway, True)
    assert line["processor"]["captured"] == 767


def test_fast_demo_leaves_the_gateways_out_and_says_so(evpay):
    """They take seconds to start; what is told agrees all the same."""
    result = evpay("demo", "--fast")

    assert (result.returncode, result.stderr) == (0, "")
    assert "Without --fast" in result.stdout
    assert "held at stripe" not in result.stdout
    assert "own books agree to the cent" in result.stdout


def test_demo_without_emulators_says_so(evpay, tmp_path, environment):
    """It is the sandbox then, and how to have the others is said."""
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text("import sys\nsys.modules['evpay_contrib_emulators'] = None\n")
    environment["PYTHONPATH"] = str(tmp_path)
    result = evpay("demo")

    assert (result.returncode, result.stderr) == (0, "")
    assert "pip install evpay-contrib-emulators" in result.stdout
    assert "own books agree to the cent" in result.stdout


def test_demo_in_a_pipe_is_plain_text(evpay):
    """No escape sequence, no animation, no line wider than a common terminal but the address of the store."""
    result = evpay("demo")

    assert (result.returncode, result.stderr) == (0, "")
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stdout) == []
    assert [line for line in result.stdout.splitlines() if len(line) > 80 and "evpay-demo-" not in line] == []
    for text in ("Tariff", "Held before", "Raise", "Captured", "RECEIPT R-", "Refund", "Fail over", "sum"):
        assert text in result.stdout
    assert "own books agree to the cent" in result.stdout


def test_demo_survives_a_terminal_without_unicode(evpay, environment):
    """What cannot be shown is replaced."""
    environment["PYTHONIOENCODING"] = "ascii"
    environment["PYTHONUTF8"] = "0"
    result = evpay("demo", "--fast")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.isascii()


def test_what_a_demo_leaves_can_be_looked_at(evpay, told):
    """Its store is one like any other, and the settings beside it name its accounts."""
    steps = told[2]
    store, folder = steps[-1]["store"], Path(steps[-1]["folder"])

    listed = json.loads(evpay("--store", store, "intents", "--json").stdout)["intents"]
    assert [intent["session_id"] for intent in listed] == ["S-5", "S-4", "S-3", "S-2", "S-1"]
    number = named(steps, "receipt")[0]["number"]
    receipt = json.loads(evpay("--store", store, "receipt", number, "--json").stdout)
    assert receipt["captured"] == named(steps, "receipt")[0]["receipt"]["captured"]
    assert evpay("--config", folder / "evpay.toml", "recover").stdout == "Nothing was due.\n"
    assert evpay("demo", "--check", folder).returncode == 0


BOOKS = "UPDATE payment SET captured = captured - 1, released = released + 1 WHERE captured > 0"
STRANGER = "UPDATE payment SET reference = 'somebody-else'"
POSTING = "UPDATE ledger SET amount = amount + 1 WHERE debit = 'clearing'"
NO_POSTING = "DELETE FROM ledger WHERE credit = 'clearing'"
FACTS = "UPDATE payment SET refunded = refunded + 1 WHERE refunded > 0"


def doctor(file, statement):
    connection = sqlite3.connect(file)
    triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    changed = connection.execute(statement).rowcount
    connection.commit()
    connection.close()
    assert changed > 0


def test_any_difference_ends_with_status_1(evpay, told, tmp_path):
    """A row changed in the store or in a processor's books is found."""
    done = told[2][-1]
    cases = [("sandbox_one.books.db", BOOKS), ("sandbox_two.books.db", STRANGER)]
    cases += [("evpay.db", statement) for statement in (POSTING, NO_POSTING, FACTS)]

    for number, (file, statement) in enumerate(cases):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(done["folder"], copy)
        toml = (copy / "evpay.toml").read_text().replace(done["folder"], str(copy))
        (copy / "evpay.toml").write_text(toml)
        doctor(copy / file, statement)
        result = evpay("demo", "--check", copy, "--json")
        steps = steps_of(result)
        assert (result.returncode, steps[-1]["ok"]) == (1, False), statement
        assert named(steps, "check")[0]["differences"], statement


def test_ctrl_c_leaves_the_terminal_as_it_was(environment, tmp_path):
    """Status 130, and no traceback; in a real terminal the cursor comes back."""
    primary, secondary = os.openpty()
    environment = {**environment, "TERM": "xterm"}
    process = subprocess.Popen(
        [*EVPAY, "demo"], stdin=secondary, stdout=secondary, stderr=secondary, env=environment, cwd=tmp_path
    )
    os.close(secondary)
    shown = b""
    while "░".encode() not in shown:
        shown += os.read(primary, 65_536)
    process.send_signal(signal.SIGINT)
    try:
        while more := os.read(primary, 65_536):
            shown += more
    except OSError:
        pass  # the other end is closed
    os.close(primary)

    assert process.wait(20) == 130
    assert b"Traceback" not in shown
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")


def test_recording_is_run_at_the_sandbox(evpay, tmp_path):
    """Any file, any tariff; readings after the end are kept and told."""
    (tmp_path / "s.csv").write_text(
        "time,register_wh\n2026-03-01T10:00:00Z,5000\n2026-03-01T10:30:00+00:00,9000\n2026-03-01T11:00:00Z,15000\n"
    )
    tariff = {
        "id": "T", "country_code": "NO", "party_id": "EVP", "currency": "NOK", "tax_included": "YES",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 5, "step_size": 1, "taxes": []}]}],
    }  # fmt: skip
    (tmp_path / "t.json").write_text(json.dumps(tariff))
    steps = steps_of(evpay("demo", "--fast", "--json", "--session", "s.csv", "--tariff", "t.json"))

    assert steps[-1]["ok"] is True
    assert named(steps, "captured")[0]["total"] == {"amount": "50.00", "currency": "NOK"}
    assert named(steps, "receipt")[0]["receipt"]["started_at"] == "2026-03-01T10:00:00Z"


def test_refused_method_ends_the_demo_with_status_1(evpay):
    """Nobody charges, nothing is held, and that is what all books say."""
    result = evpay("demo", "--fast", "--json", "--method", "sandbox_decline_insufficient_funds")
    steps = steps_of(result)

    assert result.returncode == 1
    assert named(steps, "denied")[0]["intent"]["outcome"]["reason"] == "insufficient_funds"
    assert named(steps, "check")[0]["differences"] == []
