"""A port of the demo's own for the webhooks of emulators on this machine; a host mounts them in its web framework."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from evpay.client import EvPay
from evpay.errors import EvpayError, WebhookRejected
from evpay.providers import MAX_BODY_BYTES

__all__ = ["Door", "receiving"]

_READ_S: Final = 5
_REFUSED: Final = 400
_TRY_AGAIN: Final = 503


@dataclass(slots=True)
class Door:
    """Where webhooks come in; whoever is at home takes them, and nobody at home means: try again."""

    address: str = ""
    pay: EvPay | None = None

    async def take(self, account: str, headers: Mapping[str, str], body: bytes) -> int:
        """Hand a message over, and return the status to answer with."""
        if self.pay is None:
            return _TRY_AGAIN
        try:
            return (await self.pay.webhook(account, body=body, headers=headers)).status
        except WebhookRejected as error:
            return error.status
        except EvpayError:
            return _TRY_AGAIN


@asynccontextmanager
async def receiving() -> AsyncIterator[Door]:
    """Listen on a free port of loopback until the end of the block."""
    door = Door()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_S):
                status = await door.take(*await _message(reader))
        except (OSError, ValueError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            status = _REFUSED
        writer.write(f"HTTP/1.1 {status} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        door.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield door


async def _message(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """Read one request of HTTP/1.1: the last part of its path, its headers, its body."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", ""))
    if not 0 <= length <= MAX_BODY_BYTES:
        raise ValueError("a body that is too long")
    return first.split()[1].rpartition("/")[2], headers, await reader.readexactly(length)
