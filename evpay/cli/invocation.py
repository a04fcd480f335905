"""What was said on the command line for every command: the store, the settings file, and JSON or words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from evpay.errors import ConfigurationError
from evpay.settings import Settings

__all__ = ["ConfigOption", "Invocation", "JsonOption", "StoreOption", "TenantOption", "invocation", "write_json"]

_DEFAULT_FILE: Final = "evpay.toml"

StoreOption = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="The store; else EVPAY_STORE, else the settings file's.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The settings file (default: evpay.toml, if it is here)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Whose records.")]


@dataclass(slots=True)
class Invocation:
    """What holds for the whole command; options may stand before the command or after it."""

    store: str | None = None
    config: Path | None = None
    as_json: bool = False

    def settings(self) -> Settings:
        """Return the settings: from the file, the environment, and what was said here.

        Raises:
            ConfigurationError: naming the file or the setting at fault.
        """
        here = Path(_DEFAULT_FILE)
        path = self.config or (here if here.is_file() else None)
        given = {} if self.store is None else {"store": self.store}
        return Settings.load(path, **given)

    def store_url(self) -> str:
        """Return the store to read, which must be there: reading never makes one.

        Raises:
            ConfigurationError: if there is no such file.
        """
        url = self.settings().store
        path = url.removeprefix("sqlite:///")
        if path != url and not Path(path).is_file():
            raise ConfigurationError(
                f"there is no store {url!r}. Name one: --store sqlite:///evpay.db, or EVPAY_STORE.", path="store"
            )
        return url


def invocation(
    context: typer.Context, *, store: str | None = None, config: Path | None = None, as_json: bool = False
) -> Invocation:
    """Return what holds for this command, with what was said after its name."""
    root = context.find_root()
    known = root.obj if isinstance(root.obj, Invocation) else Invocation()
    known.store = store or known.store
    known.config = config or known.config
    known.as_json = as_json or known.as_json
    root.obj = known
    return known


def write_json(document: Mapping[str, Any], *, indent: int | None = None) -> None:
    """Write one JSON object; letters beyond ASCII are escaped, so it is harmless to print anywhere."""
    print(json.dumps(document, indent=indent, allow_nan=False), flush=True)
