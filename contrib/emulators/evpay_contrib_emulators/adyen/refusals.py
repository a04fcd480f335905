"""How a test payment is made to be refused: the names and numbers that Adyen gives to testers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["AUTHORISED", "OPEN_RESULTS", "Verdict", "verdict_of", "verdict_with"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What comes of a payment request; `share` is the part that is authorised, in per cent."""

    result: str
    reason: str | None = None
    code: str | None = None
    raw: str | None = None
    share: int = 100


AUTHORISED: Final = Verdict(result="Authorised", raw="AUTHORISED")
OPEN_RESULTS: Final = frozenset({"RedirectShopper", "IdentifyShopper", "ChallengeShopper", "Pending", "Received"})

# RequestedTestAcquirerResponseCode: holderName, refusalReason, resultCode.
# https://docs.adyen.com/development-resources/testing/result-codes and
# https://docs.adyen.com/development-resources/refusal-reasons, checked 2026-11-20; holder names above 16 and reasons
# above 24 are not verified.
_KNOBS: Final[Mapping[str, tuple[str, str | None, str]]] = {
    "0": ("UNKNOWN", "Unknown", "Error"),
    "1": ("APPROVED", None, "Authorised"),
    "2": ("DECLINED", "Refused", "Refused"),
    "3": ("REFERRAL", "Referral", "Refused"),
    "4": ("ERROR", "Acquirer Error", "Error"),
    "5": ("BLOCK_CARD", "Blocked Card", "Refused"),
    "6": ("CARD_EXPIRED", "Expired Card", "Refused"),
    "7": ("INVALID_AMOUNT", "Invalid Amount", "Refused"),
    "8": ("INVALID_CARD_NUMBER", "Invalid Card Number", "Refused"),
    "9": ("ISSUER_UNAVAILABLE", "Issuer Unavailable", "Refused"),
    "10": ("NOT_SUPPORTED", "Not supported", "Refused"),
    "11": ("NOT_3D_AUTHENTICATED", "3D Not Authenticated", "Refused"),
    "12": ("NOT_ENOUGH_BALANCE", "Not enough balance", "Refused"),
    "13": ("PENDING", None, "Received"),
    "14": ("ACQUIRER_FRAUD", "Acquirer Fraud", "Refused"),
    "15": ("CANCELLED", "Cancelled", "Refused"),
    "16": ("SHOPPER_CANCELLED", "Shopper Cancelled", "Refused"),
    "17": ("INVALID_PIN", "Invalid Pin", "Refused"),
    "18": ("PIN_TRIES_EXCEEDED", "Pin tries exceeded", "Refused"),
    "19": ("PIN_VALIDATION_NOT_POSSIBLE", "Pin validation not possible", "Refused"),
    "20": ("FRAUD", "FRAUD", "Refused"),
    "21": ("NOT_SUBMITTED", "Not Submitted", "Refused"),
    "22": ("FRAUD_CANCELLED", "FRAUD-CANCELLED", "Refused"),
    "23": ("TRANSACTION_NOT_PERMITTED", "Transaction Not Permitted", "Refused"),
    "24": ("CVC_DECLINED", "CVC Declined", "Refused"),
    "25": ("RESTRICTED_CARD", "Restricted Card", "Refused"),
    "26": ("REVOCATION_OF_AUTH", "Revocation Of Auth", "Refused"),
    "27": ("DECLINED_NON_GENERIC", "Declined Non Generic", "Refused"),
    "28": ("WITHDRAWAL_AMOUNT_EXCEEDED", "Withdrawal amount exceeded", "Refused"),
    "29": ("WITHDRAWAL_COUNT_EXCEEDED", "Withdrawal count exceeded", "Refused"),
    "31": ("ISSUER_SUSPECTED_FRAUD", "Issuer Suspected Fraud", "Refused"),
    "32": ("AVS_DECLINED", "AVS Declined", "Refused"),
    "33": ("PIN_REQUIRED", "Card requires online pin", "Refused"),
    "34": ("NO_CHECKING_ACCOUNT_AVAILABLE", "No checking account available on Card", "Refused"),
    "35": ("NO_SAVINGS_ACCOUNT_AVAILABLE", "No savings account available on Card", "Refused"),
    "36": ("MOBILE_PIN_REQUIRED", "Mobile pin required", "Refused"),
    "37": ("CONTACTLESS_FALLBACK", "Contactless fallback", "Refused"),
    "38": ("AUTHENTICATION_REQUIRED", "Authentication required", "Refused"),
    "39": ("RREQ_NOT_RECEIVED", "RReq not received from DS", "Refused"),
    "40": ("PENALTY_BOX", "Current AID is in Penalty Box.", "Refused"),
    "41": ("CVM_REQUIRED_RESTART_PAYMENT", "CVM Required Restart Payment", "Refused"),
    "42": ("THREEDS_AUTHENTICATION_ERROR", "3DS Authentication Error", "Refused"),
    "46": ("TRANSACTION_BLOCKED_BY_ADYEN", "Transaction blocked by Adyen to prevent excessive retry fees", "Refused"),
}
_BY_HOLDER: Final = {holder: code for code, (holder, _, _) in _KNOBS.items()}

# Names of this emulator, not of Adyen: it publishes none for these outcomes.
_OWN: Final[Mapping[str, Verdict]] = {
    "PARTIALLY_AUTHORISED": Verdict(result="PartiallyAuthorised", raw="PARTIAL", share=50),
    "ODD_RESULT": Verdict(result="NeverSeenBefore"),
}


def verdict_with(code: str, *, raw: str | None = None) -> Verdict | None:
    """Return what a RequestedTestAcquirerResponseCode, or a refusalReasonCode, stands for."""
    if code not in _KNOBS:
        return None
    holder, reason, result = _KNOBS[code]
    return Verdict(result=result, reason=reason, code=code if reason else None, raw=raw or holder)


def verdict_of(holder: str | None, additional: Mapping[str, Any]) -> Verdict | None:
    """Return what the test values of a request ask for, or None if there are none.

    A holder name may go on with a raw reason: `DECLINED : 06 : ERROR`.
    """
    asked = additional.get("RequestedTestAcquirerResponseCode")
    if asked is not None:
        return verdict_with(asked) or _OWN.get(asked)
    name, _, raw = (holder or "").partition(":")
    name = name.strip()
    if name in _BY_HOLDER:
        return verdict_with(_BY_HOLDER[name], raw=raw.strip() or None)
    return _OWN.get(name)
