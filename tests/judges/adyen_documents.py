"""Our Adyen adapter's requests, and our emulator's answers and webhooks, held against Adyen's own OpenAPI documents."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators import RunningEmulator, running
from jsonschema import Draft202012Validator

from evpay.providers import Handle, Succeeded
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from evpay_providers.adyen.transport import PooledTransport
from tests.judges.prism import CARD, ENROLLED, card
from tests.judges.verdict import Bench, Verdict
from tests.providers.adyen import orders

__all__ = ["judge_adyen_documents"]

_CHECKOUT: Final = "adyen/CheckoutService-v72.json"
_WEBHOOKS: Final = "adyen/Webhooks-v1.json"
_KEY: Final = "AQE-a-key-that-is-only-for-tests"
_MERCHANT: Final = "TestMerchant"
_BACK: Final = "https://example.com/back"
_EVENTS: Final = frozenset({"AUTHORISATION", "AUTHORISATION_ADJUSTMENT", "CANCELLATION", "CAPTURE", "CAPTURE_FAILED",
                            "CHARGEBACK", "CHARGEBACK_REVERSED", "EXPIRE", "NOTIFICATION_OF_CHARGEBACK", "REFUND",
                            "REFUND_FAILED"})  # fmt: skip


class _Document:
    """An OpenAPI document, by whose schemas things are judged."""

    def __init__(self, content: Mapping[str, Any], *, places: str) -> None:
        self._components = content["components"]
        self._places: Mapping[str, Any] = content[places]

    def operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        for pattern, item in self._places.items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) and method.lower() in item:
                found: Mapping[str, Any] = item[method.lower()]
                return found
        return None

    def complaint(self, content: Mapping[str, Any], value: object) -> str | None:
        schema = {**content["application/json"]["schema"], "components": self._components}
        errors = [
            f"{error.json_path}: {error.message[:300]}" for error in Draft202012Validator(schema).iter_errors(value)
        ]
        return "; ".join(errors) or None


class _Judged(PooledTransport):
    """The provider's own transport, with every exchange judged."""

    def __init__(self, document: _Document, verdict: Verdict) -> None:
        super().__init__(deadline_s=20, connections=4, direct=True)
        self._document = document
        self._verdict = verdict

    def request(self, method: str, url: str, **options: Any) -> tuple[str, str, int, Mapping[str, str]]:
        text, asked, status, headers = super().request(method, url, **options)
        place = url.partition("/v72")[2]
        operation = self._document.operation(method, place)
        if operation is None:
            self._verdict.note(f"the document knows no {method} {place}")
            return text, asked, status, headers
        self._note(f"the request {method} {place}", operation["requestBody"]["content"], options["json"])
        answer = operation["responses"].get(str(status), {})
        if "content" in answer:
            self._note(f"the answer {status} to {place}", answer["content"], json.loads(text))
        else:
            self._verdict.note(f"the document knows no {status} for {place}")
        return text, asked, status, headers

    def _note(self, what: str, content: Mapping[str, Any], value: object) -> None:
        complaint = self._document.complaint(content, value)
        self._verdict.note(f"{what}: {complaint}" if complaint else None)


async def judge_adyen_documents(bench: Bench) -> Verdict:
    """Do everything that the adapter can do, and let happen what the emulator can let happen."""
    verdict = Verdict()
    checkout = _Document(_read(bench, _CHECKOUT), places="paths")
    webhooks = _Document(_loosened(_read(bench, _WEBHOOKS)), places="webhooks")
    _require_a_judge(checkout, webhooks, verdict)
    with running("adyen", api_key=_KEY, merchant_account=_MERCHANT) as emulator:
        settings = AdyenSettings(
            api_key=_KEY, merchant_account=_MERCHANT, base_url=emulator.url, return_url=_BACK, send_descriptor=True
        )
        transport = _Judged(checkout, verdict)
        provider = AdyenProvider(settings, transport=transport)
        await _everything(provider, emulator)
        await provider.aclose()
        transport.close()
        emulator.act("flush")
        _messages(emulator, webhooks, verdict)
    return verdict


def _read(bench: Bench, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(bench.document(name).read_text(encoding="utf-8"))
    return content


def _loosened(document: dict[str, Any]) -> dict[str, Any]:
    """Let anything be in `additionalData`: the document's own examples have more there than it allows."""
    for schema in document["components"]["schemas"].values():
        if "additionalData" in schema.get("properties", {}):
            schema["properties"]["additionalData"] = {"type": "object"}
    return document


def _require_a_judge(checkout: _Document, webhooks: _Document, verdict: Verdict) -> None:
    """See that they refuse: a judge that lets everything pass proves nothing."""
    payments = checkout.operation("POST", "/payments")
    captured = webhooks.operation("POST", "/CAPTURE")
    for operation, bad in (
        (payments, {"amount": {"value": "20"}}),
        (payments, {"bogus": 1}),
        (captured, {"live": False}),
    ):
        document = checkout if operation is payments else webhooks
        refused = operation is not None and document.complaint(operation["requestBody"]["content"], bad) is not None
        verdict.note(None if refused else f"the judge let {bad!r} pass")


async def _everything(provider: AdyenProvider, emulator: RunningEmulator) -> None:
    async def held(number: str = CARD, **fields: Any) -> Handle:
        outcome = await provider.authorize(orders.authorization(method=card(number), **fields))
        return outcome.handle if isinstance(outcome, Succeeded) and outcome.handle else Handle(id="none")

    first = await held(descriptor="EV 4711", save_method=True, reference="p1")
    await provider.increment(orders.increase(first))
    await provider.capture(orders.taking(first, "5.00"))
    await provider.refund(orders.giving_back(first))
    emulator.act("refund_failed", id=first.id)
    emulator.act("capture_failed", id=first.id)
    await provider.void(orders.cancellation(await held(reference="p2")))
    await held(reference="p3")
    await provider.void(orders.cancellation(None, payment_reference="p3"))
    fourth = await held(reference="p4")
    await provider.capture(orders.taking(fourth, "20.00"))
    emulator.act("dispute", id=fourth.id, event="NOTIFICATION_OF_CHARGEBACK")
    emulator.act("chargeback", id=fourth.id)
    emulator.act("chargeback_reversed", id=fourth.id)
    await provider.authorize(orders.authorization(method=card(holder="DECLINED"), reference="p5"))
    await provider.capture(orders.taking(orders.HANDLE))  # of a payment that is not there
    waiting = await provider.authorize(orders.authorization(method=card(ENROLLED), return_url=_BACK, reference="p6"))
    back = emulator.act("authenticate", reference="p6")
    answer = {"redirectResult": back.get("redirectResult", "")}
    handle = getattr(waiting, "handle", None) or orders.HANDLE
    await provider.complete(orders.completion(handle, answer=answer, payment_reference="p6"))
    emulator.advance(60 * 86_400)


def _messages(emulator: RunningEmulator, document: _Document, verdict: Verdict) -> None:
    seen = set()
    for message in emulator.webhooks():
        body = json.loads(message["body"])
        for part in body["notificationItems"]:
            event = part["NotificationRequestItem"]["eventCode"]
            seen.add(event)
            operation = document.operation("POST", f"/{event}")
            if operation is None:
                verdict.note(f"the document knows no webhook {event}")
                continue
            complaint = document.complaint(operation["requestBody"]["content"], {**body, "notificationItems": [part]})
            verdict.note(f"the webhook {event}: {complaint}" if complaint else None)
    verdict.expect("webhooks that did not come", expected=set(), found=set(_EVENTS) - seen)
