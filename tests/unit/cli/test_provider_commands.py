"""`evpay providers new` and `check`: what they write, what they refuse, and what they tell."""

import json
import sys

import pytest

RIG = """
from pathlib import Path
from evpay.testing.conformance import Methods, Rig
from evpay_providers.sandbox import SandboxProvider, SandboxSettings

def provider(base_url):
    return SandboxProvider(SandboxSettings(books=Path("books.db")))

def rig():
    return Rig(provider=provider, methods=Methods(approve="sandbox_approve"), package="evpay_providers.sandbox")

ready = rig()
broken = Rig(provider=provider, methods=Methods(approve="sandbox_decline_do_not_honor"))
nothing = 7
"""


@pytest.fixture
def rigged(tmp_path, monkeypatch):
    """A module with rigs, in the working directory."""
    name = f"rig_of_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(RIG, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    return name


def test_new_writes_a_package_and_touches_nothing_that_is_there(run, tmp_path):
    """A second one of the same name is refused, and the first is as it was."""
    made = run("providers", "new", "acme_pay")
    settings = tmp_path / "evpay-acme-pay" / "evpay_acme_pay" / "settings.py"
    settings.write_text("mine", encoding="utf-8")
    again = run("providers", "new", "acme_pay")

    assert (made.exit_code, again.exit_code) == (0, 2)
    assert settings.read_text(encoding="utf-8") == "mine"
    assert "is there already" in again.stderr
    assert "class AcmePayProvider" in (settings.parent / "adapter.py").read_text(encoding="utf-8")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "@" in path.name]


def test_new_leaves_no_blank_to_fill_in(run, tmp_path):
    """Every placeholder is filled in, and the package says where it is announced."""
    listed = json.loads(run("providers", "new", "acme", "--into", "there", "--json").stdout)["files"]

    texts = [(tmp_path / file).read_text(encoding="utf-8") for file in listed]
    assert not [text for text in texts if "@name@" in text or "@Name@" in text or "@dashed@" in text]
    assert any('acme = "evpay_acme"' in text for text in texts)


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "acme-pay", "1acme", "acme__pay", "acme_", "_acme", "../acme", "class", "tests", "a" * 31, "\u00e4"],
)
def test_new_refuses_what_cannot_be_a_name(run, tmp_path, name):
    """Nothing is written."""
    result = run("providers", "new", "--", name)

    assert result.exit_code == 2
    assert "cannot be a provider's name" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["", ":rig", ":ready"])
def test_check_takes_a_rig_or_a_function_that_makes_one(run, rigged, place):
    """And says in JSON what came of each promise."""
    result = run("providers", "check", rigged + place, "--only", "close_twice", "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (told["passed"], told["failed"], told["skipped"]) == (1, 0, 0)
    assert told["checks"][0]["name"] == "close_twice"


def test_check_ends_with_one_for_a_broken_promise(run, rigged):
    """The message names promise, expectation, finding and cure."""
    result = run("providers", "check", f"{rigged}:broken", "--only", "close_twice")

    assert result.exit_code == 1
    assert "0 passed, 1 failed, 0 skipped" in result.stdout
    for word in ("expected: Succeeded", "came:     Declined", "cure:     Make aclose"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("place", "cure"),
    [
        ("no_such_module", "cannot be imported"),
        ("{}:absent", "has no 'absent'"),
        ("{}:nothing", "is int, and no Rig"),
    ],
)
def test_check_says_what_is_wrong_with_the_place(run, rigged, place, cure):
    """Status 2, as every mistake of the caller's."""
    result = run("providers", "check", place.format(rigged))

    assert result.exit_code == 2
    assert cure in result.stderr


def test_check_knows_the_names_of_its_checks(run, rigged):
    """A word that is in none of them is a slip."""
    result = run("providers", "check", rigged, "--only", "moon")

    assert result.exit_code == 2
    assert "no check with 'moon'" in result.stderr
