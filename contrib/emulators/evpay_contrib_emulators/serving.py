"""Brings an emulator to a socket of this machine, and lets it close connections when it is told to."""

import asyncio
import functools
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from evpay_contrib_emulators.server import CUT

__all__ = ["HOST", "end_with_parent", "listen", "serve"]

HOST: Final = "127.0.0.1"
_BACKLOG: Final = 512
_PARENT_IS_SEEN_EVERY_S: Final = 0.5
_KEEP_ALIVE_S: Final = 120  # longer than any client's pool keeps a connection: none is closed under a request


class _CuttingProtocol(H11Protocol):
    """Tells the application how the connection is closed without an answer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.app = functools.partial(_with_cut, self.app, self._cut)

    def _cut(self) -> None:
        transport = self.transport
        if isinstance(transport, asyncio.Transport):
            transport.close()


async def _with_cut(app: ASGIApp, cut: Callable[[], None], scope: Scope, receive: Receive, send: Send) -> None:
    scope[CUT] = cut
    await app(scope, receive, send)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback; with port 0, on any free port.

    Raises:
        OSError: the port is taken.
    """
    # with the protocol named, asyncio sends small answers at once (it sets TCP_NODELAY)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Answer on this socket until the process is told to end."""
    config = uvicorn.Config(
        app,
        http=_CuttingProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])


def end_with_parent() -> None:
    """End when the process that started this one has ended, however it ended: a kill tells nobody."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_IS_SEEN_EVERY_S)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
