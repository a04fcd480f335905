"""A tariff made ready for pricing: integer prices, tax weights, and one look-up per period for all dimensions.

Prices become whole quanta, `price * 10**scale`; every tax treatment gets two integer weights, so that both totals are
plain integer sums (see `docs/explain/pricing.md`). Tariffs that are used in one session are compiled together.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Final

from evpay.errors import InvalidInput
from evpay.money import round_fraction
from evpay.tariffs.axes import Axes, Mask
from evpay.tariffs.exact import decimals_of
from evpay.tariffs.model import (
    ComponentKind,
    Element,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    Tariff,
)
from evpay.tariffs.policy import DEFAULT_POLICY, PricingPolicy
from evpay.tariffs.tax import TaxGroup, require_tax_known, tax_group
from evpay.tariffs.ticks import TICKS_PER_SECOND, TICKS_PER_UNIT, TICKS_PER_WH

__all__ = [
    "NO_TARIFF",
    "Bound",
    "Candidate",
    "Cell",
    "CompiledTariff",
    "Dimension",
    "compile_tariff",
    "compile_tariffs",
    "refuse_restrictions",
    "require_chargeable",
]

_LEAST_SCALE: Final = 4
_MAX_CELLS: Final = 4096


class Dimension(IntEnum):
    """What is counted in a session, and where it stands in a cell."""

    ENERGY = 0
    TIME = 1
    PARKING_TIME = 2
    RESERVATION_TIME = 3
    FLAT = 4
    RESERVATION_FLAT = 5


_DIMENSIONS: Final[Mapping[ComponentKind, Dimension]] = {
    ComponentKind.ENERGY: Dimension.ENERGY,
    ComponentKind.TIME: Dimension.TIME,
    ComponentKind.PARKING: Dimension.PARKING_TIME,
    ComponentKind.FLAT: Dimension.FLAT,
}
# An element for reservations prices their time and their fee, and nothing else.
_RESERVATION_DIMENSIONS: Final[Mapping[ComponentKind, Dimension]] = {
    ComponentKind.TIME: Dimension.RESERVATION_TIME,
    ComponentKind.FLAT: Dimension.RESERVATION_FLAT,
}
_STEP_TICKS: Final[Mapping[Dimension, int]] = {
    Dimension.ENERGY: TICKS_PER_WH,
    Dimension.TIME: TICKS_PER_SECOND,
    Dimension.PARKING_TIME: TICKS_PER_SECOND,
    Dimension.RESERVATION_TIME: TICKS_PER_SECOND,
    Dimension.FLAT: 0,
    Dimension.RESERVATION_FLAT: 0,
}
_NEVER_LIVE: Final = ("reservation", "parking_free_s", "min_current", "max_current")
_BY_POWER: Final = ("min_power", "max_power")
_BY_LOCAL_TIME: Final = ("start_time", "end_time", "start_date", "end_date", "day_of_week")

NO_TARIFF: Final = -1
"""The tariff of a period that nothing prices."""


class Candidate:
    """A price component that may win: its integer price, its step in ticks and its tax weights (0 if unknown)."""

    __slots__ = ("component", "dimension", "element", "excl_weight", "group", "incl_weight", "index", "masks", "price",
                 "reservation", "step", "tariff")  # fmt: skip

    def __init__(
        self, *, index: int, tariff: int, element: int, component: int, dimension: Dimension, step: int
    ) -> None:
        self.index = index
        self.tariff = tariff
        self.element = element
        self.component = component
        self.dimension = dimension
        self.step = step
        self.masks: tuple[Mask, ...] = ()
        self.reservation: Reservation | None = None
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
    """The tariffs of one session, ready for pricing; `axes` are what their restrictions compare.

    The totals are `excl / excl_den` and `incl / incl_den` with `excl = sum(price * ticks * excl_weight)`.
    """

    __slots__ = ("_cells", "all_known", "axes", "candidates", "currency", "excl_den", "groups", "incl_den", "limits",
                 "policy", "scale", "tariffs")  # fmt: skip

    def __init__(self, tariffs: Sequence[Tariff], policy: PricingPolicy) -> None:
        self.tariffs = tuple(tariffs)
        self.policy = policy
        self.currency = tariffs[0].currency
        self.candidates = tuple(_candidates(self.tariffs))
        self.axes = Axes(_restrictions(self.tariffs), policy)
        for candidate in self.candidates:
            restrictions = tariffs[candidate.tariff].elements[candidate.element].restrictions
            if restrictions is not None:
                candidate.masks = self.axes.masks(restrictions, policy)
                candidate.reservation = restrictions.reservation
        of_candidate = [self._group(candidate) for candidate in self.candidates]
        self.groups = tuple(dict.fromkeys(of_candidate))
        self._cells: dict[int, Cell] = {}
        self.scale = scale = max(_scale(self.tariffs), policy.component_decimals or 0)
        excl_share = lcm(*(group.excl.denominator for group in self.groups if group.excl is not None))
        incl_share = lcm(*(group.incl.denominator for group in self.groups if group.incl is not None))
        self._price(of_candidate, scale, excl_share, incl_share)
        self.excl_den = 10**scale * TICKS_PER_UNIT * excl_share
        self.incl_den = 10**scale * TICKS_PER_UNIT * incl_share
        self.limits = tuple((self._bound(tariff.min_price), self._bound(tariff.max_price)) for tariff in self.tariffs)
        self.all_known = all(group.excl is not None and group.incl is not None for group in self.groups)

    def cell(self, number: int) -> Cell:
        """Return the winners of a cell, filled on first use; filling twice does no harm, so no lock is needed.

        The number is that of `Axes.number`, whose first part is `situation`.
        """
        cell = self._cells.get(number)
        if cell is None:
            if len(self._cells) >= _MAX_CELLS:
                self._cells.clear()
            cell = self._cells[number] = self._winners(number)
        return cell

    @staticmethod
    def situation(tariff: int, *, expired: bool = False) -> int:
        """Return the part of a cell's number that is no axis; a tariff of `NO_TARIFF` prices nothing."""
        return 2 * (tariff + 1) + expired

    def amount(self, candidate: Candidate, ticks: int) -> int:
        """Return what so much of a component costs, as its price is stated, in quanta times ticks."""
        amount, places = candidate.price * ticks, self.policy.component_decimals
        if places is None:
            return amount
        unit: int = 10 ** (self.scale - places) * TICKS_PER_UNIT
        return round_fraction(Fraction(amount, unit), rule=self.policy.rounding) * unit

    def component(self, candidate: Candidate) -> PriceComponent:
        """Return the component of the model that a candidate stands for."""
        return self.tariffs[candidate.tariff].elements[candidate.element].components[candidate.component]

    def _winners(self, number: int) -> Cell:
        first, classes = self.axes.classes(number)
        tariff, expired = divmod(first, 2)
        winners: list[Candidate | None] = [None] * len(Dimension)
        for candidate in self.candidates:
            if candidate.tariff != tariff - 1 or not all(mask >> classes[place] & 1 for place, mask in candidate.masks):
                continue
            before, expires = winners[candidate.dimension], candidate.reservation is Reservation.RESERVATION_EXPIRES
            # Both kinds price an expired reservation; where both have a price, that of the expiry comes first
            # (OCPI 2.3.0, mod_tariffs, ReservationRestrictionType).
            if expires and not expired:
                continue
            if before is None or (expires and before.reservation is Reservation.RESERVATION):
                winners[candidate.dimension] = candidate
        return tuple(winners)

    def _group(self, candidate: Candidate) -> TaxGroup:
        return tax_group(self.tariffs[candidate.tariff], self.component(candidate), self.policy)

    def _price(self, groups: Sequence[TaxGroup], scale: int, excl_share: int, incl_share: int) -> None:
        numbers = {group: number for number, group in enumerate(self.groups)}
        for candidate, group in zip(self.candidates, groups, strict=True):
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
                dimension = (_RESERVATION_DIMENSIONS if _for_reservation(element) else _DIMENSIONS).get(component.kind)
                if dimension is None:
                    continue
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


def _for_reservation(element: Element) -> bool:
    return element.restrictions is not None and element.restrictions.reservation is not None


def _restrictions(tariffs: Sequence[Tariff]) -> list[Restrictions]:
    elements = (element for tariff in tariffs for element in tariff.elements)
    return [element.restrictions for element in elements if element.restrictions is not None]


def _numbers(tariff: Tariff) -> list[Decimal]:
    limits = [limit for limit in (tariff.min_price, tariff.max_price) if limit is not None]
    bounds = [side for limit in limits for side in (limit.before_taxes, limit.after_taxes) if side is not None]
    return bounds + [component.price for element in tariff.elements for component in element.components]


def _scale(tariffs: Sequence[Tariff]) -> int:
    return max(_LEAST_SCALE, *(decimals_of(number) for tariff in tariffs for number in _numbers(tariff)))


def _refuse_unpriced(tariff: Tariff, prefix: str) -> None:
    for index, element in enumerate(tariff.elements):
        if element.restrictions is not None and element.restrictions.parking_free_s is not None:
            raise _unpriced(tariff, index, "parking_free_s", prefix=prefix)


def _unpriced(tariff: Tariff, element: int, name: str, *, prefix: str = "") -> InvalidInput:
    value = getattr(tariff.elements[element].restrictions, name)
    return InvalidInput(
        f"The restriction {name}={value!s} of tariff {tariff.id!r} is not priced here yet. Use a tariff without it.",
        code="unsupported_reservation" if name == "reservation" else "unsupported_restriction",
        path=f"{prefix}elements[{element}].restrictions.{name}",
    )


def compile_tariffs(
    tariffs: Sequence[Tariff], policy: PricingPolicy | None = None, *, paths: Sequence[str] | None = None
) -> CompiledTariff:
    """Return tariffs of one currency, ready for pricing together; the same content is compiled once.

    `paths` are their places in a document, for errors.

    Raises:
        InvalidInput: `unsupported_restriction` with the path of what is not priced yet; `currency_mismatch`;
            `no_tariff` for none at all.
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
    return _compiled(tuple(tariffs), policy or DEFAULT_POLICY)


@lru_cache(maxsize=256)
def _compiled(tariffs: tuple[Tariff, ...], policy: PricingPolicy) -> CompiledTariff:
    return CompiledTariff(tariffs, policy)


def compile_tariff(tariff: Tariff, policy: PricingPolicy | None = None) -> CompiledTariff:
    """Return one tariff, ready for pricing.

    Raises:
        InvalidInput: as `compile_tariffs`.
    """
    return compile_tariffs((tariff,), policy)


def require_chargeable(tariff: Tariff, policy: PricingPolicy | None = None, *, time_zone: str | None = None) -> None:
    """Refuse a tariff that a session must not be started with, because what the driver pays could not be derived.

    Prices by local time need the `time_zone` of the site. Prices by current, and by power unless the policy takes the
    average of each interval, need what readings do not carry; so do reservations.

    Raises:
        InvalidInput: `tax_unknown` if the total including tax cannot be derived; `unsupported_restriction` or
            `unsupported_reservation` for what is not priced yet; each with the path.
    """
    policy = policy or PricingPolicy()
    compile_tariff(tariff, policy)
    refused = set(_NEVER_LIVE) if policy.power_of_interval == "average" else {*_NEVER_LIVE, *_BY_POWER}
    if time_zone is None:
        refused.update(_BY_LOCAL_TIME)
    refuse_restrictions(tariff, refused)
    require_tax_known(tariff, policy)


def refuse_restrictions(tariff: Tariff, names: Collection[str]) -> None:
    """Refuse a tariff with one of these restrictions, which what is known does not suffice to decide.

    Raises:
        InvalidInput: `unsupported_restriction` or `unsupported_reservation`, with the path.
    """
    for index, element in enumerate(tariff.elements):
        for name in element.restrictions.given() if element.restrictions else ():
            if name in names:
                raise _unpriced(tariff, index, name)
