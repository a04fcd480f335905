"""What every test has: one event loop, no way out of this machine, and the same examples on every run."""

import ipaddress
import sys
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("default", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("laws", max_examples=5_000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("default")

_LOCAL_NAMES = {"", "localhost", "0.0.0.0", None}


def _is_local(host: Any) -> bool:
    host = host.decode() if isinstance(host, bytes) else host
    try:
        return host in _LOCAL_NAMES or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every connection and every look-up of a name that would leave this machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_local(host):
        raise PermissionError(f"A test reached out to {host!r}. Tests talk to loopback only.")


def pytest_configure(config: pytest.Config) -> None:
    """Close the way out, for as long as the process lives."""
    del config
    sys.addaudithook(_stay_here)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run the async tests on asyncio."""
    return "asyncio"
