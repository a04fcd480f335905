"""Price a folder of OCPI cases that lies elsewhere: `nox -s cases -- --cases PATH`.

The folder holds a `cases.json`, whose `cases` each have `name`, `cdr_path`, `tariff_path` (a path, a list of paths,
or null for the tariffs in the CDR), `time_zone`, `currency_decimals`, `expected.total_cost` or `expected.error` (the
code of the refusal), and may have `exact` and `reservation_expired`. Paths are relative to the folder.

A case passes when both totals are right, fails when one is wrong, and is refused when evpay says that it cannot be
priced. Any failure ends with status 1; with `--none-refused`, a refusal does too.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from evpay.errors import InvalidInput
from evpay.tariffs.cost import Cost
from evpay.tariffs.ocpi import price_cdr, read_json
from evpay.tariffs.policy import PricingPolicy

SIDES: Final = ("excl", "incl")
TOLERANCE: Final = Decimal("5e-7")
"""Exact totals are written with six decimals."""


def load(path: Path) -> Any:
    """Read a document the way evpay reads every other."""
    return read_json(path.read_bytes())


def price(case: Mapping[str, Any], folder: Path) -> Cost:
    """Price one case."""
    named = case["tariff_path"]
    paths = [named] if isinstance(named, str) else named
    return price_cdr(
        load(folder / case["cdr_path"]),
        [load(folder / path) for path in paths] if paths else None,
        time_zone=case["time_zone"],
        reservation_expired=bool(case.get("reservation_expired")),
        policy=PricingPolicy(decimals=case["currency_decimals"]),
    )


def differences(case: Mapping[str, Any], cost: Cost) -> list[str]:
    """Say where the totals are not those expected."""
    found = []
    document = cost.to_json()
    for side in SIDES:
        expected, got = case["expected"]["total_cost"][side], document[f"total_{side}"]
        if expected != got:
            found.append(f"{side} {got} instead of {expected}")
        exact = case.get("exact", {}).get(side)
        computed = getattr(cost, f"exact_{side}")
        if exact is not None and (computed is None or abs(Decimal(exact) - computed) > TOLERANCE):
            found.append(f"exactly {side} {computed} instead of {exact}")
    return found


def judge(case: Mapping[str, Any], folder: Path) -> tuple[str, str]:
    """Return passed, failed or refused, and why."""
    try:
        cost = price(case, folder)
    except InvalidInput as error:
        if error.code == case["expected"].get("error"):
            return "passed", ""
        return "refused", f"{error.code} at {error.path or 'the document'}"
    if "error" in case["expected"]:
        return "failed", f"priced, instead of {case['expected']['error']}"
    found = differences(case, cost)
    return ("failed", "; ".join(found)) if found else ("passed", "")


def main() -> int:
    """Print one line for each case that did not pass, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True, metavar="PATH", help="the folder with cases.json")
    parser.add_argument("--none-refused", action="store_true", help="a refusal is a failure too")
    arguments = parser.parse_args()
    folder: Path = arguments.cases
    results: Counter[str] = Counter()
    for case in load(folder / "cases.json")["cases"]:
        result, why = judge(case, folder)
        results[result] += 1
        if why:
            sys.stdout.write(f"{result:<8} {case['name']}: {why}\n")
    sys.stdout.write(", ".join(f"{results[result]} {result}" for result in ("passed", "failed", "refused")) + "\n")
    return 1 if results["failed"] or (arguments.none_refused and results["refused"]) else 0


if __name__ == "__main__":
    sys.exit(main())
