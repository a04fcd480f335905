"""Webhooks are proven first, and then only name a payment."""

import hashlib
import hmac
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpay.errors import EvpayError, WebhookRejected
from evpay.providers import MAX_BODY_BYTES, Observation, WebhookRequest
from evpay_providers.stripe import StripeProvider, StripeSettings
from evpay_providers.stripe.webhooks import SUBJECTS
from tests.providers.stripe import answers

pytestmark = pytest.mark.anyio

SECRET, OLD_SECRET = "whsec_the_new_one_0001", "whsec_the_old_one_0001"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def account(**settings):
    values = {"api_key": "sk_test_x", "webhook_secrets": (SECRET, OLD_SECRET), **settings}
    return StripeProvider(StripeSettings(**values))


def event(**fields):
    thing = answers.intent(latest_charge=None)
    return {
        "id": "evt_1", "object": "event", "created": 1_795_000_000, "livemode": False, "pending_webhooks": 1,
        "type": "payment_intent.succeeded", "data": {"object": thing}, **fields,
    }  # fmt: skip


def message(content, *, secret=SECRET, at=NOW, received_at=NOW, header=None):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    stamp = int(at.timestamp())
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"stripe-signature": header or f"t={stamp},v1={signature}"}
    return WebhookRequest(body=body, headers=headers, received_at=received_at)


async def refused(request, **settings):
    with pytest.raises(WebhookRejected) as caught:
        await account(**settings).parse_webhook(request)
    return caught.value.status


async def test_proven_event_names_its_payment_and_nothing_more():
    """Events come in any order, so the observation is empty."""
    seen = await account().parse_webhook(message(event()))

    assert seen == (
        Observation(
            payment_id="pi_1", payment_reference="p1", event_id="evt_1", at=datetime.fromtimestamp(1_795_000_000, UTC)
        ),
    )


async def test_signature_of_the_official_library_is_accepted():
    """The vendor's own generator agrees with our verifier."""
    from stripe import WebhookSignature

    body = json.dumps(event())
    header = WebhookSignature.generate_signature_header(body, SECRET)
    request = message(body.encode(), header=header, received_at=datetime.fromtimestamp(time.time(), UTC))

    assert await account().parse_webhook(request)


@pytest.mark.parametrize(("kind", "path"), sorted(SUBJECTS.items()))
async def test_listed_event_names_its_payment(kind, path):
    """Each event type says where its payment's id is."""
    thing: object = "pi_7"
    for name in reversed(path.split(".")):
        thing = {name: thing}

    (seen,) = await account().parse_webhook(message(event(type=kind, data={"object": thing})))

    assert (seen.payment_id, seen.payment_reference) == ("pi_7", None)


async def test_reference_of_a_refund_is_not_the_payments():
    """A refund carries the reference of the REFUND."""
    (seen,) = await account().parse_webhook(message(event(type="refund.updated", data={"object": answers.refund()})))

    assert (seen.payment_id, seen.payment_reference) == ("pi_1", None)


@pytest.mark.parametrize("kind", ["customer.created", "of.the.future", "", None, 7])
async def test_unknown_event_is_passed_over(kind):
    """Stripe adds types at any time."""
    assert await account().parse_webhook(message(event(type=kind))) == ()


async def test_thin_event_and_foreign_charge_are_passed_over():
    """Neither names a payment of ours."""
    thin = {"id": "evt_1", "object": "v2.core.event", "type": "x", "livemode": False}
    lone = event(type="charge.succeeded", data={"object": {"object": "charge", "payment_intent": None}})

    assert await account().parse_webhook(message(thin)) == ()
    assert await account().parse_webhook(message(lone)) == ()


async def test_every_flipped_bit_of_the_body_is_refused():
    """No bit of what was signed may change."""
    request, provider = message(event(data={"object": {"object": "payment_intent", "id": "pi_1"}})), account()

    for position in range(len(request.body) * 8):
        body = bytearray(request.body)
        body[position // 8] ^= 1 << position % 8
        forged = WebhookRequest(body=bytes(body), headers=request.headers, received_at=NOW)
        with pytest.raises(WebhookRejected):
            await provider.parse_webhook(forged)


async def test_every_flipped_bit_of_the_signature_is_refused():
    """Nor of stamp and signature themselves."""
    request, provider = message(event()), account()
    header = request.headers["stripe-signature"].encode()

    for position in range(len(header) * 8):
        flipped = bytearray(header)
        flipped[position // 8] ^= 1 << position % 8
        headers = {"stripe-signature": flipped.decode("latin-1")}
        with pytest.raises(WebhookRejected):
            await provider.parse_webhook(WebhookRequest(body=request.body, headers=headers, received_at=NOW))


async def test_body_is_not_parsed_before_it_is_proven():
    """Bytes that would fail to parse are refused for their signature."""
    assert await refused(message(b"{not json", secret="whsec_of_somebody_else")) == 401


@pytest.mark.parametrize("body", [b"{not json", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b""])
async def test_proven_body_that_is_no_event_is_refused(body):
    """Signed nonsense is still nonsense."""
    assert await refused(message(body)) == 400


@pytest.mark.parametrize(
    "change", [{"data": None}, {"data": {"object": []}}, {"id": None}, {"created": "yesterday"}, {"created": True}]
)
async def test_event_without_its_fields_is_refused(change):
    """A listed type must have the shape of one."""
    assert await refused(message(event(**change))) == 400


async def test_created_out_of_range_is_no_time():
    """An absurd instant is left out, and the event still counts."""
    (seen,) = await account().parse_webhook(message(event(created=10**18)))

    assert seen.at is None


async def test_both_secrets_count_during_rotation():
    """Old and new at once, or both signatures in one header."""
    assert await account().parse_webhook(message(event(), secret=OLD_SECRET))
    wrong_then_right = message(event()).headers["stripe-signature"].replace(",v1=", f",v1={'0' * 64},v1=")
    assert await account().parse_webhook(message(event(), header=wrong_then_right))


async def test_secret_that_was_taken_out_is_refused():
    """The end of a rotation ends it."""
    assert await refused(message(event(), secret=OLD_SECRET), webhook_secrets=(SECRET,)) == 401


async def test_without_a_secret_nothing_is_believed():
    """No secret is not an empty secret."""
    assert await refused(message(event(), secret=""), webhook_secrets=()) == 401


@pytest.mark.parametrize("seconds", [301, -301, 86_400, -86_400])
async def test_stale_and_future_messages_are_refused(seconds):
    """A replay is old; a stamp from the future would be replayed later."""
    assert await refused(message(event(), at=NOW - timedelta(seconds=seconds))) == 401


@pytest.mark.parametrize("seconds", [300, -300, 0])
async def test_tolerance_holds_on_both_sides(seconds):
    """Five minutes either way."""
    assert await account().parse_webhook(message(event(), at=NOW - timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    "header",
    [
        *("", "t=1", "v1=00", "t=1,t=2,v1=00", "t=,v1=00", "t=x,v1=00", "nonsense", "t=1795176000,v0=00"),
        "t=1," + "v1=0," * 9,
        "t=1,v1=" + "0" * 3000,
    ],
)
async def test_malformed_header_is_refused(header):
    """No signature, several stamps, another scheme, too much of it."""
    request = WebhookRequest(body=b"{}", headers={"stripe-signature": header} if header else {}, received_at=NOW)

    assert await refused(request) in (400, 401)


async def test_two_stamps_are_refused():
    """Which one would have been signed?"""
    stamp, _, signature = message(event()).headers["stripe-signature"].partition(",")

    assert await refused(message(event(), header=f"{stamp},t=1,{signature}")) == 400


async def test_oversized_message_is_refused_unread():
    """Before any hashing."""
    assert await refused(message(b" " * (MAX_BODY_BYTES + 1))) == 413


@pytest.mark.parametrize("livemode", [True, None, "false", 0])
async def test_other_mode_is_refused(livemode):
    """Test events do not count for live accounts, nor the reverse."""
    assert await refused(message(event(livemode=livemode))) == 403


@pytest.mark.parametrize(
    ("connected", "sent", "accepted"),
    [
        (None, None, True),
        (None, "acct_1", False),
        ("acct_1", "acct_1", True),
        ("acct_1", "acct_2", False),
        ("acct_1", None, False),
    ],
)
async def test_event_of_another_account_is_refused(connected, sent, accepted):
    """One connected account does not speak for another."""
    fields = {} if sent is None else {"account": sent}
    request = message(event(**fields))

    if accepted:
        assert await account(stripe_account=connected).parse_webhook(request)
    else:
        assert await refused(request, stripe_account=connected) == 403


@given(body=st.binary(max_size=200), header=st.text(max_size=100), signed=st.booleans())
def test_hostile_input_raises_nothing_but_ours(body, header, signed):
    """Whatever comes in, it is refused by name or passed over."""
    import anyio

    provider = account()
    request = message(body) if signed else message(body, header=header)

    with suppress(EvpayError):
        anyio.run(provider.parse_webhook, request)
