"""Read fields of a document that somebody else wrote: checked types, JSON paths in every error, leniency noted."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.tariffs.exact import MAX_DECIMALS, exact_decimal
from evpay.tariffs.lines import Note

__all__ = ["Fields", "join", "micros_of"]

_DATE_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9}))?\s*(Z|z|[+-]\d{2}:?\d{2})?\Z", re.ASCII
)
_MAX_TEXT: Final = 2000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def join(path: str, name: str) -> str:
    """Return the path of a field."""
    return f"{path}.{name}" if path else name


class Fields:
    """One JSON object and its path; a field that is null counts as absent.

    Notes of leniency go to `notes`, which all objects of a document share.
    """

    __slots__ = ("document", "notes", "path")

    def __init__(self, document: object, path: str, notes: list[Note]) -> None:
        if not isinstance(document, Mapping):
            raise InvalidInput(f"An object is expected, not {_kind(document)}.", code="wrong_type", path=path or "$")
        self.document: Mapping[str, Any] = document
        self.path = path
        self.notes = notes

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.document.get(name) is not None

    def at(self, name: str) -> str:
        """Return the path of a field of this object."""
        return join(self.path, name)

    def note(self, code: str, message: str, name: str | None = None) -> None:
        """Keep a note about a field, or about the object itself."""
        self.notes.append(Note(code=code, message=message, path=self.path or "$" if name is None else self.at(name)))

    def require(self, name: str) -> Any:
        """Return a field that must be there.

        Raises:
            InvalidInput: `missing_field`.
        """
        value = self.document.get(name)
        if value is None:
            raise InvalidInput(f"The field {name!r} is missing.", code="missing_field", path=self.at(name))
        return value

    def text(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.require(name)
        if not isinstance(value, str) or not value or len(value) > _MAX_TEXT or not _is_unicode(value):
            raise InvalidInput(f"A text is expected, not {_kind(value)}.", code="wrong_type", path=self.at(name))
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None if it is absent or empty."""
        return self.text(name) if self.document.get(name) not in (None, "") else None

    def objects(self, name: str) -> "list[Fields]":
        """Return the objects of a list; an absent list is empty."""
        value = self.document.get(name)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise InvalidInput(f"A list is expected, not {_kind(value)}.", code="wrong_type", path=self.at(name))
        return [Fields(item, f"{self.at(name)}[{index}]", self.notes) for index, item in enumerate(value)]

    def object(self, name: str) -> "Fields | None":
        """Return an object, or None if it is absent."""
        return Fields(self.document[name], self.at(name), self.notes) if self.has(name) else None

    def number(self, name: str, *, decimals: int = MAX_DECIMALS) -> Decimal:
        """Return a number that must be there; a number written as text is taken, with a note.

        Raises:
            InvalidInput: `missing_field`, `inexact_number`, `malformed_number`, `number_out_of_range`.
        """
        value = self.require(name)
        try:
            number = exact_decimal(value, decimals=decimals)
        except InvalidInput as error:
            raise InvalidInput(error.message, code=error.code, path=self.at(name)) from error
        if isinstance(value, str):
            self.note("numeric_string", f"{value!r} is a text where a number is due; read as {number}.", name)
        return number

    def optional_number(self, name: str) -> Decimal | None:
        """Return a number, or None if it is absent."""
        return self.number(name) if self.has(name) else None

    def whole(self, name: str) -> int:
        """Return a whole number of zero or more.

        Raises:
            InvalidInput: `not_whole` for anything else.
        """
        number = self.number(name)
        if number < 0 or number != int(number):
            raise InvalidInput(f"{number} is not a whole number of zero or more.", code="not_whole", path=self.at(name))
        return int(number)

    def moment(self, name: str) -> datetime:
        """Return an instant; without a zone it is UTC (OCPI 2.3.0, types, DateTime).

        Raises:
            InvalidInput: `malformed_date_time`.
        """
        text = self.text(name)
        try:
            return _moment(text)
        except (ValueError, OverflowError) as error:
            raise InvalidInput(
                f"{text[:40]!r} is not an instant such as '2026-07-01T10:00:00Z'.",
                code="malformed_date_time",
                path=self.at(name),
            ) from error

    def optional_moment(self, name: str) -> datetime | None:
        """Return an instant, or None if it is absent."""
        return self.moment(name) if self.has(name) else None

    def day(self, name: str) -> date:
        """Return a date without time.

        Raises:
            InvalidInput: `malformed_date`.
        """
        text = self.text(name)
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise InvalidInput(
                f"{text[:40]!r} is not a date such as '2026-07-01'.", code="malformed_date", path=self.at(name)
            ) from error


def micros_of(moment: datetime) -> int:
    """Return an instant as whole microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(text: str) -> datetime:
    match = _DATE_TIME.match(text)
    if match is None:
        raise ValueError(text)
    day, time, fraction, zone = match.groups()
    micros = ((fraction or "") + "000000")[:6]
    return datetime.fromisoformat(f"{day}T{time}.{micros}{_offset(zone)}").astimezone(UTC)


def _offset(zone: str | None) -> str:
    if zone is None or zone in "Zz":
        return "+00:00"
    return zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "this text", bool: "true or false", type(None): "null"}
    return names.get(type(value), f"{type(value).__name__}")
