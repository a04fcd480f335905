"""What the processor says of an authorization, by code and by amount."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

__all__ = [
    "APPROVED",
    "CAPTURED_THOUGH_DECLINED",
    "PARTIALLY_APPROVED",
    "PROCESSED",
    "UNAVAILABLE",
    "Response",
    "decline",
    "settlement_of",
    "told_by",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer of the processor: code, words, and whether it is `approved`, `soft_declined` or `hard_declined`."""

    code: str
    text: str
    type: str = "approved"
    detail: str | None = None

    @property
    def is_approval(self) -> bool:
        """Whether the money is there."""
        return self.type == "approved"


APPROVED: Final = Response(code="1000", text="Approved")
PROCESSED: Final = Response(code="1002", text="Processed")
CAPTURED_THOUGH_DECLINED: Final = Response(code="1005", text="Auth Declined but Settlement Captured")
PARTIALLY_APPROVED: Final = Response(code="1004", text="Approved for Partial Amount")
UNAVAILABLE: Final = Response(
    code="3000",
    text="Processor Network Unavailable - Try Again",
    type="soft_declined",
    detail="3000 : Processor Network Unavailable - Try Again",
)

# Declines that may pass later, and declines that never will; a code that is in neither list is shown as 2038's text
# and may pass later (https://developer.paypal.com/braintree/docs/reference/general/processor-responses/
# authorization-responses; the classes were checked 2026-11-20, not every code by itself).
_SOFT: Final = {
    2000: "Do Not Honor",
    2001: "Insufficient Funds",
    2002: "Limit Exceeded",
    2003: "Cardholder's Activity Limit Exceeded",
    2016: "Duplicate Transaction",
    2021: "Security Violation",
    2025: "Set Up Error - Merchant",
    2026: "Invalid Merchant ID",
    2030: "Set Up Error - Terminal",
    2034: "No Action Taken",
    2035: "Partial Approval For Amount In Group III Version",
    2038: "Processor Declined",
    2040: "Invalid Store",
    2042: "Invalid Client ID",
    2044: "Declined - Call Issuer",
    2046: "Declined",
    2048: "Invalid Amount",
    2050: "Invalid Credit Plan",
    2057: "Issuer or Cardholder has put a restriction on the card",
    2062: "Invalid Tax Amount",
}
_HARD: Final = {
    2004: "Expired Card",
    2005: "Invalid Credit Card Number",
    2006: "Invalid Expiration Date",
    2007: "No Account",
    2008: "Card Account Length Error",
    2009: "No Such Issuer",
    2010: "Card Issuer Declined CVV",
    2011: "Voice Authorization Required",
    2012: "Processor Declined - Possible Lost Card",
    2013: "Processor Declined - Possible Stolen Card",
    2014: "Processor Declined - Fraud Suspected",
    2015: "Transaction Not Allowed",
    2017: "Cardholder Stopped Billing",
    2018: "Cardholder Stopped All Billing",
    2019: "Invalid Transaction",
    2020: "Violation",
    2022: "Declined - Updated Cardholder Available",
    2023: "Processor Does Not Support This Feature",
    2024: "Card Type Not Enabled",
    2027: "Set Up Error - Amount",
    2028: "Set Up Error - Hierarchy",
    2029: "Set Up Error - Card",
    2031: "Encryption Error",
    2036: "Authorization could not be found to reverse",
    2037: "Already Reversed",
    2039: "Invalid Authorization Code",
    2041: "Declined - Call For Approval",
    2043: "Error - Do Not Retry, Call Issuer",
    2045: "Invalid Merchant Number",
    2047: "Call Issuer. Pick Up Card.",
    2051: "Credit Card Number does not match method of payment",
    2053: "Card reported as lost or stolen",
    2059: "Address Verification Failed",
    2060: "Address Verification and Card Security Code Failed",
    2061: "Invalid Transaction Data",
    2067: "Authorization Expired",
    2074: "Funding Instrument In The PayPal Account Was Declined By The Processor Or Bank, Or It Can't Be Used For "
    "This Payment",
    2099: "Cardholder Authentication Required",
}

# The sandbox's amounts (https://developer.paypal.com/braintree/docs/reference/general/testing#transaction-amounts,
# checked 2026-11-20).
_DECLINED: Final = range(2000, 3000)
_FAILED: Final = 3000
_PAYPAL_DECLINED: Final = Decimal("5001.01")
_SETTLEMENT_DECLINED: Final = (range(4001, 4002), range(4003, 5001))
_SETTLEMENT_PENDING: Final = 4002


def decline(code: int) -> Response:
    """Return how the processor declines with this code."""
    if code in _HARD:
        return Response(code=str(code), text=_HARD[code], type="hard_declined", detail=f"{code} : {_HARD[code]}")
    text = _SOFT.get(code, _SOFT[2038])
    return Response(code=str(code), text=text, type="soft_declined", detail=f"{code} : {text}")


def told_by(amount: Decimal, *, paypal: bool = False) -> Response:
    """Return what the processor says to an authorization of this amount."""
    whole = int(amount)
    if whole in _DECLINED:
        return decline(whole)
    if whole == _FAILED:
        return UNAVAILABLE
    if paypal and amount == _PAYPAL_DECLINED:
        return decline(2038)
    return APPROVED


def settlement_of(amount: Decimal, *, paypal: bool = False) -> str:
    """Return what the night makes of this amount: `settled`, `settlement_declined` or `settlement_pending`."""
    whole = int(amount)
    if any(whole in declined for declined in _SETTLEMENT_DECLINED):
        return "settlement_declined"
    return "settlement_pending" if paypal and whole == _SETTLEMENT_PENDING else "settled"
