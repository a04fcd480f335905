"""Every rule of the schema refuses what it should and nothing else, on SQLite."""

import pytest

from evpay.store import Commit, Insert, migrate
from tests.unit.store.rules import ALLOWED, GUARDS, REFUSED, ROWS, use

MARK = Insert("anchor", {"tenant": "t", "day": "2026-01-01", "root": "r"})


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store with rows in it; refused commits leave it as it is."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/rules.db"
    use(url, lambda store: store.commit(ROWS))
    return url


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    migrate(url)
    return url


@pytest.mark.parametrize("name", REFUSED)
def test_commit_is_refused_whole_when_a_rule_forbids_one_write(filled, name):
    """The refusal says which rule, and nothing of the commit is written."""
    exception, said, writes = REFUSED[name]

    async def refused(store):
        with pytest.raises(exception) as caught:
            await store.commit(Commit((MARK, *writes)))
        anchors = await store.read(lambda connection: connection.exec_driver_sql("SELECT * FROM anchor").all())
        return caught.value, anchors

    error, anchors = use(filled, refused)

    assert said == {field: getattr(error, field) for field in said}
    assert anchors == []


@pytest.mark.parametrize("name", ALLOWED)
def test_commit_is_written_when_it_only_looks_forbidden(url, name):
    """A rule that refuses too much would lose money as well."""
    use(url, lambda store: store.commit(ROWS))

    assert use(url, lambda store: store.commit(Commit(ALLOWED[name]))) == ()


def test_guards_of_every_shape_hold_when_the_row_is_as_they_say(url):
    """A value, one of several values, NULL; and a delivered row may be deleted twice."""
    use(url, lambda store: store.commit(ROWS))

    assert use(url, lambda store: store.commit(Commit(GUARDS))) == ()


@pytest.mark.parametrize("table", ["tariff", "reading", "event", "ledger", "receipt"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "REPLACE INTO {0} SELECT * FROM {0}"])
def test_append_only_table_forgets_nothing_when_asked_in_sql(filled, table, statement):
    """Neither DELETE nor the deletion hidden in REPLACE passes the triggers."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(filled.removeprefix("sqlite:///"))) as connection:
        connection.execute("PRAGMA recursive_triggers=1")

        with pytest.raises(sqlite3.IntegrityError, match=f"tg_{table}_append_only_delete"):
            connection.execute(statement.format(table))
