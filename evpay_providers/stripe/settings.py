"""What an account at Stripe needs to be told; checked once, before anything is sent."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr, field_validator

from evpay.providers.settings import AccountSettings, SigningSecret, Tolerance, revealed

__all__ = ["StripeSettings"]

# The prefix of a key says whether it moves real money.
# https://docs.stripe.com/keys (checked 2026-11-20)
LIVE_OF_PREFIX: Final = {"sk_live_": True, "rk_live_": True, "sk_test_": False, "rk_test_": False}
_KEY: Final = re.compile(r"(?P<prefix>(?:sk|rk)_(?:live|test)_)[A-Za-z0-9_]+\Z", re.ASCII)
_CONNECTED: Final = re.compile(r"acct_[A-Za-z0-9]{1,64}\Z", re.ASCII)


class StripeSettings(AccountSettings):
    """One account at Stripe. Every field is keyword-only.

    `webhook_secret`, `webhook_secrets`: every signing secret that is active; two while one is being rotated.
    `send_descriptor`: put the receipt's short code on the card statement, as `statement_descriptor_suffix`.
    `request_increment`, `request_extended`, `request_overcapture`, `request_multicapture`: ask for these features with
    every hold. They need IC+ pricing; whether a payment has them is read back from each answer.
    `cards_only`: rule out payment methods that redirect. None: yes, but for a server on loopback, because stand-ins
    refuse the parameter.
    `stripe_account`: act for this connected account (Connect).

    >>> StripeSettings(api_key="sk_test_example").live
    False

    Raises:
        ConfigurationError: naming the field and never the secret.
    """

    account: str = "stripe"
    api_key: SecretStr
    webhook_secret: SigningSecret | None = None
    webhook_secrets: tuple[SigningSecret, ...] = ()
    webhook_tolerance: Tolerance = timedelta(minutes=5)
    send_descriptor: bool = False
    request_increment: bool = False
    request_extended: bool = False
    request_overcapture: bool = False
    request_multicapture: bool = False
    cards_only: bool | None = None
    stripe_account: str | None = None

    if TYPE_CHECKING:  # a secret is given as text, and a default may come from the environment: say so to type checkers

        def __init__(self, **fields: Any) -> None: ...

    @field_validator("api_key")
    @classmethod
    def _known_key(cls, value: SecretStr) -> SecretStr:
        if not _KEY.match(value.get_secret_value()):
            raise ValueError(f"a secret or restricted key starts with one of {', '.join(LIVE_OF_PREFIX)}")
        return value

    @field_validator("stripe_account")
    @classmethod
    def _connected_account(cls, value: str | None) -> str | None:
        if value is not None and not _CONNECTED.match(value):
            raise ValueError("the id of a connected account is acct_ and letters and digits")
        return value

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """Return every active signing secret in the clear, for the verifier only."""
        return revealed(self.webhook_secret, *self.webhook_secrets)

    @property
    def live(self) -> bool:
        """Say whether the key moves real money."""
        found = _KEY.match(self.api_key.get_secret_value())
        return found is not None and LIVE_OF_PREFIX[found["prefix"]]

    @property
    def sends_cards_only(self) -> bool:
        """Say whether redirecting payment methods are ruled out in each request."""
        return not self.on_loopback if self.cards_only is None else self.cards_only
