"""Readers of Stripe Terminal: a payment is shown on one, and a card is presented to it.

A reader that nobody registered is taken to be from before the emulator started.
https://docs.stripe.com/terminal/payments/collect-card-payment?terminal-sdk-platform=server-driven (checked 2026-11-20)
"""

from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.authorizations import authorize, decline, wrong_state
from evpay_contrib_emulators.stripe.cards import BY_NUMBER
from evpay_contrib_emulators.stripe.methods import UNKNOWN, new_method
from evpay_contrib_emulators.stripe.parameters import required
from evpay_contrib_emulators.stripe.refusal import Refusal, invalid, no_such
from evpay_contrib_emulators.stripe.showing import show_reader
from evpay_contrib_emulators.stripe.things import Reader

__all__ = ["cancel_action", "cancel_at_reader", "present", "process", "reader_named", "register", "set_online"]

_USUAL: Final = "4242424242424242"


def register(account: Account, params: Mapping[str, Any]) -> Reader:
    """Add a reader; every code is right."""
    required(params, "registration_code")
    return _add(
        account,
        account.id("tmr"),
        label=params.get("label"),
        location=params.get("location"),
        metadata=params.get("metadata"),
    )


def _add(
    account: Account,
    name: str,
    *,
    label: str | None = None,
    location: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Reader:
    reader = Reader(
        id=name, label=label or name, created=account.now(), location=location, metadata=dict(metadata or {})
    )
    account.readers[name] = reader
    return reader


def reader_named(account: Account, name: str) -> Reader:
    """Find a reader; one that nobody registered is added, unless its id is no reader's.

    Raises:
        Refusal: there is none.
    """
    if name not in account.readers and (not name.startswith("tmr_") or UNKNOWN in name):
        raise no_such("terminal.reader", name, param="reader")
    return account.readers.get(name) or _add(account, name)


def process(account: Account, reader: Reader, params: Mapping[str, Any]) -> None:
    """Show a payment on the reader, which then waits for a card."""
    required(params, "payment_intent")
    intent = account.intent(params["payment_intent"], param="payment_intent")
    if not reader.online:
        raise Refusal(400, "Reader is currently offline, please ensure the reader is powered on and connected.",
                      code="terminal_reader_offline", saved=False)  # fmt: skip
    if reader.action is not None and reader.action["status"] == "in_progress":
        raise Refusal(400, "Reader is currently processing another request.", code="terminal_reader_busy", saved=False)
    if "card_present" not in intent.kinds:
        raise Refusal(400, "This PaymentIntent does not allow card_present.", param="payment_intent")
    if intent.status != "requires_payment_method":
        raise wrong_state(account, intent, "processed")
    config = params.get("process_config", {})
    reader.action = {
        "type": "process_payment_intent",
        "status": "in_progress",
        "failure_code": None,
        "failure_message": None,
        "process_payment_intent": {"payment_intent": intent.id, "process_config": config},
    }
    account.emit("terminal.reader.action_updated", show_reader(account, reader))


def _running(reader: Reader) -> dict[str, Any]:
    if reader.action is None or reader.action["status"] != "in_progress":
        raise Refusal(400, "Reader is not currently processing a request.", saved=False)
    return reader.action


def present(account: Account, reader: Reader, params: Mapping[str, Any]) -> None:
    """Hold a test card to the reader."""
    action = _running(reader)
    number = params.get("card_present", {}).get("number", _USUAL)
    if number not in BY_NUMBER:
        raise invalid("This is not a test card for readers.", param="card_present[number]")
    intent = account.intent(action["process_payment_intent"]["payment_intent"])
    if intent.status != "requires_payment_method":
        _fail(account, reader, code="payment_intent_unexpected_state", message="The payment has moved on.")
        return
    method = new_method(account, BY_NUMBER[number])
    intent.method = method.id
    try:
        if method.card.decline:
            decline(account, intent, method, code=method.card.decline[0], decline_code=method.card.decline[1])
        authorize(account, intent, method)
    except Refusal as refusal:
        error = refusal.body["error"]
        _fail(account, reader, code=error["code"], message=error["message"], api_error=error)
        return
    reader.action = {**action, "status": "succeeded"}
    account.emit("terminal.reader.action_succeeded", show_reader(account, reader))


def _fail(account: Account, reader: Reader, *, code: str, message: str, **fields: Any) -> None:
    reader.action = {
        **_running(reader),
        "status": "failed",
        "failure_code": code,
        "failure_message": message,
        **fields,
    }
    account.emit("terminal.reader.action_failed", show_reader(account, reader))


def cancel_action(account: Account, reader: Reader) -> None:
    """Take from the screen what is on it, as the backend asks for; the payment stays as it is."""
    if reader.action is not None and reader.action["status"] == "in_progress":
        reader.action = None
        account.emit("terminal.reader.action_updated", show_reader(account, reader))


def cancel_at_reader(account: Account, reader: Reader) -> None:
    """The driver presses the red button.

    Raises:
        Refusal: there is nothing on the screen.
    """
    _fail(account, reader, code="customer_canceled", message="This action could not be completed due to a customer.")


def set_online(reader: Reader, *, online: bool) -> None:
    """Connect or disconnect a reader."""
    reader.online = online
