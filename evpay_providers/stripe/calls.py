"""One call of the SDK: its answer as a mapping, its exceptions as what they prove."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from evpay.money import Money
from evpay.providers import UNREADABLE, Declined, Failed, OperationKind, Outcome, Reason, Unknown, understood
from evpay_providers.stripe.failures import failure
from evpay_providers.stripe.mapping import INTENT, LIST, READER_THING, REFUND, Answer, all_of, other_thing

__all__ = ["StripeCalls"]

T = TypeVar("T")
MAX_PAGES: Final = 10

# What a request is answered with; every other one with the payment.
ANSWERS: Final[Mapping[OperationKind, str]] = {OperationKind.COMPLETE: READER_THING, OperationKind.REFUND: REFUND}


class StripeCalls:
    """Send requests of one account. `error` is the SDK's own base of exceptions."""

    def __init__(self, *, error: type[Exception], live: bool) -> None:
        self._error = error
        self._live = live

    async def do(
        self,
        kind: OperationKind,
        send: Callable[[], Awaitable[Any]],
        read: Callable[[Answer], Outcome],
        *,
        asked: Money,
    ) -> Outcome:
        """Send one request that has an effect, and read its answer, which must be in the currency that was asked."""
        answer = await self._send(send, kind=kind)
        if isinstance(answer, Declined | Failed | Unknown):
            return answer
        if other := other_thing(answer, of=ANSWERS.get(kind, INTENT), asked=asked):
            return Unknown(detail=other)
        if answer.get("livemode") is (not self._live):
            return _other_mode(answer, kind=kind)
        return understood(lambda: read(answer))

    async def read(
        self,
        send: Callable[[], Awaitable[Any]],
        read: Callable[[Answer], T],
        *,
        of: str = INTENT,
        asked: Money | None = None,
    ) -> T | Unknown:
        """Read without effect; a read that failed, or showed something else, taught nothing."""
        answer = await self._send(send, kind=None)
        if isinstance(answer, Unknown):
            return answer
        if isinstance(answer, Declined | Failed):
            return Unknown(detail=f"the read itself failed: {answer.reason}")
        if other := other_thing(answer, of=of, asked=asked):
            return Unknown(detail=other)
        if answer.get("livemode") is (not self._live):
            return Unknown(detail="the answer is of the other mode (test or live)")
        return understood(lambda: read(answer))

    async def read_all(self, of: str, ask: Callable[..., Awaitable[Any]], **wanted: str) -> list[Answer] | Unknown:
        """Read every page of a list of things."""
        found: list[Answer] = []
        for _ in range(MAX_PAGES):
            params = {**wanted, "limit": 100} | ({"starting_after": found[-1]["id"]} if found else {})
            ask_page = partial(ask, params)
            page = await self.read(ask_page, lambda page: (all_of(page, of=of), page.get("has_more")), of=LIST)
            if isinstance(page, Unknown):
                return page
            found += page[0]
            if not page[1]:
                return found
        return Unknown(detail=f"a list of more than {len(found)}")

    async def _send(
        self, send: Callable[[], Awaitable[Any]], *, kind: OperationKind | None
    ) -> Answer | Declined | Failed | Unknown:
        try:
            answer: Answer = (await send()).to_dict()
        except self._error as error:
            cause = type(error.__cause__ or error).__name__
            status: int | None = getattr(error, "http_status", None)
            return failure(status=status, body=getattr(error, "json_body", None), cause=cause, kind=kind)
        except UNREADABLE as error:
            return Unknown(detail=f"an answer that the SDK could not read: {type(error).__name__}")
        return answer


def _other_mode(answer: Answer, *, kind: OperationKind) -> Outcome:
    """Refuse an answer of the other mode: the first one shows that key and account do not fit together."""
    if kind is OperationKind.AUTHORIZE:
        return Failed(reason=Reason.TEST_LIVE_MISMATCH, code="livemode", id=answer.get("id"))
    return Unknown(detail="the answer is of the other mode (test or live)")
