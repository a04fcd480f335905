"""With what a sale is paid: a nonce, a vaulted method, a customer's default, or a card's number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.errors import Flaw, flaw
from evpay_contrib_emulators.braintree.instruments import (
    CONSUMED,
    NONCES,
    Instrument,
    card_instrument,
    is_luhn_valid,
)
from evpay_contrib_emulators.braintree.things import Nonce

__all__ = ["Paying", "card_of", "default_method", "nonce_of", "paying_with"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying:
    """An instrument, and where it comes from."""

    instrument: Instrument
    token: str | None = None
    customer_id: str | None = None
    nonce: Nonce | None = None


def nonce_of(account: Account, value: str, *, consumed: str, unknown: str) -> Nonce | str:
    """Return the nonce, or the code of what is wrong with it."""
    if value == CONSUMED:
        return consumed
    if value in NONCES:
        return Nonce(value=value, instrument=NONCES[value])
    nonce = account.nonces.get(value)
    if nonce is None:
        return unknown
    return consumed if nonce.is_consumed else nonce


def card_of(given: Mapping[str, Any], *, where: str) -> Instrument | list[Flaw]:
    """Return the card of these parameters, or what is wrong with them."""
    number = given.get("number")
    if not number:
        return [flaw("81714", "number", where=where)]
    if not re.fullmatch(r"\d{12,19}", number):
        return [flaw("81716", "number", where=where)]
    if not is_luhn_valid(number):
        return [flaw("81715", "number", where=where)]
    date = given.get("expiration_date") or f"{given.get('expiration_month')}/{given.get('expiration_year')}"
    match = re.fullmatch(r"(0?[1-9]|1[0-2])/((?:20)?\d\d)", date)
    if match is None:
        return [flaw("81709" if date == "None/None" else "81710", "expiration_date", where=where)]
    return card_instrument(
        number, month=match[1].zfill(2), year="20" + match[2][-2:], name=given.get("cardholder_name")
    )


def default_method(account: Account, customer_id: str) -> str | None:
    """Return the token of a customer's default method, if there is one."""
    tokens = [method.token for method in account.methods.values() if method.customer_id == customer_id]
    return next((token for token in tokens if account.methods[token].is_default), tokens[0] if tokens else None)


def paying_with(account: Account, params: Mapping[str, Any]) -> Paying | list[Flaw]:
    """Return with what a sale of these parameters is paid, or what is wrong with that."""
    nonce, token, customer = (
        params.get(name) for name in ("payment_method_nonce", "payment_method_token", "customer_id")
    )
    card = params.get("credit_card") or {}
    if sum(map(bool, (nonce, token, card.get("number")))) > 1:
        return [flaw("91515")]
    if customer and customer not in account.customers:
        return [flaw("91510", "customer_id")]
    if nonce:
        return _by_nonce(account, nonce, customer)
    if token:
        return _by_token(account, token, customer)
    if card:
        found = card_of(card, where="transaction.credit_card")
        return Paying(instrument=found, customer_id=customer) if isinstance(found, Instrument) else found
    if not customer:
        return [flaw("91508")]
    default = default_method(account, customer)
    return [flaw("91511", "customer_id")] if default is None else _by_token(account, default, customer)


def _by_nonce(account: Account, value: str, customer: str | None) -> Paying | list[Flaw]:
    nonce = nonce_of(account, value, consumed="91564", unknown="91565")
    if isinstance(nonce, str):
        return [flaw(nonce, "payment_method_nonce")]
    return Paying(
        instrument=nonce.instrument, token=nonce.token, customer_id=nonce.customer_id or customer, nonce=nonce
    )


def _by_token(account: Account, token: str, customer: str | None) -> Paying | list[Flaw]:
    method = account.methods.get(token)
    if method is None:
        return [flaw("91518", "payment_method_token")]
    if customer and customer != method.customer_id:
        return [flaw("91516")]
    # an authentication is of one payment, not of the card for ever
    instrument = replace(method.instrument, three_d_secure=None)
    return Paying(instrument=instrument, token=token, customer_id=method.customer_id)
