"""Tariffs as values: strict construction, identity by content, JSON."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from evpay.errors import InvalidInput
from evpay.tariffs.compile import compile_tariff, require_chargeable
from evpay.tariffs.model import (
    ComponentKind,
    DayOfWeek,
    Element,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    Tariff,
    TariffType,
    TaxIncluded,
    TaxRate,
)
from evpay.tariffs.policy import PricingPolicy


def one_price(price, **more):
    component = PriceComponent(kind=ComponentKind.ENERGY, price=price, taxes=more.pop("taxes", ()))
    restrictions = more.pop("restrictions", None)
    fields = {"id": "T", "currency": "EUR", "tax_included": TaxIncluded.NO, **more}
    return Tariff(elements=(Element(components=(component,), restrictions=restrictions),), **fields)


FULL = Tariff(
    id="everything",
    currency="EUR",
    tax_included=TaxIncluded.NO,
    elements=(
        Element(
            components=(
                PriceComponent(kind=ComponentKind.TIME, price="1.50", taxes=(TaxRate(percent="19"),), step_size=60),
            ),
            restrictions=Restrictions(
                start_time="22:00",
                end_time="06:00",
                start_date="2026-01-01",
                end_date="2027-01-01",
                min_kwh="1",
                max_kwh="50.5",
                min_current="6",
                max_current="32",
                min_power="1",
                max_power="22",
                min_duration=60,
                max_duration=7200,
                day_of_week=(DayOfWeek.MONDAY, DayOfWeek.SUNDAY),
                reservation=Reservation.RESERVATION,
                parking_free_s=900,
            ),
        ),
    ),
    min_price=PriceLimit(before_taxes="1", after_taxes="1.19"),
    max_price=PriceLimit(after_taxes="90"),
    preauthorize_amount="50",
    valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    valid_until=datetime(2027, 1, 1, tzinfo=UTC),
    type=TariffType.AD_HOC_PAYMENT,
    texts={"en": "Night"},
    alt_url="https://example.com/tariff",
    country_code="DE",
    party_id="EVP",
    last_updated=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_tariff_survives_json_when_every_field_is_set():
    """Nothing passes through float, and equality holds after the round trip."""
    again = Tariff.model_validate_json(FULL.model_dump_json())

    assert again == FULL
    assert again.hash == FULL.hash
    assert hash(again) == hash(FULL)


def test_prices_are_texts_in_json():
    """A reader in any language keeps every digit."""
    document = one_price("0.4900").model_dump(mode="json")

    assert document["elements"][0]["components"][0]["price"] == "0.4900"


def test_hash_is_of_the_content_when_numbers_are_written_differently():
    """2.50 and 2.5 are one tariff; another price is another."""
    assert one_price("2.50").hash == one_price("2.5").hash
    assert one_price("2.50") == one_price("2.5")
    assert one_price("2.50").hash != one_price("2.51").hash


def test_hash_is_of_the_instant_when_zones_differ():
    """The same instant in another zone is the same content."""
    instant = datetime(2026, 1, 1, 12, tzinfo=UTC)
    there = one_price("1", valid_from=instant.astimezone(timezone(timedelta(hours=2))))

    assert one_price("1", valid_from=instant).hash == there.hash


def test_copy_has_a_hash_of_its_own():
    """A changed copy must never be taken for the tariff it was made of."""
    tariff = one_price("1")
    before = tariff.hash
    copy = tariff.model_copy(update={"id": "other"})

    assert copy.hash != before
    assert tariff.hash == before


@pytest.mark.parametrize("price", [0.49, True, None, float("nan"), [], Decimal("NaN"), "NaN", "1,20", "", "1e400"])
def test_price_is_refused_when_it_is_not_exact(price):
    """A float has lost digits already; the others are no numbers."""
    with pytest.raises(InvalidInput):
        one_price(price)


def test_price_is_refused_when_json_has_it_as_number():
    """Pydantic's JSON reader goes through float, so a bare number there is refused, not taken."""
    text = one_price("0.49").model_dump_json().replace('"0.49"', "0.49")

    with pytest.raises(InvalidInput, match="exact"):
        Tariff.model_validate_json(text)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (TaxRate, {"percent": "-1"}),
        (TaxRate, {"percent": "19", "rate": "19"}),
        (PriceLimit, {}),
        (PriceLimit, {"before_taxes": "-1"}),
        (Restrictions, {"start_time": "24:00"}),
        (Restrictions, {"min_duration": -1}),
        (Restrictions, {"day_of_week": ("FUNDAY",)}),
        (Element, {"components": ()}),
        (PriceComponent, {"kind": "energy", "price": "1", "step_size": -1}),
    ],
)
def test_model_refuses_what_makes_no_sense(model, fields):
    """Wrong values stop where they enter."""
    with pytest.raises(InvalidInput):
        model(**fields)


@pytest.mark.parametrize("currency", ["eur", "EURO", "XYZ", ""])
def test_tariff_refuses_unknown_currencies(currency):
    """Codes are those of ISO 4217, in capitals."""
    with pytest.raises(InvalidInput):
        one_price("1", currency=currency)


# --- simple tariffs ----------------------------------------------------------------------------------------------


def test_per_kwh_demands_gross_or_net_when_there_is_a_tax():
    """Nobody guesses whether a price contains the tax."""
    with pytest.raises(InvalidInput, match="prices='gross'") as refused:
        Tariff.per_kwh("0.49", currency="EUR", vat="19")

    assert (refused.value.code, refused.value.path) == ("prices_unstated", "prices")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"prices": "net"}, "tax_unknown"),
        ({"vat": "19", "prices": "brutto"}, "prices_unstated"),
        ({"vat": 19.0, "prices": "net"}, "inexact_number"),
        ({"vat": "-19", "prices": "net"}, "invalid_tariff"),
        ({"per_hour": 1.5}, "inexact_number"),
        ({"min_price": "-1"}, "invalid_tariff"),
        ({"currency": "eur"}, "unknown_currency"),
        ({"id": "x" * 300}, "invalid_tariff"),
    ],
)
def test_per_kwh_refuses_by_name(arguments, code):
    """A mistake is an InvalidInput with a stable code."""
    with pytest.raises(InvalidInput) as refused:
        Tariff.per_kwh("0.49", **{"currency": "EUR", **arguments})

    assert refused.value.code == code


def test_per_kwh_prices_alike_gross_and_net():
    """0.50 net with 20 % is 0.60 gross; limits follow the same side."""
    gross = Tariff.per_kwh("0.60", currency="EUR", vat="20", prices="gross", per_hour="1.20", max_price="24")
    net = Tariff.per_kwh("0.50", currency="EUR", vat="20", prices="net", per_hour="1", max_price="20")

    for energy_wh, total in ((10_000, "7.20"), (90_000, "24.00")):
        both = [tariff.estimate(energy_wh, 60).total for tariff in (gross, net)]
        assert [str(amount) for amount in both] == [f"{total} EUR"] * 2


def test_per_kwh_has_an_id_of_its_content():
    """The same prices give the same id, other prices another."""
    first, same, other = (Tariff.per_kwh(price, currency="EUR").id for price in ("0.50", "0.5", "0.51"))

    assert first == same != other


def test_free_costs_nothing():
    """A free tariff can be started and costs zero."""
    tariff = Tariff.free(currency="NOK")
    require_chargeable(tariff)

    assert str(tariff.estimate(50_000, 60, 600).total) == "0.00 NOK"


# --- what may be started -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tariff", "path"),
    [
        (one_price("1", taxes=None, country_code="US"), "elements[0].components[0].taxes"),
        (one_price("0", taxes=None, tax_included=TaxIncluded.UNSTATED), "elements[0].components[0].taxes"),
        (
            one_price("1", taxes=None, tax_included=TaxIncluded.YES, max_price=PriceLimit(before_taxes="9")),
            "max_price.after_taxes",
        ),
    ],
)
def test_tariff_is_not_chargeable_when_the_total_with_tax_is_unknown(tariff, path):
    """A driver pays the total with tax, so it must be derivable before anything is held."""
    with pytest.raises(InvalidInput) as refused:
        require_chargeable(tariff)

    assert (refused.value.code, refused.value.path) == ("tax_unknown", path)


@pytest.mark.parametrize(
    "tariff",
    [
        one_price("0", taxes=None, country_code="CA"),
        one_price("1", taxes=None, country_code="DE"),
        one_price("1", taxes=None, tax_included=TaxIncluded.YES),
        one_price("1", tax_included=TaxIncluded.NOT_APPLICABLE, country_code="US"),
    ],
)
def test_tariff_is_chargeable_when_the_total_with_tax_is_known(tariff):
    """Free, untaxed, and prices that contain an unnamed tax all say what is paid."""
    require_chargeable(tariff)


LIVE = {"min_kwh", "max_kwh", "min_duration", "max_duration"}
LOCAL = {"start_time", "end_time", "start_date", "end_date", "day_of_week"}


@pytest.mark.parametrize("name", sorted(set(Restrictions.model_fields) - LIVE - {"reservation"}))
def test_a_session_is_not_started_on_what_its_readings_cannot_decide(name):
    """Local times without a zone, current and power are refused with their place, never ignored."""
    value = getattr(FULL.elements[0].restrictions, name)
    tariff = one_price("1", restrictions=Restrictions(**{name: value}))

    with pytest.raises(InvalidInput) as refused:
        require_chargeable(tariff)

    assert (refused.value.code, refused.value.path) == ("unsupported_restriction", f"elements[0].restrictions.{name}")


@pytest.mark.parametrize("name", sorted(LIVE | LOCAL | {"min_power", "max_power"}))
def test_a_session_is_started_on_what_can_be_decided(name):
    """Energy and duration always; local times with the zone of the site; power as the average of each interval."""
    value = getattr(FULL.elements[0].restrictions, name)
    tariff = one_price("1", restrictions=Restrictions(**{name: value}))
    average = PricingPolicy(power_of_interval="average")

    require_chargeable(tariff, average, time_zone="Europe/Oslo")


def test_grace_for_parking_is_refused_by_name():
    """What is not priced yet is never ignored, not in a record either."""
    with pytest.raises(InvalidInput) as refused:
        compile_tariff(one_price("1", restrictions=Restrictions(parking_free_s=60)))

    place = "elements[0].restrictions.parking_free_s"
    assert (refused.value.code, refused.value.path) == ("unsupported_restriction", place)


def test_reservation_is_refused_by_name():
    """A session has no reservation, so a price for one would never be charged."""
    tariff = one_price("1", restrictions=Restrictions(reservation="RESERVATION_EXPIRES"))

    with pytest.raises(InvalidInput) as refused:
        require_chargeable(tariff)

    assert refused.value.code == "unsupported_reservation"


def test_empty_restrictions_restrict_nothing():
    """An element with an empty object is like one without."""
    assert str(one_price("1", restrictions=Restrictions()).estimate(1000, 1).total) == "1.00 EUR"
