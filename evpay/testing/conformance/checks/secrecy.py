"""What may show up nowhere, and what an import may not drag in."""

import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from evpay.testing.conformance.check import check
from evpay.testing.conformance.trial import Trial
from evpay.testing.conformance.wire import DROP_AFTER, answering

__all__ = ["import_without_sdk", "nothing_secret_in_logs", "nothing_secret_in_repr", "nothing_secret_in_transcripts"]


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.getMessage()} {vars(record)!r}")


@contextmanager
def _everything_logged() -> Iterator[list[str]]:
    root, listener = logging.getLogger(), _Listener()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        yield listener.texts
    finally:
        root.setLevel(level)
        root.removeHandler(listener)


def _secrets(trial: Trial) -> tuple[str, ...]:
    return trial.need(trial.rig.secrets or None, "Rig.secrets, the keys that may show up nowhere")


def _expect_none(trial: Trial, text: str, place: str) -> None:
    found = [secret for secret in _secrets(trial) if secret in text]
    trial.expect(not found, f"no secret in {place}", f"one of Rig.secrets in {place}")


def _pickled(thing: object) -> str:
    try:
        return pickle.dumps(thing).decode("latin-1")
    except Exception:  # noqa: BLE001 - whatever it is that does not let itself be pickled
        return ""


@check(cure="Keep secrets in SecretStr, give the adapter a repr of its own, and refuse to pickle settings.")
async def nothing_secret_in_repr(trial: Trial) -> None:
    """Keys and signing secrets show up in no repr, no text and no pickle."""
    _secrets(trial)
    provider = trial.provider
    held = vars(provider) if hasattr(provider, "__dict__") else {}
    _expect_none(trial, f"{provider!r} {provider} {held!r}", "the adapter's repr, and in those of what it holds")
    for thing in (provider, *held.values()):
        _expect_none(trial, _pickled(thing), f"a pickle of {type(thing).__name__}")
    paid = await trial.paid()
    _expect_none(trial, repr(paid), "a request or an outcome")


@check(cure="Log no headers, bodies or settings; leave the SDK's own logging off.")
async def nothing_secret_in_logs(trial: Trial) -> None:
    """With everything logged, no key or signing secret is."""
    _secrets(trial)
    with _everything_logged() as texts:
        await trial.paid()
        if trial.capabilities.look_up:
            await trial.look_up((await trial.paid()).question())
        if trial.has_wire:
            for fault in (DROP_AFTER, answering(401, b'{"error": {"message": "bad key"}}'), answering(500)):
                request = await trial.prepared(trial.sending_kinds()[0])
                async with trial.broken_by(fault):
                    outcome = await trial.send(request)
                _expect_none(trial, repr(outcome), "an outcome")
    _expect_none(trial, "\n".join(texts), "the log")


@check(needs_wire=True, cure="Send keys in headers, never in an address: addresses are written into logs everywhere.")
async def nothing_secret_in_transcripts(trial: Trial) -> None:
    """No key is part of an address, and a transcript with its credentials masked has none."""
    _secrets(trial)
    with trial.watched() as sent:
        await trial.captured()
    for exchange in sent():
        _expect_none(trial, exchange.path, "the address of a request")
        _expect_none(trial, exchange.shown(secrets=trial.rig.secrets), "a masked transcript")


@check(cure="Import the SDK where the adapter is made, not at the top of a module.")
def import_without_sdk(trial: Trial) -> None:
    """Importing the package imports no SDK, so that evpay can list what it cannot run."""
    package = trial.need(trial.rig.package, "Rig.package, the module that is announced as a provider")
    sdk = trial.need(trial.rig.sdk or None, "Rig.sdk, the modules that come with the SDK")
    lines = (
        "import sys",
        f"sys.path[:0] = {[entry for entry in sys.path if entry]!r}",
        f"for name in {sdk!r}: sys.modules[name] = None",
        f"import {package}",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    last = done.stderr.strip().splitlines()[-1:] or [""]
    trial.expect(done.returncode == 0, f"an import of {package} without {', '.join(sdk)}", last[0])
