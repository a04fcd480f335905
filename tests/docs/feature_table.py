"""Write the feature tables between their markers: `uv run nox -s tables`, or `python -m tests.docs.feature_table`.

What stands in them is asked of the adapters, in front of their emulators; `features.py` has the rows.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tests.conformance.accounts import ACCOUNTS, Switches
from tests.docs.features import FEATURES, Feature, told
from tests.docs.pages import ROOT

__all__ = ["BLOCK", "NOTES", "PAGES", "cell", "rewritten"]

BLOCK: Final = re.compile(r"(<!-- features: .*? -->\n\n).*?(\n<!-- end of features -->)", re.DOTALL)
BEGIN: Final = "<!-- features: written by `uv run nox -s tables` -->"
END: Final = "<!-- end of features -->"

YES: Final = "yes"
NO: Final = "no"
WHEN_ENABLED: Final = "when enabled"
BY_DEFAULT: Final = "by default"
LEGEND: Final[Mapping[str, str]] = {
    WHEN_ENABLED: "*When enabled*: if the account has it at the gateway, and a setting says so.",
    BY_DEFAULT: "*By default*: unless another feature is enabled that takes its place.",
}

# Where "no" alone would mislead: the feature's words and the provider, and what is so instead.
NOTES: Final[Mapping[tuple[str, str], str]] = {
    ("wait for the driver (3-D Secure, redirects)", "braintree"): (
        "Braintree's 3-D Secure happens in the app or browser, before the authorization."
    ),
}


def cell(feature: Feature, name: str) -> str:
    """Return what a provider's cell of the large table says."""
    claims = told(name)
    as_it_comes = feature.words in claims[Switches()]
    ever, always = (test(feature.words in claimed for claimed in claims.values()) for test in (any, all))
    if always or not ever:
        return YES if always else NO
    return BY_DEFAULT if as_it_comes else WHEN_ENABLED


def _setting(feature: Feature, name: str) -> str:
    """Return what the provider's own page says: with the setting that switches the feature on or off."""
    said = cell(feature, name)
    if said in (YES, NO):
        return said
    claims = told(name)
    usual = feature.words in claims[Switches()]
    switches = [
        f"`{switch}`"
        for switch in ACCOUNTS[name].switches
        if (feature.words in claims[Switches({switch})]) is not usual
    ]
    return f"{'yes, but not with' if usual else 'with'} {' or '.join(switches)}"


def _rows(rows: Iterable[Iterable[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _overall(features: Iterable[Feature], *, folder: str) -> str:
    heads = [f"[{account.title}]({folder}{name}.md)" for name, account in ACCOUNTS.items()]
    rows = [["install", *(account.install for account in ACCOUNTS.values())]]
    signs, below = iter("¹²³⁴⁵"), []
    for feature in features:
        cells = {name: cell(feature, name) for name in ACCOUNTS}
        for name in ACCOUNTS:
            if note := NOTES.get((feature.words, name)):
                sign = next(signs)
                cells[name] += f" {sign}"
                below.append(f"{sign} {note}\n")
        rows.append([feature.words, *cells.values()])
    said = {text for row in rows for text in row}
    legend = [f"{words}\n" for text, words in LEGEND.items() if text in said]
    return _rows([["", *heads], ["---"] * (len(heads) + 1), *rows]) + "\n" + "".join(legend + below)


def _own(name: str) -> str:
    return _rows([["", ""], ["---", "---"], *([feature.words, _setting(feature, name)] for feature in FEATURES)])


def _block(page: str) -> str:
    match Path(page).parts:
        case ["README.md"]:
            return _overall([feature for feature in FEATURES if feature.in_readme], folder="docs/providers/")
        case ["docs", "providers", "index.md"]:
            return _overall(FEATURES, folder="")
        case _:
            return _own(Path(page).stem)


PAGES: Final = ("README.md", "docs/providers/index.md", *(f"docs/providers/{name}.md" for name in ACCOUNTS))


def rewritten(page: str) -> str:
    """Return the page with its table as it has to be.

    Raises:
        ValueError: the page has not exactly one place for it.
    """
    text, count = BLOCK.subn(
        lambda found: found[1] + _block(page) + found[2], (ROOT / page).read_text(encoding="utf-8")
    )
    if count != 1:
        raise ValueError(f"{page} has {count} places for the features; one begins with {BEGIN} and ends with {END}")
    return text


if __name__ == "__main__":
    for path in PAGES:
        (ROOT / path).write_text(rewritten(path), encoding="utf-8")
