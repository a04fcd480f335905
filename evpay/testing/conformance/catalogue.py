"""Every check there is, and which of them back which capability."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Final

from evpay.testing.conformance.check import Check
from evpay.testing.conformance.checks import (
    authorizing,
    driver,
    forgery,
    living,
    looking,
    moving,
    secrecy,
    sending,
    settling,
    uncertainty,
)

__all__ = ["BACKED_BY", "CHECKS"]

_MODULES: Final = (
    sending,
    uncertainty,
    authorizing,
    driver,
    moving,
    looking,
    forgery,
    settling,
    living,
    secrecy,
)


def _checks(module: ModuleType) -> Iterator[Check]:
    return (getattr(module, name) for name in module.__all__)


CHECKS: Final[tuple[Check, ...]] = tuple(found for module in _MODULES for found in _checks(module))
"""In the order in which they are told: what goes out, what is not proven, the verbs, webhooks, the object itself."""


def _backing() -> Mapping[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    for found in CHECKS:
        for capability in found.backs:
            names.setdefault(capability, []).append(found.name)
    return MappingProxyType({capability: tuple(checks) for capability, checks in names.items()})


BACKED_BY: Final[Mapping[str, tuple[str, ...]]] = _backing()
"""Capability -> the checks that stand behind a "yes" in the feature table."""
