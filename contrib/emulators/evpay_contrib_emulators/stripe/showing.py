"""Things as Stripe shows them in JSON; what can be expanded is an id here."""

from typing import Any, Final

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.cards import Card
from evpay_contrib_emulators.stripe.features import authorized_limit, is_available
from evpay_contrib_emulators.stripe.things import Charge, Dispute, Intent, Method, Reader, Refund, Setup, Transaction

__all__ = [
    "show_charge",
    "show_dispute",
    "show_intent",
    "show_method",
    "show_reader",
    "show_refund",
    "show_setup",
    "show_transaction",
]

_NOBODY: Final = {
    "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}
_EXPIRES: Final = {"exp_month": 11, "exp_year": 2034}


def show_intent(account: Account, intent: Intent) -> dict[str, Any]:
    """Show a PaymentIntent."""
    waits = intent.status == "requires_action"
    return {
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_capturable": intent.capturable,
        "amount_received": intent.received,
        "automatic_payment_methods": intent.automatic,
        "canceled_at": intent.canceled_at,
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": intent.capture_method,
        "client_secret": f"{intent.id}_secret_emulator",
        "confirmation_method": intent.confirmation_method,
        "created": intent.created,
        "currency": intent.currency,
        "customer": intent.customer,
        "description": intent.description,
        "last_payment_error": intent.error,
        "latest_charge": intent.charge and intent.charge.id,
        "livemode": account.options.livemode,
        "metadata": dict(intent.metadata),
        "next_action": intent.next_action if waits else None,
        "payment_method": intent.method,
        "payment_method_options": intent.options,
        "payment_method_types": list(intent.kinds),
        "processing": None,
        "receipt_email": intent.receipt_email,
        "setup_future_usage": intent.setup_future_usage,
        "statement_descriptor": None,
        "statement_descriptor_suffix": intent.suffix,
        "status": intent.status,
    }


def show_charge(account: Account, charge: Charge) -> dict[str, Any]:
    """Show a charge, with the terms of its authorization."""
    intent = account.intents[charge.intent]
    refunded = sum(
        refund.amount for refund in account.refunds_of.get(intent.id, ()) if refund.status in ("succeeded", "pending")
    )
    suffix = f"* {intent.suffix}" if intent.suffix else ""
    return {
        "id": charge.id,
        "object": "charge",
        "amount": intent.amount,
        "amount_captured": charge.captured,
        "amount_refunded": refunded,
        "balance_transaction": charge.transaction,
        "billing_details": _NOBODY,
        "calculated_statement_descriptor": f"{account.options.statement_prefix}{suffix}"[:22],
        "captured": bool(charge.captured),
        "created": charge.created,
        "currency": intent.currency,
        "customer": intent.customer,
        "description": intent.description,
        "disputed": any(dispute.charge == charge.id for dispute in account.disputes.values()),
        "failure_code": charge.error and charge.error["code"],
        "failure_message": charge.error and charge.error["message"],
        "livemode": account.options.livemode,
        "metadata": dict(intent.metadata),
        "outcome": _outcome(charge),
        "paid": charge.status == "succeeded",
        "payment_intent": intent.id,
        "payment_method": charge.method,
        "payment_method_details": {"type": charge.card.kind, charge.card.kind: _details(account, intent, charge)},
        "refunded": bool(charge.captured) and refunded >= charge.captured,
        "statement_descriptor": None,
        "statement_descriptor_suffix": intent.suffix,
        "status": charge.status,
    }


def _outcome(charge: Charge) -> dict[str, Any]:
    if charge.error is None:
        return {"network_status": "approved_by_network", "type": "authorized", "seller_message": "Payment complete."}
    reason = charge.error.get("decline_code") or charge.error["code"]
    return {"network_status": "declined_by_network", "type": "issuer_declined", "reason": reason}


def _details(account: Account, intent: Intent, charge: Charge) -> dict[str, Any]:
    match charge.card.kind:
        case "paypal":
            return {"country": "DE", "payer_email": "driver@example.com", "transaction_id": charge.id[3:]}
        case "card_present":
            return _present_details(account, intent, charge)
        case _:
            return _card_details(account, intent, charge)


def _plastic(card: Card) -> dict[str, Any]:
    shown = {"brand": card.brand, "country": card.country, "funding": card.funding, "last4": card.last4}
    return {**shown, **_EXPIRES, "fingerprint": f"fp{card.brand}{card.last4}"}


def _card_details(account: Account, intent: Intent, charge: Charge) -> dict[str, Any]:
    def status(feature: str) -> dict[str, str]:
        return {"status": "available" if is_available(account, intent, charge, feature) else "unavailable"}

    wallet = charge.card.wallet
    limit = authorized_limit(account, intent, charge)
    return {
        **_plastic(charge.card),
        "amount_authorized": charge.authorized,
        "authorization_code": "057895" if charge.status == "succeeded" else None,
        "capture_before": charge.capture_before,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "extended_authorization": {"status": "enabled" if charge.extended else "disabled"},
        "incremental_authorization": status("incremental_authorization"),
        "multicapture": status("multicapture"),
        "network": charge.card.brand,
        "network_transaction_id": "119528868122817" if charge.status == "succeeded" else None,
        "overcapture": {"maximum_amount_capturable": limit, **status("overcapture")},
        "three_d_secure": None,
        "wallet": wallet and {"type": wallet, wallet: {}, "dynamic_last4": None},
    }


def _present_details(account: Account, intent: Intent, charge: Charge) -> dict[str, Any]:
    return {
        **_plastic(charge.card),
        "amount_authorized": charge.authorized,
        "capture_before": charge.capture_before,
        "cardholder_name": None,
        "generated_card": charge.generated_card,
        "incremental_authorization_supported": is_available(account, intent, charge, "incremental_authorization"),
        "network": charge.card.brand,
        "network_transaction_id": "119528868122817" if charge.status == "succeeded" else None,
        "overcapture_supported": False,
        "read_method": "contactless_emv",
        "receipt": {
            "account_type": "credit",
            "application_cryptogram": "F83F4E4D1F2C3A5B",
            "application_preferred_name": f"{charge.card.brand.capitalize()} Credit",
            "authorization_code": "057895" if charge.status == "succeeded" else None,
            "authorization_response_code": "3030" if charge.status == "succeeded" else "3035",
            "cardholder_verification_method": "approval",
            "dedicated_file_name": "A0000000031010",
            "terminal_verification_results": "8000008000",
            "transaction_status_information": "6800",
        },
    }


def show_method(account: Account, method: Method) -> dict[str, Any]:
    """Show a payment method."""
    kind = method.card.kind
    details = {} if kind == "paypal" else _plastic(method.card)
    if kind == "card":
        wallet = method.card.wallet
        details["wallet"] = wallet and {"type": wallet, wallet: {}, "dynamic_last4": None}
    return {
        "id": method.id,
        "object": "payment_method",
        "billing_details": _NOBODY,
        kind: details,
        "created": method.created,
        "customer": method.customer,
        "livemode": account.options.livemode,
        "metadata": dict(method.metadata),
        "type": kind,
    }


def show_refund(refund: Refund) -> dict[str, Any]:
    """Show a refund."""
    shown = {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": refund.transaction,
        "charge": refund.charge,
        "created": refund.created,
        "currency": refund.currency,
        "metadata": dict(refund.metadata),
        "payment_intent": refund.intent,
        "reason": refund.reason,
        "status": refund.status,
    }
    if refund.failure_reason:
        shown |= {"failure_reason": refund.failure_reason, "failure_balance_transaction": refund.failure_transaction}
    return shown


def show_transaction(transaction: Transaction) -> dict[str, Any]:
    """Show a line of the balance."""
    fees = [{"amount": transaction.fee, "currency": transaction.currency, "type": "stripe_fee", "description": None}]
    return {
        "id": transaction.id,
        "object": "balance_transaction",
        "amount": transaction.amount,
        "available_on": transaction.available_on,
        "balance_type": "payments",
        "created": transaction.created,
        "currency": transaction.currency,
        "description": None,
        "exchange_rate": None,
        "fee": transaction.fee,
        "fee_details": fees if transaction.fee else [],
        "net": transaction.amount - transaction.fee,
        "reporting_category": transaction.category,
        "source": transaction.source,
        "status": "pending",
        "type": transaction.kind,
    }


def show_dispute(account: Account, dispute: Dispute) -> dict[str, Any]:
    """Show a dispute, with the money that it moved."""
    return {
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": [show_transaction(account.transactions[name]) for name in dispute.transactions],
        "charge": dispute.charge,
        "created": dispute.created,
        "currency": dispute.currency,
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}, **dispute.evidence},
        "evidence_details": {
            "due_by": dispute.created + 9 * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": bool(dispute.evidence),
            "past_due": False,
            "submission_count": dispute.submissions,
            "submission_method": "manual" if dispute.submissions else "not_submitted",
        },
        "is_charge_refundable": dispute.status.startswith("warning_"),
        "livemode": account.options.livemode,
        "metadata": dict(dispute.metadata),
        "payment_intent": dispute.intent,
        "reason": dispute.reason,
        "status": dispute.status,
    }


def show_setup(account: Account, setup: Setup) -> dict[str, Any]:
    """Show a SetupIntent."""
    return {
        "id": setup.id,
        "object": "setup_intent",
        "cancellation_reason": setup.cancellation_reason,
        "client_secret": f"{setup.id}_secret_emulator",
        "created": setup.created,
        "customer": setup.customer,
        "description": setup.description,
        "last_setup_error": setup.error,
        "livemode": account.options.livemode,
        "metadata": dict(setup.metadata),
        "next_action": setup.next_action if setup.status == "requires_action" else None,
        "payment_method": setup.method,
        "payment_method_types": list(setup.kinds),
        "status": setup.status,
        "usage": setup.usage,
    }


def show_reader(account: Account, reader: Reader) -> dict[str, Any]:
    """Show a reader, and what it does or did last."""
    return {
        "id": reader.id,
        "object": "terminal.reader",
        "action": reader.action,
        "device_sw_version": None,
        "device_type": "simulated_wisepos_e",
        "ip_address": "0.0.0.0",  # noqa: S104 - what a simulated reader shows
        "label": reader.label,
        "last_seen_at": account.now() * 1_000,
        "livemode": account.options.livemode,
        "location": reader.location,
        "metadata": dict(reader.metadata),
        "serial_number": f"emulated-{reader.id}",
        "status": "online" if reader.online else "offline",
    }
