"""What went over the wire, and the ways to break it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = [
    "DROP_AFTER",
    "DROP_BEFORE",
    "HELD",
    "REDIRECT",
    "Answer",
    "Exchange",
    "Fault",
    "answering",
    "late",
    "rewriting",
]

_MASK: Final = "…"
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"})
_SHOWN_BYTES: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request as it came to the proxy, and how it ended. Header names are in lower case.

    `status` is what the caller got, None if it got no answer; `forwarded`: the gateway saw the request.
    Its `repr` has neither headers nor bodies, because they carry secrets; `shown` has them, masked.
    """

    number: int
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None = None
    forwarded: bool = False
    fault: str | None = None

    def carries(self, text: str) -> bool:
        """Say whether the request carries a text, in its path, a header or its body."""
        return text in self.path or text.encode() in self.body or any(text in value for value in self.headers.values())

    def shown(self, *, secrets: Iterable[str] = ()) -> str:
        """Return the request as a person may read it: known secrets and credentials are masked."""
        ending = f"{self.status}" if self.status is not None else "no answer"
        cause = f" ({self.fault})" if self.fault else ""
        lines = [f"{self.method} {self.path} -> {ending}{cause}"]
        for name, value in self.headers.items():
            lines.append(f"  {name}: {_MASK if name in _SECRET_HEADERS else value}")
        text = self.body[:_SHOWN_BYTES].decode("utf-8", "replace")
        lines += [f"  {text}"] if text else []
        whole = "\n".join(lines)
        for secret in secrets:
            whole = whole.replace(secret, _MASK) if secret else whole
        return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to break an exchange.

    `forward`: the gateway sees the request, so it takes effect. `answer` replaces the gateway's, `rewrite` changes
    it; with neither, and not `passes`, the connection is closed without a word. `held`: nothing is answered until
    the proxy is told to release. `delay_s` is waited before the answer.
    """

    name: str
    forward: bool = True
    answer: Answer | None = None
    rewrite: Callable[[Answer], Answer] | None = None
    passes: bool = False
    held: bool = False
    delay_s: float = 0


DROP_BEFORE: Final = Fault(name="dropped before the effect", forward=False)
DROP_AFTER: Final = Fault(name="dropped after the effect")
HELD: Final = Fault(name="held after the effect", passes=True, held=True)
REDIRECT: Final = Fault(
    name="redirected", forward=False, answer=Answer(status=307, headers={"Location": "/evpay-was-redirected"})
)


def answering(status: int, body: bytes = b"", *, after: bool = True, content_type: str = "application/json") -> Fault:
    """Return the fault that answers in the gateway's place, `after` its effect or before it."""
    when = "after" if after else "before"
    name = f"answered {status} {when} the effect"
    if status < 300:
        name += f", with {body[:24]!r}"
    return Fault(
        name=name, forward=after, answer=Answer(status=status, body=body, headers={"Content-Type": content_type})
    )


def rewriting(change: Callable[[Answer], Answer], *, name: str) -> Fault:
    """Return the fault that changes the gateway's own answer."""
    return Fault(name=name, rewrite=change)


def late(seconds: float) -> Fault:
    """Return the fault that answers as the gateway does, but late."""
    return Fault(name=f"answered {seconds} s late", passes=True, delay_s=seconds)
