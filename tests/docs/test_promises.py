"""The page of promises names tests, and the tests are there."""

import re

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "explain" / "promises.md").read_text(encoding="utf-8")
CITED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_there_are_sixteen_promises() -> None:
    """Numbered one by one, so that a change of them is a decision."""
    assert list(range(1, 17)) == [int(number) for number in re.findall(r"^## (\d+)\. ", PAGE, re.MULTILINE)]


def test_every_promise_names_a_test() -> None:
    """A promise without a test is a wish."""
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]

    assert [] == [section.splitlines()[0] for section in sections if not CITED.search(section)]


def test_every_named_test_is_there() -> None:
    """A renamed test takes its citation along."""
    lost = [
        f"{path}::{name}"
        for path, name in CITED.findall(PAGE)
        if not (ROOT / path).is_file()
        or (name and not re.search(rf"def {name}\(", (ROOT / path).read_text(encoding="utf-8")))
    ]

    assert [] == lost
