"""What the Braintree emulator does with requests that no SDK would send, and how it fails when told to."""

import gzip
import re
import xml.etree.ElementTree as ET

import httpx
import pytest
from evpay_contrib_emulators import running
from evpay_contrib_emulators.braintree import BraintreeGateway
from evpay_contrib_emulators.braintree.parameters import KNOWN
from evpay_contrib_emulators.braintree.xml import Array, Unreadable, read, write
from evpay_contrib_emulators.clock import Clock
from evpay_contrib_emulators.gateway import Gateway, Peculiar, WireRequest

from tests.emulators.braintree_desk import AUTH, braintree, codes, sale_params, sdk_for

pytestmark = pytest.mark.scenario

PATH = "/merchants/integration_merchant_id/transactions"
HYPHENS = (
    "<transaction><type>sale</type><amount>20.00</amount><order-id>p1</order-id>"
    "<payment-method-nonce>fake-valid-visa-nonce</payment-method-nonce>"
    '<options><submit-for-settlement type="boolean">true</submit-for-settlement></options></transaction>'
)


@pytest.fixture(scope="module")
def _emulator():
    with running("braintree") as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator):
    _emulator.clear()
    return _emulator


@pytest.fixture
def sdk(emulator):
    client = sdk_for(emulator.url)
    yield client
    client.close()


def post(emulator, body, *, path=PATH, auth=AUTH, version="6", **headers):
    given = {"X-ApiVersion": version} if version else {}
    return httpx.post(emulator.url + path, content=body, auth=auth, headers=given | headers, trust_env=False)


def test_hyphens_and_underscores_are_the_same(emulator):
    underscores = re.sub(r"</?[a-z-]+", lambda tag: tag[0].replace("-", "_"), HYPHENS)

    for body in (HYPHENS, underscores):
        answer = post(emulator, body)
        assert 201 == answer.status_code
        root = ET.fromstring(answer.text)
        assert ("transaction", "submitted_for_settlement") == (root.tag, root.findtext("status"))


def test_bodies_may_be_compressed_both_ways(emulator):
    answer = post(emulator, gzip.compress(HYPHENS.encode()), **{"Content-Encoding": "gzip", "Accept-Encoding": "gzip"})

    assert (201, "gzip") == (answer.status_code, answer.headers["content-encoding"])
    assert "p1" == ET.fromstring(answer.text).findtext("order-id")
    plain = post(emulator, HYPHENS, **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"auth": None}, 401),
        ({"auth": (AUTH[0], "wrong")}, 401),
        ({"auth": ("unknown", AUTH[1])}, 401),
        ({"path": "/merchants/somebody_else/transactions"}, 401),
        ({"version": None}, 426),
        ({"version": "7"}, 426),
        ({"path": "/merchants/integration_merchant_id/pigeons"}, 404),
        ({"path": "/transactions"}, 404),
        ({"path": f"{PATH}/unknown/void"}, 404),
    ],
)
def test_who_asks_wrongly_is_told_by_the_status(emulator, options, status):
    assert status == post(emulator, HYPHENS, **options).status_code
    assert [] == emulator.books()["payments"]


@pytest.mark.parametrize(
    "unknown",
    [
        "<metadata>x</metadata>",
        "<options><capture>x</capture></options>",
        "<descriptor><city>x</city></descriptor>",
        "<amount><euros>20</euros></amount>",
    ],
)
def test_a_parameter_that_is_not_known_is_refused_by_403_and_nothing_is_there(emulator, unknown):
    answer = post(emulator, HYPHENS.replace("</transaction>", f"{unknown}</transaction>"))

    assert 403 == answer.status_code
    assert [] == emulator.books()["payments"]


@pytest.mark.parametrize(
    "body",
    [
        b"not xml",
        b"<a><b></a>",
        b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><transaction><amount>&c;</amount></transaction>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><transaction/>',
        b"<a>" * 100 + b"</a>" * 100,
        b"<transaction>" + b"<x/>" * 30_000 + b"</transaction>",
        b'<transaction><amount type="integer">ten</amount></transaction>',
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_plain_xml_is_not_read(emulator, body):
    with pytest.raises(Unreadable):
        read(body)
    assert 400 == post(emulator, body).status_code


def test_a_body_that_grows_when_it_is_unpacked_is_not_read(emulator):
    bomb = gzip.compress(b"<transaction>" + b" " * 50_000_000 + b"</transaction>")

    assert 400 == post(emulator, bomb, **{"Content-Encoding": "gzip"}).status_code


def test_values_keep_what_they_say():
    text = "5 < 6 & \"7\" > '4'"

    body = write("things", {"a_b": text, "no": None, "yes": True, "few": Array(item="item", values=["x"])})

    assert {"things": {"a_b": text, "no": None, "yes": "true", "few": ["x"]}} == read(body)
    assert b"<a-b>" in body


def test_secrets_are_not_told_back(emulator):
    card = "<credit_card><number>4012888888881881</number><cvv>123</cvv><expiration_date>05/30</expiration_date>"
    body = f"<transaction><type>sale</type><amount>0</amount>{card}</credit_card></transaction>"

    answer = post(emulator, body)

    assert 422 == answer.status_code
    assert "4012888888881881" not in answer.text
    assert "123" not in ET.fromstring(answer.text).find("params/transaction/credit-card").itertext()


def flat(signature):
    names = set()
    for entry in signature:
        names |= set(entry) if isinstance(entry, dict) else {entry}
    return names


@pytest.mark.parametrize(
    ("known", "signature"),
    [
        ("sale", braintree.Transaction.create_signature()),
        ("submit_for_settlement", braintree.Transaction.submit_for_settlement_signature()),
        ("submit_for_partial_settlement", braintree.Transaction.submit_for_partial_settlement_signature()),
        ("refund", braintree.Transaction.refund_signature()),
        ("reverse", braintree.Transaction.reverse_signature()),
        ("update_details", braintree.Transaction.update_details_signature()),
        ("customer", braintree.Customer.create_signature() + braintree.Customer.update_signature()),
        ("payment_method", braintree.PaymentMethod.create_signature()),
    ],
)
def test_every_parameter_of_the_official_library_is_known(known, signature):
    assert set() == flat(signature) - set(KNOWN[known]) - {"type"}


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        ("rate_limit", "too_many_requests_error.TooManyRequestsError", 0),
        ("unavailable", "service_unavailable_error.ServiceUnavailableError", 0),
        ("error_before", "server_error.ServerError", 0),
        ("error_after", "server_error.ServerError", 1),
        ("unauthenticated", "authentication_error.AuthenticationError", 0),
        ("unauthorized", "authorization_error.AuthorizationError", 0),
        ("request_timeout", "request_timeout_error.RequestTimeoutError", 0),
        ("upgrade_required", "upgrade_required_error.UpgradeRequiredError", 0),
        ("gateway_timeout", "gateway_timeout_error.GatewayTimeoutError", 0),
        ("bad_gateway", "unexpected_error.UnexpectedError", 0),
        ("drop_before", "http.connection_error.ConnectionError", 0),
        ("drop_after", "http.connection_error.ConnectionError", 1),
    ],
)
def test_faults_are_what_the_library_takes_them_for(emulator, sdk, fault, error, effects):
    emulator.fault(fault)
    kind = braintree.exceptions
    for name in error.split("."):
        kind = getattr(kind, name)

    with pytest.raises(kind):
        sdk.transaction.sale(sale_params())

    assert effects == emulator.books()["effects"]
    assert sdk.transaction.sale(sale_params()).is_success


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"colour": "blue"}, "unknown option"),
        ({"adjustment": "sideways"}, "not one of"),
        ({"merchant_accounts": {}}, "at least one"),
        ({"merchant_accounts": {"x": "euro"}}, "at least one"),
        ({"merchant_accounts": ["EUR"]}, "not texts by name"),
        ({"settlement_hour": 24}, "not an hour"),
        ({"settlement_hour": True}, "not like"),
        ({"search_lag": -1}, "less than nothing"),
        ({"card_funds": "much"}, "not an amount"),
        ({"custom_fields": "site"}, "not a list"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(emulator, options, problem):
    with pytest.raises(ValueError, match=problem):
        emulator.configure(**options)


def test_accounts_are_as_they_are_configured(emulator):
    emulator.configure(merchant_id="mine", public_key="pub", private_key="priv", merchant_accounts={"only": "SEK"})
    mine = sdk_for(emulator.url, merchant_id="mine", public_key="pub", private_key="priv")

    transaction = mine.transaction.sale(sale_params()).transaction

    assert ("only", "SEK") == (transaction.merchant_account_id, transaction.currency_iso_code)
    assert {("merchant_account_id", "91513")} == codes(
        mine.transaction.sale(sale_params(merchant_account_id="emulator_eur"))
    )
    mine.close()


def test_it_is_a_gateway_and_knows_whose_key_it_is():
    gateway = BraintreeGateway(Clock())
    shared: Gateway = gateway
    body = b"<transaction><api-request-key>k1</api-request-key></transaction>"

    assert isinstance(gateway, Peculiar)
    assert "k1" == shared.key_of(WireRequest(method="POST", path=PATH, body=body))
    assert "k1" == shared.key_of(WireRequest(method="PUT", path=f"{PATH}/abc/void", body=body))
    for request in (
        WireRequest(method="PUT", path=f"{PATH}/abc/adjust_authorization", body=body),
        WireRequest(method="POST", path=PATH, body=b"<broken"),
        WireRequest(method="POST", path="/elsewhere", body=body),
        WireRequest(method="GET", path=f"{PATH}/abc"),
    ):
        assert None is shared.key_of(request)
