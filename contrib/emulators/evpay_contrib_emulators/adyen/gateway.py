"""Adyen with one merchant account: routes requests, keeps answers for their keys, and lets time pass."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from evpay_contrib_emulators.adyen import webhooks
from evpay_contrib_emulators.adyen.acts import Acts
from evpay_contrib_emulators.adyen.answers import WireError, error_answer, json_answer
from evpay_contrib_emulators.adyen.books import Books
from evpay_contrib_emulators.adyen.details import Returns, redirect_page
from evpay_contrib_emulators.adyen.hosted import HOSTED_PATH, HostedPages
from evpay_contrib_emulators.adyen.modifications import MODIFICATIONS, cancel_by_reference, modify
from evpay_contrib_emulators.adyen.options import changed
from evpay_contrib_emulators.adyen.payments import REDIRECT_PATH, pay
from evpay_contrib_emulators.adyen.reports import REPORT_PATH, settle
from evpay_contrib_emulators.adyen.shopper import apple_pay_session, forget_method, methods, stored_methods
from evpay_contrib_emulators.adyen.terminal import Terminals
from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.gateway import Delivery, Holding, WireRequest, WireResponse

__all__ = ["AdyenGateway"]

# https://docs.adyen.com/development-resources/api-idempotency, checked 2026-11-20.
_KEY_LIVES: Final = timedelta(days=31)
_LONGEST_KEY: Final = 64
_KEY_HEADER: Final = "idempotency-key"
_TRANSIENT: Final = {"transient-error": "true"}

_MODIFICATION: Final = re.compile(rf"/v72/payments/([^/]+)/({'|'.join(MODIFICATIONS)})")
_DEVICE: Final = re.compile(r"/v1/merchants/([^/]+)/devices/([^/]+)/sync")
_PAGE: Final = re.compile(r"/v72/(sessions|paymentLinks)/([^/]+)")
_STORED: Final = re.compile(r"/v72/storedPaymentMethods/([^/]+)")
_NOTHING_THERE: Final = WireResponse(status=404, body=b"not found", headers={"content-type": "text/plain"})

# How a broken Adyen answers; the words of 429 and 5xx are not verified.
_BROKEN: Final[Mapping[int, tuple[str, str, str]]] = {
    429: ("429", "validation", "Too many requests"),
    500: ("903", "internal", "Internal error"),
}


class AdyenGateway:
    """Checkout v72 and the cloud device API of one merchant account. `options.py` says what can be configured."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._books = Books(clock)
        self._returns = Returns(self._books)
        self._terminals = Terminals(self._books)
        self._pages = HostedPages(self._books)
        self._acts = Acts(self._books, self._returns, self._terminals, self._pages, self._flush)
        self._answers: dict[str, tuple[datetime, WireResponse]] = {}
        self._flushed: list[Delivery] = []
        self._settled_on = clock.now().date()

    def answer(self, request: WireRequest) -> WireResponse:
        """Answer a request."""
        self.catch_up()
        self._books.url = self._books.options.public_url or f"http://{request.headers.get('host', '127.0.0.1')}"
        if request.path == REDIRECT_PATH and request.method == "GET":
            return redirect_page(self._books, self._returns, request)  # the shopper has no key
        if request.path.startswith(HOSTED_PATH) and request.method == "GET":
            return self._pages.show(request.path.removeprefix(HOSTED_PATH), dict(parse_qsl(request.query)))
        if not self._is_known(request):
            return error_answer(WireError("000"), psp=None)
        key = self.key_of(request)
        kept = self._kept(key)
        if kept is not None:
            return kept
        response = self._answered(request)
        if key is not None:
            response = replace(response, headers={**response.headers, _KEY_HEADER: key})
            if response.status not in {400, 401, 403, 404} and not response.headers.get("transient-error"):
                self._answers[key] = (self.clock.now() + _KEY_LIVES, response)
        return response

    def key_of(self, request: WireRequest) -> str | None:
        """Return the idempotency key; only POST has one."""
        return request.headers.get(_KEY_HEADER) if request.method == "POST" else None

    def in_flight(self, request: WireRequest) -> WireResponse:
        """Answer a request whose key is at work: to be tried again, with the same key."""
        del request
        error = WireError("704", status=self._books.options.in_flight_status)
        return error_answer(error, psp=None, headers=_TRANSIENT)

    def broken(self, request: WireRequest, *, status: int) -> WireResponse:
        """Answer as a broken Adyen does: 503 comes from a proxy and is no JSON."""
        del request
        if status not in _BROKEN:
            return WireResponse(status=status, body=b"<html>unavailable</html>", headers={"content-type": "text/html"})
        code, kind, message = _BROKEN[status]
        body = {"status": status, "errorCode": code, "message": message, "errorType": kind}
        return json_answer(status, body)

    def peculiar_answers(self) -> Mapping[str, WireResponse]:
        """Return the error that Adyen says may be tried again with the same key."""
        body = {"status": 500, "errorCode": "903", "message": "Internal error", "errorType": "internal"}
        return {"transient_error": json_answer(500, body, _TRANSIENT)}

    def keep(self, request: WireRequest, response: WireResponse) -> None:
        """Repeat this response for the request's key."""
        key = self.key_of(request)
        if key is not None:
            self._answers[key] = (self.clock.now() + _KEY_LIVES, response)

    def catch_up(self) -> None:
        """Do what is due: modifications are processed, holds expire, and a batch is settled if that is nightly."""
        self._books.catch_up()
        today = self.clock.now().date()
        if self._books.options.settle_nightly and today > self._settled_on:
            settle(self._books)
        self._settled_on = today

    def deliveries(self) -> list[Delivery]:
        """Return the webhooks that are ready to go."""
        flushed, self._flushed = self._flushed, []
        return flushed + webhooks.deliveries(self._books, flush=False)

    def forged(self, delivery: Delivery) -> Delivery:
        """Return the same message, each item signed with a wrong key."""
        return webhooks.forged(delivery)

    def holdings(self) -> list[Holding]:
        """Return what is held of every payment, oldest first."""
        return [payment.holding() for payment in self._books.payments.values()]

    def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do what happens outside the API; `Acts` lists the verbs.

        Raises:
            LookupError: there is no such verb, or no such payment.
            ValueError: the arguments do not fit.
        """
        self.catch_up()
        return self._acts.act(verb, arguments)

    def configure(self, options: Mapping[str, Any]) -> None:
        """Set options.

        Raises:
            ValueError: an option is not known, or its value does not fit.
        """
        self._books.options = changed(self._books.options, options)

    def _flush(self) -> None:
        self._flushed += webhooks.deliveries(self._books, flush=True)

    def _is_known(self, request: WireRequest) -> bool:
        """Return whether the request has the key of the account, in its own header or as a password."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        password = ""
        if scheme.lower() == "basic":
            try:
                password = base64.b64decode(credentials, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        return self._books.options.api_key in {request.headers.get("x-api-key"), password}

    def _kept(self, key: str | None) -> WireResponse | None:
        until, response = self._answers.get(key or "", (None, None))
        if until is None or response is None or until <= self.clock.now():
            return None
        return replace(response, headers={**response.headers, _KEY_HEADER: key or ""}, replayed=True)

    def _answered(self, request: WireRequest) -> WireResponse:
        try:
            if len(request.headers.get(_KEY_HEADER, "")) > _LONGEST_KEY:
                raise WireError("702", f"Idempotency-Key is longer than {_LONGEST_KEY} characters")  # noqa: TRY301
            if request.method == "POST":
                return self._posted(request.path, _read(request.body))
            return self._asked(request)
        except WireError as error:
            has_psp = error.status in {403, 422, 500}
            return error_answer(error, psp=self._books.mint() if has_psp else None)

    def _posted(self, path: str, body: dict[str, Any]) -> WireResponse:
        books = self._books
        simple = {
            "/v72/payments": (200, pay),
            "/v72/cancels": (201, cancel_by_reference),
            "/v72/paymentMethods": (200, methods),
            "/v72/applePay/sessions": (200, apple_pay_session),
        }
        if path == "/v72/payments":
            error = _asked_error(body)
            if error is not None:
                return error
        if path in simple:
            status, work = simple[path]
            return json_answer(status, work(books, body))
        if path == "/v72/payments/details":
            return json_answer(200, self._returns.complete(body))
        if path == "/v72/sessions":
            return json_answer(201, self._pages.new_session(body))
        if path == "/v72/paymentLinks":
            return json_answer(201, self._pages.new_link(body))
        if modification := _MODIFICATION.fullmatch(path):
            return json_answer(201, modify(books, unquote(modification[1]), modification[2], body))
        if device := _DEVICE.fullmatch(path):
            return self._terminals.answer(unquote(device[1]), unquote(device[2]), body)
        return _NOTHING_THERE

    def _asked(self, request: WireRequest) -> WireResponse:
        query = dict(parse_qsl(request.query))
        if request.method == "GET" and request.path == "/v72/storedPaymentMethods":
            return json_answer(200, stored_methods(self._books, query))
        if page := _PAGE.fullmatch(request.path):
            return self._asked_page(request, page[1], unquote(page[2]), query.get("sessionResult"))
        if request.method == "DELETE" and (stored := _STORED.fullmatch(request.path)):
            forget_method(self._books, unquote(stored[1]), query)
            return WireResponse(status=204)
        folder = f"{REPORT_PATH}{self._books.options.merchant_account}/"
        report = self._books.reports.get(request.path.removeprefix(folder))
        if request.method == "GET" and report is not None:
            return WireResponse(status=200, body=report, headers={"content-type": "text/csv; charset=utf-8"})
        return _NOTHING_THERE

    def _asked_page(self, request: WireRequest, kind: str, name: str, result: str | None) -> WireResponse:
        if request.method == "GET" and kind == "sessions":
            return json_answer(200, self._pages.session(name, result))
        if request.method == "GET":
            return json_answer(200, self._pages.link(name))
        if request.method == "PATCH" and kind == "paymentLinks":
            return json_answer(200, self._pages.change_link(name, _read(request.body)))
        return _NOTHING_THERE


def _asked_error(body: Mapping[str, Any]) -> WireResponse | None:
    """Return the error that RequestedTestErrorResponseCode asks for; its number is not verified, its header is."""
    additional = body.get("additionalData")
    asked = additional.get("RequestedTestErrorResponseCode") if isinstance(additional, dict) else None
    if asked not in {"NO_CONNECTION_AVAILABLE", "IOEXCEPTION_RECEIVED"}:
        return None
    answer = {"status": 500, "errorCode": "905", "message": "Acquirer not reached", "errorType": "internal"}
    return json_answer(500, answer, _TRANSIENT if asked == "NO_CONNECTION_AVAILABLE" else None)


def _read(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WireError("702", "Unexpected input", status=400) from error
    if not isinstance(content, dict) or not _is_text(content):
        raise WireError("702", "Unexpected input: an object of Unicode text is expected", status=400)
    return content


def _is_text(content: object) -> bool:
    """Return whether all of it can be written down: JSON can escape halves of characters, which cannot."""
    try:
        json.dumps(content, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
