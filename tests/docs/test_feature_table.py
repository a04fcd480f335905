"""The feature tables say what the adapters claim, and each claim in them is tried by the conformance kit."""

from collections.abc import Callable, Iterator

import pytest

from evpay.testing.conformance import CHECKS, Rig, Verdict, run_check
from tests.conformance.accounts import ACCOUNTS, Switches, rig_of
from tests.docs import feature_table
from tests.docs.features import FEATURES, told
from tests.docs.pages import ROOT

pytestmark = pytest.mark.scenario

BY_NAME = {check.name: check for check in CHECKS}


@pytest.mark.parametrize("page", feature_table.PAGES)
def test_the_table_on_the_page_is_what_the_adapters_claim(page: str) -> None:
    """If this fails: `uv run nox -s tables`, and read what changed."""
    assert feature_table.rewritten(page) == (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=list(ACCOUNTS))
def name(request: pytest.FixtureRequest) -> str:
    """Each provider in turn."""
    provider: str = request.param
    return provider


@pytest.fixture(scope="module")
def rig(name: str) -> Iterator[Callable[[Switches], Rig]]:
    """The provider's gateway."""
    with rig_of(name) as made:
        yield made


@pytest.mark.parametrize("setup", ["as it comes", "with everything on"])
def test_each_claim_of_the_table_passes_its_checks(rig: Callable[[Switches], Rig], name: str, setup: str) -> None:
    """A cell that says more than "no" stands on checks that ran and passed: a skipped one holds up nothing."""
    on = Switches() if setup == "as it comes" else Switches(ACCOUNTS[name].switches)
    claimed = [feature for feature in FEATURES if feature.words in told(name)[on]]

    results = [run_check(BY_NAME[check], rig(on)) for feature in claimed for check in feature.checks]

    assert claimed
    assert [] == [f"{one.check.name} {one.message}" for one in results if one.verdict is not Verdict.PASSED]


@pytest.mark.parametrize("name", ACCOUNTS)
def test_what_all_cells_say_shows_in_one_of_the_two_setups(name: str) -> None:
    """So no claim is left that the checks above have not seen."""
    claims = told(name)
    tried = claims[Switches()] | claims[Switches(ACCOUNTS[name].switches)]

    assert tried == frozenset[str]().union(*claims.values())


def test_every_row_names_checks_that_there_are() -> None:
    """A row without a check, or with one that is gone, is a claim of nobody's."""
    assert [] == [feature.words for feature in FEATURES if not feature.checks]
    assert {check for feature in FEATURES for check in feature.checks} <= set(BY_NAME)


def test_every_capability_that_claims_something_has_a_row() -> None:
    """By the kit's own table: some check of its backing is among a row's."""
    from evpay.testing.conformance import BACKED_BY
    from evpay.testing.conformance.check import CLAIMS

    shown = {check for feature in FEATURES for check in feature.checks}

    assert [] == [claim for claim in CLAIMS if not shown & set(BACKED_BY[claim])]


def test_every_adapter_has_its_column() -> None:
    """The tables are complete."""
    folders = {path.parent.name for path in (ROOT / "evpay_providers").glob("*/__init__.py")}

    assert folders == set(ACCOUNTS)


def test_a_note_stands_only_where_the_cell_says_no() -> None:
    """A note explains a "no"; it contradicts nothing."""
    rows = {feature.words: feature for feature in FEATURES}

    assert {"no"} == {feature_table.cell(rows[words], name) for words, name in feature_table.NOTES}
