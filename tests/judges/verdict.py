"""What a judge says: how much it looked at and what it found, or why it could not run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

__all__ = ["Bench", "Judge", "NotRun", "Verdict"]


class NotRun(Exception):
    """This judge cannot sit here; the message says what it lacks."""


@dataclass(slots=True)
class Verdict:
    """How many things a judge looked at, and what is wrong with them."""

    looked_at: int = 0
    complaints: list[str] = field(default_factory=list)

    def note(self, complaint: str | None) -> None:
        """Count one thing, with what is wrong with it."""
        self.looked_at += 1
        if complaint:
            self.complaints.append(complaint)

    def expect(self, what: str, *, expected: object, found: object) -> None:
        """Count one thing that should be so."""
        self.note(None if expected == found else f"{what}: {found!r} instead of {expected!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where judges find things: a folder for their programs, and the official documents, if they are here."""

    tools: Path
    specs: Path | None

    def document(self, name: str) -> Path:
        """Return a file of the official documents.

        Raises:
            NotRun: no folder was named, or the file is not in it.
        """
        if self.specs is None:
            raise NotRun("no --specs PATH")
        found = self.specs / name
        if not found.exists():
            raise NotRun(f"there is no {name} under --specs")
        return found


Judge: TypeAlias = Callable[[Bench], Awaitable[Verdict]]
