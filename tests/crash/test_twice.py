"""The recovery is killed, too: at every label that it passes, after a first kill of each kind."""

from itertools import product

import pytest

from tests.crash.points import OPERATIONS, POINTS
from tests.crash.stories import Story, tell_twice

pytestmark = pytest.mark.crash

SHORT = (
    Story(operation="capture", point="effect done, reply lost"),  # it looks the payment up
    Story(operation="refund", point="effect done, reply lost", provider="blind"),  # it sends the same again
)
LONG = tuple(
    Story(operation=operation, point=point, provider=provider, ending=ending)
    for operation, point, ending in product(OPERATIONS, POINTS, ("recovered", "abandoned"))
    for provider in OPERATIONS[operation].providers
    if provider != "stripe"
)


def _killed_twice(nursery, folder, story):
    wrong = tell_twice(story, nursery, folder)

    assert {} == {label: found for label, found in wrong.items() if found}
    return len(wrong)


@pytest.mark.parametrize("story", SHORT, ids=str)
def test_recovery_survives_its_own_kills(nursery, tmp_path, story):
    """A second kill, anywhere in the recovery of the first, changes nothing of the end."""
    assert _killed_twice(nursery, tmp_path, story) > 5


@pytest.mark.parametrize("story", LONG, ids=str)
@pytest.mark.long
def test_recovery_survives_its_own_kills_everywhere(nursery, tmp_path, story):
    """The same after every first kill."""
    assert _killed_twice(nursery, tmp_path, story) > 5
