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
_BURST: Final = 500
_HOUR_US: Final = 3_600_000_000
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
        self._inside = 0
        self._kept = 0
        self._told_us: dict[tuple[str, int], int] = {}

    async def take(self, account: str, *, body: bytes, headers: Mapping[str, str], url: str | None) -> WebhookReply:
        """Prove a message, keep what it says, and answer; it is applied afterwards.

        A burst is taken in whole before any of it is applied: its senders wait, and its payments are asked about once.

        Raises:
            WebhookRejected: forged, stale or too big; nothing of it is kept but that it came.
        """
        self._inside += 1
        try:
            return await self._take(account, body=body, headers=headers, url=url)
        except WebhookRejected as error:
            await self._tell_of_refusal(account, error)
            raise
        finally:
            self._inside -= 1
            if self._kept and (self._inside == 0 or self._kept >= _BURST):
                self._kept = 0
                self._evidence.apply_soon()

    async def _take(self, account: str, *, body: bytes, headers: Mapping[str, str], url: str | None) -> WebhookReply:
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
            self._kept += 1
        return WebhookReply()

    async def _tell_of_refusal(self, account: str, error: WebhookRejected) -> None:
        """Tell a person that messages are refused, once an hour for each account and reason.

        One forged message is nobody's business; all of them being refused means that a secret or a clock is wrong, and
        that evidence is lost. An account that is not ours could be anybody's word, and is only logged.
        """
        now_us = self._context.env.now_us()
        _log.info("a webhook was refused", extra={"account": account[:64], "status": error.status})
        told_us = self._told_us.get((account, error.status))
        if account not in self._context.providers or (told_us is not None and now_us - told_us < _HOUR_US):
            return
        self._told_us[account, error.status] = now_us
        problem = {
            "code": "webhook_refused",
            "subject": account,
            "message": (
                f"A message to account {account!r} was refused ({error.status}): {error.message} If this goes on, look "
                "at the account's webhook settings at the processor and here. More of the kind are told in an hour."
            ),
        }
        told = announce_to(
            DEFAULT_TENANT, f"account:{account}", "attention_needed", {"problem": problem}, now_us=now_us
        )
        await self._context.store.commit(Commit(tuple(told)))

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
