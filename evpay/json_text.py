"""Read JSON that somebody else wrote: every digit kept, and nothing that could mean two things.

RFC 8259 leaves duplicate names, large numbers and halves of characters open; here they are refused, as are NaN,
Infinity and bombs.
"""

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

from evpay.errors import InvalidInput

__all__ = ["MAX_BYTES", "MAX_DEPTH", "read_json"]

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_DEPTH: Final = 32
_MAX_NUMBER: Final = 60
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]", re.ASCII)
_HUGE_EXPONENT: Final = re.compile(r"[eE][+-]?0*\d{3,}\Z", re.ASCII)


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; numbers with a point are Decimal, never float.

    Raises:
        InvalidInput: `json_too_large`, `json_not_utf8`, `json_too_deep`, `json_duplicate_key`,
            `json_number` (NaN, Infinity, huge) or `json_malformed`.

    >>> read_json('{"price": 0.10}')
    {'price': Decimal('0.10')}
    """
    if len(text) > MAX_BYTES:
        raise InvalidInput(f"The JSON text is larger than {MAX_BYTES} bytes.", code="json_too_large")
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(
            decoded,
            parse_float=_number,
            parse_int=_whole,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise InvalidInput("The JSON text is not UTF-8.", code="json_not_utf8") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"The text is not JSON: {error.msg} at {where}.", code="json_malformed") from error
    except RecursionError as error:
        raise _too_deep() from error
    _require_shallow(value)
    if _SURROGATE.search(decoded):
        _require_whole_characters(value)
    return value


def _require_whole_characters(value: Any) -> None:
    """Refuse half a character: nothing could store it or send it on."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("The JSON text escapes half a character.", code="json_malformed") from error


def _too_deep() -> InvalidInput:
    return InvalidInput(f"The JSON is nested deeper than {MAX_DEPTH} levels.", code="json_too_deep")


def _require_shallow(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [item for parent in level for item in _children(parent) if isinstance(item, dict | list)]
        if not level:
            return
    raise _too_deep()


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _number(text: str) -> Decimal:
    if len(text) > _MAX_NUMBER or _HUGE_EXPONENT.search(text):
        raise InvalidInput(f"The number {text[:30]}... is beyond anything that is priced.", code="json_number")
    return Decimal(text)


def _whole(text: str) -> int:
    if len(text) > _MAX_NUMBER:
        raise InvalidInput(f"The number {text[:30]}... is beyond anything that is priced.", code="json_number")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise InvalidInput(f"{text} is not a number of JSON.", code="json_number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        name = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"The name {name[:60]!r} stands twice in one object.", code="json_duplicate_key")
    return members
