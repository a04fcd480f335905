"""What may be sent to Braintree again, and for how long."""

from datetime import timedelta
from typing import Final

from evpay.providers import OperationKind
from evpay_providers.braintree.settings import BraintreeSettings

__all__ = ["resendable"]

# The same key and request give the same transaction for this long.
# https://developer.paypal.com/braintree/docs/reference/general/idempotency (checked 2026-11-20)
KEY_LIFE: Final = timedelta(days=30)
KEYED: Final = (OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)

# Braintree itself refuses a second void (91504), a second submission (91507) and a change to the present total (95606)
# of one transaction, so none of them needs a key. As long as the shortest hold lasts.
# https://developer.paypal.com/braintree/docs/reference/general/validation-errors/all (checked 2026-11-20)
ONCE_LIFE: Final = timedelta(days=7)


def resendable(settings: BraintreeSettings) -> dict[OperationKind, timedelta]:
    """Say what may be sent again: what has a key, and what can be done only once to a transaction.

    A part is a transaction of its own, so where there may be several, a capture needs its key.
    """
    once = {
        OperationKind.CAPTURE: not settings.partial_settlement,
        OperationKind.INCREMENT: settings.request_increment,
        OperationKind.VOID: True,
    }
    keyed = dict.fromkeys(KEYED, KEY_LIFE) if settings.request_keys else {}
    return {kind: ONCE_LIFE for kind, is_so in once.items() if is_so} | keyed
