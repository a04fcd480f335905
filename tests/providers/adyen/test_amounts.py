"""Adyen's own exponents, out and in, exact or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpay.errors import InvalidInput
from evpay.money import Money, from_minor, to_minor
from evpay_providers.adyen.amounts import AMOUNT_RULES, CURRENCIES, from_adyen, money_of, to_adyen

# https://docs.adyen.com/development-resources/currency-codes (checked 2026-11-20)
WRITTEN = [
    ("12.30", "EUR", 1230), ("500", "ISK", 50_000), ("500", "CLP", 50_000), ("500", "CVE", 500), ("500", "IDR", 500),
    ("500", "JPY", 500), ("500", "KRW", 500), ("1.234", "KWD", 1234), ("1.234", "BHD", 1234), ("500", "UGX", 500),
    ("12.30", "HUF", 1230), ("12.30", "TWD", 1230),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "currency", "wire"), WRITTEN)
def test_amount_as_adyen_writes_it(amount, currency, wire):
    """Where Adyen departs from ISO 4217, and where it does not."""
    money = Money(amount, currency)

    assert to_adyen(money) == wire
    assert from_adyen(wire, currency) == money


@pytest.mark.parametrize(("amount", "currency"), [("500.50", "IDR"), ("0.01", "CVE")])
def test_amount_that_cannot_be_written_is_refused(amount, currency):
    """Half a unit where Adyen has whole ones."""
    with pytest.raises(InvalidInput) as caught:
        to_adyen(Money(amount, currency))

    assert caught.value.code == "amount_not_payable"


def test_currency_that_is_not_taken_is_refused():
    """Iranian rials."""
    with pytest.raises(InvalidInput) as caught:
        to_adyen(Money("1", "IRR"))

    assert caught.value.code == "currency_not_supported"


@pytest.mark.parametrize(("value", "currency"), [(1.5, "EUR"), ("100", "EUR"), (True, "EUR"), (150, "ISK")])
def test_what_is_no_amount_is_refused(value, currency):
    """No text, no float, and nothing between two kronur."""
    with pytest.raises(InvalidInput):
        from_adyen(value, currency)


@pytest.mark.parametrize("thing", [5, [], {"value": 1}, {"currency": 5, "value": 1}])
def test_object_that_is_no_amount_is_refused(thing):
    """Value and currency, or nothing at all."""
    with pytest.raises(InvalidInput):
        money_of(thing)

    assert money_of(None) is None


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(1, 10**9))
def test_every_payable_amount_comes_back(currency, steps):
    """What the rule allows can be written, and reads as the same."""
    money = from_minor(steps * AMOUNT_RULES[currency].step_minor, currency)

    assert to_minor(from_adyen(to_adyen(money), currency)) == to_minor(money)
