"""The package that `evpay providers new` writes, imported as it is: an adapter over real HTTP, and its toy gateway."""

import importlib.util
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

from evpay.cli.skeleton import provider_package

NAME = "toy_for_tests"


@dataclass(frozen=True)
class Toy:
    """The modules of the package."""

    folder: Path
    package: ModuleType
    adapter: ModuleType
    webhooks: ModuleType
    rig: Any


def _loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def toy_package(into: Path) -> Toy:
    """Write the package and import it; its own `tests` are put beside ours."""
    provider_package(NAME, into=into, today=date(2026, 11, 20))
    folder = into / "evpay-toy-for-tests"
    sys.path.insert(0, str(folder))
    _loaded("tests.toy_gateway", folder / "tests" / "toy_gateway.py")
    package = f"evpay_{NAME}"
    return Toy(
        folder=folder,
        package=importlib.import_module(package),
        adapter=importlib.import_module(f"{package}.adapter"),
        webhooks=importlib.import_module(f"{package}.webhooks"),
        rig=_loaded("tests.toy_rig", folder / "tests" / "rig.py").rig,
    )
