"""Golden cases: a tariff, a CDR, what it costs by hand, and one line why."""

from decimal import Decimal
from pathlib import Path

import pytest

from evpay.errors import InvalidInput
from evpay.tariffs.ocpi import price_cdr, read_json

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/expected.json"))


def load(path):
    return read_json(path.read_bytes())


def price(case, expected):
    tariff = case / "tariff.json"
    return price_cdr(
        load(case / "cdr.json"),
        load(tariff) if tariff.exists() else None,
        time_zone=expected.get("time_zone", "Europe/Amsterdam"),
        reservation_expired=expected.get("reservation_expired", False),
    )


def same(expected, exact):
    if expected is None or exact is None:
        return expected is exact
    return abs(Decimal(expected) - exact) <= Decimal("5e-7")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_case(case):
    """Each case costs what was worked out by hand, or is refused by name."""
    expected = load(case / "expected.json")

    if "error" in expected:
        with pytest.raises(InvalidInput) as refused:
            price(case, expected)

        assert expected["error"] == {"code": refused.value.code, "path": refused.value.path}
        return
    cost = price(case, expected)
    totals = {side: cost.to_json()[f"total_{side}"] for side in ("excl", "incl")}

    assert expected["total_cost"] == totals
    assert same(expected["exact"]["excl"], cost.exact_excl)
    assert same(expected["exact"]["incl"], cost.exact_incl)
    assert expected.get("notes", []) == [note.code for note in cost.notes]


def test_every_case_says_why():
    """A case without a reason teaches nobody."""
    assert all(load(case / "expected.json")["why"] for case in CASES)
    assert len(CASES) >= 40
