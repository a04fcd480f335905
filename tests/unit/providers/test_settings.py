"""What the settings of every account refuse, and in whose words."""

import pickle
import subprocess
import sys
from typing import Annotated

import pytest
from pydantic import Field, SecretStr

from evpay.errors import ConfigurationError
from evpay.providers.settings import AccountSettings, ServerUrl, SigningSecret, is_loopback, revealed

SECRET = "do-not-show-me-at-all"


class AcmeSettings(AccountSettings):
    """A processor whose key says whether it is live."""

    account: str = "acme"
    api_key: SecretStr
    webhook_secrets: tuple[SigningSecret, ...] = ()
    side_url: ServerUrl | None = None
    threads: Annotated[int, Field(ge=1)] = 1

    @property
    def live(self) -> bool:
        return self.api_key.get_secret_value().startswith("live_")

    @property
    def servers(self):
        return (self.base_url, self.side_url)


def fault(**fields):
    with pytest.raises(ConfigurationError) as caught:
        AcmeSettings(**{"api_key": f"test_{SECRET}", **fields})
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_misspelt_field_is_answered_with_those_there_are():
    """Nobody should have to know whose words "extra inputs" are."""
    said = fault(thread=2)

    assert said.startswith("providers.acme.thread: there is no such field. Known: account, ")
    assert "threads" in said


def test_missing_field_is_named_with_its_variable():
    """Of the account, not of the processor."""
    with pytest.raises(ConfigurationError) as caught:
        AcmeSettings(account="acme_no")

    assert str(caught.value) == (
        "providers.acme_no.api_key: is missing. Set it in AcmeSettings or as EVPAY_PROVIDERS__ACME_NO__API_KEY."
    )


@pytest.mark.parametrize("name", ["base_url", "side_url"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://localhost", "http://[::1]:1/v1", "http://127.8.9.1"])
def test_live_key_goes_to_no_stand_in(url, name):
    """Whichever of the servers it is; a key for tests may."""
    assert "live key" in fault(api_key="live_x", **{name: url})
    assert getattr(AcmeSettings(api_key="test_x", **{name: url + "/"}), name) == url


@pytest.mark.parametrize("url", [
    "http://api.acme.example", "http://10.0.0.1", "http://127.0.0.1.acme.example", "ftp://127.0.0.1", "127.0.0.1:80",
    "http://u:p@127.0.0.1", "https://api.acme.example?key=1", "https://", "http://[::1", "",
])  # fmt: skip
def test_address_that_would_leak_the_key_is_refused(url):
    """Plain http is for this machine only."""
    assert fault(base_url=url).startswith("providers.acme.base_url: ")


@pytest.mark.parametrize("secret", ["", " " * 20, "too-short"])
def test_secret_that_proves_nothing_is_refused_and_its_place_named(secret):
    """The second of them is as good a way in as the first."""
    assert fault(webhook_secrets=("long-enough-to-prove", secret)).startswith(
        "providers.acme.webhook_secrets.1: is empty"
    )


@pytest.mark.parametrize("fields", [{"deadline": 0}, {"deadline": 121}, {"threads": 0}])
def test_number_out_of_its_range_is_refused(fields):
    """A call has an end, and one thread at least."""
    assert fault(**fields).startswith(f"providers.acme.{next(iter(fields))}: ")


def test_variable_that_is_no_json_is_refused_without_showing_it(monkeypatch):
    """It may hold a secret."""
    monkeypatch.setenv("EVPAY_PROVIDERS__ACME__WEBHOOK_SECRETS", SECRET)

    assert "EVPAY_PROVIDERS__ACME__... does not hold the JSON" in fault()


def test_settings_do_not_pickle():
    """A pickle would carry the key in the clear."""
    with pytest.raises(ConfigurationError, match="not pickled"):
        pickle.dumps(AcmeSettings(api_key="test_x"))


def test_settings_stay_as_they_are():
    """What was checked is what is used."""
    with pytest.raises(ValueError, match="frozen"):
        AcmeSettings(api_key="test_x").base_url = "https://elsewhere.example"


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://localhost:1", True), ("https://[::1]", True), ("https://127.0.0.1.example", False), ("", False),
     (None, False), ("https://0.0.0.0", False), ("https://2130706433", False)],
)  # fmt: skip
def test_this_machine_is_known_by_its_address(url, expected):
    """No name is looked up."""
    assert is_loopback(url) is expected


def test_secrets_that_are_not_set_are_left_out():
    """The verifier gets what there is."""
    assert revealed(None, SecretStr("a"), SecretStr("b")) == ("a", "b")


def test_the_library_for_settings_is_loaded_with_the_first_account_only():
    """`import evpay` stays light."""
    program = "import evpay, evpay.providers, sys; sys.exit('pydantic_settings' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
