"""OCPI tariffs in and out: 2.1.1, 2.2.1 and 2.3.0 become the one `Tariff`, and back.

Sources: OCPI 2.1.1-d2 mod_tariffs.md; OCPI 2.2.1-d2 and 2.3.0 mod_tariffs.asciidoc.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.tariffs.fields import Fields
from evpay.tariffs.lines import Note
from evpay.tariffs.model import (
    ComponentKind,
    Element,
    PriceComponent,
    PriceLimit,
    Restrictions,
    Tariff,
    TaxIncluded,
    TaxRate,
)
from evpay.tariffs.policy import DEFAULT_POLICY, PricingPolicy
from evpay.tariffs.simple import build

__all__ = ["KINDS", "VERSIONS", "ReadTariff", "read_tariff", "tariff_version"]

VERSIONS: Final = ("2.1.1", "2.2.1", "2.3.0")

KINDS: Final[Mapping[str, ComponentKind]] = {
    "ENERGY": ComponentKind.ENERGY,
    "TIME": ComponentKind.TIME,
    "PARKING_TIME": ComponentKind.PARKING,
    "FLAT": ComponentKind.FLAT,
}
_V230_FIELDS: Final = ("tax_included", "preauthorize_amount")
_V221_FIELDS: Final = ("country_code", "party_id", "type", "min_price", "max_price", "start_date_time", "end_date_time")
_TARIFF_FIELDS: Final = frozenset(
    {"id", "currency", "elements", "tariff_alt_text", "tariff_alt_url", "energy_mix", "last_updated"}
) | {*_V221_FIELDS, *_V230_FIELDS}
_ELEMENT_FIELDS: Final = frozenset({"price_components", "restrictions"})
_COMPONENT_FIELDS: Final = frozenset({"type", "price", "vat", "step_size"})


def _clock(fields: Fields, name: str) -> str:
    """Return a time of day; 24:00 as an end and seconds of zero are taken as meant."""
    text = fields.text(name)
    meant = "00:00" if name == "end_time" and text in {"24:00", "24:00:00"} else text
    if len(meant) == len("00:00:00") and meant.endswith(":00"):
        meant = meant[:-3]
    if meant != text:
        fields.note("malformed_time", f"{text!r} is no time of OCPI; read as {meant}.", name)
    return meant


def _days(fields: Fields, name: str) -> object:
    """Return the weekdays; lower case is taken as meant, and an empty list restricts nothing."""
    days = fields.require(name)
    if not isinstance(days, list | tuple):
        return days
    meant = [day.upper() if isinstance(day, str) else day for day in days]
    if meant != list(days):
        fields.note("malformed_day", "Weekdays of OCPI are in upper case; taken as meant.", name)
    return meant


_RESTRICTION_READERS: Final[Mapping[str, Callable[[Fields, str], object]]] = {
    "start_time": _clock,
    "end_time": _clock,
    "start_date": Fields.day,
    "end_date": Fields.day,
    "min_kwh": Fields.number,
    "max_kwh": Fields.number,
    "min_current": Fields.number,
    "max_current": Fields.number,
    "min_power": Fields.number,
    "max_power": Fields.number,
    "min_duration": Fields.whole,
    "max_duration": Fields.whole,
    "day_of_week": _days,
    "reservation": Fields.text,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTariff:
    """A tariff that was read, in which version of OCPI, and what was lenient about it."""

    tariff: Tariff
    version: str
    notes: tuple[Note, ...]


def tariff_version(document: Mapping[str, Any]) -> str | None:
    """Return the lowest version of OCPI that has all fields of the tariff, or None if it says nothing."""
    limits = [document.get(name) for name in ("min_price", "max_price")]
    names = {name for limit in limits if isinstance(limit, Mapping) for name in limit}
    if any(name in document for name in _V230_FIELDS) or names & {"before_taxes", "after_taxes"}:
        return "2.3.0"
    return "2.2.1" if _states_vat(document) or any(name in document for name in _V221_FIELDS) else None


def _states_vat(document: Mapping[str, Any]) -> bool:
    components = [item for element in _items(document, "elements") for item in _items(element, "price_components")]
    return any(isinstance(component, Mapping) and "vat" in component for component in components)


def _items(document: object, name: str) -> list[Any]:
    items = document.get(name) if isinstance(document, Mapping) else None
    return list(items) if isinstance(items, list | tuple) else []


def read_tariff(
    document: object,
    *,
    version: str | None = None,
    least_version: str = "2.1.1",
    policy: PricingPolicy = DEFAULT_POLICY,
    path: str = "",
) -> ReadTariff:
    """Read an OCPI tariff object, numbers as Decimal, int or text.

    Without `version` it is told from the fields, but no lower than `least_version`.

    Raises:
        InvalidInput: with a stable code and the JSON path of the fault.
    """
    notes: list[Note] = []
    fields = Fields(document, path, notes)
    if version is None:
        version = max(tariff_version(fields.document) or least_version, least_version)
    elif version not in VERSIONS:
        raise InvalidInput(f"OCPI {version!r} is not one of {', '.join(VERSIONS)}.", code="unknown_version")
    _note_unknown(fields, _TARIFF_FIELDS, "a tariff")
    tax_included = _tax_included(fields, version, policy)
    values: dict[str, Any] = {
        "id": fields.text("id"),
        "currency": fields.text("currency"),
        "elements": tuple(_element(item, version, tax_included) for item in fields.objects("elements")),
        "tax_included": tax_included,
        "min_price": _limit(fields, "min_price", version),
        "max_price": _limit(fields, "max_price", version),
        "preauthorize_amount": fields.optional_number("preauthorize_amount"),
        "valid_from": fields.optional_moment("start_date_time"),
        "valid_until": fields.optional_moment("end_date_time"),
        "type": fields.optional_text("type"),
        "texts": {text.text("language"): text.text("text") for text in fields.objects("tariff_alt_text")},
        "alt_url": fields.optional_text("tariff_alt_url"),
        "country_code": fields.optional_text("country_code"),
        "party_id": fields.optional_text("party_id"),
        "last_updated": fields.optional_moment("last_updated"),
    }
    return ReadTariff(tariff=_built(Tariff, values, path), version=version, notes=tuple(notes))


def _built(model: Any, values: Mapping[str, Any], path: str) -> Any:
    try:
        return build(model, values)
    except InvalidInput as error:
        place = ".".join(part for part in (path, error.path) if part)
        raise InvalidInput(error.message, code=error.code, path=place) from error


def _tax_included(fields: Fields, version: str, policy: PricingPolicy) -> TaxIncluded:
    if version == "2.1.1":
        return TaxIncluded.UNSTATED
    if version == "2.2.1":
        return TaxIncluded.NO
    if not fields.has("tax_included"):
        if policy.missing_tax_included == "error":
            fields.require("tax_included")
        fields.note("missing_tax_included", "The tariff does not say whether taxes are included; read as NO.")
        return TaxIncluded.NO
    text = fields.text("tax_included")
    if text not in {"YES", "NO", "N/A"}:
        raise InvalidInput(
            f"{text[:20]!r} is not YES, NO or N/A.", code="unknown_tax_included", path=fields.at("tax_included")
        )
    return TaxIncluded(text)


def _unknown(fields: Fields, known: frozenset[str]) -> list[str]:
    return [str(name)[:60] for name in fields.document if name not in known]


def _note_unknown(fields: Fields, known: frozenset[str], what: str) -> None:
    for name in _unknown(fields, known):
        fields.note("unknown_field", f"{name!r} is no field of {what} and was left out.", name)


def _element(fields: Fields, version: str, tax_included: TaxIncluded) -> Element:
    for name in _unknown(fields, _ELEMENT_FIELDS):
        if "restrict" in name.lower():
            raise InvalidInput(
                f"{name!r} is no field of a tariff element; 'restrictions' is.",
                code="unknown_field",
                path=fields.at(name),
            )
    _note_unknown(fields, _ELEMENT_FIELDS, "a tariff element")
    components = tuple(_component(item, version, tax_included) for item in fields.objects("price_components"))
    if not components:
        raise InvalidInput(
            "An element has at least one price component.", code="missing_field", path=fields.at("price_components")
        )
    restrictions = fields.object("restrictions")
    return Element(components=components, restrictions=None if restrictions is None else _restrictions(restrictions))


def _component(fields: Fields, version: str, tax_included: TaxIncluded) -> PriceComponent:
    _note_unknown(fields, _COMPONENT_FIELDS, "a price component")
    kind = KINDS.get(fields.text("type"))
    if kind is None:
        raise InvalidInput(
            f"{fields.text('type')[:40]!r} is not one of {', '.join(KINDS)}.",
            code="unknown_component",
            path=fields.at("type"),
        )
    if not fields.has("step_size"):
        fields.note("missing_step_size", "A price component without step_size; read as 1.")
    values = {
        "kind": kind,
        "price": fields.number("price"),
        "taxes": _taxes(fields, version, tax_included),
        "step_size": fields.whole("step_size") if fields.has("step_size") else 1,
    }
    component: PriceComponent = _built(PriceComponent, values, fields.path)
    return component


def _taxes(fields: Fields, version: str, tax_included: TaxIncluded) -> tuple[TaxRate, ...] | None:
    rate = fields.optional_number("vat")
    if tax_included is TaxIncluded.NOT_APPLICABLE:
        if rate is not None:
            fields.note("rate_without_tax", "The tariff says that no tax applies; the rate was left out.", "vat")
        return ()
    if rate is None:
        # In 2.2.1 an omitted vat says that none applies; in 2.3.0 that depends on tax_included and the country.
        return () if version == "2.2.1" else None
    if version == "2.1.1":
        raise InvalidInput("OCPI 2.1.1 has no vat.", code="unknown_field", path=fields.at("vat"))
    built: TaxRate = _built(TaxRate, {"percent": rate}, fields.path)
    return (built,)


def _limit(fields: Fields, name: str, version: str) -> PriceLimit | None:
    limit = fields.object(name)
    if limit is None:
        return None
    own, other = (("excl_vat", "incl_vat"), ("before_taxes", "after_taxes"))[:: 1 if version == "2.2.1" else -1]
    names = own if any(limit.has(field) for field in own) else other
    if names is other and any(limit.has(field) for field in other):
        limit.note(
            "field_of_other_version", f"{names[0]} and {names[1]} are of another version of OCPI; taken as meant."
        )
    before, after = (limit.optional_number(field) for field in names)
    if before is None and after is not None:
        limit.note("missing_before_taxes", "A price limit without its price before taxes.")
    built: PriceLimit = _built(PriceLimit, {"before_taxes": before, "after_taxes": after}, limit.path)
    return built


def _restrictions(fields: Fields) -> Restrictions:
    values: dict[str, object] = {}
    for name in fields.document:
        reader = _RESTRICTION_READERS.get(name)
        if not fields.has(name):
            continue
        if reader is None:
            raise InvalidInput(
                f"{str(name)[:60]!r} is no restriction of OCPI that evpay knows.",
                code="unsupported_restriction",
                path=fields.at(str(name)[:60]),
            )
        values[name] = reader(fields, name)
    restrictions: Restrictions = _built(Restrictions, values, fields.path)
    return restrictions
