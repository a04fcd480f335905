"""What nobody knows stays unknown, and only a failure to connect was surely not sent."""

import asyncio
import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta

import pytest

from evpay.providers import Failed, Handle, Reason, Unknown
from evpay_providers.adyen import AdyenProvider, AdyenSettings
from tests.providers.adyen import answers, orders
from tests.providers.adyen.conftest import API_KEY, MERCHANT

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

MAKERS = {
    "authorize": orders.authorization,
    "complete": lambda: orders.completion(answer={"redirectResult": "X6Xt"}),
    "increment": orders.increase,
    "capture": orders.taking,
    "void": orders.cancellation,
    "refund": orders.giving_back,
}
VERBS = [*MAKERS]
EFFECTS = [verb for verb in VERBS if verb != "complete"]


async def ask(provider, verb):
    return await getattr(provider, verb)(MAKERS[verb]())


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, answers.error(500, "702", "internal")),
        (503, b"<html>busy</html>"),
        (502, b""),
        (504, answers.error(504, None, "internal")),
        (301, b""),
        (200, b"<html>hello</html>"),
        (200, b""),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'"text"'),
        (200, b"null"),
        (200, b"\xff"),
        (204, b""),
        (422, answers.error(422, "704")),
        (422, b"<html>no</html>"),
        (403, b""),
        (403, b"[]"),
        (418, answers.error(418, "101")),
        (200, {"resultCode": "NeverHeardOf", "pspReference": orders.PSP}),
        (200, {"resultCode": ["Authorised"]}),
        (200, {"resultCode": None}),
        (200, {"status": "never heard of", "pspReference": orders.PSP}),
        (200, {"status": "received"}),
        (200, {"resultCode": "AuthenticationFinished", "pspReference": orders.PSP}),
        # What the older API says where it took a modification.
        (200, {"response": "[capture-received]", "pspReference": orders.PSP}),
        (200, {"response": "Authorised", "pspReference": orders.PSP}),
    ],
)
async def test_answer_that_proves_nothing_is_unknown(teller, provider, verb, status, body):
    """5xx, redirects, what is no JSON, duplicates in flight, and words that no table knows: sent once, and unknown."""
    teller.tell(body, status=status)

    outcome = await ask(provider, verb)

    assert isinstance(outcome, Unknown), outcome
    assert len(teller.seen) == 1


@pytest.mark.parametrize("verb", VERBS)
async def test_answer_to_another_kind_of_request_is_unknown(teller, provider, verb):
    """A payment is not answered with the receipt of a modification, nor a modification with a payment."""
    teller.tell(answers.received() if verb in ("authorize", "complete") else answers.authorised())

    assert isinstance(await ask(provider, verb), Unknown)


async def test_redirect_is_not_followed(teller, provider):
    """Nobody else gets the key."""
    teller.tell(b"", status=307, headers={"Location": f"{teller.url}/elsewhere"})

    assert isinstance(await ask(provider, "capture"), Unknown)
    assert [seen.path for seen in teller.seen] == [f"/v72/payments/{orders.PSP}/captures"]


@pytest.mark.parametrize("verb", VERBS)
async def test_transient_error_is_unknown(teller, provider, verb):
    """Adyen says that the same request may be sent again, so it has not been refused."""
    teller.tell(answers.error(), status=422, headers={"Transient-Error": "true"})

    assert isinstance(await ask(provider, verb), Unknown)


@pytest.mark.parametrize("verb", EFFECTS)
async def test_failure_to_connect_is_not_sent(verb):
    """Nobody listens there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lonely = AdyenProvider(
        AdyenSettings(api_key=API_KEY, merchant_account=MERCHANT, base_url=f"http://127.0.0.1:{port}")
    )

    outcome = await ask(lonely, verb)
    await lonely.aclose()

    assert outcome == Failed(reason=Reason.NOT_SENT, code="NewConnectionError")


async def test_leg_that_was_not_sent_is_unknown():
    """A failed leg would end the authorization."""
    lonely = AdyenProvider(AdyenSettings(api_key=API_KEY, merchant_account=MERCHANT, base_url="http://127.0.0.1:1"))

    assert isinstance(await ask(lonely, "complete"), Unknown)
    await lonely.aclose()


@pytest.mark.parametrize("status", [400, 401, 403, 422, 429])
async def test_refused_leg_is_unknown(teller, provider, status):
    """What came back with the driver may be forged; a refusal of it ends nothing."""
    teller.tell(answers.error(status, "14_0415"), status=status)

    assert isinstance(await ask(provider, "complete"), Unknown)


@pytest.mark.parametrize("answer", [{}, {"shopperOrder": "12"}, {"resultCode": "Authorised"}])
async def test_leg_with_nothing_to_hand_on_sends_nothing(teller, provider, answer):
    """And a browser's word for success is not one."""
    outcome = await provider.complete(orders.completion(Handle(id=orders.PAYMENT), answer=answer))

    assert (type(outcome), teller.seen) == (Unknown, [])


async def broken_by(manner):
    """Let a listener accept one connection and treat it in some manner."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=manner, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        provider = AdyenProvider(
            AdyenSettings(api_key=API_KEY, merchant_account=MERCHANT, base_url=url, deadline=timedelta(seconds=0.4))
        )
        started = time.monotonic()
        outcome = await ask(provider, "capture")
        took_s = time.monotonic() - started
        thread.join()
        await provider.aclose()
    assert took_s < 2
    return outcome


def hang_up(listener):
    with listener.accept()[0] as connection:
        connection.recv(65_536)


def hang_up_at_once(listener):
    listener.accept()[0].close()


def stay_silent(listener):
    with listener.accept()[0] as connection, suppress(OSError):
        connection.recv(65_536)
        time.sleep(0.8)


def trickle_the_body(listener):
    with listener.accept()[0] as connection, suppress(OSError):
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(30):
            connection.sendall(b" ")
            time.sleep(0.05)


def trickle_the_headers(listener):
    with listener.accept()[0] as connection, suppress(OSError):
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(30):
            connection.sendall(f"X-{number}: 1\r\n".encode())
            time.sleep(0.05)


def cut_short(listener):
    with listener.accept()[0] as connection:
        connection.recv(65_536)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"status": "received"')


def talk_for_ever(listener):
    with listener.accept()[0] as connection, suppress(OSError):
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(200):
            connection.sendall(b" " * 100_000)


@pytest.mark.parametrize(
    "manner",
    [hang_up, hang_up_at_once, stay_silent, trickle_the_body, trickle_the_headers, cut_short, talk_for_ever],
)
async def test_connection_that_breaks_is_unknown_and_in_time(manner):
    """Whatever becomes of a connection that came about, the request may have arrived."""
    assert isinstance(await broken_by(manner), Unknown)


async def test_cancellation_passes_through(teller, provider):
    """The engine cancels; the adapter does not answer instead."""
    teller.tell(answers.received(), status=201)
    teller.gate.clear()
    task = asyncio.create_task(ask(provider, "capture"))
    while not teller.arrived.is_set():  # noqa: ASYNC110 - the server is another thread
        await asyncio.sleep(0.01)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_error_of_the_sdk_does_not_escape():
    """Whatever a transport that was passed in does."""

    class Odd:
        user_agent = "odd"

        def request(self, *_, **__):
            return "{}", "", 200, None

    provider = AdyenProvider(AdyenSettings(api_key=API_KEY, merchant_account=MERCHANT), transport=Odd())

    assert isinstance(await ask(provider, "capture"), Unknown)


def test_provider_works_in_one_loop_after_another(teller):
    """It binds none."""
    import anyio

    teller.tell(answers.received(), status=201)
    provider = AdyenProvider(AdyenSettings(api_key=API_KEY, merchant_account=MERCHANT, base_url=teller.url))

    assert [anyio.run(ask, provider, "capture").type for _ in range(2)] == ["pending", "pending"]
    anyio.run(provider.aclose)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1"])
async def test_proxy_is_not_asked_for_this_machine(monkeypatch, teller, provide, proxy):
    """The environment's proxy is for the way out."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    teller.tell(answers.received(), status=201)

    assert (await ask(provide(), "capture")).type == "pending"


async def test_password_file_is_not_read(monkeypatch, tmp_path, teller, provide):
    """Nobody's password goes to Adyen because it stands in a home directory."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    teller.tell(answers.received(), status=201)

    await ask(provide(), "capture")

    assert "authorization" not in teller.seen[0].headers
