"""Every exception of evpay.

What money does is a value (an outcome); what a caller got wrong, or a set-up that cannot work, is one of these::

    EvpayError
    ├── ConfigurationError     the set-up cannot work
    ├── InvalidInput           a value that cannot be accepted (also a ValueError)
    │   └── CardNumberRefused  it looks like a card number
    ├── NotFound               nothing of that name
    ├── StoreConflict          the same key with other content; nothing was sent
    ├── InvalidTransition      the payment does not allow that now
    ├── UnsupportedOperation   no account that may serve this can be told it
    ├── WebhookRejected        forged, stale or too big
    └── StoreUnavailable       the store could not be written; nothing was sent

Each message names the value, the cause and the cure.
"""

from collections.abc import Sequence

__all__ = [
    "CardNumberRefused",
    "ConfigurationError",
    "EvpayError",
    "InvalidInput",
    "InvalidTransition",
    "NotFound",
    "StoreConflict",
    "StoreUnavailable",
    "UnsupportedOperation",
    "WebhookRejected",
]


class EvpayError(Exception):
    """The root of every exception that evpay raises on purpose."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigurationError(EvpayError):
    """The set-up cannot work; `path` is the setting at fault, as `providers.stripe_eu.api_key`."""

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message if path is None else f"{path}: {message}")
        self.path = path


class InvalidInput(EvpayError, ValueError):
    """A value that cannot be accepted.

    `code` is stable and meant for programs; `path` is the place in a document (`elements[0].restrictions`), if any.
    """

    def __init__(self, message: str, *, code: str = "invalid_input", path: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.path = path


class CardNumberRefused(InvalidInput):
    """Input that looks like a card number; the message never repeats it."""

    def __init__(self, field: str) -> None:
        super().__init__(
            f"{field} looks like a card number. evpay never takes one: let the processor's own form or reader "
            "turn the card into a token, and pass the token.",
            code="card_number_refused",
            path=field,
        )


class NotFound(EvpayError):
    """Nothing of that name.

    `kept=True`: what came with the call is on disk nevertheless, and is applied when the thing appears.
    """

    def __init__(self, kind: str, id: str, *, kept: bool = False) -> None:  # noqa: A002 - the attribute's own name
        kept_text = " What you sent is kept and will be applied when it is started." if kept else ""
        super().__init__(f"There is no {kind} {id!r}.{kept_text}")
        self.kind = kind
        self.id = id
        self.kept = kept


class StoreConflict(EvpayError):
    """The same key with other content; nothing was sent. `existing` names what is there."""

    def __init__(self, message: str, *, key: str, existing: str) -> None:
        super().__init__(message)
        self.key = key
        self.existing = existing


class InvalidTransition(EvpayError):
    """The payment does not allow this verb now; `available` lists the verbs that it does allow."""

    def __init__(self, message: str, *, intent_id: str, verb: str, available: Sequence[str] = ()) -> None:
        options = f" Possible now: {', '.join(available)}." if available else ""
        super().__init__(message + options)
        self.intent_id = intent_id
        self.verb = verb
        self.available = tuple(available)


class UnsupportedOperation(EvpayError):
    """The account cannot be told this; `account` is its name, `verb` what was asked."""

    def __init__(self, message: str, *, account: str, verb: str) -> None:
        super().__init__(message)
        self.account = account
        self.verb = verb


class WebhookRejected(EvpayError):
    """A message that is not believed; `status` is the HTTP status to answer with."""

    def __init__(self, message: str, *, account: str, status: int = 401) -> None:
        super().__init__(message)
        self.account = account
        self.status = status


class StoreUnavailable(EvpayError):
    """The store could not be read or written; nothing was sent to a processor because of this call."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable
