"""What is asked of the engine at the start: orders, the size of the first hold, and the rows they open with."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from evpay.errors import InvalidInput
from evpay.ids import canonical_json, digest
from evpay.instants import instant
from evpay.money import Money, from_minor, to_minor
from evpay.payments.method import MethodKind, PaymentMethod
from evpay.payments.policy import Policy
from evpay.payments.records import IntentRecord
from evpay.sessions.model import Admission, Connector, Session, SessionStatus, Site
from evpay.store.commit import Insert, Write
from evpay.store.rows import SessionRecord, intent_values
from evpay.tariffs.compile import compile_tariff
from evpay.tariffs.forecast import hold_for
from evpay.tariffs.model import Tariff
from evpay.tariffs.policy import PricingPolicy

__all__ = [
    "AuthorizeOrder",
    "StartOrder",
    "accounts_of",
    "hold_amount",
    "intent_body",
    "intent_row",
    "session_record",
]


def _is_off_session(return_url: str | None, method: PaymentMethod) -> bool:
    return return_url is None and method.kind is not MethodKind.TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOrder:
    """What a host says when somebody wants to charge."""

    tenant: str
    session_id: str
    tariff: Tariff
    method: PaymentMethod
    site: Site
    connector: Connector | None
    driver: str | None
    return_url: str | None
    limit: Money | None
    save_method: bool
    started_at: datetime
    policy: Policy
    extra: Mapping[str, JsonValue] = field(default_factory=dict)
    actor: str | None = None

    @property
    def off_session(self) -> bool:
        """Whether nobody is there to be asked."""
        return _is_off_session(self.return_url, self.method)

    @property
    def digest(self) -> str:
        """What tells one call from another, the method and the time of the call aside."""
        return digest(
            {
                "tariff": self.tariff.hash,
                "site": self.site.id,
                "connector": self.connector.id if self.connector else None,
                "driver": self.driver,
                "limit": str(self.limit) if self.limit else None,
                "extra": dict(self.extra),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeOrder:
    """What the payment level asks for: an amount to hold under the caller's key.

    `sizes`: the amount by account, where it hangs on what the account's holds allow; else it is `amount` everywhere.
    """

    tenant: str
    key: str
    amount: Money
    method: PaymentMethod
    return_url: str | None = None
    via: str | None = None
    descriptor: str | None = None
    save_method: bool = False
    extra: Mapping[str, JsonValue] = field(default_factory=dict)
    deadline_s: float | None = None
    session_id: str | None = None
    actor: str | None = None
    sizes: Mapping[str, Money] = field(default_factory=dict)

    @property
    def off_session(self) -> bool:
        """Whether nobody is there to be asked; a terminal has asked already."""
        return _is_off_session(self.return_url, self.method)

    @property
    def digest(self) -> str:
        """What tells one call under a key from another."""
        return digest(
            {
                "amount": str(self.amount),
                "method": self.method.model_dump(mode="json"),
                "via": self.via,
                "descriptor": self.descriptor,
                "extra": dict(self.extra),
            }
        )


def hold_amount(tariff: Tariff, policy: Policy, *, limit: Money | None, grows: bool, step_minor: int) -> Money:
    """Return how much to hold at first: by policy, within the driver's limit, in the account's step.

    Where a hold cannot grow, the whole limit is held at once.
    """
    currency = tariff.currency
    fixed = policy.amount("hold", currency)
    if fixed is None and not isinstance(policy.hold, str):
        raise InvalidInput(
            f"The policy's hold names no amount in {currency}, the currency of tariff {tariff.id!r}. "
            f"Add one: hold = ['50 {currency}', ...].",
            code="hold_currency_missing",
            path="policy.hold",
        )
    if fixed is None:
        fixed = hold_for(
            compile_tariff(tariff, PricingPolicy.model_validate(dict(policy.pricing))),
            energy_wh=policy.hold_energy_wh,
            duration_s=policy.hold_duration_s,
            idle_s=policy.hold_idle_s,
            margin_percent=policy.hold_margin_percent,
            step=policy.amount("hold_step", currency),
            minimum=policy.amount("hold_min", currency),
            maximum=policy.amount("hold_max", currency),
            use_preauthorize_amount=policy.hold == "tariff",
        ).amount
    minor = to_minor(fixed)
    if limit is not None:
        minor = min(minor, to_minor(limit)) if grows else to_minor(limit)
    return from_minor(-(-minor // step_minor) * step_minor, currency)


def session_record(order: StartOrder, intent_id: str, *, now_us: int) -> SessionRecord:
    """Return the session that an order starts: waiting for the hold, and looked at when it has waited too long."""
    now = instant(now_us)
    session = Session(
        id=order.session_id,
        tenant=order.tenant,
        status=SessionStatus.WAITING,
        admission=Admission.WAIT,
        driver=order.driver,
        site=order.site,
        connector=order.connector,
        tariff_id=order.tariff.id,
        tariff_hash=order.tariff.hash,
        intent_id=intent_id,
        limit=order.limit,
        started_at=order.started_at,
        created_at=now,
        updated_at=now,
    )
    waits_us = now_us + order.policy.start_within_s * 1_000_000
    return SessionRecord(session=session, policy=order.policy, digest=order.digest, wake_us=waits_us)


def intent_body(accounts: Sequence[str]) -> str:
    """Return what an intent keeps beside its columns."""
    return canonical_json({"accounts": list(accounts)})


def accounts_of(intent: IntentRecord) -> list[str]:
    """Return the accounts that are to be tried for an intent, in their order."""
    return list(json.loads(intent.body).get("accounts", []))


def intent_row(order: AuthorizeOrder, intent_id: str, *, accounts: Sequence[str], now_us: int) -> Write:
    """Return the row of the intent that an order makes; it keeps which accounts are to be tried, in which order."""
    intent = IntentRecord(
        tenant=order.tenant,
        id=intent_id,
        key=order.key,
        digest=order.digest,
        session_id=order.session_id,
        method=order.method.model_dump_json(),
        body=intent_body(accounts),
        created_us=now_us,
        updated_us=now_us,
    )
    return Insert("intent", intent_values(intent))
