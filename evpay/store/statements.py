"""Writes to SQL: SQLAlchemy Core compiles one statement per shape of write, then only the values change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Final

from sqlalchemy import ColumnElement, Table, bindparam, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement

from evpay.store.commit import Delete, Insert, Update
from evpay.store.schema import metadata

__all__ = ["Statements"]

_Shape = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Statement:
    """SQL with positional marks, and where each value comes from: which mapping, and its name there."""

    sql: str
    sources: tuple[tuple[str, str], ...]

    def bind(self, **mappings: Mapping[str, object]) -> tuple[object, ...]:
        values = tuple([mappings[source][name] for source, name in self.sources])
        for value in values:
            if type(value) not in _PLAIN:
                _storable(value)
        return values


_PLAIN: Final = frozenset({str, int, NoneType})


def _storable(value: object) -> None:
    """Floats would be rounded by PostgreSQL and kept by SQLite; booleans the other way round."""
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise TypeError(f"{value!r} cannot be stored: only text, whole numbers and None are")


def _table(name: str) -> Table:
    return metadata.tables[name]


def _is(table: Table, prefix: str, names: Mapping[str, object]) -> list[ColumnElement[bool]]:
    return [table.c[name] == bindparam(f"{prefix}{name}") for name in names]


def _guard(table: Table, name: str, guard: object) -> ColumnElement[bool]:
    column = table.c[name]
    if guard is None:
        return column.is_(None)
    if isinstance(guard, frozenset):
        return or_(*[column == bindparam(f"g_{name}_{index}") for index in range(len(guard))])
    return column == bindparam(f"g_{name}")


def _guard_shape(guard: Mapping[str, object]) -> tuple[tuple[str, int], ...]:
    return tuple(
        [(name, 0 if value is None else len(value) if isinstance(value, frozenset) else -1)
         for name, value in guard.items()]
    )  # fmt: skip


def _guard_values(guard: Mapping[str, object]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in guard.items():
        if isinstance(value, frozenset):
            values.update({f"{name}_{index}": item for index, item in enumerate(value)})
        elif value is not None:
            values[name] = value
    return values


class Statements:
    """The SQL of one dialect, made once per table and shape."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._made: dict[_Shape, _Statement] = {}

    def of(self, write: Insert | Update | Delete) -> tuple[str, tuple[object, ...]]:
        """Return the SQL of a write and its values."""
        match write:
            case Insert(table, values, or_ignore):
                shape: _Shape = ("insert", table, or_ignore, *values)
                statement = self._statement(shape, lambda: self._insert(table, values, or_ignore=or_ignore))
                return statement.sql, statement.bind(v=values)
            case Update(table, key, values, guard):
                shape = ("update", table, tuple(key), tuple(values), _guard_shape(guard))
                statement = self._statement(shape, lambda: self._update(write))
                return statement.sql, statement.bind(k=key, v=values, g=_guard_values(guard))
            case Delete(table, key):
                shape = ("delete", table, *key)
                statement = self._statement(shape, lambda: delete(_table(table)).where(*_is(_table(table), "k_", key)))
                return statement.sql, statement.bind(k=key)

    def row(self, table: str, key: Mapping[str, object], columns: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """Return the SQL that selects these columns of one row, and its values."""
        target = _table(table)
        statement = self._statement(
            ("row", table, tuple(key), *columns),
            lambda: select(*[target.c[column] for column in columns]).where(*_is(target, "k_", key)),
        )
        return statement.sql, statement.bind(k=key)

    def _statement(self, shape: _Shape, make: Callable[[], ClauseElement]) -> _Statement:
        if (made := self._made.get(shape)) is None:
            compiled = make().compile(dialect=self._dialect)
            names = getattr(compiled, "positiontup", None) or ()
            made = self._made[shape] = _Statement(str(compiled), tuple([(name[0], name[2:]) for name in names]))
        return made

    def _insert(self, table: str, values: Mapping[str, object], *, or_ignore: bool) -> ClauseElement:
        target = _table(table)
        insert = insert_sqlite if self._dialect.name == "sqlite" else insert_postgresql
        statement = insert(target).values({name: bindparam(f"v_{name}") for name in values})
        if not or_ignore:
            return statement
        return statement.on_conflict_do_nothing(index_elements=list(target.primary_key))

    def _update(self, write: Update) -> ClauseElement:
        table = _table(write.table)
        return (
            update(table)
            .where(*_is(table, "k_", write.key), *[_guard(table, name, item) for name, item in write.guard.items()])
            .values({name: bindparam(f"v_{name}") for name in write.values})
        )
