"""The paths of the API, below `/merchants/{id}`, and what each does."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from evpay_contrib_emulators.braintree import disputing, people, reports, searching, transactions, vault
from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.errors import Denied, NotFound
from evpay_contrib_emulators.braintree.methods import as_method, as_nonce
from evpay_contrib_emulators.braintree.parameters import KNOWN, checked
from evpay_contrib_emulators.braintree.selling import sale
from evpay_contrib_emulators.braintree.settlement import SIMULATED, simulate
from evpay_contrib_emulators.braintree.showing import as_transaction
from evpay_contrib_emulators.braintree.things import Transaction
from evpay_contrib_emulators.braintree.xml import Collection

__all__ = ["Answer", "Asked", "Route", "route_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: the ids in the path, the query, and the content of the body by the name of its one element."""

    names: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)

    def params(self, root: str, known: str) -> dict[str, Any]:
        """Return the parameters in this element; another element is refused, and so are parameters that are not known.

        Raises:
            Denied: 403.
        """
        if set(self.content) - {root}:
            raise Denied(403)
        return checked(self.content.get(root), KNOWN[known])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered: one element, or nothing; `transaction` if it is about one."""

    status: int = 200
    name: str | None = None
    value: Any = None
    transaction: Transaction | None = None


Handler = Callable[[Account, Asked], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path. `takes_key`: its requests may have a key for at-most-once processing."""

    method: str
    path: re.Pattern[str]
    handler: Handler
    takes_key: bool = False


def _shown(account: Account, transaction: Transaction, status: int) -> Answer:
    return Answer(
        status=status, name="transaction", value=as_transaction(account, transaction), transaction=transaction
    )


def _sale(account: Account, asked: Asked) -> Answer:
    return _shown(account, sale(account, asked.params("transaction", "sale")), 201)


def _find(account: Account, asked: Asked) -> Answer:
    return _shown(account, account.transaction(asked.names["id"]), 200)


def _doing(operation: Callable[[Account, Transaction, Mapping[str, Any]], Transaction], status: int = 200) -> Handler:
    known = operation.__name__

    def handler(account: Account, asked: Asked) -> Answer:
        transaction = account.transaction(asked.names["id"])
        return _shown(account, operation(account, transaction, asked.params("transaction", known)), status)

    return handler


def _simulating(helper: str) -> Handler:
    def handler(account: Account, asked: Asked) -> Answer:
        return _shown(account, simulate(account, account.transaction(asked.names["id"]), helper), 200)

    return handler


def _search_ids(account: Account, asked: Asked) -> Answer:
    found = searching.transactions_found(account, _criteria(asked))
    value = {"page_size": searching.PAGE_SIZE, "ids": [one.id for one in found]}
    return Answer(name="search_results", value=value)


def _search(account: Account, asked: Asked) -> Answer:
    found = searching.transactions_found(account, _criteria(asked))
    values = [as_transaction(account, one) for one in found[: searching.PAGE_SIZE]]
    return Answer(name="credit_card_transactions", value=_page("transaction", values, 1, len(found)))


def _criteria(asked: Asked) -> dict[str, Any]:
    if set(asked.content) - {"search"}:
        raise Denied(403)
    return checked(asked.content.get("search"), ...)


def _page(item: str, values: list[Any], number: int, total: int) -> Collection:
    about = {"current_page_number": number, "page_size": searching.PAGE_SIZE, "total_items": total}
    return Collection(item=item, values=values, about=about)


def _search_disputes(account: Account, asked: Asked) -> Answer:
    found = _found_disputes(account, asked)
    number = asked.query.get("page", "1")
    if not re.fullmatch("[1-9][0-9]{0,5}", number):
        raise NotFound("no such page")
    start = (int(number) - 1) * searching.PAGE_SIZE
    values = found[start : start + searching.PAGE_SIZE]
    return Answer(name="disputes", value=_page("dispute", values, int(number), len(found)))


def _found_disputes(account: Account, asked: Asked) -> list[dict[str, Any]]:
    return [disputing.as_dispute(account, one) for one in searching.disputes_found(account, _criteria(asked))]


def _find_dispute(account: Account, asked: Asked) -> Answer:
    return Answer(name="dispute", value=disputing.as_dispute(account, account.dispute(asked.names["id"])))


def _accept_dispute(account: Account, asked: Asked) -> Answer:
    disputing.accept(account, account.dispute(asked.names["id"]))
    return Answer()


def _finalize_dispute(account: Account, asked: Asked) -> Answer:
    disputing.finalize(account, account.dispute(asked.names["id"]))
    return Answer()


def _add_evidence(account: Account, asked: Asked) -> Answer:
    dispute = account.dispute(asked.names["id"])
    evidence = disputing.add_evidence(account, dispute, asked.params("evidence", "evidence"))
    return Answer(status=201, name="evidence", value=evidence)


def _remove_evidence(account: Account, asked: Asked) -> Answer:
    disputing.remove_evidence(account.dispute(asked.names["id"]), asked.names["other"])
    return Answer()


def _create_customer(account: Account, asked: Asked) -> Answer:
    customer = vault.create_customer(account, asked.params("customer", "customer"))
    return Answer(status=201, name="customer", value=people.as_customer(account, customer))


def _find_customer(account: Account, asked: Asked) -> Answer:
    customer = vault.customer_named(account, asked.names["id"])
    return Answer(name="customer", value=people.as_customer(account, customer))


def _update_customer(account: Account, asked: Asked) -> Answer:
    customer = vault.update_customer(account, asked.names["id"], asked.params("customer", "customer"))
    return Answer(name="customer", value=people.as_customer(account, customer))


def _delete_customer(account: Account, asked: Asked) -> Answer:
    vault.delete_customer(account, asked.names["id"])
    return Answer()


def _create_method(account: Account, asked: Asked) -> Answer:
    method = vault.create_method(account, asked.params("payment_method", "payment_method"))
    return Answer(status=201, name=method.instrument.kind, value=as_method(method))


def _find_method(account: Account, asked: Asked) -> Answer:
    method = vault.method_named(account, asked.names["id"])
    return Answer(name=method.instrument.kind, value=as_method(method))


def _update_method(account: Account, asked: Asked) -> Answer:
    method = vault.update_method(account, asked.names["id"], asked.params("payment_method", "payment_method"))
    return Answer(name=method.instrument.kind, value=as_method(method))


def _delete_method(account: Account, asked: Asked) -> Answer:
    vault.delete_method(account, asked.names["id"])
    return Answer()


def _create_nonce(account: Account, asked: Asked) -> Answer:
    asked.params("payment_method_nonce", "nonce")
    nonce = vault.create_nonce(account, asked.names["id"])
    return Answer(status=201, name="payment_method_nonce", value=as_nonce(nonce))


def _find_nonce(account: Account, asked: Asked) -> Answer:
    return Answer(name="payment_method_nonce", value=as_nonce(vault.nonce_named(account, asked.names["id"])))


def _client_token(account: Account, asked: Asked) -> Answer:
    value = reports.client_token(account, asked.params("client_token", "client_token"))
    return Answer(status=201, name="client_token", value={"value": value})


def _batch_summary(account: Account, asked: Asked) -> Answer:
    params = asked.params("settlement_batch_summary", "settlement_batch_summary")
    return Answer(name="settlement_batch_summary", value=reports.settlement_batch_summary(account, params))


def _verification(account: Account, asked: Asked) -> Answer:
    params = asked.params("three_d_secure_verification", "three_d_secure_verification")
    name = reports.authentication(account, asked.names["id"], params)
    value = {"three_d_secure_authentication_id": name}
    return Answer(status=201, name="three_d_secure_verification", value=value)


def _route(method: str, path: str, handler: Handler, *, takes_key: bool = False) -> Route:
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9_-]+)", path)
    return Route(method=method, path=re.compile(pattern), handler=handler, takes_key=takes_key)


_ROUTES: Final = (
    _route("POST", "/transactions", _sale, takes_key=True),
    _route("POST", "/transactions/advanced_search_ids", _search_ids),
    _route("POST", "/transactions/advanced_search", _search),
    _route("GET", "/transactions/{id}", _find),
    _route("PUT", "/transactions/{id}/adjust_authorization", _doing(transactions.adjust_authorization)),
    _route(
        "PUT", "/transactions/{id}/submit_for_settlement", _doing(transactions.submit_for_settlement), takes_key=True
    ),
    _route(
        "POST",
        "/transactions/{id}/submit_for_partial_settlement",
        _doing(transactions.submit_for_partial_settlement, 201),
        takes_key=True,
    ),
    _route("PUT", "/transactions/{id}/void", _doing(transactions.void), takes_key=True),
    _route("POST", "/transactions/{id}/refund", _doing(transactions.refund, 201), takes_key=True),
    _route("POST", "/transactions/{id}/reverse", _doing(transactions.reverse, 201), takes_key=True),
    _route("PUT", "/transactions/{id}/update_details", _doing(transactions.update_details)),
    *(_route("PUT", f"/transactions/{{id}}/{helper}", _simulating(helper)) for helper in SIMULATED),
    _route("POST", "/disputes/advanced_search", _search_disputes),
    _route("GET", "/disputes/{id}", _find_dispute),
    _route("PUT", "/disputes/{id}/accept", _accept_dispute),
    _route("PUT", "/disputes/{id}/finalize", _finalize_dispute),
    _route("POST", "/disputes/{id}/evidence", _add_evidence),
    _route("DELETE", "/disputes/{id}/evidence/{other}", _remove_evidence),
    _route("POST", "/customers", _create_customer),
    _route("GET", "/customers/{id}", _find_customer),
    _route("PUT", "/customers/{id}", _update_customer),
    _route("DELETE", "/customers/{id}", _delete_customer),
    _route("POST", "/payment_methods", _create_method),
    _route("GET", "/payment_methods/(?:any|credit_card)/{id}", _find_method),
    _route("PUT", "/payment_methods/any/{id}", _update_method),
    _route("DELETE", "/payment_methods/any/{id}", _delete_method),
    _route("POST", "/payment_methods/{id}/nonces", _create_nonce),
    _route("GET", "/payment_method_nonces/{id}", _find_nonce),
    _route("POST", "/client_token", _client_token),
    _route("POST", "/settlement_batch_summary", _batch_summary),
    _route("POST", "/three_d_secure/create_verification/{id}", _verification),
)


def route_of(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the route of a path below the merchant, and the ids in it.

    Raises:
        NotFound: there is none.
    """
    for route in _ROUTES:
        match = route.path.fullmatch(path) if route.method == method else None
        if match is not None:
            return route, match.groupdict()
    raise NotFound(f"no path {method} {path}")
