"""What a processor says that it has settled, as it says it."""

from datetime import date
from typing import NoReturn

import pytest

from evpay import Money, Unknown
from evpay.errors import ConfigurationError, UnsupportedOperation
from evpay.providers import Capabilities, Funding, SettlementsRequest
from evpay_providers.sandbox import SandboxProvider
from tests.scenarios.day import a_day, charged, sandbox, started

pytestmark = pytest.mark.anyio

SINCE = date(2026, 7, 1)


class Silent(SandboxProvider):
    """A processor that tells no settlement lines."""

    @property
    def capabilities(self) -> Capabilities:
        """Nothing beyond a hold."""
        return Capabilities(funding=Funding.HOLD, amounts=None)


class Broken(SandboxProvider):
    """An adapter that raises."""

    async def settlements(self, request: SettlementsRequest) -> NoReturn:
        """Fail."""
        raise RuntimeError(str(request.since))


async def test_settlement_lines_are_those_of_the_processor() -> None:
    """One for the capture; with our reference, so that it can be matched."""
    async with a_day(sandbox()) as sim:
        await started(sim)
        await sim.pay.finish("S-1", await charged(sim, 12_000))

        page = await sim.pay.settlements("sandbox", since=SINCE)

        assert not isinstance(page, Unknown)
        (line,) = page.lines
        captured = (await sim.pay.payments.get("S-1")).operations[-1]
        assert (line.gross, line.reference) == (Money("6.00", "EUR"), captured.reference)
        assert (await sim.pay.settlements("sandbox", since=date(2026, 7, 2))).lines == ()


async def test_an_account_that_tells_none_is_refused_by_name() -> None:
    """So that nobody takes an empty page for nothing settled."""
    async with a_day(Silent()) as sim:
        with pytest.raises(UnsupportedOperation, match="tells no settlement lines"):
            await sim.pay.settlements("sandbox", since=SINCE)
        with pytest.raises(ConfigurationError):
            await sim.pay.settlements("elsewhere", since=SINCE)


async def test_a_read_that_failed_taught_nothing() -> None:
    """Whatever the adapter raises."""
    async with a_day(Broken()) as sim:
        assert await sim.pay.settlements("sandbox", since=SINCE) == Unknown(detail="RuntimeError")
