"""A clock that follows a session: moved along with its readings, running on like a real one in between."""

import time
from collections.abc import Callable
from datetime import datetime

from evpay.env import RealEnv
from evpay.instants import instant, microseconds

__all__ = ["SessionClock"]


class SessionClock(RealEnv):
    """The real world at another time of day. The processor that stands by gets `now`, so both agree."""

    def __init__(self, at: datetime) -> None:
        self._base_us = microseconds(at)
        self._since_ns = time.monotonic_ns()
        self._followers: list[Callable[[datetime], None]] = []

    def lead(self, follow: Callable[[datetime], None]) -> None:
        """Let another clock go along: it is told the time, now and at each move."""
        self._followers.append(follow)
        follow(self.now())

    def now_us(self) -> int:
        """See `Env`."""
        return self._base_us + (time.monotonic_ns() - self._since_ns) // 1000

    def now(self) -> datetime:
        """Return the same as a datetime."""
        return instant(self.now_us())

    def move(self, at: datetime) -> None:
        """Go on at an instant; a clock never goes back."""
        target_us = max(microseconds(at), self.now_us())
        self._base_us, self._since_ns = target_us, time.monotonic_ns()
        for follow in self._followers:
            follow(self.now())
