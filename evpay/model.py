"""What every frozen model of the face has in common: how it is validated, and how it says what was wrong."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from evpay.errors import CardNumberRefused, InvalidInput

__all__ = ["ExactDecimal", "FrozenModel", "Instant", "in_plain_words", "invalid_input"]

_SHOWN: Final = (bool, int, float, str, Decimal, datetime, type(None))
_NUMBER: Final = re.compile(r"\s*[+-]?[\d_]+\.?\d*\s*")
_BRANCH: Final = re.compile(r"^(?:literal|function-\w+|tuple|constrained-\w+|nullable)\[")
_LONG_NUMBER: Final = re.compile(r"\d(?:[\W_]{0,2}\d){12,}")


def in_plain_words(fault: Mapping[str, Any], *, known: Iterable[str]) -> str:
    """Return pydantic's sentence about a fault, or ours where its sentence helps nobody; without a full stop.

    `known` are the names of the fields that there are.
    """
    if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
        return f"there is no such field. Known: {', '.join(known)}"
    if fault["type"] == "missing":
        return "is missing"
    text: str = fault["msg"]
    return text.removeprefix("Value error, ").removesuffix(".")


def _place(location: tuple[int | str, ...]) -> str:
    """Return the path without pydantic's own words for the branches of a union, as `literal['tariff','energy']`."""
    parts = (part for part in location if isinstance(part, int) or not _BRANCH.search(part))
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def invalid_input(error: ValidationError, *, model: "type[FrozenModel]") -> InvalidInput:
    """Turn pydantic's report into one error that names the place, the value, the cause and the cure.

    Values of fields that are kept out of `repr` are kept out of the message too, and so is any number as long as a
    card's, wherever it was typed.
    """
    faults = error.errors(include_url=False)
    first = next(
        (fault for fault in faults if isinstance((fault.get("ctx") or {}).get("error"), InvalidInput)), faults[0]
    )
    place = _place(first["loc"])
    cause = (first.get("ctx") or {}).get("error")
    if isinstance(cause, InvalidInput) and (not place or isinstance(cause, CardNumberRefused)):
        return cause
    name = f"{model.__name__}.{place}" if place else model.__name__
    if isinstance(cause, InvalidInput):
        inner = f".{cause.path}" if cause.path else ""
        text = cause.message.partition(f"{inner}: ")[2] if inner else cause.message
        text = _without_long_numbers(f"{name}{inner}: {text or cause.message}")
        return InvalidInput(text, code=cause.code, path=f"{place}{inner}")
    field = model.model_fields.get(str(first["loc"][0])) if first["loc"] else None
    value = first["input"]
    is_shown = isinstance(value, _SHOWN) and (field is None or field.repr)
    shown = f" (got {_without_long_numbers(repr(value)):.60})" if is_shown else ""
    return InvalidInput(
        _without_long_numbers(f"{name}: {in_plain_words(first, known=model.model_fields)}") + f"{shown}.",
        code=model.fault_code or first["type"],
        path=place or None,
    )


def _without_long_numbers(text: str) -> str:
    return _LONG_NUMBER.sub("...", text)


class FrozenModel(BaseModel):
    """A frozen model that refuses unknown fields, and raises `InvalidInput` instead of pydantic's error.

    `fault_code` is the code of every fault that has none of its own; None: pydantic's name for the fault.
    """

    fault_code: ClassVar[str | None] = None
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, revalidate_instances="never")

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise invalid_input(error, model=type(self)) from None

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Make the model of a mapping; `options` are pydantic's."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise invalid_input(error, model=cls) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Make the model of its JSON; `options` are pydantic's."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            raise invalid_input(error, model=cls) from None


def _no_float(value: object) -> object:
    if isinstance(value, float | bool):
        raise InvalidInput(
            f"{value!r} is not exact. Give a string, an int or a Decimal: '21.3'.", code="inexact_number"
        )
    return value


def _finite(value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value.adjusted()) > 15:
        raise InvalidInput(f"{str(value)[:40]} is out of any sensible range.", code="number_out_of_range")
    return value


ExactDecimal = Annotated[
    Decimal,
    BeforeValidator(_no_float),
    AfterValidator(_finite),
    PlainSerializer(lambda value: f"{value:f}", when_used="json", return_type=str),
]
"""A Decimal that never was a float; written as a string in JSON."""


def _no_number(value: object) -> object:
    if isinstance(value, int | float | Decimal) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise InvalidInput(
            f"{value!r:.40} is a number; seconds or milliseconds, nobody can tell. Give a datetime, or text as "
            "'2026-07-01T12:00:00Z'.",
            code="malformed_time",
        )
    return value


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidInput(
            f"{value.isoformat()} has no time zone, so it names no instant. Add one: datetime.now(UTC), or '...Z'.",
            code="naive_time",
        )
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{value.isoformat()} is beyond the calendar in UTC.", code="malformed_time") from None


Instant = Annotated[
    datetime,
    BeforeValidator(_no_number),
    AfterValidator(_aware),
    PlainSerializer(lambda value: value.isoformat().replace("+00:00", "Z"), when_used="json", return_type=str),
]
"""An aware datetime, kept in UTC; a naive one is refused."""
