"""The settings on the page about configuration work as they stand."""

import re
from pathlib import Path

import pytest

from evpay import EvPay, Policy, Settings
from tests.docs.pages import ROOT, as_module

PAGE = "docs/reference/configuration.md"
SECRETS = {"STRIPE_EU_KEY": "sk_test_" + "x" * 24, "ADYEN_HMAC_KEY": "A1" * 32}


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the page, with the secrets that it names."""
    (text,) = re.findall(r"^```toml\n(.*?)^```$", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    secret = tmp_path / "stripe_eu_webhook"
    secret.write_text("whsec_" + "x" * 32, encoding="utf-8")
    for name in re.findall(r'"env:(\w+)"', text):
        monkeypatch.setenv(name, SECRETS.get(name, "x" * 24))
    file = tmp_path / "evpay.toml"
    file.write_text(text.replace("/run/secrets/stripe_eu_webhook", str(secret)), encoding="utf-8")
    return file


def test_the_file_on_the_page_opens(settings_file: Path) -> None:
    """Providers, policy, sellers and sites are read as the page shows them."""
    settings = Settings.load(settings_file)

    pay = EvPay.open(settings)

    assert isinstance(pay, EvPay)
    assert ["stripe_eu", "adyen", "braintree"] == [provider.account.name for provider in settings.built_providers()]
    assert "90.00 EUR" == str(settings.built_policy().amount("hold_max", "EUR"))
    assert "acme_de" == settings.built_sites()["harbour"].seller
    assert "DE123456789" == settings.built_sellers()["acme_de"].vat_id


def test_a_mapping_comes_from_the_environment_as_json(settings_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page writes it."""
    (variable, value) = re.findall(
        r"`(EVPAY_PROVIDERS__BRAINTREE__MERCHANT_ACCOUNTS)='(.*?)'`", (ROOT / PAGE).read_text(encoding="utf-8")
    )[0]
    monkeypatch.setenv(variable, value)

    provider = Settings.load(settings_file).built_providers()[-1]

    assert {"EUR"} <= set(provider.capabilities.amounts or {})


def test_the_environment_wins_over_the_file(settings_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables on the page are read."""
    monkeypatch.setenv("EVPAY_STORE", "sqlite:///other.db")
    monkeypatch.setenv("EVPAY_POLICY__HOLD", "33 EUR")

    settings = Settings.load(settings_file)

    assert "sqlite:///other.db" == settings.store
    assert "33.00 EUR" == str(settings.built_policy().amount("hold", "EUR"))


def test_the_code_on_the_page_opens() -> None:
    """Two accounts, a policy and a site in code."""
    assert isinstance(as_module(PAGE, name="page_configuration").pay, EvPay)


def test_every_field_of_the_policy_is_on_the_page() -> None:
    """With its default, or explained elsewhere."""
    shown = set(re.findall(r"`(\w+)`", (ROOT / PAGE).read_text(encoding="utf-8")))
    fixed = {"late_data", "debt", "unsecured", "pricing"}

    assert set(Policy.model_fields) - fixed <= shown
