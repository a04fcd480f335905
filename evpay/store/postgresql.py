"""The store in PostgreSQL, through psycopg 3: one writing connection per process, readers beside it."""

from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import NullPool

from evpay.errors import ConfigurationError
from evpay.store.backend import DriverConnection
from evpay.store.commit import ConstraintBroken, Delete, Insert, Update
from evpay.store.faults import Broken, Busy, Lost, foreign_key_broken, unique_broken

if TYPE_CHECKING:
    import psycopg

__all__ = ["SCHEMA", "PostgreSQLBackend"]

SCHEMA: Final = "evpay"
"""The tables live in a schema of their own, beside a host's; a `search_path` in the URL's options wins."""

_SETTINGS: Final = {"statement_timeout": "5s", "idle_in_transaction_session_timeout": "5s"}

# Values under which the server acknowledges a commit that a power cut may undo.
_LOSES_COMMITS: Final = {"fsync": "off", "synchronous_commit": "off"}

# https://www.postgresql.org/docs/18/errcodes-appendix.html, read 2026-07.
_BUSY: Final = frozenset({"40001", "40P01", "55P03", "57014"})  # serialization, deadlock, lock and statement timeout
_LOST: Final = ("08", "57P", "53300", "25P03", "25006")  # 25006: the server has become a standby
_BROKEN: Final = ("53100", "53200", "58", "XX")  # disk full, out of memory, I/O error, damaged data

_MIGRATION_LOCK: Final = int.from_bytes(b"evpay", "big")
"""Held by the transaction that migrates, so it works behind a pooler too."""


class PostgreSQLBackend:
    """One PostgreSQL database; the tables are in the schema `evpay` of it, unless the URL names a `search_path`."""

    begin = "BEGIN"
    lock_row = " FOR UPDATE"
    inline = False
    migrates_at_open = False

    def __init__(self, url: URL, *, place: str) -> None:
        query = {"connect_timeout": "10", **url.query}
        self._url = url.set(drivername="postgresql+psycopg", query=query)
        self.place = place
        chosen = "search_path" in str(url.query.get("options", ""))
        self._settings = _SETTINGS if chosen else {**_SETTINGS, "search_path": SCHEMA}
        self.dialect: Dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]  # SQLAlchemy left it so

    def prepare(self) -> None:
        """See `Backend`; the database is the operator's to make, so this looks for the driver only."""
        try:
            import psycopg  # noqa: F401, PLC0415 - an extra
        except ImportError as error:
            raise ConfigurationError(
                f"the store {self.place!r} needs psycopg: install it with `pip install 'evpay[postgres]'`."
            ) from error

    def connect(self) -> DriverConnection:
        """See `Backend`."""
        import psycopg  # noqa: PLC0415 - an extra

        arguments, options = self.dialect.create_connect_args(self._url)
        connection = psycopg.connect(*arguments, **options, autocommit=True)
        try:
            self._set(connection)
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        return cast(DriverConnection, connection)

    def _set(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        for name, value in self._settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))

    def _check(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        for name, refused in _LOSES_COMMITS.items():
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            if row == (refused,):
                raise ConfigurationError(
                    f"the store {self.place!r} has {name}={refused}, so money could be lost in a power cut: set it to "
                    "'on' on the server, or for this database and role."
                )

    def engine_for_reading(self) -> Engine:
        """See `Backend`."""
        engine = create_engine(
            self._url,
            pool_size=4,
            max_overflow=0,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )

        def connected(connection: "psycopg.Connection[tuple[object, ...]]", _record: object) -> None:
            connection.autocommit = True
            self._set(connection)
            connection.autocommit = False

        event.listen(engine, "connect", connected)
        return engine

    def engine_for_migrating(self) -> Engine:
        """See `Backend`."""
        engine = create_engine(self._url, poolclass=NullPool)

        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            if "search_path" in self._settings:
                connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
                connection.exec_driver_sql(f"SET LOCAL search_path TO {SCHEMA}")

        event.listen(engine, "begin", begin)
        return engine

    def revision(self, connection: DriverConnection) -> str | None:
        """See `Backend`."""
        there = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if there == (True,) else None
        return None if row is None else str(row[0])

    def fault(self, error: Exception, write: Insert | Update | Delete | None) -> Exception:
        """See `Backend`."""
        import psycopg  # noqa: PLC0415 - an extra

        if not isinstance(error, psycopg.Error):
            return error
        state = error.sqlstate
        if state is None:
            lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
            return Lost(str(error)) if lost else error
        if state in _BUSY:
            return Busy(str(error))
        if state.startswith(_LOST):
            return Lost(str(error))
        if state.startswith(_BROKEN):
            return Broken(str(error))
        return error if write is None else _refusal(state, error, write)


def _refusal(state: str, error: "psycopg.Error", write: Insert | Update | Delete) -> Exception:
    """Read which rule was broken from what the server reports beside its words."""
    diag = error.diag
    match state:
        case "23505":  # unique_violation
            return unique_broken(str(diag.constraint_name), write)
        case "23503":  # foreign_key_violation
            return foreign_key_broken(write)
        case "23514":  # check_violation, and our triggers
            return ConstraintBroken(str(diag.constraint_name))
        case "23502":  # not_null_violation
            return ConstraintBroken(f"{diag.table_name}.{diag.column_name}")
        case _:
            return error
