"""Commands that look into a store: they need no provider and change nothing."""

import json
import sqlite3
from pathlib import Path

import pytest

from evpay.store import migrate


def test_intents_lists_what_is_there(run, used):
    """Status, facts, session and account; newest first."""
    found = json.loads(run("--store", used, "intents", "--json").stdout)["intents"]

    assert [intent["key"] for intent in found] == ["key:order-1", "session:S-1"]
    assert found[1]["status"] == "partially_refunded"
    assert found[1]["facts"]["captured"] == 1000
    shown = run("--store", used, "intents").stdout
    assert "S-1" in shown
    assert "10.00" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("named", ["session", "key", "id"])
def test_intents_shows_one_by_any_of_its_names(run, used, named):
    """Operations, events with their hashes, and postings that sum to zero."""
    listed = json.loads(run("--store", used, "intents", "--json").stdout)["intents"]
    name = {"session": "S-1", "key": "order-1", "id": listed[1]["id"]}[named]

    found = json.loads(run("--store", used, "intents", name, "--json").stdout)
    kinds = [operation["kind"] for operation in found["intent"]["operations"]]
    assert kinds == (["authorize"] if named == "key" else ["authorize", "capture", "refund"])
    if named != "key":
        assert [event["kind"] for event in found["events"]][-1] == "refund.succeeded"
        assert sum(posting["amount"] for posting in found["postings"] if posting["debit"] == "clearing") == 1000
    assert run("--store", used, "intents", name).exit_code == 0


def test_intent_for_a_person_names_the_balances(run, used):
    """Each part has its heading, and the ledger sums to zero."""
    shown = run("--store", used, "intents", "S-1").stdout

    for text in ("Attempts", "Operations", "Events", "Postings", "clearing 8.00", "their sum is 0.00"):
        assert text in " ".join(shown.split())


def test_unknown_intent_is_said(run, used):
    """Status 2."""
    result = run("--store", used, "intents", "S-9")

    assert (result.exit_code, result.stderr) == (2, "evpay: There is no payment intent 'S-9'.\n")


def test_other_tenants_have_other_payments(run, used):
    """Nothing of one tenant is shown to another."""
    assert json.loads(run("--store", used, "intents", "--tenant", "acme", "--json").stdout) == {"intents": []}
    assert "No payments" in run("--store", used, "intents", "--tenant", "acme").stdout


@pytest.mark.parametrize(
    ("options", "begins"), [((), "*****"), (("--format", "html"), "<!doctype html"), (("--format", "json"), "{")]
)
def test_receipt_is_printed_in_each_format(run, used, options, begins):
    """Text for people, HTML for mails, JSON for programs."""
    result = run("--store", used, "receipt", "R-2026-000001", *options)

    assert result.exit_code == 0
    assert result.stdout.lower().startswith(begins)
    assert "R-2026-000001" in result.stdout


def test_receipt_obeys_json_and_locale(run, used):
    """`--json` is the stored document; words are the reader's."""
    assert json.loads(run("--json", "--store", used, "receipt", "R-2026-000002").stdout)["kind"] == "credit_note"
    assert "KORREKTURBELEG" in run("--store", used, "receipt", "R-2026-000002", "--locale", "de").stdout
    assert run("--store", used, "receipt", "R-2026-000002", "--locale", "xx_YY_zz").exit_code == 2
    assert "There is no receipt 'R-9'" in run("--store", used, "receipt", "R-9").stderr


def test_reading_makes_no_store(run, tmp_path):
    """A name with a typo is an error, not an empty store."""
    url = f"sqlite:///{tmp_path / 'typo.db'}"
    for command in (("intents",), ("receipt", "R-1"), ("recover",), ("migrate",)):
        assert run("--store", url, *command).exit_code == 2

    assert not (tmp_path / "typo.db").exists()


def test_store_that_nobody_used_stays_without_a_mode(run, tmp_path):
    """Whether it is for test or live is for its first EvPay to say."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    migrate(url)

    assert "the store is new" in run("--store", url, "intents").stderr
    with sqlite3.connect(tmp_path / "new.db") as connection:
        assert connection.execute("SELECT count(*) FROM store").fetchone() == (0,)
    connection.close()


def test_live_store_is_read_without_its_keys(run, used, tmp_path):
    """The mode is the store's own."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("UPDATE store SET mode = 'live'")
    connection.close()

    assert run("--store", used, "intents", "S-1").exit_code == 0


def test_migrate_says_from_where_to_where(run, tmp_path):
    """Once there is something to do, and then not."""
    (tmp_path / "new.db").touch()
    url = f"sqlite:///{tmp_path / 'new.db'}"
    first = json.loads(run("--store", url, "migrate", "--json").stdout)

    assert (first["from"], first["changed"]) == (None, True)
    assert "nothing to do" in run("--store", url, "migrate").stdout
    assert json.loads(run("--store", url, "migrate", "--json").stdout)["changed"] is False


def settings(tmp_path: Path, **books: str) -> Path:
    lines = [f"store = 'sqlite:///{tmp_path / 'shop.db'}'"]
    lines += [f"providers.{name} = {{ use = 'sandbox', books = '{file}' }}" for name, file in books.items()]
    (tmp_path / "evpay.toml").write_text("\n".join(lines))
    return tmp_path / "evpay.toml"


def test_recover_makes_one_pass_with_the_settings_file(run, used, tmp_path):
    """The file in the working directory is found by itself; counts are told."""
    settings(tmp_path, shop=str(tmp_path / "shop.books.db"))

    counts = json.loads(run("recover", "--json").stdout)

    assert counts["failed"] == 0
    assert set(counts) >= {"operations_settled", "evidence_applied", "sessions_looked_at"}
    assert run("--config", tmp_path / "evpay.toml", "recover").exit_code == 0


def test_recover_needs_providers(run, used):
    """They are what it asks."""
    result = run("--store", used, "recover")

    assert result.exit_code == 2
    assert "There is no provider" in result.stderr


def test_providers_tells_what_each_can_do(run, tmp_path):
    """What is installed, and the accounts of the settings file."""
    settings(tmp_path, shop=str(tmp_path / "shop.books.db"))
    found = json.loads(run("providers", "--json").stdout)

    names = {row["name"]: row for row in found["providers"]}
    assert names["sandbox"]["capabilities"]["funding"] == "hold"
    assert names["stripe"]["capabilities"]["refund"] is True
    assert [row["name"] for row in found["accounts"]] == ["shop (test)"]
    shown = run("providers").stdout
    assert "stripe" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_providers_says_how_to_install_what_is_missing(run, monkeypatch):
    """The adapter is there, its SDK is not."""
    monkeypatch.setitem(__import__("sys").modules, "stripe", None)
    found = json.loads(run("providers", "--json").stdout)
    stripe = next(row for row in found["providers"] if row["name"] == "stripe")

    assert stripe["capabilities"] is None
    assert "pip install 'evpay[stripe]'" in stripe["problem"]
    assert "pip install 'evpay[stripe]'" in run("providers").stdout


def test_settings_file_that_is_wrong_is_named(run, tmp_path):
    """By its name, or by the path of the line."""
    (tmp_path / "evpay.toml").write_text("stroe = 'x'")

    assert "stroe" in run("recover").stderr
    assert "cannot be read" in run("--config", "none.toml", "recover").stderr
