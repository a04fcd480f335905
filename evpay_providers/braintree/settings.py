"""What an account at Braintree needs to be told; checked once, before anything is sent."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from evpay.errors import ConfigurationError
from evpay.providers import require_secret
from evpay_providers.braintree.amounts import EXPONENTS

__all__ = ["BraintreeSettings"]

# What the SDK lets into a path, and so what an id, a merchant account and a vault token are made of.
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
# A tokenization key or an access token says its environment; neither is a key of the server.
# https://developer.paypal.com/braintree/docs/guides/authorization/tokenization-key (checked 2026-11-20)
_NO_SERVER_KEY: Final = ("sandbox_", "production_", "access_token$")
# A company's part of a descriptor has one of these lengths, the whole has 22 characters.
# https://developer.paypal.com/braintree/docs/reference/request/transaction/sale#descriptor.name (checked 2026-11-20)
COMPANY_LENGTHS: Final = frozenset({3, 7, 12})


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class BraintreeSettings(BaseSettings):
    """One account at Braintree. Every field is keyword-only.

    What is not given is read from the environment: `EVPAY_PROVIDERS__<ACCOUNT>__<FIELD>`, so that two accounts never
    share a key by accident.

    `environment`: `production` moves real money. Nothing in the keys says which of the two they belong to.
    `merchant_accounts`: from currency to merchant account id. The merchant account decides the currency, not a request.
    `base_url`: None is Braintree's own; else `http://` and a server on this machine, never with `production`.
    `webhook_keys`: further key pairs that sign webhooks, from public to private key, while keys are being rotated.
    `webhook_max_age`: how old a message may be; it is sent again with the time of its first sending.
    `deadline`: of one request of the transport; keep it below the engine's own. `threads`: how many run at once.
    `request_keys`: send idempotency keys. Braintree must have enabled them for the account, or it refuses them.
    `request_increment`: the account's processor raises authorizations.
    `request_estimated`: say of every hold with the driver present that its amount is an estimate.
    `partial_approval`: accept less than was asked, where the issuer offers it.
    `partial_settlement`: payment instrument types that may be captured more than once, as `paypal_account`.
    `company`: 3, 7 or 12 characters; with it, statements show `company*code` with the receipt's short code.
    `reference_field`: a custom field, defined in the Control Panel, that is to carry our reference too.

    >>> BraintreeSettings(
    ...     merchant_id="m1", public_key="p1", private_key="an-example-private-key", merchant_accounts={"EUR": "eur"}
    ... ).live
    False

    Raises:
        ConfigurationError: naming the field and never the secret.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)

    account: str = "braintree"
    environment: Literal["sandbox", "production"] = "sandbox"
    merchant_id: str
    public_key: str
    private_key: SecretStr
    merchant_accounts: Annotated[Mapping[str, str], Field(min_length=1)]
    base_url: str | None = None
    webhook_keys: Mapping[str, SecretStr] = Field(default_factory=dict)
    webhook_max_age: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=7))] = timedelta(days=2)
    deadline: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(minutes=2))] = timedelta(seconds=20)
    threads: Annotated[int, Field(ge=1, le=100)] = 16
    request_keys: bool = False
    request_increment: bool = False
    request_estimated: bool = False
    partial_approval: bool = False
    partial_settlement: tuple[str, ...] = ()
    company: str | None = None
    reference_field: Annotated[str | None, Field(pattern=r"^[a-z0-9_]{1,255}$")] = None

    def __init__(self, **fields: Any) -> None:
        account = str(fields.get("account", "braintree"))
        prefix = f"EVPAY_PROVIDERS__{account.upper()}__"
        try:
            super().__init__(_env_prefix=prefix, **fields)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            variable = prefix + place.partition(".")[0].upper()
            cure = f" Set it in BraintreeSettings or as {variable}." if first["type"] == "missing" else ""
            raise ConfigurationError(
                first["msg"].removeprefix("Value error, ") + "." + cure, path=f"providers.{account}.{place}".rstrip(".")
            ) from None
        except SettingsError as error:
            raise ConfigurationError(
                f"A variable {prefix}... does not hold the JSON that its field wants.", path=f"providers.{account}"
            ) from error
        except ConfigurationError as error:
            cause = error.message.removeprefix(f"{error.path}: ")
            raise ConfigurationError(cause, path=f"providers.{account}.{error.path}") from None

    @field_validator("merchant_id", "public_key")
    @classmethod
    def _server_key(cls, value: str) -> str:
        if value.startswith(_NO_SERVER_KEY):
            raise ValueError("this is a key for apps and browsers; take the server's keys from the Control Panel")
        if not _SEGMENT.match(value):
            raise ValueError("letters, digits, - and _ only")
        return value

    @field_validator("private_key", "webhook_keys")
    @classmethod
    def _usable_secrets(cls, value: SecretStr | Mapping[str, SecretStr]) -> SecretStr | Mapping[str, SecretStr]:
        for secret in value.values() if isinstance(value, Mapping) else (value,):
            require_secret(secret.get_secret_value(), path="private_key")
        return value

    @field_validator("merchant_accounts")
    @classmethod
    def _known_currencies(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for currency, account in value.items():
            if currency not in EXPONENTS:
                raise ValueError(f"{currency!r} is not a currency that Braintree takes; write it as EUR")
            if not _SEGMENT.match(account):
                raise ValueError(f"the merchant account of {currency} is letters, digits, - and _")
        return value

    @field_validator("company")
    @classmethod
    def _company_of_a_descriptor(cls, value: str | None) -> str | None:
        if value is not None and (len(value) not in COMPANY_LENGTHS or not re.fullmatch(r"[A-Za-z0-9 .+-]+", value)):
            raise ValueError("3, 7 or 12 letters, digits, spaces, points, + and -, as a descriptor wants")
        return value

    @field_validator("base_url")
    @classmethod
    def _stand_in(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme != "http" or not _is_loopback(parts.hostname) or parts.username or parts.query:
            raise ValueError("write http:// and a server on this machine, as http://127.0.0.1:9922; or leave it out")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _no_live_key_to_a_stand_in(self) -> Self:
        if self.live and self.base_url is not None:
            raise ValueError("a live key may not be used with a server on loopback")
        return self

    @property
    def live(self) -> bool:
        """Say whether the account moves real money."""
        return self.environment == "production"

    @property
    def signing_keys(self) -> tuple[tuple[str, str], ...]:
        """Return every key pair that may sign webhooks in the clear, for the verifier only."""
        own = (self.public_key, self.private_key.get_secret_value())
        return (own, *((public, private.get_secret_value()) for public, private in self.webhook_keys.items()))

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, because a pickle would carry the key in the clear."""
        raise ConfigurationError(
            "Settings with secrets are not pickled. Read them again where they are needed.",
            path=f"providers.{self.account}",
        )
