"""Stripe's form parameters: nested by brackets, typed, and refused where they are not known."""

import itertools
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

from evpay_contrib_emulators.stripe.refusal import Refusal, invalid, missing

__all__ = ["Kind", "Schema", "checked", "nested", "required"]


class Kind(Enum):
    """What a parameter must be."""

    INT = "integer"
    BOOL = "boolean"
    STR = "string"
    METADATA = "object of at most 50 keys of 40 and values of 500 characters"
    STRINGS = "array"
    RANGE = "time range"
    ANY = "object"


# Each name with its kind, the words that are allowed, or the names in it.
Schema = Mapping[str, "Kind | tuple[str, ...] | Schema"]

_BOUNDS: Final = ("gt", "gte", "lt", "lte")
_NO_LONGER: Final = "payment_method_types"


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Turn `a[b][0]=x` into `{"a": {"b": {"0": "x"}}}`."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        parts = [part for part in re.split(r"\[|\]\[|\]", name) if part] or [name]
        if name.endswith("[]"):
            parts.append(str(sum(1 for _ in _inner(tree, parts))))
        node = tree
        for step in parts[:-1]:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                raise invalid(f"Invalid object: {name}", param=name)
        node[parts[-1]] = value
    return tree


def _inner(tree: dict[str, Any], parts: list[str]) -> Iterable[str]:
    node: Any = tree
    for step in parts:
        node = node.get(step, {}) if isinstance(node, dict) else {}
    return node if isinstance(node, dict) else ()


def checked(params: Mapping[str, Any], schema: Schema, *, prefix: str = "") -> dict[str, Any]:
    """Return the parameters as their kinds say.

    Raises:
        Refusal: a parameter is not known, or is not what it must be.
    """
    result: dict[str, Any] = {}
    for key, value in params.items():
        name = f"{prefix}[{key}]" if prefix else key
        if key == _NO_LONGER and key not in schema:
            raise invalid(f"{key} is no longer supported.", param=name, code=f"{key}_no_longer_supported")
        if key not in schema:
            raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")
        result[key] = _typed(name, value, schema[key])
    return result


def _typed(name: str, value: Any, kind: "Kind | tuple[str, ...] | Schema") -> Any:
    if isinstance(kind, Mapping):
        if not isinstance(value, dict):
            raise _wrong(name, "object")
        return checked(value, kind, prefix=name)
    if isinstance(kind, tuple):
        if value not in kind:
            raise invalid(f"Invalid {name}: must be one of {', '.join(kind)}", param=name)
        return value
    return _READERS[kind](name, value)


def _wrong(name: str, wanted: str) -> Refusal:
    return invalid(f"Invalid {wanted}", param=name)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(name, "string")
    return value


def _integer(name: str, value: Any) -> int:
    text = _text(name, value)
    if not re.fullmatch(r"-?\d{1,15}", text):
        raise invalid(f"Invalid integer: {text}", param=name, code="parameter_invalid_integer")
    return int(text)


def _boolean(name: str, value: Any) -> bool:
    if value not in ("true", "false"):
        raise _wrong(name, "boolean")
    return bool(value == "true")


def _metadata(name: str, value: Any) -> dict[str, str]:
    fits = isinstance(value, dict) and len(value) <= 50
    if not fits or any(not isinstance(v, str) or len(k) > 40 or len(v) > 500 for k, v in value.items()):
        raise _wrong(name, Kind.METADATA.value)
    return dict(value)


def _strings(name: str, value: Any) -> list[str]:
    if not isinstance(value, dict):
        raise _wrong(name, "array")
    return [_text(name, item) for item in value.values()]


def _range(name: str, value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        moment = _integer(name, value)
        return {"gte": moment, "lte": moment}
    return checked(value, dict.fromkeys(_BOUNDS, Kind.INT), prefix=name)


def _anything(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        raise _wrong(name, "object")
    return value


_READERS: Final = {
    Kind.INT: _integer,
    Kind.BOOL: _boolean,
    Kind.STR: _text,
    Kind.METADATA: _metadata,
    Kind.STRINGS: _strings,
    Kind.RANGE: _range,
    Kind.ANY: _anything,
}


def required(params: Mapping[str, Any], *names: str) -> None:
    """Refuse a request that lacks one of these."""
    for name in itertools.filterfalse(params.__contains__, names):
        raise missing(name)
