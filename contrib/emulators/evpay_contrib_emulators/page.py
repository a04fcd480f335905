"""The page of an emulator: what it holds, what it was asked, what it has sent."""

from collections.abc import Iterable
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from evpay_contrib_emulators.gateway import Holding
from evpay_contrib_emulators.server import Emulator

__all__ = ["page_of"]

_SHOWN: Final = 100
_DECIMALS: Final = {  # ISO 4217, where it is not two; https://www.six-group.com/en/products-services/financial-information/data-standards.html
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def _money(minor: int, currency: str) -> str:
    decimals = _DECIMALS.get(currency.upper(), 2)
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    whole = f"{int(digits[: len(digits) - decimals]):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    rest = f".{digits[-decimals:]}" if decimals else ""
    return f"{'−' if minor < 0 else ''}{whole}{rest}"


_TEMPLATES: Final = Environment(
    loader=PackageLoader("evpay_contrib_emulators"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_TEMPLATES.filters["money"] = _money


def _totals(holdings: Iterable[Holding]) -> dict[str, dict[str, int]]:
    totals: dict[str, dict[str, int]] = {}
    for holding in holdings:
        total = totals.setdefault(holding.currency.upper(), {"captured": 0, "refunded": 0, "held": 0, "payments": 0})
        total["payments"] += 1
        total["captured"] += holding.captured
        total["refunded"] += holding.refunded
        total["held"] += max(holding.authorized - holding.captured - holding.released, 0)
    return totals


def page_of(emulator: Emulator) -> str:
    """Return the page as HTML; everything that came from outside is escaped."""
    holdings = emulator.gateway.holdings()
    shown: dict[str, Any] = {
        "name": emulator.name,
        "now": emulator.clock.now(),
        "faults": len(emulator.faults),
        "payments": list(reversed(holdings[-_SHOWN:])),
        "count": len(holdings),
        "totals": _totals(holdings),
        "requests": list(reversed(emulator.journal.entries(last=_SHOWN))),
        "messages": list(reversed(emulator.postman.messages()[-_SHOWN:])),
        "webhook_url": emulator.postman.url,
    }
    return _TEMPLATES.get_template("page.html").render(shown)
