"""Simple tariffs from a few prices: the work behind `Tariff.per_kwh`."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from evpay.errors import InvalidInput
from evpay.ids import derive_id
from evpay.money import currency_of
from evpay.tariffs.exact import decimal_of, exact_decimal
from evpay.tariffs.model import ComponentKind, Element, PriceComponent, PriceLimit, TaxIncluded, TaxRate

__all__ = ["SimplePrices", "build", "simple_tariff"]

Number = str | int | Decimal
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimplePrices:
    """The prices of a simple tariff: per kWh, per hour, per hour of parking, per session, and its limits."""

    energy: Number | None
    time: Number | None
    parking: Number | None
    flat: Number | None
    low: Number | None
    high: Number | None


def build(model: type[ModelT], fields: Mapping[str, Any]) -> ModelT:
    """Return the model of these fields.

    Raises:
        InvalidInput: `invalid_tariff`, or the code of the first fault, with its path.
    """
    try:
        return model(**fields)
    except InvalidInput as error:
        text = error.message.removeprefix(f"{model.__name__}.{error.path}: ")
        raise InvalidInput(text, code=error.code, path=error.path) from None


def simple_tariff(
    given: SimplePrices, *, currency: str, vat: Number | None, prices: Literal["gross", "net"] | None
) -> dict[str, Any]:
    """Return the fields of a `Tariff` of one element without restrictions.

    Raises:
        InvalidInput: as `Tariff.per_kwh`.
    """
    rate = None if vat is None else exact_decimal(vat)
    tax_included = _tax_included(rate, prices)
    taxes = _taxes(rate, tax_included)
    by_kind = {
        ComponentKind.FLAT: given.flat,
        ComponentKind.ENERGY: given.energy,
        ComponentKind.TIME: given.time,
        ComponentKind.PARKING: given.parking,
    }
    components = tuple(
        PriceComponent(kind=kind, price=exact_decimal(price), taxes=taxes)
        for kind, price in by_kind.items()
        if price is not None
    )
    content = {
        "currency": currency_of(currency).code,
        "elements": (Element(components=components),),
        "tax_included": tax_included,
        "min_price": _limit(given.low, rate, tax_included),
        "max_price": _limit(given.high, rate, tax_included),
    }
    return {"id": derive_id("simple", content["currency"], tax_included, vat, *_canonical_prices(given)), **content}


def _canonical_prices(given: SimplePrices) -> list[str]:
    numbers = (given.energy, given.time, given.parking, given.flat, given.low, given.high)
    return ["" if number is None else str(Fraction(exact_decimal(number))) for number in numbers]


def _tax_included(rate: Decimal | None, prices: str | None) -> TaxIncluded:
    if prices not in {None, "gross", "net"}:
        raise InvalidInput(f"prices={prices!r} is neither 'gross' nor 'net'.", code="prices_unstated", path="prices")
    if rate is None and prices == "net":
        raise InvalidInput(
            "Net prices without a rate: the total including tax cannot be derived. Add vat='19' (or what applies), "
            "or leave prices out if no tax applies.",
            code="tax_unknown",
            path="vat",
        )
    if rate is not None and prices is None:
        raise InvalidInput(
            f"vat={str(rate)!r} is given, but not whether the prices contain it. "
            "Say prices='gross' (they do) or prices='net' (it comes on top).",
            code="prices_unstated",
            path="prices",
        )
    by_word = {None: TaxIncluded.NOT_APPLICABLE, "gross": TaxIncluded.YES, "net": TaxIncluded.NO}
    return by_word[prices]


def _taxes(rate: Decimal | None, tax_included: TaxIncluded) -> tuple[TaxRate, ...] | None:
    if rate is not None:
        return (build(TaxRate, {"percent": rate}),)
    return () if tax_included is TaxIncluded.NOT_APPLICABLE else None


def _limit(price: Number | None, rate: Decimal | None, tax_included: TaxIncluded) -> PriceLimit | None:
    if price is None:
        return None
    bound = exact_decimal(price)
    match tax_included:
        case TaxIncluded.YES:
            return build(PriceLimit, {"after_taxes": bound})
        case TaxIncluded.NO:
            gross = Fraction(bound) * (1 + Fraction(rate or 0) / 100)
            return build(PriceLimit, {"before_taxes": bound, "after_taxes": decimal_of(gross)})
        case _:
            return build(PriceLimit, {"before_taxes": bound, "after_taxes": bound})
