"""Sends the webhooks of a gateway, again and again until they are taken, and keeps a list of the attempts."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.faults import Fault, Faults
from evpay_contrib_emulators.gateway import Delivery, Gateway, Resigning

if TYPE_CHECKING:
    import httpx

__all__ = ["LOOPBACK", "Attempt", "Message", "Postman"]

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

# How long after a failed attempt the next one follows, by the emulator's clock: about three days in all, as Stripe
# does with live keys (https://docs.stripe.com/webhooks#retries, checked 2026-11-20).
RETRIES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (1, 5, 30, 300, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400)
)
_TICK_S: Final = 0.02
_ANSWER_S: Final = 10.0
_REORDERED_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One time that a message was sent; `status` is None if there was no answer."""

    at: datetime
    status: int | None
    forged: bool = False
    error: str | None = None

    @property
    def was_taken(self) -> bool:
        """Whether the receiver said that it has the message."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A webhook on its way. `state` is `unsent` (there was no URL), `waiting`, `delivered`, `dropped` or `given up`."""

    delivery: Delivery
    state: str
    due: datetime
    forged: Delivery | None = None
    behind: float | None = None
    attempts: list[Attempt] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the message as the control path shows it, with the bytes and headers that are sent."""
        delivery = self.delivery
        return {
            "event_id": delivery.event_id,
            "kind": delivery.kind,
            "state": self.state,
            "body": delivery.body.decode("utf-8", errors="replace"),
            "headers": dict(delivery.headers),
            "attempts": [
                {"at": made.at.isoformat(), "status": made.status, "forged": made.forged, "error": made.error}
                for made in self.attempts
            ],
        }


class Postman:
    """Takes the webhooks from the gateway and brings them to the URL, one at a time, in order unless told otherwise."""

    def __init__(self, *, clock: Clock, faults: Faults, url: str | None = None) -> None:
        self.url: str | None = None
        self._clock = clock
        self._faults = faults
        self._messages: list[Message] = []
        self._work: list[Message] = []
        self._client: httpx.AsyncClient | None = None
        self.send_to(url)

    def send_to(self, url: str | None) -> None:
        """Send what comes up from now on there, or nowhere.

        Raises:
            ValueError: the URL is not one of this machine.
        """
        if url is not None:
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or parts.hostname not in LOOPBACK:
                raise ValueError(
                    f"webhook URL {url!r} is not on this machine: it must be http://127.0.0.1:... or the like"
                )
        self.url = url

    def clear(self) -> None:
        """Forget all messages, also those that are on their way."""
        self._messages.clear()
        self._work.clear()

    def messages(self) -> list[Message]:
        """Return every message, oldest first."""
        return list(self._messages)

    def collect(self, gateway: Gateway) -> None:
        """Take the webhooks that have come up."""
        for delivery in gateway.deliveries():
            faults = self._faults.for_webhook(delivery.kind)
            for _ in range(2 if "webhook_duplicate" in faults else 1):
                self._add(delivery, faults, gateway)

    def _add(self, delivery: Delivery, faults: Mapping[str, Fault], gateway: Gateway) -> None:
        state = "unsent" if self.url is None else "dropped" if "webhook_drop" in faults else "waiting"
        message = Message(delivery=delivery, state=state, due=self._clock.now())
        if "webhook_late" in faults:
            message.due += timedelta(seconds=faults["webhook_late"].seconds)
        if "webhook_forge" in faults:
            message.forged = gateway.forged(delivery)
        if "webhook_reorder" in faults:
            message.behind = faults["webhook_reorder"].seconds or _REORDERED_S
        self._messages.append(message)
        if state == "waiting":
            self._work.append(message)

    async def run(self, gateway_now: Callable[[], Gateway]) -> None:
        """Deliver until cancelled; there may be another gateway from one message to the next."""
        while True:
            message = self._next()
            if message is None:
                await asyncio.sleep(_TICK_S)
            else:
                await self._deliver(message, gateway_now())

    def _next(self) -> Message | None:
        now = self._clock.now()
        due = [message for message in self._work if message.due <= now]
        for message in due:
            if message.behind is None:
                return message
        for message in due:  # nothing has overtaken them for too long
            if message.behind is not None and now - message.due > timedelta(seconds=message.behind):
                return message
        return None

    async def _deliver(self, message: Message, gateway: Gateway) -> None:
        if message.attempts and isinstance(gateway, Resigning):
            message.delivery = gateway.signed_again(message.delivery)
        forged, message.forged = message.forged, None
        attempt = await self._attempt(forged or message.delivery, forged=forged is not None)
        message.attempts.append(attempt)
        if message not in self._work:
            return  # forgotten in the meantime
        for other in self._work:
            if other is not message:
                other.behind = None
        if forged is not None:
            return  # the true one follows at once
        if attempt.was_taken:
            self._done(message, "delivered")
        elif (failed := sum(not made.forged for made in message.attempts)) > len(RETRIES):
            self._done(message, "given up")
        else:
            message.due = self._clock.now() + RETRIES[failed - 1]

    def _done(self, message: Message, state: str) -> None:
        message.state = state
        self._work.remove(message)

    async def _attempt(self, delivery: Delivery, *, forged: bool) -> Attempt:
        import httpx  # noqa: PLC0415 - takes time to load, and most emulators never send a webhook

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_ANSWER_S, trust_env=False)
        at, status, error = self._clock.now(), None, None
        try:
            answer = await self._client.post(self.url or "", content=delivery.body, headers=dict(delivery.headers))
            status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            error = type(problem).__name__
        return Attempt(at=at, status=status, forged=forged, error=error)
