"""Braintree's refusals and breakdowns as outcomes: what certainly did not happen, and what nobody knows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from evpay.providers import Declined, Failed, OperationKind, Reason, Unknown

__all__ = [
    "CANNOT_BE_VOIDED",
    "ECHOES",
    "ERROR_REASONS",
    "PROCESSOR_REASONS",
    "REJECTIONS",
    "breakdown",
    "decline",
    "refusal",
]

# What the processor answered, by `processor_response_code`.
# https://developer.paypal.com/braintree/docs/reference/general/processor-responses/authorization-responses
# (checked 2026-11-20). Not listed: OTHER.
PROCESSOR_REASONS: Final[Mapping[str, Reason]] = {
    "2000": Reason.DO_NOT_HONOR,
    "2001": Reason.INSUFFICIENT_FUNDS,
    "2002": Reason.LIMIT_EXCEEDED,
    "2003": Reason.LIMIT_EXCEEDED,
    "2004": Reason.EXPIRED_METHOD,
    **dict.fromkeys(("2005", "2006", "2007", "2008", "2009", "2010", "2022", "2051", "2059", "2060"),
                    Reason.INVALID_METHOD),
    "2011": Reason.DO_NOT_HONOR,
    **dict.fromkeys(("2012", "2013", "2047", "2053"), Reason.LOST_OR_STOLEN),
    **dict.fromkeys(("2014", "2021", "2077"), Reason.SUSPECTED_FRAUD),
    **dict.fromkeys(("2015", "2019", "2020", "2023", "2024", "2057", "2076"), Reason.NOT_PERMITTED),
    "2016": Reason.DO_NOT_HONOR,
    **dict.fromkeys(("2017", "2018", "2043", "2070"), Reason.METHOD_REVOKED),
    **dict.fromkeys(("2025", "2026", "2027", "2028", "2029", "2030", "2031", "2040", "2042", "2045", "2055", "2058",
                     "2063", "2066", "2068", "2071", "2072", "2079", "2087", "2089"), Reason.MISCONFIGURED),
    **dict.fromkeys(("2034", "2035", "2038", "2041", "2044", "2046", "2074", "2104"), Reason.DO_NOT_HONOR),
    "2048": Reason.LIMIT_EXCEEDED,
    "2056": Reason.LIMIT_EXCEEDED,
    "2064": Reason.CURRENCY_NOT_SUPPORTED,
    "2067": Reason.AUTHORIZATION_EXPIRED,
    "2075": Reason.INVALID_METHOD,
    **dict.fromkeys(("2086", "2097", "2098"), Reason.LIMIT_EXCEEDED),
    "2088": Reason.CURRENCY_NOT_SUPPORTED,
    "2091": Reason.CURRENCY_NOT_SUPPORTED,
    "2093": Reason.INVALID_METHOD,
    "2099": Reason.AUTHENTICATION_REQUIRED,
    "2101": Reason.AUTHENTICATION_REQUIRED,
    "2102": Reason.AUTHENTICATION_FAILED,
    "2103": Reason.AUTHENTICATION_FAILED,
    "2107": Reason.INVALID_METHOD,
    "2108": Reason.INVALID_METHOD,
    "3000": Reason.ISSUER_UNAVAILABLE,
}  # fmt: skip

# What the gateway itself turned away, by `gateway_rejection_reason`; a 3-D Secure nonce is the cure of the first.
# https://developer.paypal.com/braintree/articles/control-panel/transactions/gateway-rejections (checked 2026-11-20)
REJECTIONS: Final[Mapping[str, Reason]] = {
    "three_d_secure": Reason.AUTHENTICATION_REQUIRED,
    "avs": Reason.INVALID_METHOD,
    "avs_and_cvv": Reason.INVALID_METHOD,
    "cvv": Reason.INVALID_METHOD,
    "duplicate": Reason.DO_NOT_HONOR,
    "excessive_retry": Reason.NOT_PERMITTED,
    "fraud": Reason.SUSPECTED_FRAUD,
    "risk_threshold": Reason.SUSPECTED_FRAUD,
    "token_issuance": Reason.INVALID_METHOD,
    "application_incomplete": Reason.MISCONFIGURED,
}

# Requests that Braintree refused before doing anything, by the code of a validation error.
# https://developer.paypal.com/braintree/docs/reference/general/validation-errors/all (checked 2026-11-20)
ERROR_REASONS: Final[Mapping[str, Reason]] = {
    **dict.fromkeys(("81501", "81502", "81503", "91501", "91526", "81527", "91524", "91523", "91515", "915133"),
                    Reason.INVALID_REQUEST),
    "81531": Reason.AMOUNT_TOO_SMALL,
    **dict.fromkeys(("81528", "91521", "91522", "95601", "815193"), Reason.AMOUNT_TOO_LARGE),
    **dict.fromkeys(("81509", "91517", "91567", "91577", "915101", "915131"), Reason.NOT_PERMITTED),
    **dict.fromkeys(("91508", "91510", "91511", "91516", "91518", "91564", "91565", "91566", "91568", "91569"),
                    Reason.INVALID_METHOD),
    **dict.fromkeys(("81571", "91570", "91584", "91585", "915196", "915197", "915198", "915199"),
                    Reason.AUTHENTICATION_FAILED),
    **dict.fromkeys(("91505", "915218"), Reason.INVALID_STATE),
    **dict.fromkeys(("91506", "91574"), Reason.NOT_SETTLED_YET),
    "91579": Reason.AUTHORIZATION_EXPIRED,
    **dict.fromkeys(("915219", "915220", "915221", "915222"), Reason.INCREMENT_NOT_AVAILABLE),
    **dict.fromkeys(("91513", "91514", "91538", "91546", "91547", "91558", "91559", "91576", "915102", "915104",
                     "915230", "915231"), Reason.MISCONFIGURED),
    "915200": Reason.DO_NOT_HONOR,
    "915201": Reason.DO_NOT_HONOR,
}  # fmt: skip

# May be the echo of our own earlier attempt, or that attempt may still be running: nothing is proven. Cannot be voided,
# cannot be submitted, already refunded, no further part, the same amount as before; a key in flight, of another
# request, of a failed one, of one that broke down.
# https://developer.paypal.com/braintree/docs/reference/general/validation-errors/all (checked 2026-11-20)
CANNOT_BE_VOIDED: Final = "91504"
ECHOES: Final = frozenset(
    {CANNOT_BE_VOIDED, "91507", "91512", "915103", "95606", "915232", "915233", "915234", "915235"}
)  # fmt: skip

# The issuer refused to raise the hold; the adjustment has its own code beside it.
# https://developer.paypal.com/braintree/docs/reference/request/transaction/adjust-authorization (checked 2026-11-20)
ADJUSTMENT_DECLINES: Final[Mapping[str, Reason]] = {"95602": Reason.DO_NOT_HONOR, "95603": Reason.ISSUER_UNAVAILABLE}

# What the SDK raises for a status, by the name of its class. Not listed (408, 5xx, redirects, time-outs): nobody knows.
# https://developer.paypal.com/braintree/docs/reference/general/exceptions (checked 2026-11-20)
EXCEPTIONS: Final[Mapping[str, Reason]] = {
    "AuthenticationError": Reason.INVALID_CREDENTIALS,
    "AuthorizationError": Reason.INVALID_CREDENTIALS,
    "NotFoundError": Reason.INVALID_REQUEST,
    "TooManyRequestsError": Reason.RATE_LIMITED,
    "UpgradeRequiredError": Reason.MISCONFIGURED,
}

# Failures to connect, by the name of the HTTP library's exception: not a byte of the request left.
NOT_CONNECTED: Final = frozenset(
    {"ConnectTimeout", "ConnectTimeoutError", "NameResolutionError", "NewConnectionError", "SSLCertVerificationError"}
)


def decline(transaction: Mapping[str, Any]) -> Declined | Failed | Unknown:
    """Read a transaction that was refused: by the processor, by the gateway, or because the processor broke down."""
    status, payment_id = transaction["status"], transaction.get("id")
    if status == "gateway_rejected":
        code = str(transaction.get("gateway_rejection_reason") or status)
        return Declined(reason=REJECTIONS.get(code, Reason.OTHER), code=code, id=payment_id)
    code = str(transaction.get("processor_response_code") or status)
    if status == "failed":
        return Failed(reason=PROCESSOR_REASONS.get(code, Reason.ISSUER_UNAVAILABLE), code=code, id=payment_id)
    if status == "processor_declined":
        return Declined(reason=PROCESSOR_REASONS.get(code, Reason.OTHER), code=code, id=payment_id)
    return Unknown(detail=f"refused, yet in status {status!r}")


def _adjustment(code: str, transaction: Mapping[str, Any]) -> Declined:
    """Read an increase that the issuer refused: by its own code where the last adjustment has one."""
    tried = transaction.get("authorization_adjustments") or [{}]
    answered = str(tried[-1].get("processor_response_code") or "")
    if answered in PROCESSOR_REASONS:
        return Declined(reason=PROCESSOR_REASONS[answered], code=answered, id=transaction.get("id"))
    return Declined(reason=ADJUSTMENT_DECLINES[code], code=code, id=transaction.get("id"))


def refusal(
    codes: Sequence[str], transaction: Mapping[str, Any], *, kind: OperationKind
) -> Declined | Failed | Unknown | None:
    """Say what a 422 proves by its validation errors; None if it has none, and the transaction has to say it."""
    if not codes:
        return None
    if ECHOES.intersection(codes):
        return Unknown(detail=f"refused with {', '.join(codes)}, perhaps because it was done before")
    declined = next((code for code in codes if code in ADJUSTMENT_DECLINES), None)
    if declined and kind is OperationKind.INCREMENT:
        return _adjustment(declined, transaction)
    known = next((code for code in codes if code in ERROR_REASONS), codes[0])
    return Failed(reason=ERROR_REASONS.get(known, Reason.OTHER), code=known, id=transaction.get("id"))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk through what an exception was made of: wrapped ones, reasons and causes."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            parts = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
            waiting += [part for part in parts if isinstance(part, BaseException)]


def breakdown(error: Exception) -> Failed | Unknown:
    """Say what an exception of the SDK or of the transport proves. Only a failure to connect was surely not sent."""
    name = type(error).__name__
    if name in EXCEPTIONS:
        return Failed(reason=EXCEPTIONS[name], code=name)
    unconnected = next((type(one).__name__ for one in _causes(error) if type(one).__name__ in NOT_CONNECTED), None)
    if unconnected:
        return Failed(reason=Reason.NOT_SENT, code=unconnected)
    return Unknown(detail=name)
