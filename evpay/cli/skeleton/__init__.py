"""The files that `evpay providers new` writes, and how it writes them."""

import keyword
import re
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from evpay.errors import ConfigurationError

__all__ = ["provider_package"]

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_LONGEST: Final = 30
_TAKEN: Final = frozenset({"conformance", "contrib", "providers", "test", "tests"})


def _require_name(name: str) -> None:
    if not _NAME.match(name) or len(name) > _LONGEST or keyword.iskeyword(name) or name in _TAKEN:
        raise ConfigurationError(
            f"{name!r} cannot be a provider's name. Use up to {_LONGEST} letters a-z and digits, with single "
            "underscores between words, as in 'acme_pay'; it becomes the package evpay_acme_pay."
        )


def _templates(folder: Traversable, place: str = "") -> Iterator[tuple[str, str]]:
    """Return where each template goes, and what it says."""
    for entry in sorted(folder.iterdir(), key=lambda found: found.name):
        if entry.is_dir() and not entry.name.startswith("__"):
            yield from _templates(entry, f"{place}{entry.name}/")
        elif entry.name.endswith(".txt"):
            yield place + entry.name.removesuffix(".txt"), entry.read_text(encoding="utf-8")


def provider_package(name: str, *, into: Path, today: date) -> list[Path]:
    """Write a working provider package and return its files; nothing that is there is touched.

    Raises:
        ConfigurationError: the name cannot be used, or there is something in the folder already.
    """
    _require_name(name)
    dashed = name.replace("_", "-")
    folder = into / f"evpay-{dashed}"
    if folder.exists():
        raise ConfigurationError(f"{folder} is there already, and is left as it is. Choose another name or --into.")
    words = {"@name@": name, "@dashed@": dashed, "@Name@": name.title().replace("_", ""), "@today@": today.isoformat()}
    written: list[Path] = []
    for place, text in _templates(files(__name__)):
        path = folder / re.sub(r"^package/", f"evpay_{name}/", place)
        path.parent.mkdir(parents=True, exist_ok=True)
        filled = re.sub("|".join(words), lambda found: words[found.group()], text)
        path.write_text(filled, encoding="utf-8")
        written.append(path)
    return written
