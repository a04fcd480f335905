"""The conformance kit: every promise of the provider contract, tried against one adapter.

A provider's author inherits `ProviderConformance`, gives it a fixture `rig`, and has a test for each promise that the
adapter's `Capabilities` claim. A claim that does not hold is a failure; what is not claimed must be refused by name.
`evpay providers check MODULE` does the same without pytest.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evpay.testing.conformance.catalogue import BACKED_BY, CHECKS
    from evpay.testing.conformance.check import BrokenPromise, Check
    from evpay.testing.conformance.proxy import FaultProxy, closed_door
    from evpay.testing.conformance.rig import Held, Message, Methods, Rig, Subject, Webhooks, Wire
    from evpay.testing.conformance.runner import Result, Verdict, run_check, run_checks
    from evpay.testing.conformance.suite import ProviderConformance
    from evpay.testing.conformance.wire import Answer, Exchange, Fault

__all__ = [
    "BACKED_BY",
    "CHECKS",
    "Answer",
    "BrokenPromise",
    "Check",
    "Exchange",
    "Fault",
    "FaultProxy",
    "Held",
    "Message",
    "Methods",
    "ProviderConformance",
    "Result",
    "Rig",
    "Subject",
    "Verdict",
    "Webhooks",
    "Wire",
    "closed_door",
    "run_check",
    "run_checks",
]

_HOMES = {
    "catalogue": ("BACKED_BY", "CHECKS"),
    "check": ("BrokenPromise", "Check"),
    "proxy": ("FaultProxy", "closed_door"),
    "rig": ("Held", "Message", "Methods", "Rig", "Subject", "Webhooks", "Wire"),
    "runner": ("Result", "Verdict", "run_check", "run_checks"),
    "suite": ("ProviderConformance",),
    "wire": ("Answer", "Exchange", "Fault"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and nothing else."""
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
