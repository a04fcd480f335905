"""What happens outside Stripe's API: the driver answers, a bank disputes, a refund comes back."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from evpay_contrib_emulators.stripe import disputes, intents, refunds, setups, terminal
from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.authorizations import authorize, decline
from evpay_contrib_emulators.stripe.refusal import Refusal
from evpay_contrib_emulators.stripe.showing import show_dispute, show_intent, show_reader, show_refund, show_setup

__all__ = ["ACTS", "act"]

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


def _authenticate(account: Account, arguments: Arguments) -> Answer:
    """`id`, `success`: the driver answers the challenge of a payment or a set-up."""
    name, success = str(arguments["id"]), bool(arguments.get("success", True))
    if name.startswith("seti_"):
        setup = setups.setup_named(account, name)
        setups.pass_setup_challenge(account, setup, success=success)
        return show_setup(account, setup)
    intent = account.intent(name)
    intents.pass_challenge(account, intent, success=success)
    return show_intent(account, intent)


def _settle(account: Account, arguments: Arguments) -> Answer:
    """`id`, `success`: a payment that is `processing` comes to its end."""
    intent = account.intent(str(arguments["id"]))
    if intent.status != "processing" or intent.method is None:
        raise ValueError(f"{intent.id} is {intent.status}, not processing")
    method = account.methods[intent.method]
    if arguments.get("success", True):
        authorize(account, intent, method)
    else:
        with contextlib.suppress(Refusal):  # the payment says so itself
            decline(account, intent, method, code="card_declined", decline_code="generic_decline")
    return show_intent(account, intent)


def _refund(account: Account, arguments: Arguments) -> Answer:
    """`id`, `status`, `failure_reason`: a refund changes, days after it was made."""
    refund = refunds.refund_named(account, str(arguments["id"]))
    refunds.change_refund(account, refund, str(arguments["status"]), failure_reason=arguments.get("failure_reason"))
    return show_refund(refund)


def _dispute(account: Account, arguments: Arguments) -> Answer:
    """`id` of a payment, `amount`, `reason`: the cardholder complains; with the reason `inquiry`, no money moves."""
    intent = account.intent(str(arguments["id"]))
    if intent.charge is None or not intent.charge.captured:
        raise ValueError(f"{intent.id} has nothing to dispute: nothing was captured")
    dispute = disputes.open_dispute(
        account,
        intent,
        intent.charge,
        reason=str(arguments.get("reason", "fraudulent")),
        amount=arguments.get("amount"),
    )
    return show_dispute(account, dispute)


def _close_dispute(account: Account, arguments: Arguments) -> Answer:
    """`id` of a dispute or its payment, `outcome`: `won`, `lost` or `warning_closed`."""
    name, outcome = str(arguments["id"]), str(arguments.get("outcome", "lost"))
    if outcome not in ("won", "lost", "warning_closed"):
        raise ValueError(f"outcome is {outcome!r}: not won, lost or warning_closed")
    of_payment = [dispute.id for dispute in account.disputes.values() if dispute.intent == name]
    dispute = disputes.dispute_named(account, of_payment[-1] if of_payment else name)
    disputes.decide(account, dispute, outcome)
    return show_dispute(account, dispute)


def _present(account: Account, arguments: Arguments) -> Answer:
    """`reader`, `number`: a card is held to a reader."""
    reader = terminal.reader_named(account, str(arguments["reader"]))
    given = {"card_present": {"number": str(arguments["number"])}} if "number" in arguments else {}
    terminal.present(account, reader, given)
    return show_reader(account, reader)


def _cancel_at_reader(account: Account, arguments: Arguments) -> Answer:
    """`reader`: the driver presses its red button."""
    reader = terminal.reader_named(account, str(arguments["reader"]))
    terminal.cancel_at_reader(account, reader)
    return show_reader(account, reader)


def _connect_reader(account: Account, arguments: Arguments) -> Answer:
    """`reader`, `online`: a reader loses its network, or has it back."""
    reader = terminal.reader_named(account, str(arguments["reader"]))
    terminal.set_online(reader, online=bool(arguments.get("online", True)))
    return show_reader(account, reader)


ACTS: Final[Mapping[str, Callable[[Account, Arguments], Answer]]] = {
    "authenticate": _authenticate,
    "cancel_at_reader": _cancel_at_reader,
    "close_dispute": _close_dispute,
    "connect_reader": _connect_reader,
    "dispute": _dispute,
    "present": _present,
    "refund": _refund,
    "settle": _settle,
}


def act(account: Account, verb: str, arguments: Arguments) -> Answer:
    """Let something happen.

    Raises:
        LookupError: there is no such verb, or no such thing.
        ValueError: the arguments do not fit.
    """
    if verb not in ACTS:
        raise LookupError(f"no act {verb!r}; there are {', '.join(ACTS)}")
    try:
        return ACTS[verb](account, arguments)
    except KeyError as error:
        raise ValueError(f"{verb} needs {error}") from error
    except Refusal as refusal:
        problem = LookupError if refusal.body["error"].get("code") == "resource_missing" else ValueError
        raise problem(str(refusal)) from refusal
