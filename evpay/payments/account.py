"""What must be known of an account at a processor before a payment exists."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from evpay.errors import ConfigurationError
from evpay.payments.operation import OperationKind

__all__ = ["Account", "AmountRule", "Capabilities", "Funding"]

_NAME: Final = re.compile(r"[a-z0-9_]{1,40}\Z")


class Funding(StrEnum):
    """How the money of a payment is secured; the engine says authorize, capture, void and refund for all five."""

    HOLD = "hold"  # reserve, then capture what was used
    DEPOSIT = "deposit"  # money is taken first, the difference given back
    ACCOUNT = "account"  # posted to a balance or an invoice
    EXTERNAL = "external"  # somebody else captures and tells us
    FREE = "free"  # nothing is charged


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account at one processor: `("stripe", "acme_no", live=True)`. The name is unique in a store."""

    provider: str
    name: str
    live: bool

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ConfigurationError(
                f"{self.name!r} cannot be an account's name. Use 1 to 40 characters of a-z, 0-9 and _, so that "
                "the environment and webhook addresses can name it.",
                path=f"providers.{self.name}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountRule:
    """What the account takes of one currency, in ISO 4217 minor units."""

    minimum_minor: int = 1
    step_minor: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an account can be told; every default is the cautious answer.

    `amounts` lists the currencies that are taken (None: all).
    `absence_proven_after`: from then on, what a look-up leaves out does not exist; None: never proven.
    `resend_for`: how long the same call with the same key may be sent again, by kind; not listed: never.
    """

    funding: Funding
    amounts: Mapping[str, AmountRule] | None
    increment: bool = False
    releases_remainder: bool = False
    refund: bool = False
    off_session: bool = False
    look_up: bool = False
    absence_proven_after: timedelta | None = None
    resend_for: Mapping[OperationKind, timedelta] = field(default_factory=dict)
    settlements: bool = False

    def rule_for(self, currency: str) -> AmountRule | None:
        """Return the rule for amounts in the currency, or None where the account does not take it."""
        return AmountRule() if self.amounts is None else self.amounts.get(currency)
