"""Idempotency keys: the first answer is repeated, errors too. https://docs.stripe.com/api/idempotent_requests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from evpay_contrib_emulators.gateway import WireRequest, WireResponse
from evpay_contrib_emulators.stripe.refusal import Refusal

__all__ = ["Fingerprint", "Keys", "Slot", "fingerprint_of", "slot_of"]

_LONGEST: Final = 255
Slot = tuple[str, str, str]
Fingerprint = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    fingerprint: Fingerprint
    response: WireResponse
    at: float


def slot_of(request: WireRequest) -> Slot | None:
    """Return what a key belongs to: the API key, the connected account, and itself."""
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return None
    return request.headers.get("authorization", ""), request.headers.get("stripe-account", ""), key


@dataclass(slots=True)
class Keys:
    """The answers that are repeated."""

    _kept: dict[Slot, _Kept] = field(default_factory=dict)

    def repeated(self, slot: Slot, fingerprint: Fingerprint, *, now: float, lifetime_s: float) -> WireResponse | None:
        """Return the answer that was given before, if any.

        Raises:
            Refusal: the key came with another request, or is too long.
        """
        if len(slot[-1]) > _LONGEST:
            raise Refusal(400, f"Idempotency keys have at most {_LONGEST} characters.", kind="idempotency_error")
        kept = self._kept.get(slot)
        if kept is None:
            return None
        if now - kept.at > lifetime_s:
            del self._kept[slot]
            return None
        if kept.fingerprint != fingerprint:
            raise Refusal(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{slot[-1]}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        return kept.response

    def keep(self, slot: Slot, fingerprint: Fingerprint, response: WireResponse, *, now: float) -> None:
        """Repeat this answer from now on."""
        self._kept[slot] = _Kept(fingerprint=fingerprint, response=response, at=now)


def fingerprint_of(request: WireRequest, pairs: Sequence[tuple[str, str]]) -> Fingerprint:
    """Return what must be the same for a key to be the same request."""
    return request.method, request.path, tuple(sorted(pairs))
