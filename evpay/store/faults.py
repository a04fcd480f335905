"""What a database may answer instead of doing as told, in one vocabulary for both.

A refusal concerns one commit (`evpay.store.commit`); `Busy`, `Lost` and `Broken` concern the store itself.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import PrimaryKeyConstraint, Table, UniqueConstraint

from evpay.store.commit import AlreadyThere, CommitRefused, ConstraintBroken, Delete, Insert, SingleFlight, Update
from evpay.store.schema import SINGLE_FLIGHT, metadata

__all__ = ["Broken", "Busy", "Lost", "foreign_key_broken", "unique_broken", "unique_name"]


class Busy(Exception):
    """Others are writing; nothing was written. Trying again helps."""


class Lost(Exception):
    """The connection is gone. Whether a COMMIT that was under way took effect is not known."""


class Broken(Exception):
    """The disk is full or fails, or the file is damaged. Trying again does not help."""


def _unique_keys(table: Table) -> dict[str, tuple[str, ...]]:
    keys = [item for item in table.constraints if isinstance(item, UniqueConstraint | PrimaryKeyConstraint)]
    names = {str(key.name): tuple(column.name for column in key.columns) for key in keys}
    indexes = {str(index.name): tuple(index.columns.keys()) for index in table.indexes if index.unique}
    return names | indexes


_UNIQUE: Final = {table.name: _unique_keys(table) for table in metadata.tables.values()}
_NAMES: Final = {(table, columns): name for table, keys in _UNIQUE.items() for name, columns in keys.items()}


def unique_name(table: str, columns: tuple[str, ...]) -> str:
    """Return the name of the primary or unique key over these columns."""
    return _NAMES[table, columns]


def _known(write: Insert | Update | Delete) -> Mapping[str, object]:
    match write:
        case Insert(values=values):
            return values
        case Update(key=key, values=values, guard=guard):
            return {**guard, **key, **values}
        case Delete(key=key):
            return key


def unique_broken(name: str, write: Insert | Update | Delete) -> CommitRefused:
    """Return the refusal for a broken primary or unique key."""
    known = _known(write)
    if name == SINGLE_FLIGHT:
        return SingleFlight(str(known.get("payment", "")))
    key = {column: known.get(column) for column in _UNIQUE[write.table][name]}
    return AlreadyThere(write.table, key, name=name)


def foreign_key_broken(write: Insert | Update | Delete) -> CommitRefused:
    """Return the refusal for the table's only foreign key."""
    names = [str(constraint.name) for constraint in metadata.tables[write.table].foreign_key_constraints]
    return ConstraintBroken(names[0])
