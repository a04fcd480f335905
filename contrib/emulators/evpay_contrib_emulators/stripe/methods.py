"""Customers and their payment methods. A customer whom nobody made is taken to be from before the emulator started."""

from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.cards import CARDS, PAYPAL, Card
from evpay_contrib_emulators.stripe.parameters import required
from evpay_contrib_emulators.stripe.refusal import Refusal, invalid, missing, no_such
from evpay_contrib_emulators.stripe.showing import show_method
from evpay_contrib_emulators.stripe.things import Method

__all__ = [
    "attach",
    "create_confirmation_token",
    "create_customer",
    "create_method",
    "detach",
    "given_method",
    "known_customer",
    "new_method",
    "saved_method",
    "usable_method",
]

UNKNOWN: Final = "missing"
"""A customer or reader with this in its id does not exist."""


def create_customer(account: Account, params: Mapping[str, Any]) -> dict[str, Any]:
    """Make a customer, with a payment method if one is given."""
    customer = _new_customer(account, account.id("cus"))
    customer |= {name: value for name, value in params.items() if name in customer}
    if "payment_method" in params:
        attach(account, usable_method(account, params["payment_method"], customer=None), customer["id"])
    account.emit("customer.created", dict(customer))
    return customer


def _new_customer(account: Account, name: str) -> dict[str, Any]:
    customer: dict[str, Any] = {
        "id": name,
        "object": "customer",
        "created": account.now(),
        "description": None,
        "email": None,
        "livemode": account.options.livemode,
        "metadata": {},
        "name": None,
        "phone": None,
    }
    account.customers[name] = customer
    return customer


def known_customer(account: Account, name: str, *, param: str = "customer", status: int = 400) -> dict[str, Any]:
    """Return a customer; one that nobody made is made now, unless its id is no customer's.

    Raises:
        Refusal: there is no such customer.
    """
    if name not in account.customers and (not name.startswith("cus_") or UNKNOWN in name):
        raise no_such("customer", name, param=param, status=status)
    return account.customers.get(name) or _new_customer(account, name)


def new_method(account: Account, card: Card, *, metadata: Mapping[str, str] | None = None) -> Method:
    """Make a payment method of a card."""
    method = Method(id=account.id("pm"), card=card, created=account.now(), metadata=dict(metadata or {}))
    account.methods[method.id] = method
    return method


def create_method(account: Account, params: Mapping[str, Any]) -> Method:
    """Make a payment method of a test token, as a browser would have done it of a card."""
    required(params, "type")
    if params["type"] == "paypal":
        return new_method(account, PAYPAL, metadata=params.get("metadata"))
    if params["type"] != "card":
        raise invalid(f"The payment method type {params['type']!r} is not emulated.", param="type")
    details = params.get("card", {})
    if "number" in details:
        raise Refusal(402, "Sending credit card numbers directly to the Stripe API is generally unsafe.", saved=False)
    if "token" not in details:
        raise missing("card[token]")
    card = CARDS.get(details["token"].replace("tok_", "pm_card_", 1))
    if card is None:
        raise no_such("token", details["token"], param="card[token]", status=400)
    return new_method(account, card, metadata=params.get("metadata"))


def create_confirmation_token(account: Account, params: Mapping[str, Any]) -> dict[str, Any]:
    """Make the token that a browser or a wallet hands over."""
    method = given_method(account, params, customer=None)
    if method is None:
        raise missing("payment_method")
    name = account.id("ctoken")
    account.tokens[name] = method.id
    return {
        "id": name,
        "object": "confirmation_token",
        "created": account.now(),
        "livemode": account.options.livemode,
        "payment_intent": None,
        "payment_method_preview": {"type": method.card.kind, **show_method(account, method)},
        "return_url": params.get("return_url"),
        "setup_future_usage": params.get("setup_future_usage"),
    }


def given_method(account: Account, params: Mapping[str, Any], *, customer: str | None) -> Method | None:
    """Return the method that a request names, by its id, as a test card, by a confirmation token, or by its data.

    Raises:
        Refusal: there is no such method, or it cannot be used by this customer.
    """
    if "confirmation_token" in params:
        return _by_token(account, params["confirmation_token"], customer=customer)
    if "payment_method" in params:
        return usable_method(account, params["payment_method"], customer=customer)
    if "payment_method_data" in params:
        return create_method(account, params["payment_method_data"])
    return None


def _by_token(account: Account, token: str, *, customer: str | None) -> Method:
    """Find what a confirmation token stands for; `ctoken_card_visa` is `pm_card_visa`, and so for all test cards."""
    card = CARDS.get(token.replace("ctoken_", "pm_", 1))
    if token not in account.tokens and card is None:
        raise no_such("confirmation_token", token, param="confirmation_token", status=400)
    if token in account.tokens:
        return usable_method(account, account.tokens[token], customer=customer)
    return new_method(account, CARDS[token.replace("ctoken_", "pm_", 1)])


def usable_method(account: Account, name: str, *, customer: str | None) -> Method:
    """Return a saved or new method.

    Raises:
        Refusal: there is none, it belongs to another customer, or it was used up.
    """
    if name in CARDS:
        return new_method(account, CARDS[name])
    method = account.methods.get(name)
    if method is None:
        raise no_such("PaymentMethod", name, param="payment_method", status=400)
    if method.customer and method.customer != customer:
        raise Refusal(
            400,
            f"The customer does not have a payment method with the ID {name}. "
            "The payment method must be attached to the customer.",
            param="payment_method",
        )
    if method.spent:
        raise Refusal(
            400,
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, or was "
            "detached from a Customer. It may not be used again.",
            param="payment_method",
        )
    return method


def saved_method(account: Account, name: str) -> Method:
    """Return a method by its id.

    Raises:
        Refusal: there is none.
    """
    method = account.methods.get(name)
    if method is None:
        raise no_such("PaymentMethod", name, param="payment_method")
    return method


def attach(account: Account, method: Method, customer: str) -> Method:
    """Save a method for a customer.

    Raises:
        Refusal: the card is refused, or belongs to another customer.
    """
    known_customer(account, customer)
    if method.customer not in (None, customer):
        raise Refusal(400, "The payment method you provided has already been attached to a customer.")
    if method.card.decline and method.card.last4 != "0341":  # that one is refused when it is charged
        code, decline_code = method.card.decline
        raise Refusal(402, "Your card was declined.", kind="card_error", code=code, decline_code=decline_code)
    if method.customer is None:
        method.customer = customer
        account.emit("payment_method.attached", show_method(account, method))
    return method


def detach(account: Account, method: Method) -> Method:
    """Take a method away from its customer; it is good for nothing more."""
    if method.customer is None:
        raise Refusal(400, "The payment method you provided is not attached to a customer so detachment is impossible.")
    shown = {"customer": method.customer}
    method.customer, method.spent = None, True
    account.emit("payment_method.detached", show_method(account, method), previous=shown)
    return method
