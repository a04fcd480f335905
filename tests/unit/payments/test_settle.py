"""What an outcome makes of a payment and its operation."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from evpay.money import Money
from evpay.payments.account import Funding
from evpay.payments.lifecycle import available, expiry_us, is_live, settle, status
from evpay.payments.operation import SETTLED, UNSETTLED, OperationKind, OperationState
from evpay.payments.outcome import (
    ActionRequired,
    Declined,
    Failed,
    Handle,
    Hold,
    OpenLink,
    Pending,
    Succeeded,
    Unknown,
)
from evpay.payments.reasons import Reason
from evpay.payments.records import Totals
from tests.unit.payments.records import EUR, operation, payment, succeeded

NO = Declined(reason=Reason.DO_NOT_HONOR, id="theirs")
BROKEN = Failed(reason=Reason.OTHER)
WAITING = ActionRequired(action=OpenLink(uri="https://example.com"), id="theirs", handle=Handle(id="h"))


def settled(before, op, outcome):
    return settle(before, op, outcome, now_us=77)


@pytest.mark.parametrize(
    ("kind", "before", "asked", "confirmed", "changes"),
    [
        ("authorize", {}, 1000, 1000, {"authorized": 1000}),
        ("authorize", {}, 1000, 400, {"authorized": 400}),
        ("authorize", {}, 1000, 0, {"authorized": 0}),
        ("increment", {"authorized": 1000}, 1500, 1500, {"authorized": 500}),
        ("increment", {"authorized": 1000}, 1500, 1200, {"authorized": 200}),
        ("increment", {"authorized": 1000}, 1000, 1000, {"authorized": 0}),
        ("capture", {"authorized": 1000}, 600, 600, {"captured": 600}),
        ("void", {"authorized": 1000}, 1000, 1000, {"released": 1000}),
        ("void", {"authorized": 1000}, 1000, 900, {"released": 900}),
        ("void", {"authorized": 1000, "captured": 600}, 400, 400, {"released": 400}),
        ("refund", {"authorized": 1000, "captured": 600}, 200, 200, {"refunded": 200}),
        ("chargeback", {"authorized": 1000, "captured": 600}, 600, 600, {"charged_back": 600}),
    ],
)
def test_confirmed_amount_counts_when_an_operation_succeeds(kind, before, asked, confirmed, changes):
    """The totals grow by what the processor confirmed, not by what was asked; an increment states a new total."""
    done = settled(payment(**before), operation(kind, asked), succeeded(confirmed, id="theirs"))

    assert changes == done.changes
    assert Totals(**before).plus(changes) == done.payment.totals
    assert (OperationState.SUCCEEDED, confirmed) == (done.operation.state, done.operation.confirmed)
    assert ("theirs", 77, None, None) == (
        done.operation.provider_ref, done.operation.answered_us, done.operation.next_us, done.review
    )  # fmt: skip


CONTRADICTIONS = {
    "other currency": ("authorize", {}, 1000, succeeded(1000, currency="NOK")),
    "more than asked": ("authorize", {}, 1000, succeeded(1001)),
    "negative": ("authorize", {}, 1000, succeeded(-1)),
    "negative release": ("void", {"authorized": 1000}, 1000, succeeded(-1)),
    "total above asked": ("increment", {"authorized": 1000}, 1500, succeeded(1501)),
    "total below the present": ("increment", {"authorized": 1000}, 1500, succeeded(999)),
    "less captured": ("capture", {"authorized": 1000}, 600, succeeded(599)),
    "more captured": ("capture", {"authorized": 1000}, 600, succeeded(601)),
    "more captured than held": ("capture", {"authorized": 1000, "released": 500}, 600, succeeded(600)),
    "less refunded": ("refund", {"authorized": 1000, "captured": 600}, 200, succeeded(199)),
    "more refunded than captured": (
        "refund",
        {"captured": 600, "refunded": 500, "authorized": 600},
        200,
        succeeded(200),
    ),
    "more charged back": ("chargeback", {"captured": 600, "refunded": 1, "authorized": 600}, 600, succeeded(600)),
    "more released than held": ("void", {"authorized": 1000, "captured": 600}, 400, succeeded(401)),
}


@pytest.mark.parametrize(("kind", "before", "asked", "outcome"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradiction_changes_nothing_and_asks_for_a_person(kind, before, asked, outcome):
    """An amount that cannot be is not believed: no total moves, the operation stays unknown, somebody looks."""
    done = settled(payment(**before), operation(kind, asked), outcome)

    assert ({}, Totals(**before)) == (done.changes, done.payment.totals)
    assert OperationState.UNKNOWN is done.operation.state
    assert None is done.operation.confirmed
    assert done.review
    assert Unknown(detail=done.review) == done.operation.outcome


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("submitting", "unknown"), ("unknown", "unknown"), ("reserved", "unknown"), ("pending", "pending"),
     ("requires_action", "requires_action")],
)  # fmt: skip
def test_contradiction_lets_wait_what_only_waits(was, becomes):
    """An unknown operation holds up all others, so a pending one does not become unknown for a wrong amount."""
    done = settled(payment(authorized=1000), operation("capture", 600, was), succeeded(700))

    assert becomes == done.operation.state


def test_deposit_may_be_overpaid():
    """More than asked is a contradiction of a hold and normal for a deposit."""
    done = settled(payment(funding=Funding.DEPOSIT), operation("authorize", 1000), succeeded(1500))

    assert ({"authorized": 1500}, None) == (done.changes, done.review)


@pytest.mark.parametrize("kind", ["authorize", "increment", "capture", "void", "refund"])
@pytest.mark.parametrize(
    ("outcome", "state"),
    [(NO, "declined"), (BROKEN, "failed"), (Unknown(detail="lost"), "unknown"), (Pending(id="theirs"), "pending"),
     (WAITING, "requires_action")],
)  # fmt: skip
def test_facts_stay_when_nothing_succeeded(kind, outcome, state):
    """Only a success moves money; the operation takes the state that the outcome names."""
    before = payment(authorized=1000, captured=600)
    done = settled(before, operation(kind, 400, "unknown", next_us=5), outcome)

    assert (state, {}, before.totals, None) == (done.operation.state, done.changes, done.payment.totals, done.review)
    assert (None if done.operation.state in SETTLED else 5) == done.operation.next_us


def test_reference_of_the_processor_is_kept_when_a_later_outcome_has_none():
    """Once told, their id stays."""
    done = settled(payment(), operation("authorize", provider_ref="theirs"), Unknown(detail="lost"))

    assert "theirs" == done.operation.provider_ref


def test_handle_is_taken_over_when_an_outcome_has_one():
    """The adapter's newest memory replaces the older, and stays when an outcome brings none."""
    new = settled(payment(handle=Handle(id="old")), operation("authorize"), Pending(handle=Handle(id="new"))).payment
    kept = settled(new, operation("capture", 5), Unknown(detail="lost")).payment

    assert ("new", "new") == (new.handle.id, kept.handle.id)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(succeeded(1000), "succeeded"), (NO, "succeeded"), (Pending(), "succeeded"), (Unknown(detail="lost"), "unknown")],
)
def test_leg_of_the_driver_is_done_when_it_is_answered(outcome, state):
    """What the answer means is settled on the AUTHORIZE; a leg moves no money."""
    done = settled(payment(), operation("complete", 1000), outcome)

    assert (state, {}, Totals()) == (done.operation.state, done.changes, done.payment.totals)


@pytest.mark.parametrize("state", sorted(SETTLED))
@pytest.mark.parametrize("outcome", [Pending(), WAITING, Unknown(detail="lost")])
def test_settled_operation_stays_when_something_vague_is_told(state, outcome):
    """What is settled never becomes pending or unknown again."""
    before = payment(authorized=1000)
    done = settled(before, operation("capture", 600, state, confirmed=600), outcome)

    assert (True, before, state) == (done.repeated, done.payment, done.operation.state)


@pytest.mark.parametrize("kind", ["authorize", "increment", "capture", "void", "refund", "chargeback"])
def test_same_outcome_twice_changes_nothing(kind):
    """Evidence that comes again is a repeat."""
    before = payment(authorized=1000, captured=600)
    amount = {"increment": 1500, "authorize": 0, "chargeback": 300}.get(kind, 300)
    once = settled(before, operation(kind, amount), succeeded(amount))
    again = settled(once.payment, once.operation, succeeded(amount))

    assert None is once.review
    assert (True, {}, once.payment) == (again.repeated, again.changes, again.payment)


@pytest.mark.parametrize(("kind", "name"), [("capture", "captured_reversed"), ("refund", "refund_reversed"),
                                           ("chargeback", "chargeback_reversed")])  # fmt: skip
@pytest.mark.parametrize("outcome", [NO, BROKEN])
def test_success_is_reversed_when_it_is_told_to_have_failed(kind, name, outcome):
    """A reversal is a total of its own: nothing that was recorded falls, and a person is told."""
    before = payment(authorized=1000, captured=600, refunded=100, charged_back=100)
    done = settled(before, operation(kind, 100, "succeeded", confirmed=100), outcome)

    assert {name: 100} == done.changes
    assert before.totals.plus({name: 100}) == done.payment.totals
    assert OperationState.REVERSED is done.operation.state
    assert (kind == "chargeback", kind != "chargeback") == (done.notice is not None, done.review is not None)


@pytest.mark.parametrize("kind", ["authorize", "increment", "void"])
def test_success_stands_when_its_kind_knows_no_reversal(kind):
    """A hold that is later gone is told as a release, not as an authorization that never was."""
    done = settled(payment(authorized=1000), operation(kind, 100, "succeeded", confirmed=100), NO)

    assert (True, {}) == (done.repeated, done.changes)


def test_capture_is_not_reversed_when_part_of_it_was_given_back():
    """More would have been given back than was taken: a person looks, and no total moves."""
    before = payment(authorized=600, captured=600, refunded=100)
    done = settled(before, operation("capture", 600, "succeeded", confirmed=600), NO)

    assert (False, {}, before) == (done.repeated, done.changes, done.payment)
    assert done.review


@pytest.mark.parametrize("state", ["declined", "failed", "expired"])
def test_late_success_counts_and_is_looked_at(state):
    """What had ended and succeeds after all is recorded: the money is there."""
    done = settled(payment(), operation("authorize", 1000, state), succeeded(1000))

    assert ({"authorized": 1000}, OperationState.SUCCEEDED) == (done.changes, done.operation.state)
    assert f"ended as {state}" in done.review


def test_late_success_is_refused_when_its_amount_cannot_be():
    """A contradiction does not reopen what had ended."""
    before, ended = payment(), operation("authorize", 1000, "declined")
    done = settled(before, ended, succeeded(2000))

    assert (before, ended, {}) == (done.payment, done.operation, done.changes)
    assert done.review


@pytest.mark.parametrize("state", ["cancelled", "reversed"])
def test_success_means_nothing_when_an_operation_was_withdrawn_or_reversed(state):
    """What was never sent cannot succeed, and what was reversed stays so."""
    assert settled(payment(), operation("authorize", 1000, state), succeeded(1000)).repeated


def test_deposit_grows_when_it_is_paid_in_parts():
    """A later report carries what came in all; a smaller or an equal one is old news."""
    first = settled(payment(funding=Funding.DEPOSIT), operation("authorize", 1000), succeeded(400))
    second = settled(first.payment, first.operation, succeeded(1000, handle=Handle(id="new")))
    third = settled(second.payment, second.operation, succeeded(400))
    foreign = settled(second.payment, second.operation, succeeded(9000, currency="NOK"))

    assert ({"authorized": 600}, 1000, "new") == (
        second.changes, second.operation.confirmed, second.payment.handle.id
    )  # fmt: skip
    assert (1000, True, True) == (second.payment.facts.authorized, third.repeated, foreign.repeated)


def test_hold_does_not_grow_when_its_success_is_told_with_another_amount():
    """Only a deposit is topped up; a look-up may show a hold as it is after its increments."""
    once = settled(payment(), operation("authorize", 1000), succeeded(400))

    assert settled(once.payment, once.operation, succeeded(1000)).repeated


GROWING = Hold(expires=timedelta(days=1), increment=True)


def hold_of(limit=None, **more):
    stated = None if limit is None else Money(limit, more.pop("currency", EUR))
    return Hold(expires=timedelta(days=1), capture_limit=stated, **more)


def test_hold_is_taken_over_when_it_is_stated():
    """Its expiry counts from the sending, and what may be captured above it is kept."""
    sent = operation("authorize", 1000, first_sent_us=5)
    done = settled(payment(), sent, Succeeded(amount=Money("10", EUR), hold=hold_of("11.50", increment=True)))

    assert (86_400_000_005, 150, True) == (
        done.payment.expires_us,
        done.payment.over_allowed,
        done.payment.hold.increment,
    )


def test_expiry_counts_from_now_when_the_sending_is_not_known():
    """A hold learned from an observation still has a deadline."""
    done = settled(payment(), operation("authorize", 1000), Succeeded(amount=Money("10", EUR), hold=hold_of()))

    assert 86_400_000_077 == done.payment.expires_us


@pytest.mark.parametrize("limit", [None, "10", "9.99"])
def test_nothing_is_allowed_above_the_hold_unless_its_limit_is(limit):
    """No limit, the same limit and a lower one allow no more than the hold."""
    done = settled(payment(), operation("authorize", 1000), Succeeded(amount=Money("10", EUR), hold=hold_of(limit)))

    assert 0 == done.payment.over_allowed


def test_limit_means_nothing_when_it_is_in_another_currency():
    """evpay never converts."""
    hold = hold_of("900", currency="NOK")

    assert (
        0
        == settled(
            payment(), operation("authorize", 1000), Succeeded(amount=Money("10", EUR), hold=hold)
        ).payment.over_allowed
    )


def test_increment_without_a_hold_keeps_the_old_one():
    """A processor that says nothing about the hold has not changed it."""
    before = payment(authorized=1000, hold=hold_of(), expires_us=9)
    done = settled(before, operation("increment", 1500), succeeded(1500))

    assert (before.hold, 9) == (done.payment.hold, done.payment.expires_us)


@pytest.mark.parametrize(
    ("expires", "at"),
    [
        (None, None),
        (timedelta(microseconds=57), 1057),
        (timedelta(days=400), 34_560_000_001_000),
        (datetime(1970, 1, 1, 0, 0, 1, 3, tzinfo=UTC), 1_000_003),
    ],
)
def test_expiry_is_an_instant(expires, at):
    """Never, a time after sending to the microsecond, or an instant that is taken as it is."""
    assert at == expiry_us(expires, sent_us=1000)


# Status by the first rule that matches; facts as (authorized, captured, released, refunded, charged back).
STATUS = [
    ("created", (0, 0, 0, 0, 0), {}),
    ("authorizing", (0, 0, 0, 0, 0), {"authorize": "submitting"}),
    ("authorizing", (0, 0, 0, 0, 0), {"authorize": "reserved"}),
    ("authorizing", (0, 0, 0, 0, 0), {"authorize": "pending"}),
    ("authorizing", (0, 0, 0, 0, 0), {"authorize": "unknown"}),
    ("requires_action", (0, 0, 0, 0, 0), {"authorize": "requires_action"}),
    ("declined", (0, 0, 0, 0, 0), {"authorize": "declined"}),
    ("declined", (0, 0, 0, 0, 0), {"authorize": "expired"}),
    ("failed", (0, 0, 0, 0, 0), {"authorize": "failed"}),
    ("failed", (0, 0, 0, 0, 0), {"authorize": "cancelled"}),
    ("voided", (0, 0, 0, 0, 0), {"authorize": "expired", "void": "succeeded"}),
    ("voided", (0, 0, 0, 0, 0), {"authorize": "succeeded"}),
    ("voiding", (0, 0, 0, 0, 0), {"authorize": "unknown", "void": "submitting"}),
    ("authorized", (9, 0, 0, 0, 0), {"authorize": "succeeded"}),
    ("authorized", (9, 0, 4, 0, 0), {"authorize": "succeeded", "void": "succeeded"}),
    ("authorized", (1, 0, 0, 0, 0), {"authorize": "succeeded"}),
    ("voided", (1, 0, 1, 0, 0), {"authorize": "succeeded"}),
    ("captured", (1, 1, 0, 0, 0), {"authorize": "succeeded"}),
    ("partially_captured", (2, 1, 0, 0, 0), {"authorize": "succeeded"}),
    ("partially_refunded", (2, 2, 0, 1, 0), {"authorize": "succeeded"}),
    ("capturing", (9, 0, 0, 0, 0), {"authorize": "succeeded", "capture": "unknown"}),
    ("capturing", (9, 0, 0, 0, 0), {"authorize": "succeeded", "capture": "pending", "void": "reserved"}),
    ("voiding", (9, 0, 0, 0, 0), {"authorize": "succeeded", "void": "unknown"}),
    ("voided", (9, 0, 9, 0, 0), {"authorize": "succeeded", "void": "succeeded"}),
    ("partially_captured", (9, 4, 0, 0, 0), {"authorize": "succeeded", "capture": "succeeded"}),
    ("captured", (9, 4, 5, 0, 0), {"authorize": "succeeded", "capture": "succeeded"}),
    ("charged_back", (9, 9, 0, 0, 9), {"authorize": "succeeded", "capture": "succeeded"}),
    ("charged_back", (9, 9, 0, 4, 2), {"authorize": "succeeded", "capture": "succeeded"}),
    ("captured", (9, 11, 0, 0, 0), {"authorize": "succeeded", "capture": "succeeded"}),
    ("partially_refunded", (9, 9, 0, 1, 0), {"authorize": "succeeded", "capture": "succeeded"}),
    ("refunded", (9, 9, 0, 9, 0), {"authorize": "succeeded", "capture": "succeeded"}),
    ("refunded", (9, 4, 0, 4, 0), {"authorize": "succeeded", "capture": "succeeded", "void": "pending"}),
]  # fmt: skip


def facts_and_operations(numbers, states):
    names = ("authorized", "captured", "released", "refunded", "charged_back")
    record = payment(**dict(zip(names, numbers, strict=True)))
    return record, [operation(kind, 9, state, no=no) for no, (kind, state) in enumerate(states.items(), 1)]


@pytest.mark.parametrize(("expected", "numbers", "states"), STATUS)
def test_status_is_the_first_rule_that_matches(expected, numbers, states):
    """The status is read off facts and operations and never set."""
    record, operations = facts_and_operations(numbers, states)

    assert expected == status(record.facts, operations)


def test_status_exists_for_every_combination():
    """No combination of facts and states is without a status, and money decides before operations do."""
    states = [None, *OperationState]
    for numbers in product((0, 5), (0, 2, 5), (0, 3), (0, 2), (0,)):
        for first, capture, void in product(states, states, states):
            given = {
                kind: state
                for kind, state in zip(("authorize", "capture", "void"), (first, capture, void), strict=True)
                if state
            }
            record, operations = facts_and_operations(numbers, given)
            found = status(record.facts, operations)
            captured = {"captured", "partially_captured", "refunded", "partially_refunded"}
            assert (found in captured) == (numbers[1] > 0)


AVAILABLE = [
    ((), {}, {}),
    (("void",), {"authorize": "unknown"}, {}),
    (("complete_action", "void"), {"authorize": "requires_action"}, {}),
    (("capture", "void"), {"authorize": "succeeded"}, {"authorized": 9}),
    (("increment", "capture", "void"), {"authorize": "succeeded"}, {"authorized": 9, "hold": GROWING}),
    (("capture", "void"), {"authorize": "succeeded", "increment": "unknown"}, {"authorized": 9, "hold": GROWING}),
    (("increment", "capture", "void"), {"increment": "declined"}, {"authorized": 9, "hold": GROWING}),
    ((), {"authorize": "succeeded", "capture": "unknown"}, {"authorized": 9}),
    (("capture", "void"), {"authorize": "succeeded", "capture": "declined"}, {"authorized": 9}),
    ((), {"authorize": "succeeded", "void": "pending"}, {"authorized": 9}),
    (("capture", "void"), {"authorize": "succeeded", "void": "failed"}, {"authorized": 9}),
    (("refund",), {"authorize": "succeeded", "capture": "succeeded"}, {"authorized": 9, "captured": 9}),
    (("refund",), {"authorize": "succeeded", "capture": "succeeded"}, {"authorized": 9, "captured": 4}),
    ((), {"capture": "succeeded"}, {"authorized": 9, "captured": 9, "refunded": 5, "charged_back": 4}),
    (("refund",), {"capture": "succeeded", "refund": "requires_action"}, {"authorized": 9, "captured": 9}),
    ((), {"authorize": "declined"}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("verbs", "states", "fields"), AVAILABLE)
def test_verbs_are_those_that_the_payment_allows_now(verbs, states, fields):
    """What is under way, closed or used up is not offered."""
    operations = [operation(kind, 9, state, no=no) for no, (kind, state) in enumerate(states.items(), 1)]

    assert verbs == available(payment(**fields), operations, can_refund=True)


def test_refund_is_not_offered_when_the_account_cannot():
    """What the account cannot be told is no verb."""
    done = [operation("capture", 9, "succeeded")]

    assert () == available(payment(authorized=9, captured=9), done, can_refund=False)


def test_capture_is_offered_again_when_the_one_before_was_not_final():
    """A partial capture that was not the last leaves the rest to be captured."""
    done = [operation("authorize", 9, "succeeded"), operation("capture", 4, "succeeded", no=2, final=False)]

    assert ("capture", "void", "refund") == available(payment(authorized=9, captured=4), done, can_refund=True)


def test_capture_is_not_offered_twice_at_once():
    """While one capture is under way, also one that is not final, there is no second."""
    under_way = [operation("authorize", 9, "succeeded"), operation("capture", 4, "unknown", no=2, final=False)]

    assert () == available(payment(authorized=9), under_way, can_refund=True)


@pytest.mark.parametrize(
    ("live", "fields", "states"),
    [
        (True, {"authorized": 9}, {"authorize": "succeeded"}),
        (False, {"authorized": 9, "captured": 5, "released": 4}, {"authorize": "succeeded"}),
        *((True, {}, {"authorize": state}) for state in sorted(UNSETTLED)),
        *((False, {}, {"authorize": state}) for state in sorted(SETTLED)),
        (False, {}, {"authorize": "declined", "void": "unknown"}),
    ],
)
def test_payment_lives_while_money_is_or_may_come_on_hold(live, fields, states):
    """An open hold, or an authorization that may still become one."""
    operations = [operation(kind, 9, state, no=no) for no, (kind, state) in enumerate(states.items(), 1)]

    assert live == is_live(payment(**fields), operations)


def test_capture_may_take_the_open_hold_and_what_is_allowed_above_it():
    """Capturable is never negative."""
    records = [
        payment(authorized=1000, over_allowed=150),
        payment(authorized=1000, over_allowed=150, captured=600, released=400),
        payment(authorized=1000, captured=1000),
        payment(authorized=1000, over_allowed=150, captured=1150),
    ]

    assert [1150, 150, 0, 0] == [record.capturable for record in records]


def test_facts_are_net_of_reversals():
    """Captures, refunds and chargebacks that were taken back do not count."""
    facts = payment(
        authorized=1000, captured=900, captured_reversed=300, released=50, refunded=200, refund_reversed=150,
        charged_back=80, chargeback_reversed=70,
    ).facts  # fmt: skip

    assert (1000, 600, 50, 50, 10) == (
        facts.authorized, facts.captured, facts.released, facts.refunded, facts.charged_back
    )  # fmt: skip
    assert (350, 540) == (facts.open_hold, facts.refundable)


def test_operation_kinds_are_all_settled_somehow():
    """Every kind of operation, COMPLETE included, has an answer to a success."""
    for kind in OperationKind:
        done = settled(payment(authorized=1000, captured=500), operation(kind, 0), succeeded(0))
        assert done.operation.state in SETTLED | {OperationState.UNKNOWN}
