"""What an account at Adyen needs to be told; checked once, before anything is sent."""

import ipaddress
import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from evpay.errors import ConfigurationError
from evpay.providers import require_secret

__all__ = ["AdyenSettings"]

_KEY: Final = re.compile(r"[\x21-\x7e]{16,4096}\Z", re.ASCII)
_PREFIX: Final = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\Z", re.ASCII)
_MERCHANT: Final = re.compile(r"[A-Za-z0-9_-]{1,80}\Z", re.ASCII)
_HMAC_KEY: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){16,64}\Z", re.ASCII)

# Adyen's hosts say in their names which of the two platforms they are.
# https://docs.adyen.com/development-resources/live-endpoints (checked 2026-11-20)
_MODE_IN_HOST: Final = {"-test": False, "-live": True}

_Short = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(minutes=2))]
_HoldTime = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=90))]


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class AdyenSettings(BaseSettings):
    """One merchant account at Adyen. Every field is keyword-only.

    What is not given is read from the environment: `EVPAY_PROVIDERS__<ACCOUNT>__<FIELD>`, so that two accounts never
    share a key by accident.

    `live`, `live_endpoint_prefix`: an API key does not say which platform it is for, so both say it together.
    `hmac_key`, `hmac_keys`: every webhook key that is active, in hex; two while one is being rotated.
    `webhook_user`, `webhook_password`: the basic authentication of the webhook, if it has any.
    `base_url`, `terminal_url`: other servers than Adyen's; `http://` for loopback only, and never with a live account.
    `deadline`: of one call as a whole; keep it below the engine's own. `connections`: how many calls run at once.
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

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)

    account: str = "adyen"
    api_key: SecretStr
    merchant_account: str
    live: bool = False
    live_endpoint_prefix: str | None = None
    hmac_key: SecretStr | None = None
    hmac_keys: tuple[SecretStr, ...] = ()
    webhook_user: str | None = None
    webhook_password: SecretStr | None = None
    webhook_tolerance: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(hours=1))] = timedelta(minutes=5)
    base_url: str | None = None
    terminal_url: str | None = None
    terminal_region: Literal["eu", "us", "au", "apse"] = "eu"
    sale_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "evpay"
    deadline: _Short = timedelta(seconds=20)
    connections: Annotated[int, Field(ge=1, le=100)] = 16
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

    def __init__(self, **fields: Any) -> None:
        account = str(fields.get("account", "adyen"))
        prefix = f"EVPAY_PROVIDERS__{account.upper()}__"
        try:
            super().__init__(_env_prefix=prefix, **fields)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            variable = prefix + place.partition(".")[0].upper()
            cure = f" Set it in AdyenSettings or as {variable}." if first["type"] == "missing" else ""
            raise ConfigurationError(
                first["msg"].removeprefix("Value error, ") + "." + cure, path=f"providers.{account}.{place}".rstrip(".")
            ) from None
        except ConfigurationError as error:
            cause = error.message.removeprefix(f"{error.path}: ")
            raise ConfigurationError(cause, path=f"providers.{account}.{error.path}") from None

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

    @field_validator("hmac_key", "hmac_keys")
    @classmethod
    def _usable_keys(cls, value: SecretStr | tuple[SecretStr, ...] | None) -> SecretStr | tuple[SecretStr, ...] | None:
        for secret in value if isinstance(value, tuple) else () if value is None else (value,):
            require_secret(secret.get_secret_value(), path="hmac_key")
            if not _HMAC_KEY.match(secret.get_secret_value()):
                raise ValueError("a webhook's HMAC key is an even number of hex digits, at least 32")
        return value

    @field_validator("live_endpoint_prefix")
    @classmethod
    def _plain_prefix(cls, value: str | None) -> str | None:
        if value is not None and not _PREFIX.match(value):
            raise ValueError("the prefix of the live endpoints is as 1797a841fbb37ca7-AcmeCompany")
        return value

    @field_validator("base_url", "terminal_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("write scheme and host, as http://127.0.0.1:9401")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("http:// would send the key in the clear; it is accepted for loopback only")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_mode(self) -> Self:
        if self.live is not (self.live_endpoint_prefix is not None):
            raise ValueError("a live account has live=True and a live_endpoint_prefix, a test account has neither")
        for url in (self.base_url, self.terminal_url):
            host = urlsplit(url).hostname if url else None
            if self.live and host is not None and _is_loopback(host):
                raise ValueError("a live account may not be used with a server on loopback")
            if any(mark in (host or "") and live is not self.live for mark, live in _MODE_IN_HOST.items()):
                raise ValueError("the server is of the other platform (test or live)")
        return self

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.webhook_user is None) is not (self.webhook_password is None):
            raise ValueError("basic authentication needs both webhook_user and webhook_password")
        return self

    @property
    def signing_keys(self) -> tuple[bytes, ...]:
        """Return every active webhook key in the clear, for the verifier only."""
        one = () if self.hmac_key is None else (self.hmac_key,)
        return tuple(bytes.fromhex(secret.get_secret_value()) for secret in (*one, *self.hmac_keys))

    @property
    def on_loopback(self) -> bool:
        """Say whether requests go to a server on this machine."""
        return self.base_url is not None and _is_loopback(urlsplit(self.base_url).hostname)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, because a pickle would carry the keys in the clear."""
        raise ConfigurationError(
            "Settings with secrets are not pickled. Read them again where they are needed.",
            path=f"providers.{self.account}",
        )
