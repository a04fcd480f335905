"""Where a payment at a reader stands, by what the payment and the reader say."""

from typing import Any

import pytest

from evpay.providers import ActionRequired, ConfirmOnDevice, Declined, Handle, Reason, Succeeded, Unknown
from evpay_providers.stripe.terminal import SHOWN, shown, standing
from tests.providers.stripe import answers

WAITING = Handle(id="pi_1", memo={"reader": "tmr_1"})
TOLD = Handle(id="pi_1", memo={"reader": "tmr_1", SHOWN: "yes"})


def waiting(**fields: Any) -> dict[str, Any]:
    metadata = {"evpay_reference": "p1", "evpay_reader": "tmr_1"}
    opened = {"status": "requires_payment_method", "latest_charge": None, "metadata": metadata}
    return answers.intent(**{**opened, **fields})


def reader(status: str | None = None, *, payment: Any = "pi_1", **fields: Any) -> dict[str, Any]:
    action = {"type": "process_payment_intent", "status": status, "process_payment_intent": {"payment_intent": payment}}
    return {"id": "tmr_1", "object": "terminal.reader", "action": action | fields if status else None}


def stands(intent, device, *, handle=WAITING):
    return standing(intent, device, handle=handle, account="stripe")


@pytest.mark.parametrize(
    "device", [reader(), reader("in_progress", payment="pi_other"), reader("failed", payment=None)]
)
def test_reader_that_was_not_told_is_to_be_told(device):
    """It does nothing, or is about another payment."""
    assert stands(waiting(), device) is None


@pytest.mark.parametrize("named", ["pi_1", {"id": "pi_1"}])
@pytest.mark.parametrize("handle", [WAITING, TOLD])
def test_payment_on_the_screen_waits(named, handle):
    """It is not shown twice, whoever asked for it first."""
    assert stands(waiting(), reader("in_progress", payment=named), handle=handle) == ActionRequired(
        action=ConfirmOnDevice(device="tmr_1"), id="pi_1", handle=TOLD
    )


@pytest.mark.parametrize("device", [reader(), reader("in_progress", payment="pi_other")])
def test_payment_that_left_the_screen_is_over(device):
    """It is never shown again: the next card would be another driver's."""
    assert stands(waiting(), device, handle=TOLD) == Declined(
        reason=Reason.APPROVAL_EXPIRED, code="reader_moved_on", id="pi_1"
    )


def test_driver_may_cancel_at_the_reader():
    """The reader offers a button for it."""
    assert stands(waiting(), reader("failed", failure_code="customer_canceled")) == Declined(
        reason=Reason.CANCELLED_BY_DRIVER, code="customer_canceled", id="pi_1"
    )


def test_refusal_at_the_reader_has_the_issuers_reason():
    """Newer readers tell what Stripe answered them."""
    refused = {"type": "card_error", "code": "card_declined", "decline_code": "stolen_card"}

    assert stands(waiting(), reader("failed", failure_code="card_declined", api_error=refused)) == Declined(
        reason=Reason.LOST_OR_STOLEN, code="stolen_card", id="pi_1"
    )


@pytest.mark.parametrize("code", ["of_the_future", None])
def test_unlisted_failure_of_a_reader_is_other(code):
    """With the reader's own word beside it."""
    assert stands(waiting(), reader("failed", failure_code=code)) == Declined(
        reason=Reason.OTHER, code=code or "failed", id="pi_1"
    )


@pytest.mark.parametrize("status", ["succeeded", "entangled"])
def test_reader_that_contradicts_the_payment_proves_nothing(status):
    """Done, says the one, and still open, says the other; or a word that nobody knows."""
    assert isinstance(stands(waiting(), reader(status)), Unknown)


def test_what_the_payment_says_counts_first():
    """Held, refused or cancelled: the reader is not asked."""
    error = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}

    assert isinstance(stands(answers.intent(), reader("failed")), Succeeded)
    assert stands(waiting(last_payment_error=error), reader("in_progress")).reason is Reason.INSUFFICIENT_FUNDS
    assert isinstance(stands(waiting(status="canceled"), reader("in_progress")), Declined)


def test_handle_remembers_that_the_reader_was_told():
    """So that no later call tells it again."""
    assert shown(waiting()).handle == TOLD
