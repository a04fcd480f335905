"""Where an interval between two readings is cut, so that every piece has one price per dimension.

Energy flows evenly between two readings. The energy at an instant and the instant at which a threshold is crossed are
functions of the two readings alone, never of other cuts, so cutting further changes nothing.
"""

from collections.abc import Iterable, Iterator

from evpay.tariffs.axes import Axes
from evpay.tariffs.zone import ZoneClock

__all__ = ["Cut", "cuts", "instants"]

Cut = tuple[int, int]
"""An instant in microseconds since 1970 and the energy of the session by then in ticks."""


def instants(axes: Axes, begin: Cut, end: Cut, start_us: int, clock: ZoneClock | None) -> Iterator[int]:
    """Yield the instants between two readings at which time alone may lead to other prices."""
    at_us = axes.next_instant(begin[0], start_us, clock)
    while at_us < end[0]:
        yield at_us
        at_us = axes.next_instant(at_us, start_us, clock)


def cuts(
    axes: Axes, begin: Cut, end: Cut, *, start_us: int, clock: ZoneClock | None, more: Iterable[int] = ()
) -> list[Cut]:
    """Return where to cut between two readings, in order, with the later reading as the last.

    A kWh threshold is crossed at the first microsecond by which it is reached, and the cut there has exactly its
    energy. Between, energy is rounded down to the millijoule, which stays below a threshold not crossed yet.
    `more` are further instants to cut at.
    """
    (from_us, from_energy), (to_us, to_energy) = begin, end
    lasts, taken = to_us - from_us, to_energy - from_energy
    found = []
    for energy in axes.crossings(from_energy, to_energy):
        at_us = from_us - (-(energy - from_energy) * lasts // taken)
        found.append((at_us, energy))
    crossed = {at_us for at_us, _ in found}
    found += [
        (at_us, from_energy + taken * (at_us - from_us) // lasts)
        for at_us in {*instants(axes, begin, end, start_us, clock), *more} - crossed
        if from_us < at_us < to_us
    ]
    found.sort()
    if not found or found[-1] != end:
        found.append(end)
    return found
