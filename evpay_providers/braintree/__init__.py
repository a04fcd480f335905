"""Braintree: cards, wallets, PayPal and Venmo held, raised, settled, voided and refunded as transactions.

The SDK is imported when a `BraintreeProvider` is made, not here. Install it with `pip install 'evpay[braintree]'`.
"""

from evpay_providers.braintree.adapter import BraintreeProvider, client_token
from evpay_providers.braintree.settings import BraintreeSettings
from evpay_providers.braintree.webhooks import challenge_reply

__all__ = ["BraintreeProvider", "BraintreeSettings", "challenge_reply", "client_token"]
