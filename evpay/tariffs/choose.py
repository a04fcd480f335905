"""Which of several tariffs prices which period of a record."""

from collections.abc import Sequence

from evpay.errors import InvalidInput
from evpay.tariffs.compile import NO_TARIFF
from evpay.tariffs.fields import micros_of
from evpay.tariffs.lines import Note
from evpay.tariffs.model import Tariff
from evpay.tariffs.ocpi_cdr import Cdr, CdrPeriod
from evpay.tariffs.policy import PricingPolicy

__all__ = ["Choice", "choose"]


class Choice:
    """The tariffs that are used, by their places in what was offered; the one of the session's start is the first."""

    __slots__ = ("notes", "used")

    def __init__(self) -> None:
        self.used: list[int] = []
        self.notes: list[Note] = []

    def number(self, index: int) -> int:
        """Return the number of an offered tariff among the used ones."""
        if index not in self.used:
            self.used.append(index)
        return self.used.index(index)


def choose(cdr: Cdr, tariffs: Sequence[Tariff], *, policy: PricingPolicy, sole: bool) -> Choice:
    """Give each period of the record the number of its tariff.

    The tariff a period names (ids are compared without case), valid at the start of the session or of the period;
    else the first valid at the start of the session, of the preferred type, then of none, then of any.
    `sole`: the only tariff was given by the caller and holds whatever the periods name.

    Raises:
        InvalidInput: `no_active_tariff` if none is valid; `tariff_not_found` for a name that none has.
    """
    choice = Choice()
    session = _of_session(tariffs, cdr.start_us, policy.preferred_type)
    unpriced = policy.period_without_tariff == "unpriced" and any(period.tariff_id for period in cdr.periods)
    for period in cdr.periods:
        if period.tariff_id is not None:
            period.period.tariff = choice.number(_required(_named(cdr, tariffs, period, choice, sole=sole)))
        elif unpriced:
            period.period.tariff = NO_TARIFF
        elif policy.tariff_at == "period_start":
            at_us = period.period.start_us
            period.period.tariff = choice.number(_required(_of_session(tariffs, at_us, policy.preferred_type)))
        else:
            period.period.tariff = choice.number(_required(session))
    if not choice.used:
        choice.number(_required(session))
    return choice


def _required(index: int | None) -> int:
    if index is None:
        raise InvalidInput(
            "No tariff is valid at the start of the session.", code="no_active_tariff", path="start_date_time"
        )
    return index


def _is_valid(tariff: Tariff, at_us: int) -> bool:
    begun = tariff.valid_from is None or micros_of(tariff.valid_from) <= at_us
    return begun and (tariff.valid_until is None or at_us < micros_of(tariff.valid_until))


def _of_session(tariffs: Sequence[Tariff], start_us: int, preferred_type: str | None) -> int | None:
    valid = [index for index, tariff in enumerate(tariffs) if _is_valid(tariff, start_us)]
    for wanted in (preferred_type, None):
        for index in valid:
            if tariffs[index].type == wanted:
                return index
    return valid[0] if valid else None


def _named(cdr: Cdr, tariffs: Sequence[Tariff], period: CdrPeriod, choice: Choice, *, sole: bool) -> int | None:
    wanted = (period.tariff_id or "").casefold()
    same = [index for index, tariff in enumerate(tariffs) if tariff.id.casefold() == wanted]
    path = f"{period.path}.tariff_id"
    if not same and sole:
        message = f"The period names tariff {period.tariff_id!r}; priced with {tariffs[0].id!r}, which was given."
        choice.notes.append(Note(code="other_tariff_named", message=message, path=path))
        same = [0]
    if not same:
        raise InvalidInput(
            f"There is no tariff {period.tariff_id!r} to price with.", code="tariff_not_found", path=path
        )
    for at_us in (cdr.start_us, period.period.start_us):
        for index in same:
            if _is_valid(tariffs[index], at_us):
                return index
    return None
