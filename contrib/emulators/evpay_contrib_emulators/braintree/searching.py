"""Search: which transactions and disputes fit what is asked for."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.errors import Denied
from evpay_contrib_emulators.braintree.things import Dispute, Transaction

__all__ = ["PAGE_SIZE", "disputes_found", "transactions_found"]

PAGE_SIZE: Final = 50
_MOST_FOUND: Final = 50_000  # the vendor's own limit

Criteria = Mapping[str, Any]


def _is(known: str, wanted: str) -> bool:
    return known == wanted


def _is_not(known: str, wanted: str) -> bool:
    return known != wanted


_TEXT_TESTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "is": _is,
    "is_not": _is_not,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
}
_STATUS_TIMES: Final = {
    "authorized_at": "authorized",
    "authorization_expired_at": "authorization_expired",
    "failed_at": "failed",
    "gateway_rejected_at": "gateway_rejected",
    "processor_declined_at": "processor_declined",
    "settled_at": "settled",
    "submitted_for_settlement_at": "submitted_for_settlement",
    "voided_at": "voided",
}


def _time_of(status: str) -> Callable[[Transaction], datetime | None]:
    return lambda one: one.at(status)


# Those of the official SDK 4.48 (checked 2026-11-20) that are asked of what is emulated here
# (https://developer.paypal.com/braintree/docs/reference/request/transaction/search/python)
_TRANSACTION_TEXTS: Final[Mapping[str, Callable[[Transaction], str | None]]] = {
    "id": lambda one: one.id,
    "order_id": lambda one: one.order_id,
    "currency": lambda one: one.currency,
    "customer_id": lambda one: one.customer_id,
    "payment_method_token": lambda one: one.token,
    "processor_authorization_code": lambda one: one.authorization_code,
    "settlement_batch_id": lambda one: one.settlement_batch_id,
    "customer_email": lambda one: one.customer.get("email"),
}
_TRANSACTION_LISTS: Final[Mapping[str, Callable[[Transaction], str | None]]] = {
    "ids": lambda one: one.id,
    "status": lambda one: one.status,
    "type": lambda one: one.type,
    "merchant_account_id": lambda one: one.merchant_account,
    "payment_instrument_type": lambda one: one.instrument.kind,
    "credit_card_card_type": lambda one: one.instrument.brand,
}
_TRANSACTION_RANGES: Final[Mapping[str, Callable[[Transaction], datetime | date | Decimal | None]]] = {
    "amount": lambda one: one.amount,
    "created_at": lambda one: one.created_at,
    "disbursement_date": lambda one: one.disbursed_on,
    **{name: _time_of(status) for name, status in _STATUS_TIMES.items()},
}
_DISPUTE_TEXTS: Final[Mapping[str, Callable[[Dispute], str | None]]] = {
    "id": lambda one: one.id,
    "transaction_id": lambda one: one.transaction_id,
}
_DISPUTE_LISTS: Final[Mapping[str, Callable[[Dispute], str | None]]] = {
    "status": lambda one: one.status,
    "kind": lambda one: one.kind,
    "reason": lambda one: one.reason,
}
_DISPUTE_RANGES: Final[Mapping[str, Callable[[Dispute], datetime | date | Decimal | None]]] = {
    "amount_disputed": lambda one: one.amount,
    "received_date": lambda one: one.opened_at.date(),
    "effective_date": lambda one: one.updated_at.date(),
}


def transactions_found(account: Account, criteria: Criteria) -> list[Transaction]:
    """Return the transactions that fit, newest first; those that are too new are not found yet.

    Raises:
        Denied: 403; a criterion is not known, or malformed.
    """
    until = account.clock.now() - timedelta(seconds=account.options.search_lag)
    candidates: Sequence[Transaction] = list(account.transactions.values())
    if "ids" in criteria:  # the second step of every search: it names what the first one found
        candidates = [account.transactions[name] for name in _listed(criteria["ids"]) if name in account.transactions]
    else:
        candidates = list(reversed(candidates))
    tests = [
        _test(name, wanted, _TRANSACTION_TEXTS, _TRANSACTION_LISTS, _TRANSACTION_RANGES)
        for name, wanted in criteria.items()
    ]
    found = [one for one in candidates if one.created_at <= until and all(fits(one) for fits in tests)]
    return found[:_MOST_FOUND]


def disputes_found(account: Account, criteria: Criteria) -> list[Dispute]:
    """Return the disputes that fit, newest first.

    Raises:
        Denied: 403; a criterion is not known, or malformed.
    """
    tests = [_test(name, wanted, _DISPUTE_TEXTS, _DISPUTE_LISTS, _DISPUTE_RANGES) for name, wanted in criteria.items()]
    return [one for one in reversed(account.disputes.values()) if all(fits(one) for fits in tests)]


def _test(
    name: str,
    wanted: Any,
    texts: Mapping[str, Callable[[Any], str | None]],
    lists: Mapping[str, Callable[[Any], str | None]],
    ranges: Mapping[str, Callable[[Any], datetime | date | Decimal | None]],
) -> Callable[[Any], bool]:
    """Return what tells whether something fits one criterion."""
    if name in lists:
        accepted = frozenset(_listed(wanted))
        return lambda one: lists[name](one) in accepted
    if not isinstance(wanted, dict) or not wanted:
        raise Denied(403)
    if not all(value is None or isinstance(value, str) for value in wanted.values()):
        raise Denied(403)
    if name in texts and set(wanted) <= set(_TEXT_TESTS):
        pairs = [(_TEXT_TESTS[test], (value or "").lower()) for test, value in wanted.items()]
        return lambda one: all(test((texts[name](one) or "").lower(), value) for test, value in pairs)
    if name in ranges and set(wanted) <= {"is", "min", "max"}:
        return lambda one: _is_within(ranges[name](one), wanted)
    raise Denied(403)


def _listed(wanted: Any) -> list[str]:
    if wanted is None:
        return []
    if isinstance(wanted, list):
        return [str(item) for item in wanted]
    raise Denied(403)


def _is_within(value: datetime | date | Decimal | None, wanted: Mapping[str, str | None]) -> bool:
    if value is None:
        return False
    low, high = wanted.get("min", wanted.get("is")), wanted.get("max", wanted.get("is"))
    return (low is None or _like(value, low) <= value) and (high is None or value <= _like(value, high))  # type: ignore[operator]  # `_like` returns what `value` is


def _finite(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise InvalidOperation
    return number


def _like(value: datetime | date | Decimal, text: str) -> datetime | date | Decimal:
    """Read a bound as the value that it is compared with."""
    try:
        if isinstance(value, Decimal):
            return _finite(Decimal(text))
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return moment if isinstance(value, datetime) else moment.date()
    except (ValueError, InvalidOperation):
        raise Denied(403) from None
