"""What was answered survives the process that was told."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.unit.store.rules import ROWS, use

WORKER = """
import asyncio, os, signal, sys
from evpay.env import RealEnv
from evpay.store import Commit, Insert, Numbered, Sealed, Store

class KilledEnv(RealEnv):
    def __init__(self, label, times):
        self.label, self.times = label, times

    def at(self, label):
        if label == self.label:
            self.times -= 1
            if self.times == 0:
                os.kill(os.getpid(), signal.SIGKILL)

def numbered(row):
    def seal(number, head):
        return Sealed(
            (Insert("receipt", {"tenant": "t", "series": "A", "number": number, "label": f"A-{number}", "kind": "r",
             "session": row, "body": "{}", "hash": f"{head}.", "issued_us": 1}),), f"{head}.", number)
    return Numbered("t", "A", seal)

async def work(store, run, task):
    for number in range(10_000):
        row = f"{run}-{task}-{number}"
        insert = Insert("tariff", {"tenant": "t", "hash": row, "body": "{}"})
        (receipt,) = await store.commit(Commit((insert, numbered(row))))
        os.write(1, f"{row} {receipt}\\n".encode())

async def main(url, run, label, times):
    store = Store(url, env=KilledEnv(label, times))
    await store.open(live=False)
    await asyncio.gather(*[work(store, run, task) for task in range(16)])

for run, label in enumerate(sys.argv[2:]):
    if (pid := os.fork()) == 0:
        asyncio.run(main(sys.argv[1], run, label, 3 + 2 * run))
    _, status = os.waitpid(pid, 0)
    print("status", os.waitstatus_to_exitcode(status), flush=True)
"""
LABELS = ["commit.before", "commit.inside", "commit.after"] * 3 + ["commit.inside"]


@pytest.mark.crash
def test_answered_commits_are_all_there_after_ten_kills(tmp_path):
    """`kill -9` before, inside and after transactions: every answered row is kept, and numbers have no gap."""
    path = tmp_path / "store.db"
    use(f"sqlite:///{path}", lambda store: store.commit(ROWS))
    worker = subprocess.run(
        [sys.executable, "-c", WORKER, f"sqlite:///{path}", *LABELS], capture_output=True, check=True, text=True
    )
    lines = [line.split() for line in worker.stdout.splitlines()]
    statuses = [status for name, status in lines if name == "status"]
    answered = {(row, int(number)) for row, number in lines if row != "status"}

    with closing(sqlite3.connect(path)) as connection:
        kept = connection.execute("SELECT session, number FROM receipt WHERE tenant = 't' ORDER BY number").fetchall()
        tariffs = {name for (name,) in connection.execute("SELECT hash FROM tariff WHERE tenant = 't'")}
        check = connection.execute("PRAGMA integrity_check").fetchall()

    assert statuses == [str(-signal.SIGKILL)] * len(LABELS), worker.stderr
    assert len(answered) > 300
    assert answered <= set(kept)
    assert [number for _, number in kept] == list(range(1, len(kept) + 1))
    assert tariffs == {row for row, _ in kept}
    assert check == [("ok",)]
