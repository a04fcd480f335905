"""Client tokens, the summary of a settlement batch, and the sandbox's 3-D Secure verifications."""

import base64
import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from evpay_contrib_emulators.braintree.account import Account, new_id
from evpay_contrib_emulators.braintree.currencies import shown
from evpay_contrib_emulators.braintree.errors import Invalid, NotFound, flaw
from evpay_contrib_emulators.braintree.instruments import Instrument
from evpay_contrib_emulators.braintree.paying import card_of
from evpay_contrib_emulators.braintree.things import Transaction
from evpay_contrib_emulators.braintree.xml import Array

__all__ = ["authentication", "client_token", "settlement_batch_summary"]

Params = Mapping[str, Any]


def client_token(account: Account, params: Params) -> str:
    """Return what the vendor's SDK in the payer's browser or app starts with.

    Raises:
        Invalid: customer, merchant account or version is not known.
    """
    customer, merchant_account = params.get("customer_id"), params.get("merchant_account_id")
    version = params.get("version") or "2"
    if customer is not None and customer not in account.customers:
        raise Invalid(flaw("92804", "customer_id", where="client_token"))
    if merchant_account is not None and merchant_account not in account.options.merchant_accounts:
        raise Invalid(flaw("92807", "merchant_account_id", where="client_token"))
    if version not in {"1", "2", "3"}:
        raise Invalid(flaw("92806", "version", where="client_token"))
    content = {
        "version": int(version),
        "authorizationFingerprint": f"{new_id(40)}|created_at={account.now():%Y-%m-%dT%H:%M:%S+0000}",
        "merchantId": account.options.merchant_id,
        "merchantAccountId": merchant_account or account.options.default_account,
        "environment": "sandbox",
        "threeDSecureEnabled": True,
        "paypalEnabled": "paypal_account" in account.options.wallets,
    }
    text = json.dumps(content)
    return text if version == "1" else base64.b64encode(text.encode()).decode()


def settlement_batch_summary(account: Account, params: Params) -> dict[str, Any]:
    """Return sums and counts of what settled in the batches of a day, by merchant account, kind and brand.

    Raises:
        Invalid: the date or the custom field does not do.
    """
    day, group = _day(params.get("settlement_date")), params.get("group_by_custom_field")
    if group is not None and group not in account.options.custom_fields:
        raise Invalid(flaw("82303", "custom_field", where="settlement_batch_summary"))
    counts: Counter[tuple[str, ...]] = Counter()
    sums: dict[tuple[str, ...], Decimal] = {}
    for transaction in account.transactions.values():
        if transaction.status == "settled" and (transaction.settlement_batch_id or "").startswith(f"{day}_"):
            names = _grouping(transaction, group)
            counts[names] += 1
            sums[names] = sums.get(names, Decimal(0)) + transaction.amount
    records = [_record(account, names, count, sums[names], group) for names, count in counts.items()]
    return {"records": Array(item="record", values=records)}


def _day(text: str | None) -> date:
    if not text:
        raise Invalid(flaw("82301", "settlement_date", where="settlement_batch_summary"))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(flaw("82302", "settlement_date", where="settlement_batch_summary")) from None


def _grouping(transaction: Transaction, group: str | None) -> tuple[str, ...]:
    fields = transaction.params.get("custom_fields") or {}
    custom = () if group is None else (fields.get(group) or "",)
    return (transaction.merchant_account, transaction.type, transaction.instrument.brand, *custom)


def _record(account: Account, names: tuple[str, ...], count: int, total: Decimal, group: str | None) -> dict[str, Any]:
    currency = account.options.merchant_accounts[names[0]]
    custom = {} if group is None else {group: names[3]}
    return {
        "card_type": names[2],
        "count": str(count),
        "kind": names[1],
        "merchant_account_id": names[0],
        "amount_settled": shown(total, currency),
        **custom,
    }


def authentication(account: Account, merchant_account: str, params: Params) -> str:
    """Return the id of a 3-D Secure authentication of a card, as if its holder had passed it.

    Raises:
        NotFound: there is no such merchant account.
        Invalid: it is no card.
    """
    if merchant_account not in account.options.merchant_accounts:
        raise NotFound(f"no merchant account {merchant_account!r}")
    card = card_of(params, where="three_d_secure_verification")
    if not isinstance(card, Instrument):
        raise Invalid(*card)
    name = new_id(16)
    account.authentications[name] = card.fingerprint
    return name
