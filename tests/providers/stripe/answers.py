"""Stripe's answers in its own shape, as real test-mode exchanges had it, with made-up ids and cut to what is read."""

import copy
from typing import Any

CARD = {
    "amount_authorized": 2900,
    "authorization_code": "057895",
    "brand": "visa",
    "capture_before": 1_763_404_144,
    "exp_month": 11,
    "exp_year": 2034,
    "extended_authorization": {"status": "disabled"},
    "incremental_authorization": {"status": "unavailable"},
    "last4": "4242",
    "multicapture": {"status": "unavailable"},
    "network": "visa",
    "overcapture": {"maximum_amount_capturable": 2900, "status": "unavailable"},
}
CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "amount": 2900,
    "amount_captured": 0,
    "amount_refunded": 0,
    "captured": False,
    "created": 1_762_799_344,
    "currency": "usd",
    "disputed": False,
    "paid": True,
    "payment_intent": "pi_1",
    "payment_method_details": {"card": CARD, "type": "card"},
    "status": "succeeded",
}
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 2900,
    "amount_capturable": 2900,
    "amount_received": 0,
    "cancellation_reason": None,
    "capture_method": "manual",
    "client_secret": "pi_1_secret_x",
    "created": 1_762_799_344,
    "currency": "usd",
    "customer": "cus_1",
    "last_payment_error": None,
    "latest_charge": CHARGE,
    "livemode": False,
    "metadata": {"evpay_reference": "p1"},
    "next_action": None,
    "payment_method": "pm_1",
    "setup_future_usage": None,
    "status": "requires_capture",
}
REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 1000,
    "balance_transaction": "txn_1",
    "charge": "ch_1",
    "created": 1_762_799_399,
    "currency": "usd",
    "metadata": {"evpay_reference": "r1"},
    "payment_intent": "pi_1",
    "status": "succeeded",
}


def intent(
    *, card: dict[str, Any] | None = None, charge: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """An authorized intent, changed in places."""
    answer = copy.deepcopy(INTENT)
    answer["latest_charge"]["payment_method_details"]["card"] |= card or {}
    answer["latest_charge"] |= charge or {}
    return answer | fields


def captured(amount: int = 2900, **fields: Any) -> dict[str, Any]:
    return intent(status="succeeded", amount_received=amount, amount_capturable=0, **fields)


def refund(**fields: Any) -> dict[str, Any]:
    return copy.deepcopy(REFUND) | fields


def terse(**fields: Any) -> dict[str, Any]:
    """What a minimal stand-in answers: no running totals, and a charge without card details."""
    answer = intent(**fields)
    for name in ("amount_capturable", "amount_received"):
        del answer[name]
    answer["latest_charge"] = {"id": "ch_1", "object": "charge", "amount": 2900, "status": "succeeded"}
    return answer


def dispute(*moved: int, **fields: Any) -> dict[str, Any]:
    """A dispute, with what it took from the balance and gave back, in the order in which it happened."""
    movements = [{"id": f"txn_{n}", "amount": amount, "created": 1_762_900_000 + n} for n, amount in enumerate(moved)]
    told = {"amount": 2900, "currency": "usd", "status": "needs_response", "payment_intent": "pi_1"}
    return {"id": "dp_1", "object": "dispute", "balance_transactions": movements, **told, **fields}
