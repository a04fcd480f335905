"""Exact numbers, ticks and strict JSON."""

from contextlib import suppress
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpay.errors import InvalidInput
from evpay.json_text import MAX_BYTES, read_json
from evpay.tariffs.exact import decimal_of, exact_decimal, fraction_from_text, fraction_text, plain_text
from evpay.tariffs.lines import apportion, rounded_text
from evpay.tariffs.ticks import (
    TICKS_PER_SECOND,
    half_away_from_zero,
    snap,
    ticks_from_units,
    units_from_ticks,
)


@given(st.integers(-(10**15), 10**15))
def test_eight_decimals_survive_ticks(hundred_millionths):
    """Any volume with at most 8 decimals is a whole number of ticks, and comes back."""
    number = Decimal(hundred_millionths).scaleb(-8)
    ticks, exact = ticks_from_units(number)

    assert exact
    assert units_from_ticks(ticks) == number


def test_ticks_say_when_they_are_not_exact():
    """What is finer than a tick is rounded half to even, and said so."""
    # 0.000000000125 units are 0.45 ticks, ten times that 4.5, thirty times 13.5: the halves go to the even side.
    assert ticks_from_units(Decimal("0.000000000125")) == (0, False)
    assert ticks_from_units(Decimal("0.00000000125")) == (4, False)
    assert ticks_from_units(Decimal("0.00000000375")) == (14, False)
    assert ticks_from_units(Decimal("-0.00000000125")) == (-4, False)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(1, 2, 1), (-1, 2, -1), (3, 2, 2), (-3, 2, -2), (49, 100, 0), (-49, 100, 0), (-1, 4, 0), (7, 7, 1), (0, 3, 0)],
)
def test_half_goes_away_from_zero(numerator, denominator, rounded):
    """The rule of the specification's examples: 5.125 is 5.13."""
    assert half_away_from_zero(numerator, denominator) == rounded


@pytest.mark.parametrize(
    ("seconds", "within", "snapped"),
    [("2400.12", "0.2", "2400"), ("2399.88", "0.2", "2400"), ("2400.2", "0.2", "2400"), ("2400.21", "0.2", "2400.21")],
)
def test_snap_moves_to_the_whole_second_only_when_near(seconds, within, snapped):
    """0.6667 h is 40 minutes."""
    ticks = [int(Decimal(number) * TICKS_PER_SECOND) for number in (seconds, within, snapped)]

    assert snap(ticks[0], ticks[1]) == ticks[2]


def test_fraction_text_keeps_what_no_decimal_holds():
    """37/60 stays 37/60."""
    assert fraction_text(Fraction(37, 60)) == "37/60"
    assert fraction_text(Fraction(-1, 8)) == "-0.125"
    assert fraction_from_text("37/60") == Fraction(37, 60)


@pytest.mark.parametrize("text", ["1/0", "a", "", None, 1, "1/2/3", "1.", "1e5"])
def test_fraction_text_refuses_other_texts(text):
    """Only what was written is read."""
    with pytest.raises(InvalidInput) as refused:
        fraction_from_text(text)

    assert refused.value.code == "malformed_number"


def test_decimals_do_not_depend_on_the_ambient_context():
    """A host's decimal context changes no price."""
    with localcontext() as context:
        context.prec = 3

        assert plain_text(decimal_of(Fraction(123_456_789, 1000))) == "123456.789"
        assert ticks_from_units(Decimal("1234.56789012"))[0] == 4_444_444_404_432


def test_decimals_are_exact_where_a_decimal_is():
    """Powers of two in the denominator need as many digits as they have; none is cut off."""
    assert Fraction(decimal_of(Fraction(1, 2**80))) == Fraction(1, 2**80)
    assert str(decimal_of(Fraction(1, 3)))[:42] == "0." + "3" * 40


def test_zero_with_an_absurd_exponent_is_zero():
    """0E+999999 must not print a million zeros."""
    assert plain_text(exact_decimal(Decimal("0E+999999"))) == "0"


@pytest.mark.parametrize("number", [10**12, Decimal("1e12"), "1e-13", "0." + "1" * 13])
def test_exact_decimal_refuses_what_is_out_of_range(number):
    """Nobody charges a million millions, or a million-millionth."""
    with pytest.raises(InvalidInput) as refused:
        exact_decimal(number)

    assert refused.value.code == "number_out_of_range"


def test_rounded_text_writes_all_decimals():
    """Amounts are written as the currency is: 0.05, 300, -1.230."""
    assert [rounded_text(5, 2), rounded_text(300, 0), rounded_text(-1230, 3)] == ["0.05", "300", "-1.230"]


def test_apportion_leaves_whole_parts_alone():
    """A part that is exact already never takes the rounding of others."""
    parts = [Fraction(98, 100), Fraction(17, 100), Fraction(17, 100), Fraction(18, 100), Fraction(4)]

    assert apportion(6, parts) == [1, 0, 0, 1, 4]
    assert apportion(-1, [Fraction(-1, 2), Fraction(-1, 2)]) == [0, -1]


# --- JSON --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": NaN}', "json_number"),
        ("-Infinity", "json_number"),
        ('{"a": 1, "a": 2}', "json_duplicate_key"),
        ("1e999999999", "json_number"),
        ("1e" + "9" * 5000, "json_number"),
        ("9" * 5000, "json_number"),
        ("[" * 40 + "]" * 40, "json_too_deep"),
        ("[" * 100_000, "json_too_deep"),
        (b"\xff\xfe", "json_not_utf8"),
        ("{'a': 1}", "json_malformed"),
        ("", "json_malformed"),
        ("[1] 2", "json_malformed"),
        (" " * (MAX_BYTES + 1), "json_too_large"),
    ],
)
def test_read_json_refuses_by_name(text, code):
    """What could mean two things, or is a bomb, is refused before anything is priced."""
    with pytest.raises(InvalidInput) as refused:
        read_json(text)

    assert refused.value.code == code


def test_read_json_keeps_every_digit():
    """Numbers with a point are Decimal as written; a byte order mark is passed over."""
    value = read_json(b'\xef\xbb\xbf{"price": 1234567890.12345678, "step": 300}')

    assert value == {"price": Decimal("1234567890.12345678"), "step": 300}
    assert str(value["price"]) == "1234567890.12345678"


@given(st.binary(max_size=60) | st.text('[]{}:,"0123456789.eE+-truefalsn', max_size=60))
def test_read_json_never_fails_otherwise(text):
    """Whatever comes, it is a value or an InvalidInput."""
    with suppress(InvalidInput):
        read_json(text)
