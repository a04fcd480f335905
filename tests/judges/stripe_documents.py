"""Our Stripe adapter's requests and our emulator's answers, held against ready-made schemas of Stripe's API.

They were made of the official SDK by other means than ours, so that one mistake in reading its types is not made twice.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

import stripe
from evpay_contrib_emulators import RunningEmulator, running

from evpay.providers import Handle, MethodKind, PaymentMethod, SettlementsRequest
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.judges.stripe_judge import JudgedTransport, complaints, form, valued
from tests.judges.verdict import Bench, Verdict
from tests.providers.stripe import orders

__all__ = ["judge_stripe_documents"]

_REQUESTS: Final = "stripe/request-schemas.json"
_ANSWERS: Final = "stripe/response-schemas.json"
_BACK: Final = "https://example.com/back"
_READER: Final = PaymentMethod("tmr_kai3", kind=MethodKind.TERMINAL)

# `object` -> schema; of a list, the schema of each that is in it.
_THINGS: Final[Mapping[str, str]] = {
    "payment_intent": "PaymentIntent",
    "refund": "Refund",
    "dispute": "Dispute",
    "balance_transaction": "BalanceTransaction",
    "terminal.reader": "Reader",
}
_LISTS: Final = frozenset({"list", "search_result"})
# Reads by id, whose parameters the schemas do not have.
_READS: Final = re.compile(r"/v1/(payment_intents|terminal/readers)/[A-Za-z0-9_]+")


class _Judge:
    """Judges by the ready-made schemas."""

    def __init__(self, requests: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
        self._endpoints: Mapping[str, Any] = requests["endpoints"]
        self._params, self._things = requests["$defs"], answers["$defs"]
        self.looked_at = 0

    def request(self, method: str, path: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """Judge the parameters of a request."""
        self.looked_at += 1
        if method == "GET" and _READS.fullmatch(path) and not path.endswith("/search"):
            return []
        for endpoint, schema in self._endpoints.items():
            verb, _, pattern = endpoint.partition(" ")
            if verb == method and re.fullmatch(re.sub(r"\{\w+\}", "[A-Za-z0-9_]+", pattern), path):
                return complaints(valued(form(pairs), schema, self._params), {**schema, "$defs": self._params})
        return [f"the document knows no {method} {path}"]

    def answer(self, method: str, path: str, status: int, body: bytes) -> list[str]:
        """Judge the body of an answer."""
        del method, path
        self.looked_at += 1
        told = json.loads(body)
        if status >= 400:
            return self._as("ErrorObject", told.get("error"))
        things = told["data"] if told["object"] in _LISTS else [told]
        return [found for thing in things for found in self._as(_THINGS[thing["object"]], thing)]

    def _as(self, name: str, value: object) -> list[str]:
        return complaints(value, {"$ref": f"#/$defs/{name}", "$defs": self._things})


async def judge_stripe_documents(bench: Bench) -> Verdict:
    """Do everything that the adapter can do, before an emulator at which much else happens."""
    requests, answers = (json.loads(bench.document(name).read_text(encoding="utf-8")) for name in (_REQUESTS, _ANSWERS))
    judge, verdict = _Judge(requests, answers), Verdict()
    _require_a_judge(judge, verdict)
    with running("stripe") as emulator:
        transport = JudgedTransport(judge)
        settings = StripeSettings(
            api_key="sk_test_judged",
            base_url=emulator.url,
            cards_only=True,
            send_descriptor=True,
            request_increment=True,
            request_extended=True,
            request_overcapture=True,
            request_multicapture=True,
        )
        await _everything(StripeProvider(settings, http_client=transport), emulator)
        await transport.close_async()
    verdict.looked_at += judge.looked_at
    verdict.complaints += transport.complaints
    return verdict


def _require_a_judge(judge: _Judge, verdict: Verdict) -> None:
    """See that it refuses: a judge that lets everything pass proves nothing."""
    create, good = ("POST", "/v1/payment_intents"), [("amount", "2000"), ("currency", "eur")]
    verdict.expect("a good request", expected=[], found=judge.request(*create, good))
    for bad in ([*good, ("bogus", "1")], good[1:], [("amount", "20.00"), good[1]], [*good, ("confirm", "yes")]):
        verdict.note(None if judge.request(*create, bad) else f"the judge let {bad!r} pass")
    wrong = json.dumps({"id": "re_1", "object": "refund", "amount": "5"}).encode()
    verdict.note(None if judge.answer("POST", "/v1/refunds", 200, wrong) else "the judge let half a refund pass")


async def _everything(provider: StripeProvider, emulator: RunningEmulator) -> None:
    client = stripe.StripeClient("sk_test_judged", base_addresses={"api": emulator.url})
    customer = client.v1.customers.create({"name": "A driver"}).id
    await _life(provider, emulator, customer)
    for token in ("pm_card_chargeDeclinedInsufficientFunds", "pm_unknown", "pm_card_authenticationRequired"):
        outcome = await provider.authorize(orders.authorization(token=token, return_url=_BACK, reference="p2"))
        if handle := getattr(outcome, "handle", None):
            await provider.look_up(orders.question(handle))
            emulator.act("authenticate", id=handle.id)
            await provider.complete(orders.completion(handle))
            await provider.void(orders.cancellation(handle))
    paypal = PaymentMethod("paypal", kind=MethodKind.WALLET)
    await provider.authorize(orders.authorization(method=paypal, return_url=_BACK, reference="p3"))
    await _at_a_reader(provider, emulator)
    await provider.settlements(SettlementsRequest(since=date(2026, 1, 1)))


async def _life(provider: StripeProvider, emulator: RunningEmulator, customer: str) -> None:
    method = PaymentMethod("pm_card_visa", customer=customer)
    hold: Any = await provider.authorize(orders.authorization(method=method, save_method=True, descriptor="EV 4711"))
    handle: Handle = hold.handle
    await provider.increment(orders.increase(handle, "30.00"))
    await provider.capture(orders.taking(handle, "5.00", final=False))
    await provider.capture(orders.taking(handle, "6.00"))
    await provider.capture(orders.taking(handle, "6.00"))  # there is nothing left to take
    await provider.refund(orders.giving_back(handle, "2.00", note="cable fault"))
    await provider.refund(orders.giving_back(handle, "99.00"))  # more than was taken
    emulator.act("dispute", id=handle.id)
    await provider.look_up(orders.question(handle))
    await provider.look_up(orders.question())
    charged: Any = await provider.authorize(
        orders.authorization(method=hold.saved_method, off_session=True, reference="p4")
    )
    await provider.void(orders.cancellation(charged.handle))


async def _at_a_reader(provider: StripeProvider, emulator: RunningEmulator) -> None:
    waiting: Any = await provider.authorize(orders.authorization(method=_READER, reference="p5"))
    shown: Any = await provider.complete(orders.completion(waiting.handle))
    emulator.act("present", reader=_READER.token)
    held: Any = await provider.complete(orders.completion(shown.handle))
    await provider.capture(orders.taking(held.handle, "12.34"))
    await provider.look_up(orders.question(held.handle))
