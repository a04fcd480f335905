"""The Stripe adapter with a wire that knows when a request has arrived at the server, and when its effect is done.

The server is asked by its control paths; no time is waited for.
"""

import asyncio
import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from evpay_providers.stripe import StripeProvider, StripeSettings
from evpay_providers.stripe.transport import LoopTransport

__all__ = ["watched_stripe"]

_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_LONG_S: Final = 30
_ARRIVED, _DONE = "wire.arrived", "wire.done"


class _Labels(Protocol):
    def expects(self, label: str) -> bool: ...

    def at(self, label: str) -> None: ...


class WatchedTransport(LoopTransport):
    """Passes a label when the server has a request, and another one when it has done what was asked."""

    def __init__(self, server: str, labels: _Labels) -> None:
        super().__init__(deadline_s=_LONG_S, direct=True)
        self._server = server
        self._labels = labels

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request; where the plan says so, watch for it at the server."""
        label = next((label for label in (_ARRIVED, _DONE) if method == "post" and self._labels.expects(label)), None)
        if label is None:
            return await super().request_async(method, url, headers, post_data)
        before = await self._ask("/_emulator/books")
        kind = "latency" if label == _ARRIVED else "latency_after"
        seconds = 0.3 if label == _ARRIVED else _LONG_S
        await self._ask("/_emulator/fault", {"kind": kind, "seconds": seconds, "method": "POST"})
        exchange = asyncio.ensure_future(super().request_async(method, url, headers, post_data))
        key = headers["Idempotency-Key"]
        await self._until(lambda now: _has_arrived(now, key) if label == _ARRIVED else now != before, label)
        self._labels.at(label)
        return await exchange

    async def _until(self, is_so: Callable[[Any], bool], label: str) -> None:
        path = "/_emulator/journal" if label == _ARRIVED else "/_emulator/books"
        while not is_so(await self._ask(path)):  # noqa: ASYNC110 - the server is another process
            await asyncio.sleep(0.002)

    async def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return await asyncio.to_thread(self._exchanged, path, body)

    def _exchanged(self, path: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with _DIRECT.open(urllib.request.Request(self._server + path, data=data), timeout=_LONG_S) as answer:
            return json.loads(answer.read())


def _has_arrived(journal: list[dict[str, Any]], key: str) -> bool:
    return any(entry["headers"].get("idempotency-key") == key for entry in journal)


def watched_stripe(server: str, labels: _Labels) -> StripeProvider:
    """Return the adapter, with increments, talking to a server on loopback."""
    settings = StripeSettings(api_key="sk_test_example", base_url=server, request_increment=True)
    return StripeProvider(settings, http_client=WatchedTransport(server, labels))
