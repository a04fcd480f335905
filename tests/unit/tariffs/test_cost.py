"""Costs as values: lines, taxes, limits, JSON, explanation."""

import json
import pickle
from decimal import Decimal

import pytest
from pydantic import BaseModel

from evpay.errors import InvalidInput
from evpay.money import Money, Rounding
from evpay.tariffs.compile import compile_tariff, compile_tariffs
from evpay.tariffs.cost import Cost
from evpay.tariffs.lines import LineKind, Note
from evpay.tariffs.model import (
    ComponentKind,
    Element,
    PriceComponent,
    PriceLimit,
    Tariff,
    TaxIncluded,
    TaxRate,
)
from evpay.tariffs.policy import PricingPolicy
from evpay.tariffs.price import Period, price_periods

KWH = HOUR = 3_600_000_000


def tariff_of(*components, **more):
    fields = {"id": "T", "currency": "EUR", "tax_included": TaxIncluded.NO, **more}
    return Tariff(elements=(Element(components=components),), **fields)


def energy(price, taxes=(), step_size=0):
    return PriceComponent(kind=ComponentKind.ENERGY, price=price, taxes=taxes, step_size=step_size)


def vat(percent, **more):
    return (TaxRate(percent=percent, **more),)


def cost_of(tariff, kwh, policy=None, **more):
    return price_periods(compile_tariff(tariff, policy), [Period(start_us=0, energy=int(kwh * KWH))], **more)


def texts(cost):
    return [None if side is None else str(side.amount) for side in (cost.total_excl, cost.total_incl)]


GROSS = Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="gross", per_session="0.35", parking_per_hour="6")


def test_cost_has_a_line_per_component_with_its_reason():
    """Each line says which price applied to what, and why."""
    cost = GROSS.estimate(20_000, 40, 30)
    start, energy_line, parking = cost.lines

    assert [line.kind for line in cost.lines] == [LineKind.FLAT, LineKind.ENERGY, LineKind.PARKING_TIME]
    assert (energy_line.volume, energy_line.unit_price) == (20, Decimal("0.49"))
    assert energy_line.amount == Money("9.80", "EUR")
    assert parking.billed_volume == Decimal("0.5")
    assert "once per session" in start.reason
    assert round(cost.volumes["TIME"].total * 60) == 40
    assert cost.volumes["TIME"].billed == 0
    assert cost.total == Money("13.15", "EUR")


def test_tax_is_shared_per_rate():
    """Net and tax make gross, in total and per rate."""
    tariff = tariff_of(
        PriceComponent(kind=ComponentKind.FLAT, price="0.50", taxes=vat("20")), energy("0.25", vat("10"))
    )
    cost = cost_of(tariff, 20)
    twenty, ten = cost.taxes

    assert (twenty.percentage, str(twenty.net), str(twenty.amount)) == (20, "0.50 EUR", "0.10 EUR")
    assert (ten.percentage, str(ten.net), str(ten.amount), str(ten.gross)) == (10, "5.00 EUR", "0.50 EUR", "5.50 EUR")
    assert texts(cost) == ["5.50", "6.10"]


def test_stacked_taxes_are_taken_on_top_of_each_other():
    """Net 10, 5 % and on top of both 10 %: 11.55 (the example of OCPP 2.1)."""
    rates = (TaxRate(name="city", percent="5"), TaxRate(name="state", percent="10", stack=1))
    cost = cost_of(tariff_of(energy("1", rates)), 10)

    assert texts(cost) == ["10.00", "11.55"]
    assert [(tax.name, str(tax.amount.amount)) for tax in cost.taxes] == [("city", "0.50"), ("state", "1.05")]


def test_parallel_taxes_add():
    """Two rates of one stack are both taken of the net price."""
    rates = (TaxRate(name="a", percent="5"), TaxRate(name="b", percent="10"))

    assert texts(cost_of(tariff_of(energy("1", rates)), 10)) == ["10.00", "11.50"]


@pytest.mark.parametrize(
    ("low", "high", "kwh", "expected", "kinds"),
    [
        ({"before_taxes": "5"}, None, 1, ["5.00", "6.05"], ["MIN_PRICE"]),
        (None, {"after_taxes": "6.05"}, 90, ["5.00", "6.05"], ["MAX_PRICE"]),
        ({"after_taxes": "6.05"}, None, 0, ["5.00", "6.05"], ["MIN_PRICE"]),
        ({"before_taxes": "5"}, {"before_taxes": "4"}, 1, ["4.00", "4.84"], ["MIN_PRICE", "MAX_PRICE"]),
        (None, {"before_taxes": "9", "after_taxes": "8"}, 90, ["9.00", "9.00"], ["MAX_PRICE"]),
        ({"before_taxes": "0"}, {"before_taxes": "100"}, 10, ["10.00", "12.10"], []),
    ],
)
def test_limits_take_the_other_side_along(low, high, kwh, expected, kinds):
    """Where a limit names one side, the tax keeps its proportion; tax is never negative."""
    limits = {"min_price": low and PriceLimit(**low), "max_price": high and PriceLimit(**high)}
    cost = cost_of(tariff_of(energy("1", vat("21")), **limits), kwh)

    assert texts(cost) == expected
    assert [line.kind for line in cost.lines if line.kind in ("MIN_PRICE", "MAX_PRICE")] == kinds
    assert cost.clamped == bool(kinds)
    assert cost.tax == sum((tax.amount for tax in cost.taxes), Money("0", "EUR"))


def test_limit_alone_is_taxed_like_the_tariff():
    """A gross least price of a tariff with one rate shows that rate, also where nothing was used."""
    cost = Tariff.per_kwh("0.49", currency="EUR", vat="19", prices="gross", min_price="1").estimate(0, 0)

    assert texts(cost) == ["0.84", "1.00"]
    assert [(tax.percentage, str(tax.net)) for tax in cost.taxes] == [(19, "0.84 EUR")]
    assert cost.notes == ()


def test_limit_that_no_rate_explains_loses_the_percentage():
    """19.00 net and 22.00 gross is no 20 %."""
    tariff = tariff_of(energy("0.5", vat("20")), max_price=PriceLimit(before_taxes="20", after_taxes="22"))
    cost = cost_of(tariff, 38)

    assert [note.code for note in cost.notes] == ["tax_unattributed"]
    assert [(tax.percentage, str(tax.amount)) for tax in cost.taxes] == [(None, "3.00 EUR")]


def test_negative_tax_is_noted():
    """Limits that cross would make a negative tax; the total with tax is raised and the note says so."""
    tariff = tariff_of(energy("1", vat("21")), max_price=PriceLimit(before_taxes="9", after_taxes="8"))

    assert "negative_tax" in [note.code for note in cost_of(tariff, 90).notes]


@pytest.mark.parametrize(
    ("limits", "kwh", "expected"),
    [
        ({"max_price": {"before_taxes": "9"}}, 5, [None, "5.00"]),
        ({"max_price": {"before_taxes": "9", "after_taxes": "10"}}, 50, [None, "10.00"]),
        ({"min_price": {"after_taxes": "3"}}, 1, [None, "3.00"]),
    ],
)
def test_limits_with_an_unnamed_tax_bind_where_they_are_known(limits, kwh, expected):
    """Prices contain a tax that is not named: what can be said about the gross side is said."""
    bounds = {name: PriceLimit(**bound) for name, bound in limits.items()}
    cost = cost_of(tariff_of(energy("1", None), tax_included=TaxIncluded.YES, **bounds), kwh)

    assert texts(cost) == expected
    assert cost.tax is None
    assert cost.taxes == ()


@pytest.mark.parametrize("limits", [{"max_price": {"before_taxes": "9"}}, {"min_price": {"before_taxes": "1"}}])
def test_nothing_is_guessed_when_a_limit_makes_both_sides_unknown(limits):
    """A net limit on prices with an unnamed tax may or may not bind: refused."""
    bounds = {name: PriceLimit(**bound) for name, bound in limits.items()}

    with pytest.raises(InvalidInput) as refused:
        cost_of(tariff_of(energy("1", None), tax_included=TaxIncluded.YES, **bounds), 50)

    assert refused.value.code == "tax_unknown"


def test_gross_limit_on_prices_without_known_tax_is_refused():
    """The other way round: a gross limit where only the net is known."""
    tariff = tariff_of(energy("1", None), country_code="US", max_price=PriceLimit(after_taxes="9"))

    with pytest.raises(InvalidInput) as refused:
        cost_of(tariff, 5)

    assert refused.value.code == "tax_unknown"


def test_total_is_the_net_where_tax_is_unknown():
    """What can be said is said; whether that may be charged is decided at the start of a session."""
    cost = cost_of(tariff_of(energy("1", None), country_code="US"), 5)

    assert texts(cost) == ["5.00", None]
    assert cost.total == Money("5.00", "EUR")
    assert cost.rounded_incl is None
    assert "+tax" in repr(cost)
    assert "tax not known" in cost.explain()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, ["1.13", "1.13"]),
        ({"rounding": Rounding.HALF_EVEN}, ["1.12", "1.12"]),
        ({"rounding": Rounding.UP}, ["1.13", "1.13"]),
        ({"rounding": Rounding.DOWN}, ["1.12", "1.12"]),
        ({"decimals": 0}, ["1.00", "1.00"]),
        ({"step_size": "none"}, ["1.13", "1.13"]),
    ],
)
def test_policy_decides_the_rounding(policy, expected):
    """1.125: the default is away from zero."""
    assert texts(cost_of(tariff_of(energy("1")), Decimal("1.125"), PricingPolicy(**policy))) == expected


def test_policy_can_round_finer_than_the_currency():
    """Three decimals of a euro are a number, but no money."""
    cost = cost_of(tariff_of(energy("1")), Decimal("1.125"), PricingPolicy(decimals=3))

    assert cost.rounded_excl == Decimal("1.125")
    assert cost == Cost.from_json(cost.to_json())
    with pytest.raises(InvalidInput) as refused:
        _ = cost.total
    assert refused.value.code == "excess_decimals"


def test_policy_can_leave_steps_and_gross_totals_alone():
    """No step sizes; and a net limit that leaves the gross total as it is."""
    stepped = cost_of(tariff_of(energy("1", step_size=5000)), 1, PricingPolicy(step_size="none"))
    limited = tariff_of(energy("1", vat("10")), max_price=PriceLimit(before_taxes="5"))

    assert texts(stepped) == ["1.00", "1.00"]
    assert texts(cost_of(limited, 10, PricingPolicy(bound_without_incl="leave"))) == ["5.00", "11.00"]


@pytest.mark.parametrize(("missing_vat", "incl"), [("by_country", None), ("no_tax", "5.00"), ("unknown", None)])
def test_policy_decides_what_a_missing_rate_means(missing_vat, incl):
    """In the United States it means a tax that is not known, unless said otherwise."""
    tariff = tariff_of(energy("1", None), country_code="US")

    assert texts(cost_of(tariff, 5, PricingPolicy(missing_vat=missing_vat))) == ["5.00", incl]


def test_coarser_step_of_an_account_rounds_to_it():
    """Swiss francs are paid in steps of 0.05; lines are too."""
    tariff = tariff_of(energy("0.33", vat("8.1")), currency="CHF")
    cost = cost_of(tariff, 10, step_minor=5)

    assert texts(cost) == ["3.30", "3.55"]
    assert cost.tax == Money("0.25", "CHF")
    with pytest.raises(InvalidInput):
        cost_of(tariff, 10, step_minor=0)


def test_tariffs_of_one_session_share_a_currency():
    """Nothing is ever converted."""
    with pytest.raises(InvalidInput) as refused:
        compile_tariffs([GROSS, Tariff.free(currency="NOK")], paths=["tariffs[0]", "tariffs[1]"])
    with pytest.raises(InvalidInput):
        compile_tariffs([])

    assert (refused.value.code, refused.value.path) == ("currency_mismatch", "tariffs[1].currency")


# --- JSON --------------------------------------------------------------------------------------------------------


class Holder(BaseModel):
    """A model with a cost in it."""

    cost: Cost


def test_cost_is_a_field_of_models():
    """Receipts and exposures contain costs."""
    cost = GROSS.estimate(20_123, 40, 31).with_notes(
        [Note(code="a", message="b", path="c"), Note(code="d", message="e")]
    )
    again = Holder.model_validate_json(Holder(cost=cost).model_dump_json()).cost

    assert again == cost
    assert again.notes == cost.notes
    assert again.explain() == cost.explain()
    assert hash(again) == hash(cost)
    assert pickle.loads(pickle.dumps(cost)) == cost
    assert Cost.from_json(json.dumps(cost.to_json())) == cost
    assert Holder.model_json_schema()["properties"]["cost"]["title"] == "Cost"


@pytest.mark.parametrize("document", ["[]", "{}", b"\xff", "nonsense", {"currency": 1}, None, 3])
def test_cost_refuses_other_documents(document):
    """What is no cost is an InvalidInput, never a traceback."""
    with pytest.raises(InvalidInput) as refused:
        Cost.from_json(document)

    assert refused.value.code == "malformed_cost"


def test_cost_refuses_amounts_finer_than_it_says():
    """Amounts fit the decimals of the document."""
    document = GROSS.estimate(1000, 1).to_json() | {"total_incl": "1.234"}

    with pytest.raises(InvalidInput):
        Cost.from_json(document)


def test_costs_differ_from_other_values():
    """Equality is by exact values."""
    assert GROSS.estimate(1000, 1) == GROSS.estimate(1000, 1)
    assert GROSS.estimate(1000, 1) != GROSS.estimate(1000, 2)
    assert GROSS.estimate(1000, 1) != GROSS.estimate(1001, 1)
    assert GROSS.estimate(1000, 1) != "1.00"


# --- explanation -------------------------------------------------------------------------------------------------


def test_explanation_reads_in_english():
    """One line per part, then the total and the taxes."""
    assert GROSS.estimate(20_000, 40, 30).explain().splitlines() == [
        "Start: €0.35",
        "Energy: 20.00 kWh × 0.49 EUR/kWh = €9.80",
        "Parking time: 0:30:00 h × 6.00 EUR/h = €3.00",
        "Total: €13.15 (without tax €11.05, tax €2.10)",
        "VAT 19.00 %: €2.10 / €11.05",
    ]


def test_explanation_reads_in_german():
    """Numbers and words follow the locale."""
    tariff = tariff_of(energy("0.25", step_size=500), min_price=PriceLimit(before_taxes="2"))
    rows = cost_of(tariff, Decimal("1.2")).with_notes([Note(code="x", message="y")]).explain("de-DE").splitlines()

    assert rows[0] == "Energie: 1,20 kWh (berechnet 1,50 kWh) × 0,25 EUR/kWh = 0,38\xa0€"
    assert rows[1].startswith("Mindestpreis: 1,62")
    assert rows[-1] == "x: y"


def test_explanation_refuses_unknown_locales():
    """Never the locale of the process."""
    with pytest.raises(InvalidInput) as refused:
        GROSS.estimate(1000, 1).explain("zz-ZZ")

    assert refused.value.code == "unknown_locale"
