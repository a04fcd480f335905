"""Stripe's refusals and breakdowns as outcomes: what certainly did not happen, and what nobody knows."""

from collections.abc import Mapping
from typing import Any, Final

from evpay.providers import Declined, Failed, OperationKind, Reason, Unknown

__all__ = ["DECLINE_REASONS", "ECHOES", "ERROR_REASONS", "REFUND_FAILURES", "decline", "failure"]

# Issuer's and Stripe's declines, by `decline_code` and, where there is none, by `code`.
# https://docs.stripe.com/declines/codes and https://docs.stripe.com/error-codes (checked 2026-11-20)
DECLINE_REASONS: Final[Mapping[str, Reason]] = {
    "approve_with_id": Reason.ISSUER_UNAVAILABLE,
    "authentication_failure": Reason.AUTHENTICATION_FAILED,
    "authentication_not_handled": Reason.AUTHENTICATION_FAILED,
    "authentication_required": Reason.AUTHENTICATION_REQUIRED,
    "billing_invalid_mandate": Reason.METHOD_REVOKED,
    "call_issuer": Reason.DO_NOT_HONOR,
    "card_decline_rate_limit_exceeded": Reason.LIMIT_EXCEEDED,
    "card_declined": Reason.DO_NOT_HONOR,
    "card_not_supported": Reason.NOT_PERMITTED,
    "card_velocity_exceeded": Reason.LIMIT_EXCEEDED,
    "currency_not_supported": Reason.CURRENCY_NOT_SUPPORTED,
    "debit_not_authorized": Reason.METHOD_REVOKED,
    "do_not_honor": Reason.DO_NOT_HONOR,
    "do_not_try_again": Reason.METHOD_REVOKED,
    "duplicate_transaction": Reason.DO_NOT_HONOR,
    "expired_card": Reason.EXPIRED_METHOD,
    "fraudulent": Reason.SUSPECTED_FRAUD,
    "generic_decline": Reason.DO_NOT_HONOR,
    "incorrect_address": Reason.INVALID_METHOD,
    "incorrect_cvc": Reason.INVALID_METHOD,
    "incorrect_number": Reason.INVALID_METHOD,
    "incorrect_pin": Reason.AUTHENTICATION_FAILED,
    "incorrect_postal_code": Reason.INVALID_METHOD,
    "incorrect_zip": Reason.INVALID_METHOD,
    "india_recurring_payment_mandate_canceled": Reason.METHOD_REVOKED,
    "insufficient_funds": Reason.INSUFFICIENT_FUNDS,
    "invalid_account": Reason.INVALID_METHOD,
    "invalid_amount": Reason.LIMIT_EXCEEDED,
    "invalid_card_type": Reason.NOT_PERMITTED,
    "invalid_cvc": Reason.INVALID_METHOD,
    "invalid_expiry_month": Reason.INVALID_METHOD,
    "invalid_expiry_year": Reason.INVALID_METHOD,
    "invalid_number": Reason.INVALID_METHOD,
    "invalid_pin": Reason.AUTHENTICATION_FAILED,
    "issuer_not_available": Reason.ISSUER_UNAVAILABLE,
    "lost_card": Reason.LOST_OR_STOLEN,
    "merchant_blacklist": Reason.SUSPECTED_FRAUD,
    "mobile_device_authentication_required": Reason.AUTHENTICATION_REQUIRED,
    "new_account_information_available": Reason.EXPIRED_METHOD,
    "no_action_taken": Reason.DO_NOT_HONOR,
    "not_permitted": Reason.NOT_PERMITTED,
    "offline_pin_required": Reason.AUTHENTICATION_REQUIRED,
    "online_or_offline_pin_required": Reason.AUTHENTICATION_REQUIRED,
    "payment_intent_action_required": Reason.AUTHENTICATION_REQUIRED,
    "payment_intent_authentication_failure": Reason.AUTHENTICATION_FAILED,
    "payment_intent_mandate_invalid": Reason.METHOD_REVOKED,
    "payment_intent_payment_attempt_expired": Reason.APPROVAL_EXPIRED,
    "payment_intent_payment_attempt_failed": Reason.DO_NOT_HONOR,
    "payment_method_customer_decline": Reason.CANCELLED_BY_DRIVER,
    "payment_method_provider_decline": Reason.DO_NOT_HONOR,
    "payment_method_provider_timeout": Reason.ISSUER_UNAVAILABLE,
    "payment_method_restricted": Reason.NOT_PERMITTED,
    "pickup_card": Reason.LOST_OR_STOLEN,
    "pin_try_exceeded": Reason.AUTHENTICATION_FAILED,
    "processing_error": Reason.ISSUER_UNAVAILABLE,
    "reenter_transaction": Reason.ISSUER_UNAVAILABLE,
    "refer_to_customer": Reason.DO_NOT_HONOR,
    "restricted_card": Reason.LOST_OR_STOLEN,
    "revocation_of_all_authorizations": Reason.METHOD_REVOKED,
    "revocation_of_authorization": Reason.METHOD_REVOKED,
    "security_violation": Reason.SUSPECTED_FRAUD,
    "service_not_allowed": Reason.NOT_PERMITTED,
    "setup_intent_authentication_failure": Reason.AUTHENTICATION_FAILED,
    "stolen_card": Reason.LOST_OR_STOLEN,
    "stop_payment_order": Reason.METHOD_REVOKED,
    "testmode_decline": Reason.TEST_LIVE_MISMATCH,
    "three_d_secure_authentication_not_supported": Reason.AUTHENTICATION_FAILED,
    "three_d_secure_authentication_upstream_error": Reason.ISSUER_UNAVAILABLE,
    "transaction_not_allowed": Reason.NOT_PERMITTED,
    "try_again_later": Reason.ISSUER_UNAVAILABLE,
    "withdrawal_count_limit_exceeded": Reason.LIMIT_EXCEEDED,
}

# The issuer's advice that this card is not to be charged again, which says more than the reasons that are not listed.
# https://docs.stripe.com/declines/card#retrying-issuer-declines (checked 2026-11-20)
NEVER_AGAIN: Final = "do_not_try_again"
SAYS_MORE: Final = frozenset(
    {
        Reason.EXPIRED_METHOD,
        Reason.INVALID_METHOD,
        Reason.LOST_OR_STOLEN,
        Reason.METHOD_REVOKED,
        Reason.NOT_PERMITTED,
        Reason.SUSPECTED_FRAUD,
    }
)

# Requests that Stripe refused before doing anything. https://docs.stripe.com/error-codes (checked 2026-11-20)
ERROR_REASONS: Final[Mapping[str, Reason]] = {
    "account_closed": Reason.MISCONFIGURED,
    "account_invalid": Reason.MISCONFIGURED,
    "amount_too_large": Reason.AMOUNT_TOO_LARGE,
    "amount_too_small": Reason.AMOUNT_TOO_SMALL,
    "api_key_expired": Reason.INVALID_CREDENTIALS,
    "balance_insufficient": Reason.REFUND_FUNDS_LACKING,
    "capability_not_active": Reason.MISCONFIGURED,
    "capture_charge_authorization_expired": Reason.AUTHORIZATION_EXPIRED,
    "capture_unauthorized_payment": Reason.INVALID_STATE,
    "card_decline_rate_limit_exceeded": Reason.LIMIT_EXCEEDED,
    "charge_disputed": Reason.INVALID_STATE,
    "charge_exceeds_source_limit": Reason.LIMIT_EXCEEDED,
    "charge_exceeds_transaction_limit": Reason.AMOUNT_TOO_LARGE,
    "charge_expired_for_capture": Reason.AUTHORIZATION_EXPIRED,
    "charge_not_refundable": Reason.INVALID_STATE,
    "country_unsupported": Reason.MISCONFIGURED,
    "expired_card": Reason.EXPIRED_METHOD,
    "expired_payment_method": Reason.EXPIRED_METHOD,
    "insufficient_funds": Reason.REFUND_FUNDS_LACKING,
    "invalid_characters": Reason.INVALID_REQUEST,
    "invalid_charge_amount": Reason.INVALID_REQUEST,
    "livemode_mismatch": Reason.TEST_LIVE_MISMATCH,
    "parameter_invalid_empty": Reason.INVALID_REQUEST,
    "parameter_invalid_integer": Reason.INVALID_REQUEST,
    "parameter_invalid_string_blank": Reason.INVALID_REQUEST,
    "parameter_invalid_string_empty": Reason.INVALID_REQUEST,
    "parameter_missing": Reason.INVALID_REQUEST,
    "parameter_unknown": Reason.INVALID_REQUEST,
    "parameters_exclusive": Reason.INVALID_REQUEST,
    "payment_intent_incompatible_payment_method": Reason.INVALID_METHOD,
    "payment_intent_invalid_parameter": Reason.INVALID_REQUEST,
    "payment_intent_rate_limit_exceeded": Reason.RATE_LIMITED,
    "payment_method_configuration_failures": Reason.MISCONFIGURED,
    "payment_method_currency_mismatch": Reason.CURRENCY_NOT_SUPPORTED,
    "payment_method_invalid_parameter": Reason.INVALID_METHOD,
    "payment_method_invalid_parameter_testmode": Reason.TEST_LIVE_MISMATCH,
    "payment_method_not_available": Reason.ISSUER_UNAVAILABLE,
    "payment_method_types_no_longer_supported": Reason.INVALID_REQUEST,
    "payment_method_unactivated": Reason.MISCONFIGURED,
    "payment_method_unexpected_state": Reason.INVALID_METHOD,
    "payment_method_unsupported_type": Reason.INVALID_METHOD,
    "platform_account_required": Reason.MISCONFIGURED,
    "platform_api_key_expired": Reason.INVALID_CREDENTIALS,
    "postal_code_invalid": Reason.INVALID_METHOD,
    "rate_limit": Reason.RATE_LIMITED,
    "refund_disputed_payment": Reason.INVALID_STATE,
    "resource_missing": Reason.INVALID_REQUEST,
    "secret_key_required": Reason.INVALID_CREDENTIALS,
    "terminal_location_country_unsupported": Reason.MISCONFIGURED,
    "terminal_reader_invalid_location_for_payment": Reason.MISCONFIGURED,
    "testmode_charges_only": Reason.TEST_LIVE_MISMATCH,
    "tls_version_unsupported": Reason.MISCONFIGURED,
    "token_already_used": Reason.INVALID_METHOD,
    "url_invalid": Reason.INVALID_REQUEST,
}

# `resource_missing` means a token that is not there, if it is about one of these.
METHOD_PARAMS: Final = frozenset({"payment_method", "customer"})

# May be the echo of our own earlier attempt, or that attempt may still be running: nothing is proven.
# https://docs.stripe.com/error-codes (checked 2026-11-20)
ECHOES: Final = frozenset(
    {
        "charge_already_captured",
        "charge_already_refunded",
        "idempotency_key_in_use",
        "intent_invalid_state",
        "lock_timeout",
        "payment_intent_unexpected_state",
        "status_transition_invalid",
        "terminal_reader_timeout",
        "token_in_use",
    }
)

# By HTTP status, where no code is known. Not listed: nobody knows. https://docs.stripe.com/api/errors (2026-11-20)
STATUS_REASONS: Final[Mapping[int, Reason]] = {
    401: Reason.INVALID_CREDENTIALS,
    403: Reason.MISCONFIGURED,
    429: Reason.RATE_LIMITED,
}
_REFUSALS: Final = frozenset({400, 404})

# A request without a known code that may be refused because the same thing was done before.
_REPEATABLE: Final = frozenset(
    {OperationKind.INCREMENT, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND}
)

# Failures to connect, by the name of the HTTP library's exception: not a byte of the request left.
NOT_SENT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})

# https://docs.stripe.com/api/refunds/object#refund_object-failure_reason (checked 2026-11-20)
REFUND_FAILURES: Final[Mapping[str, Reason]] = {
    "charge_for_pending_refund_disputed": Reason.INVALID_STATE,
    "declined": Reason.DO_NOT_HONOR,
    "expired_or_canceled_card": Reason.EXPIRED_METHOD,
    "insufficient_funds": Reason.REFUND_FUNDS_LACKING,
    "lost_or_stolen_card": Reason.LOST_OR_STOLEN,
}


def decline(error: Mapping[str, Any], *, payment_id: str | None = None) -> Declined:
    """Read a card error, as an answer or as an intent's `last_payment_error` carries it."""
    code = error.get("decline_code") or error.get("code")
    reason = DECLINE_REASONS.get(str(code)) or ERROR_REASONS.get(str(code), Reason.OTHER)
    if error.get("advice_code") == NEVER_AGAIN and reason not in SAYS_MORE:
        reason = Reason.METHOD_REVOKED
    return Declined(reason=reason, code=code and str(code), id=payment_id)


def _error_of(body: object) -> Mapping[str, Any]:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _payment_id(error: Mapping[str, Any]) -> str | None:
    intent = error.get("payment_intent")
    return str(intent["id"]) if isinstance(intent, dict) and "id" in intent else None


def _refusal(error: Mapping[str, Any], *, kind: OperationKind | None) -> Failed | Unknown:
    code = error.get("code")
    if code is None:
        # "Refund amount is greater than unrefunded amount" has no code, and may be about our own first attempt.
        text = "refused without a code, perhaps because it was done before"
        return Unknown(detail=text) if kind in _REPEATABLE else Failed(reason=Reason.INVALID_REQUEST)
    missing_method = code == "resource_missing" and error.get("param") in METHOD_PARAMS
    known = ERROR_REASONS.get(code, DECLINE_REASONS.get(code, Reason.OTHER))
    reason = Reason.INVALID_METHOD if missing_method else known
    return Failed(reason=reason, code=str(code), id=_payment_id(error))


def failure(*, status: int | None, body: object, cause: str, kind: OperationKind | None) -> Declined | Failed | Unknown:
    """Say what an error proves. `cause` names the transport's exception; `kind` None: a read.

    Only a failure to connect was surely not sent. Time-outs, 5xx, 409, redirects, idempotency errors and whatever has
    no readable error body are `Unknown`.
    """
    if status is None:
        return Failed(reason=Reason.NOT_SENT, code=cause) if cause in NOT_SENT else Unknown(detail=cause)
    error = _error_of(body)
    code = error.get("code")
    if not error or code in ECHOES or error.get("type") == "idempotency_error":
        return Unknown(detail=f"HTTP {status}, {code or error.get('type') or 'no error that can be read'}")
    if status == 402:
        return decline(error, payment_id=_payment_id(error))
    if status == 429 and code is not None and code not in ERROR_REASONS:
        # Not every 429 is about how often we ask: a lock that was not released in time is one too.
        return Unknown(detail=f"HTTP {status}, {code}")
    if status in STATUS_REASONS:
        return Failed(reason=ERROR_REASONS.get(str(code), STATUS_REASONS[status]), code=code and str(code))
    if status in _REFUSALS:
        return _refusal(error, kind=kind)
    return Unknown(detail=f"HTTP {status}, {code or 'no code'}")
