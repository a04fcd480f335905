"""Where backends are born and die: the process that forks them, and what is heard of each."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

__all__ = ["Life", "Nursery", "Place", "running_nursery"]

_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How a backend ended: its exit status, what its calls answered, and its traceback if it failed."""

    status: int
    answers: dict[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def passed(self) -> tuple[str, ...]:
        """The labels that it passed since the step at which it was armed."""
        return tuple(self.answers["passed"].split())

    @property
    def was_killed(self) -> bool:
        """Whether it died by SIGKILL."""
        return self.status == -signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The files of one world: our store, the processor's books (a path, or a URL), and how late it is there."""

    store: Path
    books: str
    provider: str
    session: str
    began: datetime
    shift_s: float = 0

    def copied(self, folder: Path) -> "Place":
        """Return the same world once more, in a folder of its own."""
        shutil.copytree(self.store.parent, folder)
        return replace(self, store=folder / self.store.name, books=str(folder / Path(self.books).name))

    def later(self, life: Life) -> "Place":
        """Return the place at the time at which a life ended."""
        return replace(self, shift_s=float(life.answers.get("shift_s", self.shift_s)))


class Nursery:
    """Sends jobs to the worker process, one at a time."""

    def __init__(self, process: "subprocess.Popen[str]", template: Path) -> None:
        self._process = process
        self._template = template
        self.kills = 0

    def place(self, folder: Path, *, provider: str, session: str, books: str = "") -> Place:
        """Return new files, the store already at its newest schema."""
        folder.mkdir(parents=True, exist_ok=True)
        store = folder / "store.db"
        if self._template.exists():
            shutil.copy(self._template, store)
        return Place(
            store=store,
            books=books or str(folder / "books.db"),
            provider=provider,
            session=session,
            began=datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20),
        )

    def live(
        self,
        place: Place,
        *steps: str,
        kill: tuple[str, ...] = (),
        armed_at: str | None = None,
        bug: str | None = None,
        horizon_s: float = 60,
    ) -> Life:
        """Let one backend do these steps, and return how it ended."""
        job = {
            "store": f"sqlite:///{place.store}",
            "provider": place.provider,
            "books": place.books,
            "session": place.session,
            "began": place.began.isoformat(),
            "shift_s": place.shift_s,
            "steps": steps,
            "kill": kill,
            "armed_at": armed_at,
            "bug": bug,
            "horizon_s": horizon_s,
        }
        life = self._tell(job)
        self.kills += life.was_killed
        return life

    def _tell(self, job: dict[str, Any]) -> Life:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        heard: dict[str, Any] = {}
        for line in self._process.stdout:
            heard |= json.loads(line)
            if "status" in heard:
                return Life(**heard)
        raise RuntimeError(f"the worker process is gone, with status {self._process.wait()}; its stderr says why")


@contextmanager
def running_nursery(folder: Path) -> Iterator[Nursery]:
    """Run the worker process; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.crash.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    )
    template = folder / "template.db"
    nursery = Nursery(process, template)
    try:
        # No step: it only makes the store, so that the schema is made once and not for every test.
        nursery.live(nursery.place(folder / "first", provider="sandbox", session="none"), "recover")
        shutil.copy(folder / "first" / "store.db", template)
        yield nursery
    finally:
        process.kill()
        process.communicate(timeout=10)
