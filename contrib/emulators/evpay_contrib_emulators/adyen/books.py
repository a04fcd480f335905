"""What Adyen knows: payments with their captures and refunds, stored methods, and what is still to be done."""

import heapq
import itertools
import secrets
import string
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from evpay_contrib_emulators.adyen.amounts import iso_minor
from evpay_contrib_emulators.adyen.options import Options
from evpay_contrib_emulators.adyen.refusals import OPEN_RESULTS, Verdict
from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.gateway import Holding

__all__ = ["Books", "Instrument", "Line", "Move", "Payment", "StoredMethod"]

_PSP_LETTERS: Final = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What is paid with. `kind` is the type of the request, `brand` what the webhooks call the payment method."""

    kind: str
    brand: str
    variant: str
    summary: str = ""
    expiry: str = ""
    holder: str | None = None
    enrolled: bool = False
    subtype: str | None = None
    flaw: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMethod:
    """A token: payment details that Adyen keeps for a shopper."""

    id: str
    shopper: str
    instrument: Instrument
    model: str | None
    created: datetime
    first_psp: str


@dataclass(slots=True, kw_only=True)
class Move:
    """A capture or a refund that happened; `failed` if it came back."""

    psp: str
    reference: str
    amount: int
    failed: bool = False


@dataclass(slots=True, kw_only=True)
class Payment:
    """One payment; amounts in Adyen's smallest units."""

    psp: str
    reference: str
    currency: str
    requested: int
    instrument: Instrument
    verdict: Verdict
    created: datetime
    manual: bool
    pre_auth: bool
    interaction: str
    return_url: str = ""
    capture_hours: int = 0
    shopper: str | None = None
    store: bool = False
    model: str | None = None
    stored_id: str | None = None
    store_operation: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    result: str = "Received"
    authorized: int = 0
    released: int = 0
    charged_back: int = 0
    end: str | None = None
    captures: list[Move] = field(default_factory=list)
    refunds: list[Move] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    expires: datetime | None = None
    blob: str | None = None
    token: str = ""
    refusal: Verdict | None = None
    auth_code: str = ""

    @property
    def captured(self) -> int:
        """What has been captured and has not failed."""
        return sum(move.amount for move in self.captures if not move.failed)

    @property
    def refunded(self) -> int:
        """What has gone back to the shopper."""
        return sum(move.amount for move in self.refunds if not move.failed)

    @property
    def held(self) -> int:
        """What is still held."""
        return max(self.authorized - self.captured - self.released, 0)

    @property
    def is_authorised(self) -> bool:
        """Whether the issuer said yes, to all of it or to a part."""
        return self.result in {"Authorised", "PartiallyAuthorised"}

    @property
    def status(self) -> str:
        """One word for the books."""
        if not self.is_authorised:
            return self.end or (self.result if self.result in OPEN_RESULTS else self.result.lower())
        if self.captured:
            return "captured"
        return self.end or "authorised"

    def holding(self) -> Holding:
        """Return what is held, in the minor units of ISO 4217."""

        def iso(value: int) -> int:
            return iso_minor(value, self.currency)

        return Holding(
            id=self.psp,
            reference=self.reference,
            currency=self.currency,
            status=self.status,
            authorized=iso(self.authorized),
            captured=iso(self.captured),
            released=iso(self.released),
            refunded=iso(self.refunded),
            charged_back=iso(self.charged_back),
            effects={kind: self.effects[kind] for kind in ("authorize", "increment", "capture", "void", "refund")},
            metadata=dict(self.metadata),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Money that a settlement report has yet to tell of; the amount is positive, `kind` says which way it goes."""

    kind: str
    payment: Payment
    psp: str
    reference: str
    amount: int
    at: datetime


class Books:
    """Everything that one merchant account holds, and what is due later."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.options = Options()
        self.url = "http://127.0.0.1"
        self.payments: dict[str, Payment] = {}
        self.stored: dict[str, StoredMethod] = {}
        self.disputes: dict[str, str] = {}
        self.lines: list[Line] = []
        self.reports: dict[str, bytes] = {}
        self.outbox: list[dict[str, Any]] = []
        self._minted: set[str] = set()
        self._later: list[tuple[datetime, int, Callable[[], None]]] = []
        self._turns: Iterator[int] = itertools.count()

    def mint(self) -> str:
        """Return a new reference: 16 capital letters and digits."""
        while True:
            psp = "".join(secrets.choice(_PSP_LETTERS) for _ in range(16))
            if psp not in self._minted and not psp.isdigit():
                self._minted.add(psp)
                return psp

    def do_in(self, seconds: float, work: Callable[[], None]) -> None:
        """Do this when so much time has passed; at once if it is none."""
        if seconds <= 0:
            work()
        else:
            due = self.clock.now() + timedelta(seconds=seconds)
            heapq.heappush(self._later, (due, next(self._turns), work))

    def catch_up(self) -> None:
        """Do what is due, in order."""
        while self._later and self._later[0][0] <= self.clock.now():
            heapq.heappop(self._later)[2]()

    def payment(self, psp: str) -> Payment | None:
        """Return a payment by its pspReference."""
        return self.payments.get(psp)

    def payment_with(self, reference: str) -> Payment | None:
        """Return the latest payment with this reference of the merchant."""
        found = [payment for payment in self.payments.values() if payment.reference == reference]
        return found[-1] if found else None

    def book(self, kind: str, payment: Payment, move: Move) -> None:
        """Note money that the next settlement report tells of."""
        self.lines.append(
            Line(
                kind=kind,
                payment=payment,
                psp=move.psp,
                reference=move.reference,
                amount=move.amount,
                at=self.clock.now(),
            )
        )
