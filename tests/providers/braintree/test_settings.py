"""Settings refuse what cannot work, and never show a secret."""

import pickle
import subprocess
import sys

import pytest

from evpay.errors import ConfigurationError
from evpay_providers.braintree import BraintreeProvider, BraintreeSettings
from tests.providers.braintree.conftest import KEYS


def settings(**changes):
    return BraintreeSettings(**{**KEYS, **changes})


def test_live_follows_from_the_environment():
    """Nothing in the keys says it."""
    assert (settings().live, settings(environment="production").live) == (False, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("environment", "staging"),
        ("merchant_id", "../other"),
        ("merchant_id", ""),
        ("public_key", "sandbox_abc_merchant1"),
        ("public_key", "access_token$production$x$y"),
        ("private_key", "short"),
        ("merchant_accounts", {}),
        ("merchant_accounts", {"eur": "a"}),
        ("merchant_accounts", {"EUR": "a/b"}),
        ("webhook_keys", {"public2": "short"}),
        ("company", "FOUR"),
        ("company", "AB*"),
        ("reference_field", "Not A Field"),
        ("threads", 0),
        ("base_url", "http://10.0.0.1"),
        ("base_url", "https://127.0.0.1:9922"),
        ("base_url", "http://api.sandbox.braintreegateway.com"),
        ("base_url", "http://u:p@127.0.0.1"),
        ("base_url", "127.0.0.1:9922"),
        ("no_such_field", "x"),
    ],
)
def test_what_cannot_work_is_refused_and_named(field, value):
    """The message has the place, and never the secret."""
    with pytest.raises(ConfigurationError) as caught:
        settings(account="bt_eu", **{field: value})

    assert caught.value.path.startswith("providers.bt_eu")
    assert KEYS["private_key"] not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8420", "http://localhost:1", "http://[::1]:1"])
def test_live_key_is_refused_on_loopback(url):
    """Live keys never go to a stand-in; test keys may."""
    with pytest.raises(ConfigurationError, match="live key"):
        settings(environment="production", base_url=url)

    assert settings(base_url=url).base_url == url


def test_missing_key_names_the_variable(monkeypatch):
    """The message says where to put it."""
    with pytest.raises(ConfigurationError, match="EVPAY_PROVIDERS__BRAINTREE__PRIVATE_KEY"):
        BraintreeSettings(**{name: value for name, value in KEYS.items() if name != "private_key"})


def test_environment_fills_what_is_not_given(monkeypatch):
    """Each account has variables of its own; a mapping is JSON."""
    for name, value in [("MERCHANT_ID", "m2"), ("PUBLIC_KEY", "p2"), ("PRIVATE_KEY", "a-private-key-do-not-show"),
                        ("MERCHANT_ACCOUNTS", '{"NOK": "nok_account"}')]:  # fmt: skip
        monkeypatch.setenv(f"EVPAY_PROVIDERS__BT_NO__{name}", value)

    found = BraintreeSettings(account="bt_no")

    assert (found.merchant_id, found.public_key, dict(found.merchant_accounts)) == ("m2", "p2", {"NOK": "nok_account"})


def test_variable_that_is_no_json_is_named(monkeypatch):
    """A mapping in the environment is JSON."""
    monkeypatch.setenv("EVPAY_PROVIDERS__BRAINTREE__MERCHANT_ACCOUNTS", "EUR=x")

    with pytest.raises(ConfigurationError, match="JSON"):
        BraintreeSettings(**{name: value for name, value in KEYS.items() if name != "merchant_accounts"})


def test_nothing_secret_in_repr():
    """Neither settings nor provider show a private key."""
    found = settings(webhook_keys={"public2": "another-key-do-not-show"})
    provider = BraintreeProvider(found)

    shown = f"{found!r} {found} {provider!r} {vars(provider)!r} {found.model_dump()} {found.model_dump_json()}"

    assert "do-not-show" not in shown


def test_settings_do_not_pickle():
    """A pickle would carry the key in the clear."""
    with pytest.raises(ConfigurationError):
        pickle.dumps(settings())


@pytest.mark.parametrize("name", ["Braintree EU", "", "a" * 41])
def test_account_name_is_checked(name):
    """A name must fit the environment and addresses."""
    with pytest.raises(ConfigurationError):
        BraintreeProvider(settings(account=name))


@pytest.mark.parametrize(
    ("environment", "host"),
    [("production", "api.braintreegateway.com:443"), ("sandbox", "api.sandbox.braintreegateway.com:443")],
)
def test_environment_decides_the_host(environment, host):
    """The SDK's own, over TLS, with the SDK's own certificates."""
    provider = BraintreeProvider(settings(environment=environment))

    gateway = provider._calls._gateway
    assert gateway.config.base_url() == f"https://{host}"
    assert gateway.config.environment.ssl_certificate.endswith(".crt")


def test_import_works_without_the_sdk_and_construction_says_what_to_install():
    """Only making a provider needs the SDK."""
    program = f"""
import sys
sys.modules["braintree"] = None
import evpay_providers.braintree as package
assert "requests" not in sys.modules
try:
    package.BraintreeProvider(package.BraintreeSettings(**{KEYS!r}))
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)

    assert "ConfigurationError" in done.stdout
    assert "pip install 'evpay[braintree]'" in done.stdout


def test_construction_works_where_warnings_are_errors():
    """The SDK warns of its own classes when it is imported."""
    program = f"""
import evpay_providers.braintree as package
print(package.BraintreeProvider(package.BraintreeSettings(**{KEYS!r})))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "BraintreeProvider(account='braintree', live=False)\n"
