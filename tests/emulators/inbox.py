"""A receiver of webhooks that answers as it is told, and keeps what it got."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Inbox", "Letter", "receiving"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One request that came in."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Inbox:
    """What came in; `answers` are the statuses of the next ones, then it is 200."""

    url: str = ""
    letters: list[Letter] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def wait_for(self, number: int, *, patience_s: float = 10) -> list[Letter]:
        """Return the letters once there are so many."""
        deadline = time.monotonic() + patience_s
        while len(self.letters) < number and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.letters) >= number, f"{len(self.letters)} of {number} came"
        return list(self.letters)


@contextmanager
def receiving() -> Iterator[Inbox]:
    """Receive webhooks on a free port, as long as this is open."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = inbox.answers.pop(0) if inbox.answers else 200
            inbox.letters.append(Letter(headers=dict(self.headers.items()), body=body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format, *args):  # noqa: A002 - the base class names it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    inbox.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield inbox
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
