"""A receipt in words: what every readable format shows, in order, with all text of others made harmless."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from evpay.receipts.model import Receipt, ReceiptKind
from evpay.receipts.render.clean import clean
from evpay.receipts.render.figures import Figures, figures_for
from evpay.receipts.render.payment import PaymentPart, payment_part
from evpay.receipts.render.price import PricePart, price_part
from evpay.receipts.render.words import words_for
from evpay.sessions.model import Connector

__all__ = ["Page", "Row", "page_of"]

Row = tuple[str, str]
"""A label and its value."""

_TITLES: Final[Mapping[ReceiptKind, str]] = {ReceiptKind.RECEIPT: "receipt", ReceiptKind.CREDIT_NOTE: "credit_note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that is shown, as text of one language; `words` are the headings."""

    language: str
    words: Mapping[str, str]
    title: str
    number: str
    is_test: bool
    seller: str
    seller_details: tuple[str, ...]
    head: tuple[Row, ...]
    session: tuple[Row, ...]
    notes: tuple[str, ...]
    price: PricePart
    payment: PaymentPart
    document: tuple[Row, ...]


def page_of(receipt: Receipt, *, locale: str) -> Page:
    """Return the page of a receipt for readers of `locale`.

    Raises:
        InvalidInput: `unknown_locale`.
    """
    figures = figures_for(locale)
    language, words = words_for(figures.locale.language)
    return Page(
        language=language,
        words=words,
        title=words[_TITLES[receipt.kind]],
        number=clean(receipt.number),
        is_test=receipt.test,
        seller=clean(receipt.seller.name),
        seller_details=_seller_details(receipt, words),
        head=_head(receipt, words, figures),
        session=_session(receipt, words, figures),
        notes=(words["meter_note"],) if _meter_differs(receipt) else (),
        price=price_part(receipt, words=words, figures=figures),
        payment=payment_part(receipt, words=words, figures=figures),
        document=_document(receipt, words),
    )


def _rows(words: Mapping[str, str], values: Mapping[str, str | None]) -> tuple[Row, ...]:
    """Return the rows that have something to show."""
    return tuple((words[name], shown) for name, value in values.items() if value and (shown := clean(value)))


def _seller_details(receipt: Receipt, words: Mapping[str, str]) -> tuple[str, ...]:
    seller = receipt.seller
    vat_id = f"{words['vat_id']} {clean(seller.vat_id)}" if seller.vat_id else ""
    return tuple(filter(None, (clean(seller.address), vat_id, clean(seller.contact or ""))))


def _head(receipt: Receipt, words: Mapping[str, str], figures: Figures) -> tuple[Row, ...]:
    values = {
        "issued": figures.instant(receipt.issued_at, zone=receipt.time_zone),
        "corrects": receipt.corrects,
        "reason": receipt.reason,
    }
    return _rows(words, values)


def _session(receipt: Receipt, words: Mapping[str, str], figures: Figures) -> tuple[Row, ...]:
    begin, end, energy = figures.kwh(receipt.register_begin_wh, receipt.register_end_wh, receipt.energy_wh)
    site, connector = receipt.site, receipt.connector
    values = {
        "site": None if site is None else site.name or site.id,
        "address": None if site is None else site.address,
        "connector": None if connector is None else connector.id,
        "max_power": None if connector is None else _rating(connector, figures),
        "session_id": receipt.session_id,
        **_times(receipt, figures),
        "meter_begin": begin,
        "meter_end": end,
        "energy": energy,
    }
    return _rows(words, values)


def _rating(connector: Connector, figures: Figures) -> str:
    power = connector.max_power_w
    kilowatts = "" if power is None else f"{figures.number(Decimal(power).scaleb(-3))} kW"
    return " ".join(filter(None, (kilowatts, connector.current.value.upper() if connector.current else "")))


def _times(receipt: Receipt, figures: Figures) -> dict[str, str | None]:
    started, charged, ended = receipt.started_at, receipt.charging_ended_at, receipt.ended_at
    shown = {
        "started": started,
        "charging_ended": None if charged == ended else charged,
        "ended": ended,
    }
    times = {name: figures.instant(at, zone=receipt.time_zone) if at else None for name, at in shown.items()}
    if started is None or ended is None:
        return times
    return {**times, "duration": figures.duration(Fraction(int((ended - started).total_seconds())))}


def _meter_differs(receipt: Receipt) -> bool:
    begin, end, energy = receipt.register_begin_wh, receipt.register_end_wh, receipt.energy_wh
    return begin is not None and end is not None and energy is not None and end - begin != energy


def _document(receipt: Receipt, words: Mapping[str, str]) -> tuple[Row, ...]:
    reference = " ".join(filter(None, (receipt.processor, receipt.processor_reference)))
    values = {
        "processor_reference": reference if receipt.processor_reference else None,
        "tariff": receipt.tariff_id,
        "signed_data": str(len(receipt.signed_data)) if receipt.signed_data else None,
        "time_zone": receipt.time_zone,
        "fingerprint": " ".join(receipt.hash[start : start + 4] for start in range(0, 16, 4)),
    }
    return _rows(words, values)
