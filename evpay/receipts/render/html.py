"""A receipt as one HTML file: nothing is loaded, nothing runs, and it prints."""

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from evpay.receipts.render.page import Page

__all__ = ["html_of"]


def html_of(page: Page) -> str:
    """Return the page as an HTML document. Every value is escaped; only its own style sheet may apply."""
    style, style_hash = _style()
    return _template().render(page=page, words=page.words, style=style, style_hash=style_hash)


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_resource("receipt.html.jinja"))


@lru_cache(maxsize=1)
def _style() -> tuple[Markup, str]:
    """Return the style sheet, and the hash by which the content security policy lets it apply."""
    style = "\n" + _resource("receipt.css")
    digest = hashlib.sha256(style.encode()).digest()
    return Markup(style), base64.b64encode(digest).decode()  # noqa: S704 - our own file, not input
