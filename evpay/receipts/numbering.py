"""Numbers without gaps, and a hash that chains each receipt to the one before it in its series."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from evpay.ids import canonical_json
from evpay.receipts.model import Receipt

__all__ = ["SCHEMA", "receipt_body", "receipt_hash", "seal", "series_name"]

SCHEMA: Final = "evpay.receipt/1"


def series_name(series: str, *, year: int) -> str:
    """Return the name of the series that a receipt of that year belongs to: `R-{year}-` in 2026 is `R-2026-`."""
    return series.replace("{year}", str(year))


def receipt_body(receipt: Receipt) -> dict[str, Any]:
    """Return the receipt as the JSON document that is stored, hashed and shown by `--json`."""
    return {"schema": SCHEMA, **receipt.model_dump(mode="json")}


def receipt_hash(body: Mapping[str, Any]) -> str:
    """Return the SHA-256 over everything but the hash itself; `previous_hash` is covered."""
    covered = {name: value for name, value in body.items() if name != "hash"}
    return hashlib.sha256(canonical_json(covered).encode()).hexdigest()


def seal(draft: Receipt, *, series: str, number: int, previous_hash: str) -> Receipt:
    """Give a draft its number and its hash; six digits, so that numbers sort as text."""
    numbered = draft.model_copy(update={"number": f"{series}{number:06d}", "previous_hash": previous_hash, "hash": ""})
    return numbered.model_copy(update={"hash": receipt_hash(receipt_body(numbered))})
