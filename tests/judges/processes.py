"""A server that somebody else wrote, in a process of its own, on loopback."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

__all__ = ["free_port", "serving"]

_STARTS_WITHIN_S: Final = 60


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


@asynccontextmanager
async def serving(command: Sequence[str], *, port: int) -> AsyncIterator[str]:
    """Run a server until the end of the block; yields its URL once it answers."""
    environment = {**os.environ, "NO_COLOR": "1", "SCARF_ANALYTICS": "false"}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    said = bytearray()
    listening = asyncio.create_task(_heard(process, said))
    try:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not _answers(port):
            if process.returncode is not None or time.monotonic() > deadline:
                last = said.decode(errors="replace")[-600:]
                raise RuntimeError(f"{command[0]} does not answer on port {port}: {last}")
            await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await listening
        await process.wait()


async def _heard(process: asyncio.subprocess.Process, said: bytearray) -> None:
    """Take in what a server says, so that it never waits for somebody to listen; keep the end of it."""
    assert process.stdout is not None
    while chunk := await process.stdout.read(4_096):
        said += chunk
        del said[:-4_096]
