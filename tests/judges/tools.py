"""The judges' own programs, which are in no Python package: installed once, into a folder of the judges."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.judges.verdict import Bench, NotRun

__all__ = ["prism", "stripe_mock"]

_STRIPE_MOCK: Final = "github.com/stripe/stripe-mock@latest"
_PRISM: Final = "@stoplight/prism-cli@5.14.2"  # the newest that runs on Node 20
_INSTALL_WITHIN_S: Final = 600


def stripe_mock(bench: Bench) -> Path:
    """Return Stripe's own stateless server, which knows the newest specification. Needs Go."""
    program = bench.tools / "bin" / "stripe-mock"
    if not program.exists():
        _installed("go", "install", _STRIPE_MOCK, GOBIN=str(program.parent))
    return program


def prism(bench: Bench) -> Path:
    """Return a proxy that holds requests and answers against an OpenAPI document. Needs Node and npm."""
    program = bench.tools / "prism" / "node_modules" / ".bin" / "prism"
    if not program.exists():
        folder = bench.tools / "prism"
        folder.mkdir(parents=True, exist_ok=True)
        _installed("npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--no-package-lock", _PRISM)
    return program


def _installed(program: str, *arguments: str, **environment: str) -> None:
    if shutil.which(program) is None:
        raise NotRun(f"{program} is not installed")
    # Prism's package counts its installations, unless told not to.
    done = subprocess.run(
        [program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=_INSTALL_WITHIN_S,
        env={**os.environ, "SCARF_ANALYTICS": "false", **environment},
    )
    if done.returncode:
        raise NotRun(f"{program} could not install {arguments[-1]}: {done.stderr.strip()[-300:]}")
