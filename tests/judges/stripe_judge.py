"""Judge what goes over Stripe's wire by the schemas of the official SDK's own types."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

import stripe
from jsonschema import Draft202012Validator
from stripe import params
from stripe.params import terminal as terminal_params

from evpay_providers.stripe.transport import LoopTransport
from tests.judges.sdk_schemas import Schemas

__all__ = ["Judge", "JudgeOfTheWire", "JudgedTransport", "complaints", "form", "valued"]

_SCHEMAS: Final = Schemas()
_LIST: Final = stripe.ListObject
_ID: Final = "[A-Za-z0-9_]+"

# Method and path -> the SDK's types for the parameters and for the answer.
ENDPOINTS: Final[Mapping[tuple[str, str], tuple[Any, Any]]] = {
    ("POST", "/v1/payment_intents"): (params.PaymentIntentCreateParams, stripe.PaymentIntent),
    ("GET", "/v1/payment_intents/search"): (
        params.PaymentIntentSearchParams,
        stripe.SearchResultObject[stripe.PaymentIntent],
    ),
    ("GET", f"/v1/payment_intents/{_ID}"): (params.PaymentIntentRetrieveParams, stripe.PaymentIntent),
    ("POST", f"/v1/payment_intents/{_ID}/cancel"): (params.PaymentIntentCancelParams, stripe.PaymentIntent),
    ("POST", f"/v1/payment_intents/{_ID}/capture"): (params.PaymentIntentCaptureParams, stripe.PaymentIntent),
    ("POST", f"/v1/payment_intents/{_ID}/increment_authorization"): (
        params.PaymentIntentIncrementAuthorizationParams,
        stripe.PaymentIntent,
    ),
    ("POST", "/v1/refunds"): (params.RefundCreateParams, stripe.Refund),
    ("GET", "/v1/refunds"): (params.RefundListParams, _LIST[stripe.Refund]),
    ("GET", "/v1/disputes"): (params.DisputeListParams, _LIST[stripe.Dispute]),
    ("GET", "/v1/balance_transactions"): (params.BalanceTransactionListParams, _LIST[stripe.BalanceTransaction]),
    ("GET", f"/v1/terminal/readers/{_ID}"): (terminal_params.ReaderRetrieveParams, stripe.terminal.Reader),
    ("POST", f"/v1/terminal/readers/{_ID}/process_payment_intent"): (
        terminal_params.ReaderProcessPaymentIntentParams,
        stripe.terminal.Reader,
    ),
}


# --- from the form to values


def form(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Turn `a[b][0]=x` into `{"a": {"b": {"0": "x"}}}`."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        *steps, last = re.findall(r"[^\[\]]+", name)
        node = tree
        for step in steps:
            node = node.setdefault(step, {})
        node[last] = value
    return tree


def valued(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Any:
    """Read text by the first type that it fits; what fits none stays text, for the judge to refuse."""
    schema = defs[schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema
    options = schema.get("anyOf", [schema])
    for option in options:
        read = _as_one(value, option, defs)
        if Draft202012Validator({**option, "$defs": defs}).is_valid(read):
            return read
    return _as_one(value, options[0], defs)


def _as_one(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return valued(value, schema, defs)
    kind = schema.get("type")
    if isinstance(value, dict) and kind == "array":
        return [valued(item, schema["items"], defs) for item in value.values()]
    if isinstance(value, dict):
        known, other = schema.get("properties", {}), schema.get("additionalProperties")
        spare: Mapping[str, Any] = other if isinstance(other, dict) else {}
        return {name: valued(item, known.get(name, spare), defs) for name, item in value.items()}
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    return value == "true" if kind == "boolean" and value in ("true", "false") else value


# --- the judge


class JudgeOfTheWire(Protocol):
    """Whoever says what is wrong with a request or an answer; nothing, if nothing is."""

    def request(self, method: str, path: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """Judge the parameters of a request."""
        ...

    def answer(self, method: str, path: str, status: int, body: bytes) -> list[str]:
        """Judge the body of an answer."""
        ...


class Judge:
    """Say what is wrong with a request or an answer; nothing, if nothing is."""

    def request(self, method: str, path: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """Judge the parameters of a request."""
        types = _types(method, path)
        if types is None:
            return [f"the SDK knows no {method} {path}"]
        schema = _SCHEMAS.of(types[0])
        return complaints(valued(form(pairs), schema, schema["$defs"]), schema)

    def answer(self, method: str, path: str, status: int, body: bytes) -> list[str]:
        """Judge the body of an answer."""
        types = _types(method, path)
        if types is None:
            return [f"the SDK knows no {method} {path}"]
        told = json.loads(body)
        if status >= 400:
            return complaints(told.get("error"), _SCHEMAS.of(stripe.ErrorObject))
        return complaints(told, _SCHEMAS.of(types[1]))


def _types(method: str, path: str) -> tuple[Any, Any] | None:
    found = (types for (verb, pattern), types in ENDPOINTS.items() if verb == method and re.fullmatch(pattern, path))
    return next(found, None)


def complaints(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a value, and where."""
    errors = [_deepest(error) for error in Draft202012Validator(schema).iter_errors(value)]
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


def _deepest(error: Any) -> Any:
    """Of the alternatives that do not fit, take the one for this kind of object, and what is wrong deepest in it."""
    while error.context:
        other = {inner.schema_path[0] for inner in error.context if inner.path and inner.path[-1] == "object"}
        fitting = [inner for inner in error.context if inner.schema_path[0] not in other] or error.context
        error = max(fitting, key=lambda inner: (len(inner.absolute_path), inner.validator != "type"))
    return error


class JudgedTransport(LoopTransport):
    """The provider's own transport, with every exchange judged."""

    def __init__(self, judge: JudgeOfTheWire | None = None) -> None:
        super().__init__(deadline_s=20, direct=True)
        self._judge = judge or Judge()
        self.requests: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.complaints: list[str] = []

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send a request, and judge it and what comes back."""
        verb, target = method.upper(), urlsplit(url)
        pairs = parse_qsl(post_data or target.query, keep_blank_values=True)
        self.requests.append((verb, target.path, pairs))
        self._note(f"{verb} {target.path}", self._judge.request(verb, target.path, pairs))
        body, status, answered = await super().request_async(method, url, headers, post_data)
        self._note(f"{verb} {target.path}: {status}", self._judge.answer(verb, target.path, status, body))
        return body, status, answered

    def _note(self, place: str, found: list[str]) -> None:
        self.complaints += [f"{place}: {complaint}" for complaint in found]
