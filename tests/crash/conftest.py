"""One worker process for the tests of a run, and a Stripe-like server where a story needs one.

The short form tells each story once, at the sandbox; `EVPAY_CRASH=long` adds processors, endings and planted bugs.
"""

import os
from collections.abc import Iterator

import pytest

from tests.crash.nursery import Nursery, running_nursery
from tests.servers import RunningServer, running_stripe_server


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: belongs to the long form of the crash tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only the long form tells."""
    if os.environ.get("EVPAY_CRASH") == "long":
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Where backends are born and die."""
    with running_nursery(tmp_path_factory.mktemp("nursery")) as running:
        yield running


@pytest.fixture(scope="session")
def _server() -> Iterator[RunningServer]:
    with running_stripe_server() as running:
        yield running


@pytest.fixture
def server(_server: RunningServer) -> RunningServer:
    """A Stripe-like server that holds nothing yet."""
    _server.clear()
    return _server
