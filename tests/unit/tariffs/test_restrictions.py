"""Restrictions one by one: when an element holds, by a price of 1 per kWh behind which nothing else has a price."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

import pytest

from evpay.errors import InvalidInput
from evpay.tariffs.compile import compile_tariff
from evpay.tariffs.meter import CostMeter
from evpay.tariffs.model import Tariff
from evpay.tariffs.ocpi import price_cdr
from evpay.tariffs.policy import PricingPolicy
from evpay.tariffs.zone import zone_clock

SECOND, WH = 1_000_000, 3_600_000


def component(kind="ENERGY", price=1, step_size=0):
    return {"type": kind, "price": price, "step_size": step_size}


def element(*components, **restrictions):
    return {"price_components": list(components), **({"restrictions": restrictions} if restrictions else {})}


def tariff(*elements, **more):
    return {"id": "T", "country_code": "NL", "party_id": "EVP", "currency": "EUR", "elements": list(elements), **more}


def period(start, *dimensions, **more):
    listed = [{"type": name, "volume": volume} for name, volume in dimensions]
    return {"start_date_time": start, "dimensions": listed, **more}


def cdr(*periods, **more):
    return {
        "currency": "EUR",
        "start_date_time": periods[0]["start_date_time"],
        "end_date_time": "2027-01-01T00:00:00Z",
        "charging_periods": list(periods),
        **more,
    }


def charged(start, zone="Europe/Amsterdam", policy=None, measured=(), **restrictions):
    """Say whether a kWh that begins at `start` has the price of an element with these restrictions."""
    record = cdr(period(start, ("ENERGY", 1), *measured), end_date_time=start)
    found = tariff(element(component(), **restrictions))
    return price_cdr(record, found, time_zone=zone, policy=policy or PricingPolicy()).total.amount == 1


# --- local times --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        ({"start_time": "10:00", "end_time": "11:00"}, ["10:00:00", "10:59:59"], ["09:59:59", "11:00:00", "00:00:00"]),
        ({"start_time": "22:00", "end_time": "06:00"}, ["22:00:00", "00:00:00", "05:59:59"], ["21:59:59", "06:00:00"]),
        ({"start_time": "22:00", "end_time": "00:00"}, ["22:00:00", "23:59:59"], ["21:59:59", "00:00:00"]),
        ({"start_time": "22:00"}, ["22:00:00", "23:59:59"], ["21:59:59", "00:00:00"]),
        ({"end_time": "06:00"}, ["00:00:00", "05:59:59"], ["06:00:00", "23:59:59"]),
        ({"end_time": "00:00"}, ["00:00:00", "12:00:00", "23:59:59"], []),
        ({"start_time": "00:00", "end_time": "00:00"}, ["00:00:00", "23:59:59"], []),
        ({"start_time": "00:00", "end_time": "23:59"}, ["00:00:00", "23:58:59"], ["23:59:00"]),
        ({"start_time": "08:00", "end_time": "08:00"}, ["08:00:00", "07:59:59"], []),
    ],
)
def test_window_of_the_day(window, inside, outside):
    """The start belongs to the window, the end does not; 00:00 as an end is midnight that comes."""
    assert [clock for clock in inside if not charged(f"2026-06-17T{clock}Z", "UTC", **window)] == []
    assert [clock for clock in outside if charged(f"2026-06-17T{clock}Z", "UTC", **window)] == []


def test_a_window_without_length_may_never_hold():
    """Where start and end are the same, the policy decides; midnight to midnight is a day in any case."""
    never = PricingPolicy(whole_day_when_start_equals_end=False)

    assert not charged("2026-06-17T08:00:00Z", policy=never, start_time="08:00", end_time="08:00")
    assert charged("2026-06-17T08:00:00Z", policy=never, start_time="00:00", end_time="00:00")


@pytest.mark.parametrize(
    ("start", "restrictions", "holds"),
    [
        ("2026-06-19T22:00:00Z", {"day_of_week": ["SATURDAY"]}, True),  # 00:00 on Saturday in Amsterdam
        ("2026-06-19T21:59:59Z", {"day_of_week": ["SATURDAY"]}, False),
        ("2026-06-17T10:00:00Z", {"day_of_week": ["MONDAY", "WEDNESDAY"]}, True),
        ("2026-06-17T10:00:00Z", {"day_of_week": []}, True),
        # Over midnight the weekday is that of the instant, not of the evening before.
        ("2026-06-20T03:00:00Z", {"day_of_week": ["SATURDAY"], "start_time": "22:00", "end_time": "06:00"}, True),
        ("2026-06-21T03:00:00Z", {"day_of_week": ["SATURDAY"], "start_time": "22:00", "end_time": "06:00"}, False),
        ("2026-06-16T22:00:00Z", {"start_date": "2026-06-17"}, True),
        ("2026-06-16T21:59:59Z", {"start_date": "2026-06-17"}, False),
        ("2026-06-17T21:59:59Z", {"end_date": "2026-06-18"}, True),
        ("2026-06-17T22:00:00Z", {"end_date": "2026-06-18"}, False),
        ("2026-06-17T22:00:00Z", {"start_date": "2026-06-18", "end_date": "2026-06-18"}, False),
        ("2026-03-29T01:00:00Z", {"start_time": "02:00", "end_time": "03:00"}, False),  # 03:00: there was no 02:00
        ("2026-10-25T00:30:00Z", {"start_time": "02:00", "end_time": "03:00"}, True),  # 02:30, the first time
        ("2026-10-25T01:30:00Z", {"start_time": "02:00", "end_time": "03:00"}, True),  # 02:30 again
    ],
)
def test_days_and_dates_are_local(start, restrictions, holds):
    """The site's calendar decides, and its clock with the hours that repeat or are missing."""
    assert charged(start, **restrictions) is holds


@pytest.mark.parametrize(
    ("restrictions", "holds", "note"),
    [
        ({"start_time": "08:00", "end_time": "24:00"}, True, "malformed_time"),
        ({"start_time": "08:00:00"}, True, "malformed_time"),
        ({"start_time": "12:01:00"}, False, "malformed_time"),
        ({"day_of_week": ["monday", "Wednesday"]}, True, "malformed_day"),
    ],
)
def test_times_and_days_of_real_tariffs_are_taken_as_meant(restrictions, holds, note):
    """Each with a note; noon on a Wednesday."""
    record = cdr(period("2026-06-17T12:00:00Z", ("ENERGY", 1)), end_date_time="2026-06-17T12:00:00Z")
    cost = price_cdr(record, tariff(element(component(), **restrictions)), time_zone="UTC")

    assert cost.total.amount == holds
    assert [found.code for found in cost.notes] == [note]


@pytest.mark.parametrize("restrictions", [{"start_time": "24:00"}, {"end_time": "12:00:30"}, {"day_of_week": ["MO"]}])
def test_times_and_days_that_mean_nothing_are_refused(restrictions):
    """With the place."""
    record = cdr(period("2026-06-17T12:00:00Z", ("ENERGY", 1)))
    with pytest.raises(InvalidInput) as refused:
        price_cdr(record, tariff(element(component(), **restrictions)), time_zone="UTC")

    assert (refused.value.code, refused.value.path.startswith("elements[0].restrictions.")) == ("invalid_tariff", True)


def test_time_zone_of_an_old_record_is_taken_from_its_location():
    """OCPI 2.1.1 has the zone in the location; what the caller says comes first."""
    record = cdr(period("2026-06-19T22:30:00Z", ("ENERGY", 1)), location={"time_zone": "Europe/Amsterdam"})
    found = tariff(element(component(), day_of_week=["SATURDAY"]))

    assert price_cdr(record, found).total.amount == 1
    assert price_cdr(record, found, time_zone="UTC").total.amount == 0


def test_clock_of_every_zone_is_that_of_the_database():
    """The offsets found by probing, at instants through fifty years."""
    moments = [datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=23.7 * index) for index in range(800)]
    names = ["Europe/Amsterdam", "America/Los_Angeles", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tokyo", "UTC"]
    for name in (*names, *sorted(available_timezones())[::40]):
        zone, clock = ZoneInfo(name), zone_clock(name)
        for moment in moments:
            assert clock.offset(int(moment.timestamp())) == moment.astimezone(zone).utcoffset() // timedelta(seconds=1)


def test_clock_changes_at_its_second():
    """01:00 UTC on the last Sundays of March and October."""
    clock = zone_clock("Europe/Amsterdam")
    spring = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp())

    assert [clock.offset(spring - 1), clock.offset(spring)] == [3600, 7200]
    assert clock.span(spring - 1) == (3600, spring)


# --- energy, duration, current and power -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "total"),
    [
        ({"min_kwh": 10}, 7),
        ({"max_kwh": 10}, 10),
        ({"min_kwh": 10, "max_kwh": 15}, 5),
        ({"min_kwh": Decimal("10.001")}, 2),
        ({"min_duration": 3600}, 7),
        ({"max_duration": 3600}, 10),
        ({"max_duration": 3601}, 15),
        ({"min_duration": 3600, "max_duration": 7200}, 5),
    ],
)
def test_energy_and_duration_so_far_are_those_before_the_period(bounds, total):
    """Periods of 10, 5 and 2 kWh of an hour each; bounds are reached exactly at a start."""
    periods = [
        period("2026-06-17T10:00:00Z", ("ENERGY", 10)),
        period("2026-06-17T11:00:00Z", ("ENERGY", 5)),
        period("2026-06-17T12:00:00Z", ("ENERGY", 2)),
    ]

    assert price_cdr(cdr(*periods), tariff(element(component(), **bounds))).total.amount == total


LOW, HIGH = ("MIN_POWER", 11), ("MAX_POWER", 22)


@pytest.mark.parametrize(
    ("bounds", "measured", "inside", "touching"),
    [
        ({"min_power": 11}, [LOW, HIGH], True, True),
        ({"min_power": 12}, [LOW, HIGH], False, True),
        ({"min_power": 23}, [LOW, HIGH], False, False),
        ({"max_power": 22}, [LOW, HIGH], False, True),
        ({"max_power": 23}, [LOW, HIGH], True, True),
        ({"max_power": 11}, [LOW, HIGH], False, False),
        ({"min_power": 11, "max_power": 12}, [LOW], True, True),
        ({"min_power": 22, "max_power": 23}, [HIGH], True, True),
        ({"min_current": 16}, [("MIN_CURRENT", 16)], True, True),
        ({"max_current": 16}, [("MAX_CURRENT", 16)], False, False),
    ],
)
def test_current_and_power_of_the_period(bounds, measured, inside, touching):
    """The whole period inside the bounds, or any part of it; one end alone is both."""
    start = "2026-06-17T10:00:00Z"

    assert charged(start, measured=measured, **bounds) is inside
    assert charged(start, measured=measured, policy=PricingPolicy(measured_bounds="touching"), **bounds) is touching


@pytest.mark.parametrize(("policy", "total"), [("fail", 0), ("match", 1)])
def test_what_was_not_measured_is_said(policy, total):
    """A restriction on power that nobody measured fails, with a note; the policy can turn that round."""
    found = tariff(element(component(), max_power=16))
    record = cdr(period("2026-06-17T10:00:00Z", ("ENERGY", 1)))
    cost = price_cdr(record, found, policy=PricingPolicy(missing_measurement=policy))

    assert cost.total.amount == total
    assert [(note.code, note.path) for note in cost.notes] == [("measurement_missing", "charging_periods[0]")]


def test_line_says_under_which_restrictions_its_price_held():
    """Element, component, restrictions, and what was rounded up."""
    found = tariff(
        element(component(step_size=500), day_of_week=["MONDAY", "WEDNESDAY"], max_kwh=Decimal("7.5")),
        element(component(price=2)),
    )
    record = cdr(
        period("2026-06-17T10:00:00Z", ("ENERGY", Decimal("7.75"))), period("2026-06-17T11:00:00Z", ("ENERGY", 1))
    )

    reasons = [line.reason for line in price_cdr(record, found, time_zone="UTC").lines]

    held = "elements[0].price_components[0] (max_kwh 7.5, day_of_week MONDAY/WEDNESDAY): as measured"
    assert reasons == [held, "elements[1].price_components[0]: as measured"]


# --- a price that changes within a period ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("restrictions", "at"),
    [
        ({"start_time": "11:00"}, "2026-06-17T11:00:00Z"),
        ({"min_duration": 1800}, "2026-06-17T10:30:00Z"),
        ({"min_kwh": 5}, "2026-06-17T11:00:00Z"),
        ({"start_date": "2026-06-18"}, None),
        ({"min_kwh": 10}, None),
    ],
)
def test_period_over_a_change_of_price_is_noted_with_the_instant(restrictions, at):
    """All of the period has the prices of its start: the issuer should have begun another."""
    record = cdr(period("2026-06-17T10:00:00Z", ("ENERGY", 10)), end_date_time="2026-06-17T12:00:00Z")
    found = tariff(element(component(price=2), **restrictions), element(component()))
    cost = price_cdr(record, found, time_zone="UTC")

    assert cost.total.amount == 10
    assert [note.code for note in cost.notes] == ([] if at is None else ["period_spans_price_change"])
    assert at is None or at in cost.notes[0].message


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "9999-12-31T23:59:59Z"])
def test_instants_at_the_ends_of_the_calendar_are_priced(start):
    """A record of eight thousand years is priced as it is written, and soon."""
    record = cdr(period(start, ("ENERGY", 1)), end_date_time="9999-12-31T23:59:59Z")
    found = tariff(element(component(), start_time="00:00", end_time="12:00"), element(component(price=1)))

    assert price_cdr(record, found, time_zone="America/Los_Angeles").total.amount == 1


# --- readings ----------------------------------------------------------------------------------------------------


def test_energy_is_cut_where_a_threshold_is_crossed():
    """3 kWh in one reading, 1 of them in the first tier: 0.30 + 2 x 0.20; the hour is cut at 20 minutes."""
    tiers = Tariff.from_ocpi(
        tariff(
            element(component(price=Decimal("0.3")), component("TIME", 3), max_kwh=1),
            element(component(price=Decimal("0.2"))),
        )
    )
    meter = CostMeter(compile_tariff(tiers), start_us=0)
    meter.read(3600 * SECOND, 3000 * WH, charging=True)

    used = [(line.kind, line.ticks) for line in meter.cost().lines]
    assert used == [("ENERGY", 1000 * WH), ("TIME", 1200 * SECOND), ("ENERGY", 2000 * WH)]
    assert meter.cost().total_excl.amount == Decimal("1.70")


def test_energy_without_time_still_crosses_thresholds():
    """Two readings of the same instant, all tiers between them."""
    tiers = Tariff.from_ocpi(
        tariff(element(component(price=3), max_kwh=1), element(component(price=2), max_kwh=2), element(component()))
    )
    meter = CostMeter(compile_tariff(tiers), start_us=0)
    meter.read(60 * SECOND, 0, charging=True)
    meter.read(60 * SECOND, 4000 * WH, charging=True)

    assert meter.cost().total_excl.amount == 3 + 2 + 2


def test_the_hour_that_repeats_is_cut_twice():
    """02:00 to 03:00 comes twice on 2026-10-25: four hours from 00:00 UTC have two of them."""
    night = Tariff.from_ocpi(tariff(element(component("TIME", 6), start_time="02:00", end_time="03:00")))
    start_us = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp()) * SECOND
    with pytest.raises(InvalidInput, match="time zone"):
        CostMeter(compile_tariff(night), start_us=start_us)
    meter = CostMeter(compile_tariff(night), start_us=start_us, clock=zone_clock("Europe/Amsterdam"))
    meter.read(start_us + 4 * 3600 * SECOND, 0, charging=True)

    assert meter.cost().total_excl.amount == 12


def test_interval_is_cut_where_the_clock_is_put_back():
    """From 02:45 the window 02:30 to 04:00 holds for 15 minutes, not for the next 30, and for 15 again."""
    night = Tariff.from_ocpi(tariff(element(component("TIME", 6), start_time="02:30", end_time="04:00")))
    start_us = int(datetime(2026, 10, 25, 0, 45, tzinfo=UTC).timestamp()) * SECOND
    meter = CostMeter(compile_tariff(night), start_us=start_us, clock=zone_clock("Europe/Amsterdam"))
    meter.read(start_us + 3600 * SECOND, 0, charging=True)

    assert meter.cost().total_excl.amount == 3


def test_same_reading_again_begins_nothing():
    """A price per session from the second hour on: told twice that an hour is over, none of the second has begun."""
    late = Tariff.from_ocpi(tariff(element(component("FLAT", 5), min_duration=3600)))
    meter = CostMeter(compile_tariff(late), start_us=0)
    totals = []
    for second in (3600, 3600, 3601):
        meter.read(second * SECOND, 0, charging=True)
        totals.append(meter.cost().total_excl.amount)

    assert totals == [0, 0, 5]


def test_power_between_two_readings_is_held_or_the_average():
    """16 kW measured before an hour of 8 kWh; from 10 kW on a kWh costs 2."""
    fast = Tariff.from_ocpi(tariff(element(component(price=2), min_power=10), element(component())))
    totals = []
    for policy in (PricingPolicy(), PricingPolicy(power_of_interval="average")):
        held = (None, None, 16 * 3_600_000_000, 16 * 3_600_000_000)
        meter = CostMeter(compile_tariff(fast, policy), start_us=0, measured=held)
        meter.read(3600 * SECOND, 8000 * WH, charging=True)
        totals.append(meter.cost().total_excl.amount)

    assert totals == [16, 8]


def test_estimate_needs_what_the_prices_ask_for():
    """A start and a zone for local times; currents nobody can foresee; power is the average."""
    night = Tariff.from_ocpi(tariff(element(component(), start_time="22:00")))
    slow = Tariff.from_ocpi(tariff(element(component(price=2), max_power=10), element(component())))
    start = datetime(2026, 6, 17, 21, tzinfo=UTC)
    codes = []
    for found, more in ((night, {}), (night, {"time_zone": "UTC"}), (night, {"start": start})):
        with pytest.raises(InvalidInput) as refused:
            found.estimate(1000, 60, **more)
        codes.append(refused.value.code)
    by_current = Tariff.from_ocpi(tariff(element(component(), min_current=6)))
    with pytest.raises(InvalidInput) as refused:
        by_current.estimate(1000, 60)

    assert codes == ["time_zone_missing", "start_missing", "time_zone_missing"]
    assert refused.value.path == "elements[0].restrictions.min_current"
    assert night.estimate(2000, 120, start=start, time_zone="UTC").total.amount == 1
    assert [slow.estimate(8000, minutes).total.amount for minutes in (60, 40)] == [16, 8]
