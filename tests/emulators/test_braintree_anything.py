"""Whatever is sent to the Braintree emulator, it answers, and what it answers its own reader reads."""

import base64

from evpay_contrib_emulators.braintree import BraintreeGateway
from evpay_contrib_emulators.braintree.parameters import KNOWN
from evpay_contrib_emulators.braintree.xml import read, write
from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.gateway import WireRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulators.braintree_desk import AUTH

HEADERS = {"authorization": "Basic " + base64.b64encode(":".join(AUTH).encode()).decode(), "x-apiversion": "6"}
BASE = "/merchants/integration_merchant_id"
PATHS = {
    "sale": ("POST", "/transactions", "transaction"),
    "submit_for_settlement": ("PUT", "/transactions/{}/submit_for_settlement", "transaction"),
    "submit_for_partial_settlement": ("POST", "/transactions/{}/submit_for_partial_settlement", "transaction"),
    "adjust_authorization": ("PUT", "/transactions/{}/adjust_authorization", "transaction"),
    "void": ("PUT", "/transactions/{}/void", "transaction"),
    "reverse": ("POST", "/transactions/{}/reverse", "transaction"),
    "refund": ("POST", "/transactions/{}/refund", "transaction"),
    "update_details": ("PUT", "/transactions/{}/update_details", "transaction"),
    "customer": ("POST", "/customers", "customer"),
    "payment_method": ("POST", "/payment_methods", "payment_method"),
    "client_token": ("POST", "/client_token", "client_token"),
    "settlement_batch_summary": ("POST", "/settlement_batch_summary", "settlement_batch_summary"),
    "three_d_secure_verification": (
        "POST",
        "/three_d_secure/create_verification/emulator_eur",
        "three_d_secure_verification",
    ),
    "search": ("POST", "/transactions/advanced_search_ids", "search"),
    "disputes": ("POST", "/disputes/advanced_search", "search"),
}
SEARCHED = [
    *("id", "order_id", "status", "amount", "created_at", "settled_at", "ids", "type", "currency", "kind"),
    *("amount_disputed", "received_date"),
]
TEXTS = st.sampled_from(
    [
        *("", "1", "20.00", "NaN", "Infinity", "true", "sale", "fake-valid-nonce", "vaulted", "2026-11-20", "05/30"),
        *("9" * 40, "é<&>"),
    ]
)
INNER = [
    *("is", "min", "max", "contains", "number", "expiration_date", "cvv", "status", "name", "eci_flag", "cavv"),
    *("token", "required", "id", "site"),
]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]
VALUES = st.recursive(
    TEXTS | st.none(),
    lambda inner: st.dictionaries(st.sampled_from(INNER), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=6,
)


def a_gateway():
    gateway = BraintreeGateway(Clock())
    gateway.configure({"custom_fields": ["site"], "card_partial_settlement": True})
    return gateway


def ask(gateway, method, path, body):
    request = WireRequest(method=method, path=BASE + path, headers=HEADERS, body=body)
    gateway.key_of(request)
    return gateway.answer(request)


def a_sale(gateway):
    params = {"type": "sale", "amount": "20.00", "payment_method_nonce": "fake-valid-nonce"}
    return read(ask(gateway, "POST", "/transactions", write("transaction", params)).body)["transaction"]["id"]


@given(name=st.sampled_from(sorted(PATHS)), data=st.data())
@settings(max_examples=400)
def test_every_request_is_answered(name, data):
    method, path, root = PATHS[name]
    shape = KNOWN.get(name, SEARCHED)
    keys = st.sampled_from(sorted(INNER if shape is ... else shape))
    params = data.draw(st.dictionaries(keys, VALUES, max_size=6) | VALUES)
    gateway = a_gateway()
    transaction = a_sale(gateway)

    answer = ask(gateway, method, path.format(transaction), write(root, params))

    assert answer.status in {200, 201, 403, 422}
    assert read(answer.body)
    assert gateway.holdings()


@given(
    method=st.sampled_from(METHODS),
    path=st.text(max_size=40),
    body=st.binary(max_size=80),
)
def test_every_path_and_body_is_answered(method, path, body):
    answer = ask(a_gateway(), method, "/" + path, body)

    assert answer.status in {400, 404}
