"""What every mount does the same way: read a body within bounds, and answer challenges. No framework."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import Final, TypeAlias

from evpay.errors import WebhookRejected
from evpay.providers import MAX_BODY_BYTES

__all__ = ["READ_WITHIN_S", "Challenge", "declared_length", "gathered", "refuse_length", "taken"]

READ_WITHIN_S: Final = 10.0

# Answers the GET with which some gateways prove an address: from the query's fields to the text. None is
# a 404; a `WebhookRejected` is its own status.
Challenge: TypeAlias = Callable[[Mapping[str, str]], str | None]


def declared_length(value: str | None) -> int | None:
    """Return what a Content-Length header says; None where it says nothing that is a length."""
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 19 else None


def refuse_length(length: int | None, *, account: str) -> None:
    """Refuse a body that is announced as too long, before any of it is read.

    Raises:
        WebhookRejected: 413.
    """
    if length is not None and length > MAX_BODY_BYTES:
        raise _too_long(account)


def taken(chunks: Iterable[bytes], *, account: str) -> bytes:
    """Return the whole body, read no further than the limit; whoever reads blocking has a deadline of the server's.

    Raises:
        WebhookRejected: 413.
    """
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _too_long(account)
    return bytes(body)


async def gathered(chunks: AsyncIterable[bytes], *, account: str, within_s: float = READ_WITHIN_S) -> bytes:
    """Return the whole body, read no further than the limit and no longer than the deadline.

    Raises:
        WebhookRejected: 413 for a body that is too long, 408 for one that does not come.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in chunks:
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise _too_long(account)
    except TimeoutError:
        raise WebhookRejected(f"The message did not come within {within_s:g} s.", account=account, status=408) from None
    return bytes(body)


def _too_long(account: str) -> WebhookRejected:
    return WebhookRejected(f"The message is larger than {MAX_BODY_BYTES} bytes.", account=account, status=413)
