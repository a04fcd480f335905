"""Stripe as a gateway: who asks, whether they asked before, and what Stripe's answers look like on the wire."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.gateway import Delivery, Holding, WireRequest, WireResponse
from evpay_contrib_emulators.stripe import signing
from evpay_contrib_emulators.stripe.account import VERSION, Account, Asking
from evpay_contrib_emulators.stripe.acts import act
from evpay_contrib_emulators.stripe.authorizations import expire
from evpay_contrib_emulators.stripe.currencies import iso_minor
from evpay_contrib_emulators.stripe.idempotency import Keys, fingerprint_of, slot_of
from evpay_contrib_emulators.stripe.refunds import refunded
from evpay_contrib_emulators.stripe.refusal import Refusal
from evpay_contrib_emulators.stripe.routes import route
from evpay_contrib_emulators.stripe.things import Intent

__all__ = ["StripeGateway"]

_API_KEY: Final = re.compile(r"Bearer (sk|rk)_(?P<mode>test|live)_\w+")
_BROKEN: Final = {
    500: Refusal(500, "Something went wrong on our end.", kind="api_error").body,
    429: Refusal(429, "Request rate limit exceeded.", code="rate_limit").body,
}
_IN_USE: Final = Refusal(
    409,
    "There is currently another in-progress request using this Idempotency-Key.",
    kind="idempotency_error",
    code="idempotency_key_in_use",
)
_LOCKED: Final = Refusal(
    429,
    "This object cannot be accessed right now because another API request or Stripe process is accessing it.",
    code="lock_timeout",
)


class StripeGateway:
    """One Stripe account, in the mode of the key that asks."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._account = Account(clock=clock)
        self._keys = Keys()

    def answer(self, request: WireRequest) -> WireResponse:
        """Answer a request of Stripe's API."""
        if _API_KEY.fullmatch(request.headers.get("authorization", "")) is None:
            return self._error(request, Refusal(401, "Invalid API Key provided.", saved=False))
        self.catch_up()
        pairs = _pairs(request)
        slot, fingerprint = slot_of(request), fingerprint_of(request, pairs)
        now = self.clock.now().timestamp()
        if slot is not None:
            try:
                kept = self._keys.repeated(
                    slot, fingerprint, now=now, lifetime_s=self._account.options.key_hours * 3_600
                )
            except Refusal as refusal:
                return self._error(request, refusal)
            if kept is not None:
                headers = {**kept.headers, "Idempotent-Replayed": "true", "Request-Id": self._account.id("req")}
                return replace(kept, headers=headers, replayed=True)
        response, saved = self._done(request, pairs)
        if slot is not None and saved:
            self._keys.keep(slot, fingerprint, response, now=now)
        return response

    def _done(self, request: WireRequest, pairs: list[tuple[str, str]]) -> tuple[WireResponse, bool]:
        version = request.headers.get("stripe-version", VERSION)
        asking = Asking(id=self._account.id("req"), key=request.headers.get("idempotency-key"), version=version)
        self._account.asking = asking
        try:
            body = route(self._account, request.method, request.path, pairs)
        except Refusal as refusal:
            return self._error(request, refusal), refusal.saved
        except Exception as error:  # noqa: BLE001 - a mistake of ours is a 500, as a mistake of theirs would be
            broken = Refusal(500, f"The emulator made a mistake: {error!r}", kind="api_error")
            return self._error(request, broken), True
        finally:
            self._account.asking = Asking()
        return self._response(request, 200, body, id=asking.id), True

    def _error(self, request: WireRequest, refusal: Refusal) -> WireResponse:
        return self._response(request, refusal.status, refusal.body)

    def _response(
        self,
        request: WireRequest,
        status: int,
        body: Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002 - as Stripe calls it
    ) -> WireResponse:
        key = request.headers.get("idempotency-key")
        id = id or self._account.id("req")  # noqa: A001
        headers = {
            "Content-Type": "application/json",
            "Request-Id": id,
            "Stripe-Version": request.headers.get("stripe-version", VERSION),
        }
        if request.method == "POST":
            headers["Original-Request"] = id
        if key:
            headers["Idempotency-Key"] = key
        if status < 500:
            headers["Stripe-Should-Retry"] = "true" if status == 409 else "false"
        return WireResponse(status=status, body=json.dumps(body).encode(), headers=headers)

    def key_of(self, request: WireRequest) -> str | None:
        """Return the idempotency key, which only counts with POST."""
        slot = slot_of(request)
        return None if slot is None else slot[-1]

    def in_flight(self, request: WireRequest) -> WireResponse:
        """Answer 409: the key is at work."""
        return self._error(request, _IN_USE)

    def broken(self, request: WireRequest, *, status: int) -> WireResponse:
        """Answer as Stripe does that is broken: a 503 comes from something before it, and is no JSON."""
        if status in _BROKEN:
            return self._response(request, status, _BROKEN[status])
        return WireResponse(status=status, body=b"<html>try later</html>", headers={"Content-Type": "text/html"})

    def peculiar_answers(self) -> Mapping[str, WireResponse]:
        """`lock_timeout`: the object is at work in another request."""
        nobody = WireRequest(method="POST", path="")
        return {"lock_timeout": self._error(nobody, _LOCKED)}

    def keep(self, request: WireRequest, response: WireResponse) -> None:
        """Repeat this answer for the key."""
        slot = slot_of(request)
        if slot is not None:
            now = self.clock.now().timestamp()
            self._keys.keep(slot, fingerprint_of(request, _pairs(request)), response, now=now)

    def catch_up(self) -> None:
        """Let go of holds whose time is over."""
        expire(self._account)

    def deliveries(self) -> list[Delivery]:
        """Return the events that have come up, signed."""
        events, self._account.unsent = self._account.unsent, []
        secrets = self._account.options.webhook_secrets
        return [signing.signed(event, secrets=secrets, at=self._account.now()) for event in events]

    def signed_again(self, delivery: Delivery) -> Delivery:
        """Sign an event for another attempt."""
        secrets = self._account.options.webhook_secrets
        return signing.signed_again(delivery, secrets=secrets, at=self._account.now())

    def forged(self, delivery: Delivery) -> Delivery:
        """Sign an event with a secret that nobody gave out."""
        return signing.forged(delivery, at=self._account.now())

    def holdings(self) -> list[Holding]:
        """Return what is held of every payment."""
        withdrawn: dict[str, int] = {}
        for dispute in self._account.disputes.values():
            withdrawn[dispute.intent] = withdrawn.get(dispute.intent, 0) + dispute.withdrawn
        return [self._holding(intent, withdrawn.get(intent.id, 0)) for intent in self._account.intents.values()]

    def _holding(self, intent: Intent, withdrawn: int) -> Holding:
        def minor(amount: int) -> int:
            return iso_minor(amount, intent.currency)

        return Holding(
            id=intent.id,
            reference=_reference(intent.metadata),
            currency=intent.currency,
            status=intent.status,
            authorized=minor(intent.charge.authorized if intent.charge else 0),
            captured=minor(intent.received),
            released=minor(intent.released),
            refunded=minor(refunded(self._account, intent, "succeeded")),
            charged_back=minor(withdrawn),
            effects=dict(intent.effects),
            metadata=dict(intent.metadata),
        )

    def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do what happens outside the API: see `acts.ACTS`."""
        return act(self._account, verb, arguments)

    def configure(self, options: Mapping[str, Any]) -> None:
        """Change settings of the account: see `options.Options`."""
        self._account.options = self._account.options.changed(options)


def _pairs(request: WireRequest) -> list[tuple[str, str]]:
    text = request.body.decode("utf-8", errors="replace") if request.method == "POST" else request.query
    return parse_qsl(text, keep_blank_values=True)


def _reference(metadata: Mapping[str, str]) -> str | None:
    """The merchant's own name for a payment: what stands in its metadata under a name that ends like that."""
    return next((value for name, value in metadata.items() if name.endswith("reference")), None)
