"""Lists, newest first and page by page; and search, which lags."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from evpay_contrib_emulators.stripe.account import Account
from evpay_contrib_emulators.stripe.parameters import required
from evpay_contrib_emulators.stripe.refusal import Refusal, invalid
from evpay_contrib_emulators.stripe.showing import show_intent

__all__ = ["page", "search", "within"]

_QUERY: Final = re.compile(r"""metadata\[["']([^"']+)["']\]\s*:\s*["']([^"']+)["']""")
_COMPARED: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "gt": lambda moment, bound: moment > bound,
    "gte": lambda moment, bound: moment >= bound,
    "lt": lambda moment, bound: moment < bound,
    "lte": lambda moment, bound: moment <= bound,
}


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
