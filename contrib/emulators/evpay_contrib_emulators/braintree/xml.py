"""Reads the XML of a request, strictly and within bounds, and writes the XML of an answer.

A request is read into texts, None, lists and dictionaries with underscores in their names: `payment-method-nonce` and
`payment_method_nonce` are the same. Answers are written with hyphens, and with the types that the official SDKs read.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape

__all__ = ["Array", "Collection", "Symbol", "Unreadable", "Value", "read", "write"]

Value = str | None | list[Any] | dict[str, Any]

_MOST_DEPTH: Final = 24
_MOST_ELEMENTS: Final = 20_000
_BOOLEANS: Final = {"true": "true", "1": "true", "false": "false", "0": "false"}
_NOT_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Unreadable(ValueError):
    """The body is not XML, or not XML that is read here: it has a DTD, is too deep, or has a value of another type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """A list, each of its values in an element of this name."""

    item: str
    values: Iterable[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A page of what was found: what is said of the page, then the things themselves, one after the other."""

    item: str
    values: Iterable[Any] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


class Symbol(str):
    """A text that is written as a symbol: the attribute of a validation error."""

    __slots__ = ()


@dataclass(slots=True, kw_only=True, eq=False)
class _Element:
    name: str
    type: str | None
    nil: bool
    text: list[str] = field(default_factory=list)
    children: list[tuple[str, Value]] = field(default_factory=list)

    def value(self) -> Value:
        if self.type == "array":
            return [value for _, value in self.children]
        if self.children:
            return self._named()
        text = "".join(self.text)
        if self.nil or not text.strip():
            return None
        return self._typed(text)

    def _named(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        repeated: set[str] = set()
        for name, value in self.children:
            if name not in values:
                values[name] = value
            elif name in repeated:
                values[name].append(value)
            else:
                values[name] = [values[name], value]
                repeated.add(name)
        return values

    def _typed(self, text: str) -> str:
        if self.type == "boolean":
            if text.strip() not in _BOOLEANS:
                raise Unreadable(f"{self.name} is no boolean")
            return _BOOLEANS[text.strip()]
        if self.type == "integer":
            if not re.fullmatch(r"[+-]?\d{1,30}", text.strip()):
                raise Unreadable(f"{self.name} is no integer")
            return text.strip()
        return text


class _Reader:
    """Builds values while the parser reads; refuses what it should not build."""

    def __init__(self) -> None:
        self.root: dict[str, Value] = {}
        self._open: list[_Element] = []
        self._count = 0
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        self._parser = parser

    def read(self, body: bytes) -> None:
        try:
            self._parser.Parse(body, True)  # noqa: FBT003 - expat has it so
        except expat.ExpatError as error:
            raise Unreadable(str(error)) from error

    def _doctype(self, *_: object) -> None:
        raise Unreadable("a document type is not read: it can define entities that grow without end")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MOST_ELEMENTS or len(self._open) >= _MOST_DEPTH:
            raise Unreadable("too many elements, or too deep")
        nil = attributes.get("nil") in {"true", "1"}
        self._open.append(_Element(name=name.replace("-", "_"), type=attributes.get("type"), nil=nil))

    def _end(self, _: str) -> None:
        element = self._open.pop()
        value = element.value()
        if self._open:
            self._open[-1].children.append((element.name, value))
        else:
            self.root = {element.name: value}

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].text.append(text)


def read(body: bytes) -> dict[str, Value]:
    """Return the one element of a document with its name; nothing if the body is empty.

    Raises:
        Unreadable: it is not XML that is read here.
    """
    if not body.strip():
        return {}
    reader = _Reader()
    reader.read(body)
    return reader.root


def write(name: str, value: Any) -> bytes:
    """Return a document with this one element."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    _write(parts, name, value, 0)
    return "".join(parts).encode()


def _write(parts: list[str], name: str, value: Any, depth: int) -> None:
    name, indent = name.replace("_", "-"), "  " * depth
    if value is None:
        parts.append(f'{indent}<{name} nil="true"/>\n')
    elif isinstance(value, list | Array):
        array = value if isinstance(value, Array) else Array(item="item", values=value)
        _write_around(parts, name, [(array.item, one) for one in array.values], depth, kind="array")
    elif isinstance(value, Collection):
        within = [*value.about.items(), *((value.item, one) for one in value.values)]
        _write_around(parts, name, within, depth, kind="collection")
    elif isinstance(value, Mapping):
        _write_around(parts, name, value.items(), depth)
    else:
        kind, text = _scalar(name, value)
        parts.append(f"{indent}<{name}{_type(kind)}>{text}</{name}>\n")


def _scalar(name: str, value: Any) -> tuple[str | None, str]:
    """Return the type of a value, if it has to be told, and how it is written."""
    match value:
        case bool():
            return "boolean", str(value).lower()
        case int():
            return "integer", str(value)
        case Symbol():
            return "symbol", _text(value)
        case str():
            return None, _text(value)
        case datetime():
            return "datetime", f"{value:%Y-%m-%dT%H:%M:%SZ}"
        case date():
            return "date", f"{value:%Y-%m-%d}"
        case _:
            raise TypeError(f"{name} is {type(value).__name__}: not written here")


def _type(kind: str | None) -> str:
    return "" if kind is None else f' type="{kind}"'


def _write_around(
    parts: list[str], name: str, within: Iterable[tuple[str, Any]], depth: int, *, kind: str | None = None
) -> None:
    indent, start = "  " * depth, len(parts)
    parts.append(f"{indent}<{name}{_type(kind)}>\n")
    for inner, value in within:
        _write(parts, inner, value, depth + 1)
    if len(parts) == start + 1:
        parts[start] = f"{indent}<{name}{_type(kind)}/>\n"
    else:
        parts.append(f"{indent}</{name}>\n")


def _text(value: str) -> str:
    return escape(_NOT_TEXT.sub("", value))
