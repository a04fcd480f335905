"""Where a backend is killed, and in the middle of what.

A point is a way through labels: each must be passed once, and at the last one the process dies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["MAIN", "OPERATIONS", "POINTS", "STRIPE_POINTS", "TELLING", "UNSENT", "Operation", "labels"]

_INTENT: Final = ("intent.before",)
_CALL: Final = (*_INTENT, "intent.committed")
_ANSWER: Final = (*_CALL, "outcome.received")

POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "inside the intent's commit": (*_INTENT, "commit.inside"),
    "intent on disk, not told so": (*_INTENT, "commit.after"),
    "intent on disk, not sent": _CALL,
    "sent, no effect": (*_CALL, "sandbox.before_effect"),
    "effect done, reply lost": (*_CALL, "sandbox.after_effect"),
    "reply read, not written": _ANSWER,
    "inside the outcome's commit": (*_ANSWER, "commit.inside"),
    "outcome on disk, not told so": (*_ANSWER, "commit.after"),
    "outcome on disk, not returned": (*_ANSWER, "outcome.committed"),
}
"""Every point of one operation, in the order in which it passes them."""

_WIRE: Final[Mapping[str, tuple[str, ...]]] = {
    "sent, no effect": (*_CALL, "wire.arrived"),
    "effect done, reply lost": (*_CALL, "wire.done"),
}
STRIPE_POINTS: Final[Mapping[str, tuple[str, ...]]] = {name: _WIRE.get(name, way) for name, way in POINTS.items()}
"""The same points where the processor is a server: the request has arrived there, or its effect is in its books."""

UNSENT: Final = ("intent on disk, not told so", "intent on disk, not sent", "sent, no effect")
"""The points at which the intent is on disk and nothing has happened at the processor."""


TELLING: Final = ("intent on disk, not sent", "effect done, reply lost", "inside the outcome's commit")
"""Where operations differ most; the short form tells voids and cancels at these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is under way when the kill comes, and what the books must say when all is over, in minor units.

    `before` are the steps done by then, `step` the call in which the process dies, `after` the rest of the session's
    life; `skips` are the operations that the same call has behind it. `providers` are the processors that do it.
    `unheld` is what is captured if the hold was surely not made, or not raised: recovery never starts one.
    """

    session: str
    before: tuple[str, ...]
    step: str
    after: tuple[str, ...] = ()
    skips: int = 0
    used: int = 0
    captured: int = 0
    unheld: int | None = None
    refunded: int = 0
    providers: tuple[str, ...] = ("sandbox", "blind", "keeping", "stripe")


OPERATIONS: Final[Mapping[str, Operation]] = {
    "start": Operation(
        session="S-used", before=(), step="start", after=("finish",), used=1_200, captured=1_200, unheld=0
    ),
    "increment": Operation(
        session="S-charge",
        before=("start",),
        step="charge",
        after=("finish", "refund"),
        used=2_700,
        captured=2_700,
        unheld=2_000,
        refunded=200,
    ),
    "capture": Operation(session="S-used", before=("start",), step="finish", used=1_200, captured=1_200),
    "void": Operation(session="S-unused", before=("start",), step="finish"),
    "void of the rest": Operation(
        session="S-used",
        before=("start",),
        step="finish",
        skips=1,
        used=1_200,
        captured=1_200,
        providers=("keeping", "blind keeping"),
    ),
    "cancel": Operation(session="S-unused", before=("start",), step="cancel"),
    "refund": Operation(
        session="S-used", before=("start", "finish"), step="refund", used=1_200, captured=1_200, refunded=200
    ),
}
"""Every kind of side effect, in the call of the face that makes it."""


MAIN: Final = ("start", "increment", "capture", "refund")
"""The operations that the short form tells at every point."""


def labels(operation: Operation, way: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels on the way to a point of this operation, those of the operations before it first."""
    return ("intent.before", "outcome.committed") * operation.skips + way
