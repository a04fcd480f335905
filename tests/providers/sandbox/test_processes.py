"""The books outlive any backend: keys, several processes at once, and a kill between effect and answer."""

import signal
import subprocess
import sys
import textwrap
from datetime import timedelta

import pytest

from evpay.providers import Absent, Failed, Reason, Succeeded, Unknown
from evpay_providers.sandbox.books import Books

pytestmark = pytest.mark.anyio

BACKEND = textwrap.dedent(
    """
    import asyncio, os, signal, sys
    from evpay.ids import wire_key
    from evpay.money import Money
    from evpay.providers import *
    from evpay_providers.sandbox import SandboxProvider, SandboxSettings

    path, verb, label = sys.argv[1:]
    def at(name):
        if name == label and current == verb:
            os.kill(os.getpid(), signal.SIGKILL)
    sandbox = SandboxProvider(SandboxSettings(books=path, at=at))
    reference = wire_key("p", "reference")
    def ids(verb):
        return {"reference": wire_key("p", "op", verb), "idempotency_key": wire_key("p", "key", verb)}
    async def main():
        global current
        current = "authorize"
        held = await sandbox.authorize(AuthorizeRequest(
            reference=reference, idempotency_key=wire_key("p", "key", "first"), amount=Money("50.00", "EUR"),
            method=PaymentMethod("sandbox_approve")))
        payment = {"payment_reference": reference, "handle": held.handle}
        current = "capture"
        await sandbox.capture(CaptureRequest(**ids("capture"), **payment, amount=Money("30.00", "EUR")))
        current = "refund"
        answers = await asyncio.gather(*(
            sandbox.refund(RefundRequest(**ids("refund"), **payment, amount=Money("4.00", "EUR"))) for _ in range(10)))
        assert all(answer == answers[0] for answer in answers), answers
        await sandbox.aclose()
        print(held.handle.id, answers[0].id)
    asyncio.run(main())
    """
)


def _backend(path, verb="", label=""):
    command = [sys.executable, "-W", "error", "-c", BACKEND, str(path), verb, label]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_same_key_same_answer(at_host, clock):
    """A repeated request is answered from the books, also after the world has moved on."""
    host = at_host()
    first = await host.authorize()
    await host.capture("30.00 EUR", key="c")
    clock.advance(hours=23)

    assert await host.authorize() == first
    assert len(host.provider.books.payments()) == 1
    assert host.totals == (5000, 3000, 2000, 0, 0)


@pytest.mark.parametrize(
    "change", [{"amount": "50.01 EUR"}, {"amount": "50.00 NOK"}, {"method": "sandbox_short_hold"}, {"descriptor": "X"}]
)
async def test_same_key_other_content_is_refused(at_host, change):
    """Another request under a used key is a conflict, and nothing happens."""
    host = at_host()
    await host.authorize()
    before = host.entry

    outcome = await host.authorize(**change)

    assert (type(outcome), outcome.reason, outcome.code) == (Failed, Reason.INVALID_REQUEST, "idempotency_conflict")
    assert host.provider.books.payments() == [before]


async def test_same_key_other_method_of_the_same_look_is_refused(at_host):
    """Two tokens that look alike when masked are two methods."""
    host = at_host()
    await host.authorize(method="sandbox_lose_capture")

    outcome = await host.authorize(method="sandbox_pending_capture")

    assert (type(outcome), outcome.code) == (Failed, "idempotency_conflict")


async def test_new_key_is_a_new_effect(at_host):
    """The processor cannot know that two keys mean one thing: a second key holds and refunds twice."""
    host = at_host()
    await host.authorize(key="one")
    await host.authorize(key="two")
    await host.capture("30.00 EUR")
    await host.refund("4.00 EUR", key="r1")
    await host.refund("4.00 EUR", key="r2")

    assert sum(entry.authorized for entry in host.provider.books.payments()) == 10_000
    assert sum(entry.refunded for entry in host.provider.books.payments()) == 800


@pytest.mark.parametrize(("resend_for", "wait"), [(timedelta(hours=1), {"hours": 2}), (None, {})])
async def test_keys_are_forgotten_after_the_window(at_host, clock, resend_for, wait):
    """Beyond the window, or without one, a resend is a second effect: that is why nobody may send it."""
    host = at_host(resend_for=resend_for)
    await host.authorize()
    await host.capture("30.00 EUR")
    await host.refund("4.00 EUR", key="k")
    clock.advance(**wait)
    await host.refund("4.00 EUR", key="k")

    assert host.totals == (5000, 3000, 2000, 800, 0)


async def test_refusals_are_remembered(at_host):
    """A decline under a key stays a decline."""
    host = at_host()
    host.provider.decline_next(Reason.DO_NOT_HONOR)
    first = await host.authorize()

    assert await host.authorize() == first


async def test_two_processes_have_one_effect(tmp_path):
    """Two backends send the same requests at the same time: one effect each, the same answers."""
    path = tmp_path / "books.db"

    backends = [_backend(path), _backend(path)]
    printed = [backend.communicate(timeout=30) for backend in backends]

    assert [stderr for _, stderr in printed] == ["", ""]
    assert printed[0] == printed[1]
    with Books(path) as books:
        (entry,) = books.payments()
    assert (entry.authorized, entry.captured, entry.released, entry.refunded) == (5000, 3000, 2000, 400)
    assert [effect.kind.value for effect in entry.effects] == ["authorize", "capture", "refund"]


@pytest.mark.parametrize("verb", ["authorize", "capture", "refund"])
async def test_killed_after_the_effect(at_host, tmp_path, verb):
    """After `kill -9` between effect and answer, a look-up shows the effect, and a resend has no second one."""
    path = tmp_path / "books.db"
    backend = _backend(path, verb, "sandbox.after_effect")
    backend.communicate(timeout=30)
    host = at_host(books=path, now=None)

    seen = await host.look_up()
    resends = {
        "authorize": lambda: host.authorize(key="first"),
        "capture": lambda: host.capture("30.00 EUR", key="capture"),
        "refund": lambda: host.refund("4.00 EUR", key="refund"),
    }
    resent = await resends[verb]()

    assert backend.returncode == -signal.SIGKILL
    assert seen.reports[-1].kind.value == verb
    assert seen.reports[-1].outcome == resent
    assert [effect.kind.value for effect in host.entry.effects].count(verb) == 1


async def test_killed_before_the_effect(at_host, tmp_path):
    """After `kill -9` before the effect, it is proven absent."""
    path = tmp_path / "books.db"
    backend = _backend(path, "authorize", "sandbox.before_effect")
    backend.communicate(timeout=30)

    assert backend.returncode == -signal.SIGKILL
    assert isinstance(await at_host(books=path).look_up(), Absent)


async def test_crash_at_a_label_keeps_the_books(at_host):
    """An exception of a simulation at either label passes through and leaves whole books."""

    class Crash(BaseException):
        pass

    def crash(label):
        if label == wanted:
            raise Crash

    host = at_host()
    host.provider.attach(at=crash)
    wanted = "sandbox.before_effect"
    with pytest.raises(Crash):
        await host.authorize()
    before = host.provider.books.payments()
    wanted = "sandbox.after_effect"
    with pytest.raises(Crash):
        await host.authorize()

    assert before == []
    assert host.totals == (5000, 0, 0, 0, 0)


async def test_another_process_can_refund(at_host, tmp_path):
    """What one backend captured, the next one gives back, with nothing but the file and our reference."""
    path = tmp_path / "books.db"
    first, second = at_host(books=path), at_host(books=path)
    await first.authorize()
    await first.capture("30.00 EUR")
    await first.provider.aclose()

    outcome = await second.refund("30.00 EUR", key="refund")

    assert isinstance(outcome, Succeeded)
    assert second.totals == (5000, 3000, 2000, 3000, 0)


async def test_failing_books_are_unknown(at_host):
    """An error of the file in the middle of a call proves nothing."""
    host = at_host()
    await host.authorize()
    with host.provider._storage.page(account=None, now_us=0) as page:
        page._connection.execute("DROP TABLE effect")

    outcome = await host.void()

    assert isinstance(outcome, Unknown)
