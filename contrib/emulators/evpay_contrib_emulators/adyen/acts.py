"""What happens outside the API: shoppers return, banks dispute, captures and refunds come back, a batch is settled."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from evpay_contrib_emulators.adyen.authorising import conclude
from evpay_contrib_emulators.adyen.books import Books, Move, Payment
from evpay_contrib_emulators.adyen.details import Returns
from evpay_contrib_emulators.adyen.hosted import HostedPages
from evpay_contrib_emulators.adyen.modifications import fail_later
from evpay_contrib_emulators.adyen.refusals import OPEN_RESULTS, verdict_with
from evpay_contrib_emulators.adyen.reports import settle
from evpay_contrib_emulators.adyen.terminal import Terminals
from evpay_contrib_emulators.adyen.webhooks import post

__all__ = ["Acts"]

_CHARGEBACK_REASONS: Final = {"visa": ("10.4", "Other Fraud-Card Absent Environment")}
_OTHER_REASON: Final = ("4853", "Cardholder dispute")
# Events of a dispute in which no money moves.
_DISPUTE_EVENTS: Final = frozenset(
    {
        "NOTIFICATION_OF_CHARGEBACK",
        "NOTIFICATION_OF_FRAUD",
        "REQUEST_FOR_INFORMATION",
        "INFORMATION_SUPPLIED",
        "DISPUTE_DEFENSE_PERIOD_ENDED",
        "ISSUER_RESPONSE_TIMEFRAME_EXPIRED",
        "PREARBITRATION_OPEN",
        "PREARBITRATION_LOST",
        "PREARBITRATION_WON",
        "SECOND_CHARGEBACK",
    }
)


class Acts:
    """The verbs of `act`. A payment is named by `id`, its pspReference, or by `reference`, the merchant's.

    - `authenticate` (`outcome`: passed, failed, cancelled or pending; or `success`): the shopper has been at the bank
      or at PayPal; answers with `redirectResult` for /payments/details (`threeDSResult` if it was asked natively).
    - `conclude` (`success`, `code`): a payment that was Received or Pending ends.
    - `capture_failed`, `recaptured`, `refund_failed`, `refunded_reversed` (`modification`, `reason`): later news of a
      capture or refund; of the last one, unless its pspReference is given.
    - `dispute` (`event`), `chargeback` (`amount`), `chargeback_reversed`: what the issuer does.
    - `pay` (`page`, `paymentMethod`): the shopper pays a session or a payment link, with a good card if no other method
      is given; answers as /payments does, and with the `sessionResult`.
    - `settle`: a batch is closed; answers with the `url` of its report.
    - `terminal` (`device`, `state`: ready, busy or cancelled): what the next payment there meets.
    - `flush`: send what waits for a full message.
    """

    def __init__(
        self, books: Books, returns: Returns, terminals: Terminals, pages: HostedPages, flush: Callable[[], None]
    ) -> None:
        self._books = books
        self._returns = returns
        self._terminals = terminals
        self._pages = pages
        self._flush = flush
        self._verbs: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "authenticate": self._authenticate,
            "conclude": self._conclude,
            "capture_failed": lambda given: self._comes_back("CAPTURE_FAILED", given),
            "recaptured": self._recaptured,
            "refund_failed": lambda given: self._comes_back("REFUND_FAILED", given),
            "refunded_reversed": lambda given: self._comes_back("REFUNDED_REVERSED", given),
            "dispute": self._dispute,
            "chargeback": self._chargeback,
            "chargeback_reversed": self._chargeback_reversed,
            "pay": lambda given: self._pages.pay(str(given.get("page", "")), given.get("paymentMethod")),
            "settle": lambda _: {"url": settle(self._books)},
            "terminal": self._terminal,
            "flush": self._flushed,
        }

    def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do it.

        Raises:
            LookupError: there is no such verb, payment, capture or refund.
            ValueError: the arguments do not fit.
        """
        if verb not in self._verbs:
            raise LookupError(f"no verb {verb!r}; there are {', '.join(sorted(self._verbs))}")
        return self._verbs[verb](arguments)

    def _payment(self, given: Mapping[str, Any]) -> Payment:
        if "id" in given:
            payment = self._books.payment(str(given["id"]))
        else:
            payment = self._books.payment_with(str(given.get("reference", "")))
        if payment is None:
            raise LookupError(f"no payment with {dict(given)!r}")
        return payment

    def _authenticate(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        payment = self._payment(given)
        native = payment.result == "IdentifyShopper"
        outcome = given.get("outcome") or ("passed" if given.get("success", True) else "failed")
        result = self._returns.give(payment, str(outcome))
        return {"threeDSResult" if native else "redirectResult": result, "paymentData": payment.token}

    def _conclude(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        payment = self._payment(given)
        if payment.result not in OPEN_RESULTS:
            raise ValueError(f"payment {payment.psp} is {payment.status}: nothing is open")
        verdict = verdict_with("1" if given.get("success", True) else str(given.get("code", "2")))
        if verdict is None:
            raise ValueError(f"unknown code {given.get('code')!r}")
        conclude(self._books, payment, verdict)
        return {"resultCode": payment.result}

    def _comes_back(self, event: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        fail_later(
            self._books, self._payment(given), str(given.get("modification", "")), event, reason=given.get("reason")
        )
        return {}

    def _recaptured(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        payment, psp = self._payment(given), str(given.get("modification", ""))
        move = next((move for move in payment.captures if move.failed and psp in {move.psp, ""}), None)
        if move is None:
            raise LookupError(f"payment {payment.psp} has no capture that failed")
        move.failed = False
        self._books.book("Settled", payment, move)
        self._post("CAPTURE", payment, psp=move.psp, amount=move.amount, reason="Transaction Recaptured")
        return {}

    def _dispute(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        payment, event = self._payment(given), given.get("event", "NOTIFICATION_OF_CHARGEBACK")
        if event not in _DISPUTE_EVENTS:
            raise ValueError(f"unknown event {event!r}; there are {', '.join(sorted(_DISPUTE_EVENTS))}")
        self._disputed(str(event), payment, amount=int(given.get("amount", payment.captured)))
        return {"dispute": self._books.disputes[payment.psp]}

    def _chargeback(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        payment = self._payment(given)
        disputable = payment.captured - payment.refunded - payment.charged_back
        amount = int(given.get("amount", disputable))
        if not 0 < amount <= disputable:
            raise ValueError(f"payment {payment.psp} has {disputable} that can be charged back, not {amount}")
        payment.charged_back += amount
        self._disputed("CHARGEBACK", payment, amount=amount)
        psp = self._books.disputes[payment.psp]
        self._books.book("Chargeback", payment, Move(psp=psp, reference=payment.reference, amount=amount))
        return {"dispute": psp}

    def _chargeback_reversed(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        payment = self._payment(given)
        amount, payment.charged_back = payment.charged_back, 0
        if not amount:
            raise ValueError(f"payment {payment.psp} was not charged back")
        self._disputed("CHARGEBACK_REVERSED", payment, amount=amount)
        psp = self._books.disputes[payment.psp]
        self._books.book("ChargebackReversed", payment, Move(psp=psp, reference=payment.reference, amount=amount))
        return {"dispute": psp}

    def _disputed(self, event: str, payment: Payment, *, amount: int) -> None:
        psp = self._books.disputes.setdefault(payment.psp, self._books.mint())
        code, words = _CHARGEBACK_REASONS.get(payment.instrument.brand, _OTHER_REASON)
        additional = {
            "chargebackReasonCode": code,
            "chargebackSchemeCode": payment.instrument.brand,
            "modificationMerchantReferences": payment.reference,
            "paymentMethodVariant": payment.instrument.variant,
        }
        self._post(event, payment, psp=psp, amount=amount, reason=words, additional=additional)

    def _post(
        self,
        event: str,
        payment: Payment,
        *,
        psp: str,
        amount: int,
        reason: str,
        additional: Mapping[str, str] | None = None,
    ) -> None:
        post(
            self._books,
            event,
            psp=psp,
            original=payment.psp,
            reference=payment.reference,
            amount=amount,
            currency=payment.currency,
            payment=payment,
            reason=reason,
            additional=additional,
        )

    def _terminal(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        self._terminals.set_state(str(given.get("device", "")), str(given.get("state", "")))
        return {}

    def _flushed(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        del given
        self._flush()
        return {}
