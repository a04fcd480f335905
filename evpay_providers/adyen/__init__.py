"""Adyen: cards and wallets held, raised, captured, released and refunded through the Checkout API.

The SDK is imported when an `AdyenProvider` is made, not here. Install it with `pip install 'evpay[adyen]'`.
"""

from evpay_providers.adyen.adapter import AdyenProvider
from evpay_providers.adyen.settings import AdyenSettings

__all__ = ["AdyenProvider", "AdyenSettings"]
