"""Scenarios say what was compared when a rule does not hold."""

import pytest

pytest.register_assert_rewrite("tests.scenarios.invariants")
