"""Wallets through Adyen: methods of what the wallet hands over, and Apple Pay sessions for the web.

A wallet's token is encrypted for Adyen; nothing here reads it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.providers import Failed, MethodKind, PaymentMethod, Unknown
from evpay_providers.adyen.calls import AdyenCalls, Transport
from evpay_providers.adyen.methods import client_method
from evpay_providers.adyen.settings import AdyenSettings

__all__ = ["apple_pay", "apple_pay_session", "google_pay", "paypal", "venmo"]

_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z", re.ASCII)


def apple_pay(token: str, **known: Any) -> PaymentMethod:
    """Make a method of Apple Pay's `paymentData`, in base64 as Adyen's library gives it.

    >>> apple_pay("VNRWtuNlNEWkRC").kind
    <MethodKind.WALLET: 'wallet'>
    """
    return client_method({"type": "applepay", "applePayToken": token}, kind=MethodKind.WALLET, **known)


def google_pay(token: str, **known: Any) -> PaymentMethod:
    """Make a method of the token in Google Pay's `PaymentData`."""
    return client_method({"type": "googlepay", "googlePayToken": token}, kind=MethodKind.WALLET, **known)


def paypal(fields: Mapping[str, str] | None = None, **known: Any) -> PaymentMethod:
    """Make a method that sends the driver to PayPal; `fields` as Adyen's library gives them."""
    return client_method({**(fields or {}), "type": "paypal"}, kind=MethodKind.WALLET, **known)


def venmo(fields: Mapping[str, str] | None = None, **known: Any) -> PaymentMethod:
    """Make a method that sends the driver to Venmo; `fields` as Adyen's library gives them."""
    return client_method({**(fields or {}), "type": "venmo"}, kind=MethodKind.WALLET, **known)


async def apple_pay_session(
    settings: AdyenSettings,
    *,
    domain: str,
    display_name: str,
    merchant_identifier: str,
    transport: Transport | None = None,
) -> str | Failed | Unknown:
    """Ask Adyen for the merchant session that Apple Pay wants on the web; hand it to the page as it is.

    The address that the page got from Apple is not needed and must not be called: Adyen knows Apple's own.

    Raises:
        InvalidInput: `domain` is not the plain name of a host.
    """
    if not _DOMAIN.match(domain):
        raise InvalidInput("domain is the name of your shop's host, as pay.example.com.", code="malformed_domain")
    params = {"displayName": display_name, "domainName": domain, "merchantIdentifier": merchant_identifier}
    calls = AdyenCalls(settings, transport=transport)
    try:
        answer = await calls.ask(lambda: calls.utility.get_apple_pay_session(params))
    finally:
        calls.close()
    if isinstance(answer, Failed | Unknown):
        return answer
    data = answer.get("data")
    return data if isinstance(data, str) else Unknown(detail="an Apple Pay session without data")
