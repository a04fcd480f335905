"""What differs between two Stripe accounts, as far as it matters here."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

__all__ = ["Options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of an account; `configure` takes them by name."""

    search_lag: float = 0.0
    """Seconds until search finds a new payment."""
    redirects: bool = False
    """Methods that redirect are switched on, so that a payment needs a `return_url` or must rule them out."""
    livemode: bool = False
    features: bool = True
    """Increments, several captures and captures above the hold are possible at all: interchange-plus pricing."""
    extended: bool = False
    """Holds of 30 days are possible, for those who ask for them."""
    capture_percent: int = 115
    """How much of a hold may be captured, where a capture above the hold is possible."""
    webhook_secrets: tuple[str, ...] = ("whsec_of_the_emulator",)
    """Each of them signs every webhook: two of them while one replaces the other."""
    statement_prefix: str = "EMULATOR"
    key_hours: float = 24.0
    """How long an idempotency key is remembered."""

    def changed(self, options: Mapping[str, Any]) -> Self:
        """Return the same settings with these in their place.

        Raises:
            ValueError: a name is not known, or a value does not fit.
        """
        values = dict(options)
        for name, value in options.items():
            if name not in {known.name for known in fields(self)}:
                raise ValueError(
                    f"unknown option {name!r}; known are {', '.join(known.name for known in fields(self))}"
                )
            values[name] = _fitting(name, value, like=getattr(self, name))
        return replace(self, **values)


def _fitting(name: str, value: Any, *, like: Any) -> Any:
    if isinstance(like, tuple):
        if isinstance(value, list | tuple) and value and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        raise ValueError(f"{name} is {value!r}: not a list of texts")
    wanted: tuple[type, ...] = (int, float) if isinstance(like, float) else (type(like),)
    if not isinstance(value, wanted) or (isinstance(value, bool) and not isinstance(like, bool)):
        raise ValueError(f"{name} is {value!r}: not like {like!r}")  # noqa: TRY004 - as `configure` promises
    if isinstance(value, int | float) and value < 0:
        raise ValueError(f"{name} is {value!r}: less than nothing")
    return value
