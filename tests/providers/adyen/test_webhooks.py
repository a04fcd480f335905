"""Every item of a webhook is proven, and nothing is believed of a message of which one is not."""

import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from evpay.errors import WebhookRejected
from evpay.providers import WebhookRequest
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from evpay_providers.adyen.webhooks import signature_of
from tests.providers.adyen import messages
from tests.providers.adyen.conftest import API_KEY, KEYS, MERCHANT
from tests.providers.adyen.messages import NOW, body_of, item, request, signed

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def provider():
    return made()


def made(**settings):
    values = {"api_key": API_KEY, "merchant_account": MERCHANT, "hmac_keys": KEYS, **settings}
    return AdyenProvider(AdyenSettings(**values))


async def refusal(provider, message):
    with pytest.raises(WebhookRejected) as caught:
        await provider.parse_webhook(message)
    return caught.value.status


def carrying(body, **fields):
    return WebhookRequest(**{"body": body, "headers": {}, "received_at": NOW, **fields})


@pytest.mark.parametrize("key", KEYS)
async def test_each_active_key_is_accepted(provider, key):
    """Two of them, while one is rotated."""
    (seen,) = await provider.parse_webhook(request(item(), key=key))

    assert seen.event_id == f"AUTHORISATION:{messages.PSP}:true"


# Signed by Adyen itself: the published example of how a signature is made.
# https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures (checked 2026-11-20)
SAMPLE = {
    "amount": {"value": 1130, "currency": "EUR"},
    "pspReference": "7914073381342284",
    "eventCode": "AUTHORISATION",
    "eventDate": "2019-05-06T17:15:34.121+02:00",
    "merchantAccountCode": "TestMerchant",
    "operations": ["CANCEL", "CAPTURE", "REFUND"],
    "merchantReference": "TestPayment-1407325143704",
    "paymentMethod": "visa",
    "success": "true",
    "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
}


async def test_the_vendors_own_signature_is_accepted():
    """The signature is theirs, not one that we have made."""
    message = carrying(body_of(SAMPLE))

    (seen,) = await made(merchant_account="TestMerchant", hmac_keys=KEYS[:1]).parse_webhook(message)

    assert seen.payment_reference == "TestPayment-1407325143704"


async def test_key_that_is_not_active_any_more_is_refused(provider):
    """A rotated key is worth nothing."""
    assert await refusal(provider, request(item(), key="CD" * 32)) == 401


def flipped(text):
    """Every text that differs in one bit of one character."""
    for place, letter in enumerate(text):
        for bit in range(7):
            changed = chr(ord(letter) ^ (1 << bit))
            yield text[:place] + changed + text[place + 1 :]


async def test_every_bit_of_the_signature_counts(provider):
    """Also those of the padding, that decoding would overlook."""
    thing = signed(item())
    proof = thing["additionalData"]["hmacSignature"]

    for other in flipped(proof):
        data = {"hmacSignature": other}
        assert await refusal(provider, carrying(body_of({**thing, "additionalData": data}))) in (400, 401)


@pytest.mark.parametrize("name", ["pspReference", "originalReference", "merchantReference", "eventCode", "success"])
async def test_every_bit_of_what_is_signed_counts(provider, name):
    """A changed field is refused, whatever it is changed to."""
    thing = signed(item("CAPTURE"))

    for other in flipped(thing[name]):
        assert await refusal(provider, carrying(body_of({**thing, name: other}))) in (400, 401)


@pytest.mark.parametrize(
    "change", [{"value": 2001}, {"value": 200}, {"currency": "USD"}, {"value": "2000"}, {"value": 2000.0}]
)
async def test_amount_is_signed(provider, change):
    """Value and currency, and the value is a whole number."""
    thing = signed(item())
    thing["amount"] |= change

    assert await refusal(provider, carrying(body_of(thing))) in (400, 401)


async def test_colon_shifts_nothing(provider):
    """What is signed is joined by colons that are not escaped, so a colon may not move a border between two fields."""
    whole = item("CAPTURE", originalReference="", merchantReference="a:b", pspReference="PSP1")
    shifted = {**signed(whole), "pspReference": "PSP1:", "originalReference": ""}

    assert await refusal(provider, carrying(body_of(shifted))) == 400


async def test_missing_fields_sign_as_empty():
    """As the SDK has it."""
    bare = {name: value for name, value in item("CAPTURE").items() if name not in ("originalReference", "amount")}
    with_amount = {**bare, "amount": {"value": 1, "currency": "EUR"}}

    proof = signed(with_amount)["additionalData"]["hmacSignature"]

    assert signature_of(with_amount, key=bytes.fromhex(KEYS[0])) == proof


@pytest.mark.parametrize(
    "data", [None, {}, {"hmacSignature": ""}, {"hmacSignature": "é"}, {"hmacSignature": 5}, {"hmacSignature": None}]
)
async def test_item_without_signature_is_refused(provider, data):
    """Where the SDK's helper answers None or raises a KeyError."""
    thing = item(additionalData=data)

    assert await refusal(provider, carrying(body_of(thing))) == 401


async def test_batch_is_all_or_nothing(provider):
    """The SDK's helper looks at the first item only."""
    good, bad = signed(item()), {**signed(item("CAPTURE")), "merchantReference": "other"}

    assert await refusal(provider, carrying(body_of(good, bad))) == 401
    assert await refusal(provider, carrying(body_of(bad, good))) == 401
    assert len(await provider.parse_webhook(carrying(body_of(good, signed(item("CAPTURE")))))) == 2


async def test_batch_gives_one_observation_per_item_that_matters(provider):
    """In their order."""
    seen = await provider.parse_webhook(request(item(), item("REPORT_AVAILABLE"), item("REFUND")))

    assert [found.event_id.partition(":")[0] for found in seen] == ["AUTHORISATION", "REFUND"]


HOSTILE = [
    b"", b"null", b"[]", b"{", b'"text"', b"\xff\xfe", b"{}", b'{"notificationItems": []}',
    b'{"live": "false", "notificationItems": [1]}', b'{"live": "false", "notificationItems": {"a": 1}}',
    b'{"live": "false", "notificationItems": [{"NotificationRequestItem": []}]}',
    b'{"live": NaN, "notificationItems": []}', b'{"live": ' + b"[" * 20 + b"]" * 20 + b"}",
    b"[" * 100_000, b'{"a":' * 5_000,
    b'{"live": "false", "live": "false", "notificationItems": [{"NotificationRequestItem": {}}]}',
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE)
async def test_hostile_body_is_refused_before_anything_is_read(provider, body):
    """Not JSON, not ours, too deep, or one thing said twice."""
    assert await refusal(provider, carrying(body)) == 400


async def test_name_that_stands_twice_is_refused(provider):
    """Two readers would see two messages."""
    body = body_of(signed(item())).replace(b'"eventCode"', b'"eventCode": "REFUND", "eventCode"')

    assert await refusal(provider, carrying(body)) == 400


async def test_half_a_character_is_refused(provider):
    """Nothing could store it."""
    body = body_of(signed(item(reason="x"))).replace(b'"reason": "x"', b'"reason": "\\ud800"')

    assert await refusal(provider, carrying(body)) == 400


async def test_too_big_is_refused_first(provider):
    """Sixty megabytes are not parsed."""
    assert await refusal(provider, carrying(b" " * 60_000_000)) == 413


async def test_too_many_items_are_refused(provider):
    """Adyen sends one at a time."""
    assert await refusal(provider, carrying(body_of(*[signed(item())] * 65))) == 400


@pytest.mark.parametrize("live", ["true", "FALSE", "", None, False])
async def test_other_mode_is_refused(provider, live):
    """Only the text that belongs to this account's mode."""
    message = request(item())
    body = json.dumps({**json.loads(message.body), "live": live}).encode()

    assert await refusal(provider, carrying(body)) == 403


async def test_test_message_is_refused_by_a_live_account():
    """The same the other way round."""
    live = made(live=True, live_endpoint_prefix="1797a841fbb37ca7-Acme")

    assert await refusal(live, request(item())) == 403
    assert len(await live.parse_webhook(request(item(), live="true"))) == 1


async def test_other_merchant_account_is_refused(provider):
    """Even where it is rightly signed, and only one of two."""
    assert await refusal(provider, request(item(), item(merchantAccountCode="OtherMerchant"))) == 403


@pytest.mark.parametrize(("ahead", "status"), [(timedelta(minutes=4), None), (timedelta(minutes=6), 401)])
async def test_future_is_refused_and_age_is_not(provider, ahead, status):
    """Adyen sends for thirty days what was not accepted; nothing comes from the future."""
    message = request(item(eventDate=(NOW + ahead).isoformat()))

    if status is None:
        assert await provider.parse_webhook(message)
    else:
        assert await refusal(provider, message) == status
    assert await provider.parse_webhook(request(item(eventDate="2026-10-25T12:00:00+01:00")))


@pytest.mark.parametrize(
    "stamp", ["", "yesterday", "2026-11-20", "2026-11-20T12:00:00", 5, "0001-01-01T00:00:00+14:00"]
)
async def test_date_that_says_nothing_is_not_believed(provider, stamp):
    """It is not signed, so nothing rests on it."""
    (seen,) = await provider.parse_webhook(request(item(eventDate=stamp)))

    assert seen.at is None


async def test_without_a_key_nothing_is_believed():
    """Not even what is signed."""
    assert await refusal(made(hmac_keys=()), request(item())) == 401


@pytest.mark.parametrize("given", [None, "", "Basic", "Basic bm8=", "Bearer x", "é"])
async def test_password_is_asked_for_first(given):
    """Where the settings have one; a wrong one is refused before the body is looked at."""
    guarded = made(webhook_user="adyen", webhook_password="swordfish")
    headers = {} if given is None else {"authorization": given}

    assert await refusal(guarded, carrying(b"not json", headers=headers)) == 401


async def test_right_password_passes():
    """User and password as in basic authentication."""
    guarded = made(webhook_user="adyen", webhook_password="swordfish")
    headers = {"authorization": "Basic " + base64.b64encode(b"adyen:swordfish").decode()}

    assert await guarded.parse_webhook(replace(request(item()), headers=headers))


async def test_redelivery_has_the_same_id(provider):
    """And another outcome of the same event another one."""
    one = await provider.parse_webhook(request(item("CAPTURE")))
    again = await provider.parse_webhook(replace(request(item("CAPTURE")), received_at=NOW + timedelta(days=20)))
    failed = await provider.parse_webhook(request(item("CAPTURE", success="false")))

    assert one == again
    assert failed[0].event_id != one[0].event_id


@pytest.mark.parametrize("event", ["REPORT_AVAILABLE", "ORDER_OPENED", "NOT_HEARD_OF", "RECURRING_CONTRACT"])
async def test_other_events_give_nothing(provider, event):
    """Proven, and not about a payment's money."""
    assert await provider.parse_webhook(request(item(event))) == ()


@pytest.mark.parametrize("amount", [{"currency": "XXX", "value": 1}, {"currency": "ZZZ", "value": 1}, None])
async def test_amount_that_cannot_be_read_is_refused(provider, amount):
    """Signed, and still not an amount."""
    thing = item(amount=amount)
    thing["additionalData"] = {"hmacSignature": signature_of(thing, key=bytes.fromhex(KEYS[0]))}

    assert await refusal(provider, carrying(body_of(thing))) == 400


async def test_nothing_secret_in_a_refusal(provider):
    """Neither key nor signature."""
    with pytest.raises(WebhookRejected) as caught:
        await provider.parse_webhook(request(item(), key="CD" * 32))

    shown = f"{caught.value!r} {caught.value}"
    assert not any(key in shown for key in (*KEYS, "CD" * 32))
