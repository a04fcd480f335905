"""Who sends webhooks, and how a message of each is signed: what is fuzzed is proven, so that the parser is reached."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from evpay import Money
from evpay.payments.facts import MoneyFacts
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Handle, Hold, Observation, Report, Succeeded
from evpay.providers import Provider, WebhookRequest
from evpay_providers.sandbox import SandboxProvider, SandboxSettings
from evpay_providers.sandbox.webhooks import message, signed
from evpay_providers.stripe import StripeProvider, StripeSettings

__all__ = ["SENDERS", "Sender"]

_SECRET: Final = "whsec_fuzz_0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A provider, good messages of its processor as trees, and how a tree becomes bytes and bytes a request."""

    provider: Provider
    seeds: tuple[Any, ...]
    sign: Callable[[bytes], WebhookRequest]
    write: Callable[[Any], bytes] = lambda tree: json.dumps(tree).encode("utf-8", "surrogatepass")


def _request(body: bytes, headers: Mapping[str, str]) -> WebhookRequest:
    return WebhookRequest(body=body, headers=headers, received_at=datetime.now(UTC))


# --- Stripe


def _stripe_event(kind: str, thing: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000,
        "livemode": False,
        "type": kind,
        "data": {"object": thing},
        "request": {"id": None, "idempotency_key": None},
    }


def _stripe() -> Sender:
    def sign(body: bytes) -> WebhookRequest:
        stamp = str(int(time.time()))
        proof = hmac.new(_SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return _request(body, {"stripe-signature": f"t={stamp},v1={proof}", "content-type": "application/json"})

    intent = {"id": "pi_1", "object": "payment_intent", "amount": 2000, "metadata": {"evpay_reference": "a" * 26}}
    charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": {"evpay_reference": "a" * 26}}
    dispute = {"id": "dp_1", "object": "dispute", "payment_intent": "pi_1", "amount": 2000, "status": "lost"}
    reader = {"id": "tmr_1", "action": {"process_payment_intent": {"payment_intent": "pi_1"}, "status": "succeeded"}}
    return Sender(
        provider=StripeProvider(
            StripeSettings(api_key="sk_test_fuzz", webhook_secret=_SECRET, base_url="http://127.0.0.1:9")
        ),
        seeds=(
            _stripe_event("payment_intent.succeeded", intent),
            _stripe_event("charge.refunded", charge),
            _stripe_event("charge.dispute.closed", dispute),
            _stripe_event("terminal.reader.action_succeeded", reader),
        ),
        sign=sign,
    )


# --- the sandbox


def _sandbox() -> Sender:
    settings = SandboxSettings(webhook_secret=_SECRET)
    held = Succeeded(
        amount=Money("20.00", "EUR"), handle=Handle(id="sbx_1"), hold=Hold(expires=timedelta(days=7), increment=True)
    )
    seen = Observation(
        payment_reference="a" * 26,
        payment_id="sbx_1",
        reports=(Report(kind=OperationKind.AUTHORIZE, outcome=held, reference="a" * 26),),
        totals=MoneyFacts(currency="EUR", authorized=2_000),
        at=datetime(2026, 11, 20, tzinfo=UTC),
    )
    return Sender(
        provider=SandboxProvider(settings),
        seeds=(json.loads(message(seen, account=settings.account)),),
        sign=lambda body: _request(body, signed(body, secret=_SECRET, at=datetime.now(UTC)).headers),
    )


SENDERS: Final[Mapping[str, Callable[[], Sender]]] = {"sandbox": _sandbox, "stripe": _stripe}
