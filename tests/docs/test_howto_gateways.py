"""The how-to pages about gateways: what they show is run, over HTTP and in front of the emulators."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from evpay_contrib_emulators import running
from evpay_contrib_emulators.faults import REQUEST_FAULTS, WEBHOOK_FAULTS

from evpay.providers import MAX_BODY_BYTES
from tests.docs.pages import ROOT, as_module, python_blocks

pytestmark = pytest.mark.scenario

OFFLINE = "docs/howto/run-gateways-offline.md"
SWITCH = "docs/howto/switch-gateways.md"
WEBHOOKS = "docs/howto/take-webhooks.md"
HMAC_KEYS = ("A1" * 32, "B2" * 32)
ACCOUNTS = {
    "STRIPE": {"API_KEY": "sk_test_of_the_page", "WEBHOOK_SECRET": "whsec_of_the_page_new_one"},
    "ADYEN": {"API_KEY": "AQE-key-of-the-page", "MERCHANT_ACCOUNT": "AcmeCharging", "HMAC_KEY": HMAC_KEYS[0]},
    "BRAINTREE": {
        "MERCHANT_ID": "merchant",
        "PUBLIC_KEY": "public",
        "PRIVATE_KEY": "a-private-key-of-the-page",
        "MERCHANT_ACCOUNTS": '{"EUR": "eur"}',
    },
}


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _passed(page: str, folder: Path) -> str:
    """Run the page's code as the test file that it is, with nothing of this project's around it."""
    (folder / "test_page.py").write_text("\n".join(python_blocks(page)), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tests_of_the_offline_page_pass(tmp_path: Path) -> None:
    """Whoever copies them starts green."""
    assert "3 passed" in _passed(OFFLINE, tmp_path)


def test_the_rehearsal_of_the_switch_passes(tmp_path: Path) -> None:
    """With the configuration that stands on the page."""
    (text,) = re.findall(r"^```toml\n(.*?)^```$", _text(SWITCH), re.MULTILINE | re.DOTALL)
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef tmp_path():\n"
        f"    import pathlib\n    return pathlib.Path({str(work)!r})\n",
        encoding="utf-8",
    )
    (work / "evpay.toml").write_text(text, encoding="utf-8")

    assert "1 passed" in _passed(SWITCH, tmp_path)


def test_the_offline_page_names_every_fault() -> None:
    """None is missing, none is made up."""
    named = set(re.findall(r"`(\w+)`", _text(OFFLINE)))

    assert (set(REQUEST_FAULTS) | set(WEBHOOK_FAULTS)) - named == set()


@pytest.mark.parametrize("name", ["stripe", "adyen", "braintree"])
def test_the_offline_page_names_every_act(name: str) -> None:
    """As the emulator itself lists them."""
    (row,) = re.findall(rf"^\| `{name}` \| ((?:`\w+`,? ?)+)\|$", _text(OFFLINE), re.MULTILINE)
    with running(name) as emulator, pytest.raises(ValueError, match="nothing") as refused:
        emulator.act("nothing")

    known = re.findall(r"\w+", str(refused.value).partition("there are ")[2])
    assert sorted(re.findall(r"\w+", row)) == sorted(known)


@pytest.mark.parametrize("name", ["stripe", "adyen", "braintree"])
def test_the_package_page_names_every_option(name: str) -> None:
    """Of each gateway, in its own section."""
    options = import_module(f"evpay_contrib_emulators.{name}.options").Options
    section = _text("contrib/emulators/README.md").partition(f"\n## {name.capitalize()}\n")[2].partition("\n## ")[0]

    assert {field.name for field in fields(options)} - set(re.findall(r"`(\w+)`", section)) == set()


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("stripe", ["webhook_secrets"]),
        ("adyen", ["api_key", "merchant_account"]),
        ("braintree", ["merchant_id", "public_key", "private_key"]),
    ],
)
def test_the_offline_page_has_the_accounts_that_are_there(name: str, defaults: list[str]) -> None:
    """Whoever starts an emulator without options can talk to it with what the page says."""
    options = import_module(f"evpay_contrib_emulators.{name}.options").Options()
    values = [getattr(options, default) for default in defaults]
    texts = [text for value in values for text in ([value] if isinstance(value, str) else value)]

    assert [] == [text for text in texts if f"`{text}`" not in _text(OFFLINE)]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The application of the page about webhooks, with accounts from the environment."""
    from starlette.testclient import TestClient

    monkeypatch.chdir(tmp_path)
    for account, given in ACCOUNTS.items():
        for field, value in given.items():
            monkeypatch.setenv(f"EVPAY_PROVIDERS__{account}__{field}", value)
    monkeypatch.setenv("EVPAY_PROVIDERS__STRIPE__WEBHOOK_SECRETS", json.dumps(["whsec_of_the_page_old_one"]))
    page = as_module(WEBHOOKS, name="page_take_webhooks")
    with TestClient(page.app) as client:
        yield client


def _kept() -> int:
    with closing(sqlite3.connect("evpay.db")) as connection:
        found: int = connection.execute("SELECT count(*) FROM inbox").fetchone()[0]
    return found


def _message(name: str, **options: Any) -> tuple[bytes, dict[str, str]]:
    """Return what an emulator signs about a payment of somebody else's."""
    with running(name, **options) as emulator:
        if name == "stripe":
            body = b"amount=500&currency=eur&confirm=true&payment_method=pm_card_visa&capture_method=manual"
            import httpx

            headers = {
                "Authorization": "Bearer sk_test_of_the_page",
                "Content-Type": "application/x-www-form-urlencoded",
            }
            httpx.post(f"{emulator.url}/v1/payment_intents", content=body, headers=headers, trust_env=False)
        message = next(iter(emulator.webhooks()))
    return message["body"].encode(), message["headers"]


@pytest.mark.parametrize("secret", ["whsec_of_the_page_new_one", "whsec_of_the_page_old_one"])
def test_a_message_signed_with_either_secret_is_kept(served: Any, secret: str) -> None:
    """While one replaces the other, both are accepted."""
    body, headers = _message("stripe", webhook_secrets=[secret])

    answer = served.post("/webhooks/stripe", content=body, headers=headers)

    assert (answer.status_code, answer.content, _kept()) == (200, b"", 1)


def test_braintrees_challenge_is_answered_as_its_own_sdk_would(served: Any) -> None:
    """The text is the SDK's, for the same keys."""
    import braintree

    keys = ACCOUNTS["BRAINTREE"]
    sdk = braintree.BraintreeGateway(
        braintree.Configuration(
            braintree.Environment.Sandbox,
            merchant_id=keys["MERCHANT_ID"],
            public_key=keys["PUBLIC_KEY"],
            private_key=keys["PRIVATE_KEY"],
        )
    )
    challenge = "20f9f8ed05f77439fe955c977e4c8a53"

    answer = served.get(f"/webhooks/braintree?bt_challenge={challenge}")

    assert (answer.status_code, answer.text) == (200, sdk.webhook_notification.verify(challenge))


@pytest.mark.parametrize(
    ("method", "address", "sent", "status"),
    [
        ("PUT", "/webhooks/stripe", {}, 405),
        ("POST", "/webhooks/stripe", {"content": bytes(MAX_BODY_BYTES + 1)}, 413),
        ("POST", "/webhooks/nobody", {"content": b"{}"}, 404),
        ("POST", "/webhooks/stripe", {"content": b"{}", "headers": {f"x-{number}": "1" for number in range(101)}}, 413),
        ("POST", "/webhooks/stripe", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
        ("POST", "/webhooks/stripe", {"content": b"{}", "headers": {"Stripe-Signature": "none"}}, 400),
        (
            "POST",
            "/webhooks/stripe",
            {"content": b"{}", "headers": {"Stripe-Signature": f"t=1763650000,v1={'0' * 64}"}},
            401,
        ),
        ("POST", "/webhooks/adyen", {"json": {"moon": "rose"}}, 400),
        ("GET", "/webhooks/braintree?bt_challenge=moon", {}, 400),
        ("GET", "/webhooks/stripe", {}, 404),
    ],
)
def test_what_the_page_says_is_refused_is(served: Any, method: str, address: str, sent: dict[str, Any], status: int):
    """With its status, without words, and nothing is kept."""
    answer = served.request(method, address, **sent)

    assert (answer.status_code, _kept()) == (status, 0)
    assert answer.content == b"" or status == 405
