"""How a total came about, for a person to read."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from babel.core import Locale, UnknownLocaleError
from babel.numbers import format_decimal

from evpay.errors import InvalidInput
from evpay.money import format_money
from evpay.tariffs.cost import Cost
from evpay.tariffs.lines import CostLine, LineKind

__all__ = ["explain_cost"]

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "ENERGY": "Energy",
        "TIME": "Charging time",
        "PARKING_TIME": "Parking time",
        "RESERVATION_TIME": "Reservation",
        "FLAT": "Start",
        "RESERVATION_FLAT": "Reservation fee",
        "MIN_PRICE": "Least price",
        "MAX_PRICE": "Greatest price",
        "billed": "billed",
        "total": "Total",
        "net": "without tax",
        "tax": "tax",
        "no_tax": "tax not known",
    },
    "de": {
        "ENERGY": "Energie",
        "TIME": "Ladezeit",
        "PARKING_TIME": "Parkzeit",
        "RESERVATION_TIME": "Reservierung",
        "FLAT": "Startpreis",
        "RESERVATION_FLAT": "Reservierungsgebühr",
        "MIN_PRICE": "Mindestpreis",
        "MAX_PRICE": "Höchstpreis",
        "billed": "berechnet",
        "total": "Summe",
        "net": "ohne Steuer",
        "tax": "Steuer",
        "no_tax": "Steuer nicht bekannt",
    },
}


def explain_cost(cost: Cost, *, locale: str) -> str:
    """Return one line of text per line of the cost, then the totals, taxes and notes.

    Words are English or German, English where there is no translation; numbers are as the locale writes them.

    Raises:
        InvalidInput: `unknown_locale`.
    """
    _require_locale(locale)
    words = _WORDS.get(locale[:2].lower(), _WORDS["en"])
    rows = [_line_text(line, words, locale) for line in cost.lines]
    rows.append(f"{words['total']}: {format_money(cost.total, locale=locale)}")
    if cost.total_excl is not None and cost.tax is not None:
        net, tax = (format_money(side, locale=locale) for side in (cost.total_excl, cost.tax))
        rows[-1] += f" ({words['net']} {net}, {words['tax']} {tax})"
    else:
        rows[-1] += f" ({words['no_tax']})"
    for line in cost.taxes:
        percent = "" if line.percentage is None else f" {_number(line.percentage, locale)} %"
        amount, net = (format_money(side, locale=locale) for side in (line.amount, line.net))
        rows.append(f"{line.name}{percent}: {amount} / {net}")
    rows += [f"{note.code}: {note.message}" for note in cost.notes]
    return "\n".join(rows)


def _line_text(line: CostLine, words: Mapping[str, str], locale: str) -> str:
    amount = format_money(line.amount, locale=locale)
    if line.unit_price is None or line.kind in {LineKind.FLAT, LineKind.RESERVATION_FLAT}:
        return f"{words[line.kind.value]}: {amount}"
    used, billed = _volume(line.volume, line.unit, locale), _volume(line.billed_volume, line.unit, locale)
    volume = used if used == billed else f"{used} ({words['billed']} {billed})"
    price = f"{_number(line.unit_price, locale)} {line.currency}/{line.unit}"
    return f"{words[line.kind.value]}: {volume} × {price} = {amount}"


def _volume(volume: Decimal, unit: str, locale: str) -> str:
    if unit == "kWh":
        return f"{_number(volume, locale)} kWh"
    seconds = int(volume * 3600 + Decimal("0.5"))
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d} h"


def _number(number: Decimal, locale: str) -> str:
    return str(format_decimal(number, format="#,##0.00####", locale=locale.replace("-", "_")))


def _require_locale(locale: str) -> None:
    try:
        Locale.parse(locale.replace("-", "_"))
    except (ValueError, UnknownLocaleError) as error:
        raise InvalidInput(f"{locale!r} is not a locale such as 'en' or 'de-DE'.", code="unknown_locale") from error
