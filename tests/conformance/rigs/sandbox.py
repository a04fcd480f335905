"""The rig of the sandbox: a processor without a wire, whose books say what it did."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evpay.payments.outcome import ActionRequired
from evpay.payments.reasons import Reason
from evpay.testing.conformance import Held, Message, Methods, Rig, Subject, Webhooks
from evpay_providers.sandbox import SandboxProvider, SandboxSettings
from evpay_providers.sandbox.books import Books

SECRET = "sandbox-webhook-secret-of-the-rig"
_PAYER = tuple(Reason)[: tuple(Reason).index(Reason.AMOUNT_TOO_SMALL)]


@dataclass
class Clock:
    """The real time, put forward on request."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def advance(self, by: timedelta) -> None:
        self.ahead += by


def _held(books: Books) -> list[Held]:
    return [
        Held(
            reference=entry.reference,
            authorized=entry.authorized,
            captured=entry.captured,
            released=entry.released,
            refunded=entry.refunded,
            effects=sum(effect.state == "succeeded" for effect in entry.effects),
        )
        for entry in books.payments()
    ]


def _webhooks(clock: Clock, *, dated: SandboxProvider) -> Webhooks:
    def event(subject: Subject, **changes: Any) -> dict[str, Any]:
        told = {"payment_reference": subject.reference, "payment_id": subject.payment_id}
        return {
            "id": f"sbx_evt_{subject.reference}",
            "type": "payment.changed",
            "account": "sandbox",
            "live": False,
            "observation": told,
            **changes,
        }

    def signed(content: Mapping[str, Any]) -> Message:
        body, headers = dated.sign(json.dumps(content).encode())
        return Message(body=body, headers=headers)

    def sign(body: bytes, at: datetime) -> Message:
        del at
        return Message(body=body, headers=dated.sign(body).headers)

    return Webhooks(
        about=lambda subject: signed(event(subject)),
        signature_header="evpay-sandbox-signature",
        other_mode=lambda subject: signed(event(subject, live=True)),
        other_account=lambda subject: signed(event(subject, account="another")),
        unknown_type=lambda at: signed({"id": "x", "type": "moon.rose", "account": "sandbox", "live": False}),
        sign=sign,
    )


@contextmanager
def sandbox_rig(books: Path, **settings: Any) -> Iterator[Rig]:
    """A sandbox whose books are a file, so that several adapters see the same."""
    clock = Clock()

    def provider(_: str = "") -> SandboxProvider:
        return SandboxProvider(SandboxSettings(books=books, now=clock.now, webhook_secret=SECRET, **settings))

    with Books(books, account="sandbox", now=clock.now) as audit:

        def passes(reference: str, _: ActionRequired) -> Mapping[str, str]:
            audit.driver_acts(reference)
            return {"back": "yes"}

        def fails(reference: str, _: ActionRequired) -> Mapping[str, str]:
            audit.driver_acts(reference, reason=Reason.AUTHENTICATION_FAILED)
            return {"back": "yes"}

        yield Rig(
            provider=provider,
            methods=Methods(
                approve="sandbox_approve",
                declines={reason: f"sandbox_decline_{reason}" for reason in _PAYER},
                driver="sandbox_action_elsewhere",
                driver_passes=passes,
                driver_fails=fails,
                pending="sandbox_pending",
                partial="sandbox_partial_50",
                increment_refused="sandbox_increment_declined",
            ),
            webhooks=_webhooks(clock, dated=provider()),
            books=lambda: _held(audit),
            advance=clock.advance,
            now=clock.now,
            currencies=("EUR", "JPY", "KWD", "ISK"),
            secrets=(SECRET,),
            package="evpay_providers.sandbox",
            sdk=("stripe", "Adyen", "braintree"),
        )
