"""The rules that a CHECK cannot state, as triggers in both dialects.

A refusal carries the trigger's name, so that it reads the same on both databases.
"""

from typing import Final

__all__ = ["TRIGGERS"]

_APPEND_ONLY: Final = ("tariff", "reading", "event", "ledger", "receipt")

_GROSS_TOTALS: Final = (
    "authorized",
    "captured",
    "captured_reversed",
    "released",
    "refunded",
    "refund_reversed",
    "charged_back",
    "chargeback_reversed",
)

_GUARDED: Final = {
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
"""Trigger name: its table, and the update that is refused."""


def _sqlite(name: str, table: str, verb: str, when: str = "") -> str:
    return f"CREATE TRIGGER {name} BEFORE {verb} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{name}'); END"


_SQLITE: Final = tuple(
    _sqlite(f"tg_{table}_append_only_{verb.lower()}", table, verb)
    for table in _APPEND_ONLY
    for verb in ("UPDATE", "DELETE")
) + tuple(_sqlite(name, table, "UPDATE", f"WHEN {rule} ") for name, (table, rule) in _GUARDED.items())

_REFUSE: Final = (
    "CREATE FUNCTION evpay_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION '%', TG_NAME USING ERRCODE = '23514', CONSTRAINT = TG_NAME; END $$"
)


def _postgresql(name: str, table: str, verb: str, each: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH {each} EXECUTE FUNCTION evpay_refuse()"


_POSTGRESQL: Final = (
    _REFUSE,
    *(
        _postgresql(f"tg_{table}_append_only_{verb.lower()}", table, verb, each)
        for table in _APPEND_ONLY
        for verb, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT"))
    ),
    *(_postgresql(name, table, "UPDATE", f"ROW WHEN ({rule})") for name, (table, rule) in _GUARDED.items()),
)

TRIGGERS: Final = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
"""Dialect: the statements that make them, after the tables."""
