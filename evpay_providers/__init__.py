"""Adapters for processors, one package each, found through the entry points of `evpay.providers`."""
