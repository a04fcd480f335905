"""Every table of the store, once, for SQLite and PostgreSQL.

`tenant` stands first in every primary and foreign key, so a reference across tenants cannot be stored.
Times are microseconds since 1970 UTC, money is in ISO 4217 minor units, documents are canonical JSON text.
No table has more than one foreign key: SQLite does not say which one was broken.
Rules that a CHECK cannot state are triggers (`evpay.store.triggers`).
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

__all__ = ["LARGEST_AMOUNT", "SINGLE_FLIGHT", "metadata"]

LARGEST_AMOUNT: Final = 2**53 - 1
"""Amounts stay exact in every JSON reader."""

SINGLE_FLIGHT: Final = "uq_operation_single_flight"
"""At most one operation of a payment may be on its way to the processor, voids aside."""

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_WHOLE: Final = BigInteger().with_variant(Integer(), "sqlite")  # a STRICT table knows INTEGER only


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text(), nullable=null)


def _int(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, _WHOLE, nullable=null, autoincrement=False)


def _check(name: str, rule: str) -> CheckConstraint:
    return CheckConstraint(rule, name=name)


def _unique(*columns: str) -> UniqueConstraint:
    return UniqueConstraint("tenant", *columns)


def _reference(columns: tuple[str, ...], table: str, key: tuple[str, ...]) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(("tenant", *columns), [f"{table}.{column}" for column in ("tenant", *key)])


def _due(table: str, column: str) -> Index:
    """Index the rows that wait for their time; the others cost nothing."""
    due = text(f"{column} IS NOT NULL")
    return Index(f"ix_{table}_{column}", column, sqlite_where=due, postgresql_where=due)


def _table(name: str, key: tuple[str, ...], *items: SchemaItem) -> Table:
    return Table(
        name,
        metadata,
        _text("tenant"),
        *items,
        PrimaryKeyConstraint("tenant", *key),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


_table("tariff", ("hash",), _text("hash"), _text("body"))

_table(
    "session",
    ("id",),
    _text("id"),
    _text("tariff"),
    _text("status"),
    _text("admission"),
    _text("driver", null=True),
    _text("site", null=True),
    _text("connector", null=True),
    _text("intent", null=True),
    _int("started_us", null=True),
    _int("stopped_us", null=True),
    _int("wake_us", null=True),
    _text("receipt", null=True),
    _int("version"),
    _int("created_us"),
    _int("updated_us"),
    _text("digest"),
    _text("body"),
    _reference(("tariff",), "tariff", ("hash",)),
    _due("session", "wake_us"),
    Index("ix_session_connector", "tenant", "site", "connector", "created_us"),
)

# No foreign key to the session: readings that come before `start` are kept.
_table(
    "reading",
    ("session", "at_us", "kind", "digest"),
    _text("session"),
    _int("at_us"),
    _text("kind"),
    _text("digest"),
    _int("energy_mj", null=True),
    _int("received_us"),
    _text("body"),
)

_table(
    "intent",
    ("id",),
    _text("id"),
    _text("key"),
    _text("digest"),
    _text("session", null=True),
    _text("method"),
    _int("version"),
    _int("created_us"),
    _int("updated_us"),
    _text("body"),
    _unique("key"),
    Index("ix_intent_session", "tenant", "session"),
)

_table(
    "payment",
    ("id",),
    _text("id"),
    _text("intent"),
    _text("session", null=True),
    _int("attempt"),
    _text("provider"),
    _text("account"),
    _text("funding"),
    _text("currency"),
    _text("reference"),
    _int("authorized"),
    _int("captured"),
    _int("captured_reversed"),
    _int("released"),
    _int("refunded"),
    _int("refund_reversed"),
    _int("charged_back"),
    _int("chargeback_reversed"),
    _int("over_allowed"),
    _text("handle", null=True),
    _text("hold", null=True),
    _int("expires_us", null=True),
    _int("wake_us", null=True),
    _text("owner", null=True),
    _int("lease_us", null=True),
    _int("events"),
    _int("operations"),
    _text("head"),
    _int("version"),
    _int("created_us"),
    _int("updated_us"),
    _reference(("intent",), "intent", ("id",)),
    _unique("intent", "attempt"),
    _unique("account", "reference"),
    _check(
        "totals_not_negative",
        "authorized >= 0 AND captured >= 0 AND captured_reversed >= 0 AND released >= 0 AND refunded >= 0"
        " AND refund_reversed >= 0 AND charged_back >= 0 AND chargeback_reversed >= 0 AND over_allowed >= 0",
    ),
    _check(
        "reversals_within_totals",
        "captured_reversed <= captured AND refund_reversed <= refunded AND chargeback_reversed <= charged_back",
    ),
    _check("captured_within_hold", "captured - captured_reversed + released <= authorized + over_allowed"),
    _check(
        "refunded_within_captured",
        "refunded - refund_reversed + charged_back - chargeback_reversed <= captured - captured_reversed",
    ),
    _check("open_hold_wakes", "captured - captured_reversed + released >= authorized OR wake_us IS NOT NULL"),
    Index("ix_payment_session", "tenant", "session"),
    Index("ix_payment_account_reference", "account", "reference"),
    _due("payment", "wake_us"),
)

_KEYED: Final = text("key IS NOT NULL")
_IN_FLIGHT: Final = text("state IN ('submitting', 'unknown') AND kind <> 'void'")

_table(
    "operation",
    ("id",),
    _text("id"),
    _text("payment"),
    _int("no"),
    _text("kind"),
    _int("amount"),
    _text("currency"),
    _text("digest"),
    _text("reference"),
    _text("idempotency_key"),
    _text("request"),
    _text("state"),
    _int("attempts"),
    _int("first_sent_us", null=True),
    _int("next_us", null=True),
    _text("outcome", null=True),
    _int("confirmed", null=True),
    _text("provider_ref", null=True),
    _text("actor", null=True),
    _text("reason", null=True),
    _int("asked_us"),
    _int("answered_us", null=True),
    _reference(("payment",), "payment", ("id",)),
    _unique("payment", "no"),
    _check(
        "state_known",
        "state IN ('reserved', 'submitting', 'requires_action', 'pending', 'unknown', 'succeeded',"
        " 'declined', 'failed', 'expired', 'cancelled', 'reversed')",
    ),
    _check("amount_in_range", f"amount BETWEEN 0 AND {LARGEST_AMOUNT} AND (amount > 0 OR kind = 'void')"),
    _check("confirmed_in_range", f"confirmed BETWEEN 0 AND {LARGEST_AMOUNT}"),
    Index(SINGLE_FLIGHT, "tenant", "payment", unique=True, sqlite_where=_IN_FLIGHT, postgresql_where=_IN_FLIGHT),
    Index("ix_operation_reference", "reference"),
    _due("operation", "next_us"),
)

_table(
    "event",
    ("payment", "no"),
    _text("payment"),
    _int("no"),
    _text("kind"),
    _text("body"),
    _int("at_us"),
    _text("hash"),
    _reference(("payment",), "payment", ("id",)),
)

_table(
    "ledger",
    ("payment", "no", "line"),
    _text("payment"),
    _int("no"),
    _int("line"),
    _text("debit"),
    _text("credit"),
    _int("amount"),
    _text("currency"),
    _reference(("payment", "no"), "event", ("payment", "no")),
    _check("amount_in_range", f"amount BETWEEN 1 AND {LARGEST_AMOUNT}"),
    _check("two_sides", "debit <> credit"),
)

_table("outbox", ("subject", "no"), _text("subject"), _int("no"), _text("kind"), _text("body"), _int("at_us"))

_table(
    "consumer",
    ("name", "subject"),
    _text("name"),
    _text("subject"),
    _int("no"),
    _int("next_us", null=True),
    _int("attempts"),
    _due("consumer", "next_us"),
)

_table(
    "inbox",
    ("account", "event_id"),
    _text("account"),
    _text("event_id"),
    _text("digest"),
    _text("body"),
    _int("received_us"),
    _int("next_us", null=True),
    _int("attempts"),
    _text("payment", null=True),
    _due("inbox", "next_us"),
)

_table("series", ("name",), _text("name"), _int("next"), _text("head"), _check("counts_from_one", "next >= 1"))

_table(
    "receipt",
    ("series", "number"),
    _text("series"),
    _int("number"),
    _text("label"),
    _text("kind"),
    _text("session", null=True),
    _text("payment", null=True),
    _int("no", null=True),
    _text("corrects", null=True),
    _text("key", null=True),
    _text("body"),
    _text("hash"),
    _int("issued_us"),
    _unique("label"),
    _unique("payment", "no"),
    _check("counts_from_one", "number >= 1"),
    Index(
        "uq_receipt_corrects_key",
        *("tenant", "corrects", "key"),
        unique=True,
        sqlite_where=_KEYED,
        postgresql_where=_KEYED,
    ),
    Index("ix_receipt_session", "tenant", "session"),
)

_table(
    "review",
    ("id",),
    _text("id"),
    _text("payment", null=True),
    _text("subject"),
    _text("reason"),
    _int("opened_us"),
    _int("closed_us", null=True),
    _text("actor", null=True),
    _text("note", null=True),
    Index("ix_review_payment", "tenant", "payment"),
)

_table(
    "settlement_line",
    ("file_hash", "line"),
    _text("file_hash"),
    _int("line"),
    _text("provider_ref"),
    _text("kind"),
    _int("amount"),
    _text("currency"),
    _text("matched", null=True),
    Index("ix_settlement_line_provider_ref", "tenant", "provider_ref"),
)

_table("anchor", ("day",), _text("day"), _text("root"))

_alias = _table("alias", ("account", "id"), _text("account"), _text("id"), _text("payment"))
Index("ix_alias_account_id", _alias.c.account, _alias.c.id)

_table(
    "debt",
    ("id",),
    _text("id"),
    _text("session", null=True),
    _text("driver", null=True),
    _text("currency"),
    _int("amount"),
    _int("collected"),
    _text("status"),
    _text("reason"),
    _text("receipt", null=True),
    _int("created_us"),
    _int("updated_us"),
    _text("body"),
    _check("amount_in_range", f"amount BETWEEN 1 AND {LARGEST_AMOUNT}"),
    _check("collected_within_amount", "collected BETWEEN 0 AND amount"),
    Index("ix_debt_session", "tenant", "session"),
    Index("ix_debt_driver", "tenant", "driver"),
)

_table(
    "method",
    ("id",),
    _text("id"),
    _text("driver"),
    _text("body"),
    _int("created_us"),
    _int("forgotten_us", null=True),
    Index("ix_method_driver", "tenant", "driver"),
)

# The store itself: one row, made at the first opening.
Table(
    "store",
    metadata,
    _int("id"),
    _text("mode"),
    _int("created_us"),
    PrimaryKeyConstraint("id"),
    _check("one_row", "id = 1"),
    _check("mode_known", "mode IN ('test', 'live')"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
