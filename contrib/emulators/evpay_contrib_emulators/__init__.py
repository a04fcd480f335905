"""Stateful stand-ins for payment gateways on loopback; they know nothing of evpay and share no code with it."""
