"""The requests as they arrived, for tests and for the page; never with what proves who sent them."""

import re
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

from evpay_contrib_emulators.gateway import WireRequest

__all__ = ["Entry", "Journal"]

_SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
_FORM: Final = "application/x-www-form-urlencoded"
_REFERENCE: Final = re.compile(
    r"""metadata(?:\[|%5B)\w*reference(?:\]|%5D)=(?P<form>[^&\s]+)
    |"(?:merchantReference|reference)"\s*:\s*"(?P<json>[^"\\]+)"
    |<order[-_]id[^>/]*>(?P<xml>[^<]+)<""",
    re.VERBOSE | re.IGNORECASE,
)
# Not within an id of letters and digits; but behind an underscore, as in Adyen's `test_4111...`.
_CARD_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])[2-6]\d{13,18}(?![0-9A-Za-z])", re.ASCII)
_KEPT_BODY: Final = 100_000


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request; `status` is None as long as there is no answer, and for ever if none was sent."""

    at: datetime
    method: str
    path: str
    query: str
    headers: dict[str, str]
    params: list[tuple[str, str]]
    body: str
    key: str | None
    reference: str | None
    status: int | None = None
    replayed: bool = False
    fault: list[str] | None = field(default=None)

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the control path shows it."""
        return {**asdict(self), "at": self.at.isoformat()}


class Journal:
    """The last requests, oldest first."""

    def __init__(self, *, length: int = 100_000) -> None:
        self._entries: deque[Entry] = deque(maxlen=length)

    def note(self, request: WireRequest, *, at: datetime, key: str | None) -> Entry:
        """Write down a request that has just arrived; the answer is noted in the entry that is returned."""
        body = _readable(request.body)
        entry = Entry(
            at=at,
            method=request.method,
            path=_without_card_numbers(request.path),
            query=_without_card_numbers(request.query),
            headers={name: value for name, value in request.headers.items() if name not in _SECRET},
            params=_params(request, body),
            body=body,
            key=key,
            reference=_reference(body),
        )
        self._entries.append(entry)
        return entry

    def entries(self, *, last: int | None = None) -> list[Entry]:
        """Return the requests, oldest first; or the `last` of them."""
        entries = list(self._entries)
        return entries if last is None else entries[-last:]

    def clear(self) -> None:
        """Forget all requests."""
        self._entries.clear()


def _readable(body: bytes) -> str:
    return _without_card_numbers(body[:_KEPT_BODY].decode("utf-8", errors="replace"))


def _without_card_numbers(text: str) -> str:
    return _CARD_NUMBER.sub(lambda found: _masked(found[0]), text)


def _masked(digits: str) -> str:
    return f"{'*' * (len(digits) - 4)}{digits[-4:]}" if _is_card_number(digits) else digits


def _is_card_number(digits: str) -> bool:
    """Return whether the last digit is the check digit that every card number ends with (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _params(request: WireRequest, body: str) -> list[tuple[str, str]]:
    pairs = parse_qsl(_without_card_numbers(request.query), keep_blank_values=True)
    if request.headers.get("content-type", "").startswith(_FORM):
        pairs += parse_qsl(body, keep_blank_values=True)
    return pairs


def _reference(body: str) -> str | None:
    found = _REFERENCE.search(body)
    if found is None:
        return None
    form = found["form"]
    return unquote_plus(form) if form is not None else found["json"] or found["xml"]
