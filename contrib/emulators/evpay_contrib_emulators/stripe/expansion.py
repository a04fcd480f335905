"""The expansion of ids into the things that they name. https://docs.stripe.com/expand (checked 2026-11-20)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.refusal import Refusal, invalid
from evpay_contrib_emulators.stripe.showing import (
    show_charge,
    show_dispute,
    show_intent,
    show_method,
    show_refund,
    show_setup,
    show_transaction,
)

__all__ = ["expanded", "require_expandable"]

_DEEPEST: Final = 4
# What each path of the API answers with, and what can be expanded in it; ANY thing may be the source of a line.
_ANY: Final = "any"
_ANSWERS: Final = {
    "balance_transactions": "line",
    "charges": "charge",
    "customers": "customer",
    "disputes": "dispute",
    "payment_intents": "intent",
    "payment_methods": "method",
    "refunds": "refund",
    "setup_intents": "setup",
}
_EXPANDABLE: Final[Mapping[str, Mapping[str, str]]] = {
    "charge": {
        "balance_transaction": "line",
        "customer": "customer",
        "payment_intent": "intent",
        "refunds": "refund",
    },
    "dispute": {"charge": "charge", "payment_intent": "intent"},
    "intent": {"customer": "customer", "latest_charge": "charge", "payment_method": "method"},
    "line": {"source": _ANY},
    "method": {"customer": "customer"},
    "refund": {
        "balance_transaction": "line",
        "charge": "charge",
        "failure_balance_transaction": "line",
        "payment_intent": "intent",
    },
    "setup": {"customer": "customer", "payment_method": "method"},
}


def require_expandable(path: str, wanted: Iterable[str]) -> None:
    """Refuse, before anything is done, to expand what cannot be expanded.

    Raises:
        Refusal: a path leads to nothing that can be expanded, or too deep.
    """
    for expansion in wanted:
        steps = expansion.split(".")
        if len(steps) > _DEEPEST:
            raise invalid(f"You cannot expand more than {_DEEPEST} levels of a property.", param="expand")
        kind = _ANSWERS.get(path.split("/")[2], "nothing")
        for step in steps:
            if step == "data" or kind == _ANY:
                continue
            if step not in _EXPANDABLE.get(kind, {}):
                raise _unknown(expansion)
            kind = _EXPANDABLE[kind][step]


def _unknown(path: str) -> Refusal:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")


def expanded(account: Account, answer: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Put things where the ids that are named stand."""
    for path in paths:
        _expand(account, answer, path.split("."), path=path)
    return answer


def _expand(account: Account, node: Any, steps: list[str], *, path: str) -> None:
    if not steps or node is None:
        return
    if isinstance(node, list):
        for item in node:
            _expand(account, item, steps, path=path)
        return
    step, *rest = steps
    if step == "refunds" and node.get("object") == "charge":
        node[step] = _refunds(account, node)
    if step not in node:
        raise _unknown(path)
    if isinstance(node[step], str):
        node[step] = _thing(account, node[step], path=path)
    _expand(account, node[step], rest, path=path)


def _refunds(account: Account, charge: Mapping[str, Any]) -> dict[str, Any]:
    made = [show_refund(refund) for refund in account.refunds_of.get(charge["payment_intent"], ())]
    return {"object": "list", "url": f"/v1/charges/{charge['id']}/refunds", "data": made[::-1], "has_more": False}


def _thing(account: Account, name: str, *, path: str) -> dict[str, Any]:
    """Show what has this id."""
    shown: Mapping[str, Callable[[], dict[str, Any]]] = {
        "pi": lambda: show_intent(account, account.intents[name]),
        "ch": lambda: show_charge(account, account.charges[name]),
        "re": lambda: show_refund(account.refunds[name]),
        "du": lambda: show_dispute(account, account.disputes[name]),
        "txn": lambda: show_transaction(account.transactions[name]),
        "pm": lambda: show_method(account, account.methods[name]),
        "seti": lambda: show_setup(account, account.setups[name]),
        "cus": lambda: dict(account.customers[name]),
    }
    prefix = name.partition("_")[0]
    if prefix not in shown:
        raise _unknown(path)
    return shown[prefix]()
