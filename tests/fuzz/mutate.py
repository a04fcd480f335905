"""Bytes that are almost a message: what a hostile or broken sender makes of a good one."""

import json
import random
from collections.abc import Callable
from typing import Any

__all__ = ["mangled", "mutated"]

_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**18, -(10**30), 0.1, "", " ", "0", "-0", "1e9", "NaN", "null", "true", "é\u202e",
    "\x00", "\ud800", "a" * 5_000, "..", "../../x?y=1", "%00", "2026-11-20T00:00:00", "0000-00-00", "9" * 400,
    [], {}, [[]], [None], {"": None}, {"object": {}}, {"value": "1", "currency": "EUR"}, "EUR", "eur", "ISK", "XXX",
)  # fmt: skip


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every member and item."""
    found: list[tuple[Any, ...]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        found += [(*path, name), *_places(inner, (*path, name))]
    return found


def _parent(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        value = value[step]
    return value


def _in_the_tree(document: Any, dice: random.Random) -> Any:
    """Replace, drop, double or swap one to four places."""
    document = _copy(document)
    for _ in range(dice.randint(1, 4)):
        places = _places(document)
        if not places:
            return document
        path = dice.choice(places)
        parent = _parent(document, path)
        match dice.randrange(4):
            case 0:
                del parent[path[-1]]
            case 1 if isinstance(parent, list):
                parent.append(parent[path[-1]])
            case 2:
                other = dice.choice(places)
                parent[path[-1]] = _copy(_parent(document, other)[other[-1]])
            case _:
                parent[path[-1]] = _copy(dice.choice(_ODD))
    return document


def mangled(body: bytes, dice: random.Random) -> bytes:
    """Flip, cut, double or insert one to six times."""
    changed = bytearray(body)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(changed) + 1)
        match dice.randrange(4):
            case 0 if at < len(changed):
                changed[at] ^= 1 << dice.randrange(8)
            case 1:
                del changed[at : at + dice.randint(1, 40)]
            case 2:
                changed[at:at] = changed[at : at + dice.randint(1, 40)]
            case _:
                changed[at:at] = dice.randbytes(dice.randint(1, 8))
    return bytes(changed)


def mutated(seed: Any, dice: random.Random, *, write: Callable[[Any], bytes]) -> bytes:
    """Return a message made of a good one: mostly well-formed and wrong in meaning, sometimes not even well-formed."""
    if dice.random() < 0.7:
        return write(_in_the_tree(seed, dice))
    return mangled(write(seed), dice)
