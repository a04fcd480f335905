"""Where the OCPI specification leaves a choice, the choice has a name here and a default."""

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from evpay.money import Rounding
from evpay.tariffs.exact import Exact

__all__ = ["DEFAULT_POLICY", "PricingPolicy"]


class PricingPolicy(BaseModel):
    """How open points of the tariff rules are decided.

    Attributes:
        step_size: `session_end` rounds each dimension up once, at the end; `none` bills what was measured.
        snap_seconds: decimal hours this close to a whole second are that second; 0 takes them literally.
        missing_vat: a component without a rate where prices are without tax. `by_country`: unknown in the United
            States and Canada if no component has a rate, else no tax; `no_tax`; `unknown`.
        missing_tax_included: an OCPI 2.3.0 tariff without its required `tax_included`. `no` reads it as NO, with a
            note; `error` refuses it.
        bound_without_incl: a limit that names only the price before taxes. `scale` takes the taxes along;
            `leave` leaves the total including tax as it is.
        rounding: by which rule the totals are rounded, once.
        decimals: to how many decimals; None: the currency's.
        preferred_type: the tariff type of the driver, for choosing among several tariffs.
        energy_unit: `detect` takes ENERGY for Wh, with a note, if the CDR's own total says so; `kwh` never does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step_size: Literal["session_end", "none"] = "session_end"
    snap_seconds: Annotated[Exact, Field(ge=0, le=Decimal("0.5"))] = Decimal("0.2")
    missing_vat: Literal["by_country", "no_tax", "unknown"] = "by_country"
    missing_tax_included: Literal["no", "error"] = "no"
    bound_without_incl: Literal["scale", "leave"] = "scale"
    rounding: Rounding = Rounding.HALF_AWAY_FROM_ZERO
    decimals: Annotated[int, Field(ge=0, le=12)] | None = None
    preferred_type: str | None = None
    energy_unit: Literal["detect", "kwh"] = "detect"


DEFAULT_POLICY: Final = PricingPolicy()
