"""Stripe's adapter keeps every promise that it claims, over the real SDK and HTTP, through the fault proxy."""

from collections.abc import Iterator

import pytest

from evpay.testing.conformance import ProviderConformance, Rig
from tests.conformance.rigs.stripe import stripe_rig
from tests.servers import RunningServer, running_stripe_server

pytestmark = pytest.mark.scenario


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """One gateway for all checks: each has payments of its own."""
    with running_stripe_server() as running:
        yield running


class TestStripe(ProviderConformance):
    """Every feature requested."""

    @pytest.fixture
    def rig(self, server: RunningServer) -> Rig:
        return stripe_rig(server)


class TestPlainStripe(ProviderConformance):
    """As it comes: no increments, one capture."""

    @pytest.fixture
    def rig(self, server: RunningServer) -> Rig:
        return stripe_rig(server, request_increment=False, request_multicapture=False, request_overcapture=False)
