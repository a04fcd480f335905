"""Proof that the crash tests can fail: with a bug planted into the backends, they do.

The long form plants every bug at every point of every operation, prints which points catch which bug (`-s`), and holds
that each point catches at least one.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from tests.crash.planted import BUGS
from tests.crash.points import OPERATIONS, POINTS
from tests.crash.stories import Story, tell

pytestmark = pytest.mark.crash

CAUGHT = (
    Story(bug="key not on disk", operation="capture", point="effect done, reply lost", provider="blind"),
    Story(bug="key not on disk", operation="refund", point="inside the outcome's commit", provider="blind"),
    Story(bug="new key on retry", operation="refund", point="effect done, reply lost", provider="blind"),
    Story(bug="new key on retry", operation="capture", point="reply read, not written", provider="blind"),
    Story(bug="time-out taken for a decline", operation="start", point="effect done, reply lost"),
    Story(bug="time-out taken for a decline", operation="start", point="inside the outcome's commit"),
    Story(bug="outcome and posting in two transactions", operation="capture", point="outcome on disk, not returned"),
    Story(bug="outcome and posting in two transactions", operation="refund", point="outcome on disk, not told so"),
    Story(bug="sent before it is on disk", operation="start", point="inside the intent's commit"),
    Story(bug="sent before it is on disk", operation="capture", point="inside the intent's commit"),
    Story(bug="never taken over", operation="start", point="intent on disk, not sent"),
    Story(bug="never taken over", operation="refund", point="sent, no effect"),
)


@pytest.mark.parametrize("story", CAUGHT, ids=lambda story: f"{story.bug}: {story}")
def test_planted_bug_is_caught(nursery, tmp_path, story):
    """What is wrong with the code is seen in the books, and only where the bug is planted."""
    sound = tell(replace(story, bug=None), nursery, tmp_path / "sound")
    wrong = tell(story, nursery, tmp_path / "planted")

    assert sound == []
    assert _in_the_books(wrong) != []


def _in_the_books(wrong: list[str]) -> list[str]:
    """Leave out what shows only that the planting itself does not work: tracebacks, and kills that did not come."""
    return [found for found in wrong if "Traceback" not in found and "not killed" not in found]


def test_every_bug_has_a_test_that_it_turns_red():
    """No bug is only planted and never looked for."""
    assert set(BUGS) == {story.bug for story in CAUGHT}


def _attempts(operation: str, point: str, bug: str) -> Iterator[Story]:
    """A point is tried as it is, without a repeat, and where the processor cannot be asked."""
    providers = OPERATIONS[operation].providers
    blind = next(name for name in providers if "blind" in name)
    for provider, ending in ((providers[0], "recovered"), (providers[0], "abandoned"), (blind, "recovered")):
        yield Story(operation=operation, point=point, provider=provider, ending=ending, bug=bug)


@pytest.fixture(scope="module")
def matrix(nursery, tmp_path_factory):
    """Which operations catch a bug at a point."""
    caught: dict[tuple[str, str], list[str]] = {}
    for bug, point, operation in product(BUGS, POINTS, OPERATIONS):
        stories = _attempts(operation, point, bug)
        if any(_in_the_books(tell(story, nursery, tmp_path_factory.mktemp("story"))) for story in stories):
            caught.setdefault((point, bug), []).append(operation)
    return caught


def _printed(matrix: dict[tuple[str, str], list[str]]) -> str:
    lines = ["", *(f"{number}: {bug}" for number, bug in enumerate(BUGS, 1))]
    lines.append(f"{'':32}" + "".join(f"{number:^11}" for number in range(1, len(BUGS) + 1)))
    for point in POINTS:
        cells = (f"{len(matrix.get((point, bug), ())):^11}" for bug in BUGS)
        lines.append(f"{point:32}" + "".join(cells))
    return "\n".join([*lines, f"how many of the {len(OPERATIONS)} operations catch it there"])


@pytest.mark.long
@pytest.mark.timeout(7_200)
def test_every_point_catches_a_bug(matrix):
    """Each point of each operation is turned red by at least one bug, and each bug is caught."""
    print(_printed(matrix))
    red = {(operation, point) for (point, _), operations in matrix.items() for operation in operations}

    assert set(product(OPERATIONS, POINTS)) == red
    assert {bug for _, bug in matrix} == set(BUGS)
