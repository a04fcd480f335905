"""How the processor's own books are kept: one SQLite file, one short transaction for each call.

It shares nothing with evpay's store, so that comparing the two proves something.
A transaction takes the write lock first, also to read: what a look-up leaves out did not happen before it.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from evpay.ids import wire_key

__all__ = ["Effect", "Page", "Payment", "Storage", "Terms"]

_BUSY_S: Final = 20
_VERSION: Final = 1
_SCHEMA: Final = (
    """CREATE TABLE payment (
        no INTEGER PRIMARY KEY, account TEXT NOT NULL, id TEXT NOT NULL UNIQUE, reference TEXT NOT NULL,
        currency TEXT NOT NULL, method TEXT NOT NULL, token TEXT NOT NULL, standing TEXT NOT NULL,
        authorized INTEGER NOT NULL DEFAULT 0 CHECK (authorized >= 0),
        captured INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0),
        released INTEGER NOT NULL DEFAULT 0 CHECK (released >= 0),
        refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
        charged_back INTEGER NOT NULL DEFAULT 0 CHECK (charged_back >= 0),
        expires_us INTEGER, changed_us INTEGER NOT NULL, terms TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX payment_by_reference ON payment (account, reference)",
    """CREATE TABLE effect (
        no INTEGER PRIMARY KEY, payment INTEGER NOT NULL REFERENCES payment (no), id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL, reference TEXT, asked INTEGER NOT NULL, amount INTEGER NOT NULL DEFAULT 0,
        final INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, outcome TEXT NOT NULL, request TEXT NOT NULL,
        at_us INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX effect_by_payment ON effect (payment)",
    """CREATE TABLE answer (
        account TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, outcome TEXT NOT NULL, at_us INTEGER NOT NULL,
        PRIMARY KEY (account, key)
    ) STRICT""",
    "CREATE TABLE lost (account TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (account, key)) STRICT",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed when the payment was made; it stays the same for the payment's life."""

    funding: str
    lifetime_us: int | None
    increment: bool
    extend: bool
    multiple_captures: bool
    releases_remainder: bool
    over_percent: int
    share_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment as the processor keeps it, in minor units.

    `standing`: waiting, pending, open, closed, refused, voided, expired. `method` is masked; `token` is the name of
    a magic method, empty for a token that the sandbox does not know.
    """

    no: int = 0
    account: str
    id: str
    reference: str
    currency: str
    method: str
    token: str
    standing: str
    authorized: int = 0
    captured: int = 0
    released: int = 0
    refunded: int = 0
    charged_back: int = 0
    expires_us: int | None = None
    changed_us: int
    terms: Terms

    @property
    def limit(self) -> int:
        """The most that captures may add up to."""
        return self.authorized * (100 + self.terms.over_percent) // 100

    @property
    def held(self) -> int:
        """What is secured and neither taken nor given back."""
        return max(self.authorized - self.captured - self.released, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that the processor was asked to do, or did by itself (`reference` None). `outcome` is JSON."""

    no: int = 0
    payment: int
    id: str
    kind: str
    reference: str | None
    asked: int
    amount: int = 0
    final: int = 0
    state: str
    outcome: str
    request: str
    at_us: int


def _payment(row: sqlite3.Row) -> Payment:
    return Payment(**{**dict(row), "terms": Terms(**json.loads(row["terms"]))})


def _columns(record: Payment | Effect) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in fields(record) if field.name != "no"}
    if isinstance(record, Payment):
        values["terms"] = json.dumps(asdict(record.terms))
    return values


class Page:
    """The books, open for one transaction, at one instant of the processor's clock."""

    def __init__(self, connection: sqlite3.Connection, *, account: str | None, now_us: int) -> None:
        self._connection = connection
        self._account = account
        self.now_us = now_us

    def _all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def _insert(self, table: str, record: Payment | Effect) -> int:
        values = _columns(record)
        # Table and column names come from this module's own dataclasses.
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"  # noqa: S608
        return int(self._connection.execute(sql, tuple(values.values())).lastrowid or 0)

    def _update(self, table: str, record: Payment | Effect) -> None:
        values = _columns(record)
        sql = f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in values)} WHERE no = ?"  # noqa: S608 - as above
        self._connection.execute(sql, (*values.values(), record.no))

    def new_id(self, prefix: str, *seed: str) -> str:
        """Return an id of the processor's that no other effect in these books has."""
        table = "payment" if prefix == "pay" else "effect"
        (row,) = self._all(f"SELECT coalesce(max(no), 0) AS last FROM {table}")  # noqa: S608 - one of two constants
        return f"sbx_{prefix}_{wire_key(self._account or '', *seed, str(row['last']))[:16]}"

    def payments(self) -> list[Payment]:
        """Return every payment of the account (of all accounts, where none is named), oldest first."""
        rows = self._all("SELECT * FROM payment WHERE ?1 IS NULL OR account = ?1 ORDER BY no", self._account)
        return [_payment(row) for row in rows]

    def find(self, *, reference: str | None = None, id: str | None = None) -> Payment | None:  # noqa: A002 - theirs
        """Return the payment of our reference, or of their id; of several with one reference the first."""
        rows = self._all(
            "SELECT * FROM payment WHERE (?1 IS NULL OR account = ?1) AND (reference = ?2 OR id = ?3) ORDER BY no",
            self._account,
            reference,
            id,
        )
        return _payment(rows[0]) if rows else None

    def add(self, payment: Payment) -> Payment:
        """Write a new payment and return it with its number."""
        return replace(payment, no=self._insert("payment", payment))

    def save(self, payment: Payment) -> Payment:
        """Write what changed. The time of change only ever grows, so that states of one payment have an order."""
        (row,) = self._all("SELECT changed_us FROM payment WHERE no = ?", payment.no)
        saved = replace(payment, changed_us=max(self.now_us, row["changed_us"] + 1))
        self._update("payment", saved)
        return saved

    def effects(self, payment: Payment) -> list[Effect]:
        """Return everything that was done or refused for the payment, oldest first."""
        return [
            Effect(**dict(row)) for row in self._all("SELECT * FROM effect WHERE payment = ? ORDER BY no", payment.no)
        ]

    def effect_of(self, reference: str) -> tuple[Payment, Effect] | None:
        """Return the newest effect under our reference, with its payment."""
        rows = self._all(
            "SELECT effect.* FROM effect JOIN payment ON payment.no = effect.payment "
            "WHERE (?1 IS NULL OR account = ?1) AND effect.reference = ?2 ORDER BY effect.no DESC",
            self._account,
            reference,
        )
        if not rows:
            return None
        effect = Effect(**dict(rows[0]))
        return _payment(self._all("SELECT * FROM payment WHERE no = ?", effect.payment)[0]), effect

    def add_effect(self, effect: Effect) -> Effect:
        """Write a new effect and return it with its number."""
        return replace(effect, no=self._insert("effect", effect))

    def save_effect(self, effect: Effect) -> None:
        """Write what became of an effect."""
        self._update("effect", effect)

    def answer(self, key: str, *, since_us: int) -> tuple[str, str] | None:
        """Return digest and outcome under an idempotency key, if it was used since then."""
        rows = self._all(
            "SELECT digest, outcome FROM answer WHERE account = ? AND key = ? AND at_us >= ?",
            self._account,
            key,
            since_us,
        )
        return (rows[0]["digest"], rows[0]["outcome"]) if rows else None

    def keep_answer(self, key: str, *, digest: str, outcome: str) -> None:
        """Remember what was answered under an idempotency key."""
        self._connection.execute(
            "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?)", (self._account, key, digest, outcome, self.now_us)
        )

    def lose_once(self, key: str) -> bool:
        """Say whether this is the first time that an answer under the key may get lost."""
        sql = "INSERT OR IGNORE INTO lost VALUES (?, ?)"
        return self._connection.execute(sql, (self._account, key)).rowcount == 1


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the schema, if nobody has; several processes may come here at once."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:  # the switch to WAL does not wait for its turn
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


class Storage:
    """The file, or a piece of memory with the same face. Nothing is opened before the first use."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._closed = False
        self._image: bytes | None = None
        self._of_parents: list[sqlite3.Connection] = []

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path or ":memory:", timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        if self._image is not None:
            connection.deserialize(self._image)
        _prepare(connection)
        return connection

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid != os.getpid() and self.path is not None:
            # Closing a connection that came with a fork would drop the parent's file locks.
            self._of_parents.append(self._connection)
            self._connection = None
        if self._connection is None:
            self._connection, self._pid = self._open(), os.getpid()
        return self._connection

    @contextmanager
    def page(self, *, account: str | None, now_us: int) -> Iterator[Page]:
        """Open the books; what was written is on disk when the block is left, or not there at all."""
        with self._lock:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Page(connection, account=account, now_us=now_us)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                if self._closed:
                    self._release()

    def _release(self) -> None:
        if self._connection is None:
            return
        if self.path is None:
            self._image = self._connection.serialize()
        self._connection.close()
        self._connection = None

    def close(self) -> None:
        """Close the file; memory keeps what it holds. A later use opens and closes it again each time."""
        with self._lock:
            self._closed = True
            self._release()
