"""What happens to one session when its backend is killed, told to the end and checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.crash.audit import Entry, differences, sandbox_books, stripe_books, totals
from tests.crash.nursery import Nursery, Place
from tests.crash.points import OPERATIONS, POINTS, STRIPE_POINTS, UNSENT, labels
from tests.servers import RunningServer

__all__ = ["ENDINGS", "Story", "tell"]

ENDINGS: Final = ("recovered", "repeated", "abandoned")
"""After the kill: recovery, then the caller's call again; the call again at once, then recovery; recovery only."""

_UNKNOWN: Final = (*UNSENT, "effect done, reply lost", "reply read, not written", "inside the outcome's commit")
_MINUTE_S: Final = 60.0
_HOURS_S: Final = 3 * 3_600.0
"""Longer than any processor's search lags, so that what it does not find did not happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Which backend is killed where, what comes after it, and the bug that is planted in all of them, if any."""

    operation: str
    point: str
    provider: str = "sandbox"
    ending: str = "recovered"
    bug: str | None = None

    def __str__(self) -> str:
        return f"{self.operation}, {self.point}, {self.provider}, {self.ending}"

    @property
    def way(self) -> tuple[str, ...]:
        """The labels on the way to the kill."""
        points = STRIPE_POINTS if self.provider == "stripe" else POINTS
        return labels(OPERATIONS[self.operation], points[self.point])


def tell(story: Story, nursery: Nursery, folder: Path, *, server: RunningServer | None = None) -> list[str]:
    """Let a story happen; return what is wrong at its end, nothing if all is well."""
    operation = OPERATIONS[story.operation]
    place = nursery.place(
        folder, provider=story.provider, session=operation.session, books=server.url if server else ""
    )
    killed = nursery.live(
        place, *operation.before, operation.step, kill=story.way, armed_at=operation.step, bug=story.bug
    )
    if not killed.was_killed:
        return [f"the backend was not killed: {killed}"]
    if server is not None:
        _until_quiet(server)
    return [*_told(story, nursery, place), *check(story, place, server=server)]


def _until_quiet(server: RunningServer) -> None:
    """Return when the server has done everything that it was asked, also by those who are dead."""
    server.call("GET", "/_ready")


def _told(story: Story, nursery: Nursery, place: Place) -> list[str]:
    """Let the story go on after the kill, and return the tracebacks of backends that failed."""
    operation = OPERATIONS[story.operation]
    again = (operation.step, *operation.after, "recover")
    chapters = {
        "recovered": ((_MINUTE_S, ("recover",)), (_HOURS_S, again)),
        "repeated": ((_HOURS_S, (*again, *operation.after, "recover")),),
        "abandoned": ((_HOURS_S, ("recover",)),),
    }
    failures: list[str] = []
    for horizon_s, steps in chapters[story.ending]:
        life = nursery.live(place, *steps, bug=story.bug, horizon_s=horizon_s)
        failures += [life.error] if life.status else []
        failures += [f"{step}: {said}" for step, said in life.answers.items() if said == "never quiet"]
        place = place.later(life)
    return failures


def check(story: Story, place: Place, *, server: RunningServer | None = None) -> list[str]:
    """Compare our books with the processor's, and both with what the session should have come to."""
    books = stripe_books(server.books()["payments"]) if server else sandbox_books(place.books)
    return [*differences(place.store, books), *_amounts(story, books)]


def _amounts(story: Story, books: dict[str, Entry]) -> list[str]:
    """Say what moved at the processor that should not have, or did not and should."""
    operation = OPERATIONS[story.operation]
    _, captured, refunded, held = totals(books)
    if story.ending == "abandoned":
        is_right = captured <= operation.captured and refunded <= operation.refunded
    else:
        is_right = captured == _captures(story) and refunded == operation.refunded and not held
    return [] if is_right else [f"captured {captured}, refunded {refunded}, still held {held}"]


def _captures(story: Story) -> int:
    """Return what must have been captured in the end.

    Recovery never starts a hold: one that was not made is not made, and one that cannot be asked for is voided.
    An increment that a look-up proves absent is not made either; what it does not prove is sent again.
    """
    operation = OPERATIONS[story.operation]
    unheld = {
        ("start", "blind"): _UNKNOWN,
        ("start", "stripe"): UNSENT[:2],  # at the third the request has arrived, and takes effect later
        ("increment", "blind"): (),
        ("increment", "stripe"): (),
    }.get((story.operation, story.provider), UNSENT)
    is_unheld = operation.unheld is not None and story.point in unheld
    return operation.unheld if is_unheld and operation.unheld is not None else operation.captured
