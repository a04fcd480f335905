"""The parts of a cost as a reader sees them: lines, tax lines, volumes and notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import floor
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.tariffs.exact import decimal_of, exact_decimal, fraction_from_text, fraction_text, plain_text
from evpay.tariffs.ticks import TICKS_PER_UNIT, units_from_ticks

__all__ = [
    "CostLine",
    "LineKind",
    "Note",
    "TaxLine",
    "Volume",
    "amount_of",
    "apportion",
    "quanta_from_text",
    "rounded_text",
]


class LineKind(StrEnum):
    """What a line charges for, or which limit it carries out."""

    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"
    RESERVATION_TIME = "RESERVATION_TIME"
    FLAT = "FLAT"
    RESERVATION_FLAT = "RESERVATION_FLAT"
    MIN_PRICE = "MIN_PRICE"
    MAX_PRICE = "MAX_PRICE"


_UNITS: Final[Mapping[LineKind, str]] = {
    LineKind.ENERGY: "kWh",
    LineKind.TIME: "h",
    LineKind.PARKING_TIME: "h",
    LineKind.RESERVATION_TIME: "h",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something a reader of the cost should know; `code` is stable, `path` the place in the document."""

    code: str
    message: str
    path: str | None = None

    def to_json(self) -> dict[str, str]:
        """Return a JSON object."""
        place = {} if self.path is None else {"path": self.path}
        return {"code": self.code, "message": self.message, **place}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Note":
        """Read what `to_json` wrote."""
        return cls(code=document["code"], message=document["message"], path=document.get("path"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What was used of one dimension and what of it is billed, in kWh or hours (sessions for FLAT)."""

    total: Decimal
    billed: Decimal


def amount_of(quanta: int, *, decimals: int, currency: str) -> Money:
    """Return a whole number of `10**-decimals` as money.

    Raises:
        InvalidInput: `excess_decimals` if it was rounded finer than the currency can be paid.
    """
    return Money(decimal_of(Fraction(quanta, 10**decimals)), currency)


def rounded_text(quanta: int, decimals: int) -> str:
    """Return a whole number of `10**-decimals` as text with exactly those decimals."""
    digits = f"{abs(quanta):0{decimals + 1}d}"
    sign = "-" if quanta < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else sign + digits


def apportion(whole: int, exact: Sequence[Fraction]) -> list[int]:
    """Split a rounded whole over its exact parts: each becomes its own floor or ceiling, ties go to the earlier.

    `whole` must be the sum of the parts rounded to less than one.
    A part that is a whole number already stays as it is, so an untaxed line never receives tax.

    >>> apportion(3, [Fraction(1), Fraction(3, 4), Fraction(3, 4)])
    [1, 1, 1]
    """
    parts = [floor(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])
    for index in by_remainder[: whole - sum(parts)]:
        parts[index] += 1
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """What one price component, or one limit, adds to the total.

    `ticks` was used and `billed_ticks` is charged (see `ticks`); `fraction` is the exact amount, `quanta` its share
    of the rounded total in `10**-decimals`. `unit_price` is as the tariff states it.
    """

    kind: LineKind
    currency: str
    decimals: int
    fraction: Fraction
    quanta: int
    reason: str
    tariff_id: str | None = None
    element: int | None = None
    component: int | None = None
    ticks: int = 0
    billed_ticks: int = 0
    unit_price: Decimal | None = None
    tax_percent: Decimal | None = None

    @property
    def amount(self) -> Money:
        """The line's share of the rounded total."""
        return amount_of(self.quanta, decimals=self.decimals, currency=self.currency)

    @property
    def exact(self) -> Decimal:
        """The exact amount, before rounding."""
        return decimal_of(self.fraction)

    @property
    def volume(self) -> Decimal:
        """What was used: kWh, hours or sessions."""
        return units_from_ticks(self.ticks)

    @property
    def billed_volume(self) -> Decimal:
        """What is charged: the volume and what the step size adds."""
        return units_from_ticks(self.billed_ticks)

    @property
    def unit(self) -> str:
        """`kWh`, `h`, or nothing."""
        return _UNITS.get(self.kind, "")

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; numbers are strings, `37/60` where no decimal is exact."""
        values = {
            "kind": self.kind.value,
            "tariff_id": self.tariff_id,
            "element": self.element,
            "component": self.component,
            "volume": fraction_text(Fraction(self.ticks, TICKS_PER_UNIT)),
            "billed_volume": fraction_text(Fraction(self.billed_ticks, TICKS_PER_UNIT)),
            "unit": self.unit,
            "unit_price": None if self.unit_price is None else plain_text(self.unit_price),
            "tax_percent": None if self.tax_percent is None else plain_text(self.tax_percent),
            "exact": fraction_text(self.fraction),
            "amount": rounded_text(self.quanta, self.decimals),
            "reason": self.reason,
        }
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, currency: str, decimals: int) -> "CostLine":
        """Read what `to_json` wrote."""
        unit_price, tax_percent = document.get("unit_price"), document.get("tax_percent")
        return cls(
            kind=LineKind(document["kind"]),
            currency=currency,
            decimals=decimals,
            fraction=fraction_from_text(document["exact"]),
            quanta=quanta_from_text(document["amount"], decimals),
            reason=document["reason"],
            tariff_id=document.get("tariff_id"),
            element=document.get("element"),
            component=document.get("component"),
            ticks=int(fraction_from_text(document["volume"]) * TICKS_PER_UNIT),
            billed_ticks=int(fraction_from_text(document["billed_volume"]) * TICKS_PER_UNIT),
            unit_price=None if unit_price is None else exact_decimal(unit_price),
            tax_percent=None if tax_percent is None else exact_decimal(tax_percent),
        )


def quanta_from_text(text: object, decimals: int) -> int:
    """Read what `rounded_text` wrote.

    Raises:
        InvalidInput: `malformed_cost`.
    """
    quanta = fraction_from_text(text) * int(10**decimals)
    if quanta.denominator != 1:
        raise InvalidInput(f"{text!r} has more decimals than its cost.", code="malformed_cost")
    return quanta.numerator


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxLine:
    """One tax of the total: on which net amount, how much.

    `percentage` is None where no rate explains the amount any more, because a limit cut it.
    The net of components with several taxes stands at each of them.
    """

    name: str
    percentage: Decimal | None
    currency: str
    decimals: int
    net_quanta: int
    quanta: int

    @property
    def net(self) -> Money:
        """The amount without tax that it was charged on."""
        return amount_of(self.net_quanta, decimals=self.decimals, currency=self.currency)

    @property
    def amount(self) -> Money:
        """The tax."""
        return amount_of(self.quanta, decimals=self.decimals, currency=self.currency)

    @property
    def gross(self) -> Money:
        """Net and this tax."""
        return amount_of(self.net_quanta + self.quanta, decimals=self.decimals, currency=self.currency)

    def to_json(self) -> dict[str, str | None]:
        """Return a JSON object; numbers are strings."""
        return {
            "name": self.name,
            "percentage": None if self.percentage is None else plain_text(self.percentage),
            "net": rounded_text(self.net_quanta, self.decimals),
            "amount": rounded_text(self.quanta, self.decimals),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, currency: str, decimals: int) -> "TaxLine":
        """Read what `to_json` wrote."""
        percentage = document.get("percentage")
        return cls(
            name=document["name"],
            percentage=None if percentage is None else exact_decimal(percentage),
            currency=currency,
            decimals=decimals,
            net_quanta=quanta_from_text(document["net"], decimals),
            quanta=quanta_from_text(document["amount"], decimals),
        )
