"""What may become Money, and what is refused with its reason."""

import copy
import pickle
from decimal import Decimal, localcontext

import moneyed
import pytest

from evpay.errors import EvpayError, InvalidInput
from evpay.money import MAX_MINOR, Money, checked, from_minor

REFUSED = {
    "float": (0.1, "inexact_amount"),
    "whole float": (10.0, "inexact_amount"),
    "bool": (True, "inexact_amount"),
    "none": (None, "inexact_amount"),
    "bytes": (b"10", "inexact_amount"),
    "nan text": ("NaN", "malformed_amount"),
    "nan": (Decimal("NaN"), "malformed_amount"),
    "signalling nan": (Decimal("sNaN"), "malformed_amount"),
    "infinity": (Decimal("Infinity"), "malformed_amount"),
    "infinity text": ("Infinity", "malformed_amount"),
    "exponent": ("1e2", "malformed_amount"),
    "comma": ("12,30", "malformed_amount"),
    "thousands": ("1 000", "malformed_amount"),
    "underscore": ("1_000", "malformed_amount"),
    "blank": (" 12.30", "malformed_amount"),
    "line end": ("12.30\n", "malformed_amount"),
    "empty": ("", "malformed_amount"),
    "no whole": (".5", "malformed_amount"),
    "no fraction": ("5.", "malformed_amount"),
    "other digits": ("１２", "malformed_amount"),
    "hex": ("0x10", "malformed_amount"),
    "excess decimals": ("1.999", "excess_decimals"),
    "one more decimal": (Decimal("0.001"), "excess_decimals"),
    "far decimal": ("1.000000000000000000000001", "excess_decimals"),
    "decimal beyond the context": (Decimal("1.0000000000000000000000000000000001"), "excess_decimals"),
    "tiny": (Decimal("1E-999999"), "excess_decimals"),
    "too large": (MAX_MINOR + 1, "amount_too_large"),
    "too large by one": (Decimal(MAX_MINOR + 1).scaleb(-2), "amount_too_large"),
    "too small by one": (Decimal(-MAX_MINOR - 1).scaleb(-2), "amount_too_large"),
    "huge": (Decimal("1E+999999"), "amount_too_large"),
    "very long": (10**5000, "amount_too_large"),
}


@pytest.mark.parametrize(("amount", "code"), REFUSED.values(), ids=REFUSED)
def test_amount_is_refused_when_it_is_not_exact(amount, code):
    """What is no exact amount of the currency is refused, each with a stable code."""
    with pytest.raises(InvalidInput) as refusal:
        Money(amount, "EUR")

    assert code == refusal.value.code
    assert len(refusal.value.message) < 250


@pytest.mark.parametrize(
    "code", ["eur", "Eur", "ZZZ", "", "EU", "EURO", "€", " EUR", "EUR\n", "ＥＵＲ", None, 978, ["EUR"]]
)
def test_currency_is_refused_when_it_is_not_an_iso_code_in_capitals(code):
    """Lower case, unknown codes, signs and other types are refused, never guessed."""
    with pytest.raises(InvalidInput) as refusal:
        Money("1", code)

    assert "unknown_currency" == refusal.value.code


def test_refusal_is_a_value_error_of_evpay():
    """A host may catch either ValueError or evpay's own root."""
    with pytest.raises(InvalidInput) as refusal:
        Money(0.1, "EUR")

    assert isinstance(refusal.value, ValueError)
    assert isinstance(refusal.value, EvpayError)


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("12.3", "EUR", "12.30 EUR"),
        (12, "EUR", "12.00 EUR"),
        (Decimal("12.300"), "EUR", "12.30 EUR"),
        (Decimal("1E+2"), "EUR", "100.00 EUR"),
        ("+5", "EUR", "5.00 EUR"),
        ("-0.01", "EUR", "-0.01 EUR"),
        ("500", "JPY", "500 JPY"),
        ("1.5", "KWD", "1.500 KWD"),
        ("0.0001", "CLF", "0.0001 CLF"),
        ("0.01", "MGA", "0.01 MGA"),
        (Decimal("0E+999999"), "EUR", "0.00 EUR"),
    ],
)
def test_amount_has_the_decimals_of_its_currency_when_it_is_accepted(amount, currency, written):
    """However it was given, the amount is kept and shown with the currency's own number of decimals."""
    money = Money(amount, currency)

    assert written == str(money)
    assert written == f"{money}"


@pytest.mark.parametrize("amount", ["-0", "-0.00", Decimal("-0E+5")])
def test_zero_has_no_sign_when_minus_zero_is_given(amount):
    """There is no minus zero on a receipt."""
    assert "0.00 EUR" == str(Money(amount, "EUR"))


def test_largest_amount_is_accepted_exactly():
    """The bound is the largest integer that every JSON reader keeps exact, and itself still valid."""
    assert "90071992547409.91" == str(from_minor(MAX_MINOR, "EUR").amount)
    assert 2**53 - 1 == MAX_MINOR


def test_money_is_exact_when_the_hosts_decimal_context_is_narrow():
    """The thread's context belongs to the host: it never rounds money."""
    with localcontext() as context:
        context.prec = 3
        money = Money("123456.78", "EUR")
        results = [
            money + Money("0.01", "EUR"),
            money - Money("0.01", "EUR"),
            -money,
            abs(-money),
            money * 3,
            2 * money,
        ]
        plain = money + moneyed.Money("0.01", "EUR")

    assert ["123456.79", "123456.77", "-123456.78", "123456.78", "370370.34", "246913.56"] == [
        str(result.amount) for result in results
    ]
    assert "123456.79" == str(plain.amount)


@pytest.mark.parametrize(
    "compute",
    [
        lambda money: money / 3,
        lambda money: money * Decimal("0.333"),
        lambda money: money + moneyed.Money("0.001", "EUR"),
        lambda money: money - moneyed.Money("0.001", "EUR"),
        lambda money: Decimal("0.5") % money,
    ],
)
def test_result_is_refused_when_it_has_excess_decimals(compute):
    """Arithmetic stays strict: nothing is rounded behind the caller's back."""
    with pytest.raises(InvalidInput) as refusal:
        compute(Money("1.00", "EUR"))

    assert "excess_decimals" == refusal.value.code


@pytest.mark.parametrize(
    "compute",
    [lambda money: money * 0.5, lambda money: 0.5 * money, lambda money: money / 0.5, lambda money: 5.0 % money],
)
def test_arithmetic_is_refused_when_a_float_takes_part(compute):
    """No float ever touches money, not even one that looks exact."""
    with pytest.raises(InvalidInput) as refusal:
        compute(Money("1.00", "EUR"))

    assert "inexact_number" == refusal.value.code


def test_arithmetic_gives_strict_money_when_it_is_exact():
    """Sums, differences, products and exact quotients are evpay's Money again."""
    money = Money("10.00", "EUR")
    results = [money + money, money - money, money * 2, money / 4, -money, abs(money), 50 % money, sum([money, money])]

    assert {Money} == {type(result) for result in results}
    assert ["20.00", "0.00", "20.00", "2.50", "-10.00", "10.00", "5.00", "20.00"] == [str(r.amount) for r in results]


@pytest.mark.parametrize("compute", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a >= b])
def test_currencies_do_not_mix_when_money_is_added_or_compared(compute):
    """evpay never converts."""
    with pytest.raises(TypeError):
        compute(Money("1", "EUR"), Money("1", "NOK"))


def test_money_equals_only_the_same_amount_in_the_same_currency():
    """Equality and hash are those of the value, a plain py-moneyed Money included."""
    money = Money("1.00", "EUR")

    assert money == Money("1", "EUR")
    assert money == moneyed.Money("1.0", "EUR")
    assert money != Money("1", "NOK")
    assert money != 1
    assert hash(money) == hash(Money(1, "EUR"))


@pytest.mark.parametrize("name", ["amount", "currency"])
def test_money_refuses_to_be_changed(name):
    """A value in a receipt stays what it was: neither set nor deleted."""
    money = Money("1.00", "EUR")

    with pytest.raises(AttributeError, match="cannot be changed"):
        setattr(money, name, "5")
    with pytest.raises(AttributeError, match="cannot be changed"):
        delattr(money, name)
    with pytest.raises(AttributeError, match="cannot be changed"):
        money.__init__("5", "EUR")
    assert "1.00 EUR" == str(money)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda money: pickle.loads(pickle.dumps(money))])
def test_money_is_the_same_when_it_is_copied_or_pickled(duplicate):
    """A copy and a pickle pass through the constructor and keep value and type."""
    money = Money("12.30", "EUR")
    again = duplicate(money)

    assert money == again
    assert Money is type(again)
    assert "12.30" == str(again.amount)


def test_repr_builds_the_same_money():
    """What is shown can be typed in again."""
    assert "Money('12.30', 'EUR')" == repr(Money("12.3", "EUR"))


def test_plain_money_becomes_strict_when_it_is_checked():
    """A py-moneyed value of the host's is validated at the edge; a strict one comes back as it is."""
    strict = Money("1.00", "EUR")

    assert strict is checked(strict)
    assert Money is type(checked(moneyed.Money("1", "EUR")))


class HostMoney(moneyed.Money):
    """What a host may have derived from py-moneyed."""


@pytest.mark.parametrize(
    ("plain", "code"),
    [
        (moneyed.Money(0.1 + 0.2, "EUR"), "excess_decimals"),
        (moneyed.Money("NaN", "EUR"), "malformed_amount"),
        (moneyed.Money("1.5", "JPY"), "excess_decimals"),
        (HostMoney("1.001", "EUR"), "excess_decimals"),
        (moneyed.Money("1", moneyed.Currency("QQQ")), "unknown_currency"),
    ],
)
def test_plain_money_is_refused_when_it_holds_what_strict_money_refuses(plain, code):
    """py-moneyed accepts floats, NaN and excess decimals; the edge does not."""
    with pytest.raises(InvalidInput) as refusal:
        checked(plain)

    assert code == refusal.value.code


def test_money_of_a_foreign_subclass_becomes_ours_when_it_is_exact():
    """The host's own Money class is accepted by value."""
    assert Money("1.00", "EUR") == checked(HostMoney("1", "EUR"))
    assert Money is type(checked(HostMoney("1", "EUR")))


def test_currency_object_is_looked_up_by_its_code():
    """A currency object with another exponent than ISO 4217 does not change the decimals."""
    odd = moneyed.Currency("EUR", sub_unit=10_000)

    with pytest.raises(InvalidInput):
        Money("1.0001", odd)
    assert "1.00 EUR" == str(Money("1", odd))
