"""OCPI charge detail records and sessions, read into periods of whole ticks.

Sources: OCPI 2.1.1-d2 mod_cdrs.md; OCPI 2.2.1-d2 and 2.3.0 mod_cdrs.asciidoc (CdrDimensionType).
"""

from collections.abc import Mapping
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.tariffs.axes import Measured
from evpay.tariffs.countries import ZONE_OF_COUNTRY
from evpay.tariffs.fields import Fields, micros_of
from evpay.tariffs.lines import Note
from evpay.tariffs.policy import PricingPolicy
from evpay.tariffs.price import Period
from evpay.tariffs.ticks import TICKS_PER_SECOND, snap, ticks_from_units

__all__ = ["Cdr", "CdrPeriod", "read_cdr"]

_PRICED: Final[Mapping[str, str]] = {
    "ENERGY": "energy",
    "TIME": "time",
    "PARKING_TIME": "parking",
    "RESERVATION_TIME": "reserved",
}
_MEASURED: Final = ("MIN_CURRENT", "MAX_CURRENT", "MIN_POWER", "MAX_POWER")
_NOT_PRICED: Final[Mapping[str, str]] = {
    "FLAT": "a price per session comes from the tariff",
    "CURRENT": "a momentary value",
    "POWER": "a momentary value",
    "ENERGY_IMPORT": "a reading of the meter, not a volume of the period",
    "ENERGY_EXPORT": "a reading of the meter, not a volume of the period",
    "STATE_OF_CHARGE": "a momentary value",
}
_RESERVATIONS: Final = frozenset({"RESERVATION_EXPIRES", "RESERVATION_OVERTIME"})
_COSTS: Final = ("total_cost", "total_energy_cost", "total_time_cost", "total_parking_cost", "total_fixed_cost")
_ONLY_IN_211: Final = ("stop_date_time", "auth_id", "start_datetime")
_MAX_UNITS: Final = 10**6
_VOLUME_DECIMALS: Final = 40
"""Records written from floats have 17 digits; what is finer than a tick is rounded, with a note."""


class CdrPeriod:
    """One charging period: the tariff it names, where it stands in the document, and what was used."""

    __slots__ = ("path", "period", "tariff_id")

    def __init__(self, *, path: str, period: Period, tariff_id: str | None) -> None:
        self.path = path
        self.period = period
        self.tariff_id = tariff_id


class Cdr:
    """A record that was read: instants in microseconds since 1970, periods in order."""

    __slots__ = ("currency", "end_us", "notes", "periods", "start_us", "tariffs", "time_zone", "version")

    def __init__(self, *, currency: str, start_us: int, end_us: int | None, version: str, notes: list[Note]) -> None:
        self.currency = currency
        self.start_us = start_us
        self.end_us = end_us
        self.version = version
        self.notes = notes
        self.periods: list[CdrPeriod] = []
        self.tariffs: list[Any] = []
        self.time_zone: str | None = None


def read_cdr(document: object, *, policy: PricingPolicy) -> Cdr:
    """Read an OCPI CDR or Session object.

    Raises:
        InvalidInput: with a stable code and the JSON path of the fault.
    """
    notes: list[Note] = []
    fields = Fields(document, "", notes)
    # A Session of OCPI 2.1.1 spells its instants without the underscore (mod_sessions.md).
    old_session = fields.has("start_datetime") and not fields.has("start_date_time")
    start_us = micros_of(fields.moment("start_datetime" if old_session else "start_date_time"))
    cdr = Cdr(
        currency=fields.text("currency"),
        start_us=start_us,
        end_us=_end(fields, start_us),
        version=_version(fields),
        notes=notes,
    )
    cdr.tariffs = [item.document for item in fields.objects("tariffs")]
    if not fields.has("kwh") and not isinstance(fields.document.get("charging_periods"), list | tuple):
        fields.require("charging_periods")  # a Session may have none yet
    within = int(policy.snap_seconds * TICKS_PER_SECOND)
    cdr.periods = [_period(item, within) for item in fields.objects("charging_periods")]
    _check_order(cdr, fields)
    cdr.time_zone = _time_zone(fields)
    if cdr.time_zone is None and policy.zone_from_country:
        cdr.time_zone = _zone_of_country(fields)
    if policy.energy_unit == "detect":
        _take_wh_for_kwh(cdr, fields)
    if fields.document.get("credit") is True:
        fields.note("credit_cdr", "A credit CDR: this is the price of the session, which it gives back.", "credit")
    return cdr


def _end(fields: Fields, start_us: int) -> int | None:
    name = next((name for name in ("stop_date_time", "end_datetime") if fields.has(name)), "end_date_time")
    if not fields.has(name) and fields.has("kwh"):
        return None  # a Session that is still running
    end_us = micros_of(fields.moment(name))
    if end_us < start_us:
        raise InvalidInput("The session ends before it starts.", code="session_ends_early", path=name)
    return end_us


def _time_zone(fields: Fields) -> str | None:
    """Return the time zone of the site, which OCPI 2.1.1 can say in the location; later versions have no field."""
    for name in ("location", "cdr_location"):
        location = fields.document.get(name)
        zone = location.get("time_zone") if isinstance(location, Mapping) else None
        if isinstance(zone, str) and zone:
            return zone
    return None


def _zone_of_country(fields: Fields) -> str | None:
    for name in ("cdr_location", "location"):
        location = fields.document.get(name)
        country = location.get("country") if isinstance(location, Mapping) else None
        zone = ZONE_OF_COUNTRY.get(country) if isinstance(country, str) else None
        if zone is not None:
            fields.note("zone_from_country", f"The time zone is taken to be {zone}, that of {country}.", name)
            return zone
    return None


def _version(fields: Fields) -> str:
    document = fields.document
    tariffs = document.get("tariffs")
    embedded = tariffs if isinstance(tariffs, list | tuple) else ()
    costs = [document.get(name) for name in _COSTS]
    if any(isinstance(cost, Mapping) and "before_taxes" in cost for cost in costs):
        return "2.3.0"
    if any(isinstance(tariff, Mapping) and "tax_included" in tariff for tariff in embedded):
        return "2.3.0"
    return "2.1.1" if any(name in document for name in _ONLY_IN_211) else "2.2.1"


def _period(fields: Fields, within: int) -> CdrPeriod:
    period = Period(start_us=micros_of(fields.moment("start_date_time")))
    seen: set[str] = set()
    measured: dict[str, int] = {}
    for dimension in fields.objects("dimensions"):
        name = dimension.text("type")
        if name in _MEASURED:
            measured[name] = _amount(dimension, name)
            continue
        attribute = _PRICED.get(name)
        if attribute is None:
            _pass_over(dimension, name)
            continue
        if name in seen:
            dimension.note("dimension_repeated", f"{name} stands more than once in this period; added up.")
        seen.add(name)
        ticks = _ticks(dimension, name, within)
        setattr(period, attribute, (getattr(period, attribute) or 0) + ticks)
    if measured:
        period.measured = _measured(measured)
    return CdrPeriod(path=fields.path, period=period, tariff_id=fields.optional_text("tariff_id"))


def _measured(values: Mapping[str, int]) -> Measured:
    """Return least and greatest current and power; where only one of a pair was measured, it is both."""
    low_a, high_a, low_kw, high_kw = (values.get(name) for name in _MEASURED)
    return (
        high_a if low_a is None else low_a,
        low_a if high_a is None else high_a,
        high_kw if low_kw is None else low_kw,
        low_kw if high_kw is None else high_kw,
    )


def _pass_over(dimension: Fields, name: str) -> None:
    if name in _RESERVATIONS:
        raise InvalidInput(
            f"{name}: reservations are not priced yet.", code="unsupported_reservation", path=dimension.path
        )
    if name not in _NOT_PRICED:
        raise InvalidInput(
            f"{name[:40]!r} is no dimension of OCPI that evpay knows, so what it costs is not known.",
            code="unknown_dimension",
            path=dimension.at("type"),
        )
    if not any(note.code == "dimension_not_priced" and note.message.startswith(name + " ") for note in dimension.notes):
        dimension.note("dimension_not_priced", f"{name} prices nothing: {_NOT_PRICED[name]}.")


def _amount(dimension: Fields, name: str) -> int:
    volume = dimension.number("volume", decimals=_VOLUME_DECIMALS)
    if abs(volume) > _MAX_UNITS:
        raise InvalidInput(
            f"{name} of {volume} is beyond any session.", code="absurd_volume", path=dimension.at("volume")
        )
    ticks, exact = ticks_from_units(volume)
    if not exact:
        dimension.note("volume_finer_than_tick", f"{volume} was rounded to 1/3600000000 of a unit.", "volume")
    return ticks


def _ticks(dimension: Fields, name: str, within: int) -> int:
    ticks = _amount(dimension, name)
    if name == "ENERGY":
        return ticks
    if ticks < 0:
        message = f"{name} of {dimension.document['volume']} is negative."
        raise InvalidInput(message, code="negative_time", path=dimension.at("volume"))
    return snap(ticks, within)


def _check_order(cdr: Cdr, fields: Fields) -> None:
    starts = [period.period.start_us for period in cdr.periods]
    if not starts:
        fields.note("no_charging_periods", "The record has no charging periods.", "charging_periods")
        return
    if starts != sorted(starts):
        fields.note(
            "periods_out_of_order", "The charging periods were put in order of their start.", "charging_periods"
        )
        cdr.periods.sort(key=lambda period: period.period.start_us)
    if min(starts) < cdr.start_us or (cdr.end_us is not None and max(starts) > cdr.end_us):
        fields.note("periods_outside_session", "A period starts before or after the session.", "charging_periods")


def _take_wh_for_kwh(cdr: Cdr, fields: Fields) -> None:
    """Divide ENERGY by 1000 if the record's own total is about a thousandth of it, as in records that write Wh."""
    name = "total_energy" if fields.has("total_energy") else "kwh"
    if not fields.has(name):
        return
    total, _ = ticks_from_units(fields.number(name, decimals=_VOLUME_DECIMALS))
    volume = sum(period.period.energy for period in cdr.periods)
    if total <= 0 or not 950 * total <= volume <= 1050 * total:
        return
    for period in cdr.periods:
        period.period.energy = (period.period.energy + 500) // 1000
    fields.note("energy_in_wh", f"ENERGY adds up to about a thousand times {name}: read as Wh.", "charging_periods")
