"""Which readings count, and what is said about the rest."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext

import pytest

from evpay.errors import InvalidInput
from evpay.instants import instant, microseconds
from evpay.sessions.readings import ConnectorState, Flag, MeterReading, accept, reading_digest

START = datetime(2026, 7, 1, 10, tzinfo=UTC)
NOW = START + timedelta(hours=12)
CHARGING, IDLE, UNPLUGGED = ConnectorState.CHARGING, ConnectorState.IDLE, ConnectorState.UNPLUGGED


def reading(minutes, energy=None, *, register=None, state=None, **more):
    return MeterReading(
        at=START + timedelta(minutes=minutes), energy_wh=energy, register_wh=register, state=state, **more
    )


def track_of(*readings, max_power_w=22_000):
    return accept(readings, started_us=microseconds(START), now_us=microseconds(NOW), max_power_w=max_power_w)


def steps(track):
    """Return (minutes after the start, whole Wh, state) of each sample."""
    start = microseconds(START)
    return [((s.at_us - start) // 60_000_000, s.energy_mj // 3_600_000, s.state) for s in track.samples]


def test_energy_follows_the_readings():
    """Each reading is a sample at its own time; the last one is what was used."""
    track = track_of(reading(0, 0), reading(10, 2000), reading(20, 4500))

    assert [(0, 0, CHARGING), (10, 2000, CHARGING), (20, 4500, CHARGING)] == steps(track)
    assert Decimal(4500) == track.energy_wh
    assert frozenset() == track.flags


def test_nothing_is_used_when_there_is_no_reading():
    """A session without a reading has no samples, no energy and no flags."""
    track = track_of()

    assert ((), 0, Decimal(0), frozenset()) == (track.samples, track.energy_mj, track.energy_wh, track.flags)
    assert (None, None, None) == (track.first, track.last, track.last_energy)


def test_register_counts_from_its_earliest_reading():
    """The meter's own counter has its baseline in the session's first register reading."""
    track = track_of(reading(10, register=52_000), reading(0, register=50_000), reading(20, register=54_500))

    assert [0, 2000, 4500] == [energy for _, energy, _ in steps(track)]


def test_register_counts_from_before_the_start_when_it_was_read_there():
    """A reading shortly before the start sets the baseline and counts as of the start."""
    track = track_of(reading(-1, register=50_000), reading(10, register=52_000))

    assert [(0, 0, CHARGING), (10, 2000, CHARGING)] == steps(track)
    assert Decimal(50_000) == track.first.register_wh


def test_register_goes_on_where_the_session_energy_stood_when_they_are_mixed():
    """A register read for the first time in mid-session continues the energy that was known by then."""
    track = track_of(reading(0, 0), reading(10, 2000), reading(20, register=90_000), reading(30, register=91_500))

    assert [0, 2000, 2000, 3500] == [energy for _, energy, _ in steps(track)]
    assert frozenset() == track.flags


def test_register_is_aligned_when_a_reading_has_both():
    """Energy and register in one reading tie the two counters together."""
    track = track_of(reading(10, 2000, register=90_000), reading(20, register=91_000), reading(30, 4000))

    assert [2000, 3000, 4000] == [energy for _, energy, _ in steps(track)]


def test_session_energy_wins_when_a_reading_has_both():
    """The session's own energy is what the station means."""
    track = track_of(reading(0, 0, register=90_000), reading(10, 2000, register=99_000))

    assert Decimal(2000) == track.energy_wh


def test_energy_never_falls_when_the_meter_does():
    """A lower value is kept as evidence, flagged, and changes nothing but the time."""
    track = track_of(reading(10, 3000), reading(20, 2500), reading(30, 3500))

    assert [(10, 3000, CHARGING), (20, 3000, CHARGING), (30, 3500, CHARGING)] == steps(track)
    assert {Flag.FALLING_METER} == track.flags


def test_energy_goes_on_when_the_meter_was_zero_for_a_moment():
    """A momentary zero is no new baseline."""
    track = track_of(reading(0, register=50_000), reading(10, register=0), reading(20, register=53_000))

    assert Decimal(3000) == track.energy_wh
    assert {Flag.FALLING_METER} == track.flags


def test_higher_plausible_value_counts_when_two_are_of_one_instant():
    """Both are kept, one sample remains, and a person is told."""
    track = track_of(reading(10, 3000), reading(10, 2900))

    assert [(10, 3000, CHARGING)] == steps(track)
    assert {Flag.CONFLICTING_READING} == track.flags


def test_plausible_value_counts_when_the_higher_one_of_an_instant_is_absurd():
    """The absurd one does not displace the other."""
    track = track_of(reading(10, 3000), reading(10, 9_000_000))

    assert [(10, 3000, CHARGING)] == steps(track)
    assert {Flag.IMPLAUSIBLE_ENERGY} == track.flags


def test_conflict_is_seen_when_both_values_of_an_instant_fall():
    """Two different values of one instant contradict each other, also below the energy so far."""
    track = track_of(reading(10, 3000), reading(20, 2000), reading(20, 2500))

    assert {Flag.FALLING_METER, Flag.CONFLICTING_READING} == track.flags


def test_repeated_reading_changes_nothing():
    """A reading that falls is no conflict with itself, however its numbers are written."""
    once = track_of(reading(10, 3000), reading(20, 2000), reading(30, 3000))
    twice = track_of(*[reading(10, 3000), reading(20, 2000), reading(30, "3000.00")] * 2)

    assert once == twice
    assert {Flag.FALLING_METER} == twice.flags


def test_energy_is_left_out_when_more_than_the_connector_can_give():
    """Maximum power times time, 5 % and 200 Wh: at 22 kW in 10 minutes 4050 Wh count and one more does not."""
    inside, outside = track_of(reading(10, 4050)), track_of(reading(10, "4050.000001"))

    assert (Decimal(4050), frozenset()) == (inside.energy_wh, inside.flags)
    assert ((), {Flag.IMPLAUSIBLE_ENERGY}) == (outside.samples, outside.flags)


def test_half_a_megawatt_is_assumed_when_the_power_is_not_known():
    """Without a connector's power the bound is 500 kW."""
    inside = track_of(reading(6, 52_700), max_power_w=None)
    outside = track_of(reading(6, 52_701), max_power_w=None)

    assert frozenset() == inside.flags
    assert {Flag.IMPLAUSIBLE_ENERGY} == outside.flags


def test_lifetime_energy_is_not_billed_when_it_is_sent_as_the_sessions():
    """What a meter has counted in its life is left out and flagged, also hours later when it would be plausible."""
    track = track_of(reading(0, 50_000), reading(60, 55_000), reading(180, 60_000))

    assert Decimal(10_000) == track.energy_wh
    assert {Flag.IMPLAUSIBLE_ENERGY} == track.flags
    assert START == track.first.at


def test_lifetime_energy_is_not_billed_when_the_meter_is_zero_for_a_moment():
    """A momentary zero does not make the odometer believable."""
    track = track_of(reading(0, 50_000), reading(60, 55_000), reading(61, 0), reading(180, 60_000))

    assert Decimal(10_000) == track.energy_wh
    assert {Flag.IMPLAUSIBLE_ENERGY, Flag.FALLING_METER} == track.flags


def test_energy_of_another_session_is_not_billed_when_its_register_was_read_here():
    """A register from hours before the start is no baseline from which energy before the start is charged."""
    track = track_of(reading(-120, register=1_000), reading(0, register=41_000), reading(180, register=51_000))

    assert Decimal(10_000) == track.energy_wh
    assert {Flag.IMPLAUSIBLE_ENERGY} == track.flags
    assert Decimal(41_000) == track.first.register_wh


def test_one_absurd_value_costs_nothing_when_the_meter_comes_down_again():
    """A spike is left out, and the meter counts on as if it had not been."""
    track = track_of(reading(1, 3000), reading(10, 500), reading(20, 1500), reading(30, 3100))

    assert Decimal(3100) == track.energy_wh
    assert {Flag.IMPLAUSIBLE_ENERGY} == track.flags


def test_spike_is_left_out_when_the_meter_had_jumped_before():
    """After an odometer's jump a second, higher jump is a spike of its own."""
    track = track_of(reading(0, 50_000), reading(60, 51_000), reading(70, 9_000_000), reading(80, 52_000))

    assert Decimal(2_000) == track.energy_wh


def test_energy_goes_on_from_where_it_stood_when_the_meter_jumps():
    """What had been counted before the jump stays counted, and the rise after it is added."""
    track = track_of(reading(30, 2_000), reading(60, 60_000), reading(90, 61_000), reading(120, 64_000))

    assert [2_000, 3_000, 6_000] == [energy for _, energy, _ in steps(track)]
    assert {Flag.IMPLAUSIBLE_ENERGY} == track.flags


@pytest.mark.parametrize(("name", "most"), [("energy_wh", 10**7), ("register_wh", 10**13), ("soc_percent", 100)])
def test_number_is_accepted_up_to_its_bound_and_not_beyond(name, most):
    """The largest sensible value, and the first that is none."""
    assert most == getattr(MeterReading(at=START, state=IDLE, **{name: most}), name)
    with pytest.raises(InvalidInput):
        MeterReading(at=START, state=IDLE, **{name: most + 1})


def test_words_are_those_of_the_documents():
    """States and flags are stored and sent: their words stay."""
    assert ["charging", "idle", "unplugged"] == list(ConnectorState)
    assert [
        "conflicting_reading", "falling_meter", "implausible_energy", "implausible_time", "reading_after_finish",
    ] == list(Flag)  # fmt: skip


def test_odometer_does_not_touch_the_register_when_readings_alternate():
    """Two counters are judged each by itself."""
    track = track_of(
        reading(0, register=700_000), reading(1, 50_000), reading(60, register=705_000), reading(240, 60_000)
    )

    assert Decimal(10_000) == track.energy_wh


def test_state_counts_when_its_reading_has_an_absurd_energy():
    """Only the energy of such a reading is left out: the cable was out all the same."""
    track = track_of(reading(10, 3000), reading(20, 9_000_000, state=UNPLUGGED))

    assert [(10, 3000, CHARGING), (20, 3000, UNPLUGGED)] == steps(track)


def test_state_lasts_until_another_one_is_told():
    """A reading without a state keeps the state."""
    track = track_of(reading(0, 0), reading(10, 3000, state=IDLE), reading(20, 3000), reading(30, state=UNPLUGGED))

    assert [CHARGING, IDLE, IDLE, UNPLUGGED] == [state for _, _, state in steps(track)]


def test_state_of_an_instant_is_kept_when_its_energy_comes_in_another_reading():
    """The stop and the final value are often two messages of one instant."""
    track = track_of(reading(10, 3000), reading(10, state=IDLE))

    assert [(10, 3000, IDLE)] == steps(track)
    assert frozenset() == track.flags


@pytest.mark.parametrize(
    "at",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
        START - timedelta(days=1, microseconds=1),
        NOW + timedelta(days=1, microseconds=1),
    ],
)
def test_reading_is_left_out_when_its_date_is_absurd(at):
    """More than a day before the start or after now: a clock that is wrong, told and not counted."""
    track = track_of(reading(10, 3000), MeterReading(at=at, energy_wh=3500))

    assert Decimal(3000) == track.energy_wh
    assert {Flag.IMPLAUSIBLE_TIME} == track.flags
    assert START + timedelta(minutes=10) == track.last.at


def test_reading_is_taken_when_it_is_a_day_before_the_start():
    """The bound itself is inside."""
    assert frozenset() == track_of(MeterReading(at=START - timedelta(days=1), state=IDLE)).flags


@pytest.mark.parametrize("ahead", [timedelta(minutes=5, microseconds=1), timedelta(hours=2), timedelta(days=1)])
def test_reading_counts_as_of_now_when_its_clock_runs_ahead(ahead):
    """The energy counts, and time that has not passed does not: it is told."""
    track = track_of(MeterReading(at=NOW + ahead, energy_wh=3000))

    assert ({Flag.IMPLAUSIBLE_TIME}, Decimal(3000)) == (track.flags, track.energy_wh)
    assert NOW + timedelta(minutes=5) == instant(track.samples[-1].at_us)


def test_reading_counts_as_of_its_own_time_when_its_clock_is_a_little_ahead():
    """No two clocks agree; five minutes are nothing to tell of."""
    at = NOW + timedelta(minutes=5)
    track = track_of(MeterReading(at=at, energy_wh=3000))

    assert (frozenset(), at) == (track.flags, instant(track.samples[-1].at_us))


def test_newest_reading_may_be_later_than_now_when_the_start_was():
    """A session that was started ahead of our clock still has its readings."""
    late = accept([reading(10, 100)], started_us=microseconds(START), now_us=microseconds(START) - 10**12)

    assert Decimal(100) == late.energy_wh


def test_last_energy_is_found_when_the_last_reading_has_only_a_state():
    """The receipt's final register is that of the last reading that counted energy."""
    track = track_of(
        reading(0, register=50_000), reading(10, register=53_000), reading(20, register=0), reading(30, state=UNPLUGGED)
    )

    assert Decimal(53_000) == track.last_energy.register_wh
    assert UNPLUGGED is track.last.state


def test_last_energy_moves_on_when_the_meter_stands_still():
    """An unchanged meter is still the newest that counted."""
    track = track_of(reading(10, 3000), reading(20, 3000))

    assert START + timedelta(minutes=20) == track.last_energy.at


def test_signed_data_is_kept_once_and_in_order():
    """Each data set stands once, in the order of time."""
    track = track_of(reading(20, 2, signed="b"), reading(10, 1, signed="a"), reading(30, 3, signed="a"), reading(5, 0))

    assert ("a", "b") == track.signed


@pytest.mark.parametrize("wh", ["0.000001", "12.345678", "21300", "0.1", "9999999.999999"])
def test_energy_has_the_decimals_that_were_read(wh):
    """Six decimals pass through unharmed, and no others appear."""
    track = accept([reading(600, wh)], started_us=microseconds(START), now_us=microseconds(NOW), max_power_w=10_000_000)

    assert wh == str(track.energy_wh)


def test_readings_count_exactly_when_the_decimal_context_is_narrow():
    """The host's context rounds no energy."""
    readings = [reading(0, register="1234567.123456"), reading(60, register="1244567.654321")]
    with localcontext() as context:
        context.prec = 3
        track = track_of(*readings)
        energy = track.energy_wh
        kwh = MeterReading.kwh("21.345678", at=START).energy_wh

    assert "10000.530865" == str(energy)
    assert Decimal("21345.678") == kwh


@pytest.mark.parametrize(
    ("kwh", "wh"), [("21.3", "21300"), (3, "3000"), (Decimal("0.0015"), "1.5"), ("0", "0"), ("1e1", "10000")]
)
def test_kwh_becomes_wh(kwh, wh):
    """kWh are a way to write Wh."""
    assert wh == str(MeterReading.kwh(kwh, at=START).energy_wh)


@pytest.mark.parametrize("kwh", [21.3, True, "much", None, "", "NaN", "1e99", "-1", "1e-12", Decimal("Infinity")])
def test_kwh_is_refused_when_it_is_no_exact_number(kwh):
    """Floats, text, negative and absurd numbers are refused as InvalidInput."""
    with pytest.raises(InvalidInput):
        MeterReading.kwh(kwh, at=START)


@pytest.mark.parametrize("name", ["energy_wh", "register_wh", "power_w", "soc_percent"])
@pytest.mark.parametrize(
    "value", [1.5, True, "NaN", "Infinity", "-1", "-0.1", "1e20", "1e-20", "1E+999999", "abc", "", [], Decimal("sNaN")]
)
def test_number_is_refused_when_it_is_hostile(name, value):
    """No reading holds a float, a NaN, a negative or an absurd number; the message names the field, briefly."""
    with pytest.raises(InvalidInput, match=name) as refusal:
        MeterReading(at=START, state=IDLE, **{name: value})

    assert len(refusal.value.message) < 250


def test_reading_is_refused_when_it_says_nothing():
    """It needs an energy or a state."""
    with pytest.raises(InvalidInput) as refusal:
        MeterReading(at=START, power_w=1)

    assert "empty_reading" == refusal.value.code


def test_reading_is_refused_when_its_time_has_no_zone():
    """A naive time names no instant."""
    with pytest.raises(InvalidInput) as refusal:
        MeterReading(at=datetime(2026, 7, 1, 10), state=IDLE)  # noqa: DTZ001 - the point of the test

    assert "naive_time" == refusal.value.code


def test_reading_is_the_same_when_its_time_is_given_in_another_zone():
    """Instants are kept in UTC, so a repeat in local time is a repeat."""
    here = MeterReading(at=START, energy_wh=1)
    there = MeterReading(at=START.astimezone(timezone(timedelta(hours=2))), energy_wh=1)

    assert here == there
    assert reading_digest(here) == reading_digest(there)
