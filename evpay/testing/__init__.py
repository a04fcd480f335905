"""What hosts and provider authors test with: a simulated clock, crashes, a pytest fixture."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evpay.testing.simulation import Simulation, simulate
    from evpay.testing.world import SimulatedCrash, SimulatedEnv

__all__ = ["SimulatedCrash", "SimulatedEnv", "Simulation", "simulate"]

_HOMES = {
    "SimulatedCrash": "evpay.testing.world",
    "SimulatedEnv": "evpay.testing.world",
    "Simulation": "evpay.testing.simulation",
    "simulate": "evpay.testing.simulation",
}


def __getattr__(name: str) -> Any:
    """Import the simulation, and the store with it, only when it is asked for: pytest loads this package always."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'evpay.testing' has no attribute {name!r}")
