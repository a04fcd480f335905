"""Ids, references, keys and digests.

A reference or an idempotency key is 26 characters of `[a-z0-9]`, which every processor accepts as it is.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["canonical_json", "derive_id", "digest", "id_from_bytes", "wire_key"]

_LOWER: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # 32 letters that a person does not mix up
_UPPER: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _letters(data: bytes, alphabet: str, length: int) -> str:
    number = int.from_bytes(data, "big")
    letters = []
    for _ in range(length):
        number, index = divmod(number, 32)
        letters.append(alphabet[index])
    return "".join(reversed(letters))


def id_from_bytes(data: bytes) -> str:
    """Return 26 characters of `[a-z0-9]` for 17 bytes or more (130 bits are used)."""
    return _letters(data, _LOWER, 26)


def wire_key(*parts: str) -> str:
    """Return 26 characters of `[a-z0-9]` derived from the parts: the same parts, the same key, for ever."""
    return id_from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest())


def derive_id(*parts: object) -> str:
    """Return an id of 20 characters of `A-Z0-9` derived from the parts.

    The same parts give the same id, so a message that a station repeats names the same session.
    It fits an OCPP 1.6 idTag (CiString20Type).

    >>> derive_id("CP-1", 1, "TAG", 1200) == derive_id("CP-1", 1, "TAG", 1200)
    True
    """
    text = "\x1f".join(str(part) for part in parts)
    return _letters(hashlib.sha256(text.encode()).digest(), _UPPER, 20)


def canonical_json(value: Mapping[str, Any] | list[Any]) -> str:
    """Return JSON with sorted keys and no spaces: the form that is stored, hashed and compared."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Mapping[str, Any] | list[Any]) -> str:
    """Return the SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
