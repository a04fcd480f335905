"""The README is a promise of fifteen lines and two commands."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, python_blocks


def _example() -> str:
    (example,) = python_blocks("README.md")
    return example


def _run(folder: Path) -> str:
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", _example()], cwd=folder, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def _without_year(line: str) -> str:
    return re.sub(r"R-\d{4}-", "R-", line)


def test_the_example_runs_and_says_what_its_comment_says(tmp_path: Path) -> None:
    """Whoever copies the example sees the line that stands in it."""
    promised = re.search(r"# (allow .*)$", _example(), re.MULTILINE)

    assert promised is not None
    assert _without_year(promised.group(1)) == _without_year(_run(tmp_path))


def test_the_example_may_be_run_again(tmp_path: Path) -> None:
    """The same session again is the same receipt."""
    first = _run(tmp_path)

    assert first.split()[1:] == _run(tmp_path).split()[1:]


def test_the_example_is_short() -> None:
    """Fifteen statements, imports included."""
    statements = [node for node in ast.walk(ast.parse(_example())) if isinstance(node, ast.stmt)]

    assert len(statements) <= 15


@pytest.mark.parametrize("command", ["pip install uv && uv run evpay demo", "uv run nox"])
def test_the_two_commands_stand_in_the_readme(command: str) -> None:
    """What is promised is what is written."""
    assert f"$ {command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_adapter_stands_in_the_table() -> None:
    """The table of providers is complete."""
    folders = {path.parent.name for path in (ROOT / "evpay_providers").glob("*/__init__.py")}
    columns = set(re.findall(r"\]\(docs/providers/(\w+)\.md\) \|", (ROOT / "README.md").read_text(encoding="utf-8")))

    assert folders == columns
