"""What can be set about one sandbox account."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

from pydantic import Field, SecretStr, field_validator

from evpay.errors import ConfigurationError
from evpay.model import FrozenModel
from evpay.payments.account import AmountRule, Funding
from evpay.providers import require_secret

__all__ = ["SandboxSettings"]


class SandboxSettings(FrozenModel):
    """One sandbox account. Every switch has the value of a well-behaved card processor.

    `books` is the processor's own SQLite file, which other processes may share; None keeps them in memory, for
    this provider object alone.
    `inline` does the work of the books on the event loop; None: in memory yes, in a file no.
    `now` is the processor's clock; `at` is called with `"sandbox.before_effect"` and `"sandbox.after_effect"`.
    """

    account: str = "sandbox"
    books: Path | None = None
    funding: Funding = Funding.HOLD
    amounts: dict[str, AmountRule] | None = None
    increment: bool = True
    extend: bool = True
    releases_remainder: bool = True
    refund: bool = True
    off_session: bool = True
    look_up: bool = True
    absence_proven_after: timedelta | None = timedelta(0)
    resend_for: timedelta | None = timedelta(hours=24)
    multiple_captures: bool = False
    over_capture_percent: int = Field(default=0, ge=0, le=100)
    hold_lifetime: timedelta | None = timedelta(days=7)
    approval_lifetime: timedelta = timedelta(minutes=15)
    webhook_secret: SecretStr = Field(default=SecretStr("sandbox-webhook-secret-for-tests"), repr=False)
    webhook_tolerance: timedelta = timedelta(minutes=5)
    answer_delay_s: float = Field(default=0, ge=0)
    inline: bool | None = None
    now: Callable[[], datetime] | None = Field(default=None, exclude=True, repr=False)
    at: Callable[[str], None] | None = Field(default=None, exclude=True, repr=False)

    @field_validator("webhook_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        require_secret(value.get_secret_value(), path="webhook_secret")
        return value

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, because a pickle would carry the signing secret in the clear."""
        raise ConfigurationError(
            "Settings with secrets are not pickled. Make them again where they are needed.",
            path=f"providers.{self.account}",
        )

    @property
    def is_inline(self) -> bool:
        """Whether the work of the books is done on the event loop."""
        return self.books is None if self.inline is None else self.inline
