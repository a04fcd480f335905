"""Prism as a proxy between our Adyen adapter and our Adyen emulator, holding both against Adyen's own document.

A request that is not in the document is answered with 422, an answer that is not with 500, and neither reaches the
other side; so a payment that comes through unharmed has been judged at each step.
"""

import json
from pathlib import Path
from typing import Any, Final

import httpx
from evpay_contrib_emulators import running

from evpay.providers import ActionRequired, Declined, OpenLink, PaymentMethod, Pending, Succeeded
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from tests.judges.processes import free_port, serving
from tests.judges.tools import prism
from tests.judges.verdict import Bench, Verdict
from tests.providers.adyen import orders

__all__ = ["judge_prism"]

_DOCUMENT: Final = "adyen/CheckoutService-v72.trimmed.json"
_KEY: Final = "AQE-a-key-that-is-only-for-tests"
_MERCHANT: Final = "TestMerchant"
_BACK: Final = "https://example.com/back"


def _with_version(document: Path, *, folder: Path) -> Path:
    """Write the document down with the version in each path, where the wire has it."""
    content: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
    content["paths"] = {f"/v72{path}": item for path, item in content["paths"].items()}
    content["servers"] = []
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "adyen-checkout.json"
    written.write_text(json.dumps(content), encoding="utf-8")
    return written


async def judge_prism(bench: Bench) -> Verdict:
    """Let known-bad requests be refused, then take payments through everything that the adapter does."""
    document = _with_version(bench.document(_DOCUMENT), folder=bench.tools)
    program, port, verdict = prism(bench), free_port(), Verdict()
    with running("adyen") as emulator:
        command = [str(program), "proxy", str(document), emulator.url, "--errors", "--port", str(port)]
        async with serving([*command, "--host", "127.0.0.1"], port=port) as url:
            _require_a_judge(url, verdict)
            provider = AdyenProvider(
                AdyenSettings(api_key=_KEY, merchant_account=_MERCHANT, base_url=url, return_url=_BACK)
            )
            await _everything(provider, verdict)
            await provider.aclose()
    return verdict


def _require_a_judge(url: str, verdict: Verdict) -> None:
    """See that it refuses: a judge that lets everything pass proves nothing."""
    good = {
        "amount": {"value": 2000, "currency": "EUR"},
        "merchantAccount": _MERCHANT,
        "paymentMethod": {"type": "scheme", "storedPaymentMethodId": "M5N7TQ4TG5PFWR50"},
        "reference": "r1",
        "returnUrl": _BACK,
    }
    bad = ({**good, "amount": {"value": "20"}}, {**good, "bogus": 1}, {**good, "additionalData": {"manualCapture": 1}})
    for body in bad:
        status = httpx.post(f"{url}/v72/payments", json=body, headers={"x-api-key": _KEY}).status_code
        verdict.expect(f"a bad request {body!r}", expected=422, found=status)


async def _everything(provider: AdyenProvider, verdict: Verdict) -> None:
    def saw(what: str, outcome: object, *kinds: type) -> None:
        verdict.note(None if isinstance(outcome, kinds) else f"{what}: {outcome!r}")

    stored = PaymentMethod(orders.STORED, customer="shopper-1")
    held = await provider.authorize(orders.authorization(method=stored, descriptor="EV 4711"))
    saw("authorize", held, Succeeded)
    if not isinstance(held, Succeeded) or held.handle is None:
        return
    saw("increment", await provider.increment(orders.increase(held.handle)), Succeeded, Pending)
    saw("extend", await provider.increment(orders.increase(held.handle, "20.00")), Succeeded, Pending)
    saw("capture", await provider.capture(orders.taking(held.handle, "5.00")), Pending)
    saw("void", await provider.void(orders.cancellation(held.handle)), Pending)
    saw("void by reference", await provider.void(orders.cancellation(None)), Pending)
    saw("refund", await provider.refund(orders.giving_back(held.handle)), Pending)
    saw("off session", await provider.authorize(orders.authorization(method=stored, off_session=True)), Succeeded)
    saw("save", await provider.authorize(orders.authorization(method=stored, save_method=True)), Succeeded)
    waiting = await provider.authorize(orders.authorization(method=stored, return_url=_BACK))
    saw("a driver who is there", waiting, Succeeded, ActionRequired)
    if isinstance(waiting, ActionRequired) and isinstance(waiting.action, OpenLink) and waiting.handle:
        answer = {"redirectResult": "made-up"}
        saw("complete", await provider.complete(orders.completion(waiting.handle, answer=answer)), Declined, Succeeded)
