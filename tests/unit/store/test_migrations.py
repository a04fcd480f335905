"""The migrations make what the schema says, whole or not at all."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event

import evpay.store.migrations
from evpay.store import migrate
from evpay.store.migrations import HEAD, REVISIONS, make
from evpay.store.schema import metadata

FOLDER = Path(evpay.store.migrations.__file__).parent


def words(sql):
    """Return the lines of a statement in any order: where its rules stand is the renderer's choice."""
    lines = [" ".join(line.split()).rstrip(",") for line in (sql or "").replace(", \n", "\n").splitlines()]
    return sorted(line for line in lines if line)


def described(path):
    """Return what is in a file: each thing's kind, name and words."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_auto%'")
        return {(kind, name): words(sql) for kind, name, sql in rows}


def made_at_once(path):
    engine = create_engine(f"sqlite:///{path}")
    make(engine)
    engine.dispose()


def test_migrated_store_equals_the_schema_when_both_are_made_new(tmp_path):
    """Tables, columns, rules, indexes and triggers: the migrations and the schema cannot drift apart."""
    migrate(f"sqlite:///{tmp_path}/migrated.db")
    made_at_once(tmp_path / "made.db")

    migrated = described(tmp_path / "migrated.db")

    assert migrated.pop(("table", "alembic_version"))
    assert described(tmp_path / "made.db") == migrated


def test_revisions_are_those_of_the_scripts():
    """Opening a store need not load Alembic to know which schema is the newest."""
    scripts = ScriptDirectory(str(FOLDER))

    assert list(REVISIONS) == [script.revision for script in scripts.walk_revisions()][::-1]
    assert scripts.get_heads() == [HEAD]


def test_migrate_says_what_it_did_when_run_twice(tmp_path):
    """The second run finds nothing to do."""
    url = f"sqlite:///{tmp_path}/store.db"

    assert [migrate(url), migrate(url)] == [(None, HEAD), (HEAD, HEAD)]


def test_no_migration_rebuilds_a_table():
    """`batch_alter_table` loses triggers and unnamed rules, and a migration of the past knows no schema of today."""
    text = "".join(path.read_text() for path in (FOLDER / "versions").glob("*.py"))

    assert "batch_alter_table" not in text
    assert "evpay.store" not in text


def test_migration_leaves_nothing_when_killed_after_any_statement(tmp_path):
    """What is on disk after each statement is what a kill would leave: an empty store, or after the end a whole one."""
    path, copies = tmp_path / "store.db", []

    def copy(*_):
        """Do as a kill does: keep what the files hold now."""
        folder = tmp_path / str(len(copies))
        folder.mkdir()
        for file in tmp_path.glob("store.db*"):
            shutil.copy(file, folder)
        copies.append(folder / "store.db")

    event.listen(Engine, "after_cursor_execute", copy)
    try:
        migrate(f"sqlite:///{path}")
    finally:
        event.remove(Engine, "after_cursor_execute", copy)

    assert len(copies) > len(metadata.tables)
    assert [{}] * len(copies) == [described(copy) for copy in copies]
    assert described(path)


def test_killed_migration_is_done_by_the_next_one(tmp_path):
    """A migration that stopped half-way is begun again, and finds nothing in its way."""
    url, seen = f"sqlite:///{tmp_path}/store.db", []

    def stop(*_):
        seen.append(1)
        if len(seen) == 30:
            raise KeyboardInterrupt

    event.listen(Engine, "after_cursor_execute", stop)
    try:
        migrate(url)
    except KeyboardInterrupt:
        pass
    finally:
        event.remove(Engine, "after_cursor_execute", stop)

    assert migrate(url) == (None, HEAD)


def test_every_table_has_its_tenant_first_in_every_key():
    """A reference across tenants cannot be stored."""
    tables = [table for name, table in metadata.tables.items() if name != "store"]

    assert {"tenant"} == {next(iter(table.primary_key)).name for table in tables}
    assert {("tenant", "tenant")} == {
        (key.elements[0].parent.name, key.elements[0].column.name)
        for table in tables
        for key in table.foreign_key_constraints
    }


def test_no_table_has_more_than_one_foreign_key():
    """SQLite does not say which one was broken; with one there is no doubt."""
    assert [name for name, table in metadata.tables.items() if len(table.foreign_key_constraints) > 1] == []
