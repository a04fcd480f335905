"""The cards that this Stripe knows: Stripe's own test cards, and a few of ours for what Stripe has no card for."""

from dataclasses import dataclass, replace
from typing import Final

__all__ = ["BY_NUMBER", "CARDS", "PAYPAL", "Card"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card or account, and what its issuer does with it."""

    brand: str = "visa"
    last4: str = "4242"
    kind: str = "card"
    funding: str = "credit"
    country: str = "US"
    wallet: str | None = None
    decline: tuple[str, str | None] | None = None
    """`code` and `decline_code` of every authorization."""
    challenge: str | None = None
    """`always`, or `unsaved`: only as long as it has not been set up for later."""
    increments: bool = True
    increment_decline: bool = False
    extras: bool = True
    """Whether several captures and captures above the hold are possible."""
    partial: bool = False
    """Half of what is asked is authorized."""
    status: str | None = None
    """Where a confirmed payment stays, instead of being authorized."""
    refund: str = "succeeded"
    dispute: str | None = None
    """The reason of the dispute that follows each capture."""


def _declined(decline_code: str | None, code: str = "card_declined", *, last4: str = "0002") -> Card:
    return Card(last4=last4, decline=(code, decline_code))


PAYPAL: Final = Card(brand="paypal", last4="", kind="paypal", challenge="always")

# https://docs.stripe.com/testing (checked 2026-11-20)
_STRIPES: Final = {
    "pm_card_visa": Card(),
    "pm_card_visa_debit": Card(last4="5556", funding="debit"),
    "pm_card_mastercard": Card(brand="mastercard", last4="4444", increments=False),
    "pm_card_mastercard_debit": Card(brand="mastercard", last4="3222", funding="debit", increments=False),
    "pm_card_amex": Card(brand="amex", last4="8431"),
    "pm_card_discover": Card(brand="discover", last4="9424", increments=False),
    "pm_card_chargeDeclined": _declined("generic_decline"),
    "pm_card_visa_chargeDeclined": _declined("generic_decline"),
    "pm_card_chargeCustomerFail": _declined("generic_decline", last4="0341"),
    "pm_card_chargeDeclinedInsufficientFunds": _declined("insufficient_funds", last4="9995"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": _declined("insufficient_funds", last4="9995"),
    "pm_card_chargeDeclinedLostCard": _declined("lost_card", last4="9987"),
    "pm_card_visa_chargeDeclinedLostCard": _declined("lost_card", last4="9987"),
    "pm_card_chargeDeclinedStolenCard": _declined("stolen_card", last4="9979"),
    "pm_card_visa_chargeDeclinedStolenCard": _declined("stolen_card", last4="9979"),
    "pm_card_chargeDeclinedFraudulent": _declined("fraudulent", last4="0019"),
    "pm_card_chargeDeclinedVelocityLimitExceeded": _declined("card_velocity_exceeded", last4="6975"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": _declined("card_velocity_exceeded", last4="6975"),
    "pm_card_chargeDeclinedExpiredCard": _declined(None, "expired_card", last4="0069"),
    "pm_card_chargeDeclinedIncorrectCvc": _declined(None, "incorrect_cvc", last4="0127"),
    "pm_card_chargeDeclinedProcessingError": _declined(None, "processing_error", last4="0119"),
    "pm_card_authenticationRequired": Card(last4="3184", challenge="always"),
    "pm_card_authenticationRequiredOnSetup": Card(last4="3155", challenge="unsaved"),
    "pm_card_authenticationRequiredSetupForOffSession": Card(last4="3155", challenge="unsaved"),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        last4="8260", challenge="always", decline=("card_declined", "insufficient_funds")
    ),
    "pm_card_threeDSecure2Required": Card(last4="3220", challenge="always"),
    "pm_card_threeDSecureOptional": Card(last4="3055"),
    "pm_card_pendingRefund": Card(last4="7726", refund="pending"),
    "pm_card_refundFail": Card(last4="5126", refund="failed"),
    "pm_card_createDispute": Card(last4="0259", dispute="fraudulent"),
    "pm_card_createDisputeProductNotReceived": Card(last4="2685", dispute="product_not_received"),
    "pm_card_createDisputeInquiry": Card(last4="1976", dispute="inquiry"),
}
_OURS: Final = {
    "pm_evpay_incrementDeclined": Card(last4="9001", increment_decline=True),
    "pm_evpay_partial": Card(last4="9002", partial=True),
    "pm_evpay_processing": Card(last4="9003", status="processing"),
    "pm_evpay_oddStatus": Card(last4="9004", status="entangled"),
    "pm_evpay_oddCode": _declined("a_code_from_the_future"),
    "pm_evpay_plain": Card(last4="9005", increments=False, extras=False),
    "pm_evpay_applePay": Card(last4="9006", wallet="apple_pay"),
    "pm_evpay_googlePay": Card(last4="9007", wallet="google_pay"),
}
CARDS: Final = _STRIPES | _OURS

# What is presented to a reader. https://docs.stripe.com/terminal/references/testing (checked 2026-11-20)
_PRESENT: Final = {
    "4242424242424242": Card(),
    "4000056655665556": Card(last4="5556", funding="debit"),
    "5555555555554444": Card(brand="mastercard", last4="4444"),
    "5200828282828210": Card(brand="mastercard", last4="8210", funding="debit"),
    "378282246310005": Card(brand="amex", last4="0005"),
    "4000000000000002": _declined("generic_decline"),
    "4000000000009995": _declined("insufficient_funds", last4="9995"),
    "4000000000009987": _declined("lost_card", last4="9987"),
    "4000000000009979": _declined("stolen_card", last4="9979"),
    "4000000000000069": _declined(None, "expired_card", last4="0069"),
    "4000000000000119": _declined(None, "processing_error", last4="0119"),
    "4000000000005126": Card(last4="5126", refund="failed"),
}
BY_NUMBER: Final = {number: replace(card, kind="card_present") for number, card in _PRESENT.items()}
