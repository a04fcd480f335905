"""The store in an SQLite file: WAL, `synchronous=FULL`, one writer at a time."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from evpay.errors import ConfigurationError
from evpay.store.backend import DriverConnection
from evpay.store.commit import ConstraintBroken, Delete, Insert, Update
from evpay.store.faults import Broken, Busy, foreign_key_broken, unique_broken, unique_name

__all__ = ["SQLiteBackend"]

_BUSY_MS: Final = 5_000

# What durability and the schema's rules rest on; each is read back. fullfsync matters on macOS only.
_SETTINGS: Final[Mapping[str, int | str]] = {"busy_timeout": _BUSY_MS, "foreign_keys": 1, "recursive_triggers": 1}
_DURABLE: Final[Mapping[str, int | str]] = {**_SETTINGS, "journal_mode": "wal", "synchronous": 2, "fullfsync": 1}

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_BROKEN: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
    }
)
_UNIQUE: Final = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})


class SQLiteBackend:
    """One SQLite file, or one database in memory (`path=None`) for tests."""

    begin = "BEGIN IMMEDIATE"
    lock_row = ""
    migrates_at_open = True

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._memory: sqlite3.Connection | None = None
        self.dialect: Dialect = sqlite_dialect.dialect()

    @property
    def place(self) -> str:
        """See `Backend`."""
        return "sqlite:///:memory:" if self._path is None else f"sqlite:///{self._path}"

    @property
    def inline(self) -> bool:
        """See `Backend`."""
        return self._path is None

    def prepare(self) -> None:
        """Make the file, readable by its owner only, and make its name durable."""
        if self._path is None:
            self._memory = None
            return
        path = Path(self._path)
        if sqlite3.sqlite_version_info < (3, 37):
            raise ConfigurationError(
                f"this Python's SQLite is {sqlite3.sqlite_version!r}, which has no STRICT tables: "
                "evpay needs 3.37 or later; use a newer Python or PostgreSQL."
            )
        try:
            if not path.exists():
                _make(path)
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"the store {str(path)!r} cannot be opened: {error}. Name a file in a directory that exists and "
                "that this process may write to, or a store that evpay made."
            ) from error

    def connect(self) -> DriverConnection:
        """See `Backend`."""
        if self._path is None:
            self._memory = self._memory or self._connect("file::memory:", _SETTINGS)
            return cast(DriverConnection, self._memory)
        return cast(DriverConnection, self._connect(self._uri("rw"), _DURABLE))

    def _connect(self, target: str, settings: Mapping[str, int | str]) -> sqlite3.Connection:
        connection = sqlite3.connect(
            target, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            for name, value in settings.items():
                connection.execute(f"PRAGMA {name}={value}").fetchall()
            self._read_back(connection, settings)
        except BaseException:
            connection.close()
            raise
        return connection

    def _uri(self, mode: str) -> str:
        """Name the file so that SQLite opens it and never makes one: `prepare` alone does."""
        return f"{Path(self._path or '').as_uri()}?mode={mode}"

    def _read_back(self, connection: sqlite3.Connection, settings: Mapping[str, int | str]) -> None:
        for name, value in settings.items():
            (found,) = connection.execute(f"PRAGMA {name}").fetchone()
            if found != value:
                raise ConfigurationError(
                    f"the store {self._path!r} has {name}={found!r} where evpay needs {value!r}, so money could be "
                    "lost in a power cut: put the file on a local disk, or use PostgreSQL."
                )

    def engine_for_reading(self) -> Engine:
        """See `Backend`."""
        if self._path is None:
            memory = self.connect()
            return _beginning(create_engine("sqlite://", creator=lambda: memory, poolclass=StaticPool), "BEGIN")
        engine = create_engine(
            "sqlite://",
            creator=lambda: self._connect(self._uri("ro"), {"busy_timeout": _BUSY_MS}),
            poolclass=QueuePool,
            pool_size=4,
            max_overflow=0,
        )
        return _beginning(engine, "BEGIN")

    def engine_for_migrating(self) -> Engine:
        """See `Backend`."""
        if self._path is None:
            return self.engine_for_reading()
        return _beginning(create_engine("sqlite://", creator=self.connect, poolclass=NullPool), self.begin)

    def revision(self, connection: DriverConnection) -> str | None:
        """See `Backend`; a file that holds another program's tables is refused."""
        tables = connection.execute("SELECT count(*), sum(name = 'alembic_version') FROM sqlite_master").fetchone()
        if tables is None or tables[0] == 0:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables[1] else None
        if row is None:
            raise ConfigurationError(
                f"the file {self._path!r} holds another program's tables: name a new file for the store."
            )
        return str(row[0])

    def fault(self, error: Exception, write: Insert | Update | Delete | None) -> Exception:
        """See `Backend`."""
        code = getattr(error, "sqlite_errorcode", None)
        if not isinstance(error, sqlite3.Error) or code is None:
            return error
        if code & 0xFF in _BUSY:
            return Busy(str(error))
        if code & 0xFF in _BROKEN:
            return Broken(str(error))
        return error if write is None else _refusal(code, error, write)


def _make(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _beginning(engine: Engine, statement: str) -> Engine:
    """Begin every transaction of the engine with this statement; the driver begins none by itself."""

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    event.listen(engine, "begin", begin)
    return engine


def _refusal(code: int, error: sqlite3.Error, write: Insert | Update | Delete) -> Exception:
    """Read which rule was broken from SQLite's words, as in "UNIQUE constraint failed: intent.tenant, intent.key"."""
    what = str(error).removeprefix("constraint failed: ").rpartition(" constraint failed: ")[2]
    if code in _UNIQUE:
        columns = tuple(column.rpartition(".")[2] for column in what.split(", "))
        return unique_broken(unique_name(write.table, columns), write)
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return foreign_key_broken(write)
    if code & 0xFF == sqlite3.SQLITE_CONSTRAINT:
        return ConstraintBroken(what)
    return error
