"""Settings refuse what cannot work, and never show a secret."""

import pickle
import subprocess
import sys
from datetime import timedelta

import pytest

from evpay.errors import ConfigurationError
from evpay_providers.adyen import AdyenProvider, AdyenSettings

SECRET = "AQE-do-not-show-me-at-all"
SIGNING = "D0D0" * 16
PREFIX = "1797a841fbb37ca7-AcmeCompany"


def made(**fields):
    return AdyenSettings(**{"api_key": SECRET, "merchant_account": "Acme", **fields})


def live(**fields):
    return made(live=True, live_endpoint_prefix=PREFIX, **fields)


def refused(**fields):
    with pytest.raises(ConfigurationError) as caught:
        made(**fields)
    assert SECRET not in str(caught.value)
    return caught.value.path


@pytest.mark.parametrize("key", ["", "short", "with a space in the middle", "a" * 20 + "\n" + "b", "ключ" * 8])
def test_key_that_is_none_is_refused(key):
    """It goes into a header as it is."""
    assert refused(api_key=key) == "providers.adyen.api_key"


@pytest.mark.parametrize("name", ["", "Acme/../Other", "Acme Charging", "Acme?x=1", "a" * 81])
def test_merchant_account_is_a_plain_name(name):
    """It stands in addresses."""
    assert refused(merchant_account=name) == "providers.adyen.merchant_account"


@pytest.mark.parametrize("fields", [{"live": True}, {"live_endpoint_prefix": PREFIX}])
def test_live_and_prefix_go_together(fields):
    """A key does not say which platform it is for, so two settings do, and they must agree."""
    with pytest.raises(ConfigurationError, match="live_endpoint_prefix"):
        made(**fields)


@pytest.mark.parametrize("prefix", ["evil.example/", "a@b", "x#", "-x", ""])
def test_prefix_cannot_move_the_host(prefix):
    """It becomes part of a host's name."""
    with pytest.raises(ConfigurationError):
        made(live=True, live_endpoint_prefix=prefix)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://127.0.0.1"])
@pytest.mark.parametrize("name", ["base_url", "terminal_url"])
def test_live_account_is_refused_on_loopback(url, name):
    """Live keys never go to a stand-in."""
    with pytest.raises(ConfigurationError, match="live key"):
        live(**{name: url})


@pytest.mark.parametrize(
    ("url", "is_live"),
    [("https://checkout-test.adyen.com", True), (f"https://{PREFIX}-checkout-live.adyenpayments.com", False)],
)
def test_server_of_the_other_platform_is_refused(url, is_live):
    """The hosts say in their names which they are."""
    with pytest.raises(ConfigurationError, match="other platform"):
        (live if is_live else made)(base_url=url)


@pytest.mark.parametrize("url", ["http://checkout.adyen.example", "http://10.0.0.1", "ftp://127.0.0.1", "127.0.0.1:80", "http://u:p@127.0.0.1"])  # fmt: skip # noqa: E501
def test_url_that_would_leak_the_key_is_refused(url):
    """Plain http is for this machine only."""
    assert refused(base_url=url) == "providers.adyen.base_url"


@pytest.mark.parametrize("key", ["", "   ", "short", "AB", "xyz" * 20, "ABC" * 11])
def test_hmac_key_that_proves_nothing_is_refused(key):
    """Hex, and long enough."""
    assert refused(hmac_keys=(SIGNING, key)).startswith("providers.adyen.hmac_key")
    assert refused(hmac_key=key).startswith("providers.adyen.hmac_key")


@pytest.mark.parametrize("fields", [{"webhook_user": "u"}, {"webhook_password": "p"}])
def test_basic_authentication_is_whole(fields):
    """Half of it would let everybody in, or nobody."""
    with pytest.raises(ConfigurationError, match="webhook_password"):
        made(**fields)


@pytest.mark.parametrize("fields", [{"increments": True}, {"deadline": 0}, {"threads": 0}, {"overcapture_percent": -1}])
def test_what_makes_no_sense_is_refused(fields):
    """A misspelt setting is not ignored, and numbers are in their range."""
    refused(**fields)


def test_missing_key_names_the_variable(monkeypatch):
    """The message says where to put it."""
    monkeypatch.delenv("EVPAY_PROVIDERS__ADYEN__API_KEY", raising=False)

    with pytest.raises(ConfigurationError, match="EVPAY_PROVIDERS__ADYEN__API_KEY"):
        AdyenSettings(merchant_account="Acme")


def test_environment_fills_what_is_not_given(monkeypatch):
    """Each account has variables of its own; what code says wins."""
    monkeypatch.setenv("EVPAY_PROVIDERS__ADYEN_EU__API_KEY", SECRET)
    monkeypatch.setenv("EVPAY_PROVIDERS__ADYEN_EU__MERCHANT_ACCOUNT", "AcmeEU")
    monkeypatch.setenv("EVPAY_PROVIDERS__ADYEN_EU__HMAC_KEY", SIGNING)
    monkeypatch.setenv("EVPAY_PROVIDERS__ADYEN_EU__DEADLINE", "9")

    settings = AdyenSettings(account="adyen_eu", deadline=timedelta(seconds=7))

    assert (settings.merchant_account, settings.signing_secrets) == ("AcmeEU", (bytes.fromhex(SIGNING),))
    assert settings.deadline == timedelta(seconds=7)


def test_nothing_secret_in_repr():
    """Neither settings nor provider show a key or a password."""
    settings = made(
        hmac_key=SIGNING, hmac_keys=(SIGNING,), webhook_user="u", webhook_password=SECRET, report_key=SECRET
    )
    provider = AdyenProvider(settings)

    shown = (
        f"{settings!r} {settings} {provider!r} {vars(provider)!r} {settings.model_dump()} {settings.model_dump_json()}"
    )

    assert (SECRET in shown, SIGNING in shown) == (False, False)


def test_settings_do_not_pickle():
    """A pickle would carry the keys in the clear."""
    with pytest.raises(ConfigurationError):
        pickle.dumps(made())


@pytest.mark.parametrize("name", ["Adyen EU", "", "a" * 41])
def test_account_name_is_checked(name):
    """A name must fit the environment and addresses."""
    with pytest.raises(ConfigurationError):
        AdyenProvider(made(account=name))


def test_import_works_without_the_sdk_and_construction_says_what_to_install():
    """Only making a provider needs the SDK."""
    program = """
import sys
sys.modules["Adyen"] = None
import evpay_providers.adyen as package
assert not {"requests", "urllib3", "httpx"} & set(sys.modules)
try:
    package.AdyenProvider(package.AdyenSettings(api_key="AQE-an-example-of-a-key", merchant_account="Acme"))
except Exception as error:
    print(type(error).__name__, error)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("ConfigurationError")
    assert "pip install 'evpay[adyen]'" in done.stdout


def test_it_is_found_by_its_name():
    """The entry point leads to the two classes."""
    from evpay.providers.registry import load

    package = load("adyen")

    assert (package.provider_class, package.settings_class) == (AdyenProvider, AdyenSettings)
