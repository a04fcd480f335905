"""What breaks on request: which of the next requests or webhooks, how, and how often."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

__all__ = ["REQUEST_FAULTS", "WEBHOOK_FAULTS", "Fault", "Faults"]

REQUEST_FAULTS: Final[Mapping[str, str]] = {
    "latency": "waits `seconds` before the effect; other requests go on",
    "latency_after": "waits `seconds` after the effect",
    "drop_before": "closes the connection before the effect",
    "drop_after": "closes the connection after the effect, without an answer",
    "error_before": "500 without an effect, repeated for the key if `saved`",
    "error_after": "500 after the effect, repeated for the key if `saved`",
    "rate_limit": "429 without an effect",
    "conflict": "says that the key is at work right now, without an effect",
    "unavailable": "503 without an effect",
    "redirect": "302 without an effect",
    "garbage": "200 after the effect, with a body that nobody can read",
    "truncated": "half of the answer after the effect, then the connection is closed",
    "answer": "`status`, `body` and `headers` as given, without an effect",
}
WEBHOOK_FAULTS: Final[Mapping[str, str]] = {
    "webhook_duplicate": "the message is delivered twice",
    "webhook_reorder": "the message waits until another one has been sent, or `seconds` have passed",
    "webhook_late": "the message waits `seconds` by the emulator's clock",
    "webhook_forge": "a message with a wrong signature is sent first, the true one after it",
    "webhook_drop": "the message is never sent",
}
_SLOW: Final = ("latency", "latency_after")


@dataclass(slots=True, kw_only=True)
class Fault:
    """One way to break the next `times` requests, or all of them if `times` is 0.

    `method` and `path` (a part of it) say which requests, `event` (a part of its kind) says which webhooks.
    """

    kind: str
    times: int = 1
    method: str | None = None
    path: str = ""
    event: str = ""
    seconds: float = 0
    saved: bool = True
    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parsed(cls, options: Mapping[str, Any], *, peculiar: Collection[str] = ()) -> Self:
        """Read a fault as it came to the control path.

        Raises:
            ValueError: the kind or an option is not known, or does not fit.
        """
        known = {*REQUEST_FAULTS, *WEBHOOK_FAULTS, *peculiar}
        if options.get("kind") not in known:
            raise ValueError(f"unknown fault {options.get('kind')!r}; known are {', '.join(sorted(known))}")
        strange = set(options) - set(cls.__slots__)
        if strange:
            raise ValueError(f"unknown option {min(strange)!r} of a fault")
        times, seconds = options.get("times", 1), options.get("seconds", 0)
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            raise ValueError(f"times is {times!r}: how often, or 0 for ever")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise ValueError(f"seconds is {seconds!r}: not a time to wait")
        return cls(**options)

    @property
    def is_slow(self) -> bool:
        """Whether it only takes time, so that another fault may come on top."""
        return self.kind in _SLOW


class Faults:
    """The faults that are waiting for requests and webhooks to break, in the order they were asked for."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, fault: Fault) -> None:
        """Break what comes next."""
        self._waiting.append((fault, fault.times))

    def clear(self) -> None:
        """Break nothing more."""
        self._waiting.clear()

    def for_request(self, method: str, path: str) -> dict[str, Fault]:
        """Take what this request meets, by kind: the first fault that fits, and all latencies."""
        taken: dict[str, Fault] = {}
        broken = False
        for fault, _ in list(self._waiting):
            if fault.kind in WEBHOOK_FAULTS or fault.method not in {None, method} or fault.path not in path:
                continue
            if (broken and not fault.is_slow) or fault.kind in taken:
                continue
            broken |= not fault.is_slow
            taken[fault.kind] = fault
            self._use(fault)
        return taken

    def for_webhook(self, kind: str) -> dict[str, Fault]:
        """Take what this webhook meets, by kind of fault."""
        taken: dict[str, Fault] = {}
        for fault, _ in list(self._waiting):
            if fault.kind in WEBHOOK_FAULTS and fault.event in kind and fault.kind not in taken:
                taken[fault.kind] = fault
                self._use(fault)
        return taken

    def _use(self, fault: Fault) -> None:
        for place, (waiting, left) in enumerate(self._waiting):
            if waiting is fault:
                if left == 1:
                    del self._waiting[place]
                elif left:
                    self._waiting[place] = (fault, left - 1)
                return
