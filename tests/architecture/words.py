"""Words that do not belong in the product: numbering of other people's documents, paths of one machine, leftovers."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = ("evpay", "evpay_providers", "contrib", "docs", "tests", ".ci")
SUFFIXES = {".py", ".md", ".toml", ".html", ".css", ".txt", ".json", ".jsonl", ".csv", ".sql", ".cfg", ""}
BUILT = {"_build", "__pycache__", "node_modules"}

REFUSED = {
    "a number of somebody else's list; cite the promise in docs/explain/promises.md": re.compile(
        r"\b(?:CP|INV|LIVE|NF|GF|SF|CF|MF|WF)-\d\d\b"
    ),
    "a path of one machine": re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w"),
    "left over from a merge": re.compile(r"^(?:<<<<<<<|>>>>>>>) ", re.MULTILINE),
}


def files() -> Iterator[Path]:
    """Every text file that is part of the project."""
    yield from (path for path in ROOT.iterdir() if path.suffix in {".md", ".py", ".toml"})
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.is_file() and path.suffix in SUFFIXES and not BUILT & set(path.parts):
                yield path


def findings() -> Iterator[str]:
    """One line for each word that does not belong."""
    for path in files():
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for why, pattern in REFUSED.items():
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                yield f"{path.relative_to(ROOT)}:{line}: {match.group().strip()!r} is {why}"


if __name__ == "__main__":
    found = list(findings())
    sys.stdout.write("".join(f"{finding}\n" for finding in found) or "No word that does not belong.\n")
    sys.exit(bool(found))
