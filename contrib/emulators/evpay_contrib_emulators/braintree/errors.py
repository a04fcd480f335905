"""Braintree's refusals: validation errors by code, and the statuses that come without a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from evpay_contrib_emulators.braintree.xml import Array, Symbol

__all__ = ["Denied", "Flaw", "Invalid", "NotFound", "flaw", "validation_errors"]

# What is wrong, by code; the codes are those of the official SDK 4.48 (checked 2026-11-20), the words are ours where
# they are not known from an answer
# (https://developer.paypal.com/braintree/docs/reference/general/validation-errors/all).
MESSAGES: Final = {
    "81501": "Amount cannot be negative.",
    "81502": "Amount is required.",
    "81503": "Amount is an invalid format.",
    "81509": "Credit card type is not accepted by this merchant account.",
    "81528": "Amount is too large.",
    "81531": "Amount must be greater than zero.",
    "81709": "Expiration date is required.",
    "81710": "Expiration date is invalid.",
    "81714": "Credit card number is required.",
    "81715": "Credit card number is invalid.",
    "81716": "Credit card number must be 12-19 digits.",
    "81724": "Duplicate card exists in the vault.",
    "82301": "Settlement Date is required.",
    "82302": "Settlement Date is invalid.",
    "82303": "Custom field is invalid.",
    "82902": "Cannot vault a one-time use PayPal account.",
    "91501": "Order ID is too long.",
    "91504": "Transaction can only be voided if status is authorized, submitted_for_settlement, or - for PayPal - "
    "settlement_pending.",
    "91505": "Cannot refund credit.",
    "91506": "Cannot refund transaction unless it is settled.",
    "91507": "Cannot submit for settlement unless status is authorized.",
    "91508": "Cannot determine payment method.",
    "91510": "Customer ID is invalid.",
    "91511": "Customer does not have any credit cards.",
    "91512": "Transaction has already been fully refunded.",
    "91513": "Merchant account ID is invalid.",
    "91515": "Cannot provide both a payment method token and a payment method nonce or card.",
    "91516": "The payment method does not belong to this customer.",
    "91518": "Payment method token is invalid.",
    "91521": "Refund amount is too large.",
    "91522": "Settlement amount is too large.",
    "91523": "Transaction type is invalid.",
    "91524": "Transaction type is required.",
    "91526": "Custom field is invalid.",
    "91546": "The processor does not support credits.",
    "91564": "Cannot use a payment_method_nonce more than once.",
    "91565": "Unknown or expired payment_method_nonce.",
    "91575": "Cannot simulate the settlement of this transaction.",
    "91577": "Merchant account does not support payment instrument.",
    "91609": "Customer ID has already been taken.",
    "91610": "Customer ID is invalid (use only letters, numbers, '-', and '_').",
    "91719": "Token is in use.",
    "91718": "Token is invalid.",
    "91812": "Token is not allowed.",
    "92201": "Dynamic descriptor name must be in the proper format: 3, 7 or 12 characters, an asterisk, and the rest.",
    "92202": "Dynamic descriptor phone must be in the proper format.",
    "92206": "Dynamic descriptor URL must be 13 characters or shorter.",
    "92804": "Customer specified by customer_id does not exist",
    "92806": "Client token version is invalid.",
    "92807": "Merchant Account specified by merchant_account_id does not exist",
    "93103": "Nonce is required.",
    "93104": "Customer ID is required.",
    "93105": "Customer ID is invalid.",
    "93107": "Cannot use a payment_method_nonce more than once.",
    "93108": "Unknown or expired payment_method_nonce.",
    "95602": "The authorization adjustment was declined.",
    "95603": "The authorization adjustment failed. It may be tried again.",
    "95606": "No net amount to perform an authorization adjustment.",
    "95701": "Evidence can only be attached to disputes that are in an Open state",
    "95702": "Evidence can only be removed from disputes that are in an Open state",
    "95704": "Disputes can only be accepted when they are in an Open state",
    "95705": "Disputes can only be finalized when they are in an Open state",
    "915102": "The processor does not support partial settlement.",
    "915103": "Cannot submit for partial settlement.",
    "915113": "EciFlag is required.",
    "915114": "EciFlag is invalid.",
    "915116": "Cavv is required.",
    "915129": "Transaction details can only be updated while it is submitted for settlement.",
    "915133": "Transaction source is invalid.",
    "915175": "External vault status is invalid.",
    "915177": "External vault status is invalid with a previous network transaction id.",
    "915179": "Previous network transaction id is invalid.",
    "915196": "Three D Secure authentication id is invalid.",
    "915197": "Three D Secure authentication id does not belong to this payment method.",
    "915199": "Three D Secure authentication id cannot be used together with pass-through values.",
    "915213": "SCA exemption is invalid.",
    "915218": "Transaction must be in state authorized.",
    "915219": "Transaction is not eligible for adjustment.",
    "915220": "The processor does not support incremental authorizations.",
    "915221": "The processor does not support partial authorization reversals.",
    "915222": "The processor does not support authorization adjustment.",
    "915230": "API request key is too long.",
    "915231": "API request key is not allowed.",
    "915232": "API request key can be reused only with the same request.",
    "915233": "API request key is in flight.",
    "915234": "API request key was used with a request that failed.",
    "915235": "API request key was used with a request that met a server error.",
    "915282": "Cannot reverse the transaction at this time.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One validation error: in which thing, at which attribute, and its code."""

    where: tuple[str, ...]
    attribute: str
    code: str

    @property
    def message(self) -> str:
        """What is wrong, in words."""
        return MESSAGES[self.code]


def flaw(code: str, attribute: str = "base", *, where: str = "transaction") -> Flaw:
    """Return a validation error; `where` has dots between the things that contain each other."""
    return Flaw(where=tuple(where.split(".")), attribute=attribute, code=code)


class Invalid(Exception):
    """422: the request does not pass validation. `beside` is what else the answer has: a transaction, unchanged."""

    def __init__(self, *flaws: Flaw, beside: dict[str, Any] | None = None) -> None:
        super().__init__("\n".join(one.message for one in flaws))
        self.flaws = flaws
        self.beside = beside or {}


class NotFound(Exception):
    """404: there is no such thing, or no such path."""


class Denied(Exception):
    """An answer that is a status and hardly more."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def validation_errors(flaws: Sequence[Flaw]) -> dict[str, Any]:
    """Return the errors as answers have them: nested like the request, each level with a list of its own."""
    tree: dict[str, Any] = {"errors": Array(item="error")}
    for one in flaws:
        level = tree
        for name in one.where:
            level = level.setdefault(name, {"errors": Array(item="error")})
        listed = level["errors"]
        entry = {"code": one.code, "attribute": Symbol(one.attribute), "message": one.message}
        level["errors"] = Array(item="error", values=[*listed.values, entry])
    return tree
