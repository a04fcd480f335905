"""Instants as whole microseconds since 1970 UTC, the way the store and the meter count them."""

from datetime import UTC, datetime

__all__ = ["instant", "microseconds"]


def microseconds(at: datetime) -> int:
    """Return an aware datetime as microseconds since 1970 UTC."""
    delta = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def instant(at_us: int) -> datetime:
    """Return microseconds since 1970 UTC as an aware datetime."""
    seconds, rest = divmod(at_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
