"""Amounts as Braintree writes them: exact, or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpay.errors import InvalidInput
from evpay.money import exponent_of, from_minor
from evpay_providers.braintree.amounts import BRAINTREE_EXPONENTS, amount_rule, from_braintree, to_braintree


@given(currency=st.sampled_from(sorted(BRAINTREE_EXPONENTS)), units=st.integers(min_value=0, max_value=10**12))
def test_every_amount_comes_back_as_it_went(currency, units):
    """What is a whole number of steps is written without an exponent, with the currency's decimals, and read back."""
    money = from_minor(units * amount_rule(currency).step_minor, currency)

    written = to_braintree(money)

    assert from_braintree(written, currency) == from_braintree(Decimal(written), currency) == money
    assert len(written.partition(".")[2]) == BRAINTREE_EXPONENTS[currency]
    assert "E" not in written.upper()


@pytest.mark.parametrize(("currency", "places"), [("EUR", 2), ("JPY", 0), ("ISK", 0), ("KWD", 3), ("HUF", 2)])
def test_table_has_the_currencys_own_decimals(currency, places):
    """An amount is in the format of the merchant account's currency."""
    assert BRAINTREE_EXPONENTS[currency] == places == exponent_of(currency)


def test_currency_that_is_not_in_the_table_is_refused():
    """Nobody knows how it is written."""
    with pytest.raises(InvalidInput):
        to_braintree(from_minor(100, "UYW"))


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("10.005", "EUR"),
        ("1.5", "JPY"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("1E+40", "EUR"),
        (Decimal("0.001"), "EUR"),
    ],
)
def test_answer_that_the_currency_cannot_hold_is_refused(amount, currency):
    """Nothing is rounded."""
    with pytest.raises(InvalidInput):
        from_braintree(amount, currency)


def test_answer_with_more_zeros_is_the_same():
    """ "500.00" JPY are 500."""
    assert from_braintree("500.00", "JPY") == from_minor(500, "JPY")
