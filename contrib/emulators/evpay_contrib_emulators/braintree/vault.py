"""The vault: customers, their methods under tokens, and nonces made of them."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from evpay_contrib_emulators.braintree.account import Account, new_id
from evpay_contrib_emulators.braintree.errors import Denied, Invalid, NotFound, flaw
from evpay_contrib_emulators.braintree.instruments import Instrument, Method
from evpay_contrib_emulators.braintree.parameters import is_true
from evpay_contrib_emulators.braintree.paying import card_of, default_method, nonce_of
from evpay_contrib_emulators.braintree.things import Customer, Nonce
from evpay_contrib_emulators.braintree.verifying import verified

__all__ = [
    "create_customer",
    "create_method",
    "create_nonce",
    "customer_for",
    "customer_named",
    "delete_customer",
    "delete_method",
    "keep",
    "method_named",
    "nonce_for",
    "nonce_named",
    "update_customer",
    "update_method",
]

Params = Mapping[str, Any]

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")
_DETAILS: Final = (
    *("first_name", "last_name", "company", "email", "phone", "fax", "website", "international_phone"),
    "custom_fields",
)


def customer_named(account: Account, name: str) -> Customer:
    """Return a customer.

    Raises:
        NotFound: there is none of this id.
    """
    try:
        return account.customers[name]
    except KeyError:
        raise NotFound(f"no customer {name!r}") from None


def create_customer(account: Account, params: Params) -> Customer:
    """Put someone into the vault, with a method if a nonce comes along.

    Raises:
        Invalid: the id is taken or malformed, or the nonce does not do.
    """
    name = params.get("id")
    if name is not None and _ID.fullmatch(name) is None:
        raise Invalid(flaw("91610", "id", where="customer"))
    if name in account.customers:
        raise Invalid(flaw("91609", "id", where="customer"))
    if params.get("credit_card"):
        raise Denied(403)  # a card's number at this place is not emulated
    nonce = _usable_nonce(account, params) if params.get("payment_method_nonce") else None
    customer = customer_for(account, name, params)
    if nonce is not None:
        nonce.is_consumed = True
        keep(account, customer.id, nonce.instrument)
    return customer


def customer_for(account: Account, name: str | None, details: Params) -> Customer:
    """Return the customer of this id, or a new one."""
    if name is not None and name in account.customers:
        return account.customers[name]
    now = account.now()
    known = {key: details[key] for key in _DETAILS if details.get(key) is not None}
    customer = Customer(id=name or _number(), details=known, created_at=now, updated_at=now)
    account.customers[customer.id] = customer
    return customer


def _number() -> str:
    """Return digits as Braintree numbers customers; too few of them to be taken for a card number."""
    return str(10**10 + secrets.randbelow(9 * 10**10))


def update_customer(account: Account, name: str, params: Params) -> Customer:
    """Change what is known of a customer.

    Raises:
        NotFound: there is none of this id.
    """
    customer = customer_named(account, name)
    customer.details |= {key: params[key] for key in _DETAILS if key in params}
    customer.updated_at = account.now()
    default = params.get("default_payment_method_token")
    if default is not None:
        _make_default(account, method_named(account, default))
    return customer


def delete_customer(account: Account, name: str) -> None:
    """Forget a customer, with all methods.

    Raises:
        NotFound: there is none of this id.
    """
    del account.customers[customer_named(account, name).id]
    for token in [token for token, method in account.methods.items() if method.customer_id == name]:
        del account.methods[token]


def method_named(account: Account, token: str) -> Method:
    """Return a vaulted method.

    Raises:
        NotFound: there is none under this token.
    """
    try:
        return account.methods[token]
    except KeyError:
        raise NotFound(f"no payment method {token!r}") from None


def keep(
    account: Account,
    customer_id: str,
    instrument: Instrument,
    *,
    token: str | None = None,
    billing: Params | None = None,
) -> Method:
    """Put an instrument into the vault."""
    now = account.now()
    first = default_method(account, customer_id) is None
    method = Method(
        token=token or new_id(),
        customer_id=customer_id,
        instrument=instrument,
        created_at=now,
        updated_at=now,
        is_default=first,
        billing=dict(billing or {}),
    )
    account.methods[method.token] = method
    return method


def create_method(account: Account, params: Params) -> Method:
    """Put what a nonce stands for into the vault, after a verification if that is asked for.

    Raises:
        Invalid: something is wrong with customer, token or nonce, or the verification was declined.
    """
    customer, token = params.get("customer_id"), params.get("token")
    if customer is None:
        raise Invalid(flaw("93104", "customer_id", where="payment_method"))
    if customer not in account.customers:
        raise Invalid(flaw("93105", "customer_id", where="payment_method"))
    if token is not None and _ID.fullmatch(token) is None:
        raise Invalid(flaw("91718", "token", where="credit_card"))
    if token in account.methods:
        raise Invalid(flaw("91719", "token", where="credit_card"))
    instrument, nonce = _offered(account, params)
    if is_true(params, "options", "fail_on_duplicate_payment_method") and _is_there(account, instrument):
        raise Invalid(flaw("81724", "number", where="credit_card"))
    verification = _verification(account, instrument, params)
    if nonce is not None:
        nonce.is_consumed = True
    method = keep(account, customer, instrument, token=token, billing=params.get("billing_address"))
    method.verification = verification
    if is_true(params, "options", "make_default"):
        _make_default(account, method)
    return method


def _offered(account: Account, params: Params) -> tuple[Instrument, Nonce | None]:
    if params.get("number"):
        card = card_of(params, where="credit_card")
        if isinstance(card, list):
            raise Invalid(*card)
        return card, None
    nonce = _usable_nonce(account, params)
    if nonce.instrument.one_time:
        raise Invalid(flaw("82902", where="paypal_account"))
    return nonce.instrument, nonce


def _usable_nonce(account: Account, params: Params) -> Nonce:
    value = params.get("payment_method_nonce")
    if not value:
        raise Invalid(flaw("93103", "payment_method_nonce", where="payment_method"))
    nonce = nonce_of(account, value, consumed="93107", unknown="93108")
    if isinstance(nonce, str):
        raise Invalid(flaw(nonce, "payment_method_nonce", where="payment_method"))
    return nonce


def _is_there(account: Account, instrument: Instrument) -> bool:
    return any(method.instrument.fingerprint == instrument.fingerprint for method in account.methods.values())


def _verification(account: Account, instrument: Instrument, params: Params) -> dict[str, Any] | None:
    """Ask the bank whether the card is good, if that is asked for."""
    if not is_true(params, "options", "verify_card") or instrument.kind != "credit_card":
        return None
    return verified(account, instrument, billing=params.get("billing_address"))


def update_method(account: Account, token: str, params: Params) -> Method:
    """Change a vaulted method.

    Raises:
        NotFound: there is none under this token.
    """
    method = method_named(account, token)
    name = params.get("cardholder_name")
    if name is not None:
        method.instrument = replace(method.instrument, cardholder_name=name)
    if params.get("billing_address"):
        method.billing = {**method.billing, **params["billing_address"]}
    if is_true(params, "options", "make_default"):
        _make_default(account, method)
    method.updated_at = account.now()
    return method


def _make_default(account: Account, method: Method) -> None:
    for other in account.methods.values():
        if other.customer_id == method.customer_id:
            other.is_default = other is method


def delete_method(account: Account, token: str) -> None:
    """Forget a method; payments that were made with it stay as they are.

    Raises:
        NotFound: there is none under this token.
    """
    del account.methods[method_named(account, token).token]


def create_nonce(account: Account, token: str) -> Nonce:
    """Return a new nonce that stands for a vaulted method, once.

    Raises:
        NotFound: there is none under this token.
    """
    method = method_named(account, token)
    nonce = Nonce(
        value=_nonce_value(), instrument=method.instrument, token=method.token, customer_id=method.customer_id
    )
    account.nonces[nonce.value] = nonce
    return nonce


def _nonce_value() -> str:
    return "-".join((new_id(8), new_id(4), new_id(4), new_id(4), new_id(12)))


def nonce_for(account: Account, instrument: Instrument) -> Nonce:
    """Return a new nonce that stands for an instrument, once: what the payer's browser or phone would have made."""
    nonce = Nonce(value=_nonce_value(), instrument=instrument)
    account.nonces[nonce.value] = nonce
    return nonce


def nonce_named(account: Account, value: str) -> Nonce:
    """Return a nonce.

    Raises:
        NotFound: there is none.
    """
    nonce = nonce_of(account, value, consumed="", unknown="unknown")
    if isinstance(nonce, Nonce):
        return nonce
    if value in account.nonces:
        return account.nonces[value]
    raise NotFound(f"no nonce {value!r}")
