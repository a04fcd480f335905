"""The driver's means of payment, as a token that a processor minted."""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field, field_validator

from evpay.errors import CardNumberRefused
from evpay.model import FrozenModel, Instant

__all__ = ["MethodKind", "PaymentMethod", "SavedMethod", "refuse_card_number"]

_DIGIT_RUN: Final = re.compile(r"\d(?:[\W_]{0,2}\d){12,}")
_ISSUER_PREFIX: Final = re.compile(r"3[0-9]|4|5[0-9]|6[0-9]|2[2-7]|81|9[0-9]")


class MethodKind(StrEnum):
    """What kind of thing the token stands for."""

    CARD = "card"
    WALLET = "wallet"
    BANK = "bank"
    CRYPTO = "crypto"
    PREPAID = "prepaid"
    FLEET = "fleet"
    ROAMING = "roaming"
    TERMINAL = "terminal"
    FREE = "free"


def _passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(number - 9 * (number > 9) for number in doubled) % 10 == 0


def _candidates(groups: list[str]) -> Iterable[str]:
    """Return what may be a card number: the beginning of the run, or whole groups of it of a card's usual length."""
    run = "".join(groups)
    yield from (run[:length] for length in range(13, min(len(run), 19) + 1))
    for first in range(1, len(groups)):
        for last in range(first + 1, len(groups) + 1):
            digits = "".join(groups[first:last])
            if len(digits) in (14, 15, 16, 19):
                yield digits


def refuse_card_number(text: str, *, field: str) -> str:
    """Return `text`, or raise if a run of 13 to 19 digits in it passes as a card number.

    Separators between digits, a number before them, and digits of other scripts do not hide it. The check digit is
    that of ISO/IEC 7812-1.

    Raises:
        CardNumberRefused: naming the field, never the value.
    """
    for run in _DIGIT_RUN.finditer(unicodedata.normalize("NFKC", text)):
        ascii_run = "".join(str(unicodedata.decimal(letter, letter)) for letter in run.group())
        candidates = _candidates(re.findall(r"\d+", ascii_run))
        if any(_ISSUER_PREFIX.match(digits) and _passes_luhn(digits) for digits in candidates):
            raise CardNumberRefused(field)
    return text


class PaymentMethod(FrozenModel):
    """A token and what is known about the thing behind it.

    `account` is the account that minted the token; routing obeys it. Input that looks like a card number is refused.

    >>> PaymentMethod("pm_card_visa").kind
    <MethodKind.CARD: 'card'>
    """

    token: str = Field(min_length=1, max_length=16_384, repr=False)  # an Apple Pay token alone may have 10,000
    kind: MethodKind = MethodKind.CARD
    account: str | None = None
    customer: str | None = Field(default=None, max_length=255)
    brand: str | None = Field(default=None, max_length=40)
    last4: str | None = Field(default=None, pattern=r"^[0-9A-Za-z]{4}$")
    expires: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}$")
    label: str | None = Field(default=None, max_length=80)

    if TYPE_CHECKING:

        def __init__(self, token: str, **fields: Any) -> None: ...

    else:  # JSON may lack the token: that is invalid input, not a TypeError

        def __init__(self, /, token: str = "", **fields: Any) -> None:
            super().__init__(token=token, **fields)

    @field_validator("token", "account", "customer", "label", "brand")
    @classmethod
    def _no_card_number(cls, value: str | None, info: Any) -> str | None:
        return value if value is None else refuse_card_number(value, field=f"PaymentMethod.{info.field_name}")


class SavedMethod(FrozenModel):
    """A means of payment that a driver let us keep: `start` takes its `method`, also when the driver is away."""

    id: str
    driver: str
    method: PaymentMethod
    created_at: Instant
