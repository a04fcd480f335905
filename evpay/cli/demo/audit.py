"""Three witnesses to the same money: the facts, the ledger, and the processor. Pure: what was read goes in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evpay.ledger import Posting, balances, facts_of
from evpay.money import to_minor
from evpay.payments.facts import MoneyFacts
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Absent, Observation, Succeeded, Unknown
from evpay.payments.records import PaymentRecord

__all__ = ["TOTALS", "Audit", "Line", "Told", "audit", "told_by", "totals_of"]

TOTALS: Final = ("authorized", "captured", "released", "refunded", "charged_back")

Told = Mapping[str, int]
"""The totals that a processor tells, in minor units; those it does not tell are not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One payment at one account, as the three tell it; `processor` is None where it knows no such payment."""

    account: str
    session: str
    currency: str
    facts: Told
    ledger: Told
    processor: Told | None

    @property
    def differences(self) -> tuple[str, ...]:
        """Say where they do not agree."""
        where = f"{self.session} at {self.account}"
        found = [
            f"{where}: the ledger has {name} {self.ledger[name]}, the facts {self.facts[name]}"
            for name in TOTALS
            if self.ledger[name] != self.facts[name]
        ]
        if self.processor is None:
            return (*found, f"{where}: the processor has no such payment") if any(self.facts.values()) else tuple(found)
        found += [
            f"{where}: the processor has {name} {minor}, the facts {self.facts[name]}"
            for name, minor in self.processor.items()
            if minor != self.facts[name]
        ]
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object, amounts in minor units."""
        return {
            "account": self.account,
            "session": self.session,
            "currency": self.currency,
            "facts": dict(self.facts),
            "ledger": dict(self.ledger),
            "processor": None if self.processor is None else dict(self.processor),
            "agrees": not self.differences,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What came of the comparison; `sums` are debits less credits of the whole ledger, by currency."""

    lines: tuple[Line, ...]
    postings: int
    sums: Mapping[str, int]
    strangers: tuple[str, ...] = ()
    balances: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def differences(self) -> tuple[str, ...]:
        """Everything that does not agree, in words."""
        unbalanced = [f"the ledger in {code} sums to {minor}" for code, minor in self.sums.items() if minor]
        return (*(text for line in self.lines for text in line.differences), *unbalanced, *self.strangers)

    @property
    def agrees(self) -> bool:
        """Whether all three tell the same."""
        return not self.differences


def totals_of(entry: object) -> Told:
    """Return the five totals of facts, or of an entry in a processor's books."""
    return {name: getattr(entry, name) for name in TOTALS}


def told_by(observation: Observation | Absent | Unknown) -> Told | None:
    """Return what a look-up tells: complete totals, or what its single reports add up to."""
    if isinstance(observation, Absent):
        return None
    if isinstance(observation, Unknown):
        return {}
    if observation.totals is not None:
        return totals_of(observation.totals)
    told: dict[str, int] = {}
    names = {
        OperationKind.AUTHORIZE: "authorized",
        OperationKind.CAPTURE: "captured",
        OperationKind.REFUND: "refunded",
    }
    for report in observation.reports:
        name = names.get(report.kind)
        if name is not None and isinstance(report.outcome, Succeeded):
            told[name] = told.get(name, 0) + to_minor(report.outcome.amount)
    return told


def audit(
    payments: Iterable[PaymentRecord],
    postings: Sequence[Any],
    told: Mapping[tuple[str, str], Told | None],
    *,
    can_be_strange: bool,
) -> Audit:
    """Compare. `told` is by account and reference; with `can_be_strange` it is all that the processors know."""
    kept = list(payments)
    lines = tuple(_line(payment, postings, told) for payment in kept)
    known = {(payment.account.name, payment.reference) for payment in kept}
    strange = [name for name in told if name not in known] if can_be_strange else []
    by_currency: dict[str, list[Posting]] = {}
    for row in postings:
        by_currency.setdefault(row.currency, []).append(Posting(row.debit, row.credit, row.amount))
    sums = {code: balances(rows) for code, rows in by_currency.items()}
    return Audit(
        lines=lines,
        postings=len(postings),
        sums={code: sum(found.values()) for code, found in sums.items()},
        strangers=tuple(f"{account} has a payment {reference} that is not ours" for account, reference in strange),
        balances={(code, name): minor for code, found in sums.items() for name, minor in found.items()},
    )


def _line(payment: PaymentRecord, postings: Sequence[Any], told: Mapping[tuple[str, str], Told | None]) -> Line:
    own = [Posting(row.debit, row.credit, row.amount) for row in postings if row.payment == payment.id]
    ledger: MoneyFacts = facts_of(payment.funding, own, currency=payment.currency)
    return Line(
        account=payment.account.name,
        session=payment.session_id or payment.intent_id,
        currency=payment.currency,
        facts=totals_of(payment.facts),
        ledger=totals_of(ledger),
        processor=told.get((payment.account.name, payment.reference)),
    )
