"""Which gateways there are, and where; none of them is imported before it is asked for."""

from collections.abc import Callable
from importlib import import_module
from typing import Final, cast

from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.gateway import Gateway

__all__ = ["GATEWAYS", "gateway_named"]

GATEWAYS: Final = {
    "adyen": "evpay_contrib_emulators.adyen:AdyenGateway",
    "braintree": "evpay_contrib_emulators.braintree:BraintreeGateway",
    "stripe": "evpay_contrib_emulators.stripe:StripeGateway",
}


def gateway_named(name: str) -> Callable[[Clock], Gateway]:
    """Return the class of a gateway.

    Raises:
        LookupError: there is none of that name.
    """
    try:
        module, _, attribute = GATEWAYS[name].partition(":")
    except KeyError:
        raise LookupError(f"no gateway {name!r}; there are {', '.join(GATEWAYS)}") from None
    return cast("Callable[[Clock], Gateway]", getattr(import_module(module), attribute))
