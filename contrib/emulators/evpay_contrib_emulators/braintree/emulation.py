"""Braintree as a gateway: who asks, whether they asked before, and what its answers look like on the wire."""

import base64
import binascii
import gzip
import hmac
import re
import uuid
import zlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from evpay_contrib_emulators.braintree import webhooks
from evpay_contrib_emulators.braintree.account import Account
from evpay_contrib_emulators.braintree.acts import act
from evpay_contrib_emulators.braintree.books import holding
from evpay_contrib_emulators.braintree.errors import Denied, Invalid, NotFound, flaw, validation_errors
from evpay_contrib_emulators.braintree.keys import LONGEST, Done, Keys, fingerprint_of
from evpay_contrib_emulators.braintree.routes import Answer, Asked, Route, route_of
from evpay_contrib_emulators.braintree.selling import Declined
from evpay_contrib_emulators.braintree.settlement import catch_up
from evpay_contrib_emulators.braintree.showing import as_transaction
from evpay_contrib_emulators.braintree.verifying import VerificationDeclined
from evpay_contrib_emulators.braintree.xml import Unreadable, read, write
from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.gateway import Delivery, Holding, WireRequest, WireResponse

__all__ = ["BraintreeGateway"]

_PATH: Final = re.compile(r"/merchants/(?P<merchant>[A-Za-z0-9_-]+)(?P<rest>/.*)")
_VERSIONS: Final = frozenset("123456")
_MOST_BYTES: Final = 1_000_000
_SECRETS: Final = frozenset({"number", "cvv"})
# what stands in the answers that have no more to say; the SDKs look at the status alone
_PLAIN: Final = {
    401: "HTTP Basic: Access denied.",
    403: "Unauthorized",
    404: "Not Found",
    408: "Request Timeout",
    426: "Upgrade Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_PECULIAR: Final = {
    "unauthenticated": 401,
    "unauthorized": 403,
    "request_timeout": 408,
    "upgrade_required": 426,
    "bad_gateway": 502,
    "gateway_timeout": 504,
}


class BraintreeGateway:
    """One gateway account with its merchant accounts."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._account = Account(clock)
        self._keys = Keys()

    def answer(self, request: WireRequest) -> WireResponse:
        """Answer a request of Braintree's XML API."""
        try:
            rest = self._admitted(request)
            content = read(self._body(request))
            self.catch_up()
            route, names = route_of(request.method, rest)
        except Denied as denied:
            return self._plain(request, denied.status)
        except NotFound:
            return self._plain(request, 404)
        except Unreadable:
            return self._plain(request, 400)
        return self._answered(request, route, names, content)

    def _admitted(self, request: WireRequest) -> str:
        """Return the path below the merchant, if the keys are right and of this merchant."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            public, _, private = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Denied(401) from None
        known = self._account.options.keys.get(public)
        if scheme.lower() != "basic" or known is None or not hmac.compare_digest(known.encode(), private.encode()):
            raise Denied(401)
        if request.headers.get("x-apiversion") not in _VERSIONS:
            raise Denied(426)
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise NotFound(request.path)
        if match["merchant"] != self._account.options.merchant_id:
            raise Denied(401)
        return match["rest"]

    def _body(self, request: WireRequest) -> bytes:
        if request.headers.get("content-encoding", "") != "gzip":
            return request.body
        unpacker = zlib.decompressobj(wbits=31)
        try:
            body = unpacker.decompress(request.body, _MOST_BYTES)
        except zlib.error as error:
            raise Unreadable(str(error)) from error
        if unpacker.unconsumed_tail:
            raise Unreadable("it is too much when unpacked")
        return body

    def _answered(
        self, request: WireRequest, route: Route, names: dict[str, str], content: Mapping[str, Any]
    ) -> WireResponse:
        key, fingerprint = _key_in(content) if route.takes_key else None, fingerprint_of(request, content)
        asked = Asked(names=names, query=dict(parse_qsl(request.query)), content=content)
        if key is not None:
            try:
                done = self._earlier(key, fingerprint)
            except Invalid as invalid:
                return self._refused(request, content, invalid, replayed=True)
            if done is not None:
                return self._again(request, content, done)
        try:
            answer = route.handler(self._account, asked)
        except Denied as denied:
            return self._plain(request, denied.status)
        except NotFound:
            return self._plain(request, 404)
        except Invalid as invalid:
            self._remember(key, fingerprint, error="915234")
            return self._refused(request, content, invalid)
        except VerificationDeclined as declined:
            return self._not_done(request, content, message=str(declined), verification=declined.verification)
        except Declined as declined:
            self._remember(key, fingerprint, transaction_id=declined.transaction.id, message=declined.message)
            return self._declined(request, content, declined)
        if answer.transaction is not None:
            self._remember(key, fingerprint, status=answer.status, transaction_id=answer.transaction.id)
        return self._said(request, answer)

    # keys for at-most-once processing

    def _earlier(self, key: str, fingerprint: str) -> Done | None:
        options = self._account.options
        if not options.api_request_keys:
            raise Invalid(flaw("915231", "api_request_key"))
        if len(key) > LONGEST:
            raise Invalid(flaw("915230", "api_request_key"))
        since = self.clock.now() - timedelta(days=options.key_days)
        return self._keys.earlier(key, fingerprint, since=since)

    def _remember(self, key: str | None, fingerprint: str, **done: Any) -> None:
        if key is not None:
            self._keys.remember(key, Done(fingerprint=fingerprint, at=self.clock.now(), **done))

    def _again(self, request: WireRequest, content: Mapping[str, Any], done: Done) -> WireResponse:
        """Tell the present state of what an earlier request with this key did."""
        transaction = self._account.transaction(done.transaction_id or "")
        if done.message is not None:
            return self._declined(request, content, Declined(transaction, done.message), replayed=True)
        value = as_transaction(self._account, transaction)
        return self._said(request, Answer(status=done.status, name="transaction", value=value), replayed=True)

    def key_of(self, request: WireRequest) -> str | None:
        """Return the request's key, where the path and the account take one."""
        if not self._account.options.api_request_keys:
            return None
        try:
            match = _PATH.fullmatch(request.path)
            route, _ = route_of(request.method, match["rest"] if match else "")
            key = _key_in(read(self._body(request))) if route.takes_key else None
        except (NotFound, Unreadable):
            return None
        return None if key is None or len(key) > LONGEST else key

    def in_flight(self, request: WireRequest) -> WireResponse:
        """Answer that a request with this key is at work."""
        try:
            content = read(self._body(request))
        except Unreadable:
            return self._plain(request, 400)
        return self._refused(request, content, Invalid(flaw("915233", "api_request_key")))

    def keep(self, request: WireRequest, response: WireResponse) -> None:
        """Remember that the request with this key met a server error: from now on it is told so."""
        del response
        key = self.key_of(request)
        if key is not None:
            self._remember(key, fingerprint_of(request, read(self._body(request))), error="915235")

    # answers

    def _said(self, request: WireRequest, answer: Answer, *, replayed: bool = False) -> WireResponse:
        body = b"" if answer.name is None else write(answer.name, answer.value)
        return self._response(request, answer.status, body, replayed=replayed)

    def _refused(
        self, request: WireRequest, content: Mapping[str, Any], invalid: Invalid, *, replayed: bool = False
    ) -> WireResponse:
        return self._not_done(
            request,
            content,
            message=str(invalid),
            errors=validation_errors(invalid.flaws),
            replayed=replayed,
            **invalid.beside,
        )

    def _declined(
        self, request: WireRequest, content: Mapping[str, Any], declined: Declined, *, replayed: bool = False
    ) -> WireResponse:
        shown = as_transaction(self._account, declined.transaction)
        return self._not_done(request, content, message=declined.message, replayed=replayed, transaction=shown)

    def _not_done(
        self,
        request: WireRequest,
        content: Mapping[str, Any],
        *,
        message: str,
        errors: Mapping[str, Any] | None = None,
        replayed: bool = False,
        **beside: Any,
    ) -> WireResponse:
        value = {
            "errors": validation_errors([]) if errors is None else errors,
            "params": _echoed(content),
            "message": message,
            **beside,
        }
        return self._response(request, 422, write("api_error_response", value), replayed=replayed)

    def _plain(self, request: WireRequest, status: int) -> WireResponse:
        return self._response(request, status, f"<errors>{_PLAIN.get(status, 'Bad Request')}</errors>".encode())

    def _response(self, request: WireRequest, status: int, body: bytes, *, replayed: bool = False) -> WireResponse:
        headers = {"content-type": "application/xml; charset=utf-8", "x-request-id": str(uuid.uuid4())}
        if body and self._account.options.gzip and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            body = gzip.compress(body, compresslevel=1)
        return WireResponse(status=status, body=body, headers=headers, replayed=replayed)

    def broken(self, request: WireRequest, *, status: int) -> WireResponse:
        """Return the answer of a gateway that cannot, or does not want to."""
        return self._plain(request, status)

    def peculiar_answers(self) -> Mapping[str, WireResponse]:
        """Return more statuses that come without an effect; a search that takes too long is `request_timeout`."""
        nobody = WireRequest(method="GET", path="")
        return {name: self._plain(nobody, status) for name, status in _PECULIAR.items()}

    # what happens by itself, and what is seen from outside

    def catch_up(self) -> None:
        """Let nights pass and authorizations end, as far as the clock says."""
        catch_up(self._account)

    def deliveries(self) -> list[Delivery]:
        """Return the notifications that have come up."""
        fresh, self._account.outbox = self._account.outbox, []
        return fresh

    def forged(self, delivery: Delivery) -> Delivery:
        """Return the notification with the signature of someone who has not the private key."""
        return webhooks.forged(delivery)

    def holdings(self) -> list[Holding]:
        """Return what is held of every authorization."""
        sales = (one for one in self._account.transactions.values() if one.type == "sale" and one.authorized_id is None)
        return [holding(self._account, one) for one in sales]

    def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Let something happen outside the API; `acts.py` has the verbs."""
        self.catch_up()
        return act(self._account, verb, arguments)

    def configure(self, options: Mapping[str, Any]) -> None:
        """Change the account's settings; `options.py` has them."""
        self._account.options = self._account.options.changed(options)


def _key_in(content: Mapping[str, Any]) -> str | None:
    params = content.get("transaction")
    key = params.get("api_request_key") if isinstance(params, dict) else None
    return key if isinstance(key, str) else None


def _echoed(value: Any) -> Any:
    """Return the parameters as they are told back: without what must not be."""
    if isinstance(value, dict):
        return {name: _echoed(item) for name, item in value.items() if name not in _SECRETS}
    return [_echoed(item) for item in value] if isinstance(value, list) else value
