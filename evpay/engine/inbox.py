"""Evidence from outside: proven, kept, answered, and only then applied."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row

from evpay.engine.announcing import announce_to
from evpay.engine.case import Case
from evpay.engine.context import DEFAULT_TENANT, Context
from evpay.engine.recovery import Recoverer
from evpay.engine.runner import Runner
from evpay.errors import EvpayError, WebhookRejected
from evpay.ids import canonical_json
from evpay.instants import instant
from evpay.model import FrozenModel
from evpay.payments.operation import OperationState
from evpay.payments.outcome import Observation, Unknown
from evpay.providers import MAX_BODY_BYTES, Provider, WebhookRequest
from evpay.store import reads
from evpay.store.commit import AlreadyThere, Commit, Insert, Update

__all__ = ["Inbox", "WebhookReply"]

_OBSERVATION: Final = TypeAdapter(Observation)
_SECOND: Final = 1_000_000
_PARKED_S: Final = (1, 10, 60, 600, 3_600, 21_600, 86_400)
_MAX_HEADERS: Final = 100
_log = logging.getLogger("evpay.engine")


class WebhookReply(FrozenModel):
    """What to answer the sender of a webhook with."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"


class Inbox:
    """Takes webhooks, and applies them when their payment is known."""

    def __init__(self, context: Context, runner: Runner, recoverer: Recoverer) -> None:
        self._context = context
        self._runner = runner
        self._recoverer = recoverer

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
            self._runner.background(self.apply_due(), name="inbox")
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

    async def apply_due(self) -> int:
        """Apply what is due; return how many messages found their payment."""
        rows = await self._context.store.read(
            lambda connection: reads.due_inbox(connection, now_us=self._context.env.now_us())
        )
        applied = 0
        for row in rows:
            try:
                applied += await self._apply(row)
            except Exception:  # noqa: BLE001 - one message that cannot be applied must not stop the others
                _log.exception("a message could not be applied; others go on", extra={"account": row.account})
                await self._park(row)
        return applied

    async def _apply(self, row: Row[Any]) -> int:
        observation = _OBSERVATION.validate_json(row.body)
        found = await self._context.store.read(lambda connection: _payment_of(connection, row.account, observation))
        if found is None:
            await self._park(row)
            return 0
        tenant, intent_id, payment_id = found
        case = await self._context.case(tenant, intent_id)
        if _has_live_call(case, payment_id, now_us=self._context.env.now_us()):
            await self._reschedule(row, self._context.env.now_us() + 2 * _SECOND, payment_id)
            return 0
        if observation.reports or observation.totals is not None:
            await self._recoverer.apply(tenant, intent_id, payment_id, observation, source="webhook")
        else:
            provider = self._context.provider(case.payment(payment_id))
            if provider.capabilities.look_up:
                seen = await self._recoverer.look(case, provider, payment_id=payment_id)
                if isinstance(seen, Unknown):
                    await self._park(row)
                    return 0
        await self._runner.drive(tenant, intent_id)
        await self._reschedule(row, None, payment_id)
        return 1

    async def _park(self, row: Row[Any]) -> None:
        wait_s = _PARKED_S[min(row.attempts, len(_PARKED_S) - 1)]
        await self._reschedule(row, self._context.env.now_us() + wait_s * _SECOND, row.payment)

    async def _reschedule(self, row: Row[Any], next_us: int | None, payment_id: str | None) -> None:
        key = {"tenant": row.tenant, "account": row.account, "event_id": row.event_id}
        values = {"next_us": next_us, "attempts": row.attempts + 1, "payment": payment_id}
        await self._context.store.commit(Commit((Update("inbox", key, values),)))


def _payment_of(connection: Connection, account: str, seen: Observation) -> tuple[str, str, str] | None:
    """Return (tenant, intent, payment) of an observation: by our references first, then by their ids."""
    if seen.payment_reference is not None:
        found = reads.payment_by_reference(connection, account=account, reference=seen.payment_reference)
        if found is not None:
            return found
    for report in seen.reports:
        operation = (
            reads.operation_by_reference(connection, account=account, reference=report.reference)
            if report.reference
            else None
        )
        if operation is not None:
            return reads.payment_by_id(connection, tenant=operation.tenant, payment_id=operation.payment_id)
    if seen.payment_id is not None:
        return reads.payment_by_alias(connection, account=account, processor_id=seen.payment_id)
    return None


def _has_live_call(case: Case, payment_id: str, *, now_us: int) -> bool:
    """Say whether somebody is waiting for an answer right now, which is better evidence than a message."""
    lease = case.payment(payment_id).lease_us
    flying = any(found.state is OperationState.SUBMITTING for found in case.snapshot.of(payment_id))
    return flying and lease is not None and lease > now_us
