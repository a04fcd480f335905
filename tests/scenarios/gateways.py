"""Processors that behave unlike the sandbox, made of it: what they do not tell is left out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from evpay.providers import Absent, LookUpRequest, Observation, Unknown, WebhookRequest
from evpay_providers.sandbox import SandboxProvider, SandboxSettings

__all__ = ["Retold", "totals_only"]


class Retold(SandboxProvider):
    """A sandbox whose observations are told in another way."""

    def __init__(self, retell: Callable[[Observation], Observation], **settings: Any) -> None:
        super().__init__(SandboxSettings(**settings))
        self.looked = 0
        self.retell = retell

    async def look_up(self, request: LookUpRequest) -> Observation | Absent | Unknown:
        """Count the question, and answer in the other way."""
        self.looked += 1
        seen = await super().look_up(request)
        return self.retell(seen) if isinstance(seen, Observation) else seen

    async def parse_webhook(self, request: WebhookRequest) -> tuple[Observation, ...] | Unknown:
        """Tell in the other way, also here."""
        seen = await super().parse_webhook(request)
        return seen if isinstance(seen, Unknown) else tuple(self.retell(found) for found in seen)


def totals_only(seen: Observation) -> Observation:
    """Tell the five totals, and of the single effects nothing but that the hold stands."""
    return replace(seen, reports=())
