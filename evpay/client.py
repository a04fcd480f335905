"""The face: `EvPay`, what a charging backend holds in its hands."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from pydantic import JsonValue

from evpay._collections import Methods, Payments, Receipts, Sessions
from evpay._shared import Shared, View, amount_of, extra_of, identifier, of_type
from evpay.env import Env, RealEnv
from evpay.errors import ConfigurationError, InvalidInput
from evpay.events import Event
from evpay.ids import wire_key
from evpay.instants import instant
from evpay.money import Money
from evpay.payments.exposure import Exposure
from evpay.payments.intent import PaymentIntent
from evpay.payments.method import PaymentMethod, refuse_card_number
from evpay.payments.outcome import Unknown
from evpay.payments.policy import Policy
from evpay.providers import Provider, SettlementPage
from evpay.receipts.model import Receipt, Seller
from evpay.sessions.model import Connector, Session, SessionStatus, Site
from evpay.sessions.readings import MeterReading
from evpay.tariffs.model import Tariff

if TYPE_CHECKING:
    from evpay.engine.assembly import Engine
    from evpay.engine.case import Case
    from evpay.engine.housekeeping import Recovery
    from evpay.engine.inbox import WebhookReply
    from evpay.settings import Settings

__all__ = ["EvPay", "Methods", "Payments", "Receipts", "Sessions", "Start"]


class Start(NamedTuple):
    """What `start` returns: `session.admission` is the answer for the station, `intent.outcome` says why."""

    session: Session
    intent: PaymentIntent


def _aware(at: datetime | None, env: Env) -> datetime:
    if at is None:
        return instant(env.now_us())
    if at.tzinfo is None:
        raise InvalidInput(
            f"at={at.isoformat()} has no time zone, so it names no instant. Add one: datetime.now(UTC).",
            code="naive_time",
            path="at",
        )
    return at


class EvPay:
    """The money side of a charging backend.

    Open it with a store and providers, then follow sessions: `start`, `record`, `finish`, `refund`. Every call may be
    repeated with the same ids and keys; every call is committed when it returns. `pay.payments` is the level below,
    for hosts that price and watch by themselves.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._shared = view.shared
        self._tenant = view.tenant
        self.payments = Payments(view)
        self.sessions = Sessions(view)
        self.receipts = Receipts(view)
        self.methods = Methods(view)

    @classmethod
    def open(
        cls,
        settings: "str | Settings",
        *,
        providers: Sequence[Provider] = (),
        policy: Policy | None = None,
        sites: Iterable[Site] = (),
        sellers: Iterable[Seller] = (),
        env: Env | None = None,
        worker: bool = True,
    ) -> Self:
        """Check the set-up and return an EvPay; no I/O happens before `async with` or the first call.

        `settings` is a store's URL (`sqlite:///evpay.db`, `postgresql://...`) or `Settings`. Providers are tried in
        the order given. With `worker` (inside `async with`) due work is done in the background; without it, call
        `recover()` or `run()` yourself.

        Raises:
            ConfigurationError: the set-up cannot work; it names the setting.
        """
        from evpay.settings import Settings  # noqa: PLC0415 - loads pydantic-settings late

        loaded = settings if isinstance(settings, Settings) else Settings.model_construct(store=settings)
        accounts = (*providers, *loaded.built_providers())
        if not accounts:
            raise ConfigurationError(
                "There is no provider. Give one: providers=[SandboxProvider()] moves no money and needs no keys.",
                path="providers",
            )
        shared = Shared(
            store=loaded.store,
            providers=accounts,
            policy=loaded.built_policy().merged(policy),
            sites={**loaded.built_sites(), **{site.id: site for site in sites}},
            sellers={**loaded.built_sellers(), **{seller.id: seller for seller in sellers}},
            env=env or RealEnv(),
            worker=worker,
            deadline_s=loaded.call_deadline_s,
            lease_s=loaded.lease_s,
        )
        return cls(View(shared, "default", None))

    async def __aenter__(self) -> Self:
        engine = await self._shared.opened()
        if self._shared.worker and self._shared.keeper is None:
            self._shared.keeper = asyncio.create_task(engine.housekeeper.run(), name="evpay-housekeeping")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Wait for running operations, then close store and providers; may be called twice."""
        await self._shared.aclose()

    def scoped(self, *, tenant: str | None = None, actor: str | None = None) -> Self:
        """Return a cheap view for one tenant; `actor` goes to the record of what is done."""
        named = self._tenant if tenant is None else identifier(tenant, "tenant")
        return type(self)(View(self._shared, named, actor or self._view.actor))

    async def start(
        self,
        session_id: str | None,
        *,
        tariff: Tariff,
        method: PaymentMethod,
        site: Site | str,
        connector: Connector | str | None = None,
        driver: str | None = None,
        return_url: str | None = None,
        limit: Money | None = None,
        save_method: bool = False,
        at: datetime | None = None,
        policy: Policy | None = None,
        extra: Mapping[str, JsonValue] | None = None,
    ) -> Start:
        """Hold money for a session.

        `session.admission` is the answer for the station. `return_url` says that the driver is there and may be sent
        to a confirmation; without it nobody is asked. `limit` is the driver's own. `session_id=None` means the
        connector's open session of this driver, or a new one.
        The same id and content again: the present state, and nothing is sent.

        Raises:
            InvalidInput: a value that cannot be accepted; nothing was sent.
            StoreConflict: the id was used with other content; nothing was sent.
            UnsupportedOperation: no account takes the currency, or none can charge while the driver is away.
        """
        from evpay.engine.orders import StartOrder  # noqa: PLC0415 - it brings the store

        engine = await self._engine()
        place = self._site(site)
        point = Connector(id=connector) if isinstance(connector, str) else connector
        if not isinstance(tariff, Tariff):
            raise InvalidInput(f"tariff is {tariff!r:.60}. Give a Tariff: Tariff.per_kwh(...).", code="wrong_type")
        order = StartOrder(
            tenant=self._tenant,
            session_id=await self._session_id(session_id, driver, place, point),
            tariff=tariff,
            method=of_type(method, PaymentMethod, "method", 'PaymentMethod("pm_card_visa")'),
            site=place,
            connector=point,
            driver=None if driver is None else identifier(driver, "driver"),
            return_url=return_url,
            limit=None if limit is None else amount_of(limit, "limit"),
            save_method=save_method,
            started_at=_aware(at, self._shared.env),
            policy=self._shared.policy.merged(
                place.policy, None if policy is None else of_type(policy, Policy, "policy", 'Policy(hold="50 EUR")')
            ),
            extra=extra_of(extra),
            actor=self._view.actor,
        )
        if await engine.opener.is_new(order) and point is not None:
            await self._make_room(order.session_id, place, point)
        case = await engine.opener.start(order)
        early = await engine.ender.finish_early(self._tenant, order.session_id)
        return await self._start(
            case if not early else await engine.context.case(self._tenant, case.snapshot.intent.id)
        )

    async def complete_action(self, session_id: str, answer: Mapping[str, str]) -> Start:
        """Go on after the driver came back; `answer` is what came with them, a claim that the processor checks."""
        engine = await self._engine()
        case = await self._view.case_of(session_id)
        case = await engine.payer.complete(self._tenant, case.snapshot.intent.id, answer, actor=self._view.actor)
        return await self._start(case)

    async def cancel(self, session_id: str, *, reason: str) -> Session:
        """End a session in which no energy flowed; its hold is let go.

        Raises:
            InvalidTransition: energy was recorded; use `finish`.
        """
        engine = await self._engine()
        return await engine.ender.cancel(
            self._tenant,
            identifier(session_id, "session_id"),
            reason=refuse_card_number(reason, field="reason"),
            actor=self._view.actor,
        )

    async def record(self, session_id: str, reading: MeterReading | Iterable[MeterReading]) -> Exposure:
        """Keep readings, and say what they mean: running cost, hold, continue or stop. On disk when it returns.

        Raises:
            NotFound: the session is not started (yet); the readings are kept and count when it is.
        """
        engine = await self._engine()
        given: object = reading
        several = given if isinstance(given, Iterable) and not isinstance(given, MeterReading) else (given,)
        readings = [
            of_type(found, MeterReading, "reading", "MeterReading(at=..., energy_wh=7400)") for found in several
        ]
        return await engine.meterer.record(self._tenant, identifier(session_id, "session_id"), readings)

    async def exposure(self, session_id: str) -> Exposure:
        """Return how a session stands now."""
        return await (await self._engine()).meterer.exposure(self._tenant, identifier(session_id, "session_id"))

    async def watch(self, session_id: str) -> AsyncIterator[Exposure]:
        """Yield the exposure whenever it changes, and end with the session."""
        last: Exposure | None = None
        while True:
            now = await self.exposure(session_id)
            if now != last:
                yield now
                last = now
            if now.reason in (f"session_{SessionStatus.FINISHED}", f"session_{SessionStatus.CANCELLED}"):
                return
            await self._shared.env.sleep(1.0)

    async def finish(
        self, session_id: str, reading: MeterReading | None = None, *, reason: str | None = None
    ) -> Receipt:
        """Price the session, capture what was used, release the rest, and return the receipt.

        Called again: the same receipt. Without a reading the last known one counts.

        Raises:
            NotFound: the session is not started (yet); the reading is kept.
            InvalidTransition: the session was cancelled.
        """
        engine = await self._engine()
        if reading is not None:
            of_type(reading, MeterReading, "reading", "MeterReading(at=..., energy_wh=21300)")
        return await engine.ender.finish(
            self._tenant,
            identifier(session_id, "session_id"),
            reading,
            reason=None if reason is None else refuse_card_number(reason, field="reason"),
            actor=self._view.actor,
        )

    async def refund(
        self, receipt: str, amount: Money | None = None, *, reason: str, key: str | None = None
    ) -> Receipt:
        """Give money back for a receipt, all of it or an amount, and return the credit note.

        `key` tells one refund from another; without it, receipt, amount and reason do.

        Raises:
            NotFound: no such receipt.
            InvalidTransition: more than was captured, or the capture is not confirmed yet.
        """
        engine = await self._engine()
        return await engine.refunder.refund_receipt(
            self._tenant,
            identifier(receipt, "receipt"),
            None if amount is None else amount_of(amount, "amount"),
            reason=refuse_card_number(reason, field="reason"),
            key=key,
            actor=self._view.actor,
        )

    async def webhook(
        self, account: str, *, body: bytes, headers: Mapping[str, str], url: str | None = None
    ) -> "WebhookReply":
        """Take a processor's message: proven, kept, answered; applied afterwards.

        Raises:
            WebhookRejected: forged, stale or too big; answer with its `status`.
        """
        return await (await self._engine()).inbox.take(account, body=body, headers=headers, url=url)

    async def events(self, consumer: str, *, wait: bool = True) -> AsyncIterator[Event]:
        """Yield what happened, at least once and in order per session; asking for the next one acknowledges.

        `wait=False` ends when there is nothing more (for cron).
        """
        engine = await self._engine()
        async for event in engine.outbox.events(self._tenant, identifier(consumer, "consumer"), wait=wait):
            yield event

    async def settlements(self, account: str, *, since: date, cursor: str | None = None) -> SettlementPage | Unknown:
        """Return one page of what a processor has settled since a day; keep its `cursor` and ask on with it.

        Line ids are stable, so reading a page twice does no harm. `Unknown`: it could not be read now.

        Raises:
            ConfigurationError: there is no such account.
            UnsupportedOperation: the account tells no settlement lines.
        """
        from evpay.engine.settling import settlement_page  # noqa: PLC0415 - it brings the store

        engine = await self._engine()
        return await settlement_page(engine.context, account, since=since, cursor=cursor)

    async def recover(self) -> "Recovery":
        """Do one pass over what is due: lost answers, deadlines, parked messages."""
        engine = await self._engine()
        done = await engine.housekeeper.recover()
        await engine.runner.settled()
        return done

    async def run(self) -> None:
        """Do such passes for ever; inside `async with` this happens by itself."""
        await (await self._engine()).housekeeper.run()

    async def _engine(self) -> "Engine":
        return await self._view.engine()

    def _site(self, site: Site | str) -> Site:
        if isinstance(site, Site):
            return self._checked_site(site)
        try:
            return self._checked_site(self._shared.sites[site])
        except (KeyError, TypeError):
            known = ", ".join(sorted(self._shared.sites)) or "none"
            raise InvalidInput(
                f"There is no site {site!r:.60} (configured: {known}). Give a Site, or add it to sites.",
                code="unknown_site",
                path="site",
            ) from None

    def _checked_site(self, site: Site) -> Site:
        if site.seller is not None and site.seller not in self._shared.sellers:
            known = ", ".join(sorted(self._shared.sellers)) or "none"
            raise InvalidInput(
                f"Site {site.id!r} names the seller {site.seller!r}, who is not configured (configured: {known}). "
                "Receipts would go out in nobody's name: add the seller.",
                code="unknown_seller",
                path="site.seller",
            )
        return site

    async def _session_id(
        self, session_id: str | None, driver: str | None, site: Site, connector: Connector | None
    ) -> str:
        if session_id is not None:
            return identifier(session_id, "session_id")
        if connector is None or driver is None:
            raise InvalidInput(
                "session_id=None needs a connector and a driver, which then name the session.", code="session_unnamed"
            )
        engine = await self._engine()
        found = await engine.ender.open_session(self._tenant, site=site.id, connector=connector.id, not_id="")
        if found is not None and found.driver == driver and found.denial is None:
            return found.id
        # Derived from what was there before, so that two calls at once name the same new session.
        before = await engine.ender.latest_session(self._tenant, site=site.id, connector=connector.id)
        return wire_key("session", self._tenant, site.id, connector.id, driver, before or "")

    async def _make_room(self, session_id: str, site: Site, connector: Connector) -> None:
        """End the session that is still open at the connector: a new one means that it is over."""
        engine = await self._engine()
        older = await engine.ender.open_session(self._tenant, site=site.id, connector=connector.id, not_id=session_id)
        if older is None:
            return
        await engine.ender.take_over(self._tenant, older.id)

    async def _start(self, case: "Case") -> Start:
        engine = await self._engine()
        return Start(session=await engine.opener.view(case), intent=self._view.intent(case))
