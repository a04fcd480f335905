"""What may stand on a card statement."""

from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.stripe.refusal import Refusal

__all__ = ["require_descriptor"]

# https://docs.stripe.com/get-started/account/statement-descriptors (checked 2026-11-20)
_FORBIDDEN: Final = frozenset("<>\\'\"*")
_LONGEST: Final = 22


def require_descriptor(params: Mapping[str, Any]) -> None:
    """Refuse a whole descriptor, which cards do not take, and a suffix that cannot be printed.

    Raises:
        Refusal: for both.
    """
    if params.get("statement_descriptor") is not None:
        raise Refusal(
            400,
            "The `statement_descriptor` parameter is not supported for charges with cards. "
            "Use `statement_descriptor_suffix` instead.",
            param="statement_descriptor",
        )
    suffix = params.get("statement_descriptor_suffix", "")
    if len(suffix) > _LONGEST or _FORBIDDEN.intersection(suffix) or not suffix.isprintable():
        raise Refusal(
            400,
            f"The statement descriptor suffix must be at most {_LONGEST} characters, none of them < > \\ ' \" or *.",
            param="statement_descriptor_suffix",
        )
