"""One emulator of each gateway for all tests here, emptied by each."""

from collections.abc import Iterator

import pytest
from evpay_contrib_emulators import RunningEmulator, running

from tests.scenarios.over_http.vendors import GATEWAYS


class Emulators(dict[str, RunningEmulator]):
    """Starts an emulator when it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list = []

    def __missing__(self, name: str) -> RunningEmulator:
        starting = running(name, **GATEWAYS[name].options)
        self[name] = starting.__enter__()
        self.open.append(starting)
        return self[name]


@pytest.fixture(scope="session")
def emulators() -> Iterator[Emulators]:
    """Every gateway's emulator, started at its first use."""
    found = Emulators()
    yield found
    for starting in found.open:
        starting.__exit__(None, None, None)


@pytest.fixture(params=sorted(GATEWAYS))
def name(request: pytest.FixtureRequest) -> str:
    """Each gateway in turn."""
    return request.param
