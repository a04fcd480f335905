"""The one writing connection of a store: it applies commits inside transactions that it begins and ends."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from evpay.store.backend import Backend, DriverConnection, DriverCursor
from evpay.store.commit import Commit, Delete, GuardMissed, Insert, Numbered, Sealed, Update
from evpay.store.faults import Lost
from evpay.store.statements import Statements

__all__ = ["Link"]

T = TypeVar("T")


class Link:
    """A writing connection; what the driver raises comes out as the backend reads it."""

    def __init__(self, backend: Backend, connection: DriverConnection | None = None) -> None:
        self._backend = backend
        self._statements = Statements(backend.dialect)
        self._connection = connection

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def begin(self) -> None:
        """Begin a transaction that may write; connect first, if need be."""
        if self._connection is None:
            self._connection = self._try(self._backend.connect)
        self._run(self._backend.begin)

    def commit(self) -> None:
        """Make it durable."""
        self._try(lambda: self._connected().commit())

    def rollback(self) -> None:
        """Undo it."""
        self._try(lambda: self._connected().rollback())

    def savepoint(self) -> None:
        """Begin a part that can be undone alone."""
        self._run("SAVEPOINT evpay")

    def release(self, *, undo: bool) -> None:
        """End that part."""
        if undo:
            self._run("ROLLBACK TO SAVEPOINT evpay")
        self._run("RELEASE SAVEPOINT evpay")

    def apply(self, commit: Commit) -> tuple[object, ...]:
        """Write a commit and return the values of its receipt numbers.

        Raises:
            CommitRefused: a rule or a guard forbids one of its writes.
        """
        values = []
        for write in commit.writes:
            if isinstance(write, Numbered):
                values.append(self._number(write))
            else:
                self._write(write)
        return tuple(values)

    def row(self, table: str, key: Mapping[str, object], columns: Sequence[str]) -> tuple[object, ...] | None:
        """Return these columns of the row with this key."""
        return self._run(*self._statements.row(table, key, columns)).fetchone()

    def _write(self, write: Insert | Update | Delete) -> None:
        cursor = self._run(*self._statements.of(write), write=write)
        if isinstance(write, Update) and cursor.rowcount != 1:
            raise GuardMissed(write.table, write.key)

    def _number(self, numbered: Numbered) -> object:
        key = {"tenant": numbered.tenant, "name": numbered.series}
        self._write(Insert("series", {**key, "next": 1, "head": ""}, or_ignore=True))
        sql, values = self._statements.row("series", key, ("next", "head"))
        number, head = _series_row(self._run(sql + self._backend.lock_row, values).fetchone())
        sealed: Sealed = numbered.seal(number, head)
        for write in sealed.writes:
            self._write(write)
        self._write(Update("series", key, {"next": number + 1, "head": sealed.head}, {"next": number}))
        return sealed.value

    def _run(
        self, sql: str, values: Sequence[object] = (), write: Insert | Update | Delete | None = None
    ) -> DriverCursor:
        return self._try(lambda: self._connected().execute(sql, values), write)

    def _connected(self) -> DriverConnection:
        """Connect nowhere but in `begin`: a statement on a fresh connection would stand outside the transaction."""
        if self._connection is None:
            raise Lost("there is no connection")
        return self._connection

    def _try(self, function: Callable[[], T], write: Insert | Update | Delete | None = None) -> T:
        try:
            return function()
        except Exception as error:
            fault = self._backend.fault(error, write)
            if fault is error:
                raise
            raise fault from error


def _series_row(row: tuple[object, ...] | None) -> tuple[int, str]:
    match row:
        case (int(number), str(head)):
            return number, head
        case _:  # pragma: no cover - the row was made by the statement before
            raise AssertionError(row)
