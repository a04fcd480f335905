"""Stripe: cards and wallets held, captured, released and refunded through PaymentIntents.

The SDK is imported when a `StripeProvider` is made, not here. Install it with `pip install 'evpay[stripe]'`.
"""

from evpay_providers.stripe.adapter import StripeProvider
from evpay_providers.stripe.settings import StripeSettings

__all__ = ["StripeProvider", "StripeSettings"]
