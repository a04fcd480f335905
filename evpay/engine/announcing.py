"""What the host is told, as rows of the outbox written with the facts they tell of."""

from collections.abc import Mapping
from typing import Any

from evpay.engine.case import Case
from evpay.ids import canonical_json
from evpay.store.commit import Insert, Numbered, Sealed, Write

__all__ = ["announce", "announce_to"]


def announce(case: Case, kind: str, body: Mapping[str, Any], *, now_us: int) -> list[Write]:
    """Return the writes that tell of something about a case: in order per session, else per intent."""
    intent = case.snapshot.intent
    return announce_to(intent.tenant, intent.session_id or intent.id, kind, body, now_us=now_us)


def announce_to(tenant: str, subject: str, kind: str, body: Mapping[str, Any], *, now_us: int) -> list[Write]:
    """Return the writes that tell of something about a subject; the number makes a repeat the same event."""

    def seal(number: int, head: str) -> Sealed:
        del head
        values = {"tenant": tenant, "subject": subject, "no": number, "kind": kind, "at_us": now_us}
        return Sealed((Insert("outbox", {**values, "body": canonical_json(dict(body))}),), "", None)

    return [Numbered(tenant, f"events/{subject}", seal)]
