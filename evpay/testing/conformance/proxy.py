"""A proxy on loopback that stands between an adapter and its gateway, keeps a journal, and breaks what it is told to.

It needs nothing of the gateway: an emulator, a toy server and a vendor's test environment (https) are all the same to
it. The standard library is all that it uses.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from evpay.testing.conformance.wire import Answer, Exchange, Fault

__all__ = ["FaultProxy", "closed_door"]

_HOP_BY_HOP: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
)
_UPSTREAM_S: Final = 30
_POLL_S: Final = 0.01


class FaultProxy:
    """A context manager: the proxy listens while it is open. Safe from any thread.

    Args:
        upstream: the gateway's address, as `http://127.0.0.1:8080` or `https://api.example.test/base`.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{upstream!r} is no address of a gateway. Write http://host:port or https://host.")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._base = parts.path.rstrip("/")
        self._changed = threading.Condition()
        self._journal: list[Exchange] = []
        self._faults: list[tuple[Fault, list[int], Callable[[Exchange], bool]]] = []
        self._open = 0
        self._held = 0
        self._releases = 0
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="evpay-fault-proxy", daemon=True
        )

    @property
    def url(self) -> str:
        """Where the adapter is to send its requests; the upstream's own path is added by the proxy."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # ---- what a test says and asks

    def plan(self, fault: Fault, *, times: int = 1, matching: Callable[[Exchange], bool] = bool) -> None:
        """Break the next `times` requests that match (0: all of them until `heal`)."""
        with self._changed:
            self._faults.append((fault, [times or -1], matching))

    def heal(self) -> None:
        """Forget all faults, and let held answers go."""
        with self._changed:
            self._faults.clear()
        self.release()

    def release(self) -> None:
        """Let the answers go that are held now."""
        with self._changed:
            self._releases += 1
            self._changed.notify_all()

    def journal(self, since: int = 0) -> list[Exchange]:
        """Return the requests as they arrived, from the number `since` on."""
        with self._changed:
            return self._journal[since:]

    @property
    def mark(self) -> int:
        """The number of the next request."""
        with self._changed:
            return len(self._journal)

    @property
    def open_connections(self) -> int:
        """How many connections callers keep open to the proxy."""
        with self._changed:
            return self._open

    def until(self, count: int, *, held: bool = False, within_s: float = 10) -> bool:
        """Wait until that many requests have arrived (or are held); False if they did not come in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: (self._held if held else len(self._journal)) >= count, timeout=within_s
            )

    def until_closed(self, *, within_s: float = 5) -> bool:
        """Wait until no caller keeps a connection open; False if one still does."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout=within_s)

    # ---- what the server does

    def connected(self, step: int) -> None:
        """Count the connections that callers open and close."""
        with self._changed:
            self._open += step
            self._changed.notify_all()

    def arrived(self, *, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[Exchange, Fault | None]:
        """Write a request down, and say what is to become of it."""
        with self._changed:
            exchange = Exchange(number=len(self._journal), method=method, path=path, headers=headers, body=body)
            fault = self._take(exchange)
            if fault is not None:
                exchange = replace(exchange, fault=fault.name)
            self._journal.append(exchange)
            self._changed.notify_all()
            return exchange, fault

    def _take(self, exchange: Exchange) -> Fault | None:
        for entry in self._faults:
            fault, left, matching = entry
            if matching(exchange):
                left[0] -= 1
                if left[0] == 0:
                    self._faults.remove(entry)
                return fault
        return None

    def ended(self, exchange: Exchange, **changes: Any) -> None:
        """Write down how a request ended."""
        with self._changed:
            self._journal[exchange.number] = replace(self._journal[exchange.number], **changes)

    def hold(self) -> None:
        """Wait until the next release."""
        with self._changed:
            before = self._releases
            self._held += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._releases != before)
            self._held -= 1

    def forwarded(self, exchange: Exchange) -> Answer:
        """Send a request on to the gateway and return its answer, without a coding of its content."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=_UPSTREAM_S)
        headers = {name: value for name, value in exchange.headers.items() if name not in _HOP_BY_HOP}
        try:
            connection.request(
                exchange.method,
                self._base + exchange.path,
                body=exchange.body or None,
                headers={**headers, "accept-encoding": "identity"},
            )
            response = connection.getresponse()
            kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
            return Answer(status=response.status, body=response.read(), headers=kept)
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Bind without asking the resolver for our own name."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a caller that hangs up is what tests are made of."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.proxy.connected(1)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.server.proxy.connected(-1)

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Print nothing."""

    def __getattr__(self, name: str) -> Any:
        """Serve every HTTP method the same way."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        whole = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(whole)

    def _serve(self) -> None:
        proxy = self.server.proxy
        headers = {name.lower(): value for name, value in self.headers.items()}
        exchange, fault = proxy.arrived(method=self.command, path=self.path, headers=headers, body=self._body())
        answer = None
        if fault is None or fault.forward:
            try:
                answer = proxy.forwarded(exchange)
            except (OSError, http.client.HTTPException):
                self.close_connection = True  # the gateway itself gave no answer
                return
            proxy.ended(exchange, forwarded=True)
        if fault is not None:
            answer = self._broken(fault, answer)
        if answer is None:
            self.close_connection = True
            return
        proxy.ended(exchange, status=answer.status)
        self._reply(answer)

    def _broken(self, fault: Fault, answer: Answer | None) -> Answer | None:
        if fault.held:
            self.server.proxy.hold()
        if fault.delay_s:
            time.sleep(fault.delay_s)
        if fault.rewrite is not None and answer is not None:
            return fault.rewrite(answer)
        return answer if fault.passes else fault.answer

    def _reply(self, answer: Answer) -> None:
        phrase = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else "Unlisted"
        lines = [f"HTTP/1.1 {answer.status} {phrase}", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head if self.command == "HEAD" else head + answer.body)


@contextmanager
def closed_door() -> Iterator[str]:
    """Give an address on loopback where every connection is refused, for as long as this is open."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and never listening: nobody else can have the port either
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
