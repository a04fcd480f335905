"""What the two databases have in common, and where they differ."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.engine import Dialect

from evpay.store.commit import Delete, Insert, Update

__all__ = ["Backend", "DriverConnection", "DriverCursor"]


class DriverCursor(Protocol):
    """The result of one statement."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> tuple[object, ...] | None:
        """Return the next row."""
        ...


class DriverConnection(Protocol):
    """A driver's own connection; transactions are begun by hand."""

    def execute(self, sql: str, values: Sequence[object] = (), /) -> DriverCursor:
        """Run one statement."""
        ...

    def commit(self) -> None:
        """End the transaction durably."""
        ...

    def rollback(self) -> None:
        """Undo the transaction, if there is one."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Backend(Protocol):
    """One database: how to reach it and how to read what it says.

    Implementers promise: what `commit` acknowledged survives a power cut, and `connect` has read back every setting
    on which that rests.
    """

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        ...

    @property
    def dialect(self) -> Dialect:
        """The dialect that writes are compiled for, with positional values."""
        ...

    @property
    def begin(self) -> str:
        """The statement that begins a writing transaction."""
        ...

    @property
    def lock_row(self) -> str:
        """What a SELECT ends with to keep others from changing the row."""
        ...

    @property
    def inline(self) -> bool:
        """Whether there is but one connection, so that everything runs in the caller's thread."""
        ...

    @property
    def migrates_at_open(self) -> bool:
        """Whether opening brings an older schema up to date."""
        ...

    def prepare(self) -> None:
        """Make the place where the data will be, if it is ours to make."""
        ...

    def connect(self) -> DriverConnection:
        """Return a new writing connection, settings read back.

        Raises:
            ConfigurationError: a setting under which an acknowledged commit could be lost.
        """
        ...

    def engine_for_reading(self) -> Engine:
        """Return an engine whose transactions see one moment and cannot write."""
        ...

    def engine_for_migrating(self) -> Engine:
        """Return an engine whose transaction keeps other migrations out."""
        ...

    def revision(self, connection: DriverConnection) -> str | None:
        """Return the revision of the schema that is there; None: nothing is there."""
        ...

    def fault(self, error: Exception, write: Insert | Update | Delete | None) -> Exception:
        """Return what an error of the driver means: a refusal, `Busy`, `Lost`, `Broken`, or the error itself."""
        ...
