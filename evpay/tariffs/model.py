"""What charging costs: the tariff, in the shape of OCPI, frozen.

Every field of an OCPI tariff has its place here, also those that are not priced yet: pricing refuses them by name,
so a tariff can always be read, kept and written.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from evpay.errors import InvalidInput
from evpay.ids import digest
from evpay.model import FrozenModel
from evpay.money import currency_of
from evpay.tariffs.exact import Exact

if TYPE_CHECKING:
    from evpay.tariffs.cost import Cost

__all__ = [
    "ComponentKind",
    "DayOfWeek",
    "Element",
    "PriceComponent",
    "PriceLimit",
    "Reservation",
    "Restrictions",
    "Tariff",
    "TariffType",
    "TaxIncluded",
    "TaxRate",
]


class ComponentKind(StrEnum):
    """What a component puts a price on (OCPI 2.3.0, TariffDimensionType)."""

    ENERGY = "energy"
    TIME = "time"
    PARKING = "parking"
    FLAT = "flat"


class TaxIncluded(StrEnum):
    """Whether the stated prices contain the taxes (OCPI 2.3.0, TaxIncluded).

    `UNSTATED` is OCPI 2.1.1: prices are without tax, and the format cannot say which tax comes on top.
    """

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"
    UNSTATED = "UNSTATED"


class TariffType(StrEnum):
    """For which drivers the tariff is (OCPI 2.3.0, TariffType)."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


class DayOfWeek(StrEnum):
    """A local weekday."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class Reservation(StrEnum):
    """Which reservations an element prices (OCPI 2.3.0, ReservationRestrictionType)."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class _Frozen(FrozenModel):
    fault_code = "invalid_tariff"


LocalTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
NotNegative = Annotated[Exact, Field(ge=0)]
Seconds = Annotated[int, Field(ge=0, le=10**9)]


class TaxRate(_Frozen):
    """One tax. Rates of `stack` 0 are taken of the net price; those of stack n on top of all below (OCPP 2.1)."""

    name: Annotated[str, Field(min_length=1, max_length=64)] = "VAT"
    percent: Annotated[Exact, Field(ge=0, le=1000)]
    stack: Annotated[int, Field(ge=0, le=9)] = 0


class PriceComponent(_Frozen):
    """One price: per kWh (`energy`), per hour (`time`, `parking`) or per session (`flat`).

    `step_size` is in Wh or seconds, 0 does not round up. `taxes`: empty if no tax applies, None if not stated.
    """

    kind: ComponentKind
    price: Exact
    taxes: tuple[TaxRate, ...] | None = None
    step_size: Annotated[int, Field(ge=0, le=10**9)] = 1


class Restrictions(_Frozen):
    """When an element applies (OCPI 2.3.0, TariffRestrictions); all that are given must hold.

    kWh, amperes (all phases), kW and seconds; times and dates are local to the site. The upper bounds are exclusive.
    `parking_free_s` is evpay's own: parking is free for so long from the end of charging; OCPI cannot say that.
    """

    start_time: LocalTime | None = None
    end_time: LocalTime | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: NotNegative | None = None
    max_kwh: NotNegative | None = None
    min_current: NotNegative | None = None
    max_current: NotNegative | None = None
    min_power: NotNegative | None = None
    max_power: NotNegative | None = None
    min_duration: Seconds | None = None
    max_duration: Seconds | None = None
    day_of_week: tuple[DayOfWeek, ...] = ()
    reservation: Reservation | None = None
    parking_free_s: Seconds | None = None

    def given(self) -> dict[str, object]:
        """Return the restrictions that are set, by name."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if value is not None and value != ()}


class Element(_Frozen):
    """Prices with the restrictions under which they apply."""

    components: Annotated[tuple[PriceComponent, ...], Field(min_length=1)]
    restrictions: Restrictions | None = None


class PriceLimit(_Frozen):
    """A least or greatest price of a session, in the currency of the tariff.

    The sides bind independently of each other. OCPI demands `before_taxes`; evpay also takes `after_taxes` alone.
    """

    before_taxes: NotNegative | None = None
    after_taxes: NotNegative | None = None

    @model_validator(mode="after")
    def _names_a_side(self) -> Self:
        if self.before_taxes is None and self.after_taxes is None:
            raise InvalidInput("A price limit names before_taxes, after_taxes or both.", code="empty_limit")
        return self


def _known_currency(code: str) -> str:
    return currency_of(code).code


class Tariff(_Frozen):
    """What energy, time and parking cost.

    Frozen; `hash` identifies its content. For each dimension the first element whose restrictions hold sets the price.

    >>> tariff = Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="gross", parking_per_hour="6.00")
    >>> str(tariff.estimate(energy_wh=20_000, minutes=40).total)
    '9.80 EUR'
    """

    id: Annotated[str, Field(min_length=1, max_length=255)]
    currency: Annotated[str, AfterValidator(_known_currency)]
    elements: Annotated[tuple[Element, ...], Field(min_length=1)]
    tax_included: TaxIncluded
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    preauthorize_amount: NotNegative | None = None
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    type: TariffType | None = None
    texts: dict[str, str] = Field(default_factory=dict)
    alt_url: str | None = None
    country_code: str | None = None
    party_id: str | None = None
    last_updated: AwareDatetime | None = None

    def __hash__(self) -> int:
        return hash(self.hash)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the content as canonical JSON, in hex; 2.50 and 2.5 are the same number."""
        return digest(_canonical(self.model_dump(exclude_defaults=True)))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values, which are not checked again; its hash is its own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("hash", None)
        return copied

    @classmethod
    def per_kwh(
        cls,
        price: str | int | Decimal,
        *,
        currency: str,
        vat: str | int | Decimal | None = None,
        prices: Literal["gross", "net"] | None = None,
        per_hour: str | int | Decimal | None = None,
        parking_per_hour: str | int | Decimal | None = None,
        per_session: str | int | Decimal | None = None,
        min_price: str | int | Decimal | None = None,
        max_price: str | int | Decimal | None = None,
        preauthorize_amount: str | int | Decimal | None = None,
        id: str | None = None,  # noqa: A002 - the attribute's own name
        country_code: str | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a simple tariff; prices in units of the currency, `vat` in percent.

        `prices` says whether the prices and limits given contain the tax; it must be said when there is one.

        Raises:
            InvalidInput: `prices_unstated` if `vat` is given and `prices` is not; `tax_unknown` for net prices
                without `vat`; `inexact_number` for floats; `unknown_currency`.
        """
        from evpay.tariffs.simple import SimplePrices, simple_tariff  # noqa: PLC0415 - it builds on this module

        given = SimplePrices(
            energy=price, time=per_hour, parking=parking_per_hour, flat=per_session, low=min_price, high=max_price
        )
        fields = simple_tariff(given, currency=currency, vat=vat, prices=prices)
        return cls._of(
            fields, id=id, preauthorize_amount=preauthorize_amount, country_code=country_code, texts=dict(texts or {})
        )

    @classmethod
    def free(cls, *, currency: str, id: str = "free") -> Self:  # noqa: A002 - the attribute's own name
        """Return the tariff of a session that costs nothing."""
        component = PriceComponent(kind=ComponentKind.FLAT, price=Decimal(0), taxes=())
        return cls(
            id=id,
            currency=currency_of(currency).code,
            elements=(Element(components=(component,)),),
            tax_included=TaxIncluded.NOT_APPLICABLE,
        )

    @classmethod
    def _of(cls, fields: Mapping[str, Any], **more: Any) -> Self:
        from evpay.tariffs.simple import build  # noqa: PLC0415 - it builds on this module

        return build(cls, {**fields, **{name: value for name, value in more.items() if value is not None}})

    @classmethod
    def from_ocpi(cls, document: Mapping[str, Any], *, version: str | None = None) -> "Tariff":
        """Read an OCPI tariff object (2.1.1, 2.2.1 or 2.3.0; found out when `version` is None).

        Raises:
            InvalidInput: with a stable code and the JSON path.
        """
        from evpay.tariffs.ocpi import read_tariff  # noqa: PLC0415 - the reader builds on this module

        return read_tariff(document, version=version).tariff

    def to_ocpi(self, *, version: str = "2.3.0") -> dict[str, Any]:
        """Return the tariff as OCPI writes it, numbers as Decimal.

        Raises:
            InvalidInput: `not_expressible` with the path of what that version of OCPI cannot say.
        """
        from evpay.tariffs.ocpi import write_tariff  # noqa: PLC0415 - the writer builds on this module

        return write_tariff(self, version=version)

    def estimate(
        self,
        energy_wh: int,
        minutes: int,
        idle_minutes: int = 0,
        *,
        start: datetime | None = None,
        time_zone: str | None = None,
    ) -> "Cost":
        """Return the `Cost` of a session that charges so much in so many minutes, and then stays plugged idle.

        Prices by local time need the `start` and the `time_zone` of the site.

        Raises:
            InvalidInput: `start_missing`, `time_zone_missing`; and if the tariff uses what is not priced yet, with
                the path.
        """
        from evpay.tariffs.forecast import estimate  # noqa: PLC0415 - the evaluator builds on this module

        return estimate(
            self, energy_wh=energy_wh, minutes=minutes, idle_minutes=idle_minutes, start=start, time_zone=time_zone
        )


def _canonical(value: Any) -> Any:
    if isinstance(value, Decimal):
        top, bottom = value.as_integer_ratio()
        return f"{top}/{bottom}"
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value
