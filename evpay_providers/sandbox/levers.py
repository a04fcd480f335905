"""What a test may pull: the next answer is lost, refused, late or held back. Levers live in this process only."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from evpay.providers import Declined, Failed, OperationKind, Reason
from evpay_providers.sandbox.methods import refusal_for

__all__ = ["Levers", "Turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What happens to one call, besides what was asked."""

    is_lost: bool = False
    with_effect: bool = True
    refusal: Declined | Failed | None = None
    delay_s: float = 0


ORDINARY: Final = Turn()


@dataclass(slots=True, kw_only=True)
class _Planned:
    kind: OperationKind | None
    turn: Turn
    times: int


@dataclass(slots=True)
class Levers:
    """Turns that wait for their call; the first that fits is taken."""

    _planned: list[_Planned] = field(default_factory=list)
    _lost_look_ups: int = 0
    _is_holding: bool = False
    _held: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(default_factory=list)
    _watched: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    def plan(self, turn: Turn, *, kind: OperationKind | None, times: int) -> None:
        """Let the next calls of a kind (None: of any kind) take this turn."""
        self._planned.append(_Planned(kind=kind, turn=turn, times=times))

    def refuse(self, reason: Reason, *, kind: OperationKind | None, times: int) -> None:
        """Let the next calls be refused."""
        self.plan(Turn(refusal=refusal_for(reason)), kind=kind, times=times)

    def take(self, kind: OperationKind) -> Turn:
        """Return what happens to this call."""
        for planned in self._planned:
            if planned.kind in {None, kind}:
                planned.times -= 1
                if not planned.times:
                    self._planned.remove(planned)
                return planned.turn
        return ORDINARY

    def lose_look_ups(self, times: int) -> None:
        """Let the next look-ups fail."""
        self._lost_look_ups += times

    def take_look_up(self) -> bool:
        """Say whether this look-up fails."""
        is_lost = self._lost_look_ups > 0
        self._lost_look_ups -= is_lost
        return is_lost

    def hold(self) -> None:
        """Keep every answer back from now on."""
        self._is_holding = True

    def release(self) -> None:
        """Let all answers go that are kept back, and keep no more; safe from any thread."""
        self._is_holding = False
        held, self._held = self._held, []
        for loop, event in held:
            loop.call_soon_threadsafe(event.set)

    async def until_held(self, count: int) -> None:
        """Return when that many answers are kept back."""
        if len(self._held) < count:
            watched = (count, asyncio.Event())
            self._watched.append(watched)
            await watched[1].wait()

    async def wait(self) -> None:
        """Return when answers may go."""
        if self._is_holding:
            entry = (asyncio.get_running_loop(), asyncio.Event())
            self._held.append(entry)
            for count, event in self._watched:
                if len(self._held) >= count:
                    event.set()
            try:
                await entry[1].wait()
            finally:
                if entry in self._held:
                    self._held.remove(entry)
