"""A commit is a value: rows to insert, guarded updates and receipt numbers, made by pure functions.

It is written whole or not at all, in the order given. Why a commit is refused is an exception of this module, the
same on SQLite and PostgreSQL; those are for the engine, which turns them into answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = [
    "AlreadyThere",
    "Commit",
    "CommitRefused",
    "ConstraintBroken",
    "Delete",
    "GuardMissed",
    "Insert",
    "Numbered",
    "Sealed",
    "SingleFlight",
    "Update",
    "Write",
]

_DELETABLE: Final = frozenset({"outbox", "consumer"})


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row. `or_ignore`: a row of the same primary key stays as it is, and that is no refusal."""

    table: str
    values: Mapping[str, object]
    or_ignore: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """New values for exactly one row, if the row is as `guard` says.

    A guard is a value, None for NULL, or a frozenset of which the column must be one.
    """

    table: str
    key: Mapping[str, object]
    values: Mapping[str, object]
    guard: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delete:
    """A row that has been delivered. Only `outbox` and `consumer` forget; a row that is not there is no refusal."""

    table: str
    key: Mapping[str, object]

    def __post_init__(self) -> None:
        if self.table not in _DELETABLE:
            raise ValueError(f"rows of {self.table!r} are never deleted; only {sorted(_DELETABLE)} are")


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a number became: the rows to write, the hash that the series ends with now, and the answer to give."""

    writes: tuple[Insert | Update | Delete, ...]
    head: str
    value: object


@dataclass(frozen=True, slots=True)
class Numbered:
    """Take the next number of a series, without gaps.

    `seal(number, head)` is pure, gets the number (the first is 1) and the series' last hash ("" at first), and may
    be called more than once: a number that was not committed is given again.
    """

    tenant: str
    series: str
    seal: Callable[[int, str], Sealed]


Write = Insert | Update | Delete | Numbered


@dataclass(frozen=True, slots=True)
class Commit:
    """Writes that become durable together.

    >>> both = Commit((Insert("anchor", {"day": "2026-01-01"}),)) + Commit((Delete("outbox", {"no": 1}),))
    >>> [type(write).__name__ for write in both.writes]
    ['Insert', 'Delete']
    """

    writes: tuple[Write, ...] = ()

    def __add__(self, other: "Commit") -> "Commit":
        """Return the writes of both, these first."""
        return Commit(self.writes + other.writes)


class CommitRefused(Exception):
    """Nothing of this commit was written; the other commits of its group are not affected."""


class AlreadyThere(CommitRefused):
    """A row with this primary or unique key exists. `name` is the constraint, `key` the colliding columns' values."""

    def __init__(self, table: str, key: Mapping[str, object], *, name: str) -> None:
        super().__init__(f"{table} {dict(key)!r} is already there ({name})")
        self.table = table
        self.key = key
        self.name = name


class GuardMissed(CommitRefused):
    """The row is not as the guard says, or there is none: somebody else moved it."""

    def __init__(self, table: str, key: Mapping[str, object]) -> None:
        super().__init__(f"{table} {dict(key)!r} is not as the guard says, or not there")
        self.table = table
        self.key = key


class SingleFlight(CommitRefused):
    """Another operation of this payment is on its way to the processor."""

    def __init__(self, payment: str) -> None:
        super().__init__(f"payment {payment!r} has an operation in flight")
        self.payment = payment


class ConstraintBroken(CommitRefused):
    """A rule of the schema forbids it: a CHECK, a foreign key, a trigger, or a column without a value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the store's rule {name!r} forbids it")
        self.name = name
