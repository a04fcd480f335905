"""Adyen's own library in front of the emulated gateway, without a socket between them."""

import json
from urllib.parse import urlsplit

import Adyen
from evpay_contrib_emulators.adyen import AdyenGateway
from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.gateway import WireRequest

__all__ = ["CARD", "KEY", "Desk"]

KEY = "AQE-key-of-the-emulator"
CARD = {
    "type": "scheme",
    "encryptedCardNumber": "test_4111111111111111",
    "encryptedExpiryMonth": "test_03",
    "encryptedExpiryYear": "test_2030",
    "encryptedSecurityCode": "test_737",
}


class _Transport:
    """What the library takes for its HTTP client."""

    user_agent = ""

    def __init__(self, desk):
        self._desk = desk

    def request(self, method, url, json=None, data=None, username="", password="", xapikey="", headers=None, **options):
        parts = urlsplit(url)
        body = b"" if json is None else _dumped(json)
        given = {name.lower(): str(value) for name, value in (headers or {}).items()} | {"x-api-key": xapikey}
        response = self._desk.send(method, parts.path, body, query=parts.query, headers=given)
        return response.body.decode(), body, response.status, dict(response.headers)


def _dumped(content):
    return json.dumps(content).encode()


class Desk:
    """A merchant with the real library, and the gateway that it talks to."""

    def __init__(self, **options):
        self.clock = Clock()
        self.gateway = AdyenGateway(self.clock)
        self.gateway.configure(options)
        self.sdk = Adyen.Adyen(xapikey=KEY, platform="test")
        self.sdk.client.http_client = _Transport(self)
        self.sdk.client.http_init = True
        self.messages = []

    def send(self, method, path, body=b"", *, query="", headers=None):
        """Send one request as it is, and keep the webhooks that came of it."""
        given = {"x-api-key": KEY, "host": "127.0.0.1:4020", **(headers or {})}
        response = self.gateway.answer(WireRequest(method=method, path=path, query=query, headers=given, body=body))
        self.collect()
        return response

    def post(self, path, content, **headers):
        """Send a JSON body; return the status and the answer."""
        response = self.send("POST", path, json.dumps(content).encode(), headers=headers)
        return response.status, json.loads(response.body)

    def request(self, value=5000, currency="EUR", **changes):
        """Return a request for a pre-authorisation; None as a change takes a field out."""
        body = {
            "amount": {"value": value, "currency": currency},
            "merchantAccount": "TestMerchant",
            "reference": "order-1",
            "returnUrl": "https://shop.example/back",
            "paymentMethod": CARD,
            "additionalData": {"authorisationType": "PreAuth", "manualCapture": "true"},
            **changes,
        }
        return {name: field for name, field in body.items() if field is not None}

    def pay(self, *args, key=None, **changes):
        """Pay with the library; return its answer."""
        return self.sdk.checkout.payments_api.payments(self.request(*args, **changes), idempotency_key=key).message

    def hold(self, *args, **changes):
        """Return the pspReference of a payment."""
        return self.pay(*args, **changes)["pspReference"]

    def modify(self, psp, kind, value=None, *, currency="EUR", key=None, **more):
        """Modify with the library; return its whole result."""
        api = self.sdk.checkout.modifications_api
        call = {
            "amountUpdates": api.update_authorised_amount,
            "captures": api.capture_authorised_payment,
            "cancels": api.cancel_authorised_payment_by_psp_reference,
            "refunds": api.refund_captured_payment,
            "reversals": api.refund_or_cancel_payment,
        }[kind]
        body = {"merchantAccount": "TestMerchant", "reference": "mod-1", **more}
        if value is not None:
            body["amount"] = {"value": value, "currency": currency}
        return call(body, psp, idempotency_key=key)

    def act(self, verb, **arguments):
        """Do what happens outside the API."""
        answer = self.gateway.act(verb, arguments)
        self.collect()
        return answer

    def advance(self, seconds):
        """Let time pass."""
        self.clock.advance(seconds)
        self.gateway.catch_up()
        self.collect()

    def collect(self):
        """Take the webhooks that have come up."""
        self.messages += self.gateway.deliveries()

    @property
    def items(self):
        """Every item of every webhook so far."""
        return [
            wrapper["NotificationRequestItem"]
            for message in self.messages
            for wrapper in json.loads(message.body)["notificationItems"]
        ]

    @property
    def last(self):
        """The newest item."""
        return self.items[-1]

    @property
    def events(self):
        """Event and success of every item so far."""
        return [(item["eventCode"], item["success"]) for item in self.items]

    def holding(self, psp):
        """Return what the gateway holds of a payment."""
        return next(holding for holding in self.gateway.holdings() if holding.id == psp)
