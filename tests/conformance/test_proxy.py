"""The fault proxy: it passes everything on, tells what it saw, and breaks what it is told to break."""

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from evpay.testing.conformance import Answer, Exchange, FaultProxy, closed_door
from evpay.testing.conformance.wire import DROP_AFTER, DROP_BEFORE, HELD, REDIRECT, answering, late, rewriting

pytestmark = pytest.mark.scenario


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent, and counts."""

    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.seen.append(self.path)
        told = {"path": self.path, "body": body.decode(), "key": self.headers["Idempotency-Key"]}
        answer = json.dumps(told).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-Seen", "yes")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def proxy(seen: list[str]) -> Iterator[FaultProxy]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Echo,), {"seen": seen}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with FaultProxy(f"http://127.0.0.1:{server.server_port}/v1") as proxy:
        yield proxy
    server.shutdown()
    server.server_close()
    thread.join()


def post(proxy: FaultProxy, path: str = "/pay", body: str = "x=1") -> tuple[int, bytes, Any]:
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=10)
    try:
        connection.request("POST", path, body, {"Idempotency-Key": "k1", "Authorization": "Bearer secret-key"})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def test_a_request_is_passed_on_and_written_down(proxy: FaultProxy) -> None:
    """The upstream's own path is put before the caller's."""
    status, body, headers = post(proxy, "/pay?a=b%2Fc")

    (exchange,) = proxy.journal()
    assert (201, "yes") == (status, headers["X-Seen"])
    assert json.loads(body) == {"path": "/v1/pay?a=b%2Fc", "body": "x=1", "key": "k1"}
    assert ("POST", "/pay?a=b%2Fc", 201, True) == (exchange.method, exchange.path, exchange.status, exchange.forwarded)
    assert exchange.carries("k1")


@pytest.mark.parametrize(("fault", "effects"), [(DROP_BEFORE, 0), (DROP_AFTER, 1)])
def test_a_dropped_answer_leaves_the_caller_with_nothing(
    proxy: FaultProxy, seen: list[str], fault: Any, effects: int
) -> None:
    """Before the effect, or after it; the next request is whole again."""
    proxy.plan(fault)

    with pytest.raises(http.client.RemoteDisconnected):
        post(proxy)

    assert (len(seen), proxy.journal()[0].status) == (effects, None)
    assert post(proxy)[0] == 201


@pytest.mark.parametrize(
    ("fault", "status", "effects"),
    [(answering(500), 500, 1), (answering(503, after=False), 503, 0), (REDIRECT, 307, 0), (answering(299), 299, 1)],
)
def test_an_answer_can_be_replaced(proxy: FaultProxy, seen: list[str], fault: Any, status: int, effects: int) -> None:
    """Any status, after the effect or in its stead."""
    proxy.plan(fault)

    assert post(proxy)[0] == status
    assert len(seen) == effects


def test_an_answer_can_be_rewritten_and_come_late(proxy: FaultProxy) -> None:
    """What the gateway said is changed on its way."""
    proxy.plan(rewriting(lambda whole: Answer(status=whole.status, body=whole.body[:5]), name="cut"))
    proxy.plan(late(0.05))

    assert post(proxy)[1] == b'{"pat'
    assert post(proxy)[0] == 201


def test_only_what_matches_is_broken_and_healing_ends_it(proxy: FaultProxy) -> None:
    """A fault may be for some requests, and for ever."""
    proxy.plan(answering(500), times=0, matching=lambda exchange: exchange.path == "/bad")

    assert [post(proxy, path)[0] for path in ("/good", "/bad", "/bad")] == [201, 500, 500]
    proxy.heal()
    assert post(proxy, "/bad")[0] == 201


def test_an_answer_is_held_until_it_is_released(proxy: FaultProxy, seen: list[str]) -> None:
    """The effect has happened by then."""
    got: list[int] = []
    proxy.plan(HELD)
    caller = threading.Thread(target=lambda: got.append(post(proxy)[0]))
    caller.start()

    assert proxy.until(1, held=True)
    assert (len(seen), got) == (1, [])
    proxy.release()
    caller.join(10)
    assert got == [201]
    assert proxy.until_closed()


def test_nobody_answers_behind_a_closed_door() -> None:
    """The port is taken, and nobody listens."""
    with closed_door() as address, pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(urlsplit(address).netloc).connect()


def test_a_transcript_shows_no_credentials(proxy: FaultProxy) -> None:
    """Neither headers that carry them, nor secrets that are named."""
    post(proxy, body="token=tok_1&other=whsec_2")

    (exchange,) = proxy.journal()
    shown = exchange.shown(secrets=("whsec_2",))
    assert "secret-key" not in shown
    assert "whsec_2" not in shown
    assert "tok_1" in shown
    assert "tok_1" not in repr(exchange)
    assert isinstance(exchange, Exchange)


def test_the_kit_is_imported_without_pytest() -> None:
    """The command line runs it where no pytest is."""
    code = "import sys; sys.modules['pytest'] = None; import evpay.testing.conformance.suite, evpay.cli.conformance"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
