"""Braintree's adapter keeps every promise that it claims, over the real SDK and HTTP, through the fault proxy."""

import asyncio
from collections.abc import Iterator

import pytest
from evpay_contrib_emulators import RunningEmulator, running

from evpay.money import Money
from evpay.payments.method import PaymentMethod
from evpay.providers import AuthorizeRequest
from evpay.testing.conformance import ProviderConformance, Rig
from tests.conformance.rigs.braintree import OPTIONS, braintree_rig

pytestmark = pytest.mark.scenario


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    """One gateway for all checks: each has payments of its own."""
    with running("braintree", gzip=False, **OPTIONS) as found:
        yield found


class _Braintree(ProviderConformance):
    """The SDK sends no field that it does not know, so the kit's made-up one cannot pass; a known one is tried."""

    def test_extra_passes_through(self, emulator: RunningEmulator, rig: Rig) -> None:
        """A field that the SDK knows reaches the gateway untouched."""
        money = Money("20.00", "EUR")
        request = AuthorizeRequest(
            reference="extra1",
            idempotency_key="extrakey1",
            amount=money,
            method=PaymentMethod("fake-valid-nonce"),
            extra={"purchase_order_number": "kiosk17"},
        )

        outcome = asyncio.run(rig.provider(emulator.url).authorize(request))

        assert outcome.type == "succeeded"
        assert "<purchase_order_number>kiosk17</purchase_order_number>" in str(emulator.journal()[-1])


class TestBraintree(_Braintree):
    """With keys and increments."""

    @pytest.fixture
    def rig(self, emulator: RunningEmulator) -> Rig:
        return braintree_rig(emulator)


class TestPlainBraintree(_Braintree):
    """An account without keys, whose processor raises nothing."""

    @pytest.fixture
    def rig(self, emulator: RunningEmulator) -> Rig:
        return braintree_rig(emulator, request_keys=False, request_increment=False)
