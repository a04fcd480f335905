"""Reads the amounts of requests, in the format of the merchant account's currency."""

import re
from decimal import Decimal
from typing import Any, Final

from evpay_contrib_emulators.braintree.currencies import decimals

__all__ = ["read_amount"]

_FORMAT: Final = re.compile(r"(-?)(\d{1,20})(?:\.(\d{1,20}))?")
_MOST_DIGITS: Final = 10


def read_amount(text: Any, currency: str) -> Decimal | str:
    """Return the amount, or the code of what is wrong with it."""
    if not isinstance(text, str):
        return "81502"
    match = _FORMAT.fullmatch(text.strip())
    if match is None or len(match[3] or "") > decimals(currency):
        return "81503"
    if match[1]:
        return "81501"
    if len(match[2].lstrip("0")) > _MOST_DIGITS:
        return "81528"
    amount = Decimal(match[0])
    return amount or "81531"
