"""What an observation says about each operation."""

from dataclasses import replace
from datetime import timedelta

import pytest

from evpay.engine.foreign import lapsed
from evpay.engine.observing import in_order, is_early, lesson_of, lesson_of_totals
from evpay.instants import instant
from evpay.money import Money
from evpay.payments.account import Funding
from evpay.payments.facts import MoneyFacts
from evpay.payments.lifecycle import expiry_us
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Absent, Failed, Hold, Observation, Pending, Report, Succeeded, Unknown
from evpay.payments.reasons import Reason
from evpay.store.commit import Commit, Insert, Update
from evpay.store.rows import operation_from
from tests.unit.engine.cases import NOW, SimpleNamespace, World
from tests.unit.payments.records import succeeded


def held():
    world = World()
    world.learn(world.ask("authorize", 1000), succeeded(1000, hold=True))
    return world


def told(world, kind, outcome, *, reference=None, event_id="evt-1"):
    report = Report(kind=OperationKind(kind), outcome=outcome, reference=reference)
    seen = Observation(payment_id="theirs", reports=(report,), event_id=event_id)
    return lesson_of(world.case, "P-1", report, seen, source="webhook", now_us=NOW)


def heard(world, kind, outcome, **more):
    """Take a report in as the engine does, and say whether it was new."""
    lesson, birth = told(world, kind, outcome, **more) or (None, None)
    if lesson is None:
        return False
    record(world, birth or Commit())
    return world.learn(lesson.operation_id, lesson.outcome) is not None


def looked(world, reports=(), **moved):
    """Take in what a look-up tells by totals, as the engine does; return how much of it was new."""
    totals = MoneyFacts(currency=moved.pop("currency", "EUR"), **moved)
    seen = Observation(payment_id="theirs", reports=reports, totals=totals)
    new = 0
    while (found := lesson_of_totals(world.case, "P-1", seen, source="look_up", now_us=NOW)) is not None:
        lesson, birth = found
        record(world, birth or Commit())
        if world.learn(lesson.operation_id, lesson.outcome) is None:
            break
        new += 1
    world.check()
    return new


def record(world, birth):
    """Apply the commit that first records an operation of the processor's own."""
    for write in birth.writes:
        if isinstance(write, Insert):
            world.case = world.case.after(world.payment, operation_from(SimpleNamespace(**write.values)))
        elif isinstance(write, Update) and write.table == "operation":
            world.case = world.case.after(world.payment, replace(world.operation(write.key["id"]), **write.values))
        else:
            world.apply(write)


def test_report_under_our_reference_is_about_our_operation():
    """Reference and kind say so."""
    world = held()
    asked = world.ask("capture", 600)
    outcome = succeeded(600)
    lesson, birth = told(world, "capture", outcome, reference=world.operation(asked).reference)

    assert (asked, outcome, "webhook", "processor", None) == (
        lesson.operation_id, lesson.outcome, lesson.source, lesson.actor, birth
    )  # fmt: skip


def test_drivers_leg_is_reported_as_its_authorization():
    """A report of the hold under the leg's own reference is about the leg."""
    world = World()
    world.ask("authorize", 1000, "requires_action")
    leg = world.ask("complete", 1000, "unknown")
    lesson, _ = told(world, "authorize", succeeded(1000), reference=world.operation(leg).reference)

    assert leg == lesson.operation_id


@pytest.mark.parametrize(("kind", "minor"), [("capture", 400), ("void", 1000)])
def test_report_of_another_kind_is_the_processors_own_doing(kind, minor):
    """What is done in a dashboard may carry the payment's reference, which is the AUTHORIZE's."""
    world = held()
    assert heard(world, kind, succeeded(minor, id="theirs-1"), reference=world.payment.reference)

    own = world.case.snapshot.operations[-1]
    assert (kind, "processor", "theirs-1") == (own.kind, own.actor, own.provider_ref)
    world.check()


def early(world, kind, outcome, *, reference=None, event_id="evt-1"):
    report = Report(kind=OperationKind(kind), outcome=outcome, reference=reference)
    return is_early(world.case, "P-1", Observation(payment_id="theirs", reports=(report,), event_id=event_id))


@pytest.mark.parametrize("state", ["pending", "requires_action", "unknown"])
def test_capture_from_a_dashboard_waits_for_the_authorization_whose_reference_it_carries(state):
    """It does not settle it, and is judged when it is known what was held."""
    world = World()
    asked = world.ask("authorize", 1000, state)
    theirs = {"outcome": succeeded(1000, id="theirs-1"), "reference": world.payment.reference}
    assert early(world, "capture", **theirs)
    assert not heard(world, "capture", **theirs)
    assert (state, 0) == (world.operation(asked).state, world.payment.facts.authorized)

    world.learn(asked, succeeded(1000, hold=True))
    assert not early(world, "capture", **theirs)
    assert heard(world, "capture", **theirs)
    assert 1000 == world.payment.facts.captured


@pytest.mark.parametrize("named", [0, 1, 1000, 1500, 2000])
def test_hold_that_ended_by_itself_releases_what_is_open_whatever_amount_is_named(named):
    """Some processors name what was first held, others what is held now."""
    world = held()
    world.learn(world.ask("increment", 1500), succeeded(1500, hold=True))
    world.learn(world.ask("capture", 600, final=False), succeeded(600))

    assert [True, False] == [heard(world, "void", succeeded(named, id="theirs-1")) for _ in range(2)]
    assert (1500, 600, 900) == (
        world.payment.facts.authorized, world.payment.facts.captured, world.payment.facts.released
    )  # fmt: skip
    assert not world.case.open_review
    world.check()


def test_hold_that_ended_by_itself_when_nothing_was_open_is_nothing():
    """The last capture has freed the rest already."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))

    assert not heard(world, "void", succeeded(1000, id="theirs-1"))
    assert not world.case.open_review


@pytest.mark.parametrize("kind", ["increment", "capture"])
@pytest.mark.parametrize("state", ["pending", "unknown"])
def test_end_of_a_hold_waits_for_what_it_may_have_overtaken(kind, state):
    """How much it released is known when it is known how much was raised or taken."""
    world = held()
    asked = world.ask(kind, {"increment": 1500, "capture": 600}[kind], state, final=False)
    ended = succeeded(1000, id="theirs-1")
    assert early(world, "void", ended)
    assert not heard(world, "void", ended)

    world.learn(asked, succeeded(world.operation(asked).amount, hold=True))
    assert not early(world, "void", ended)
    assert heard(world, "void", ended)
    assert 0 == world.payment.facts.open_hold
    world.check()


def test_end_of_a_hold_that_is_looked_up_waits_for_nothing():
    """A look-up tells all of it at once, and what it leaves out may never have happened."""
    world = held()
    world.ask("increment", 1500, "unknown")

    assert not early(world, "void", succeeded(1000, id="theirs-1"), event_id=None)
    assert heard(world, "void", succeeded(1000, id="theirs-1"), event_id=None)


DAY = 86_400_000_000
SAYS_NOTHING = Observation(payment_id="theirs")


def ends(world, expires, seen=SAYS_NOTHING, *, later_us=2 * DAY):
    """Return the end of a hold of which a look-up says that."""
    expires_us = expiry_us(expires, sent_us=NOW)
    record = replace(world.payment, hold=Hold(expires=expires), expires_us=expires_us)
    world.case = world.case.after(record)
    return lapsed(world.case, world.payment, seen, now_us=expires_us + later_us)


def test_hold_whose_end_was_stated_is_over_a_day_later():
    """What is open then is released, once."""
    world = held()
    world.learn(world.ask("capture", 600, final=False), succeeded(600))
    (report,) = ends(world, instant(NOW + DAY)).reports

    assert [True, False] == [heard(world, "void", report.outcome, event_id=None) for _ in range(2)]
    assert (600, 400) == (world.payment.facts.captured, world.payment.facts.released)
    world.check()


@pytest.mark.parametrize(
    "case",
    [
        {"expires": timedelta(days=1)},
        {"expires": instant(NOW + DAY), "later_us": DAY - 1},
        {"expires": instant(NOW + DAY), "seen": Unknown(detail="lost")},
        {"expires": instant(NOW + DAY), "seen": Absent()},
        {
            "expires": instant(NOW + DAY),
            "seen": Observation(payment_id="x", totals=MoneyFacts(currency="EUR", authorized=1000)),
        },
    ],
    ids=["a guess", "just over", "not answered", "absent", "still open"],
)
def test_hold_may_still_be_open(case):
    """The processor says so, or it is not known."""
    assert ends(held(), **case) is None


@pytest.mark.parametrize("kind", ["increment", "capture"])
def test_hold_with_something_on_its_way_is_not_over(kind):
    """What became of that comes first."""
    world = held()
    world.ask(kind, 1000, "unknown")

    assert ends(world, instant(NOW + DAY)) is None


def test_deposit_may_be_paid_back_in_part():
    """There the amount is what went back."""
    world = World(funding=Funding.DEPOSIT)
    world.learn(world.ask("authorize", 1000), succeeded(1000, hold=True))
    heard(world, "void", succeeded(400, id="theirs-1"))

    assert 400 == world.payment.facts.released


def test_hold_that_ended_in_another_currency_is_for_a_person():
    """It cannot be this one."""
    world = held()
    heard(world, "void", Succeeded(amount=Money("10.00", "NOK"), id="theirs-1"))

    assert (0, True) == (world.payment.facts.released, world.case.open_review)


def test_end_of_what_was_never_told_waits_for_its_beginning_whatever_reference_it_carries():
    """A refund from a dashboard that fails is told of with the payment's reference."""
    world = held()
    failed = Failed(reason=Reason.OTHER, id="re-1")

    assert early(world, "refund", failed, reference=world.payment.reference)


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


def test_chargeback_that_was_won_in_part_leaves_the_rest():
    """The first is reversed, and what did not come back is another one."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))
    heard(world, "chargeback", succeeded(1000, id="dp-1"))
    heard(world, "chargeback", Failed(reason=Reason.OTHER, id="dp-1"), event_id="evt-2")
    heard(world, "chargeback", succeeded(50, id="dp-1-lost"), event_id="evt-2")

    assert (50, 950) == (world.payment.facts.charged_back, world.payment.facts.refundable)
    assert 0 == looked(world, authorized=1000, captured=1000, charged_back=50)


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
    told = lesson_of_totals(world.case, "P-1", seen, source="look_up", now_us=NOW)
    return None if told is None else told[0]


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


@pytest.mark.parametrize("kind", ["capture", "refund", "void"])
def test_totals_settle_what_is_pending(kind):
    """A processor that tells only totals has no other way to say that it is done."""
    world = held()
    facts = {"authorized": 1000}
    if kind == "refund":
        world.learn(world.ask("capture", 1000), succeeded(1000))
        facts["captured"] = 1000
    asked = world.ask(kind, 1000, "pending")
    facts[{"capture": "captured", "refund": "refunded", "void": "released"}[kind]] = 1000

    assert 1 == looked(world, **facts)
    assert "succeeded" == world.operation(asked).state


def test_totals_settle_several_of_a_kind_when_they_moved_by_all_of_them():
    """Two refunds under way, and the total moved by both."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))
    asked = [world.ask("refund", 200, "pending"), world.ask("refund", 300, "pending")]

    assert 2 == looked(world, authorized=1000, captured=1000, refunded=500)
    assert ["succeeded"] * 2 == [world.operation(found).state for found in asked]


def test_totals_settle_a_hold_for_less_than_was_asked():
    """Nothing else moves that total."""
    world = World()
    asked = world.ask("authorize", 1000, "pending")

    assert 1 == looked(world, authorized=600)
    assert (600, 600) == (world.operation(asked).confirmed, world.payment.facts.authorized)


@pytest.mark.parametrize(
    ("moved", "kind", "posted"),
    [
        ({"captured": 400}, "capture", ["clearing<revenue 400", "hold_used<hold 400"]),
        ({"released": 1000}, "void", ["rail<hold 1000"]),
    ],
)
def test_totals_that_moved_by_themselves_are_the_processors_own_doing(moved, kind, posted):
    """Somebody captured or cancelled at the dashboard: recorded once, with facts, event and postings."""
    world = held()

    assert [1, 0] == [looked(world, authorized=1000, **moved) for _ in range(2)]
    assert posted == world.posted()[1:]
    own = world.case.snapshot.operations[-1]
    assert (kind, "processor", "succeeded") == (own.kind, own.actor, own.state)
    assert [f"{kind}.succeeded"] == [event["kind"] for event in world.events[1:]]


def test_refund_at_the_dashboard_is_counted_once_when_it_is_named_later():
    """By totals first, by its id afterwards, twice; a second one of the same amount is another one."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))
    looked(world, authorized=1000, captured=1000, refunded=250)

    named = [heard(world, "refund", succeeded(250, id="re-1"), event_id=f"evt-{no}") for no in range(2)]
    assert ([False, False], 250) == (named, world.payment.facts.refunded)

    assert heard(world, "refund", succeeded(250, id="re-2"))
    assert (500, 0) == (
        world.payment.facts.refunded, looked(world, authorized=1000, captured=1000, refunded=500)
    )  # fmt: skip
    world.check()


def test_two_refunds_at_the_dashboard_are_counted_once_when_one_total_told_of_both():
    """The parts are named one by one."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))
    looked(world, authorized=1000, captured=1000, refunded=500)
    for name in ("re-1", "re-2", "re-1"):
        heard(world, "refund", succeeded(250, id=name))
    assert 500 == world.payment.facts.refunded

    heard(world, "refund", succeeded(250, id="re-3"))
    assert 750 == world.payment.facts.refunded


def test_name_goes_to_the_effect_of_the_same_amount():
    """Two totals told of two refunds; the smaller one is named first."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))
    looked(world, authorized=1000, captured=1000, refunded=500)
    looked(world, authorized=1000, captured=1000, refunded=750)
    named = [heard(world, "refund", succeeded(minor, id=f"re-{minor}")) for minor in (250, 500)]

    assert ([False, False], 750) == (named, world.payment.facts.refunded)
    refunds = [found for found in world.case.snapshot.operations if found.kind == "refund"]
    assert ["re-500", "re-250"] == [found.provider_ref for found in refunds]


def test_own_doing_that_a_person_ruled_out_is_not_told_again():
    """More was captured than could be; somebody looked and said that it was not so."""
    world = held()
    looked(world, authorized=1000, captured=1400)
    own = world.case.snapshot.operations[-1].id
    world.learn(own, Failed(reason=Reason.OTHER))

    assert (0, "failed") == (looked(world, authorized=1000, captured=1400), world.operation(own).state)
    assert not world.case.open_review


@pytest.mark.parametrize("state", ["submitting", "pending"])
def test_contradiction_is_told_once(state):
    """However often the processor repeats it."""
    world = held()
    asked = world.ask("capture", 600, state)

    assert world.learn(asked, succeeded(601)) is not None
    assert [None, None] == [world.learn(asked, succeeded(601)) for _ in range(2)]
    assert world.case.open_review


def test_review_is_closed_when_what_it_asks_about_is_settled():
    """The right amount came after all; the next contradiction of the same kind is asked about anew."""
    world = held()
    asked = world.ask("capture", 600, "pending")
    world.learn(asked, succeeded(601))
    world.learn(asked, succeeded(600))

    (review,) = world.case.reviews
    assert ((NOW, "settled: answer"), False) == ((review.closed_us, review.note), world.case.open_review)


def test_own_doing_that_was_named_is_not_counted_again_by_totals():
    """The other way round."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))
    heard(world, "refund", succeeded(250, id="re-1"))

    assert 0 == looked(world, authorized=1000, captured=1000, refunded=250)


@pytest.mark.parametrize("state", ["submitting", "unknown", "pending"])
def test_totals_tell_nothing_of_theirs_while_something_of_ours_is_on_its_way(state):
    """It could be ours; once it is settled, the rest is theirs."""
    world = held()
    asked = world.ask("capture", 300, state)
    assert 0 == looked(world, authorized=1000, captured=400)

    world.learn(asked, Failed(reason=Reason.OTHER))
    assert (1, 400) == (looked(world, authorized=1000, captured=400), world.payment.facts.captured)


def test_totals_tell_nothing_of_theirs_when_a_report_says_that_it_is_not_done():
    """Some processors count a refund as soon as it is accepted."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))
    waits = Report(kind=OperationKind.REFUND, outcome=Pending(id="re-1"))

    assert 0 == looked(world, (waits,), authorized=1000, captured=1000, refunded=250)


@pytest.mark.parametrize("moved", [{"authorized": 900}, {"authorized": 1000, "captured": 900}])
def test_totals_that_are_less_than_ours_may_only_be_old(moved):
    """A message that comes late says what was."""
    world = held()
    world.learn(world.ask("capture", 1000), succeeded(1000))

    assert 0 == looked(world, **moved)


def test_old_totals_do_not_undo_a_reversal():
    """The capture was taken back; a message from before says it is there."""
    world = held()
    asked = world.ask("capture", 1000)
    world.learn(asked, succeeded(1000))
    world.learn(asked, Failed(reason=Reason.OTHER))

    assert (0, 0) == (looked(world, authorized=1000, captured=1000), world.payment.facts.captured)


def test_capture_of_theirs_is_for_a_person():
    """Nobody here asked for it."""
    world = held()
    looked(world, authorized=1000, captured=400)

    (reason,) = world.reviews.values()
    assert "nobody here asked for" in reason
    assert ["attention_needed", "payment_changed"] == world.told[-2:]


def test_own_doing_that_cannot_be_is_asked_about_once():
    """More was captured than could be: a person decides, however often it is told."""
    world = held()

    assert [1, 0, 0] == [looked(world, authorized=1000, captured=1400) for _ in range(3)]
    assert (0, 1) == (world.payment.facts.captured, len(world.reviews))


def test_hold_that_was_refused_and_is_there_is_a_late_one():
    """Totals tell of it, so it can be let go."""
    world = World()
    world.learn(world.ask("authorize", 1000), Failed(reason=Reason.OTHER))

    assert (1, 1000) == (looked(world, authorized=1000), world.payment.facts.authorized)


def test_effect_of_ours_is_known_by_their_id_when_our_reference_is_missing():
    """Some messages carry only their own id."""
    world = held()
    world.learn(world.ask("capture", 600), succeeded(600, id="cap-1"))

    assert not heard(world, "capture", succeeded(600, id="cap-1"))
    assert 600 == world.payment.facts.captured


@pytest.mark.parametrize("state", ["pending", "unknown"])
def test_waiting_is_no_event_when_nothing_is_new(state):
    """A poll that finds it as it was writes nothing."""
    world = held()
    asked = world.ask("capture", 600)
    outcome = Pending(id="cap-1") if state == "pending" else Unknown(detail="lost")
    world.learn(asked, outcome)

    assert [None, None] == [world.learn(asked, outcome) for _ in range(2)]
    assert world.learn(asked, Pending(id="cap-2")) is not None


def test_reports_are_judged_in_the_order_in_which_money_moves():
    """A capture is not judged before the hold that it rests on."""
    kinds = ["chargeback", "refund", "void", "capture", "increment", "authorize"]
    reports = tuple(Report(kind=OperationKind(kind), outcome=Pending()) for kind in kinds)

    assert kinds[::-1] == [report.kind for report in in_order(Observation(payment_id="x", reports=reports))]
