"""What an account at Stripe needs to be told; checked once, before anything is sent."""

import ipaddress
import re
from datetime import timedelta
from typing import Annotated, Any, Final, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from evpay.errors import ConfigurationError
from evpay.providers import require_secret

__all__ = ["StripeSettings"]

# The prefix of a key says whether it moves real money.
# https://docs.stripe.com/keys (checked 2026-11-20)
LIVE_OF_PREFIX: Final = {"sk_live_": True, "rk_live_": True, "sk_test_": False, "rk_test_": False}
_KEY: Final = re.compile(r"(?P<prefix>(?:sk|rk)_(?:live|test)_)[A-Za-z0-9_]+\Z", re.ASCII)
_CONNECTED: Final = re.compile(r"acct_[A-Za-z0-9]{1,64}\Z", re.ASCII)


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class StripeSettings(BaseSettings):
    """One account at Stripe. Every field is keyword-only.

    What is not given is read from the environment: `EVPAY_PROVIDERS__<ACCOUNT>__<FIELD>`, so that two accounts never
    share a key by accident.

    `base_url`: None is Stripe's own; `http://` is accepted for loopback only, and never with a live key.
    `webhook_secret`, `webhook_secrets`: every signing secret that is active; two while one is being rotated.
    `deadline`: of one request of the transport; keep it below the engine's own.
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

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)

    account: str = "stripe"
    api_key: SecretStr
    webhook_secret: SecretStr | None = None
    webhook_secrets: tuple[SecretStr, ...] = ()
    webhook_tolerance: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(hours=1))] = timedelta(minutes=5)
    base_url: str | None = None
    deadline: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(minutes=2))] = timedelta(seconds=20)
    send_descriptor: bool = False
    request_increment: bool = False
    request_extended: bool = False
    request_overcapture: bool = False
    request_multicapture: bool = False
    cards_only: bool | None = None
    stripe_account: str | None = None

    def __init__(self, **fields: Any) -> None:
        account = str(fields.get("account", "stripe"))
        prefix = f"EVPAY_PROVIDERS__{account.upper()}__"
        try:
            super().__init__(_env_prefix=prefix, **fields)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            variable = prefix + place.partition(".")[0].upper()
            cure = f" Set it in StripeSettings or as {variable}." if first["type"] == "missing" else ""
            raise ConfigurationError(
                first["msg"].removeprefix("Value error, ") + "." + cure, path=f"providers.{account}.{place}".rstrip(".")
            ) from None
        except ConfigurationError as error:
            cause = error.message.removeprefix(f"{error.path}: ")
            raise ConfigurationError(cause, path=f"providers.{account}.{error.path}") from None

    @field_validator("api_key")
    @classmethod
    def _known_key(cls, value: SecretStr) -> SecretStr:
        if not _KEY.match(value.get_secret_value()):
            raise ValueError(f"a secret or restricted key starts with one of {', '.join(LIVE_OF_PREFIX)}")
        return value

    @field_validator("webhook_secret", "webhook_secrets")
    @classmethod
    def _usable_secrets(
        cls, value: SecretStr | tuple[SecretStr, ...] | None
    ) -> SecretStr | tuple[SecretStr, ...] | None:
        for secret in value if isinstance(value, tuple) else () if value is None else (value,):
            require_secret(secret.get_secret_value(), path="webhook_secret")
        return value

    @field_validator("stripe_account")
    @classmethod
    def _connected_account(cls, value: str | None) -> str | None:
        if value is not None and not _CONNECTED.match(value):
            raise ValueError("the id of a connected account is acct_ and letters and digits")
        return value

    @field_validator("base_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("write scheme and host, as https://api.stripe.com or http://127.0.0.1:12111")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("http:// would send the key in the clear; it is accepted for loopback only")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _no_live_key_to_a_stand_in(self) -> Self:
        if self.live and self.on_loopback:
            raise ValueError("a live key may not be used with a server on loopback")
        return self

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """Return every active signing secret in the clear, for the verifier only."""
        one = () if self.webhook_secret is None else (self.webhook_secret,)
        return tuple(secret.get_secret_value() for secret in (*one, *self.webhook_secrets))

    @property
    def live(self) -> bool:
        """Say whether the key moves real money."""
        found = _KEY.match(self.api_key.get_secret_value())
        return found is not None and LIVE_OF_PREFIX[found["prefix"]]

    @property
    def on_loopback(self) -> bool:
        """Say whether requests go to a server on this machine."""
        return self.base_url is not None and _is_loopback(urlsplit(self.base_url).hostname)

    @property
    def sends_cards_only(self) -> bool:
        """Say whether redirecting payment methods are ruled out in each request."""
        return not self.on_loopback if self.cards_only is None else self.cards_only

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, because a pickle would carry the key in the clear."""
        raise ConfigurationError(
            "Settings with secrets are not pickled. Read them again where they are needed.",
            path=f"providers.{self.account}",
        )
