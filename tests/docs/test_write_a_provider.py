"""The page about writing a provider, followed to the letter in a folder of its own, with the toy gateway."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "howto" / "write-a-provider.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"^```sh\n(?P<shell>.*?)^```$"
    r"|^In `(?P<file>[^`]+)`, replace\n\n```python\n(?P<old>.*?)^```\n\nwith\n\n```python\n(?P<new>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]  # it runs the whole kit three times


@dataclass
class Reader:
    """Somebody who does what the page says, and remembers what came of it."""

    place: Path
    path: list[str]
    said: list[tuple[str, int, str]] = field(default_factory=list)

    def follow(self, page: str) -> None:
        for step in STEP.finditer(page):
            if step["shell"] is None:
                self.replace(self.place / step["file"], step["old"], step["new"])
            for line in (step["shell"] or "").splitlines():
                self.run(line)

    def replace(self, file: Path, old: str, new: str) -> None:
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file.name} has this {text.count(old)} times:\n{old}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, line: str) -> None:
        words = shlex.split(line)
        match words:
            case ["cd", folder]:
                self.place /= folder
            case ["pip", "install", "-e", ".[test]"]:
                self.install()
            case ["evpay" | "pytest" as name, *rest]:
                self.call(line, [str(Path(sys.executable).with_name(name)), *rest])
            case _:
                raise AssertionError(f"The page says {line!r}, which this reader does not know.")

    def install(self) -> None:
        """Do what pip does for an editable package, without its downloads."""
        project = tomllib.loads((self.place / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        info = self.place / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
        )
        groups = project["entry-points"].items()
        lines = [
            f"[{group}]\n" + "\n".join(f"{key} = {value}" for key, value in points.items()) for group, points in groups
        ]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        self.path.append(str(self.place))

    def call(self, line: str, command: list[str]) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(self.path),
            "PYTHONWARNINGS": "error",
            "COLUMNS": "200",
        }
        done = subprocess.run(
            command, cwd=self.place, env=environment, capture_output=True, text=True, timeout=110, check=False
        )
        self.said.append((line, done.returncode, done.stdout + done.stderr))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Somebody who has followed the whole page."""
    reader = Reader(place=tmp_path_factory.mktemp("author"), path=[])
    reader.follow(PAGE)
    return reader


def test_every_step_ends_as_the_page_says(reader: Reader) -> None:
    """All of them well, but for the claim that is not kept yet."""
    ended = [(line, status) for line, status, _ in reader.said]

    assert ended == [
        ("evpay providers new acme", 0),
        ("evpay providers check tests.rig", 0),
        ("evpay providers check tests.rig --only increment", 1),
        ("evpay providers check tests.rig", 0),
        ("pytest", 0),
        ("evpay providers", 0),
    ], "\n".join(text for *_, text in reader.said)


def test_the_claim_that_is_not_kept_fails_as_shown(reader: Reader) -> None:
    """The failure on the page is the failure that its reader sees."""
    shown = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
    (seen,) = [text for line, _, text in reader.said if "--only" in line]

    for line in shown.splitlines():
        assert line in seen


def test_the_promise_that_is_kept_is_tried(reader: Reader) -> None:
    """What was skipped before the claim is passed after it; nothing fails before or after."""
    before, after = [text for line, _, text in reader.said if line == "evpay providers check tests.rig"]

    assert re.search(r"^skipped +increment_states_total", before, re.MULTILINE)
    assert re.search(r"^passed +increment_states_total", after, re.MULTILINE)
    assert all(", 0 failed," in text.splitlines()[-1] for text in (before, after))


def test_the_package_is_found_once_it_is_installed(reader: Reader) -> None:
    """The announcement in its pyproject is enough."""
    _, _, text = reader.said[-1]

    assert re.search(r"^acme\b", text, re.MULTILINE), text
