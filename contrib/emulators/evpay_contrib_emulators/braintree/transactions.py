"""What can be done with a transaction that is there: adjust, settle, settle a part, void, refund, reverse, update."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from evpay_contrib_emulators.braintree.account import Account, new_id
from evpay_contrib_emulators.braintree.amounts import read_amount
from evpay_contrib_emulators.braintree.checking import descriptor_flaws, merchant_account_of, order_id_flaws
from evpay_contrib_emulators.braintree.errors import Flaw, Invalid, flaw
from evpay_contrib_emulators.braintree.responses import (
    APPROVED,
    CAPTURED_THOUGH_DECLINED,
    PROCESSED,
    Response,
    decline,
    told_by,
)
from evpay_contrib_emulators.braintree.selling import Declined
from evpay_contrib_emulators.braintree.settlement import submitted
from evpay_contrib_emulators.braintree.showing import as_transaction
from evpay_contrib_emulators.braintree.things import DEAD, Adjustment, Transaction

__all__ = [
    "adjust_authorization",
    "refund",
    "reverse",
    "submit_for_partial_settlement",
    "submit_for_settlement",
    "update_details",
    "void",
]

Params = Mapping[str, Any]

_FINAL_SOURCES: Final = frozenset({"recurring_first", "recurring", "installment_first", "installment"})
_VOIDABLE: Final = frozenset({"authorized", "submitted_for_settlement", "settlement_pending"})
_REFUNDABLE: Final = frozenset({"settling", "settled"})


def adjust_authorization(account: Account, transaction: Transaction, params: Params) -> Transaction:
    """Authorize another total, more or less than before.

    Raises:
        Invalid: it cannot be adjusted, or was declined; it stays as it was.
    """
    total = read_amount(params.get("amount"), transaction.currency)
    problem = _adjustment_flaw(account, transaction, total)
    if problem is None and isinstance(total, Decimal):
        problem = _adjusted(account, transaction, total)
    if problem is not None:
        raise Invalid(problem, beside={"transaction": as_transaction(account, transaction)})
    return transaction


def _adjustment_flaw(account: Account, transaction: Transaction, total: Decimal | str) -> Flaw | None:
    supported = account.options.adjustment
    if isinstance(total, str):
        return flaw(total, "amount")
    if transaction.status != "authorized":
        return flaw("915218")
    if supported == "none" or transaction.instrument.is_paypal:
        return flaw("915222")
    if transaction.source in _FINAL_SOURCES:
        return flaw("915219")
    if total == transaction.amount:
        return flaw("95606", where="authorization_adjustment")
    if total > transaction.amount:
        return flaw("915220") if supported == "decrease" else None
    return flaw("915221") if supported == "increase" else None


def _adjusted(account: Account, transaction: Transaction, total: Decimal) -> Flaw | None:
    """Ask the processor; what it says is kept either way."""
    response = _adjustment_response(account, transaction, total)
    difference = total - transaction.amount
    transaction.adjustments.append(Adjustment(amount=difference, at=account.now(), response=response))
    if response.is_approval:
        transaction.amount = transaction.authorized = total
        transaction.updated_at = account.now()
        transaction.effects["increment"] += 1
        return None
    code = "95602" if response.type == "hard_declined" else "95603"
    return flaw(code, where="authorization_adjustment")


def _adjustment_response(account: Account, transaction: Transaction, total: Decimal) -> Response:
    if total < transaction.amount:
        return APPROVED
    funds = account.options.card_funds
    return decline(2001) if funds and total > Decimal(funds) else told_by(total)


def submit_for_settlement(account: Account, transaction: Transaction, params: Params) -> Transaction:
    """Settle the authorization, or less than it; the rest is free again.

    Raises:
        Invalid: it is not authorized, or the amount is too large.
    """
    if transaction.status != "authorized":
        raise Invalid(flaw("91507"))
    amount = _amount(transaction, params, otherwise=transaction.amount)
    limit = transaction.amount * account.options.overcapture_percent / 100
    _refuse(*_changed_flaws(account, params), *([flaw("91522", "amount")] if amount > limit else []))
    _change(transaction, params)
    transaction.amount = amount
    account.root(transaction).effects["capture"] += 1
    submitted(account, transaction, at=account.now())
    return transaction


def submit_for_partial_settlement(account: Account, transaction: Transaction, params: Params) -> Transaction:
    """Settle a part of the authorization as a transaction of its own; more may follow.

    Raises:
        Invalid: the processor cannot, nothing is left, or it is a part itself.
    """
    is_open = transaction.status == "authorized" or (
        transaction.status == "settlement_pending" and transaction.partial_ids
    )
    if not is_open or transaction.is_final or transaction.authorized_id:
        raise Invalid(flaw("915103"))
    if not (transaction.instrument.is_paypal or account.options.card_partial_settlement):
        raise Invalid(flaw("915102"))
    amount = _amount(transaction, params)
    settled = sum(part.amount for part in account.children(transaction) if part.status not in DEAD)
    too_much = [flaw("91522", "amount")] if amount + settled > transaction.amount else []
    _refuse(*_changed_flaws(account, params), *too_much)
    part = _offspring(account, transaction, amount, "sale")
    part.response, part.authorized_id, part.params = transaction.response, transaction.id, transaction.params
    part.authorization_code = transaction.authorization_code
    part.network_transaction_id = transaction.network_transaction_id
    _change(part, params)
    transaction.partial_ids.append(part.id)
    transaction.is_final = params.get("final_capture") == "true"
    if transaction.status == "authorized":
        transaction.become("settlement_pending", at=account.now())
    transaction.effects["capture"] += 1
    submitted(account, part, at=account.now())
    return part


def void(account: Account, transaction: Transaction, params: Params) -> Transaction:
    """Give up an authorization, or what was not settled yet.

    Raises:
        Invalid: it is too late, or there is nothing to give up.
    """
    del params
    if transaction.status not in _VOIDABLE or (transaction.status == "settlement_pending" and transaction.is_final):
        raise Invalid(flaw("91504"))
    account.root(transaction).effects["void"] += 1
    transaction.become("voided", at=account.now())
    return transaction


def refund(account: Account, transaction: Transaction, params: Params) -> Transaction:
    """Pay back what was settled, or a part of it, as a transaction of its own.

    Raises:
        Invalid: it is not settled, or there is not so much left.
        Declined: the bank does not take it back.
    """
    if transaction.type == "credit":
        raise Invalid(flaw("91505"))
    if transaction.status not in _REFUNDABLE:
        raise Invalid(flaw("91506"))
    left = transaction.amount - sum(each.amount for each in account.refunds(transaction) if each.status not in DEAD)
    if not left:
        raise Invalid(flaw("91512"))
    amount = _amount(transaction, params, otherwise=left)
    flaws = order_id_flaws(account, params)
    merchant_account, _ = merchant_account_of(account, params, flaws)
    _refuse(*flaws, *([flaw("91521", "amount")] if amount > left else []))
    credit = _offspring(account, transaction, amount, "credit")
    credit.refunded_id, credit.order_id = transaction.id, params.get("order_id") or transaction.order_id
    if params.get("merchant_account_id"):
        credit.merchant_account = merchant_account
    said = told_by(amount)
    if said.type == "hard_declined":
        credit.response = said
        credit.become("processor_declined", at=account.now())
        raise Declined(credit, said.text)
    # a bank that declines only for now is not asked again: the money is sent
    credit.response = PROCESSED if said.is_approval else replace(CAPTURED_THOUGH_DECLINED, detail=said.detail)
    transaction.refund_ids.append(credit.id)
    account.root(transaction).effects["refund"] += 1
    submitted(account, credit, at=account.now())
    return credit


def reverse(account: Account, transaction: Transaction, params: Params) -> Transaction:
    """Void what can be voided, else refund all that is left.

    Raises:
        Invalid: neither is possible now.
        Declined: the bank does not take the refund.
    """
    if transaction.status in _VOIDABLE:
        return void(account, transaction, params)
    if transaction.status in _REFUNDABLE:
        return refund(account, transaction, {})
    raise Invalid(flaw("915282"))


def update_details(account: Account, transaction: Transaction, params: Params) -> Transaction:
    """Change amount, order id or descriptor of what waits for settlement.

    Raises:
        Invalid: it does not wait, or what is new does not fit.
    """
    if transaction.status != "submitted_for_settlement":
        raise Invalid(flaw("915129"))
    amount = _amount(transaction, params, otherwise=transaction.amount)
    limit = (transaction.authorized or transaction.amount) * account.options.overcapture_percent / 100
    _refuse(*_changed_flaws(account, params), *([flaw("91522", "amount")] if amount > limit else []))
    _change(transaction, params)
    transaction.amount, transaction.updated_at = amount, account.now()
    return transaction


def _amount(transaction: Transaction, params: Params, *, otherwise: Decimal | None = None) -> Decimal:
    """Return the amount of a request, or what it is if none is named."""
    given = params.get("amount")
    if given is None and otherwise is not None:
        return otherwise
    amount = read_amount(given, transaction.currency)
    if isinstance(amount, str):
        raise Invalid(flaw(amount, "amount"))
    return amount


def _changed_flaws(account: Account, params: Params) -> list[Flaw]:
    return order_id_flaws(account, params) + descriptor_flaws(account, params)


def _refuse(*flaws: Flaw) -> None:
    if flaws:
        raise Invalid(*flaws)


def _change(transaction: Transaction, params: Params) -> None:
    """Take over what a settlement may say anew."""
    transaction.order_id = params.get("order_id") or transaction.order_id
    if descriptor := params.get("descriptor"):
        transaction.params = {**transaction.params, "descriptor": descriptor}


def _offspring(account: Account, transaction: Transaction, amount: Decimal, kind: str) -> Transaction:
    """Return a new transaction with the same payer."""
    now = account.now()
    offspring = Transaction(
        id=new_id(),
        type=kind,
        status="authorizing",
        amount=amount,
        amount_requested=amount,
        currency=transaction.currency,
        merchant_account=transaction.merchant_account,
        instrument=transaction.instrument,
        created_at=now,
        updated_at=now,
        response=PROCESSED,
        order_id=transaction.order_id,
        token=transaction.token,
        customer=transaction.customer,
        customer_id=transaction.customer_id,
    )
    account.transactions[offspring.id] = offspring
    return offspring
