"""One check under way: a fresh adapter behind a healthy proxy, and the words that checks are written in."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any, Final, TypeVar

import anyio
from pydantic import TypeAdapter

from evpay.errors import EvpayError
from evpay.money import Money, exponent_of, from_minor, to_minor
from evpay.payments.account import AmountRule, Capabilities, Funding
from evpay.payments.operation import OperationKind
from evpay.providers import (
    Absent,
    ActionRequired,
    AuthorizeRequest,
    CaptureRequest,
    Declined,
    EffectRequest,
    Failed,
    Handle,
    LookUpRequest,
    Observation,
    Outcome,
    PaymentMethod,
    Pending,
    Provider,
    Succeeded,
    Unknown,
)
from evpay.testing.conformance.check import BrokenPromise, Check, NotTried
from evpay.testing.conformance.orders import RETURN_URL, Paid, new_name, send
from evpay.testing.conformance.proxy import FaultProxy
from evpay.testing.conformance.rig import Held, Rig, Token
from evpay.testing.conformance.wire import Exchange, Fault

__all__ = ["Trial"]

T = TypeVar("T")
_HANDLE: Final = TypeAdapter(Handle)
_SENDS_NOTHING: Final[Mapping[Funding, frozenset[OperationKind]]] = {
    Funding.HOLD: frozenset(),
    Funding.ACCOUNT: frozenset(),
    Funding.DEPOSIT: frozenset({OperationKind.CAPTURE}),
    Funding.EXTERNAL: frozenset({OperationKind.AUTHORIZE, OperationKind.CAPTURE}),
    Funding.FREE: frozenset(OperationKind),
}
_USUAL_MAJOR: Final = 20
_POLL_S: Final = 0.1


class Trial:
    """What a check is given. It closes every adapter that it made when the check ends."""

    def __init__(self, check: Check, rig: Rig, proxy: FaultProxy | None) -> None:
        self.check = check
        self.rig = rig
        self._proxy = proxy
        self._made: list[Provider] = []

    # ---- the adapter, and what it claims

    def fresh(self, base_url: str | None = None) -> Provider:
        """Make another adapter of the same account."""
        address = base_url if base_url is not None else (self._proxy.url if self._proxy else "")
        self._made.append(self.rig.provider(address))
        return self._made[-1]

    @cached_property
    def provider(self) -> Provider:
        """The adapter under trial."""
        return self.fresh()

    @cached_property
    def capabilities(self) -> Capabilities:
        """What it claims."""
        return self.provider.capabilities

    async def close(self) -> None:
        """Close every adapter that was made."""
        for provider in self._made:
            await provider.aclose()

    def claims(self, name: str) -> bool:
        """Say whether a field of `Capabilities` claims something."""
        value = getattr(self.capabilities, name)
        return bool(value) or value == timedelta(0)

    @property
    def proxy(self) -> FaultProxy:
        """The proxy; a check that uses it is marked `needs_wire`."""
        if self._proxy is None:
            raise NotTried("a wire: this rig's provider does not speak HTTP (Rig.wire)")
        return self._proxy

    @property
    def has_wire(self) -> bool:
        """Whether requests can be seen and broken."""
        return self._proxy is not None

    def need(self, thing: T | None, name: str, *, claim: str | None = None) -> T:
        """Return what the rig gives, or end the check; that is a failure where `claim` is claimed."""
        if thing is None:
            raise NotTried(name, claimed=claim is not None and self.claims(claim))
        return thing

    def need_method(self, method: Token | None, name: str, *, claim: str | None = None) -> Token:
        """Return a method that the rig gives, or end the check as `need` does."""
        if method is None:
            self.need(method, f"Methods.{name}", claim=claim)
        return method or ""

    def kinds(self) -> list[OperationKind]:
        """Return the kinds of effect that this account can be told."""
        able = {OperationKind.INCREMENT: self.capabilities.increment, OperationKind.REFUND: self.capabilities.refund}
        usual = (
            OperationKind.AUTHORIZE,
            OperationKind.INCREMENT,
            OperationKind.CAPTURE,
            OperationKind.VOID,
            OperationKind.REFUND,
        )
        return [kind for kind in usual if able.get(kind, True)]

    def sending_kinds(self) -> list[OperationKind]:
        """Return those of them that send something."""
        said = self.rig.wire.silent if self.rig.wire else None
        silent = _SENDS_NOTHING[self.capabilities.funding] if said is None else said
        return [kind for kind in self.kinds() if kind not in silent]

    # ---- verdicts

    def broken(self, expected: str, came: object) -> BrokenPromise:
        """Return what a check raises."""
        return BrokenPromise(expected=expected, came=came if isinstance(came, str) else self.told(came))

    def told(self, thing: object) -> str:
        """Return something as a message may show it: short, and without the rig's secrets."""
        text = repr(thing)
        for secret in self.rig.secrets:
            text = text.replace(secret, "…")
        return text if len(text) <= 400 else text[:400] + "…"

    def expect(self, condition: bool, expected: str, came: object) -> None:  # noqa: FBT001 - the thing expected
        """Raise unless it is so."""
        if not condition:
            raise self.broken(expected, came)

    def expect_type(self, outcome: object, kind: type[T], when: str) -> T:
        """Return the outcome if it is of that type."""
        if isinstance(outcome, kind):
            return outcome
        raise self.broken(f"{kind.__name__} {when}", outcome)

    def expect_any(self, outcome: object, kinds: tuple[type, ...], when: str) -> None:
        """Raise unless the outcome is of one of the types."""
        self.expect(isinstance(outcome, kinds), f"{' or '.join(kind.__name__ for kind in kinds)} {when}", outcome)

    def accepted(self, outcome: object, when: str) -> Succeeded | Pending:
        """Return the outcome if it took effect, or was accepted."""
        if isinstance(outcome, Succeeded | Pending):
            return outcome
        raise self.broken(f"Succeeded or Pending {when}", outcome)

    def refused(self, outcome: object, when: str) -> Declined | Failed:
        """Return the outcome if it is a refusal."""
        if isinstance(outcome, Declined | Failed):
            return outcome
        raise self.broken(f"Declined or Failed {when}", outcome)

    # ---- money

    @cached_property
    def currency(self) -> str:
        """The usual currency of this trial: the first of the rig's that the account takes."""
        taken = [code for code in self.rig.currencies if self.capabilities.rule_for(code)]
        if not taken:
            raise NotTried(
                f"a currency that the account takes (Rig.currencies has {self.rig.currencies})", claimed=True
            )
        return taken[0]

    def rule(self, currency: str) -> AmountRule:
        """Return the account's rule for a currency."""
        return self.capabilities.rule_for(currency) or AmountRule()

    def amount(self, percent: int = 100, *, currency: str | None = None) -> Money:
        """Return a share of the usual amount, which is at least four times the smallest that is taken."""
        code = currency or self.currency
        rule = self.rule(code)
        whole = max(_USUAL_MAJOR * 10 ** exponent_of(code), 4 * rule.minimum_minor)
        part = 20 * rule.step_minor
        return from_minor(-(-whole // part) * part * percent // 100, code)

    # ---- payments

    def order(self, method: Token | None = None, amount: Money | None = None, **fields: Any) -> AuthorizeRequest:
        """Return an authorization with the driver present."""
        token = method or self.rig.methods.approve
        named = {"reference": new_name(), "idempotency_key": new_name(), "return_url": RETURN_URL}
        return AuthorizeRequest(
            **{
                **named,
                "amount": amount or self.amount(),
                "method": PaymentMethod(token) if isinstance(token, str) else token,
                **fields,
            }
        )

    async def paid(
        self, method: Token | None = None, amount: Money | None = None, *, by: Provider | None = None, **fields: Any
    ) -> Paid:
        """Authorize, and expect that it succeeds."""
        request = self.order(method, amount, **fields)
        outcome = await (by or self.provider).authorize(request)
        done = self.expect_type(outcome, Succeeded, "for the method that the rig says is approved (Methods.approve)")
        if done.handle is None:
            raise self.broken("a handle with a succeeded authorization", outcome)
        return Paid(request=request, outcome=outcome, handle=done.handle, amount=done.amount)

    async def captured(
        self, percent: int = 100, *, paid: Paid | None = None, by: Provider | None = None
    ) -> tuple[Paid, CaptureRequest, Succeeded | Pending]:
        """Authorize and capture a share of it, finally."""
        paid = paid or await self.paid(by=by)
        share = from_minor(to_minor(paid.amount) * percent // 100, paid.amount.currency.code)
        request = paid.capture(share)
        outcome = await (by or self.provider).capture(request)
        accepted = self.accepted(outcome, f"for a capture of {share}")
        if self.rig.settle is not None:
            self.rig.settle()
        handle = accepted.handle or paid.handle
        return replace(paid, handle=handle), request, accepted

    async def waiting(self) -> tuple[Paid, ActionRequired]:
        """Authorize with the method that needs the driver."""
        method = self.need_method(self.rig.methods.driver, "driver, a method that needs the driver")
        request = self.order(method)
        outcome = await self.provider.authorize(request)
        asked = self.expect_type(outcome, ActionRequired, "for the method that needs the driver")
        if asked.handle is None:
            raise self.broken("a handle with ActionRequired, so that it can be completed and voided", outcome)
        return Paid(request=request, outcome=outcome, handle=asked.handle, amount=request.amount), asked

    async def prepared(self, kind: OperationKind) -> EffectRequest:
        """Return the request for one effect that would succeed now; what must come before it is done."""
        match kind:
            case OperationKind.AUTHORIZE:
                return self.order()
            case OperationKind.INCREMENT:
                return (await self.paid()).increment(self.amount(150))
            case OperationKind.CAPTURE:
                return (await self.paid()).capture(self.amount(50))
            case OperationKind.VOID:
                return (await self.paid()).void()
            case OperationKind.REFUND:
                paid, _, done = await self.captured()
                return paid.refund(self.amount(50), capture_id=done.id)
            case OperationKind.COMPLETE:
                paid, asked = await self.waiting()
                passes = self.need(self.rig.methods.driver_passes, "Methods.driver_passes, the driver's part")
                return paid.complete(passes(paid.reference, asked))
            case OperationKind.CHARGEBACK:
                raise ValueError("a chargeback is nobody's request")

    async def send(self, request: EffectRequest, *, by: Provider | None = None) -> Outcome:
        """Send a request."""
        return await send(by or self.provider, request)

    async def look_up(self, request: LookUpRequest) -> Observation | Absent | Unknown:
        """Ask; by reference alone, wait as long as the rig says that seeing may take."""
        found = await self.provider.look_up(request)
        patience_s = self.rig.lag.total_seconds() if request.handle is None else 0
        while patience_s > 0 and not isinstance(found, Observation):
            await anyio.sleep(_POLL_S)
            patience_s -= _POLL_S
            found = await self.provider.look_up(request)
        return found

    # ---- what the gateway says

    def held(self, reference: str) -> Held | None:
        """Return what the gateway holds of a payment, None if it knows none under this reference."""
        books = self.need(self.rig.books, "Rig.books, to ask the gateway what it holds")
        found = [entry for entry in books() if entry.reference == reference]
        if len(found) > 1:
            raise self.broken("one payment under one reference", f"{len(found)} of them in the gateway's books")
        return found[0] if found else None

    def expect_held(self, paid: Paid, when: str, **amounts: Money | int) -> None:
        """Expect the gateway's own totals of a payment; nothing, where it cannot be asked."""
        if self.rig.books is None:
            return
        held = self.held(paid.reference)
        for name, value in amounts.items():
            wanted = value if isinstance(value, int) else to_minor(value)
            found = None if held is None else getattr(held, name)
            self.expect(
                found == wanted, f"{name} {wanted} (minor units) in the gateway's books {when}", f"{name} {found}"
            )

    # ---- the wire

    def is_effect(self, exchange: Exchange) -> bool:
        """Say whether a request changes something at the gateway."""
        return self.rig.wire is not None and not self.rig.wire.is_read(exchange)

    @contextmanager
    def watched(self) -> Iterator[Callable[[], list[Exchange]]]:
        """Give a function that returns what has been sent since."""
        mark = self.proxy.mark
        yield lambda: self.proxy.journal(mark)

    @asynccontextmanager
    async def broken_by(self, fault: Fault, *, reads: bool = False) -> AsyncIterator[Callable[[], list[Exchange]]]:
        """Break every request with an effect (or, with `reads`, every request) for as long as this lasts."""
        if reads:
            self.proxy.plan(fault, times=0)
        else:
            self.proxy.plan(fault, times=0, matching=self.is_effect)
        try:
            with self.watched() as sent:
                yield sent
        finally:
            self.proxy.heal()

    def effects(self, exchanges: Iterable[Exchange]) -> list[Exchange]:
        """Return the requests that change something."""
        return [exchange for exchange in exchanges if self.is_effect(exchange)]

    async def expect_refused(self, call: Awaitable[object], expected: str, *, error: type[EvpayError]) -> EvpayError:
        """Expect that a call raises, before anything is sent that changes something."""
        mark = self.proxy.mark if self.has_wire else 0
        try:
            came: object = await call
        except error as refused:
            sent = self.effects(self.proxy.journal(mark)) if self.has_wire else []
            self.expect(not sent, f"{expected}, before anything is sent", f"{error.__name__} after {sent}")
            return refused
        raise self.broken(expected, came)

    def again(self, handle: Handle) -> Handle:
        """Return a handle as the store gives it back: through JSON."""
        return _HANDLE.validate_json(_HANDLE.dump_json(handle))
