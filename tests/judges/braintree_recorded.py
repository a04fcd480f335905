"""What Braintree really answered, given to our provider over HTTP, and webhooks that its SDK signed.

Whatever a recording is taken for, the provider raises nothing and believes nothing that is no transaction.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from evpay.errors import WebhookRejected
from evpay.money import Money
from evpay.providers import Declined, Failed, Handle, Observation, Pending, Succeeded, WebhookRequest
from evpay_providers.braintree import BraintreeProvider, BraintreeSettings
from tests.judges.replaying import replaying
from tests.judges.verdict import Bench, Verdict
from tests.providers.braintree import orders

__all__ = ["judge_braintree_recorded"]

_FOLDER: Final = "braintree/recorded"
_MESSAGES: Final = "braintree/webhooks-signed.json"
_TRANSACTION: Final = re.compile(r"<transaction>\s*<id>([A-Za-z0-9_-]+)</id>")
_VERBS: Final = ("authorize", "increment", "capture", "void", "refund", "refund_of_a_part", "look_up", "find")
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
_ASKED: Final = Money("29.00", "USD")
_ABROAD: Final = Money("29.00", "EUR")  # no recording is in it

_SOLD: Final = {
    "authorize": "succeeded 29.00 USD",
    "capture": "succeeded 29.00 USD",
    "void": "failed invalid_state submitted_for_settlement",
    "refund": "unknown",  # it asks for the transaction to be voided, and is told that it is not
    "refund_of_a_part": "failed not_settled_yet submitted_for_settlement",
    "look_up": "seen authorized=2900 captured=2900",
}

# Recording -> verb -> verdict. What is not named is tried all the same: it must be no success.
_EXPECTED: Final[Mapping[str, Mapping[str, str]]] = {
    **dict.fromkeys(("sale-visa-submitted", "sale-google-pay-submitted", "sale-venmo-submitted"), _SOLD),
    "sale-2000-422-soft-declined": {"authorize": "declined do_not_honor 2000", "capture": "unknown"},
    "sale-paypal-5001.01-422": {"authorize": "declined do_not_honor 2046", "look_up": "unknown"},
    "sale-paypal-422-processor-declined": {"authorize": "declined other 2073"},
    "sale-apple-pay-422-validation": {"authorize": "failed not_permitted 91577"},
    "sale-amount-zero-422": {"authorize": "failed amount_too_small 81531"},
    "sale-403-unauthorized": {
        "authorize": "failed invalid_credentials AuthorizationError",
        "look_up": "unknown",
        "void": "unknown",
    },
    "payment-method-verify-422-declined": dict.fromkeys(_VERBS, "unknown"),
    "customer-create": dict.fromkeys(_VERBS, "unknown"),
    **{
        f"payment-method-create-{kind}": dict.fromkeys(_VERBS, "unknown")
        for kind in ("google-pay", "paypal", "venmo", "visa")
    },
}

# Kind of message -> what it tells of the transaction that all of them name. Not listed: it tells nothing.
_NAMED: Final = "tx123456"
_TELLS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "dispute_auto_accepted",
            "dispute_disputed",
            "dispute_expired",
            "dispute_opened",
            "dispute_under_review",
            "refund_failed",
            "transaction_disbursed",
            "transaction_retried",
            "transaction_reviewed",
            "transaction_settled",
            "transaction_settlement_declined",
        ),
        "no report",
    ),
    "dispute_accepted": "chargeback succeeded 100.00 USD",
    "dispute_lost": "chargeback succeeded 100.00 USD",
    "dispute_won": "chargeback failed other won",
}


async def judge_braintree_recorded(bench: Bench) -> Verdict:
    """Give each recording to each verb, and read each message as it was signed."""
    verdict, seen = Verdict(), set()
    for path in sorted(bench.document(_FOLDER).glob("*.json")):
        seen.add(path.stem)
        await _every_verb(path.stem, _read(path)["response"], verdict)
    verdict.expect("recordings that the table does not know", expected=set(), found=seen - set(_EXPECTED))
    verdict.expect("recordings that are not there", expected=set(), found=set(_EXPECTED) - seen)
    signed = _read(bench.document(_MESSAGES))
    kinds = {message["kind"] for message in signed["notifications"]}
    verdict.expect("kinds without a message", expected=set(), found=set(_TELLS) - kinds)
    for message in signed["notifications"]:
        await _message(message, _settings(public_key=signed["public_key"], private_key=signed["private_key"]), verdict)
    return verdict


async def _message(message: Mapping[str, str], settings: BraintreeSettings, verdict: Verdict) -> None:
    stamp = ET.fromstring(message["xml"].strip()).findtext("timestamp") or ""
    at = datetime.fromisoformat(stamp)
    kind, proof, payload = message["kind"], message["bt_signature"], message["bt_payload"]
    name, _, digest = proof.partition("|")
    turned = f"{name}|{int(digest[0], 16) ^ 1:x}{digest[1:]}"
    other = base64.b64encode(base64.b64decode(payload).replace(_NAMED.encode(), b"tx654321") + b" ").decode() + "\n"
    later = timedelta(days=30)
    tried = {
        "as it was signed": (proof, payload, at, _TELLS.get(kind, "nothing")),
        "with a bit turned over": (turned, payload, at, "refused 401"),
        "with another payload": (proof, other, at, "refused 401"),
        "much later": (proof, payload, at + later, "refused 401"),
        "much earlier": (proof, payload, at - later, "refused 401"),
    }
    for how, (signature, content, received_at, expected) in tried.items():
        body = urlencode({"bt_signature": signature, "bt_payload": content}).encode()
        found = await _told(WebhookRequest(body=body, headers=_FORM, received_at=received_at), settings)
        verdict.expect(f"{kind} {how}", expected=expected, found=found)


async def _told(request: WebhookRequest, settings: BraintreeSettings) -> str:
    provider = BraintreeProvider(settings)
    try:
        seen = await provider.parse_webhook(request)
    except WebhookRejected as refusal:
        return f"refused {refusal.status}"
    finally:
        await provider.aclose()
    if not isinstance(seen, tuple) or not seen:
        return "nothing"
    if seen[0].payment_id != _NAMED:
        return f"something of {seen[0].payment_id}"
    return next((f"{report.kind.value} {_said(report.outcome)}" for report in seen[0].reports), "no report")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _settings(url: str | None = None, **fields: Any) -> BraintreeSettings:
    keys = {"merchant_id": "m1", "public_key": "integration_public_key", "private_key": "integration_private_key"}
    accounts = {"USD": "usd_account", "EUR": "eur_account"}
    return BraintreeSettings(
        **{**keys, "merchant_accounts": accounts, "base_url": url, "request_increment": True, **fields}
    )


async def _every_verb(name: str, answer: Mapping[str, Any], verdict: Verdict) -> None:
    with replaying(answer["status"], answer["xml"].encode(), {"Content-Type": "application/xml"}) as url:
        provider = BraintreeProvider(_settings(url))
        own = _TRANSACTION.search(answer["xml"])
        handle = Handle(id=own[1] if own else "tx123456")
        stranger = _said(await _ask(provider, "capture", _ASKED, handle=Handle(id="tx654321")))
        verdict.note(f"{name}: of another payment: {stranger}" if stranger.startswith("succeeded") else None)
        for verb in _VERBS:
            said = _said(await _ask(provider, verb, _ASKED, handle=handle))
            expected = _EXPECTED.get(name, {}).get(verb)
            if expected is not None:
                verdict.expect(f"{name}: {verb}", expected=expected, found=said)
            else:
                verdict.note(f"{name}: {verb} is {said}" if said.startswith(("succeeded", "seen", "pending")) else None)
            abroad = _said(await _ask(provider, verb, _ABROAD, handle=handle))
            verdict.note(f"{name}: {verb} in another currency: {abroad}" if abroad.startswith("succeeded") else None)
        await provider.aclose()


async def _ask(provider: BraintreeProvider, verb: str, amount: Money, *, handle: Handle) -> object:
    match verb:
        case "authorize":
            return await provider.authorize(orders.authorization(amount))
        case "increment":
            lower = Money("1.00", amount.currency)
            return await provider.increment(replace(orders.increase(handle, "30.00"), total=amount, authorized=lower))
        case "capture":
            return await provider.capture(replace(orders.taking(handle, "1.00"), amount=amount))
        case "void":
            return await provider.void(replace(orders.cancellation(handle), amount=amount))
        case "refund":
            return await provider.refund(replace(orders.giving_back(handle, "1.00"), amount=amount))
        case "refund_of_a_part":
            part = Money("1.00", amount.currency)
            return await provider.refund(replace(orders.giving_back(handle, "1.00"), amount=part))
        case "look_up":
            return await provider.look_up(orders.question(handle))
        case _:
            return await provider.look_up(orders.question())


def _said(outcome: object) -> str:
    match outcome:
        case Succeeded():
            return f"succeeded {outcome.amount}"
        case Declined() | Failed():
            return f"{outcome.type} {outcome.reason.value} {outcome.code}"
        case Pending():
            return "pending"
        case Observation(totals=totals) if totals is not None:
            return f"seen authorized={totals.authorized} captured={totals.captured}"
        case Observation():
            return "seen"
        case _:
            return str(getattr(outcome, "type", type(outcome).__name__.lower()))
