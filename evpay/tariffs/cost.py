"""A priced session: what it costs, exactly and rounded, with the reason of each part.

A `Cost` is integers until it is read: lines, taxes and volumes are made when asked for.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.tariffs.exact import decimal_of, fraction_from_text, fraction_text, plain_text
from evpay.tariffs.lines import CostLine, Note, TaxLine, Volume, amount_of, quanta_from_text, rounded_text

__all__ = ["Cost", "Itemised", "Parts", "Totals"]

Ratio = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a cost, once they are made."""

    lines: tuple[CostLine, ...]
    taxes: tuple[TaxLine, ...]
    volumes: Mapping[str, Volume]
    tariff_id: str
    tariff_hash: str


class Totals:
    """The totals of a session: exact as ratios, rounded as whole numbers of `10**-decimals`; None if not derivable."""

    __slots__ = ("currency", "decimals", "excl", "excl_ratio", "incl", "incl_ratio", "step")

    def __init__(
        self,
        currency: str,
        decimals: int,
        step: int,
        excl: int | None,
        incl: int | None,
        excl_ratio: Ratio | None,
        incl_ratio: Ratio | None,
    ) -> None:
        self.currency = currency
        self.decimals = decimals
        self.step = step
        self.excl = excl
        self.incl = incl
        self.excl_ratio = excl_ratio
        self.incl_ratio = incl_ratio


class Itemised(Protocol):
    """What can make the parts of a cost when they are read."""

    def parts(self, totals: Totals) -> Parts:
        """Return the parts; their amounts add up to the totals."""
        ...


class Cost:
    """What a session costs.

    `total` is what the driver pays. The rounded totals were rounded once; `tax` is their difference; lines and taxes
    are shares of them, so lines add up to the total and taxes to `tax`. Exact totals are before rounding.
    A side that cannot be derived is None. Compared by exact values.
    """

    __slots__ = ("_clamped", "_notes", "_parts", "_source", "_totals")

    def __init__(
        self, totals: Totals, *, source: Itemised | Parts, clamped: bool = False, notes: Sequence[Note] = ()
    ) -> None:
        self._totals = totals
        self._clamped = clamped
        self._notes = notes
        self._source = source
        self._parts: Parts | None = None

    @property
    def totals(self) -> Totals:
        """The totals as whole numbers and ratios."""
        return self._totals

    @property
    def currency(self) -> str:
        """The ISO 4217 code."""
        return self._totals.currency

    @property
    def decimals(self) -> int:
        """How many decimals the amounts are written with: the currency's, unless a policy says otherwise."""
        return self._totals.decimals

    @property
    def total_excl(self) -> Money | None:
        """The rounded total without tax."""
        return self._money(self._totals.excl)

    @property
    def total_incl(self) -> Money | None:
        """The rounded total including tax."""
        return self._money(self._totals.incl)

    @property
    def rounded_excl(self) -> Decimal | None:
        """The rounded total without tax as a number, also where it is finer than the currency can be paid."""
        return _rounded(self._totals.excl, self.decimals)

    @property
    def rounded_incl(self) -> Decimal | None:
        """The rounded total including tax as a number."""
        return _rounded(self._totals.incl, self.decimals)

    @property
    def exact_excl(self) -> Decimal | None:
        """The total without tax after the limits and before rounding."""
        return _exact(self._totals.excl_ratio)

    @property
    def exact_incl(self) -> Decimal | None:
        """The total including tax after the limits and before rounding."""
        return _exact(self._totals.incl_ratio)

    @property
    def total(self) -> Money:
        """What the driver pays: the total including tax; where that is not derivable, the total without."""
        quanta = self._totals.incl if self._totals.incl is not None else self._totals.excl
        return amount_of(quanta or 0, decimals=self.decimals, currency=self.currency)

    @property
    def tax(self) -> Money | None:
        """The rounded total including tax less the one without."""
        excl, incl = self._totals.excl, self._totals.incl
        return None if excl is None or incl is None else self._money(incl - excl)

    @property
    def lines(self) -> tuple[CostLine, ...]:
        """One line per price component and limit, with tax where that is derivable, else without."""
        return self._made().lines

    @property
    def taxes(self) -> tuple[TaxLine, ...]:
        """The taxes; they add up to `tax`."""
        return self._made().taxes

    @property
    def volumes(self) -> Mapping[str, Volume]:
        """What was used and what is billed, by dimension (`ENERGY` in kWh, `TIME` and `PARKING_TIME` in hours)."""
        return self._made().volumes

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a reader should know."""
        return tuple(self._notes)

    @property
    def clamped(self) -> bool:
        """Whether a least or greatest price decided the total."""
        return self._clamped

    @property
    def tariff_id(self) -> str:
        """The id of the tariff valid at the start of the session."""
        return self._made().tariff_id

    @property
    def tariff_hash(self) -> str:
        """The hash of that tariff's content."""
        return self._made().tariff_hash

    def with_notes(self, notes: Sequence[Note]) -> "Cost":
        """Return the same cost with these notes before its own."""
        return Cost(self._totals, source=self._source, clamped=self._clamped, notes=(*notes, *self._notes))

    def explain(self, locale: str = "en") -> str:
        """Return how the total came about, as lines of text, with numbers written as `locale` writes them."""
        from evpay.tariffs.explain import explain_cost  # noqa: PLC0415 - loads locale data, needed only for display

        return explain_cost(self, locale=locale)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that keeps every digit; amounts are strings."""
        totals, parts = self._totals, self._made()
        return {
            "currency": totals.currency,
            "decimals": totals.decimals,
            "step": totals.step,
            "total_excl": _rounded_text(totals.excl, totals.decimals),
            "total_incl": _rounded_text(totals.incl, totals.decimals),
            "exact_excl": _ratio_text(totals.excl_ratio),
            "exact_incl": _ratio_text(totals.incl_ratio),
            "tariff_id": parts.tariff_id,
            "tariff_hash": parts.tariff_hash,
            "clamped": self._clamped,
            "lines": [line.to_json() for line in parts.lines],
            "taxes": [tax.to_json() for tax in parts.taxes],
            "volumes": {
                name: {"total": plain_text(volume.total), "billed": plain_text(volume.billed)}
                for name, volume in parts.volumes.items()
            },
            "notes": [note.to_json() for note in self._notes],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | str | bytes) -> "Cost":
        """Read what `to_json` wrote, as an object or as text.

        Raises:
            InvalidInput: `malformed_cost` if it is something else.
        """
        try:
            read = document if isinstance(document, Mapping) else json.loads(document)
            return _read(read)
        except InvalidInput:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"That is not a cost: {error!r}.", code="malformed_cost") from error

    def _made(self) -> Parts:
        if self._parts is None:
            self._parts = self._source if isinstance(self._source, Parts) else self._source.parts(self._totals)
        return self._parts

    def _money(self, quanta: int | None) -> Money | None:
        return None if quanta is None else amount_of(quanta, decimals=self.decimals, currency=self.currency)

    def _values(self) -> tuple[object, ...]:
        totals = self._totals
        ratios = tuple(_fraction(ratio) for ratio in (totals.excl_ratio, totals.incl_ratio))
        return totals.currency, totals.decimals, totals.step, totals.excl, totals.incl, *ratios

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cost):
            return NotImplemented
        return self._values() == other._values() and self._made() == other._made()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        text = (
            _rounded_text(self._totals.incl, self.decimals) or f"{_rounded_text(self._totals.excl, self.decimals)} +tax"
        )
        return f"Cost({text} {self.currency})"

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        return Cost.from_json, (self.to_json(),)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, Cost) else cls.from_json(value),
            serialization=core_schema.plain_serializer_function_ser_schema(Cost.to_json, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del schema, handler
        amount = {"anyOf": [{"type": "string"}, {"type": "null"}]}
        texts = ("currency", "tariff_id", "tariff_hash")
        amounts = ("total_excl", "total_incl", "exact_excl", "exact_incl")
        lists = ("lines", "taxes", "notes")
        return {
            "type": "object",
            "title": "Cost",
            "properties": {
                **{name: {"type": "string"} for name in texts},
                **dict.fromkeys(amounts, amount),
                **{name: {"type": "array", "items": {"type": "object"}} for name in lists},
                "decimals": {"type": "integer"},
                "step": {"type": "integer"},
                "clamped": {"type": "boolean"},
                "volumes": {"type": "object"},
            },
            "required": [*texts, *amounts, *lists, "decimals", "step", "clamped", "volumes"],
        }


def _fraction(ratio: Ratio | None) -> Fraction | None:
    return None if ratio is None else Fraction(*ratio)


def _exact(ratio: Ratio | None) -> Decimal | None:
    return None if ratio is None else decimal_of(Fraction(*ratio))


def _ratio_text(ratio: Ratio | None) -> str | None:
    return None if ratio is None else fraction_text(Fraction(*ratio))


def _rounded_text(quanta: int | None, decimals: int) -> str | None:
    return None if quanta is None else rounded_text(quanta, decimals)


def _rounded(quanta: int | None, decimals: int) -> Decimal | None:
    return None if quanta is None else Decimal(rounded_text(quanta, decimals))


def _read(document: Mapping[str, Any]) -> Cost:
    currency, decimals = document["currency"], document["decimals"]
    sides = [document["total_excl"], document["total_incl"]]
    exact = [document["exact_excl"], document["exact_incl"]]
    ratios = [None if text is None else fraction_from_text(text).as_integer_ratio() for text in exact]
    quanta = [None if text is None else quanta_from_text(text, decimals) for text in sides]
    parts = Parts(
        lines=tuple(CostLine.from_json(line, currency=currency, decimals=decimals) for line in document["lines"]),
        taxes=tuple(TaxLine.from_json(tax, currency=currency, decimals=decimals) for tax in document["taxes"]),
        volumes={
            name: Volume(total=Decimal(volume["total"]), billed=Decimal(volume["billed"]))
            for name, volume in document["volumes"].items()
        },
        tariff_id=document["tariff_id"],
        tariff_hash=document["tariff_hash"],
    )
    totals = Totals(currency, decimals, document["step"], quanta[0], quanta[1], ratios[0], ratios[1])
    notes = tuple(Note.from_json(note) for note in document["notes"])
    return Cost(totals, source=parts, clamped=document["clamped"], notes=notes)
