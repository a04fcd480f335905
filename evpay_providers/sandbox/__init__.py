"""The sandbox: a processor that keeps its own books on this machine, for tests, demos and first steps."""

from evpay_providers.sandbox.adapter import SandboxProvider
from evpay_providers.sandbox.settings import SandboxSettings

__all__ = ["SandboxProvider", "SandboxSettings"]
