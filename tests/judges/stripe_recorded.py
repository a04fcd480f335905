"""What Stripe really answered, given to our provider over HTTP: each recording must get the right verdict.

The recordings are of several versions of the API, made with test keys. Whatever a recording is, and whatever it is
taken for, the provider raises nothing, and believes nothing that is of another kind or in another currency.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from evpay.money import Money
from evpay.providers import (
    ActionRequired,
    Declined,
    Failed,
    Handle,
    Observation,
    SettlementsRequest,
    Succeeded,
)
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.judges.replaying import replaying
from tests.judges.verdict import Bench, Verdict
from tests.providers.stripe import orders

__all__ = ["judge_stripe_recorded"]

_FOLDER: Final = "stripe/recorded"
_COLLECTED: Final = "stripe/activemerchant-recorded.json"
_USD: Final = Money("29.00", "USD")
_VERBS: Final = ("authorize", "off_session", "complete", "increment", "capture", "void", "refund", "look_up")
_ABROAD: Final = Money("29.00", "EUR")  # no recording is in it

# Recording -> verb -> verdict. What is not named is tried all the same: it must be no success of another kind.
_EXPECTED: Final[Mapping[str, Mapping[str, str]]] = {
    "authorize-manual-capture": {
        "authorize": "succeeded 29.00 USD",
        "complete": "succeeded 29.00 USD",
        "increment": "succeeded 29.00 USD",
        "capture": "unknown",
        "void": "unknown",
        "refund": "unknown",
        "look_up": "seen authorized=2900 captured=0 released=0",
    },
    "sale-automatic-capture": {"authorize": "succeeded 29.00 USD", "capture": "succeeded 29.00 USD"},
    "capture-full": {
        "capture": "succeeded 29.00 USD",
        "complete": "succeeded 29.00 USD",
        "void": "succeeded 0.00 USD",
        "refund": "unknown",
    },
    "refund-partial": {
        "refund": "succeeded 10.00 USD",
        "authorize": "unknown",
        "capture": "unknown",
        "void": "unknown",
    },
    "refund-partial-2": {"refund": "succeeded 5.00 USD", "complete": "unknown", "look_up": "unknown"},
    "confirm-requires-action": {
        "authorize": "action_required OpenLink",
        "complete": "action_required OpenLink",
        "off_session": "declined authentication_required requires_action",
        "capture": "unknown",
        "void": "unknown",
    },
    "attach-declined-402": {
        "authorize": "declined do_not_honor generic_decline",
        "increment": "declined do_not_honor generic_decline",
        "complete": "unknown",
        "look_up": "unknown",
    },
    "create-amount-zero-400": {
        "authorize": "failed invalid_request parameter_invalid_integer",
        "complete": "unknown",
        "look_up": "unknown",
    },
    **{thing: dict.fromkeys(_VERBS, "unknown") for thing in ("charge-after-capture-expanded", "payment-method-attach")},
    "setup-intent-off-session": dict.fromkeys(_VERBS, "unknown"),
    "successful_create_intent_response_with_network_token_fields": {"authorize": "succeeded 20.00 USD"},
    "successful_create_intent_manual_capture_response_with_network_token_fields": {"authorize": "succeeded 20.00 GBP"},
    "successful_manual_capture_of_payment_intent_response_with_network_token_fields": {
        "capture": "succeeded 20.00 GBP"
    },
    "successful_create_3ds2_payment_method": dict.fromkeys(_VERBS, "unknown"),
    "successful_create_3ds2_intent_response": {"authorize": "unknown", "capture": "unknown"},
    "successful_confirm_3ds2_intent_response": {"authorize": "action_required OpenLink", "capture": "unknown"},
    "failed_capture_response": {"capture": "declined do_not_honor generic_decline"},
    "failed_cancel_response": {"void": "unknown", "capture": "unknown", "refund": "unknown"},
    "failed_verify_response": {"authorize": "declined invalid_method incorrect_cvc"},
    "failed_payment_method_response": {"authorize": "failed other validation_error"},
    "failed_service_response": dict.fromkeys(_VERBS, "unknown"),
    "failed_with_set_error_on_requires_action_response": {"authorize": "declined other None"},
    # Cut down before they were published: without a currency, one without a status. Nothing can be read from them.
    "successful_create_intent_response_with_multicapture_available": dict.fromkeys(_VERBS, "unknown"),
    "successful_authorize_with_multicapture": dict.fromkeys(_VERBS, "unknown"),
    "successful_purchase_with_multicapture": dict.fromkeys(_VERBS, "unknown"),
    "successful_capture_with_multicapture": dict.fromkeys(_VERBS, "unknown"),
}

# The collection has bodies alone: the status by the type of the error. https://docs.stripe.com/api/errors (2026-11-20)
_STATUSES: Final = {"card_error": 402, "invalid_request_error": 400, "api_error": 500}


def _recordings(bench: Bench) -> dict[str, tuple[int, Any]]:
    """Return name -> status and body."""
    found: dict[str, tuple[int, Any]] = {}
    for path in sorted(bench.document(_FOLDER).glob("*.json")):
        answer = _read(path)["response"]
        found[path.stem] = (answer["status"], answer["json"])
    for name, body in _read(bench.document(_COLLECTED)).items():
        found[name] = (_STATUSES[body["error"]["type"]] if "error" in body else 200, body)
    return found


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


async def judge_stripe_recorded(bench: Bench) -> Verdict:
    """Give each recording to each verb."""
    verdict, recordings = Verdict(), _recordings(bench)
    verdict.expect("recordings that the table does not know", expected=set(), found=set(recordings) - set(_EXPECTED))
    verdict.expect("recordings that are not there", expected=set(), found=set(_EXPECTED) - set(recordings))
    for name, (status, body) in recordings.items():
        headers = {"Content-Type": "application/json", "Request-Id": "req_1"}
        with replaying(status, json.dumps(body).encode(), headers) as url:
            settings = StripeSettings(api_key="sk_test_x", base_url=url, request_increment=True)
            provider = StripeProvider(settings)
            await _every_verb(provider, name, body, verdict)
            await provider.aclose()
    return verdict


async def _every_verb(provider: StripeProvider, name: str, body: Any, verdict: Verdict) -> None:
    currency = body.get("currency")
    asked = Money("29.00", currency.upper()) if currency else _USD
    for verb in _VERBS:
        said = _said(await _ask(provider, verb, asked))
        abroad = _said(await _ask(provider, verb, _ABROAD))
        expected = _EXPECTED.get(name, {}).get(verb)
        if expected is not None:
            verdict.expect(f"{name}: {verb}", expected=expected, found=said)
        right = "refund" if verb == "refund" else "payment_intent"
        if body.get("object") != right:
            verdict.note(f"{name}: {verb} of another kind: {said}" if said.startswith(("succeeded", "seen")) else None)
        verdict.note(f"{name}: {verb} in another currency: {abroad}" if abroad.startswith("succeeded") else None)
    page = await provider.settlements(SettlementsRequest(since=date(2026, 1, 1)))
    verdict.expect(f"{name}: settlements", expected="unknown", found=_said(page))


async def _ask(provider: StripeProvider, verb: str, amount: Money) -> object:
    handle = Handle(id="pi_1")
    match verb:
        case "authorize" | "off_session":
            return await provider.authorize(
                replace(orders.authorization(off_session=verb == "off_session"), amount=amount)
            )
        case "complete":
            return await provider.complete(replace(orders.completion(handle), amount=amount))
        case "increment":
            return await provider.increment(replace(orders.increase(handle, "1.00"), total=amount, authorized=amount))
        case "capture":
            return await provider.capture(replace(orders.taking(handle, "1.00"), amount=amount))
        case "void":
            return await provider.void(replace(orders.cancellation(handle), amount=amount))
        case "refund":
            return await provider.refund(replace(orders.giving_back(handle, "1.00"), amount=amount))
        case _:
            return await provider.look_up(orders.question(handle))


def _said(outcome: object) -> str:
    match outcome:
        case Succeeded():
            return f"succeeded {outcome.amount}"
        case Declined() | Failed():
            return f"{outcome.type} {outcome.reason.value} {outcome.code}"
        case ActionRequired():
            return f"{outcome.type} {type(outcome.action).__name__}"
        case Observation(totals=totals) if totals is not None:
            return f"seen authorized={totals.authorized} captured={totals.captured} released={totals.released}"
        case Observation():
            return "seen"
        case _:
            return str(getattr(outcome, "type", type(outcome).__name__.lower()))
