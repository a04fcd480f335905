"""The server around the emulated gateways: it breaks what it is told to break, and tells what it saw."""

import hashlib
import hmac
import json
import subprocess
import sys
import threading
import time
from contextlib import suppress

import httpx
import pytest
from evpay_contrib_emulators import running

from tests.emulators.inbox import receiving

pytestmark = pytest.mark.scenario

HOLD = {
    "amount": "2000",
    "currency": "eur",
    "confirm": "true",
    "capture_method": "manual",
    "payment_method": "pm_card_visa",
    "metadata[order_reference]": "p1",
}
CREATE = "/v1/payment_intents"
SECRET = "whsec_of_the_test"


@pytest.fixture(scope="module")
def _stripe():
    with running("stripe", webhook_secrets=[SECRET]) as emulator:
        yield emulator


@pytest.fixture
def stripe(_stripe):
    _stripe.clear()
    return _stripe


@pytest.fixture
def client(stripe):
    headers = {"Authorization": "Bearer sk_test_of_the_test"}
    with httpx.Client(base_url=stripe.url, headers=headers, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def inbox(stripe):
    with receiving() as inbox:
        stripe.send_webhooks_to(inbox.url)
        yield inbox
        stripe.send_webhooks_to(None)


def hold(client, *, key=None, **changes):
    """Return the status of a new hold's answer; None if there was none."""
    try:
        return client.post(CREATE, data=HOLD | changes, headers={"Idempotency-Key": key} if key else {}).status_code
    except httpx.RemoteProtocolError:
        return None


def kinds(letters):
    return [json.loads(letter.body)["type"] for letter in letters]


def is_signed(letter):
    """Whether a webhook carries the signature that Stripe's documentation describes."""
    stamp, *rest = letter.headers["Stripe-Signature"].split(",")
    text = stamp.removeprefix("t=").encode() + b"." + letter.body
    return f"v1={hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()}" in rest


def wait_until(condition, *, patience_s=10):
    deadline = time.monotonic() + patience_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


# --- faults


@pytest.mark.parametrize(
    ("kind", "status", "effects"),
    [
        ("drop_before", None, 0),
        ("drop_after", None, 1),
        ("truncated", None, 1),
        ("error_before", 500, 0),
        ("error_after", 500, 1),
        ("rate_limit", 429, 0),
        ("conflict", 409, 0),
        ("unavailable", 503, 0),
        ("redirect", 302, 0),
        ("garbage", 200, 1),
        ("lock_timeout", 429, 0),
    ],
)
def test_fault_breaks_the_answer_and_the_books_tell_the_effect(stripe, client, kind, status, effects):
    """Each kind, once; the next request is whole again."""
    stripe.fault(kind)

    assert hold(client) == status
    assert stripe.books()["effects"] == effects
    assert hold(client) == 200


def test_answer_can_be_given(stripe, client):
    """A status that no gateway has ever sent, with a body and headers of one's own."""
    stripe.fault("answer", status=299, body={"odd": True}, headers={"x-odd": "yes"})

    answer = client.post(CREATE, data=HOLD)

    assert (answer.status_code, answer.json(), answer.headers["x-odd"]) == (299, {"odd": True}, "yes")
    assert stripe.books()["effects"] == 0


@pytest.mark.parametrize(("saved", "again"), [(True, 500), (False, 200)])
def test_error_is_kept_for_the_key_or_not(stripe, client, saved, again):
    """Either way, a second request with the key has no second effect."""
    stripe.fault("error_after", saved=saved)

    assert (hold(client, key="k1"), hold(client, key="k1")) == (500, again)
    assert stripe.books()["effects"] == 1


def test_fault_meets_its_method_and_path_only(stripe, client):
    """As often as asked for; 0 is for ever, until all is healed."""
    stripe.fault("rate_limit", times=2, method="POST", path="/payment_intents")
    stripe.fault("drop_before", path="/refunds")
    reads = [client.get(CREATE).status_code for _ in range(3)]
    counted = [hold(client) for _ in range(3)]
    stripe.fault("unavailable", times=0)
    for_ever = [hold(client) for _ in range(3)]
    stripe.heal()

    assert (reads, counted, for_ever, hold(client)) == ([200] * 3, [429, 429, 200], [503] * 3, 200)


@pytest.mark.parametrize(
    "options",
    [{"kind": "earthquake"}, {"kind": "latency", "second": 1}, {"kind": "latency", "seconds": -1},
     {"kind": "garbage", "times": True}],
)  # fmt: skip
def test_fault_that_is_not_known_is_refused(stripe, options):
    """A test with a typing mistake must not pass because nothing broke."""
    with pytest.raises(ValueError, match="400"):
        stripe.fault(**options)


@pytest.mark.parametrize(("kind", "effects"), [("latency", 0), ("latency_after", 1)])
def test_others_go_on_while_one_waits(stripe, client, kind, effects):
    """Before its effect or after it; and the one that waits is answered in the end."""
    stripe.fault(kind, seconds=0.5, path="/v1/payment_intents", method="POST")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(hold(client)))
    thread.start()
    wait_until(stripe.journal)

    seen = (client.get("/v1/events").status_code, stripe.books()["effects"], answers[:])
    thread.join()

    assert (seen, answers) == ((200, effects, []), [200])


def test_key_at_work_is_in_conflict(stripe, client):
    """While a first request with the key waits, a second one is told so; later it is answered again."""
    stripe.fault("latency", seconds=0.5)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(hold(client, key="k1")))
    thread.start()
    wait_until(stripe.journal)

    second = hold(client, key="k1")
    thread.join()

    assert (second, answers, hold(client, key="k1")) == (409, [200], 200)
    assert stripe.books()["effects"] == 1


def test_body_that_is_too_long_is_refused(stripe, client):
    """Before the gateway sees it."""
    answer = client.post(CREATE, content=b"a" * 1_000_001)

    assert (answer.status_code, stripe.books()["payments"]) == (413, [])


# --- journal


def test_journal_has_what_tests_ask_for(stripe, client):
    """The request, its key and reference, its answer, whether it was repeated, and what broke it."""
    hold(client, key="k1")
    hold(client, key="k1")
    stripe.fault("drop_after", path="/events")
    with suppress(httpx.RemoteProtocolError):
        client.get("/v1/events", params={"limit": "1"})

    first, second, third = stripe.journal()

    assert (first["method"], first["path"], first["key"], first["reference"]) == ("POST", CREATE, "k1", "p1")
    assert dict(first["params"]) == HOLD
    assert [(entry["status"], entry["replayed"]) for entry in (first, second)] == [(200, False), (200, True)]
    assert (third["query"], third["status"], third["fault"]) == ("limit=1", None, ["drop_after"])


def test_journal_and_page_keep_no_secrets(stripe, client):
    """Neither what proves who asks, nor a card number; the last four digits stay."""
    hold(client, description="paid with 4242424242424242")

    shown = json.dumps(stripe.journal()) + httpx.get(f"{stripe.url}/").text

    assert "sk_test_of_the_test" not in shown
    assert "4242424242424242" not in shown
    assert "************4242" in shown


# --- webhooks


def test_webhooks_arrive_in_order_and_signed(client, inbox):
    """As the gateway documents it."""
    hold(client)

    letters = inbox.wait_for(3)

    assert kinds(letters) == ["payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated"]
    assert all(is_signed(letter) for letter in letters)


def test_webhook_is_sent_again_until_it_is_taken(stripe, client, inbox):
    """After a while by the emulator's clock, and signed anew; the attempts are listed."""
    inbox.answers += [500]
    client.post("/v1/customers", data={})
    inbox.wait_for(1)
    stripe.advance(60)

    first, second = inbox.wait_for(2)
    wait_until(lambda: stripe.webhooks()[0]["state"] == "delivered")

    assert (first.body, is_signed(second)) == (second.body, True)
    assert first.headers["Stripe-Signature"] != second.headers["Stripe-Signature"]
    assert [attempt["status"] for attempt in stripe.webhooks()[0]["attempts"]] == [500, 200]


def test_webhook_that_nobody_takes_is_given_up(stripe, client):
    """After days; a receiver that is not there is an attempt too."""
    with receiving() as inbox:
        pass
    stripe.send_webhooks_to(inbox.url)
    client.post("/v1/customers", data={})

    def is_given_up():
        stripe.advance(90_000)
        return stripe.webhooks()[0]["state"] == "given up"

    wait_until(is_given_up)

    (message,) = stripe.webhooks()
    assert {(attempt["status"], attempt["error"]) for attempt in message["attempts"]} == {(None, "ConnectError")}


def test_webhook_can_come_twice(stripe, client, inbox):
    """The same event, with the same id."""
    stripe.fault("webhook_duplicate")
    client.post("/v1/customers", data={})

    first, second = inbox.wait_for(2)

    assert first.body == second.body


def test_webhooks_can_overtake_each_other(stripe, client, inbox):
    """The first one waits until another was sent."""
    stripe.fault("webhook_reorder", event="payment_intent.created", seconds=30)
    hold(client)

    assert kinds(inbox.wait_for(3))[:2] == ["charge.succeeded", "payment_intent.created"]


def test_webhook_can_be_late(stripe, client, inbox):
    """By the emulator's clock, so that a test need not wait."""
    stripe.fault("webhook_late", event="charge.succeeded", seconds=3_600)
    hold(client)
    before = kinds(inbox.wait_for(2))
    stripe.advance(3_601)

    after = kinds(inbox.wait_for(3))

    assert ("charge.succeeded" in before, after[-1]) == (False, "charge.succeeded")


def test_forged_webhook_comes_before_the_true_one(stripe, client, inbox):
    """The same bytes with a signature that does not fit."""
    stripe.fault("webhook_forge")
    client.post("/v1/customers", data={})

    forged, true = inbox.wait_for(2)

    assert forged.body == true.body
    assert (is_signed(forged), is_signed(true)) == (False, True)


def test_webhook_can_be_lost(stripe, client, inbox):
    """It is listed as dropped, and never comes."""
    stripe.fault("webhook_drop")
    client.post("/v1/customers", data={})
    hold(client)

    assert "customer.created" not in kinds(inbox.wait_for(3))
    assert stripe.webhooks()[0]["state"] == "dropped"


def test_webhooks_stay_on_this_machine(stripe):
    """Whatever URL is asked for."""
    with pytest.raises(ValueError, match="not on this machine"):
        stripe.send_webhooks_to("https://example.com/hook")


# --- clock, acts, configuration, beginning anew


def test_clock_goes_on_as_told(stripe, client):
    """And the gateway does what has become due."""
    hold(client)
    stripe.advance(8 * 86_400)

    (payment,) = stripe.books()["payments"]

    assert (payment["status"], payment["released"]) == ("canceled", 2_000)


@pytest.mark.parametrize(
    "ask",
    [
        lambda stripe: stripe.act("rain"),
        lambda stripe: stripe.act("dispute", id="pi_nobody_knows"),
        lambda stripe: stripe.act("dispute"),
        lambda stripe: stripe.configure(weather="fine"),
        lambda stripe: stripe.configure(search_lag="long"),
        lambda stripe: stripe.call("POST", "/_emulator/clock", {"advance": "a day"}),
    ],
)
def test_control_that_makes_no_sense_is_refused(stripe, ask):
    """By 4xx with the reason, never by silence."""
    with pytest.raises(ValueError, match=r"40[04]"):
        ask(stripe)


def test_clear_begins_anew(stripe, client):
    """Payments, keys, faults, requests, clock and options are as they were at the start."""
    hold(client, key="k1")
    stripe.fault("rate_limit", times=0)
    stripe.configure(webhook_secrets=["whsec_another"])
    stripe.advance(86_400)
    stripe.clear()

    assert (stripe.books()["payments"], stripe.journal(), stripe.webhooks()) == ([], [], [])
    assert hold(client, key="k1", amount="900") == 200
    assert stripe.call("GET", "/_emulator/clock")["now"][:10] == time.strftime("%Y-%m-%d", time.gmtime())


# --- the page


def test_page_shows_what_is_held_and_escapes_it(stripe, client):
    """Metadata comes from outside: it is text, never markup."""
    hold(client, **{"metadata[note]": "<script>alert(1)</script>", "metadata[order_reference]": '"><img src=x>'})

    answers = [httpx.get(f"{stripe.url}{path}") for path in ("/", "/_emulator/")]

    for answer in answers:
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "20.00" in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "<script" not in answer.text
        assert "<img" not in answer.text


def test_page_needs_nothing_from_elsewhere(stripe):
    """No script, no style sheet, no font, no picture."""
    text = httpx.get(f"{stripe.url}/_emulator/").text

    assert not [mark for mark in ("http://", "https://", "src=", "@import", "url(") if mark in text]


# --- the process


def run(*arguments):
    command = [sys.executable, "-m", "evpay_contrib_emulators", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("arguments", [("stripe", "--host", "0.0.0.0"), ("stripe", "--host", "192.168.0.7"), ("bank",)])
def test_what_is_not_loopback_or_not_known_is_refused(arguments):
    """With a message for a person, and no traceback."""
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_port_that_is_taken_is_said(stripe):
    """In one sentence."""
    done = run("stripe", "--port", stripe.url.rpartition(":")[2])

    assert done.returncode == 1
    assert done.stderr.startswith("stripe did not start")


def test_emulator_says_where_it_is():
    """The port that it got, and where its page is, in one line for a person."""
    command = [sys.executable, "-m", "evpay_contrib_emulators", "stripe", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = line.split(" on ")[1].split()[0]
        page = httpx.get(f"{url}/_emulator/")
        process.kill()

    assert f"{url}/_emulator/" in line
    assert page.status_code == 200


def test_emulator_ends_with_its_context():
    """Nothing is left behind, also where the test failed."""
    with suppress(ZeroDivisionError), running("stripe") as emulator:
        raise ZeroDivisionError

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{emulator.url}/")


def test_emulator_that_cannot_start_is_an_error():
    """Not a test that hangs."""
    with pytest.raises(RuntimeError, match="did not start"), running("stripe", colour="blue"):
        pass


def test_emulator_ends_with_the_program_that_started_it():
    """Also when that one is killed, and can stop nothing any more."""
    host = "import time; from evpay_contrib_emulators import running\nwith running('stripe') as found:\n    "
    program = subprocess.Popen(
        [sys.executable, "-c", f"{host}print(found.url, flush=True); time.sleep(60)"], stdout=subprocess.PIPE, text=True
    )
    url = program.stdout.readline().strip()
    assert httpx.get(f"{url}/_emulator/clock", trust_env=False).status_code == 200

    program.kill()
    program.communicate()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/_emulator/clock", trust_env=False)
        except httpx.TransportError:
            return
        time.sleep(0.1)

    pytest.fail("the emulator goes on without anybody")
