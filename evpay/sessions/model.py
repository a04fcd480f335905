"""A charging session, and where it takes place."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, JsonValue, field_serializer, field_validator

from evpay.errors import InvalidInput
from evpay.model import ExactDecimal, FrozenModel, Instant
from evpay.money import Money
from evpay.sessions.readings import Flag, MeterReading

__all__ = ["Admission", "Connector", "CurrentType", "Session", "SessionStatus", "Site"]

Identifier = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A host's own name for something: 1 to 255 characters, no control characters."""


class SessionStatus(StrEnum):
    """Where the session stands."""

    WAITING = "waiting"
    READY = "ready"
    CHARGING = "charging"
    IDLE = "idle"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Admission(StrEnum):
    """The answer for the station. WAIT is ended by the event `AdmissionChanged`."""

    ALLOW = "allow"
    WAIT = "wait"
    DENY = "deny"


class CurrentType(StrEnum):
    """Alternating or direct current."""

    AC = "ac"
    DC = "dc"


class Connector(FrozenModel):
    """A connector, copied into the session. `None` for an interval or a latency: no meter, cannot be stopped.

    `max_power_w` in W; `meter_interval_s` between two readings and `stop_latency_s` until a stop takes effect, in s.
    """

    id: Identifier
    max_power_w: int | None = Field(default=None, gt=0, le=10_000_000)
    current: CurrentType | None = None
    meter_interval_s: int | None = Field(default=60, gt=0, le=86_400)
    stop_latency_s: int | None = Field(default=60, ge=0, le=86_400)


class Site(FrozenModel):
    """A place with connectors; local time comes from its `time_zone` and from nowhere else."""

    id: Identifier
    name: str = Field(default="", max_length=200)
    address: str = Field(default="", max_length=400)
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    time_zone: str = "UTC"
    seller: str | None = None
    profile: str | None = None
    policy: Mapping[str, JsonValue] = Field(default_factory=dict)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise InvalidInput(
                f"{value!r} is not a time zone of the IANA database. Use a name such as 'Europe/Berlin'.",
                code="unknown_time_zone",
            ) from None
        return value


class Session(FrozenModel):
    """What happened at one connector. Immutable: every call returns a newer one.

    `energy_wh` in Wh since the start, counted from `first_reading` to `last_reading`, the last that carries an
    energy; `flags` say what a person may want to look at; `denial` why it was refused.
    """

    id: str
    tenant: str
    status: SessionStatus
    admission: Admission
    denial: str | None = None
    driver: str | None = None
    site: Site
    connector: Connector | None = None
    tariff_id: str
    tariff_hash: str
    intent_id: str | None = None
    limit: Money | None = None
    started_at: Instant
    charging_ended_at: Instant | None = None
    ended_at: Instant | None = None
    energy_wh: ExactDecimal = Decimal(0)
    first_reading: MeterReading | None = None
    last_reading: MeterReading | None = None
    signed_data: tuple[str, ...] = ()
    stop_reason: str | None = None
    flags: frozenset[Flag] = frozenset()
    receipt_number: str | None = None
    created_at: Instant
    updated_at: Instant

    @field_serializer("flags", when_used="json")
    def _sorted(self, flags: frozenset[Flag]) -> list[str]:
        return sorted(flags)
