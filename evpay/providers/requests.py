"""What the engine asks of an adapter: one request per method of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from pydantic import JsonValue

from evpay.money import Money
from evpay.payments.method import PaymentMethod
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import Handle

__all__ = [
    "AuthorizeRequest",
    "CaptureRequest",
    "CompleteRequest",
    "EffectRequest",
    "IncrementRequest",
    "LookUpRequest",
    "RefundRequest",
    "SettlementLine",
    "SettlementPage",
    "SettlementsRequest",
    "VoidRequest",
    "WebhookRequest",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """What every request with an effect carries; `reference` is ours and goes out with it."""

    reference: str
    idempotency_key: str
    extra: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeRequest(_Effect):
    """Secure up to `amount`. `return_url` is there when the driver is; `off_session` says that nobody is."""

    amount: Money
    method: PaymentMethod
    descriptor: str | None = None
    return_url: str | None = None
    off_session: bool = False
    save_method: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteRequest(_Effect):
    """Go on after the driver acted. `answer` came from a browser: a claim, handed on and never believed."""

    payment_reference: str
    handle: Handle
    amount: Money
    answer: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncrementRequest(_Effect):
    """Raise the hold to `total`; `authorized` is the present total. Equal: the same for more time."""

    payment_reference: str
    handle: Handle
    total: Money
    authorized: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest(_Effect):
    """Take `amount`; with `final` the rest is to come free."""

    payment_reference: str
    handle: Handle
    amount: Money
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidRequest(_Effect):
    """Give back what is not captured; `amount` is what should come free. Without a handle: by our reference."""

    payment_reference: str
    amount: Money
    handle: Handle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest(_Effect):
    """Give back `amount` of what was captured.

    `capture_id` is the capture that it is of. None: not known, or no single one of several is large enough, and the
    processor decides whether it gives back several at once.
    """

    payment_reference: str
    handle: Handle
    amount: Money
    capture_id: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpRequest:
    """Show the whole payment. `payment_reference` is the AUTHORIZE's reference (ours)."""

    payment_reference: str
    handle: Handle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """A message as it came in; header names in lower case."""

    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementsRequest:
    """One page of what the processor settled since a day."""

    since: date
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLine:
    """One line of a settlement report. `kind` None: a fee, a payout, an adjustment."""

    id: str
    kind: OperationKind | None
    gross: Money
    fee: Money
    net: Money
    settled_on: date
    payment_id: str | None = None
    effect_id: str | None = None
    reference: str | None = None
    payout: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPage:
    """A page of lines, and where to go on; a report that is not there yet is an empty page, same cursor."""

    lines: tuple[SettlementLine, ...] = ()
    cursor: str | None = None


EffectRequest = AuthorizeRequest | CompleteRequest | IncrementRequest | CaptureRequest | VoidRequest | RefundRequest
