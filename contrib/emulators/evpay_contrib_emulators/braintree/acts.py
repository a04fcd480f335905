"""What happens outside the API: nights pass, banks dispute, refunds come back, payers pass a challenge.

- `settle`: the night's settlement, now, for the transaction `id` or for all that wait.
- `settlement_declined`: the settlement of `id` fails.
- `expire`: the authorization `id` ends now.
- `dispute_opened`: over `id`, for `amount` (all of it), with `reason` and `kind`; returns the dispute's `id`.
- `dispute_won`, `dispute_lost`, `dispute_under_review`, `dispute_auto_accepted`, `dispute_expired`: of a dispute `id`.
- `refund_failed`: the refund `id`, or the last one of a sale `id`, comes back.
- `nonce`: what the payer's browser makes `of` one of the vendor's test nonces: a `nonce` that can be used once.
- `three_d_secure`: the same after a challenge; `of` a nonce, with `success` or not.
- `revoke`: the payer takes a method `token` away, at PayPal or Venmo.
- `check`: the notification with which one tests the address of webhooks.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from evpay_contrib_emulators.braintree import disputing, settlement, vault
from evpay_contrib_emulators.braintree.account import Account, new_id
from evpay_contrib_emulators.braintree.errors import Invalid, NotFound
from evpay_contrib_emulators.braintree.instruments import three_d_secure_info
from evpay_contrib_emulators.braintree.methods import as_method
from evpay_contrib_emulators.braintree.responses import decline
from evpay_contrib_emulators.braintree.things import DEAD, Transaction
from evpay_contrib_emulators.braintree.webhooks import notify

__all__ = ["act"]

Arguments = Mapping[str, Any]
Outcome = Mapping[str, Any]


def _settle(account: Account, arguments: Arguments) -> Outcome:
    waiting = [account.transaction(str(arguments["id"]))] if "id" in arguments else list(account.transactions.values())
    if "id" in arguments and waiting[0].partial_ids:
        waiting = account.children(waiting[0])
    for transaction in waiting:
        settlement.settle_now(account, transaction)
    return {"settled": [one.id for one in waiting if one.status == "settled"]}


def _settlement_declined(account: Account, arguments: Arguments) -> Outcome:
    transaction = settlement.simulate(account, account.transaction(str(arguments["id"])), "settlement_decline")
    return {"id": transaction.id, "status": transaction.status}


def _expire(account: Account, arguments: Arguments) -> Outcome:
    transaction = account.transaction(str(arguments["id"]))
    settlement.expire(account, transaction)
    return {"id": transaction.id, "status": transaction.status}


def _dispute_opened(account: Account, arguments: Arguments) -> Outcome:
    transaction = account.transaction(str(arguments["id"]))
    amount = None if arguments.get("amount") is None else _decimal(str(arguments["amount"]))
    reason, kind = str(arguments.get("reason", "fraud")), str(arguments.get("kind", "chargeback"))
    dispute = disputing.open_dispute(account, transaction, amount=amount, reason=reason, kind=kind)
    return {"id": dispute.id, "status": dispute.status}


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"amount is {text!r}: not an amount") from None


def _dispute_becoming(status: str) -> Callable[[Account, Arguments], Outcome]:
    def happen(account: Account, arguments: Arguments) -> Outcome:
        dispute = account.dispute(str(arguments["id"]))
        disputing.become(account, dispute, status)
        return {"id": dispute.id, "status": dispute.status}

    return happen


def _refund_failed(account: Account, arguments: Arguments) -> Outcome:
    transaction = account.transaction(str(arguments["id"]))
    refund = _refund_of(account, transaction)
    refund.response = decline(2046)
    refund.become("processor_declined", at=account.now(), source="")
    settlement.told(account, "refund_failed", refund)
    return {"id": refund.id, "status": refund.status}


def _refund_of(account: Account, transaction: Transaction) -> Transaction:
    refunds = [transaction] if transaction.type == "credit" else account.refunds(transaction)
    alive = [one for one in refunds if one.status not in DEAD]
    if not alive:
        raise NotFound(f"no refund of {transaction.id!r}")
    return alive[-1]


def _nonce(account: Account, arguments: Arguments) -> Outcome:
    given = vault.nonce_named(account, str(arguments.get("of", "fake-valid-nonce")))
    return {"nonce": vault.nonce_for(account, given.instrument).value}


def _three_d_secure(account: Account, arguments: Arguments) -> Outcome:
    given = vault.nonce_named(account, str(arguments.get("of", "fake-valid-nonce")))
    success = bool(arguments.get("success", True))
    name = new_id(16)
    status = "authenticate_successful" if success else "authenticate_failed"
    info = three_d_secure_info(status, shifted=success, name=name)
    given.is_consumed = True  # the authentication gives a new nonce in place of the old one
    account.authentications[name] = given.instrument.fingerprint
    nonce = vault.nonce_for(account, replace(given.instrument, three_d_secure=info))
    nonce.token, nonce.customer_id = given.token, given.customer_id
    return {"nonce": nonce.value, "three_d_secure_authentication_id": name}


def _revoke(account: Account, arguments: Arguments) -> Outcome:
    method = vault.method_named(account, str(arguments["token"]))
    vault.delete_method(account, method.token)
    notify(account, "payment_method_revoked_by_customer", {method.instrument.kind: as_method(method)})
    return {"token": method.token}


def _check(account: Account, _: Arguments) -> Outcome:
    notify(account, "check", {"check": True})
    return {}


_ACTS: Final[Mapping[str, Callable[[Account, Arguments], Outcome]]] = {
    "settle": _settle,
    "settlement_declined": _settlement_declined,
    "expire": _expire,
    "dispute_opened": _dispute_opened,
    **{
        f"dispute_{status}": _dispute_becoming(status)
        for status in ("won", "lost", "under_review", "auto_accepted", "expired")
    },
    "refund_failed": _refund_failed,
    "nonce": _nonce,
    "three_d_secure": _three_d_secure,
    "revoke": _revoke,
    "check": _check,
}


def act(account: Account, verb: str, arguments: Arguments) -> Outcome:
    """Let something happen.

    Raises:
        LookupError: there is no such verb, or no such thing.
        ValueError: the arguments do not fit.
    """
    if verb not in _ACTS:
        raise LookupError(f"no act {verb!r}; there are {', '.join(_ACTS)}")
    try:
        return _ACTS[verb](account, arguments)
    except KeyError as error:
        raise ValueError(f"{verb} needs {error}") from error
    except NotFound as error:
        raise LookupError(str(error)) from error
    except Invalid as error:
        raise ValueError(str(error)) from error
