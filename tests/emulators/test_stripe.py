"""The Stripe emulator keeps the rules that tests of the engine rest on, and Stripe's own."""

import json
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest

from tests.servers import running_stripe_server

pytestmark = pytest.mark.scenario

HOLD = {
    "amount": "2000",
    "currency": "eur",
    "confirm": "true",
    "capture_method": "manual",
    "payment_method": "pm_card_visa",
    "metadata[evpay_reference]": "p1",
}


@pytest.fixture(scope="module")
def _server():
    with running_stripe_server() as server:
        yield server


@pytest.fixture
def server(_server):
    _server.clear()
    return _server


def post(server, path, params, *, key=None, token="sk_test_x"):
    headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    request = urllib.request.Request(server.url + path, data=urlencode(params).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read()), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), error.headers


def hold(server, **changes):
    return post(server, "/v1/payment_intents", HOLD | changes)[1]["id"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"surprise": "1"}, "parameter_unknown"),
        ({"payment_method_options[card][surprise]": "1"}, "parameter_unknown"),
        ({"payment_method_types[0]": "card"}, "payment_method_types_no_longer_supported"),
        ({"amount": "12.5"}, "parameter_invalid_integer"),
        ({"amount": "0"}, "parameter_invalid_integer"),
    ],
)
def test_what_stripe_would_refuse_is_refused(server, changes, code):
    """Unknown and malformed parameters, with Stripe's own codes; nothing is kept for the key."""
    status, body, _ = post(server, "/v1/payment_intents", HOLD | changes, key="k1")

    assert (status, body["error"]["code"]) == (400, code)
    assert post(server, "/v1/payment_intents", HOLD, key="k1")[0] == 200


def test_key_must_look_like_one(server):
    """A publishable key may not charge."""
    assert post(server, "/v1/payment_intents", HOLD, token="pk_test_x")[0] == 401


def test_same_key_is_answered_again(server):
    """The first answer, marked, and one effect."""
    first = post(server, "/v1/payment_intents", HOLD, key="k1")
    second = post(server, "/v1/payment_intents", HOLD, key="k1")

    assert first[1] == second[1]
    assert second[2]["Idempotent-Replayed"] == "true"
    assert len(server.books()["payments"]) == 1
    assert [entry["replayed"] for entry in server.journal()] == [False, True]


def test_same_key_with_other_parameters_is_refused(server):
    """A key belongs to one request."""
    post(server, "/v1/payment_intents", HOLD, key="k1")

    status, body, _ = post(server, "/v1/payment_intents", HOLD | {"amount": "1"}, key="k1")

    assert (status, body["error"]["type"]) == (400, "idempotency_error")


def test_many_at_once_with_one_key_have_one_effect(server):
    """While the first runs, the others are in conflict."""
    payment, statuses = hold(server), []
    server.fault("latency", seconds=0.3, path="/capture")

    def capture():
        statuses.append(post(server, f"/v1/payment_intents/{payment}/capture", {}, key="k1")[0])

    threads = [threading.Thread(target=capture) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(statuses) == {200, 409}
    assert server.books()["payments"][0]["effects"]["capture"] == 1


@pytest.mark.parametrize(
    ("fault", "done"), [("drop_before", 0), ("drop_after", 1), ("error_before", 0), ("error_after", 1)]
)
def test_fault_breaks_before_or_after_the_effect(server, fault, done):
    """The books tell which."""
    payment = hold(server)
    server.fault(fault, path="/capture")

    try:
        status = post(server, f"/v1/payment_intents/{payment}/capture", {})[0]
    except OSError:
        status = None

    assert status == (500 if fault.startswith("error") else None)
    assert server.books()["payments"][0]["effects"]["capture"] == done


def test_fault_is_used_as_often_as_asked_for(server):
    """Twice, and only for its path."""
    server.fault("rate_limit", times=2, path="/v1/payment_intents", method="POST")

    assert [post(server, "/v1/payment_intents", HOLD)[0] for _ in range(3)] == [429, 429, 200]


def test_search_lags_as_configured(server):
    """What is new is not found at once; by id it is."""
    server.configure(search_lag=0.3)
    hold(server)
    path = "/v1/payment_intents/search?" + urlencode({"query": "metadata['evpay_reference']:'p1'"})

    def found():
        return len(server.call("GET", path, headers={"Authorization": "Bearer sk_test_x"})["data"])

    before = found()
    deadline = time.monotonic() + 5
    while not found() and time.monotonic() < deadline:
        time.sleep(0.02)

    assert (before, found()) == (0, 1)


def test_hold_lapses_by_the_clock(server):
    """After its window it is cancelled, and all of it released."""
    hold(server)
    server.advance(8 * 86_400)

    (payment,) = server.books()["payments"]
    server.advance(-8 * 86_400)

    assert (payment["status"], payment["released"], payment["effects"]["void"]) == ("canceled", 2000, 0)


def test_refund_cannot_exceed_what_was_captured(server):
    """Nor be made of a hold."""
    payment = hold(server)
    early = post(server, "/v1/refunds", {"payment_intent": payment})[0]
    post(server, f"/v1/payment_intents/{payment}/capture", {"amount_to_capture": "500"})

    answers = [
        post(server, "/v1/refunds", {"payment_intent": payment, "amount": amount})[0] for amount in ("300", "300")
    ]

    assert (early, answers) == (400, [200, 400])


def test_request_under_way_has_no_effect_once_the_books_are_emptied(server):
    """What one test left behind does not disturb the next."""
    server.fault("latency", seconds=0.3)
    answers = []

    def lose():
        try:
            answers.append(post(server, "/v1/payment_intents", HOLD))
        except OSError:
            answers.append(None)

    thread = threading.Thread(target=lose)
    thread.start()
    while not server.journal():
        time.sleep(0.01)

    server.clear()
    thread.join()

    assert (answers, server.books()["payments"]) == ([None], [])
