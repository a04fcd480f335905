"""The accounts that a demo pays at: made through the registry, like any host's."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, cast, runtime_checkable
from urllib.parse import urlsplit

from evpay.cli.demo.clock import SessionClock
from evpay.cli.demo.place import Place
from evpay.cli.stand_ins import stand_in
from evpay.errors import ConfigurationError, InvalidInput
from evpay.providers import OperationKind, Provider, Reason
from evpay.providers.registry import build

__all__ = ["BookEntry", "Books", "KeepsBooks", "Stumbles", "sandbox", "stranger"]

_SANDBOX: Final = "sandbox"


class BookEntry(Protocol):
    """One payment in a processor's own books, in minor units."""

    account: str
    reference: str
    currency: str
    authorized: int
    captured: int
    released: int
    refunded: int
    charged_back: int


class Books(Protocol):
    """A processor's own books."""

    def payments(self) -> Sequence[BookEntry]:
        """Return every payment that the processor knows."""
        ...


@runtime_checkable
class KeepsBooks(Protocol):
    """A provider whose processor's own books can be read on this machine."""

    @property
    def books(self) -> Books:
        """The books."""
        ...


@runtime_checkable
class Stumbles(Provider, Protocol):
    """A provider that can be told to refuse."""

    def decline_next(self, reason: Reason, kind: OperationKind | None = None, *, times: int = 1) -> None:
        """Refuse the next calls."""
        ...


def sandbox(name: str, *, place: Place, clock: SessionClock | None = None) -> Stumbles:
    """Return a sandbox account with its books in the demo's folder, on the session's clock."""
    options: dict[str, Any] = {"books": place.books(name)}
    if clock is not None:
        options["now"] = clock.now
    return cast(Stumbles, build(_SANDBOX, name, options))


def stranger(name: str, *, base_url: str | None, options: Mapping[str, str]) -> Provider:
    """Return an account at a server on this machine that stands in for a processor.

    Raises:
        ConfigurationError: another machine, a live key, or options that do not fit.
    """
    if base_url is not None:
        _require_loopback(base_url)
    given = {**stand_in(name).options, **options, **({} if base_url is None else {"base_url": base_url})}
    if "base_url" in options:
        raise ConfigurationError("is said with --base-url.", path="base_url")
    if base_url is None:
        raise ConfigurationError(
            f"the demo talks to nobody but a server on this machine. Start one that speaks {name!r}'s language and "
            "name it: --base-url http://127.0.0.1:8420.",
            path="base_url",
        )
    provider = build(name, name, given)
    if provider.account.live:
        raise ConfigurationError("the demo never uses a live key. Use one for test.", path="api_key")
    return provider


def _require_loopback(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidInput(f"{url!r:.80} is not an address: {error}.", code="malformed_url", path="base_url") from None
    if parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
        raise InvalidInput(
            f"{url!r:.80} is not scheme, host and port, as http://127.0.0.1:8420.",
            code="malformed_url",
            path="base_url",
        )
    if not _is_loopback(host):
        raise InvalidInput(
            f"{host!r:.80} is not this machine. The demo talks to loopback only, as http://127.0.0.1:8420.",
            code="not_loopback",
            path="base_url",
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
