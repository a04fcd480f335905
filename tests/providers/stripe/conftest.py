"""One Stripe-like server for all tests here, emptied before each, and providers that are closed at the end."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.servers import RunningServer, running_stripe_server


@pytest.fixture(scope="session")
def _server() -> Iterator[RunningServer]:
    with running_stripe_server() as server:
        yield server


@pytest.fixture
def server(_server: RunningServer) -> RunningServer:
    """A Stripe-like server that holds nothing yet."""
    _server.clear()
    return _server


@pytest.fixture
async def provide(server: RunningServer) -> AsyncIterator[Callable[..., StripeProvider]]:
    """Make providers that talk to the server."""
    made: list[StripeProvider] = []

    def make(**settings: object) -> StripeProvider:
        values = {"api_key": "sk_test_example", "base_url": server.url, **settings}
        made.append(StripeProvider(StripeSettings(**values)))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture
def provider(provide: Callable[..., StripeProvider]) -> StripeProvider:
    """An account that requests every feature."""
    return provide(request_increment=True, request_multicapture=True, request_overcapture=True)
