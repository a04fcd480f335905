"""The laws of money, each against an oracle that knows nothing of the code under test."""

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from evpay.money import MAX_MINOR, Money, Rounding, allot, from_minor, parse_money, round_fraction, to_minor, total

minors = st.integers(-MAX_MINOR, MAX_MINOR)
small = st.integers(-(10**9), 10**9)
codes = st.sampled_from(["EUR", "JPY", "KWD", "CLF", "MGA"])
fractions = st.builds(Fraction, st.integers(-(10**6), 10**6), st.integers(1, 200))
weights = st.lists(
    st.integers(0, 50) | st.builds(Fraction, st.integers(0, 50), st.integers(1, 9)), min_size=1, max_size=7
)


@given(minors, codes)
def test_way_there_and_back_is_exact(minor, code):
    """Minor units, money, its text and its constructor name one value."""
    money = from_minor(minor, code)

    assert minor == to_minor(money)
    assert money == Money(str(money.amount), code) == parse_money(str(money))


@given(st.lists(small, max_size=8), codes)
def test_total_is_the_sum_of_the_minor_units(parts, code):
    """Adding money is adding integers."""
    assert sum(parts) == to_minor(total([from_minor(part, code) for part in parts], currency=code))


@given(small, small, codes)
def test_operators_are_those_of_the_minor_units(one, other, code):
    """Sum, difference, order and sign follow the integers."""
    a, b = from_minor(one, code), from_minor(other, code)

    assert (one + other, one - other, -one, abs(one)) == tuple(map(to_minor, (a + b, a - b, -a, abs(a))))
    assert (one < other, one <= other, one == other) == (a < b, a <= b, a == b)


def nearest(value, step, rule):
    """Round by looking at both neighbours, in integers only."""
    numerator, denominator = value.numerator, value.denominator * step
    below = (numerator - numerator % denominator) // denominator
    twice = 2 * (numerator - below * denominator)
    if twice == 0:
        return below * step
    if rule == "up":
        return (below + 1) * step
    if rule == "down" or twice < denominator:
        return below * step
    if twice > denominator:
        return (below + 1) * step
    if rule == "half_even":
        return (below + below % 2) * step
    return (below + 1 if numerator > 0 else below) * step


@given(fractions, st.integers(1, 100), st.sampled_from(Rounding))
def test_rounding_is_that_of_the_oracle(value, step, rule):
    """Each rule picks the neighbour it names, for positive and negative values and every step."""
    assert nearest(value, step, rule.value) == round_fraction(value, rule=rule, step=step)


@given(st.integers(-10, 10), st.integers(1, 20), st.sampled_from(Rounding))
def test_multiple_of_the_step_stays(times, step, rule):
    """What needs no rounding is not rounded."""
    assert times * step == round_fraction(Fraction(times * step), rule=rule, step=step)


@given(small, weights)
def test_parts_add_up_and_each_is_next_to_its_share(whole, shares):
    """The sum is exact, and every part is the floor or the ceiling of its exact share."""
    parts = allot(whole, shares)

    assert whole == sum(parts)
    if sum(shares):
        exact = [Fraction(whole) * share / Fraction(sum(shares)) for share in shares]
        assert all(abs(part - share) < 1 for part, share in zip(parts, exact, strict=True))


@given(small, weights)
def test_part_is_nothing_when_its_weight_is_nothing(whole, shares):
    """A zero weight gets nothing, unless all are zero."""
    parts = allot(whole, [*shares, 1, 0])

    assert all(part == 0 for part, share in zip(parts, [*shares, 1, 0], strict=True) if share == 0)


@given(small, st.integers(1, 9), st.integers(1, 50))
def test_earlier_parts_are_not_smaller_when_weights_are_equal(whole, count, weight):
    """Ties go to the earlier part."""
    parts = allot(whole, [weight] * count)

    assert parts == sorted(parts, reverse=True)
    assert max(parts) - min(parts) <= 1


@given(small, weights, st.integers(1, 9))
def test_split_does_not_change_when_all_weights_are_scaled(whole, shares, factor):
    """Only the proportion of the weights counts."""
    assert allot(whole, shares) == allot(whole, [share * factor for share in shares])


@given(small, weights)
def test_larger_remainder_is_served_first(whole, shares):
    """No part was rounded down while one with a smaller remainder was rounded up."""
    assume(sum(shares))
    exact = [Fraction(whole) * share / Fraction(sum(shares)) for share in shares]
    parts = allot(whole, shares)
    up = [share % 1 for part, share in zip(parts, exact, strict=True) if part > share]
    down = [share % 1 for part, share in zip(parts, exact, strict=True) if part < share]

    assert not up or not down or min(up) >= max(down)
