"""What an adapter is given where nobody gives it anything: dummy options for servers that stand in for a processor.

One row for each adapter; none of it is a secret, and no real processor takes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["StandIn", "stand_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """Options that make an adapter buildable, and a method that its test mode approves (None: to be given)."""

    options: Mapping[str, Any] = field(default_factory=dict)
    method: str | None = None


# The Stripe key is in the form of a test key; the method is one of Stripe's own for tests.
# https://docs.stripe.com/testing (checked 2026-11-20)
_STAND_INS: Final[Mapping[str, StandIn]] = {
    "sandbox": StandIn(method="sandbox_approve"),
    "stripe": StandIn(options={"api_key": "sk_test_evpay_demo"}, method="pm_card_visa"),
}


def stand_in(provider: str) -> StandIn:
    """Return what stands in for a provider's set-up; nothing for one that is not known here."""
    return _STAND_INS.get(provider, StandIn())
