"""Where a demo keeps its files: a new folder on each run, outside any checkout, with settings that find it again."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evpay.errors import ConfigurationError

__all__ = ["Place", "new_place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One demo's folder: the store, and the books of each processor that keeps its own."""

    folder: Path

    @property
    def store(self) -> str:
        """The URL of the store."""
        return f"sqlite:///{(self.folder / 'evpay.db').as_posix()}"

    @property
    def settings(self) -> Path:
        """The file with which the other commands find store and accounts."""
        return self.folder / "evpay.toml"

    def books(self, account: str) -> Path:
        """The file of a processor's own books."""
        return self.folder / f"{account}.books.db"

    @property
    def told(self) -> Path:
        """What gateways said of their own books before they were stopped."""
        return self.folder / "gateways.json"

    def keep_books(self, books: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Write down what each gateway holds, by account."""
        self.told.write_text(json.dumps(books, indent=1), encoding="utf-8")

    def kept_books(self) -> dict[str, list[dict[str, Any]]]:
        """Return what the gateways held, by account; nothing where there were none."""
        kept: dict[str, list[dict[str, Any]]] = {}
        if self.told.is_file():
            kept = json.loads(self.told.read_text(encoding="utf-8"))
        return kept

    def write_settings(self, accounts: Mapping[str, str]) -> None:
        """Write down the accounts (name and adapter) that keep books here."""
        lines = [f"store = {_quoted(self.store)}"]
        lines += [
            f"providers.{name} = {{ use = {_quoted(use)}, books = {_quoted(str(self.books(name)))} }}"
            for name, use in accounts.items()
        ]
        self.settings.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a basic string of TOML has the escapes of JSON


def new_place() -> Place:
    """Make a folder that only this user can read.

    Raises:
        ConfigurationError: there is no place for temporary files.
    """
    try:
        folder = tempfile.mkdtemp(prefix=f"evpay-demo-{datetime.now().astimezone():%m%d-%H%M}-")
    except OSError as error:
        raise ConfigurationError(f"there is no place for the demo's files: {error}. Set TMPDIR to one.") from error
    return Place(folder=Path(folder))
