"""Stripe's API, version 2026-10-28.endive, as far as a hold and what follows it need it."""

from evpay_contrib_emulators.stripe.emulation import StripeGateway

__all__ = ["StripeGateway"]
