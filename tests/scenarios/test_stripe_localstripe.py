"""The Stripe adapter against a server that none of us wrote.

localstripe knows neither increments nor search nor idempotency, and refuses optional parameters, so this proves the
plain way of a payment only: what it says it holds, captured, released and refunded.
"""

import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from evpay.money import Money
from evpay.providers import (
    ActionRequired,
    AuthorizeRequest,
    CaptureRequest,
    CompleteRequest,
    Declined,
    LookUpRequest,
    PaymentMethod,
    Reason,
    RefundRequest,
    RunClientSdk,
    Succeeded,
    Unknown,
    VoidRequest,
)
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.servers import RunningServer, running_localstripe

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

KEY = {"Authorization": "Bearer sk_test_example"}


@pytest.fixture(scope="module")
def localstripe() -> Iterator[RunningServer]:
    with running_localstripe() as server:
        yield server


@pytest.fixture
async def provider(localstripe: RunningServer) -> AsyncIterator[StripeProvider]:
    made = StripeProvider(StripeSettings(api_key="sk_test_example", base_url=localstripe.url))
    yield made
    await made.aclose()


def eur(amount):
    return Money(amount, "EUR")


def effect(number, **fields):
    return {"reference": f"r{number}", "idempotency_key": f"k{number}", **fields}


def authorization(token="pm_card_visa", **fields):
    return AuthorizeRequest(**effect(1, amount=eur("20.00"), method=PaymentMethod(token), **fields))


def its_charge(localstripe, payment_id):
    """What localstripe says through its own API: what was held, what is captured, and every refund."""
    intent = localstripe.call("GET", f"/v1/payment_intents/{payment_id}", headers=KEY)
    charge = intent["latest_charge"]
    refunds = localstripe.call("GET", f"/v1/refunds?charge={charge['id']}", headers=KEY)["data"]
    return intent, charge, sorted(refund["amount"] for refund in refunds)


async def test_hold_capture_of_a_part_and_refund(localstripe, provider):
    """It holds 20.00, keeps 12.34, gives back 7.66 at once and 2.00 later."""
    hold = await provider.authorize(authorization())
    held = its_charge(localstripe, hold.handle.id)
    taken = await provider.capture(
        CaptureRequest(**effect(2, payment_reference="r1", handle=hold.handle, amount=eur("12.34")))
    )
    back = await provider.refund(
        RefundRequest(**effect(3, payment_reference="r1", handle=hold.handle, amount=eur("2.00"), note="cable fault"))
    )

    assert [outcome.amount for outcome in (hold, taken, back)] == [eur("20.00"), eur("12.34"), eur("2.00")]
    assert (held[0]["status"], held[0]["metadata"], held[1]["amount"], held[1]["captured"], held[2]) == (
        "requires_capture", {"evpay_reference": "r1"}, 2000, False, [],
    )  # fmt: skip
    intent, charge, refunds = its_charge(localstripe, hold.handle.id)
    assert (intent["status"], charge["captured"], charge["currency"]) == ("succeeded", True, "eur")
    # It books what was not captured as a refund of its own.
    assert refunds == [200, 766]


async def test_void_frees_the_whole_hold(localstripe, provider):
    """Cancelled, and never captured."""
    hold = await provider.authorize(authorization())

    outcome = await provider.void(
        VoidRequest(**effect(2, payment_reference="r1", handle=hold.handle, amount=eur("20.00")))
    )

    intent, charge, refunds = its_charge(localstripe, hold.handle.id)
    assert outcome.amount == eur("20.00")
    assert (intent["status"], charge["captured"], refunds) == ("canceled", False, [])


async def test_look_up_claims_no_more_than_is_shown(provider):
    """By id the effects that name us, and no totals; without an id nothing, because it cannot search."""
    hold = await provider.authorize(authorization())
    await provider.capture(CaptureRequest(**effect(2, payment_reference="r1", handle=hold.handle, amount=eur("5.00"))))
    await provider.refund(RefundRequest(**effect(3, payment_reference="r1", handle=hold.handle, amount=eur("1.00"))))

    seen = await provider.look_up(LookUpRequest(payment_reference="r1", handle=hold.handle))
    blind = await provider.look_up(LookUpRequest(payment_reference="r1"))

    assert [(report.kind.value, report.reference) for report in seen.reports] == [("authorize", "r1"), ("refund", "r3")]
    assert seen.totals is None
    assert isinstance(blind, Unknown)


async def test_card_that_declines(localstripe, provider):
    """A card that can be saved but not charged."""
    outcome = await provider.authorize(authorization("pm_card_chargeCustomerFail"))

    assert isinstance(outcome, Declined)
    assert (outcome.reason, outcome.code) == (Reason.DO_NOT_HONOR, "card_declined")


async def test_driver_is_asked_and_comes_back(localstripe, provider):
    """Its challenge is for the client SDK; after it the payment is held."""
    made = localstripe.call(
        "POST",
        "/v1/payment_methods",
        {"type": "card", "card": {"number": "4000002500003155", "exp_month": 12, "exp_year": 2030, "cvc": "123"}},
        headers=KEY,
    )
    waiting = await provider.authorize(authorization(made["id"]))
    intent = localstripe.call("GET", f"/v1/payment_intents/{waiting.handle.id}", headers=KEY)
    secret = {"client_secret": intent["client_secret"], "success": True}
    localstripe.call("POST", f"/v1/payment_intents/{waiting.handle.id}/_authenticate", secret, headers=KEY)

    done = await provider.complete(
        CompleteRequest(**effect(2, payment_reference="r1", handle=waiting.handle, amount=eur("20.00")))
    )

    assert isinstance(waiting, ActionRequired)
    assert waiting.action == RunClientSdk(payload={"client_secret": intent["client_secret"]})
    assert isinstance(done, Succeeded)
    assert done.amount == eur("20.00")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_loopback_only(localstripe):
    """Its own start would bind every interface."""
    inodes = {link.readlink().name for link in Path(f"/proc/{localstripe.pid}/fd").iterdir()}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                listening.append(fields[1].rpartition(":")[0])

    assert listening == ["0100007F"]


def test_it_keeps_its_state_to_itself(localstripe):
    """By itself it would pickle every change into a file that all of this machine share."""
    pickled = Path(tempfile.gettempdir(), "localstripe.pickle")
    before = pickled.stat().st_mtime_ns if pickled.exists() else None

    localstripe.call("POST", "/v1/customers", {"email": "driver@example.com"}, headers=KEY)

    assert (pickled.stat().st_mtime_ns if pickled.exists() else None) == before
