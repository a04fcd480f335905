"""Minor units, sums, splitting, reading and writing."""

import os
from decimal import Decimal, localcontext
from fractions import Fraction

import moneyed
import pytest
from moneyed.classes import CURRENCIES

from evpay.errors import InvalidInput
from evpay.money import (
    MAX_MINOR,
    Money,
    Rounding,
    allot,
    exponent_of,
    format_money,
    from_minor,
    parse_money,
    round_fraction,
    to_minor,
    total,
)

# ISO 4217 list one (current currencies), the column "Mnr unt": by number of decimals.
ISO_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC
    CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
    KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
    NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
    TRY TTD TWD TZS UAH USD UZS VES WST XCD YER ZAR ZMW
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}


@pytest.mark.parametrize("exponent", ISO_EXPONENTS)
def test_exponent_is_that_of_iso_4217(exponent):
    """Madagascar and Mauritania too have two decimals, though their coins are fifths."""
    codes = ISO_EXPONENTS[exponent].split()

    assert dict.fromkeys(codes, exponent) == {code: exponent_of(code) for code in codes}


@pytest.mark.parametrize("code", sorted(CURRENCIES))
def test_minor_units_are_exact_for_every_currency(code):
    """To money and back is the same integer, for every currency that py-moneyed knows."""
    minors = [0, 1, 9, 10, 99, 1234567, -1, -1234567, MAX_MINOR, -MAX_MINOR]
    amounts = [from_minor(minor, code) for minor in minors]

    assert minors == [to_minor(money) for money in amounts]
    assert minors == [money.amount * 10 ** exponent_of(code) for money in amounts]


def test_minor_units_are_refused_when_a_plain_money_has_a_part_of_one():
    """py-moneyed cuts 1.999 EUR to 199; here it is an error."""
    with pytest.raises(InvalidInput, match="more decimals"):
        to_minor(moneyed.Money("1.999", "EUR"))


def test_minor_units_are_exact_when_the_decimal_context_is_narrow():
    """The host's context does not round the way to minor units or back."""
    with localcontext() as context:
        context.prec = 2
        minor = to_minor(from_minor(123_456_789, "EUR"))

    assert 123_456_789 == minor


@pytest.mark.parametrize("minor", [1.0, True, "1", Decimal(1), None])
def test_minor_units_are_refused_when_they_are_not_an_int(minor):
    """Minor units are a whole int and nothing that only behaves like one."""
    with pytest.raises(InvalidInput) as refusal:
        from_minor(minor, "EUR")

    assert "inexact_amount" == refusal.value.code


def test_total_has_a_currency_when_there_is_nothing_to_add():
    """An empty sum is zero money, not the number 0."""
    assert Money(0, "EUR") == total([], currency="EUR")


def test_total_adds_strict_and_plain_money():
    """Each amount is checked; a generator will do."""
    amounts = (money for money in (Money("1.10", "EUR"), moneyed.Money("2.20", "EUR"), Money("-0.30", "EUR")))

    assert Money("3.00", "EUR") == total(amounts, currency="EUR")


def test_total_is_refused_when_a_currency_differs():
    """evpay never converts, and says which amount was in the way."""
    with pytest.raises(InvalidInput, match=r"2\.00 NOK") as refusal:
        total([Money(1, "EUR"), Money("2.00", "NOK")], currency="EUR")

    assert "currency_mismatch" == refusal.value.code


def test_total_is_refused_when_its_currency_is_unknown():
    """The named currency is checked even when nothing is added."""
    with pytest.raises(InvalidInput):
        total([], currency="eur")


@pytest.mark.parametrize(
    ("text", "money"),
    [
        ("50 EUR", Money(50, "EUR")),
        ("12.30 EUR", Money("12.30", "EUR")),
        ("-1.5 NOK", Money("-1.50", "NOK")),
        ("+900 JPY", Money(900, "JPY")),
        ("1  EUR", Money(1, "EUR")),
        ("1\tEUR", Money(1, "EUR")),
    ],
)
def test_money_is_read_the_way_settings_write_it(text, money):
    """An amount, a space, a code."""
    assert money == parse_money(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "50",
        "EUR",
        "EUR 50",
        "50EUR",
        "50 eur",
        "50 EUR ",
        " 50 EUR",
        "50 EUR\n",
        "1e3 EUR",
        "1,5 EUR",
        "50 EUR 60 NOK",
    ],
)
def test_text_is_refused_when_it_is_not_money(text):
    """Nothing is guessed; the message shows how money is written."""
    with pytest.raises(InvalidInput, match="50 EUR") as refusal:
        parse_money(text)

    assert "malformed_money" == refusal.value.code


@pytest.mark.parametrize("text", ["1.2.3 EUR", "1. EUR"])
def test_text_is_refused_when_its_number_is_malformed(text):
    """What looks like money still has to hold a plain number."""
    with pytest.raises(InvalidInput, match="plain decimal number"):
        parse_money(text)


@pytest.mark.parametrize(
    ("locale", "written"),
    [
        ("en", "€1,234.50"),
        ("en-US", "€1,234.50"),
        ("de-DE", "1.234,50\u00a0€"),
        ("nb-NO", "1\u00a0234,50\u00a0€"),
        ("nb_NO", "1\u00a0234,50\u00a0€"),
    ],
)
def test_money_is_written_for_the_reader(locale, written):
    """The locale decides; a hyphen and an underscore are the same."""
    assert written == format_money(Money("1234.50", "EUR"), locale=locale)


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(500, "JPY"), "500\u00a0¥"),
        (Money("1.5", "KWD"), "1,500\u00a0KWD"),
        (Money(5, "ISK"), "5\u00a0ISK"),
        (Money("0.05", "MGA"), "0,05\u00a0MGA"),
    ],
)
def test_money_is_written_with_its_own_decimals(money, written):
    """The number of decimals is the currency's."""
    assert written == format_money(money, locale="de")


@pytest.mark.parametrize("name", ["LC_ALL", "LC_NUMERIC", "LANG", "LANGUAGE"])
def test_environment_changes_nothing_when_money_is_written(monkeypatch, name):
    """The process environment is not the reader."""
    for other in ("LC_ALL", "LC_NUMERIC", "LANG", "LANGUAGE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setitem(os.environ, name, "de_DE.UTF-8")

    assert "€1,234.50" == format_money(Money("1234.50", "EUR"))
    assert "1234.50 EUR" == str(Money("1234.50", "EUR"))


@pytest.mark.parametrize("locale", ["", "xx", "xx_YY", "klingon", "en_US_xx_yy_zz", "de/DE"])
def test_locale_is_refused_when_nobody_reads_it(locale):
    """An unknown locale is the caller's mistake; an empty one never means "ask the environment"."""
    with pytest.raises(InvalidInput) as refusal:
        format_money(Money(1, "EUR"), locale=locale)

    assert "unknown_locale" == refusal.value.code


def test_money_is_written_exactly_when_the_decimal_context_is_narrow():
    """What is shown is the amount, whatever the host's context."""
    with localcontext() as context:
        context.prec = 3
        written = format_money(Money("123456.78", "EUR"))

    assert "€123,456.78" == written


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rounding.HALF_AWAY_FROM_ZERO, [-3, -2, -1, 0, 1, 2, 3]),
        (Rounding.HALF_EVEN, [-2, -2, 0, 0, 0, 2, 2]),
        (Rounding.UP, [-2, -1, 0, 0, 1, 2, 3]),
        (Rounding.DOWN, [-3, -2, -1, 0, 0, 1, 2]),
    ],
)
def test_halves_are_rounded_by_the_named_rule(rule, expected):
    """-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5 by each rule; UP and DOWN are towards plus and minus infinity."""
    halves = [Fraction(number, 2) for number in (-5, -3, -1, 0, 1, 3, 5)]

    assert expected == [round_fraction(half, rule=rule) for half in halves]


def test_rounding_is_half_away_from_zero_when_no_rule_is_named():
    """The rule on most receipts is the default."""
    assert 1 == round_fraction(Fraction(1, 2))


def test_rounding_goes_to_a_multiple_of_the_step():
    """Swiss cash is paid in steps of five."""
    assert [10, 10, 15] == [round_fraction(Fraction(n, 10), step=5) for n in (100, 124, 125)]


@pytest.mark.parametrize(
    ("whole", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (-100, [1, 1, 1], [-33, -33, -34]),
        (1, [1, 1], [1, 0]),
        (1, [1, 2], [0, 1]),
        (10, [0, 1, 0], [0, 10, 0]),
        (7, [0, 0], [7, 0]),
        (0, [3, 4], [0, 0]),
        (5, [Fraction(1, 3), Fraction(2, 3)], [2, 3]),
        (0, [], []),
    ],
)
def test_whole_is_split_by_largest_remainder(whole, weights, parts):
    """Ties go to the earlier part; of a debit the earlier part is the smaller one."""
    assert parts == allot(whole, weights)


def test_split_is_refused_when_there_is_nothing_to_split_over():
    """Money does not disappear."""
    with pytest.raises(InvalidInput) as refusal:
        allot(5, [])

    assert "nothing_to_allot" == refusal.value.code


def test_split_is_refused_when_a_weight_is_negative():
    """A share below zero has no meaning here."""
    with pytest.raises(InvalidInput) as refusal:
        allot(5, [2, -1])

    assert "negative_weight" == refusal.value.code
