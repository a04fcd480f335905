"""The laws of accepting readings: order and repetition do not matter, energy never outruns meter or cable."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from evpay.instants import microseconds
from evpay.sessions.readings import ConnectorState, Flag, MeterReading, accept

START = datetime(2026, 7, 1, 10, tzinfo=UTC)
NOW_US = microseconds(START + timedelta(hours=12))
POWER_W = 22_000

numbers = st.integers(0, 90_000_000).map(lambda milli: Decimal(milli).scaleb(-3))
minutes = st.integers(-60, 600) | st.sampled_from([-30_000_000, -1441, 0, 0, 10, 10, 2161, 6_000_000])


@st.composite
def readings(draw):
    state = draw(st.none() | st.sampled_from(ConnectorState))
    energy, register = draw(st.none() | numbers), draw(st.none() | numbers)
    return MeterReading(
        at=START + timedelta(minutes=draw(minutes)),
        energy_wh=energy,
        register_wh=register,
        power_w=draw(st.none() | st.just(Decimal(7))),
        state=ConnectorState.IDLE if state is energy is register is None else state,
        signed=draw(st.none() | st.sampled_from("ab")),
    )


many = st.lists(readings(), max_size=8)


def track_of(given, power_w=POWER_W):
    return accept(given, started_us=microseconds(START), now_us=NOW_US, max_power_w=power_w)


@given(many, st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_repetition_change_nothing(given, random, times):
    """Whatever the order of arrival and however often: the same samples, flags, first, last and signed data."""
    shuffled = given * times
    random.shuffle(shuffled)

    assert track_of(given) == track_of(shuffled)


@given(many)
def test_samples_stand_in_order_and_energy_never_falls(given):
    """One sample per instant, none before the start, and the energy of each at least that of the one before."""
    samples = track_of(given).samples

    assert all(a.at_us < b.at_us and a.energy_mj <= b.energy_mj for a, b in pairwise(samples))
    assert all(sample.at_us >= microseconds(START) and sample.energy_mj >= 0 for sample in samples)


@given(many)
def test_no_sample_holds_more_than_can_have_flowed(given):
    """Maximum power times the time since the start, 5 % and 200 Wh bound every sample."""
    for sample in track_of(given).samples:
        hours = Decimal(sample.at_us - microseconds(START)) / 3_600_000_000
        assert sample.energy_mj <= (POWER_W * hours * Decimal("1.05") + 200) * 3_600_000 + 1


@given(many)
def test_energy_is_never_more_than_the_meters_said(given):
    """What is billed was shown: at most the highest session energy and the widest span of the register together."""
    energies = [r.energy_wh for r in given if r.energy_wh is not None]
    registers = [r.register_wh for r in given if r.register_wh is not None]
    span = max(registers) - min(registers) if registers else 0

    assert track_of(given).energy_wh <= max(energies, default=0) + span


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 100)), min_size=1, max_size=8), st.integers(0, 10**9))
def test_honest_register_is_billed_to_the_watt_hour(steps, begin):
    """A meter that only rises, within the connector's power, is billed as its last value less its first."""
    at, register, given = 0, begin, [MeterReading(at=START, register_wh=begin)]
    for minutes_on, percent in steps:
        at, register = at + minutes_on, register + POWER_W * minutes_on * percent // 6000
        given.append(MeterReading(at=START + timedelta(minutes=at), register_wh=register))
    track = track_of(given)

    assert (register - begin, frozenset()) == (track.energy_wh, track.flags)
    assert (begin, register) == (track.first.register_wh, track.last_energy.register_wh)


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 100)), min_size=1, max_size=8), st.integers(201, 9_000_000)
)
def test_odometer_is_billed_as_its_rise(steps, lifetime):
    """Lifetime energy sent as the session's, however small, is flagged, and only what it rose by is billed."""
    at, energy, given = 0, lifetime, [MeterReading(at=START, energy_wh=lifetime)]
    for minutes_on, percent in steps:
        at, energy = at + minutes_on, energy + POWER_W * minutes_on * percent // 6000
        given.append(MeterReading(at=START + timedelta(minutes=at), energy_wh=energy))
    track = track_of(given)

    assert energy - lifetime == track.energy_wh
    assert {Flag.IMPLAUSIBLE_ENERGY} == track.flags


@given(many, readings())
def test_absurd_date_changes_nothing_but_the_flag(given, other):
    """A reading from 1970 is told and not counted."""
    odd = other.model_copy(update={"at": datetime(1970, 1, 1, tzinfo=UTC)})
    with_it, without = track_of([*given, odd]), track_of(given)

    assert without.samples == with_it.samples
    assert without.flags | {Flag.IMPLAUSIBLE_TIME} == with_it.flags
