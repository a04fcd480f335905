"""OCPI documents in and out: price a CDR, read and write tariffs.

Versions 2.1.1, 2.2.1 and 2.3.0. Numbers are Decimal, int or text, never float: read files with `read_json`.
What is tolerated leaves a note with a code and a JSON path; what cannot be priced is an `InvalidInput` with both.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.json_text import read_json
from evpay.money import currency_of
from evpay.tariffs.choose import choose
from evpay.tariffs.compile import compile_tariffs
from evpay.tariffs.cost import Cost
from evpay.tariffs.lines import Note
from evpay.tariffs.lookup_notes import lookup_notes
from evpay.tariffs.model import Tariff
from evpay.tariffs.ocpi_cdr import Cdr, read_cdr
from evpay.tariffs.ocpi_tariff import ReadTariff, read_tariff, tariff_version
from evpay.tariffs.ocpi_write import write_tariff
from evpay.tariffs.policy import DEFAULT_POLICY, PricingPolicy
from evpay.tariffs.price import price_periods
from evpay.tariffs.zone import zone_clock

__all__ = [
    "Cdr",
    "ReadTariff",
    "price_cdr",
    "read_cdr",
    "read_json",
    "read_tariff",
    "tariff_version",
    "write_tariff",
]

_KEPT: Final = 128
_KEPT_TEXT: Final = 100_000
_read_before: dict[tuple[str, ...], ReadTariff] = {}

Offered = Tariff | Mapping[str, Any]


def price_cdr(
    cdr: Mapping[str, Any],
    tariffs: Offered | Sequence[Offered] | None = None,
    *,
    time_zone: str | None = None,
    reservation_expired: bool = False,
    policy: PricingPolicy = DEFAULT_POLICY,
) -> Cost:
    """Return what the session of an OCPI CDR costs.

    Without `tariffs` those inside the CDR are used. Each period has the tariff it names, else the one valid at the
    start of the session. `time_zone` is the site's (`Europe/Oslo`); only prices by local time need it, and records of
    OCPI 2.1.1 may have it. `reservation_expired`: the driver did not come, which no field of OCPI says.

    Raises:
        InvalidInput: with a stable code and the JSON path of what is malformed or cannot be priced.

    >>> cost = price_cdr(read_json('''{"currency": "EUR", "total_energy": 20,
    ...     "start_date_time": "2026-07-01T10:00:00Z", "end_date_time": "2026-07-01T11:00:00Z",
    ...     "charging_periods": [{"start_date_time": "2026-07-01T10:00:00Z",
    ...                           "dimensions": [{"type": "ENERGY", "volume": 20}]}]}'''),
    ...     Tariff.per_kwh("0.25", currency="EUR", vat="10", prices="net"))
    >>> str(cost.total_excl), str(cost.total_incl)
    ('5.00 EUR', '5.50 EUR')
    """
    clock = None if time_zone is None else zone_clock(time_zone)
    record = read_cdr(cdr, policy=policy)
    offered, prefix = _offered(record, tariffs)
    read = [_read(document, record, policy, path) for document, path in zip(offered, prefix, strict=True)]
    if not read:
        raise InvalidInput("There is no tariff in the CDR, and none was given.", code="no_tariff", path="tariffs")
    choice = choose(record, [item.tariff for item in read], policy=policy, sole=tariffs is not None and len(read) == 1)
    used = [read[index] for index in choice.used]
    compiled = compile_tariffs([item.tariff for item in used], policy, paths=[prefix[index] for index in choice.used])
    _require_currency(record, compiled.currency)
    if clock is None and compiled.axes.local and record.time_zone is not None:
        clock = zone_clock(record.time_zone)
    notes = [*record.notes, *choice.notes, *(note for item in used for note in item.notes)]
    if reservation_expired and all(period.period.reserved is None for period in record.periods):
        notes.append(Note(code="no_reservation", message="The record has no reservation that could have expired."))
    notes += lookup_notes(compiled, record, clock)
    return price_periods(
        compiled,
        [period.period for period in record.periods],
        clock=clock,
        start_us=record.start_us,
        expired=reservation_expired,
        notes=notes,
    )


def _offered(record: Cdr, tariffs: Offered | Sequence[Offered] | None) -> tuple[list[Offered], list[str]]:
    if tariffs is None:
        offered: list[Offered] = list(record.tariffs)
    elif isinstance(tariffs, Tariff | Mapping):
        offered = [tariffs]
    elif isinstance(tariffs, list | tuple):
        offered = list(tariffs)
    else:
        raise InvalidInput(f"Tariffs are objects, not {type(tariffs).__name__}.", code="wrong_type", path="tariffs")
    if tariffs is not None and len(offered) == 1:
        return offered, [""]
    return offered, [f"tariffs[{index}]" for index in range(len(offered))]


def _read(document: Offered, record: Cdr, policy: PricingPolicy, path: str) -> ReadTariff:
    if isinstance(document, Tariff):
        return ReadTariff(tariff=document, version=record.version, notes=())
    key = _key(document, record.version, policy, path)
    known = None if key is None else _read_before.get(key)
    if known is None:
        known = read_tariff(document, least_version=record.version, policy=policy, path=path)
        if key is not None:
            if len(_read_before) >= _KEPT:
                _read_before.clear()
            _read_before[key] = known
    return known


def _key(document: Mapping[str, Any], version: str, policy: PricingPolicy, path: str) -> tuple[str, ...] | None:
    """Return what tells a tariff apart, digit for digit and type for type; None for what is not kept."""
    try:
        text = json.dumps(document, default=_digits)
    except (TypeError, ValueError, RecursionError):
        return None
    return (text, version, policy.missing_tax_included, path) if len(text) <= _KEPT_TEXT else None


def _require_currency(record: Cdr, currency: str) -> None:
    try:
        known = currency_of(record.currency).code
    except InvalidInput as error:
        raise InvalidInput(error.message, code=error.code, path="currency") from error
    if known != currency:
        raise InvalidInput(
            f"The CDR is in {record.currency}, its tariff in {currency}: evpay never converts currencies.",
            code="currency_mismatch",
            path="currency",
        )


def _digits(number: object) -> list[str]:
    if isinstance(number, Decimal):
        return ["Decimal", str(number)]
    raise TypeError
