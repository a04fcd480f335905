"""What an account at Adyen needs to be told; checked once, before anything is sent."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from evpay.providers.settings import AccountSettings, ServerUrl, SigningSecret, Tolerance, revealed

__all__ = ["AdyenSettings"]

_KEY: Final = re.compile(r"[\x21-\x7e]{16,4096}\Z", re.ASCII)
_PREFIX: Final = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\Z", re.ASCII)
_MERCHANT: Final = re.compile(r"[A-Za-z0-9_-]{1,80}\Z", re.ASCII)
_HMAC_KEY: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){16,64}\Z", re.ASCII)

# Adyen's hosts say in their names which of the two platforms they are.
# https://docs.adyen.com/development-resources/live-endpoints (checked 2026-11-20)
_MODE_IN_HOST: Final = {"-test": False, "-live": True}


def _hex(value: SecretStr) -> SecretStr:
    if not _HMAC_KEY.match(value.get_secret_value()):
        raise ValueError("a webhook's HMAC key is an even number of hex digits, at least 32")
    return value


_HmacKey = Annotated[SigningSecret, AfterValidator(_hex)]
_HoldTime = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=90))]


class AdyenSettings(AccountSettings):
    """One merchant account at Adyen. Every field is keyword-only.

    `live`, `live_endpoint_prefix`: an API key does not say which platform it is for, so both say it together.
    `hmac_key`, `hmac_keys`: every webhook key that is active, in hex; two while one is being rotated.
    `webhook_user`, `webhook_password`: the basic authentication of the webhook, if it has any.
    `terminal_url`: another server for terminals, as `base_url` is for all else. `threads`: how many calls run at once.
    `increment`: the account may adjust authorizations. `multiple_captures`: "multiple partial captures" is enabled, so
    that a capture does not release the rest. `overcapture_percent`: how much more than the hold may be captured.
    `hold_lasts`, `off_session_hold_lasts`: how long a hold is relied upon, because Adyen's answers do not say.
    `return_url`: where a driver comes back to if the request does not say.
    `native_three_ds`: prefer 3-D Secure in the app or page over a redirect.
    `send_descriptor`: put the receipt's short code on the card statement, as `shopperStatement`.
    `report_key`: the API key of a report user; with it there are settlement lines, from `first_settlement_batch` on.

    >>> AdyenSettings(api_key="AQE-an-example-of-a-key", merchant_account="AcmeCOM").live
    False

    Raises:
        ConfigurationError: naming the field and never the secret.
    """

    account: str = "adyen"
    api_key: SecretStr
    merchant_account: str
    live: bool = False
    live_endpoint_prefix: str | None = None
    hmac_key: _HmacKey | None = None
    hmac_keys: tuple[_HmacKey, ...] = ()
    webhook_user: str | None = None
    webhook_password: SecretStr | None = None
    webhook_tolerance: Tolerance = timedelta(minutes=5)
    terminal_url: ServerUrl | None = None
    terminal_region: Literal["eu", "us", "au", "apse"] = "eu"
    sale_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "evpay"
    threads: Annotated[int, Field(ge=1, le=100)] = 16
    increment: bool = True
    multiple_captures: bool = False
    overcapture_percent: Annotated[int, Field(ge=0, le=100)] = 0
    hold_lasts: _HoldTime = timedelta(days=7)
    off_session_hold_lasts: _HoldTime = timedelta(days=4, hours=18)
    return_url: str | None = None
    native_three_ds: bool = False
    send_descriptor: bool = False
    report_key: SecretStr | None = None
    first_settlement_batch: Annotated[int, Field(ge=1)] = 1

    if TYPE_CHECKING:  # a secret is given as text, and a default may come from the environment: say so to type checkers

        def __init__(self, **fields: Any) -> None: ...

    @field_validator("api_key", "report_key")
    @classmethod
    def _known_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _KEY.match(value.get_secret_value()):
            raise ValueError("an API key has at least 16 visible ASCII characters and no spaces")
        return value

    @field_validator("merchant_account")
    @classmethod
    def _plain_account(cls, value: str) -> str:
        if not _MERCHANT.match(value):
            raise ValueError("the name of a merchant account is letters, digits, - and _")
        return value

    @field_validator("live_endpoint_prefix")
    @classmethod
    def _plain_prefix(cls, value: str | None) -> str | None:
        if value is not None and not _PREFIX.match(value):
            raise ValueError("the prefix of the live endpoints is as 1797a841fbb37ca7-AcmeCompany")
        return value

    @model_validator(mode="after")
    def _one_mode(self) -> Self:
        if self.live is not (self.live_endpoint_prefix is not None):
            raise ValueError("a live account has live=True and a live_endpoint_prefix, a test account has neither")
        hosts = [urlsplit(url).hostname or "" for url in self.servers if url]
        for mark, live in _MODE_IN_HOST.items():
            if live is not self.live and any(mark in host for host in hosts):
                raise ValueError("the server is of the other platform (test or live)")
        return self

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.webhook_user is None) is not (self.webhook_password is None):
            raise ValueError("basic authentication needs both webhook_user and webhook_password")
        return self

    @property
    def servers(self) -> tuple[str | None, ...]:
        """Which servers take the place of Adyen's own."""
        return (self.base_url, self.terminal_url)

    @property
    def signing_secrets(self) -> tuple[bytes, ...]:
        """Return every active webhook key in the clear, for the verifier only."""
        return tuple(bytes.fromhex(secret) for secret in revealed(self.hmac_key, *self.hmac_keys))
