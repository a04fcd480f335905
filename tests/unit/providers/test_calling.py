"""One request to a real server that misbehaves: what is known afterwards, and what is not."""

import asyncio
import socket
import threading
from contextlib import contextmanager
from decimal import Decimal

import httpx
import pytest

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.payments.outcome import Absent, Declined, Failed, Observation, Pending, Succeeded, Unknown
from evpay.payments.reasons import Reason
from evpay.providers.calling import Reply, as_read, call, understood, with_extra

pytestmark = pytest.mark.anyio


@contextmanager
def server(answer):
    """A socket that reads one request and then does `answer(connection)`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = []

        def serve():
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(65_536))
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", seen
        thread.join(5)


def saying(head, body=b""):
    return lambda connection: connection.sendall(head.encode() + b"\r\nConnection: close\r\n\r\n" + body)


def json_body(body, status="200 OK"):
    return saying(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}", body)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def ask(url, **options):
    async with httpx.AsyncClient(timeout=5) as client:
        return await call(client, "POST", url, json={"amount": 1230}, **options)


async def test_answer_is_a_reply_with_exact_numbers():
    """Status, headers and JSON, whose numbers are int or Decimal and never float."""
    with server(json_body(b'{"amount": 12.30, "minor": 1230, "text": "x"}', "402 Payment Required")) as (url, seen):
        reply = await ask(url)

    assert (402, {"amount": Decimal("12.30"), "minor": 1230, "text": "x"}) == (reply.status, reply.body)
    assert Decimal is type(reply.body["amount"])
    assert "application/json" == reply.headers["content-type"]
    assert seen[0].startswith(b"POST /v1 HTTP/1.1\r\n")


async def test_empty_answer_is_a_reply_without_a_body():
    """204 has nothing to read."""
    with server(saying("HTTP/1.1 204 No Content")) as (url, _):
        reply = await ask(url)

    assert Reply(status=204, body=None, headers={"connection": "close"}) == reply


async def test_refused_connection_was_not_sent():
    """The one failure after which nothing can have happened."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

    assert Failed(reason=Reason.NOT_SENT, code="ConnectError") == await ask(url)


UNKNOWN = {
    "connection reset after the request": reset,
    "connection closed after the request": lambda connection: None,
    "half an answer": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
    "half a header": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "not HTTP": lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "500": json_body(b'{"id": "x"}', "500 Internal Server Error"),
    "503": json_body(b"{}", "503 Service Unavailable"),
    "302": saying("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0"),
    "307": saying("HTTP/1.1 307 Temporary Redirect\r\nLocation: /v1\r\nContent-Length: 0"),
    "302 to nowhere": saying("HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0"),
    "304": saying("HTTP/1.1 304 Not Modified"),
    "HTML with 200": json_body(b"<html>Bad gateway</html>"),
    "broken JSON": json_body(b'{"id": '),
    "two documents": json_body(b"{}{}"),
    "not UTF-8": json_body(b'{"id": "\xff\xfe"}'),
    "not a number": json_body(b'{"amount": NaN}'),
    "infinite": json_body(b'{"amount": -Infinity}'),
    "endlessly nested": json_body(b"[" * 100_000),
    "a number of ten thousand digits": json_body(b"9" * 10_000),
    "false gzip": saying("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2", b"{}"),
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)
async def test_outcome_is_unknown_when_the_answer_proves_nothing(answer):
    """Each of these also happens after the effect, so none of them is a refusal."""
    with server(answer) as (url, seen):
        outcome = await ask(url)

    assert isinstance(outcome, Unknown)
    assert outcome.detail
    assert 1 == len(seen)


@pytest.mark.parametrize(("size", "kind"), [(100, Reply), (101, Unknown)])
async def test_answer_is_unknown_when_it_is_too_big(size, kind):
    """A body is read up to the limit and not a byte further."""
    with server(json_body(b'"' + b"x" * (size - 2) + b'"')) as (url, _):
        outcome = await ask(url, max_bytes=100)

    assert isinstance(outcome, kind)


async def test_endless_answer_is_given_up_at_the_limit():
    """A server that never stops sending fills no memory."""

    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        except OSError:
            return

    with server(flood) as (url, _):
        outcome = await ask(url, max_bytes=100_000)

    assert Unknown(detail="an answer of more than 100000 bytes") == outcome


async def test_slow_answer_is_unknown_when_reading_times_out():
    """A time-out while reading says nothing about the effect."""
    released = threading.Event()
    with server(lambda connection: released.wait(5)) as (url, _):
        async with httpx.AsyncClient(timeout=httpx.Timeout(5, read=0.05)) as client:
            outcome = await call(client, "POST", url)
        released.set()

    assert Unknown(detail="ReadTimeout") == outcome


async def test_cancellation_passes_through_when_an_answer_drips():
    """The engine's deadline ends a call that no time-out of a single read would; the adapter catches nothing."""
    released = threading.Event()

    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not released.wait(0.005):
            connection.sendall(b" ")

    with server(drip) as (url, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask(url)
        released.set()


@pytest.mark.parametrize(
    "outcome",
    [Failed(reason=Reason.NOT_SENT), Declined(reason=Reason.OTHER), Pending(), Succeeded(amount=Money(1, "EUR"))],
)
def test_read_that_failed_taught_nothing(outcome):
    """A look-up has no outcome of its own."""
    assert isinstance(as_read(outcome), Unknown)


@pytest.mark.parametrize("seen", [Observation(payment_id="x"), Absent(), Unknown(detail="lost")])
def test_read_that_taught_something_is_handed_on(seen):
    """An observation, an absence and a doubt are what a look-up answers."""
    assert seen is as_read(seen)


def test_extra_is_added_untouched():
    """It goes into the outermost body as it is."""
    assert {"amount": 5, "order": {"id": [1]}} == with_extra({"amount": 5}, {"order": {"id": [1]}})


def test_extra_is_refused_when_it_sets_a_field_of_ours():
    """Nobody changes an amount by the back door."""
    with pytest.raises(InvalidInput) as refusal:
        with_extra({"amount": 5, "currency": "EUR"}, {"note": "x", "currency": "NOK", "amount": 1})

    assert ("extra_overrides", "extra.amount") == (refusal.value.code, refusal.value.path)


@pytest.mark.parametrize("reading", [lambda: {}["id"], lambda: None.id, lambda: Decimal("x"), lambda: 1 + "1"])
def test_answer_that_is_not_as_documented_proves_nothing(reading):
    """Whatever it is that trips the code that reads it."""
    assert isinstance(understood(reading), Unknown)


def test_what_can_be_read_is_handed_on_and_what_else_goes_wrong_is_not_hidden():
    """A mistake of ours is no answer of theirs."""
    with pytest.raises(NotImplementedError):
        understood(lambda: (_ for _ in ()).throw(NotImplementedError()))

    assert understood(lambda: 5) == 5
