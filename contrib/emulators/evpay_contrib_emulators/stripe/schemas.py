"""The parameters of each request, as Stripe's API has them in version 2026-10-28.endive.

https://docs.stripe.com/api (checked 2026-11-20). What is for other businesses (Connect, shipping, other means of
payment) is not known here, and is refused like any other unknown parameter.
"""

from typing import Final

from evpay_contrib_emulators.stripe.parameters import Kind, Schema

__all__ = [
    "ATTACH", "CANCEL", "CANCEL_SETUP", "CAPTURE", "CHARGES", "CONFIRM", "CONFIRMATION_TOKEN", "CONFIRM_SETUP",
    "CREATE", "CUSTOMER", "DISPUTE", "DISPUTES", "EVENTS", "EXPAND", "INCREMENT", "INTENTS", "METHOD", "METHODS",
    "PRESENT", "PROCESS", "READER", "READERS", "REFUND", "REFUNDS", "RETRIEVE", "SEARCH", "SETUP", "TRANSACTIONS",
    "UPDATE", "UPDATE_REFUND",
]  # fmt: skip

_INT, _BOOL, _STR, _META, _STRINGS = Kind.INT, Kind.BOOL, Kind.STR, Kind.METADATA, Kind.STRINGS
_IF_AVAILABLE: Final = ("if_available", "never")
_LATER: Final = ("off_session", "on_session")
_CAPTURE_METHODS: Final = ("automatic", "automatic_async", "manual")

EXPAND: Final[Schema] = {"expand": _STRINGS}
RETRIEVE: Final[Schema] = {**EXPAND, "client_secret": _STR}
_PAGE: Final[Schema] = {**EXPAND, "limit": _INT, "starting_after": _STR, "ending_before": _STR}
_CARD_OPTIONS: Final[Schema] = {
    "capture_method": ("", "manual"),
    "moto": _BOOL,
    "request_extended_authorization": _IF_AVAILABLE,
    "request_incremental_authorization": _IF_AVAILABLE,
    "request_multicapture": _IF_AVAILABLE,
    "request_overcapture": _IF_AVAILABLE,
    "request_three_d_secure": ("any", "automatic", "challenge"),
    "setup_future_usage": ("", "none", *_LATER),
}
_PRESENT_OPTIONS: Final[Schema] = {
    "capture_method": ("manual", "manual_preferred"),
    "request_extended_authorization": _BOOL,
    "request_incremental_authorization_support": _BOOL,
}
_OPTIONS: Final[Schema] = {"card": _CARD_OPTIONS, "card_present": _PRESENT_OPTIONS, "paypal": Kind.ANY}
_METHOD_DATA: Final[Schema] = {
    "type": _STR,
    "card": {"token": _STR, "number": _STR, "exp_month": _INT, "exp_year": _INT, "cvc": _STR},
    "paypal": Kind.ANY,
    "billing_details": Kind.ANY,
    "metadata": _META,
}
_MEANS: Final[Schema] = {
    "confirmation_token": _STR,
    "mandate_data": Kind.ANY,
    "payment_method": _STR,
    "payment_method_data": _METHOD_DATA,
    "return_url": _STR,
    "use_stripe_sdk": _BOOL,
}
CREATE: Final[Schema] = {
    **EXPAND,
    **_MEANS,
    "amount": _INT,
    "currency": _STR,
    "allowed_payment_method_types": _STRINGS,
    "automatic_payment_methods": {"enabled": _BOOL, "allow_redirects": ("always", "never")},
    "capture_method": _CAPTURE_METHODS,
    "confirm": _BOOL,
    "confirmation_method": ("automatic", "manual"),
    "customer": _STR,
    "description": _STR,
    "error_on_requires_action": _BOOL,
    "metadata": _META,
    "off_session": _BOOL,
    "payment_method_options": _OPTIONS,
    "receipt_email": _STR,
    "setup_future_usage": _LATER,
    "statement_descriptor": _STR,
    "statement_descriptor_suffix": _STR,
    "transfer_group": _STR,
}
UPDATE: Final[Schema] = {**EXPAND, "description": _STR, "metadata": _META, "receipt_email": _STR}
CONFIRM: Final[Schema] = {
    **EXPAND,
    **_MEANS,
    "error_on_requires_action": _BOOL,
    "off_session": _BOOL,
    "payment_method_options": _OPTIONS,
}
CAPTURE: Final[Schema] = {
    **EXPAND,
    "amount_to_capture": _INT,
    "final_capture": _BOOL,
    "metadata": _META,
    "statement_descriptor": _STR,
    "statement_descriptor_suffix": _STR,
}
INCREMENT: Final[Schema] = {
    **EXPAND,
    "amount": _INT,
    "description": _STR,
    "metadata": _META,
    "statement_descriptor": _STR,
}
CANCEL: Final[Schema] = {
    **EXPAND,
    "cancellation_reason": ("duplicate", "fraudulent", "requested_by_customer", "abandoned"),
}
INTENTS: Final[Schema] = {**_PAGE, "created": Kind.RANGE, "customer": _STR}
SEARCH: Final[Schema] = {**EXPAND, "query": _STR, "limit": _INT, "page": _STR}
CHARGES: Final[Schema] = {**_PAGE, "created": Kind.RANGE, "customer": _STR, "payment_intent": _STR}
REFUND: Final[Schema] = {
    **EXPAND,
    "amount": _INT,
    "charge": _STR,
    "metadata": _META,
    "payment_intent": _STR,
    "reason": ("duplicate", "fraudulent", "requested_by_customer"),
}
UPDATE_REFUND: Final[Schema] = {**EXPAND, "metadata": _META}
REFUNDS: Final[Schema] = {**_PAGE, "charge": _STR, "created": Kind.RANGE, "payment_intent": _STR}
TRANSACTIONS: Final[Schema] = {
    **_PAGE,
    "created": Kind.RANGE,
    "currency": _STR,
    "payout": _STR,
    "source": _STR,
    "type": _STR,
}
DISPUTES: Final[Schema] = {**_PAGE, "charge": _STR, "created": Kind.RANGE, "payment_intent": _STR}
DISPUTE: Final[Schema] = {
    **EXPAND,
    "evidence": {"uncategorized_text": _STR, "customer_name": _STR, "service_date": _STR, "receipt": _STR},
    "metadata": _META,
    "submit": _BOOL,
}
EVENTS: Final[Schema] = {**_PAGE, "created": Kind.RANGE, "type": _STR, "types": _STRINGS}
CUSTOMER: Final[Schema] = {
    **EXPAND,
    "description": _STR,
    "email": _STR,
    "metadata": _META,
    "name": _STR,
    "payment_method": _STR,
    "phone": _STR,
}
METHOD: Final[Schema] = {**EXPAND, **_METHOD_DATA}
METHODS: Final[Schema] = {**_PAGE, "customer": _STR, "type": _STR}
ATTACH: Final[Schema] = {**EXPAND, "customer": _STR}
SETUP: Final[Schema] = {
    **EXPAND,
    **_MEANS,
    "allowed_payment_method_types": _STRINGS,
    "automatic_payment_methods": {"enabled": _BOOL, "allow_redirects": ("always", "never")},
    "confirm": _BOOL,
    "customer": _STR,
    "description": _STR,
    "metadata": _META,
    "usage": _LATER,
}
CONFIRM_SETUP: Final[Schema] = {**EXPAND, **_MEANS}
CANCEL_SETUP: Final[Schema] = {
    **EXPAND,
    "cancellation_reason": ("abandoned", "requested_by_customer", "duplicate"),
}
CONFIRMATION_TOKEN: Final[Schema] = {
    **EXPAND,
    "payment_method": _STR,
    "payment_method_data": _METHOD_DATA,
    "return_url": _STR,
    "setup_future_usage": _LATER,
}
READER: Final[Schema] = {**EXPAND, "registration_code": _STR, "label": _STR, "location": _STR, "metadata": _META}
READERS: Final[Schema] = {**_PAGE, "device_type": _STR, "location": _STR, "serial_number": _STR, "status": _STR}
PROCESS: Final[Schema] = {
    **EXPAND,
    "payment_intent": _STR,
    "process_config": {
        "allow_redisplay": ("always", "limited", "unspecified"),
        "enable_customer_cancellation": _BOOL,
        "return_url": _STR,
        "skip_tipping": _BOOL,
        "tipping": {"amount_eligible": _INT},
    },
}
PRESENT: Final[Schema] = {
    **EXPAND,
    "amount_tip": _INT,
    "card_present": {"number": _STR},
    "type": ("card", "card_present", "interac_present"),
}
