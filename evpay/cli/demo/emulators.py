"""Gateways on this machine, for the demo: started as processes where their package is installed, stopped at the end.

Nothing of that package is imported: it is another distribution, which may be missing.
"""

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Final

from evpay.cli.stand_ins import stand_in
from evpay.client import EvPay
from evpay.errors import ConfigurationError
from evpay.providers import Provider
from evpay.providers.registry import build

__all__ = ["EMULATED", "Emulated", "are_installed", "emulated", "settled"]

EMULATED: Final = ("stripe", "adyen", "braintree")
_PACKAGE: Final = "evpay_contrib_emulators"
_CLOCK: Final = "/_emulator/clock"
_ANSWER_S: Final = 10
_POLL_S: Final = 0.03  # longer than an emulator takes to notice that it has something to send
_POLLS: Final = 200
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def are_installed() -> bool:
    """Say whether emulators can be started here."""
    return find_spec(_PACKAGE) is not None


@dataclass(slots=True, kw_only=True)
class Emulated:
    """A gateway in a process of its own. Its first line of output is its port."""

    name: str
    process: "subprocess.Popen[bytes]"
    _url: str | None = None

    @property
    def url(self) -> str:
        """Where it answers; waits until it does.

        Raises:
            ConfigurationError: it did not start.
        """
        if self._url is None:
            line = self.process.stdout.readline().strip() if self.process.stdout else b""
            if not line.isdigit():
                raise ConfigurationError(f"the {self.name} emulator did not start. Try: evpay-emulators {self.name}")
            self._url = f"http://127.0.0.1:{int(line)}"
        return self._url

    def provider(self) -> Provider:
        """Return an account there."""
        known = stand_in(self.name)
        return build(self.name, self.name, {**known.options, **known.at_emulator, "base_url": self.url})

    def follow(self, at: datetime) -> None:
        """Set its clock."""
        now = datetime.fromisoformat(_asked(f"{self.url}{_CLOCK}", "GET", None)["now"])
        _asked(f"{self.url}{_CLOCK}", "POST", {"advance": (at - now).total_seconds()})

    async def books(self) -> list[dict[str, Any]]:
        """Return every payment that it holds, in minor units."""
        payments: list[dict[str, Any]] = (await self._asked("GET", "/_emulator/books"))["payments"]
        return payments

    async def send_webhooks_to(self, address: str) -> None:
        """Let it send its webhooks to `address/NAME`."""
        await self._asked("POST", "/_emulator/webhooks", {"url": f"{address}/{self.name}"})

    async def has_said_all(self) -> bool:
        """Say whether none of its webhooks is on its way."""
        messages = (await self._asked("GET", "/_emulator/webhooks"))["messages"]
        return all(message["state"] != "waiting" for message in messages)

    async def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return await asyncio.to_thread(_asked, f"{self.url}{path}", method, body)


def _asked(url: str, method: str, body: Mapping[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - our own process
    with _DIRECT.open(request, timeout=_ANSWER_S) as response:
        return json.loads(response.read() or b"null")


@contextmanager
def emulated(names: Sequence[str]) -> Iterator[dict[str, Emulated]]:
    """Start emulators, all at once; nobody waits for one before its URL is asked for."""
    running = {name: Emulated(name=name, process=_started(name)) for name in names}
    try:
        yield running
    finally:
        for emulator in running.values():
            emulator.process.kill()
            emulator.process.communicate()


def _started(name: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", _PACKAGE, name, "--quiet", "--port", "0"]
    for option, value in stand_in(name).emulator.items():
        command += ["--option", f"{option}={json.dumps(value)}"]
    return subprocess.Popen(  # noqa: S603 - this interpreter, our own module
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


async def settled(pay: EvPay, emulators: Iterable[Emulated]) -> None:
    """Let the gateways say what they have to say, and let the backend do what is due."""
    for emulator in emulators:
        for _ in range(_POLLS):
            await asyncio.sleep(_POLL_S)
            if await emulator.has_said_all():
                break
    await pay.recover()
