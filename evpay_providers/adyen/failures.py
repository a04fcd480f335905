"""Adyen's refusals and breakdowns as outcomes: what certainly did not happen, and what nobody knows."""

from collections.abc import Mapping
from typing import Any, Final

from evpay.providers import Declined, Failed, Reason, Unknown

__all__ = [
    "ERROR_REASONS",
    "MODIFICATION_REASONS",
    "REFUSALS",
    "REFUSAL_TEXTS",
    "failure",
    "modification_reason",
    "not_sent",
    "refusal",
    "refusal_of_text",
]

# Why a payment was refused, by `refusalReasonCode`.
# https://docs.adyen.com/development-resources/refusal-reasons (checked 2026-11-20)
REFUSALS: Final[Mapping[str, Reason]] = {
    "2": Reason.DO_NOT_HONOR,  # Refused
    "3": Reason.DO_NOT_HONOR,  # Referral
    "4": Reason.ISSUER_UNAVAILABLE,  # Acquirer Error
    "5": Reason.LOST_OR_STOLEN,  # Blocked Card
    "6": Reason.EXPIRED_METHOD,  # Expired Card
    "7": Reason.LIMIT_EXCEEDED,  # Invalid Amount
    "8": Reason.INVALID_METHOD,  # Invalid Card Number
    "9": Reason.ISSUER_UNAVAILABLE,  # Issuer Unavailable
    "10": Reason.NOT_PERMITTED,  # Not supported
    "11": Reason.AUTHENTICATION_FAILED,  # 3D Not Authenticated
    "12": Reason.INSUFFICIENT_FUNDS,  # Not enough balance
    "14": Reason.SUSPECTED_FRAUD,  # Acquirer Fraud
    "15": Reason.CANCELLED_BY_DRIVER,  # Cancelled
    "16": Reason.CANCELLED_BY_DRIVER,  # Shopper Cancelled
    "17": Reason.AUTHENTICATION_FAILED,  # Invalid Pin
    "18": Reason.AUTHENTICATION_FAILED,  # Pin tries exceeded
    "19": Reason.AUTHENTICATION_FAILED,  # Pin validation not possible
    "20": Reason.SUSPECTED_FRAUD,  # FRAUD
    "21": Reason.ISSUER_UNAVAILABLE,  # Not Submitted
    "22": Reason.SUSPECTED_FRAUD,  # FRAUD-CANCELLED
    "23": Reason.NOT_PERMITTED,  # Transaction Not Permitted
    "24": Reason.INVALID_METHOD,  # CVC Declined
    "25": Reason.LOST_OR_STOLEN,  # Restricted Card
    "26": Reason.METHOD_REVOKED,  # Revocation Of Auth
    "27": Reason.DO_NOT_HONOR,  # Declined Non Generic
    "28": Reason.LIMIT_EXCEEDED,  # Withdrawal amount exceeded
    "29": Reason.LIMIT_EXCEEDED,  # Withdrawal count exceeded
    "31": Reason.SUSPECTED_FRAUD,  # Issuer Suspected Fraud
    "32": Reason.INVALID_METHOD,  # AVS Declined
    "33": Reason.AUTHENTICATION_REQUIRED,  # Card requires online pin
    "34": Reason.INVALID_METHOD,  # No checking account available on Card
    "35": Reason.INVALID_METHOD,  # No savings account available on Card
    "36": Reason.AUTHENTICATION_REQUIRED,  # Mobile pin required
    "37": Reason.AUTHENTICATION_REQUIRED,  # Contactless fallback
    "38": Reason.AUTHENTICATION_REQUIRED,  # Authentication required
    "39": Reason.AUTHENTICATION_FAILED,  # RReq not received from DS
    "40": Reason.NOT_PERMITTED,  # Current AID is in Penalty Box
    "41": Reason.AUTHENTICATION_REQUIRED,  # CVM Required Restart Payment
    "42": Reason.AUTHENTICATION_FAILED,  # 3DS Authentication Error
    "46": Reason.DO_NOT_HONOR,  # Transaction blocked by Adyen to prevent excessive retry fees
}

# The same page's words, in small letters, as a webhook's `reason` and a terminal have them; code beside the word.
REFUSAL_TEXTS: Final[Mapping[str, str]] = {
    "refused": "2",
    "referral": "3",
    "acquirer error": "4",
    "blocked card": "5",
    "expired card": "6",
    "invalid amount": "7",
    "invalid card number": "8",
    "issuer unavailable": "9",
    "not supported": "10",
    "3d not authenticated": "11",
    "not enough balance": "12",
    "acquirer fraud": "14",
    "cancelled": "15",
    "shopper cancelled": "16",
    "invalid pin": "17",
    "pin tries exceeded": "18",
    "pin validation not possible": "19",
    "fraud": "20",
    "not submitted": "21",
    "fraud-cancelled": "22",
    "transaction not permitted": "23",
    "cvc declined": "24",
    "restricted card": "25",
    "revocation of auth": "26",
    "declined non generic": "27",
    "withdrawal amount exceeded": "28",
    "withdrawal count exceeded": "29",
    "issuer suspected fraud": "31",
    "avs declined": "32",
    "authentication required": "38",
}

# Requests that Adyen refused before doing anything, by `errorCode`.
# https://docs.adyen.com/development-resources/error-codes (checked 2026-11-20)
ERROR_REASONS: Final[Mapping[str, Reason]] = {
    "000": Reason.INVALID_REQUEST,  # Unknown: many messages, from "Not Found" to "require a shopperReference"
    "010": Reason.MISCONFIGURED,  # Not allowed
    "100": Reason.INVALID_REQUEST,  # No amount specified
    "101": Reason.INVALID_METHOD,  # Invalid card number
    "102": Reason.INVALID_METHOD,  # Unable to determine variant
    "103": Reason.INVALID_METHOD,  # CVC is not the right length
    "130": Reason.INVALID_REQUEST,  # Reference Missing
    "137": Reason.INVALID_REQUEST,  # Invalid amount specified
    "167": Reason.INVALID_STATE,  # Original pspReference required for this operation
    "177": Reason.INVALID_REQUEST,  # Metadata size exceeds limit
    "702": Reason.INVALID_REQUEST,  # Unable to parse a field
    "901": Reason.MISCONFIGURED,  # Invalid Merchant Account
    "905": Reason.MISCONFIGURED,  # Payment details are not supported
    "905_1": Reason.MISCONFIGURED,  # Could not find an acquirer account for the provided currency
    "905_3": Reason.MISCONFIGURED,  # Could not find an acquirer account for the provided country, amount and so on
    "14_030": Reason.INVALID_REQUEST,  # Return URL is missing
}

# Processed already, or at work right now: perhaps our own earlier attempt, so nothing is proven.
# https://docs.adyen.com/development-resources/error-codes (checked 2026-11-20)
ECHOES: Final = frozenset({"704"})

# What the HTTP status alone says, whatever the code. https://docs.adyen.com/development-resources/response-handling
# (checked 2026-11-20)
STATUS_REASONS: Final[Mapping[int, Reason]] = {
    401: Reason.INVALID_CREDENTIALS,
    403: Reason.MISCONFIGURED,
    429: Reason.RATE_LIMITED,
}
_REFUSED: Final = frozenset({400, 401, 403, 404, 405, 422, 429})

# Why a modification failed, by the beginning of a webhook's `reason`, in small letters.
# https://docs.adyen.com/online-payments/capture/failure-reasons and
# https://docs.adyen.com/online-payments/refund#refund-failed (checked 2026-11-20)
MODIFICATION_REASONS: Final[Mapping[str, Reason]] = {
    "authorisation expired": Reason.AUTHORIZATION_EXPIRED,
    "insufficient balance on payment": Reason.INVALID_STATE,
    "insufficient funds": Reason.REFUND_FUNDS_LACKING,
    "transaction hasn't been captured": Reason.NOT_SETTLED_YET,
    "transaction not found": Reason.INVALID_STATE,
}


def _known(code: str | None) -> Reason:
    return REFUSALS.get(code or "", Reason.OTHER)


def refusal(code: str | None, *, payment_id: str | None = None, off_session: bool = False) -> Declined:
    """Read a refusal by its code. With nobody there, a failed authentication is one that needs somebody."""
    reason = _known(code)
    if off_session and reason is Reason.AUTHENTICATION_FAILED:
        reason = Reason.AUTHENTICATION_REQUIRED
    return Declined(reason=reason, code=code, id=payment_id)


def refusal_of_text(text: str | None, *, default: Reason = Reason.OTHER) -> tuple[Reason, str | None]:
    """Return reason and code of a refusal that is told in words; the words stand for the code if they are not known."""
    words = (text or "").strip()
    code = REFUSAL_TEXTS.get(words.lower())
    return (REFUSALS[code], code) if code else (default, words[:100] or None)


def modification_reason(text: str | None) -> tuple[Reason, str | None]:
    """Return reason and code of a capture, void or refund that failed."""
    words = (text or "").strip()
    small = words.lower()
    found = next((reason for start, reason in MODIFICATION_REASONS.items() if small.startswith(start)), None)
    return (found, words[:100]) if found else refusal_of_text(words)


def not_sent(cause: str) -> Failed:
    """Say that no connection came about."""
    return Failed(reason=Reason.NOT_SENT, code=cause)


def failure(*, status: int, body: object, transient: bool) -> Failed | Unknown:
    """Say what an error answer proves, by its status and code and never by the SDK's class.

    Any 5xx, a redirect, a duplicate in flight and whatever has no readable error body are `Unknown`; so is an error
    that Adyen calls transient, because the same request is to be sent again.
    """
    error: Mapping[str, Any] = body if isinstance(body, dict) else {}
    code = error.get("errorCode")
    if status not in _REFUSED or transient or code in ECHOES or not ("errorCode" in error or "errorType" in error):
        return Unknown(detail=f"HTTP {status}, {code or 'no error that can be read'}")
    of_code = ERROR_REASONS.get(str(code), Reason.OTHER) if code else Reason.INVALID_REQUEST
    reason = STATUS_REASONS.get(status, of_code)
    psp = error.get("pspReference")
    return Failed(reason=reason, code=str(code) if code else None, id=psp if isinstance(psp, str) else None)
