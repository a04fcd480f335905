"""Group commit: what waits when the writer is free becomes one transaction, up to 256 commits.

A group runs without SAVEPOINTs. If one of its commits is refused, it is undone and written again one by one, so that
only the bad one fails. `Groups` does that for one connection; `Writer` feeds it from a queue on a thread of its own.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from evpay.env import Env
from evpay.errors import ConfigurationError, StoreUnavailable
from evpay.store.commit import Commit, CommitRefused
from evpay.store.faults import Broken, Busy, Lost
from evpay.store.link import Link
from evpay.store.proof import can_repeat, took_effect

__all__ = ["Answer", "Groups", "Writer"]

_LARGEST_GROUP: Final = 256
_TRIES: Final = 5

Answer: TypeAlias = tuple[object, ...] | Exception


class _CommitLost(Exception):
    """The connection went away during COMMIT; these are the answers if it took effect."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__()
        self.answers = answers


class Groups:
    """Write groups of commits through one link and say what became of each."""

    def __init__(self, link: Link, env: Env) -> None:
        self._link = link
        self._env = env
        self._broken: str | None = None

    @property
    def broken(self) -> str | None:
        """Why nothing can be written any more, if so."""
        return self._broken

    def write(self, commits: Sequence[Commit]) -> list[Answer]:
        """Write them in one transaction, as often as it takes, and return an answer for each."""
        if self._broken is not None:
            return self._unavailable(commits, self._broken, retryable=False)
        try:
            return self._write(commits)
        except Broken as error:
            self._broken = f"the store cannot be written any more: {error}; mend it and open the store again."
            return self._unavailable(commits, self._broken, retryable=False)
        except (Busy, Lost) as error:
            self._link.close()
            return self._unavailable(commits, f"the store cannot be written now: {error}; try again.", retryable=True)
        except ConfigurationError as error:  # the server came back with settings that lose money
            return [error for _ in commits]

    def _unavailable(self, commits: Sequence[Commit], why: str, *, retryable: bool) -> list[Answer]:
        return [StoreUnavailable(why, retryable=retryable) for _ in commits]

    def _write(self, commits: Sequence[Commit]) -> list[Answer]:
        lost: _CommitLost | None = None
        for last in (*[False] * (_TRIES - 1), True):
            try:
                if lost is not None and self._is_there(commits, lost):
                    return lost.answers
                answers = self._attempt(commits)
            except _CommitLost as error:
                lost = error
                self._link.close()
            except (Busy, Lost) as error:
                if last:
                    raise
                if isinstance(error, Lost):
                    self._link.close()
            else:
                refused = lost is not None and any(isinstance(answer, CommitRefused) for answer in answers)
                return lost.answers if lost and refused and self._is_there(commits, lost) else answers
        raise Lost("the connection went away during COMMIT, again and again")

    def _is_there(self, commits: Sequence[Commit], lost: _CommitLost) -> bool:
        """Ask a new connection whether the lost COMMIT took effect."""
        written = [
            commit for commit, answer in zip(commits, lost.answers, strict=True) if not isinstance(answer, Exception)
        ]
        self._link.begin()
        try:
            verdict = took_effect(self._link, written)
        finally:
            self._link.rollback()
        if verdict is None and not can_repeat(written):
            raise Lost("the connection went away during COMMIT and the rows do not tell what became of it")
        return bool(verdict)

    def _attempt(self, commits: Sequence[Commit]) -> list[Answer]:
        self._env.at("commit.before")
        try:
            answers = self._apply(commits)
            self._env.at("commit.inside")
        except Lost:
            raise
        except BaseException:
            self._link.rollback()
            raise
        self._commit(answers)
        self._env.at("commit.after")
        return answers

    def _commit(self, answers: list[Answer]) -> None:
        try:
            self._link.commit()
        except Lost as error:
            raise _CommitLost(answers) from error
        except BaseException:
            self._link.rollback()
            raise

    def _apply(self, commits: Sequence[Commit]) -> list[Answer]:
        """Apply them all at once; when one is refused, one by one."""
        self._link.begin()
        try:
            return [self._link.apply(commit) for commit in commits]
        except (Busy, Lost, Broken):
            raise
        except Exception as error:  # noqa: BLE001 - a refusal, or a seal or a value that cannot be: the caller's
            self._link.rollback()
            self._link.begin()
            return [error] if len(commits) == 1 else [self._apart(commit) for commit in commits]

    def _apart(self, commit: Commit) -> Answer:
        self._link.savepoint()
        try:
            answer: Answer = self._link.apply(commit)
        except (Busy, Lost, Broken):
            raise
        except Exception as error:  # noqa: BLE001 - as above
            answer = error
        self._link.release(undo=isinstance(answer, Exception))
        return answer


@dataclass(frozen=True, slots=True)
class _Job:
    commit: Commit
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[tuple[object, ...]]


class Writer:
    """The queue in front of `Groups`, and the thread behind it; without a thread, writes run where they are asked."""

    def __init__(self, link: Link, env: Env) -> None:
        self._link = link
        self._groups = Groups(link, env)
        self._env = env
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._join: Callable[[], None] | None = None
        self._stopped = threading.Event()

    @property
    def broken(self) -> str | None:
        """Why nothing can be written any more, if so."""
        return self._groups.broken

    def start(self, *, inline: bool) -> None:
        """Begin to take commits."""
        self._join = None if inline else self._env.start_writer(self._loop)

    async def write(self, commit: Commit) -> tuple[object, ...]:
        """Return when it is durable; a caller that is cancelled meanwhile does not undo it."""
        if self._stopped.is_set():
            raise StoreUnavailable("the store is closed: open it before you use it.", retryable=False)
        if self._join is None:
            return _result(self._groups.write([commit])[0])
        loop = asyncio.get_running_loop()
        job = _Job(commit, loop, loop.create_future())
        self._jobs.put(job)
        return await job.done

    def stop(self) -> None:
        """Write what waits, then let go of the connection. Blocks."""
        self._stopped.set()
        if self._join is not None:
            self._jobs.put(None)
            self._join()
        self._link.close()

    def _loop(self) -> None:
        while jobs := self._take():
            try:
                answers = self._groups.write([job.commit for job in jobs])
            except BaseException as error:  # noqa: BLE001 - nobody may wait for ever
                answers = [StoreUnavailable(f"the store's writer failed: {error!r}") for _ in jobs]
            _tell(jobs, answers)

    def _take(self) -> list[_Job]:
        """Wait for a commit, and take those that wait with it; none when it is time to stop."""
        jobs: list[_Job] = []
        try:
            job = self._jobs.get()
            while job is not None:
                jobs.append(job)
                if len(jobs) == _LARGEST_GROUP:
                    return jobs
                job = self._jobs.get_nowait()
        except Empty:
            return jobs
        if jobs:
            self._jobs.put(None)  # stop after these
        return jobs


def _tell(jobs: list[_Job], answers: list[Answer]) -> None:
    """Resolve the futures, each on its own loop, one crossing per loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, Answer]]] = {}
    for job, answer in zip(jobs, answers, strict=True):
        by_loop.setdefault(job.loop, []).append((job, answer))
    for loop, told in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, told)


def _resolve(told: list[tuple[_Job, Answer]]) -> None:
    for job, answer in told:
        if job.done.done():
            continue
        if isinstance(answer, Exception):
            job.done.set_exception(answer)
        else:
            job.done.set_result(answer)


def _result(answer: Answer) -> tuple[object, ...]:
    if isinstance(answer, Exception):
        raise answer
    return answer
