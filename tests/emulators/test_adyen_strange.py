"""Whatever comes, the Adyen emulator answers: it never raises, and what is strange has no effect."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulators.adyen_desk import CARD, KEY, Desk
from tests.emulators.test_adyen_terminal import PATH, payment

STRANGE = [None, True, -1, 0, 1.5, 10**30, 10**4000, "", "x", "\ud800", "\r\n\0", [], [[]], {}, {"x": {}}, ["x"]]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(STRANGE)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MODIFICATION = {"merchantAccount": "TestMerchant", "reference": "m", "amount": {"value": 1, "currency": "EUR"}}
DESK = Desk(synchronous_adjustments=True)
STORED = DESK.pay(5000, storePaymentMethod=True, shopperReference="shopper")
HELD, TOKEN = STORED["pspReference"], STORED["additionalData"]["tokenization.storedPaymentMethodId"]
BODIES = {
    "/v72/payments": DESK.request()
    | {"metadata": {"a": "b"}, "authenticationData": {"attemptAuthentication": "always"}},
    "/v72/payments?": DESK.request(
        paymentMethod={"type": "scheme", "storedPaymentMethodId": TOKEN}, shopperReference="shopper"
    ),
    "/v72/payments/details": {"details": {"redirectResult": "x", "orderID": "1", "payerID": "2"}, "paymentData": "x"},
    f"/v72/payments/{HELD}/amountUpdates": MODIFICATION | {"adjustAuthorisationData": "x"},
    f"/v72/payments/{HELD}/captures": MODIFICATION,
    f"/v72/payments/{HELD}/refunds": MODIFICATION,
    "/v72/sessions": DESK.request(paymentMethod=None, expiresAt="2026-11-20T12:00:00"),
    "/v72/paymentLinks": DESK.request(paymentMethod=None, additionalData=None, description="x"),
    "/v72/cancels": {"merchantAccount": "TestMerchant", "paymentReference": "r"},
    "/v72/paymentMethods": {"merchantAccount": "TestMerchant", "blockedPaymentMethods": ["paypal"]},
    PATH: payment(),
}


def places(content, path=()):
    """Return where something in a JSON value could be replaced."""
    yield path
    if isinstance(content, dict):
        for name, value in content.items():
            yield from places(value, (*path, name))


def replaced(content, path, value):
    """Return the JSON value with another one in one place."""
    if not path:
        return value
    return {**content, path[0]: replaced(content[path[0]], path[1:], value)}


@settings(max_examples=400)
@given(data=st.data())
def test_a_field_may_be_anything(data):
    """One strange value in an otherwise good request: an answer below 500, in JSON."""
    path = data.draw(st.sampled_from(sorted(BODIES)))
    place = data.draw(st.sampled_from(list(places(BODIES[path]))))
    body = replaced(BODIES[path], place, data.draw(JSON))

    response = DESK.send("POST", path.rstrip("?"), json.dumps(body).encode())

    assert response.status < 500
    assert isinstance(json.loads(response.body), dict)


@pytest.mark.parametrize("path", sorted(BODIES), ids=lambda path: path.rsplit("/", 1)[-1])
def test_every_field_may_be_strange(path):
    """The same, with each of the values that programs stumble over in each place."""
    for place in places(BODIES[path]):
        for value in STRANGE:
            body = replaced(BODIES[path], place, value)
            response = DESK.send("POST", path.rstrip("?"), json.dumps(body).encode())
            assert response.status < 500, (place, value)


@settings(max_examples=200)
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PATCH"]),
    path=st.sampled_from(
        ["/v72/storedPaymentMethods", "/v72/storedPaymentMethods/", "/v72/payments/", "/reports/", "/"]
    ),
    rest=st.text(max_size=20),
    query=st.text(max_size=30),
    body=st.binary(max_size=40),
)
def test_a_request_may_be_anything(method, path, rest, query, body):
    """Strange paths, queries and bodies have answers too."""
    assert DESK.send(method, path + rest, body, query=query).status < 500


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30])
def test_an_amount_has_64_bits(value):
    """What does not fit into 64 bits is not an amount."""
    status, answer = DESK.post("/v72/payments", DESK.request(value))

    assert (status, answer["errorCode"]) == (422, "702")


def test_the_way_back_is_one_line():
    """A returnUrl cannot bring headers of its own into the redirect."""
    desk = Desk()
    answer = desk.pay(
        returnUrl="https://shop.example/\r\nset-cookie: x=ü", authenticationData={"attemptAuthentication": "always"}
    )
    path, _, query = answer["action"]["url"].removeprefix("http://127.0.0.1:4020").partition("?")

    location = desk.send("GET", path, query=f"{query}&outcome=passed").headers["location"]

    assert location.isascii()
    assert location.isprintable()


@pytest.mark.parametrize("authorization", ["Basic", "Basic ???", "Basic /w==", "Bearer x", "basic eA=="])
def test_strange_credentials_are_refused(authorization):
    """What cannot be read as credentials is 401."""
    headers = {"x-api-key": "", "authorization": authorization}

    assert DESK.send("POST", "/v72/payments", b"{}", headers=headers).status == 401


def test_no_answer_shows_a_key_or_a_card_number():
    """Neither the key nor the number of the card comes back in answers or webhooks."""
    desk = Desk()
    answer = desk.pay(paymentMethod=CARD)
    shown = json.dumps(answer) + "".join(message.body.decode() for message in desk.messages)

    assert "4111111111111111" not in shown
    assert KEY not in shown
