"""The paths under `/_emulator/`, for tests and people, and the application of which they are a part.

- `POST /_emulator/fault` with `{"kind": ..., "times": 1, "method": null, "path": "", "seconds": 0}` breaks what comes
  next (`faults.py` has the kinds); `DELETE` heals all.
- `GET /_emulator/journal` lists the requests as they arrived, `DELETE` empties it.
- `GET /_emulator/books` shows what the gateway holds; `DELETE` starts anew, with the options of the start and the real
  time. Requests that are under way are then dropped without an effect.
- `GET /_emulator/clock` tells the time, `POST` with `{"advance": seconds}` puts it forward.
- `POST /_emulator/act/<verb>` does what happens outside the API, as the gateway has it.
- `POST /_emulator/config` sets options of the gateway.
- `GET /_emulator/webhooks` lists the messages and their attempts, `POST` with `{"url": ...}` says where they go.
- `GET /_emulator/` is the page.
"""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from evpay_contrib_emulators.faults import Fault
from evpay_contrib_emulators.server import Emulator, body_of

__all__ = ["application"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


class _Control:
    """What can be done to an emulator from outside, apart from its API; each method answers with JSON."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def fault(self, request: Request) -> Any:
        emulator = self._emulator
        if request.method == "DELETE":
            emulator.faults.clear()
        else:
            emulator.faults.add(Fault.parsed(await _json(request), peculiar=emulator.peculiar_answers()))
        return {"faults": len(emulator.faults)}

    async def journal(self, request: Request) -> Any:
        if request.method == "DELETE":
            self._emulator.journal.clear()
        return [entry.as_json() for entry in self._emulator.journal.entries()]

    async def books(self, request: Request) -> Any:
        if request.method == "DELETE":
            self._emulator.clear()
        self._emulator.catch_up()
        payments = [dataclasses.asdict(holding) for holding in self._emulator.gateway.holdings()]
        return {"payments": payments, "effects": sum(sum(payment["effects"].values()) for payment in payments)}

    async def clock(self, request: Request) -> Any:
        if request.method == "POST":
            self._emulator.clock.advance(_number(await _json(request), "advance"))
            self._emulator.catch_up()
        return {"now": self._emulator.clock.now().isoformat()}

    async def act(self, request: Request) -> Any:
        answer = self._emulator.gateway.act(request.path_params["verb"], await _json(request))
        self._emulator.postman.collect(self._emulator.gateway)
        return dict(answer)

    async def config(self, request: Request) -> Any:
        self._emulator.gateway.configure(await _json(request))
        return {}

    async def webhooks(self, request: Request) -> Any:
        postman = self._emulator.postman
        if request.method == "POST":
            postman.send_to((await _json(request)).get("url"))
        elif request.method == "DELETE":
            postman.clear()
        return {"url": postman.url, "messages": [message.as_json() for message in postman.messages()]}

    async def page(self, _: Request) -> Response:
        from evpay_contrib_emulators.page import page_of  # noqa: PLC0415 - Jinja2 takes time to load

        self._emulator.catch_up()
        return HTMLResponse(page_of(self._emulator), headers={"content-security-policy": _POLICY})


def _answering(handle: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Turn what a control path returns or raises into JSON."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await handle(request))
        except LookupError as error:
            return JSONResponse({"error": str(error)}, 404)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


async def _json(request: Request) -> Mapping[str, Any]:
    body = await body_of(request)
    if body is None:
        raise ValueError("the body is too long")
    content = json.loads(body or b"{}")
    if not isinstance(content, dict):
        raise TypeError("the body must be a JSON object")
    return content


def _number(content: Mapping[str, Any], name: str) -> float:
    value = content.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}: not a number of seconds")
    return value


def application(emulator: Emulator) -> Starlette:
    """Return the ASGI application: control paths, and the gateway's own API for everything else."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        task = asyncio.create_task(emulator.run())
        try:
            yield
        finally:
            task.cancel()

    control = _Control(emulator)
    paths = [
        Route("/", control.page),
        Route("/fault", _answering(control.fault), methods=["POST", "DELETE"]),
        Route("/journal", _answering(control.journal), methods=["GET", "DELETE"]),
        Route("/books", _answering(control.books), methods=["GET", "DELETE"]),
        Route("/clock", _answering(control.clock), methods=["GET", "POST"]),
        Route("/act/{verb}", _answering(control.act), methods=["POST"]),
        Route("/config", _answering(control.config), methods=["POST"]),
        Route("/webhooks", _answering(control.webhooks), methods=["GET", "POST", "DELETE"]),
    ]
    return Starlette(
        routes=[Mount("/_emulator", routes=paths), Route("/", control.page), Mount("/", app=emulator)],
        lifespan=lifespan,
    )
