"""What every emulated gateway is: requests in, answers, books and signed webhooks out. No sockets, no threads.

The server around it (sockets, faults, journal, delivery of webhooks, the page) is the same for all of them.
A gateway is called from one thread, one call at a time; an effect has happened when `answer` returns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from evpay_contrib_emulators.clock import Clock

__all__ = ["Delivery", "Gateway", "Holding", "Peculiar", "Resigning", "WireRequest", "WireResponse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """A request as it came over the wire; header names in lower case, the path without the query and still quoted."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireResponse:
    """An answer as it goes over the wire. `replayed`: it repeats an earlier one, and had no effect."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A webhook, signed and ready to be sent. `event_id` is the same for every redelivery; `kind` names the event."""

    event_id: str
    kind: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a gateway holds of one payment, in ISO 4217 minor units, and how often each kind of effect happened.

    `reference` is the merchant's, as it came with the authorization; `effects` has the keys `authorize`, `increment`,
    `capture`, `void` and `refund`.
    """

    id: str
    reference: str | None
    currency: str
    status: str
    authorized: int = 0
    captured: int = 0
    released: int = 0
    refunded: int = 0
    charged_back: int = 0
    effects: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


class Gateway(Protocol):
    """One emulated gateway with one merchant account."""

    clock: Clock

    def answer(self, request: WireRequest) -> WireResponse:
        """Answer a request; what it asks for has then happened, or never will. Never raises."""
        ...

    def key_of(self, request: WireRequest) -> str | None:
        """Return what makes this request the same as another one: its idempotency key, if the gateway knows any."""
        ...

    def in_flight(self, request: WireRequest) -> WireResponse:
        """Answer a request whose key is at work right now."""
        ...

    def broken(self, request: WireRequest, *, status: int) -> WireResponse:
        """Return how this gateway looks when it is broken (500, 503) or asks for less (429); nothing has happened."""
        ...

    def keep(self, request: WireRequest, response: WireResponse) -> None:
        """Repeat this response for the request's key from now on, as a gateway does that keeps its errors."""
        ...

    def catch_up(self) -> None:
        """Do what the clock has made due: holds expire, settlement runs at night."""
        ...

    def deliveries(self) -> list[Delivery]:
        """Return the webhooks that have come up since the last call."""
        ...

    def forged(self, delivery: Delivery) -> Delivery:
        """Return the same message with a signature that is wrong."""
        ...

    def holdings(self) -> list[Holding]:
        """Return what is held of every payment, oldest first."""
        ...

    def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do what happens outside the API: the driver passes a challenge, a bank disputes, a refund comes back.

        Raises:
            LookupError: there is no such verb, or no such payment.
            ValueError: the arguments do not fit.
        """
        ...

    def configure(self, options: Mapping[str, Any]) -> None:
        """Set what differs between two accounts of this gateway.

        Raises:
            ValueError: an option is not known, or its value does not fit.
        """
        ...


@runtime_checkable
class Resigning(Protocol):
    """A gateway that signs a webhook anew each time that it sends it again; the others repeat the bytes."""

    def signed_again(self, delivery: Delivery) -> Delivery:
        """Return the same message, signed now."""
        ...


@runtime_checkable
class Peculiar(Protocol):
    """A gateway that can be broken in ways which only it knows."""

    def peculiar_answers(self) -> Mapping[str, WireResponse]:
        """Return these answers by the name of the fault; nothing has happened when they are given."""
        ...
