"""Money as a field of a pydantic model."""

from typing import Any

import moneyed
import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from evpay.money import Money


class Bill(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    due: Money
    tip: Money | None = None


def test_field_survives_json():
    """An amount is a string in JSON and comes back as the same Money."""
    bill = Bill(due=Money("12.30", "EUR"))

    assert '{"due":{"amount":"12.30","currency":"EUR"},"tip":null}' == bill.model_dump_json()
    assert bill == Bill.model_validate_json(bill.model_dump_json())


def test_field_survives_python():
    """In python mode the Money itself is handed on."""
    bill = Bill(due=Money("12.30", "EUR"), tip=Money("1", "EUR"))

    assert {"due": Money("12.30", "EUR"), "tip": Money("1.00", "EUR")} == bill.model_dump()
    assert bill == Bill.model_validate(bill.model_dump())


@pytest.mark.parametrize(
    "given", [{"amount": "5", "currency": "EUR"}, "5 EUR", moneyed.Money("5", "EUR"), Money(5, "EUR")]
)
def test_field_takes_every_way_money_is_written(given):
    """The JSON form, the settings' form, a plain Money and ours are one value."""
    assert Money("5.00", "EUR") == Bill(due=given).due
    assert Money is type(Bill(due=given).due)


REFUSED: dict[str, Any] = {
    "float": {"amount": 5.0, "currency": "EUR"},
    "int": {"amount": 5, "currency": "EUR"},
    "bool": {"amount": True, "currency": "EUR"},
    "no currency": {"amount": "5"},
    "one more key": {"amount": "5", "currency": "EUR", "cents": 1},
    "lower case": {"amount": "5", "currency": "eur"},
    "currency of another type": {"amount": "5", "currency": ["EUR"]},
    "excess decimals": {"amount": "5.001", "currency": "EUR"},
    "exponent": {"amount": "5e1", "currency": "EUR"},
    "bare number": 5,
    "bare text": "5",
    "list": ["5", "EUR"],
    "none": None,
    "plain float": moneyed.Money(0.1 + 0.2, "EUR"),
}


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED)
def test_field_refuses_what_is_not_money(given):
    """A field is as strict as the constructor, whatever the shape."""
    with pytest.raises(ValidationError):
        Bill(due=given)


def test_field_refuses_a_json_number():
    """A number in JSON may have been a float on its way."""
    with pytest.raises(ValidationError, match="as a string"):
        Bill.model_validate_json('{"due": {"amount": 12.30, "currency": "EUR"}}')


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_schema_says_what_json_looks_like(mode):
    """Both JSON Schemas have the amount as a string and nothing else beside the code."""
    schema = TypeAdapter(Money).json_schema(mode=mode)

    assert {"amount", "currency"} == set(schema["properties"]) == set(schema["required"])
    assert "string" == schema["properties"]["amount"]["type"]
    assert schema["additionalProperties"] is False
