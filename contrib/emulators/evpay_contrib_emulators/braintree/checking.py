"""What is checked of a sale before the processor is asked; all that is wrong is told at once."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.amounts import read_amount
from evpay_contrib_emulators.braintree.errors import Flaw, Invalid, flaw
from evpay_contrib_emulators.braintree.paying import Paying, paying_with

__all__ = ["checked_sale", "descriptor_flaws", "merchant_account_of", "order_id_flaws"]

_MOST_ORDER_ID: Final = 255
# https://developer.paypal.com/braintree/docs/reference/request/transaction/sale/python; `unscheduled` and `estimated`
# were not verified
_SOURCES: Final = frozenset(
    {
        *("recurring_first", "recurring", "unscheduled", "installment_first", "installment", "merchant", "moto"),
        "estimated",
    }
)
_EXEMPTIONS: Final = frozenset({"low_value", "secure_corporate", "trusted_beneficiary", "transaction_risk_analysis"})
_VAULT: Final = frozenset({"will_vault", "vaulted"})
# Company, asterisk, product: 3, 7 or 12 characters before the asterisk, 22 in all
# (https://developer.paypal.com/braintree/docs/reference/request/transaction/sale/python#descriptor.name); the lengths
# are told in the vendor's own refusal, which characters it takes was not verified.
_DESCRIPTOR_NAME: Final = re.compile(r"(?=.{5,22}\Z)(?:[^*]{3}|[^*]{7}|[^*]{12})\*[^*]+")
_DESCRIPTOR_PHONE: Final = re.compile(r"[0-9().+\- ]{10,14}")
_MOST_URL: Final = 13


def checked_sale(account: Account, params: Mapping[str, Any]) -> tuple[Decimal, str, str, Paying]:
    """Return amount, currency, merchant account and instrument of a sale.

    Raises:
        Invalid: something is wrong with them.
    """
    kind = params.get("type")
    if kind != "sale":
        raise Invalid(_kind_flaw(kind))
    flaws: list[Flaw] = []
    merchant_account, currency = merchant_account_of(account, params, flaws)
    amount = read_amount(params.get("amount"), currency)
    if isinstance(amount, str):
        flaws.append(flaw(amount, "amount"))
    for check in _CHECKS:
        flaws += check(account, params)
    paying = paying_with(account, params)
    if isinstance(paying, list):
        flaws += paying
    elif paying.instrument.kind not in {"credit_card", *account.options.wallets}:
        flaws.append(flaw("91577", "merchant_account_id"))
    if flaws or isinstance(amount, str) or isinstance(paying, list):
        raise Invalid(*flaws)
    _check_authentication(account, params, paying)
    return amount, currency, merchant_account, paying


def _kind_flaw(kind: str | None) -> Flaw:
    if kind is None:
        return flaw("91524", "type")
    return flaw("91546") if kind == "credit" else flaw("91523", "type")


def merchant_account_of(account: Account, params: Mapping[str, Any], flaws: list[Flaw]) -> tuple[str, str]:
    """Return the merchant account of a request and its currency; the default one beside a flaw if it is unknown."""
    name = params.get("merchant_account_id") or account.options.default_account
    if name not in account.options.merchant_accounts:
        flaws.append(flaw("91513", "merchant_account_id"))
        name = account.options.default_account
    return name, account.options.merchant_accounts[name]


def order_id_flaws(_: Account, params: Mapping[str, Any]) -> list[Flaw]:
    """Check the length of the order id."""
    return [flaw("91501", "order_id")] if len(params.get("order_id") or "") > _MOST_ORDER_ID else []


def descriptor_flaws(_: Account, params: Mapping[str, Any]) -> list[Flaw]:
    """Check what is to stand on the payer's statement."""
    descriptor, where, flaws = params.get("descriptor") or {}, "transaction.descriptor", []
    if (name := descriptor.get("name")) and _DESCRIPTOR_NAME.fullmatch(name) is None:
        flaws.append(flaw("92201", "name", where=where))
    if (phone := descriptor.get("phone")) and _DESCRIPTOR_PHONE.fullmatch(phone) is None:
        flaws.append(flaw("92202", "phone", where=where))
    if len(descriptor.get("url") or "") > _MOST_URL:
        flaws.append(flaw("92206", "url", where=where))
    return flaws


def _source_flaws(_: Account, params: Mapping[str, Any]) -> list[Flaw]:
    source, exemption = params.get("transaction_source"), params.get("sca_exemption")
    flaws = [] if source is None or source in _SOURCES else [flaw("915133", "transaction_source")]
    return flaws if exemption is None or exemption in _EXEMPTIONS else [*flaws, flaw("915213", "sca_exemption")]


def _vault_flaws(_: Account, params: Mapping[str, Any]) -> list[Flaw]:
    vault, where = params.get("external_vault") or {}, "transaction.external_vault"
    status, previous = vault.get("status"), vault.get("previous_network_transaction_id")
    if status is not None and status not in _VAULT:
        return [flaw("915175", "status", where=where)]
    if status == "will_vault" and previous:
        return [flaw("915177", "status", where=where)]
    if previous and not re.fullmatch(r"[A-Za-z0-9 ]{9,15}", previous):
        return [flaw("915179", "previous_network_transaction_id", where=where)]
    return []


def _custom_field_flaws(account: Account, params: Mapping[str, Any]) -> list[Flaw]:
    given = params.get("custom_fields") or {}
    known = isinstance(given, dict) and set(given) <= set(account.options.custom_fields)
    return [] if known else [flaw("91526", "custom_fields")]


def _pass_thru_flaws(_: Account, params: Mapping[str, Any]) -> list[Flaw]:
    given, where = params.get("three_d_secure_pass_thru"), "transaction.three_d_secure_pass_thru"
    if not given:
        return []
    eci = given.get("eci_flag")
    if not eci:
        return [flaw("915113", "eci_flag", where=where)]
    if not re.fullmatch("0[0-7]", eci):
        return [flaw("915114", "eci_flag", where=where)]
    return [] if given.get("cavv") else [flaw("915116", "cavv", where=where)]


_CHECKS: Final[tuple[Callable[[Account, Mapping[str, Any]], list[Flaw]], ...]] = (
    order_id_flaws,
    descriptor_flaws,
    _source_flaws,
    _vault_flaws,
    _custom_field_flaws,
    _pass_thru_flaws,
)


def _check_authentication(account: Account, params: Mapping[str, Any], paying: Paying) -> None:
    """Check a 3-D Secure authentication that is named by its id: it must be there, and of this card."""
    name = "three_d_secure_authentication_id"
    if name not in params:
        return
    value = params[name]
    known = account.authentications.get(value or "")
    if params.get("three_d_secure_pass_thru"):
        raise Invalid(flaw("915199", name))
    if known is None:
        raise Invalid(flaw("915196", name))
    if known != paying.instrument.fingerprint:
        raise Invalid(flaw("915197", name))
