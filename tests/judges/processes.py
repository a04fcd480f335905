"""A server that somebody else wrote, in a process of its own, on loopback."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
    )
    try:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                said = process.communicate()[0].decode(errors="replace")[-600:]
                raise RuntimeError(f"{command[0]} does not answer on port {port}: {said}")
            await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
