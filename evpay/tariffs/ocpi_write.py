"""A tariff as OCPI writes it; what a version cannot say is refused, never left out."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.tariffs.exact import MAX_DECIMALS, decimal_of, decimals_of
from evpay.tariffs.model import ComponentKind, Element, PriceComponent, PriceLimit, Restrictions, Tariff, TaxIncluded
from evpay.tariffs.ocpi_tariff import KINDS, VERSIONS
from evpay.tariffs.policy import DEFAULT_POLICY
from evpay.tariffs.tax import tax_group

__all__ = ["write_tariff"]

_TYPES: Final[Mapping[ComponentKind, str]] = {kind: name for name, kind in KINDS.items()}
_NOT_IN_211: Final = frozenset({"min_current", "max_current", "reservation"})
_LIMIT_NAMES: Final = {"2.2.1": ("excl_vat", "incl_vat"), "2.3.0": ("before_taxes", "after_taxes")}


def write_tariff(tariff: Tariff, *, version: str = "2.3.0") -> dict[str, Any]:
    """Return the tariff as an OCPI object, numbers as Decimal.

    `country_code`, `party_id` and `last_updated` are written where the tariff has them; OCPI demands them.

    Raises:
        InvalidInput: `not_expressible` with the path of what that version cannot say; `unknown_version`.
    """
    if version not in VERSIONS:
        raise InvalidInput(f"OCPI {version!r} is not one of {', '.join(VERSIONS)}.", code="unknown_version")
    _refuse_tax_form(tariff, version)
    document = {
        "country_code": tariff.country_code if version != "2.1.1" else None,
        "party_id": tariff.party_id if version != "2.1.1" else None,
        "id": tariff.id,
        "currency": tariff.currency,
        "type": _only_since_221(tariff.type, version, "type"),
        "tariff_alt_text": [{"language": language, "text": text} for language, text in tariff.texts.items()] or None,
        "tariff_alt_url": tariff.alt_url,
        "min_price": _limit(tariff, "min_price", version),
        "max_price": _limit(tariff, "max_price", version),
        "preauthorize_amount": _preauthorize_amount(tariff, version),
        "elements": [_element(tariff, index, version) for index in range(len(tariff.elements))],
        "tax_included": _tax_included(tariff) if version == "2.3.0" else None,
        "start_date_time": _only_since_221(_instant(tariff.valid_from), version, "valid_from"),
        "end_date_time": _only_since_221(_instant(tariff.valid_until), version, "valid_until"),
        "last_updated": _instant(tariff.last_updated),
    }
    return {name: value for name, value in document.items() if value is not None}


def _refused(what: str, version: str, path: str) -> InvalidInput:
    return InvalidInput(f"OCPI {version} cannot say {what}.", code="not_expressible", path=path)


def _only_since_221(value: str | None, version: str, path: str) -> str | None:
    if value is not None and version == "2.1.1":
        raise _refused(f"{path} = {value}", version, path)
    return None if value is None else str(value)


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _refuse_tax_form(tariff: Tariff, version: str) -> None:
    unstated = tariff.tax_included is TaxIncluded.UNSTATED
    if unstated != (version == "2.1.1"):
        what = "that taxes are not stated" if unstated else "which taxes apply"
        raise _refused(what, version, "tax_included")
    if tariff.tax_included is TaxIncluded.YES and version == "2.2.1":
        raise _refused("that prices include tax", version, "tax_included")


def _components(tariff: Tariff) -> list[PriceComponent]:
    return [component for element in tariff.elements for component in element.components]


def _tax_included(tariff: Tariff) -> str:
    # A missing rate means no tax in 2.2.1, but may mean an unknown one in 2.3.0: N/A says what was meant.
    if tariff.tax_included is TaxIncluded.NO and all(component.taxes == () for component in _components(tariff)):
        return TaxIncluded.NOT_APPLICABLE.value
    return tariff.tax_included.value


def _preauthorize_amount(tariff: Tariff, version: str) -> Decimal | None:
    if tariff.preauthorize_amount is not None and version != "2.3.0":
        raise _refused("an amount to hold", version, "preauthorize_amount")
    return tariff.preauthorize_amount


def _element(tariff: Tariff, index: int, version: str) -> dict[str, Any]:
    element: Element = tariff.elements[index]
    path = f"elements[{index}]"
    components = [
        _component(tariff, component, version, f"{path}.components[{number}]")
        for number, component in enumerate(element.components)
    ]
    document: dict[str, Any] = {"price_components": components}
    if element.restrictions is not None:
        document["restrictions"] = _restrictions(element.restrictions, version, f"{path}.restrictions")
    return document


def _component(tariff: Tariff, component: PriceComponent, version: str, path: str) -> dict[str, Any]:
    document: dict[str, Any] = {"type": _TYPES[component.kind], "price": component.price}
    rates = component.taxes or ()
    if len(rates) > 1:
        raise _refused("several taxes on one price", version, f"{path}.taxes")
    if component.taxes is None and version == "2.2.1" and tax_group(tariff, component, DEFAULT_POLICY).incl is None:
        raise _refused("that the tax is not known", version, f"{path}.taxes")
    for rate in rates:
        document["vat"] = rate.percent
    return {**document, "step_size": component.step_size}


def _restrictions(restrictions: Restrictions, version: str, path: str) -> dict[str, Any]:
    given = restrictions.given()
    for name in given:
        if name == "parking_free_s" or (version == "2.1.1" and name in _NOT_IN_211):
            raise _refused(name, version, f"{path}.{name}")
    return {name: _plain(value) for name, value in given.items()}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value


def _limit(tariff: Tariff, name: str, version: str) -> dict[str, Decimal] | None:
    limit: PriceLimit | None = getattr(tariff, name)
    if limit is None:
        return None
    if version == "2.1.1":
        raise _refused(name, version, name)
    before = _before_taxes(tariff, limit, version, name)
    names = _LIMIT_NAMES[version]
    after = {} if limit.after_taxes is None else {names[1]: limit.after_taxes}
    return {names[0]: before, **after}


def _before_taxes(tariff: Tariff, limit: PriceLimit, version: str, name: str) -> Decimal:
    if limit.before_taxes is not None:
        return limit.before_taxes
    groups = {tax_group(tariff, component, DEFAULT_POLICY) for component in _components(tariff)}
    factors = {(group.incl or 0) / group.excl for group in groups if group.excl}
    if len(factors) == 1 and len(groups) == 1 and limit.after_taxes is not None:
        before = decimal_of(Fraction(limit.after_taxes) / factors.pop())
        if decimals_of(before) <= MAX_DECIMALS:
            return before
    raise _refused("a limit by its price with tax alone", version, f"{name}.before_taxes")
