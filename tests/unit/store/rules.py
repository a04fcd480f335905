"""Rows that fit, and for every rule of the schema a commit that breaks it; used for both databases."""

import asyncio
from contextlib import asynccontextmanager

from evpay.env import RealEnv
from evpay.store import (
    AlreadyThere,
    Commit,
    ConstraintBroken,
    Delete,
    GuardMissed,
    Insert,
    SingleFlight,
    Store,
    Update,
)

T = "tenant-1"


@asynccontextmanager
async def opened(url, *, live=False, env=None):
    """A store that is open inside the block."""
    store = Store(url, env=env or RealEnv())
    await store.open(live=live)
    try:
        yield store
    finally:
        await store.aclose()


def use(url, function, **options):
    """Run `await function(store)` on a loop of its own."""

    async def main():
        async with opened(url, **options) as store:
            return await function(store)

    return asyncio.run(main())


def tariff(name="h1", **changes):
    return Insert("tariff", {"tenant": T, "hash": name, "body": "{}"} | changes)


def session(name="S-1", **changes):
    values = {
        "tenant": T, "id": name, "tariff": "h1", "status": "charging", "admission": "allow", "driver": None,
        "site": None, "connector": None, "intent": None, "started_us": 1, "stopped_us": None, "wake_us": None,
        "receipt": None, "version": 1, "created_us": 1, "updated_us": 1, "digest": "d", "body": "{}",
    }  # fmt: skip
    return Insert("session", values | changes)


def reading(session="S-1", **changes):
    values = {
        "tenant": T, "session": session, "at_us": 1, "kind": "sample", "digest": "d", "energy_mj": 0,
        "received_us": 1, "body": "{}",
    }  # fmt: skip
    return Insert("reading", values | changes)


def intent(name="I-1", **changes):
    values = {
        "tenant": T, "id": name, "key": f"key-{name}", "digest": "d", "session": "S-1", "method": "{}", "version": 1,
        "created_us": 1, "updated_us": 1, "body": "{}",
    }  # fmt: skip
    return Insert("intent", values | changes)


def payment(name="P-1", **changes):
    values = {
        "tenant": T, "id": name, "intent": "I-1", "session": "S-1", "attempt": 1, "provider": "sandbox",
        "account": "main", "funding": "hold", "currency": "EUR", "reference": f"ref-{name}", "authorized": 1000,
        "captured": 600, "captured_reversed": 0, "released": 0, "refunded": 200, "refund_reversed": 0,
        "charged_back": 0, "chargeback_reversed": 0, "over_allowed": 0, "handle": None, "hold": None,
        "expires_us": None, "wake_us": 9, "owner": "w1", "lease_us": 5, "events": 1, "operations": 1, "head": "e1",
        "version": 1, "created_us": 1, "updated_us": 1,
    }  # fmt: skip
    return Insert("payment", values | changes)


def operation(name="O-1", **changes):
    values = {
        "tenant": T, "id": name, "payment": "P-1", "no": 1, "kind": "authorize", "amount": 1000, "currency": "EUR",
        "digest": "d", "reference": f"r-{name}", "idempotency_key": f"k-{name}", "request": "{}", "state": "submitting",
        "attempts": 1, "first_sent_us": 1, "next_us": 2, "outcome": None, "confirmed": None, "provider_ref": None,
        "actor": None, "reason": None, "asked_us": 1, "answered_us": None,
    }  # fmt: skip
    return Insert("operation", values | changes)


def event(no=1, **changes):
    values = {"tenant": T, "payment": "P-1", "no": no, "kind": "authorized", "body": "{}", "at_us": 1, "hash": "e1"}
    return Insert("event", values | changes)


def posting(line=1, **changes):
    values = {
        "tenant": T, "payment": "P-1", "no": 1, "line": line, "debit": "hold", "credit": "driver", "amount": 1000,
        "currency": "EUR",
    }  # fmt: skip
    return Insert("ledger", values | changes)


def receipt(number=1, **changes):
    values = {
        "tenant": T, "series": "A", "number": number, "label": f"A-{number}", "kind": "receipt", "session": "S-1",
        "payment": "P-1", "no": 1, "corrects": None, "key": None, "body": "{}", "hash": "r1", "issued_us": 1,
    }  # fmt: skip
    return Insert("receipt", values | changes)


def debt(**changes):
    values = {
        "tenant": T, "id": "D-1", "session": "S-1", "driver": None, "currency": "EUR", "amount": 10, "collected": 0,
        "status": "open", "reason": "over the hold", "receipt": None, "created_us": 1, "updated_us": 1, "body": "{}",
    }  # fmt: skip
    return Insert("debt", values | changes)


def outbox(no=1):
    return Insert("outbox", {"tenant": T, "subject": "S-1", "no": no, "kind": "k", "body": "{}", "at_us": 1})


def to_payment(guard=None, **changes):
    return Update("payment", {"tenant": T, "id": "P-1"}, {"version": 2} | changes, guard or {"version": 1})


def to_operation(name="O-1", **changes):
    return Update("operation", {"tenant": T, "id": name}, changes)


ROWS = Commit(
    (
        tariff(), session(), reading(), intent(), payment(), operation(),
        operation("O-2", no=2, kind="increment", state="declined"),
        operation("O-3", no=3, kind="increment", state="succeeded"),
        operation("O-4", no=4, kind="capture", amount=600, state="reserved"),
        event(), posting(), receipt(), outbox(),
    )
)  # fmt: skip
"""A session in the middle of its life: one of almost everything."""

BROKEN = {
    "tariff changed": ("tg_tariff_append_only_update", Update("tariff", {"tenant": T, "hash": "h1"}, {"body": "x"})),
    "reading changed": ("tg_reading_append_only_update", Update("reading", {"tenant": T, "at_us": 1}, {"body": "x"})),
    "event changed": ("tg_event_append_only_update", Update("event", {"tenant": T, "no": 1}, {"body": "x"})),
    "posting changed": ("tg_ledger_append_only_update", Update("ledger", {"tenant": T, "line": 1}, {"amount": 1})),
    "receipt changed": ("tg_receipt_append_only_update", Update("receipt", {"tenant": T, "number": 1}, {"body": "x"})),
    "session without tariff": ("fk_session_tariff", session("S-2", tariff="none")),
    "tariff of another tenant": ("fk_session_tariff", session("S-2", tenant="other")),
    "payment without intent": ("fk_payment_intent", payment("P-2", intent="none")),
    "intent of another tenant": ("fk_payment_intent", payment("P-2", tenant="other")),
    "operation without payment": ("fk_operation_payment", operation("O-9", payment="none")),
    "event without payment": ("fk_event_payment", event(payment="none")),
    "posting without event": ("fk_ledger_event", posting(no=2)),
    "negative total": ("ck_payment_totals_not_negative", payment("P-2", attempt=2, released=-1)),
    "reversed more than refunded": ("ck_payment_reversals_within_totals", to_payment(refund_reversed=201)),
    "captured more than held": ("ck_payment_captured_within_hold", to_payment(captured=1001)),
    "captured and released more than held": ("ck_payment_captured_within_hold", to_payment(released=401)),
    "refunded more than captured": ("ck_payment_refunded_within_captured", to_payment(refunded=601)),
    "charged back more than is left": ("ck_payment_refunded_within_captured", to_payment(charged_back=401)),
    "refunded after a reversal": ("ck_payment_refunded_within_captured", to_payment(captured_reversed=401)),
    "open hold that nothing wakes": ("ck_payment_open_hold_wakes", to_payment(wake_us=None)),
    "authorized falls": ("tg_payment_totals_never_fall", to_payment(authorized=999)),
    "captured falls": ("tg_payment_totals_never_fall", to_payment(captured=599)),
    "refunded falls": ("tg_payment_totals_never_fall", to_payment(refunded=199)),
    "version stays": ("tg_payment_version_steps", to_payment(version=1)),
    "version jumps": ("tg_payment_version_steps", to_payment(version=3)),
    "a state nobody knows": ("ck_operation_state_known", to_operation(state="done")),
    "a capture of nothing": ("ck_operation_amount_in_range", operation("O-9", no=9, kind="capture", amount=0)),
    "a negative void": ("ck_operation_amount_in_range", operation("O-9", no=9, kind="void", amount=-1)),
    "an amount beyond 2^53": ("ck_operation_amount_in_range", operation("O-9", no=9, amount=2**53)),
    "a negative confirmation": ("ck_operation_confirmed_in_range", to_operation(confirmed=-1)),
    "declined becomes unknown": ("tg_operation_settled_stays", to_operation("O-2", state="unknown")),
    "succeeded becomes failed": ("tg_operation_settled_stays", to_operation("O-3", state="failed")),
    "succeeded becomes pending": ("tg_operation_settled_stays", to_operation("O-3", state="pending")),
    "posting of nothing": ("ck_ledger_amount_in_range", posting(2, amount=0)),
    "posting to itself": ("ck_ledger_two_sides", posting(2, debit="hold", credit="hold")),
    "receipt number zero": ("ck_receipt_counts_from_one", receipt(0, no=2)),
    "debt of nothing": ("ck_debt_amount_in_range", debt(amount=0)),
    "more collected than owed": ("ck_debt_collected_within_amount", debt(collected=11)),
    "a column without its value": ("payment.currency", payment("P-2", attempt=2, currency=None)),
}
"""What is tried: the rule that forbids it, and the write."""

COLLIDING = {
    "tariff": ("pk_tariff", tariff()),
    "session": ("pk_session", session()),
    "reading": ("pk_reading", reading()),
    "intent of the same key": ("uq_intent_tenant_key", intent("I-2", key="key-I-1")),
    "second first attempt": ("uq_payment_tenant_intent_attempt", payment("P-2")),
    "reference twice at one account": ("uq_payment_tenant_account_reference",
                                       payment("P-2", attempt=2, reference="ref-P-1")),
    "operation of the same number": ("uq_operation_tenant_payment_no", operation("O-9", state="reserved")),
    "event": ("pk_event", event()),
    "posting": ("pk_ledger", posting()),
    "receipt number": ("pk_receipt", receipt(label="other", no=2)),
    "receipt label": ("uq_receipt_tenant_label", receipt(2, label="A-1", no=2)),
    "second receipt for one fact": ("uq_receipt_tenant_payment_no", receipt(2)),
}  # fmt: skip
"""What is there already: the key, and the write."""

ALLOWED = {
    "the same number for another tenant": (tariff(tenant="other"),),
    "a reading of the same instant with another value": (reading(digest="d2"),),
    "a reading before its session": (reading("S-9"),),
    "another attempt": (payment("P-2", attempt=2),),
    "a void beside an operation in flight": (operation("O-9", no=9, kind="void", amount=0),),
    "a second void": (
        operation("O-8", no=8, kind="void", amount=0, state="unknown"),
        operation("O-9", no=9, kind="void", amount=0),
    ),
    "money that comes late": (to_operation("O-2", state="succeeded"),),
    "a reversal": (to_operation("O-3", state="reversed"),),
    "a fact beside a settled state": (to_operation("O-3", provider_ref="ch_1"),),
    "a capture that ends the hold": (to_payment(captured=1000, wake_us=None),),
    "a declared over-capture": (to_payment(over_allowed=100, captured=1100),),
    "receipts that concern no payment": (
        receipt(2, payment=None, no=None),
        receipt(3, payment=None, no=None),
    ),
    "credit notes of different keys": (
        receipt(2, no=2, corrects="A-1", key="a"),
        receipt(3, no=3, corrects="A-1", key="b"),
    ),
}
"""What looks like the forbidden and is right."""

REFUSED = {
    **{name: (ConstraintBroken, {"name": rule}, (write,)) for name, (rule, write) in BROKEN.items()},
    **{name: (AlreadyThere, {"name": key, "table": write.table}, (write,)) for name, (key, write) in COLLIDING.items()},
    "second operation in flight": (SingleFlight, {"payment": "P-1"}, (operation("O-9", no=9),)),
    "reserved operation sent beside another": (
        SingleFlight,
        {"payment": "P-1"},
        (Update("operation", {"tenant": T, "id": "O-4"}, {"state": "unknown"}, {"payment": "P-1"}),),
    ),
    "credit note of the same key": (
        AlreadyThere,
        {"key": {"tenant": T, "corrects": "A-1", "key": "a"}},
        (receipt(2, no=2, corrects="A-1", key="a"), receipt(3, no=3, corrects="A-1", key="a")),
    ),
    "stale version": (GuardMissed, {"table": "payment"}, (to_payment({"version": 7}),)),
    "guard that wants NULL": (GuardMissed, {"table": "payment"}, (to_payment({"owner": None}),)),
    "guard that wants one of others": (GuardMissed, {}, (to_payment({"owner": frozenset({"w2", "w3"})}),)),
    "update of no row": (GuardMissed, {"table": "operation"}, (to_operation("O-9", attempts=2),)),
    "update of more than one row": (GuardMissed, {}, (Update("operation", {"tenant": T}, {"attempts": 2}),)),
}
"""Every refusal: the exception, what it says, and the writes."""

GUARDS = (
    to_payment({"version": 1, "owner": frozenset({"w1", "w2"}), "handle": None}),
    Delete("outbox", {"tenant": T, "subject": "S-1", "no": 1}),
    Delete("outbox", {"tenant": T, "subject": "S-1", "no": 7}),
)
"""Guards of each shape that hold, and a row delivered twice."""
