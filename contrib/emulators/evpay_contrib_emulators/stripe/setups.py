"""SetupIntents: a method is saved for later without a payment."""

from collections.abc import Mapping
from typing import Any

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.methods import given_method, known_customer
from evpay_contrib_emulators.stripe.refusal import Refusal, missing, no_such
from evpay_contrib_emulators.stripe.showing import show_method, show_setup
from evpay_contrib_emulators.stripe.things import Method, Setup

__all__ = ["cancel_setup", "confirm_setup", "create_setup", "pass_setup_challenge", "setup_named"]


def create_setup(account: Account, params: Mapping[str, Any]) -> Setup:
    """Make a set-up, and confirm it at once if that is asked for."""
    customer = params.get("customer")
    if customer is not None:
        known_customer(account, customer)
    method = given_method(account, params, customer=customer)
    setup = Setup(
        id=account.id("seti"),
        created=account.now(),
        status="requires_confirmation" if method else "requires_payment_method",
        usage=params.get("usage", "off_session"),
        kinds=list(params.get("allowed_payment_method_types") or ["card"]),
        customer=customer,
        method=method.id if method else None,
        return_url=params.get("return_url"),
        description=params.get("description"),
        metadata=dict(params.get("metadata", {})),
    )
    account.setups[setup.id] = setup
    account.emit("setup_intent.created", show_setup(account, setup))
    if params.get("confirm"):
        confirm_setup(account, setup, {})
    return setup


def setup_named(account: Account, name: str) -> Setup:
    """Find a set-up.

    Raises:
        Refusal: there is none.
    """
    found = account.setups.get(name)
    if found is None:
        raise no_such("setup_intent", name, param="intent")
    return found


def confirm_setup(account: Account, setup: Setup, params: Mapping[str, Any]) -> None:
    """Ask the issuer whether the card may be kept."""
    if setup.status not in ("requires_confirmation", "requires_payment_method"):
        raise _wrong_state(account, setup, "confirmed")
    given = given_method(account, params, customer=setup.customer)
    setup.method = given.id if given else setup.method
    setup.return_url = params.get("return_url", setup.return_url)
    if setup.method is None:
        raise missing("payment_method")
    method = account.methods[setup.method]
    if method.card.challenge:
        _challenge(account, setup)
    elif method.card.decline:
        _refuse(account, setup, method)
    else:
        _save(account, setup, method)


def _challenge(account: Account, setup: Setup) -> None:
    setup.status = "requires_action"
    url = f"https://hooks.stripe.com/3d_secure_2/hosted?setup_intent={setup.id}"
    setup.next_action = (
        {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": setup.return_url}}
        if setup.return_url
        else {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    )
    account.emit("setup_intent.requires_action", show_setup(account, setup))


def _refuse(account: Account, setup: Setup, method: Method) -> None:
    code, decline_code = method.card.decline or ("card_declined", None)
    error: dict[str, Any] = {"type": "card_error", "code": code, "message": "Your card was declined."}
    error |= {"decline_code": decline_code} if decline_code else {}
    setup.status, setup.method, setup.error = "requires_payment_method", None, error
    account.emit("setup_intent.setup_failed", show_setup(account, setup))
    fields = {name: value for name, value in error.items() if name not in ("type", "message")}
    raise Refusal(402, error["message"], kind="card_error", setup_intent=show_setup(account, setup), **fields)


def _save(account: Account, setup: Setup, method: Method) -> None:
    setup.status, setup.next_action, setup.error = "succeeded", None, None
    method.is_set_up = True
    if setup.customer and method.customer is None:
        method.customer = setup.customer
        account.emit("payment_method.attached", show_method(account, method))
    account.emit("setup_intent.succeeded", show_setup(account, setup))


def pass_setup_challenge(account: Account, setup: Setup, *, success: bool) -> None:
    """The driver has answered, rightly or not.

    Raises:
        ValueError: nobody was asked.
    """
    if setup.status != "requires_action" or setup.method is None:
        raise ValueError(f"{setup.id} has nothing to authenticate: it is {setup.status}")
    if success:
        _save(account, setup, account.methods[setup.method])
        return
    setup.status, setup.method, setup.next_action = "requires_payment_method", None, None
    setup.error = {
        "type": "invalid_request_error",
        "code": "setup_intent_authentication_failure",
        "message": "The provided PaymentMethod has failed authentication.",
    }
    account.emit("setup_intent.setup_failed", show_setup(account, setup))


def cancel_setup(account: Account, setup: Setup, params: Mapping[str, Any]) -> None:
    """End a set-up that has not succeeded."""
    if setup.status in ("canceled", "succeeded"):
        raise _wrong_state(account, setup, "canceled")
    setup.status, setup.next_action = "canceled", None
    setup.cancellation_reason = params.get("cancellation_reason")
    account.emit("setup_intent.canceled", show_setup(account, setup))


def _wrong_state(account: Account, setup: Setup, done: str) -> Refusal:
    return Refusal(
        400,
        f"This SetupIntent could not be {done} because it has a status of {setup.status}.",
        code="setup_intent_unexpected_state",
        setup_intent=show_setup(account, setup),
    )
