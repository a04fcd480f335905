"""How a stated price becomes a price without and a price with tax.

Rates of one stack are added; each stack is taken on top of the ones below it (OCPP 2.1, TaxRateType).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Final, assert_never

from evpay.errors import InvalidInput
from evpay.tariffs.model import PriceComponent, PriceLimit, Tariff, TaxIncluded, TaxRate
from evpay.tariffs.policy import PricingPolicy

__all__ = ["TaxGroup", "require_tax_known", "tax_group", "tax_shares"]

# Sales tax is local there and comes on top of what a tariff states (OCPI 2.3.0, mod_tariffs, example 19).
_TAX_ON_TOP: Final = frozenset({"US", "USA", "CA", "CAN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxGroup:
    """One tax treatment: what a stated price is multiplied with for each side; None where that is not known."""

    rates: tuple[TaxRate, ...] | None
    excl: Fraction | None
    incl: Fraction | None


def tax_shares(rates: Sequence[TaxRate]) -> list[Fraction]:
    """Return for each rate the tax on a net price of 1, in the order of the rates.

    >>> tax_shares([TaxRate(percent="5"), TaxRate(percent="10", stack=1)])
    [Fraction(1, 20), Fraction(21, 200)]
    """
    shares: dict[int, Fraction] = {}
    base = Fraction(1)
    by_stack = sorted(range(len(rates)), key=lambda index: rates[index].stack)
    for _, level in groupby(by_stack, key=lambda index: rates[index].stack):
        level_shares = {index: base * Fraction(rates[index].percent) / 100 for index in level}
        base += sum(level_shares.values())
        shares |= level_shares
    return [shares[index] for index in range(len(rates))]


def tax_group(tariff: Tariff, component: PriceComponent, policy: PricingPolicy) -> TaxGroup:
    """Return the tax treatment of a component."""
    rates = _rates(tariff, component, policy)
    factor = None if rates is None else 1 + sum(tax_shares(rates), Fraction(0))
    one = Fraction(1)
    match tariff.tax_included:
        case TaxIncluded.YES:
            return TaxGroup(rates=rates, excl=None if factor is None else 1 / factor, incl=one)
        case TaxIncluded.NO:
            return TaxGroup(rates=rates, excl=one, incl=factor)
        case TaxIncluded.NOT_APPLICABLE:
            return TaxGroup(rates=(), excl=one, incl=one)
        case TaxIncluded.UNSTATED:
            return TaxGroup(rates=None, excl=one, incl=None)
        case _:
            assert_never(tariff.tax_included)


def _rates(tariff: Tariff, component: PriceComponent, policy: PricingPolicy) -> tuple[TaxRate, ...] | None:
    if component.taxes is not None or tariff.tax_included is not TaxIncluded.NO:
        return component.taxes
    if policy.missing_vat == "no_tax":
        return ()
    if policy.missing_vat == "unknown":
        return None
    any_rate = any(other.taxes for element in tariff.elements for other in element.components)
    on_top = (tariff.country_code or "").upper() in _TAX_ON_TOP
    return None if on_top and not any_rate else ()


def require_tax_known(tariff: Tariff, policy: PricingPolicy) -> None:
    """Refuse a tariff whose total including tax could not be derived.

    Raises:
        InvalidInput: `tax_unknown` with the path of the first component or limit at fault.
    """
    excl_known = True
    for number, element in enumerate(tariff.elements):
        for index, component in enumerate(element.components):
            group = tax_group(tariff, component, policy)
            excl_known = excl_known and group.excl is not None
            if group.incl is None and (component.price or tariff.tax_included is TaxIncluded.UNSTATED):
                raise _unknown(tariff, f"elements[{number}].components[{index}].taxes")
    for name in ("min_price", "max_price"):
        limit: PriceLimit | None = getattr(tariff, name)
        if limit is not None and limit.after_taxes is None and not excl_known:
            raise _unknown(tariff, f"{name}.after_taxes")


def _unknown(tariff: Tariff, path: str) -> InvalidInput:
    return InvalidInput(
        f"The total including tax of tariff {tariff.id!r} cannot be derived, and a driver pays that total. "
        "State the tax (a rate of 0 if there is none) or give prices that include it.",
        code="tax_unknown",
        path=path,
    )
