"""The first schema."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001_first"
down_revision = None
branch_labels = None
depends_on = None

STRICT: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def whole(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=null)


def check(name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(name))


def where(rule: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(rule), "postgresql_where": sa.text(rule)}


def due(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column], **where(f"{column} IS NOT NULL"))


def upgrade() -> None:
    create_tables()
    for statement in TRIGGERS[op.get_bind().dialect.name]:
        op.execute(statement)


def create_tables() -> None:
    op.create_table(
        "tariff",
        text("tenant"), text("hash"), text("body"),
        sa.PrimaryKeyConstraint("tenant", "hash", name=op.f("pk_tariff")),
        **STRICT,
    )

    op.create_table(
        "session",
        text("tenant"), text("id"), text("tariff"), text("status"), text("admission"),
        text("driver", null=True), text("site", null=True), text("connector", null=True),
        text("intent", null=True), whole("started_us", null=True), whole("stopped_us", null=True),
        whole("wake_us", null=True), text("receipt", null=True), whole("version"), whole("created_us"),
        whole("updated_us"), text("digest"), text("body"),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_session")),
        sa.ForeignKeyConstraint(["tenant", "tariff"], ["tariff.tenant", "tariff.hash"], name=op.f("fk_session_tariff")),
        **STRICT,
    )
    due("session", "wake_us")
    op.create_index("ix_session_connector", "session", ["tenant", "site", "connector", "created_us"])

    op.create_table(
        "reading",
        text("tenant"), text("session"), whole("at_us"), text("kind"), text("digest"),
        whole("energy_mj", null=True), whole("received_us"), text("body"),
        sa.PrimaryKeyConstraint("tenant", "session", "at_us", "kind", "digest", name=op.f("pk_reading")),
        **STRICT,
    )

    op.create_table(
        "intent",
        text("tenant"), text("id"), text("key"), text("digest"), text("session", null=True), text("method"),
        whole("version"), whole("created_us"), whole("updated_us"), text("body"),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_intent")),
        sa.UniqueConstraint("tenant", "key", name=op.f("uq_intent_tenant_key")),
        **STRICT,
    )
    op.create_index("ix_intent_session", "intent", ["tenant", "session"])

    op.create_table(
        "payment",
        text("tenant"), text("id"), text("intent"), text("session", null=True), whole("attempt"),
        text("provider"), text("account"), text("funding"), text("currency"), text("reference"),
        whole("authorized"), whole("captured"), whole("captured_reversed"), whole("released"),
        whole("refunded"), whole("refund_reversed"), whole("charged_back"), whole("chargeback_reversed"),
        whole("over_allowed"), text("handle", null=True), text("hold", null=True),
        whole("expires_us", null=True), whole("wake_us", null=True), text("owner", null=True),
        whole("lease_us", null=True), whole("events"), whole("operations"), text("head"), whole("version"),
        whole("created_us"), whole("updated_us"),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_payment")),
        check(
            "ck_payment_totals_not_negative",
            "authorized >= 0 AND captured >= 0 AND captured_reversed >= 0 AND released >= 0 AND refunded >="
            " 0 AND refund_reversed >= 0 AND charged_back >= 0 AND chargeback_reversed >= 0 AND over_allowed"
            " >= 0"
        ),
        check(
            "ck_payment_captured_within_hold",
            "captured - captured_reversed + released <= authorized + over_allowed"
        ),
        check(
            "ck_payment_open_hold_wakes",
            "captured - captured_reversed + released >= authorized OR wake_us IS NOT NULL"
        ),
        check(
            "ck_payment_reversals_within_totals",
            "captured_reversed <= captured AND refund_reversed <= refunded AND chargeback_reversed <="
            " charged_back"
        ),
        check(
            "ck_payment_refunded_within_captured",
            "refunded - refund_reversed + charged_back - chargeback_reversed <= captured -"
            " captured_reversed"
        ),
        sa.ForeignKeyConstraint(["tenant", "intent"], ["intent.tenant", "intent.id"], name=op.f("fk_payment_intent")),
        sa.UniqueConstraint("tenant", "account", "reference", name=op.f("uq_payment_tenant_account_reference")),
        sa.UniqueConstraint("tenant", "intent", "attempt", name=op.f("uq_payment_tenant_intent_attempt")),
        **STRICT,
    )
    op.create_index("ix_payment_session", "payment", ["tenant", "session"])
    op.create_index("ix_payment_account_reference", "payment", ["account", "reference"])
    due("payment", "wake_us")

    op.create_table(
        "operation",
        text("tenant"), text("id"), text("payment"), whole("no"), text("kind"), whole("amount"),
        text("currency"), text("digest"), text("reference"), text("idempotency_key"), text("request"),
        text("state"), whole("attempts"), whole("first_sent_us", null=True), whole("next_us", null=True),
        text("outcome", null=True), whole("confirmed", null=True), text("provider_ref", null=True),
        text("actor", null=True), text("reason", null=True), whole("asked_us"),
        whole("answered_us", null=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_operation")),
        check(
            "ck_operation_amount_in_range",
            "amount BETWEEN 0 AND 9007199254740991 AND (amount > 0 OR kind = 'void')"
        ),
        check(
            "ck_operation_state_known",
            "state IN ('reserved', 'submitting', 'requires_action', 'pending', 'unknown', 'succeeded',"
            " 'declined', 'failed', 'expired', 'cancelled', 'reversed')"
        ),
        check("ck_operation_confirmed_in_range", "confirmed BETWEEN 0 AND 9007199254740991"),
        sa.ForeignKeyConstraint(
            ["tenant", "payment"], ["payment.tenant", "payment.id"], name=op.f("fk_operation_payment")
        ),
        sa.UniqueConstraint("tenant", "payment", "no", name=op.f("uq_operation_tenant_payment_no")),
        **STRICT,
    )
    due("operation", "next_us")
    op.create_index("ix_operation_reference", "operation", ["reference"])
    in_flight = where("state IN ('submitting', 'unknown') AND kind <> 'void'")
    op.create_index("uq_operation_single_flight", "operation", ["tenant", "payment"], unique=True, **in_flight)

    op.create_table(
        "event",
        text("tenant"), text("payment"), whole("no"), text("kind"), text("body"), whole("at_us"), text("hash"),
        sa.PrimaryKeyConstraint("tenant", "payment", "no", name=op.f("pk_event")),
        sa.ForeignKeyConstraint(["tenant", "payment"], ["payment.tenant", "payment.id"], name=op.f("fk_event_payment")),
        **STRICT,
    )

    op.create_table(
        "ledger",
        text("tenant"), text("payment"), whole("no"), whole("line"), text("debit"), text("credit"),
        whole("amount"), text("currency"),
        sa.PrimaryKeyConstraint("tenant", "payment", "no", "line", name=op.f("pk_ledger")),
        check("ck_ledger_amount_in_range", "amount BETWEEN 1 AND 9007199254740991"),
        check("ck_ledger_two_sides", "debit <> credit"),
        sa.ForeignKeyConstraint(
            ["tenant", "payment", "no"], ["event.tenant", "event.payment", "event.no"], name=op.f("fk_ledger_event")
        ),
        **STRICT,
    )

    op.create_table(
        "outbox",
        text("tenant"), text("subject"), whole("no"), text("kind"), text("body"), whole("at_us"),
        sa.PrimaryKeyConstraint("tenant", "subject", "no", name=op.f("pk_outbox")),
        **STRICT,
    )

    op.create_table(
        "consumer",
        text("tenant"), text("name"), text("subject"), whole("no"), whole("next_us", null=True),
        whole("attempts"),
        sa.PrimaryKeyConstraint("tenant", "name", "subject", name=op.f("pk_consumer")),
        **STRICT,
    )
    due("consumer", "next_us")

    op.create_table(
        "inbox",
        text("tenant"), text("account"), text("event_id"), text("digest"), text("body"), whole("received_us"),
        whole("next_us", null=True), whole("attempts"), text("payment", null=True),
        sa.PrimaryKeyConstraint("tenant", "account", "event_id", name=op.f("pk_inbox")),
        **STRICT,
    )
    due("inbox", "next_us")

    op.create_table(
        "series",
        text("tenant"), text("name"), whole("next"), text("head"),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("pk_series")),
        check("ck_series_counts_from_one", "next >= 1"),
        **STRICT,
    )

    op.create_table(
        "receipt",
        text("tenant"), text("series"), whole("number"), text("label"), text("kind"),
        text("session", null=True), text("payment", null=True), whole("no", null=True),
        text("corrects", null=True), text("key", null=True), text("body"), text("hash"), whole("issued_us"),
        sa.PrimaryKeyConstraint("tenant", "series", "number", name=op.f("pk_receipt")),
        check("ck_receipt_counts_from_one", "number >= 1"),
        sa.UniqueConstraint("tenant", "label", name=op.f("uq_receipt_tenant_label")),
        sa.UniqueConstraint("tenant", "payment", "no", name=op.f("uq_receipt_tenant_payment_no")),
        **STRICT,
    )
    op.create_index("ix_receipt_session", "receipt", ["tenant", "session"])
    keyed = where("key IS NOT NULL")
    op.create_index("uq_receipt_corrects_key", "receipt", ["tenant", "corrects", "key"], unique=True, **keyed)

    op.create_table(
        "review",
        text("tenant"), text("id"), text("payment", null=True), text("subject"), text("reason"),
        whole("opened_us"), whole("closed_us", null=True), text("actor", null=True), text("note", null=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_review")),
        **STRICT,
    )
    op.create_index("ix_review_payment", "review", ["tenant", "payment"])

    op.create_table(
        "settlement_line",
        text("tenant"), text("file_hash"), whole("line"), text("provider_ref"), text("kind"), whole("amount"),
        text("currency"), text("matched", null=True),
        sa.PrimaryKeyConstraint("tenant", "file_hash", "line", name=op.f("pk_settlement_line")),
        **STRICT,
    )
    op.create_index("ix_settlement_line_provider_ref", "settlement_line", ["tenant", "provider_ref"])

    op.create_table(
        "anchor",
        text("tenant"), text("day"), text("root"),
        sa.PrimaryKeyConstraint("tenant", "day", name=op.f("pk_anchor")),
        **STRICT,
    )

    op.create_table(
        "alias",
        text("tenant"), text("account"), text("id"), text("payment"),
        sa.PrimaryKeyConstraint("tenant", "account", "id", name=op.f("pk_alias")),
        **STRICT,
    )
    op.create_index("ix_alias_account_id", "alias", ["account", "id"])

    op.create_table(
        "debt",
        text("tenant"), text("id"), text("session", null=True), text("driver", null=True), text("currency"),
        whole("amount"), whole("collected"), text("status"), text("reason"), text("receipt", null=True),
        whole("created_us"), whole("updated_us"), text("body"),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_debt")),
        check("ck_debt_amount_in_range", "amount BETWEEN 1 AND 9007199254740991"),
        check("ck_debt_collected_within_amount", "collected BETWEEN 0 AND amount"),
        **STRICT,
    )
    op.create_index("ix_debt_driver", "debt", ["tenant", "driver"])
    op.create_index("ix_debt_session", "debt", ["tenant", "session"])

    op.create_table(
        "method",
        text("tenant"), text("id"), text("driver"), text("body"), whole("created_us"),
        whole("forgotten_us", null=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_method")),
        **STRICT,
    )
    op.create_index("ix_method_driver", "method", ["tenant", "driver"])

    op.create_table(
        "store",
        whole("id"), text("mode"), whole("created_us"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store")),
        check("ck_store_mode_known", "mode IN ('test', 'live')"),
        check("ck_store_one_row", "id = 1"),
        **STRICT,
    )


_APPEND_ONLY = ("tariff", "reading", "event", "ledger", "receipt")

_GROSS_TOTALS = (
    "authorized",
    "captured",
    "captured_reversed",
    "released",
    "refunded",
    "refund_reversed",
    "charged_back",
    "chargeback_reversed",
)

_GUARDED = {
    "tg_payment_totals_never_fall": (
        "payment",
        " OR ".join(f"NEW.{column} < OLD.{column}" for column in _GROSS_TOTALS),
    ),
    "tg_payment_version_steps": ("payment", "NEW.version <> OLD.version + 1"),
    "tg_operation_settled_stays": (
        "operation",
        (
            "OLD.state IN ('succeeded', 'declined', 'failed', 'expired', 'cancelled', 'reversed')"
            " AND NEW.state <> OLD.state AND NEW.state <> 'reversed'"
            " AND NOT (OLD.state IN ('declined', 'failed', 'expired') AND NEW.state = 'succeeded')"
        ),
    ),
}


def _sqlite(name: str, table: str, verb: str, when: str = "") -> str:
    return f"CREATE TRIGGER {name} BEFORE {verb} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{name}'); END"


_SQLITE = tuple(
    _sqlite(f"tg_{table}_append_only_{verb.lower()}", table, verb)
    for table in _APPEND_ONLY
    for verb in ("UPDATE", "DELETE")
) + tuple(_sqlite(name, table, "UPDATE", f"WHEN {rule} ") for name, (table, rule) in _GUARDED.items())

_REFUSE = (
    "CREATE FUNCTION evpay_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION '%', TG_NAME USING ERRCODE = '23514', CONSTRAINT = TG_NAME; END $$"
)


def _postgresql(name: str, table: str, verb: str, each: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH {each} EXECUTE FUNCTION evpay_refuse()"


_POSTGRESQL = (
    _REFUSE,
    *(
        _postgresql(f"tg_{table}_append_only_{verb.lower()}", table, verb, each)
        for table in _APPEND_ONLY
        for verb, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT"))
    ),
    *(_postgresql(name, table, "UPDATE", f"ROW WHEN ({rule})") for name, (table, rule) in _GUARDED.items()),
)

TRIGGERS = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
