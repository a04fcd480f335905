"""Prism as a proxy between our Adyen adapter and our Adyen emulator, holding both against Adyen's own document.

A request that is not in the document is answered with 422, an answer that is not with 500, and neither reaches the
other side; so a payment that comes through unharmed has been judged at each step.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from evpay_contrib_emulators import running

from evpay.providers import ActionRequired, Declined, Failed, PaymentMethod, Pending, Succeeded, Unknown
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from evpay_providers.adyen.methods import client_method
from evpay_providers.adyen.transport import PooledTransport
from tests.judges.processes import free_port, serving
from tests.judges.replaying import replaying
from tests.judges.tools import prism
from tests.judges.verdict import Bench, Verdict
from tests.providers.adyen import orders

__all__ = ["CARD", "ENROLLED", "card", "judge_prism"]

_DOCUMENT: Final = "adyen/CheckoutService-v72.trimmed.json"
_KEY: Final = "AQE-a-key-that-is-only-for-tests"
_MERCHANT: Final = "TestMerchant"
_BACK: Final = "https://example.com/back"
CARD: Final = "4111111111111111"
_GOOD: Final = {
    "amount": {"value": 2000, "currency": "EUR"},
    "merchantAccount": _MERCHANT,
    "paymentMethod": {"type": "scheme", "storedPaymentMethodId": "M5N7TQ4TG5PFWR50"},
    "reference": "r1",
    "returnUrl": _BACK,
}
# How Prism words what is wrong with a request or an answer.
_COMPLAINT: Final = "stoplight.io/prism/errors"
ENROLLED: Final = "4212345678901237"


def _with_version(document: Path, *, folder: Path) -> Path:
    """Write the document down with the version in each path, where the wire has it."""
    content: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
    content["paths"] = {f"/v72{path}": item for path, item in content["paths"].items()}
    content["servers"] = []
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "adyen-checkout.json"
    written.write_text(json.dumps(content), encoding="utf-8")
    return written


class _Watched(PooledTransport):
    """The provider's own transport; whatever Prism itself says is noted."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(deadline_s=20, connections=4, direct=True)
        self._verdict = verdict

    def request(self, method: str, url: str, **options: Any) -> tuple[str, str, int, Mapping[str, str]]:
        text, asked, status, headers = super().request(method, url, **options)
        self._verdict.note(f"{method} {url} {asked}: {status} {text}" if _COMPLAINT in text else None)
        return text, asked, status, headers


async def judge_prism(bench: Bench) -> Verdict:
    """Let a known-bad answer and known-bad requests be refused, then do everything that the adapter can do."""
    document = _with_version(bench.document(_DOCUMENT), folder=bench.tools)
    program, verdict = prism(bench), Verdict()
    with replaying(200, b'{"resultCode": 5, "pspReference": "1"}', {"Content-Type": "application/json"}) as wrong:
        async with _between(program, document, wrong) as url:
            answered = _asked(url, _GOOD)
            verdict.expect(
                "a bad answer", expected=(500, True), found=(answered.status_code, _COMPLAINT in answered.text)
            )
    with running("adyen", api_key=_KEY, merchant_account=_MERCHANT) as emulator:
        async with _between(program, document, emulator.url) as url:
            _require_a_judge(url, verdict)
            settings = AdyenSettings(api_key=_KEY, merchant_account=_MERCHANT, base_url=url, return_url=_BACK)
            transport = _Watched(verdict)
            provider = AdyenProvider(settings, transport=transport)
            await _everything(provider, verdict)
            await provider.aclose()
            transport.close()
    return verdict


@asynccontextmanager
async def _between(program: Path, document: Path, upstream: str) -> AsyncIterator[str]:
    port = free_port()
    command = [str(program), "proxy", str(document), upstream, "--errors", "--port", str(port), "--host", "127.0.0.1"]
    async with serving(command, port=port) as url:
        yield url


def _require_a_judge(url: str, verdict: Verdict) -> None:
    """See that it refuses: a judge that lets everything pass proves nothing."""
    bad = ({"amount": {"value": "20"}}, {"bogus": 1}, {"additionalData": {"manualCapture": 1}})
    for change in bad:
        body = {**_GOOD, **change}
        verdict.expect(f"a bad request {body!r}", expected=422, found=_asked(url, body).status_code)


def _asked(url: str, body: Mapping[str, Any]) -> httpx.Response:
    return httpx.post(f"{url}/v72/payments", json=body, headers={"x-api-key": _KEY})


async def _everything(provider: AdyenProvider, verdict: Verdict) -> None:
    def saw(what: str, outcome: object, *kinds: type) -> None:
        verdict.note(None if isinstance(outcome, kinds) else f"{what}: {outcome!r}")

    held = await provider.authorize(orders.authorization(method=card(), save_method=True, descriptor="EV 4711"))
    saw("authorize, and save", held, Succeeded)
    if not isinstance(held, Succeeded) or held.handle is None:
        return
    saw("increment", await provider.increment(orders.increase(held.handle)), Succeeded, Pending)
    saw("extend", await provider.increment(orders.increase(held.handle, "30.00")), Succeeded, Pending)
    saw("capture", await provider.capture(orders.taking(held.handle, "5.00")), Pending)
    saw("refund", await provider.refund(orders.giving_back(held.handle)), Pending)
    stored = held.saved_method
    verdict.note(None if stored is not None else "no method was saved")
    again = await provider.authorize(orders.authorization(method=stored or card(), off_session=True))
    saw("off session", again, Succeeded)
    saw("void", await provider.void(orders.cancellation(getattr(again, "handle", None))), Pending)
    saw("void by reference", await provider.void(orders.cancellation(None)), Pending)
    declined = await provider.authorize(orders.authorization(method=card(holder="DECLINED")))
    saw("a refusal", declined, Declined)
    lost = await provider.capture(orders.taking(orders.HANDLE, "5.00"))
    saw("a capture of nothing", lost, Failed, Unknown, Pending)
    waiting = await provider.authorize(orders.authorization(method=card(ENROLLED), return_url=_BACK))
    saw("a driver who is there", waiting, ActionRequired)
    if isinstance(waiting, ActionRequired) and waiting.handle:
        claim = {"redirectResult": "made-up"}
        told = await provider.complete(orders.completion(waiting.handle, answer=claim))
        saw("a claim that is made up", told, Declined, Unknown)


def card(number: str = CARD, *, holder: str = "A Driver") -> PaymentMethod:
    """What Adyen's client library hands over, in the form of its test environment."""
    encrypted = {"CardNumber": number, "ExpiryMonth": "03", "ExpiryYear": "2030", "SecurityCode": "737"}
    fields = {"type": "scheme", "holderName": holder}
    return client_method(
        {**fields, **{f"encrypted{name}": f"test_{value}" for name, value in encrypted.items()}}, customer="shopper-1"
    )
