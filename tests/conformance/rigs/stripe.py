"""The rig of Stripe, over the real SDK and HTTP, in front of the Stripe-like server of the tests."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from evpay.payments.method import PaymentMethod
from evpay.payments.operation import OperationKind
from evpay.payments.outcome import ActionRequired
from evpay.payments.reasons import Reason
from evpay.testing.conformance import Answer, Held, Message, Methods, Rig, Subject, Webhooks, Wire
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.servers import RunningServer

KEY = "sk_test_conformance0123456789"
SECRETS = ("whsec_conformance_first_000000", "whsec_conformance_other_00000")


def _webhooks() -> Webhooks:
    def signed(content: Mapping[str, Any] | bytes, at: datetime, *, secret: str = SECRETS[0]) -> Message:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        stamp = int(at.timestamp())
        proof = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return Message(
            body=body, headers={"Stripe-Signature": f"t={stamp},v1={proof}", "Content-Type": "application/json"}
        )

    def event(subject: Subject, **changes: Any) -> dict[str, Any]:
        intent = {
            "id": subject.payment_id,
            "object": "payment_intent",
            "metadata": {"evpay_reference": subject.reference},
        }
        return {
            "id": f"evt_{subject.reference}",
            "object": "event",
            "type": "payment_intent.succeeded",
            "created": int(subject.at.timestamp()),
            "livemode": False,
            "data": {"object": intent},
            **changes,
        }

    return Webhooks(
        about=lambda subject: signed(event(subject), subject.at),
        signature_header="Stripe-Signature",
        rotated=lambda subject: signed(event(subject), subject.at, secret=SECRETS[1]),
        other_mode=lambda subject: signed(event(subject, livemode=True), subject.at),
        other_account=lambda subject: signed(event(subject, account="acct_another"), subject.at),
        unknown_type=lambda at: signed({"object": "event", "id": "evt_1", "type": "moon.rose", "livemode": False}, at),
        sign=signed,
    )


def stripe_rig(server: RunningServer, **settings: Any) -> Rig:
    """Stripe with every feature requested."""

    def provider(base_url: str) -> StripeProvider:
        wanted: dict[str, Any] = {
            "request_increment": True,
            "request_multicapture": True,
            "request_overcapture": True,
            **settings,
        }
        return StripeProvider(StripeSettings(api_key=KEY, base_url=base_url, webhook_secrets=SECRETS, **wanted))

    def payment_id(reference: str) -> str:
        return next(str(entry["id"]) for entry in server.books()["payments"] if entry["reference"] == reference)

    def acts(*, success: bool) -> Any:
        def act(reference: str, _: ActionRequired) -> Mapping[str, str]:
            server.authenticate(payment_id(reference), success=success)
            return {"redirect_status": "succeeded"}

        return act

    return Rig(
        provider=provider,
        methods=Methods(
            approve="pm_card_visa",
            declines={
                Reason.DO_NOT_HONOR: "pm_card_chargeDeclined",
                Reason.INSUFFICIENT_FUNDS: "pm_card_chargeDeclinedInsufficientFunds",
                Reason.LOST_OR_STOLEN: "pm_card_chargeDeclinedLostCard",
                Reason.SUSPECTED_FRAUD: "pm_card_chargeDeclinedFraudulent",
                Reason.LIMIT_EXCEEDED: "pm_card_chargeDeclinedVelocityLimitExceeded",
                Reason.EXPIRED_METHOD: "pm_card_chargeDeclinedExpiredCard",
                Reason.INVALID_METHOD: "pm_card_chargeDeclinedIncorrectCvc",
                Reason.ISSUER_UNAVAILABLE: "pm_card_chargeDeclinedProcessingError",
            },
            odd_decline="pm_evpay_oddCode",
            odd_status="pm_evpay_oddStatus",
            driver="pm_card_authenticationRequired",
            driver_passes=acts(success=True),
            driver_fails=acts(success=False),
            pending="pm_evpay_processing",
            partial="pm_evpay_partial",
            increment_refused="pm_evpay_incrementDeclined",
            saved=PaymentMethod("pm_card_visa", customer="cus_conformance"),
        ),
        wire=Wire(
            upstream=server.url,
            without_reference={
                OperationKind.VOID: "cancelling takes no metadata: https://docs.stripe.com/api/payment_intents/cancel",
            },
            in_flight=Answer(
                status=409,
                body=b'{"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "in use"}}',
                headers={"Content-Type": "application/json"},
            ),
            odd_status=lambda body: body.replace(b'"requires_capture"', b'"entangled"'),
        ),
        webhooks=_webhooks(),
        books=lambda: [Held.of(entry) for entry in server.books()["payments"]],
        advance=lambda by: server.advance(int(by.total_seconds())),
        currencies=("EUR", "JPY", "KWD", "ISK", "HUF"),
        secrets=(KEY, *SECRETS),
        package="evpay_providers.stripe",
        sdk=("stripe",),
    )
