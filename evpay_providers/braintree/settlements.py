"""Settlements, day by day: what was settled is found by searching for the time of its settlement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self

from evpay.errors import InvalidInput
from evpay.money import from_minor, to_minor
from evpay.providers import OperationKind, SettlementLine, SettlementsRequest
from evpay_providers.braintree.mapping import Answer, amount_of, events_of

__all__ = ["Place", "settlement_line"]

PAGE: Final = 50

# A transaction's type: money that came, and money that went back.
# https://developer.paypal.com/braintree/docs/reference/response/transaction (checked 2026-11-20)
LINE_KINDS: Final[Mapping[str, OperationKind]] = {"sale": OperationKind.CAPTURE, "credit": OperationKind.REFUND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where reading goes on: a day, how many of its lines were read, and how many it had then.

    A day that has got more lines since is read anew, because nobody promises the order in which a search finds them.
    """

    day: date
    read: int = 0
    found: int = 0

    @classmethod
    def of(cls, request: SettlementsRequest) -> Self:
        """Read the cursor, `2026-11-20:50:120`, or begin with the first day.

        Raises:
            InvalidInput: for a cursor that is not ours.
        """
        if request.cursor is None:
            return cls(day=request.since)
        try:
            day, read, found = request.cursor.split(":")
            return cls(day=date.fromisoformat(day), read=int(read), found=int(found))
        except ValueError as error:
            raise InvalidInput(f"{request.cursor!r} is not a cursor of Braintree's settlements.") from error

    @property
    def cursor(self) -> str:
        """The place as a cursor."""
        return f"{self.day.isoformat()}:{self.read}:{self.found}"

    @property
    def begins(self) -> datetime:
        """The first second of the day, in UTC and without a zone, as the SDK wants it."""
        return datetime.combine(self.day, time())

    @property
    def ends(self) -> datetime:
        """The last second of the day."""
        return self.begins + timedelta(days=1, seconds=-1)

    @property
    def tomorrow(self) -> Self:
        """The beginning of the next day."""
        return type(self)(day=self.day + timedelta(days=1))

    def chosen(self, ids: Sequence[str]) -> list[str]:
        """Return the ids of the next page, of all that the day has now."""
        first = self.read if len(ids) == self.found else 0
        return sorted(ids)[first : first + PAGE]

    def after(self, ids: Sequence[str]) -> Self:
        """Return the place behind that page."""
        first = self.read if len(ids) == self.found else 0
        return type(self)(day=self.day, read=min(first + PAGE, len(ids)), found=len(ids))


def settlement_line(transaction: Answer) -> SettlementLine:
    """Read one settled transaction. Fees are not told by the API, so net is gross.

    A transaction that was settled as a whole carries the order id of its payment, so only parts and refunds name the
    operation itself.
    """
    amount = amount_of(transaction)
    kind = LINE_KINDS.get(str(transaction.get("type")))
    parent = transaction.get("authorized_transaction_id") or transaction.get("refunded_transaction_id")
    gross = from_minor(-to_minor(amount), amount.currency.code) if transaction.get("type") == "credit" else amount
    settled = events_of(transaction, "settled") or [{"timestamp": transaction["updated_at"]}]
    return SettlementLine(
        id=transaction["id"],
        kind=kind,
        gross=gross,
        fee=from_minor(0, amount.currency.code),
        net=gross,
        settled_on=settled[-1]["timestamp"].replace(tzinfo=UTC).date(),
        payment_id=parent or transaction["id"],
        effect_id=transaction["id"],
        reference=transaction.get("order_id") if parent else None,
        payout=transaction.get("settlement_batch_id"),
    )
