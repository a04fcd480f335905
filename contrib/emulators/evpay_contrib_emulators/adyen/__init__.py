"""Adyen: Checkout v72, the cloud device API for terminals, standard webhooks and the settlement details report."""

from evpay_contrib_emulators.adyen.gateway import AdyenGateway

__all__ = ["AdyenGateway"]
