"""What every frozen model of the face has in common: how it is validated, and how it says what was wrong."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from evpay.errors import CardNumberRefused, InvalidInput

__all__ = ["ExactDecimal", "FrozenModel", "Instant", "invalid_input"]

_SHOWN: Final = (bool, int, float, str, Decimal, datetime, type(None))


def _place(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def invalid_input(error: ValidationError, *, model: type[BaseModel]) -> InvalidInput:
    """Turn pydantic's report into one error that names the place, the value, the cause and the cure.

    Values of fields that are kept out of `repr` are kept out of the message too.
    """
    first = error.errors(include_url=False)[0]
    place = _place(first["loc"])
    cause = (first.get("ctx") or {}).get("error")
    if isinstance(cause, CardNumberRefused):
        return cause
    name = f"{model.__name__}.{place}" if place else model.__name__
    if isinstance(cause, InvalidInput):
        return InvalidInput(f"{name}: {cause.message}", code=cause.code, path=place or None)
    field = model.model_fields.get(str(first["loc"][0])) if first["loc"] else None
    value = first["input"]
    shown = f" (got {value!r:.60})" if isinstance(value, _SHOWN) and (field is None or field.repr) else ""
    return InvalidInput(f"{name}: {first['msg']}{shown}.", code=first["type"], path=place or None)


class FrozenModel(BaseModel):
    """A frozen model that refuses unknown fields, and raises `InvalidInput` instead of pydantic's error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, revalidate_instances="never")

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise invalid_input(error, model=type(self)) from None


def _no_float(value: object) -> object:
    if isinstance(value, float | bool):
        raise InvalidInput(
            f"{value!r} is not exact. Give a string, an int or a Decimal: '21.3'.", code="inexact_number"
        )
    return value


def _finite(value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value.adjusted()) > 15:
        raise InvalidInput(f"{value} is out of any sensible range.", code="number_out_of_range")
    return value


ExactDecimal = Annotated[
    Decimal,
    BeforeValidator(_no_float),
    AfterValidator(_finite),
    PlainSerializer(lambda value: f"{value:f}", when_used="json", return_type=str),
]
"""A Decimal that never was a float; written as a string in JSON."""


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidInput(
            f"{value.isoformat()} has no time zone, so it names no instant. Add one: datetime.now(UTC), or '...Z'.",
            code="naive_time",
        )
    return value.astimezone(UTC)


Instant = Annotated[
    datetime,
    AfterValidator(_aware),
    PlainSerializer(lambda value: value.isoformat().replace("+00:00", "Z"), when_used="json", return_type=str),
]
"""An aware datetime, kept in UTC; a naive one is refused."""
