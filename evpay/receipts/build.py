"""From a finished session, or from a refund, to the draft of its document; the store's writer seals it."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from evpay.errors import InvalidInput
from evpay.money import Money, allot, from_minor, to_minor
from evpay.payments.facts import MoneyFacts
from evpay.payments.method import PaymentMethod
from evpay.receipts.model import Receipt, ReceiptKind, Seller, SettlementState, TaxShare
from evpay.sessions.model import Session
from evpay.sessions.readings import MeterReading
from evpay.tariffs.cost import Cost

__all__ = ["draft_credit_note", "draft_receipt", "settlement_of"]

_BRANDS: Final[Mapping[str, str]] = {
    "amex": "American Express",
    "american_express": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "diners_club": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "eftpos",
    "girocard": "girocard",
    "jcb": "JCB",
    "maestro": "Maestro",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
_EXPIRY: Final = re.compile(r"\b(?:\d{1,2}\s?[/.\-]\s?(?:20)?\d{2}|20\d{2}\s?[/.\-]\s?\d{1,2})\b")
_ENDS_IN_FOUR: Final = re.compile(r"(?P<name>.*?)[\s.·•*#-]*(?:\b[xX]{2,}-?)?(?P<last4>\d{4})\Z", re.DOTALL)


def settlement_of(*, total: int, captured: int, confirming: int) -> tuple[SettlementState, int]:
    """Return how the money stands at issue, and what is still owed; all in minor units.

    `confirming` is what was sent to the processor without a final answer yet. What is owed comes before what is
    confirming: a debt has to be acted on.
    """
    due = max(total - captured - confirming, 0)
    if due > 0:
        return SettlementState.DUE, due
    return (SettlementState.CONFIRMING if confirming > 0 else SettlementState.SETTLED), 0


def draft_receipt(
    *,
    session: Session,
    cost: Cost,
    facts: MoneyFacts,
    settlement: SettlementState,
    due: Money,
    seller: Seller,
    issued_at: datetime,
    test: bool,
    method: PaymentMethod | None = None,
    slip: Mapping[str, str] | None = None,
    processor: str | None = None,
    processor_reference: str | None = None,
) -> Receipt:
    """Return the receipt of a session, without number and hashes.

    `slip` is what the processor says of the means of payment (`brand`, `last4`, or `method` in words); it wins over
    `method`, since it names what was really charged.
    """
    label, last4 = _method_label(method, slip or {})
    return Receipt(
        number="",
        kind=ReceiptKind.RECEIPT,
        issued_at=issued_at,
        test=test,
        seller=seller,
        site=session.site,
        connector=session.connector,
        session_id=session.id,
        intent_id=session.intent_id,
        started_at=session.started_at,
        charging_ended_at=session.charging_ended_at,
        ended_at=session.ended_at,
        time_zone=session.site.time_zone,
        energy_wh=session.energy_wh,
        register_begin_wh=_register_at_start(session.first_reading),
        register_end_wh=None if session.last_reading is None else session.last_reading.register_wh,
        cost=cost,
        total=cost.total,
        taxes=_tax_shares(cost),
        settlement=settlement,
        due=due,
        method_label=label,
        last4=last4,
        processor=processor,
        processor_reference=processor_reference,
        tariff_id=session.tariff_id,
        tariff_hash=session.tariff_hash,
        signed_data=session.signed_data,
        previous_hash="",
        hash="",
        **_amounts(facts),
    )


def draft_credit_note(
    *,
    original: Receipt,
    amount: Money,
    reason: str,
    facts: MoneyFacts,
    settlement: SettlementState,
    due: Money,
    issued_at: datetime,
    processor_reference: str | None = None,
    credited: Sequence[Receipt] = (),
) -> Receipt:
    """Return the credit note that gives back `amount` of a receipt, without number and hashes.

    Its taxes are allotted from the receipt's, never computed by rate, so net and tax add up to the amount.
    `credited` are the credit notes that correct the receipt already: the shares are taken from what they left, so
    that all of them together give back exactly the receipt's taxes.

    Raises:
        InvalidInput: `currency_mismatch`, or `nothing_to_credit` for an amount that is not positive.
    """
    _check_credit(amount, original=original)
    return Receipt(
        number="",
        kind=ReceiptKind.CREDIT_NOTE,
        corrects=original.number,
        reason=reason,
        issued_at=issued_at,
        test=original.test,
        seller=original.seller,
        site=original.site,
        connector=original.connector,
        session_id=original.session_id,
        intent_id=original.intent_id,
        started_at=original.started_at,
        charging_ended_at=original.charging_ended_at,
        ended_at=original.ended_at,
        time_zone=original.time_zone,
        total=amount,
        taxes=_credited_taxes(original, amount=to_minor(amount), credited=credited),
        settlement=settlement,
        due=due,
        method_label=original.method_label,
        last4=original.last4,
        processor=original.processor,
        processor_reference=processor_reference,
        tariff_id=original.tariff_id,
        tariff_hash=original.tariff_hash,
        previous_hash="",
        hash="",
        **_amounts(facts),
    )


def _check_credit(amount: Money, *, original: Receipt) -> None:
    currency = original.total.currency.code
    if amount.currency.code != currency:
        raise InvalidInput(
            f"{amount} cannot be credited on {original.number!r}, which is in {currency}: evpay never converts.",
            code="currency_mismatch",
        )
    if amount.amount <= 0:
        raise InvalidInput(f"A credit note gives something back; {amount} is nothing.", code="nothing_to_credit")


def _amounts(facts: MoneyFacts) -> dict[str, Money]:
    names = ("authorized", "captured", "released", "refunded")
    return {name: from_minor(getattr(facts, name), facts.currency) for name in names}


def _register_at_start(first: MeterReading | None) -> Decimal | None:
    """Return the meter's counter at the start; a register read after energy has flowed is not that."""
    return None if first is None or first.energy_wh else first.register_wh


def _tax_shares(cost: Cost) -> tuple[TaxShare, ...]:
    return tuple(TaxShare(name=tax.name, percent=tax.percentage, net=tax.net, amount=tax.amount) for tax in cost.taxes)


def _credited_taxes(original: Receipt, *, amount: int, credited: Sequence[Receipt]) -> tuple[TaxShare, ...]:
    groups = _groups(original)
    whole = _parts(original, groups)
    given = [_parts(note, groups) for note in credited]
    left = [part - sum(note[index] for note in given) for index, part in enumerate(whole)]
    weights = [max(part, 0) for part in left]
    shares = allot(amount, weights if any(weights) else [max(part, 0) for part in whole])
    return _rows(original, groups, shares)


def _groups(receipt: Receipt) -> list[list[int]]:
    """Return the rows of `taxes` that stand on one net amount, by index.

    Where the net amounts add up to more than there is without tax, neighbours of equal net share it.
    """
    net_total = to_minor(receipt.total) - sum(to_minor(tax.amount) for tax in receipt.taxes)
    is_shared = sum(to_minor(tax.net) for tax in receipt.taxes) > net_total
    groups: list[list[int]] = []
    for index, tax in enumerate(receipt.taxes):
        if is_shared and groups and receipt.taxes[groups[-1][0]].net == tax.net:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _parts(receipt: Receipt, groups: Sequence[Sequence[int]]) -> list[int]:
    """Return what the total consists of: per group its net and its taxes, at the end what bears no tax."""
    parts = []
    for group in groups:
        parts.append(to_minor(receipt.taxes[group[0]].net))
        parts += [to_minor(receipt.taxes[index].amount) for index in group]
    return [*parts, to_minor(receipt.total) - sum(parts)]


def _rows(original: Receipt, groups: Sequence[Sequence[int]], shares: Sequence[int]) -> tuple[TaxShare, ...]:
    currency = original.total.currency.code
    rest = iter(shares)
    rows = []
    for group in groups:
        net = from_minor(next(rest), currency)
        for index in group:
            update = {"net": net, "amount": from_minor(next(rest), currency)}
            rows.append(original.taxes[index].model_copy(update=update))
    return tuple(rows)


def _method_label(method: PaymentMethod | None, slip: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return what the driver knows the means of payment by, and its last four digits.

    Never more than four digits and never a date: a printed receipt may show at most the last five digits of a card
    and not its expiry (15 U.S.C. 1681c(g)).
    """
    brand = slip.get("brand") or (method.brand if method else None)
    last4 = slip.get("last4") or (method.last4 if method else None)
    words = slip.get("method") or (method.label if method else None) or ""
    named = _ENDS_IN_FOUR.match(_EXPIRY.sub("", words).strip())
    if last4 is None and named:
        words, last4 = named["name"], named["last4"]
    last4 = last4[-4:] if last4 else None
    name = _BRANDS.get(brand.lower(), brand) if brand else words
    name = _EXPIRY.sub("", name)
    if last4 or sum(letter.isdigit() for letter in name) > 4:
        name = re.sub(r"\d", "", name)
    name = " ".join(name.split())
    return " ".join(filter(None, (name, f"···· {last4}" if last4 else ""))) or None, last4
