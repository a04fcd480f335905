"""The kit itself: the package that it is shown with is clean, and each planted sin turns exactly its checks red."""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from evpay.payments.account import Capabilities, Funding
from evpay.providers import (
    Absent,
    CaptureRequest,
    Handle,
    IncrementRequest,
    LookUpRequest,
    Observation,
    Outcome,
    Succeeded,
    Unknown,
    VoidRequest,
)
from evpay.testing.conformance import BACKED_BY, CHECKS, Check, ProviderConformance, Rig, Verdict, run_check, run_checks
from evpay.testing.conformance.check import CLAIMS
from evpay_providers.sandbox import SandboxProvider
from tests.conformance.rigs.sandbox import sandbox_rig
from tests.conformance.rigs.toy import Toy, toy_package
from tests.conformance.sins import SINS

pytestmark = [
    pytest.mark.scenario,
    # Some sins leave connections open; that is what they are there for.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

EVERY = bool(os.environ.get("EVPAY_EVERY_SIN"))
"""Try every check over every sin (two minutes), and not the sin's own and a quarter of the others."""


def bystanders(name: str) -> set[str]:
    """Which checks must stay as they are: another quarter of all for each sin."""
    share = zlib.crc32(name.encode()) % 4
    return {check.name for index, check in enumerate(CHECKS) if EVERY or index % 4 == share}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """The package that `evpay providers new` writes."""
    return toy_package(tmp_path_factory.mktemp("toy"))


@contextmanager
def sinful(toy: Toy, name: str) -> Iterator[Rig]:
    make, _ = SINS[name]
    sinner = make(toy)
    with toy.rig() as clean:
        yield replace(clean, provider=lambda url: sinner(clean.provider(url)._settings))


class TestToy(ProviderConformance):
    """The package keeps its promises as it is written."""

    @pytest.fixture
    def rig(self, toy: Toy) -> Iterator[Rig]:
        with toy.rig() as rig:
            yield rig


@pytest.mark.parametrize("name", sorted(SINS))
def test_a_sin_turns_its_checks_red_and_no_other(toy: Toy, name: str) -> None:
    """What is wrong in one place is told in one place."""
    expected = SINS[name][1]
    tried = [check for check in CHECKS if check.name in expected | bystanders(name)]

    with sinful(toy, name) as rig:
        results = list(run_checks(tried, rig))

    red = {result.check.name: result.message for result in results if result.verdict is Verdict.FAILED}
    assert expected == set(red), "\n".join(red.values())


def test_a_failure_names_promise_expectation_finding_and_cure(toy: Toy) -> None:
    """The message is all that an author needs."""
    (check,) = [found for found in CHECKS if found.name == "lost_answer_is_unknown"]

    with sinful(toy, "takes_a_lost_answer_for_unsent") as rig:
        message = run_check(check, rig).message

    assert message.startswith("lost_answer_is_unknown: An answer that got lost is `Unknown`")
    assert "expected: Unknown for authorize, when the wire was dropped after the effect" in message
    assert "came:     Failed(reason=<Reason.NOT_SENT" in message
    assert "cure:     Read errors" in message


def test_a_claim_whose_check_lacks_something_is_a_failure(toy: Toy) -> None:
    """What is claimed must be tried; what is not claimed is skipped, and says what it lacks."""
    (check,) = [found for found in CHECKS if found.name == "resend_has_one_effect"]

    with toy.rig() as rig:
        claimed = run_check(check, replace(rig, books=None))
        (partial,) = [found for found in CHECKS if found.name == "confirmed_amount_wins"]
        unclaimed = run_check(partial, replace(rig, methods=replace(rig.methods, partial=None)))

    assert claimed.verdict is Verdict.FAILED
    assert "Rig.books" in claimed.expected
    assert unclaimed.verdict is Verdict.SKIPPED
    assert "Methods.partial" in unclaimed.reason


def test_every_claim_is_backed_by_a_check() -> None:
    """No cell of the feature table stands on nothing."""
    claimable = {field.name for field in fields(Capabilities)} - {"funding", "amounts"}

    assert claimable == set(CLAIMS)
    assert set(CLAIMS) | {"funding", "amounts", "authorize", "capture", "void", "webhooks", "complete"} <= set(
        BACKED_BY
    )


def test_every_check_says_its_promise_and_its_cure() -> None:
    """A check without words helps nobody."""
    assert [check.name for check in CHECKS if not check.promise.endswith(".") or not check.cure.endswith(".")] == []
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_every_check_is_a_test() -> None:
    """Whoever inherits the class has them all."""
    tests = {name for name in vars(ProviderConformance) if name.startswith("test_")}

    assert {check.test_name for check in CHECKS} == tests


ELSEWHERE = {
    "batch_is_all_or_nothing": "no gateway here sends batches; Adyen's tests forge them",
    "deposit_capture_sends_nothing": "test_sins_of_other_accounts",
    "extension_keeps_total": "test_sins_of_other_accounts",
    "former_ids_still_match": "test_sins_of_other_accounts",
    "import_without_sdk": "test_a_package_that_cannot_be_imported_without_its_sdk_is_told",
}


def test_the_red_of_every_check_has_been_seen() -> None:
    """A check that nothing turns red proves nothing."""
    seen = frozenset[str]().union(*(reds for _, reds in SINS.values()))

    assert {check.name for check in CHECKS} - seen == set(ELSEWHERE)


def named(name: str) -> Check:
    return next(check for check in CHECKS if check.name == name)


def test_a_package_that_cannot_be_imported_without_its_sdk_is_told(toy: Toy) -> None:
    """What the package imports at its top counts as its SDK here."""
    with toy.rig() as rig:
        result = run_check(named("import_without_sdk"), replace(rig, sdk=("pydantic",)))

    assert result.verdict is Verdict.FAILED
    assert "without pydantic" in result.expected


class LosesMoneyWhenExtending(SandboxProvider):
    async def increment(self, request: IncrementRequest) -> Outcome:
        outcome = await super().increment(request)
        is_extension = request.total == request.authorized and isinstance(outcome, Succeeded)
        return replace(outcome, amount=request.total * 2) if is_extension else outcome


class MovesMoneyWhenConfirming(SandboxProvider):
    async def capture(self, request: CaptureRequest) -> Outcome:
        part = VoidRequest(
            reference=request.reference,
            idempotency_key=request.idempotency_key,
            payment_reference=request.payment_reference,
            handle=request.handle,
            amount=request.amount,
        )
        await self.void(part)
        return await super().capture(request)


class ForgetsFormerIds(SandboxProvider):
    async def increment(self, request: IncrementRequest) -> Outcome:
        outcome = await super().increment(request)
        return replace(outcome, handle=Handle(id="another")) if isinstance(outcome, Succeeded) else outcome

    async def look_up(self, request: LookUpRequest) -> Observation | Absent | Unknown:
        return Unknown(detail="who is that?")


@pytest.mark.parametrize(
    ("sinner", "red", "settings"),
    [
        (LosesMoneyWhenExtending, "extension_keeps_total", {}),
        (MovesMoneyWhenConfirming, "deposit_capture_sends_nothing", {"funding": Funding.DEPOSIT}),
        (ForgetsFormerIds, "former_ids_still_match", {}),
    ],
)
def test_sins_of_other_accounts(
    tmp_path: Path, sinner: type[SandboxProvider], red: str, settings: dict[str, Any]
) -> None:
    """What the toy cannot sin against, the sandbox can."""
    with sandbox_rig(tmp_path / "books.db", **settings) as rig:
        clean = run_check(named(red), rig)
        sinful = run_check(named(red), replace(rig, provider=lambda url: sinner(rig.provider(url)._settings)))

    assert sinful.verdict is Verdict.FAILED, sinful.message
    assert clean.verdict is (Verdict.SKIPPED if red == "former_ids_still_match" else Verdict.PASSED), clean.message
