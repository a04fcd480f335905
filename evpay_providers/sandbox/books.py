"""The processor's own books: read them for an audit, or let the processor act by itself.

`Books(path)` opens the file that a `SandboxSettings(books=path)` names, in this process or another one.
Amounts are in ISO 4217 minor units. What the processor does here is told to evpay by nobody but its webhooks and
look-ups: see `SandboxProvider.webhook`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from evpay.errors import InvalidInput, NotFound
from evpay.instants import instant, microseconds
from evpay.providers import Funding, OperationKind, Reason
from evpay_providers.sandbox.effects import lapse, new_effect, refuse_effect, settle_effect
from evpay_providers.sandbox.methods import refusal_for
from evpay_providers.sandbox.storage import Effect, Page, Payment, Storage
from evpay_providers.sandbox.verbs import CONFIRMED_ONLY

__all__ = ["BookEffect", "BookEntry", "Books", "utc_now"]


def utc_now() -> datetime:
    """Return the real time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEffect:
    """One effect: `amount` is what moved (0 if it did not), `reference` is ours, None for the processor's own."""

    kind: OperationKind
    reference: str | None
    amount: int
    at: datetime
    id: str
    state: str
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEntry:
    """One payment as the processor sees it, in minor units; `method` is the masked token.

    `standing` is one of waiting, pending, open, closed, refused, voided, expired.
    Under DEPOSIT and EXTERNAL nothing is captured at the processor: `captured` is then what was not paid back.
    """

    account: str
    reference: str
    id: str
    currency: str
    funding: Funding
    standing: str
    authorized: int
    captured: int
    released: int
    refunded: int
    charged_back: int
    method: str
    expires: datetime | None
    effects: tuple[BookEffect, ...]


def _entry(page: Page, payment: Payment) -> BookEntry:
    funding = Funding(payment.terms.funding)
    kept = payment.authorized - payment.released
    return BookEntry(
        account=payment.account,
        reference=payment.reference,
        id=payment.id,
        currency=payment.currency,
        funding=funding,
        standing=payment.standing,
        authorized=payment.authorized,
        captured=kept if funding in CONFIRMED_ONLY else payment.captured,
        released=payment.released,
        refunded=payment.refunded,
        charged_back=payment.charged_back,
        method=payment.method,
        expires=None if payment.expires_us is None else instant(payment.expires_us),
        effects=tuple(_effect(effect) for effect in page.effects(payment)),
    )


def _effect(effect: Effect) -> BookEffect:
    return BookEffect(
        kind=OperationKind(effect.kind),
        reference=effect.reference,
        amount=effect.amount,
        at=instant(effect.at_us),
        id=effect.id,
        state=effect.state,
        asked=effect.asked,
    )


def _limited(amount: int | None, most: int, *, what: str) -> int:
    taken = most if amount is None else amount
    if not 0 < taken <= most:
        raise InvalidInput(f"{taken} cannot be {what}: the books have {most}.", code="above_books")
    return taken


class Books:
    """The books of one processor, as a file that several processes may use at once. A context manager."""

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        account: str | None = None,
        now: Callable[[], datetime] = utc_now,
        storage: Storage | None = None,
    ) -> None:
        self._storage = storage or Storage(None if path is None else Path(path))
        self._account = account
        self._now = now

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; using it again opens it again."""
        self._storage.close()

    @contextmanager
    def _page(self) -> Iterator[Page]:
        with self._storage.page(account=self._account, now_us=microseconds(self._now())) as page:
            yield page

    def _payment(self, page: Page, reference: str) -> Payment:
        payment = page.find(reference=reference)
        if payment is None:
            raise NotFound("payment in the sandbox's books", reference)
        return payment

    def payments(self) -> list[BookEntry]:
        """Return every payment, oldest first; holds whose time is over are released first, as they should be."""
        with self._page() as page:
            return [_entry(page, lapse(page, payment)) for payment in page.payments()]

    def payment(self, reference: str) -> BookEntry:
        """Return the payment of our AUTHORIZE's reference.

        Raises:
            NotFound: if the books have none.
        """
        with self._page() as page:
            return _entry(page, lapse(page, self._payment(page, reference)))

    def expire(self, reference: str) -> BookEntry:
        """Let the hold, or the wait for the driver, end now."""
        with self._page() as page:
            payment = replace(self._payment(page, reference), expires_us=page.now_us)
            return _entry(page, lapse(page, page.save(payment)))

    def settle_pending(self, reference: str, *, amount: int | None = None, reason: Reason | None = None) -> BookEntry:
        """Settle what is pending under the reference of a payment or of one operation.

        `amount` is what comes of it, if not what was asked; `reason` refuses it instead.

        Raises:
            NotFound: if nothing is pending there.
        """
        with self._page() as page:
            payment, effect = self._pending(page, reference)
            if reason is None:
                settle_effect(page, payment, effect, amount=amount)
            else:
                refuse_effect(page, payment, effect, refusal_for(reason))
            return self._after(page, payment)

    def _pending(self, page: Page, reference: str) -> tuple[Payment, Effect]:
        payment = page.find(reference=reference)
        named = page.effect_of(reference) if payment is None else None
        if named is not None:
            payment = named[0]
        effects = () if payment is None else page.effects(payment)
        for effect in effects:
            if payment and effect.state == "pending" and (named is None or effect.reference == reference):
                return payment, effect
        raise NotFound("pending effect in the sandbox's books", reference)

    def _after(self, page: Page, payment: Payment) -> BookEntry:
        return _entry(page, page.find(id=payment.id) or payment)

    def driver_acts(self, reference: str, *, reason: Reason | None = None) -> BookEntry:
        """Let the driver approve a waiting payment at the processor, or refuse it for a reason."""
        with self._page() as page:
            payment = lapse(page, self._payment(page, reference))
            if payment.standing != "waiting":
                raise InvalidInput(f"{reference!r} does not wait for a driver: it is {payment.standing}.")
            effect = page.effects(payment)[0]
            if reason is None:
                settle_effect(page, payment, effect)
            else:
                refuse_effect(page, payment, effect, refusal_for(reason))
            return self._after(page, payment)

    def pay_in(self, reference: str, amount: int) -> BookEntry:
        """Let the driver's money come to `amount` in all: late, topped up, too little or too much."""
        with self._page() as page:
            payment = self._payment(page, reference)
            settle_effect(page, payment, page.effects(payment)[0], amount=amount)
            return self._after(page, payment)

    def charge_back(self, reference: str, amount: int | None = None) -> BookEntry:
        """Let the driver's bank take captured money back, all of it if no amount is given."""
        return self._own_effect(reference, OperationKind.CHARGEBACK, amount)

    def refund_from_dashboard(self, reference: str, amount: int | None = None) -> BookEntry:
        """Let somebody refund at the processor's own site, all that is left if no amount is given."""
        return self._own_effect(reference, OperationKind.REFUND, amount)

    def _own_effect(self, reference: str, kind: OperationKind, amount: int | None) -> BookEntry:
        with self._page() as page:
            payment = self._payment(page, reference)
            left = _entry(page, payment).captured - payment.refunded - payment.charged_back
            effect = new_effect(page, payment, kind, asked=_limited(amount, left, what="taken back"))
            settle_effect(page, payment, effect)
            return self._after(page, payment)
