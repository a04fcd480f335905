"""A receipt as plain text, at most 72 columns wide: for terminals, printers and mails."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from evpay.receipts.render.clean import pad, width_of, wrap
from evpay.receipts.render.page import Page, Row
from evpay.receipts.render.price import PricePart, TaxRow

__all__ = ["text_of"]

_WIDTH: Final = 72
_INDENT: Final = "  "
_LABEL: Final = 25
_COLUMN: Final = 16


def text_of(page: Page) -> str:
    """Return the page as lines of text, ending in a line feed."""
    blocks = (
        _banner(page),
        [line for text in (page.seller, *page.seller_details) if text for line in wrap(text, _WIDTH)],
        [*wrap(f"{page.title.upper()} {page.number}".strip(), _WIDTH), *_table(page.head)],
        _section(page.words["session"], [*_table(page.session), *_notes(page.notes)]),
        _section(page.words["price"], [*_indented(page.words["supply"]), *_price(page.price)]),
        _section(page.words["taxes"], _taxes(page)),
        _section(page.words["payment"], _payment(page)),
        _section(page.words["document"], _table(page.document)),
    )
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in map(list, blocks) if block) + "\n"


def _banner(page: Page) -> list[str]:
    if not page.is_test:
        return []
    edge = "*" * _WIDTH
    return [edge, f"* {pad(page.words['test'], _WIDTH - 4)} *", edge]


def _section(heading: str, lines: Iterable[str]) -> list[str]:
    body = list(lines)
    return [heading.upper(), *body] if body else []


def _indented(text: str, *, depth: int = 1) -> list[str]:
    space = _INDENT * depth
    return [space + line for line in wrap(text, _WIDTH - len(space))]


def _notes(notes: Sequence[str]) -> Iterator[str]:
    for note in notes:
        yield from _indented(note)


def _table(rows: Iterable[Row]) -> Iterator[str]:
    for label, value in rows:
        first, *more = wrap(value, _WIDTH - len(_INDENT) - _LABEL)
        yield f"{_INDENT}{pad(label, _LABEL)}{first}"
        yield from (" " * (len(_INDENT) + _LABEL) + line for line in more)


def _amount(label: str, amount: str) -> Iterator[str]:
    *before, last = _indented(label)
    if width_of(last) + width_of(amount) + 1 > _WIDTH:
        before, last = [*before, last], ""
    yield from before
    yield last + pad(amount, _WIDTH - width_of(last), right=True)


def _price(price: PricePart) -> Iterator[str]:
    for line in price.lines:
        yield from _amount(line.label, line.amount)
        for detail in line.details:
            yield from _indented(detail, depth=2)
    yield _INDENT + "-" * (_WIDTH - len(_INDENT))
    yield from _amount(price.total_label, price.total)
    yield from _notes(price.notes)


def _taxes(page: Page) -> Iterator[str]:
    if page.price.tax_total is None:
        return
    words = page.words
    yield from _tax(TaxRow(label="", net=words["net"], tax=words["tax"], gross=words["gross"]))
    for row in (*page.price.taxes, page.price.tax_total):
        yield from _tax(row)


def _tax(row: TaxRow) -> Iterator[str]:
    label_width = _WIDTH - len(_INDENT) - 3 * _COLUMN
    *before, last = wrap(row.label, label_width)
    yield from (_INDENT + line for line in before)
    figures = "".join(pad(f" {figure}", _COLUMN, right=True) for figure in (row.net, row.tax, row.gross))
    yield f"{_INDENT}{pad(last, label_width)}{figures}"


def _payment(page: Page) -> Iterator[str]:
    yield from _indented(page.payment.headline)
    yield ""
    for label, amount in page.payment.rows:
        yield from _amount(label, amount)
    yield ""
    for sentence in page.payment.story:
        yield from _indented(sentence)
