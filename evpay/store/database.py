"""The store as the engine sees it: open, commit, read, close."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from evpay.env import Env
from evpay.errors import ConfigurationError, EvpayError, StoreUnavailable
from evpay.store.backend import Backend, DriverConnection
from evpay.store.commit import Commit, Insert
from evpay.store.faults import Broken, Busy, Lost
from evpay.store.link import Link
from evpay.store.migrations import HEAD, REVISIONS, make, upgrade
from evpay.store.statements import Statements
from evpay.store.writer import Writer

__all__ = ["Store", "migrate", "mode"]

T = TypeVar("T")

_PASSWORDS: Final = (
    (re.compile(r"((?:pass|key)\w*=)[^&]*"), r"\1***"),
    (re.compile(r"(?<=://)([^:/?#]*):.*@"), r"\1:***@"),
)


class Store:
    """Rows on disk, for test or for live.

    `url` is `sqlite:///file.db`, `sqlite:///:memory:` (for tests: one connection, writes in the caller's thread) or
    `postgresql://user:password@host/database`. Nothing is opened before `open()`.

    Raises:
        ConfigurationError: the URL cannot be a store's.
    """

    def __init__(self, url: str, *, env: Env) -> None:
        self._backend = _backend(url)
        self._env = env
        self._writer: Writer | None = None
        self._readers: Engine | None = None
        self._live = False
        self._process = 0
        self._inherited: list[object] = []

    @property
    def place(self) -> str:
        """Where the store is, without a password."""
        return self._backend.place

    @property
    def is_writable(self) -> bool:
        """Whether commits are taken: it is open, and nothing has broken it."""
        return self._writer is not None and self._writer.broken is None

    async def open(self, *, live: bool) -> None:
        """Connect, check what durability rests on, and bring an older SQLite file up to date.

        Opening it again mends a store whose disk was full.

        Raises:
            ConfigurationError: the place, its settings, its schema or its mode do not fit.
            StoreUnavailable: the server does not answer.
        """
        await self.aclose()
        self._live = live
        await self._env.blocking(self._open)

    async def commit(self, commit: Commit) -> tuple[object, ...]:
        """Write a commit; return, when it is durable, the values of its receipt numbers.

        A caller that is cancelled meanwhile does not undo it.

        Raises:
            CommitRefused: a guard or a rule forbids it; nothing was written.
            StoreUnavailable: it could not be written.
        """
        self._be_in_this_process()
        return await self._opened(self._writer).write(commit)

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Return what `function` reads in one transaction, which sees every commit that was answered.

        It may be called twice when a connection is lost, so it does nothing but read.

        Raises:
            StoreUnavailable: the store could not be read.
        """
        self._be_in_this_process()
        readers = self._opened(self._readers)
        if self._backend.inline:
            return _read(readers, function)
        return await self._env.blocking(lambda: _read(readers, function))

    async def aclose(self) -> None:
        """Write what waits, then let go of every connection. The store may be opened again."""
        writer, readers = self._writer, self._readers
        self._writer = self._readers = None
        if self._process != os.getpid():
            self._inherited.append((writer, readers))
            return
        # The writer goes last: the last connection, if it may write, leaves an SQLite file whole and without a log.
        if readers is not None:
            readers.dispose()
        if writer is not None:
            await self._env.blocking(writer.stop)

    def _opened(self, part: T | None) -> T:
        if part is None:
            raise StoreUnavailable("the store is not open: open it before you use it.", retryable=False)
        return part

    def _be_in_this_process(self) -> None:
        """After a fork, leave the parent's connections alone and make our own."""
        if self._writer is not None and self._process != os.getpid():
            self._inherited.append((self._writer, self._readers))
            self._open()

    def _open(self) -> None:
        with _reaching(self._backend):
            self._backend.prepare()
            connection = self._backend.connect()
            try:
                self._bring_up_to_date(connection)
                self._agree_on_mode(connection)
            except BaseException:
                connection.close()
                raise
            readers = self._backend.engine_for_reading()
        self._process = os.getpid()
        self._readers = readers
        self._writer = Writer(Link(self._backend, connection), self._env)
        self._writer.start(inline=self._backend.inline)

    def _bring_up_to_date(self, connection: DriverConnection) -> None:
        revision = _known_revision(self._backend, connection)
        if revision == HEAD:
            return
        if not self._backend.migrates_at_open:
            found = "no schema yet" if revision is None else f"the older schema {revision!r}"
            raise ConfigurationError(
                f"the store {self.place!r} has {found} (this evpay needs {HEAD!r}): run `evpay migrate` once, while no "
                "older evpay is at work."
            )
        if self._backend.inline:
            make(self._backend.engine_for_migrating())
        else:
            upgrade(self._backend.engine_for_migrating())

    def _agree_on_mode(self, connection: DriverConnection) -> None:
        wanted = "live" if self._live else "test"
        if (found := _mode(connection)) is None:
            connection.execute(self._backend.begin)
            row = Insert("store", {"id": 1, "mode": wanted, "created_us": self._env.now_us()}, or_ignore=True)
            connection.execute(*Statements(self._backend.dialect).of(row))
            connection.commit()
            found = _mode(connection)
        if found != wanted:
            raise ConfigurationError(
                f"the store {self.place!r} was made for {found!r} and the providers are {wanted!r}: test and live "
                "never share a store. Name another store, or other keys."
            )


def migrate(url: str) -> tuple[str | None, str]:
    """Bring a store's schema up to date; return the revision it had (None: it was empty) and the one it has.

    One process at a time migrates; a second one waits and finds nothing to do.

    Raises:
        ConfigurationError: the URL cannot be a store's, or the schema is newer than this evpay.
    """
    backend = _backend(url)
    with _reaching(backend):
        backend.prepare()
        with closing(backend.connect()) as connection:
            before = _known_revision(backend, connection)
            if before != HEAD:
                upgrade(backend.engine_for_migrating())
    return before, HEAD


def mode(url: str) -> str | None:
    """Return what a store was made for, `"test"` or `"live"`; None if it was never opened for either.

    For readers, who open a store in the mode that it has. Nothing is written into it.

    Raises:
        ConfigurationError: the URL cannot be a store's, or the schema is newer than this evpay.
    """
    backend = _backend(url)
    with _reaching(backend):
        backend.prepare()
        with closing(backend.connect()) as connection:
            found = None if _known_revision(backend, connection) is None else _mode(connection)
    return None if found is None else str(found)


def _mode(connection: DriverConnection) -> object:
    row = connection.execute("SELECT mode FROM store").fetchone()
    return None if row is None else row[0]


def _known_revision(backend: Backend, connection: DriverConnection) -> str | None:
    revision = backend.revision(connection)
    if revision is None or revision in REVISIONS:
        return revision
    raise ConfigurationError(
        f"the store {backend.place!r} has schema {revision!r}, which this evpay does not know (its newest is "
        f"{HEAD!r}): a newer evpay has used it. Update evpay."
    )


@contextmanager
def _reaching(backend: Backend) -> Iterator[None]:
    """Say in our words why a store cannot be reached."""
    try:
        yield
    except EvpayError:
        raise
    except Exception as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        fault = backend.fault(cause, None) if isinstance(cause, Exception) else error
        if not isinstance(fault, Busy | Lost | Broken):
            raise
        raise StoreUnavailable(f"the store {backend.place!r} cannot be opened: {fault}") from error


def _read(readers: Engine, function: Callable[[Connection], T]) -> T:
    try:
        return _read_once(readers, function)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise _unreadable(error) from error
    except PoolTimeout as error:
        raise _unreadable(error) from error
    try:
        return _read_once(readers, function)
    except (DBAPIError, PoolTimeout) as error:
        raise _unreadable(error) from error


def _unreadable(error: DBAPIError | PoolTimeout) -> StoreUnavailable:
    return StoreUnavailable(f"the store cannot be read: {error.orig if isinstance(error, DBAPIError) else error}")


def _read_once(readers: Engine, function: Callable[[Connection], T]) -> T:
    with readers.connect() as connection:
        return function(connection)


def _backend(url: str) -> Backend:
    parsed = _parsed(url)
    match parsed.drivername:
        case "sqlite":
            from evpay.store.sqlite import SQLiteBackend  # noqa: PLC0415 - only the database in use is loaded

            return SQLiteBackend(_path(url, parsed))
        case "postgresql" | "postgres" | "postgresql+psycopg" if parsed.database:
            from evpay.store.postgresql import PostgreSQLBackend  # noqa: PLC0415 - as above

            return PostgreSQLBackend(parsed, place=_shown(url))
        case _:
            raise _not_a_store(url)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _not_a_store(url) from error


def _path(url: str, parsed: URL) -> str | None:
    if parsed.host or parsed.query or (parsed.database or "").startswith("file:"):
        raise _not_a_store(url)
    return None if parsed.database in (None, "", ":memory:") else str(Path(parsed.database or "").absolute())


def _shown(url: str) -> str:
    for pattern, instead in _PASSWORDS:
        url = pattern.sub(instead, url)
    return url


def _not_a_store(url: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_shown(url)!r} is not the URL of a store: use 'sqlite:///evpay.db' or "
        "'postgresql://user:password@host/database'."
    )
