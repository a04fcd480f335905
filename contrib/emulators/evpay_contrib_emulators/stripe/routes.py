"""Every path of Stripe's API that is answered here, with its parameters and what is done."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from evpay_contrib_emulators.stripe import (
    authorizations,
    disputes,
    intents,
    methods,
    refunds,
    schemas,
    setups,
    terminal,
)
from evpay_contrib_emulators.stripe.account import DAY, Account
from evpay_contrib_emulators.stripe.expansion import expanded, require_expandable
from evpay_contrib_emulators.stripe.listing import page, search, within
from evpay_contrib_emulators.stripe.parameters import Schema, checked, nested, required
from evpay_contrib_emulators.stripe.refusal import Refusal, no_such
from evpay_contrib_emulators.stripe.showing import (
    show_charge,
    show_dispute,
    show_intent,
    show_method,
    show_reader,
    show_refund,
    show_setup,
    show_transaction,
)
from evpay_contrib_emulators.stripe.things import Intent

__all__ = ["route"]

Params = Mapping[str, Any]
Answer = dict[str, Any]
Handler = Callable[..., Answer]


def _intent_verb(verb: Callable[[Account, Intent, Params], None]) -> Handler:
    def handle(account: Account, params: Params, name: str) -> Answer:
        intent = account.intent(name)
        verb(account, intent, params)
        return show_intent(account, intent)

    return handle


def _matching(things: dict[str, Any], params: Params, **filters: str) -> list[Any]:
    """Return things, newest first, of which each attribute is what the request asks for."""
    found = [thing for thing in reversed(things.values()) if within(thing.created, params)]
    for attribute, param in filters.items():
        if param in params:
            found = [thing for thing in found if getattr(thing, attribute) == params[param]]
    return found


def _intents(account: Account, params: Params) -> Answer:
    found = _matching(account.intents, params, customer="customer")
    return page("/v1/payment_intents", found, params, show=lambda intent: show_intent(account, intent))


def _charges(account: Account, params: Params) -> Answer:
    found = _matching(account.charges, params, intent="payment_intent")
    return page("/v1/charges", found, params, show=lambda charge: show_charge(account, charge))


def _charge(account: Account, params: Params, name: str) -> Answer:
    del params
    if name not in account.charges:
        raise no_such("charge", name, param="id")
    return show_charge(account, account.charges[name])


def _refunds(account: Account, params: Params) -> Answer:
    if "payment_intent" in params:
        account.intent(params["payment_intent"], param="payment_intent")
    found = _matching(account.refunds, params, intent="payment_intent", charge="charge")
    return page("/v1/refunds", found, params, show=show_refund)


def _update_refund(account: Account, params: Params, name: str) -> Answer:
    refund = refunds.refund_named(account, name)
    refund.metadata |= params.get("metadata", {})
    return show_refund(refund)


def _cancel_refund(account: Account, params: Params, name: str) -> Answer:
    del params
    refund = refunds.refund_named(account, name)
    refunds.cancel_refund(account, refund)
    return show_refund(refund)


def _transactions(account: Account, params: Params) -> Answer:
    found = _matching(account.transactions, params, currency="currency", source="source", kind="type")
    if "payout" in params:
        found = []  # nothing is paid out here
    return page("/v1/balance_transactions", found, params, show=show_transaction)


def _transaction(account: Account, params: Params, name: str) -> Answer:
    del params
    if name not in account.transactions:
        raise no_such("balance transaction", name, param="id")
    return show_transaction(account.transactions[name])


def _disputes(account: Account, params: Params) -> Answer:
    found = _matching(account.disputes, params, intent="payment_intent", charge="charge")
    return page("/v1/disputes", found, params, show=lambda dispute: show_dispute(account, dispute))


def _dispute(account: Account, params: Params, name: str) -> Answer:
    dispute = disputes.dispute_named(account, name)
    if params.keys() - {"expand", "client_secret"}:
        disputes.answer_dispute(account, dispute, params)
    return show_dispute(account, dispute)


def _close_dispute(account: Account, params: Params, name: str) -> Answer:
    del params
    dispute = disputes.dispute_named(account, name)
    disputes.accept(account, dispute)
    return show_dispute(account, dispute)


def _events(account: Account, params: Params) -> Answer:
    wanted = set(params.get("types", ())) | ({params["type"]} if "type" in params else set())
    oldest = account.now() - 30 * DAY
    found = [
        event
        for event in reversed(account.events.values())
        if within(event["created"], params) and event["created"] > oldest and (not wanted or event["type"] in wanted)
    ]
    return page("/v1/events", found, params, show=dict)


def _event(account: Account, params: Params, name: str) -> Answer:
    del params
    if name not in account.events:
        raise no_such("event", name, param="id")
    return dict(account.events[name])


def _customer(account: Account, params: Params, name: str) -> Answer:
    customer = methods.known_customer(account, name, param="id", status=404)
    customer |= {key: value for key, value in params.items() if key in customer}
    return dict(customer)


def _methods(account: Account, params: Params, customer: str | None = None) -> Answer:
    owner = customer or params.get("customer")
    kind = params.get("type")
    found = [
        method
        for method in reversed(account.methods.values())
        if method.customer == owner and owner and kind in (None, method.card.kind)
    ]
    url = f"/v1/customers/{customer}/payment_methods" if customer else "/v1/payment_methods"
    return page(url, found, params, show=lambda method: show_method(account, method))


def _attach(account: Account, params: Params, name: str) -> Answer:
    required(params, "customer")
    method = methods.usable_method(account, name, customer=params["customer"])
    return show_method(account, methods.attach(account, method, params["customer"]))


def _detach(account: Account, params: Params, name: str) -> Answer:
    del params
    return show_method(account, methods.detach(account, methods.saved_method(account, name)))


def _setup_verb(verb: Callable[[Account, Any, Params], None]) -> Handler:
    def handle(account: Account, params: Params, name: str) -> Answer:
        setup = setups.setup_named(account, name)
        verb(account, setup, params)
        return show_setup(account, setup)

    return handle


def _reader_verb(verb: Callable[[Account, Any, Params], None]) -> Handler:
    def handle(account: Account, params: Params, name: str) -> Answer:
        reader = terminal.reader_named(account, name)
        verb(account, reader, params)
        return show_reader(account, reader)

    return handle


def _readers(account: Account, params: Params) -> Answer:
    found = _matching(account.readers, params, location="location")
    return page("/v1/terminal/readers", found, params, show=lambda reader: show_reader(account, reader))


def _nothing(*_: Any) -> None:
    """Only look."""


_ID: Final = r"([A-Za-z0-9_]+)"
_INTENT: Final = rf"/v1/payment_intents/{_ID}"
_READER: Final = rf"/v1/terminal/readers/{_ID}"
_SETUP: Final = rf"/v1/setup_intents/{_ID}"
_ROUTES: Final[Sequence[tuple[str, str, Schema, Handler]]] = (
    ("POST", r"/v1/payment_intents", schemas.CREATE, lambda a, p: show_intent(a, intents.create(a, p))),
    ("GET", r"/v1/payment_intents/search", schemas.SEARCH, search),
    ("GET", r"/v1/payment_intents", schemas.INTENTS, _intents),
    ("GET", _INTENT, schemas.RETRIEVE, _intent_verb(_nothing)),
    ("POST", _INTENT, schemas.UPDATE, _intent_verb(intents.update)),
    ("POST", rf"{_INTENT}/confirm", schemas.CONFIRM, _intent_verb(intents.confirm)),
    ("POST", rf"{_INTENT}/increment_authorization", schemas.INCREMENT, _intent_verb(authorizations.increment)),
    ("POST", rf"{_INTENT}/capture", schemas.CAPTURE, _intent_verb(authorizations.capture)),
    ("POST", rf"{_INTENT}/cancel", schemas.CANCEL, _intent_verb(authorizations.cancel)),
    ("GET", r"/v1/charges", schemas.CHARGES, _charges),
    ("GET", rf"/v1/charges/{_ID}", schemas.RETRIEVE, _charge),
    ("POST", r"/v1/refunds", schemas.REFUND, lambda a, p: show_refund(refunds.create_refund(a, p))),
    ("GET", r"/v1/refunds", schemas.REFUNDS, _refunds),
    ("GET", rf"/v1/refunds/{_ID}", schemas.RETRIEVE, lambda a, _, name: show_refund(refunds.refund_named(a, name))),
    ("POST", rf"/v1/refunds/{_ID}", schemas.UPDATE_REFUND, _update_refund),
    ("POST", rf"/v1/refunds/{_ID}/cancel", schemas.EXPAND, _cancel_refund),
    ("GET", r"/v1/balance_transactions", schemas.TRANSACTIONS, _transactions),
    ("GET", rf"/v1/balance_transactions/{_ID}", schemas.RETRIEVE, _transaction),
    ("GET", r"/v1/disputes", schemas.DISPUTES, _disputes),
    ("GET", rf"/v1/disputes/{_ID}", schemas.RETRIEVE, _dispute),
    ("POST", rf"/v1/disputes/{_ID}", schemas.DISPUTE, _dispute),
    ("POST", rf"/v1/disputes/{_ID}/close", schemas.EXPAND, _close_dispute),
    ("GET", r"/v1/events", schemas.EVENTS, _events),
    ("GET", rf"/v1/events/{_ID}", schemas.RETRIEVE, _event),
    ("POST", r"/v1/customers", schemas.CUSTOMER, lambda a, p: dict(methods.create_customer(a, p))),
    ("GET", rf"/v1/customers/{_ID}", schemas.RETRIEVE, _customer),
    ("POST", rf"/v1/customers/{_ID}", schemas.CUSTOMER, _customer),
    ("GET", rf"/v1/customers/{_ID}/payment_methods", schemas.METHODS, _methods),
    ("POST", r"/v1/payment_methods", schemas.METHOD, lambda a, p: show_method(a, methods.create_method(a, p))),
    ("GET", r"/v1/payment_methods", schemas.METHODS, _methods),
    ("GET", rf"/v1/payment_methods/{_ID}", schemas.RETRIEVE,
     lambda a, _, name: show_method(a, methods.saved_method(a, name))),
    ("POST", rf"/v1/payment_methods/{_ID}/attach", schemas.ATTACH, _attach),
    ("POST", rf"/v1/payment_methods/{_ID}/detach", schemas.EXPAND, _detach),
    ("POST", r"/v1/setup_intents", schemas.SETUP, lambda a, p: show_setup(a, setups.create_setup(a, p))),
    ("GET", _SETUP, schemas.RETRIEVE, _setup_verb(_nothing)),
    ("POST", rf"{_SETUP}/confirm", schemas.CONFIRM_SETUP, _setup_verb(setups.confirm_setup)),
    ("POST", rf"{_SETUP}/cancel", schemas.CANCEL_SETUP, _setup_verb(setups.cancel_setup)),
    ("POST", r"/v1/terminal/readers", schemas.READER, lambda a, p: show_reader(a, terminal.register(a, p))),
    ("GET", r"/v1/terminal/readers", schemas.READERS, _readers),
    ("GET", _READER, schemas.RETRIEVE, _reader_verb(_nothing)),
    ("POST", rf"{_READER}/process_payment_intent", schemas.PROCESS, _reader_verb(terminal.process)),
    ("POST", rf"{_READER}/cancel_action", schemas.EXPAND,
     _reader_verb(lambda account, reader, _: terminal.cancel_action(account, reader))),
    ("POST", rf"/v1/test_helpers/terminal/readers/{_ID}/present_payment_method", schemas.PRESENT,
     _reader_verb(terminal.present)),
    ("POST", r"/v1/test_helpers/confirmation_tokens", schemas.CONFIRMATION_TOKEN, methods.create_confirmation_token),
)  # fmt: skip
_COMPILED: Final = [(method, re.compile(path), schema, handler) for method, path, schema, handler in _ROUTES]


def route(account: Account, method: str, path: str, pairs: Sequence[tuple[str, str]]) -> Answer:
    """Do what a request asks for, and return the body of the answer.

    Raises:
        Refusal: it is not done.
    """
    for known, pattern, schema, handler in _COMPILED:
        found = pattern.fullmatch(path)
        if found and known == method:
            params = checked(nested(pairs), schema)
            wanted = params.get("expand", ())
            require_expandable(path, wanted)
            return expanded(account, handler(account, params, *found.groups()), wanted)
    raise Refusal(404, f"Unrecognized request URL ({method}: {path}).", saved=False)
