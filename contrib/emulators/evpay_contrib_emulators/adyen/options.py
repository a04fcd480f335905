"""What differs between two Adyen accounts: keys, what Support has switched on, and how fast things happen here."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

__all__ = ["Options", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of the emulator; times are by its clock.

    `hold_days` is how long an authorisation stands: Adyen's own limit is 28 days, card schemes have shorter ones that
    are not modelled. `overcapture_percent` and `multiple_partial_captures` are off until Support enables them; so is
    `synchronous_adjustments`, with which authorisations carry `adjustAuthorisationData`. `modification_delay` is how
    many seconds after a modification its webhook comes. `webhook_batch` is how many items one webhook carries; with
    more than one, they wait until so many are there, or for `act("flush")`.
    """

    api_key: str = "AQE-key-of-the-emulator"
    merchant_account: str = "TestMerchant"
    company_account: str = "TestCompany"
    # The key in the examples of Adyen's libraries; it protects nothing.
    hmac_key: str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
    webhook_user: str = ""
    webhook_password: str = ""
    webhook_batch: int = 1
    manual_capture: bool = False
    multiple_partial_captures: bool = False
    overcapture_percent: int = 0
    synchronous_adjustments: bool = False
    hold_days: int = 28
    modification_delay: float = 0
    in_flight_status: int = 422
    settle_nightly: bool = False
    public_url: str = ""


_LEAST: Final[Mapping[str, int]] = {
    "webhook_batch": 1,
    "overcapture_percent": 0,
    "hold_days": 1,
    "modification_delay": 0,
}
_TEXTS_TO_FILL: Final = frozenset({"api_key", "merchant_account", "company_account", "hmac_key"})


def changed(options: Options, given: Mapping[str, Any]) -> Options:
    """Return the options with those that are given.

    Raises:
        ValueError: an option is not known, or its value does not fit.
    """
    kinds: dict[str, type] = {field.name: type(getattr(options, field.name)) for field in fields(options)}
    kinds["modification_delay"] = float
    for name, value in given.items():
        if name not in kinds:
            raise ValueError(f"unknown option {name!r}; there are {', '.join(sorted(kinds))}")
        _check(name, value, kinds[name])
    return replace(options, **given)


def _check(name: str, value: object, kind: type) -> None:
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"option {name} is {value!r}: it must be a {kind.__name__}")
    if isinstance(value, int | float) and value < _LEAST.get(name, value):
        raise ValueError(f"option {name} is {value!r}: too small")
    if name in _TEXTS_TO_FILL and not value:
        raise ValueError(f"option {name} is empty")
    if name == "hmac_key":
        bytes.fromhex(str(value))
    if name == "in_flight_status" and value not in {409, 422}:
        raise ValueError(f"option {name} is {value!r}: 409 or 422")
