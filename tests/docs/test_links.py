"""Links between pages lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
PAGES = [
    *ROOT.glob("*.md"),
    *(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    """A relative link names a file that is there; other links are https."""
    targets = LINK.findall(page.read_text(encoding="utf-8"))

    lost = [target for target in targets if not target.startswith("https://") and not (page.parent / target).is_file()]

    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_page_begins_with_one_heading(page: Path) -> None:
    """One first-level heading, at the top."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^# .+$", text, re.MULTILINE)

    assert page.name == "changes.md" or (len(headings) == 1 and text.startswith(headings[0]))
