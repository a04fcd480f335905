"""What an error proves: declined, failed, not sent, or nothing at all."""

import inspect
from typing import Any, get_args

import pytest
import stripe

from evpay.providers import Declined, Failed, OperationKind, Reason, Unknown
from evpay_providers.stripe.failures import DECLINE_REASONS, ECHOES, ERROR_REASONS, decline, failure


def answer(status, *, kind=OperationKind.CAPTURE, **error):
    body = {"error": {"type": "invalid_request_error", "message": "no", **error}} if error else None
    return failure(status=status, body=body, cause="APIError", kind=kind)


def test_decline_without_a_code_is_one_all_the_same():
    """Errors of the time before there were codes for everything say no more than their type."""
    assert answer(402, type="card_error") == Declined(reason=Reason.OTHER, code=None)


@pytest.mark.parametrize(("code", "reason"), sorted(DECLINE_REASONS.items()))
def test_decline_code_has_its_reason(code, reason):
    """Each listed decline is the payer's, with its code beside it."""
    outcome = answer(402, code="card_declined", decline_code=code)

    assert outcome == Declined(reason=reason, code=code)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("insufficient_funds", Reason.INSUFFICIENT_FUNDS),
        ("stolen_card", Reason.LOST_OR_STOLEN),
        ("fraudulent", Reason.SUSPECTED_FRAUD),
        ("expired_card", Reason.EXPIRED_METHOD),
        ("authentication_required", Reason.AUTHENTICATION_REQUIRED),
        ("issuer_not_available", Reason.ISSUER_UNAVAILABLE),
        ("revocation_of_authorization", Reason.METHOD_REVOKED),
        ("do_not_try_again", Reason.METHOD_REVOKED),
    ],
)
def test_telling_declines_are_what_they_say(code, reason):
    """The declines that decide what happens next, checked one by one."""
    assert DECLINE_REASONS[code] is reason


def test_code_counts_where_there_is_no_decline_code():
    """An expired card has only a code."""
    outcome = answer(402, code="expired_card", payment_intent={"id": "pi_1"})

    assert outcome == Declined(reason=Reason.EXPIRED_METHOD, code="expired_card", id="pi_1")


@pytest.mark.parametrize(
    "error", [{"code": "card_declined", "decline_code": "of_the_future"}, {"code": "of_the_future"}]
)
def test_unlisted_decline_is_other_with_its_code(error):
    """Stripe adds codes at any time."""
    assert answer(402, **error) == Declined(reason=Reason.OTHER, code="of_the_future")


def test_decline_without_any_code_is_other():
    """Some declines say only that they are one."""
    assert decline({"message": "No."}) == Declined(reason=Reason.OTHER)


@pytest.mark.parametrize("code", ["generic_decline", "do_not_honor", "insufficient_funds", "of_the_future", None])
def test_advice_not_to_try_again_revokes_the_method(code):
    """The issuer will never approve this card for us; the code is kept."""
    outcome = answer(402, code=code, advice_code="do_not_try_again")

    assert outcome == Declined(reason=Reason.METHOD_REVOKED, code=code)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("lost_card", Reason.LOST_OR_STOLEN),
        ("fraudulent", Reason.SUSPECTED_FRAUD),
        ("expired_card", Reason.EXPIRED_METHOD),
        ("incorrect_number", Reason.INVALID_METHOD),
    ],
)
def test_advice_does_not_hide_what_says_more(code, reason):
    """A stolen card stays one."""
    assert answer(402, code=code, advice_code="do_not_try_again") == Declined(reason=reason, code=code)


@pytest.mark.parametrize("advice", ["try_again_later", "confirm_card_data", "of_the_future", None])
def test_other_advice_changes_nothing(advice):
    """When to try is the engine's to decide."""
    assert answer(402, code="do_not_honor", advice_code=advice).reason is Reason.DO_NOT_HONOR


def test_advice_is_kept_with_the_payment():
    """A look-up reads the same from the intent's last error."""
    error = {"type": "card_error", "code": "card_declined", "advice_code": "do_not_try_again"}

    assert decline(error, payment_id="pi_1").reason is Reason.METHOD_REVOKED


@pytest.mark.parametrize(("code", "reason"), sorted(ERROR_REASONS.items()))
def test_error_code_has_its_reason(code, reason):
    """Each listed refusal surely did nothing."""
    assert answer(400, code=code) == Failed(reason=reason, code=code)


def listed(owner: Any) -> set[str]:
    """The words that the SDK lists for a field."""

    def words(hint: Any) -> set[str]:
        found = [{arg} if isinstance(arg, str) else words(arg) for arg in get_args(hint)]
        return set().union(*found)

    return words(inspect.get_annotations(owner)["code"])


CODES = listed(stripe.PaymentIntent.LastPaymentError)


def test_no_table_has_a_code_that_is_not_stripes():
    """A slip of the pen would never match; the SDK's own list has every code but those that came later."""
    assert set(ERROR_REASONS) - CODES == {"payment_method_types_no_longer_supported"}
    assert CODES >= ECHOES


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("status", [400, 402])
def test_every_documented_code_is_understood(code, status):
    """One reason each, or OTHER, and the code kept; what may be an echo is unknown."""
    outcome = answer(status, code=code)

    assert isinstance(outcome, Unknown) if code in ECHOES else outcome.code == code


@pytest.mark.parametrize("code", sorted(ECHOES))
@pytest.mark.parametrize("status", [400, 404, 409, 429])
def test_echo_of_our_own_attempt_is_unknown(code, status):
    """ "Already done" may be about what we did ourselves."""
    assert isinstance(answer(status, code=code), Unknown)


def test_unlisted_error_code_is_other_with_its_code():
    """A refusal stays a refusal when nobody knows its name."""
    assert answer(400, code="of_the_future") == Failed(reason=Reason.OTHER, code="of_the_future")


@pytest.mark.parametrize("param", ["payment_method", "customer"])
def test_missing_token_is_an_invalid_method(param):
    """A token of another account is the method's fault."""
    outcome = answer(404, kind=OperationKind.AUTHORIZE, code="resource_missing", param=param)

    assert outcome == Failed(reason=Reason.INVALID_METHOD, code="resource_missing")


@pytest.mark.parametrize(
    "kind", [OperationKind.INCREMENT, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND]
)
def test_refusal_without_a_code_is_unknown_for_what_may_be_repeated(kind):
    """ "Refund amount is greater than unrefunded amount" has no code, and may be about our first attempt."""
    assert isinstance(answer(400, kind=kind, param="amount"), Unknown)


def test_refusal_without_a_code_fails_an_authorization():
    """A payment that was not created cannot have been created before under the same key."""
    outcome = answer(400, kind=OperationKind.AUTHORIZE, param="amount")

    assert outcome == Failed(reason=Reason.INVALID_REQUEST)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, Reason.INVALID_CREDENTIALS), (403, Reason.MISCONFIGURED), (429, Reason.RATE_LIMITED)],
)
def test_status_decides_where_no_code_does(status, reason):
    """Keys, permissions and limits are told by the status."""
    assert answer(status, param="") == Failed(reason=reason)


@pytest.mark.parametrize("code", ["rate_limit", "payment_intent_rate_limit_exceeded"])
def test_too_many_requests_did_nothing(code):
    """Stripe counts before it acts."""
    assert answer(429, code=code) == Failed(reason=Reason.RATE_LIMITED, code=code)


def test_limit_of_another_kind_is_unknown():
    """A 429 with a new code may be about a lock, and so about our own first attempt."""
    assert isinstance(answer(429, code="of_the_future"), Unknown)


def test_expired_key_is_told_by_its_code():
    """The code is kept beside the reason."""
    assert answer(401, code="api_key_expired") == Failed(reason=Reason.INVALID_CREDENTIALS, code="api_key_expired")


@pytest.mark.parametrize("status", [200, 302, 408, 409, 418, 500, 502, 503, 504])
def test_other_statuses_prove_nothing(status):
    """5xx, conflicts, redirects and statuses never seen are unknown."""
    assert isinstance(answer(status, code="api_error"), Unknown)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500])
@pytest.mark.parametrize("body", [None, [], "text", {}, {"error": None}, {"error": "text"}, {"error": {}}])
def test_error_that_cannot_be_read_proves_nothing(status, body):
    """A proxy on the way may have answered instead of Stripe."""
    assert isinstance(failure(status=status, body=body, cause="APIError", kind=OperationKind.CAPTURE), Unknown)


def test_idempotency_error_is_unknown():
    """The key was used before, so something may have happened under it."""
    assert isinstance(answer(400, type="idempotency_error"), Unknown)


@pytest.mark.parametrize("cause", ["ConnectError", "ConnectTimeout", "PoolTimeout"])
def test_failure_to_connect_is_not_sent(cause):
    """Nothing left this machine."""
    outcome = failure(status=None, body=None, cause=cause, kind=OperationKind.CAPTURE)

    assert outcome == Failed(reason=Reason.NOT_SENT, code=cause)


@pytest.mark.parametrize("cause", ["ReadTimeout", "ReadError", "WriteError", "RemoteProtocolError", "TimeoutError", ""])
def test_every_other_break_is_unknown(cause):
    """After the first byte anything may have happened."""
    assert isinstance(failure(status=None, body=None, cause=cause, kind=OperationKind.CAPTURE), Unknown)


# --- as real exchanges had it, cut to what is read


def test_recorded_decline():
    """Its advice is to try again later, which is for others to decide."""
    error = {
        "type": "card_error",
        "advice_code": "try_again_later",
        "code": "card_declined",
        "decline_code": "generic_decline",
        "network_decline_code": "01",
        "message": "Your card was declined.",
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
    }

    assert answer(402, **error) == Declined(reason=Reason.DO_NOT_HONOR, code="generic_decline")


def test_recorded_amount_of_zero():
    """A value that is no amount is our own mistake."""
    outcome = answer(400, kind=OperationKind.AUTHORIZE, code="parameter_invalid_integer", param="amount")

    assert outcome == Failed(reason=Reason.INVALID_REQUEST, code="parameter_invalid_integer")


def test_recorded_trouble_of_stripes_own():
    """A 5xx that says sorry."""
    assert isinstance(answer(500, type="api_error", message="Sorry about that!"), Unknown)


def test_recorded_cancellation_in_the_wrong_state():
    """It may have been cancelled by our own first attempt."""
    assert isinstance(answer(400, kind=OperationKind.VOID, code="payment_intent_unexpected_state"), Unknown)
