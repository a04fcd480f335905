"""Braintree's own library in front of the emulated gateway, over HTTP."""

import warnings
from urllib.parse import parse_qs, urlsplit

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the library warns of itself when it is imported
    import braintree

__all__ = ["AUTH", "DAY", "braintree", "codes", "notifications", "sale_params", "sdk_for"]

DAY = 86_400
AUTH = ("integration_public_key", "integration_private_key")


def sdk_for(url, **changes):
    """Return the vendor's gateway client for an emulator; `changes` are of its configuration."""
    port = str(urlsplit(url).port)
    is_ssl = False
    environment = braintree.Environment("local", "127.0.0.1", port, "http://auth", is_ssl, None, "127.0.0.1", port)
    settings = {
        "merchant_id": "integration_merchant_id",
        "public_key": AUTH[0],
        "private_key": AUTH[1],
        "timeout": 10,
        "wrap_http_exceptions": True,
    }
    return braintree.BraintreeGateway(braintree.Configuration(environment=environment, **(settings | changes)))


def sale_params(**changes):
    """Return a plain hold of 20 euros; None takes a parameter away."""
    params = {"amount": "20.00", "payment_method_nonce": "fake-valid-visa-nonce", "order_id": "p1"} | changes
    return {name: value for name, value in params.items() if value is not None}


def codes(result):
    """Return what is wrong, by attribute, at whatever depth."""
    assert not result.is_success
    return {(error.attribute, error.code) for error in result.errors.deep_errors}


def notifications(emulator, sdk):
    """Return the webhooks so far, as the vendor's library reads them."""
    found = []
    for message in emulator.webhooks():
        form = parse_qs(message["body"], strict_parsing=True)
        found.append(sdk.webhook_notification.parse(form["bt_signature"][0], form["bt_payload"][0]))
    return found
