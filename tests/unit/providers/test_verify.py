"""Signatures of webhooks: what proves, and what is refused before anything is believed."""

import hmac
from datetime import UTC, datetime, timedelta

import pytest

from evpay.errors import ConfigurationError, WebhookRejected
from evpay.providers.verify import fresh, require_secret, verify_hmac

BODY = b'{"id": "evt_1", "amount": 1230}'
SECRET = "whsec_0123456789abcdef"


def sign(body=BODY, secret=SECRET, algorithm="sha256"):
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


def verify(signed=BODY, *signatures, secrets=(SECRET,), **more):
    verify_hmac(signed, signatures=signatures, secrets=secrets, account="main", **more)


def test_signature_proves_what_was_signed():
    """The known answer of RFC 4231, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    verify_hmac(b"what do ya want for nothing?", signatures=[expected], secrets=["Jefe"], account="main")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1"])
def test_signature_is_of_the_named_algorithm(algorithm):
    """One algorithm's signature is no other's."""
    verify(BODY, sign(algorithm=algorithm), algorithm=algorithm)
    with pytest.raises(WebhookRejected):
        verify(BODY, sign(algorithm="sha384"), algorithm=algorithm)


def test_any_of_eight_signatures_and_any_active_secret_proves():
    """Processors send the signatures of an old and a new secret while one is exchanged."""
    verify(BODY, *["0" * 64] * 7, sign(), secrets=["another-secret-0000", SECRET])


@pytest.mark.parametrize("bit", range(len(BODY) * 8))
def test_body_is_refused_when_one_bit_is_flipped(bit):
    """Nothing of what was signed may differ."""
    forged = bytearray(BODY)
    forged[bit // 8] ^= 1 << bit % 8

    with pytest.raises(WebhookRejected):
        verify(bytes(forged), sign())


@pytest.mark.parametrize("bit", range(256))
def test_signature_is_refused_when_one_bit_is_flipped(bit):
    """Nothing of the signature may differ."""
    forged = bytearray.fromhex(sign())
    forged[bit // 8] ^= 1 << bit % 8

    with pytest.raises(WebhookRejected):
        verify(BODY, forged.hex())


REFUSED = {
    "none": ((), 400),
    "nine": (("0" * 64,) * 9, 400),
    "nine, one of them right": (("0" * 64,) * 8 + (sign(),), 400),
    "empty": (("",), 401),
    "cut": ((sign()[:-1],), 401),
    "longer": ((sign() + "0",), 401),
    "of another secret": ((sign(secret="whsec_another_secret"),), 401),
    "not ascii": (("é" * 64,), 401),
    "half a character": (("\ud800" * 64,), 401),
    "zero byte": ((sign()[:63] + "\0",), 401),
    "blank at the end": ((sign() + " ",), 401),
}


@pytest.mark.parametrize(("signatures", "status"), REFUSED.values(), ids=REFUSED)
def test_message_is_refused_when_no_signature_is_ours(signatures, status):
    """A wrong signature is 401; none, or too many to be meant honestly, is 400; nothing crashes."""
    with pytest.raises(WebhookRejected) as refusal:
        verify(BODY, *signatures)

    assert (status, "main") == (refusal.value.status, refusal.value.account)
    assert SECRET not in str(refusal.value)


def test_message_is_refused_when_there_is_no_secret():
    """Without a secret nothing is proven."""
    with pytest.raises(WebhookRejected):
        verify(BODY, sign(), secrets=())


@pytest.mark.parametrize("secret", ["", " ", " " * 30, "whsec", "fifteen-letters"])
def test_secret_is_refused_when_it_proves_nothing(secret):
    """An empty or tiny secret is a broken set-up, told at the beginning and not repeated."""
    with pytest.raises(ConfigurationError) as refusal:
        require_secret(secret, path="providers.main.webhook_secret")

    assert "providers.main.webhook_secret" == refusal.value.path
    assert not secret.strip() or secret.strip() not in refusal.value.message


def test_secret_is_accepted_from_sixteen_characters():
    """It comes back as it was."""
    assert "sixteen-letters!" == require_secret("sixteen-letters!", path="p")


NOW = datetime(2026, 7, 1, 10, 0, 0, tzinfo=UTC)
NOW_S = 1_782_900_000


def check(stamp, tolerance_s=300):
    fresh(stamp, received_at=NOW, tolerance=timedelta(seconds=tolerance_s), account="main")


@pytest.mark.parametrize("age", [0, 1, 300, -300])
def test_message_is_fresh_within_the_tolerance(age):
    """The bounds themselves are inside, on both sides."""
    check(str(NOW_S - age))


@pytest.mark.parametrize("age", [301, 86_400, -301, -(10**9)])
def test_message_is_refused_when_it_is_stale_or_from_the_future(age):
    """A replayed message, or a clock that is wrong; the message says how far away it is."""
    with pytest.raises(WebhookRejected, match="clock") as refusal:
        check(str(NOW_S - age))

    assert 401 == refusal.value.status


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "soon",
        "-1782900000",
        "1782900000.5",
        "1782900000\n",
        "\uff11\uff17\uff18\uff12900000",
        "12345678",
        "1782900000000",
    ],
)
def test_message_is_refused_when_its_stamp_is_no_unix_time(stamp):
    """Nine to eleven digits, and nothing else: milliseconds are not seconds."""
    with pytest.raises(WebhookRejected) as refusal:
        check(stamp)

    assert 400 == refusal.value.status
