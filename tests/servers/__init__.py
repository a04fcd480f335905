"""Servers that tests talk to, each started as a process of its own and killed at the end.

with running_stripe_server() as server:
    StripeSettings(api_key="sk_test_x", base_url=server.url)
    server.fault("drop_after", path="/capture")
    server.books()["payments"]
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from evpay_contrib_emulators import running

__all__ = ["RunningServer", "running_localstripe", "running_stripe_server"]

_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# GPL-3.0: runs here and only here, in the child. Its start() would bind every interface, and every write would pickle
# its state to a fixed file in /tmp; so its application is served by us, on loopback, and the pickling is left out.
_LOCALSTRIPE: Final = """
import socket, sys
from aiohttp import web
from localstripe import resources, server
type(resources.store).dump_to_disk = lambda self: None
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
print(listener.getsockname()[1], flush=True)
web.run_app(server.app, sock=listener, access_log=None, print=None)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server in a process of its own."""

    url: str
    pid: int

    def call(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """Send one request with a JSON body and return the JSON answer; any status but 2xx raises."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=dict(headers or {}))
        with _DIRECT.open(request, timeout=10) as response:
            return json.loads(response.read() or b"null")

    def fault(self, kind: str, **options: Any) -> None:
        """Break the next request; the emulators' `faults.py` has kinds and options."""
        self.call("POST", "/_emulator/fault", {"kind": kind, **options})

    def heal(self) -> None:
        """Remove all faults."""
        self.call("DELETE", "/_emulator/fault")

    def journal(self) -> list[dict[str, Any]]:
        """Return the requests as they arrived."""
        entries: list[dict[str, Any]] = self.call("GET", "/_emulator/journal")
        return entries

    def books(self) -> dict[str, Any]:
        """Return what the server holds."""
        books: dict[str, Any] = self.call("GET", "/_emulator/books")
        return books

    def configure(self, **options: Any) -> None:
        """Set `search_lag`, `redirects`, `livemode` and the like."""
        self.call("POST", "/_emulator/config", options)

    def advance(self, seconds: int) -> None:
        """Move the server's clock."""
        self.call("POST", "/_emulator/clock", {"advance": seconds})

    def act(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Do what happens outside the API."""
        answer: dict[str, Any] = self.call("POST", f"/_emulator/act/{verb}", arguments)
        return answer

    def authenticate(self, payment_id: str, *, success: bool = True) -> None:
        """Answer the 3-D Secure challenge in the driver's place."""
        self.act("authenticate", id=payment_id, success=success)

    def clear(self) -> None:
        """Forget payments, keys, requests, faults and settings."""
        for path in ("fault", "books", "journal"):
            self.call("DELETE", f"/_emulator/{path}")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def _running(command: list[str], *, cwd: str | None = None, wait_s: float = 20) -> Iterator[RunningServer]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"} | ({"TMPDIR": cwd} if cwd else {})
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=cwd, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.isdigit():
            raise RuntimeError(f"{command[1]} did not start: {line!r}")
        port, deadline = int(line), time.monotonic() + wait_s
        while not _answers(port):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{command[1]} does not answer on port {port}")
            time.sleep(0.02)
        yield RunningServer(url=f"http://127.0.0.1:{port}", pid=process.pid)
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def running_stripe_server(*, port: int = 0, search_lag: float = 0.0) -> Iterator[RunningServer]:
    """Run the Stripe emulator; it answers when this yields and is killed at the end."""
    with running("stripe", port=port, search_lag=search_lag) as emulator:
        yield RunningServer(url=emulator.url, pid=emulator.pid)


@contextmanager
def running_localstripe(*, port: int = 0) -> Iterator[RunningServer]:
    """Run localstripe on 127.0.0.1 in its own process, with a temporary directory of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="evpay-localstripe-") as directory,
        _running([sys.executable, "-c", _LOCALSTRIPE, str(port)], cwd=directory) as server,
    ):
        yield server
