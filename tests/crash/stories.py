"""What happens to one session when its backend is killed, told to the end and checked."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.crash.audit import Entry, differences, sandbox_books, stripe_books, totals
from tests.crash.nursery import Nursery, Place
from tests.crash.points import OPERATIONS, POINTS, STRIPE_POINTS, UNSENT, labels
from tests.servers import RunningServer

__all__ = ["ENDINGS", "Story", "tell", "tell_twice"]

ENDINGS: Final = ("recovered", "repeated", "abandoned")
"""After the kill: recovery, then the caller's call again; the call again at once, then recovery; recovery only."""

_UNKNOWN: Final = (*UNSENT, "effect done, reply lost", "reply read, not written", "inside the outcome's commit")
_MINUTE_S: Final = 60.0
_MINUTES_S: Final = 600.0
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
    place = _killed(story, nursery, folder, server=server)
    if isinstance(place, str):
        return [place]
    return [*_told(story, nursery, place, server=server), *_wrong(story, place, server=server)]


def tell_twice(story: Story, nursery: Nursery, folder: Path) -> dict[str, list[str]]:
    """Kill the recovery, too, at every label that it passes; return what is wrong after each of these kills.

    How often it looks again depends on the time that it takes, so that a later one may have passed fewer labels.
    """
    place = _killed(story, nursery, folder / "once")
    if isinstance(place, str):
        return {"the first kill": [place]}
    whole = nursery.live(place.copied(folder / "whole"), "recover", armed_at="recover", horizon_s=_MINUTES_S)
    wrong: dict[str, list[str]] = {}
    for count, label in enumerate(whole.passed, 1):
        again = place.copied(folder / f"again-{count}")
        killed = nursery.live(
            again, "recover", kill=whole.passed[:count], armed_at="recover", bug=story.bug, horizon_s=_MINUTES_S
        )
        if killed.was_killed:
            told = _told(story, nursery, again, server=None)
            wrong[f"{count}. {label}"] = [*told, *_wrong(story, again, server=None)]
    return wrong


def _killed(story: Story, nursery: Nursery, folder: Path, *, server: RunningServer | None = None) -> Place | str:
    """Live up to the kill, and return where it happened, or why it did not."""
    operation = OPERATIONS[story.operation]
    place = nursery.place(
        folder, provider=story.provider, session=operation.session, books=server.url if server else ""
    )
    killed = nursery.live(
        place, *operation.before, operation.step, kill=story.way, armed_at=operation.step, bug=story.bug
    )
    if not killed.was_killed:
        return f"the backend was not killed: {killed}"
    if server is not None:
        _until_quiet(server)
    return place


def _until_quiet(server: RunningServer) -> None:
    """Return when the server has answered everything that it was asked, also by those who are dead."""
    while any(entry["status"] is None and entry["fault"] != ["latency_after"] for entry in server.journal()):
        time.sleep(0.01)


def _told(story: Story, nursery: Nursery, place: Place, *, server: RunningServer | None) -> list[str]:
    """Let the story go on after the kill; return what is wrong on the way: tracebacks, no rest, other books."""
    operation = OPERATIONS[story.operation]
    again = (operation.step, *operation.after, "recover")
    chapters = {
        "recovered": ((_MINUTE_S, ("recover",)), (_HOURS_S, again)),
        "repeated": ((_HOURS_S, (*again, *operation.after, "recover")),),
        "abandoned": ((_HOURS_S, ("recover",)),),
    }
    wrong: list[str] = []
    for horizon_s, steps in chapters[story.ending]:
        life = nursery.live(place, *steps, bug=story.bug, horizon_s=horizon_s)
        wrong += [life.error] if life.status else []
        wrong += [f"{step}: {said}" for step, said in life.answers.items() if said == "never quiet"]
        wrong += differences(place.store, _books(place, server=server), is_over=False)
        place = place.later(life)
    return wrong


def _books(place: Place, *, server: RunningServer | None) -> dict[str, Entry]:
    return stripe_books(server.books()["payments"]) if server else sandbox_books(place.books)


def _wrong(story: Story, place: Place, *, server: RunningServer | None) -> list[str]:
    """Compare our books with the processor's, and both with what the session should have come to."""
    books = _books(place, server=server)
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

    Recovery never starts a hold, and one that cannot be asked for is voided. Whoever repeats the start of a hold that
    a look-up proves absent is asked for it anew.
    An increment that a look-up proves absent is not made either; what it does not prove is sent again.
    """
    operation = OPERATIONS[story.operation]
    unheld = {
        ("start", "sandbox"): (),
        ("start", "keeping"): (),
        ("start", "blind"): _UNKNOWN,
        ("start", "stripe"): UNSENT[:2],  # at the third the request has arrived, and takes effect later
        ("increment", "blind"): (),
        ("increment", "stripe"): (),
    }.get((story.operation, story.provider), UNSENT)
    is_unheld = operation.unheld is not None and story.point in unheld
    return operation.unheld if is_unheld and operation.unheld is not None else operation.captured
