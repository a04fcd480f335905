"""PaymentIntents: made, confirmed, challenged, authorized; what the issuer then does is in `authorizations`."""

from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.authorizations import authorize, decline, wrong_state
from evpay_contrib_emulators.stripe.currencies import require_amount
from evpay_contrib_emulators.stripe.methods import given_method, known_customer
from evpay_contrib_emulators.stripe.parameters import required
from evpay_contrib_emulators.stripe.refusal import Refusal, invalid, missing
from evpay_contrib_emulators.stripe.showing import show_intent
from evpay_contrib_emulators.stripe.statement import require_descriptor
from evpay_contrib_emulators.stripe.things import Intent, Method

__all__ = ["KINDS", "challenge", "confirm", "create", "pass_challenge", "update"]

KINDS: Final = ("card", "card_present", "paypal")
_FAILED_CHALLENGE: Final = {
    "type": "invalid_request_error",
    "code": "payment_intent_authentication_failure",
    "message": "The provided PaymentMethod has failed authentication. "
    "You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
}


def create(account: Account, params: Mapping[str, Any]) -> Intent:
    """Make a payment, and confirm it at once if that is asked for."""
    _require_sound(account, params)
    customer = params.get("customer")
    if customer is not None:
        known_customer(account, customer)
    method = given_method(account, params, customer=customer)
    intent = Intent(
        id=account.id("pi"),
        amount=params["amount"],
        currency=params["currency"].lower(),
        created=account.now(),
        searchable=account.clock.now().timestamp() + account.options.search_lag,
        capture_method=params.get("capture_method", "automatic_async"),
        confirmation_method=params.get("confirmation_method", "automatic"),
        kinds=_kinds(params),
        customer=customer,
        method=method.id if method else None,
        status="requires_confirmation" if method else "requires_payment_method",
        automatic=_automatic(params),
        metadata=dict(params.get("metadata", {})),
        options=dict(params.get("payment_method_options", {})),
        description=params.get("description"),
        receipt_email=params.get("receipt_email"),
        setup_future_usage=params.get("setup_future_usage"),
        suffix=params.get("statement_descriptor_suffix"),
        return_url=params.get("return_url"),
    )
    account.intents[intent.id] = intent
    for value in intent.metadata.values():
        account.by_metadata.setdefault(value, []).append(intent.id)
    account.emit("payment_intent.created", show_intent(account, intent))
    if params.get("confirm"):
        confirm(account, intent, {name: params[name] for name in _CONFIRMING & params.keys()})
    return intent


_CONFIRMING: Final = {"error_on_requires_action", "off_session", "return_url"}


def _require_sound(account: Account, params: Mapping[str, Any]) -> None:
    required(params, "amount", "currency")
    require_amount(params["amount"], params["currency"].lower())
    require_descriptor(params)
    kinds = params.get("allowed_payment_method_types", ())
    for place, kind in enumerate(kinds):
        if kind not in KINDS:
            raise invalid(
                f"The payment method type {kind!r} is not emulated.", param=f"allowed_payment_method_types[{place}]"
            )
    for option in ("off_session", "error_on_requires_action"):
        if params.get(option) and not params.get("confirm"):
            raise Refusal(400, f"You can only set `{option}` when `confirm` is true.", param=option)
    redirects = params.get("automatic_payment_methods", {}).get("allow_redirects") != "never"
    needs_url = account.options.redirects and redirects and not kinds and not params.get("off_session")
    if (needs_url or "paypal" in kinds) and params.get("confirm") and "return_url" not in params:
        raise Refusal(400, "You must provide a `return_url`, or rule out redirect-based payment methods.")


def _kinds(params: Mapping[str, Any]) -> list[str]:
    return list(params.get("allowed_payment_method_types") or ["card"])


def _automatic(params: Mapping[str, Any]) -> dict[str, Any] | None:
    if "allowed_payment_method_types" in params:
        return None
    return {"enabled": True, "allow_redirects": "always", **params.get("automatic_payment_methods", {})}


def update(account: Account, intent: Intent, params: Mapping[str, Any]) -> None:
    """Change what does not touch the money; an empty value takes a key of the metadata away."""
    del account
    intent.metadata |= params.get("metadata", {})
    intent.metadata = {name: value for name, value in intent.metadata.items() if value}
    intent.description = params.get("description", intent.description)
    intent.receipt_email = params.get("receipt_email", intent.receipt_email)


def confirm(account: Account, intent: Intent, params: Mapping[str, Any]) -> None:
    """Go to the issuer, or first to the driver if they must prove who they are."""
    if intent.status not in ("requires_confirmation", "requires_payment_method"):
        raise wrong_state(account, intent, "confirmed")
    given = given_method(account, params, customer=intent.customer)
    intent.method = given.id if given else intent.method
    intent.return_url = params.get("return_url", intent.return_url)
    intent.off_session = params.get("off_session", False)
    intent.options |= params.get("payment_method_options", {})
    if intent.method is None:
        raise missing("payment_method")
    method = account.methods[intent.method]
    if method.card.kind not in intent.kinds:
        raise Refusal(400, f"This PaymentIntent does not allow the payment method type {method.card.kind}.")
    intent.status, intent.error = "requires_confirmation", None
    if _is_challenged(intent, method):
        challenge(account, intent, method, refuse=params.get("error_on_requires_action", False))
    else:
        _go_to_issuer(account, intent, method)


def _is_challenged(intent: Intent, method: Method) -> bool:
    if intent.options.get("card", {}).get("request_three_d_secure") == "challenge" and not intent.off_session:
        return True
    challenge_when = method.card.challenge
    return challenge_when == "always" or (challenge_when == "unsaved" and not method.is_set_up)


def challenge(account: Account, intent: Intent, method: Method, *, refuse: bool) -> None:
    """Ask the driver; where nobody is there to answer, the issuer refuses."""
    if intent.off_session or refuse:
        decline(account, intent, method, code="authentication_required", decline_code="authentication_required")
    intent.status = "requires_action"
    page = "paypal" if method.card.kind == "paypal" else "3d_secure_2"
    url = f"https://hooks.stripe.com/{page}/hosted?payment_intent={intent.id}"
    intent.next_action = (
        {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": intent.return_url}}
        if intent.return_url
        else {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    )
    account.emit("payment_intent.requires_action", show_intent(account, intent))


def _go_to_issuer(account: Account, intent: Intent, method: Method) -> None:
    if method.card.decline is not None:
        code, decline_code = method.card.decline
        decline(account, intent, method, code=code, decline_code=decline_code)
    if method.card.status is not None:
        intent.status = method.card.status
        if intent.status == "processing":
            account.emit("payment_intent.processing", show_intent(account, intent))
        return
    authorize(account, intent, method)


def pass_challenge(account: Account, intent: Intent, *, success: bool) -> None:
    """The driver has answered, rightly or not.

    Raises:
        ValueError: nobody was asked.
    """
    if intent.status != "requires_action" or intent.method is None:
        raise ValueError(f"{intent.id} has nothing to authenticate: it is {intent.status}")
    method = account.methods[intent.method]
    if success:
        try:
            _go_to_issuer(account, intent, method)
        except Refusal:
            return  # the payment says so itself
        return
    intent.status, intent.method, intent.next_action = "requires_payment_method", None, None
    intent.error = dict(_FAILED_CHALLENGE)
    account.emit("payment_intent.payment_failed", show_intent(account, intent))
