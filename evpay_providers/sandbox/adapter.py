"""The sandbox as a provider: a processor with books of its own, without keys, always in test mode."""

import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

import anyio

from evpay.errors import UnsupportedOperation
from evpay.instants import microseconds
from evpay.providers import (
    Absent,
    Account,
    AuthorizeRequest,
    Capabilities,
    CaptureRequest,
    CompleteRequest,
    EffectRequest,
    Failed,
    Funding,
    IncrementRequest,
    LookUpRequest,
    Observation,
    OperationKind,
    Outcome,
    Reason,
    RefundRequest,
    SettlementPage,
    SettlementsRequest,
    Succeeded,
    Unknown,
    VoidRequest,
    WebhookRequest,
    in_thread,
)
from evpay_providers.sandbox import mapping, webhooks
from evpay_providers.sandbox.books import Books, utc_now
from evpay_providers.sandbox.effects import lapse
from evpay_providers.sandbox.levers import Levers, Turn
from evpay_providers.sandbox.methods import METHODS
from evpay_providers.sandbox.settings import SandboxSettings
from evpay_providers.sandbox.storage import Storage
from evpay_providers.sandbox.verbs import CONFIRMED_ONLY, Desk, serve

__all__ = ["SandboxProvider"]

T = TypeVar("T")

_ALWAYS_RESENDABLE: Final = (
    OperationKind.AUTHORIZE,
    OperationKind.COMPLETE,
    OperationKind.CAPTURE,
    OperationKind.VOID,
)
_REFUNDS: Final = frozenset({Funding.HOLD, Funding.DEPOSIT, Funding.ACCOUNT})


def _capabilities(settings: SandboxSettings) -> Capabilities:
    may_grow = settings.funding not in CONFIRMED_ONLY
    window = settings.resend_for
    increment = settings.increment and may_grow
    refund = settings.refund and settings.funding in _REFUNDS
    optional = {OperationKind.INCREMENT: increment, OperationKind.REFUND: refund}
    resendable = (*_ALWAYS_RESENDABLE, *(kind for kind, is_able in optional.items() if is_able))
    return Capabilities(
        funding=settings.funding,
        amounts=settings.amounts,
        increment=increment,
        releases_remainder=settings.releases_remainder and may_grow,
        refund=refund,
        off_session=settings.off_session,
        look_up=settings.look_up,
        absence_proven_after=settings.absence_proven_after if settings.look_up else None,
        resend_for=dict.fromkeys(resendable, window) if window else {},
        settlements=True,
    )


_AT_THE_DOOR: Final = frozenset({Reason.NOT_SENT, Reason.RATE_LIMITED, Reason.INVALID_CREDENTIALS})
"""A processor refuses for these before it looks at the key, so also what it has answered before."""


class SandboxProvider:
    """Pay with magic methods at a processor that exists only here.

    Each call commits its effect to the books before it answers, so a kill in between loses the answer only.
    Levers (`drop_answer`, `decline_next`, `delay`, `hold_answers`) act on this object, not on the books.
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self._settings = settings or SandboxSettings()
        self._account = Account(provider="sandbox", name=self._settings.account, live=False)
        self._capabilities = _capabilities(self._settings)
        self._now = self._settings.now or utc_now
        self._at = self._settings.at or (lambda _: None)
        self._inline = self._settings.is_inline
        self._storage = Storage(self._settings.books)
        self._levers = Levers()

    @property
    def account(self) -> Account:
        """The account, never live."""
        return self._account

    @property
    def capabilities(self) -> Capabilities:
        """What the settings switch on, as far as the funding allows it."""
        return self._capabilities

    async def authorize(self, request: AuthorizeRequest) -> Outcome:
        """See `Provider`. The token is one of the magic methods; any other is `Declined(INVALID_METHOD)`."""
        script = METHODS.get(request.method.token)
        if script is not None and not script.reaches:
            return Failed(reason=Reason.NOT_SENT, code="connect_failed")
        return await self._effect(OperationKind.AUTHORIZE, request)

    async def complete(self, request: CompleteRequest) -> Outcome:
        """See `Provider`. Any answer says only that the driver is back; without one, this reads."""
        outcome = await self._effect(OperationKind.COMPLETE, request)
        is_unsent = isinstance(outcome, Failed) and outcome.reason is Reason.NOT_SENT
        return Unknown(detail="the sandbox could not be reached") if is_unsent else outcome

    async def increment(self, request: IncrementRequest) -> Outcome:
        """See `Provider`."""
        self._require(OperationKind.INCREMENT, self._capabilities.increment)
        return await self._effect(OperationKind.INCREMENT, request)

    async def capture(self, request: CaptureRequest) -> Outcome:
        """See `Provider`. Under DEPOSIT and EXTERNAL nothing is sent: it confirms."""
        if self._settings.funding in CONFIRMED_ONLY:
            return Succeeded(amount=request.amount, id=request.handle.id, handle=request.handle)
        return await self._effect(OperationKind.CAPTURE, request)

    async def void(self, request: VoidRequest) -> Outcome:
        """See `Provider`. For a reference that the books do not have, it closes the door for a late authorization."""
        return await self._effect(OperationKind.VOID, request)

    async def refund(self, request: RefundRequest) -> Outcome:
        """See `Provider`."""
        self._require(OperationKind.REFUND, self._capabilities.refund)
        return await self._effect(OperationKind.REFUND, request)

    async def look_up(self, request: LookUpRequest) -> Observation | Absent | Unknown:
        """See `Provider`. It waits for a running effect, so what it leaves out did not happen."""
        if not self._capabilities.look_up:
            return Unknown(detail="this account has no look-up")
        if self._levers.take_look_up():
            return Unknown(detail="the sandbox lost the look-up")
        try:
            return await self._work(lambda _: self._look_up(request))
        except sqlite3.Error as error:
            return Unknown(detail=f"the books cannot be read: {error}")

    async def parse_webhook(self, request: WebhookRequest) -> tuple[Observation, ...] | Unknown:
        """See `Provider`. The whole payment is told, as it was at `at`."""
        return webhooks.observations(request, self._settings)

    async def settlements(self, request: SettlementsRequest) -> SettlementPage | Unknown:
        """See `Provider`. One page from the books; there are no fees."""
        try:
            return await self._work(lambda _: self._settlements(request))
        except sqlite3.Error as error:
            return Unknown(detail=f"the books cannot be read: {error}")

    async def aclose(self) -> None:
        """Close the file. Books in memory keep what they hold for as long as this object lives."""
        self._levers.release()
        self._storage.close()

    # ---- for tests, demos and simulations ------------------------------------------------------------------------

    @property
    def books(self) -> Books:
        """The processor's own books of this account."""
        return Books(account=self._settings.account, now=self._now, storage=self._storage)

    def attach(self, *, now: Callable[[], datetime] | None = None, at: Callable[[str], None] | None = None) -> None:
        """Run under another clock and with other labels, inline: for simulations."""
        self._now, self._at, self._inline = now or self._now, at or self._at, True

    def webhook(self, reference: str) -> webhooks.SandboxWebhook:
        """Return a signed message `(body, headers)` that tells the payment's present state.

        The same state gives the same event id, as a redelivery does.

        Raises:
            NotFound: if the books have no payment under this reference, of a payment or of an operation.
        """
        now = self._now()
        with self._storage.page(account=self._settings.account, now_us=microseconds(now)) as page:
            named = page.effect_of(reference)
            payment = lapse(page, named[0]) if named else None
            body = (
                None
                if payment is None
                else webhooks.message(
                    mapping.observation(payment, page.effects(payment)), account=self._settings.account
                )
            )
        if body is None:
            self.books.payment(reference)
        return self.sign(body or b"")

    def sign(self, body: bytes) -> webhooks.SandboxWebhook:
        """Return any body, signed and dated now: a redelivery, or a message that no sandbox would send."""
        return webhooks.signed(body, secret=self._settings.webhook_secret.get_secret_value(), at=self._now())

    def drop_answer(self, kind: OperationKind | None = None, *, effect: bool = True, times: int = 1) -> None:
        """Lose the next answers, of a kind or of any; with `effect`, what was asked happens nevertheless."""
        self._levers.plan(Turn(is_lost=True, with_effect=effect), kind=kind, times=times)

    def decline_next(self, reason: Reason, kind: OperationKind | None = None, *, times: int = 1) -> None:
        """Refuse the next calls: `Declined` for a reason of the payer's, else `Failed`."""
        self._levers.refuse(reason, kind=kind, times=times)

    def delay(self, seconds: float, kind: OperationKind | None = None, *, times: int = 1) -> None:
        """Answer the next calls late; their effect is in the books already."""
        self._levers.plan(Turn(delay_s=seconds), kind=kind, times=times)

    def drop_look_up(self, *, times: int = 1) -> None:
        """Let the next look-ups fail."""
        self._levers.lose_look_ups(times)

    def hold_answers(self) -> None:
        """Keep every answer back, after its effect, until `release_answers`."""
        self._levers.hold()

    def release_answers(self) -> None:
        """Let the answers go; safe from any thread."""
        self._levers.release()

    async def until_held(self, count: int) -> None:
        """Return when that many answers are kept back, so that calls have surely met."""
        await self._levers.until_held(count)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _require(self, kind: OperationKind, is_claimed: bool) -> None:  # noqa: FBT001 - the claim itself
        if not is_claimed:
            name = self._account.name
            raise UnsupportedOperation(
                f"The account {name!r} of the sandbox cannot be told to {kind}: it was set up without it "
                f"(SandboxSettings.{kind}, and what {self._settings.funding} allows).",
                account=name,
                verb=kind,
            )

    async def _work(self, work: Callable[[threading.Event], T]) -> T:
        abandoned = threading.Event()
        if self._inline:
            return work(abandoned)
        try:
            return await in_thread(lambda: work(abandoned))
        finally:
            # A cancelled call must not take effect after a look-up has said that it did not.
            abandoned.set()

    async def _effect(self, kind: OperationKind, request: EffectRequest) -> Outcome:
        mapping.parameters(request)
        turn = self._levers.take(kind)
        if turn.refusal is not None and turn.refusal.reason in _AT_THE_DOOR:
            return turn.refusal
        if turn.is_lost and not turn.with_effect:
            return Unknown(detail="the sandbox lost the request")
        outcome = await self._work(lambda abandoned: self._commit(kind, request, turn, abandoned))
        await self._levers.wait()
        delay_s = self._settings.answer_delay_s + turn.delay_s
        if delay_s:
            await anyio.sleep(delay_s)
        return Unknown(detail="the sandbox lost the answer") if turn.is_lost else outcome

    def _commit(self, kind: OperationKind, request: EffectRequest, turn: Turn, abandoned: threading.Event) -> Outcome:
        self._at("sandbox.before_effect")
        is_begun = False
        try:
            with self._storage.page(account=self._settings.account, now_us=microseconds(self._now())) as page:
                is_begun = True
                if abandoned.is_set():
                    return Unknown(detail="cancelled before it was sent")
                outcome = serve(Desk(page=page, settings=self._settings, refusal=turn.refusal), request, kind=kind)
        except sqlite3.Error as error:
            if is_begun:
                return Unknown(detail=f"the books failed: {error}")
            return Failed(reason=Reason.NOT_SENT, code="books_out_of_reach")
        self._at("sandbox.after_effect")
        return outcome

    def _look_up(self, request: LookUpRequest) -> Observation | Absent:
        with self._storage.page(account=self._settings.account, now_us=microseconds(self._now())) as page:
            handle = request.handle
            payment = None if handle is None else page.find(id=handle.id)
            payment = payment or page.find(reference=request.payment_reference)
            if payment is None:
                return Absent()
            current = lapse(page, payment)
            return mapping.observation(current, page.effects(current))

    def _settlements(self, request: SettlementsRequest) -> SettlementPage:
        with self._storage.page(account=self._settings.account, now_us=microseconds(self._now())) as page:
            lines = [
                line
                for payment in page.payments()
                for line in mapping.settlement_lines(payment, page.effects(payment))
                if line.settled_on >= request.since
            ]
        return SettlementPage(lines=tuple(lines))
