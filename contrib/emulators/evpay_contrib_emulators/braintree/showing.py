"""Transactions as answers have them, with every element that real answers have."""

from typing import Any, Final

from evpay_contrib_emulators.braintree import disputing
from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.addresses import as_address, as_phone
from evpay_contrib_emulators.braintree.global_ids import global_id
from evpay_contrib_emulators.braintree.instruments import Instrument
from evpay_contrib_emulators.braintree.methods import as_paid_with
from evpay_contrib_emulators.braintree.things import Adjustment, StatusEvent, Transaction
from evpay_contrib_emulators.braintree.xml import Array

__all__ = ["as_transaction"]

_CUSTOMER: Final = ("first_name", "last_name", "company", "email", "website", "phone")
_MERCHANT: Final = {
    "street_address": "",
    "locality": "Braintree",
    "region": "MA",
    "postal_code": "02184",
    "phone": "5555555555",
}
_USER: Final = "emulator@example.org"


def as_transaction(account: Account, transaction: Transaction) -> dict[str, Any]:
    """Return the transaction as it is now."""
    return {
        **_what(account, transaction),
        **_people(transaction),
        **_relatives(account, transaction),
        **_processed(transaction),
        **as_paid_with(transaction),
        **_course(account, transaction),
        **_networks(transaction),
        "payment_receipt": _receipt(account, transaction),
    }


def _what(account: Account, transaction: Transaction) -> dict[str, Any]:
    return {
        "id": transaction.id,
        "status": transaction.status,
        "type": transaction.type,
        "currency_iso_code": transaction.currency,
        "amount": account.shown(transaction.amount, transaction),
        "amount_requested": account.shown(transaction.amount_requested, transaction),
        "merchant_account_id": transaction.merchant_account,
        "sub_merchant_account_id": None,
        "master_merchant_account_id": None,
        "order_id": transaction.order_id,
        "created_at": transaction.created_at,
        "updated_at": transaction.updated_at,
    }


def _people(transaction: Transaction) -> dict[str, Any]:
    customer, params = transaction.customer, transaction.params
    return {
        "customer": {
            "id": transaction.customer_id,
            **{name: customer.get(name) for name in _CUSTOMER},
            "international_phone": as_phone(customer),
            "fax": customer.get("fax"),
            "global_id": global_id("customer", transaction.customer_id),
        },
        "billing": {"id": None, **as_address(params.get("billing"))},
        "shipping": {"id": None, **as_address(params.get("shipping")), "shipping_method": None},
        "custom_fields": params.get("custom_fields") or {},
    }


def _relatives(account: Account, transaction: Transaction) -> dict[str, Any]:
    refunds, parts = transaction.refund_ids, transaction.partial_ids
    return {
        "refund_id": refunds[-1] if refunds else None,
        "refund_ids": Array(item="item", values=refunds),
        "refunded_transaction_id": transaction.refunded_id,
        "partial_settlement_transaction_ids": Array(item="item", values=parts),
        "authorized_transaction_id": transaction.authorized_id,
        "settlement_batch_id": transaction.settlement_batch_id,
        "refund_global_ids": Array(item="item", values=[global_id("transaction", name) for name in refunds]),
        "partial_settlement_transaction_global_ids": Array(
            item="item", values=[global_id("transaction", name) for name in parts]
        ),
        "refunded_transaction_global_id": global_id("transaction", transaction.refunded_id),
        "authorized_transaction_global_id": global_id("transaction", transaction.authorized_id),
        "global_id": global_id("transaction", transaction.id),
        "disputes": Array(
            item="dispute",
            values=[disputing.as_dispute(account, account.disputes[name]) for name in transaction.dispute_ids],
        ),
        "retry_ids": Array(item="item"),
        "retry_global_ids": Array(item="item"),
        "retried_transaction_id": None,
        "retried_transaction_global_id": None,
        "retried": False,
    }


def _processed(transaction: Transaction) -> dict[str, Any]:
    response, params = transaction.response, transaction.params
    return {
        "account_funding_transaction": False,
        "avs_error_response_code": None,
        "avs_postal_code_response_code": "M" if (params.get("billing") or {}).get("postal_code") else "I",
        "avs_street_address_response_code": "I",
        "cvv_response_code": "M" if (params.get("credit_card") or {}).get("cvv") else "I",
        "gateway_rejection_reason": transaction.rejection,
        "processor_authorization_code": transaction.authorization_code,
        "processor_response_code": response.code,
        "processor_response_text": response.text,
        "processor_response_type": response.type,
        "additional_processor_response": response.detail,
        "voice_referral_number": None,
        "purchase_order_number": params.get("purchase_order_number"),
        "tax_amount": params.get("tax_amount"),
        "tax_exempt": params.get("tax_exempt") == "true",
        "sca_exemption_requested": params.get("sca_exemption"),
        "processed_with_network_token": False,
    }


def _course(account: Account, transaction: Transaction) -> dict[str, Any]:
    params, descriptor = transaction.params, transaction.params.get("descriptor") or {}
    is_disbursed = transaction.disbursed_on is not None
    code, text = transaction.settlement_response
    return {
        "status_history": Array(
            item="status_event", values=[_event(account, transaction, event) for event in transaction.history]
        ),
        "plan_id": None,
        "subscription_id": None,
        "subscription": {"billing_period_end_date": None, "billing_period_start_date": None},
        "add_ons": Array(item="item"),
        "discounts": Array(item="item"),
        "descriptor": {name: descriptor.get(name) for name in ("name", "phone", "url")},
        "recurring": (transaction.source or "").startswith("recurring"),
        "channel": params.get("channel"),
        "service_fee_amount": None,
        "escrow_status": None,
        "disbursement_details": {
            "disbursement_date": transaction.disbursed_on,
            "settlement_amount": account.shown(transaction.amount, transaction) if is_disbursed else None,
            "settlement_currency_iso_code": transaction.currency if is_disbursed else None,
            "settlement_currency_exchange_rate": "1" if is_disbursed else None,
            "settlement_base_currency_exchange_rate": "1" if is_disbursed else None,
            "funds_held": False if is_disbursed else None,
            "success": True if is_disbursed else None,
        },
        "authorization_adjustments": Array(
            item="authorization_adjustment",
            values=[_adjustment(account, transaction, adjustment) for adjustment in transaction.adjustments],
        ),
        "payment_instrument_type": transaction.instrument.kind,
        "processor_settlement_response_code": code,
        "processor_settlement_response_text": text,
        "authorization_expires_at": transaction.authorization_expires_at,
    }


def _event(account: Account, transaction: Transaction, event: StatusEvent) -> dict[str, Any]:
    return {
        "timestamp": event.at,
        "status": event.status,
        "amount": account.shown(event.amount, transaction),
        "user": _USER if event.source == "api" else None,
        "transaction_source": event.source,
    }


def _adjustment(account: Account, transaction: Transaction, adjustment: Adjustment) -> dict[str, Any]:
    return {
        "amount": account.shown(adjustment.amount, transaction),
        "success": adjustment.success,
        "timestamp": adjustment.at,
        "processor_response_code": adjustment.response.code,
        "processor_response_text": adjustment.response.text,
        "processor_response_type": adjustment.response.type,
    }


def _networks(transaction: Transaction) -> dict[str, Any]:
    was_heard = transaction.network_transaction_id is not None
    info = transaction.instrument.three_d_secure
    return {
        "network_response_code": "XX" if was_heard else None,
        "network_response_text": "sample network response text" if was_heard else None,
        "network_transaction_id": transaction.network_transaction_id,
        "merchant_advice_code": None,
        "merchant_advice_code_text": None,
        "three_d_secure_info": None if info is None else dict(info),
        "ships_from_postal_code": None,
        "shipping_amount": None,
        "shipping_tax_amount": None,
        "discount_amount": None,
        "surcharge_amount": None,
        "retrieval_reference_number": "1234567" if was_heard else None,
        "ach_return_code": None,
        "installment_count": None,
        "installments": Array(item="installment"),
        "refunded_installments": Array(item="installment"),
        "response_emv_data": None,
        "acquirer_reference_number": None,
        "merchant_identification_number": "123456789012",
        "terminal_identification_number": "00000001",
        "merchant_name": "DESCRIPTORNAME",
        "merchant_address": _MERCHANT,
        "pin_verified": False,
        "debit_network": None,
        "processing_mode": None,
    }


def _receipt(account: Account, transaction: Transaction) -> dict[str, Any]:
    return {
        "id": transaction.id,
        "global_id": global_id("transaction", transaction.id),
        "amount": account.shown(transaction.amount, transaction),
        "currency_iso_code": transaction.currency,
        "processor_response_code": transaction.response.code,
        "processor_response_text": transaction.response.text,
        "processor_authorization_code": transaction.authorization_code,
        "merchant_name": "DESCRIPTORNAME",
        "merchant_address": _MERCHANT,
        "merchant_identification_number": "123456789012",
        "terminal_identification_number": "00000001",
        "type": transaction.type,
        "pin_verified": False,
        "processing_mode": None,
        "network_identification_code": None,
        **_card(transaction.instrument),
    }


def _card(instrument: Instrument) -> dict[str, Any]:
    if instrument.kind != "credit_card":
        return {}
    return {"card_type": instrument.brand, "card_last_4": instrument.last_4, "account_balance": None}
