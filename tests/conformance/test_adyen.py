"""Adyen's adapter keeps every promise that it claims, over the real SDK and HTTP, through the fault proxy."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from evpay_contrib_emulators import RunningEmulator, running

from evpay.testing.conformance import ProviderConformance, Rig
from tests.conformance.rigs.adyen import HMAC_KEYS, KEY, MERCHANT, adyen_rig, card

pytestmark = pytest.mark.scenario


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    """One gateway for all checks: each has payments of its own."""
    with running("adyen", api_key=KEY, merchant_account=MERCHANT, hmac_key=HMAC_KEYS[0]) as running_emulator:
        yield running_emulator


def _refusing_without_the_driver(rig: Rig) -> Rig:
    """Adyen asks no driver of a charge with nobody there: it declines, for which it has another card."""
    return replace(rig, methods=replace(rig.methods, driver=card(holder="AUTHENTICATION_REQUIRED")))


class TestAdyen(ProviderConformance):
    """As an account comes: a capture releases the rest, and adjustments are told later."""

    @pytest.fixture
    def rig(self, emulator: RunningEmulator) -> Rig:
        emulator.configure(multiple_partial_captures=False, synchronous_adjustments=False)
        return adyen_rig(emulator)

    def test_driver_needed_off_session_is_declined(self, rig: Rig) -> None:
        """With nobody there, an answer that needs the driver is `Declined(AUTHENTICATION_REQUIRED)`."""
        super().test_driver_needed_off_session_is_declined(_refusing_without_the_driver(rig))

    def test_declined_increment_keeps_hold(self, rig: Rig, emulator: RunningEmulator) -> None:
        """A refused increment is told at once only where the account has it so; else by a webhook."""
        emulator.configure(synchronous_adjustments=True)
        super().test_declined_increment_keeps_hold(rig)


class TestAdyenInFull(ProviderConformance):
    """Several captures, and adjustments that are answered at once."""

    @pytest.fixture
    def rig(self, emulator: RunningEmulator) -> Rig:
        emulator.configure(multiple_partial_captures=True, synchronous_adjustments=True)
        return adyen_rig(emulator, multiple_captures=True)

    def test_driver_needed_off_session_is_declined(self, rig: Rig) -> None:
        """With nobody there, an answer that needs the driver is `Declined(AUTHENTICATION_REQUIRED)`."""
        super().test_driver_needed_off_session_is_declined(_refusing_without_the_driver(rig))
