"""Why a payment did not go through, and what to do about it.

The certainty (did it happen?) is the type of the outcome; the reason says what was the matter; the table says
what follows. Adapters map codes to reasons and never decide what to do.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["ADVICE", "OF_THE_SENDING", "Advice", "Reason", "advice_for", "may_try_elsewhere"]


class Reason(StrEnum):
    """Why. Closed: a code that no table knows is OTHER, with the code kept beside it."""

    # the payer
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LIMIT_EXCEEDED = "limit_exceeded"
    DO_NOT_HONOR = "do_not_honor"
    NOT_PERMITTED = "not_permitted"
    LOST_OR_STOLEN = "lost_or_stolen"
    SUSPECTED_FRAUD = "suspected_fraud"
    EXPIRED_METHOD = "expired_method"
    INVALID_METHOD = "invalid_method"
    METHOD_REVOKED = "method_revoked"
    AUTHENTICATION_REQUIRED = "authentication_required"
    AUTHENTICATION_FAILED = "authentication_failed"
    ISSUER_UNAVAILABLE = "issuer_unavailable"
    CANCELLED_BY_DRIVER = "cancelled_by_driver"
    APPROVAL_EXPIRED = "approval_expired"
    # the payment
    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_TOO_LARGE = "amount_too_large"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    INCREMENT_NOT_AVAILABLE = "increment_not_available"
    NOT_SETTLED_YET = "not_settled_yet"
    REFUND_FUNDS_LACKING = "refund_funds_lacking"
    INVALID_STATE = "invalid_state"
    # the set-up
    NOT_SENT = "not_sent"
    RATE_LIMITED = "rate_limited"
    INVALID_REQUEST = "invalid_request"
    INVALID_CREDENTIALS = "invalid_credentials"
    MISCONFIGURED = "misconfigured"
    TEST_LIVE_MISMATCH = "test_live_mismatch"
    OTHER = "other"


class Advice(StrEnum):
    """What to do about a reason."""

    RETRY_SAME = "retry_same"
    RETRY_LATER = "retry_later"
    OTHER_PROCESSOR = "other_processor"
    OTHER_METHOD = "other_method"
    DRIVER_ACTION = "driver_action"
    FIX_SET_UP = "fix_set_up"
    NEVER = "never"


_RETRY = frozenset({Advice.RETRY_LATER, Advice.OTHER_PROCESSOR})
_METHOD = frozenset({Advice.OTHER_METHOD})
_NEVER = frozenset({Advice.NEVER})
_ELSEWHERE = frozenset({Advice.OTHER_PROCESSOR, Advice.FIX_SET_UP})

ADVICE: Final[Mapping[Reason, frozenset[Advice]]] = MappingProxyType(
    {
        # An issuer's own no is the same through any processor: another card helps, another processor does not.
        Reason.INSUFFICIENT_FUNDS: _METHOD,
        Reason.LIMIT_EXCEEDED: frozenset({Advice.OTHER_METHOD, Advice.RETRY_LATER}),
        Reason.DO_NOT_HONOR: _METHOD,
        Reason.NOT_PERMITTED: _METHOD,
        Reason.LOST_OR_STOLEN: _NEVER,
        Reason.SUSPECTED_FRAUD: _NEVER,
        Reason.EXPIRED_METHOD: _METHOD,
        Reason.INVALID_METHOD: _METHOD,
        Reason.METHOD_REVOKED: _METHOD,
        Reason.AUTHENTICATION_REQUIRED: frozenset({Advice.DRIVER_ACTION}),
        Reason.AUTHENTICATION_FAILED: frozenset({Advice.DRIVER_ACTION, Advice.OTHER_METHOD}),
        Reason.ISSUER_UNAVAILABLE: _RETRY,
        Reason.CANCELLED_BY_DRIVER: frozenset({Advice.DRIVER_ACTION}),
        Reason.APPROVAL_EXPIRED: frozenset({Advice.DRIVER_ACTION}),
        Reason.AMOUNT_TOO_SMALL: _NEVER,
        Reason.AMOUNT_TOO_LARGE: frozenset({Advice.OTHER_METHOD, Advice.OTHER_PROCESSOR}),
        Reason.CURRENCY_NOT_SUPPORTED: _ELSEWHERE,
        Reason.AUTHORIZATION_EXPIRED: frozenset({Advice.DRIVER_ACTION}),
        Reason.INCREMENT_NOT_AVAILABLE: _NEVER,
        Reason.NOT_SETTLED_YET: frozenset({Advice.RETRY_LATER}),
        Reason.REFUND_FUNDS_LACKING: frozenset({Advice.RETRY_LATER, Advice.FIX_SET_UP}),
        Reason.INVALID_STATE: _NEVER,
        Reason.NOT_SENT: frozenset({Advice.RETRY_SAME, Advice.OTHER_PROCESSOR}),
        Reason.RATE_LIMITED: _RETRY,
        Reason.INVALID_REQUEST: frozenset({Advice.FIX_SET_UP}),
        Reason.INVALID_CREDENTIALS: _ELSEWHERE,
        Reason.MISCONFIGURED: _ELSEWHERE,
        Reason.TEST_LIVE_MISMATCH: frozenset({Advice.FIX_SET_UP}),
        Reason.OTHER: _METHOD,
    }
)


OF_THE_SENDING: Final = frozenset(
    {
        Reason.NOT_SENT,
        Reason.RATE_LIMITED,
        Reason.ISSUER_UNAVAILABLE,
        Reason.INVALID_REQUEST,
        Reason.INVALID_CREDENTIALS,
        Reason.MISCONFIGURED,
        Reason.TEST_LIVE_MISMATCH,
        Reason.OTHER,
    }
)
"""A failure for one of these is about one sending: it says nothing of an earlier sending of the same operation."""


def advice_for(reason: Reason) -> frozenset[Advice]:
    """Return what to do about a reason."""
    return ADVICE[reason]


def may_try_elsewhere(reason: Reason) -> bool:
    """Say whether another processor may be tried after this refusal."""
    return Advice.OTHER_PROCESSOR in ADVICE[reason]
