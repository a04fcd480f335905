"""The edge of Braintree's SDK: blocking calls on worker threads, and honest answers in place of exceptions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

from evpay.errors import EvpayError, InvalidInput
from evpay.providers import Failed, Reason, ThreadSlots, Unknown, call_in_thread, import_sdk
from evpay_providers.braintree.failures import breakdown
from evpay_providers.braintree.settings import BraintreeSettings

__all__ = ["BraintreeCalls", "Exchange", "Refused"]

T = TypeVar("T")
Answer = Mapping[str, Any]
Exchange = Callable[[str, str, Mapping[str, Any], Any], tuple[int, str]]
"""Verb, address, headers and body of a request; status and text of its answer."""

MAX_FOUND: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A 422: the codes of its validation errors, and the transaction that was declined, empty where there is none."""

    codes: Sequence[str]
    transaction: Answer


class BraintreeCalls:
    """Call Braintree for one account, over a gateway object of its own.

    Raises:
        ConfigurationError: the SDK is not installed.
    """

    def __init__(self, settings: BraintreeSettings, *, exchange: Exchange | None) -> None:
        # The transport first: it imports the SDK without the SDK's warnings about itself.
        self._transport, self._sdk = import_sdk(
            "evpay_providers.braintree.transport", "braintree", provider="braintree"
        )
        self._gateway, self._line = self._transport.gateway_of(settings, exchange=exchange)
        self._deadline_s = settings.deadline.total_seconds()
        self._slots = ThreadSlots(settings.threads)

    async def ask(self, send: Callable[[Any], Any]) -> Answer | Refused | Failed | Unknown:
        """Send one request and read what the SDK made of its answer."""
        return await self._in_time(lambda: self._answer(send(self._gateway)))

    async def of_order(self, order_id: str) -> list[Answer] | Failed | Unknown:
        """Find the transactions with an order id."""
        return await self._search(lambda search: [search.order_id == order_id])

    async def transactions(self, ids: Sequence[str]) -> list[Answer] | Failed | Unknown:
        """Find the transactions with these ids, 50 at most."""
        return await self._search(lambda search: [search.ids.in_list(list(ids))], most=50)

    async def settled(self, begins: datetime, ends: datetime | None) -> list[str] | Failed | Unknown:
        """Return the ids of what was settled in a span of time."""

        def search() -> list[str]:
            at = self._sdk.TransactionSearch.settled_at
            found = self._gateway.transaction.search(at >= begins if ends is None else at.between(begins, ends))
            return [str(one) for one in found.ids]

        return _taught(await self._in_time(search))

    async def token(self, params: Mapping[str, str]) -> str | Failed | Unknown:
        """Ask for a client token."""
        return await self._in_time(lambda: str(self._gateway.client_token.generate(dict(params))))

    def close(self) -> None:
        """Close the connections."""
        self._gateway.close()

    async def _search(
        self, query: Callable[[Any], list[Any]], *, most: int = MAX_FOUND
    ) -> list[Answer] | Failed | Unknown:
        def search() -> list[Answer]:
            found = self._gateway.transaction.search(query(self._sdk.TransactionSearch))
            return [self._transport.plain(one) for one in islice(found.items, most)]

        told = _taught(await self._in_time(search))
        if isinstance(told, Failed | Unknown):
            return told
        odd = [one for one in map(_as_answer, told) if isinstance(one, Unknown)]
        return odd[0] if odd else told

    def _answer(self, result: Any) -> Answer | Refused | Unknown:
        plain = self._transport.plain
        if isinstance(result, self._sdk.Transaction):
            return _as_answer(plain(result))
        if result is None:
            return Unknown(detail="an answer without a transaction")
        if result.is_success:
            return _as_answer(plain(result.transaction))
        codes = [str(error.code) for error in result.errors.deep_errors]
        return Refused(codes=codes, transaction={} if result.transaction is None else plain(result.transaction))

    async def _in_time(self, work: Callable[[], T]) -> T | Failed | Unknown:
        """Run blocking work on a thread, for no longer than the deadline; what is cut off may still take effect."""
        return await call_in_thread(lambda: self._on_thread(work), slots=self._slots, deadline_s=self._deadline_s)

    def _on_thread(self, work: Callable[[], T]) -> T | Failed | Unknown:
        self._line.forget()
        try:
            return work()
        except EvpayError:
            raise
        except Exception as error:  # noqa: BLE001 - the SDK's exceptions have no root, nor have those of its parser
            if not self._line.has_sent:
                cause = error.args[0] if isinstance(error, KeyError) and error.args else type(error).__name__
                raise InvalidInput(f"The SDK sends no such request: {cause}. See to extra.", path="extra") from None
            return breakdown(error)


def _as_answer(fields: Any) -> Answer | Unknown:
    known = isinstance(fields, dict) and isinstance(fields.get("id"), str) and isinstance(fields.get("status"), str)
    return fields if known else Unknown(detail="an answer without id or status")


def _taught(found: T | Failed | Unknown) -> T | Failed | Unknown:
    """Say what a read taught: one that failed taught nothing; one that was not sent is told as such."""
    if isinstance(found, Failed) and found.reason is not Reason.NOT_SENT:
        return Unknown(detail=f"the read itself failed: {found.reason}")
    return found
