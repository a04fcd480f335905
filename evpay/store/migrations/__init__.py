"""The schema's history, run by Alembic inside one transaction.

`batch_alter_table` is never used: it rebuilds a table without its triggers and unnamed rules.
A migration does not import the schema of today; a test compares what the migrations made with what it says.
"""

import threading
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from evpay.store.schema import metadata
from evpay.store.triggers import TRIGGERS

__all__ = ["HEAD", "REVISIONS", "make", "upgrade"]

REVISIONS: Final = ("0001_first",)
"""Every revision, the oldest first, so that opening a store need not load Alembic."""

HEAD: Final = REVISIONS[-1]

_ALEMBIC: Final = threading.Lock()
"""Alembic keeps its context in a module, so two stores of one process take turns."""


def upgrade(engine: Engine) -> None:
    """Bring the schema up to date, all of it or nothing."""
    from alembic import command  # noqa: PLC0415 - loaded only when there is something to migrate
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with _ALEMBIC, engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def make(engine: Engine) -> None:
    """Make the schema of today at once, for a store in memory."""
    with engine.begin() as connection:
        metadata.create_all(connection)
        for statement in TRIGGERS[connection.dialect.name]:
            connection.execute(text(statement))
