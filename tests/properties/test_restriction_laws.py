"""The laws of pricing with restrictions; the oracle below knows nothing of the code under test."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from evpay.money import Money, from_minor
from evpay.tariffs.compile import compile_tariff
from evpay.tariffs.forecast import hold_for, until_amount
from evpay.tariffs.meter import CostMeter
from evpay.tariffs.model import (
    ComponentKind,
    DayOfWeek,
    Element,
    PriceComponent,
    Reservation,
    Restrictions,
    Tariff,
    TaxIncluded,
)
from evpay.tariffs.policy import PricingPolicy
from evpay.tariffs.price import Period, price_periods
from evpay.tariffs.zone import zone_clock

LAW = settings(max_examples=150, deadline=None)
SECOND, WH, UNIT = 1_000_000, 3_600_000, 3_600_000_000
ZONES = ("UTC", "Europe/Amsterdam", "America/Los_Angeles", "Australia/Lord_Howe")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Around the changes of the clock of those zones, a leap day, and a plain day.
STARTS = [
    datetime(2026, 3, 28, 20, tzinfo=UTC),
    datetime(2026, 10, 24, 21, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 12, tzinfo=UTC),
    datetime(2028, 2, 28, 22, tzinfo=UTC),
    datetime(2026, 6, 16, 7, tzinfo=UTC),
]
STEPS = {
    ComponentKind.ENERGY: [0, 1, 25, 500, 5000],
    ComponentKind.TIME: [0, 1, 60, 900],
    ComponentKind.PARKING: [0, 1, 300, 900],
    ComponentKind.FLAT: [1],
}


def number(most, places):
    return st.integers(0, most).map(lambda whole: Decimal(whole).scaleb(-places))


def pair(low, high, strategy):
    """Return bounds of one quantity: both, or one of them."""
    return st.fixed_dictionaries({}, optional={low: strategy, high: strategy}).filter(bool)


times = st.sampled_from(["00:00", "02:00", "02:30", "03:00", "06:00", "09:15", "22:00", "23:59"])
dates = st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1), date(2028, 2, 29), date(2028, 3, 1)])
days = st.lists(st.sampled_from(list(DayOfWeek)), unique=True, min_size=1, max_size=4)
local = [
    st.fixed_dictionaries({"start_time": times, "end_time": times}),
    pair("start_time", "end_time", times),
    pair("start_date", "end_date", dates),
    days.map(lambda found: {"day_of_week": tuple(found)}),
]
counted = [
    pair("min_kwh", "max_kwh", number(300, 1)),
    pair("min_duration", "max_duration", st.integers(0, 15_000)),
]
by_power = [pair("min_power", "max_power", number(32, 0))]
measured = [*by_power, pair("min_current", "max_current", number(32, 0))]


@st.composite
def restrictions(draw, *, fields):
    chosen = draw(st.lists(st.sampled_from(fields), min_size=1, max_size=2))
    return Restrictions(**{name: value for found in chosen for name, value in draw(found).items()})


@st.composite
def components(draw):
    kind = draw(st.sampled_from(list(ComponentKind)))
    step = draw(st.sampled_from(STEPS[kind]))
    return PriceComponent(kind=kind, price=draw(number(9999, 3)), taxes=(), step_size=step)


@st.composite
def elements(draw, *, fields, reservations=False):
    items = tuple(draw(st.lists(components(), min_size=1, max_size=3)))
    found = draw(st.one_of(st.none(), restrictions(fields=fields), restrictions(fields=fields)))
    if reservations and draw(st.booleans()):
        kind = draw(st.sampled_from(list(Reservation)))
        found = (found or Restrictions()).model_copy(update={"reservation": kind})
    return Element(components=items, restrictions=found)


@st.composite
def tariffs(draw, *, fields, reservations=False):
    found = draw(st.lists(elements(fields=fields, reservations=reservations), min_size=1, max_size=5))
    return Tariff(id="T", currency="EUR", elements=tuple(found), tax_included=TaxIncluded.NO)


def moments():
    return st.builds(lambda start, more: start + timedelta(seconds=more), st.sampled_from(STARTS), st.integers(0, 9000))


def micros(moment):
    return (moment - EPOCH) // timedelta(microseconds=1)


# --- the oracle: datetimes, fractions, one rule after the other ---------------------------------------------------


def minutes(text):
    return int(text[:2]) * 60 + int(text[3:])


def time_holds(found, wall):
    if found.start_time is None and found.end_time is None:
        return True
    now = wall.hour * 60 + wall.minute + Fraction(wall.second * SECOND + wall.microsecond, 60 * SECOND)
    start = minutes(found.start_time or "00:00")
    end = minutes(found.end_time or "00:00") or 24 * 60
    if start == end:
        return True
    return start <= now < end if start < end else now >= start or now < end


def between(low, value, high):
    return (low is None or value >= low) and (high is None or value < high)


def holds(found, wall, kwh, seconds, values):
    if found is None:
        return True
    low_a, high_a, low_kw, high_kw = values
    current = between(found.min_current, low_a, None) and between(None, high_a, found.max_current) if (
        low_a is not None) else (found.min_current is None and found.max_current is None)  # fmt: skip
    power = between(found.min_power, low_kw, None) and between(None, high_kw, found.max_power) if (
        low_kw is not None) else (found.min_power is None and found.max_power is None)  # fmt: skip
    weekday = list(DayOfWeek)[wall.weekday()]
    return (
        time_holds(found, wall)
        and between(found.start_date, wall.date(), found.end_date)
        and (not found.day_of_week or weekday in found.day_of_week)
        and between(found.min_kwh, kwh, found.max_kwh)
        and between(found.min_duration, seconds, found.max_duration)
        and current
        and power
    )


def winner(tariff, kind, kinds_of_reservation, situation):
    for wanted in kinds_of_reservation:
        for element in tariff.elements:
            found = element.restrictions
            if (found.reservation if found else None) is not wanted or not holds(found, *situation):
                continue
            for component in element.components:
                if component.kind is kind:
                    return component
    return None


def up(volume, step, per):
    return volume if not step else ceil(volume * per / step) * Fraction(step, per)


def oracle(tariff, periods, zone, *, expired=False):
    """Return the exact total; periods are (start, kWh, hours, parking hours, reserved hours or None, measured)."""
    kwh, total, flats = Fraction(0), Fraction(0), set()
    sums, lasts = {}, {}
    charging = next((start for start, *_, reserved, _ in periods if reserved is None), None)
    reserving = next((start for start, *_, reserved, _ in periods if reserved is not None), None)
    kinds = [Reservation.RESERVATION_EXPIRES, Reservation.RESERVATION] if expired else [Reservation.RESERVATION]
    for start, energy, time, parking, reserved, values in periods:
        origin = charging if reserved is None else reserving
        situation = (start.astimezone(ZoneInfo(zone)), kwh, Fraction((start - origin) // timedelta(microseconds=1),
            SECOND), values)  # fmt: skip
        wanted = [None] if reserved is None else kinds
        used = {
            ComponentKind.ENERGY: energy if reserved is None else 0,
            ComponentKind.TIME: time if reserved is None else reserved,
            ComponentKind.PARKING: parking if reserved is None else 0,
        }
        flat = winner(tariff, ComponentKind.FLAT, wanted, situation)
        if flat is not None and (reserved is None) not in flats:
            flats.add(reserved is None)
            total += Fraction(flat.price)
        for kind, volume in used.items():
            found = winner(tariff, kind, wanted, situation) if volume else None
            if found is not None:
                group = (kind, reserved is None)
                sums[group] = sums.get(group, 0) + volume
                lasts[group] = found
                total += volume * Fraction(found.price)
        kwh += energy if reserved is None else 0
    parked = (ComponentKind.PARKING, True) in sums
    for group, volume in sums.items():
        if not (parked and group == (ComponentKind.TIME, True)):
            per = 1000 if group[0] is ComponentKind.ENERGY else 3600
            total += (up(volume, lasts[group].step_size, per) - volume) * Fraction(lasts[group].price)
    return total


values = st.sampled_from([(None, None, None, None), (6, 16, 4, 11), (16, 32, 11, 22), (32, 32, 22, 22), (0, 0, 0, 0)])
pieces = st.tuples(st.integers(0, 20_000), st.integers(0, 9000), st.sampled_from("cccpr"), values)
records = st.lists(pieces, max_size=6)


def as_periods(record, start):
    """Return the record for the oracle and for the evaluator; reservations come before charging."""
    ordered = sorted(record, key=lambda piece: piece[2] != "r")
    told, periods = [], []
    for energy, seconds, state, found in ordered:
        charging, parking, reserving = (state == one for one in "cpr")
        told.append(
            (
                start,
                Fraction(energy, 1000),
                Fraction(seconds * charging, 3600),
                Fraction(seconds * parking, 3600),
                Fraction(seconds, 3600) if reserving else None,
                found,
            )
        )
        scaled = tuple(None if value is None else value * UNIT for value in found)
        periods.append(
            Period(
                start_us=micros(start),
                energy=0 if reserving else energy * WH,
                time=seconds * SECOND * charging,
                parking=seconds * SECOND * parking,
                reserved=seconds * SECOND if reserving else None,
                measured=scaled,
            )
        )
        start += timedelta(seconds=seconds)
    return told, periods


@LAW
@given(
    tariffs(fields=local + counted + measured, reservations=True),
    records,
    moments(),
    st.sampled_from(ZONES),
    st.booleans(),
)
def test_every_restriction_is_what_the_rules_say(tariff, record, start, zone, expired):
    """Masks and cells give what comparing dates, times and numbers one by one gives."""
    told, periods = as_periods(record, start)
    cost = price_periods(compile_tariff(tariff), periods, clock=zone_clock(zone), expired=expired)

    assert oracle(tariff, told, zone, expired=expired) == Fraction(*cost.totals.incl_ratio)


CHEAPER_LATER = Tariff(
    id="T",
    currency="EUR",
    tax_included=TaxIncluded.NO,
    elements=(
        Element(
            components=(PriceComponent(kind=ComponentKind.ENERGY, price="0.5", taxes=(), step_size=5000),),
            restrictions=Restrictions(max_kwh="5.05"),
        ),
        Element(components=(PriceComponent(kind=ComponentKind.ENERGY, price="0.1", taxes=(), step_size=1),)),
    ),
)

# --- running cost ------------------------------------------------------------------------------------------------

readings = st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 9000), st.booleans()), min_size=1, max_size=5)
average = PricingPolicy(power_of_interval="average")
live = local + counted + by_power


def walk(tariff, session, start_us, zone, *, more=(), stored=False):
    """Return the meter after a session of (Wh, s, charging), and its pieces as periods."""
    compiled = compile_tariff(tariff, average)
    meter = CostMeter(compiled, start_us=start_us, charging=session[0][2], clock=zone_clock(zone))
    at_us, energy, periods = start_us, 0, []
    for index, (wh, seconds, charging) in enumerate(session):
        upcoming = session[index + 1][2] if index + 1 < len(session) else False
        at_us, energy = at_us + seconds * SECOND, energy + wh * WH
        begin, kilowatts = (meter.at_us, meter.energy_mj), wh * WH * UNIT // (seconds * SECOND) if seconds else None
        for cut in meter.cuts_until((at_us, energy)):
            lasts = cut[0] - begin[0]
            periods.append(
                Period(
                    start_us=begin[0],
                    energy=cut[1] - begin[1],
                    time=lasts * charging,
                    parking=lasts * (not charging),
                    measured=(None, None, kilowatts, kilowatts),
                )
            )
            begin = cut
        cuts = [instant for instant in more if meter.at_us < instant < at_us]
        meter.read(at_us, energy, charging=upcoming, more_cuts=cuts)
        if stored:
            meter = CostMeter.restore(compiled, json.loads(json.dumps(meter.snapshot())))
    return meter, periods


@LAW
@given(tariffs(fields=live), readings, moments(), st.sampled_from(ZONES), st.data())
def test_any_further_cut_changes_nothing(tariff, session, start, zone, data):
    """Cut anywhere, stored and restored after every reading: the same to the last digit."""
    start_us = micros(start)
    lasts = sum(seconds for _, seconds, _ in session) * SECOND
    more = data.draw(st.lists(st.integers(start_us, start_us + lasts), max_size=5))

    plain, _ = walk(tariff, session, start_us, zone)
    cut, _ = walk(tariff, session, start_us, zone, more=more, stored=True)

    assert plain.cost() == cut.cost()
    assert plain.tally.volumes == cut.tally.volumes


@LAW
@given(tariffs(fields=live), readings, moments(), st.sampled_from(ZONES))
def test_running_cost_is_the_price_of_its_pieces(tariff, session, start, zone):
    """The pieces that a meter cuts cost the same as periods of a record, and by the oracle, to the last digit."""
    assume(session[0][1] or session[0][0])
    meter, periods = walk(tariff, session, micros(start), zone)
    merged = [period for period in periods if period.energy or period.time or period.parking]
    assume(merged and merged[0].start_us == micros(start))
    compiled = compile_tariff(tariff, average)

    assert price_periods(compiled, merged, clock=zone_clock(zone)).totals.incl_ratio == meter.cost().totals.incl_ratio
    told = [
        (
            EPOCH + timedelta(microseconds=period.start_us),
            Fraction(period.energy, UNIT),
            Fraction(period.time, UNIT),
            Fraction(period.parking, UNIT),
            None,
            (None, None, *(None if value is None else Fraction(value, UNIT) for value in period.measured[2:])),
        )
        for period in merged
    ]
    assert oracle(tariff, told, zone) == Fraction(*meter.cost().totals.incl_ratio)


@LAW
@given(tariffs(fields=live), readings, moments(), st.sampled_from(ZONES))
def test_time_and_energy_are_neither_lost_nor_found(tariff, session, start, zone):
    """All pieces of a session together are the session."""
    meter, periods = walk(tariff, session, micros(start), zone)

    assert sum(period.energy for period in periods) == sum(wh for wh, _, _ in session) * WH == meter.tally.used[0]
    assert sum(meter.tally.used[1:3]) == sum(seconds for _, seconds, _ in session) * SECOND


@settings(LAW, max_examples=80)
@given(
    tariffs(fields=local + counted),
    moments(),
    st.sampled_from(ZONES),
    st.tuples(st.integers(0, 15_000), st.integers(0, 20_000)),
    st.integers(0, 1000),
    st.sampled_from([(0, False), (0, True), (11_000, True), (200_000, True)]),
)
@example(tariff=CHEAPER_LATER, start=STARTS[5], zone="UTC", before=(0, 4900), more=5, going=(20_000, True))
def test_an_amount_lasts_until_the_second_before_it_is_exceeded(tariff, start, zone, before, more, going):
    """Tried second by second, also where the cost falls again later."""
    horizon, (power_w, charging) = 120, going
    meter = CostMeter(compile_tariff(tariff), start_us=micros(start), charging=charging, clock=zone_clock(zone))
    meter.read(meter.at_us + before[0] * SECOND, before[1] * WH, charging=charging)
    amount = meter.cost().total + from_minor(more, "EUR")

    answer = until_amount(meter, amount, power_w=power_w, horizon_s=horizon, charging=charging)

    def cost(second):
        later = meter.copy()
        later.read(meter.at_us + second * SECOND, meter.energy_mj + power_w * 1000 * second, charging=charging)
        return later.cost().total

    last = next((second - 1 for second in range(1, horizon + 1) if cost(second) > amount), horizon)
    assert (answer.at_us - meter.at_us) // SECOND == last
    assert answer.cost.total == cost(last)


@LAW
@given(
    tariffs(fields=local + counted),
    moments(),
    st.sampled_from(ZONES),
    st.integers(0, 60_000),
    st.integers(1, 9000),
    st.integers(0, 7200),
    st.integers(0, 1000),
)
def test_a_hold_covers_the_session_wherever_it_ends(tariff, start, zone, energy_wh, duration_s, idle_s, permille):
    """Not only at its end: cost may fall on the way."""
    compiled, clock, start_us = compile_tariff(tariff), zone_clock(zone), micros(start)
    advice = hold_for(
        compiled, energy_wh=energy_wh, duration_s=duration_s, idle_s=idle_s, start_us=start_us, clock=clock
    )
    meter = CostMeter(compiled, start_us=start_us, clock=clock)
    end_us, energy = start_us + duration_s * SECOND, energy_wh * WH
    instant = start_us + (duration_s + idle_s) * SECOND * permille // 1000
    if instant < end_us:
        meter.read(instant, energy * (instant - start_us) // (duration_s * SECOND), charging=True)
    else:
        meter.read(end_us, energy, charging=False)
        meter.read(instant, energy, charging=False)

    assert advice.amount >= meter.cost().total
    assert isinstance(advice.amount, Money)
