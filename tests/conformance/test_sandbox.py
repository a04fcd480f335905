"""The sandbox keeps every promise that it claims: as it comes, generous, modest, and taking deposits."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evpay.payments.account import AmountRule, Funding
from evpay.testing.conformance import ProviderConformance, Rig
from tests.conformance.rigs.sandbox import sandbox_rig


class TestSandbox(ProviderConformance):
    """As it comes."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        with sandbox_rig(tmp_path / "books.db") as rig:
            yield rig


class TestGenerousSandbox(ProviderConformance):
    """Several captures, and more than the hold."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        with sandbox_rig(tmp_path / "books.db", multiple_captures=True, over_capture_percent=15) as rig:
            yield rig


class TestModestSandbox(ProviderConformance):
    """Everything that can be switched off is."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        off: dict[str, Any] = dict.fromkeys(
            ("increment", "extend", "releases_remainder", "refund", "off_session", "look_up"), False
        )
        rules = {"EUR": AmountRule(minimum_minor=50), "KWD": AmountRule(step_minor=10)}
        with sandbox_rig(tmp_path / "books.db", **off, amounts=rules, resend_for=None) as rig:
            yield rig


class TestDepositSandbox(ProviderConformance):
    """Money first, the difference given back."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        settings = {"funding": Funding.DEPOSIT, "hold_lifetime": None, "resend_for": timedelta(days=1)}
        with sandbox_rig(tmp_path / "books.db", **settings) as rig:
            yield rig
