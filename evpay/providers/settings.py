"""What the settings of every account have in common; an adapter's own module `settings` adds what is special.

Kept out of `evpay.providers`, because it loads pydantic-settings, which `import evpay` does without.
"""

import ipaddress
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from evpay.errors import ConfigurationError
from evpay.model import in_plain_words
from evpay.providers.verify import require_secret

__all__ = ["AccountSettings", "Deadline", "ServerUrl", "SigningSecret", "Tolerance", "is_loopback", "revealed"]


def is_loopback(url: str | None) -> bool:
    """Say whether an address is of this machine; None is no address.

    >>> is_loopback("http://[::1]:9401"), is_loopback("https://127.0.0.1.example")
    (True, False)
    """
    host = urlsplit(url).hostname if url else None
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _safe_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError("write scheme and host, as http://127.0.0.1:9401")
    if parts.scheme == "http" and not is_loopback(value):
        raise ValueError("http:// would send the key in the clear; it is accepted for loopback only")
    return value.rstrip("/")


def _usable(value: SecretStr) -> SecretStr:
    try:
        require_secret(value.get_secret_value(), path="secret")
    except ConfigurationError as error:
        raise ValueError(error.message.removeprefix("secret: ")) from None
    return value


ServerUrl = Annotated[str, AfterValidator(_safe_url)]
"""Scheme, host and perhaps a path, without a slash at its end; `http://` for this machine only."""
SigningSecret = Annotated[SecretStr, AfterValidator(_usable)]
"""A secret that signs webhooks: not so short that it proves nothing."""
Deadline = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(minutes=2))]
"""How long one call may take in all."""
Tolerance = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(hours=1))]
"""How far a webhook's time stamp may be from our clock."""


def revealed(*secrets: SecretStr | None) -> tuple[str, ...]:
    """Return secrets in the clear, without the ones that are not set; for a verifier only."""
    return tuple(secret.get_secret_value() for secret in secrets if secret is not None)


class AccountSettings(BaseSettings):
    """One account at a processor, frozen and keyword-only. Give `account` a default, and say what is `live`.

    What is not given is read from the environment: `EVPAY_PROVIDERS__<ACCOUNT>__<FIELD>`, so that two accounts never
    share a key by accident.

    `base_url`: another server than the processor's own; `http://` for loopback only, and never with a live key.
    `deadline`: of one call as a whole; keep it below the engine's own.

    Raises:
        ConfigurationError: naming the field and never the secret.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)

    account: str
    base_url: ServerUrl | None = None
    deadline: Deadline = timedelta(seconds=20)

    if TYPE_CHECKING:
        # A field of one account, a property of another that follows from its key: so it cannot be a field here.
        @property
        def live(self) -> bool:
            """Say whether the account moves real money."""

    def __init__(self, **fields: Any) -> None:
        account = str(fields.get("account", type(self).model_fields["account"].default))
        prefix, path = f"EVPAY_PROVIDERS__{account.upper()}__", f"providers.{account}"
        try:
            super().__init__(_env_prefix=prefix, **fields)
        except ValidationError as error:
            raise self._fault(error, prefix=prefix, path=path) from None
        except SettingsError:
            raise ConfigurationError(
                f"A variable {prefix}... does not hold the JSON that its field wants.", path=path
            ) from None

    @classmethod
    def _fault(cls, error: ValidationError, *, prefix: str, path: str) -> ConfigurationError:
        first = error.errors(include_url=False, include_input=False)[0]
        place = [str(part) for part in first["loc"]]
        cure = f" Set it in {cls.__name__} or as {prefix}{place[0].upper()}." if first["type"] == "missing" else ""
        text = in_plain_words(first, known=cls.model_fields)
        return ConfigurationError(f"{text}.{cure}", path=".".join([path, *place]))

    @model_validator(mode="after")
    def _no_live_key_to_a_stand_in(self) -> Self:
        if self.live and any(is_loopback(url) for url in self.servers):
            raise ValueError("a live key may not be used with a server on loopback")
        return self

    @property
    def servers(self) -> Iterable[str | None]:
        """Which servers take the place of the processor's own; None where none does."""
        return (self.base_url,)

    @property
    def on_loopback(self) -> bool:
        """Say whether requests go to a server on this machine."""
        return is_loopback(self.base_url)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, because a pickle would carry the secrets in the clear."""
        raise ConfigurationError(
            "Settings with secrets are not pickled. Read them again where they are needed.",
            path=f"providers.{self.account}",
        )
