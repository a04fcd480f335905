"""Every adapter refuses for the same reasons in the same order: size, kind, proof, age, account and mode."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evpay.errors import ConfigurationError, WebhookRejected
from evpay.providers import Provider, WebhookRequest
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from evpay_providers.braintree import BraintreeProvider, BraintreeSettings
from evpay_providers.sandbox import SandboxProvider, SandboxSettings
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.fuzz.senders import adyen_message, adyen_signed, braintree_form, braintree_tree, braintree_written

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LONG_AGO, SOON = NOW - timedelta(days=3), NOW + timedelta(minutes=6)
SECRET, OTHER = "secret-of-this-account", "secret-of-somebody-else"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is wrong with a message; by itself, nothing."""

    secret: str = SECRET
    at: datetime = NOW
    account: str | None = None
    live: bool = False
    # What becomes of the content before it is signed, and of the whole body afterwards.
    content: Callable[[bytes], bytes] = bytes
    body: Callable[[bytes], bytes] = bytes
    headers: dict[str, str] = field(default_factory=dict)


def _dated(header: str, content: dict[str, Any], faults: Faults) -> WebhookRequest:
    body = faults.content(json.dumps(content).encode())
    stamp = str(int(faults.at.timestamp()))
    proof = hmac.new(faults.secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {header: f"t={stamp},v1={proof}", "content-type": JSON, **faults.headers}
    return WebhookRequest(body=faults.body(body), headers=headers, received_at=NOW)


def stripe(faults: Faults) -> WebhookRequest:
    """An event, dated in its header."""
    intent = {"id": "pi_1", "object": "payment_intent"}
    event = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": 1_790_000_000,
             "livemode": faults.live, "data": {"object": intent}}  # fmt: skip
    return _dated("stripe-signature", event | ({"account": faults.account} if faults.account else {}), faults)


def sandbox(faults: Faults) -> WebhookRequest:
    """A message of the sandbox, dated in its header."""
    content = {"id": "e1", "type": "payment.changed", "account": faults.account or "sandbox", "live": faults.live,
               "observation": {"payment_id": "p1"}}  # fmt: skip
    return _dated("evpay-sandbox-signature", content, faults)


def _hex(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def adyen(faults: Faults) -> WebhookRequest:
    """A message of one item, signed inside."""
    item = {"amount": {"currency": "EUR", "value": 2_000}, "eventCode": "CAPTURE", "success": "true",
            "eventDate": faults.at.isoformat(), "merchantAccountCode": faults.account or "Acme",
            "merchantReference": "a" * 26, "originalReference": "AUTH000000000001",
            "pspReference": "EVENT00000000001"}  # fmt: skip
    message = adyen_message(adyen_signed(item, key=_hex(faults.secret)), live=str(faults.live).lower())
    body = faults.body(faults.content(json.dumps(message).encode()))
    return WebhookRequest(body=body, headers={"content-type": JSON, **faults.headers}, received_at=NOW)


def braintree(faults: Faults) -> WebhookRequest:
    """A notification; which of the environments it is of, only its key pair says."""
    tree = braintree_tree(
        "transaction_settled",
        {"transaction": {"id": "tx1"}},
        **{"timestamp": f"{faults.at:%Y-%m-%dT%H:%M:%SZ}", "source-merchant-id": faults.account or "m1"},
    )
    key = OTHER if faults.live else faults.secret
    body = faults.body(braintree_form(faults.content(braintree_written(tree)), private_key=key))
    return WebhookRequest(body=body, headers={"content-type": FORM, **faults.headers}, received_at=NOW)


def _stripe_account(secret: str | None = SECRET) -> Provider:
    return StripeProvider(StripeSettings(api_key="sk_test_x", webhook_secret=secret))


def _adyen_account(secret: str | None = SECRET) -> Provider:
    key = None if secret is None else _hex(secret)
    return AdyenProvider(AdyenSettings(api_key="AQE-an-example-of-a-key", merchant_account="Acme", hmac_key=key))


def _braintree_account() -> Provider:
    return BraintreeProvider(
        BraintreeSettings(merchant_id="m1", public_key="public1", private_key=SECRET, merchant_accounts={"EUR": "eur"})
    )


SENDERS: dict[str, tuple[Callable[[Faults], WebhookRequest], Callable[[], Provider]]] = {
    "adyen": (adyen, _adyen_account),
    "braintree": (braintree, _braintree_account),
    "sandbox": (sandbox, lambda: SandboxProvider(SandboxSettings(webhook_secret=SECRET))),
    "stripe": (stripe, _stripe_account),
}
every = pytest.mark.parametrize("name", SENDERS)


async def said(name: str, **faults: Any) -> int | None:
    """Return the status with which a message is refused; None: it is believed."""
    send, account = SENDERS[name]
    try:
        seen = await account().parse_webhook(send(Faults(**faults)))
    except WebhookRejected as error:
        return error.status
    assert seen
    return None


def _large(body: bytes) -> bytes:
    return body + b" " * (60 * 1024 * 1024)


@every
async def test_good_message_is_believed(name):
    """Without it, the refusals below would prove nothing."""
    assert await said(name) is None


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        pytest.param({"secret": OTHER}, 401, id="forged"),
        pytest.param({"at": SOON}, 401, id="from the future"),
        pytest.param({"content": lambda body: body[: len(body) // 2]}, 400, id="truncated by its sender"),
        pytest.param({"body": _large}, 413, id="60 MB"),
        pytest.param({"content": lambda body: body[:-1] + b"\xff" + body[-1:]}, 400, id="not UTF-8"),
        pytest.param({"headers": {"content-type": "text/plain"}}, 415, id="wrong content type"),
        pytest.param({"headers": {"content-type": ""}}, 415, id="empty content type"),
        pytest.param({"account": "acct_other"}, 403, id="wrong account"),
    ],
)
@every
async def test_message_is_refused(name, fault, status):
    """With the same status by everybody."""
    if name in ("sandbox", "stripe") and status == 400:
        assert await said(name, **fault, secret=OTHER) == 401  # proven before it is parsed
    assert await said(name, **fault) == status


@every
async def test_message_that_was_cut_on_its_way_is_refused(name):
    """Whether it is the proof that fails, or the form in which it should come."""
    assert await said(name, body=lambda body: body[: len(body) // 2]) in (400, 401)


@every
async def test_stale_message_is_refused(name):
    """Adyen dates what it does not sign, and goes on sending for a month: there, age proves nothing."""
    assert await said(name, at=LONG_AGO) == (None if name == "adyen" else 401)


@every
async def test_message_of_the_other_mode_is_refused(name):
    """Braintree's does not say its mode; it is signed with the other environment's keys."""
    assert await said(name, live=True) == (401 if name == "braintree" else 403)


@pytest.mark.parametrize(("name", "account"), [("stripe", _stripe_account), ("adyen", _adyen_account)])
async def test_account_without_a_secret_believes_nothing(name, account):
    """Not even what is signed with an empty one."""
    with pytest.raises(WebhookRejected, match="so nothing can be believed") as caught:
        await account(None).parse_webhook(SENDERS[name][0](Faults(secret="")))

    assert caught.value.status == 401


@pytest.mark.parametrize("settings", [
    lambda: BraintreeSettings(merchant_id="m1", public_key="p", private_key="", merchant_accounts={"EUR": "e"}),
    lambda: SandboxSettings(webhook_secret=""),
])  # fmt: skip
async def test_other_accounts_are_not_made_without_a_secret(settings):
    """Braintree signs with the account's own key, the sandbox has one from the start."""
    with pytest.raises(ConfigurationError):
        settings()


@every
async def test_the_first_thing_wrong_decides(name):
    """One fault after the other is taken away, until the message is a good one."""
    faults: dict[str, Any] = {
        "body": _large,
        "headers": {"content-type": "text/plain"},
        "secret": OTHER,
        "at": SOON,
        "account": "acct_other",
    }
    statuses = []
    while faults:
        statuses.append(await said(name, **faults))
        del faults[next(iter(faults))]

    assert [*statuses, await said(name)] == [413, 415, 401, 401, 403, None]
