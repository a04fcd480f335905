"""Emulators as processes of their own, for tests and demos: started in a `with`, killed at its end.

with running("stripe") as stripe:
    stripe.fault("drop_after", path="/capture")
    ...
    assert stripe.books()["effects"] == 1
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["RunningEmulator", "running"]

_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_ANSWER_S: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningEmulator:
    """An emulator in another process, and what tests and demos do with it."""

    url: str
    pid: int

    def call(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """Send one request with a JSON body and return the JSON answer.

        Raises:
            ValueError: the answer was not 2xx; the text of the answer is in the message.
        """
        data = None if body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=given)  # noqa: S310 - our own
        try:
            with _DIRECT.open(request, timeout=_ANSWER_S) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(
                    f"{method} {path}: {error.code} {error.read(2_000).decode(errors='replace')}"
                ) from error

    def fault(self, kind: str, **options: Any) -> None:
        """Break the next request or webhook; `faults.py` has the kinds, `Fault` the options."""
        self.call("POST", "/_emulator/fault", {"kind": kind, **options})

    def heal(self) -> None:
        """Break nothing more."""
        self.call("DELETE", "/_emulator/fault")

    def journal(self) -> list[dict[str, Any]]:
        """Return the requests as they arrived; `status` is None where there was no answer."""
        entries: list[dict[str, Any]] = self.call("GET", "/_emulator/journal")
        return entries

    def books(self) -> dict[str, Any]:
        """Return what is held: `payments`, each as `Holding` has it, and how many `effects` there were in all."""
        books: dict[str, Any] = self.call("GET", "/_emulator/books")
        return books

    def advance(self, seconds: float) -> None:
        """Put the emulator's clock forward."""
        self.call("POST", "/_emulator/clock", {"advance": seconds})

    def act(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Do what happens outside the API, as the gateway has it."""
        answer: dict[str, Any] = self.call("POST", f"/_emulator/act/{verb}", arguments)
        return answer

    def configure(self, **options: Any) -> None:
        """Set options of the gateway; `clear` returns to those of the start."""
        self.call("POST", "/_emulator/config", options)

    def send_webhooks_to(self, url: str | None) -> None:
        """Send the webhooks that come up from now on to a URL of this machine, or nowhere."""
        self.call("POST", "/_emulator/webhooks", {"url": url})

    def webhooks(self) -> list[dict[str, Any]]:
        """Return every webhook, with its bytes and headers, and the attempts to deliver it."""
        messages: list[dict[str, Any]] = self.call("GET", "/_emulator/webhooks")["messages"]
        return messages

    def clear(self) -> None:
        """Forget payments, keys, requests, faults and webhooks; return to the options of the start."""
        for path in ("fault", "books", "journal"):
            self.call("DELETE", f"/_emulator/{path}")


@contextmanager
def running(name: str, *, port: int = 0, webhook_url: str | None = None, **options: Any) -> Iterator[RunningEmulator]:
    """Run an emulator; it answers when this yields, and is killed at the end. Options are the gateway's.

    Raises:
        RuntimeError: it did not start; why is on its stderr.
    """
    command = [sys.executable, "-m", "evpay_contrib_emulators", name, "--quiet", "--port", str(port)]
    command += ["--webhook-url", webhook_url] if webhook_url else []
    for option, value in options.items():
        command += ["--option", f"{option}={json.dumps(value)}"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment
    )
    try:
        line = process.stdout.readline().strip() if process.stdout else b""
        if not line.isdigit():
            raise RuntimeError(f"the {name} emulator did not start")
        yield RunningEmulator(url=f"http://127.0.0.1:{int(line)}", pid=process.pid)
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
