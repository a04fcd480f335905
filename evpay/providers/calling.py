"""Shared help for adapters: extra fields, answers read with care, and one HTTP request with an honest answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import JsonValue

from evpay.errors import InvalidInput
from evpay.payments.outcome import Absent, Failed, Observation, Outcome, Unknown
from evpay.payments.reasons import Reason

if TYPE_CHECKING:
    import httpx

__all__ = ["UNREADABLE", "Reply", "as_read", "call", "understood", "with_extra"]

T = TypeVar("T")


UNREADABLE: Final = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What code raises that reads an answer which is not as documented."""


def understood(read: Callable[[], T]) -> T | Unknown:
    """Translate an answer; one that is not as documented proves nothing."""
    try:
        return read()
    except UNREADABLE as error:
        return Unknown(detail=f"an answer that is not as documented: {type(error).__name__}")


def with_extra(params: Mapping[str, Any], extra: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Add `extra` to the outermost body untouched.

    Raises:
        InvalidInput: `extra_overrides` for a field that the adapter sets itself; nothing is sent.
    """
    taken = sorted(params.keys() & extra.keys())
    if taken:
        raise InvalidInput(
            f"extra may not set {', '.join(taken)}: evpay sets it itself. Leave it out of extra.",
            code="extra_overrides",
            path=f"extra.{taken[0]}",
        )
    return {**params, **extra}


def as_read(outcome: Outcome | Observation | Absent) -> Observation | Absent | Unknown:
    """Say what a read taught: one that failed taught nothing, so it is `Unknown`."""
    if isinstance(outcome, Observation | Absent | Unknown):
        return outcome
    return Unknown(detail=f"the look-up itself ended as {outcome.type}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer whose body is JSON, numbers read as int or Decimal."""

    status: int
    body: Any
    headers: Mapping[str, str]


_NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


async def call(
    client: "httpx.AsyncClient", method: str, url: str, *, max_bytes: int = 1_000_000, **options: Any
) -> Reply | Failed | Unknown:
    """Send one request, follow no redirect, and say honestly what is known.

    Only a failure to connect is `Failed(NOT_SENT)`; read errors, any 5xx, redirects and unreadable or oversized
    bodies are `Unknown`, because each of them also happens after the effect.
    """
    import json  # noqa: PLC0415 - beside httpx, which is imported by whoever made the client

    import httpx  # noqa: PLC0415 - an optional dependency, of the adapters that use it

    try:
        async with client.stream(method, url, follow_redirects=False, **options) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > max_bytes:
                    return Unknown(detail=f"an answer of more than {max_bytes} bytes")
    except httpx.HTTPError as error:
        name = type(error).__name__
        return Failed(reason=Reason.NOT_SENT, code=name) if name in _NOT_SENT else Unknown(detail=name)
    if response.status_code >= 500 or 300 <= response.status_code < 400:
        return Unknown(detail=f"HTTP {response.status_code}")
    try:
        content = json.loads(bytes(body), parse_float=Decimal, parse_constant=_no_constant) if body else None
    except (ValueError, RecursionError):
        return Unknown(detail=f"HTTP {response.status_code} with a body that is not JSON")
    return Reply(status=response.status_code, body=content, headers=dict(response.headers))
