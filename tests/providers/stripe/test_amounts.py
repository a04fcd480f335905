"""Amounts are written as Stripe writes them, and read back exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpay.errors import InvalidInput
from evpay.money import Money, exponent_of, from_minor
from evpay_providers.stripe.amounts import AMOUNT_RULES, CURRENCIES, STRIPE_EXPONENTS, from_stripe, to_stripe

WRITTEN = [
    ("12.30", "EUR", 1230),
    ("0.01", "USD", 1),
    ("500", "JPY", 500),
    ("500", "ISK", 50_000),
    ("1500", "UGX", 150_000),
    ("1.230", "KWD", 1230),
    ("12.00", "MGA", 12),
    ("175.00", "HUF", 17_500),
    ("30.00", "TWD", 3000),
    ("1000", "KRW", 1000),
]


@pytest.mark.parametrize(("amount", "currency", "wire"), WRITTEN)
def test_amount_is_written_in_stripes_units(amount, currency, wire):
    """Zero, two and three decimals, and the special cases."""
    assert to_stripe(Money(amount, currency)) == wire


@pytest.mark.parametrize(("amount", "currency", "wire"), WRITTEN)
def test_amount_is_read_back(amount, currency, wire):
    """What Stripe confirms in lower case is the same money."""
    assert from_stripe(wire, currency.lower()) == Money(amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.234", "KWD"), ("0.001", "BHD"), ("12.50", "MGA"), ("0.01", "MGA")]
)
def test_amount_that_cannot_be_written_is_refused(amount, currency):
    """A digit that Stripe has no place for is refused, not cut off."""
    with pytest.raises(InvalidInput) as caught:
        to_stripe(Money(amount, currency))

    assert caught.value.code == "amount_not_payable"


def test_currency_that_stripe_does_not_take_is_refused():
    """A currency that is not listed never reaches the wire."""
    with pytest.raises(InvalidInput) as caught:
        to_stripe(Money("1.00", "IRR"))

    assert caught.value.code == "currency_not_supported"


@pytest.mark.parametrize(("wire", "currency"), [(50_001, "isk"), (150_010, "ugx")])
def test_fraction_of_the_smallest_coin_is_not_read(wire, currency):
    """Half a króna is an answer that cannot be right."""
    with pytest.raises(InvalidInput):
        from_stripe(wire, currency)


@pytest.mark.parametrize("wire", ["1230", 12.3, True, None])
def test_amount_that_is_no_integer_is_not_read(wire):
    """Only integers are amounts on the wire."""
    with pytest.raises(InvalidInput):
        from_stripe(wire, "eur")


@given(currency=st.sampled_from(sorted(CURRENCIES)), steps=st.integers(1, 10**8))
def test_every_payable_amount_survives_the_round_trip(currency, steps):
    """Whatever the rule admits is written and read back exactly."""
    money = from_minor(steps * AMOUNT_RULES[currency].step_minor, currency)

    assert from_stripe(to_stripe(money), currency.lower()) == money


@given(currency=st.sampled_from(sorted(CURRENCIES)), minor=st.integers(1, 10**8))
def test_the_rule_says_exactly_what_can_be_written(currency, minor):
    """The step is neither too coarse nor too fine."""
    payable = minor % AMOUNT_RULES[currency].step_minor == 0

    try:
        to_stripe(from_minor(minor, currency))
        written = True
    except InvalidInput:
        written = False

    assert written is payable


def test_minimum_is_in_iso_units_and_payable():
    """The smallest charge is a multiple of the step, in the currency's own minor units."""
    assert AMOUNT_RULES["EUR"].minimum_minor == 50
    assert AMOUNT_RULES["JPY"].minimum_minor == 50
    assert AMOUNT_RULES["KWD"].step_minor == 10
    assert all(rule.minimum_minor % rule.step_minor == 0 for rule in AMOUNT_RULES.values())


def test_departures_from_iso_are_the_documented_ones():
    """Of the exponents, only these three differ from ISO 4217."""
    differing = {code for code in CURRENCIES if STRIPE_EXPONENTS.get(code, 2) != exponent_of(code)}

    assert differing == {"ISK", "UGX", "MGA"}
