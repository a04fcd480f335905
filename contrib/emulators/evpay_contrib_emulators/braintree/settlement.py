"""What happens by the clock: the night's settlement, disbursement, and the end of authorizations."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.errors import Invalid, flaw
from evpay_contrib_emulators.braintree.responses import settlement_of
from evpay_contrib_emulators.braintree.showing import as_transaction
from evpay_contrib_emulators.braintree.things import Transaction
from evpay_contrib_emulators.braintree.webhooks import notify

__all__ = ["SIMULATED", "catch_up", "expire", "settle_now", "simulate", "submitted", "told"]

_SETTLING: Final = timedelta(hours=4)
_DISBURSED: Final = timedelta(days=1)
_ON_ITS_WAY: Final = frozenset({"submitted_for_settlement", "settling", "settlement_pending", "settlement_confirmed"})
_TEXTS: Final = {"settled": "Settled", "settlement_declined": "Settlement Declined", "settlement_pending": "Pending"}
SIMULATED: Final[Mapping[str, str]] = {
    "settle": "settled",
    "settlement_confirm": "settlement_confirmed",
    "settlement_decline": "settlement_declined",
    "settlement_pending": "settlement_pending",
}
"""What the sandbox's test helpers make of a transaction."""


def submitted(account: Account, transaction: Transaction, *, at: datetime) -> None:
    """Put a transaction into the next night's settlement."""
    transaction.become("submitted_for_settlement", at=at)
    account.remember(_next_night(account, at), "night", transaction)


def _next_night(account: Account, at: datetime) -> datetime:
    tonight = at.replace(hour=account.options.settlement_hour, minute=0, second=0)
    return tonight if tonight > at else tonight + timedelta(days=1)


def catch_up(account: Account) -> None:
    """Do everything that has become due, in the order in which it did."""
    while (due := account.pop_due()) is not None:
        at, what, transaction = due
        _DUE[what](account, transaction, at)


def _night(account: Account, transaction: Transaction, at: datetime) -> None:
    if transaction.status != "submitted_for_settlement":
        return
    transaction.settlement_batch_id = f"{at:%Y-%m-%d}_{transaction.merchant_account}"
    transaction.become("settling", at=at, source="")
    account.remember(at + _SETTLING, "morning", transaction)


def _morning(account: Account, transaction: Transaction, at: datetime) -> None:
    if transaction.status == "settling":
        paypal = transaction.instrument.kind == "paypal_account"
        _settle(account, transaction, settlement_of(transaction.amount, paypal=paypal), at)


def _settle(account: Account, transaction: Transaction, status: str, at: datetime) -> None:
    """End the settlement in this status, and tell it where it is told."""
    code = str(int(transaction.amount)) if status != "settled" and transaction.amount >= 4001 else "4000"
    if status in _TEXTS and (status != "settled" or transaction.instrument.is_paypal):
        transaction.settlement_response = (code, _TEXTS[status])
    transaction.become(status, at=at, source="")
    if status == "settled":
        account.remember(at + _DISBURSED, "disburse", transaction)
        if transaction.instrument.is_paypal or account.options.card_settled_webhooks:
            told(account, "transaction_settled", transaction)
    elif status == "settlement_declined":
        told(account, "transaction_settlement_declined", transaction)


def _disburse(account: Account, transaction: Transaction, at: datetime) -> None:
    if transaction.status == "settled":
        transaction.disbursed_on = at.date()
        told(account, "transaction_disbursed", transaction)


def _expire(account: Account, transaction: Transaction, at: datetime) -> None:
    del account
    if transaction.status == "authorized":
        transaction.become("authorization_expired", at=at, source="")
    elif transaction.status == "settlement_pending" and transaction.partial_ids:
        transaction.is_final = True  # what was not settled by then is free again


_DUE: Final[Mapping[str, Callable[[Account, Transaction, datetime], None]]] = {
    "night": _night,
    "morning": _morning,
    "disburse": _disburse,
    "expire": _expire,
}


def settle_now(account: Account, transaction: Transaction) -> None:
    """Let the night and the morning pass for this transaction."""
    now = account.now()
    _night(account, transaction, now)
    _morning(account, transaction, now)


def expire(account: Account, transaction: Transaction) -> None:
    """Let the authorization end now."""
    transaction.authorization_expires_at = account.now()
    _expire(account, transaction, account.now())


def simulate(account: Account, transaction: Transaction, helper: str) -> Transaction:
    """Do what a test helper of the sandbox does.

    Raises:
        Invalid: the transaction is not on its way to be settled.
    """
    if transaction.status not in _ON_ITS_WAY or transaction.partial_ids:
        raise Invalid(flaw("91575"))
    now = account.now()
    if transaction.settlement_batch_id is None:
        transaction.settlement_batch_id = f"{now:%Y-%m-%d}_{transaction.merchant_account}"
    _settle(account, transaction, SIMULATED[helper], now)
    return transaction


def told(account: Account, kind: str, transaction: Transaction) -> None:
    """Send a notification about a transaction."""
    notify(account, kind, {"transaction": as_transaction(account, transaction)})
