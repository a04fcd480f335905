"""The least and the greatest price of a session.

Both limits bind on the total without and on the total with tax, each on its own; first the least, then the greatest
(OCPI 2.3.0, mod_tariffs, Tariff object, `min_price` and `max_price`).
"""

from collections.abc import Sequence
from fractions import Fraction

from evpay.tariffs.compile import Bound, CompiledTariff
from evpay.tariffs.lines import LineKind, Note

__all__ = ["Limited", "apply_limits", "only_tax_factor"]

_UNATTRIBUTED = Note(
    code="tax_unattributed",
    message="A price limit decides the total; no rate of the tariff explains its tax exactly.",
)
_NEGATIVE_TAX = Note(
    code="negative_tax",
    message="The limits would put the total with tax below the total without; it was raised to that.",
)
_NOT_DERIVABLE = Note(
    code="limit_not_derivable",
    message="A price limit is stated for a side of the total that cannot be derived, so the other side is unknown.",
)


class Limited:
    """Totals after the limits, and how they came about; `steps` are the totals after each limit that binds."""

    __slots__ = ("excl", "incl", "notes", "raw_excl", "raw_incl", "steps")

    def __init__(self, excl: Fraction | None, incl: Fraction | None) -> None:
        self.excl = self.raw_excl = excl
        self.incl = self.raw_incl = incl
        self.notes: list[Note] = []
        self.steps: list[tuple[LineKind, Fraction | None, Fraction | None]] = []


def apply_limits(
    compiled: CompiledTariff, limits: Sequence[Bound | None], excl: int | None, incl: int | None
) -> Limited | None:
    """Return the totals within the limits, or None if no limit binds; totals are in the units of `compiled`."""
    low, high = limits
    if not (_binds(low, excl, incl, sign=1) or _binds(high, excl, incl, sign=-1)):
        return None
    limited = Limited(
        None if excl is None else Fraction(excl, compiled.excl_den),
        None if incl is None else Fraction(incl, compiled.incl_den),
    )
    if low is not None:
        _apply(limited, compiled, LineKind.MIN_PRICE, low)
    if high is not None:
        _apply(limited, compiled, LineKind.MAX_PRICE, high)
    _reconcile(limited, compiled)
    return limited


def _binds(bound: Bound | None, excl: int | None, incl: int | None, *, sign: int) -> bool:
    if bound is None:
        return False
    if excl is None or incl is None:
        return True  # one side may have to be derived from the other: decided with care, not fast
    before, after = bound.before, bound.after
    return (before is not None and sign * excl < sign * before) or (after is not None and sign * incl < sign * after)


def _clamped(kind: LineKind, value: Fraction | None, bound: Fraction | None) -> Fraction | None:
    if value is None or bound is None:
        return value
    return max(value, bound) if kind is LineKind.MIN_PRICE else min(value, bound)


def _apply(limited: Limited, compiled: CompiledTariff, kind: LineKind, bound: Bound) -> None:
    before = None if bound.before is None else Fraction(bound.before, compiled.excl_den)
    after = None if bound.after is None else Fraction(bound.after, compiled.incl_den)
    excl, incl = _clamped(kind, limited.excl, before), _clamped(kind, limited.incl, after)
    if after is None:
        incl = _incl_for(limited, compiled, kind, before, excl)
    elif before is None:
        excl = _excl_for(limited, compiled, incl)
    if (excl, incl) != (limited.excl, limited.incl):
        limited.steps.append((kind, excl, incl))
    limited.excl, limited.incl = excl, incl


def _incl_for(
    limited: Limited, compiled: CompiledTariff, kind: LineKind, before: Fraction | None, excl: Fraction | None
) -> Fraction | None:
    if limited.incl is None:
        return None
    if excl is None:
        if kind is LineKind.MAX_PRICE and before is not None and limited.incl <= before:
            return limited.incl  # without tax it is no more than with tax, so the limit cannot bind
        limited.notes.append(_NOT_DERIVABLE)
        return None
    if excl == limited.excl or compiled.policy.bound_without_incl == "leave":
        return limited.incl
    if limited.raw_excl and limited.raw_incl is not None:
        return excl * limited.raw_incl / limited.raw_excl
    return excl


def _excl_for(limited: Limited, compiled: CompiledTariff, incl: Fraction | None) -> Fraction | None:
    """Return the total without tax for a limit that states only the price with tax, which OCPI does not know."""
    if limited.excl is None:
        return None
    if incl is None:
        limited.notes.append(_NOT_DERIVABLE)
        return None
    if incl == limited.incl:
        return limited.excl
    if limited.raw_incl and limited.raw_excl is not None:
        return incl * limited.raw_excl / limited.raw_incl
    factor = only_tax_factor(compiled)
    return incl if factor is None else incl / factor


def only_tax_factor(compiled: CompiledTariff) -> Fraction | None:
    """Return the price with tax of a net price of 1, if all components are taxed alike."""
    factors = {(group.excl, group.incl) for group in compiled.groups}
    if len(factors) != 1:
        return None
    excl, incl = factors.pop()
    return incl / excl if excl and incl else None


def _reconcile(limited: Limited, compiled: CompiledTariff) -> None:
    excl, incl, raw_excl, raw_incl = limited.excl, limited.incl, limited.raw_excl, limited.raw_incl
    if excl is None or incl is None or raw_excl is None or raw_incl is None or not limited.steps:
        return
    if incl < excl and raw_incl >= 0:
        limited.incl = excl
        limited.steps[-1] = (limited.steps[-1][0], excl, excl)
        limited.notes.append(_NEGATIVE_TAX)
    factor = raw_incl / raw_excl if raw_excl else only_tax_factor(compiled)
    if factor is None or limited.incl != excl * factor:
        limited.notes.append(_UNATTRIBUTED)
