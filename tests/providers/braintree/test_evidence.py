"""What a look-up tells, and what settlements say."""

from datetime import date

import pytest

from evpay.errors import InvalidInput
from evpay.money import Money, to_minor
from evpay.providers import (
    Absent,
    Declined,
    Failed,
    Handle,
    LookUpRequest,
    MoneyFacts,
    OperationKind,
    Pending,
    Reason,
    SettlementsRequest,
    Succeeded,
    Unknown,
)
from tests.providers.braintree import answers, orders
from tests.providers.braintree.orders import eur

pytestmark = pytest.mark.anyio

HELD = Handle(id="tx1")


async def look(wire, provider, *transactions, memo=None):
    wire.will(*map(answers.ok, transactions))
    return await provider.look_up(orders.question(Handle(id="tx1", memo=memo or {})))


def told(seen):
    return [(report.kind.value, report.reference, report.outcome.type) for report in seen.reports]


async def test_hold_is_reported_under_our_reference(wire, provider):
    """The AUTHORIZE and the totals; nothing changes."""
    seen = await look(wire, provider, answers.SALE)

    assert (seen.payment_reference, seen.payment_id, seen.event_id) == (orders.PAYMENT, "tx1", None)
    assert told(seen) == [("authorize", orders.PAYMENT, "succeeded")]
    assert seen.totals == MoneyFacts(currency="EUR", authorized=2000)
    assert [asked[0] for asked in wire.asked] == ["GET"]


async def test_look_up_by_reference_is_a_search(wire, provider):
    """By order id; refunds with the same one are not meant."""
    wire.will(answers.ids("re1", "tx1"), answers.found(answers.refund(order_id=orders.PAYMENT), answers.SALE))

    seen = await provider.look_up(orders.question())

    assert [asked[:2] for asked in wire.asked] == [
        ("POST", "/transactions/advanced_search_ids"),
        ("POST", "/transactions/advanced_search"),
    ]
    assert seen.payment_id == "tx1"


async def test_what_is_not_found_is_absent_or_unknown(wire, provider):
    """Search may lag; an id that is gone may be another account's; two are one too many."""
    wire.will(
        answers.ids(), (404, ""), answers.ids("tx1", "tx9"), answers.found(answers.SALE, answers.fields(id="tx9"))
    )

    assert await provider.look_up(orders.question()) == Absent()
    assert isinstance(await provider.look_up(orders.question(HELD)), Unknown)
    assert isinstance(await provider.look_up(orders.question()), Unknown)


async def test_reference_that_is_no_reference_is_not_searched_for(provider):
    """Nothing of it reaches the wire."""
    with pytest.raises(InvalidInput):
        await provider.look_up(LookUpRequest(payment_reference="<is>x</is>"))


async def test_failed_read_is_unknown(wire, provider):
    """It taught nothing."""
    wire.will((503, ""), (401, ""))

    assert isinstance(await provider.look_up(orders.question(HELD)), Unknown)
    assert isinstance(await provider.look_up(orders.question()), Unknown)


async def test_increment_is_told_by_the_total(wire, provider):
    """Its answer was lost: the AUTHORIZE is left out, because only the new total is stated."""
    raised = answers.fields(amount="30.00", authorization_adjustments=[answers.adjustment("10.00")])

    seen = await look(wire, provider, raised)

    assert (told(seen), seen.totals) == ([], MoneyFacts(currency="EUR", authorized=3000))


async def test_increment_that_was_refused_changes_nothing(wire, provider):
    """It stands in the list, and did not succeed."""
    tried = answers.fields(authorization_adjustments=[answers.adjustment("10.00", success=False, code="2001")])

    assert (await look(wire, provider, tried)).totals.authorized == 2000


async def test_capture_of_less_frees_the_rest(wire, provider):
    """The amount is what was submitted; what was held stands in the history, with what was added to it."""
    raised = answers.submitted("12.34", authorization_adjustments=[answers.adjustment("10.00")])

    seen = await look(wire, provider, answers.submitted("12.34"))
    after = await look(wire, provider, raised)

    assert seen.totals == MoneyFacts(currency="EUR", authorized=2000, captured=1234, released=766)
    assert after.totals == MoneyFacts(currency="EUR", authorized=3000, captured=1234, released=1766)


async def test_capture_is_told_by_the_handles_memory(wire, provider):
    """It carries no reference of its own, so the handle remembers it; a declined settlement takes it back."""
    memo = {"captured_as": "r7"}

    taken = await look(wire, provider, answers.submitted("12.34"), memo=memo)
    lost = await look(wire, provider, answers.submitted("12.34", status="settlement_declined"), memo=memo)

    assert taken.reports[1].reference == "r7"
    assert taken.reports[1].outcome.amount == eur("12.34")
    assert isinstance(lost.reports[1].outcome, Failed)
    assert (lost.totals.captured, lost.totals.authorized) == (0, 2000)


async def test_capture_remembers_itself(wire, provider):
    """What capture puts into the handle is what look_up reads."""
    wire.will(answers.ok(answers.submitted("12.34")))
    request = orders.taking(HELD, "12.34")

    outcome = await provider.capture(request)
    seen = await look(wire, provider, answers.submitted("12.34"), memo=outcome.handle.memo)

    assert (seen.reports[1].kind, seen.reports[1].reference) == (OperationKind.CAPTURE, request.reference)


async def test_void_is_told_by_the_totals(wire, provider):
    """It was authorized, and is not held any more."""
    seen = await look(wire, provider, answers.fields(status="voided"))

    assert told(seen) == [("authorize", orders.PAYMENT, "succeeded")]
    assert seen.totals == MoneyFacts(currency="EUR", authorized=2000, released=2000)


async def test_voided_capture_was_captured_and_given_back(wire, provider):
    """That is how a refund before settlement looks afterwards."""
    seen = await look(wire, provider, answers.submitted("12.34", status="voided"))

    assert seen.totals == MoneyFacts(currency="EUR", authorized=2000, captured=1234, released=766, refunded=1234)


async def test_expired_hold_is_the_processors_own_void(wire, provider):
    """Nobody of ours asked for it."""
    seen = await look(wire, provider, answers.fields(status="authorization_expired"))

    assert told(seen) == [("authorize", orders.PAYMENT, "succeeded"), ("void", None, "succeeded")]
    assert seen.totals.released == 2000


async def test_decline_is_told(wire, provider):
    """Nothing was held, so no totals."""
    history = [answers.event("processor_declined", "20.00")]
    seen = await look(
        wire,
        provider,
        answers.fields(status="processor_declined", processor_response_code="2001", status_history=history),
    )

    assert isinstance(seen.reports[0].outcome, Declined)
    assert seen.totals is None


async def test_refunds_are_told_apart(wire, provider):
    """Ours by its order id; one that only has its payment's is somebody else's; what is on its way is no total yet."""
    whole = answers.settled("12.34", refund_ids=["re1", "re2", "re3"])
    theirs = answers.refund(id="re2", amount="3.00", status="settled", order_id=orders.PAYMENT)

    seen = await look(
        wire, provider, whole, answers.refund(status="settled"), theirs, answers.refund(id="re3", order_id="r5")
    )

    assert told(seen)[1:] == [
        ("refund", "r1", "succeeded"),
        ("refund", None, "succeeded"),
        ("refund", "r5", "pending"),
    ]
    assert seen.totals.refunded == 800


async def test_refund_that_failed_later_is_told(wire, provider):
    """After it was on its way."""
    whole = answers.settled(refund_ids=["re1"])
    seen = await look(wire, provider, whole, answers.refund(status="settlement_declined", processor_response_code=None))

    assert seen.reports[1].outcome == Failed(reason=Reason.OTHER, code="settlement_declined", id="re1")


async def test_parts_are_told_by_their_own_references(wire, provider):
    """And while it is not said whether the last one freed the rest, there are no totals."""
    parent = answers.fields(status="settlement_pending", partial_settlement_transaction_ids=["tx2", "tx3"])
    parts = [
        answers.submitted(amount, id=one, order_id=reference, authorized_transaction_id="tx1")
        for one, amount, reference in [("tx2", "5.00", "r2"), ("tx3", "7.00", "r3")]
    ]

    seen = await look(wire, provider, parent, *parts)

    assert told(seen)[1:] == [("capture", "r2", "succeeded"), ("capture", "r3", "succeeded")]
    assert seen.reports[1].outcome.handle == Handle(id="tx1", memo={"captures": "begun"})
    assert seen.totals is None


async def test_rest_that_was_voided_after_parts(wire, provider):
    """What the parts took stays."""
    parent = answers.fields(status="voided", partial_settlement_transaction_ids=["tx2"])
    part = answers.submitted("5.00", id="tx2", order_id="r2", authorized_transaction_id="tx1")

    seen = await look(wire, provider, parent, part)

    assert seen.totals == MoneyFacts(currency="EUR", authorized=2000, captured=500, released=1500)


@pytest.mark.parametrize(
    ("status", "type_", "charged_back"),
    [("open", "succeeded", 1234), ("lost", "succeeded", 1234), ("accepted", "succeeded", 1234), ("won", "failed", 0)],
)
async def test_dispute_is_a_chargeback_until_it_is_won(wire, provider, status, type_, charged_back):
    """The processor's own operation, always with the same id."""
    seen = await look(wire, provider, answers.settled(disputes=[answers.dispute(status=status)]))

    assert told(seen)[1:] == [("chargeback", None, type_)]
    assert seen.reports[1].outcome.id == "dp1"
    assert seen.totals.charged_back == charged_back


@pytest.mark.parametrize(
    ("won", "expected"),
    [
        ("12.34", [("failed", None)]),
        (None, [("failed", None)]),
        ("20.00", [("failed", None)]),
        ("12.00", [("failed", None), ("succeeded", Money("0.34", "EUR"))]),
        ("0.00", [("failed", None), ("succeeded", Money("12.34", "EUR"))]),
    ],
)
async def test_dispute_that_is_won_in_part_brings_back_that_part(wire, provider, won, expected):
    """The first chargeback is reversed; what did not come back is another one, with a name of its own."""
    dispute = answers.dispute(status="won", **({} if won is None else {"amount-won": won}))
    seen = await look(wire, provider, answers.settled(disputes=[dispute]))

    back, *kept = seen.reports[1:]
    assert (back.outcome.id, [one.outcome.id for one in kept]) == ("dp1", ["dp1-lost"] * len(kept))
    assert expected == [(one.outcome.type, getattr(one.outcome, "amount", None)) for one in (back, *kept)]
    assert seen.totals.charged_back == sum(to_minor(one.outcome.amount) for one in kept)


async def test_dispute_in_a_status_of_tomorrow_is_unknown(wire, provider):
    """And the totals are not complete."""
    seen = await look(wire, provider, answers.settled(disputes=[answers.dispute(status="quantum")]))

    assert (told(seen)[1:], seen.totals) == ([("chargeback", None, "unknown")], None)


async def test_request_for_papers_is_no_chargeback(wire, provider):
    """No money moved."""
    seen = await look(wire, provider, answers.settled(disputes=[answers.dispute(kind="retrieval")]))

    assert told(seen)[1:] == []


async def test_authorizing_is_pending(wire, provider):
    """Told apart from absent."""
    seen = await look(wire, provider, answers.fields(status="authorizing", status_history=[]))

    assert isinstance(seen.reports[0].outcome, Pending)


async def test_settlements_day_by_day(wire, provider):
    """A page of a day's lines, then the next day, then nothing until there is more."""
    line = answers.settled("12.34", settlement_batch_id="2026-11-20_eur")
    back = answers.refund(
        status="settled", refunded_transaction_id="tx1", status_history=[answers.event("settled", "5.00")]
    )
    wire.will(answers.ids("tx1", "re1"), answers.ids("tx1", "re1"), answers.found(line, back))
    wire.will(answers.ids("tx1", "re1"), answers.ids())

    first = await provider.settlements(SettlementsRequest(since=date(2026, 11, 20)))
    nothing = await provider.settlements(SettlementsRequest(since=date(2026, 11, 20), cursor=first.cursor))

    assert wire.asked[0][2] == {
        "search": {"settled_at": {"min": "2026-11-20T00:00:00Z", "max": "2026-11-20T23:59:59Z"}}
    }
    sale, refund = first.lines
    assert (sale.id, sale.kind, sale.gross, sale.net, sale.reference) == (
        "tx1",
        OperationKind.CAPTURE,
        eur("12.34"),
        eur("12.34"),
        None,
    )
    assert (sale.payment_id, sale.effect_id, sale.payout, sale.settled_on) == (
        "tx1",
        "tx1",
        "2026-11-20_eur",
        date(2026, 11, 20),
    )
    assert (refund.id, refund.kind, refund.gross, refund.reference) == (
        "re1",
        OperationKind.REFUND,
        Money("-5.00", "EUR"),
        "r1",
    )
    assert (refund.payment_id, refund.effect_id) == ("tx1", "re1")
    assert (nothing.lines, nothing.cursor) == ((), first.cursor)


async def test_settlements_go_on_with_the_next_day(wire, provider):
    """Days without lines are passed over while there is something later."""
    wire.will(
        answers.ids("tx1"),
        answers.ids("tx2"),
        answers.ids("tx2"),
        answers.ids("tx2"),
        answers.found(answers.settled(id="tx2")),
    )

    page = await provider.settlements(SettlementsRequest(since=date(2026, 11, 1), cursor="2026-11-20:1:1"))

    assert [line.id for line in page.lines] == ["tx2"]
    assert page.cursor == "2026-11-21:1:1"
    assert wire.asked[1][2] == {"search": {"settled_at": {"min": "2026-11-21T00:00:00Z"}}}


async def test_settlements_of_a_large_day_come_in_pages_of_fifty(wire, provider):
    """In a stable order; a day that grew is read anew."""
    many = [f"tx{number:03d}" for number in range(60)]
    lines = [answers.settled(id=one) for one in many]
    wire.will(answers.ids(*many), answers.ids(*many[:50]), answers.found(*lines[:50]))
    wire.will(answers.ids(*reversed(many)), answers.ids(*many[50:]), answers.found(*lines[50:]))
    grown = [*many, "tx060"]
    wire.will(answers.ids(*grown), answers.ids(*many[:50]), answers.found(*lines[:50]))

    first = await provider.settlements(SettlementsRequest(since=date(2026, 11, 20)))
    second = await provider.settlements(SettlementsRequest(since=date(2026, 11, 20), cursor=first.cursor))
    third = await provider.settlements(SettlementsRequest(since=date(2026, 11, 20), cursor=second.cursor))

    asked = [body["search"]["ids"] for verb, path, body in wire.asked if "ids" in body["search"]]
    assert (asked[0], asked[2]) == (many[:50], many[50:])
    assert [line.id for line in (*first.lines, *second.lines)] == many
    assert [line.id for line in third.lines] == many[:50]


async def test_nothing_was_settled_yet(wire, provider):
    """An empty page with the same cursor."""
    wire.will(answers.ids(), answers.ids())

    page = await provider.settlements(SettlementsRequest(since=date(2026, 11, 20)))

    assert (page.lines, page.cursor) == ((), None)


@pytest.mark.parametrize("cursor", ["", "x", "2026-11-20", "2026-11-20:a:b", "2026-11-20:1:2:3"])
async def test_cursor_that_is_not_ours_is_refused(provider, cursor):
    """It would be read as something else."""
    with pytest.raises(InvalidInput):
        await provider.settlements(SettlementsRequest(since=date(2026, 11, 20), cursor=cursor))


async def test_settlements_that_cannot_be_read_are_unknown(wire, provider):
    """At any step."""
    wire.will((500, ""), answers.ids("tx1"), (500, ""), answers.ids(), (500, ""))

    for _ in range(3):
        assert isinstance(await provider.settlements(SettlementsRequest(since=date(2026, 11, 20))), Unknown)


async def test_reported_captures_settle_a_lost_answer(wire, provider):
    """A part whose answer was lost is found with its amount and id."""
    parent = answers.settled("20.00", status="settled", partial_settlement_transaction_ids=["tx2"])
    part = answers.settled("20.00", id="tx2", order_id="r2", authorized_transaction_id="tx1")

    seen = await look(wire, provider, parent, part)

    assert isinstance(seen.reports[1].outcome, Succeeded)
    assert seen.totals == MoneyFacts(currency="EUR", authorized=2000, captured=2000)
