"""The server around every emulated gateway: it lets requests through to it, or breaks them as told."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.faults import Fault, Faults
from evpay_contrib_emulators.gateway import Gateway, Peculiar, WireRequest, WireResponse
from evpay_contrib_emulators.journal import Entry, Journal
from evpay_contrib_emulators.webhooks import Postman

__all__ = ["CUT", "MOST_BYTES", "Emulator", "body_of"]

MOST_BYTES: Final = 1_000_000
CUT: Final = "emulator.cut"
"""Where the scope of a request has the function that closes its connection at once."""

_log: Final = logging.getLogger(__name__)
_TICK_S: Final = 0.5
_REFUSED_SIZE: Final = WireResponse(status=413, body=b"too much", headers={"content-type": "text/plain"})
_REDIRECT: Final = WireResponse(status=302, headers={"location": "/elsewhere"})
_GARBAGE: Final = WireResponse(status=200, body=b"{not json, <nor xml", headers={"content-type": "application/json"})


class _Dropped(Exception):
    """The connection is to be closed without an answer."""


class Emulator:
    """One gateway, and everything that stands around it."""

    def __init__(
        self,
        name: str,
        gateway: Callable[[Clock], Gateway],
        *,
        options: Mapping[str, Any] | None = None,
        webhook_url: str | None = None,
    ) -> None:
        self.name = name
        self.clock = Clock()
        self.faults = Faults()
        self.journal = Journal()
        self.postman = Postman(clock=self.clock, faults=self.faults, url=webhook_url)
        self._webhook_url = webhook_url
        self._new = gateway
        self._options = dict(options or {})
        self._generation = 0
        self._in_flight: set[str] = set()
        self._answered: set[str] = set()
        self.gateway = self._start()

    def clear(self) -> None:
        """Start anew: payments, keys, options, clock and webhooks; drop the requests that are under way."""
        self._generation += 1
        self._in_flight.clear()
        self._answered.clear()
        self.clock.reset()
        self.postman.clear()
        self.postman.send_to(self._webhook_url)
        self.gateway = self._start()

    def catch_up(self) -> None:
        """Do what has become due, and take the webhooks that came of it."""
        self.gateway.catch_up()
        self.postman.collect(self.gateway)

    async def run(self) -> None:
        """Keep up with the clock and deliver webhooks, until cancelled."""
        delivery = asyncio.create_task(self.postman.run(lambda: self.gateway))
        try:
            while True:
                try:
                    self.catch_up()
                except Exception:  # noqa: BLE001 - a gateway's mistake is told, and stops neither the clock nor the webhooks
                    _log.exception("%s could not catch up with its clock", self.name)
                await asyncio.sleep(_TICK_S)
        finally:
            delivery.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to the gateway's own API, or close its connection."""
        try:
            body = await body_of(Request(scope, receive))
        except ClientDisconnect:
            return
        wire = _wire_request(scope, body or b"")
        key = self.gateway.key_of(wire)
        entry = self.journal.note(wire, at=self.clock.now(), key=key)
        faults = self.faults.for_request(wire.method, wire.path)
        entry.fault = list(faults) or None
        try:
            response = _REFUSED_SIZE if body is None else await self._answer(wire, key, faults, entry)
        except _Dropped:
            await _cut(scope, receive)
            return
        if "truncated" in faults:
            await _send_half(response, scope, receive, send)
            return
        entry.status = response.status
        await Response(response.body, response.status, headers=dict(response.headers))(scope, receive, send)

    async def _answer(
        self, wire: WireRequest, key: str | None, faults: Mapping[str, Fault], entry: Entry
    ) -> WireResponse:
        undone = self._undone(wire, faults)
        if undone is not None:
            return undone
        if key is not None and key in self._in_flight:
            return self.gateway.in_flight(wire)
        response = await self._worked(wire, key, faults)
        entry.replayed = response.replayed
        if "latency_after" in faults:
            await asyncio.sleep(faults["latency_after"].seconds)
        if "drop_after" in faults:
            raise _Dropped
        return _GARBAGE if "garbage" in faults else response

    def _undone(self, wire: WireRequest, faults: Mapping[str, Fault]) -> WireResponse | None:
        """Return the answer of a fault that stands before everything else."""
        if "drop_before" in faults:
            raise _Dropped
        if "redirect" in faults:
            return _REDIRECT
        if "conflict" in faults:
            return self.gateway.in_flight(wire)
        for kind, status in (("rate_limit", 429), ("unavailable", 503)):
            if kind in faults:
                return self.gateway.broken(wire, status=status)
        if "answer" in faults:
            return _given(faults["answer"])
        peculiar = self.peculiar_answers()
        return next((peculiar[kind] for kind in faults if kind in peculiar), None)

    def peculiar_answers(self) -> Mapping[str, WireResponse]:
        """Return the faults that only this gateway knows, with their answers."""
        return self.gateway.peculiar_answers() if isinstance(self.gateway, Peculiar) else {}

    async def _worked(self, wire: WireRequest, key: str | None, faults: Mapping[str, Fault]) -> WireResponse:
        """Wait if a fault says so, then have the effect, or an error in its place or after it."""
        generation = self._generation
        if key is not None:
            self._in_flight.add(key)
        if "latency" in faults:
            await asyncio.sleep(faults["latency"].seconds)
        if generation != self._generation:
            raise _Dropped  # it belongs to what is forgotten
        if key is not None:
            self._in_flight.discard(key)
        response = self._effect(wire, key, faults)
        self.postman.collect(self.gateway)
        return response

    def _effect(self, wire: WireRequest, key: str | None, faults: Mapping[str, Fault]) -> WireResponse:
        fault = faults.get("error_before") or faults.get("error_after")
        was_answered = key in self._answered
        if key is not None:
            self._answered.add(key)
        if fault is None:
            return self.gateway.answer(wire)
        if fault.kind == "error_after" or was_answered:
            response = self.gateway.answer(wire)
            if response.replayed:
                return response
        broken = self.gateway.broken(wire, status=500)
        if fault.saved and key is not None:
            self.gateway.keep(wire, broken)
        return broken

    def _start(self) -> Gateway:
        gateway = self._new(self.clock)
        if self._options:
            gateway.configure(self._options)
        return gateway


def _wire_request(scope: Scope, body: bytes) -> WireRequest:
    return WireRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )


async def body_of(request: Request) -> bytes | None:
    """Read the body, or nothing of it if it is too long."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length <= MOST_BYTES:
            parts.append(part)
    return b"".join(parts) if length <= MOST_BYTES else None


def _given(fault: Fault) -> WireResponse:
    is_text = isinstance(fault.body, str)
    body = fault.body.encode() if is_text else json.dumps(fault.body).encode()
    kind = "text/plain; charset=utf-8" if is_text else "application/json"
    return WireResponse(status=fault.status, body=body, headers={"content-type": kind, **fault.headers})


async def _cut(scope: Scope, receive: Receive) -> None:
    """Close the connection, and wait until it is: an answer must not slip out."""
    cast("Callable[[], None]", scope[CUT])()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_half(response: WireResponse, scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    headers.append((b"content-length", str(len(response.body) + 1).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    half = response.body[: len(response.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    await _cut(scope, receive)
