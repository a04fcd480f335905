"""How many decimals the amounts of a currency have."""

import re
from decimal import Decimal
from typing import Final

__all__ = ["decimals", "is_currency", "shown", "to_minor"]

# ISO 4217; all others have two. Braintree takes the amount in the format of the merchant account's currency
# (https://developer.paypal.com/braintree/docs/reference/general/currencies); that it departs from ISO nowhere was not
# verified.
_NO_DECIMALS: Final = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_DECIMALS: Final = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def is_currency(code: str) -> bool:
    """Whether this looks like a currency's code."""
    return re.fullmatch("[A-Z]{3}", code) is not None


def decimals(currency: str) -> int:
    """Return how many digits stand behind the point."""
    return 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2


def to_minor(amount: Decimal, currency: str) -> int:
    """Return the amount in the smallest unit of its currency; it has no more decimals than that."""
    return int(amount.scaleb(decimals(currency)))


def shown(amount: Decimal, currency: str) -> str:
    """Return the amount as answers have it: `10.00`, or `1000` where there are no decimals."""
    return f"{amount:.{decimals(currency)}f}"
