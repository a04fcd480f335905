"""Running cost and the questions before the money is spent."""

import pytest

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.tariffs.compile import compile_tariff
from evpay.tariffs.forecast import hold_for, until_amount
from evpay.tariffs.meter import CostMeter
from evpay.tariffs.model import Tariff
from evpay.tariffs.policy import PricingPolicy

SECOND, WH = 1_000_000, 3_600_000
PLAIN = Tariff.per_kwh("0.50", currency="EUR")
FULL = Tariff.per_kwh(
    "0.49", currency="EUR", vat="19", prices="gross", parking_per_hour="6", min_price="1", max_price="50",
    preauthorize_amount="40",
)  # fmt: skip


def meter_of(tariff, **more):
    return CostMeter(compile_tariff(tariff), start_us=0, **more)


def eur(amount):
    return Money(amount, "EUR")


def test_time_counts_by_the_state_of_the_reading_before():
    """Charging time is TIME, idle time is PARKING_TIME."""
    meter = meter_of(Tariff.per_kwh("0", currency="EUR", per_hour="60", parking_per_hour="600"))
    meter.read(60 * SECOND, 0, charging=False)
    meter.read(120 * SECOND, 0, charging=True)

    assert meter.cost().total == eur("11.00")
    assert meter_of(FULL, charging=False).charging is False


@pytest.mark.parametrize(("at_us", "energy_mj", "code"), [(9, 100, "reading_out_of_order"), (11, 99, "energy_falls")])
def test_reading_is_refused_and_changes_nothing(at_us, energy_mj, code):
    """Late and falling readings are for the session to judge, never a wrong price."""
    meter = meter_of(PLAIN)
    meter.read(10, 100, charging=True)
    before = meter.snapshot()

    with pytest.raises(InvalidInput) as refused:
        meter.read(at_us, energy_mj, charging=False)

    assert refused.value.code == code
    assert meter.snapshot() == before


def test_repeated_reading_changes_nothing_but_the_state():
    """A zero interval costs zero."""
    meter = meter_of(PLAIN)
    meter.read(10 * SECOND, 1000 * WH, charging=True)
    before = meter.cost()
    meter.read(10 * SECOND, 1000 * WH, charging=True)

    assert meter.cost() == before


def test_memory_does_not_grow_with_the_session():
    """The state depends on the tariff, not on how many readings came."""
    meter = meter_of(FULL)
    sizes = set()
    for number in range(10_000, 12_000):
        meter.read(number * SECOND, number * WH, charging=number % 2 == 0)
        sizes.add(len(meter.tally.volumes))

    assert sizes <= {1, 2}
    assert len(str(meter.snapshot())) < 500


def test_running_cost_may_fall():
    """31 min at 6.00/h in steps of 30 min are 6.00; one second of parking later the step is parking's."""
    document = {
        "id": "T", "currency": "EUR", "country_code": "NL", "party_id": "EVP",
        "elements": [{"price_components": [
            {"type": "TIME", "price": 6, "step_size": 1800},
            {"type": "PARKING_TIME", "price": 6, "step_size": 60},
        ]}],
    }  # fmt: skip
    meter = meter_of(Tariff.from_ocpi(document))
    meter.read(31 * 60 * SECOND, 0, charging=False)
    before = meter.cost().total
    meter.read((31 * 60 + 1) * SECOND, 0, charging=False)

    assert [before, meter.cost().total] == [eur("6.00"), eur("3.20")]


@pytest.mark.parametrize("change", [{"tariff_hash": "x"}, {"last": [9, 9, 9]}, {"volumes": 3}, {"charging": None}])
def test_restore_refuses_what_is_not_its_snapshot(change):
    """A snapshot belongs to one tariff."""
    snapshot = meter_of(FULL).snapshot()
    if "charging" in change:
        del snapshot["charging"]
    else:
        snapshot |= change

    with pytest.raises(InvalidInput) as refused:
        CostMeter.restore(compile_tariff(FULL), snapshot)

    assert refused.value.code == ("tariff_changed" if "tariff_hash" in change else "malformed_snapshot")


# --- how far an amount reaches -----------------------------------------------------------------------------------


def test_amount_is_used_up_at_its_second():
    """10.00 at 0.50/kWh and 7.2 kW are 20 kWh: 10,000 s, and a few more until a cent rounds up."""
    answer = until_amount(meter_of(PLAIN), eur("10.00"), power_w=7200)

    assert answer.reached
    assert answer.at_us == 10_004 * SECOND
    assert answer.energy_wh == 20_008
    assert answer.cost.total == eur("10.00")


@pytest.mark.parametrize(
    ("amount", "more", "seconds", "reached"),
    [
        ("100", {"power_w": 0}, 86_400, False),
        ("100", {"power_w": 7200, "horizon_s": 60}, 60, False),
        ("100", {"power_w": 7200, "horizon_s": 0}, 0, False),
        ("0.10", {"power_w": 7200}, 0, True),
        ("49.99", {"power_w": 0, "charging": False}, 17_846, True),
    ],
)
def test_amount_reaches_until(amount, more, seconds, reached):
    """Nothing used up, horizons, already above, and time that costs."""
    meter = meter_of(Tariff.per_kwh("0.50", currency="EUR", parking_per_hour="10"))
    meter.read(0, 840 * WH, charging=True)

    answer = until_amount(meter, eur(amount), **more)

    assert (answer.at_us, answer.reached) == (seconds * SECOND, reached)


def test_amount_with_a_negative_price_is_walked_to_the_first_excess():
    """Cost that falls and rises again: the first second above counts, not the last one within."""
    meter = meter_of(Tariff.per_kwh("-0.10", currency="EUR", per_hour="6", per_session="0"))

    assert until_amount(meter, eur("0.50"), power_w=7200, horizon_s=600).at_us == 344 * SECOND
    assert not until_amount(meter, eur("50"), power_w=7200, horizon_s=600).reached


def test_amount_must_be_in_the_currency_and_payable():
    """Never converted; and the total with tax must be known."""
    unknown = Tariff.from_ocpi({"id": "T", "currency": "EUR", "elements": [{"price_components": [
        {"type": "ENERGY", "price": 1, "step_size": 1}]}]})  # fmt: skip
    with pytest.raises(InvalidInput) as mismatch:
        until_amount(meter_of(PLAIN), Money("5", "NOK"), power_w=1)
    with pytest.raises(InvalidInput) as tax:
        until_amount(meter_of(unknown), eur("5"), power_w=1)

    assert [mismatch.value.code, tax.value.code] == ["currency_mismatch", "tax_unknown"]


# --- how much to hold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "amount", "reason"),
    [
        ({}, "14.70", "the expected cost of 30 kWh"),
        ({"margin_percent": 20}, "17.64", "the expected cost of 30 kWh and 20 %"),
        ({"margin_percent": 20, "step": eur("5")}, "20.00", "the expected cost of 30 kWh and 20 %"),
        ({"idle_s": 3600}, "20.70", "the expected cost of 30 kWh"),
        ({"energy_wh": 0}, "1.00", "the least price of the tariff"),
        ({"energy_wh": 200_000, "step": eur("35")}, "50.00", "the greatest price of the tariff"),
        ({"use_preauthorize_amount": True}, "40.00", "the tariff's own amount to hold"),
        ({"minimum": eur("25")}, "25.00", "the least hold that is asked for"),
        ({"maximum": eur("5")}, "5.00", "the greatest hold that is asked for"),
    ],
)
def test_hold_says_how_much_and_why(arguments, amount, reason):
    """The largest cost along the expected session, within the tariff's limits and the caller's."""
    expected = {"energy_wh": 30_000, "duration_s": 3600, **arguments}
    advice = hold_for(compile_tariff(FULL), **expected)

    assert (advice.amount, advice.reason.startswith(reason)) == (eur(amount), True)


@pytest.mark.parametrize(
    ("limit", "amount"), [({"before_taxes": 10}, "12.10"), ({"before_taxes": 10, "after_taxes": 9}, "10.00")]
)
def test_hold_knows_the_greatest_price_with_tax(limit, amount):
    """A limit before taxes is taken with the tariff's one rate; a crossing one as pricing raises it."""
    component = {"type": "ENERGY", "price": 1, "vat": 21, "step_size": 1}
    elements = [{"price_components": [component]}]
    document = {"id": "T", "currency": "EUR", "tax_included": "NO", "max_price": limit, "elements": elements}
    advice = hold_for(compile_tariff(Tariff.from_ocpi(document)), energy_wh=11_000, duration_s=60, margin_percent=100)

    assert advice.amount == eur(amount)


def test_hold_covers_the_least_price_when_limits_cross():
    """A least price with tax above a greatest price without: pricing charges the least, so that is held."""
    elements = [{"price_components": [{"type": "ENERGY", "price": 0, "vat": 0, "step_size": 0}]}]
    limits = {"min_price": {"before_taxes": 0, "after_taxes": 3}, "max_price": {"before_taxes": 0}}
    tariff = Tariff.from_ocpi({"id": "T", "currency": "EUR", "tax_included": "NO", "elements": elements, **limits})

    assert tariff.estimate(1000, 1).total == eur("3.00")
    assert hold_for(compile_tariff(tariff), energy_wh=1000, duration_s=60, step=eur("2")).amount >= eur("3.00")


def test_hold_is_payable_when_the_policy_rounds_finer():
    """A cost of 0.125 is held as 0.13."""
    compiled = compile_tariff(PLAIN, PricingPolicy(decimals=3))

    assert hold_for(compiled, energy_wh=250, duration_s=60).amount == eur("0.13")
