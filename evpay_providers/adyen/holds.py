"""What is kept of a payment, and what its hold allows. Adyen says little of it, so the account's settings do."""

import re
from collections.abc import Mapping
from typing import Any, Final

from evpay.money import Money, from_minor, to_minor
from evpay.providers import Handle, Hold
from evpay_providers.adyen.methods import OWN_RAILS
from evpay_providers.adyen.settings import AdyenSettings

__all__ = ["handle_of", "hold_of", "is_psp_reference", "slip_of"]

Answer = Mapping[str, Any]

MEMO_BYTES: Final = 3_000  # of the 4 KiB that a memo may have
_PSP: Final = re.compile(r"[A-Z0-9]{16}\Z", re.ASCII)
_SLIP: Final = {"paymentMethod": "brand", "cardSummary": "last4", "authCode": "authorization_code"}


def is_psp_reference(text: object) -> bool:
    """Say whether this is a reference of Adyen's; only such a one is put into a path."""
    return isinstance(text, str) and _PSP.match(text) is not None


def handle_of(psp: str, *, data: Answer, method_type: str | None) -> Handle:
    """Keep their reference, the blob for adjustments that answer at once, and the wallet's own rail."""
    blob = data.get("adjustAuthorisationData")
    keeps = isinstance(blob, str) and 0 < len(blob.encode()) <= MEMO_BYTES
    memo = {"adjust": str(blob)} if keeps else {}
    return Handle(id=psp, memo=memo | ({"method": method_type} if method_type in OWN_RAILS and method_type else {}))


def hold_of(amount: Money, *, settings: AdyenSettings, off_session: bool, adjustable: bool = True) -> Hold:
    """Say what a hold allows. Adyen does not, so the account's settings do."""
    over = settings.overcapture_percent
    minor = to_minor(amount)
    return Hold(
        expires=settings.off_session_hold_lasts if off_session else settings.hold_lasts,
        increment=settings.increment and adjustable,
        extend=settings.increment and adjustable,
        multiple_captures=settings.multiple_captures,
        capture_limit=from_minor(minor + minor * over // 100, amount.currency.code) if over else None,
    )


def slip_of(data: Answer) -> dict[str, str]:
    """Return what a receipt shows of the card."""
    return {ours: str(data[theirs]) for theirs, ours in _SLIP.items() if data.get(theirs)}
