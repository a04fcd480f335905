"""What is held of every payment, as the books of an emulator have it: by authorization, in minor units."""

from decimal import Decimal
from typing import Final

from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.currencies import to_minor
from evpay_contrib_emulators.braintree.disputing import TAKEN_BACK
from evpay_contrib_emulators.braintree.things import DEAD, Transaction
from evpay_contrib_emulators.gateway import Holding

__all__ = ["holding"]

_EFFECTS: Final = ("authorize", "increment", "capture", "void", "refund")


def holding(account: Account, transaction: Transaction) -> Holding:
    """Return what is held of an authorization, with its partial settlements, refunds and disputes."""
    family = [transaction, *account.children(transaction)]
    authorized = transaction.authorized
    captured = _captured(account, transaction)
    fields = transaction.params.get("custom_fields") or {}
    return Holding(
        id=transaction.id,
        reference=transaction.params.get("order_id"),
        currency=transaction.currency,
        status=transaction.status,
        authorized=to_minor(authorized, transaction.currency),
        captured=to_minor(captured, transaction.currency),
        released=to_minor(max(authorized - captured, Decimal(0)), transaction.currency) if _is_over(transaction) else 0,
        refunded=to_minor(sum((_refunded(account, one) for one in family), Decimal(0)), transaction.currency),
        charged_back=to_minor(sum((_taken_back(account, one) for one in family), Decimal(0)), transaction.currency),
        effects={name: transaction.effects[name] for name in _EFFECTS},
        metadata={name: str(value) for name, value in fields.items()},
    )


def _captured(account: Account, transaction: Transaction) -> Decimal:
    if transaction.partial_ids:
        return sum((part.amount for part in account.children(transaction) if part.moves_money), Decimal(0))
    return transaction.amount if transaction.moves_money else Decimal(0)


def _is_over(transaction: Transaction) -> bool:
    """Whether nothing more can be captured, so that the rest is free."""
    if transaction.status == "settlement_pending" and transaction.partial_ids:
        return transaction.is_final
    return transaction.status != "authorized"


def _refunded(account: Account, transaction: Transaction) -> Decimal:
    return sum((one.amount for one in account.refunds(transaction) if one.status not in DEAD), Decimal(0))


def _taken_back(account: Account, transaction: Transaction) -> Decimal:
    disputes = [account.disputes[name] for name in transaction.dispute_ids]
    return sum(
        (one.amount for one in disputes if one.kind != "retrieval" and one.status in TAKEN_BACK),
        Decimal(0),
    )
