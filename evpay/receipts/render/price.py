"""The price of a receipt in words: what each line charges, the total, and the taxes in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from evpay.money import Money, from_minor, round_fraction, to_minor, total
from evpay.receipts.model import Receipt, ReceiptKind, TaxShare
from evpay.receipts.render.clean import clean
from evpay.receipts.render.figures import Figures
from evpay.tariffs.cost import Cost
from evpay.tariffs.lines import CostLine, LineKind
from evpay.tariffs.ticks import TICKS_PER_SECOND, TICKS_PER_UNIT

__all__ = ["PriceLine", "PricePart", "TaxRow", "price_part"]

_TIMES: Final = frozenset({LineKind.TIME, LineKind.PARKING_TIME})
_TOTALS: Final[Mapping[ReceiptKind, str]] = {
    ReceiptKind.RECEIPT: "total",
    ReceiptKind.CREDIT_NOTE: "given_back_total",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One line: what it is for, how it came about, and its amount."""

    label: str
    details: tuple[str, ...]
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRow:
    """One tax, or the sum of them."""

    label: str
    net: str
    tax: str
    gross: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePart:
    """The lines, the total, and the table of taxes with its last row, if there are any."""

    lines: tuple[PriceLine, ...]
    total_label: str
    total: str
    taxes: tuple[TaxRow, ...]
    tax_total: TaxRow | None
    notes: tuple[str, ...]


def price_part(receipt: Receipt, *, words: Mapping[str, str], figures: Figures) -> PricePart:
    """Return the price of a receipt in words."""
    lines = receipt.cost.lines if receipt.cost else ()
    notes = {
        "rounding_note": receipt.cost is not None and _is_shared_out(receipt.cost),
        "shared_net": _untaxed(receipt) < 0,
    }
    return PricePart(
        lines=tuple(_line(line, words, figures) for line in lines),
        total_label=words[_TOTALS[receipt.kind]],
        total=figures.money(receipt.total),
        taxes=_tax_rows(receipt, words, figures),
        tax_total=_tax_total(receipt, words, figures) if receipt.taxes else None,
        notes=tuple(words[name] for name, is_shown in notes.items() if is_shown),
    )


def _line(line: CostLine, words: Mapping[str, str], figures: Figures) -> PriceLine:
    return PriceLine(
        label=words[line.kind.value],
        details=tuple(filter(None, (_quantity_and_price(line, words, figures), _note(line, words, figures)))),
        amount=figures.money(line.amount),
    )


def _quantity_and_price(line: CostLine, words: Mapping[str, str], figures: Figures) -> str:
    if line.unit_price is None:
        return ""
    price = figures.price(line.unit_price, line.currency)
    if line.unit:
        price = f"{price}/{line.unit}"
    if line.tax_percent and not _is_price_as_paid(line):
        price = words["plus_tax"].format(price=price, rate=figures.percent(line.tax_percent))
    return f"{_quantity(line, line.billed_ticks, figures)} × {price}"


def _is_price_as_paid(line: CostLine) -> bool:
    """Say whether the stated price is the one of the amount, so that no tax comes on top of it."""
    return line.fraction == Fraction(line.unit_price or 0) * Fraction(line.billed_ticks, TICKS_PER_UNIT)


def _quantity(line: CostLine, ticks: int, figures: Figures) -> str:
    if line.kind in _TIMES:
        return figures.duration(Fraction(ticks, TICKS_PER_SECOND))
    number = figures.number(Decimal(ticks) / TICKS_PER_UNIT)
    return f"{number} {line.unit}" if line.unit else number


def _note(line: CostLine, words: Mapping[str, str], figures: Figures) -> str:
    if line.unit_price is None:
        return words[f"{line.kind.value}_note"]
    if line.billed_ticks == line.ticks:
        return ""
    used, added = (_quantity(line, ticks, figures) for ticks in (line.ticks, line.billed_ticks - line.ticks))
    return words["step_note"].format(used=used, added=added)


def _is_shared_out(cost: Cost) -> bool:
    """Say whether a line shows something else than its own exact amount, rounded."""
    return any(line.quanta != round_fraction(line.fraction * 10**line.decimals) for line in cost.lines)


def _tax_sum(receipt: Receipt) -> Money:
    return total((tax.amount for tax in receipt.taxes), currency=receipt.total.currency.code)


def _untaxed(receipt: Receipt) -> int:
    """Return what of the total no tax stands on, in minor units; below zero if taxes share a net amount."""
    return to_minor(receipt.total) - sum(to_minor(tax.gross) for tax in receipt.taxes)


def _tax_rows(receipt: Receipt, words: Mapping[str, str], figures: Figures) -> tuple[TaxRow, ...]:
    rows = [
        TaxRow(
            label=_tax_label(tax, words, figures),
            net=figures.money(tax.net),
            tax=figures.money(tax.amount),
            gross=figures.money(tax.gross),
        )
        for tax in receipt.taxes
    ]
    currency = receipt.total.currency.code
    if rows and (rest := _untaxed(receipt)) > 0:
        amount, nothing = (figures.money(from_minor(minor, currency)) for minor in (rest, 0))
        rows.append(TaxRow(label=words["untaxed"], net=amount, tax=nothing, gross=amount))
    return tuple(rows)


def _tax_label(tax: TaxShare, words: Mapping[str, str], figures: Figures) -> str:
    name = words["VAT"] if tax.name == "VAT" else clean(tax.name)
    return name if tax.percent is None else f"{name} {figures.percent(tax.percent)}"


def _tax_total(receipt: Receipt, words: Mapping[str, str], figures: Figures) -> TaxRow:
    tax = _tax_sum(receipt)
    net = from_minor(to_minor(receipt.total) - to_minor(tax), receipt.total.currency.code)
    return TaxRow(
        label=words["total"], net=figures.money(net), tax=figures.money(tax), gross=figures.money(receipt.total)
    )
