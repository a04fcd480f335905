"""Adyen's own examples of webhooks, signed with a key of ours, and its libraries' own examples of signatures."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from Adyen.util import generate_notification_sig

from evpay.errors import WebhookRejected
from evpay.providers import Observation, Succeeded, WebhookRequest
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from tests.judges.verdict import Bench, Verdict

__all__ = ["judge_adyen_messages"]

_EXAMPLES: Final = "adyen/webhook-examples.json"
_VECTORS: Final = "adyen/hmac-vectors.json"
_API_KEY: Final = "AQE-a-key-that-is-only-for-tests"
_KEY: Final = "AB" * 32
_MERCHANT: Final = "AcmeCharging"
_NOW: Final = datetime(2026, 11, 20, tzinfo=UTC)

# Kind of event -> what its example must tell. Not listed: it is proven, and tells nothing of a payment of ours.
_TELLS: Final[Mapping[str, str]] = {
    "AUTHORISATION": "authorize succeeded 10.00 EUR",
    "AUTHORISATION_ADJUSTMENT": "increment succeeded 10.00 EUR",
    "CANCELLATION": "void succeeded 10.00 EUR",
    "CANCEL_OR_REFUND": "void succeeded 10.00 EUR",
    "CAPTURE": "capture succeeded 10.00 EUR",
    "CAPTURE_FAILED": "capture failed",
    "CHARGEBACK": "chargeback succeeded 10.00 EUR",
    "CHARGEBACK_REVERSED": "chargeback failed",
    "EXPIRE": "void succeeded 10.00 EUR",
    "NOTIFICATION_OF_CHARGEBACK": "no report",
    "NOTIFICATION_OF_FRAUD": "no report",
    "POSTPONED_REFUND": "refund pending",
    "REFUND": "refund failed",
    "REFUNDED_REVERSED": "refund failed",
    "REFUND_FAILED": "refund failed",
    "REQUEST_FOR_INFORMATION": "no report",
    "SECOND_CHARGEBACK": "chargeback succeeded 10.00 EUR",
    "TECHNICAL_CANCEL": "void succeeded 10.00 EUR",
    # Its example names no payment, but says in words where one would stand; what cannot be a reference is refused.
    "RECURRING_CONTRACT": "refused 400",
}


async def judge_adyen_messages(bench: Bench) -> Verdict:
    """Read each example as it is meant; refuse each that is not signed, or of the other mode or account."""
    verdict = Verdict()
    messages = json.loads(bench.document(_EXAMPLES).read_text(encoding="utf-8"))
    for event, examples in messages.items():
        for example in examples:
            await _example(event, example, verdict)
    verdict.expect("events without an example", expected=set(), found=set(_TELLS) - set(messages))
    for number, vector in enumerate(json.loads(bench.document(_VECTORS).read_text(encoding="utf-8"))):
        await _vector(f"signature {number}", vector, verdict)
    return verdict


async def _example(event: str, example: Any, verdict: Verdict) -> None:
    if "notificationItems" not in example:
        verdict.expect(f"{event}: another kind of message", expected="refused 400", found=await _read(example))
        return
    items = [part["NotificationRequestItem"] for part in example["notificationItems"]]
    verdict.expect(f"{event} of another account", expected="refused", found=(await _read(_wrapped(items)))[:7])
    ours = [_signed({**item, "merchantAccountCode": _MERCHANT}) for item in items]
    verdict.expect(f"{event}", expected=_TELLS.get(event, "nothing"), found=await _read(_wrapped(ours)))
    if _TELLS.get(event) == "refused 400":
        return
    verdict.expect(f"{event} of the other mode", expected="refused 403", found=await _read(_wrapped(ours, live="true")))
    changed = [{**item, "amount": {**item["amount"], "value": item["amount"]["value"] + 1}} for item in ours]
    verdict.expect(f"{event} with another amount", expected="refused 401", found=await _read(_wrapped(changed)))
    unsigned = [{name: value for name, value in item.items() if name != "additionalData"} for item in ours]
    verdict.expect(f"{event} without a signature", expected="refused 401", found=await _read(_wrapped(unsigned)))


def _signed(item: Mapping[str, Any]) -> dict[str, Any]:
    """Sign an item with the vendor's own helper, which signs what is there and wants no older signature."""
    plain = {name: value for name, value in item.items() if name != "additionalData"}
    proof = generate_notification_sig(plain, _KEY).decode()
    return {**item, "additionalData": {**item.get("additionalData", {}), "hmacSignature": proof}}


def _wrapped(items: list[dict[str, Any]], *, live: str = "false") -> dict[str, Any]:
    return {"live": live, "notificationItems": [{"NotificationRequestItem": item} for item in items]}


async def _read(message: Any, *, key: str = _KEY, merchant: str = _MERCHANT, body: bytes | None = None) -> str:
    settings = AdyenSettings(api_key=_API_KEY, merchant_account=merchant, hmac_key=key)
    provider = AdyenProvider(settings)
    request = WebhookRequest(body=body or json.dumps(message).encode(), headers={}, received_at=_NOW)
    try:
        seen = await provider.parse_webhook(request)
    except WebhookRejected as refusal:
        return f"refused {refusal.status}"
    finally:
        await provider.aclose()
    return _said(seen[0]) if isinstance(seen, tuple) and seen else "nothing"


def _said(seen: Observation) -> str:
    if not seen.reports:
        return "no report"
    (report,) = seen.reports
    amount = f" {report.outcome.amount}" if isinstance(report.outcome, Succeeded) else ""
    return f"{report.kind.value} {report.outcome.type}{amount}"


async def _vector(name: str, vector: Any, verdict: Verdict) -> None:
    """The signature as it was published holds; with any bit of it, or of what is signed, turned over it does not."""
    item, key = vector["item"], vector["key"]
    proof, merchant = vector["hmacSignature"], item["merchantAccountCode"]

    async def read(changes: Mapping[str, Any], given: str) -> str:
        data = {**item.get("additionalData", {}), "hmacSignature": given}
        return await _read(_wrapped([{**item, **changes, "additionalData": data}]), key=key, merchant=merchant)

    amount = item["amount"]
    told = f"authorize succeeded {amount['value'] / 100:.2f} {amount['currency']}"
    verdict.expect(name, expected=told, found=await read({}, proof))
    for bit in range(256):
        digest = bytearray(base64.b64decode(proof))
        digest[bit // 8] ^= 1 << bit % 8
        verdict.expect(
            f"{name}, bit {bit}", expected="refused 401", found=await read({}, base64.b64encode(digest).decode())
        )
    for changes in (
        {"amount": {**amount, "value": amount["value"] + 1}},
        {"amount": {**amount, "currency": "USD"}},
        {"merchantReference": item["merchantReference"] + " "},
        {"pspReference": item["pspReference"][:-1] + "0"},
        {"originalReference": item["pspReference"]},
        {"eventCode": "CAPTURE"},
        {"success": "false"},
    ):
        verdict.expect(f"{name} with {changes}", expected="refused 401", found=await read(changes, proof))
