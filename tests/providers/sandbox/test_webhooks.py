"""A message is believed only when it is proven, fresh, and meant for this account."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from evpay.errors import WebhookRejected
from evpay.ids import canonical_json
from evpay.providers import OperationKind

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


async def _message(host):
    await host.authorize()
    return host.provider.webhook(host.reference)


async def test_message_tells_the_whole_payment(at_host, clock):
    """Signed and dated content is stated as reports and totals, the same as a look-up shows."""
    host = at_host()
    message = await _message(host)

    (told,) = await host.hear(*message, at=clock.time)
    seen = await host.look_up()

    assert told.event_id
    assert (told.reports, told.totals, told.at) == (seen.reports, seen.totals, seen.at)


async def test_every_flipped_bit_is_refused(at_host, clock):
    """No bit of the body can be changed, whatever it stands for."""
    host = at_host()
    body, headers = await _message(host)

    for index in range(0, len(body) * 8, 7):
        flipped = bytearray(body)
        flipped[index // 8] ^= 1 << (index % 8)
        with pytest.raises(WebhookRejected) as caught:
            await host.hear(bytes(flipped), headers, at=clock.time)
        assert caught.value.status == 401


@pytest.mark.parametrize(
    "signature",
    [None, "", "t=,v1=", "v1=00", "t=1782900000", "t=1782900000,v1=00", "t=x,v1=00", "t=1,t=2,v1=00", "ü=ü,v1=ü"],
)
async def test_broken_signatures_are_refused(at_host, clock, signature):
    """A missing, empty, doubled or foreign signature is a rejection, never another error."""
    host = at_host()
    body, _ = await _message(host)
    headers = {} if signature is None else {"evpay-sandbox-signature": signature}

    with pytest.raises(WebhookRejected):
        await host.hear(body, headers, at=clock.time)


async def test_other_secret_is_refused(at_host, clock):
    """Another account's secret proves nothing here."""
    host = at_host()
    stranger = at_host(webhook_secret="another-secret-of-16-and-more")
    body, _ = await _message(host)

    with pytest.raises(WebhookRejected):
        await host.hear(*stranger.provider.sign(body), at=clock.time)


@pytest.mark.parametrize("away_s", [-301, 301])
async def test_stale_and_future_messages_are_refused(at_host, clock, away_s):
    """The date in the signature is near the time of arrival, on either side."""
    host = at_host()
    message = await _message(host)

    with pytest.raises(WebhookRejected):
        await host.hear(*message, at=clock.time + timedelta(seconds=away_s))


@pytest.mark.parametrize("away_s", [-300, 300])
async def test_tolerance_is_kept(at_host, clock, away_s):
    """Up to five minutes of difference are borne."""
    host = at_host()
    message = await _message(host)

    assert await host.hear(*message, at=clock.time + timedelta(seconds=away_s))


async def test_too_big_is_refused_before_anything_else(at_host, clock):
    """A body beyond the bound is not even hashed."""
    host = at_host()

    with pytest.raises(WebhookRejected) as caught:
        await host.hear(b" " * 300_000, {}, at=clock.time)

    assert caught.value.status == 413


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b'{"account":NaN}', b"[" * 100_000,
     b'{"account":"sandbox","live":false,"type":"payment.changed"}',
     b'{"account":"sandbox","live":false,"type":"payment.changed","id":"e","observation":{"at":[]}}'],
)  # fmt: skip
async def test_signed_nonsense_is_refused(at_host, clock, body):
    """Also what is signed must be one message of this account, in test mode."""
    host = at_host()

    with pytest.raises(WebhookRejected):
        await host.hear(*host.provider.sign(body), at=clock.time)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        (b'"account":"sandbox"', b'"account":"other"'),
        (b'"live":false', b'"live":true'),
        (b'"live":false', b'"live":false,"live":false'),
        (b'"live":false', b'"live":null'),
    ],
)
async def test_one_wrong_word_in_a_signed_message_is_refused(at_host, clock, true, false):
    """Another account or mode, or a member named twice, is refused although everything else is right."""
    host = at_host()
    body, _ = await _message(host)
    assert body.count(true) == 1

    with pytest.raises(WebhookRejected):
        await host.hear(*host.provider.sign(body.replace(true, false)), at=clock.time)


async def test_unknown_type_says_nothing(at_host, clock):
    """A type that is not known is not an error."""
    host = at_host()
    body = canonical_json({"account": "sandbox", "live": False, "type": "payout.paid", "id": "e"}).encode()

    assert await host.hear(*host.provider.sign(body), at=clock.time) == ()


async def test_redelivery_has_the_same_event_id(at_host, clock):
    """The same body signed again later, and the same state told again, are the same event; a new state is not."""
    host = at_host()
    first = await _message(host)
    clock.advance(minutes=10)
    redelivered, retold = host.provider.sign(first.body), host.provider.webhook(host.reference)
    await host.capture("10.00 EUR")
    changed = host.provider.webhook(host.reference)

    heard = [(await host.hear(*message, at=clock.time))[0].event_id for message in (redelivered, retold, changed)]

    assert redelivered.headers != first.headers
    assert heard[0] == heard[1] != heard[2]


async def test_states_of_one_payment_have_an_order(at_host, clock):
    """Even at one instant of the clock, a later state carries a later time."""
    host = at_host()
    told = []
    await host.authorize()
    told.append(host.provider.webhook(host.reference))
    await host.increment("60.00 EUR")
    told.append(host.provider.webhook(host.reference))
    await host.capture("10.00 EUR")
    told.append(host.provider.webhook(host.reference))

    times = [(await host.hear(*message, at=clock.time))[0].at for message in told]

    assert times == sorted(set(times))


async def test_processor_acts_by_itself(at_host, clock):
    """A refund in the dashboard and a chargeback are told without a reference of ours."""
    host = at_host()
    await host.authorize()
    await host.capture("30.00 EUR")

    host.provider.books.refund_from_dashboard(host.reference, 500)
    host.provider.books.charge_back(host.reference)
    (told,) = await host.hear(*host.provider.webhook(host.reference), at=clock.time)

    own = {report.kind: report for report in told.reports if report.reference is None}
    assert own.keys() == {OperationKind.REFUND, OperationKind.CHARGEBACK}
    assert str(own[OperationKind.CHARGEBACK].outcome.amount) == "25.00 EUR"
    assert host.totals == (5000, 3000, 2000, 500, 2500)


async def test_expiry_is_told_without_reference(at_host, clock):
    """A hold that the processor lets go early is its own operation."""
    host = at_host()
    await host.authorize()

    host.provider.books.expire(host.reference)
    (told,) = await host.hear(*host.provider.webhook(host.reference), at=clock.time)

    assert [(report.kind.value, report.reference is None) for report in told.reports] == [
        ("authorize", False),
        ("void", True),
    ]
    assert told.totals.released == 5000


async def test_message_carries_no_token(at_host):
    """Nothing in a message names the driver's method."""
    host = at_host()
    body, _ = await _message(host)

    assert b"sandbox_approve" not in body
    assert json.loads(body)["live"] is False
