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
        whole_day_when_start_equals_end: a `start_time` equal to `end_time` is the whole day; False: it never holds.
        missing_measurement: a restriction on current or power where nothing was measured. `fail`: it does not hold,
            with a note; `match`: it does.
        measured_bounds: `inside`: the whole period lies within a restriction on current or power (its least value
            reaches the minimum, its greatest stays below the maximum); `touching`: part of it does.
        power_of_interval: the power between two readings. `held`: the value measured at the first of them;
            `average`: the energy between them by the time between them.
        flat_once_per: a price per session is charged once per `context` (one for a reservation, one for charging),
            once per `session` whichever comes first, or once per `tariff` and context.
        flat_without_energy: a price per session where no energy flowed: `charged` or `waived`. That of a reservation
            is charged.
        reservation_step: `own`: reservation time is rounded up on its own; `with_time`: as charging time, so not at
            all if parking was priced.
        duration_from: durations of restrictions count from `charging_start`, the first period that is no reservation,
            or from `cdr_start`. Those of a reservation's own prices count from its start.
        step_size: `session_end` rounds each dimension up once, at the end; `none` bills what was measured.
        time_step_taken_by: which of charging and parking time is rounded up. `parking_if_any`: parking if any was
            priced; `last_time_dimension`: the one that was priced last.
        step_counts: `priced`: only volume that has a price is rounded up to whole steps; `all`: the sum rounds with
            what was free.
        snap_seconds: decimal hours this close to a whole second are that second; 0 takes them literally.
        missing_vat: a component without a rate where prices are without tax. `by_country`: unknown in the United
            States and Canada if no component has a rate, else no tax; `no_tax`; `unknown`.
        missing_tax_included: an OCPI 2.3.0 tariff without its required `tax_included`. `no` reads it as NO, with a
            note; `error` refuses it.
        bound_without_incl: a limit that names only the price before taxes. `scale` takes the taxes along;
            `leave` leaves the total including tax as it is.
        component_decimals: to how many decimals the amount of each price component is rounded before it is added up,
            by the same rule; None: not at all. Some hubs bill like that.
        rounding: by which rule the totals are rounded, once.
        decimals: to how many decimals; None: the currency's.
        period_without_tariff: a period that names no tariff where others do. `session_tariff`: it has the one of the
            session's start; `unpriced`: it costs nothing.
        tariff_at: the tariff that holds for a period that names none is the one valid at `session_start` or at
            `period_start`.
        preferred_type: the tariff type of the driver, for choosing among several tariffs.
        zone_from_country: where neither the caller nor the record says the time zone, it is that of the country of the
            record's location, if all its chargers are in one zone.
        energy_unit: `detect` takes ENERGY for Wh, with a note, if the CDR's own total says so; `kwh` never does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    whole_day_when_start_equals_end: bool = True
    missing_measurement: Literal["fail", "match"] = "fail"
    measured_bounds: Literal["inside", "touching"] = "inside"
    power_of_interval: Literal["held", "average"] = "held"
    flat_once_per: Literal["context", "session", "tariff"] = "context"
    flat_without_energy: Literal["charged", "waived"] = "charged"
    reservation_step: Literal["own", "with_time"] = "own"
    duration_from: Literal["charging_start", "cdr_start"] = "charging_start"
    step_size: Literal["session_end", "none"] = "session_end"
    time_step_taken_by: Literal["parking_if_any", "last_time_dimension"] = "parking_if_any"
    step_counts: Literal["priced", "all"] = "priced"
    snap_seconds: Annotated[Exact, Field(ge=0, le=Decimal("0.5"))] = Decimal("0.2")
    missing_vat: Literal["by_country", "no_tax", "unknown"] = "by_country"
    missing_tax_included: Literal["no", "error"] = "no"
    bound_without_incl: Literal["scale", "leave"] = "scale"
    component_decimals: Annotated[int, Field(ge=0, le=12)] | None = None
    rounding: Rounding = Rounding.HALF_AWAY_FROM_ZERO
    decimals: Annotated[int, Field(ge=0, le=12)] | None = None
    period_without_tariff: Literal["session_tariff", "unpriced"] = "session_tariff"
    tariff_at: Literal["session_start", "period_start"] = "session_start"
    preferred_type: str | None = None
    zone_from_country: bool = False
    energy_unit: Literal["detect", "kwh"] = "detect"


DEFAULT_POLICY: Final = PricingPolicy()
