"""A host that talks to a sandbox through the contract, and a clock that stands still."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evpay.ids import wire_key
from evpay.money import Money, parse_money
from evpay.providers import (
    AuthorizeRequest,
    CaptureRequest,
    CompleteRequest,
    Handle,
    IncrementRequest,
    LookUpRequest,
    Outcome,
    PaymentMethod,
    RefundRequest,
    VoidRequest,
    WebhookRequest,
)
from evpay_providers.sandbox import SandboxProvider, SandboxSettings


class StoppedClock:
    """A clock that moves when it is told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 7, 1, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **span: float) -> None:
        self.time += timedelta(**span)


class Host:
    """Asks one provider for the effects of one payment; every call has ids of its own unless a key is given."""

    def __init__(self, provider: SandboxProvider, name: str = "p") -> None:
        self.provider = provider
        self.name = name
        self.calls = 0
        self.reference = wire_key(name, "reference")
        self.handle: Handle | None = None

    def ids(self, key: str | None) -> dict[str, str]:
        self.calls += 1
        seed = key or str(self.calls)
        return {"reference": wire_key(self.name, "op", seed), "idempotency_key": wire_key(self.name, "key", seed)}

    async def authorize(
        self, amount: str = "50.00 EUR", method: str = "sandbox_approve", *, key: str = "first", **more: Any
    ) -> Outcome:
        outcome = await self.provider.authorize(
            AuthorizeRequest(
                reference=self.reference,
                idempotency_key=wire_key(self.name, "key", key),
                amount=parse_money(amount),
                method=PaymentMethod(method),
                **more,
            )
        )
        self.handle = getattr(outcome, "handle", None) or self.handle
        return outcome

    def _payment(self) -> dict[str, Any]:
        handle = self.handle or Handle(id=self.provider.books.payment(self.reference).id)
        return {"payment_reference": self.reference, "handle": handle}

    async def complete(self, answer: dict[str, str] | None = None, *, key: str | None = None) -> Outcome:
        amount = Money("50.00", "EUR")
        request = CompleteRequest(**self.ids(key), **self._payment(), amount=amount, answer=answer or {})
        return await self.provider.complete(request)

    async def increment(self, total: str, *, key: str | None = None) -> Outcome:
        authorized = parse_money(total)
        request = IncrementRequest(**self.ids(key), **self._payment(), total=parse_money(total), authorized=authorized)
        return await self.provider.increment(request)

    async def capture(self, amount: str, *, final: bool = True, key: str | None = None) -> Outcome:
        request = CaptureRequest(**self.ids(key), **self._payment(), amount=parse_money(amount), final=final)
        return await self.provider.capture(request)

    async def void(self, amount: str = "50.00 EUR", *, key: str | None = None, by_handle: bool = False) -> Outcome:
        handle = self._payment()["handle"] if by_handle else None
        request = VoidRequest(
            **self.ids(key), payment_reference=self.reference, amount=parse_money(amount), handle=handle
        )
        return await self.provider.void(request)

    async def refund(self, amount: str, *, key: str | None = None) -> Outcome:
        request = RefundRequest(**self.ids(key), **self._payment(), amount=parse_money(amount))
        return await self.provider.refund(request)

    async def look_up(self, *, with_handle: bool = False) -> Any:
        handle = self.handle if with_handle else None
        return await self.provider.look_up(LookUpRequest(payment_reference=self.reference, handle=handle))

    async def hear(self, body: bytes, headers: Any, *, at: datetime) -> Any:
        return await self.provider.parse_webhook(WebhookRequest(body=body, headers=headers, received_at=at))

    @property
    def entry(self) -> Any:
        return self.provider.books.payment(self.reference)

    @property
    def totals(self) -> tuple[int, int, int, int, int]:
        """authorized, captured, released, refunded, charged back."""
        entry = self.entry
        return (entry.authorized, entry.captured, entry.released, entry.refunded, entry.charged_back)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def sandbox(clock: StoppedClock) -> Iterator[Callable[..., SandboxProvider]]:
    """Makes sandboxes that are closed at the end."""
    made: list[SandboxProvider] = []

    def make(**options: Any) -> SandboxProvider:
        made.append(SandboxProvider(SandboxSettings(**{"now": clock, **options})))
        return made[-1]

    yield make
    for provider in made:
        provider.books.close()


@pytest.fixture
def at_host(sandbox: Callable[..., SandboxProvider]) -> Callable[..., Host]:
    """Makes a host with a sandbox of its own, or with a given one."""

    def make(provider: SandboxProvider | None = None, *, name: str = "p", **options: Any) -> Host:
        return Host(provider or sandbox(**options), name)

    return make
