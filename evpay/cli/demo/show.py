"""Showing the steps: JSON lines for programs, lines for pipes, a live panel for people at a terminal."""

import asyncio
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from evpay.cli.demo.steps import Step
from evpay.cli.invocation import write_json

__all__ = ["JsonShow", "Screen", "Show"]


class Show(Protocol):
    """Where the steps go."""

    async def step(self, step: Step) -> None:
        """Show a step, and give a person time to read it."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


class JsonShow:
    """One JSON object for each step."""

    async def step(self, step: Step) -> None:
        """See `Show`."""
        write_json(step.to_json())

    def close(self) -> None:
        """See `Show`; nothing was changed."""


class Screen:
    """A terminal, or a pipe: there nothing moves and nobody waits."""

    def __init__(self, console: Console, *, fast: bool) -> None:
        self._console = console
        self._moves = console.is_terminal and not console.is_dumb_terminal and not fast
        self._live: Live | None = None

    async def step(self, step: Step) -> None:
        """See `Show`."""
        if step.live and self._moves:
            self._update(step)
        elif step.live:
            if step.line is not None:
                self._console.print(Text(step.line))
        else:
            self._print(step)
        if self._moves:
            await asyncio.sleep(step.pause_s)

    def _update(self, step: Step) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(step.view or "", refresh=True)

    def _print(self, step: Step) -> None:
        if step.name != "increment":
            self.close()
        if step.view is not None:
            self._console.print(step.view)

    def close(self) -> None:
        """See `Show`: what the panel showed last stays on the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._console.print()
