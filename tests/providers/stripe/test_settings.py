"""Settings refuse what cannot work, and never show a secret."""

import pickle
import subprocess
import sys
from datetime import timedelta

import pytest

from evpay.errors import ConfigurationError
from evpay_providers.stripe import StripeProvider, StripeSettings

SECRET = "sk_test_do_not_show_me"
SIGNING = "whsec_do_not_show_me_either"


@pytest.mark.parametrize(
    ("key", "live"),
    [("sk_live_a1", True), ("rk_live_a1", True), ("sk_test_a1", False), ("rk_test_a1", False)],
)
def test_live_follows_from_the_key(key, live):
    """The prefix of the key says whether money is real."""
    settings = StripeSettings(api_key=key)

    assert settings.live is live


@pytest.mark.parametrize("key", ["", "pk_test_public", "pk_live_public", "sk_prod_x", "sk_test_", "sk_test_x y", "x"])
def test_other_keys_are_refused_and_not_shown(key):
    """What is no secret key is refused, and the message does not repeat it."""
    with pytest.raises(ConfigurationError) as caught:
        StripeSettings(api_key=key)

    assert caught.value.path == "providers.stripe.api_key"
    assert not key or key not in str(caught.value).replace("sk_test_, ", "").replace("rk_test_", "")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8420", "http://localhost:1", "http://[::1]:1", "https://127.0.0.1"])
def test_live_key_is_refused_on_loopback(url):
    """Live keys never go to a stand-in."""
    with pytest.raises(ConfigurationError, match="live key"):
        StripeSettings(api_key="sk_live_a1", base_url=url)


@pytest.mark.parametrize(
    "url", ["http://api.stripe.com", "http://10.0.0.1", "ftp://127.0.0.1", "127.0.0.1:80", "http://u:p@127.0.0.1"]
)
def test_url_that_would_leak_the_key_is_refused(url):
    """Plain http is for this machine only."""
    with pytest.raises(ConfigurationError) as caught:
        StripeSettings(api_key=SECRET, base_url=url)

    assert caught.value.path == "providers.stripe.base_url"


@pytest.mark.parametrize("secret", ["", "   ", "short"])
def test_secret_that_proves_nothing_is_refused(secret):
    """An empty signing secret would let anybody sign."""
    with pytest.raises(ConfigurationError):
        StripeSettings(api_key=SECRET, webhook_secrets=(SIGNING, secret))


@pytest.mark.parametrize("secret", ["", "   ", "short"])
def test_single_secret_that_proves_nothing_is_refused(secret):
    """The same rule for the only one, and the message names the account's own line."""
    with pytest.raises(ConfigurationError) as caught:
        StripeSettings(account="stripe_eu", api_key=SECRET, webhook_secret=secret)

    assert caught.value.path == "providers.stripe_eu.webhook_secret"


def test_unknown_field_is_refused():
    """A misspelt setting is not ignored."""
    with pytest.raises(ConfigurationError):
        StripeSettings(api_key=SECRET, requestincrement=True)


def test_missing_key_names_the_variable(monkeypatch):
    """The message says where to put the key."""
    monkeypatch.delenv("EVPAY_PROVIDERS__STRIPE__API_KEY", raising=False)

    with pytest.raises(ConfigurationError, match="EVPAY_PROVIDERS__STRIPE__API_KEY"):
        StripeSettings()


def test_environment_fills_what_is_not_given(monkeypatch):
    """Each account has variables of its own; what code says wins."""
    monkeypatch.setenv("EVPAY_PROVIDERS__STRIPE_EU__API_KEY", SECRET)
    monkeypatch.setenv("EVPAY_PROVIDERS__STRIPE_EU__WEBHOOK_SECRET", SIGNING)
    monkeypatch.setenv("EVPAY_PROVIDERS__STRIPE_EU__DEADLINE", "9")

    settings = StripeSettings(account="stripe_eu", deadline=timedelta(seconds=7))

    assert (settings.api_key.get_secret_value(), settings.signing_secrets) == (SECRET, (SIGNING,))
    assert settings.deadline == timedelta(seconds=7)


def test_one_account_does_not_borrow_the_key_of_another(monkeypatch):
    """Money would go to the wrong place."""
    monkeypatch.setenv("EVPAY_PROVIDERS__STRIPE__API_KEY", SECRET)

    with pytest.raises(ConfigurationError, match="EVPAY_PROVIDERS__STRIPE_EU__API_KEY"):
        StripeSettings(account="stripe_eu")


def test_nothing_secret_in_repr():
    """Neither settings nor provider show key or signing secret."""
    settings = StripeSettings(api_key=SECRET, webhook_secret=SIGNING, webhook_secrets=(SIGNING,))
    provider = StripeProvider(settings)

    shown = (
        f"{settings!r} {settings} {provider!r} {vars(provider)!r} {settings.model_dump()} {settings.model_dump_json()}"
    )

    assert "do_not_show" not in shown


def test_settings_do_not_pickle():
    """A pickle would carry the key in the clear."""
    with pytest.raises(ConfigurationError):
        pickle.dumps(StripeSettings(api_key=SECRET))


@pytest.mark.parametrize(
    ("url", "asked", "sent"),
    [(None, None, True), ("http://127.0.0.1:1", None, False), ("http://127.0.0.1:1", True, True), (None, False, False)],
)
def test_redirecting_methods_are_ruled_out_at_stripe_itself(url, asked, sent):
    """Only stand-ins on loopback are spared the parameter, unless told otherwise."""
    settings = StripeSettings(api_key=SECRET, base_url=url, cards_only=asked)

    assert settings.sends_cards_only is sent


@pytest.mark.parametrize("name", ["Stripe EU", "", "a" * 41])
def test_account_name_is_checked(name):
    """A name must fit the environment and addresses."""
    with pytest.raises(ConfigurationError):
        StripeProvider(StripeSettings(api_key=SECRET, account=name))


def test_import_works_without_the_sdk_and_construction_says_what_to_install():
    """Only making a provider needs the SDK."""
    program = """
import sys
sys.modules["stripe"] = None
import evpay_providers.stripe as package
assert "httpx" not in sys.modules
try:
    package.StripeProvider(package.StripeSettings(api_key="sk_test_x"))
except Exception as error:
    print(type(error).__name__, error)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("ConfigurationError")
    assert "pip install 'evpay[stripe]'" in done.stdout


def test_making_a_provider_switches_telemetry_off():
    """The SDK would write into the home directory and send the platform's name."""
    import stripe

    stripe.enable_telemetry = True
    StripeProvider(StripeSettings(api_key=SECRET))

    assert stripe.enable_telemetry is False
