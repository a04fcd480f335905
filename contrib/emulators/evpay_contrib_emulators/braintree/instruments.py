"""What people pay with: the vendor's test nonces and cards, and what becomes of a payment with each."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

__all__ = [
    "CONSUMED",
    "NONCES",
    "Instrument",
    "Method",
    "brand_of",
    "card_instrument",
    "is_luhn_valid",
    "three_d_secure_info",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A card or a wallet, as a nonce or a vaulted method stands for it.

    `rule` is what happens to every payment with it: nothing, or `processor_declined`, `processor_failed`, or the
    reason of a gateway's rejection.
    """

    kind: str = "credit_card"
    brand: str = "Visa"
    bin: str = "401288"
    last_4: str = "1881"
    expiration_month: str = "12"
    expiration_year: str = "2030"
    cardholder_name: str | None = None
    rule: str = ""
    one_time: bool = False
    disputed: bool = False
    indicators: Mapping[str, str] = field(default_factory=dict)
    three_d_secure: Mapping[str, Any] | None = None

    @property
    def is_paypal(self) -> bool:
        """Whether PayPal carries it; Venmo does as PayPal does where settlement is meant."""
        return self.kind in {"paypal_account", "venmo_account"}

    @property
    def fingerprint(self) -> str:
        """What is the same for the same number."""
        return hashlib.sha256(f"{self.kind} {self.bin} {self.last_4}".encode()).hexdigest()[:32]


@dataclass(slots=True, kw_only=True, eq=False)
class Method:
    """An instrument in the vault, under a token."""

    token: str
    customer_id: str
    instrument: Instrument
    created_at: datetime
    updated_at: datetime
    is_default: bool = False
    billing: Mapping[str, Any] = field(default_factory=dict)
    verification: Mapping[str, Any] | None = None


def _brand(name: str, number: str) -> Instrument:
    return Instrument(brand=name, bin=number[:6], last_4=number[-4:])


_VISA: Final = _brand("Visa", "4012888888881881")
_MASTERCARD: Final = _brand("MasterCard", "5555555555554444")
_AMEX: Final = _brand("American Express", "378282246310005")
_DISCOVER: Final = _brand("Discover", "6011111111111117")
_BRANDS: Final = {
    "visa": _VISA,
    "mastercard": _MASTERCARD,
    "amex": _AMEX,
    "discover": _DISCOVER,
    "dinersclub": _brand("Diners Club", "36259600000004"),
    "jcb": _brand("JCB", "3530111333300000"),
    "maestro": _brand("Maestro", "6304000000000000"),
}
_DECLINED_NUMBERS: Final = {
    "visa": "4000111111111115",
    "mastercard": "5105105105105100",
    "amex": "378734493671000",
    "discover": "6011000990139424",
}
_DISPUTED_NUMBER: Final = "4023898493988028"
_PREFIXES: Final = (
    ("34", "American Express"),
    ("37", "American Express"),
    ("36", "Diners Club"),
    ("35", "JCB"),
    ("50", "Maestro"),
    ("6304", "Maestro"),
    ("6", "Discover"),
    ("5", "MasterCard"),
    ("2", "MasterCard"),
    ("4", "Visa"),
)
_INDICATORS: Final = {
    "business": {"commercial": "Yes"},
    "commercial": {"commercial": "Yes"},
    "debit": {"debit": "Yes"},
    "durbin-regulated": {"durbin_regulated": "Yes"},
    "healthcare": {"healthcare": "Yes", "product_id": "J3"},
    "payroll": {"payroll": "Yes", "product_id": "MSA"},
    "prepaid": {"prepaid": "Yes"},
    "country-of-issuance-usa": {"country_of_issuance": "USA"},
    "country-of-issuance-cad": {"country_of_issuance": "CAN"},
}

# How an authentication ended, by the vendor's test nonces: the status, whether the liability is shifted, and whether
# that was possible. The statuses are those of
# https://developer.paypal.com/braintree/graphql/reference/types/three-d-secure-authentication-status (checked
# 2026-11-20); which nonce ends in which was not verified.
_AUTHENTICATIONS: Final = {
    "visa-full-authentication": ("authenticate_successful", True, True),
    "two-visa-successful-frictionless-authentication": ("authenticate_successful", True, True),
    "two-visa-successful-step-up-authentication": ("authenticate_successful", True, True),
    "two-visa-error-on-lookup": ("lookup_error", False, False),
    "two-visa-timeout-on-lookup": ("lookup_error", False, False),
    "visa-attempts-non-participating": ("authenticate_attempt_successful", True, True),
    "visa-authentication-unavailable": ("authenticate_unable_to_authenticate", False, True),
    "visa-bypassed-authentication": ("authenticate_successful", False, True),
    "visa-failed-authentication": ("authenticate_failed", False, True),
    "visa-failed-signature": ("authenticate_signature_verification_failed", False, True),
    "visa-lookup-timeout": ("lookup_error", False, False),
    "visa-mpi-authenticate-error": ("authenticate_error", False, True),
    "visa-mpi-lookup-error": ("lookup_error", False, False),
    "visa-not-enrolled": ("lookup_not_enrolled", True, True),
    "visa-unavailable": ("authentication_unavailable", False, False),
}


def three_d_secure_info(
    status: str = "authenticate_successful", *, shifted: bool = True, possible: bool = True, name: str = "auth"
) -> dict[str, Any]:
    """Return what is known of an authentication, as answers show it."""
    return {
        "enrolled": "Y" if possible else "U",
        "liability_shifted": shifted,
        "liability_shift_possible": possible,
        "status": status,
        "cavv": "cavv_value" if shifted else None,
        "xid": "xid_value" if shifted else None,
        "eci_flag": "05" if shifted else "07",
        "three_d_secure_version": "2.2.0",
        "ds_transaction_id": "validDsTransactionId" if shifted else None,
        "three_d_secure_authentication_id": name,
    }


def _nonces() -> dict[str, Instrument]:
    nonces = {
        "fake-valid-nonce": _VISA,
        "fake-gateway-rejected-fraud-nonce": replace(_VISA, rule="fraud"),
        "fake-gateway-rejected-risk-thresholds-nonce": replace(_VISA, rule="risk_threshold"),
        "fake-processor-failure-jcb-nonce": replace(_BRANDS["jcb"], rule="processor_failed"),
        "fake-android-pay-nonce": replace(_VISA, kind="android_pay_card"),
        "fake-apple-pay-mpan-nonce": replace(_VISA, kind="apple_pay_card"),
        "fake-paypal-one-time-nonce": Instrument(kind="paypal_account", one_time=True),
        "fake-paypal-billing-agreement-nonce": Instrument(kind="paypal_account"),
        "fake-paypal-future-nonce": Instrument(kind="paypal_account"),
        "fake-venmo-account-nonce": Instrument(kind="venmo_account"),
        "fake-token-issuance-error-venmo-account-nonce": Instrument(kind="venmo_account", rule="token_issuance"),
    }
    for name, card in _BRANDS.items():
        nonces[f"fake-valid-{name}-nonce"] = card
    for name in ("amex", "discover", "mastercard", "visa"):
        number = _DECLINED_NUMBERS[name]
        declined = replace(_brand(_BRANDS[name].brand, number), rule="processor_declined")
        nonces[f"fake-processor-declined-{name}-nonce"] = declined
        nonces[f"fake-android-pay-{name}-nonce"] = replace(_BRANDS[name], kind="android_pay_card")
        nonces[f"fake-apple-pay-{name}-nonce"] = replace(_BRANDS[name], kind="apple_pay_card")
    for name, indicators in _INDICATORS.items():
        nonces[f"fake-valid-{name}-nonce"] = replace(_VISA, indicators=indicators)
    for name, (status, shifted, possible) in _AUTHENTICATIONS.items():
        info = three_d_secure_info(status, shifted=shifted, possible=possible)
        nonces[f"fake-three-d-secure-{name}-nonce"] = replace(_VISA, three_d_secure=info)
    return nonces


# The sandbox's nonces that stand for what is emulated here, by the names that the official SDK 4.48 has (checked
# 2026-11-20); they can be used again and again, unlike those that are made for one payment
# (https://developer.paypal.com/braintree/docs/reference/general/testing#payment-method-nonces).
NONCES: Final[Mapping[str, Instrument]] = _nonces()
CONSUMED: Final = "fake-consumed-nonce"


def is_luhn_valid(number: str) -> bool:
    """Whether the last digit fits the others."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


def brand_of(number: str) -> str:
    """Return whose card this is, by its first digits."""
    return next((name for prefix, name in _PREFIXES if number.startswith(prefix)), "Unknown")


def card_instrument(number: str, *, month: str, year: str, name: str | None) -> Instrument:
    """Return the card of this number; the number itself is not kept."""
    return Instrument(
        brand=brand_of(number),
        bin=number[:6],
        last_4=number[-4:],
        expiration_month=month,
        expiration_year=year,
        cardholder_name=name,
        rule="processor_declined" if number in _DECLINED_NUMBERS.values() else "",
        disputed=number == _DISPUTED_NUMBER,
    )
