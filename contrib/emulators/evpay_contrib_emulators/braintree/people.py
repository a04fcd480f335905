"""Customers as answers have them, with all that is vaulted for them."""

from typing import Any, Final

from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.addresses import as_phone
from evpay_contrib_emulators.braintree.global_ids import global_id
from evpay_contrib_emulators.braintree.methods import as_method
from evpay_contrib_emulators.braintree.things import Customer
from evpay_contrib_emulators.braintree.xml import Array

__all__ = ["as_customer"]

_DETAILS: Final = ("first_name", "last_name", "company", "email", "phone", "fax", "website")
_LISTS: Final = {
    "credit_cards": "credit_card",
    "paypal_accounts": "paypal_account",
    "apple_pay_cards": "apple_pay_card",
    "android_pay_cards": "android_pay_card",
    "venmo_accounts": "venmo_account",
}


def as_customer(account: Account, customer: Customer) -> dict[str, Any]:
    """Return the customer."""
    methods = [method for method in account.methods.values() if method.customer_id == customer.id]
    return {
        "id": customer.id,
        "merchant_id": account.options.merchant_id,
        **{name: customer.details.get(name) for name in _DETAILS},
        "international_phone": as_phone(customer.details),
        "created_at": customer.created_at,
        "updated_at": customer.updated_at,
        "custom_fields": customer.details.get("custom_fields") or {},
        "global_id": global_id("customer", customer.id),
        **{
            name: Array(item=kind, values=[as_method(method) for method in methods if method.instrument.kind == kind])
            for name, kind in _LISTS.items()
        },
        "addresses": Array(item="address"),
    }
