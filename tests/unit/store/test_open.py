"""What a store checks before it takes money's word."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from evpay.env import RealEnv
from evpay.errors import ConfigurationError, StoreUnavailable
from evpay.store import Commit, Store, migrate
from tests.unit.store.rules import opened, tariff, use


def count(store):
    return store.read(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM tariff").scalar_one())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def url(path):
    return f"sqlite:///{path}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "evpay.db",
        "mysql://host/evpay",
        "sqlite+aiosqlite:///evpay.db",
        "sqlite:///evpay.db?mode=ro",
        "sqlite:///file:evpay.db",
        "sqlite://host/evpay.db",
        "postgresql+asyncpg://host/evpay",
        "postgresql+psycopg2://host/evpay",
        "postgresql://host",
        "postgresql://user:hunter2@host:port/evpay",
        "mysql://user:hunter2@host/evpay",
        "mysql://user:p@ss:hunter2@host/evpay",
        "mysql://host/evpay?password=hunter2&x=1",
        "mysql://host/evpay?sslpassword=hunter2",
    ],
)
def test_url_is_refused_by_name_when_no_store_can_be_there(url):
    """The message shows what was given and what would do, and never a password."""
    with pytest.raises(ConfigurationError, match="is not the URL of a store: use 'sqlite:///evpay") as caught:
        Store(url, env=RealEnv())

    assert "hunter2" not in str(caught.value)
    assert url.partition(":")[0] in str(caught.value)


def test_making_a_store_opens_nothing(url, path):
    """The constructor does no I/O."""
    Store(url, env=RealEnv())

    assert not path.exists()


@pytest.mark.parametrize("password", ["hunter2", "p@hunter2", "a:hunter2"])
def test_place_of_a_store_never_shows_the_password(password):
    """Messages name the store, so its name must be safe to print."""
    store = Store(f"postgresql://user:{password}@host/evpay?sslpassword={password}", env=RealEnv())

    assert store.place == "postgresql://user:***@host/evpay?sslpassword=***"


def test_file_is_its_owners_alone(url, path):
    """Nobody else on the machine reads who charged where."""
    use(url, lambda store: store.commit(Commit((tariff(),))))

    assert path.stat().st_mode & 0o777 == 0o600


def test_every_setting_is_in_force_on_the_writing_connection(url):
    """Durability and the append-only rules rest on them."""

    async def settings(store):
        connection = store._writer._link._connection
        names = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert use(url, settings) == ["wal", 2, 1, 1, 5000]


def test_store_is_refused_when_a_setting_does_not_hold(url, monkeypatch):
    """A file system without shared memory leaves the journal as it was."""
    monkeypatch.setattr("evpay.store.sqlite._DURABLE", {"journal_mode": "wal", "page_size": 1})

    with pytest.raises(ConfigurationError, match="page_size=4096 where evpay needs 1"):
        use(url, count)


def test_reading_cannot_write(url):
    """A read is a read, whatever the function tries."""

    def write(connection):
        connection.exec_driver_sql("DELETE FROM outbox")

    with pytest.raises(StoreUnavailable, match="readonly"):
        use(url, lambda store: store.read(write))


def test_reading_sees_one_moment_and_every_answered_commit(url):
    """Two questions of one read agree; the next read sees what was committed in between."""

    async def main(store):
        loop = asyncio.get_running_loop()

        def twice(connection):
            first = connection.exec_driver_sql("SELECT count(*) FROM tariff").scalar_one()
            asyncio.run_coroutine_threadsafe(store.commit(Commit((tariff(),))), loop).result(10)
            return first, connection.exec_driver_sql("SELECT count(*) FROM tariff").scalar_one()

        return await store.read(twice), await count(store)

    assert use(url, main) == ((0, 0), 1)


@pytest.mark.parametrize(
    ("name", "why"),
    [("none/store.db", "No such file or directory"), ("", "unable to open|Is a directory"), ("file/x", "Not a direc")],
)
def test_place_is_refused_when_no_file_can_be_made_there(tmp_path, name, why):
    """The message has the path, the cause and the cure."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=f"(?s){tmp_path}.*({why}).*Name a file in a directory that exists"):
        use(f"sqlite:///{tmp_path}/{name}", count)


def test_file_is_refused_when_it_is_no_database(url, path):
    """It is left as it was."""
    path.write_text("Dear diary, " * 1000)

    with pytest.raises(ConfigurationError, match="file is not a database"):
        use(url, count)

    assert path.read_text().startswith("Dear diary")


def test_file_is_refused_when_it_holds_another_programs_tables(url, path):
    """evpay moves into no other program's file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE diary (day)")

    with pytest.raises(ConfigurationError, match="another program's tables"):
        use(url, count)


@pytest.mark.parametrize("change", ["UPDATE alembic_version SET version_num = '9999_later'"])
def test_store_is_refused_when_a_newer_evpay_has_used_it(url, path, change):
    """An older program could break what it does not know."""
    migrate(url)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)

    with pytest.raises(ConfigurationError, match=r"'9999_later'.*Update evpay"):
        use(url, count)
    with pytest.raises(ConfigurationError, match=r"'9999_later'.*Update evpay"):
        migrate(url)


def test_older_sqlite_store_is_migrated_when_opened(url, path):
    """A file is one program's own; an empty one is the oldest of all."""
    path.touch()

    assert use(url, count) == 0


@pytest.mark.parametrize(("made", "asked"), [(False, True), (True, False)])
def test_store_is_refused_when_test_and_live_would_mix(url, made, asked):
    """What a store was made for, it stays."""
    use(url, count, live=made)

    with pytest.raises(ConfigurationError, match="test and live never share a store"):
        use(url, count, live=asked)
    assert use(url, count, live=made) == 0


def test_store_can_be_opened_again_after_it_was_closed(url):
    """Also one in memory, which is then a new one."""

    async def main(url):
        async with opened(url) as store:
            await store.commit(Commit((tariff(),)))
            await store.open(live=False)
            return await count(store)

    assert asyncio.run(main(url)) == 1
    assert asyncio.run(main("sqlite:///:memory:")) == 0


def test_store_in_memory_has_the_same_rules():
    """It is made from the schema at once; another test compares the two."""

    async def main(store):
        await store.commit(Commit((tariff(),)))
        with pytest.raises(Exception, match="is already there"):
            await store.commit(Commit((tariff(),)))
        return await count(store)

    assert use("sqlite:///:memory:", main) == 1


OPEN = """
import asyncio, os, sys
from evpay.env import RealEnv
from evpay.store import Commit, Insert, Store

async def main(url, name):
    store = Store(url, env=RealEnv())
    await store.open(live=False)
    for number in range(20):
        await store.commit(Commit((Insert("tariff", {"tenant": name, "hash": str(number), "body": "{}"}),)))
    await store.aclose()

import alembic.command

children = []
for name in ("a", "b", "c"):
    children.append(os.fork())
    if not children[-1]:
        asyncio.run(main(sys.argv[1], name))
        os._exit(0)
for child in children:
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_processes_share_a_file_when_all_open_it_at_once(url):
    """They wait for each other, also while one of them makes the file and its schema."""
    worker = subprocess.run([sys.executable, "-c", OPEN, url], capture_output=True, text=True, check=True)

    assert worker.stdout.split() == ["0"] * 3, worker.stderr
    assert use(url, count) == 60


def test_child_process_makes_its_own_connections_when_it_inherits_a_store(url):
    """After a fork, neither the parent's connections nor its thread are used."""

    async def child(store):
        await asyncio.gather(*[store.commit(Commit((tariff(f"c{number}"),))) for number in range(9)])
        return await count(store)

    async def main(store):
        await store.commit(Commit((tariff(),)))
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.events._set_running_loop(None)
                os._exit(asyncio.new_event_loop().run_until_complete(child(store)))
            finally:
                os._exit(99)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        await store.commit(Commit((tariff("h2"),)))
        return os.waitstatus_to_exitcode(status), await count(store)

    assert use(url, main) == (10, 11)


def test_importing_evpay_loads_neither_store_nor_alembic():
    """SQLAlchemy is loaded with the store, Alembic when there is something to migrate."""
    code = (
        "import sys, evpay; early = {'sqlalchemy', 'evpay.store'} & set(sys.modules); "
        "import evpay.store; late = {'alembic', 'psycopg'} & set(sys.modules); print(early, late)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "set() set()"


def test_stores_of_one_process_may_be_opened_at_once(tmp_path):
    """Each is migrated on a thread of its own, and Alembic allows one at a time."""

    async def main():
        stores = [Store(f"sqlite:///{tmp_path}/{number}.db", env=RealEnv()) for number in range(4)]
        await asyncio.gather(*[store.open(live=False) for store in stores])
        counts = await asyncio.gather(*map(count, stores))
        await asyncio.gather(*[store.aclose() for store in stores])
        return counts

    assert asyncio.run(main()) == [0] * 4


def test_url_may_be_relative_to_where_the_process_is(tmp_path, monkeypatch):
    """And stays where it was when the process goes elsewhere."""
    monkeypatch.chdir(tmp_path)
    store = Store("sqlite:///here.db", env=RealEnv())
    monkeypatch.chdir("/")

    assert store.place == f"sqlite:///{Path(tmp_path, 'here.db')}"
