"""Stateful stand-ins for payment gateways on loopback; they know nothing of evpay and share no code with it."""

from evpay_contrib_emulators.running import RunningEmulator, running

__all__ = ["RunningEmulator", "running"]
