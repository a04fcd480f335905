"""What Adyen's own documents and libraries show as answers, given to our provider over HTTP, and its terminals' too.

Examples of other endpoints and of the older API are among them: the provider must make nothing of those.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from evpay.money import Money
from evpay.providers import ActionRequired, Declined, Failed, Handle, Succeeded
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from evpay_providers.adyen.terminal import payment_outcome
from tests.judges.replaying import replaying
from tests.judges.verdict import Bench, Verdict
from tests.providers.adyen import orders

__all__ = ["judge_adyen_examples"]

_SOURCES: Final = ("adyen/checkout-examples.json", "adyen/sdk-mocks.json", "adyen/classic-recorded.json")
_TERMINAL: Final = "adyen/terminal-payloads.json"
_KEY: Final = "AQE-a-key-that-is-only-for-tests"
_ASKED: Final = Money("10.00", "USD")
_ABROAD: Final = Money("10.00", "CHF")  # no example is in it
_DECIDING: Final = ("authorize", "off_session", "complete", "increment")
_RECEIVING: Final = ("capture", "void", "void_by_reference", "refund")
_VERBS: Final = (*_DECIDING, *_RECEIVING)
_MODIFIED: Final = {"capture": "pending", "refund": "pending", "authorize": "unknown", "complete": "unknown"}

# Example -> verb -> verdict. What is not named is tried all the same, by the rules of `_by_the_rules`.
_EXPECTED: Final[Mapping[str, Mapping[str, str]]] = {
    "post-payments-card-direct-200": {"authorize": "succeeded 10.00 USD", "capture": "unknown", "void": "unknown"},
    "post-payments-card-securedfields-200": {"authorize": "succeeded 10.00 USD"},
    "post-payments-enableOneClick-SF-200": {"authorize": "succeeded 10.00 USD"},
    "post-payments-subscription-first-transaction-200": {"off_session": "succeeded 10.00 USD"},
    "post-payments-split-balanceplatform-200": {"authorize": "succeeded 400.00 USD", "refund": "unknown"},
    # These do not say whose they are, so they count as results only where the request named the payment itself.
    "post-payments-details-00.redirect-200": {"complete": "unknown", "increment": "unknown"},
    "post-payments-card-3d-secure-2-web-200": {
        "authorize": "action_required RunClientSdk",
        "complete": "action_required RunClientSdk",
        "off_session": "declined authentication_required IdentifyShopper",
    },
    "post-payments-card-3d-secure-redirect-200": {"authorize": "action_required OpenLink"},
    "post-payments-ideal-200": {"authorize": "action_required OpenLink", "capture": "unknown"},
    # The example is in EUR, and the judge asks in USD: another currency proves nothing.
    "post-payments-paymentPspReference-amountUpdates-amount-update-201": {
        "increment": "unknown",
        "authorize": "unknown",
    },
    "post-payments-paymentPspReference-captures-capture-201": _MODIFIED,
    "post-payments-paymentPspReference-refunds-refund-201": _MODIFIED,
    "post-payments-paymentPspReference-cancels-cancel-with-psp-reference-201": {"void": "pending"},
    "post-cancels-cancel-with-own-reference-201": {"void_by_reference": "pending"},
    "generic-400": {"authorize": "failed invalid_request 702", "complete": "unknown"},
    "generic-401": {"authorize": "failed invalid_credentials 000", "complete": "unknown"},
    "generic-403": {"authorize": "failed misconfigured 901", "capture": "failed misconfigured 901"},
    "generic-422": {"authorize": "failed invalid_request 14_030"},
    "generic-500": dict.fromkeys(_VERBS, "unknown"),
    "get-sessions-sessionId-success-200": dict.fromkeys(_VERBS, "unknown"),
    "get-storedPaymentMethods-success-200": dict.fromkeys(_VERBS, "unknown"),
    "checkout/paymentsdetails-success": {"complete": "unknown"},
    "checkout/paymentcapture-success": {"capture": "pending", "authorize": "unknown"},
    "checkout/paymentscancels-success": {"void": "pending"},
    "checkout/paymentscancel-withoutreference-succes": {"void_by_reference": "pending"},
    "checkout/payments-error-invalid-data-422": {"authorize": "failed invalid_request 130"},
    "checkout/paymentsdetails-error-invalid-data-422": {"authorize": "failed invalid_method 101"},
    "authorise-error-010": {"authorize": "failed misconfigured 010"},
    "capture-error-167": {"capture": "failed invalid_state 167", "refund": "failed invalid_state 167"},
    # The older API, whose results of /authorise are those of /payments, and whose modifications are none.
    "simple_successful_authorize_response": {"authorize": "succeeded 10.00 USD"},
    "successful_authorize_response_with_network_tx_ref": {"authorize": "succeeded 10.00 USD"},
    "successful_capture_response": dict.fromkeys(_VERBS, "unknown"),
    "successful_refund_response": dict.fromkeys(_VERBS, "unknown"),
    "successful_void_response": dict.fromkeys(_VERBS, "unknown"),
    "successful_adjust_response": dict.fromkeys(_VERBS, "unknown"),
    "successful_synchronous_adjust_response": dict.fromkeys(_VERBS, "unknown"),
    "failed_synchronous_adjust_response": dict.fromkeys(_VERBS, "unknown"),
    "failed_invalid_delivery_field_response": dict.fromkeys(_VERBS, "unknown"),  # HTTP 500
    "successful_credit_response": {"authorize": "pending", "capture": "unknown"},
}

# What a terminal says of a payment.
_AT_A_TERMINAL: Final[Mapping[str, str]] = {
    "paymentResponse": "succeeded 1.00 EUR",
    "paymentBusyResponse": "failed invalid_state Busy",
    "abortPaymentResponse": "declined approval_expired Aborted",
    "124_paymentNotEnoughBalanceResponse": "declined insufficient_funds 12",
    "125_paymentCardBlockedResponse": "declined lost_or_stolen BLOCK_CARD",
    "126_paymentCardExpiredResponse": "declined expired_method CARD_EXPIRED",
    "127_paymentInvalidAmountResponse": "declined limit_exceeded INVALID_AMOUNT",
    "128_paymentInvalidCardResponse": "declined invalid_method InvalidCard",
    "134_paymentWrongPinResponse": "declined authentication_failed WrongPIN",
    # The example's reference is a made-up UUID without one of the online platform, by which a payment is captured.
    "paymentTransactionStatusResponse": "unknown",
}


async def judge_adyen_examples(bench: Bench) -> Verdict:
    """Give each example to each verb, and each terminal's answer to its reader."""
    verdict, seen = Verdict(), set()
    for source in _SOURCES:
        for name, body in json.loads(bench.document(source).read_text(encoding="utf-8")).items():
            seen.add(name)
            await _every_verb(name, body, verdict)
    verdict.expect("examples that are not there", expected=set(), found=set(_EXPECTED) - seen)
    _terminals(json.loads(bench.document(_TERMINAL).read_text(encoding="utf-8"), parse_float=Decimal), verdict)
    return verdict


async def _every_verb(name: str, body: Any, verdict: Verdict) -> None:
    status = body["status"] if "errorCode" in body else 200
    with replaying(status, json.dumps(body).encode(), {"Content-Type": "application/json"}) as url:
        provider = AdyenProvider(AdyenSettings(api_key=_KEY, merchant_account="TestMerchant", base_url=url))
        named = body.get("merchantReference") if isinstance(body, dict) else None
        for verb in _VERBS:
            said = _said(await _ask(provider, verb, _ASKED, reference=named))
            expected = _EXPECTED.get(name, {}).get(verb)
            if expected is not None:
                verdict.expect(f"{name}: {verb}", expected=expected, found=said)
            verdict.note(_by_the_rules(name, verb, said, body))
            if isinstance(named, str):
                other = _said(await _ask(provider, verb, _ASKED))
                verdict.note(f"{name}: {verb} of another payment: {other}" if other.startswith("succeeded") else None)
            if "amount" in body:
                abroad = _said(await _ask(provider, verb, _ABROAD, reference=named))
                wrong = abroad.startswith("succeeded") and abroad.endswith(_ABROAD.currency.code)
                verdict.note(f"{name}: {verb} is taken for another currency: {abroad}" if wrong else None)
        await provider.aclose()


def _by_the_rules(name: str, verb: str, said: str, body: Any) -> str | None:
    """Nothing is a success but a result that says so, and no modification is one at once."""
    authorised = body.get("resultCode") in ("Authorised", "PartiallyAuthorised") and verb in _DECIDING[:3]
    received = body.get("status") == "received" or body.get("resultCode") in ("Received", "Pending")
    wrong = (said.startswith("succeeded") and not authorised) or (said == "pending" and not received)
    return f"{name}: {verb} is {said}" if wrong else None


async def _ask(provider: AdyenProvider, verb: str, amount: Money, *, reference: str | None = None) -> object:
    handle, named = Handle(id=orders.PSP), reference or orders.PAYMENT
    match verb:
        case "authorize" | "off_session":
            order = orders.authorization(off_session=verb == "off_session", reference=named)
            return await provider.authorize(replace(order, amount=amount))
        case "complete":
            claim = orders.completion(handle, answer={"redirectResult": "x"}, payment_reference=named)
            return await provider.complete(replace(claim, amount=amount))
        case "increment":
            return await provider.increment(replace(orders.increase(handle), total=amount, authorized=amount))
        case "capture":
            return await provider.capture(replace(orders.taking(handle), amount=amount))
        case "refund":
            return await provider.refund(replace(orders.giving_back(handle), amount=amount))
        case _:
            return await provider.void(replace(orders.cancellation(handle if verb == "void" else None), amount=amount))


def _terminals(payloads: Mapping[str, Any], verdict: Verdict) -> None:
    settings = AdyenSettings(api_key=_KEY, merchant_account="TestMerchant")
    for name, expected in _AT_A_TERMINAL.items():
        answer = payloads[name]["SaleToPOIResponse"]
        if "TransactionStatusResponse" in answer:
            repeated = answer["TransactionStatusResponse"]["RepeatedMessageResponse"]
            answer = repeated["RepeatedResponseMessageBody"]
        found = _said(payment_outcome(answer["PaymentResponse"], settings=settings))
        verdict.expect(f"a terminal's {name}", expected=expected, found=found)


def _said(outcome: object) -> str:
    match outcome:
        case Succeeded():
            return f"succeeded {outcome.amount}"
        case Declined() | Failed():
            return f"{outcome.type} {outcome.reason.value} {outcome.code}"
        case ActionRequired():
            return f"{outcome.type} {type(outcome.action).__name__}"
        case _:
            return str(getattr(outcome, "type", type(outcome).__name__))
