"""JSON Schemas of the installed Stripe SDK's own types: what a request may carry, and what an answer must look like.

Nobody here wrote those types: they are generated from Stripe's own specification, and come with the SDK. A request's
type is a `TypedDict` (`PaymentIntentCreateParams`), an answer's a class with annotations (`PaymentIntent`).
Enumerations are closed here, although the SDK lets any string pass, and what no type knows is refused.
"""

import ast
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final, ForwardRef, Literal, NotRequired, Required, Union, get_args, get_origin

import stripe
from stripe._list_object import ListObject
from stripe._request_options import RequestOptions
from stripe._search_result_object import SearchResultObject
from stripe._stripe_object import StripeObject, UntypedStripeObject
from typing_extensions import is_typeddict

__all__ = ["Schemas", "hints_of"]

Schema = dict[str, Any]
_OPTIONS: Final = frozenset(RequestOptions.__annotations__)
_PLAIN: Final[Mapping[object, Schema]] = {
    int: {"type": "integer"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
    Decimal: {"type": "string"},
    type(None): {"type": "null"},
    Any: {},
    object: {},
}


# --- from strings to types


@cache
def _typing_only(module: types.ModuleType) -> Mapping[str, tuple[str, str]]:
    """Return what a module imports for type checkers only: the name, and where it comes from."""
    guarded = [
        node
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    imports = [node for block in guarded for node in block.body if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name: (str(node.module), name.name) for node in imports for name in node.names}


class _Names(dict[str, Any]):
    """The names that are known in a module, those for type checkers included."""

    def __init__(self, module: types.ModuleType, owner: type) -> None:
        nested = {name: thing for cls in reversed(_owners(owner)) for name, thing in vars(cls).items()}
        super().__init__(vars(typing) | vars(module) | {k: v for k, v in nested.items() if inspect.isclass(v)})
        self._module = module

    def __missing__(self, name: str) -> Any:
        place = _typing_only(self._module).get(name)
        if place is None:
            raise KeyError(name)
        return getattr(importlib.import_module(place[0]), place[1])


def _owners(owner: type) -> list[type]:
    """Return the class and those that it is written in, innermost first."""
    names = owner.__qualname__.split(".")
    found: list[type] = []
    place: Any = sys.modules[owner.__module__]
    for name in names:
        place = getattr(place, name, None)
        if not inspect.isclass(place):
            break
        found.insert(0, place)
    return found or [owner]


def _resolved(hint: Any, names: _Names) -> Any:
    while isinstance(hint, str | ForwardRef):
        text = hint if isinstance(hint, str) else hint.__forward_arg__
        hint = eval(text, {}, names)
    return hint


def hints_of(owner: type) -> Iterator[tuple[str, Any, _Names]]:
    """Yield each field of a type, its annotation, and the names that it is to be read with."""
    if is_typeddict(owner):
        names = _Names(sys.modules[owner.__module__], owner)
        yield from ((name, hint, names) for name, hint in owner.__annotations__.items() if name not in _OPTIONS)
        return
    for cls in reversed(owner.__mro__):
        if not issubclass(cls, StripeObject) or cls is StripeObject:
            continue
        names = _Names(sys.modules[cls.__module__], cls)
        for name, hint in inspect.get_annotations(cls).items():
            if not name.startswith("_"):
                yield name, hint, names


# --- from types to schemas


class Schemas:
    """Make schemas on demand, and keep them; `$defs` holds one per type."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}

    def of(self, hint: Any) -> Schema:
        """Return a schema that stands alone."""
        root = self._schema(hint, _Names(stripe, StripeObject))
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": self.defs}

    def _schema(self, hint: Any, names: _Names) -> Schema:
        hint = _resolved(hint, names)
        origin, args = get_origin(hint), get_args(hint)
        if hint in _PLAIN:
            return dict(_PLAIN[hint])
        if origin is Literal:
            return {"enum": list(args)}
        if origin in (NotRequired, Required):
            return self._schema(args[0], names)
        if origin in (Union, types.UnionType):
            return self._union(args, names)
        if origin is not None:
            return self._generic(origin, args, names)
        if inspect.isclass(hint) and (is_typeddict(hint) or issubclass(hint, StripeObject)):
            return self._reference(hint)
        if isinstance(hint, typing.TypeVar):
            return {}
        raise TypeError(f"a type of the SDK that is not understood: {hint!r}")

    def _union(self, args: tuple[Any, ...], names: _Names) -> Schema:
        """One of several; `Literal[...] | str` is closed to the words that are listed."""
        known = [_resolved(arg, names) for arg in args]
        if any(get_origin(arg) is Literal for arg in known):
            known = [arg for arg in known if arg is not str]
        schemas = [self._schema(arg, names) for arg in known]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _generic(self, origin: Any, args: tuple[Any, ...], names: _Names) -> Schema:
        if origin is list:
            return {"type": "array", "items": self._schema(args[0], names)}
        if origin in (dict, UntypedStripeObject):
            return {"type": "object", "additionalProperties": self._schema(args[-1], names)}
        if origin in (ListObject, SearchResultObject):
            return self._page(origin, self._schema(args[0], names))
        raise TypeError(f"a generic type of the SDK that is not understood: {origin!r}")

    def _page(self, origin: type, item: Schema) -> Schema:
        kind: Any = origin
        more = {"next_page": {"type": ["string", "null"]}} if origin is SearchResultObject else {}
        return {
            "type": "object",
            "properties": {
                "object": {"const": kind.OBJECT_NAME},
                "data": {"type": "array", "items": item},
                "has_more": {"type": "boolean"},
                "url": {"type": "string"},
                "total_count": {"type": "integer"},
                **more,
            },
            "required": ["object", "data", "has_more", "url"],
            "additionalProperties": False,
        }

    def _reference(self, owner: type) -> Schema:
        if owner is UntypedStripeObject:
            return {"type": "object"}
        name = f"{owner.__module__.rpartition('.')[2]}.{owner.__qualname__}"
        if name not in self.defs:
            self.defs[name] = {}  # a type may hold itself
            self.defs[name] |= self._object(owner)
        return {"$ref": f"#/$defs/{name}"}

    def _object(self, owner: type) -> Schema:
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for name, raw, names in hints_of(owner):
            hint = _resolved(raw, names)
            if get_origin(hint) is typing.ClassVar:
                continue
            properties[name] = self._schema(hint, names)
            if not _may_be_absent(hint, of_request=is_typeddict(owner)):
                required.append(name)
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _may_be_absent(hint: Any, *, of_request: bool) -> bool:
    """A request's field says so; an answer's may be absent where it may be null."""
    if of_request:
        return get_origin(hint) is NotRequired
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)
