"""The Adyen emulator has sessions and payment links, which a shopper pays on Adyen's own page."""

import pytest
from Adyen.exceptions import AdyenAPICommunicationError, AdyenAPIUnprocessableEntity

from tests.emulators.adyen_desk import CARD, Desk


@pytest.fixture
def desk():
    return Desk()


def session(desk, **changes):
    return desk.sdk.checkout.payments_api.sessions(desk.request(paymentMethod=None, **changes))


def link(desk, **changes):
    body = desk.request(paymentMethod=None, additionalData=None, returnUrl=None, manualCapture=True, **changes)
    return desk.sdk.checkout.payment_links_api.payment_links(body)


def result_of(desk, name, result):
    parameters = {"sessionResult": result}
    return desk.sdk.checkout.payments_api.get_result_of_payment_session(name, query_parameters=parameters).message


def test_a_session_is_paid_and_its_result_is_asked(desk):
    """The session is open until the shopper has paid; only who has the shopper's result is told."""
    made = session(desk)
    paid = desk.act("pay", page=made.message["id"])

    ended = result_of(desk, made.message["id"], paid["sessionResult"])

    assert made.status_code == 201
    assert (ended["status"], ended["reference"]) == ("completed", "order-1")
    assert ended["payments"][0]["pspReference"] == paid["pspReference"]
    assert desk.holding(paid["pspReference"]).authorized == 5000
    with pytest.raises(AdyenAPIUnprocessableEntity):
        result_of(desk, made.message["id"], "invented")


def test_a_refused_session_says_so(desk):
    """What the issuer refuses ends the session without a payment."""
    made = session(desk).message
    paid = desk.act("pay", page=made["id"], paymentMethod=CARD | {"holderName": "DECLINED"})

    ended = result_of(desk, made["id"], paid["sessionResult"])

    assert ended["status"] == "refused"
    assert "payments" not in ended
    with pytest.raises(ValueError):
        desk.act("pay", page=made["id"])


def test_a_link_is_paid_once(desk):
    """A link is active, then completed, and holds the money by hand if it says so."""
    made = link(desk)
    api = desk.sdk.checkout.payment_links_api

    paid = desk.act("pay", page=made.message["id"])

    assert (made.status_code, made.message["status"]) == (201, "active")
    assert api.get_payment_link(made.message["id"]).message["status"] == "completed"
    assert (desk.holding(paid["pspReference"]).authorized, desk.holding(paid["pspReference"]).captured) == (5000, 0)
    with pytest.raises(ValueError):
        desk.act("pay", page=made.message["id"])


def test_the_page_is_paid_by_the_shopper(desk):
    """Whoever opens the URL can pay, without a key, and is sent back with the result; afterwards the page is closed."""
    made = session(desk, mode="hosted", reference="<b>order</b>").message
    path = made["url"].removeprefix("http://127.0.0.1:4020")

    page = desk.send("GET", path, headers={"x-api-key": ""})
    back = desk.send("GET", path, query="card=APPROVED", headers={"x-api-key": ""}).headers["location"]
    again = desk.send("GET", path, query="card=APPROVED", headers={"x-api-key": ""})

    address, _, result = back.partition("?sessionResult=")
    assert b"<b>order" not in page.body
    assert address == "https://shop.example/back"
    assert result_of(desk, made["id"], result)["status"] == "completed"
    assert (again.status, len(desk.gateway.holdings())) == (200, 1)
    assert desk.send("GET", "/hosted/nothing").status == 404


def test_a_link_that_no_payment_can_take_is_not_paid(desk):
    """A link may have a longer reference than a payment: the page says so."""
    made = link(desk, reference="r" * 81).message
    path = made["url"].removeprefix("http://127.0.0.1:4020")

    assert desk.send("GET", path, query="card=APPROVED").status == 409
    assert desk.gateway.holdings() == []


@pytest.mark.parametrize("by_clock", [True, False])
def test_a_link_expires(desk, by_clock):
    """After 24 hours, or when the merchant says so, a link can be paid no more."""
    name = link(desk).message["id"]
    api = desk.sdk.checkout.payment_links_api

    if by_clock:
        desk.advance(24 * 3600)
    else:
        api.update_payment_link({"status": "expired"}, name)

    assert api.get_payment_link(name).message["status"] == "expired"
    with pytest.raises(ValueError):
        desk.act("pay", page=name)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reference": None}, "130"),
        ({"amount": None}, "100"),
        ({"surprise": 1}, "702"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "702"),
        ({"expiresAt": "tomorrow"}, "702"),
    ],
)
def test_what_is_wrong_is_refused(desk, changes, code):
    """Sessions and links are as strict as payments."""
    for make in (session, link):
        with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
            make(desk, **changes)
        assert caught.value.error_code == code


def test_what_is_not_there_is_not_found(desk):
    """An unknown link is a 404."""
    with pytest.raises(AdyenAPICommunicationError) as caught:
        desk.sdk.checkout.payment_links_api.get_payment_link("PLNOTHING")

    assert caught.value.status_code == 404
