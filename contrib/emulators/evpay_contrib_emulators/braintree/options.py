"""What differs between two Braintree accounts, as far as it matters here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

from evpay_contrib_emulators.braintree.currencies import is_currency

__all__ = ["Options"]

ADJUSTMENTS: Final = ("both", "increase", "decrease", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of an account; `configure` takes them by name."""

    merchant_id: str = "integration_merchant_id"
    public_key: str = "integration_public_key"
    private_key: str = "integration_private_key"
    other_keys: Mapping[str, str] = field(default_factory=dict)
    """More pairs of keys, public to private: they are taken too, and each signs every webhook."""
    merchant_accounts: Mapping[str, str] = field(
        default_factory=lambda: {
            "emulator_eur": "EUR",
            "emulator_usd": "USD",
            "emulator_gbp": "GBP",
            "emulator_nok": "NOK",
            "emulator_sek": "SEK",
            "emulator_jpy": "JPY",
            "emulator_kwd": "KWD",
        }
    )
    """The merchant accounts and the one currency of each; the first is the default."""
    api_request_keys: bool = True
    """The account may use keys for at-most-once processing; without, 915231."""
    adjustment: str = "both"
    """What the processor does with an adjusted authorization: `both`, `increase`, `decrease` or `none`."""
    overcapture_percent: int = 100
    """How much of an authorization may be settled; more than all of it only in a few industries."""
    card_partial_settlement: bool = False
    """Several settlements of one authorization are possible for cards too, not for PayPal and Venmo alone."""
    card_settled_webhooks: bool = False
    """`transaction_settled` is sent for cards too."""
    card_funds: str = ""
    """What a card has to give, as an amount: above it the answer is 2001, or a part where a part is accepted."""
    wallets: tuple[str, ...] = ("android_pay_card", "apple_pay_card", "paypal_account", "venmo_account")
    """The instruments beside cards that the account takes."""
    three_d_secure: bool = False
    """No card without 3-D Secure, whether the request asks for it or not; charges off-session are let through."""
    address_rules: bool = False
    """A street number 200, a postal code 20000 or a CVV 200 does not match, and what does not match is rejected."""
    custom_fields: tuple[str, ...] = ()
    """The custom fields that are set up; others are refused."""
    duplicate_seconds: float = 0.0
    """How long the same sale counts as a duplicate, where no key comes with it; 0 switches the check off."""
    search_lag: float = 0.0
    """Seconds until search finds a new transaction."""
    settlement_hour: int = 3
    """When the night's settlement starts, in UTC."""
    key_days: float = 30.0
    """How long a key for at-most-once processing is remembered."""
    gzip: bool = True
    """Answers are compressed for those who take that."""

    def changed(self, options: Mapping[str, Any]) -> Self:
        """Return the same settings with these in their place.

        Raises:
            ValueError: a name is not known, or a value does not fit.
        """
        values: dict[str, Any] = {}
        for name, value in options.items():
            if name not in {known.name for known in fields(self)}:
                raise ValueError(
                    f"unknown option {name!r}; known are {', '.join(known.name for known in fields(self))}"
                )
            values[name] = _fitting(name, value, like=getattr(self, name))
        changed = replace(self, **values)
        _check(changed)
        return changed

    @property
    def keys(self) -> dict[str, str]:
        """Every pair of keys, public to private, the first one first."""
        return {self.public_key: self.private_key, **self.other_keys}

    @property
    def default_account(self) -> str:
        """The merchant account of requests that name none."""
        return next(iter(self.merchant_accounts))


def _check(options: Options) -> None:
    if options.adjustment not in ADJUSTMENTS:
        raise ValueError(f"adjustment is {options.adjustment!r}: not one of {', '.join(ADJUSTMENTS)}")
    if not options.merchant_accounts or not all(is_currency(code) for code in options.merchant_accounts.values()):
        raise ValueError("merchant_accounts needs at least one account, each with a currency such as EUR")
    if options.settlement_hour > 23:
        raise ValueError(f"settlement_hour is {options.settlement_hour!r}: not an hour")
    try:
        Decimal(options.card_funds or "0")
    except InvalidOperation:
        raise ValueError(f"card_funds is {options.card_funds!r}: not an amount") from None


def _fitting(name: str, value: Any, *, like: Any) -> Any:
    if isinstance(like, tuple):
        if isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        raise ValueError(f"{name} is {value!r}: not a list of texts")
    if isinstance(like, Mapping):
        if isinstance(value, Mapping) and all(
            isinstance(item, str) and item for pair in value.items() for item in pair
        ):
            return dict(value)
        raise ValueError(f"{name} is {value!r}: not texts by name")
    wanted: tuple[type, ...] = (int, float) if isinstance(like, float) else (type(like),)
    if not isinstance(value, wanted) or (isinstance(value, bool) and not isinstance(like, bool)):
        raise ValueError(f"{name} is {value!r}: not like {like!r}")  # noqa: TRY004 - what callers are told to expect
    if isinstance(value, int | float) and value < 0:
        raise ValueError(f"{name} is {value!r}: less than nothing")
    return value
