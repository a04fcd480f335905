"""`evpay price` as a shell sees it."""

import json
from decimal import Decimal

import pytest
import typer
from typer.testing import CliRunner

from evpay.cli.price import price

APP = typer.Typer()
APP.command()(price)

TARIFF = {
    "id": "T", "country_code": "NL", "party_id": "EVP", "currency": "EUR", "colour": "red",
    "min_price": {"excl_vat": 20, "incl_vat": 24},
    "elements": [{"price_components": [{"type": "TIME", "price": 1, "vat": 20, "step_size": 300}]}],
}  # fmt: skip
CDR = {
    "start_date_time": "2026-03-02T10:00:00Z", "end_date_time": "2026-03-02T12:00:00Z", "currency": "EUR",
    "tariffs": [TARIFF],
    "charging_periods": [
        {"start_date_time": "2026-03-02T10:00:00Z", "dimensions": [{"type": "TIME", "volume": 30.9333}]}
    ],
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    def call(*arguments, cdr=CDR, tariff=None, stdin=None):
        record = tmp_path / "cdr.json"
        record.write_text(cdr if isinstance(cdr, str) else json.dumps(cdr))
        names = ["-" if stdin is not None else str(record)]
        if tariff is not None:
            (tmp_path / "tariff.json").write_text(json.dumps(tariff))
            names += ["--tariff", str(tmp_path / "tariff.json")]
        return CliRunner().invoke(APP, [*names, *arguments], input=stdin)

    return call


def test_price_writes_totals_and_exact_values(run):
    """The shape that programs rely on; 30:56 h are billed as 31:00 h."""
    result = run("--json")
    report = json.loads(result.stdout)

    assert result.exit_code == 0
    assert list(report) == ["currency", "total_cost", "exact", "lines", "notes"]
    assert report["total_cost"] == {"excl": "31.00", "incl": "37.20"}
    assert report["exact"] == {"excl": "31", "incl": "37.2"}
    assert [note["code"] for note in report["notes"]] == ["unknown_field"]
    assert Decimal(report["lines"][0]["billed_volume"]) == 31


def test_price_rounds_to_the_decimals_asked_for(run):
    """Exact stays exact; null where it is not derivable."""
    plain = {"id": "T", "currency": "EUR", "tax_included": "YES", "elements": TARIFF["elements"]}
    plain["elements"] = [{"price_components": [{"type": "TIME", "price": 0.0125, "step_size": 0}]}]
    report = json.loads(run("--json", "--decimals", "3", "--time-zone", "Europe/Oslo", tariff=plain).stdout)

    assert report["total_cost"] == {"excl": None, "incl": "0.387"}
    assert report["exact"]["excl"] is None
    assert report["exact"]["incl"].startswith("0.38666666666666666666")


def test_price_shows_a_table_to_people(run):
    """Lines, totals, taxes and notes."""
    low = json.loads(json.dumps(CDR).replace("30.9333", "1"))
    result = run(cdr=low)

    assert result.exit_code == 0
    for text in ("TIME", "MIN_PRICE", "total with tax: 24.00 EUR", "VAT 20 %: 4.00 on 20.00", "note unknown_field"):
        assert text in result.stdout


def test_price_says_what_is_not_derivable(run):
    """A net that is unknown is said to be."""
    unknown = {"id": "T", "currency": "EUR", "tax_included": "YES", "elements": [
        {"price_components": [{"type": "TIME", "price": 1, "step_size": 1}]}]}  # fmt: skip

    assert "total without tax: not derivable" in run(tariff=unknown).stdout


@pytest.mark.parametrize(
    ("arguments", "cdr", "code", "path"),
    [
        (["--time-zone", "Europe/Olso"], CDR, "unknown_time_zone", "time_zone"),
        ([], "{", "json_malformed", None),
        ([], "[]", "wrong_type", "$"),
        ([], CDR | {"tariffs": []}, "no_tariff", "tariffs"),
        (["--tariff", "/no/such/file"], CDR, "file_unreadable", "--tariff"),
        (["--tariff", "\0"], CDR, "file_unreadable", "--tariff"),
    ],
)
def test_price_refuses_with_status_2(run, arguments, cdr, code, path):
    """The error is a JSON object on standard output."""
    result = run("--json", *arguments, cdr=cdr)

    assert result.exit_code == 2
    assert {"code": code, "path": path}.items() <= json.loads(result.stdout)["error"].items()
    assert json.loads(result.stdout)["error"]["message"]


def test_price_refuses_people_in_words(run):
    """Cause and code, and the place where there is one."""
    result = run(cdr=CDR | {"currency": "NOK"})

    assert result.exit_code == 2
    assert "currency_mismatch" in result.stdout
    assert "(at currency)" in result.stdout
    assert "(at" not in run(cdr="{").stdout


def test_price_reads_standard_input(run):
    """A dash is standard input."""
    assert json.loads(run("--json", stdin=json.dumps(CDR)).stdout)["total_cost"]["incl"] == "37.20"


def test_price_of_an_expired_reservation_says_why(run):
    """The element for the expiry, with its restriction; without the option nothing has expired."""
    expires, fee = "RESERVATION_EXPIRES", [{"type": "FLAT", "price": 4, "vat": 20, "step_size": 1}]
    late = {"id": "T", "currency": "EUR", "tax_included": "NO",
            "elements": [{"price_components": fee, "restrictions": {"reservation": expires}}]}  # fmt: skip
    start = "2026-03-02T10:00:00Z"
    record = CDR | {"charging_periods": [
        {"start_date_time": start, "dimensions": [{"type": "RESERVATION_TIME", "volume": 1}]}]}  # fmt: skip

    expired = run("--reservation-expired", cdr=json.dumps(record), tariff=late).stdout
    used = run(cdr=json.dumps(record), tariff=late).stdout

    assert "total with tax: 4.80 EUR" in expired
    assert "elements[0].price_components[0] (reservation RESERVATION_EXPIRES): once per reservation" in expired
    assert "total with tax: 0.00 EUR" in used
