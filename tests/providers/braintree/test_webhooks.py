"""Messages are proven before they are parsed, and believed only where nothing can outrun them."""

import base64
import hashlib
import hmac
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpay.errors import WebhookRejected
from evpay.money import Money
from evpay.providers import Failed, OperationKind, Succeeded, WebhookRequest
from evpay_providers.braintree import BraintreeProvider, BraintreeSettings, challenge_reply
from evpay_providers.braintree.webhooks import ABOUT, verify
from tests.providers.braintree.conftest import KEYS

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = {"public2": "a-second-private-key"}


def xml(
    kind="transaction_settled", subject="<transaction><id>tx1</id></transaction>", *, at="2026-11-20T12:00:00Z", more=""
):
    return (
        f'<notification><timestamp type="datetime">{at}</timestamp><kind>{kind}</kind>{more}'
        f"<subject>{subject}</subject></notification>"
    )


def sign(payload, private=KEYS["private_key"]):
    """Braintree's signature, in our own words."""
    return hmac.new(hashlib.sha1(private.encode()).digest(), payload, "sha1").hexdigest()


def form(content, *, public="public1", private=KEYS["private_key"]):
    payload = base64.encodebytes(content.encode() if isinstance(content, str) else content)
    return urlencode({"bt_signature": f"{public}|{sign(payload, private)}", "bt_payload": payload.decode()}).encode()


def request(body, *, received_at=NOW, **headers):
    sent = {"content-type": "application/x-www-form-urlencoded"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return WebhookRequest(body=body, headers=sent, received_at=received_at)


def provider(**settings):
    return BraintreeProvider(BraintreeSettings(**{**KEYS, **settings}))


async def take(body, *, received_at=NOW, headers=None, **settings):
    return await provider(**settings).parse_webhook(request(body, received_at=received_at, **headers or {}))


async def refused(body, **options):
    with pytest.raises(WebhookRejected) as caught:
        await take(body, **options)
    return caught.value.status


async def test_message_says_which_payment_to_ask_about():
    """No report and no total: another one may have been sent after it."""
    (seen,) = await take(form(xml()))

    assert (seen.payment_id, seen.payment_reference, seen.reports, seen.totals) == ("tx1", None, (), None)
    assert seen.at == NOW


@pytest.mark.parametrize("kind", sorted(ABOUT))
async def test_vendors_own_sample_is_taken(sdk, kind):
    """Made and signed by the SDK, which wraps lines and indents."""
    maker = provider()
    sample = maker._calls._gateway.webhook_testing.sample_notification(kind, "tx1")
    body = urlencode({"bt_signature": sample["bt_signature"], "bt_payload": sample["bt_payload"].decode()}).encode()
    again = urlencode(
        {"bt_payload": sample["bt_payload"].decode().rstrip("\n"), "bt_signature": sample["bt_signature"]}
    )

    (seen,) = await take(body, received_at=datetime.now(UTC))
    (redelivered,) = await take(again.encode(), received_at=datetime.now(UTC))

    expected = "a-transaction-id" if kind == "transaction_reviewed" else "tx1"
    assert seen.payment_id in (expected, "tx1", "customer_123")
    assert len(seen.event_id) == 64
    assert seen == redelivered


async def test_our_signature_is_the_vendors(sdk):
    """The SDK believes what we sign, and we answer its challenge as it does."""
    gateway = provider()._calls._gateway
    payload = base64.encodebytes(xml("check", "<check>true</check>").encode())

    told = gateway.webhook_notification.parse(f"public1|{sign(payload)}", payload)

    assert told.kind == "check"
    challenge = "20f9f8ed05f77439fe955c977e4c8a53"
    settings = BraintreeSettings(**KEYS)
    assert challenge_reply(challenge, settings=settings) == gateway.webhook_notification.verify(challenge)


@pytest.mark.parametrize(
    "challenge", ["", "abc", "g" * 20, "a" * 33, "A" * 20, "a" * 20 + "\n", "<notification>aaaaaaaaa"]
)
def test_challenge_that_is_none_is_not_signed(challenge):
    """Else anybody could have a message signed."""
    with pytest.raises(WebhookRejected) as caught:
        challenge_reply(challenge, settings=BraintreeSettings(**KEYS))

    assert caught.value.status == 400


@pytest.mark.parametrize("kind", ["check", "disbursement", "subscription_canceled", "of_the_future", ""])
async def test_other_kinds_are_passed_over(kind):
    """Accepted, and nothing learned."""
    assert await take(form(xml(kind))) == ()


async def test_refund_is_known_by_its_payment():
    """A refund and a part are transactions of their own."""
    (seen,) = await take(
        form(
            xml(
                "refund_failed",
                "<transaction><id>re1</id><refunded-transaction-id>tx1</refunded-transaction-id></transaction>",
            )
        )
    )

    assert seen.payment_id == "tx1"


def dispute(kind, status, *, of="chargeback", won=None):
    amount_won = "" if won is None else f"<amount-won>{won}</amount-won>"
    return xml(
        kind,
        f"<dispute><id>dp1</id><amount>12.34</amount><amount-disputed>10.00</amount-disputed><kind>{of}</kind>"
        f"<currency-iso-code>EUR</currency-iso-code><status>{status}</status>{amount_won}"
        "<transaction><id>tx1</id></transaction></dispute>",
    )


async def test_dispute_that_was_opened_is_to_be_asked_about():
    """It may be over already, so only the payment is named."""
    (seen,) = await take(form(dispute("dispute_opened", "open")))

    assert (seen.payment_id, seen.reports) == ("tx1", ())


async def test_end_of_a_dispute_is_stated():
    """Lost: the money is gone. Won: a failure of the same chargeback, which reverses it."""
    (lost,) = await take(form(dispute("dispute_lost", "lost")))
    (won,) = await take(form(dispute("dispute_won", "won")))

    assert [(report.kind, report.reference) for report in lost.reports] == [(OperationKind.CHARGEBACK, None)]
    assert lost.reports[0].outcome == Succeeded(amount=Money("10.00", "EUR"), id="dp1")
    assert isinstance(won.reports[0].outcome, Failed)
    assert won.reports[0].outcome.id == "dp1"


async def test_dispute_that_is_won_in_part_brings_back_that_part():
    """What did not come back is another chargeback; of one that is lost, the amount won says nothing."""
    (won,) = await take(form(dispute("dispute_won", "won", won="7.50")))
    (lost,) = await take(form(dispute("dispute_lost", "lost", won="7.50")))

    assert [(report.kind, report.reference) for report in won.reports] == [(OperationKind.CHARGEBACK, None)] * 2
    assert isinstance(won.reports[0].outcome, Failed)
    assert won.reports[1].outcome == Succeeded(amount=Money("2.50", "EUR"), id="dp1-lost")
    assert [report.outcome for report in lost.reports] == [Succeeded(amount=Money("10.00", "EUR"), id="dp1")]


@pytest.mark.parametrize("won", ["much", "-1.00", "NaN"])
async def test_dispute_that_is_won_by_no_amount_is_to_be_asked_about(won):
    """Nothing is stated."""
    (seen,) = await take(form(dispute("dispute_won", "won", won=won)))

    assert (seen.payment_id, seen.reports) == ("tx1", ())


async def test_request_for_papers_takes_no_money():
    """A retrieval is no chargeback."""
    (seen,) = await take(form(dispute("dispute_lost", "lost", of="retrieval")))

    assert seen.reports == ()


@pytest.mark.parametrize("field", ["bt_signature", "bt_payload"])
def test_each_flipped_bit_is_refused(field):
    """Nothing of signature or payload can be changed."""
    settings = BraintreeSettings(**KEYS)
    payload = base64.encodebytes(xml().encode()).decode()
    fields = {"bt_signature": f"public1|{sign(payload.encode())}", "bt_payload": payload}
    verify(request(urlencode(fields).encode()), settings=settings)

    for place, letter in enumerate(fields[field]):
        for bit in range(8):
            flipped = fields[field][:place] + chr(ord(letter) ^ 1 << bit) + fields[field][place + 1 :]
            with pytest.raises(WebhookRejected):
                verify(request(urlencode(fields | {field: flipped}).encode()), settings=settings)


async def test_several_keys_while_they_are_rotated():
    """Any of them may have signed; each under its own name only."""
    payload = base64.encodebytes(xml().encode())
    both = f"public1|{'0' * 40}&public2|{sign(payload, SECOND['public2'])}"
    crossed = f"public1|{sign(payload, SECOND['public2'])}"

    def body(signature):
        return urlencode({"bt_signature": signature, "bt_payload": payload.decode()}).encode()

    assert await take(body(both), webhook_keys=SECOND) != ()
    assert await refused(body(both)) == 401
    assert await refused(body(crossed), webhook_keys=SECOND) == 401


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(days=2, seconds=1), 401),
        (timedelta(minutes=-6), 401),
        (timedelta(days=1, hours=23), None),
        (timedelta(minutes=-4), None),
    ],
)
async def test_message_has_an_age(age, status):
    """Two days, for it is sent again for a while; and not from the future."""
    if status is None:
        assert await take(form(xml()), received_at=NOW + age) != ()
    else:
        assert await refused(form(xml()), received_at=NOW + age) == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"\xff\xfe", 400),
        (b"bt_signature=a", 400),
        (b"bt_signature=public1%7C" + b"0" * 40 + b"&bt_payload=", 400),
        (b"bt_signature=public1%7C" + b"0" * 40 + b"&bt_payload=YQ%3D%3D", 401),
        (b"bt_signature=public1%7C" + b"0" * 39 + b"&bt_payload=YQ%3D%3D", 400),
        (b"bt_signature=other%7C" + b"0" * 40 + b"&bt_payload=YQ%3D%3D", 401),
        (b"bt_signature=" + b"&".join([b"p%7C" + b"0" * 40] * 1) + b"%26" * 9 + b"&bt_payload=YQ%3D%3D", 400),
        (b"&".join([form(xml()), b"bt_payload=YQ%3D%3D"]), 400),
        (b"&".join([form(xml()), *[b"a=b"] * 20]), 400),
        (b"x" * (256 * 1024 + 1), 413),
    ],
)
async def test_malformed_message_is_refused(body, status):
    """Too big, no form, a field twice or missing, a signature that is none."""
    assert await refused(body) == status


async def test_other_content_type_is_refused():
    """A form, and nothing else; its charset does not matter."""
    assert await refused(form(xml()), headers={"content_type": "application/json"}) == 415
    assert await take(form(xml()), headers={"content_type": "application/x-www-form-urlencoded; charset=utf-8"}) != ()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "text",
        "<notification>",
        "<other/>",
        "\ufeff",
        b"\xff\xfe<\x00n\x00",
        '<!DOCTYPE n [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
        + xml(subject="<transaction><id>&b;</id></transaction>"),
        '<!DOCTYPE n SYSTEM "file:///etc/passwd">' + xml(),
        xml(subject="<transaction><id>&undefined;</id></transaction>"),
        "<!-- -->" + xml(),
        xml(at="yesterday"),
        xml(at="2026-13-40T12:00:00Z"),
        xml(at=""),
        '<?xml version="1.0" encoding="UTF-16"?><notification>',
    ],
)
async def test_signed_nonsense_is_refused(content):
    """A key may leak: what it signs is still read strictly, and no entity is ever expanded."""
    assert await refused(form(content)) == 400


async def test_deep_and_wide_content_is_survived():
    """Within the size limit, nothing takes long or breaks."""
    deep = "<a>" * 20_000 + "</a>" * 20_000
    (seen,) = await take(form(xml(subject=f"<transaction><id>tx1</id></transaction>{deep}")))

    assert seen.payment_id == "tx1"


async def test_message_of_another_merchant_is_refused():
    """A partner's endpoint may receive for many."""
    more = "<source-merchant-id>{}</source-merchant-id>"

    assert await refused(form(xml(more=more.format("merchant2")))) == 403
    assert await take(form(xml(more=more.format("merchant1")))) != ()


async def test_subject_without_an_id_teaches_nothing():
    """Which payment would it be?"""
    assert await take(form(xml(subject="<transaction/>"))) == ()
    assert await take(form(xml("dispute_opened", "<dispute><id>dp1</id></dispute>"))) == ()


@given(body=st.binary(max_size=400), signed=st.booleans())
async def test_nothing_but_ours_is_raised(body, signed):
    """Whatever comes in, signed or not."""
    with suppress(WebhookRejected):
        message = form(body) if signed else b"bt_signature=" + quote(body).encode() + b"&bt_payload=" + body
        assert isinstance(await take(message), tuple)
