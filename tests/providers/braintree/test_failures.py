"""Every code has its reason, and what is not proven has none."""

import pytest

from evpay.providers import Declined, Failed, OperationKind, Reason, Unknown
from evpay_providers.braintree.failures import ECHOES, ERROR_REASONS, decline, refusal

# What each code means, by Braintree's own words for it: those that decide something are written out here.
DECLINES = {
    Reason.DO_NOT_HONOR: "2000 2034 2038 2044 2046",
    Reason.INSUFFICIENT_FUNDS: "2001",
    Reason.LIMIT_EXCEEDED: "2002 2003",
    Reason.EXPIRED_METHOD: "2004",
    Reason.INVALID_METHOD: "2005 2006 2007 2008 2009 2010 2051 2059 2060",
    Reason.LOST_OR_STOLEN: "2012 2013 2047 2053",
    Reason.SUSPECTED_FRAUD: "2014",
    Reason.NOT_PERMITTED: "2015 2019 2024 2057",
    Reason.METHOD_REVOKED: "2017 2018 2043",
    Reason.AUTHENTICATION_REQUIRED: "2099",
    Reason.OTHER: "2999 9999 abc",
}
REJECTIONS = {
    "three_d_secure": Reason.AUTHENTICATION_REQUIRED,
    "fraud": Reason.SUSPECTED_FRAUD,
    "risk_threshold": Reason.SUSPECTED_FRAUD,
    "cvv": Reason.INVALID_METHOD,
    "avs": Reason.INVALID_METHOD,
    "avs_and_cvv": Reason.INVALID_METHOD,
    "duplicate": Reason.DO_NOT_HONOR,
    "excessive_retry": Reason.NOT_PERMITTED,
    "application_incomplete": Reason.MISCONFIGURED,
    "of_the_future": Reason.OTHER,
}
ERRORS = {
    "81531": Reason.AMOUNT_TOO_SMALL,
    "81528": Reason.AMOUNT_TOO_LARGE,
    "91521": Reason.AMOUNT_TOO_LARGE,
    "91522": Reason.AMOUNT_TOO_LARGE,
    "91577": Reason.NOT_PERMITTED,
    "81509": Reason.NOT_PERMITTED,
    "81571": Reason.AUTHENTICATION_FAILED,
    "91564": Reason.INVALID_METHOD,
    "91565": Reason.INVALID_METHOD,
    "91506": Reason.NOT_SETTLED_YET,
    "91579": Reason.AUTHORIZATION_EXPIRED,
    "915219": Reason.INCREMENT_NOT_AVAILABLE,
    "915222": Reason.INCREMENT_NOT_AVAILABLE,
    "915231": Reason.MISCONFIGURED,
    "91513": Reason.MISCONFIGURED,
    "99999": Reason.OTHER,
}


@pytest.mark.parametrize(
    ("code", "reason"), [(code, reason) for reason, codes in DECLINES.items() for code in codes.split()]
)
def test_processors_code_has_its_reason(code, reason):
    """The code stays beside it."""
    transaction = {"id": "tx1", "status": "processor_declined", "processor_response_code": code}

    assert decline(transaction) == Declined(reason=reason, code=code, id="tx1")


@pytest.mark.parametrize(("cause", "reason"), REJECTIONS.items())
def test_gateways_rejection_has_its_reason(cause, reason):
    """The gateway turned it away by a rule of the account."""
    transaction = {"id": "tx1", "status": "gateway_rejected", "gateway_rejection_reason": cause}

    assert decline(transaction) == Declined(reason=reason, code=cause, id="tx1")


@pytest.mark.parametrize(("code", "expected"), [("3000", "3000"), ("", "failed"), (None, "failed")])
def test_processor_that_broke_down_is_no_decline(code, expected):
    """The payer's side said nothing."""
    transaction = {"id": "tx1", "status": "failed", "processor_response_code": code}

    assert decline(transaction) == Failed(reason=Reason.ISSUER_UNAVAILABLE, code=expected, id="tx1")


def test_refused_in_a_status_of_tomorrow_is_unknown():
    """Never a decline."""
    assert isinstance(decline({"id": "tx1", "status": "quantum"}), Unknown)


@pytest.mark.parametrize(("code", "reason"), ERRORS.items())
def test_validation_error_has_its_reason(code, reason):
    """Refused before anything was done."""
    outcome = refusal([code], {}, kind=OperationKind.AUTHORIZE)

    assert outcome == Failed(reason=reason, code=code)


def test_known_code_goes_before_an_unknown_one():
    """Two errors in one answer."""
    outcome = refusal(["99999", "91565"], {}, kind=OperationKind.AUTHORIZE)

    assert outcome == Failed(reason=Reason.INVALID_METHOD, code="91565")


@pytest.mark.parametrize("code", ["91504", "91507", "91512", "915103", "95606", "915232", "915233", "915234", "915235"])
def test_echo_is_unknown(code):
    """Done already, in flight, or under the key of something else: it may have been us."""
    assert isinstance(refusal(["99999", code], {}, kind=OperationKind.CAPTURE), Unknown)


def test_no_code_is_both_an_echo_and_a_reason():
    """It would depend on the order."""
    assert not ECHOES & ERROR_REASONS.keys()
