"""Receipts: the immutable, numbered document of what was supplied, and how it is shown."""
