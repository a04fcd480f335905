"""`evpay providers new` and `evpay providers check`: write a provider package, and try what an adapter promises."""

import importlib
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from evpay.cli.invocation import JsonOption, invocation, write_json
from evpay.cli.skeleton import provider_package
from evpay.cli.wording import console, shown
from evpay.errors import ConfigurationError
from evpay.testing.conformance.catalogue import CHECKS
from evpay.testing.conformance.check import Check
from evpay.testing.conformance.rig import Rig
from evpay.testing.conformance.runner import Result, Verdict, run_checks

__all__ = ["check", "new"]

_DEFAULT: Final = "rig"
_STYLES: Final = {Verdict.PASSED: "green", Verdict.FAILED: "bold red", Verdict.SKIPPED: "dim"}


def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The provider's name, as acme_pay.")],
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where to make the folder.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write a working provider package with a toy gateway; it passes `evpay providers check` as it is."""
    said = invocation(context, as_json=as_json)
    written = provider_package(name, into=into, today=datetime.now(UTC).date())
    if said.as_json:
        write_json({"files": [str(path) for path in written]})
        return
    for path in written:
        print(path)
    folder = into / f"evpay-{name.replace('_', '-')}"
    print(f"\nNext: cd {folder} && pip install -e '.[test]' && evpay providers check tests.rig")


def check(
    context: typer.Context,
    module: Annotated[
        str, typer.Argument(metavar="MODULE[:NAME]", help="Where the rig is, as tests.rig or tests.rig:rig.")
    ],
    only: Annotated[str, typer.Option("--only", metavar="WORD", help="Only the checks with this in their name.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Try every promise that a provider claims; the status is 1 if one is broken.

    NAME (`rig`, if it is left out) is a `Rig`, or a function that returns one or a context manager of one.
    """
    said = invocation(context, as_json=as_json)
    chosen = [found for found in CHECKS if only in found.name]
    if not chosen:
        raise ConfigurationError(f"There is no check with {only!r} in its name.")
    with _rig(module) as rig:
        results = list(run_checks(chosen, rig))
    if said.as_json:
        write_json(_document(module, results), indent=2)
    else:
        _show(results)
    if any(result.verdict is Verdict.FAILED for result in results):
        raise typer.Exit(1)


def _rig(place: str) -> AbstractContextManager[Rig]:
    """Import the rig; the working directory comes first, as it does for `python -m`."""
    module, _, name = place.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = getattr(importlib.import_module(module), name or _DEFAULT)
    except ImportError as error:
        raise ConfigurationError(
            f"{module} cannot be imported: {error}. Name the module as Python does (tests.rig), from the folder "
            "that it is in."
        ) from error
    except AttributeError as error:
        raise ConfigurationError(f"{module} has no {name or _DEFAULT!r}. Name it: {module}:NAME.") from error
    made = found() if callable(found) else found
    if isinstance(made, Rig):
        return nullcontext(made)
    if isinstance(made, AbstractContextManager):
        return made
    raise ConfigurationError(
        f"{place} is {type(made).__name__}, and no Rig. Give a Rig, or a function decorated with @contextmanager "
        "that yields one."
    )


def _counts(results: list[Result]) -> dict[str, int]:
    return {verdict.value: sum(result.verdict is verdict for result in results) for verdict in Verdict}


def _document(place: str, results: list[Result]) -> dict[str, Any]:
    return {"rig": place, **_counts(results), "checks": [_row(result) for result in results]}


def _row(result: Result) -> dict[str, Any]:
    check: Check = result.check
    return {
        "name": check.name,
        "promise": check.promise,
        "verdict": result.verdict.value,
        "expected": result.expected or None,
        "came": result.came or None,
        "cure": check.cure if result.verdict is Verdict.FAILED else None,
        "reason": result.reason or None,
    }


def _show(results: list[Result]) -> None:
    screen = console()
    table = Table(box=None, pad_edge=False, show_header=False)
    for result in results:
        one_line = Text(result.check.promise, no_wrap=True, overflow="ellipsis")
        text = shown(result.reason) if result.verdict is Verdict.SKIPPED else one_line
        table.add_row(result.verdict.value, result.check.name, text, style=_STYLES[result.verdict])
    screen.print(table)
    for result in results:
        if result.verdict is Verdict.FAILED:
            screen.print(f"\n{_shown_lines(result.message)}", soft_wrap=True)
    counts = _counts(results)
    screen.print("\n" + ", ".join(f"{number} {verdict}" for verdict, number in counts.items()))


def _shown_lines(text: str) -> str:
    """Return several lines of which some are written by others."""
    return "\n".join(shown(line) for line in text.split("\n"))
