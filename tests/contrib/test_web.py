"""The mounts for web frameworks: the bytes reach evpay as they came, and what is refused is told without words."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime

import django
import httpx
import pytest
import uvicorn
from django.conf import settings as django_settings
from django.test import RequestFactory
from evpay_contrib_web.django import webhook_view
from evpay_contrib_web.intake import declared_length, gathered
from evpay_contrib_web.starlette import webhook_route
from starlette.applications import Starlette

from evpay import EvPay, Money, PaymentMethod, sync
from evpay.errors import WebhookRejected
from evpay.providers import MAX_BODY_BYTES
from evpay_providers.sandbox import SandboxProvider, SandboxSettings

SECRET = "a-secret-of-the-tests-only"


@pytest.fixture
def sandbox(tmp_path) -> SandboxProvider:
    """A processor that signs."""
    return SandboxProvider(SandboxSettings(books=tmp_path / "books.db", webhook_secret=SECRET))


@pytest.fixture
def served(tmp_path, sandbox) -> Iterator[str]:
    """A Starlette application with the mount, on a real socket, reading for at most a second."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with EvPay.open(f"sqlite:///{tmp_path / 'evpay.db'}", providers=[sandbox]) as pay:
            app.state.pay = pay
            yield

    route = webhook_route(
        lambda request: request.app.state.pay,
        challenges={
            "sandbox": lambda query: f"proven {query['word']}" if "word" in query else None,
            "other": refusing,
        },
        read_within_s=1,
    )
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=[route], lifespan=lifespan), port=0, log_level="error"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


def refusing(query: dict[str, str]) -> str:
    """Refuse every challenge, as an adapter does what is none."""
    raise WebhookRejected("This is not a challenge.", account="sandbox", status=400)


def a_message(sandbox: SandboxProvider, tmp_path) -> tuple[bytes, dict[str, str]]:
    """Return what the sandbox says of a payment of another store: proven, and about nobody here."""
    with sync.EvPay.open(f"sqlite:///{tmp_path / 'other.db'}", providers=[sandbox]) as other:
        intent = other.payments.authorize(Money("5.00", "EUR"), method=PaymentMethod("sandbox_approve"), key="order-1")
    body, headers = sandbox.webhook(intent.attempts[0].reference)
    return body, dict(headers)


def kept(tmp_path) -> int:
    """Return how many messages are in the inbox."""
    import sqlite3

    with closing(sqlite3.connect(tmp_path / "evpay.db")) as connection:
        return connection.execute("SELECT count(*) FROM inbox").fetchone()[0]


def test_a_proven_message_is_kept_and_answered_without_words(served, sandbox, tmp_path):
    """Once, however often it comes."""
    body, headers = a_message(sandbox, tmp_path)

    answers = [httpx.post(f"{served}/webhooks/sandbox", content=body, headers=headers) for _ in range(3)]

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
    assert kept(tmp_path) == 1


@pytest.mark.parametrize(
    ("account", "change", "status"),
    [
        pytest.param("sandbox", lambda body: body[:-1] + b" ", 401, id="forged"),
        pytest.param("sandbox", lambda body: body[: len(body) // 2], 401, id="truncated"),
        pytest.param("nobody", lambda body: body, 404, id="no such account"),
        pytest.param("sandbox", lambda body: body + b" " * MAX_BODY_BYTES, 413, id="too long"),
    ],
)
def test_what_is_refused_gets_a_status_and_no_words(served, sandbox, tmp_path, account, change, status):
    """Nothing of it is kept."""
    body, headers = a_message(sandbox, tmp_path)

    answer = httpx.post(f"{served}/webhooks/{account}", content=change(body), headers=headers)

    assert (answer.status_code, answer.content) == (status, b"")
    assert kept(tmp_path) == 0


def test_sixty_megabytes_without_a_length_are_not_read(served):
    """The limit counts what comes, not what was announced."""
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(960):
            sent += 65_536
            yield bytes(65_536)

    with contextlib.suppress(httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
        assert httpx.post(f"{served}/webhooks/sandbox", content=chunks()).status_code == 413

    assert sent < 60 * 1024 * 1024


def test_an_announced_length_is_refused_before_anything_is_sent(served):
    """By the header alone."""
    host, port = served.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"POST /webhooks/sandbox HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n")

        assert connection.recv(64).startswith(b"HTTP/1.1 413")


def test_a_body_that_drips_is_given_up(served):
    """A second is all it gets here."""
    host, port = served.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /webhooks/sandbox HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")

        assert connection.recv(64).startswith(b"HTTP/1.1 408")


def test_a_challenge_is_answered_where_one_is_known(served):
    """And nothing else is got."""
    assert httpx.get(f"{served}/webhooks/sandbox?word=abc").text == "proven abc"
    assert httpx.get(f"{served}/webhooks/sandbox").status_code == 404
    assert httpx.get(f"{served}/webhooks/nobody").status_code == 404


def test_a_challenge_that_is_none_is_refused(served, django_requests, sandbox, tmp_path):
    """An adapter raises for what it would not sign; that is an answer, and no fault of the server's."""
    with sync.EvPay.open(f"sqlite:///{tmp_path / 'evpay.db'}", providers=[sandbox]) as pay:
        view = webhook_view(pay, challenges={"sandbox": refusing})
        statuses = (
            view(django_requests.get("/"), "sandbox").status_code,
            httpx.get(f"{served}/webhooks/other").status_code,
        )

    assert statuses == (400, 400)


@pytest.mark.parametrize(("text", "length"), [("12", 12), (None, None), ("-1", None), ("1" * 30, None), ("²", None)])
def test_only_a_length_is_a_length(text, length):
    """Hostile headers say nothing."""
    assert declared_length(text) == length


@pytest.mark.anyio
async def test_a_body_that_never_comes_is_a_408():
    """Whoever reads it."""

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    with pytest.raises(WebhookRejected) as caught:
        await gathered(never(), account="a", within_s=0.01)

    assert caught.value.status == 408


@pytest.fixture
def django_requests() -> RequestFactory:
    """Django as far as a view needs it."""
    if not django_settings.configured:
        django_settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="for tests", USE_TZ=True)
        django.setup()
    return RequestFactory()


def test_the_django_view_does_the_same(django_requests, sandbox, tmp_path):
    """Proven: 200. Forged: 401. Too long: 413. Another method: 405. Nobody's: 404."""
    body, headers = a_message(sandbox, tmp_path)
    with sync.EvPay.open(f"sqlite:///{tmp_path / 'evpay.db'}", providers=[sandbox]) as pay:
        view = webhook_view(pay, challenges={"sandbox": lambda query: query.get("word")})

        def post(content: bytes, account: str = "sandbox") -> int:
            request = django_requests.post("/", data=content, content_type="application/json", headers=dict(headers))
            return view(request, account).status_code

        statuses = [post(body), post(body + b" "), post(bytes(MAX_BODY_BYTES + 1)), post(body, "nobody")]
        got = [view(django_requests.get("/", {"word": "abc"}), name) for name in ("sandbox", "nobody")]

    assert statuses == [200, 401, 413, 404]
    assert (got[0].content, got[1].status_code) == (b"abc", 405)
    assert kept(tmp_path) == 1
    assert view.csrf_exempt


def test_the_clock_of_these_tests_is_the_real_one(sandbox, tmp_path):
    """A message is dated now, so that none of the refusals above is for its age."""
    body, headers = a_message(sandbox, tmp_path)
    stamp = int(headers["evpay-sandbox-signature"].split(",")[0].removeprefix("t="))

    assert abs(datetime.now(UTC).timestamp() - stamp) < 60
    assert json.loads(body)["account"] == "sandbox"
