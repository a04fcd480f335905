"""The pages about providers have one shape: whoever has read one finds their way in all of them."""

import re
from datetime import date

import pytest

from tests.conformance.accounts import ACCOUNTS
from tests.docs.pages import ROOT

HEADINGS = ["Install", "Credentials", "Supported", "Quirks", "Extra options", "Webhooks", "Test cards", "Sources"]
REAL = [name for name in ACCOUNTS if name != "sandbox"]  # the sandbox has no other side, and so no sources


def _page(name: str) -> str:
    return (ROOT / "docs" / "providers" / f"{name}.md").read_text(encoding="utf-8")


def _section(name: str, heading: str) -> str:
    return re.split(r"^## ", _page(name).partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", ACCOUNTS)
def test_the_headings_are_those_of_every_page(name: str) -> None:
    """The same words in the same order, and none between them."""
    assert re.findall(r"^##+ (.+)$", _page(name), re.MULTILINE) == HEADINGS


def test_every_adapter_has_a_page() -> None:
    """And every page an adapter."""
    pages = {path.stem for path in (ROOT / "docs" / "providers").glob("*.md")} - {"index"}

    assert pages == {path.parent.name for path in (ROOT / "evpay_providers").glob("*/__init__.py")}


@pytest.mark.parametrize("name", ACCOUNTS)
def test_every_setting_is_on_the_page(name: str) -> None:
    """What can be set is told."""
    told = set(re.findall(r"`(\w+)`", _page(name)))

    assert set(ACCOUNTS[name].settings.model_fields) - told == set()


@pytest.mark.parametrize("name", ACCOUNTS)
def test_no_section_is_empty(name: str) -> None:
    """A heading promises something."""
    assert [] == [heading for heading in HEADINGS if not _section(name, heading).strip()]


@pytest.mark.parametrize("name", REAL)
def test_sources_are_the_vendors_own_and_dated(name: str) -> None:
    """Each is an address, and the day on which they were checked is a day."""
    sources = _section(name, "Sources")
    lines = [line for line in sources.splitlines() if line.startswith("- ")]
    (checked,) = re.findall(r"^All checked on (\d{4}-\d\d-\d\d)\.$", sources, re.MULTILINE)

    assert date.fromisoformat(checked) >= date(2026, 7, 1)
    assert [] == [line for line in lines if not re.fullmatch(r"- .+: <https://[^>]+>", line)]
    assert len(lines) > 5


@pytest.mark.parametrize("name", REAL)
def test_the_page_leads_on(name: str) -> None:
    """Webhooks are mounted on one page, and the gateway is run offline on another."""
    assert "](../howto/take-webhooks.md)" in _section(name, "Webhooks")
    assert "](../howto/run-gateways-offline.md)" in _section(name, "Test cards")
