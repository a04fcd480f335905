"""A tariff made ready for pricing: integer prices, tax weights, and one look-up per period for all dimensions.

Prices become whole quanta, `price * 10**scale`; every tax treatment gets two integer weights, so that both totals are
plain integer sums (see `docs/explain/pricing.md`). Tariffs that are used in one session are compiled together.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Final

from evpay.errors import InvalidInput
from evpay.tariffs.exact import decimals_of
from evpay.tariffs.model import ComponentKind, PriceComponent, PriceLimit, Tariff
from evpay.tariffs.policy import PricingPolicy
from evpay.tariffs.tax import TaxGroup, require_tax_known, tax_group
from evpay.tariffs.ticks import TICKS_PER_SECOND, TICKS_PER_UNIT, TICKS_PER_WH

__all__ = [
    "Bound",
    "Candidate",
    "Cell",
    "CompiledTariff",
    "Dimension",
    "compile_tariff",
    "compile_tariffs",
    "require_chargeable",
]

_LEAST_SCALE: Final = 4
_MAX_CELLS: Final = 4096


class Dimension(IntEnum):
    """What is counted in a session, and where it stands in a cell."""

    ENERGY = 0
    TIME = 1
    PARKING_TIME = 2
    FLAT = 3


_DIMENSIONS: Final[Mapping[ComponentKind, Dimension]] = {
    ComponentKind.ENERGY: Dimension.ENERGY,
    ComponentKind.TIME: Dimension.TIME,
    ComponentKind.PARKING: Dimension.PARKING_TIME,
    ComponentKind.FLAT: Dimension.FLAT,
}
_STEP_TICKS: Final[Mapping[Dimension, int]] = {
    Dimension.ENERGY: TICKS_PER_WH,
    Dimension.TIME: TICKS_PER_SECOND,
    Dimension.PARKING_TIME: TICKS_PER_SECOND,
    Dimension.FLAT: 0,
}


class Candidate:
    """A price component that may win: its integer price, its step in ticks and its tax weights (0 if unknown)."""

    __slots__ = ("component", "dimension", "element", "excl_weight", "group", "incl_weight", "index", "price", "step",
                 "tariff")  # fmt: skip

    def __init__(
        self, *, index: int, tariff: int, element: int, component: int, dimension: Dimension, step: int
    ) -> None:
        self.index = index
        self.tariff = tariff
        self.element = element
        self.component = component
        self.dimension = dimension
        self.step = step
        self.price = 0
        self.group = 0
        self.excl_weight = 0
        self.incl_weight = 0


Cell = tuple[Candidate | None, ...]
"""The winning candidate of each `Dimension`, or None where that dimension costs nothing."""


class Bound:
    """One limit of a tariff, in the units of the two totals; a side that it does not name is None."""

    __slots__ = ("after", "before")

    def __init__(self, before: int | None, after: int | None) -> None:
        self.before = before
        self.after = after


class CompiledTariff:
    """The tariffs of one session, ready for pricing.

    The totals are `excl / excl_den` and `incl / incl_den` with `excl = sum(price * ticks * excl_weight)`.
    """

    __slots__ = ("_cells", "all_known", "candidates", "currency", "excl_den", "groups", "incl_den", "limits", "policy",
                 "tariffs")  # fmt: skip

    def __init__(self, tariffs: Sequence[Tariff], policy: PricingPolicy) -> None:
        self.tariffs = tuple(tariffs)
        self.policy = policy
        self.currency = tariffs[0].currency
        self.candidates = tuple(_candidates(self.tariffs))
        self.groups = tuple(dict.fromkeys(self._group(candidate) for candidate in self.candidates))
        self._cells: dict[int, Cell] = {}
        scale = _scale(self.tariffs)
        excl_share = lcm(*(group.excl.denominator for group in self.groups if group.excl is not None))
        incl_share = lcm(*(group.incl.denominator for group in self.groups if group.incl is not None))
        self._price(scale, excl_share, incl_share)
        self.excl_den = 10**scale * TICKS_PER_UNIT * excl_share
        self.incl_den = 10**scale * TICKS_PER_UNIT * incl_share
        self.limits = tuple((self._bound(tariff.min_price), self._bound(tariff.max_price)) for tariff in self.tariffs)
        self.all_known = all(group.excl is not None and group.incl is not None for group in self.groups)

    def cell(self, number: int) -> Cell:
        """Return the winners of a cell, filled on first use; filling twice does no harm, so no lock is needed.

        The number is that of the tariff now; restrictions will add their axes to it.
        """
        cell = self._cells.get(number)
        if cell is None:
            if len(self._cells) >= _MAX_CELLS:
                self._cells.clear()
            cell = self._cells[number] = self._winners(number)
        return cell

    def component(self, candidate: Candidate) -> PriceComponent:
        """Return the component of the model that a candidate stands for."""
        return self.tariffs[candidate.tariff].elements[candidate.element].components[candidate.component]

    def _winners(self, tariff: int) -> Cell:
        winners: list[Candidate | None] = [None] * len(Dimension)
        for candidate in self.candidates:
            if candidate.tariff == tariff and winners[candidate.dimension] is None:
                winners[candidate.dimension] = candidate
        return tuple(winners)

    def _group(self, candidate: Candidate) -> TaxGroup:
        return tax_group(self.tariffs[candidate.tariff], self.component(candidate), self.policy)

    def _price(self, scale: int, excl_share: int, incl_share: int) -> None:
        numbers = {group: number for number, group in enumerate(self.groups)}
        for candidate in self.candidates:
            group = self._group(candidate)
            candidate.price = int(Fraction(self.component(candidate).price) * 10**scale)
            candidate.group = numbers[group]
            candidate.excl_weight = int((group.excl or 0) * excl_share)
            candidate.incl_weight = int((group.incl or 0) * incl_share)

    def _bound(self, limit: PriceLimit | None) -> Bound | None:
        if limit is None:
            return None
        return Bound(_scaled(limit.before_taxes, self.excl_den), _scaled(limit.after_taxes, self.incl_den))


def _scaled(price: Decimal | None, denominator: int) -> int | None:
    return None if price is None else int(Fraction(price) * denominator)


def _candidates(tariffs: Sequence[Tariff]) -> list[Candidate]:
    found: list[Candidate] = []
    for tariff_index, tariff in enumerate(tariffs):
        for element_index, element in enumerate(tariff.elements):
            for component_index, component in enumerate(element.components):
                dimension = _DIMENSIONS[component.kind]
                candidate = Candidate(
                    index=len(found),
                    tariff=tariff_index,
                    element=element_index,
                    component=component_index,
                    dimension=dimension,
                    step=component.step_size * _STEP_TICKS[dimension],
                )
                found.append(candidate)
    return found


def _numbers(tariff: Tariff) -> list[Decimal]:
    limits = [limit for limit in (tariff.min_price, tariff.max_price) if limit is not None]
    bounds = [side for limit in limits for side in (limit.before_taxes, limit.after_taxes) if side is not None]
    return bounds + [component.price for element in tariff.elements for component in element.components]


def _scale(tariffs: Sequence[Tariff]) -> int:
    return max(_LEAST_SCALE, *(decimals_of(number) for tariff in tariffs for number in _numbers(tariff)))


def _refuse_unpriced(tariff: Tariff, prefix: str) -> None:
    for index, element in enumerate(tariff.elements):
        given = element.restrictions.given() if element.restrictions else {}
        for name, value in given.items():
            code = "unsupported_reservation" if name == "reservation" else "unsupported_restriction"
            raise InvalidInput(
                f"The restriction {name}={value!s} of tariff {tariff.id!r} is not priced yet. "
                "Use a tariff without restrictions.",
                code=code,
                path=f"{prefix}elements[{index}].restrictions.{name}",
            )


def compile_tariffs(
    tariffs: Sequence[Tariff], policy: PricingPolicy | None = None, *, paths: Sequence[str] | None = None
) -> CompiledTariff:
    """Return tariffs of one currency, ready for pricing together; `paths` are their places in a document, for errors.

    Raises:
        InvalidInput: `unsupported_restriction` or `unsupported_reservation` with the path of what is not priced yet;
            `currency_mismatch`; `no_tariff` for none at all.
    """
    if not tariffs:
        raise InvalidInput("There is no tariff to price with.", code="no_tariff")
    for index, tariff in enumerate(tariffs):
        prefix = paths[index] + "." if paths and paths[index] else ""
        _refuse_unpriced(tariff, prefix)
        if tariff.currency != tariffs[0].currency:
            raise InvalidInput(
                f"Tariff {tariff.id!r} is in {tariff.currency}, another of the session in {tariffs[0].currency}: "
                "evpay never converts currencies.",
                code="currency_mismatch",
                path=prefix + "currency",
            )
    return CompiledTariff(tariffs, policy or PricingPolicy())


@lru_cache(maxsize=256)
def compile_tariff(tariff: Tariff, policy: PricingPolicy | None = None) -> CompiledTariff:
    """Return one tariff, ready for pricing; the same content is compiled once.

    Raises:
        InvalidInput: as `compile_tariffs`.
    """
    return compile_tariffs((tariff,), policy)


def require_chargeable(tariff: Tariff, policy: PricingPolicy | None = None) -> None:
    """Refuse a tariff that a session must not be started with, because what the driver pays could not be derived.

    Raises:
        InvalidInput: `tax_unknown` if the total including tax cannot be derived; `unsupported_restriction` or
            `unsupported_reservation` for what is not priced yet; each with the path.
    """
    compile_tariff(tariff, policy)
    require_tax_known(tariff, policy or PricingPolicy())
