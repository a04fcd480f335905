"""What an operator decides about money: how much to hold, when to raise it, what to do at the edges."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from evpay.errors import InvalidInput
from evpay.model import FrozenModel
from evpay.money import Money, parse_money

__all__ = ["Amounts", "Policy"]


def _amounts(value: object) -> object:
    """Read `"50 EUR"`, a Money, or a list with one per currency."""
    if isinstance(value, str):
        return (parse_money(value),)
    if isinstance(value, Money):
        return (value,)
    if isinstance(value, list | tuple):
        return tuple(parse_money(item) if isinstance(item, str) else item for item in value)
    raise InvalidInput(
        f"{value!r:.40} is not an amount. Write '50 EUR', or a list with one per currency.", code="malformed_money"
    )


def _one_each(amounts: tuple[Money, ...]) -> tuple[Money, ...]:
    codes = [money.currency.code for money in amounts]
    twice = next((code for code in codes if codes.count(code) > 1), None)
    if twice is not None:
        raise InvalidInput(f"There are two amounts in {twice}. Give one per currency.", code="two_amounts")
    below = next((money for money in amounts if money.amount < 0), None)
    if below is not None:
        raise InvalidInput(f"{below} is below zero.", code="negative_amount")
    return amounts


Amounts = Annotated[tuple[Money, ...], BeforeValidator(_amounts), AfterValidator(_one_each)]
"""One amount per currency; in settings `"50 EUR"` or `["50 EUR", "500 NOK"]`."""


def _hold(value: object) -> object:
    return value if value in ("tariff", "energy") else _amounts(value)


class Policy(FrozenModel):
    """Policies merge field by field: default, site, call.

    - hold: `"tariff"` (the tariff's `preauthorize_amount`, else its price for `hold_energy_wh` and
      `hold_duration_s`), `"energy"` (always that price) or an amount. Margin in percent, rounded up to `hold_step`.
    - growing: at `raise_at_percent` of the hold it is raised by `raise_step` (None: by the first hold again), up to
      `raise_max`.
    - time: `answer_within_s` bounds the processor's answer at start; a driver who is not through after
      `start_within_s` is denied; `before_expiry_s` before a hold expires the session is asked to stop.
    """

    hold: (
        Literal["tariff", "energy"] | Annotated[tuple[Money, ...], BeforeValidator(_hold), AfterValidator(_one_each)]
    ) = "tariff"
    hold_energy_wh: int = Field(default=30_000, gt=0, le=1_000_000)
    hold_duration_s: int = Field(default=7_200, ge=0, le=604_800)
    hold_idle_s: int = Field(default=0, ge=0, le=604_800)
    hold_margin_percent: int = Field(default=0, ge=0, le=500)
    hold_step: Amounts = ()
    hold_min: Amounts = ()
    hold_max: Amounts = ()
    raise_at_percent: int = Field(default=80, ge=1, le=100)
    raise_step: Amounts = ()
    raise_max: Amounts = ()
    answer_within_s: float = Field(default=30, gt=0, le=120)
    start_within_s: int = Field(default=300, gt=0, le=86_400)
    before_expiry_s: int = Field(default=86_400, ge=0, le=2_592_000)
    accept_partial_hold: bool = True
    late_data: Literal["report"] = "report"
    debt: Literal["record"] = "record"
    unsecured: Literal["deny"] = "deny"
    pricing: Mapping[str, JsonValue] = Field(default_factory=dict)

    if TYPE_CHECKING:  # more may be given than is kept; pyright has no plugin that would know

        def __init__(
            self,
            *,
            hold: str | Money | Sequence[str | Money] = ...,
            hold_energy_wh: int = ...,
            hold_duration_s: int = ...,
            hold_idle_s: int = ...,
            hold_margin_percent: int = ...,
            hold_step: str | Money | Sequence[str | Money] = ...,
            hold_min: str | Money | Sequence[str | Money] = ...,
            hold_max: str | Money | Sequence[str | Money] = ...,
            raise_at_percent: int = ...,
            raise_step: str | Money | Sequence[str | Money] = ...,
            raise_max: str | Money | Sequence[str | Money] = ...,
            answer_within_s: float = ...,
            start_within_s: int = ...,
            before_expiry_s: int = ...,
            accept_partial_hold: bool = ...,
            late_data: Literal["report"] = ...,
            debt: Literal["record"] = ...,
            unsecured: Literal["deny"] = ...,
            pricing: Mapping[str, JsonValue] = ...,
        ) -> None: ...

    def merged(self, *layers: "Policy | Mapping[str, Any] | None") -> Self:
        """Return this policy with the fields that later layers set, one by one."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        for layer in layers:
            if isinstance(layer, Policy):
                fields |= {name: getattr(layer, name) for name in layer.model_fields_set}
            elif layer:
                fields |= dict(layer)
        return type(self)(**fields)

    def amount(self, name: str, currency: str) -> Money | None:
        """Return the amount of a field in the currency, or None where the field says nothing about it."""
        amounts = getattr(self, name)
        if isinstance(amounts, str):
            return None
        return next((money for money in amounts if money.currency.code == currency), None)
