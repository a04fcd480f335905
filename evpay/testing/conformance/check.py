"""A check: one promise of the contract, what claims it, and how to keep it."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from evpay.testing.conformance.trial import Trial

__all__ = ["CLAIMS", "BrokenPromise", "Check", "NotTried", "check"]

CLAIMS: Final = (
    "increment",
    "releases_remainder",
    "refund",
    "off_session",
    "look_up",
    "absence_proven_after",
    "resend_for",
    "settlements",
)
"""The fields of `Capabilities` that claim something by being set."""


class BrokenPromise(AssertionError):
    """A promise that the adapter does not keep: what was expected, and what came."""

    def __init__(self, *, expected: str, came: str) -> None:
        super().__init__(f"expected {expected}; came {came}")
        self.expected = expected
        self.came = came


class NotTried(Exception):
    """The check could not be made; `missing` is what it lacks. `claimed`: then that is a failure."""

    def __init__(self, missing: str, *, claimed: bool = False) -> None:
        super().__init__(missing)
        self.missing = missing
        self.claimed = claimed


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise, and how it is tried.

    `backs`: the capabilities that it stands for in the feature table; a name of `CLAIMS` or of a method.
    `claim`: it is tried only where this field of `Capabilities` is set. `needs_wire`: only where the rig has one.
    """

    name: str
    promise: str
    cure: str
    run: "Callable[[Trial], Awaitable[None] | None]"
    backs: tuple[str, ...] = ()
    claim: str | None = None
    needs_wire: bool = False

    @property
    def test_name(self) -> str:
        """The name of the test method."""
        return f"test_{self.name}"


def check(
    *backs: str, cure: str, claim: str | None = None, needs_wire: bool = False
) -> "Callable[[Callable[[Trial], Awaitable[None] | None]], Check]":
    """Make a check of a function; its docstring is the promise, its name the check's."""

    def made(run: "Callable[[Trial], Awaitable[None] | None]") -> Check:
        name = getattr(run, "__name__", "")
        promise = " ".join((inspect.getdoc(run) or "").split())
        names = backs or ((claim,) if claim else ())
        return Check(name=name, promise=promise, cure=cure, run=run, backs=names, claim=claim, needs_wire=needs_wire)

    return made
