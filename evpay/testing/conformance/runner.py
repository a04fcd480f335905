"""Run checks over a rig: without pytest, so that the command line can do it too."""

import inspect
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import anyio

from evpay.testing.conformance.check import BrokenPromise, Check, NotTried
from evpay.testing.conformance.proxy import FaultProxy
from evpay.testing.conformance.rig import Rig
from evpay.testing.conformance.trial import Trial

__all__ = ["Result", "Verdict", "run_check", "run_checks"]

MAX_S: Final = 60


class Verdict(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A check's verdict. `expected` and `came` are set for a failure, `reason` for what was not tried."""

    check: Check
    verdict: Verdict
    expected: str = ""
    came: str = ""
    reason: str = ""

    @property
    def message(self) -> str:
        """The promise, what was expected, what came, and the cure."""
        if self.verdict is Verdict.SKIPPED:
            return self.reason
        return "\n".join(
            (
                f"{self.check.name}: {self.check.promise}",
                f"  expected: {self.expected}",
                f"  came:     {self.came}",
                f"  cure:     {self.check.cure}",
            )
        )


async def _attempt(trial: Trial) -> None:
    try:
        with anyio.fail_after(MAX_S):
            running = trial.check.run(trial)
            if running is not None:
                await running
    finally:
        with anyio.CancelScope(shield=True):
            await trial.close()


def _tried(check: Check, rig: Rig) -> None:
    if check.needs_wire and rig.wire is None:
        raise NotTried("a wire: this rig's provider does not speak HTTP (Rig.wire)")
    with FaultProxy(rig.wire.upstream) if rig.wire else nullcontext() as proxy:
        trial = Trial(check, rig, proxy)
        if check.claim is not None and not trial.claims(check.claim):
            anyio.run(trial.close)
            raise NotTried(f"the claim: Capabilities.{check.claim} is not set")
        if inspect.iscoroutinefunction(check.run):
            anyio.run(_attempt, trial)
            return
        try:
            check.run(trial)  # it runs event loops of its own
        finally:
            anyio.run(trial.close)


def run_check(check: Check, rig: Rig) -> Result:
    """Try one promise, and say what came of it. Nothing but an interruption is raised."""
    try:
        _tried(check, rig)
    except Exception as error:  # noqa: BLE001 - an adapter may raise anything, and that is the finding
        return _verdict(check, rig, _first(error))
    return Result(check=check, verdict=Verdict.PASSED)


def _first(error: Exception) -> Exception:
    """Return the first of what tasks raised together."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _verdict(check: Check, rig: Rig, error: Exception) -> Result:
    if isinstance(error, BrokenPromise):
        return Result(check=check, verdict=Verdict.FAILED, expected=error.expected, came=error.came)
    if isinstance(error, NotTried) and not error.claimed:
        return Result(check=check, verdict=Verdict.SKIPPED, reason=f"needs {error.missing}")
    if isinstance(error, NotTried):
        expected = f"{error.missing}: what is claimed must be tried"
        return Result(check=check, verdict=Verdict.FAILED, expected=expected, came="nothing in the rig")
    came = f"{type(error).__name__}: {_masked(str(error), rig)}{_place(error)}"
    return Result(check=check, verdict=Verdict.FAILED, expected="an answer, or an EvpayError before sending", came=came)


def _masked(text: str, rig: Rig) -> str:
    for secret in rig.secrets:
        text = text.replace(secret, "…")
    return text[:400]


def _place(error: BaseException) -> str:
    """Return where an exception came from: the last place outside the kit, or the last of all."""
    found = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    return f" ({found[-1].filename}:{found[-1].lineno})" if found else ""


def run_checks(checks: Iterable[Check], rig: Rig) -> Iterator[Result]:
    """Try promises one after the other, each with a fresh adapter."""
    for check in checks:
        yield run_check(check, rig)
