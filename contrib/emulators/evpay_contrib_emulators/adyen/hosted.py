"""Sessions and payment links: the merchant asks for money, and the shopper pays on a page of Adyen's."""

import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from evpay_contrib_emulators.adyen.answers import WireError
from evpay_contrib_emulators.adyen.books import Books, Payment
from evpay_contrib_emulators.adyen.details import URL_CHARACTERS
from evpay_contrib_emulators.adyen.fields import check, fields_of
from evpay_contrib_emulators.adyen.payments import check_account, check_terms, pay
from evpay_contrib_emulators.adyen.refusals import OPEN_RESULTS
from evpay_contrib_emulators.gateway import WireResponse

__all__ = ["HOSTED_PATH", "HostedPages"]

HOSTED_PATH: Final = "/hosted/"
_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test checkout</title></head><body>
<h1>Test checkout</h1><p>{reference}: {status}</p>{links}</body></html>"""
# What the shopper can choose on the page: the holder name of the test card.
_CHOICES: Final = ("APPROVED", "DECLINED")
_SESSION_LIVES: Final = timedelta(hours=1)
_LINK_LIVES: Final = timedelta(hours=24)
_LINK_LIVES_AT_MOST: Final = timedelta(days=70)
_CARD: Final = {
    "type": "scheme",
    "encryptedCardNumber": "test_4111111111111111",
    "encryptedExpiryMonth": "test_03",
    "encryptedExpiryYear": "test_2030",
    "encryptedSecurityCode": "test_737",
}


@dataclass(slots=True, kw_only=True)
class _Page:
    """One session or link: what was asked, and the payment that was made on it."""

    id: str
    asked: Mapping[str, Any]
    expires: datetime
    is_link: bool
    result: str
    payment: Payment | None = None
    closed: bool = False

    def status(self, now: datetime) -> str:
        """Return the status as Adyen words it; sessions and links have different words."""
        if self.payment is None:
            return "expired" if self.closed or now >= self.expires else "active"
        if self.payment.is_authorised:
            return "completed"
        if self.payment.result in OPEN_RESULTS:
            return "paymentPending"
        return "active" if self.is_link else {"Cancelled": "canceled"}.get(self.payment.result, "refused")


class HostedPages:
    """All sessions and links of the merchant account."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._pages: dict[str, _Page] = {}

    def new_session(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer POST /sessions.

        Raises:
            WireError: the request is refused.
        """
        check(body, "CreateCheckoutSessionRequest")
        check_account(self._books, body)
        check_terms(body)
        page = self._page(body, f"CS{self._books.mint()}", lives=_SESSION_LIVES, at_most=_LINK_LIVES)
        shown = dict(body) | ({"url": self._url(page)} if body.get("mode") == "hosted" else {})
        return shown | {
            "id": page.id,
            "expiresAt": page.expires.isoformat(timespec="seconds"),
            "sessionData": secrets.token_urlsafe(64),
        }

    def session(self, name: str, result: str | None) -> dict[str, Any]:
        """Answer GET /sessions/{id}.

        Raises:
            WireError: there is no such session, or the result is not the one that its shopper was given.
        """
        page = self._known(name, is_link=False)
        if result is None or not secrets.compare_digest(result.encode(), page.result.encode()):
            raise WireError("14_018")
        answer: dict[str, Any] = {
            "id": page.id,
            "reference": page.asked["reference"],
            "status": page.status(self._books.clock.now()),
        }
        payment = page.payment
        if payment is not None and (payment.is_authorised or payment.result in {"Received", "Pending"}):
            amount = {"currency": payment.currency, "value": payment.authorized or payment.requested}
            made = {"pspReference": payment.psp, "amount": amount, "resultCode": payment.result}
            answer["payments"] = [made]
        return answer

    def new_link(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer POST /paymentLinks.

        Raises:
            WireError: the request is refused.
        """
        check(body, "PaymentLinkRequest")
        check_account(self._books, body)
        check_terms(body, has_return_url=False)
        return self._shown(
            self._page(body, f"PL{self._books.mint()}", lives=_LINK_LIVES, at_most=_LINK_LIVES_AT_MOST, is_link=True)
        )

    def link(self, name: str) -> dict[str, Any]:
        """Answer GET /paymentLinks/{id}.

        Raises:
            WireError: there is no such link.
        """
        return self._shown(self._known(name, is_link=True))

    def change_link(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer PATCH /paymentLinks/{id}: a link can be made to expire.

        Raises:
            WireError: there is no such link, or something else is asked.
        """
        check(body, "UpdatePaymentLinkRequest")
        page = self._known(name, is_link=True)
        page.closed = True
        return self._shown(page)

    def pay(self, name: str, method: Mapping[str, Any] | None) -> dict[str, Any]:
        """Let the shopper pay on the page, and return the answer of the payment with the `sessionResult`.

        Raises:
            LookupError: there is no such page.
            ValueError: it can be paid no more, or not like this.
        """
        page = self._pages.get(name)
        if page is None:
            raise LookupError(f"no session or link {name!r}")
        status = page.status(self._books.clock.now())
        if status != "active":
            raise ValueError(f"{name} is {status}")
        body = {field: value for field, value in page.asked.items() if field in fields_of("PaymentRequest")}
        if page.asked.get("manualCapture") is not None:
            body["additionalData"] = {"manualCapture": "true" if page.asked["manualCapture"] else "false"}
        body.setdefault("returnUrl", self._url(page))
        try:
            answer = pay(self._books, body | {"paymentMethod": dict(method or _CARD)})
        except WireError as error:
            raise ValueError(error.message) from error
        page.payment = self._books.payments[answer["pspReference"]]
        return answer | {"sessionResult": page.result}

    def show(self, name: str, query: Mapping[str, str]) -> WireResponse:
        """Show the page to the shopper, and let them pay with one of two cards."""
        page = self._pages.get(name)
        if page is None:
            return WireResponse(status=404, body=b"no such page", headers={"content-type": "text/plain"})
        status = page.status(self._books.clock.now())
        if status == "active" and query.get("card") in _CHOICES:
            try:
                self.pay(name, _CARD | {"holderName": query["card"]})
            except ValueError as error:  # a link may be longer than what a payment takes
                return WireResponse(status=409, body=str(error).encode(), headers={"content-type": "text/plain"})
            back = quote(page.asked.get("returnUrl", self._url(page)), safe=URL_CHARACTERS)
            mark = "&" if "?" in back else "?"
            return WireResponse(status=302, headers={"location": f"{back}{mark}sessionResult={page.result}"})
        links = "".join(f'<p><a href="?card={choice}">{choice}</a></p>' for choice in _CHOICES)
        text = _PAGE.format(
            reference=html.escape(page.asked["reference"]), status=status, links=links if status == "active" else ""
        )
        return WireResponse(status=200, body=text.encode(), headers={"content-type": "text/html; charset=utf-8"})

    def _page(
        self, body: Mapping[str, Any], name: str, *, lives: timedelta, at_most: timedelta, is_link: bool = False
    ) -> _Page:
        now = self._books.clock.now()
        expires = now + lives
        if "expiresAt" in body:
            try:
                expires = datetime.fromisoformat(body["expiresAt"])
                is_possible = now < expires <= now + at_most
            except (TypeError, ValueError) as error:  # a time without a zone cannot be compared
                raise WireError("702", "Field 'expiresAt' is not valid.") from error
            if not is_possible:
                raise WireError("702", "Field 'expiresAt' is not valid.")
        page = _Page(id=name, asked=dict(body), expires=expires, is_link=is_link, result=secrets.token_urlsafe(32))
        self._pages[name] = page
        return page

    def _known(self, name: str, *, is_link: bool) -> _Page:
        page = self._pages.get(name)
        if page is None or page.is_link != is_link:
            raise WireError("702", "Not found", status=404)
        return page

    def _url(self, page: _Page) -> str:
        return f"{self._books.url}{HOSTED_PATH}{page.id}"

    def _shown(self, page: _Page) -> dict[str, Any]:
        return dict(page.asked) | {
            "id": page.id,
            "url": self._url(page),
            "expiresAt": page.expires.isoformat(timespec="seconds"),
            "status": page.status(self._books.clock.now()),
        }
