"""The page about the command line names the commands that there are."""

import re

from typer.testing import CliRunner

from evpay.cli.app import COMMANDS, app
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def test_the_page_has_every_command() -> None:
    """Neither a command without a line, nor a line without a command."""
    assert set(COMMANDS) == set(re.findall(r"^\| `evpay (\w+)", PAGE, re.MULTILINE))


def test_every_option_on_the_page_is_there() -> None:
    """What the page shows can be typed."""
    runner = CliRunner()
    below = [["providers", "new"], ["providers", "check"]]
    asked = [[], *([name] for name in sorted(COMMANDS)), *below]
    offered = "".join(runner.invoke(app, [*words, "--help"], terminal_width=200).output for words in asked)

    assert [] == sorted({option for option in re.findall(r"--[a-z][a-z-]+", PAGE) if option not in offered})
