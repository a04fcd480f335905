"""What time it is inside an emulator."""

from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """The real time, put forward on request: holds expire and settlement runs by it."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the time here, in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += timedelta(seconds=seconds)

    def reset(self) -> None:
        """Return to the real time."""
        self._ahead = timedelta(0)
