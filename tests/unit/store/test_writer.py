"""Commits are written in groups, each as if it were alone."""

import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest

from evpay.env import RealEnv
from evpay.errors import StoreUnavailable
from evpay.store import AlreadyThere, Commit, Delete, Insert, Numbered, Sealed, Store, Update
from evpay.store.link import Link
from evpay.store.sqlite import SQLiteBackend
from evpay.store.writer import Groups
from tests.unit.store.rules import ROWS, T, opened, receipt, tariff, to_payment, use


class LabelEnv(RealEnv):
    """The real world, with the labels passed kept in order and a function called at each."""

    def __init__(self, at=lambda label: None):
        self.labels = []
        self._at = at

    def at(self, label):
        self.labels.append(label)
        self._at(label)


class InlineEnv(LabelEnv):
    """The same, without a writer thread."""

    def start_writer(self, loop):
        return None


class Crash(BaseException):
    """The process dies here."""


def seal(number, head, session="S-1"):
    row = receipt(number, hash=f"{head}/{number}", payment=None, no=None, session=session)
    return Sealed((row,), f"{head}/{number}", f"A-{number}")


NUMBERED = Commit((Numbered(T, "A", seal),))


def rows(store, sql):
    return store.read(lambda connection: [tuple(row) for row in connection.exec_driver_sql(sql)])


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/store.db"


def test_only_the_bad_commit_fails_when_it_shares_a_group(url):
    """The others of its group are written, and the order of answers is that of the questions."""
    env = LabelEnv()

    async def main(store):
        await store.commit(Commit((tariff("h0"),)))
        env.labels.clear()
        commits = [Commit((tariff(f"h{number % 20}"), *NUMBERED.writes)) for number in range(40)]
        answers = await asyncio.gather(*map(store.commit, commits), return_exceptions=True)
        return answers, await rows(store, "SELECT number FROM receipt ORDER BY number")

    answers, numbers = use(url, main, env=env)

    assert [AlreadyThere if number in (0, *range(20, 40)) else tuple for number in range(40)] == list(
        map(type, answers)
    )
    assert [(number,) for number in range(1, 20)] == numbers
    assert env.labels.count("commit.inside") < 10


def test_group_holds_at_most_256_commits(url):
    """A larger group gains nothing and makes everybody wait."""
    started, env = threading.Event(), LabelEnv(lambda label: started.wait(5) if label == "commit.before" else None)

    async def main(store):
        tasks = [asyncio.create_task(store.commit(Commit((tariff(f"h{number}"),)))) for number in range(600)]
        await asyncio.sleep(0)
        started.set()
        await asyncio.gather(*tasks)
        return await rows(store, "SELECT count(*) FROM tariff")

    assert use(url, main, env=env) == [(600,)]
    assert 3 <= env.labels.count("commit.before") <= 5


def test_number_is_given_again_when_its_commit_was_refused(url):
    """No gap, and each receipt is sealed over the one before it."""

    async def main(store):
        answers = [await store.commit(NUMBERED)]
        for bad in (tariff("x"), to_payment()):
            with pytest.raises(Exception):  # noqa: B017 - either refusal will do
                await store.commit(NUMBERED + Commit((tariff("x"), bad)))
        answers.append(await store.commit(NUMBERED + NUMBERED))
        return answers, await rows(store, "SELECT hash FROM receipt"), await rows(store, "SELECT * FROM series")

    answers, hashes, series = use(url, main)

    assert answers == [("A-1",), ("A-2", "A-3")]
    assert hashes == [("/1",), ("/1/2",), ("/1/2/3",)]
    assert series == [(T, "A", 4, "/1/2/3")]


def test_numbers_have_no_gap_when_two_stores_write_one_file(url):
    """Two writers, each with its own thread and connection, take turns at one series."""

    async def main(first):
        async with opened(url) as second:
            stores = [first, second] * 50
            answers = await asyncio.gather(*[store.commit(NUMBERED) for store in stores])
            return answers, await rows(first, "SELECT next FROM series")

    answers, series = use(url, main)

    assert {f"A-{number}" for number in range(1, 101)} == {answer for (answer,) in answers}
    assert series == [(101,)]


def test_seal_that_fails_harms_nobody_else(url):
    """A programming error in one commit is that caller's alone."""

    def broken(number, head):
        raise ZeroDivisionError

    async def main(store):
        commits = [NUMBERED, Commit((Numbered(T, "A", broken),)), NUMBERED]
        return await asyncio.gather(*map(store.commit, commits), return_exceptions=True)

    first, second, third = use(url, main)

    assert [first, third] == [("A-1",), ("A-2",)]
    assert isinstance(second, ZeroDivisionError)


@pytest.mark.parametrize("value", [1.5, True, b"x", ["x"]])
def test_value_that_a_database_would_bend_is_refused(url, value):
    """PostgreSQL rounds a float into a whole number and SQLite keeps a boolean as one."""
    with pytest.raises(TypeError, match="only text, whole numbers and None"):
        use(url, lambda store: store.commit(Commit((tariff(body=value),))))


def test_insert_keeps_the_row_that_is_there_when_it_may(url):
    """`or_ignore` is no refusal and changes nothing."""

    async def main(store):
        await store.commit(Commit((tariff(),)))
        await store.commit(Commit((Insert("tariff", {"tenant": T, "hash": "h1", "body": "other"}, or_ignore=True),)))
        return await rows(store, "SELECT body FROM tariff")

    assert use(url, main) == [("{}",)]


def test_delete_is_refused_for_a_table_that_remembers():
    """Only what has been delivered is deleted."""
    with pytest.raises(ValueError, match="never deleted"):
        Delete("payment", {"tenant": T, "id": "P-1"})


def test_commit_is_durable_when_the_caller_is_cancelled(url):
    """A caller that goes away does not take its commit along."""
    go = threading.Event()
    env = LabelEnv(lambda label: go.wait(5) if label == "commit.before" else None)

    async def main(store):
        task = asyncio.create_task(store.commit(Commit((tariff(),))))
        await asyncio.sleep(0)
        task.cancel()
        go.set()
        await asyncio.gather(task, return_exceptions=True)
        await store.commit(Commit((tariff("h2"),)))
        return await rows(store, "SELECT hash FROM tariff")

    assert use(url, main, env=env) == [("h1",), ("h2",)]


def test_labels_are_passed_in_order_when_a_commit_is_written(url):
    """Before the transaction, inside it, and after it is durable."""
    env = LabelEnv()

    use(url, lambda store: store.commit(NUMBERED), env=env)

    assert env.labels == ["commit.before", "commit.inside", "commit.after"]


@pytest.mark.parametrize(("label", "written"), [("commit.before", 0), ("commit.inside", 0), ("commit.after", 1)])
def test_crash_at_a_label_leaves_all_or_nothing_when_writes_are_inline(url, label, written):
    """Without a thread the crash goes through the caller, as in a simulation."""

    def crash(passed):
        if passed == label:
            raise Crash

    async def crashing(store):
        with pytest.raises(Crash):
            await store.commit(Commit((tariff(),)))

    use(url, crashing, env=InlineEnv(crash))

    assert [(written,)] == use(url, lambda store: rows(store, "SELECT count(*) FROM tariff"), env=InlineEnv())


def test_failing_writer_thread_leaves_nobody_waiting(url):
    """Whatever happens in the thread, every caller gets an answer."""

    def crash(label):
        if label == "commit.inside":
            raise Crash

    async def main(store):
        return await asyncio.gather(*[store.commit(NUMBERED) for _ in range(3)], return_exceptions=True)

    assert [StoreUnavailable] * 3 == [type(answer) for answer in use(url, main, env=LabelEnv(crash))]


def test_door_closes_when_the_disk_is_full_and_opens_again_when_there_is_room(url):
    """Nothing more is written, so that no processor is called about something that cannot be kept."""

    async def main(store):
        store._writer._link._connection.execute("PRAGMA max_page_count=70")
        big = [Commit((tariff(f"h{number}", body="x" * 50_000),)) for number in range(20)]
        answers = [await asyncio.gather(store.commit(commit), return_exceptions=True) for commit in big]
        closed = store.is_writable
        with pytest.raises(StoreUnavailable, match="open the store again"):
            await store.commit(Commit((tariff("small"),)))
        kept = await rows(store, "SELECT count(*) FROM tariff")
        await store.open(live=False)
        await store.commit(Commit((tariff("small"),)))
        return [type(answer) for (answer,) in answers], closed, kept, store.is_writable

    answers, closed, kept, reopened = use(url, main)

    assert StoreUnavailable in answers
    assert [(answers.count(tuple),)] == kept
    assert [StoreUnavailable] * (20 - answers.count(tuple)) == answers[answers.count(tuple) :]
    assert (closed, reopened) == (False, True)


def test_commit_waits_when_another_process_writes(url):
    """A lock of SQLite's is waited for."""

    async def main(store):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            task = asyncio.create_task(store.commit(Commit((tariff(),))))
            done, _ = await asyncio.wait({task}, timeout=0.05)
            other.execute("COMMIT")
        return done, await task

    assert (set(), ()) == use(url, main)


def test_commit_is_refused_when_the_store_is_closed(url):
    """A store that was never opened, or is closed, says so."""

    async def main():
        store = Store(url, env=RealEnv())
        with pytest.raises(StoreUnavailable, match="open it before"):
            await store.commit(NUMBERED)
        with pytest.raises(StoreUnavailable, match="open it before"):
            await store.read(lambda connection: None)
        await store.aclose()

    asyncio.run(main())


def test_commits_asked_before_closing_are_written(url):
    """`aclose` writes what waits."""

    async def main(store):
        tasks = [asyncio.create_task(store.commit(Commit((tariff(f"h{number}"),)))) for number in range(300)]
        await asyncio.sleep(0)
        await store.aclose()
        return await asyncio.gather(*tasks)

    assert use(url, main) == [()] * 300


class LossyConnection:
    """A connection that goes away during COMMIT, before or after it took effect; a fake for what a network does."""

    def __init__(self, real, losses):
        self._real = real
        self._losses = losses

    def execute(self, sql, values=()):
        return self._real.execute(sql, values)

    def commit(self):
        loss = self._losses.pop(0) if self._losses else None
        if loss == "before":
            self._real.rollback()
        else:
            self._real.commit()
        if loss is not None:
            raise ConnectionResetError(loss)

    def rollback(self):
        self._real.rollback()

    def close(self):
        self._real.close()


class LossyBackend(SQLiteBackend):
    """SQLite behind such connections."""

    def __init__(self, path, losses):
        super().__init__(path)
        self.losses = losses

    def connect(self):
        return LossyConnection(super().connect(), self.losses)

    def fault(self, error, write):
        from evpay.store.faults import Lost

        return Lost(str(error)) if isinstance(error, ConnectionResetError) else super().fault(error, write)


def seal_b(number, head):
    row = receipt(number, series="B", label=f"B-{number}", no=2)
    return Sealed((row,), f"{head}/{number}", f"B-{number}")


LOST = {
    "insert": (Commit((Numbered(T, "B", seal_b), tariff("h2"))), ("B-1",), (2, 2, 1)),
    "update": (Commit((to_payment(head="e2"),)), (), (1, 1, 2)),
    "repeatable": (Commit((Insert("tariff", tariff("h2").values, or_ignore=True),)), (), (1, 2, 1)),
}
"""A commit whose answer is lost: its answer, then how many receipts and tariffs there are, and the version."""


@pytest.mark.parametrize("losses", [["before"], ["after"], ["before", "after"], ["before", "before"]])
@pytest.mark.parametrize("name", LOST)
def test_commit_takes_effect_once_when_its_answer_is_lost(tmp_path, losses, name):
    """The rows tell whether it happened; what did not is written again, what did is not."""
    path = str(tmp_path / "store.db")
    use(f"sqlite:///{path}", lambda store: store.commit(ROWS))
    link = Link(LossyBackend(path, list(losses)))
    commit, answer, state = LOST[name]

    answers = Groups(link, RealEnv()).write([commit, Commit((tariff(),))])
    link.close()
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM receipt), (SELECT count(*) FROM tariff), version FROM payment"
        ).fetchone()

    assert answer == answers[0]
    assert isinstance(answers[1], AlreadyThere)
    assert state == found


def test_answer_is_unavailable_when_nothing_tells_whether_it_happened(tmp_path):
    """An update without a version proves nothing, and is not guessed at."""
    path = str(tmp_path / "store.db")
    use(f"sqlite:///{path}", lambda store: store.commit(ROWS))
    link = Link(LossyBackend(path, ["after"]))
    groups = Groups(link, RealEnv())

    update = Update("session", {"tenant": T, "id": "S-1"}, {"status": "finished"})
    answers = groups.write([Commit((update,))])
    later = groups.write([Commit((tariff("h2"),))])
    link.close()

    assert [StoreUnavailable] == [type(answer) for answer in answers]
    assert later == [()]
