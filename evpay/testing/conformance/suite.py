"""The class that a provider's author inherits; each check of the catalogue is one test method of it."""

from collections.abc import Callable
from typing import Any, ClassVar

from evpay.testing.conformance.catalogue import CHECKS
from evpay.testing.conformance.check import Check
from evpay.testing.conformance.rig import Rig
from evpay.testing.conformance.runner import Verdict, run_check

__all__ = ["ProviderConformance"]


def _test_of(check: Check) -> Callable[[Any, Rig], None]:
    def test(self: "ProviderConformance", rig: Rig) -> None:
        del self
        __tracebackhide__ = True
        import pytest  # noqa: PLC0415 - the kit runs without pytest too

        result = run_check(check, rig)
        if result.verdict is Verdict.SKIPPED:
            pytest.skip(result.message)
        if result.verdict is Verdict.FAILED:
            pytest.fail(result.message, pytrace=False)

    test.__name__ = check.test_name
    test.__qualname__ = f"ProviderConformance.{check.test_name}"
    test.__doc__ = check.promise
    return test


class ProviderConformance:
    """Inherit it, and give it a fixture `rig`; each check is one test.

    A fixture of the module makes the gateway once::

        @pytest.fixture(scope="module")
        def rig():
            with running_gateway() as gateway:
                yield Rig(provider=..., methods=..., wire=Wire(upstream=gateway.url))


        class TestAcme(ProviderConformance):
            pass
    """

    checks: ClassVar[tuple[Check, ...]] = CHECKS


for _check in CHECKS:
    setattr(ProviderConformance, _check.test_name, _test_of(_check))
