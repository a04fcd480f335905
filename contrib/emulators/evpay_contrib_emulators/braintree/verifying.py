"""Verifications: the bank is asked whether a card is good, before it goes into the vault."""

from collections.abc import Mapping
from typing import Any

from evpay_contrib_emulators.braintree.account import Account, new_id
from evpay_contrib_emulators.braintree.addresses import as_address
from evpay_contrib_emulators.braintree.global_ids import global_id
from evpay_contrib_emulators.braintree.instruments import Instrument
from evpay_contrib_emulators.braintree.methods import as_instrument
from evpay_contrib_emulators.braintree.responses import APPROVED, decline

__all__ = ["VerificationDeclined", "verified"]


class VerificationDeclined(Exception):
    """422 with a verification: the bank does not vouch for the card."""

    def __init__(self, message: str, verification: dict[str, Any]) -> None:
        super().__init__(message)
        self.verification = verification


def verified(account: Account, instrument: Instrument, *, billing: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the verification of a card.

    Raises:
        VerificationDeclined: the bank says no.
    """
    response = decline(2000) if instrument.rule == "processor_declined" else APPROVED
    now, name, merchant_account = account.now(), new_id(), account.options.default_account
    verification = {
        "status": "verified" if response.is_approval else "processor_declined",
        "cvv_response_code": "M",
        "avs_error_response_code": None,
        "avs_postal_code_response_code": "M",
        "avs_street_address_response_code": "I",
        "gateway_rejection_reason": None,
        "merchant_account_id": merchant_account,
        "processor_response_code": response.code,
        "processor_response_text": response.text,
        "processor_response_type": response.type,
        "additional_processor_response": response.detail,
        "amount": "0.00",
        "currency_iso_code": account.options.merchant_accounts[merchant_account],
        "three_d_secure_info": None,
        "id": name,
        "billing": as_address(billing),
        "credit_card": {"token": None, "account_type": "credit", "global_id": None, **as_instrument(instrument)},
        "created_at": now,
        "updated_at": now,
        "network_transaction_id": f"0{now:%Y%m%d%H%M%S}",
        "network_response_code": "XX",
        "network_response_text": "sample network response text",
        "global_id": global_id("verification", name),
    }
    if not response.is_approval:
        raise VerificationDeclined(response.text, verification)
    return verification
