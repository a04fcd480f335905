"""What an observation says about each operation."""

import pytest

from evpay.engine.observing import in_order, lesson_of, lesson_of_totals
from evpay.payments.facts import MoneyFacts
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Failed, Hold, Observation, Pending, Report, Succeeded
from evpay.payments.reasons import Reason
from evpay.store.commit import Insert
from evpay.store.rows import operation_from
from tests.unit.engine.cases import NOW, SimpleNamespace, World
from tests.unit.payments.records import succeeded


def held():
    world = World()
    amount = succeeded(1000).amount
    world.learn(world.ask("authorize", 1000), Succeeded(amount=amount, hold=Hold(expires=None)))
    return world


def told(world, kind, outcome, *, reference=None, event_id="evt-1"):
    report = Report(kind=OperationKind(kind), outcome=outcome, reference=reference)
    seen = Observation(payment_id="theirs", reports=(report,), event_id=event_id)
    return lesson_of(world.case, "P-1", report, seen, source="webhook", now_us=NOW)


def record(world, birth):
    """Apply the commit that first records an operation of the processor's own."""
    for write in birth.writes:
        if isinstance(write, Insert):
            world.case = world.case.after(world.payment, operation_from(SimpleNamespace(**write.values)))
        else:
            world.apply(write)


def test_report_under_our_reference_is_about_our_operation():
    """Whatever kind it names, the reference decides."""
    world = held()
    asked = world.ask("capture", 600)
    outcome = succeeded(600)
    lesson, birth = told(world, "capture", outcome, reference=world.operation(asked).reference)

    assert (asked, outcome, "webhook", "processor", None) == (
        lesson.operation_id, lesson.outcome, lesson.source, lesson.actor, birth
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "minor", "posted"),
    [
        ("capture", 400, ["clearing<revenue 400", "hold_used<hold 400"]),
        ("void", 1000, ["rail<hold 1000"]),
    ],
)
def test_report_without_our_reference_is_the_processors_own_doing(kind, minor, posted):
    """A capture or an expiry from their dashboard becomes an operation of its own, and is booked."""
    world = held()
    lesson, birth = told(world, kind, succeeded(minor, id="theirs-1"))
    record(world, birth)
    world.learn(lesson.operation_id, lesson.outcome)

    assert posted == world.posted()[1:]
    assert ("processor", "theirs-1") == (
        world.operation(lesson.operation_id).actor, world.operation(lesson.operation_id).provider_ref
    )  # fmt: skip
    world.check()


def test_own_doing_is_recorded_once():
    """The same effect of theirs has the same id, however often it is told."""
    world = held()
    lesson, birth = told(world, "capture", succeeded(400, id="theirs-1"))
    record(world, birth)
    world.learn(lesson.operation_id, lesson.outcome)
    again, nothing = told(world, "capture", succeeded(400, id="theirs-1"), event_id="evt-2")

    assert (lesson.operation_id, ()) == (again.operation_id, nothing.writes)
    assert world.learn(again.operation_id, again.outcome) is None


def test_chargeback_that_was_won_is_reversed():
    """A later failure of what they did by themselves is a reversal too."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))
    lesson, birth = told(world, "chargeback", succeeded(1000, id="dp-1"))
    record(world, birth)
    world.learn(lesson.operation_id, lesson.outcome)
    assert 1000 == world.payment.facts.charged_back

    lesson, _ = told(world, "chargeback", Failed(reason=Reason.OTHER, id="dp-1"), event_id="evt-2")
    world.learn(lesson.operation_id, lesson.outcome)
    assert 0 == world.payment.facts.charged_back
    world.check()


@pytest.mark.parametrize("outcome", [Pending(id="x"), Failed(reason=Reason.OTHER, id="x")])
def test_own_doing_is_nothing_when_it_has_not_happened(outcome):
    """What they only tried is no fact of ours."""
    assert told(held(), "capture", outcome) is None


@pytest.mark.parametrize("kind", ["authorize", "increment", "complete"])
def test_own_doing_is_nothing_when_only_we_can_ask_for_it(kind):
    """Nobody authorizes on our payment but us."""
    assert told(held(), kind, succeeded(5, id="x")) is None


def test_own_doing_is_nothing_when_it_has_no_name():
    """Without an id a repeat could not be told from a second one."""
    assert told(held(), "capture", succeeded(5), event_id=None) is None


def test_own_doing_that_cannot_be_blocks_nothing():
    """A contradiction of theirs is reviewed, and does not stand in the way of our next effect."""
    world = held()
    lesson, birth = told(world, "refund", succeeded(600, id="re-1"))
    record(world, birth)
    world.learn(lesson.operation_id, lesson.outcome)

    assert "pending" == world.operation(lesson.operation_id).state
    assert world.reviews
    world.check()


def totals_of(world, **moved):
    seen = Observation(payment_id="theirs", totals=MoneyFacts(currency=moved.pop("currency", "EUR"), **moved))
    return lesson_of_totals(world.case, "P-1", seen, source="look_up")


def test_totals_settle_the_one_operation_in_flight():
    """The total that moved by exactly what was asked is that operation's."""
    world = held()
    asked = world.ask("capture", 600, "unknown")
    lesson = totals_of(world, authorized=1000, captured=600)

    assert (asked, succeeded(600).amount) == (lesson.operation_id, lesson.outcome.amount)


@pytest.mark.parametrize(
    "moved",
    [
        {"authorized": 1000},
        {"authorized": 1000, "captured": 599},
        {"authorized": 1000, "captured": 601},
        {"authorized": 1000, "captured": 600, "currency": "NOK"},
        {"authorized": 1000, "released": 600},
    ],
)
def test_totals_settle_nothing_when_they_do_not_fit(moved):
    """No movement, another amount or another currency proves nothing."""
    world = held()
    world.ask("capture", 600, "unknown")

    assert totals_of(world, **moved) is None


def test_totals_settle_nothing_when_two_operations_may_have_moved_them():
    """Which of the two it was, nobody can tell."""
    world = held()
    world.ask("capture", 600, "unknown")
    world.ask("void", 1000, "unknown")

    assert totals_of(world, authorized=1000, captured=600) is None


def test_totals_settle_an_increment_by_the_new_total():
    """The hold moved by the difference."""
    world = held()
    asked = world.ask("increment", 1500, "unknown")
    lesson = totals_of(world, authorized=1500)

    assert (asked, succeeded(1500).amount) == (lesson.operation_id, lesson.outcome.amount)


def test_reports_are_judged_in_the_order_in_which_money_moves():
    """A capture is not judged before the hold that it rests on."""
    kinds = ["chargeback", "refund", "void", "capture", "increment", "authorize"]
    reports = tuple(Report(kind=OperationKind(kind), outcome=Pending()) for kind in kinds)

    assert kinds[::-1] == [report.kind for report in in_order(Observation(payment_id="x", reports=reports))]
