"""What all views of one EvPay share: the set-up, and the engine once it is open."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import moneyed
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from evpay.env import Env
from evpay.errors import ConfigurationError, InvalidInput
from evpay.money import Money, checked
from evpay.payments.intent import PaymentIntent, intent_view
from evpay.payments.method import refuse_card_number
from evpay.payments.policy import Policy
from evpay.providers import Provider
from evpay.receipts.model import Seller
from evpay.sessions.model import Identifier, Site

if TYPE_CHECKING:
    from evpay.engine.assembly import Engine
    from evpay.engine.case import Case

__all__ = ["Shared", "View", "amount_of", "extra_of", "identifier", "of_type"]

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
_EXTRA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
T = TypeVar("T", bound=BaseModel)


def shown(value: object, name: str) -> str:
    """Return a refused value as a message may show it: short, and never a card number.

    Raises:
        CardNumberRefused: instead, if that is what it looks like.
    """
    refuse_card_number(str(value)[:200], field=name)
    return f"{value!r:.60}"


def identifier(value: object, name: str) -> str:
    """Return a host's own name for something, or refuse it."""
    try:
        return _IDENTIFIER.validate_python(value, strict=True)
    except ValidationError:
        raise InvalidInput(
            f"{name} is {shown(value, name)}; it has to be text of 1 to 255 characters without control characters.",
            code="malformed_id",
            path=name,
        ) from None


def of_type(value: object, kind: type[T], name: str, example: str) -> T:
    """Return a model of the face, or refuse anything else with an example of what is meant."""
    if not isinstance(value, kind):
        raise InvalidInput(
            f"{name} is {shown(value, name)} ({type(value).__name__}). Give a {kind.__name__}: {example}.",
            code="wrong_type",
            path=name,
        )
    return value


def amount_of(value: object, name: str) -> Money:
    """Return money, also a plain py-moneyed value, as strict money; a bare number is never money."""
    if not isinstance(value, moneyed.Money):
        raise InvalidInput(
            f"{name} is {shown(value, name)} ({type(value).__name__}), which names no currency. Give a Money: "
            'Money("20.00", "EUR").',
            code="wrong_type",
            path=name,
        )
    return checked(value)


def extra_of(value: object) -> Mapping[str, JsonValue]:
    """Return what is handed on to the processor untouched, or refuse what is no JSON object."""
    if value is None:
        return {}
    try:
        extra = _EXTRA.validate_python(value)
    except ValidationError:
        raise InvalidInput(
            'extra is not a JSON object with text as names. Give a dict: extra={"metadata": {"order": "17"}}.',
            code="wrong_type",
            path="extra",
        ) from None
    refuse_card_number(json.dumps(extra), field="extra")
    return extra


class Shared:
    """The set-up, and the engine once it is open: at the first use, and again after a fork."""

    def __init__(
        self,
        *,
        store: str,
        providers: Sequence[Provider],
        policy: Policy,
        sites: Mapping[str, Site],
        sellers: Mapping[str, Seller],
        env: Env,
        worker: bool,
        deadline_s: float,
        lease_s: float,
    ) -> None:
        self.store = store
        self.providers = {provider.account.name: provider for provider in providers}
        self.policy, self.sites, self.sellers, self.env = policy, sites, sellers, env
        self.worker, self.deadline_s, self.lease_s = worker, deadline_s, lease_s
        self.live = _live(providers)
        self.engine: Engine | None = None
        self.keeper: asyncio.Task[None] | None = None
        self._opening: asyncio.Lock | None = None
        self._process = 0

    async def opened(self) -> "Engine":
        """Return the engine, connecting at first use and again after a fork."""
        if self.engine is not None and self._process == os.getpid():
            return self.engine
        if self._opening is None or self._process != os.getpid():
            self._opening = asyncio.Lock()
        async with self._opening:
            if self.engine is None or self._process != os.getpid():
                self.engine = await self._connected()
                self._process = os.getpid()
        return self.engine

    async def _connected(self) -> "Engine":
        # The store brings SQLAlchemy with it, so it is imported when it is opened and not before.
        from evpay.engine.assembly import Engine  # noqa: PLC0415
        from evpay.engine.context import Context  # noqa: PLC0415
        from evpay.store.database import Store  # noqa: PLC0415

        store = Store(self.store, env=self.env)
        await store.open(live=self.live)
        return Engine(
            Context(
                env=self.env,
                store=store,
                providers=self.providers,
                policy=self.policy,
                sites=self.sites,
                sellers=self.sellers,
                worker=self.env.new_id(),
                live=self.live,
                deadline_s=self.deadline_s,
                lease_s=self.lease_s,
            )
        )

    async def aclose(self) -> None:
        """Wait for what runs, then close the store and the providers."""
        engine, self.engine = self.engine, None
        if self.keeper is not None:
            self.keeper.cancel()
            await asyncio.gather(self.keeper, return_exceptions=True)
            self.keeper = None
        if engine is not None:
            await engine.runner.aclose()
            await engine.context.store.aclose()
        for provider in self.providers.values():
            await provider.aclose()


def _live(providers: Sequence[Provider]) -> bool:
    names = [provider.account.name for provider in providers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(
            "two providers have this account name. Give one another.", path=f"providers.{twice[0]}"
        )
    modes = {provider.account.live for provider in providers}
    if len(modes) > 1:
        live = ", ".join(provider.account.name for provider in providers if provider.account.live)
        raise ConfigurationError(
            f"Accounts for live money ({live}) and for test cannot share a store. Open one EvPay for each.",
            path="providers",
        )
    return modes == {True}


@dataclass(frozen=True, slots=True)
class View:
    """One tenant's view, and who acts."""

    shared: Shared
    tenant: str
    actor: str | None

    async def engine(self) -> "Engine":
        """Return the engine, opened if need be."""
        return await self.shared.opened()

    async def case_of(self, session_id: str) -> "Case":
        """Return the case of a session."""
        engine = await self.engine()
        followed = await engine.tracker.follow(self.tenant, identifier(session_id, "session_id"))
        return await engine.meterer.case_of(followed)

    def intent(self, case: "Case") -> PaymentIntent:
        """Return what the face shows of a case."""
        provider = self.shared.providers.get(case.snapshot.payment.account.name)
        can_refund = provider is not None and provider.capabilities.refund
        return intent_view(case.snapshot, can_refund=can_refund, open_review=case.open_review)
