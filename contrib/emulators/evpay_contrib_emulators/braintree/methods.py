"""Instruments as answers have them: inside a transaction, in the vault, and as a nonce."""

from typing import Any, Final

from evpay_contrib_emulators.braintree.addresses import as_address
from evpay_contrib_emulators.braintree.global_ids import global_id
from evpay_contrib_emulators.braintree.instruments import Instrument, Method
from evpay_contrib_emulators.braintree.things import Nonce, Transaction
from evpay_contrib_emulators.braintree.xml import Array

__all__ = ["NONCE_TYPES", "as_instrument", "as_method", "as_nonce", "as_paid_with"]

_LOGO: Final = "https://assets.braintreegateway.com/payment_method_logo/{}.png?environment=sandbox"
_INDICATORS: Final = (
    *("prepaid", "healthcare", "debit", "durbin_regulated", "commercial", "payroll", "issuing_bank"),
    *("country_of_issuance", "product_id"),
)
_SHORT: Final = {
    "credit_card": "cc",
    "android_pay_card": "android",
    "apple_pay_card": "apple",
    "paypal_account": "pp",
    "venmo_account": "venmo",
}
NONCE_TYPES: Final = {
    "credit_card": "CreditCard",
    "android_pay_card": "AndroidPayCard",
    "apple_pay_card": "ApplePayCard",
    "paypal_account": "PayPalAccount",
    "venmo_account": "VenmoAccount",
}
_PAYPAL_NOTHING: Final = (
    *("refund_id", "payment_id", "authorization_id", "debug_id", "payee_id", "payee_email", "custom_field", "payer_id"),
    *("payer_first_name", "payer_last_name", "payer_status", "payer_phone", "seller_protection_status", "capture_id"),
    *("transaction_fee_amount", "transaction_fee_currency_iso_code", "refund_from_transaction_fee_amount"),
    *("refund_from_transaction_fee_currency_iso_code", "selected_financing_term", "selected_financing_currency_code"),
    *("selected_financing_discount_percentage", "description", "shipping_option_id", "cobranded_card_label"),
    *("implicitly_vaulted_payment_method_token", "implicitly_vaulted_payment_method_global_id"),
    *("billing_agreement_id", "paypal_retail_transaction_id", "paypal_retail_transaction_status"),
    *("paypal_retail_transaction_refund_url", "paypal_retail_transaction_lookup_url", "app_used_for_scanning"),
    *("refund_reason", "refund_description"),
)
# what an answer names beside a wallet's own elements, without knowing it
_PAID_NOTHING: Final = {
    "paypal_account": _PAYPAL_NOTHING,
    "android_pay_card": ("bin", "expiration_month", "expiration_year", *_INDICATORS),
}


def _global_id(kind: str, token: str | None) -> str | None:
    return global_id(f"paymentmethod_{_SHORT[kind]}", token)


def as_instrument(instrument: Instrument) -> dict[str, Any]:
    """Return what is known of the card; of a wallet, nothing."""
    card = instrument.kind == "credit_card"
    logo = instrument.brand.lower().replace(" ", "_") if card else "unknown"
    return {
        "bin": instrument.bin if card else None,
        "last_4": instrument.last_4 if card else None,
        "card_type": instrument.brand if card else None,
        "expiration_month": instrument.expiration_month if card else None,
        "expiration_year": instrument.expiration_year if card else None,
        "customer_location": "US" if card else None,
        "cardholder_name": instrument.cardholder_name,
        "image_url": _LOGO.format(logo),
        "is_network_tokenized": False,
        **_indicators(instrument),
        "unique_number_identifier": instrument.fingerprint if card else None,
    }


def as_paid_with(transaction: Transaction) -> dict[str, Any]:
    """Return the elements that say with what a transaction was paid: a wallet has one beside the card's."""
    instrument, token = transaction.instrument, transaction.token
    card = {
        "token": token,
        **as_instrument(instrument),
        "global_id": _global_id("credit_card", token),
        "account_type": "credit" if instrument.kind == "credit_card" else None,
        "venmo_sdk": False,
        "account_balance": None,
    }
    wallet = _WALLETS.get(instrument.kind)
    if wallet is None:
        return {"credit_card": card}
    name, show = wallet
    nothing = dict.fromkeys(_PAID_NOTHING.get(instrument.kind, ()))
    shown = {**nothing, **show(instrument, token), "global_id": _global_id(instrument.kind, token)}
    return {"credit_card": card, name: shown}


def _android(instrument: Instrument, token: str | None) -> dict[str, Any]:
    return {
        "google_transaction_id": "google_transaction_id",
        "image_url": _LOGO.format("android_pay_card"),
        "is_network_tokenized": True,
        "source_card_last_4": "1111",
        "source_card_type": instrument.brand,
        "source_description": f"{instrument.brand} 1111",
        "token": token,
        "virtual_card_last_4": instrument.last_4,
        "virtual_card_type": instrument.brand,
    }


def _apple(instrument: Instrument, token: str | None) -> dict[str, Any]:
    return {
        "card_type": f"Apple Pay - {instrument.brand}",
        "cardholder_name": instrument.cardholder_name,
        "expiration_month": instrument.expiration_month,
        "expiration_year": instrument.expiration_year,
        "image_url": _LOGO.format("apple_pay"),
        "last_4": instrument.last_4,
        "payment_instrument_name": f"{instrument.brand} {instrument.last_4}",
        "source_description": f"{instrument.brand} {instrument.last_4}",
        "token": token,
    }


def _paypal(_: Instrument, token: str | None) -> dict[str, Any]:
    return {"token": token, "payer_email": "payer@example.com", "image_url": _LOGO.format("paypal")}


def _venmo(_: Instrument, token: str | None) -> dict[str, Any]:
    return {
        "image_url": _LOGO.format("venmo"),
        "token": token,
        "source_description": "Venmo Account: venmojoe",
        "username": "venmojoe",
        "venmo_user_id": "1234567891234567891",
    }


_WALLETS: Final = {
    "android_pay_card": ("android_pay_card", _android),
    "apple_pay_card": ("apple_pay", _apple),
    "paypal_account": ("paypal", _paypal),
    "venmo_account": ("venmo_account", _venmo),
}


def as_method(method: Method) -> dict[str, Any]:
    """Return a vaulted method; its element is named for its kind."""
    kind = method.instrument.kind
    vaulted = {
        "created_at": method.created_at,
        "updated_at": method.updated_at,
        "customer_id": method.customer_id,
        "customer_global_id": global_id("customer", method.customer_id),
        "default": method.is_default,
        "global_id": _global_id(kind, method.token),
        "subscriptions": Array(item="subscription"),
        "token": method.token,
    }
    if kind == "paypal_account":
        return {**vaulted, **_PAYPAL_VAULTED}
    if kind == "venmo_account":
        return {**_venmo(method.instrument, None), **vaulted}
    if kind != "credit_card":
        return {**_wallet_card(method.instrument), **_WALLETS[kind][1](method.instrument, method.token), **vaulted}
    verifications = [] if method.verification is None else [method.verification]
    return {
        "billing_address": _billing(method),
        **as_instrument(method.instrument),
        "expired": False,
        **vaulted,
        "venmo_sdk": False,
        "verifications": Array(item="verification", values=verifications),
    }


def _wallet_card(instrument: Instrument) -> dict[str, Any]:
    return {
        "bin": instrument.bin,
        "expiration_month": instrument.expiration_month,
        "expiration_year": instrument.expiration_year,
        **_indicators(instrument),
    }


def _indicators(instrument: Instrument) -> dict[str, str]:
    return {name: instrument.indicators.get(name, "Unknown") for name in _INDICATORS}


def _billing(method: Method) -> dict[str, Any] | None:
    if not method.billing:
        return None
    times = {"created_at": method.created_at, "updated_at": method.updated_at}
    return {"id": "b1", "customer_id": method.customer_id, **as_address(method.billing), **times}


_PAYPAL_ADDRESS: Final = {
    "recipient_name": "Payer Example",
    "line1": "1 Example Road",
    "line2": None,
    "city": "Example",
    "state": "CA",
    "phone": None,
    "postal_code": "94065",
    "country_code": "US",
}
_PAYPAL_VAULTED: Final = {
    "billing_agreement_id": "paypal_billing_agreement_id",
    "cobranded_card_label": None,
    "email": "payer@example.com",
    "image_url": _LOGO.format("paypal"),
    "is_channel_initiated": False,
    "payer_id": "payer-id",
    "payer_info": {
        "email": "payer@example.com",
        "first_name": "Payer",
        "last_name": "Example",
        "payer_id": "payer-id",
        "phone": None,
        "billing_address": _PAYPAL_ADDRESS,
        "shipping_address": _PAYPAL_ADDRESS,
    },
    "limited_use_order_id": None,
    "revoked_at": None,
}


def as_nonce(nonce: Nonce) -> dict[str, Any]:
    """Return a nonce with what it stands for."""
    instrument = nonce.instrument
    info = instrument.three_d_secure
    is_card = "card" in instrument.kind
    return {
        "nonce": nonce.value,
        "type": NONCE_TYPES[instrument.kind],
        "description": f"ending in {instrument.last_4[-2:]}" if is_card else "",
        "is_locked": False,
        "consumed": nonce.is_consumed,
        "default": False,
        "security_questions": Array(item="item"),
        "three_d_secure_info": None if info is None else dict(info),
        "details": {
            "bin": instrument.bin,
            "last_four": instrument.last_4,
            "last_two": instrument.last_4[-2:],
            "card_type": instrument.brand,
        }
        if is_card
        else {},
        "bin_data": _indicators(instrument) if is_card else None,
        "authentication_insight": None,
    }
