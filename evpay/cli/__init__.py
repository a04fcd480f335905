"""The command line: a host like any other, on the public face and on what the store can be asked."""

import sys
from typing import Final

__all__ = ["main"]

_OF_THE_EXTRA: Final = ("rich", "typer")


def main() -> None:
    """Run the command `evpay`; without the libraries of its extra, say how to get them."""
    try:
        from evpay.cli.app import run  # noqa: PLC0415 - typer and rich are an extra

        run()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _OF_THE_EXTRA:
            raise
        sys.stderr.write(f"evpay: the command line needs {missing!r}. Install it with: pip install 'evpay[cli]'\n")
        sys.exit(2)
