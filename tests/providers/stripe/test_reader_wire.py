"""Readers and disputes over the wire: which requests are sent, how often, and what a broken one is taken for."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from evpay.providers import (
    ActionRequired,
    ConfirmOnDevice,
    Declined,
    MethodKind,
    OperationKind,
    PaymentMethod,
    Reason,
    Succeeded,
    Unknown,
)
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.providers.stripe import answers, orders

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

METADATA = {"evpay_reference": orders.PAYMENT, "evpay_reader": "tmr_1"}
OPEN = answers.intent(status="requires_payment_method", latest_charge=None, metadata=METADATA, currency="eur")
HELD = answers.intent(metadata=METADATA, currency="eur")
BUSY = {"error": {"type": "invalid_request_error", "code": "terminal_reader_busy", "message": "Busy."}}
ORDER = orders.authorization(method=PaymentMethod("tmr_1", kind=MethodKind.TERMINAL))
ON_THE_READER = ConfirmOnDevice(device="tmr_1")


def acting(status: str, payment: str = "pi_1") -> dict[str, Any]:
    action = {"type": "process_payment_intent", "status": status, "process_payment_intent": {"payment_intent": payment}}
    return {"id": "tmr_1", "object": "terminal.reader", "livemode": False, "action": action}


def page(*items: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "url": "/v1/x", "has_more": False, "data": list(items)}


class Desk:
    """One payment, its reader and its disputes, as the server has them now; and what was asked of it."""

    def __init__(self) -> None:
        self.intent, self.reader = OPEN, acting("succeeded", "pi_before")
        self.disputes, self.refusal = page(), (200, {})
        self.asked: list[str] = []
        self.sent: list[tuple[str, dict[str, str], str | None]] = []

    def answer(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.path}")
        if request.method == "POST":
            self.sent.append(
                (request.path, dict(parse_qsl(request.get_data().decode())), request.headers.get("Idempotency-Key"))
            )
        status, told = self.told(request.path)
        return Response(json.dumps(told), status=status, content_type="application/json")

    def told(self, path: str) -> tuple[int, dict[str, Any]]:
        refused, error = self.refusal
        if path.endswith("/process_payment_intent"):
            self.reader = acting("in_progress") if refused == 200 else self.reader
            return refused, error if refused != 200 else self.reader
        if path == "/v1/disputes":
            return refused, error if refused != 200 else self.disputes
        known = {
            "/v1/refunds": page(),
            "/v1/terminal/readers/tmr_1": self.reader,
            "/v1/payment_intents/search": {**page(self.intent), "object": "search_result"},
        }
        return 200, known.get(path, self.intent)


@pytest.fixture
def desk(httpserver: HTTPServer) -> Iterator[Desk]:
    """A server with one payment and one reader."""
    state = Desk()
    httpserver.expect_request(re.compile("/.*")).respond_with_handler(state.answer)
    yield state
    httpserver.check_assertions()


@pytest.fixture
async def provider(httpserver: HTTPServer) -> Any:
    made = StripeProvider(StripeSettings(api_key="sk_test_x", base_url=httpserver.url_for("")))
    yield made
    await made.aclose()


async def opened(provider):
    outcome = await provider.authorize(ORDER)
    assert isinstance(outcome, ActionRequired), outcome
    return outcome.handle


async def test_payment_is_made_and_then_shown_once(desk, provider):
    """One effect per call, each with its own key; the third call only reads."""
    handle = await opened(provider)
    order = orders.completion(handle)

    shown = await provider.complete(order)
    again = await provider.complete(orders.completion(shown.handle))

    assert shown.action == again.action == ON_THE_READER
    assert [path for path, _, _ in desk.sent] == [
        "/v1/payment_intents",
        "/v1/terminal/readers/tmr_1/process_payment_intent",
    ]
    assert desk.sent[1][1:] == (
        {
            "payment_intent": "pi_1",
            "process_config[enable_customer_cancellation]": "true",
            "process_config[skip_tipping]": "true",
        },
        order.idempotency_key,
    )


async def test_card_that_was_read_is_a_hold(desk, provider):
    """Learned by reading, from whichever call comes first."""
    shown = await provider.complete(orders.completion(await opened(provider)))
    desk.intent, desk.reader = HELD, acting("succeeded")

    assert isinstance(await provider.complete(orders.completion(shown.handle)), Succeeded)
    assert len(desk.sent) == 2


async def test_payment_that_left_the_screen_is_not_shown_to_the_next_driver(desk, provider):
    """The reader is busy with another payment: ours is over, and nothing is sent."""
    shown = await provider.complete(orders.completion(await opened(provider)))
    desk.reader = acting("in_progress", "pi_of_the_next_driver")

    outcome = await provider.complete(orders.completion(shown.handle))

    assert outcome == Declined(reason=Reason.APPROVAL_EXPIRED, code="reader_moved_on", id="pi_1")
    assert len(desk.sent) == 2


@pytest.mark.parametrize("status", [400, 409, 429, 500])
async def test_reader_that_was_not_told_leaves_the_payment_waiting(desk, provider, status):
    """Busy, in conflict, too often, broken: a refused leg must not end the payment, and may be asked for again."""
    handle = await opened(provider)
    desk.refusal = (status, BUSY)

    refused = await provider.complete(orders.completion(handle))
    desk.refusal = (200, {})
    shown = await provider.complete(orders.completion(handle))

    assert isinstance(refused, Unknown)
    assert shown.action == ON_THE_READER


async def test_look_up_never_shows_a_payment(desk, provider):
    """It says that the payment waits, and remembers whether it was shown."""
    handle = await opened(provider)

    before = await provider.look_up(orders.question(handle))
    shown = await provider.complete(orders.completion(handle))
    after = await provider.look_up(orders.question(shown.handle))

    assert [one.reports[0].outcome.action for one in (before, after)] == [ON_THE_READER, ON_THE_READER]
    assert after.reports[0].outcome.handle == shown.handle
    assert len(desk.sent) == 2


async def test_look_up_sees_that_the_driver_cancelled(desk, provider):
    """Only the reader knows it: the payment itself stays open."""
    shown = await provider.complete(orders.completion(await opened(provider)))
    desk.reader = acting("failed")
    desk.reader["action"]["failure_code"] = "customer_canceled"

    seen = await provider.look_up(orders.question(shown.handle))

    assert seen.reports[0].outcome.reason is Reason.CANCELLED_BY_DRIVER
    assert seen.totals.authorized == 0


async def test_look_up_by_reference_finds_the_reader(desk, provider):
    """An answer was lost, so there is no handle: the payment itself names its reader."""
    seen = await provider.look_up(orders.question())

    assert seen.reports[0].outcome.action == ON_THE_READER
    assert "GET /v1/terminal/readers/tmr_1" in desk.asked


async def test_disputes_are_read_where_the_charge_has_some(desk, provider):
    """One more read, and only then."""
    desk.intent = answers.captured()
    plain = await provider.look_up(orders.question(orders.Handle(id="pi_1")))
    quiet = list(desk.asked)
    desk.intent, desk.disputes = answers.captured(charge={"disputed": True}), page(answers.dispute(-2900))

    disputed = await provider.look_up(orders.question(orders.Handle(id="pi_1")))

    assert (plain.totals.charged_back, disputed.totals.charged_back) == (0, 2900)
    assert disputed.reports[-1].kind is OperationKind.CHARGEBACK
    assert "GET /v1/disputes" not in quiet
    assert "GET /v1/disputes" in desk.asked


async def test_disputes_that_cannot_be_read_teach_nothing(desk, provider):
    """Without them neither the reports nor the totals would be whole."""
    desk.intent, desk.refusal = answers.captured(charge={"disputed": True}), (403, BUSY)

    assert isinstance(await provider.look_up(orders.question(orders.Handle(id="pi_1"))), Unknown)
