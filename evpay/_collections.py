"""The collections of the face: `pay.payments`, `pay.sessions`, `pay.receipts`, `pay.methods`."""

from collections.abc import AsyncIterator, Mapping

from pydantic import JsonValue

from evpay._shared import View, amount_of, extra_of, identifier, of_type
from evpay.errors import NotFound
from evpay.money import Money
from evpay.payments.intent import PaymentIntent
from evpay.payments.method import PaymentMethod, SavedMethod, refuse_card_number
from evpay.payments.outcome import Outcome
from evpay.receipts.model import Receipt
from evpay.receipts.render import render
from evpay.sessions.model import Session
from evpay.sessions.readings import MeterReading

__all__ = ["Methods", "Payments", "Receipts", "Sessions"]


class Payments:
    """The payment level, `pay.payments`: every verb returns the newest `PaymentIntent`."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def authorize(
        self,
        amount: Money,
        *,
        method: PaymentMethod,
        key: str,
        return_url: str | None = None,
        via: str | None = None,
        descriptor: str | None = None,
        save_method: bool = False,
        extra: Mapping[str, JsonValue] | None = None,
    ) -> PaymentIntent:
        """Hold an amount under the caller's key; `via` names the account, else they are tried in order.

        Raises:
            StoreConflict: the key was used with another amount or method; nothing was sent.
        """
        from evpay.engine.orders import AuthorizeOrder  # noqa: PLC0415 - it brings the store

        engine = await self._view.engine()
        order = AuthorizeOrder(
            tenant=self._view.tenant,
            key=f"key:{identifier(key, 'key')}",
            amount=amount_of(amount, "amount"),
            method=of_type(method, PaymentMethod, "method", 'PaymentMethod("pm_card_visa")'),
            return_url=return_url,
            via=via,
            descriptor=None if descriptor is None else refuse_card_number(descriptor, field="descriptor"),
            save_method=save_method,
            extra=extra_of(extra),
            actor=self._view.actor,
        )
        return self._view.intent(await engine.opener.authorize(order))

    async def complete_action(self, intent_id: str, answer: Mapping[str, str]) -> PaymentIntent:
        """Go on after the driver came back."""
        engine = await self._view.engine()
        case = await engine.payer.complete(self._view.tenant, intent_id, answer, actor=self._view.actor)
        return self._view.intent(case)

    async def increment(self, intent_id: str, *, to: Money) -> PaymentIntent:
        """Raise the hold to a new total; declined or unknown means not granted, and the old hold stands."""
        engine = await self._view.engine()
        total = amount_of(to, "to")
        case = await engine.payer.increment(self._view.tenant, intent_id, to=total, actor=self._view.actor)
        return self._view.intent(case)

    async def capture(
        self, intent_id: str, amount: Money | None = None, *, final: bool = True, key: str | None = None
    ) -> PaymentIntent:
        """Take an amount, or all that is held; with `final` the rest is released."""
        engine = await self._view.engine()
        wanted = None if amount is None else amount_of(amount, "amount")
        case = await engine.payer.capture(
            self._view.tenant, intent_id, wanted, final=final, key=key, actor=self._view.actor
        )
        return self._view.intent(case)

    async def void(self, intent_id: str) -> PaymentIntent:
        """Let everything go that is not captured."""
        engine = await self._view.engine()
        return self._view.intent(await engine.payer.void(self._view.tenant, intent_id, actor=self._view.actor))

    async def refund(
        self, intent_id: str, amount: Money | None = None, *, reason: str, key: str | None = None
    ) -> PaymentIntent:
        """Give captured money back, all of it or an amount."""
        engine = await self._view.engine()
        case, _ = await engine.refunder.refund(
            self._view.tenant,
            intent_id,
            None if amount is None else amount_of(amount, "amount"),
            reason=refuse_card_number(reason, field="reason"),
            key=key,
            actor=self._view.actor,
        )
        return self._view.intent(case)

    async def resolve(
        self,
        intent_id: str,
        *,
        outcome: Outcome | None = None,
        operation: str | None = None,
        reason: str,
        evidence: str,
    ) -> PaymentIntent:
        """Say what became of an unknown operation, on evidence that a person has seen.

        `operation` names one, where several are unknown or one only waits. Without an outcome: a person has looked at
        what they were asked to look at, and the intent is no longer `unresolved` because of it.

        Raises:
            InvalidTransition: nothing is unknown, several are, or the outcome contradicts what was asked.
        """
        engine = await self._view.engine()
        case = await engine.payer.resolve(
            self._view.tenant,
            intent_id,
            outcome=outcome,
            operation=operation,
            reason=refuse_card_number(reason, field="reason"),
            evidence=refuse_card_number(evidence, field="evidence"),
            actor=self._view.actor,
        )
        return self._view.intent(case)

    async def get(self, intent_id: str, *, refresh: bool = False) -> PaymentIntent:
        """Return an intent by its id, or by the session's id or the key it was made with; `refresh` asks the processor.

        Raises:
            NotFound: no such intent.
        """
        engine = await self._view.engine()
        case = await engine.payer.find(self._view.tenant, intent_id)
        if refresh:
            case = await engine.payer.refresh(case)
        return self._view.intent(case)

    async def list(
        self, *, open_hold: bool | None = None, unresolved: bool | None = None
    ) -> AsyncIterator[PaymentIntent]:
        """Yield intents, newest first; `open_hold` and `unresolved` narrow them down."""
        engine = await self._view.engine()
        for intent_id in await engine.payer.intent_ids(self._view.tenant, open_hold=open_hold):
            intent = self._view.intent(await engine.context.case(self._view.tenant, intent_id))
            if unresolved is None or intent.unresolved is unresolved:
                yield intent


class Sessions:
    """`pay.sessions`: what happened at the connectors."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def get(self, session_id: str) -> Session:
        """Return a session.

        Raises:
            NotFound: no such session.
        """
        engine = await self._view.engine()
        return await engine.opener.view(await self._view.case_of(session_id))

    async def readings(self, session_id: str) -> tuple[MeterReading, ...]:
        """Return every reading that was kept of a session, oldest first."""
        engine = await self._view.engine()
        followed = await engine.tracker.follow(self._view.tenant, identifier(session_id, "session_id"))
        return tuple(sorted(followed.readings, key=lambda reading: reading.at))


class Receipts:
    """`pay.receipts`: receipts and credit notes."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def get(self, number: str) -> Receipt:
        """Return a receipt or credit note by its number.

        Raises:
            NotFound: no such receipt.
        """
        engine = await self._view.engine()
        found = await engine.ender.find_receipt(self._view.tenant, identifier(number, "number"))
        if found is None:
            raise NotFound("receipt", number)
        return found

    async def list(self, *, session_id: str | None = None) -> AsyncIterator[Receipt]:
        """Yield receipts and credit notes, oldest first."""
        engine = await self._view.engine()
        for receipt in await engine.ender.list_receipts(self._view.tenant, session_id=session_id):
            yield receipt

    async def render(self, number: str, format: str = "text", *, locale: str = "en") -> bytes:  # noqa: A002 - the word
        """Return a receipt as `text`, `html` or `json`; the same receipt gives the same bytes."""
        return render(await self.get(number), format, locale=locale)


class Methods:
    """`pay.methods`: what drivers let us keep with `save_method=True`."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def list(self, driver: str) -> AsyncIterator[SavedMethod]:
        """Yield a driver's saved methods, oldest first."""
        engine = await self._view.engine()
        for saved in await engine.keeper.list(self._view.tenant, identifier(driver, "driver")):
            yield saved

    async def forget(self, driver: str, method_id: str) -> None:
        """Keep a method no longer. The processor keeps its own copy, which is removed there.

        Raises:
            NotFound: the driver has no such method.
        """
        engine = await self._view.engine()
        await engine.keeper.forget(self._view.tenant, identifier(driver, "driver"), method_id)
