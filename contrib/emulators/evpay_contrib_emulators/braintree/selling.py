"""Sales: what is checked before the processor is asked, what it says, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from evpay_contrib_emulators.braintree import disputing, vault
from evpay_contrib_emulators.braintree.account import Account, new_id
from evpay_contrib_emulators.braintree.checking import checked_sale
from evpay_contrib_emulators.braintree.parameters import is_true
from evpay_contrib_emulators.braintree.paying import Paying
from evpay_contrib_emulators.braintree.responses import (
    APPROVED,
    PARTIALLY_APPROVED,
    UNAVAILABLE,
    Response,
    decline,
    told_by,
)
from evpay_contrib_emulators.braintree.settlement import submitted
from evpay_contrib_emulators.braintree.things import Transaction

__all__ = ["Declined", "Order", "sale"]

_INCOMPLETE: Final = Decimal("5001.00")
_NOT_ASKED: Final = Response(code="", text="Unknown ()", type="")
_AUTHENTICATED: Final = frozenset({"authenticate_successful", "authenticate_attempt_successful"})
_WITHOUT_PAYER: Final = frozenset({"unscheduled", "recurring", "merchant", "installment", "moto"})

# How long an authorization can be settled: by brand, by wallet, and for a Visa without the payer
# (https://developer.paypal.com/braintree/docs/reference/general/statuses#authorization-expired, checked 2026-11-20).
_DAYS: Final = {"Visa": 7, "American Express": 7, "MasterCard": 30}
_MASTERCARD_FINAL_DAYS: Final = 7
_VISA_WITHOUT_PAYER_DAYS: Final = 1
_WALLET_DAYS: Final = {"paypal_account": 29, "venmo_account": 10}
_OTHER_DAYS: Final = 30


class Declined(Exception):
    """422 with a transaction: the processor or the gateway says no."""

    def __init__(self, transaction: Transaction, message: str) -> None:
        super().__init__(message)
        self.transaction = transaction
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A sale that passed validation."""

    params: Mapping[str, Any]
    amount: Decimal
    currency: str
    merchant_account: str
    paying: Paying


def sale(account: Account, params: Mapping[str, Any]) -> Transaction:
    """Authorize a sale, and submit it for settlement if that is asked for.

    Raises:
        Invalid: the parameters do not pass validation; nothing is there.
        Declined: there is a transaction, and no money.
    """
    amount, currency, merchant_account, paying = checked_sale(account, params)
    order = Order(params=params, amount=amount, currency=currency, merchant_account=merchant_account, paying=paying)
    transaction = _transaction(account, order)
    if paying.nonce is not None:
        paying.nonce.is_consumed = True
    rejection = _rejection(account, order)
    account.transactions[transaction.id] = transaction
    if rejection is not None:
        transaction.rejection = rejection
        transaction.become("gateway_rejected", at=account.now())
        _keep(account, transaction, on_success=False)
        raise Declined(transaction, f"Gateway Rejected: {rejection}")
    response, approved = _processed(account, order)
    transaction.response = response
    if not response.is_approval:
        transaction.become("failed" if response.code == UNAVAILABLE.code else "processor_declined", at=account.now())
        _keep(account, transaction, on_success=False)
        raise Declined(transaction, response.text)
    _authorize(account, transaction, approved)
    return transaction


def _transaction(account: Account, order: Order) -> Transaction:
    now, params = account.now(), order.params
    customer = account.customers.get(order.paying.customer_id or "")
    details = {**(customer.details if customer else {}), **(params.get("customer") or {})}
    return Transaction(
        id=new_id(),
        type="sale",
        status="authorizing",
        amount=order.amount,
        amount_requested=order.amount,
        currency=order.currency,
        merchant_account=order.merchant_account,
        instrument=order.paying.instrument,
        created_at=now,
        updated_at=now,
        response=_NOT_ASKED,
        order_id=params.get("order_id"),
        token=order.paying.token,
        customer=details,
        customer_id=order.paying.customer_id or details.get("id"),
        params=params,
        source=params.get("transaction_source") or ("recurring" if is_true(params, "recurring") else None),
    )


def _rejection(account: Account, order: Order) -> str | None:
    instrument = order.paying.instrument
    if order.amount == _INCOMPLETE:
        return "application_incomplete"
    if instrument.rule and not instrument.rule.startswith("processor_"):
        return instrument.rule
    if _lacks_authentication(account, order):
        return "three_d_secure"
    return "duplicate" if _is_duplicate(account, order) else _mismatch(account, order)


def _lacks_authentication(account: Account, order: Order) -> bool:
    params, instrument = order.params, order.paying.instrument
    needed = is_true(params, "options", "three_d_secure", "required") or (
        account.options.three_d_secure and params.get("transaction_source") not in _WITHOUT_PAYER
    )
    if not needed or instrument.kind != "credit_card":
        return False
    if params.get("three_d_secure_pass_thru") or params.get("three_d_secure_authentication_id"):
        return False
    info = instrument.three_d_secure
    return info is None or (info["status"] not in _AUTHENTICATED and not info["liability_shifted"])


def _mismatch(account: Account, order: Order) -> str | None:
    """Return what the rules about addresses and CVVs say, where there are any."""
    if not account.options.address_rules:
        return None
    billing, card = order.params.get("billing") or {}, order.params.get("credit_card") or {}
    avs = (billing.get("street_address") or "").startswith("200") or billing.get("postal_code") == "20000"
    cvv = card.get("cvv") == "200"
    return "avs_and_cvv" if avs and cvv else "avs" if avs else "cvv" if cvv else None


def _is_duplicate(account: Account, order: Order) -> bool:
    window = account.options.duplicate_seconds
    if not window or order.params.get("api_request_key"):
        return False
    since = account.now() - timedelta(seconds=window)
    return any(
        earlier.created_at >= since
        and earlier.effects["authorize"]
        and (earlier.amount_requested, earlier.currency, earlier.order_id)
        == (order.amount, order.currency, order.params.get("order_id"))
        and earlier.instrument.fingerprint == order.paying.instrument.fingerprint
        for earlier in account.transactions.values()
    )


def _processed(account: Account, order: Order) -> tuple[Response, Decimal]:
    """Ask the processor: what it says, and for how much."""
    instrument = order.paying.instrument
    if instrument.rule == "processor_declined":
        return decline(2000), order.amount
    if instrument.rule == "processor_failed":
        return UNAVAILABLE, order.amount
    response = told_by(order.amount, paypal=instrument.kind == "paypal_account")
    funds = account.options.card_funds
    if response is not APPROVED or not funds or instrument.is_paypal or order.amount <= Decimal(funds):
        return response, order.amount
    if is_true(order.params, "accept_partial_authorization"):
        return PARTIALLY_APPROVED, Decimal(funds)
    return decline(2001), order.amount


def _authorize(account: Account, transaction: Transaction, approved: Decimal) -> None:
    now = account.now()
    is_submitted = is_true(transaction.params, "options", "submit_for_settlement")
    transaction.amount = transaction.authorized = approved
    transaction.authorization_code = new_id(6).upper()
    transaction.authorization_expires_at = now + timedelta(days=_days(transaction, is_submitted=is_submitted))
    if transaction.instrument.kind != "paypal_account":
        transaction.network_transaction_id = f"0{now:%Y%m%d%H%M%S}"
    transaction.become("authorized", at=now)
    transaction.effects["authorize"] += 1
    _keep(account, transaction, on_success=True)
    account.remember(transaction.authorization_expires_at, "expire", transaction)
    if is_submitted:
        transaction.effects["capture"] += 1
        submitted(account, transaction, at=now)
    if transaction.instrument.disputed:
        disputing.open_dispute(account, transaction, amount=None)


def _days(transaction: Transaction, *, is_submitted: bool) -> int:
    instrument = transaction.instrument
    if instrument.kind in _WALLET_DAYS:
        return _WALLET_DAYS[instrument.kind]
    if instrument.brand == "Visa" and transaction.source in _WITHOUT_PAYER:
        return _VISA_WITHOUT_PAYER_DAYS
    if instrument.brand == "MasterCard" and is_submitted:
        return _MASTERCARD_FINAL_DAYS
    return _DAYS.get(instrument.brand, _OTHER_DAYS)


def _keep(account: Account, transaction: Transaction, *, on_success: bool) -> None:
    """Put the instrument into the vault, if that was asked for."""
    params = transaction.params
    wanted = is_true(params, "options", "store_in_vault")
    wanted |= on_success and is_true(params, "options", "store_in_vault_on_success")
    if not wanted or transaction.token is not None or transaction.instrument.one_time:
        return
    customer = vault.customer_for(account, transaction.customer_id, transaction.customer)
    given = (params.get("credit_card") or {}).get("token")
    method = vault.keep(account, customer.id, transaction.instrument, token=given, billing=params.get("billing"))
    transaction.token, transaction.customer_id = method.token, customer.id
