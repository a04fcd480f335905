"""The blocking face: the same names, the same answers, from as many threads as a host has."""

import inspect
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evpay import MeterReading, Money, Policy, client, sync
from evpay.errors import InvalidInput, NotFound
from evpay_providers.sandbox import SandboxProvider
from tests.scenarios.day import APPROVE, SITE, TARIFF, method, sandbox

NOON = datetime(2026, 7, 1, 10, tzinfo=UTC)


@pytest.fixture
def processor() -> SandboxProvider:
    return sandbox()


@pytest.fixture
def pay(tmp_path: Path, processor: SandboxProvider) -> Iterator[sync.EvPay]:
    with sync.EvPay.open(
        f"sqlite:///{tmp_path / 'evpay.db'}", providers=[processor], policy=Policy(hold="20 EUR"), sites=[SITE]
    ) as opened:
        yield opened


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("blocking", "waiting"),
    [
        (sync.EvPay, client.EvPay),
        (sync.Payments, client.Payments),
        (sync.Sessions, client.Sessions),
        (sync.Receipts, client.Receipts),
    ],
)
def test_the_two_faces_have_the_same_names(blocking: type, waiting: type) -> None:
    """A name that is added to one is added to the other."""
    assert public(blocking) == public(waiting)


def test_the_blocking_face_says_what_the_other_says() -> None:
    """Each name is documented."""
    for name in public(sync.EvPay):
        if inspect.iscoroutinefunction(getattr(client.EvPay, name)):
            assert vars(sync.EvPay)[name].__doc__ == getattr(client.EvPay, name).__doc__


def test_a_session_from_start_to_refund(pay: sync.EvPay, processor: SandboxProvider) -> None:
    """The main job, blocking."""
    session, intent = pay.start("S-1", tariff=TARIFF, method=APPROVE, site="harbour", at=NOON)
    assert (session.admission, intent.facts.authorized) == ("allow", 2_000)
    exposure = pay.record("S-1", MeterReading(at=NOON + timedelta(minutes=30), energy_wh=9_000))
    assert exposure == pay.exposure("S-1")
    receipt = pay.finish("S-1", MeterReading(at=NOON + timedelta(minutes=45), energy_wh=12_000))
    note = pay.refund(receipt.number, Money("2.00", "EUR"), reason="cable fault", key="ticket-9")

    assert (receipt.total, note.total) == (Money("6.00", "EUR"), Money("2.00", "EUR"))
    assert [found.number for found in pay.receipts.list()] == [receipt.number, note.number]
    assert [event.type for event in pay.events("csms", wait=False)].count("receipt_issued") == 2
    assert [found.status for found in pay.payments.list()] == ["partially_refunded"]
    assert next(iter(pay.watch("S-1"))).reason == "session_finished"
    assert pay.payments.get("S-1").facts.captured == processor.books.payments()[0].captured == 600


def test_errors_come_through_as_they_are(pay: sync.EvPay) -> None:
    """The same types, raised in the caller's thread."""
    with pytest.raises(NotFound) as caught:
        pay.record("S-9", MeterReading(at=NOON, energy_wh=1))
    assert caught.value.kept
    with pytest.raises(InvalidInput):
        pay.payments.authorize(Money("0", "EUR"), method=APPROVE, key="k")


def test_many_threads_at_once(pay: sync.EvPay, processor: SandboxProvider) -> None:
    """Each session by a thread of its own, and some calls twice: nothing twice at the processor."""

    def whole(index: int) -> str:
        name = f"S-{index % 20}"
        pay.start(name, tariff=TARIFF, method=APPROVE, site=SITE, at=NOON)
        return pay.finish(name, MeterReading(at=NOON + timedelta(minutes=45), energy_wh=12_000)).number

    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(whole, range(40)))

    assert len(set(numbers)) == 20
    assert [entry.captured for entry in processor.books.payments()] == [600] * 20


def test_a_scoped_view_is_blocking_too(pay: sync.EvPay) -> None:
    """Another tenant, the same face."""
    acme = pay.scoped(tenant="acme", actor="anna")
    acme.start("S-1", tariff=TARIFF, method=APPROVE, site=SITE, at=NOON)

    assert acme.sessions.get("S-1").tenant == "acme"
    with pytest.raises(NotFound):
        pay.sessions.get("S-1")


def test_a_webhook_and_recovery(pay: sync.EvPay, processor: SandboxProvider) -> None:
    """A view of a web framework, and a cron job."""
    _, intent = pay.start("S-1", tariff=TARIFF, method=method("pending"), site=SITE)
    processor.books.settle_pending(intent.attempts[0].reference)
    body, headers = processor.webhook(intent.attempts[0].reference)

    reply = pay.webhook("sandbox", body=body, headers=headers)
    pay.recover()

    assert reply.status == 200
    assert pay.sessions.get("S-1").admission == "allow"


def test_it_opens_at_the_first_use_and_may_be_closed_twice(tmp_path: Path) -> None:
    """At module level, as Django hosts do."""
    pay = sync.EvPay.open(f"sqlite:///{tmp_path / 'evpay.db'}", providers=[sandbox()], sites=[SITE])

    assert list(pay.payments.list()) == []
    pay.aclose()
    pay.aclose()
