"""Braintree: the XML API of one gateway account, with its vault, its nights and its signed webhooks."""

from evpay_contrib_emulators.braintree.emulation import BraintreeGateway

__all__ = ["BraintreeGateway"]
