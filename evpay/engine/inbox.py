"""Messages from outside: proven, kept and answered; `evpay.engine.evidence` applies them afterwards."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter

from evpay.engine.announcing import announce_to
from evpay.engine.context import DEFAULT_TENANT, Context
from evpay.engine.evidence import Evidence
from evpay.errors import EvpayError, WebhookRejected
from evpay.ids import canonical_json
from evpay.instants import instant
from evpay.model import FrozenModel
from evpay.payments.outcome import Observation, Unknown
from evpay.providers import MAX_BODY_BYTES, Provider, WebhookRequest
from evpay.store import reads
from evpay.store.commit import AlreadyThere, Commit, Insert

__all__ = ["Inbox", "WebhookReply"]

_OBSERVATION: Final = TypeAdapter(Observation)
_MAX_HEADERS: Final = 100
_log = logging.getLogger("evpay.engine")


class WebhookReply(FrozenModel):
    """What to answer the sender of a webhook with."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"


class Inbox:
    """Takes webhooks."""

    def __init__(self, context: Context, evidence: Evidence) -> None:
        self._context = context
        self._evidence = evidence

    async def take(self, account: str, *, body: bytes, headers: Mapping[str, str], url: str | None) -> WebhookReply:
        """Prove a message, keep what it says, and answer; it is applied afterwards.

        Raises:
            WebhookRejected: forged, stale or too big; nothing of it is kept.
        """
        provider = self._context.providers.get(account)
        if provider is None:
            raise WebhookRejected("There is no account of that name here.", account=account, status=404)
        if len(body) > MAX_BODY_BYTES or len(headers) > _MAX_HEADERS:
            raise WebhookRejected(
                f"A message of {len(body)} bytes is too big; {MAX_BODY_BYTES} are accepted.",
                account=account,
                status=413,
            )
        request = WebhookRequest(
            body=body,
            headers={str(name).lower(): str(value) for name, value in headers.items()},
            received_at=instant(self._context.env.now_us()),
            url=url,
        )
        seen = await self._parse(provider, request)
        if isinstance(seen, Unknown):
            return WebhookReply(status=503)
        for observation in seen:
            await self._keep(account, observation, body)
        if seen:
            self._evidence.apply_soon()
        return WebhookReply()

    async def _parse(self, provider: Provider, request: WebhookRequest) -> tuple[Observation, ...] | Unknown:
        try:
            return await provider.parse_webhook(request)
        except EvpayError:
            raise
        except Exception as error:
            _log.exception("the adapter is faulty: it raised on a webhook")
            raise WebhookRejected(
                "The message could not be read.", account=provider.account.name, status=400
            ) from error

    async def _keep(self, account: str, observation: Observation, body: bytes) -> None:
        now_us = self._context.env.now_us()
        text = canonical_json(_OBSERVATION.dump_python(observation, mode="json"))
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        event_id = observation.event_id or hashlib.sha256(body).hexdigest()
        key = {"tenant": DEFAULT_TENANT, "account": account, "event_id": event_id}
        row = {"digest": fingerprint, "body": text, "received_us": now_us, "next_us": now_us, "attempts": 0}
        try:
            await self._context.store.commit(Commit((Insert("inbox", {**key, **row, "payment": None}),)))
        except AlreadyThere:
            await self._compare(account, event_id, fingerprint, text, now_us=now_us)

    async def _compare(self, account: str, event_id: str, fingerprint: str, text: str, *, now_us: int) -> None:
        """Keep a second message under the same id that says something else; a person is told."""
        row = {"digest": fingerprint, "body": text, "received_us": now_us, "next_us": None, "attempts": 0}
        key = {"tenant": DEFAULT_TENANT, "account": account, "event_id": f"{event_id}#{fingerprint[:16]}"}
        known = await self._context.store.read(
            lambda connection: reads.inbox_digest(connection, account=account, event_id=event_id)
        )
        if known == fingerprint:
            return
        problem = {
            "code": "contradicting_webhook",
            "subject": account,
            "message": f"Account {account!r} sent event {event_id!r} twice with other content. Both are kept.",
        }
        told = announce_to(
            DEFAULT_TENANT, f"account:{account}", "attention_needed", {"problem": problem}, now_us=now_us
        )
        try:
            await self._context.store.commit(Commit((Insert("inbox", {**key, **row, "payment": None}), *told)))
        except AlreadyThere:
            return
