"""Lists, newest first and page by page; search, which lags; and the expansion of ids into things."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.parameters import required
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

__all__ = ["expanded", "page", "search", "within"]

_QUERY: Final = re.compile(r"""metadata\[["']([^"']+)["']\]\s*:\s*["']([^"']+)["']""")
_COMPARED: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "gt": lambda moment, bound: moment > bound,
    "gte": lambda moment, bound: moment >= bound,
    "lt": lambda moment, bound: moment < bound,
    "lte": lambda moment, bound: moment <= bound,
}
_DEEPEST: Final = 4


def within(created: int, params: Mapping[str, Any]) -> bool:
    """Whether a moment is in the range that the request names."""
    return all(_COMPARED[name](created, bound) for name, bound in params.get("created", {}).items())


def page(
    url: str, items: Sequence[Any], params: Mapping[str, Any], *, show: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """Return one page of things that are newest first."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise invalid(f"Invalid integer: {limit}; it must be from 1 to 100.", param="limit")
    ids = [item["id"] if isinstance(item, dict) else item.id for item in items]
    for cursor in ("starting_after", "ending_before"):
        if cursor in params and params[cursor] not in ids:
            raise Refusal(400, f"No such object: '{params[cursor]}'", code="resource_missing", param=cursor)
    if "ending_before" in params:
        newer = items[: ids.index(params["ending_before"])]
        shown, more = newer[-limit:], len(newer) > limit
    else:
        start = ids.index(params["starting_after"]) + 1 if "starting_after" in params else 0
        shown, more = items[start : start + limit], len(items) > start + limit
    return {"object": "list", "url": url, "data": [show(item) for item in shown], "has_more": more}


def search(account: Account, params: Mapping[str, Any]) -> dict[str, Any]:
    """Find payments by one entry of their metadata; new ones are not found yet."""
    required(params, "query")
    found = _QUERY.fullmatch(params["query"])
    if found is None:
        raise invalid("We were unable to parse your search query.", param="query")
    key, value = found.groups()
    now = account.clock.now().timestamp()
    data = []
    for name in account.by_metadata.get(value, ()):
        intent = account.intents[name]
        if intent.searchable <= now and intent.metadata.get(key) == value:
            data.append(show_intent(account, intent))
    return {
        "object": "search_result",
        "url": "/v1/payment_intents/search",
        "data": data[: params.get("limit", 10)],
        "has_more": len(data) > params.get("limit", 10),
        "next_page": None,
    }


def expanded(account: Account, answer: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Put things where the ids that are named stand.

    Raises:
        Refusal: a path leads to nothing that can be expanded.
    """
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise invalid(f"You cannot expand more than {_DEEPEST} levels of a property.", param="expand")
        _expand(account, answer, steps, path=path)
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
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
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
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    return shown[prefix]()
