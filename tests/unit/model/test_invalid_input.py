"""Face models: every refusal is InvalidInput with the place, the value, the cause; and never a card number."""

import json
import traceback
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from evpay import Connector, MeterReading, PaymentMethod, Policy, Seller, Session, Site, Tariff
from evpay.errors import CardNumberRefused, InvalidInput
from evpay.receipts.model import TaxShare

AT = datetime(2026, 7, 1, 10, tzinfo=UTC)
CARD = "4242424242424242"
WRITTEN = [
    CARD, "4242 4242 4242 4242", "4242-4242-4242-4242", "4242.4242.4242.4242", "tok_4242424242424242_x",
    "card: 5555555555554444", "378282246310005", "４２４２４２４２４２４２４２４２", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
    "4242\u00a04242\u00a04242\u00a04242",
    "12/28 4242 4242 4242 4242", "1 4242424242424242", "4242  4242  4242  4242", "4242_4242_4242_4242",
]  # fmt: skip


REFUSALS = {
    "unknown field": (Site, {"id": "S", "colour": "red"}, "colour", "Site.colour: there is no such field. Known: id, "),
    "missing field": (Site, {}, "id", "Site.id: is missing."),
    "empty id": (Site, {"id": ""}, "id", "(got '')"),
    "control character": (Connector, {"id": "a\nb"}, "id", "Connector.id"),
    "time zone": (Site, {"id": "S", "time_zone": "Mars/Olympus"}, "time_zone", "Use a name such as"),
    "wrong type": (Connector, {"id": "C", "max_power_w": "much"}, "max_power_w", "(got 'much')"),
    "nested": (
        TaxShare,
        {"name": "VAT", "net": {"amount": 1.5, "currency": "EUR"}, "amount": "1 EUR"},
        "net",
        "as a string",
    ),
    "float": (MeterReading, {"at": AT, "energy_wh": 1.5}, "energy_wh", "1.5 is not exact"),
    "naive time": (MeterReading, {"at": datetime(2026, 7, 1), "energy_wh": 1}, "at", "has no time zone"),  # noqa: DTZ001
    "policy": (Policy, {"hold_energy_wh": 0}, "hold_energy_wh", "(got 0)"),
    "seller": (Seller, {"id": "A b"}, "id", "(got 'A b')"),
    "tariff": (
        Tariff,
        {"id": "T", "currency": "EUR", "elements": [{"components": []}]},
        "elements[0].components",
        "Tariff",
    ),
}


@pytest.mark.parametrize(("model", "fields", "path", "text"), REFUSALS.values(), ids=REFUSALS)
def test_misuse_is_invalid_input_when_a_model_is_made(model, fields, path, text):
    """The error names the place and says what was wrong with the value there."""
    with pytest.raises(InvalidInput) as refusal:
        model(**fields)

    assert path == refusal.value.path
    assert text in refusal.value.message
    assert refusal.value.code
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(("model", "fields", "path", "text"), REFUSALS.values(), ids=REFUSALS)
def test_misuse_is_the_same_invalid_input_when_a_model_is_validated(model, fields, path, text):
    """Validating a mapping or JSON gives the same error as the constructor, once and not wrapped."""
    with pytest.raises(InvalidInput) as made:
        model(**fields)
    with pytest.raises(InvalidInput) as validated:
        model.model_validate(fields)

    assert (made.value.message, made.value.code, path) == (
        validated.value.message, validated.value.code, validated.value.path
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "1",
        '"x"',
        "{}",
        '{"id": 1}',
        '{"self": 1}',
        '{"token": null}',
        "\xff",
        '{"kind": "card"}',
    ],
)
@pytest.mark.parametrize("model", [Site, Connector, MeterReading, PaymentMethod, Session, Tariff])
def test_json_is_refused_as_invalid_input(model, text):
    """Whatever a message holds, a model is refused by evpay's own error."""
    with pytest.raises(InvalidInput):
        model.model_validate_json(text)


def test_nested_fault_is_named_by_its_whole_path():
    """The path leads to the field that is wrong, through every model on the way."""
    document = json.loads(session().model_dump_json())
    document["site"]["time_zone"] = "Mars"

    with pytest.raises(InvalidInput, match=r"^Session.site.time_zone: 'Mars' is not") as refusal:
        Session.model_validate(document)
    assert ("site.time_zone", "unknown_time_zone") == (refusal.value.path, refusal.value.code)


def session(**more):
    fields = {
        "id": "S-1", "tenant": "t", "status": "ready", "admission": "allow", "site": Site(id="X"), "tariff_id": "T",
        "tariff_hash": "h", "started_at": AT, "created_at": AT, "updated_at": AT,
    }  # fmt: skip
    return Session(**{**fields, **more})


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("field", ["token", "account", "customer", "brand", "label"])
def test_card_number_is_refused_wherever_it_is_typed(field, written):
    """No card number is accepted, however its digits are separated or written."""
    with pytest.raises(CardNumberRefused) as refusal:
        PaymentMethod(**{"token": "tok", field: written})

    assert f"PaymentMethod.{field}" == refusal.value.path
    assert "card_number_refused" == refusal.value.code


@pytest.mark.parametrize(
    "field", ["token", "account", "customer", "brand", "last4", "expires", "label", "kind", "number"]
)
@pytest.mark.parametrize("given", [CARD, int(CARD), "4242 4242 4242 4242", [CARD], {"number": CARD}])
@pytest.mark.parametrize("make", ["call", "validate", "json"])
def test_card_number_is_in_no_message(field, given, make):
    """A refusal never repeats it: not in the message, the arguments, the repr or the traceback."""
    fields = {"token": "tok", field: given}
    ways = {
        "call": lambda: PaymentMethod(**fields),
        "validate": lambda: PaymentMethod.model_validate(fields),
        "json": lambda: PaymentMethod.model_validate_json(json.dumps(fields)),
    }
    with pytest.raises(InvalidInput) as refusal:
        ways[make]()

    told = f"{refusal.value!s}{refusal.value!r}{refusal.value.args}{traceback.format_exception(refusal.value)}"
    assert "4242424242" not in told
    assert "4242 4242 4242" not in told


@pytest.mark.parametrize("text", [f'{{"token": "{CARD}"', CARD, f'"{CARD}"', f'{{"{CARD}": 1}}'])
def test_card_number_is_in_no_message_when_json_is_broken(text):
    """Not even where the text could not be read."""
    with pytest.raises(InvalidInput) as refusal:
        PaymentMethod.model_validate_json(text)

    assert "4242424242" not in str(refusal.value)


def test_token_is_in_no_repr_and_no_message():
    """A token is as good as the card at its processor."""
    method = PaymentMethod("tok_secret", customer="cus_1")
    with pytest.raises(InvalidInput) as refusal:
        PaymentMethod("tok_secret" * 9_999)

    assert "tok_secret" not in f"{method!r}{method}{refusal.value}"


@pytest.mark.parametrize(
    "token",
    [
        "pm_card_visa", "tok_1N3T00LkdIwHu7ixt44h1F8k", "4000000000000000", "8415611088427239", "123456789012",
        "0000000000000000", "1111222233334444", "2026-07-01 12:30:45", "550e8400-e29b-41d4-a716-446655440000",
        "42424242x42424242", "cus_424242",
    ],
)  # fmt: skip
def test_token_is_accepted_when_it_only_looks_like_digits(token):
    """No check digit, no issuer's prefix, too short, or letters in between: a token."""
    assert token == PaymentMethod(token).token


NAIVE = ["2026-07-01T12:00:00", "2026-07-01 12:00", "2026-07-01"]
NUMBERS = [
    1_782_900_000,
    1_782_900_000_000,
    1.5e9,
    Decimal(1_782_900_000),
    "1782900000",
    "1782900000.5",
    "-5",
    True,
    " 0 ",
]
BEYOND = ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"]


@pytest.mark.parametrize(
    ("at", "code"),
    [
        *((value, "naive_time") for value in NAIVE),
        *((value, "malformed_time") for value in [*NUMBERS, *BEYOND]),
        ("yesterday", "datetime_from_date_parsing"),
    ],
)
def test_time_is_refused_when_it_names_no_instant(at, code):
    """No zone, a bare number of who knows what, or a date beyond the calendar."""
    with pytest.raises(InvalidInput) as refusal:
        MeterReading(at=at, energy_wh=1)

    assert (code, "at") == (refusal.value.code, refusal.value.path)


@pytest.mark.parametrize(
    "at",
    [
        "2026-07-01T12:00:00+02:00", "2026-07-01T10:00:00Z", "2026-07-01 10:00:00.000Z", AT,
        AT.astimezone(timezone(timedelta(hours=-5))),
    ],
)  # fmt: skip
def test_time_is_kept_in_utc(at):
    """However the zone was written, the instant is one, and JSON has it with Z."""
    reading = MeterReading(at=at, energy_wh=1)

    assert (AT, UTC) == (reading.at, reading.at.tzinfo)
    assert '"at":"2026-07-01T10:00:00Z"' in reading.model_dump_json()


def test_long_number_is_cut_in_a_message():
    """A hostile number does not flood a log."""
    with pytest.raises(InvalidInput) as refusal:
        MeterReading(at=AT, energy_wh="9" * 100_000)

    assert len(refusal.value.message) < 250


def test_model_refuses_to_be_changed():
    """What a host was given stays what it was."""
    site = Site(id="X")

    with pytest.raises(ValueError, match="frozen"):
        site.name = "Y"


def test_decimal_is_written_plainly_in_json():
    """A string without an exponent, whatever the Decimal's own form."""
    assert '"energy_wh":"20000"' in MeterReading(at=AT, energy_wh=Decimal("2E+4")).model_dump_json()
