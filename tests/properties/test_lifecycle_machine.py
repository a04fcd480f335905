"""A payment under any sequence of operations and outcomes, beside a model that knows nothing of the code under test.

The model is plain integers and the rules in words: a success counts what was confirmed, a contradiction counts nothing,
a later failure is a reversal, a repeat is nothing. The ledger is kept along, and must tell the same.
"""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from evpay.ledger import balances, facts_of, postings
from evpay.money import from_minor
from evpay.payments.account import Funding
from evpay.payments.lifecycle import settle, status
from evpay.payments.outcome import Declined, Failed, Handle, Hold, Pending, Succeeded, Unknown
from evpay.payments.reasons import Reason
from tests.unit.payments.records import operation, payment

KINDS = ["increment", "capture", "capture", "void", "refund", "refund", "chargeback"]
STARTS = ["submitting", "submitting", "unknown", "pending", "reserved", "requires_action"]
amounts = st.integers(0, 12).map(lambda tens: tens * 10)
TOTALS = (
    "authorized", "captured", "captured_reversed", "released", "refunded", "refund_reversed", "charged_back",
    "chargeback_reversed",
)  # fmt: skip


@dataclass
class Asked:
    """What the model remembers of an operation: what was asked, and whether it is done or over."""

    kind: str
    amount: int
    counted: int | None = None
    over: bool = False
    reversed: bool = False


class Model:
    """The money in integers."""

    def __init__(self, funding):
        self.funding = funding
        self.sums = dict.fromkeys(TOTALS, 0)
        self.over_allowed = 0

    def net(self, name):
        undone = {"captured": "captured_reversed", "refunded": "refund_reversed", "charged_back": "chargeback_reversed"}
        return self.sums[name] - (self.sums[undone[name]] if name in undone else 0)

    @property
    def gone(self):
        return self.net("captured") + self.net("released")

    def believes(self, op, amount):
        """Say whether a confirmed amount can be."""
        held, back = self.net("authorized"), self.net("refunded") + self.net("charged_back")
        return {
            "authorize": amount <= op.amount or self.funding is Funding.DEPOSIT,
            "increment": held <= amount <= op.amount,
            "capture": amount == op.amount and amount <= held + self.over_allowed - self.gone,
            "void": amount <= max(held - self.gone, 0),
            "refund": amount == op.amount and amount + back <= self.net("captured"),
            "chargeback": amount + back <= self.net("captured"),
        }[op.kind]

    def succeed(self, op, amount, limit):
        name = {"authorize": "authorized", "increment": "authorized", "capture": "captured", "void": "released",
                "refund": "refunded", "chargeback": "charged_back"}[op.kind]  # fmt: skip
        if op.counted is not None:
            if op.kind == "authorize" and self.funding is Funding.DEPOSIT and not op.reversed and amount > op.counted:
                self.sums[name] += amount - op.counted
                op.counted = amount
            return
        if not self.believes(op, amount):
            return
        self.sums[name] += amount - self.net("authorized") if op.kind == "increment" else amount
        op.counted = amount
        if op.kind in ("authorize", "increment"):
            allowed = max(limit or 0, self.net("authorized"), self.gone)
            self.over_allowed = allowed - self.net("authorized")

    def fail(self, op):
        if op.counted is None:
            return
        name = {"capture": "captured_reversed", "refund": "refund_reversed", "chargeback": "chargeback_reversed"}
        if op.kind not in name or op.reversed:
            return
        back = self.net("refunded") + self.net("charged_back")
        if op.kind == "capture" and self.net("captured") - op.counted < back:
            return
        self.sums[name[op.kind]] += op.counted
        op.reversed = True


class PaymentMachine(RuleBasedStateMachine):
    """Ask for effects, learn of them in any order, as often as one likes."""

    asked = Bundle("asked")

    @initialize(target=asked, funding=st.sampled_from([Funding.HOLD, Funding.HOLD, Funding.DEPOSIT, Funding.ACCOUNT]))
    def begin(self, funding):
        """Every payment begins with its AUTHORIZE."""
        self.model, self.payment, self.lines = Model(funding), payment(funding=funding), []
        self.operations = [operation("authorize", 100)]
        self.mirror = [Asked("authorize", 100)]
        return 0

    @rule(target=asked, kind=st.sampled_from(KINDS), amount=amounts, state=st.sampled_from(STARTS))
    def ask(self, kind, amount, state):
        """Another effect is asked for, or reported as the processor's own."""
        if len(self.operations) == 9:
            return multiple()
        self.operations.append(operation(kind, amount, state, no=len(self.operations) + 1))
        self.mirror.append(Asked(kind, amount))
        return len(self.operations) - 1

    def learn(self, index, outcome):
        before = self.payment
        done = settle(before, self.operations[index], outcome, now_us=7)
        self.payment, self.operations[index] = done.payment, done.operation
        self.lines += postings(
            before.funding,
            done.changes,
            open_before=before.facts.open_hold,
            open_after=done.payment.facts.open_hold,
        )
        return done

    @rule(index=asked, amount=amounts, limit=st.none() | amounts, states_hold=st.booleans())
    def succeed(self, index, amount, limit, states_hold):
        """A success is told, perhaps of another amount than asked, and told again."""
        stated = None if limit is None else from_minor(limit, "EUR")
        hold = Hold(expires=None, capture_limit=stated) if states_hold else None
        outcome = Succeeded(amount=from_minor(amount, "EUR"), hold=hold, handle=Handle(id="h"))
        over = self.model.over_allowed
        self.model.succeed(self.mirror[index], amount, limit)
        if not states_hold:
            self.model.over_allowed = over
        self.learn(index, outcome)
        self.agrees()
        if self.learn(index, outcome).changes:
            raise AssertionError("a repeated success changed something")

    @rule(index=asked, amount=amounts)
    def succeed_as_asked(self, index, amount):
        """A success of exactly what was asked, so that long stories happen."""
        del amount
        self.succeed(index, self.mirror[index].amount, None, states_hold=False)

    @rule(index=asked, outcome=st.sampled_from([Declined(reason=Reason.OTHER), Failed(reason=Reason.OTHER)]))
    def fail(self, index, outcome):
        """A refusal is told; of what had succeeded it is a reversal."""
        self.model.fail(self.mirror[index])
        self.learn(index, outcome)
        self.agrees()
        if self.learn(index, outcome).changes:
            raise AssertionError("a repeated refusal changed something")

    @rule(index=asked, outcome=st.sampled_from([Unknown(detail="lost"), Pending()]))
    def stay_vague(self, index, outcome):
        """Unknown and pending change no facts."""
        if self.learn(index, outcome).changes:
            raise AssertionError("an outcome that proves nothing moved money")

    @rule(index=asked, amount=amounts)
    def succeed_in_another_currency(self, index, amount):
        """Another currency is a contradiction, whatever the amount."""
        if self.learn(index, Succeeded(amount=from_minor(amount, "NOK"))).changes:
            raise AssertionError("another currency moved money")

    def agrees(self):
        """The code and the model count the same."""
        assert self.model.sums == {name: getattr(self.payment.totals, name) for name in TOTALS}
        assert self.model.over_allowed == self.payment.over_allowed

    @invariant()
    def keeps_its_bounds(self):
        """No more is taken than was held and allowed, no more given back than was taken; reversals stay within."""
        if not hasattr(self, "payment"):
            return
        totals, facts = self.payment.totals, self.payment.facts
        assert all(getattr(totals, name) >= 0 for name in TOTALS)
        assert totals.captured_reversed <= totals.captured
        assert totals.refund_reversed <= totals.refunded
        assert totals.chargeback_reversed <= totals.charged_back
        assert facts.captured + facts.released <= facts.authorized + self.payment.over_allowed
        assert facts.refunded + facts.charged_back <= facts.captured
        assert status(facts, self.operations)

    @invariant()
    def keeps_its_books(self):
        """The ledger sums to zero, tells the facts, and its hold is the open hold."""
        if not hasattr(self, "payment"):
            return
        sums = balances(self.lines)
        assert sum(sums.values()) == 0
        assert all(line.amount > 0 for line in self.lines)
        assert facts_of(self.payment.funding, self.lines, currency="EUR") == self.payment.facts
        if self.payment.funding is not Funding.DEPOSIT:
            assert sums.get("hold", 0) == self.payment.facts.open_hold

    @invariant()
    def never_falls(self):
        """No gross total is ever smaller than it was."""
        if not hasattr(self, "payment"):
            return
        now = [getattr(self.payment.totals, name) for name in TOTALS]
        assert all(new >= old for new, old in zip(now, getattr(self, "seen", now), strict=True))
        self.seen = now


TestPayment = PaymentMachine.TestCase
TestPayment.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
