"""Hand-made cases, and a store of dictionaries that applies commits to them."""

import hashlib
import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from functools import cache
from types import SimpleNamespace

from sqlalchemy import CheckConstraint

from evpay.engine.case import Case
from evpay.engine.conclusion import Lesson, conclude
from evpay.engine.drafts import capture_request, draft_void, make_operation
from evpay.instants import instant
from evpay.ledger import Posting, balances, facts_of
from evpay.money import from_minor
from evpay.payments.account import Capabilities, Funding
from evpay.payments.intent import Snapshot
from evpay.payments.method import PaymentMethod
from evpay.payments.operation import OperationKind, OperationState
from evpay.payments.outcome import Handle
from evpay.payments.policy import Policy
from evpay.payments.records import IntentRecord, ReviewRecord
from evpay.providers import AuthorizeRequest, CompleteRequest, IncrementRequest, RefundRequest
from evpay.sessions.model import Session, Site
from evpay.store.commit import Insert, Numbered, Update
from evpay.store.rows import SessionRecord, operation_from, operation_values, payment_from, payment_values
from evpay.store.schema import metadata
from tests.unit.payments.records import EUR, payment

NOW = 1_782_900_000_000_000
SEES = Capabilities(funding=Funding.HOLD, amounts=None, look_up=True)
BLIND = Capabilities(funding=Funding.HOLD, amounts=None)
RELEASES = Capabilities(funding=Funding.HOLD, amounts=None, look_up=True, releases_remainder=True)
HANDLE = Handle(id="theirs")
_CHECKS = sqlite3.connect(":memory:", check_same_thread=False)


def request_of(record, kind, amount, *, final):
    """Return what makes a request of that kind."""
    money = from_minor(amount, EUR)
    common = {"payment_reference": record.reference, "handle": HANDLE}
    return {
        "authorize": lambda r, k: AuthorizeRequest(
            reference=r, idempotency_key=k, amount=money, method=PaymentMethod("tok")
        ),
        "complete": lambda r, k: CompleteRequest(reference=r, idempotency_key=k, amount=money, **common),
        "increment": lambda r, k: IncrementRequest(
            reference=r, idempotency_key=k, total=money, authorized=from_minor(record.facts.authorized, EUR), **common
        ),
        "capture": capture_request(record, amount=amount, final=final),
        "refund": lambda r, k: RefundRequest(reference=r, idempotency_key=k, amount=money, **common),
    }[kind]


class World:
    """One payment of one intent, its operations, and everything that commits have written about it."""

    def __init__(self, *, session=None, funding=Funding.HOLD, **totals):
        record = payment(funding=funding, wake_us=NOW, created_us=NOW, operations=0, **totals)
        intent = IntentRecord(
            tenant="t", id="I-1", key="k", digest="d", session_id=None, method=PaymentMethod("tok").model_dump_json(),
            body="{}", created_us=NOW, updated_us=NOW,
        )  # fmt: skip
        self.case = Case(snapshot=Snapshot(intent=intent, payments=(record,), operations=()), session=session)
        self.events, self.lines, self.reviews, self.told = [], [], {}, []

    @property
    def payment(self):
        return self.case.snapshot.payment

    def ask(self, kind, amount, state="submitting", *, final=True):
        """Put an operation on record, and return its id."""
        record, no = self.payment, len(self.case.snapshot.operations)
        if kind == "void":
            made = draft_void(self.case.snapshot, record, now_us=NOW).operation
        else:
            made = make_operation(
                record, id=f"O-{no}", kind=OperationKind(kind), amount=amount, now_us=NOW, first=kind == "authorize",
                request_of=request_of(record, kind, amount, final=final),
            )  # fmt: skip
        made = replace(made, state=OperationState(state), attempts=1, first_sent_us=NOW)
        self.case = self.case.after(replace(record, operations=no + 1), made)
        return made.id

    def operation(self, operation_id):
        return self.case.operation(operation_id)

    def learn(self, operation_id, outcome, *, capabilities=SEES, after=timedelta(0), **more):
        """Conclude and apply; return the commit."""
        lesson = Lesson(operation_id=operation_id, outcome=outcome, source="answer", **more)
        now_us = NOW + after // timedelta(microseconds=1)
        commit = conclude(self.case, lesson, capabilities=capabilities, test=True, now_us=now_us)
        for write in () if commit is None else commit.writes:
            self.apply(write)
        return commit

    def apply(self, write):
        match write:
            case Update("payment", key, values, guard):
                assert guard == {"version": self.payment.version}
                assert values["version"] == self.payment.version + 1
                self.case = self.case.after(payment_from(SimpleNamespace(**key, **values), live=False))
            case Update("operation", key, values, guard):
                before = self.operation(key["id"])
                assert guard == {"state": before.state.value, "attempts": before.attempts}
                self.case = self.case.after(self.payment, operation_from(SimpleNamespace(**key, **values)))
            case Insert("event", values):
                self.events.append(values)
            case Insert("ledger", values):
                assert values["no"] == self.events[-1]["no"]
                self.lines.append(Posting(values["debit"], values["credit"], values["amount"]))
            case Insert("review", values, True):
                self.reviews[values["id"]] = values["reason"]
                self.ask_a_person(values)
            case Update("review", key, values, {"closed_us": None}):
                closed = [replace(found, **values) if found.id == key["id"] else found for found in self.case.reviews]
                self.case = replace(self.case, reviews=tuple(closed))
            case Numbered():
                self.told.append(write.seal(1, "").writes[0].values["kind"])
            case Insert("alias", _, True):
                pass
            case _:
                raise AssertionError(f"an unexpected write: {write}")

    def ask_a_person(self, values):
        """As `or_ignore` does: a row that is there stays."""
        if all(found.id != values["id"] for found in self.case.reviews):
            fields = {name: value for name, value in values.items() if name not in ("payment", "subject")}
            asked = ReviewRecord(**fields, payment_id=values["payment"])
            self.case = replace(self.case, reviews=(*self.case.reviews, asked))

    def posted(self):
        return [f"{line.debit}<{line.credit} {line.amount}" for line in self.lines]

    def check(self):
        """What must be true after every commit."""
        record = self.payment
        head = ""
        for no, event in enumerate(self.events, 1):
            head = hashlib.sha256((head + event["body"]).encode()).hexdigest()
            assert (no, head) == (event["no"], event["hash"])
            assert json.loads(event["body"])["kind"] == event["kind"].partition(".")[0]
        assert (len(self.events), head) == (record.events, record.head)
        assert sum(balances(self.lines).values()) == 0
        assert facts_of(record.funding, self.lines, currency=EUR) == record.facts
        assert record.facts.open_hold == 0 or record.wake_us is not None
        assert_constraints("payment", payment_values(record))
        for known in self.case.snapshot.operations:
            assert_constraints("operation", operation_values(known))


def session_of(case, *, admission="allow", status="ready"):
    """The case with a session in that state."""
    at = instant(NOW)
    session = Session(
        id="S-1", tenant="t", status=status, admission=admission, site=Site(id="X"), tariff_id="T", tariff_hash="h",
        started_at=at, created_at=at, updated_at=at,
    )  # fmt: skip
    return replace(case, session=SessionRecord(session=session, policy=Policy(), digest="d"))


@cache
def judgement(table):
    """The SQL by which SQLite judges a row by every CHECK of the schema."""
    rules = [rule for rule in metadata.tables[table].constraints if isinstance(rule, CheckConstraint)]
    columns = ", ".join(f":{column.name} AS {column.name}" for column in metadata.tables[table].columns)
    verdicts = ", ".join(f'({rule.sqltext}) AS "{rule.name}"' for rule in rules)
    return f"SELECT {verdicts} FROM (SELECT {columns})"


def assert_constraints(table, values):
    """As in SQL, a rule over NULL is not broken."""
    found = _CHECKS.execute(judgement(table), values)
    broken = [name[0] for name, verdict in zip(found.description, found.fetchone(), strict=True) if verdict == 0]
    assert not broken, f"{broken}: {values}"
