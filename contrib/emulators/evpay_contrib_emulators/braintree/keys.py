"""At-most-once processing: a request that comes again with its key gets the present state of what it did.

https://developer.paypal.com/braintree/graphql/integration_guides/idempotency, checked 2026-11-20
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from evpay_contrib_emulators.braintree.errors import Invalid, flaw
from evpay_contrib_emulators.gateway import WireRequest

__all__ = ["LONGEST", "Done", "Keys", "fingerprint_of"]

LONGEST: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of the first request with a key: a transaction, with a message if it was declined, or an error."""

    fingerprint: str
    at: datetime
    status: int = 0
    transaction_id: str | None = None
    message: str | None = None
    error: str | None = None


def fingerprint_of(request: WireRequest, content: Mapping[str, Any]) -> str:
    """Return what is the same only for the same request, however its body is written and packed."""
    seen = json.dumps([request.method, request.path, content], sort_keys=True)
    return hashlib.sha256(seen.encode()).hexdigest()


class Keys:
    """The keys that were used, each for as long as it is remembered."""

    def __init__(self) -> None:
        self._done: dict[str, Done] = {}

    def earlier(self, key: str, fingerprint: str, *, since: datetime) -> Done | None:
        """Return what the key did, if it was used for the same request.

        Raises:
            Invalid: it was used for another one, or what it was used for failed.
        """
        done = self._done.get(key)
        if done is None or done.at < since:
            return None
        if done.fingerprint != fingerprint:
            raise Invalid(flaw("915232", "api_request_key"))
        if done.error is not None:
            raise Invalid(flaw(done.error, "api_request_key"))
        return done

    def remember(self, key: str, done: Done) -> None:
        """Keep what the key did."""
        self._done[key] = done
