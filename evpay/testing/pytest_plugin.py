"""The pytest fixture of `simulate()`, found by pytest wherever evpay is installed."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from evpay.testing.simulation import Simulation

__all__ = ["evpay_simulation"]


@pytest.fixture
def evpay_simulation() -> "Callable[..., AbstractAsyncContextManager[Simulation]]":
    """Give a test `evpay.testing.simulate` under a name that needs no import."""
    from evpay.testing import simulate  # noqa: PLC0415 - most test runs never use it

    return simulate
