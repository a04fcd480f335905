"""What the shopper did elsewhere, and POST /payments/details, which brings it back."""

import html
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from evpay_contrib_emulators.adyen.answers import WireError
from evpay_contrib_emulators.adyen.authorising import conclude, payment_answer
from evpay_contrib_emulators.adyen.books import Books, Payment
from evpay_contrib_emulators.adyen.fields import check
from evpay_contrib_emulators.adyen.payments import REDIRECT_PATH
from evpay_contrib_emulators.adyen.refusals import OPEN_RESULTS, Verdict, verdict_with
from evpay_contrib_emulators.gateway import WireRequest, WireResponse

__all__ = ["OUTCOMES", "URL_CHARACTERS", "Returns", "redirect_page"]

# How the shopper can come back. What the issuer then says to a payment that passed is the payment's own verdict.
OUTCOMES: Final[Mapping[str, Verdict | None]] = {
    "passed": None,
    "failed": verdict_with("11"),
    "cancelled": Verdict(result="Cancelled", reason="Shopper Cancelled", code="16", raw="CANCELLED"),
    "pending": Verdict(result="Pending"),
}
URL_CHARACTERS: Final = ":/?#[]@!$&'()*+,;=%"
_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test bank</title></head><body>
<h1>Test bank</h1><p>{amount} for {reference}</p>{links}</body></html>"""


class Returns:
    """The results that shoppers came back with: each is known by a text that nobody can guess."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._results: dict[str, tuple[Payment, str]] = {}

    def give(self, payment: Payment, outcome: str) -> str:
        """Let the shopper come back from PayPal or the bank, and return what the browser then carries.

        Raises:
            ValueError: there is no such outcome, or nothing was asked of the shopper.
        """
        if outcome not in OUTCOMES:
            raise ValueError(f"unknown outcome {outcome!r}; there are {', '.join(OUTCOMES)}")
        if payment.result not in OPEN_RESULTS:
            raise ValueError(f"payment {payment.psp} waits for nobody: it is {payment.status}")
        result = secrets.token_urlsafe(32)
        self._results[result] = (payment, outcome)
        if payment.instrument.kind in {"paypal", "venmo"}:
            self._settle(payment, outcome)  # these do not wait until they are asked
        return result

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer POST /payments/details.

        Raises:
            WireError: the request is refused; nothing that was given out says this.
        """
        check(body, "PaymentDetailsRequest")
        details = body["details"]
        given = next(
            (details[name] for name in ("redirectResult", "threeDSResult", "payload") if name in details), None
        )
        if given in self._results:
            payment, outcome = self._results[given]
        else:
            payment, outcome = self._by_data(body.get("paymentData"), details), "passed"
        self._settle(payment, outcome)
        return payment_answer(payment)

    def _by_data(self, data: object, details: Mapping[str, Any]) -> Payment:
        """Return the payment that the app of PayPal has approved: `paymentData` and the ids that it gave."""
        if isinstance(data, str) and {"orderID", "payerID"} <= set(details):
            for payment in self._books.payments.values():
                if payment.token == data and payment.instrument.kind in {"paypal", "venmo"}:
                    return payment
        raise WireError("14_018")

    def _settle(self, payment: Payment, outcome: str) -> None:
        if payment.result in OPEN_RESULTS:
            conclude(self._books, payment, OUTCOMES[outcome] or payment.verdict)


def redirect_page(books: Books, returns: Returns, request: WireRequest) -> WireResponse:
    """Show the page of the test bank to a shopper, or send them back to the merchant with the result."""
    query = dict(parse_qsl(request.query))
    payment = next((one for one in books.payments.values() if one.token == query.get("MD")), None)
    if payment is None:
        return WireResponse(status=404, body=b"no such payment", headers={"content-type": "text/plain"})
    outcome = query.get("outcome")
    if outcome is not None and outcome in OUTCOMES:
        try:
            result = returns.give(payment, outcome)
        except ValueError as error:
            return WireResponse(status=409, body=str(error).encode(), headers={"content-type": "text/plain"})
        back = quote(payment.return_url, safe=URL_CHARACTERS)
        mark = "&" if "?" in back else "?"
        return WireResponse(status=302, headers={"location": f"{back}{mark}redirectResult={quote(result, safe='')}"})
    links = "".join(
        f'<p><a href="{REDIRECT_PATH}?MD={quote(payment.token)}&amp;outcome={name}">{name}</a></p>' for name in OUTCOMES
    )
    amount = html.escape(f"{payment.requested} {payment.currency} (smallest units)")
    page = _PAGE.format(amount=amount, reference=html.escape(payment.reference), links=links)
    return WireResponse(status=200, body=page.encode(), headers={"content-type": "text/html; charset=utf-8"})
