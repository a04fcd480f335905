"""The parts of the demo that can be wrong: whom it talks to, what it calls agreement, how it moves time."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from rich.console import Console

from evpay.cli.demo import views
from evpay.cli.demo.accounts import stranger
from evpay.cli.demo.audit import TOTALS, audit, told_by
from evpay.cli.demo.clock import SessionClock
from evpay.cli.demo.place import Place, new_place
from evpay.errors import ConfigurationError, InvalidInput
from evpay.money import Money
from evpay.payments.account import Account, Funding
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Absent, Declined, Observation, Report, Succeeded, Unknown
from evpay.payments.reasons import Reason
from evpay.payments.records import PaymentRecord, Totals
from evpay.settings import Settings

HELD = {"authorized": 2200, "captured": 1505, "released": 695, "refunded": 200, "charged_back": 0}
ROWS = [("hold", "rail", 2200), ("clearing", "revenue", 1505), ("hold_used", "hold", 1505), ("rail", "hold", 695),
        ("revenue", "clearing", 200)]  # fmt: skip


def payment(**totals):
    return PaymentRecord(
        tenant="default", id="p", intent_id="i", session_id="S-1", attempt=1, currency="EUR", reference="ref",
        account=Account(provider="sandbox", name="one", live=False), funding=Funding.HOLD,
        totals=Totals(**{**HELD, **totals}), created_us=0, updated_us=0,
    )  # fmt: skip


def postings(rows=ROWS):
    return [SimpleNamespace(payment="p", debit=d, credit=c, amount=a, currency="EUR") for d, c, a in rows]


def told(**totals):
    return {("one", "ref"): {**HELD, **totals}}


def test_three_that_tell_the_same_agree():
    """And the ledger sums to zero."""
    found = audit([payment()], postings(), told(), can_be_strange=True)

    assert found.agrees
    assert found.sums == {"EUR": 0}
    assert found.balances["EUR", "clearing"] == 1305


@pytest.mark.parametrize("name", TOTALS)
def test_processor_that_tells_another_total_is_found(name):
    """Each of the five totals counts."""
    found = audit([payment()], postings(), told(**{name: HELD[name] + 1}), can_be_strange=True)

    assert [text for text in found.differences if name in text]
    assert not found.lines[0].to_json()["agrees"]


@pytest.mark.parametrize("missing", range(len(ROWS)))
def test_ledger_without_one_row_is_found(missing):
    """Every posting carries a total; what a capture used of the hold is carried by it."""
    rows = [row for index, row in enumerate(ROWS) if index != missing]
    found = audit([payment()], postings(rows), told(), can_be_strange=True)

    assert found.agrees is (ROWS[missing][0] == "hold_used")


def test_payment_that_only_one_side_knows_is_found():
    """Ours that they do not have; theirs that is not ours; a refused one may be missing there."""
    assert not audit([payment()], postings(), {}, can_be_strange=True).agrees
    assert not audit([], [], {("one", "x"): HELD}, can_be_strange=True).agrees
    nothing = dict.fromkeys(TOTALS, 0)
    assert audit([payment(**nothing)], [], {}, can_be_strange=True).agrees


def test_look_up_counts_as_far_as_it_tells():
    """Totals where they are told; else what single reports add up to; a decline adds nothing."""
    done = Succeeded(amount=Money("2.00", "EUR"))
    no = Declined(reason=Reason.DO_NOT_HONOR)
    reports = tuple(
        Report(kind=kind, outcome=outcome)
        for kind, outcome in (
            (OperationKind.AUTHORIZE, done), (OperationKind.REFUND, done), (OperationKind.REFUND, done),
            (OperationKind.CAPTURE, no), (OperationKind.VOID, done),
        )
    )  # fmt: skip

    assert told_by(Observation(payment_id="p", reports=reports)) == {"authorized": 200, "refunded": 400}
    assert told_by(Observation(payment_id="p", totals=payment().facts)) == HELD
    assert told_by(Unknown(detail="lost")) == {}
    assert told_by(Absent()) is None


@pytest.mark.parametrize(
    ("left_out", "says"), [((), "own books agree"), (("captured",), "everything that the processor")]
)
def test_agreement_is_not_overstated(left_out, says):
    """What a processor does not tell is not claimed."""
    only = {("one", "ref"): {name: minor for name, minor in HELD.items() if name not in left_out}}
    screen = Console(width=100, file=None, record=True, quiet=True)
    screen.quiet = False
    with screen.capture() as shown:
        screen.print(views.audit_table(audit([payment()], postings(), only, can_be_strange=True)))

    assert says in shown.get()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com", "not_loopback"),
        ("https://api.stripe.com", "not_loopback"),
        ("http://127.0.0.1.example.com:80", "not_loopback"),
        ("http://localhost.example.com", "not_loopback"),
        ("http://10.0.0.1:8420", "not_loopback"),
        ("http://0.0.0.0:8420", "not_loopback"),
        ("http://2130706433", "not_loopback"),
        ("http://127.0.0.1@example.com", "malformed_url"),
        ("http://user:secret@127.0.0.1", "malformed_url"),
        ("file:///etc/passwd", "malformed_url"),
        ("127.0.0.1:8420", "malformed_url"),
        ("http://[::1", "malformed_url"),
        ("http://127.0.0.1:99999", "malformed_url"),
        ("http:///", "not_loopback"),
    ],
)
def test_demo_talks_to_this_machine_only(url, code):
    """Whatever the address pretends to be."""
    with pytest.raises(InvalidInput) as caught:
        stranger("stripe", base_url=url, options={})

    assert caught.value.code == code


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.8.9.1:1", "http://[::1]:1", "http://localhost:1"])
def test_loopback_has_several_names(url):
    """Each of them is this machine, and the key is a dummy for tests."""
    assert stranger("stripe", base_url=url, options={}).account.live is False


@pytest.mark.parametrize("key", ["sk_live_abc", "rk_live_abc"])
def test_live_key_is_refused(key):
    """Not even for a server on this machine."""
    with pytest.raises(ConfigurationError) as caught:
        stranger("stripe", base_url="http://127.0.0.1:1", options={"api_key": key})

    assert key not in str(caught.value)


def test_live_key_of_the_environment_is_not_used(monkeypatch):
    """The dummy wins."""
    monkeypatch.setenv("EVPAY_STRIPE_API_KEY", "sk_live_abc")

    assert stranger("stripe", base_url="http://127.0.0.1:1", options={}).account.live is False


def test_address_is_asked_for(monkeypatch):
    """Without one the adapter would talk to the processor itself."""
    with pytest.raises(ConfigurationError, match="--base-url"):
        stranger("stripe", base_url=None, options={})
    with pytest.raises(ConfigurationError, match="--base-url"):
        stranger("stripe", base_url="http://127.0.0.1:1", options={"base_url": "https://example.com"})


def test_clock_moves_forward_only():
    """A message that is older than the last one does not turn it back; in between it runs."""
    begin = datetime(2026, 7, 1, tzinfo=UTC)
    clock = SessionClock(begin)
    clock.move(begin + timedelta(hours=2))
    clock.move(begin + timedelta(hours=1))

    assert begin + timedelta(hours=2) <= clock.now() < begin + timedelta(hours=2, minutes=1)


def test_each_demo_has_a_folder_of_its_own(tmp_path, monkeypatch):
    """Only its owner can read it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, two = new_place(), new_place()

    assert one.folder != two.folder
    assert one.folder.stat().st_mode & 0o077 == 0
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="TMPDIR"):
        new_place()


def test_settings_of_a_demo_can_be_read(tmp_path):
    """Also where the folder has letters that TOML escapes."""
    folder = tmp_path / 'a "b" \\ ü'
    folder.mkdir()
    place = Place(folder=folder)
    place.write_settings({"one": "sandbox"})
    read = Settings.load(place.settings)

    assert read.store == place.store
    assert [provider.account.name for provider in read.built_providers()] == ["one"]


@pytest.mark.parametrize("hold", [1, 100, 999, 1000, 2200, 2500, 123_456_789])
def test_bar_leaves_room_for_the_hold(hold):
    """Its scale is a round amount above the hold."""
    scale = views._scale(hold)

    assert hold < scale <= 3 * hold + 100
    assert json.dumps(scale).rstrip("0") in {"1", "25", "5"}
