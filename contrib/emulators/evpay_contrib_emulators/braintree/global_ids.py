"""The ids that things have beside their own, for the other API of the gateway."""

import base64

__all__ = ["global_id"]


def global_id(kind: str, name: str | None) -> str | None:
    """Return the global id of a thing of this kind."""
    return None if name is None else base64.urlsafe_b64encode(f"{kind}_{name}".encode()).decode().rstrip("=")
