"""What can be done with one authorization beside a single capture."""

from evpay_contrib_emulators.stripe.account import DAY, Account
from evpay_contrib_emulators.stripe.things import Charge, Intent

__all__ = ["authorized_limit", "is_available", "window"]


def is_available(account: Account, intent: Intent, charge: Charge, feature: str) -> bool:
    """Whether a feature was asked for, and the account, the card and the way it was read allow it."""
    card = charge.card
    if not account.options.features:
        return False
    if card.kind == "card_present":
        asked = intent.options.get("card_present", {}).get(f"request_{feature}_support")
        return bool(asked) and card.increments and feature == "incremental_authorization"
    asked = intent.options.get("card", {}).get(f"request_{feature}") == "if_available"
    able = card.increments if feature == "incremental_authorization" else card.extras
    return asked and able and card.kind == "card"


def authorized_limit(account: Account, intent: Intent, charge: Charge) -> int:
    """Return how much of the authorization may be captured in all."""
    if is_available(account, intent, charge, "overcapture"):
        return charge.authorized * account.options.capture_percent // 100
    return charge.authorized


def window(charge: Charge, *, off_session: bool) -> int:
    """Return how many seconds the hold lasts.

    https://docs.stripe.com/payments/place-a-hold-on-a-payment-method and
    https://docs.stripe.com/terminal/features/extended-authorizations (checked 2026-11-20)
    """
    visa = charge.card.brand == "visa"
    if charge.extended:
        return 30 * DAY
    if charge.card.kind == "card_present":
        return 5 * DAY if visa else 2 * DAY
    if charge.card.kind == "paypal":
        return 10 * DAY
    return 5 * DAY - DAY // 4 if off_session and visa else 7 * DAY
