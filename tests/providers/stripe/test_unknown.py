"""What nobody knows stays unknown, and a resend still has one effect."""

import asyncio
import socket
import threading
import time
from contextlib import suppress
from datetime import date, timedelta

import pytest

from evpay.providers import Failed, Reason, Succeeded, Unknown
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.providers.stripe import orders

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]


def effects(server, kind):
    return sum(payment["effects"][kind] for payment in server.books()["payments"])


async def arrival(server):
    """Wait until the server, which is another process, has a request."""
    while not server.journal():  # noqa: ASYNC110 - there is no event to wait for across processes
        await asyncio.sleep(0.01)


async def order_for(provider, verb):
    """Prepare a payment so that `verb` is next, and return the request."""
    if verb == "authorize":
        return orders.authorization()
    hold = await provider.authorize(orders.authorization())
    if verb == "refund":
        await provider.capture(orders.taking(hold.handle, "5.00"))
    makers = {
        "increment": lambda: orders.increase(hold.handle, "30.00"),
        "capture": lambda: orders.taking(hold.handle, "5.00"),
        "void": lambda: orders.cancellation(hold.handle),
        "refund": lambda: orders.giving_back(hold.handle, "1.00"),
    }
    return makers[verb]()


VERBS = ["authorize", "increment", "capture", "void", "refund"]
FAULTS = ["drop_before", "drop_after", "garbage", "error_before", "error_after", "unavailable", "redirect", "conflict"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("fault", [*FAULTS, "lock_timeout"])
async def test_answer_that_proves_nothing_is_unknown(server, provider, verb, fault):
    """Lost before or after the effect, unreadable, 5xx, redirected, in conflict: sent once, and unknown."""
    request = await order_for(provider, verb)
    before = len(server.journal())
    server.fault(fault)

    outcome = await getattr(provider, verb)(request)

    assert isinstance(outcome, Unknown), outcome
    assert len(server.journal()) == before + 1


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "garbage"])
async def test_resend_after_a_lost_answer_has_one_effect(server, provider, verb, fault):
    """The same key and bytes again: done once, and now we know."""
    request = await order_for(provider, verb)
    server.fault(fault)
    await getattr(provider, verb)(request)

    outcome = await getattr(provider, verb)(request)

    assert isinstance(outcome, Succeeded), outcome
    assert effects(server, verb) == 1


@pytest.mark.parametrize("verb", VERBS)
async def test_rate_limit_did_nothing(server, provider, verb):
    """429 is refused before the work; the same key may be used again."""
    request = await order_for(provider, verb)
    server.fault("rate_limit")

    limited = await getattr(provider, verb)(request)

    assert limited == Failed(reason=Reason.RATE_LIMITED, code="rate_limit")
    assert effects(server, verb) == 0
    assert isinstance(await getattr(provider, verb)(request), Succeeded)


async def test_kept_error_is_repeated_and_look_up_knows_better(server, provider):
    """Stripe answers a kept 500 again for a day; only a look-up tells that the capture took effect."""
    request = await order_for(provider, "capture")
    server.fault("error_after")
    outcomes = [await provider.capture(request), await provider.capture(request)]

    seen = await provider.look_up(orders.question(request.handle))

    assert [outcome.type for outcome in outcomes] == ["unknown", "unknown"]
    assert (seen.reports[-1].reference, seen.reports[-1].outcome.amount) == (request.reference, request.amount)
    assert (seen.totals.captured, effects(server, "capture")) == (500, 1)


@pytest.mark.parametrize("fault", [*FAULTS, "rate_limit", "lock_timeout"])
@pytest.mark.parametrize("read", ["complete", "look_up", "settlements"])
async def test_failed_read_taught_nothing(server, provider, fault, read):
    """A leg of a complete too: it ends no authorization."""
    from evpay.providers import SettlementsRequest

    hold = await provider.authorize(orders.authorization())
    requests = {
        "complete": orders.completion(hold.handle),
        "look_up": orders.question(),
        "settlements": SettlementsRequest(since=date(2026, 1, 1)),
    }
    server.fault(fault)

    assert isinstance(await getattr(provider, read)(requests[read]), Unknown)


async def test_second_page_or_refunds_that_fail_make_a_look_up_unknown(server, provider):
    """Half an observation would look like absence."""
    request = await order_for(provider, "refund")
    server.fault("error_before", path="/v1/refunds", method="GET")

    assert isinstance(await provider.look_up(orders.question(request.handle)), Unknown)


async def test_same_key_with_other_content_is_unknown(server, provide):
    """Something was sent under that key before."""
    provider = provide()
    await provider.authorize(orders.authorization("20.00", idempotency_key="k1"))

    outcome = await provider.authorize(orders.authorization("21.00", idempotency_key="k1"))

    assert isinstance(outcome, Unknown)


async def test_duplicate_in_flight_is_unknown(server, provide):
    """The first one is still running."""
    provider, request = provide(), orders.authorization()
    server.fault("latency", seconds=0.5)

    first = asyncio.create_task(provider.authorize(request))
    await arrival(server)
    second = await provider.authorize(request)

    assert isinstance(second, Unknown)
    assert isinstance(await first, Succeeded)
    assert effects(server, "authorize") == 1


@pytest.mark.parametrize("verb", ["capture", "void", "refund"])
async def test_echo_is_unknown(server, provider, verb):
    """Done already, and under another key: it may have been us."""
    request = await order_for(provider, verb)
    if verb == "refund":
        request = orders.giving_back(request.handle, "5.00")
    await getattr(provider, verb)(request)
    again = type(request)(
        **{name: getattr(request, name) for name in request.__dataclass_fields__} | {"idempotency_key": "other"}
    )

    assert isinstance(await getattr(provider, verb)(again), Unknown)


async def test_refusal_without_a_code_is_unknown(server, provider):
    """More than is left to refund: our own first attempt may have taken it."""
    request = await order_for(provider, "refund")
    await provider.refund(request)

    outcome = await provider.refund(orders.giving_back(request.handle, "4.50"))

    assert isinstance(outcome, Unknown)


async def test_wrong_key_is_told(server):
    """A key that the server does not take."""
    provider = StripeProvider(StripeSettings(api_key="sk_test_x", base_url=server.url))
    # Stripe's own check is of the key itself; the stand-in refuses what has no proper prefix.
    provider._client._requestor._options.api_key = "nonsense"

    outcome = await provider.authorize(orders.authorization())
    await provider.aclose()

    assert outcome == Failed(reason=Reason.INVALID_CREDENTIALS)


async def test_answer_of_the_other_mode_is_told(server, provide):
    """Key and account do not fit together: the first answer shows it, later ones prove nothing."""
    provider = provide()
    hold = await provider.authorize(orders.authorization())
    server.configure(livemode=True)

    outcome = await provider.authorize(orders.authorization())
    later = await provider.capture(orders.taking(hold.handle, "5.00"))

    assert (outcome.type, outcome.reason) == ("failed", Reason.TEST_LIVE_MISMATCH)
    assert outcome.id is not None
    assert isinstance(later, Unknown)
    assert isinstance(await provider.look_up(orders.question(hold.handle)), Unknown)


@pytest.mark.parametrize("verb", VERBS)
async def test_failure_to_connect_is_not_sent(provider, verb):
    """Nobody listens there."""
    request = await order_for(provider, verb)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lonely = StripeProvider(
        StripeSettings(api_key="sk_test_x", base_url=f"http://127.0.0.1:{port}", request_increment=True)
    )

    outcome = await getattr(lonely, verb)(request)
    await lonely.aclose()

    assert outcome == Failed(reason=Reason.NOT_SENT, code="ConnectError")


async def test_silence_ends_at_the_deadline_and_is_unknown(server, provide):
    """The transport's own time-out is below the engine's."""
    provider = provide(deadline=timedelta(seconds=0.3))
    server.fault("latency_after", seconds=2)
    started = time.monotonic()

    outcome = await provider.authorize(orders.authorization())

    assert isinstance(outcome, Unknown)
    assert time.monotonic() - started < 1.5


async def test_trickle_ends_at_the_deadline_too():
    """A byte now and then keeps every read alive, so the request as a whole has a deadline."""

    def trickle(listener):
        with listener.accept()[0] as connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(60):
                connection.sendall(b" ")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        provider = StripeProvider(StripeSettings(api_key="sk_test_x", base_url=url, deadline=timedelta(seconds=0.3)))
        started = time.monotonic()
        outcome = await provider.authorize(orders.authorization())
        took_s = time.monotonic() - started
        await provider.aclose()
        thread.join()

    assert isinstance(outcome, Unknown)
    assert took_s < 2


async def test_cancellation_passes_through(server, provide):
    """The engine cancels; the adapter does not answer instead."""
    provider = provide()
    server.fault("latency", seconds=1)
    task = asyncio.create_task(provider.authorize(orders.authorization()))
    await arrival(server)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "body",
    [b"[]", b'"text"', b"null", b"{}", b'{"status": "requires_capture"}', b"\xff", b"",
     b'{"id": "pi_1", "object": "payment_intent", "status": "requires_capture", "currency": "isk", "amount": 1}',
     b'{"id": "pi_1", "object": "payment_intent", "status": "requires_capture", "currency": "eur", "amount": 1.5}',
     b'{"id": "pi_1", "object": "payment_intent", "status": "requires_capture", "currency": "zzz", "amount": 1}',
     b'{"id": "pi_1", "object": "payment_intent", "status": {"a": 1}, "currency": "eur", "amount": 1}'],
)  # fmt: skip
async def test_answer_that_is_not_as_documented_is_unknown(body):
    """No exception of the SDK or of ours escapes after the first byte."""
    import stripe

    class Answering(stripe.HTTPClient):
        name = "answering"

        async def request_async(self, method, url, headers, post_data=None):
            return body, 200, {}

    provider = StripeProvider(StripeSettings(api_key="sk_test_x"), http_client=Answering())

    assert isinstance(await provider.authorize(orders.authorization()), Unknown)


async def test_notice_does_not_become_an_exception():
    """A strict host turns the SDK's warnings into errors."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Noticing(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            content = b'{"id": "pi_1", "object": "payment_intent", "status": "processing", "currency": "eur"}'
            self.send_response(200)
            self.send_header("Stripe-Notice", "this version is old")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Noticing) as listener:
        thread = threading.Thread(target=listener.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{listener.server_address[1]}"
        provider = StripeProvider(StripeSettings(api_key="sk_test_x", base_url=url))
        outcome = await provider.authorize(orders.authorization())
        await provider.aclose()
        thread.join()

    assert outcome.type == "pending"
