"""Braintree's answers in its own shape, as real sandbox exchanges had it, with made-up ids and cut to what is read."""

from typing import Any

SALE: dict[str, Any] = {
    "id": "tx1",
    "status": "authorized",
    "type": "sale",
    "currency-iso-code": "EUR",
    "amount": "20.00",
    "amount-requested": "20.00",
    "merchant-account-id": "eur_account",
    "order-id": "p0000000000000000000000001",
    "created-at": "2026-11-20T12:00:00Z",
    "updated-at": "2026-11-20T12:00:00Z",
    "customer": {"id": "c1", "email": None},
    "refund-ids": [],
    "refunded-transaction-id": None,
    "partial-settlement-transaction-ids": [],
    "authorized-transaction-id": None,
    "settlement-batch-id": None,
    "gateway-rejection-reason": None,
    "processor-authorization-code": "85321V",
    "processor-response-code": "1000",
    "processor-response-text": "Approved",
    "credit-card": {
        "token": None,
        "bin": "401288",
        "last-4": "1881",
        "card-type": "Visa",
        "expiration-month": "12",
        "expiration-year": "2030",
    },
    "status-history": [
        ("status-event", {"timestamp": "2026-11-20T12:00:00Z", "status": "authorized", "amount": "20.00"})
    ],
    "disputes": [],
    "authorization-adjustments": [],
    "payment-instrument-type": "credit_card",
    "processor-response-type": "approved",
    "authorization-expires-at": "2026-11-27T12:00:00Z",
}
_DATETIMES = ("created-at", "updated-at", "timestamp", "authorization-expires-at")


def event(status: str, amount: str, at: str = "2026-11-20T13:00:00Z") -> tuple[str, dict[str, Any]]:
    return ("status-event", {"timestamp": at, "status": status, "amount": amount})


def _element(name: str, value: Any) -> str:
    if value is None:
        return f'<{name} nil="true"/>'
    if isinstance(value, list):
        children = "".join(_element(*one) if isinstance(one, tuple) else _element("item", one) for one in value)
        return f'<{name} type="array">{children}</{name}>'
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(*one) for one in value.items())}</{name}>"
    if isinstance(value, bool):
        return f'<{name} type="boolean">{str(value).lower()}</{name}>'
    if isinstance(value, int):
        return f'<{name} type="integer">{value}</{name}>'
    kind = ' type="datetime"' if name in _DATETIMES else ""
    return f"<{name}{kind}>{value}</{name}>"


def fields(**changes: Any) -> dict[str, Any]:
    """An authorized transaction, changed in places; `status` settles the history unless it is given."""
    return SALE | {name.replace("_", "-"): value for name, value in changes.items()}


def submitted(amount: str = "12.34", **changes: Any) -> dict[str, Any]:
    history = [event("authorized", "20.00"), event("submitted_for_settlement", amount)]
    return fields(status="submitted_for_settlement", amount=amount, status_history=history) | {
        name.replace("_", "-"): value for name, value in changes.items()
    }


def settled(amount: str = "12.34", **changes: Any) -> dict[str, Any]:
    history = [event("authorized", "20.00"), event("submitted_for_settlement", amount), event("settled", amount)]
    return submitted(amount, **{"status": "settled", "status_history": history, **changes})


def refund(**changes: Any) -> dict[str, Any]:
    values = {"id": "re1", "type": "credit", "amount": "5.00", "order_id": "r1", "refunded_transaction_id": "tx1"}
    history = [event("submitted_for_settlement", "5.00")]
    return fields(**{"status": "submitted_for_settlement", "status_history": history, **values, **changes})


def dispute(**changes: Any) -> tuple[str, dict[str, Any]]:
    values = {
        "id": "dp1", "amount": "12.34", "amount-disputed": "12.34", "currency-iso-code": "EUR", "kind": "chargeback",
        "status": "open", "chargeback-protection-level": "not_protected",
    }  # fmt: skip
    return ("dispute", values | {name.replace("_", "-"): value for name, value in changes.items()})


def adjustment(amount: str, *, success: bool = True, code: str = "1000") -> tuple[str, dict[str, Any]]:
    values = {"amount": amount, "success": success, "processor-response-code": code}
    return ("authorization-adjustment", values)


def ok(transaction: dict[str, Any]) -> tuple[int, str]:
    return 201, '<?xml version="1.0" encoding="UTF-8"?>\n' + _element("transaction", transaction)


def invalid(*codes: str, transaction: dict[str, Any] | None = None) -> tuple[int, str]:
    """A 422: validation errors, and the transaction that was declined or left as it was."""
    errors = [("error", {"code": code, "attribute": "base", "message": "No."}) for code in codes]
    body: dict[str, Any] = {
        "errors": {"errors": [], "transaction": {"errors": errors}} if codes else {"errors": []},
        "params": {"transaction": {"amount": "20.00"}},
        "message": "No.",
    }
    return 422, _element("api-error-response", body | ({"transaction": transaction} if transaction else {}))


def declined(**changes: Any) -> tuple[int, str]:
    history = [event("processor_declined", "20.00")]
    return invalid(transaction=fields(**{"status": "processor_declined", "status_history": history, **changes}))


def ids(*found: str) -> tuple[int, str]:
    return 200, _element("search-results", {"page-size": 50, "ids": list(found)})


def found(*transactions: dict[str, Any]) -> tuple[int, str]:
    inner = "".join(_element("transaction", one) for one in transactions)
    return 200, f'<credit-card-transactions type="collection">{inner}</credit-card-transactions>'
