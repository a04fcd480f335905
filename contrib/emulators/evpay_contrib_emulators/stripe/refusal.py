"""Stripe's error answers."""

from typing import Any

__all__ = ["Refusal", "invalid", "missing", "no_such"]


class Refusal(Exception):
    """A request that is not done. `saved`: the answer is repeated for the request's idempotency key."""

    def __init__(
        self, status: int, message: str, *, kind: str = "invalid_request_error", saved: bool = True, **fields: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.saved = saved
        stated = {name: value for name, value in fields.items() if value is not None}
        self.body: dict[str, Any] = {"error": {"type": kind, "message": message, **stated}}


def invalid(message: str, *, param: str, code: str | None = None) -> Refusal:
    """A parameter that does not pass validation; nothing is kept for the key."""
    return Refusal(400, message, param=param, code=code, saved=False)


def missing(param: str) -> Refusal:
    """A parameter that must be there."""
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def no_such(thing: str, name: str, *, param: str, status: int = 404) -> Refusal:
    """An id that names nothing here."""
    return Refusal(status, f"No such {thing}: '{name}'", code="resource_missing", param=param)
