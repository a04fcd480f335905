"""Policies: how amounts are written, and how layers merge."""

import pytest

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.payments.policy import Policy


@pytest.mark.parametrize(
    ("given", "amounts"),
    [
        ("50 EUR", (Money(50, "EUR"),)),
        (Money(50, "EUR"), (Money(50, "EUR"),)),
        (["50 EUR", "500 NOK"], (Money(50, "EUR"), Money(500, "NOK"))),
        ((Money(50, "EUR"), {"amount": "500", "currency": "NOK"}), (Money(50, "EUR"), Money(500, "NOK"))),
        ([], ()),
    ],
)
@pytest.mark.parametrize("name", ["hold", "raise_step", "hold_max"])
def test_amount_is_written_as_text_or_money_or_one_per_currency(name, given, amounts):
    """The settings' form and the code's form are one value."""
    assert amounts == getattr(Policy(**{name: given}), name)


@pytest.mark.parametrize(
    "given", [50, 50.0, "50", "50 eur", "-1 EUR", ["-0.01 EUR"], ["1 EUR", "2 EUR"], [50.5], None, "much"]
)
@pytest.mark.parametrize("name", ["hold", "raise_step", "hold_max"])
def test_amount_is_refused_when_it_is_none(name, given):
    """Numbers without a currency, amounts below zero and two of one currency are refused, naming the field."""
    with pytest.raises(InvalidInput, match=f"Policy.{name}"):
        Policy(**{name: given})


def test_later_layer_wins_field_by_field():
    """Only the fields that a layer sets are taken from it, also where it sets the default."""
    policy = Policy(hold="50 EUR", raise_at_percent=70).merged(
        {"raise_at_percent": 60}, None, Policy(hold="tariff"), {}, Policy(answer_within_s=4)
    )

    assert ("tariff", 60, 4, 300) == (
        policy.hold, policy.raise_at_percent, policy.answer_within_s, policy.start_within_s
    )  # fmt: skip


def test_layer_is_refused_when_it_has_an_unknown_key():
    """A mistyped key in a site's policy is not ignored."""
    with pytest.raises(InvalidInput, match="raise_stepp"):
        Policy().merged({"raise_stepp": "5 EUR"})


def test_amount_is_found_by_currency():
    """A field that says nothing about a currency says nothing at all."""
    policy = Policy(hold=["50 EUR", "500 NOK"])

    assert Money(500, "NOK") == policy.amount("hold", "NOK")
    assert policy.amount("hold", "SEK") is None
    assert Policy().amount("hold", "EUR") is None
