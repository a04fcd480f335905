"""A backend is killed by SIGKILL at every point of every side effect; afterwards our books and the processor's agree.

A red test here is a way to lose money, to take it twice, or to keep a hold that nobody wants.
"""

from itertools import product

import pytest

from tests.crash.audit import sandbox_books, totals
from tests.crash.points import MAIN, OPERATIONS, POINTS, TELLING
from tests.crash.stories import ENDINGS, Story, tell

pytestmark = pytest.mark.crash

SANDBOXES = ("sandbox", "blind", "keeping", "blind keeping")


def _stories(*providers, endings):
    return [
        Story(operation=operation, point=point, provider=provider, ending=ending)
        for operation, point, provider, ending in product(OPERATIONS, POINTS, providers, endings)
        if provider in OPERATIONS[operation].providers
    ]


def _home(operation):
    """The plainest of the processors that do it."""
    return OPERATIONS[operation].providers[0]


def _told(operation, point):
    """Return the plain story of a kill; what the short form leaves out is marked."""
    is_short = operation in MAIN or point in TELLING
    marks = () if is_short else (pytest.mark.long,)
    story = Story(operation=operation, point=point, provider=_home(operation))
    return pytest.param(story, marks=marks, id=str(story))


@pytest.mark.parametrize("story", [_told(name, point) for name, point in product(OPERATIONS, POINTS)])
def test_books_agree_after_a_kill(nursery, tmp_path, story):
    """Recovery, then the caller's call again, leads to what a session without a kill leads to."""
    assert [] == tell(story, nursery, tmp_path)


@pytest.mark.parametrize(
    "point", [pytest.param(point, marks=() if point in TELLING else (pytest.mark.long,)) for point in POINTS]
)
def test_start_that_nobody_repeats_leaves_no_hold(nursery, tmp_path, point):
    """A hold whose caller never comes back is voided when the driver's time is over.

    Once the answer is on disk the event that says so is, too: the host hears of it, and the hold is the session's.
    """
    wrong = tell(Story(operation="start", point=point, ending="abandoned"), nursery, tmp_path)
    *_, held = totals(sandbox_books(tmp_path / "books.db"))

    assert [] == wrong
    assert point.startswith("outcome on disk") == (held > 0)


@pytest.mark.parametrize("story", _stories(*SANDBOXES, endings=ENDINGS), ids=str)
@pytest.mark.long
def test_books_agree_whatever_comes_after(nursery, tmp_path, story):
    """The same with processors that cannot be asked or keep the rest, and with any order of recovery and repeat."""
    assert [] == tell(story, nursery, tmp_path)


@pytest.mark.parametrize("story", _stories("stripe", endings=("recovered",)), ids=str)
@pytest.mark.long
def test_books_agree_at_a_server(nursery, tmp_path, server, story):
    """The same through the real Stripe SDK, with the processor in a process of its own."""
    assert [] == tell(story, nursery, tmp_path, server=server)
