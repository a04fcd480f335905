"""A server that answers as it is told, over real HTTP, and providers that are closed at the end."""

import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from evpay_contrib_emulators import RunningEmulator, running

from evpay_providers.adyen import AdyenProvider, AdyenSettings

API_KEY = "AQE-a-key-that-is-only-for-tests"
MERCHANT = "AcmeCharging"
KEYS = ("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056", "AB" * 32)


@dataclass
class Seen:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Teller:
    """Answers from a queue, the last one for ever, and remembers what it was asked."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: deque[tuple[int, bytes, dict[str, str]]] = field(default_factory=deque)
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)

    def tell(self, body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, content, headers or {}))

    def next(self) -> tuple[int, bytes, dict[str, str]]:
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]


def handler_of(teller: Teller) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            teller.seen.append(Seen(self.command, self.path, headers, json.loads(raw) if raw else None))
            teller.arrived.set()
            teller.gate.wait(10)
            status, content, extra = teller.next()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
                **extra,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_):
            pass

    return Handler


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that has gone away is what some tests are about."""


@pytest.fixture
def teller() -> Iterator[Teller]:
    """A server that answers as it is told."""
    teller = Teller()
    teller.gate.set()
    with QuietServer(("127.0.0.1", 0), handler_of(teller)) as server:
        teller.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield teller
        teller.gate.set()
        server.shutdown()
        thread.join()


@pytest.fixture
async def provide(teller: Teller) -> AsyncIterator[Callable[..., AdyenProvider]]:
    """Make providers that talk to the server."""
    made: list[AdyenProvider] = []

    def make(**settings: object) -> AdyenProvider:
        values = {
            "api_key": API_KEY,
            "merchant_account": MERCHANT,
            "base_url": teller.url,
            "hmac_keys": KEYS,
            **settings,
        }
        made.append(AdyenProvider(AdyenSettings(**values)))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture
def provider(provide: Callable[..., AdyenProvider]) -> AdyenProvider:
    """An account as it is by default."""
    return provide()


@pytest.fixture(scope="session")
def _emulator() -> Iterator[RunningEmulator]:
    with running("adyen", api_key=API_KEY, merchant_account=MERCHANT, hmac_key=KEYS[0]) as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator: RunningEmulator) -> RunningEmulator:
    """An emulator that holds nothing yet."""
    _emulator.clear()
    return _emulator


@pytest.fixture
async def connect(emulator: RunningEmulator) -> AsyncIterator[Callable[..., AdyenProvider]]:
    """Make providers that talk to the emulator."""
    made: list[AdyenProvider] = []

    def make(**settings: object) -> AdyenProvider:
        values = {
            "api_key": API_KEY,
            "merchant_account": MERCHANT,
            "base_url": emulator.url,
            "hmac_keys": KEYS,
            "report_key": API_KEY,
            **settings,
        }
        made.append(AdyenProvider(AdyenSettings(**values)))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()
