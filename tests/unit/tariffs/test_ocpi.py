"""OCPI in and out: versions, leniency with notes, errors with paths."""

import copy
from decimal import Decimal

import pytest

from evpay.errors import InvalidInput
from evpay.tariffs.compile import compile_tariff
from evpay.tariffs.model import Tariff, TaxIncluded
from evpay.tariffs.ocpi import price_cdr, read_tariff
from evpay.tariffs.policy import PricingPolicy

START, END = "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z"


def tariff(**more):
    component = {"type": "ENERGY", "price": Decimal("0.50"), "step_size": 1} | more.pop("component", {})
    element = {"price_components": [component]} | more.pop("element", {})
    return {"id": "T", "country_code": "NL", "party_id": "EVP", "currency": "EUR", "elements": [element], **more}


def cdr(*dimensions, **more):
    period = {"start_date_time": START, "dimensions": [{"type": kind, "volume": volume} for kind, volume in dimensions]}
    return {
        "start_date_time": START,
        "end_date_time": END,
        "currency": "EUR",
        "charging_periods": [period | more.pop("period", {})],
        **more,
    }


def totals(cost):
    return [None if side is None else str(side.amount) for side in (cost.total_excl, cost.total_incl)]


def codes(cost):
    return [note.code for note in cost.notes]


# --- versions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "version", "tax_included"),
    [
        ({"id": "T", "currency": "EUR", "elements": tariff()["elements"]}, "2.1.1", TaxIncluded.UNSTATED),
        (tariff(), "2.2.1", TaxIncluded.NO),
        (tariff(tax_included="N/A"), "2.3.0", TaxIncluded.NOT_APPLICABLE),
        (tariff(min_price={"before_taxes": 1}), "2.3.0", TaxIncluded.NO),
        (
            {"id": "T", "currency": "EUR", "elements": tariff(component={"vat": 10})["elements"]},
            "2.2.1",
            TaxIncluded.NO,
        ),
    ],
)
def test_version_is_told_from_the_fields(document, version, tax_included):
    """The lowest version that has all the fields."""
    read = read_tariff(document)

    assert (read.version, read.tariff.tax_included) == (version, tax_included)


def test_version_of_a_tariff_is_no_lower_than_its_cdr():
    """A bare tariff in a 2.3.0 record lacks tax_included; in a 2.2.1 record it lacks nothing."""
    bare = {"id": "T", "currency": "EUR", "elements": tariff()["elements"]}

    assert codes(price_cdr(cdr(("ENERGY", 1), total_cost={"before_taxes": 1}), bare)) == ["missing_tax_included"]
    assert totals(price_cdr(cdr(("ENERGY", 1), total_cost={"excl_vat": 1}), bare)) == ["0.50", "0.50"]
    assert totals(price_cdr(cdr(("ENERGY", 1), auth_id="A"), bare)) == ["0.50", None]
    embedded = cdr(("ENERGY", 1), tariffs=[bare | {"tax_included": "YES"}])
    assert totals(price_cdr(embedded)) == [None, "0.50"]


def test_missing_rate_means_what_its_version_says():
    """2.2.1: no tax applies. 2.3.0: unknown in the United States and Canada, unless another price has a rate."""
    american = tariff(country_code="US")
    mixed = copy.deepcopy(american) | {"tax_included": "NO"}
    mixed["elements"][0]["price_components"].append({"type": "FLAT", "price": 1, "vat": 10, "step_size": 1})

    assert totals(price_cdr(cdr(("ENERGY", 1)), american)) == ["0.50", "0.50"]
    assert totals(price_cdr(cdr(("ENERGY", 1)), american | {"tax_included": "NO"})) == ["0.50", None]
    assert totals(price_cdr(cdr(("ENERGY", 1)), mixed)) == ["1.50", "1.60"]


# --- leniency ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "note", "path"),
    [
        (tariff(component={"price": "0.50"}), "numeric_string", "elements[0].price_components[0].price"),
        (tariff(max_price={"before_taxes": 9}, tax_included="NO"), None, None),
        (tariff(max_price={"excl_vat": 9}, tax_included="NO"), "field_of_other_version", "max_price"),
        (tariff(max_price={"after_taxes": 9}, tax_included="NO"), "missing_before_taxes", "max_price"),
        (tariff(component={"vat": 10}, tax_included="N/A"), "rate_without_tax", "elements[0].price_components[0].vat"),
        (tariff(colour="red"), "unknown_field", "colour"),
        (tariff(element={"colour": "red"}), "unknown_field", "elements[0].colour"),
        (tariff(component={"step_size": None}), "missing_step_size", "elements[0].price_components[0]"),
        (tariff(element={"restrictions": {"min_kwh": None, "day_of_week": []}}), None, None),
    ],
)
def test_leniency_leaves_a_note(document, note, path):
    """What real documents get wrong is tolerated, visibly."""
    cost = price_cdr(cdr(("ENERGY", 2)), document)

    assert [(one.code, one.path) for one in cost.notes] == ([] if note is None else [(note, path)])
    assert cost.total.amount == 1


@pytest.mark.parametrize(
    ("record", "note"),
    [
        (cdr(("ENERGY", "2")), "numeric_string"),
        (cdr(("ENERGY", 2), ("STATE_OF_CHARGE", 16)), "dimension_not_priced"),
        (cdr(("ENERGY", 1), ("ENERGY", 1)), "dimension_repeated"),
        (cdr(("ENERGY", 2000), total_energy=2), "energy_in_wh"),
        (cdr(("ENERGY", Decimal("2.000000000001"))), "volume_finer_than_tick"),
        (cdr(("ENERGY", 2), credit=True), "credit_cdr"),
        (cdr(("ENERGY", 2), period={"start_date_time": "2026-03-02T09:00:00Z"}), "periods_outside_session"),
        (cdr(("ENERGY", 2), period={"tariff_id": "other"}), "other_tariff_named"),
    ],
)
def test_leniency_with_records_leaves_a_note(record, note):
    """The same for CDRs."""
    cost = price_cdr(record, tariff(component={"step_size": 0}))

    assert codes(cost) == [note]
    assert cost.total.amount == 1


def test_each_ignored_dimension_is_noted_once():
    """Not once per period."""
    record = cdr(("ENERGY", 1), ("STATE_OF_CHARGE", 16))
    record["charging_periods"] *= 3

    assert codes(price_cdr(record, tariff())) == ["dimension_not_priced"]


def test_periods_are_put_in_order():
    """The step falls to the last component used, so order matters."""
    record = cdr(("ENERGY", 1), period={"start_date_time": "2026-03-02T11:00:00Z"})
    record["charging_periods"][0]["tariff_id"] = "dear"
    record["charging_periods"].append(
        {"start_date_time": START, "tariff_id": "cheap", "dimensions": [{"type": "ENERGY", "volume": 1}]}
    )
    stepped = {"step_size": 10_000}
    cost = price_cdr(record, [priced("cheap", 1, **stepped), priced("dear", 2, **stepped)])

    assert codes(cost) == ["periods_out_of_order"]
    assert totals(cost) == ["19.00", "19.00"]


def test_nothing_used_is_not_the_last_use():
    """A period of zero at another price leaves the step with the price that was used."""
    record = cdr(("ENERGY", 2), period={"tariff_id": "cheap"})
    record["charging_periods"].append(
        {"start_date_time": END, "tariff_id": "dear", "dimensions": [{"type": "ENERGY", "volume": 0}]}
    )
    stepped = {"step_size": 10_000}

    assert totals(price_cdr(record, [priced("cheap", 1, **stepped), priced("dear", 2, **stepped)])) == ["10.00"] * 2


def test_energy_fed_back_in_total_is_not_rounded():
    """Steps round up what is bought; no rule rounds what is sold."""
    assert totals(price_cdr(cdr(("ENERGY", Decimal("-2.5"))), priced("T", 1, step_size=1000))) == ["-2.50", "-2.50"]


def test_record_without_periods_costs_the_least_price():
    """Nothing used: only limits speak."""
    cost = price_cdr(cdr() | {"charging_periods": []}, tariff(min_price={"excl_vat": 2, "incl_vat": 2}))

    assert (totals(cost), codes(cost)) == (["2.00", "2.00"], ["no_charging_periods"])


def test_running_session_is_priced_without_an_end():
    """An OCPI Session has kwh, and no end until it is over."""
    record = cdr(("ENERGY", 2), kwh=2)
    del record["end_date_time"]

    assert totals(price_cdr(record, tariff())) == ["1.00", "1.00"]


def test_wh_are_not_detected_when_the_policy_says_so():
    """Strict readers take the field at its word."""
    record = cdr(("ENERGY", 2000), total_energy=2)

    assert totals(price_cdr(record, tariff(), policy=PricingPolicy(energy_unit="kwh"))) == ["1000.00", "1000.00"]


def test_expired_reservation_of_nothing_is_noted():
    """The flag is not silently dropped."""
    assert codes(price_cdr(cdr(("ENERGY", 1)), tariff(), reservation_expired=True)) == ["no_reservation"]


# --- choice ------------------------------------------------------------------------------------------------------


def priced(name, price, step_size=1, **more):
    return tariff(id=name, component={"price": price, "step_size": step_size}, **more)


@pytest.mark.parametrize(
    ("policy", "total"), [({}, "2.00"), ({"preferred_type": "REGULAR"}, "3.00"), ({"preferred_type": "X"}, "2.00")]
)
def test_tariff_is_chosen_by_validity_and_type(policy, total):
    """Valid at the start; of the driver's type, else of no type, else the first."""
    offered = [
        priced("old", 1, end_date_time=START),
        priced("any", 2),
        priced("regular", 3, type="REGULAR"),
        priced("new", 4, start_date_time=END),
    ]

    assert price_cdr(cdr(("ENERGY", 1)), offered, policy=PricingPolicy(**policy)).total_excl.amount == Decimal(total)


def test_first_valid_tariff_is_chosen_when_all_have_other_types():
    """Better a tariff than none."""
    offered = [priced("green", 5, type="PROFILE_GREEN"), priced("regular", 3, type="REGULAR")]

    assert totals(price_cdr(cdr(("ENERGY", 1)), offered)) == ["5.00", "5.00"]


def test_named_tariff_may_become_valid_with_its_period():
    """A price change in the session names a tariff that was not yet valid at its start."""
    record = cdr(("ENERGY", 1), period={"tariff_id": "old"})
    later = "2026-03-02T11:00:00Z"
    record["charging_periods"].append(
        {"start_date_time": later, "tariff_id": "NEW", "dimensions": [{"type": "ENERGY", "volume": 1}]}
    )
    offered = [priced("old", 1, end_date_time=later), priced("new", 3, start_date_time=later)]

    assert totals(price_cdr(record, offered)) == ["4.00", "4.00"]


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "code", "path"),
    [
        ([], "wrong_type", "$"),
        (tariff(id=None), "missing_field", "id"),
        (tariff(id=3), "wrong_type", "id"),
        (tariff(id="\ud800"), "wrong_type", "id"),
        (tariff(currency="eur"), "unknown_currency", "currency"),
        (tariff(elements=None), "invalid_tariff", "elements"),
        (tariff(elements={}), "wrong_type", "elements"),
        (tariff(element={"price_components": []}), "missing_field", "elements[0].price_components"),
        (tariff(component={"price": 0.5}), "inexact_number", "elements[0].price_components[0].price"),
        (tariff(component={"price": True}), "inexact_number", "elements[0].price_components[0].price"),
        (tariff(component={"price": "five"}), "malformed_number", "elements[0].price_components[0].price"),
        (tariff(component={"price": Decimal("NaN")}), "malformed_number", "elements[0].price_components[0].price"),
        (tariff(component={"type": "POWER"}), "unknown_component", "elements[0].price_components[0].type"),
        (tariff(component={"step_size": Decimal("0.5")}), "not_whole", "elements[0].price_components[0].step_size"),
        (tariff(component={"step_size": 10**11}), "invalid_tariff", "elements[0].price_components[0].step_size"),
        (tariff(component={"vat": -1}), "invalid_tariff", "elements[0].price_components[0].percent"),
        (tariff(element={"restriction": {}}), "unknown_field", "elements[0].restriction"),
        (
            tariff(element={"restrictions": {"dayOfWeek": ["MONDAY"]}}),
            "unsupported_restriction",
            "elements[0].restrictions.dayOfWeek",
        ),
        (
            tariff(element={"restrictions": {"start_date": "2026-02-30"}}),
            "malformed_date",
            "elements[0].restrictions.start_date",
        ),
        (
            tariff(element={"restrictions": {"start_time": "25:00"}}),
            "invalid_tariff",
            "elements[0].restrictions.start_time",
        ),
        (tariff(tax_included="MAYBE"), "unknown_tax_included", "tax_included"),
        (tariff(start_date_time="yesterday"), "malformed_date_time", "start_date_time"),
        (tariff(start_date_time="0001-01-01T00:00:00+14:00"), "malformed_date_time", "start_date_time"),
        (tariff(min_price=3), "wrong_type", "min_price"),
        (tariff(min_price={}), "empty_limit", "min_price"),
        (tariff(type="CHEAP"), "invalid_tariff", "type"),
        (tariff(tariff_alt_url=[]), "wrong_type", "tariff_alt_url"),
    ],
)
def test_malformed_tariff_is_refused_with_its_path(document, code, path):
    """A stable code and the place, for programs."""
    with pytest.raises(InvalidInput) as refused:
        read_tariff(document)

    assert (refused.value.code, refused.value.path) == (code, path)


@pytest.mark.parametrize(
    ("record", "code", "path"),
    [
        (None, "wrong_type", "$"),
        (cdr(start_date_time=None), "missing_field", "start_date_time"),
        (cdr(end_date_time=None), "missing_field", "end_date_time"),
        (cdr(end_date_time="2026-03-02T09:00:00Z"), "session_ends_early", "end_date_time"),
        (cdr(currency=None), "missing_field", "currency"),
        (cdr(currency="NOK"), "currency_mismatch", "currency"),
        (cdr(currency="XXY"), "unknown_currency", "currency"),
        (cdr() | {"charging_periods": None}, "missing_field", "charging_periods"),
        (cdr() | {"charging_periods": "none"}, "wrong_type", "charging_periods"),
        (cdr() | {"charging_periods": [7]}, "wrong_type", "charging_periods[0]"),
        (cdr(("SESSION_TIME", 1)), "unknown_dimension", "charging_periods[0].dimensions[0].type"),
        (cdr(("RESERVATION_OVERTIME", 0)), "unsupported_reservation", "charging_periods[0].dimensions[0]"),
        (cdr(("ENERGY", 0.5)), "inexact_number", "charging_periods[0].dimensions[0].volume"),
        (cdr(("ENERGY", None)), "missing_field", "charging_periods[0].dimensions[0].volume"),
        (cdr(("ENERGY", -2_000_000)), "absurd_volume", "charging_periods[0].dimensions[0].volume"),
        (cdr(("TIME", -1)), "negative_time", "charging_periods[0].dimensions[0].volume"),
    ],
)
def test_malformed_record_is_refused_with_its_path(record, code, path):
    """The same for CDRs; nothing is ever a traceback."""
    with pytest.raises(InvalidInput) as refused:
        price_cdr(record, tariff())

    assert (refused.value.code, refused.value.path) == (code, path)


@pytest.mark.parametrize(
    ("record", "offered", "options", "code", "path"),
    [
        (cdr(("ENERGY", 1)), None, {}, "no_tariff", "tariffs"),
        (cdr(("ENERGY", 1)), "tariff", {}, "wrong_type", "tariffs"),
        (cdr(("ENERGY", 1)), tariff(), {"time_zone": "Europe/Olso"}, "unknown_time_zone", "time_zone"),
        (cdr(("ENERGY", 1)), tariff(), {"time_zone": "../etc/passwd"}, "unknown_time_zone", "time_zone"),
        (
            cdr(("ENERGY", 1)),
            tariff(element={"restrictions": {"day_of_week": ["MONDAY"]}}),
            {},
            "time_zone_missing",
            "time_zone",
        ),
        (cdr(("ENERGY", 1)), tariff(start_date_time=END), {}, "no_active_tariff", "start_date_time"),
        (
            cdr(("ENERGY", 1), period={"tariff_id": "other"}),
            [tariff(), tariff(id="U")],
            {},
            "tariff_not_found",
            "charging_periods[0].tariff_id",
        ),
        (
            cdr(("ENERGY", 1), period={"tariff_id": "U"}),
            [tariff(), tariff(id="U", element={"restrictions": {"booking": "BOOKING"}})],
            {},
            "unsupported_restriction",
            "tariffs[1].elements[0].restrictions.booking",
        ),
        (
            cdr(("ENERGY", 1)),
            tariff(tax_included=None, min_price={"before_taxes": 1}),
            {"policy": PricingPolicy(missing_tax_included="error")},
            "missing_field",
            "tax_included",
        ),
    ],
)
def test_session_that_cannot_be_priced_is_refused(record, offered, options, code, path):
    """Missing, unsuitable or unknown: named."""
    with pytest.raises(InvalidInput) as refused:
        price_cdr(record, offered, **options)

    assert (refused.value.code, refused.value.path) == (code, path)


# --- writing -----------------------------------------------------------------------------------------------------


def test_tariff_is_written_as_it_was_read():
    """Every field comes back, in the version's own words."""
    document = tariff(
        type="REGULAR",
        tariff_alt_text=[{"language": "en", "text": "Day"}],
        tariff_alt_url="https://example.com",
        min_price={"before_taxes": Decimal("0.5"), "after_taxes": Decimal("0.55")},
        preauthorize_amount=Decimal(50),
        tax_included="NO",
        start_date_time="2026-01-01T00:00:00Z",
        end_date_time="2027-01-01T00:00:00Z",
        last_updated="2026-01-01T00:00:00Z",
        component={"vat": Decimal(10)},
        element={"restrictions": {"min_kwh": Decimal(1), "start_date": "2026-01-01", "day_of_week": ["MONDAY"]}},
    )
    document["elements"][0]["price_components"] = tariff(component={"vat": Decimal(10)})["elements"][0][
        "price_components"
    ]

    assert Tariff.from_ocpi(document).to_ocpi(version="2.3.0") == document


@pytest.mark.parametrize(
    ("given", "version", "path"),
    [
        (Tariff.per_kwh("1", currency="EUR", vat="19", prices="gross"), "2.2.1", "tax_included"),
        (Tariff.per_kwh("1", currency="EUR"), "2.1.1", "tax_included"),
        (
            Tariff.per_kwh("1", currency="EUR", vat="19", prices="gross", max_price="50"),
            "2.3.0",
            "max_price.before_taxes",
        ),
        (Tariff.per_kwh("1", currency="EUR", preauthorize_amount="50"), "2.2.1", "preauthorize_amount"),
        (read_tariff({"id": "T", "currency": "EUR", "elements": tariff()["elements"]}).tariff, "2.2.1", "tax_included"),
        (
            read_tariff(tariff(type="REGULAR"), version="2.1.1").tariff,
            "2.1.1",
            "type",
        ),
        (read_tariff(tariff(min_price={"excl_vat": 1}), version="2.1.1").tariff, "2.1.1", "min_price"),
        (
            read_tariff(tariff(element={"restrictions": {"min_current": 3}}), version="2.1.1").tariff,
            "2.1.1",
            "elements[0].restrictions.min_current",
        ),
        (
            read_tariff(tariff(country_code="US", tax_included="NO")).tariff,
            "2.2.1",
            "elements[0].components[0].taxes",
        ),
    ],
)
def test_what_a_version_cannot_say_is_refused(given, version, path):
    """Nothing is left out silently."""
    with pytest.raises(InvalidInput) as refused:
        given.to_ocpi(version=version)

    assert (refused.value.code, refused.value.path) == ("not_expressible", path)


def test_gross_limit_is_written_with_its_net_when_that_is_exact():
    """24.00 with 20 % is 20.00 before taxes; OCPI demands that side."""
    given = Tariff.per_kwh("0.60", currency="EUR", vat="20", prices="gross", max_price="24")

    assert given.to_ocpi()["max_price"] == {"before_taxes": Decimal(20), "after_taxes": Decimal(24)}


def test_version_must_be_one_of_ocpi():
    """No guessing about versions."""
    for call in (
        lambda: read_tariff(tariff(), version="2.0"),
        lambda: Tariff.free(currency="EUR").to_ocpi(version="3"),
    ):
        with pytest.raises(InvalidInput) as refused:
            call()
        assert refused.value.code == "unknown_version"


def test_211_is_written_without_taxes():
    """What 2.1.1 can say round-trips."""
    document = {"id": "T", "currency": "EUR", "elements": tariff()["elements"]}

    assert Tariff.from_ocpi(document).to_ocpi(version="2.1.1") == document
    with pytest.raises(InvalidInput):
        read_tariff(document | {"elements": tariff(component={"vat": 5})["elements"]}, version="2.1.1")


def test_typed_tariff_prices_a_record():
    """Beside documents, Tariff objects are taken."""
    assert totals(price_cdr(cdr(("ENERGY", 2)), [Tariff.from_ocpi(tariff())])) == ["1.00", "1.00"]
    assert compile_tariff(Tariff.from_ocpi(tariff())) is compile_tariff(Tariff.from_ocpi(tariff()))


def test_session_of_the_oldest_version_is_read():
    """Its instants are spelled without the underscore, and it knows no tax."""
    record = {"id": "S", "currency": "EUR", "kwh": 2, "auth_id": "A", "start_datetime": "2026-03-02T10:00:00Z",
              "end_datetime": "2026-03-02T11:00:00Z"}  # fmt: skip
    periods = [{"start_date_time": "2026-03-02T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 2}]}]
    plain = {"id": "T", "currency": "EUR", "elements": [{"price_components": [
        {"type": "ENERGY", "price": Decimal("0.5"), "step_size": 1}]}]}  # fmt: skip

    begun = price_cdr(record | {"kwh": 0}, plain)
    cost = price_cdr(record | {"charging_periods": periods}, plain)

    assert (cost.total_excl.amount, cost.total_incl) == (1, None)
    assert (begun.total_excl.amount, codes(begun)) == (0, ["no_charging_periods"])


def test_tariff_that_was_read_before_is_told_apart_by_type_and_digit():
    """What is equal in Python is not the same document: a float is refused, also after its Decimal was priced."""
    record = cdr(("ENERGY", 2))

    assert price_cdr(record, tariff(component={"price": Decimal("0.25")})).total.amount == Decimal("0.50")
    assert price_cdr(record, tariff(component={"price": Decimal("0.25")})).total.amount == Decimal("0.50")
    with pytest.raises(InvalidInput, match="exact"):
        price_cdr(record, tariff(component={"price": 0.25}))
    assert price_cdr(record, tariff(component={"price": 1})).total.amount == 2
    with pytest.raises(InvalidInput, match="exact"):
        price_cdr(record, tariff(component={"price": True}))
    with pytest.raises(InvalidInput):
        price_cdr(record, tariff(element={"restrictions": {"min_kwh": object()}}))
