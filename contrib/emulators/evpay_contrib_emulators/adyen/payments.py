"""POST /payments: a payment begins, and often ends, here."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from evpay_contrib_emulators.adyen.amounts import currency_of, value_of
from evpay_contrib_emulators.adyen.answers import WireError
from evpay_contrib_emulators.adyen.authorising import conclude, payment_answer
from evpay_contrib_emulators.adyen.books import Books, Instrument, Payment, StoredMethod
from evpay_contrib_emulators.adyen.fields import check
from evpay_contrib_emulators.adyen.instruments import instrument_of
from evpay_contrib_emulators.adyen.refusals import AUTHORISED, Verdict, verdict_of, verdict_with

__all__ = ["REDIRECT_PATH", "check_account", "check_terms", "pay"]

REDIRECT_PATH: Final = "/checkoutshopper/threeDS/redirect"
_MOST_CAPTURE_HOURS: Final = 672
_METADATA_PAIRS, _METADATA_NAME, _METADATA_VALUE = 20, 20, 80
# The name of this emulator, not of Adyen, for a stored card whose issuer wants the shopper to be there.
_WANTS_SHOPPER: Final = "SHOPPER_REQUIRED"


def pay(books: Books, body: Mapping[str, Any]) -> dict[str, Any]:
    """Make a payment, or begin one that the shopper has to go on with.

    Raises:
        WireError: the request is refused.
    """
    check(body, "PaymentRequest")
    check_account(books, body)
    check_terms(body)
    payment = _payment_from(books, body)
    books.payments[payment.psp] = payment
    action = _action_for(books, payment, body)
    if action is not None:
        return payment_answer(payment, action)
    conclude(books, payment, payment.verdict)
    return payment_answer(payment)


def check_account(books: Books, body: Mapping[str, Any]) -> None:
    """Look at whose account it is.

    Raises:
        WireError: it is not the one that is emulated.
    """
    if body.get("merchantAccount") != books.options.merchant_account:
        raise WireError("901")


def check_terms(body: Mapping[str, Any], *, has_return_url: bool = True) -> None:
    """Look at the amount, the reference and what goes with them.

    Raises:
        WireError: something of it is missing or does not fit.
    """
    if "amount" not in body:
        raise WireError("100")
    value_of(body["amount"], least=0)
    if not body.get("reference"):
        raise WireError("130")
    if has_return_url and not body.get("returnUrl"):
        raise WireError("14_030")
    hours = body.get("captureDelayHours", 0)
    if not 0 <= hours <= _MOST_CAPTURE_HOURS:
        raise WireError("702", "Field 'captureDelayHours' is not valid.")
    if len(body.get("shopperReference", "123")) < 3 or (
        body.get("storePaymentMethod") and "shopperReference" not in body
    ):
        raise WireError("180")
    metadata = body.get("metadata", {})
    if any(len(name) > _METADATA_NAME for name in metadata):
        raise WireError("178")
    if len(metadata) > _METADATA_PAIRS or any(len(value) > _METADATA_VALUE for value in metadata.values()):
        raise WireError("177")


def _payment_from(books: Books, body: Mapping[str, Any]) -> Payment:
    details, additional = body["paymentMethod"], body.get("additionalData", {})
    stored = _stored_method(books, body)
    instrument = stored.instrument if stored else instrument_of(details)
    manual = additional.get("manualCapture")
    is_pre_auth = additional.get("authorisationType") == "PreAuth"
    by_hand = books.options.manual_capture if "captureDelayHours" not in body else False
    interaction = body.get("shopperInteraction", "ContAuth" if stored and "cvc" not in details else "Ecommerce")
    return Payment(
        psp=books.mint(),
        reference=body["reference"],
        currency=currency_of(body["amount"]),
        requested=body["amount"]["value"],
        instrument=instrument,
        verdict=_verdict(
            instrument, additional, is_merchant_initiated=stored is not None and interaction == "ContAuth"
        ),
        created=books.clock.now(),
        manual=manual == "true" if manual is not None else by_hand,
        pre_auth=is_pre_auth,
        interaction=interaction,
        return_url=body["returnUrl"],
        capture_hours=body.get("captureDelayHours", 0),
        shopper=body.get("shopperReference"),
        store=stored is None and (body.get("storePaymentMethod") is True or body.get("enableRecurring") is True),
        model=body.get("recurringProcessingModel"),
        stored_id=stored.id if stored else None,
        metadata=dict(body.get("metadata", {})),
        token=secrets.token_urlsafe(24),
    )


def _stored_method(books: Books, body: Mapping[str, Any]) -> StoredMethod | None:
    details = body["paymentMethod"]
    asked = details.get("storedPaymentMethodId") or details.get("recurringDetailReference")
    if asked is None:
        return None
    stored = books.stored.get(asked) if isinstance(asked, str) else None
    if stored is None or stored.shopper != body.get("shopperReference"):
        raise WireError("803")
    kind = details.get("type", stored.instrument.kind)
    check({**details, "type": kind}, "PayPalDetails" if kind in ("paypal", "venmo") else "CardDetails")
    return stored


def _verdict(instrument: Instrument, additional: Mapping[str, Any], *, is_merchant_initiated: bool) -> Verdict:
    if is_merchant_initiated and instrument.holder == _WANTS_SHOPPER:
        return verdict_with("38") or AUTHORISED
    return verdict_of(instrument.holder, additional) or instrument.flaw or AUTHORISED


def _action_for(books: Books, payment: Payment, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the shopper has to do first, if anything."""
    if payment.interaction != "Ecommerce":
        return None
    kind = payment.instrument.kind
    if kind in {"paypal", "venmo"}:
        return _wallet_action(books, payment)
    authentication = body.get("authenticationData", {})
    attempt = authentication.get("attemptAuthentication")
    if attempt == "never" or not (payment.instrument.enrolled or attempt == "always"):
        return None
    if authentication.get("threeDSRequestData", {}).get("nativeThreeDS") == "preferred":
        payment.result = "IdentifyShopper"
        return {
            "paymentData": payment.token,
            "paymentMethodType": "scheme",
            "authorisationToken": secrets.token_urlsafe(16),
            "subtype": "fingerprint",
            "token": secrets.token_urlsafe(16),
            "type": "threeDS2",
        }
    return _redirect(books, payment, "scheme")


def _wallet_action(books: Books, payment: Payment) -> dict[str, Any]:
    kind = payment.instrument.kind
    if payment.instrument.subtype not in {"sdk", "express"}:
        return _redirect(books, payment, kind)
    payment.result = "Pending"
    return {
        "paymentData": payment.token,
        "paymentMethodType": kind,
        "sdkData": {"token": f"EC-{payment.psp}"},
        "type": "sdk",
    }


def _redirect(books: Books, payment: Payment, kind: str) -> dict[str, Any]:
    payment.result = "RedirectShopper"
    return {
        "paymentMethodType": kind,
        "url": f"{books.url}{REDIRECT_PATH}?MD={payment.token}",
        "method": "GET",
        "type": "redirect",
    }
