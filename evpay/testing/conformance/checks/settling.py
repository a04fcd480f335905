"""Settlement lines: stable ids, and pages that can be resumed."""

from datetime import timedelta

from evpay.providers import SettlementLine, SettlementPage, SettlementsRequest
from evpay.testing.conformance.check import check
from evpay.testing.conformance.orders import Paid
from evpay.testing.conformance.trial import Trial

__all__ = ["settlement_cursor_resumes", "settlement_ids_stable"]

_MOST_PAGES = 200


async def _walk(trial: Trial, cursor: str | None) -> tuple[list[SettlementLine], str | None]:
    """Read pages until there is nothing new; return the lines and where to go on another day."""
    since = trial.rig.now().date() - timedelta(days=1)
    lines: list[SettlementLine] = []
    for _ in range(_MOST_PAGES):
        page = await trial.provider.settlements(SettlementsRequest(since=since, cursor=cursor))
        told = trial.expect_type(page, SettlementPage, "for a page of settlements")
        lines += told.lines
        if told.cursor in (None, cursor) or not told.lines:
            return lines, told.cursor or cursor
        cursor = told.cursor
    raise trial.broken(f"an end within {_MOST_PAGES} pages", "a cursor that always moves on")


async def _settled(trial: Trial) -> Paid:
    paid, _, _ = await trial.captured()
    if trial.rig.settle is not None:
        trial.rig.settle()
    return paid


def _is_of(line: SettlementLine, paid: Paid) -> bool:
    return paid.handle.id == line.payment_id or line.reference == paid.reference


def _expect_line(trial: Trial, lines: list[SettlementLine], paid: Paid) -> None:
    if not lines:
        trial.need(None, "Rig.settle, so that a capture shows up in settlements", claim="settlements")
    seen = [line for line in lines if _is_of(line, paid) or paid.handle.id in (line.effect_id or "")]
    trial.expect(bool(seen) or all(line.payment_id is None for line in lines), "a line of our payment", lines[-3:])


@check(claim="settlements", cure="Use the gateway's own id of the line, or make one from what never changes.")
async def settlement_ids_stable(trial: Trial) -> None:
    """The same line has the same id each time that it is read, and no other line has it."""
    paid = await _settled(trial)
    first, _ = await _walk(trial, None)
    _expect_line(trial, first, paid)
    ids = [line.id for line in first]
    trial.expect(len(ids) == len(set(ids)), "another id for each line", f"{len(ids) - len(set(ids))} repeated")
    again, _ = await _walk(trial, None)
    trial.expect(set(ids) <= {line.id for line in again}, "the same ids again", "other ids")


@check(claim="settlements", cure="Return the cursor after the last line that was told, also with an empty page.")
async def settlement_cursor_resumes(trial: Trial) -> None:
    """Reading on from a cursor finds what came since, and loses nothing."""
    await _settled(trial)
    first, cursor = await _walk(trial, None)
    paid = await _settled(trial)
    later, _ = await _walk(trial, cursor)
    _expect_line(trial, later, paid)
    whole, _ = await _walk(trial, None)
    lost = {line.id for line in whole} - {line.id for line in (*first, *later)}
    trial.expect(not lost, "every line in what was read before the cursor or after it", f"{len(lost)} lost")
