"""What a provider's author gives: how to make the adapter, and what the gateway's test mode knows.

Everything but `provider` and `methods` may be left out. A check that lacks something is skipped and says what it
lacks; it fails if the adapter claims what the check is about.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from evpay.payments.method import PaymentMethod
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import ActionRequired
from evpay.payments.reasons import Reason
from evpay.providers import Provider
from evpay.testing.conformance.wire import Answer, Exchange

__all__ = ["Held", "Message", "Methods", "Rig", "Subject", "Webhooks", "Wire", "utc_now"]

Token = str | PaymentMethod


def utc_now() -> datetime:
    """Return the real time."""
    return datetime.now(UTC)


def _reads_by_get(exchange: Exchange) -> bool:
    return exchange.method in ("GET", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Methods:
    """The means of payment that the gateway's test mode knows, as tokens.

    `approve`: everything succeeds, and increments are possible where the account has them.
    `declines`: for each reason a token that is declined for it; `odd_decline`: declined with a code that no table
    knows. `odd_status`: answered with a status that no table knows.
    `driver`: the driver must act. `driver_passes` and `driver_fails` do it in the driver's place; they get the
    reference of the authorization and its answer, and return what the browser brings back (`CompleteRequest.answer`).
    `pending`: the authorization is `Pending` for now. `partial`: less is approved than was asked.
    `increment_refused`: the hold is made, and every increment of it is refused.
    `saved`: authorized with `save_method` it gives back a reusable method (None: `approve` does).
    """

    approve: Token
    declines: Mapping[Reason, Token] = field(default_factory=dict)
    odd_decline: Token | None = None
    odd_status: Token | None = None
    driver: Token | None = None
    driver_passes: Callable[[str, ActionRequired], Mapping[str, str]] | None = None
    driver_fails: Callable[[str, ActionRequired], Mapping[str, str]] | None = None
    pending: Token | None = None
    partial: Token | None = None
    increment_refused: Token | None = None
    saved: Token | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """The gateway over HTTP; the kit puts its fault proxy before it.

    `upstream`: the gateway's own address. `is_read`: tells requests without effect (searches by POST, fetching
    an access token) from the others.
    `without_reference`, `without_key`: kinds of call whose request has no room for it, each with the reason and where
    it is documented. `silent`: kinds that send nothing by design (None: what the funding says).
    `in_flight`: what the gateway answers while the first request with the same key is still at work.
    `odd_status`: turns an answer to an authorization into one with a status that no table knows.
    `own_fields`: the outermost fields that the adapter sets (None: read from its JSON or form).
    """

    upstream: str
    is_read: Callable[[Exchange], bool] = _reads_by_get
    without_reference: Mapping[OperationKind, str] = field(default_factory=dict)
    without_key: Mapping[OperationKind, str] = field(default_factory=dict)
    silent: frozenset[OperationKind] | None = None
    in_flight: Answer | None = None
    odd_status: Callable[[bytes], bytes] | None = None
    own_fields: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A webhook as it would come in; header names in any case."""

    body: bytes
    headers: Mapping[str, str]
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a message is to be about: a payment that was authorized, and when the message is sent."""

    reference: str
    payment_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """How this gateway signs what it sends.

    `about`: the gateway's message about a payment, dated and signed `at`. Two calls with the same subject are the same
    event, as in a redelivery.
    `rotated`: the same, signed with the account's other active secret. `other_mode`, `other_account`: the same,
    rightly signed, but live where the account is a test account (or the reverse), or for another account.
    `unknown_type`: a rightly signed event of a type that nobody knows. `sign`: signs and dates any bytes.
    `batch`: one message about several payments.
    `signature_header`: the header that carries the signature; None: it lies inside the body.
    `signed_parts`: the byte ranges of a body that the signature covers; None: all of it.
    `dated`: the sender dates what it signs, so an old message can be told from a new one.
    """

    about: Callable[[Subject], Message]
    signature_header: str | None
    dated: bool = True
    rotated: Callable[[Subject], Message] | None = None
    other_mode: Callable[[Subject], Message] | None = None
    other_account: Callable[[Subject], Message] | None = None
    unknown_type: Callable[[datetime], Message] | None = None
    sign: Callable[[bytes, datetime], Message] | None = None
    batch: Callable[[Sequence[Subject]], Message] | None = None
    signed_parts: Callable[[bytes], Sequence[range]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the gateway itself says it holds of one payment, in ISO 4217 minor units.

    `effects` is how many changes it made for it, of any kind; None where it does not count them.
    """

    reference: str
    authorized: int = 0
    captured: int = 0
    released: int = 0
    refunded: int = 0
    effects: int | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry of an emulator's books: the five names, and `effects` as a count of each kind."""
        counts = entry.get("effects")
        return cls(
            reference=str(entry["reference"]),
            authorized=entry["authorized"],
            captured=entry["captured"],
            released=entry["released"],
            refunded=entry["refunded"],
            effects=sum(counts.values()) if isinstance(counts, Mapping) else counts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """One provider, ready to be tried.

    `provider` makes a fresh adapter that talks to the address it is given; without a wire the address is empty, and
    all adapters of one rig must see the same books.
    `books`: what the gateway holds. `advance` moves the gateway's clock, `settle` lets it finish what it does later
    (asynchronous captures, the settlement of the night). `lag`: how long a look-up by reference may take to see.
    `currencies`: to be tried beside those of every exponent that the adapter claims; the first is the usual one.
    `secrets`: keys and signing secrets, which may show up nowhere. `package`: imported without the modules of `sdk`.
    """

    provider: Callable[[str], Provider]
    methods: Methods
    wire: Wire | None = None
    webhooks: Webhooks | None = None
    books: Callable[[], Sequence[Held]] | None = None
    advance: Callable[[timedelta], None] | None = None
    settle: Callable[[], None] | None = None
    now: Callable[[], datetime] = utc_now
    lag: timedelta = timedelta(0)
    currencies: tuple[str, ...] = ("EUR",)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    package: str | None = None
    sdk: tuple[str, ...] = ()
