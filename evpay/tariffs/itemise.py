"""From what was counted to the lines and taxes of a cost; done when they are read, not before."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from evpay.tariffs.compile import Candidate, CompiledTariff, Dimension
from evpay.tariffs.cost import Parts, Totals
from evpay.tariffs.exact import fraction_text
from evpay.tariffs.limits import Limited
from evpay.tariffs.lines import CostLine, LineKind, TaxLine, Volume, apportion
from evpay.tariffs.model import Restrictions
from evpay.tariffs.tax import tax_shares
from evpay.tariffs.ticks import TICKS_PER_SECOND, TICKS_PER_WH, units_from_ticks

__all__ = ["Bill"]

_STEP_UNITS: Final[Mapping[Dimension, tuple[int, str]]] = {
    Dimension.ENERGY: (TICKS_PER_WH, "Wh"),
    Dimension.TIME: (TICKS_PER_SECOND, "s"),
    Dimension.PARKING_TIME: (TICKS_PER_SECOND, "s"),
    Dimension.RESERVATION_TIME: (TICKS_PER_SECOND, "s"),
}
_ONCE: Final[Mapping[Dimension, str]] = {
    Dimension.FLAT: "once per session",
    Dimension.RESERVATION_FLAT: "once per reservation",
}
_LIMIT_REASONS: Final[Mapping[LineKind, str]] = {
    LineKind.MIN_PRICE: "raised to the least price of a session",
    LineKind.MAX_PRICE: "lowered to the greatest price of a session",
}


class Bill:
    """What was counted in one session: ticks per candidate, what the steps add, and the limits that bind."""

    __slots__ = ("compiled", "limited", "session_tariff", "surplus", "used", "volumes")

    def __init__(
        self,
        *,
        compiled: CompiledTariff,
        volumes: Mapping[Candidate, int],
        surplus: Mapping[Candidate, int],
        used: Sequence[int],
        limited: Limited | None,
        session_tariff: int,
    ) -> None:
        self.compiled = compiled
        self.volumes = volumes
        self.surplus = surplus
        self.used = used
        self.limited = limited
        self.session_tariff = session_tariff

    def parts(self, totals: Totals) -> Parts:
        """Return lines that add up to the total that is shown, and taxes that add up to the tax."""
        candidates = sorted(self.volumes, key=lambda candidate: candidate.index)
        exact = [self._exact(candidate, totals) for candidate in candidates]
        limits = self._limit_differences(totals)
        whole = totals.excl if totals.incl is None else totals.incl
        fractions = exact + [difference for _, difference in limits]
        quanta = _in_steps(whole or 0, fractions, totals)
        lines = [
            self._line(candidate, fraction, amount, totals)
            for candidate, fraction, amount in zip(candidates, exact, quanta, strict=False)
        ]
        lines += [
            _limit_line(kind, fraction, amount, totals)
            for (kind, fraction), amount in zip(limits, quanta[len(candidates) :], strict=True)
        ]
        tariff = self.compiled.tariffs[self.session_tariff]
        return Parts(
            lines=tuple(lines),
            taxes=tuple(self._taxes(candidates, quanta, totals)),
            volumes=self._volumes(),
            tariff_id=tariff.id,
            tariff_hash=tariff.hash,
        )

    def _billed(self, candidate: Candidate) -> int:
        return self.volumes[candidate] + self.surplus.get(candidate, 0)

    def _exact(self, candidate: Candidate, totals: Totals) -> Fraction:
        amount = self.compiled.amount(candidate, self._billed(candidate))
        if totals.incl is None:
            return Fraction(amount * candidate.excl_weight, self.compiled.excl_den)
        return Fraction(amount * candidate.incl_weight, self.compiled.incl_den)

    def _limit_differences(self, totals: Totals) -> list[tuple[LineKind, Fraction]]:
        if self.limited is None:
            return []
        gross = totals.incl is not None
        before = self.limited.raw_incl if gross else self.limited.raw_excl
        differences = []
        for kind, excl, incl in self.limited.steps:
            after = incl if gross else excl
            if after is not None and before is not None and after != before:
                differences.append((kind, after - before))
                before = after
        return differences

    def _line(self, candidate: Candidate, fraction: Fraction, quanta: int, totals: Totals) -> CostLine:
        component = self.compiled.component(candidate)
        group = self.compiled.groups[candidate.group]
        return CostLine(
            kind=LineKind[candidate.dimension.name],
            currency=totals.currency,
            decimals=totals.decimals,
            fraction=fraction,
            quanta=quanta,
            reason=self._reason(candidate),
            tariff_id=self.compiled.tariffs[candidate.tariff].id,
            element=candidate.element,
            component=candidate.component,
            ticks=self.volumes[candidate],
            billed_ticks=self._billed(candidate),
            unit_price=component.price,
            tax_percent=sum((rate.percent for rate in group.rates), Decimal(0)) if group.rates else None,
        )

    def _reason(self, candidate: Candidate) -> str:
        restrictions = self.compiled.tariffs[candidate.tariff].elements[candidate.element].restrictions
        where = f"elements[{candidate.element}].price_components[{candidate.component}]{_conditions(restrictions)}"
        if candidate.dimension in _ONCE:
            return f"{where}: {_ONCE[candidate.dimension]}"
        added = self.surplus.get(candidate, 0)
        if not added:
            return f"{where}: as measured"
        ticks, unit = _STEP_UNITS[candidate.dimension]
        extra = fraction_text(Fraction(added, ticks))
        return f"{where}: {extra} {unit} added to reach a whole step of {candidate.step // ticks} {unit}"

    def _taxes(self, candidates: Sequence[Candidate], quanta: Sequence[int], totals: Totals) -> list[TaxLine]:
        if totals.excl is None or totals.incl is None:
            return []
        gross: dict[int, int] = {}
        net_exact: dict[int, Fraction] = {}
        for candidate, amount in zip(candidates, quanta, strict=False):
            stated = self.compiled.amount(candidate, self._billed(candidate))
            net = Fraction(stated * candidate.excl_weight, self.compiled.excl_den)
            net_exact[candidate.group] = net_exact.get(candidate.group, Fraction(0)) + net
            gross[candidate.group] = gross.get(candidate.group, 0) + amount
        return _tax_lines(self.compiled, self.limited, net_exact, gross, totals)

    def _volumes(self) -> dict[str, Volume]:
        extra = [0] * len(Dimension)
        for candidate, ticks in self.surplus.items():
            extra[candidate.dimension] += ticks
        priced = [0] * len(Dimension)
        for candidate, ticks in self.volumes.items():
            priced[candidate.dimension] += ticks
        return {
            dimension.name: Volume(
                total=units_from_ticks(self.used[dimension]),
                billed=units_from_ticks(priced[dimension] + extra[dimension]),
            )
            for dimension in _STEP_UNITS
            if dimension is not Dimension.RESERVATION_TIME or self.used[dimension]
        }


def _conditions(restrictions: Restrictions | None) -> str:
    """Return the restrictions under which a price held, as `(start_time 22:00, end_time 06:00)`."""
    given = {} if restrictions is None else restrictions.given()
    words = [f"{name} {'/'.join(value) if isinstance(value, tuple) else value}" for name, value in given.items()]
    return f" ({', '.join(words)})" if words else ""


def _in_steps(whole: int, fractions: Sequence[Fraction], totals: Totals) -> list[int]:
    unit = Fraction(10**totals.decimals, totals.step)
    return [part * totals.step for part in apportion(whole // totals.step, [part * unit for part in fractions])]


def _limit_line(kind: LineKind, fraction: Fraction, quanta: int, totals: Totals) -> CostLine:
    return CostLine(
        kind=kind,
        currency=totals.currency,
        decimals=totals.decimals,
        fraction=fraction,
        quanta=quanta,
        reason=_LIMIT_REASONS[kind],
    )


def _tax_lines(
    compiled: CompiledTariff,
    limited: Limited | None,
    net_exact: Mapping[int, Fraction],
    gross: Mapping[int, int],
    totals: Totals,
) -> list[TaxLine]:
    entries = [
        (group, rate, net_exact[group] * share)
        for group in sorted(net_exact)
        for rate, share in zip(
            compiled.groups[group].rates or (), tax_shares(compiled.groups[group].rates or ()), strict=True
        )
    ]
    whole = (totals.incl or 0) - (totals.excl or 0)
    raw_tax = sum((tax for _, _, tax in entries), Fraction(0))
    exact_tax = _exact_tax(totals)
    explained = limited is None or not any(note.code == "tax_unattributed" for note in limited.notes)
    if raw_tax == 0 and exact_tax != 0:
        rates = (compiled.groups[0].rates or ()) if explained else ()
        name, percentage = (rates[0].name, rates[0].percent) if len(rates) == 1 else ("tax", None)
        return [_tax_line(totals, name=name, percentage=percentage, net=totals.excl or 0, tax=whole)]
    scale = exact_tax / raw_tax if raw_tax else Fraction(1)
    taxes = _in_steps(whole, [tax * scale for _, _, tax in entries], totals)
    grosses = gross if limited is None else _scaled_gross(compiled, net_exact, totals)
    of_group: dict[int, int] = {}
    for (group, _, _), tax in zip(entries, taxes, strict=True):
        of_group[group] = of_group.get(group, 0) + tax
    return [
        _tax_line(
            totals,
            name=rate.name,
            percentage=rate.percent if explained else None,
            net=grosses[group] - of_group[group],
            tax=tax,
        )
        for (group, rate, _), tax in zip(entries, taxes, strict=True)
    ]


def _exact_tax(totals: Totals) -> Fraction:
    if totals.excl_ratio is None or totals.incl_ratio is None:
        return Fraction(0)
    return Fraction(*totals.incl_ratio) - Fraction(*totals.excl_ratio)


def _scaled_gross(compiled: CompiledTariff, net_exact: Mapping[int, Fraction], totals: Totals) -> dict[int, int]:
    """Return the total with tax, which a limit decided, shared among the tax groups in proportion."""
    weights = [net * (1 + sum(tax_shares(compiled.groups[group].rates or ()))) for group, net in net_exact.items()]
    whole = Fraction(*totals.incl_ratio) if totals.incl_ratio else Fraction(0)
    raw = sum(weights, Fraction(0))
    shares = [whole * weight / raw if raw else Fraction(0) for weight in weights]
    return dict(zip(net_exact, _in_steps(totals.incl or 0, shares, totals), strict=True))


def _tax_line(totals: Totals, *, name: str, percentage: Decimal | None, net: int, tax: int) -> TaxLine:
    return TaxLine(
        name=name,
        percentage=percentage,
        currency=totals.currency,
        decimals=totals.decimals,
        net_quanta=net,
        quanta=tax,
    )
