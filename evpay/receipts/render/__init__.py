"""What a receipt looks like: for a person as text or HTML, for a program as JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from evpay.errors import InvalidInput
from evpay.receipts.model import Receipt
from evpay.receipts.numbering import receipt_body

__all__ = ["FORMATS", "render"]


def _text(receipt: Receipt, locale: str) -> str:
    from evpay.receipts.render.page import page_of  # noqa: PLC0415 - loads locale data
    from evpay.receipts.render.text import text_of  # noqa: PLC0415 - see above

    return text_of(page_of(receipt, locale=locale))


def _html(receipt: Receipt, locale: str) -> str:
    from evpay.receipts.render.html import html_of  # noqa: PLC0415 - loads jinja2
    from evpay.receipts.render.page import page_of  # noqa: PLC0415 - loads locale data

    return html_of(page_of(receipt, locale=locale))


def _json(receipt: Receipt, locale: str) -> str:
    from evpay.receipts.render.figures import figures_for  # noqa: PLC0415 - loads locale data

    figures_for(locale)  # a program gets the same for every reader, but a wrong locale is wrong everywhere
    return json.dumps(receipt_body(receipt), indent=2, sort_keys=True, allow_nan=False) + "\n"


_RENDERERS: Final[Mapping[str, Callable[[Receipt, str], str]]] = {"text": _text, "html": _html, "json": _json}

FORMATS: Final = tuple(_RENDERERS)
"""The formats a receipt can be rendered in."""


def render(receipt: Receipt, format: str, *, locale: str = "en") -> bytes:  # noqa: A002 - the face's own name
    """Return the receipt as UTF-8 in one of `FORMATS`: the same receipt and locale, the same bytes.

    Words are English, German or Norwegian (English for other readers); numbers, dates and money are as `locale`
    writes them. JSON is the stored document with sorted keys, whose hash can be checked with `receipt_hash`; its
    letters beyond ASCII are escaped, so it is harmless to print.

    Raises:
        InvalidInput: `unknown_format`, or `unknown_locale`.
    """
    renderer = _RENDERERS.get(format)
    if renderer is None:
        raise InvalidInput(
            f"{format!r} is not a format of receipts. Use one of: {', '.join(FORMATS)}.", code="unknown_format"
        )
    return renderer(receipt, locale).encode()
