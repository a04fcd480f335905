"""What nobody knows is `Unknown`; only what was surely not sent is said to be so. Over real HTTP where it matters."""

import asyncio
import gzip
import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import pytest

from evpay.providers import Failed, Handle, Reason, Unknown
from evpay_providers.braintree import BraintreeProvider, BraintreeSettings
from tests.providers.braintree import answers, orders
from tests.providers.braintree.conftest import KEYS, basic

pytestmark = pytest.mark.anyio

HELD = Handle(id="tx1")
ORDERS = {
    "authorize": orders.authorization,
    "increment": lambda: orders.increase(HELD, "30.00"),
    "capture": lambda: orders.taking(HELD, "5.00"),
    "void": lambda: orders.cancellation(HELD),
    "refund": lambda: orders.giving_back(HELD, "5.00"),
}
# What a verb reads before its effect.
READS = {"void": [answers.ok(answers.SALE)], "refund": [answers.ok(answers.settled())]}


@contextmanager
def listening(*scripts):
    """A server that gives each connection to the next script, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with suppress(OSError):
                for script in scripts:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65_536)
                        script(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def http(status, body, *headers):
    """A script that answers with these bytes."""
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return lambda connection: connection.sendall("\r\n".join([*head, "", body]).encode())


def over(url, **settings):
    return BraintreeProvider(BraintreeSettings(**{**KEYS, "base_url": url, "request_increment": True, **settings}))


@pytest.mark.parametrize("verb", ORDERS)
@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504, 302, 418])
async def test_breakdown_is_unknown(wire, provider, verb, status):
    """It may have taken effect before it broke."""
    wire.will(*READS.get(verb, []), (status, "<html/>"))

    assert isinstance(await getattr(provider, verb)(ORDERS[verb]()), Unknown)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, Reason.INVALID_CREDENTIALS), (403, Reason.INVALID_CREDENTIALS), (404, Reason.INVALID_REQUEST),
     (426, Reason.MISCONFIGURED), (429, Reason.RATE_LIMITED)],
)  # fmt: skip
@pytest.mark.parametrize("verb", ORDERS)
async def test_refusal_at_the_door_did_nothing(wire, provider, verb, status, reason):
    """The gateway said no before it looked at the request."""
    wire.will(*READS.get(verb, []), (status, "<errors>No</errors>"))

    outcome = await getattr(provider, verb)(ORDERS[verb]())

    assert isinstance(outcome, Failed)
    assert outcome.reason is reason


@pytest.mark.parametrize("verb", ORDERS)
@pytest.mark.parametrize(
    "body",
    ["", "   ", "text", "<", "<transaction/>", "<other><id>tx1</id></other>", "<transaction><id>tx1</id></transaction>",
     "<transaction><id>tx1</id><status>authorized</status></transaction>",
     "<transaction><id>tx1</id><status>authorized</status><amount>x</amount></transaction>",
     "<transaction><id>1</id><status>authorized</status><amount>1.005</amount><currency-iso-code>EUR</currency-iso-code>",
     ("<transaction><id>tx1</id><status>authorized</status><amount>1.005</amount>"
      "<currency-iso-code>EUR</currency-iso-code></transaction>"),
     '<!DOCTYPE t [<!ENTITY a "tx1">]>' + answers.ok(answers.SALE)[1].partition("?>")[2].replace("tx1", "&a;"),
     "<api-error-response/>", "<api-error-response><errors/><message>No</message></api-error-response>"],
)  # fmt: skip
async def test_answer_that_is_not_as_documented_is_unknown(wire, provider, verb, body):
    """No exception of the SDK, of its parser or of ours escapes after the first byte."""
    wire.will(*READS.get(verb, []), (200, body))

    assert isinstance(await getattr(provider, verb)(ORDERS[verb]()), Unknown)


CARD = "<credit-card><token>t1</token><last-4>1881</last-4><bin>401288</bin></credit-card>"
CHECKED = (
    "<verification><id>v1</id><status>processor_declined</status><amount>0.00</amount>"
    "<currency-iso-code>EUR</currency-iso-code><processor-response-code>2000</processor-response-code></verification>"
)


@pytest.mark.parametrize("verb", ORDERS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (201, "<customer><id>c1</id><email>driver@example.com</email></customer>"),
        (201, CARD),
        (201, f"<credit-card><token>t1</token>{CHECKED}</credit-card>"),
        (422, f'<api-error-response><errors><errors type="array"/></errors>{CHECKED}</api-error-response>'),
    ],
)
async def test_answer_about_something_else_is_unknown(wire, provider, verb, status, body):
    """A customer, a method, and a check of a card that was declined: none of them says anything of a payment."""
    wire.will(*READS.get(verb, []), (status, body))

    assert isinstance(await getattr(provider, verb)(ORDERS[verb]()), Unknown)


@pytest.mark.parametrize("verb", ["authorize", "increment", "capture", "void", "refund"])
async def test_status_of_tomorrow_is_unknown(wire, provider, verb):
    """Never success, and never a decline."""
    wire.will(*READS.get(verb, []), answers.ok(answers.fields(status="quantum_settled")))

    assert isinstance(await getattr(provider, verb)(ORDERS[verb]()), Unknown)


@pytest.mark.parametrize("code", ["915232", "915233", "915234", "915235"])
async def test_key_that_is_taken_is_unknown(wire, provider, code):
    """The first request with it may yet succeed."""
    wire.will(answers.invalid(code))

    assert isinstance(await provider.authorize(orders.authorization()), Unknown)


@pytest.mark.parametrize(
    ("verb", "code"), [("capture", "91507"), ("capture", "915103"), ("void", "91504"), ("refund", "91512")]
)
async def test_echo_is_unknown(wire, provider, verb, code):
    """Done already: it may have been us."""
    wire.will(*READS.get(verb, []), answers.invalid(code))

    assert isinstance(await getattr(provider, verb)(ORDERS[verb]()), Unknown)


async def test_voided_capture_may_be_our_own_refund(wire, provide):
    """Without keys nothing is sent again; with them the same key gives the same answer."""
    gone = answers.ok(answers.submitted("5.00", status="voided"))
    wire.will(gone, gone, gone)

    without = await provide().refund(orders.giving_back(HELD, "5.00"))
    with_keys = await provide(account="b", request_keys=True).refund(orders.giving_back(HELD, "5.00"))

    assert (without.type, with_keys.type) == ("unknown", "succeeded")
    assert [asked[0] for asked in wire.asked] == ["GET", "GET", "PUT"]


@pytest.mark.parametrize("verb", ["void", "refund"])
async def test_effect_whose_read_failed_is_not_sent(wire, provider, verb):
    """Nothing is voided or refunded blindly."""
    wire.will((500, ""))

    assert isinstance(await getattr(provider, verb)(ORDERS[verb]()), Unknown)


async def test_void_that_did_something_else_is_unknown(wire, provider):
    """Another transaction, or another status."""
    wire.will(answers.ok(answers.SALE), answers.ok(answers.SALE))

    assert isinstance(await provider.void(orders.cancellation(HELD)), Unknown)


@pytest.mark.parametrize("verb", ORDERS)
async def test_no_connection_was_surely_not_sent(verb):
    """Nobody listens there: not for the look before an effect either."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        provider = over(f"http://127.0.0.1:{free.getsockname()[1]}")

        outcome = await getattr(provider, verb)(ORDERS[verb]())
        seen = await provider.look_up(orders.question(HELD))

    await provider.aclose()
    assert (outcome.type, outcome.reason) == ("failed", Reason.NOT_SENT)
    assert isinstance(seen, Unknown)


class Answering(BaseHTTPRequestHandler):
    """Keeps connections open, and counts them."""

    protocol_version = "HTTP/1.1"
    timeout = 5

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Authorization"], sent.decode()))
        status, body = self.server.answer
        content = gzip.compress(body.encode())
        self.send_response(status)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def answering(answer):
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.answer, server.asked, server.connections = answer, [], 0
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


async def test_answer_over_real_http():
    """The SDK's own headers, one connection for all, and an answer that is read."""
    with answering(answers.ok(answers.SALE)) as (server, url):
        provider = over(url)
        outcomes = [await provider.authorize(orders.authorization()) for _ in range(3)]
        await provider.aclose()

    path, signed_in, body = server.asked[0]
    assert [outcome.type for outcome in outcomes] == ["succeeded"] * 3
    assert (path, signed_in) == ("/merchants/merchant1/transactions", basic("public1", KEYS["private_key"]))
    assert "<amount>20.00</amount>" in body
    assert server.connections == 1


async def test_answer_without_end_is_unknown():
    """It would be good XML, if somebody read nine megabytes of it."""
    status, body = answers.ok(answers.SALE)
    with answering((status, body + " " * 9_000_000)) as (_, url):
        provider = over(url)
        outcome = await provider.authorize(orders.authorization())
        await provider.aclose()

    assert isinstance(outcome, Unknown)


async def test_connection_that_is_dropped_is_unknown():
    """The request went out; who knows how far it came."""
    with listening(lambda connection: None) as url:
        provider = over(url)
        outcome = await provider.authorize(orders.authorization())
        await provider.aclose()

    assert isinstance(outcome, Unknown)


async def test_redirect_is_not_followed():
    """It would hand the keys to somebody else."""
    asked = []

    def other(connection):
        asked.append(connection)

    with listening(other) as elsewhere, listening(http(307, "", f"Location: {elsewhere}/")) as url:
        provider = over(url)
        outcome = await provider.authorize(orders.authorization())
        await provider.aclose()

    assert isinstance(outcome, Unknown)
    assert asked == []


@pytest.mark.parametrize("pause_s", [0, 0.05])
async def test_silence_and_trickle_end_at_the_deadline(pause_s):
    """A byte now and then keeps every read alive, so the call as a whole has a deadline."""

    def trickle(connection):
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(40):
                time.sleep(0.05)
                if pause_s:
                    connection.sendall(b" ")

    with listening(trickle) as url:
        provider = over(url, deadline=timedelta(seconds=0.3))
        started = time.monotonic()
        outcome = await provider.authorize(orders.authorization())
        took_s = time.monotonic() - started
        await provider.aclose()

    assert isinstance(outcome, Unknown)
    assert took_s < 1.5


async def test_trickle_gives_its_thread_back_at_the_deadline():
    """Else a few such answers would leave no thread for anybody."""

    def trickle(connection):
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(60):
                time.sleep(0.05)
                connection.sendall(b" ")

    with listening(trickle) as url:
        provider = over(url, deadline=timedelta(seconds=0.3), threads=1)
        first = await provider.authorize(orders.authorization())
        await anyio.sleep(0.3)
        second = await provider.authorize(orders.authorization())
        await provider.aclose()

    assert [type(outcome) for outcome in (first, second)] == [Unknown, Unknown]


async def test_cancellation_passes_through_and_what_has_not_begun_never_begins(wire, provide):
    """The engine cancels; a call that waits for a thread is not sent later."""
    arrived, go = threading.Event(), threading.Event()

    def slow(verb, url, headers, body):
        arrived.set()
        go.wait(5)
        return wire(verb, url, headers, body)

    wire.will(answers.ok(answers.SALE))
    provider = BraintreeProvider(BraintreeSettings(**KEYS, threads=1), exchange=slow)
    first = asyncio.create_task(provider.authorize(orders.authorization()))
    await asyncio.to_thread(arrived.wait, 5)
    second = asyncio.create_task(provider.authorize(orders.authorization(reference="p2")))
    await asyncio.sleep(0)

    second.cancel()
    first.cancel()

    for task in (first, second):
        with pytest.raises(asyncio.CancelledError):
            await task
    go.set()
    for _ in range(100):
        await asyncio.sleep(0.01)
        if wire.asked:
            break
    assert len(wire.asked) == 1


async def test_call_that_found_no_thread_was_not_sent(wire):
    """All threads are busy until the deadline."""
    arrived, go = threading.Event(), threading.Event()

    def slow(verb, url, headers, body):
        arrived.set()
        go.wait(5)
        return 500, ""

    provider = BraintreeProvider(BraintreeSettings(**KEYS, threads=1, deadline=timedelta(seconds=0.3)), exchange=slow)
    first = asyncio.create_task(provider.authorize(orders.authorization()))
    await asyncio.to_thread(arrived.wait, 5)

    second = await provider.authorize(orders.authorization(reference="p2"))
    go.set()

    assert second == Failed(reason=Reason.NOT_SENT, code="NoThread")
    assert isinstance(await first, Unknown)


async def test_many_payments_at_once(provide):
    """Different payments do not disturb one another, and the SDK changes no request of another."""
    lock, seen = threading.Lock(), []

    def answer(verb, url, headers, body):
        reference = body.partition("<order_id>")[2].partition("<")[0]
        with lock:
            seen.append(threading.get_ident())
        time.sleep(0.005)
        return answers.ok(answers.fields(id=f"tx-{reference}", order_id=reference))

    provider = BraintreeProvider(BraintreeSettings(**KEYS), exchange=answer)

    outcomes = await asyncio.gather(
        *(provider.authorize(orders.authorization(reference=f"p{number}")) for number in range(40))
    )

    assert [outcome.id for outcome in outcomes] == [f"tx-p{number}" for number in range(40)]
    assert 1 < len(set(seen)) <= 16


def test_one_loop_after_another(wire):
    """A provider is bound to no event loop, and closing ends nothing for good."""
    wire.will(answers.ok(answers.SALE), answers.ok(answers.SALE))
    provider = BraintreeProvider(BraintreeSettings(**KEYS), exchange=wire)

    async def once():
        outcome = await provider.authorize(orders.authorization())
        await provider.aclose()
        await provider.aclose()
        return outcome.type

    assert [asyncio.run(once()), asyncio.run(once())] == ["succeeded", "succeeded"]
