"""Every open point of the specification has a field, and every value of it another price."""

from decimal import Decimal

import pytest

from evpay.errors import InvalidInput
from evpay.tariffs.countries import ZONE_OF_COUNTRY
from evpay.tariffs.ocpi import price_cdr
from evpay.tariffs.policy import PricingPolicy
from evpay.tariffs.zone import zone_clock


def component(kind="ENERGY", price=1, step_size=0):
    return {"type": kind, "price": price, "step_size": step_size}


def element(*components, **restrictions):
    return {"price_components": list(components), **({"restrictions": restrictions} if restrictions else {})}


def tariff(*elements, **more):
    return {"id": "T", "country_code": "NL", "party_id": "EVP", "currency": "EUR", "elements": list(elements), **more}


def cdr(*periods, **more):
    """A record of periods of half an hour from 10:00, each a mapping of dimensions."""
    starts = [f"2026-06-17T{10 + number // 2}:{30 * (number % 2):02d}:00Z" for number in range(len(periods) + 1)]
    listed = [
        {
            "start_date_time": start,
            "dimensions": [{"type": name, "volume": volume} for name, volume in period.items() if name != "tariff"],
            **({"tariff_id": period["tariff"]} if "tariff" in period else {}),
        }
        for start, period in zip(starts, periods, strict=False)
    ]
    return {
        "currency": "EUR",
        "start_date_time": starts[0],
        "end_date_time": starts[-1],
        "charging_periods": listed,
        **more,
    }


def total(record, tariffs, **policy):
    return price_cdr(record, tariffs, policy=PricingPolicy(**policy)).total.amount


MINUTE = Decimal(1) / 60
RESERVED = element(component("FLAT", 2), component("TIME", 6, 900), reservation="RESERVATION")
PLAIN = element(component("FLAT", 3), component("TIME", 12, 600), component("PARKING_TIME", 6, 600))
MIXED = tariff(RESERVED, PLAIN)
A = tariff(element(component("FLAT", 1), component(price=1)), id="A")
B = tariff(element(component("FLAT", 5), component(price=2)), id="B")
# 20 minutes reserved, 15 of charging, 5 of parking, 10 of charging; steps of 15 and 10 minutes.
RESERVE = {"RESERVATION_TIME": 20 * MINUTE}
CHARGE = {"TIME": 15 * MINUTE}
PARK = {"PARKING_TIME": 5 * MINUTE}
AGAIN = {"TIME": 10 * MINUTE}


@pytest.mark.parametrize(
    ("record", "tariffs", "policy", "amount"),
    [
        # Two fees of 2 and 3; 30 of 20 minutes reserved are 3.00; 20 of 15 of charging are 4.00.
        (cdr(RESERVE, CHARGE), MIXED, {}, 12),
        (cdr(RESERVE, CHARGE), MIXED, {"flat_once_per": "session"}, 9),
        (cdr(RESERVE, CHARGE), MIXED, {"flat_without_energy": "waived"}, 9),
        (cdr(RESERVE, {**CHARGE, "ENERGY": 1}), MIXED, {"flat_without_energy": "waived"}, 12),
        # Together 35 minutes round up to 40: 20 at 6.00/h and 20 at 12.00/h.
        (cdr(RESERVE, CHARGE), MIXED, {"reservation_step": "with_time"}, 11),
        # Parking takes the step over from both: 20 minutes at 6, 15 at 12, 10 of 5 at 6.
        (cdr(RESERVE, CHARGE, PARK), MIXED, {"reservation_step": "with_time"}, 11),
        (cdr(RESERVE, CHARGE, PARK), MIXED, {}, 12),
        (cdr(RESERVE), MIXED, {"reservation_step": "with_time"}, 5),
        (cdr(RESERVE, CHARGE, PARK), MIXED, {"step_size": "none"}, Decimal("10.50")),
        # 25 minutes of charging, the last of them after parking: exact, or rounded up to 30 in place of parking.
        (cdr(CHARGE, PARK, AGAIN), MIXED, {}, 9),
        (cdr(CHARGE, PARK, AGAIN), MIXED, {"time_step_taken_by": "last_time_dimension"}, Decimal("9.50")),
        (cdr(CHARGE, PARK), MIXED, {"time_step_taken_by": "last_time_dimension"}, 7),
        # Once per session, or once per tariff.
        (cdr({"ENERGY": 1, "tariff": "A"}, {"ENERGY": 1, "tariff": "B"}), [A, B], {}, 4),
        (
            cdr({"ENERGY": 1, "tariff": "A"}, {"ENERGY": 1, "tariff": "B"}, {"ENERGY": 1, "tariff": "A"}),
            [A, B],
            {"flat_once_per": "tariff"},
            10,
        ),
        # A period that names no tariff has that of the session, or none.
        (cdr({"ENERGY": 1, "tariff": "B"}, {"ENERGY": 2}), [A, B], {}, 9),
        (cdr({"ENERGY": 1, "tariff": "B"}, {"ENERGY": 2}), [A, B], {"period_without_tariff": "unpriced"}, 7),
        (cdr({"ENERGY": 1}, {"ENERGY": 2}), [A, B], {"period_without_tariff": "unpriced"}, 4),
    ],
)
def test_choice_decides_the_price(record, tariffs, policy, amount):
    """Totals worked out by hand, in the comment of each."""
    assert total(record, tariffs, **policy) == amount


def test_steps_may_count_what_was_free():
    """1.2 kWh with a price and 0.5 free, in steps of 1 kWh: 2 are billed, or the 0.3 that 1.7 lack of 2."""
    found = tariff(element(component(price=1, step_size=1000), max_kwh=1), element(component("TIME", 0)))
    record = cdr({"ENERGY": Decimal("1.2")}, {"ENERGY": Decimal("0.5")})

    assert total(record, found) == 2
    assert total(record, found, step_counts="all") == Decimal("1.50")


def test_duration_may_count_from_the_reservation():
    """Half an hour reserved, half an hour charged: the price of the first half hour holds, or is over."""
    found = tariff(element(component("TIME", 2), max_duration=1800), element(component("TIME", 6)))
    record = cdr({"RESERVATION_TIME": Decimal("0.5")}, {"TIME": Decimal("0.5")})

    assert total(record, found) == 1
    assert total(record, found, duration_from="cdr_start") == 3


def test_tariff_may_change_with_the_period():
    """The session keeps the tariff of its start, or each period has the one valid then; limits are the first's."""
    old = {**A, "end_date_time": "2026-06-17T10:30:00Z"}
    new = {**B, "start_date_time": "2026-06-17T10:30:00Z", "max_price": {"excl_vat": 1}}
    record = cdr({"ENERGY": 1}, {"ENERGY": 1})

    assert total(record, [old, new]) == 3
    assert total(record, [old, new], tariff_at="period_start") == 4
    with pytest.raises(InvalidInput, match="valid"):
        total(record, [old], tariff_at="period_start")


def test_a_preferred_type_is_chosen_first():
    """The driver's type, then a tariff for all, then the first."""
    typed = [{**B, "type": "AD_HOC_PAYMENT"}, {**A, "type": None}, {**B, "type": "REGULAR", "id": "C"}]
    record = cdr({"ENERGY": 10})

    assert [total(record, typed, preferred_type=name) for name in ("REGULAR", "PROFILE_FAST", None)] == [25, 11, 11]


def test_expiry_without_a_reservation_is_noted():
    """Nothing expired if nothing was reserved."""
    cost = price_cdr(cdr({"TIME": 1}), MIXED, reservation_expired=True)

    assert [note.code for note in cost.notes] == ["no_reservation"]


def test_components_may_be_rounded_before_they_are_added():
    """Twice 1.005: 2.01 together, 1.01 each."""
    prices = [component(price=Decimal("0.335")), component("TIME", Decimal("1.005"))]
    record = cdr({"ENERGY": 3, "TIME": 1})
    cost = price_cdr(record, tariff(element(*prices)), policy=PricingPolicy(component_decimals=2))

    assert total(record, tariff(element(*prices))) == Decimal("2.01")
    assert (cost.total_excl.amount, cost.exact_excl) == (Decimal("2.02"), Decimal("2.02"))
    assert [line.exact for line in cost.lines] == [Decimal("1.01"), Decimal("1.01")]
    assert total(record, tariff(element(*prices)), component_decimals=6) == Decimal("2.01")


def test_time_zone_may_be_that_of_the_country():
    """22:00 UTC is Saturday in Norway; a country with several zones says nothing."""
    found = tariff(element(component(), day_of_week=["SATURDAY"]))
    record = cdr({"ENERGY": 1}) | {"cdr_location": {"country": "NOR"}}
    record["charging_periods"][0]["start_date_time"] = "2026-06-19T22:00:00Z"
    policy = PricingPolicy(zone_from_country=True)
    cost = price_cdr(record, found, policy=policy)

    assert cost.total.amount == 1
    assert "zone_from_country" in [note.code for note in cost.notes]
    with pytest.raises(InvalidInput, match="time zone"):
        price_cdr(record | {"cdr_location": {"country": "USA"}}, found, policy=policy)
    with pytest.raises(InvalidInput, match="time zone"):
        price_cdr(record, found)


def test_every_country_has_a_zone_that_exists():
    """A table of names, checked against the database."""
    assert all(zone_clock(zone).offset(0) in range(-3600, 3 * 3600 + 1) for zone in ZONE_OF_COUNTRY.values())
