"""Which parameters each request may have; one that is not known makes the gateway answer 403 and do nothing."""

from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.braintree.errors import Denied

__all__ = ["KNOWN", "Shape", "checked", "is_true"]

Shape = Mapping[Any, Any]
"""The names that may be there; with None a text, with a shape what may be in it, with ... anything."""

_ANY_TEXTS: Final[Shape] = {...: None}


def _texts(names: str) -> dict[str, None]:
    return dict.fromkeys(names.split())


_PHONE: Final = _texts("country_code national_number")
_ADDRESS: Final = {
    **_texts("company country_code_alpha2 country_code_alpha3 country_code_numeric country_name extended_address"),
    **_texts("first_name last_name locality phone_number postal_code region street_address"),
    "international_phone": _PHONE,
}
_SHIPPING: Final = {**_ADDRESS, "shipping_method": None}
_DESCRIPTOR: Final = _texts("name phone url")
_CUSTOMER: Final = {**_texts("id company email fax first_name last_name phone website"), "international_phone": _PHONE}
_PASS_THRU: Final = _texts(
    "eci_flag cavv xid authentication_response directory_response cavv_algorithm ds_transaction_id "
    "three_d_secure_version"
)
_RISK: Final = _texts("customer_browser customer_device_id customer_ip customer_location_zip customer_tenure")
_OLD: Final = _texts("device_data device_session_id fraud_merchant_id venmo_sdk_payment_method_code")

# The names are those that the official SDK 4.48 knows (checked 2026-11-20, and by a test); what this emulator does not
# look into is taken as it is
# (https://developer.paypal.com/braintree/docs/reference/request/transaction/sale/python).
_SALE: Final[Shape] = {
    **_texts("type amount api_request_key order_id merchant_account_id channel sca_exemption transaction_source"),
    **_texts("payment_method_nonce payment_method_token customer_id billing_address_id shipping_address_id recurring"),
    **_texts("accept_partial_authorization discount_amount exchange_rate_quote_id foreign_retailer product_sku"),
    **_texts("processing_merchant_category_code purchase_order_number shared_customer_id shared_billing_address_id"),
    **_texts("shared_payment_method_nonce shared_payment_method_token shared_shipping_address_id shipping_amount"),
    **_texts("shipping_tax_amount ships_from_postal_code surcharge_amount tax_amount tax_exempt service_fee_amount"),
    **_texts("three_d_secure_authentication_id three_d_secure_token"),
    **_OLD,
    "android_pay_card": ...,
    "apple_pay_card": ...,
    "billing": _ADDRESS,
    "credit_card": {
        **_texts("cardholder_name cvv expiration_date expiration_month expiration_year number token"),
        "network_tokenization_attributes": ...,
        "payment_reader_card_details": ...,
    },
    "customer": _CUSTOMER,
    "custom_fields": _ANY_TEXTS,
    "descriptor": _DESCRIPTOR,
    "external_vault": _texts("status previous_network_transaction_id previous_mastercard_transaction_link_id"),
    "industry": ...,
    "installments": ...,
    "line_items": ...,
    "options": {
        **_texts("add_billing_address_to_payment_method payee_id payee_email skip_advanced_fraud_checking skip_avs"),
        **_texts("skip_cvv store_in_vault store_in_vault_on_success store_shipping_address_in_vault"),
        **_texts("submit_for_settlement venmo_sdk_session hold_in_escrow"),
        "adyen": ...,
        "amex_rewards": ...,
        "credit_card": _texts("account_type process_debit_as_credit"),
        "paypal": ...,
        "processing_overrides": ...,
        "three_d_secure": _texts("required"),
        "us_bank_account": ...,
        "venmo": _texts("profile_id"),
    },
    "payment_facilitator": ...,
    "paypal_account": _texts("payee_id payee_email payer_id payment_id"),
    "risk_data": _RISK,
    "shipping": _SHIPPING,
    "three_d_secure_pass_thru": _PASS_THRU,
    "transfer": ...,
    "us_bank_account": ...,
}
_SETTLE: Final[Shape] = {
    **_texts("amount api_request_key order_id purchase_order_number tax_amount tax_exempt discount_amount"),
    **_texts("shipping_address_id shipping_amount shipping_tax_amount ships_from_postal_code"),
    "descriptor": _DESCRIPTOR,
    "industry": ...,
    "line_items": ...,
    "shipping": _SHIPPING,
}
_VAULTING: Final = {
    **_texts("account_information_inquiry fail_on_duplicate_payment_method make_default skip_advanced_fraud_checking"),
    **_texts("fail_on_duplicate_payment_method_for_customer us_bank_account_verification_method verify_card"),
    **_texts("verification_account_type verification_add_ons verification_amount verification_merchant_account_id"),
    **_texts("venmo_sdk_session"),
    "adyen": ...,
    "paypal": ...,
}
_METHOD: Final[Shape] = {
    **_texts("billing_address_id cardholder_name customer_id cvv expiration_date expiration_month expiration_year"),
    **_texts("number payment_method_nonce paypal_refresh_token token"),
    **_OLD,
    "billing_address": {**_ADDRESS, "options": _texts("update_existing")},
    "options": _VAULTING,
    "three_d_secure_pass_thru": _PASS_THRU,
    "us_bank_account": ...,
}
_PERSON: Final[Shape] = {
    **_CUSTOMER,
    **_texts("payment_method_nonce default_payment_method_token"),
    **_OLD,
    "android_pay_card": ...,
    "android_pay_network_token": ...,
    "apple_pay_card": ...,
    "credit_card": ...,
    "custom_fields": _ANY_TEXTS,
    "options": ...,
    "risk_data": _RISK,
    "tax_identifiers": ...,
    "three_d_secure_pass_thru": _PASS_THRU,
}
KNOWN: Final[Mapping[str, Any]] = {
    "sale": _SALE,
    "submit_for_settlement": _SETTLE,
    "submit_for_partial_settlement": {**_SETTLE, "final_capture": None},
    "adjust_authorization": _texts("amount"),
    "void": _texts("api_request_key"),
    "reverse": _texts("api_request_key"),
    "refund": _texts("amount api_request_key order_id merchant_account_id surcharge_amount"),
    "update_details": {**_texts("amount order_id"), "descriptor": _DESCRIPTOR},
    "customer": _PERSON,
    "payment_method": _METHOD,
    "nonce": {
        **_texts("merchant_account_id authentication_insight"),
        "authentication_insight_options": _texts("amount recurring_customer_consent recurring_max_amount"),
    },
    "client_token": {
        **_texts("customer_id merchant_account_id payment_method_id proxy_merchant_id version"),
        "domains": ...,
        "options": _texts(
            "fail_on_duplicate_payment_method fail_on_duplicate_payment_method_for_customer make_default verify_card"
        ),
    },
    "evidence": _texts("comments category sequence_number"),
    "settlement_batch_summary": _texts("settlement_date group_by_custom_field"),
    "three_d_secure_verification": _texts(
        "number cardholder_name cvv expiration_date expiration_month expiration_year"
    ),
}


def checked(content: Any, shape: Any) -> dict[str, Any]:
    """Return the parameters, if all of them are known.

    Raises:
        Denied: 403; one of them is not, or is no text where a text should be.
    """
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Denied(403)
    _check(content, shape)
    return content


def _check(content: Any, shape: Any) -> None:
    if shape is ... or content is None:
        return
    if shape is None:
        if not isinstance(content, str):
            raise Denied(403)
        return
    if not isinstance(content, dict):
        raise Denied(403)
    for name, value in content.items():
        if name not in shape and ... not in shape:
            raise Denied(403)
        _check(value, shape[name] if name in shape else shape[...])


def is_true(content: Mapping[str, Any], *path: str) -> bool:
    """Whether there is a true there."""
    value: Any = content
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value in {"true", "1"} if isinstance(value, str) else False
