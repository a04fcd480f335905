# ruff: noqa: A001, A002, N815 - ids and types are called what Stripe calls them, and the base class names the rest
"""A small, stateful, Stripe-like HTTP server for tests. Standard library only; shares no code with the adapter.

Run it as a process of its own, by path; its first line of output is its port::

    python tests/servers/stripe_server.py --port 0 [--search-lag SECONDS]

It listens on 127.0.0.1 and speaks as much of Stripe's API as a hold needs: PaymentIntents (create, confirm, retrieve,
list, search, increment_authorization, capture, cancel), refunds (create, retrieve, list), balance transactions (list).
A parameter that it does not know is refused, as Stripe refuses it. Money is in Stripe's own smallest units.

Idempotency keys are kept per API key: the same request is answered again with `Idempotent-Replayed: true`, other
parameters are a 400 `idempotency_error`, a request still in flight is a 409. A 500 is kept and repeated like any
answer. Nothing is kept for 409, 429 and parameters that fail validation.

Test tokens: `pm_card_visa`, `pm_card_amex` (everything available, if requested), `pm_card_mastercard` (no increments),
`pm_card_chargeDeclined` and its kin, `pm_card_authenticationRequired`, `pm_card_pendingRefund`, `pm_card_refundFail`,
and our own `pm_evpay_incrementDeclined`, `pm_evpay_partial` (half is authorized), `pm_evpay_processing`,
`pm_evpay_oddStatus`, `pm_evpay_oddCode`.

Control paths, outside Stripe's API, with JSON bodies and no key:

- `POST /_fault` `{"kind", "times": 1, "method": null, "path": "", "seconds": 0, "saved": true}` breaks the next `times`
  (0: all) requests whose method is `method` and whose path contains `path`. Kinds: `latency` (sleeps `seconds` before
  the effect), `latency_after`, `drop_before`, `drop_after` (the connection is closed before or after the effect),
  `error_before`, `error_after` (a 500; `saved`: kept for the key), `rate_limit` (429), `lock_timeout` (429),
  `conflict` (409), `garbage` (200 after the effect, with a body that is not JSON), `redirect` (302),
  `unavailable` (503 without JSON).
  Several faults: the first that matches is used, one per request; latencies come on top. `DELETE /_fault` removes all.
- `GET /_journal` lists the requests as they arrived, with `status` (null: no answer was sent), `replayed` and `fault`.
  `DELETE /_journal` empties it.
- `GET /_books` shows for each payment what is authorized, captured, released and refunded, and how often each kind of
  effect happened: `{"payments": [{"id", "reference", "currency", "status", "authorized", "captured", "released",
  "refunded", "effects": {"authorize", "increment", "capture", "void", "refund"}, "refunds": [...], "metadata"}],
  "effects": n}`. `DELETE /_books` starts anew; requests still under way are
  then dropped without an effect.
- `POST /_config` `{"search_lag": seconds, "redirects": bool, "livemode": bool}`; with `redirects`, a payment without
  `return_url` must rule out redirects, as with an account whose Dashboard enables such methods.
- `POST /_clock` `{"advance": seconds}` moves the clock; holds expire by it.
- `POST /_authenticate` `{"id", "success"}`: the driver has answered the challenge.
- `POST /_refund` `{"id", "status", "failure_reason"}`: a refund changes later. `POST /_dispute` `{"id"}`: a chargeback.
"""

import argparse
import contextlib
import itertools
import json
import re
import socket
import sys
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

VERSION = "2026-10-28.endive"
DAY = 86_400


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status, message, *, type="invalid_request_error", saved=True, **fields):
        super().__init__(message)
        self.status = status
        self.saved = saved
        self.body = {"error": {"type": type, "message": message, **fields}}


# ---------------------------------------------------------------------------------------------- parameters

INT, BOOL, STR, META, STRINGS = "int", "bool", "str", "meta", "strings"
CARD_OPTIONS = {
    "request_incremental_authorization": STR,
    "request_extended_authorization": STR,
    "request_overcapture": STR,
    "request_multicapture": STR,
    "request_three_d_secure": STR,
    "setup_future_usage": STR,
}
CREATE = {
    "amount": INT,
    "currency": STR,
    "allowed_payment_method_types": STRINGS,
    "automatic_payment_methods": {"enabled": BOOL, "allow_redirects": STR},
    "capture_method": STR,
    "confirm": BOOL,
    "confirmation_method": STR,
    "customer": STR,
    "description": STR,
    "error_on_requires_action": BOOL,
    "expand": STRINGS,
    "metadata": META,
    "off_session": BOOL,
    "payment_method": STR,
    "payment_method_options": {"card": CARD_OPTIONS},
    "receipt_email": STR,
    "return_url": STR,
    "setup_future_usage": STR,
    "statement_descriptor_suffix": STR,
    "transfer_group": STR,
}
CONFIRM = {"payment_method": STR, "return_url": STR, "off_session": BOOL, "expand": STRINGS}
CAPTURE = {
    "amount_to_capture": INT,
    "final_capture": BOOL,
    "metadata": META,
    "statement_descriptor_suffix": STR,
    "expand": STRINGS,
}
INCREMENT = {"amount": INT, "description": STR, "metadata": META, "statement_descriptor": STR, "expand": STRINGS}
CANCEL = {"cancellation_reason": STR, "expand": STRINGS}
REFUND = {"payment_intent": STR, "charge": STR, "amount": INT, "reason": STR, "metadata": META, "expand": STRINGS}
PAGE = {"limit": INT, "starting_after": STR, "ending_before": STR, "expand": STRINGS}
SEARCH = {"query": STR, "limit": INT, "page": STR, "expand": STRINGS}
REFUND_LIST = {**PAGE, "payment_intent": STR, "charge": STR}
TXN_LIST = {**PAGE, "created": {"gt": INT, "gte": INT, "lt": INT, "lte": INT}, "payout": STR, "type": STR}
RETRIEVE = {"expand": STRINGS, "client_secret": STR}


def nested(pairs):
    """Turn `a[b][0]=x` into `{"a": {"b": {"0": "x"}}}`."""
    tree = {}
    for name, value in pairs:
        head, *rest = [part for part in re.split(r"\[|\]\[|\]", name) if part] or [name]
        if name.endswith("[]"):
            node = tree.setdefault(head, {})
            node[str(len(node))] = value
            continue
        node = tree
        for step, following in itertools.pairwise([head, *rest]):
            del following
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                raise Refusal(400, f"Invalid object: {name}", param=name, saved=False)
        node[rest[-1] if rest else head] = value
    return tree


def typed(name, value, kind):
    if isinstance(kind, dict):
        return checked(value, kind, prefix=name) if isinstance(value, dict) else fail_type(name, "object")
    if kind == META:
        if not isinstance(value, dict) or len(value) > 50 or any(len(k) > 40 or len(v) > 500 for k, v in value.items()):
            fail_type(name, "object of at most 50 keys of 40 and values of 500 characters")
        return value
    if kind == STRINGS:
        return list(value.values()) if isinstance(value, dict) else fail_type(name, "array")
    if not isinstance(value, str):
        fail_type(name, "string")
    if kind == INT:
        if not re.fullmatch(r"-?\d{1,15}", value):
            raise Refusal(400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=name, saved=False)
        return int(value)
    if kind == BOOL:
        return value == "true" if value in ("true", "false") else fail_type(name, "boolean")
    return value


def fail_type(name, wanted):
    raise Refusal(400, f"Invalid {wanted}", param=name, saved=False)


def checked(params, schema, prefix=""):
    result = {}
    for key, value in params.items():
        name = f"{prefix}[{key}]" if prefix else key
        if key == "payment_method_types":
            raise Refusal(
                400,
                "payment_method_types is no longer supported.",
                code="payment_method_types_no_longer_supported",
                param=name,
                saved=False,
            )
        if key not in schema:
            raise Refusal(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name, saved=False)
        result[key] = typed(name, value, schema[key])
    return result


def required(params, *names):
    for name in names:
        if name not in params:
            raise Refusal(400, f"Missing required param: {name}.", code="parameter_missing", param=name, saved=False)


# ---------------------------------------------------------------------------------------------- cards


def card(brand, last4, **behaviour):
    return {"brand": brand, "last4": last4, "increment": True, **behaviour}


def declining(decline_code, code="card_declined"):
    return card("visa", "0002", decline=(code, decline_code))


CARDS = {
    "pm_card_visa": card("visa", "4242"),
    "pm_card_visa_debit": card("visa", "5556"),
    "pm_card_amex": card("amex", "8431"),
    "pm_card_mastercard": card("mastercard", "4444", increment=False),
    "pm_card_chargeDeclined": declining("generic_decline"),
    "pm_card_visa_chargeDeclined": declining("generic_decline"),
    "pm_card_chargeCustomerFail": declining("generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": declining("insufficient_funds"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": declining("insufficient_funds"),
    "pm_card_chargeDeclinedLostCard": declining("lost_card"),
    "pm_card_visa_chargeDeclinedLostCard": declining("lost_card"),
    "pm_card_chargeDeclinedStolenCard": declining("stolen_card"),
    "pm_card_visa_chargeDeclinedStolenCard": declining("stolen_card"),
    "pm_card_chargeDeclinedFraudulent": declining("fraudulent"),
    "pm_card_chargeDeclinedVelocityLimitExceeded": declining("card_velocity_exceeded"),
    "pm_card_chargeDeclinedExpiredCard": declining(None, "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": declining(None, "incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": declining(None, "processing_error"),
    "pm_card_authenticationRequired": card("visa", "3184", challenge=True),
    "pm_card_threeDSecure2Required": card("visa", "3220", challenge=True),
    "pm_card_pendingRefund": card("visa", "7726", refund="pending"),
    "pm_card_refundFail": card("visa", "5126", refund="failed"),
    "pm_evpay_incrementDeclined": card("visa", "9001", increment_decline=True),
    "pm_evpay_partial": card("visa", "9002", partial=True),
    "pm_evpay_processing": card("visa", "9003", status="processing"),
    "pm_evpay_oddStatus": card("visa", "9004", status="entangled"),
    "pm_evpay_oddCode": declining("a_code_from_the_future"),
}


# ---------------------------------------------------------------------------------------------- the book


class Book:
    """Everything the server holds; every method is called with the lock held."""

    def __init__(self):
        self.lock = threading.RLock()
        self.config = {"search_lag": 0.0, "redirects": False, "livemode": False}
        self.offset = 0
        self.numbers = itertools.count(1)
        self.generation = 0
        self.faults = []
        self.journal = deque(maxlen=200_000)
        self.clear()

    def clear(self):
        self.generation += 1
        self.intents, self.by_charge, self.refunds, self.saved, self.keys = {}, {}, {}, {}, {}
        self.by_reference = {}
        self.transactions = []

    def now(self):
        return int(time.time() + self.offset)

    def id(self, prefix):
        return f"{prefix}_{next(self.numbers):016d}Ev"

    def intent(self, id):
        intent = self.intents.get(id)
        if intent is None:
            raise Refusal(404, f"No such payment_intent: '{id}'", code="resource_missing", param="intent")
        charge = intent["charge"]
        if intent["status"] == "requires_capture" and charge["capture_before"] <= self.now():
            self.close(intent, "canceled", reason="automatic")
        return intent

    def close(self, intent, status, *, reason=None):
        charge = intent["charge"]
        intent["status"] = status
        intent["amount_capturable"] = 0
        intent["cancellation_reason"] = reason
        if charge and charge["status"] == "succeeded":
            intent["released"] = max(charge["authorized"] - charge["captured"], 0)

    def method(self, token):
        found = CARDS.get(self.saved.get(token, token))
        if found is None:
            raise Refusal(400, f"No such PaymentMethod: '{token}'", code="resource_missing", param="payment_method")
        return found

    def create(self, params):
        required(params, "amount", "currency")
        if params["amount"] <= 0:
            raise Refusal(
                400,
                "The amount must be greater than or equal to the minimum charge amount.",
                code="parameter_invalid_integer",
                param="amount",
                saved=False,
            )
        if params["amount"] > 99_999_999:
            raise Refusal(400, "Amount must be no more than $999,999.99", code="amount_too_large", param="amount")
        redirects = params.get("automatic_payment_methods", {}).get("allow_redirects") != "never"
        if (
            self.config["redirects"]
            and params.get("confirm")
            and "return_url" not in params
            and "allowed_payment_method_types" not in params
            and redirects
        ):
            raise Refusal(400, "You must provide a `return_url`, or rule out redirect-based payment methods.")
        token = params.get("payment_method")
        if token is not None:
            self.method(token)
        id = self.id("pi")
        intent = {
            "id": id,
            "amount": params["amount"],
            "currency": params["currency"],
            "customer": params.get("customer"),
            "capture_method": params.get("capture_method", "automatic_async"),
            "metadata": dict(params.get("metadata", {})),
            "payment_method": token,
            "requests": params.get("payment_method_options", {}).get("card", {}),
            "setup_future_usage": params.get("setup_future_usage"),
            "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
            "return_url": params.get("return_url"),
            "created": self.now(),
            "seen": time.monotonic(),
            "status": "requires_confirmation" if token else "requires_payment_method",
            "amount_capturable": 0,
            "amount_received": 0,
            "released": 0,
            "charge": None,
            "next_action": None,
            "last_payment_error": None,
            "cancellation_reason": None,
            "effects": dict.fromkeys(("authorize", "increment", "capture", "void", "refund"), 0),
        }
        self.intents[id] = intent
        for value in intent["metadata"].values():
            self.by_reference.setdefault(value, []).append(id)
        if params.get("confirm"):
            self.confirm(intent, params)
        return intent

    def confirm(self, intent, params):
        intent["payment_method"] = params.get("payment_method", intent["payment_method"])
        intent["return_url"] = params.get("return_url", intent["return_url"])
        required(intent, "payment_method")
        behaviour = self.method(intent["payment_method"])
        if intent["status"] not in ("requires_confirmation", "requires_payment_method"):
            self.wrong_state(intent, "confirm")
        if behaviour.get("challenge"):
            if params.get("off_session"):
                self.decline(intent, "authentication_required", "authentication_required")
            intent["status"] = "requires_action"
            url = f"https://hooks.stripe.com/3d_secure_2/hosted?payment_intent={intent['id']}"
            intent["next_action"] = (
                {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": intent["return_url"]}}
                if intent["return_url"]
                else {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
            )
            return
        if "decline" in behaviour:
            self.decline(intent, *behaviour["decline"])
        if "status" in behaviour:
            intent["status"] = behaviour["status"]
            return
        self.authorize(intent, behaviour, off_session=params.get("off_session", False))

    def authorize(self, intent, behaviour, *, off_session=False):
        authorized = intent["amount"] // 2 if behaviour.get("partial") else intent["amount"]
        days = 5 * DAY - DAY // 4 if off_session and behaviour["brand"] == "visa" else 7 * DAY
        charge = {
            "id": self.id("ch"),
            "intent": intent["id"],
            "status": "succeeded",
            "authorized": authorized,
            "captured": 0,
            "capture_before": intent["created"] + days,
            "behaviour": behaviour,
            "disputed": False,
        }
        intent["charge"] = charge
        self.by_charge[charge["id"]] = intent["id"]
        intent["effects"]["authorize"] += 1
        if intent["setup_future_usage"] and intent["customer"]:
            saved = self.id("pm")
            self.saved[saved] = self.saved.get(intent["payment_method"], intent["payment_method"])
            intent["payment_method"] = saved
        intent["status"] = "requires_capture"
        intent["amount_capturable"] = authorized
        if intent["capture_method"] != "manual":
            self.capture(intent, {})

    def decline(self, intent, code, decline_code):
        charge = {"id": self.id("ch"), "intent": intent["id"], "status": "failed", "authorized": 0, "captured": 0}
        charge |= {"behaviour": CARDS["pm_card_visa"], "capture_before": None, "disputed": False}
        error = {"code": code, "message": "Your card was declined.", "type": "card_error", "charge": charge["id"]}
        if decline_code:
            error["decline_code"] = decline_code
        intent["charge"] = charge
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = error
        rest = {key: value for key, value in error.items() if key not in ("type", "message")}
        raise Refusal(402, error["message"], type="card_error", payment_intent=self.show(intent), **rest)

    def wrong_state(self, intent, verb):
        raise Refusal(
            400,
            f"This PaymentIntent could not be {verb}ed because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
            payment_intent=self.show(intent),
        )

    def increment(self, intent, params):
        required(params, "amount")
        charge = intent["charge"]
        if intent["status"] != "requires_capture":
            self.wrong_state(intent, "increment")
        if not self.available(intent, "incremental_authorization") or charge["captured"]:
            raise Refusal(400, "This PaymentIntent is not eligible for incremental authorization.")
        if params["amount"] <= charge["authorized"]:
            raise Refusal(400, "The amount must be greater than the authorized amount.", param="amount")
        if charge["behaviour"].get("increment_decline"):
            raise Refusal(
                402,
                "Your card was declined.",
                type="card_error",
                code="card_declined",
                decline_code="insufficient_funds",
            )
        intent["amount"] = charge["authorized"] = intent["amount_capturable"] = params["amount"]
        intent["metadata"] |= params.get("metadata", {})
        intent["effects"]["increment"] += 1

    def capture(self, intent, params):
        charge = intent["charge"]
        if intent["status"] != "requires_capture":
            self.wrong_state(intent, "captur")
        multi = self.available(intent, "multicapture")
        amount = params.get("amount_to_capture", intent["amount_capturable"])
        over = charge["authorized"] * 115 // 100 if self.available(intent, "overcapture") else 0
        if not 0 < amount <= max(intent["amount_capturable"], over):
            raise Refusal(
                400, "The amount to capture is too large.", code="amount_too_large", param="amount_to_capture"
            )
        final = params.get("final_capture", True)
        if not final and not multi:
            raise Refusal(400, "final_capture may not be false for this payment.", param="final_capture")
        charge["captured"] += amount
        intent["amount_received"] += amount
        intent["amount_capturable"] = max(intent["amount_capturable"] - amount, 0)
        intent["metadata"] |= params.get("metadata", {})
        intent["effects"]["capture"] += 1
        self.enter("charge", charge["id"], amount, intent["currency"])
        if final or not intent["amount_capturable"]:
            self.close(intent, "succeeded")

    def cancel(self, intent, params):
        if intent["status"] in ("canceled", "succeeded", "processing"):
            self.wrong_state(intent, "cancel")
        reason = params.get("cancellation_reason")
        if reason not in (None, "duplicate", "fraudulent", "requested_by_customer", "abandoned"):
            raise Refusal(400, "Invalid cancellation_reason", param="cancellation_reason", saved=False)
        self.close(intent, "succeeded" if intent["amount_received"] else "canceled", reason=reason)
        intent["next_action"] = None
        intent["effects"]["void"] += 1

    def refund(self, params):
        id = params.get("payment_intent") or self.by_charge.get(params.get("charge"), "")
        intent = self.intent(id)
        if not intent["amount_received"]:
            raise Refusal(400, "This PaymentIntent does not have a successful charge to refund.")
        left = intent["amount_received"] - self.refunded(intent, "succeeded", "pending")
        amount = params.get("amount", left)
        if left == 0:
            raise Refusal(400, "Charge has already been refunded.", code="charge_already_refunded")
        if not 0 < amount <= left:
            raise Refusal(400, f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})")
        status = intent["charge"]["behaviour"].get("refund", "succeeded")
        refund = {
            "id": self.id("re"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": self.enter("refund", None, -amount, intent["currency"]),
            "charge": intent["charge"]["id"],
            "created": self.now(),
            "currency": intent["currency"],
            "metadata": dict(params.get("metadata", {})),
            "payment_intent": id,
            "reason": params.get("reason"),
            "status": status,
        }
        if status == "failed":
            refund["failure_reason"] = "expired_or_canceled_card"
        self.refunds[refund["id"]] = refund
        self.transactions[-1]["source"] = refund["id"]
        intent["effects"]["refund"] += 1
        return refund

    def refunds_of(self, intent):
        return [refund for refund in self.refunds.values() if refund["payment_intent"] == intent["id"]]

    def refunded(self, intent, *statuses):
        return sum(refund["amount"] for refund in self.refunds_of(intent) if refund["status"] in statuses)

    def enter(self, type, source, amount, currency):
        fee = amount * 15 // 1000 + 25 if amount > 0 else 0
        entry = {
            "id": self.id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": self.now() + 2 * DAY,
            "created": self.now(),
            "currency": currency,
            "exchange_rate": None,
            "fee": fee,
            "net": amount - fee,
            "reporting_category": type,
            "source": source,
            "status": "pending",
            "type": type,
        }
        self.transactions.append(entry)
        return entry["id"]

    def available(self, intent, feature):
        behaviour = intent["charge"]["behaviour"]
        asked = intent["requests"].get(f"request_{feature}") == "if_available"
        return asked and (behaviour["increment"] or feature != "incremental_authorization")

    # ------------------------------------------------------------------------------------------ showing

    def show(self, intent, expand=()):
        charge = intent["charge"]
        latest = charge and (self.show_charge(intent) if "latest_charge" in expand else charge["id"])
        return {
            "id": intent["id"],
            "object": "payment_intent",
            "amount": intent["amount"],
            "amount_capturable": intent["amount_capturable"],
            "amount_received": intent["amount_received"],
            "cancellation_reason": intent["cancellation_reason"],
            "capture_method": intent["capture_method"],
            "client_secret": f"{intent['id']}_secret_test",
            "created": intent["created"],
            "currency": intent["currency"],
            "customer": intent["customer"],
            "last_payment_error": intent["last_payment_error"],
            "latest_charge": latest,
            "livemode": self.config["livemode"],
            "metadata": intent["metadata"],
            "next_action": intent["next_action"] if intent["status"] == "requires_action" else None,
            "payment_method": intent["payment_method"],
            "payment_method_types": ["card"],
            "setup_future_usage": intent["setup_future_usage"],
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": intent["status"],
        }

    def show_charge(self, intent):
        charge = intent["charge"]
        behaviour = charge["behaviour"]

        def status(feature):
            return "available" if self.available(intent, feature) else "unavailable"

        authorized = charge["authorized"]
        over = authorized * 115 // 100 if self.available(intent, "overcapture") else authorized
        return {
            "id": charge["id"],
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": charge["captured"],
            "amount_refunded": self.refunded(intent, "succeeded", "pending"),
            "captured": bool(charge["captured"]),
            "created": intent["created"],
            "currency": intent["currency"],
            "disputed": charge["disputed"],
            "livemode": self.config["livemode"],
            "metadata": intent["metadata"],
            "paid": charge["status"] == "succeeded",
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"],
            "payment_method_details": {
                "type": "card",
                "card": {
                    "amount_authorized": authorized,
                    "authorization_code": "057895",
                    "brand": behaviour["brand"],
                    "capture_before": charge["capture_before"],
                    "country": "US",
                    "exp_month": 11,
                    "exp_year": 2034,
                    "extended_authorization": {"status": "disabled"},
                    "funding": "credit",
                    "incremental_authorization": {"status": status("incremental_authorization")},
                    "last4": behaviour["last4"],
                    "multicapture": {"status": status("multicapture")},
                    "network": behaviour["brand"],
                    "overcapture": {"maximum_amount_capturable": over, "status": status("overcapture")},
                },
            },
            "status": charge["status"],
        }

    def books(self):
        payments = []
        for id in list(self.intents):
            intent = self.intent(id)
            charge = intent["charge"]
            payments.append(
                {
                    "id": id,
                    "reference": intent["metadata"].get("evpay_reference"),
                    "currency": intent["currency"],
                    "status": intent["status"],
                    "authorized": charge["authorized"] if charge else 0,
                    "captured": intent["amount_received"],
                    "released": intent["released"],
                    "refunded": self.refunded(intent, "succeeded"),
                    "effects": intent["effects"],
                    "refunds": [
                        {key: refund[key] for key in ("id", "amount", "status", "metadata")}
                        for refund in self.refunds_of(intent)
                    ],
                    "metadata": intent["metadata"],
                }
            )
        return {"payments": payments, "effects": sum(sum(p["effects"].values()) for p in payments)}


# ---------------------------------------------------------------------------------------------- routes


def listing(url, items, params, *, has_more=False):
    return {"object": "list", "url": url, "data": items, "has_more": has_more}


def paged(items, params, url):
    """One page of a list that is newest first."""
    limit = params.get("limit", 10)
    ids = [item["id"] for item in items]
    for name in ("starting_after", "ending_before"):
        if name in params and params[name] not in ids:
            raise Refusal(400, f"No such object: '{params[name]}'", code="resource_missing", param=name)
    if "ending_before" in params:
        newer = items[: ids.index(params["ending_before"])]
        return listing(url, newer[-limit:], params, has_more=len(newer) > limit)
    start = ids.index(params["starting_after"]) + 1 if "starting_after" in params else 0
    return listing(url, items[start : start + limit], params, has_more=len(items) > start + limit)


def r_create(book, params):
    return book.show(book.create(params), params.get("expand", ()))


def r_search(book, params):
    required(params, "query")
    found = re.fullmatch(r"""metadata\[["']([^"']+)["']\]\s*:\s*["']([^"']+)["']""", params["query"])
    if found is None:
        raise Refusal(400, "We were unable to parse your search query.", param="query", saved=False)
    expand = [path.removeprefix("data.") for path in params.get("expand", ())]
    horizon = time.monotonic() - book.config["search_lag"]
    data = []
    for id in book.by_reference.get(found[2], ()):
        intent = book.intent(id)
        if intent["seen"] <= horizon and intent["metadata"].get(found[1]) == found[2]:
            data.append(book.show(intent, expand))
    return {**listing("/v1/payment_intents/search", data, params), "object": "search_result", "next_page": None}


def r_list(book, params):
    newest_first = [book.show(book.intent(id)) for id in reversed(book.intents)]
    return paged(newest_first, params, "/v1/payment_intents")


def r_retrieve(book, params, id):
    return book.show(book.intent(id), params.get("expand", ()))


def changing(verb):
    def route(book, params, id):
        intent = book.intent(id)
        getattr(book, verb)(intent, params)
        return book.show(intent, params.get("expand", ()))

    return route


def r_refund(book, params):
    return book.refund(params)


def r_refund_get(book, params, id):
    if id not in book.refunds:
        raise Refusal(404, f"No such refund: '{id}'", code="resource_missing", param="id")
    return book.refunds[id]


def r_refunds(book, params):
    newest_first = list(reversed(book.refunds.values()))
    if "payment_intent" in params:
        book.intent(params["payment_intent"])
        newest_first = [item for item in newest_first if item["payment_intent"] == params["payment_intent"]]
    if "charge" in params:
        newest_first = [item for item in newest_first if item["charge"] == params["charge"]]
    return paged(newest_first, params, "/v1/refunds")


def r_transactions(book, params):
    since = params.get("created", {}).get("gte", 0)
    found = [dict(entry) for entry in reversed(book.transactions) if entry["created"] >= since]
    if "data.source" in params.get("expand", ()):
        for entry in found:
            source = entry["source"]
            entry["source"] = book.refunds.get(source) or book.show_charge(book.intents[book.by_charge[source]])
    return paged(found, params, "/v1/balance_transactions")


ROUTES = [
    ("POST", r"/v1/payment_intents", CREATE, r_create),
    ("GET", r"/v1/payment_intents/search", SEARCH, r_search),
    ("GET", r"/v1/payment_intents", PAGE, r_list),
    ("GET", r"/v1/payment_intents/([A-Za-z0-9_]+)", RETRIEVE, r_retrieve),
    ("POST", r"/v1/payment_intents/([A-Za-z0-9_]+)/confirm", CONFIRM, changing("confirm")),
    ("POST", r"/v1/payment_intents/([A-Za-z0-9_]+)/increment_authorization", INCREMENT, changing("increment")),
    ("POST", r"/v1/payment_intents/([A-Za-z0-9_]+)/capture", CAPTURE, changing("capture")),
    ("POST", r"/v1/payment_intents/([A-Za-z0-9_]+)/cancel", CANCEL, changing("cancel")),
    ("POST", r"/v1/refunds", REFUND, r_refund),
    ("GET", r"/v1/refunds", REFUND_LIST, r_refunds),
    ("GET", r"/v1/refunds/([A-Za-z0-9_]+)", RETRIEVE, r_refund_get),
    ("GET", r"/v1/balance_transactions", TXN_LIST, r_transactions),
]
ROUTES = [(method, re.compile(path), schema, handler) for method, path, schema, handler in ROUTES]


# ---------------------------------------------------------------------------------------------- control


def c_fault(book, body):
    kinds = "latency latency_after drop_before drop_after error_before error_after rate_limit lock_timeout conflict"
    if body.get("kind") not in (*kinds.split(), "garbage", "redirect", "unavailable"):
        raise Refusal(400, f"unknown fault {body.get('kind')!r}")
    book.faults.append(
        {
            "times": 1,
            "method": None,
            "path": "",
            "seconds": 0,
            "saved": True,
            **body,
            "for_ever": body.get("times") == 0,
        }
    )
    return {"faults": len(book.faults)}


def c_authenticate(book, body):
    intent = book.intent(body["id"])
    if intent["status"] != "requires_action":
        raise Refusal(400, "nothing to authenticate")
    if body.get("success", True):
        book.authorize(intent, book.method(intent["payment_method"]))
    else:
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = {
            "type": "invalid_request_error",
            "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication.",
        }
    return book.show(intent)


def c_config(book, body):
    book.config |= body
    return book.config


def c_clock(book, body):
    book.offset += body["advance"]
    return {"now": book.now()}


def c_refund(book, body):
    book.refunds[body["id"]] |= {key: value for key, value in body.items() if key != "id"}
    return book.refunds[body["id"]]


def c_dispute(book, body):
    book.intents[body["id"]]["charge"]["disputed"] = True
    return {}


def c_clear_faults(book, body):
    book.faults.clear()
    return {}


def c_clear_journal(book, body):
    book.journal.clear()
    return {}


def c_clear(book, body):
    book.clear()
    return {}


CONTROL = {
    ("POST", "/_fault"): c_fault,
    ("DELETE", "/_fault"): c_clear_faults,
    ("GET", "/_journal"): lambda book, body: list(book.journal),
    ("DELETE", "/_journal"): c_clear_journal,
    ("GET", "/_books"): lambda book, body: book.books(),
    ("DELETE", "/_books"): c_clear,
    ("POST", "/_config"): c_config,
    ("POST", "/_clock"): c_clock,
    ("POST", "/_authenticate"): c_authenticate,
    ("POST", "/_refund"): c_refund,
    ("POST", "/_dispute"): c_dispute,
    ("GET", "/_ready"): lambda book, body: {"ready": True},
}

KEPT_HEADERS = (
    "content-type",
    "idempotency-key",
    "stripe-account",
    "stripe-version",
    "user-agent",
    "x-stripe-client-telemetry",
    "x-stripe-client-user-agent",
)


IN_USE = "There is currently another in-progress request using this Idempotency-Key."
UNDONE = {
    "redirect": (302, b"", {"Location": "/v1/elsewhere"}),
    "unavailable": (503, b"<html>try later</html>", {}),
    "rate_limit": (429, Refusal(429, "Too many requests", code="rate_limit").body, {}),
    "lock_timeout": (429, Refusal(429, "This object cannot be accessed right now.", code="lock_timeout").body, {}),
    "conflict": (409, Refusal(409, IN_USE, code="idempotency_key_in_use", type="idempotency_error").body, {}),
}


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120

    def do_GET(self):
        self.handle_any()

    do_POST = do_DELETE = do_GET

    def log_message(self, format, *args):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = urlsplit(self.path)
        if target.path.startswith("/_"):
            return self.control(target.path, body)
        pairs = parse_qsl((body.decode() if self.command == "POST" else target.query), keep_blank_values=True)
        entry = {
            "method": self.command,
            "path": target.path,
            "params": pairs,
            "headers": {name: self.headers[name] for name in KEPT_HEADERS if name in self.headers},
            "status": None,
            "replayed": False,
            "fault": None,
        }
        book = self.server.book
        with book.lock:
            book.journal.append(entry)
            faults = self.take_faults(book, target.path)
            self.generation = book.generation
        entry["fault"] = [fault["kind"] for fault in faults] or None
        try:
            status, answer, headers = self.api(book, entry, faults)
        except Dropped:
            self.close_connection = True
            with contextlib.suppress(OSError):  # the client may be gone already
                self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return self.reply(entry, status, answer, headers)

    def take_faults(self, book, path):
        taken, broken = [], False
        for fault in list(book.faults):
            slow = fault["kind"].startswith("latency")
            if fault["method"] not in (None, self.command) or fault["path"] not in path or (broken and not slow):
                continue
            broken |= not slow
            taken.append(fault)
            fault["times"] -= 1
            if fault["times"] <= 0 and not fault["for_ever"]:
                book.faults.remove(fault)
        return taken

    def api(self, book, entry, faults):
        kinds = {fault["kind"]: fault for fault in faults}
        bearer = self.headers.get("Authorization", "")
        if not re.fullmatch(r"Bearer (sk|rk)_(test|live)_\w+", bearer):
            return 401, Refusal(401, "Invalid API Key provided").body, {}
        if "drop_before" in kinds:
            raise Dropped
        for kind in kinds.keys() & UNDONE.keys():
            return UNDONE[kind]
        key = entry["headers"].get("idempotency-key") if self.command == "POST" else None
        slot, fingerprint = (bearer, key), (self.command, entry["path"], sorted(entry["params"]))
        if key is not None:
            with book.lock:
                kept = book.keys.get(slot)
                if kept is None:
                    book.keys[slot] = {"fingerprint": fingerprint, "answer": None}
            if kept is not None:
                return self.again(kept, fingerprint, entry)
        self.sleep(kinds, "latency")
        status, answer, saved = self.execute(book, entry, kinds)
        if key is not None:
            self.keep(book, slot, (status, answer), saved=all(fault["saved"] for fault in faults) and saved)
        self.sleep(kinds, "latency_after")
        if "drop_after" in kinds:
            raise Dropped
        return (200, b"{not json", {}) if "garbage" in kinds else (status, answer, {})

    def sleep(self, kinds, kind):
        if kind in kinds:
            time.sleep(kinds[kind]["seconds"])

    def keep(self, book, slot, answer, *, saved):
        with book.lock:
            if saved and slot in book.keys:
                book.keys[slot]["answer"] = answer
            else:
                book.keys.pop(slot, None)

    def execute(self, book, entry, kinds):
        broken = 500, Refusal(500, "Something went wrong on our end.", type="api_error").body, True
        if "error_before" in kinds:
            return broken
        try:
            with book.lock:
                self.refuse_the_past(book)
                status, answer = 200, json.dumps(self.route(book, entry)).encode()
        except Dropped:
            raise
        except Refusal as refusal:
            return refusal.status, json.dumps(refusal.body).encode(), refusal.saved
        except Exception as error:
            return 500, Refusal(500, f"test server: {error!r}", type="api_error").body, True
        return broken if "error_after" in kinds else (status, answer, True)

    def refuse_the_past(self, book):
        """Drop a request that was under way when the books were emptied: it belongs to an earlier test."""
        if self.generation != book.generation:
            raise Dropped

    def route(self, book, entry):
        for method, pattern, schema, handler in ROUTES:
            found = pattern.fullmatch(entry["path"])
            if found and method == self.command:
                return handler(book, checked(nested(entry["params"]), schema), *found.groups())
        raise Refusal(404, f"Unrecognized request URL ({self.command}: {entry['path']}).", saved=False)

    def again(self, kept, fingerprint, entry):
        if kept["fingerprint"] != fingerprint:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
            )
            return 400, Refusal(400, message, type="idempotency_error").body, {}
        if kept["answer"] is None:
            return UNDONE["conflict"]
        entry["replayed"] = True
        return *kept["answer"], {"Idempotent-Replayed": "true"}

    def control(self, path, body):
        handler = CONTROL.get((self.command, path))
        if handler is None:
            return self.reply(None, 404, {"error": f"no control path {self.command} {path}"}, {})
        try:
            with self.server.book.lock:
                answer = handler(self.server.book, json.loads(body or b"{}"))
                return self.reply(None, 200, json.dumps(answer).encode(), {})
        except (Refusal, KeyError, ValueError) as error:
            return self.reply(None, 400, {"error": str(error)}, {})

    def reply(self, entry, status, answer, headers):
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if entry is not None:
            entry["status"] = status
            key = entry["headers"].get("idempotency-key")
            headers = {**headers, "Request-Id": f"req_{len(content)}", "Stripe-Version": VERSION}
            headers |= {"Idempotency-Key": key} if key else {}
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that went away is no news."""


def main():
    parser = argparse.ArgumentParser(description="A Stripe-like server for tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--search-lag", type=float, default=0.0)
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Handler)
    server.book = Book()
    server.book.config["search_lag"] = options.search_lag
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
