"""The contract between the engine and an adapter for one account at one processor.

The engine decides; an adapter translates. It knows no session, tariff, store, retry, clock or other provider.
The promises that an implementer keeps:

- One call, at most one effect. A method sends at most one request that changes state.
- Our `reference` and the idempotency key go out with every effect, the same for every resend; no retries inside.
- An answer is an `Outcome` whose type is its certainty. Only a failure to connect is `Failed(NOT_SENT)`; whatever
  is not proven (read errors, time-outs, any 5xx, an unreadable body, an unlisted status, "already captured") is
  `Unknown`.
- Amounts come from the processor: `Succeeded.amount` is what was confirmed.
- Only an `EvpayError` is raised, and only before the first byte leaves. Cancellation passes through.
"""

from typing import Protocol, runtime_checkable

from evpay.payments.account import Account, Capabilities
from evpay.payments.outcome import Absent, Observation, Outcome, Unknown
from evpay.providers.requests import (
    AuthorizeRequest,
    CaptureRequest,
    CompleteRequest,
    IncrementRequest,
    LookUpRequest,
    RefundRequest,
    SettlementPage,
    SettlementsRequest,
    VoidRequest,
    WebhookRequest,
)

__all__ = ["Provider"]


@runtime_checkable
class Provider(Protocol):
    """One account at one processor. The constructor does no I/O and binds no event loop."""

    @property
    def account(self) -> Account:
        """Which account this is; the same for the adapter's life."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this account can be told; the same for the adapter's life."""
        ...

    async def authorize(self, request: AuthorizeRequest) -> Outcome:
        """Secure up to `amount`. `Succeeded` carries a handle and a hold."""
        ...

    async def complete(self, request: CompleteRequest) -> Outcome:
        """Take a waiting authorization as far as it goes; a lost or unsent leg is `Unknown`."""
        ...

    async def increment(self, request: IncrementRequest) -> Outcome:
        """Raise the hold to a new total; `Succeeded.amount` is the whole total. Declined: the old hold stands."""
        ...

    async def capture(self, request: CaptureRequest) -> Outcome:
        """Take `amount`; with `final` ask for the release of the rest in the same request where that can be."""
        ...

    async def void(self, request: VoidRequest) -> Outcome:
        """Give back everything not captured; `Succeeded.amount` is what was released, zero if nothing was held."""
        ...

    async def refund(self, request: RefundRequest) -> Outcome:
        """Give back captured money, to where it came from."""
        ...

    async def look_up(self, request: LookUpRequest) -> Observation | Absent | Unknown:
        """Show the whole payment, without effect: a report under our reference for each effect that can be told."""
        ...

    async def parse_webhook(self, request: WebhookRequest) -> tuple[Observation, ...] | Unknown:
        """Prove, then read. Raises `WebhookRejected` for what is not proven; `()` for event types not known."""
        ...

    async def settlements(self, request: SettlementsRequest) -> SettlementPage | Unknown:
        """Return one page of settlement lines, whose ids are stable."""
        ...

    async def aclose(self) -> None:
        """Close what the adapter opened; may be called twice."""
        ...
