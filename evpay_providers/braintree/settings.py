"""What an account at Braintree needs to be told; checked once, before anything is sent."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, field_validator

from evpay.providers.settings import AccountSettings, ServerUrl, SigningSecret, is_loopback
from evpay_providers.braintree.amounts import BRAINTREE_EXPONENTS

__all__ = ["BraintreeSettings"]

# What the SDK lets into a path, and so what an id, a merchant account and a vault token are made of.
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
# A tokenization key or an access token says its environment; neither is a key of the server.
# https://developer.paypal.com/braintree/docs/guides/authorization/tokenization-key (checked 2026-11-20)
_NO_SERVER_KEY: Final = ("sandbox_", "production_", "access_token$")
# A company's part of a descriptor has one of these lengths, the whole has 22 characters.
# https://developer.paypal.com/braintree/docs/reference/request/transaction/sale#descriptor.name (checked 2026-11-20)
COMPANY_LENGTHS: Final = frozenset({3, 7, 12})


def _stand_in(value: str) -> str:
    if not value.startswith("http:") or not is_loopback(value):
        raise ValueError("write http:// and a server on this machine, as http://127.0.0.1:9922; or leave it out")
    return value


class BraintreeSettings(AccountSettings):
    """One account at Braintree. Every field is keyword-only.

    `environment`: `production` moves real money. Nothing in the keys says which of the two they belong to.
    `merchant_accounts`: from currency to merchant account id. The merchant account decides the currency, not a request.
    `base_url`: only ever a server on this machine, over `http://`.
    `webhook_keys`: further key pairs that sign webhooks, from public to private key, while keys are being rotated.
    `webhook_max_age`: how old a message may be; it is sent again with the time of its first sending.
    `threads`: how many calls run at once.
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

    account: str = "braintree"
    environment: Literal["sandbox", "production"] = "sandbox"
    merchant_id: str
    public_key: str
    private_key: SigningSecret
    merchant_accounts: Annotated[Mapping[str, str], Field(min_length=1)]
    base_url: Annotated[ServerUrl, AfterValidator(_stand_in)] | None = None
    webhook_keys: Mapping[str, SigningSecret] = Field(default_factory=dict)
    webhook_max_age: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=7))] = timedelta(days=2)
    threads: Annotated[int, Field(ge=1, le=100)] = 16
    request_keys: bool = False
    request_increment: bool = False
    request_estimated: bool = False
    partial_approval: bool = False
    partial_settlement: tuple[str, ...] = ()
    company: str | None = None
    reference_field: Annotated[str | None, Field(pattern=r"^[a-z0-9_]{1,255}$")] = None

    if TYPE_CHECKING:  # a secret is given as text, and a default may come from the environment: say so to type checkers

        def __init__(self, **fields: Any) -> None: ...

    @field_validator("merchant_id", "public_key")
    @classmethod
    def _server_key(cls, value: str) -> str:
        if value.startswith(_NO_SERVER_KEY):
            raise ValueError("this is a key for apps and browsers; take the server's keys from the Control Panel")
        if not _SEGMENT.match(value):
            raise ValueError("letters, digits, - and _ only")
        return value

    @field_validator("merchant_accounts")
    @classmethod
    def _known_currencies(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for currency, account in value.items():
            if currency not in BRAINTREE_EXPONENTS:
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

    @property
    def live(self) -> bool:
        """Say whether the account moves real money."""
        return self.environment == "production"

    @property
    def signing_secrets(self) -> tuple[tuple[str, str], ...]:
        """Return every key pair that may sign webhooks in the clear, for the verifier only."""
        own = (self.public_key, self.private_key.get_secret_value())
        return (own, *((public, private.get_secret_value()) for public, private in self.webhook_keys.items()))
