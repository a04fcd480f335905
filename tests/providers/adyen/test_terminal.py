"""Cards at a terminal, over Adyen's cloud: asked once, and asked again what became of it."""

from decimal import Decimal
from urllib.parse import parse_qsl

import pytest

from evpay.errors import InvalidInput
from evpay.money import Money
from evpay.providers import (
    ActionRequired,
    ConfirmOnDevice,
    Declined,
    Failed,
    Handle,
    MethodKind,
    PaymentMethod,
    Reason,
    Succeeded,
    Unknown,
)
from evpay_providers.adyen.terminal import service_id
from tests.providers.adyen import answers, orders
from tests.providers.adyen.conftest import API_KEY, MERCHANT
from tests.providers.adyen.orders import PAYMENT, PSP, eur

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

DEVICE = "V400m-123456789"


def order(**fields):
    return orders.authorization(method=PaymentMethod(DEVICE, kind=MethodKind.TERMINAL), **fields)


def response(category, **inner):
    return {"SaleToPOIResponse": {"MessageHeader": {"MessageCategory": category}, f"{category}Response": inner}}


def approved(amount=20.0, *, result="Success", extra="", psp=PSP, currency="EUR", whose=PAYMENT):
    return {
        "SaleData": {"SaleTransactionID": {"TransactionID": whose, "TimeStamp": "2026-11-20T12:00:00Z"}},
        "Response": {"Result": result, "AdditionalResponse": extra},
        "POIData": {"POITransactionID": {"TransactionID": f"v4W5001707426906003.{psp}"}},
        "PaymentResult": {
            "AmountsResp": {"AuthorizedAmount": amount, "Currency": currency},
            "PaymentInstrumentData": {"CardData": {"PaymentBrand": "mc", "MaskedPan": "541333 **** 9999"}},
        },
    }


def failed(condition, extra=""):
    return {"Response": {"Result": "Failure", "ErrorCondition": condition, "AdditionalResponse": extra}}


def never_heard_of():
    return response("TransactionStatus", **failed("NotFound"))


def under_way():
    return response("TransactionStatus", **failed("InProgress"))


def done(payment):
    repeated = {"RepeatedResponseMessageBody": {"PaymentResponse": payment}}
    return response("TransactionStatus", Response={"Result": "Success"}, RepeatedMessageResponse=repeated)


def paid(payment):
    return response("Payment", **payment)


def categories(teller):
    return [seen.body["SaleToPOIRequest"]["MessageHeader"]["MessageCategory"] for seen in teller.seen]


async def test_payment_over_the_wire(teller, provider):
    """The terminal is asked whether it knows the payment, and then for a pre-authorization under our reference."""
    teller.tell(never_heard_of())
    teller.tell(paid(approved()))
    request = order()

    outcome = await provider.authorize(request)

    status, payment = (seen.body["SaleToPOIRequest"] for seen in teller.seen)
    service = service_id(request.idempotency_key)
    assert {(seen.method, seen.path) for seen in teller.seen} == {
        ("POST", f"/v1/merchants/{MERCHANT}/devices/{DEVICE}/sync")
    }
    assert teller.seen[0].headers["x-api-key"] == API_KEY
    assert status["TransactionStatusRequest"]["MessageReference"] == {
        "MessageCategory": "Payment", "SaleID": "evpay", "ServiceID": service
    }  # fmt: skip
    assert payment["MessageHeader"] == {
        "ProtocolVersion": "3.0", "MessageClass": "Service", "MessageCategory": "Payment", "MessageType": "Request",
        "SaleID": "evpay", "ServiceID": service, "POIID": DEVICE,
    }  # fmt: skip
    sale = payment["PaymentRequest"]["SaleData"]
    assert sale["SaleTransactionID"]["TransactionID"] == PAYMENT
    assert dict(parse_qsl(sale["SaleToAcquirerData"])) == {
        "authorisationType": "PreAuth", "manualCapture": "true", "metadata.evpay_reference": PAYMENT
    }  # fmt: skip
    assert payment["PaymentRequest"]["PaymentTransaction"]["AmountsReq"] == {"Currency": "EUR", "RequestedAmount": 20.0}
    assert isinstance(outcome, Succeeded)
    assert (outcome.amount, outcome.id, outcome.handle) == (eur("20.00"), PSP, Handle(id=PSP))
    assert outcome.slip == {"brand": "mc", "last4": "9999"}


async def test_then_it_is_captured_online(teller, provider):
    """The reference behind the dot is the payment's."""
    teller.tell(done(approved()))
    held = await provider.authorize(order())
    teller.answers.clear()
    teller.tell(answers.received(), status=201)

    await provider.capture(orders.taking(held.handle))

    assert teller.seen[-1].path == f"/v72/payments/{PSP}/captures"


async def test_service_id_is_of_the_key():
    """Ten letters and digits, the same for a resend, another for another key."""
    one, other = service_id("k1"), service_id("k2")

    assert (one, len(one), one.isalnum(), one == other) == (service_id("k1"), 10, True, False)


async def test_resend_does_not_ask_for_the_card_again(teller, provider):
    """The terminal knows the payment already."""
    teller.tell(done(approved()))

    outcome = await provider.authorize(order())

    assert (outcome.type, categories(teller)) == ("succeeded", ["TransactionStatus"])


async def test_driver_takes_time(teller, provider):
    """Under way is not unknown: the driver confirms on the device, and `complete` asks again."""
    teller.tell(under_way())
    waiting = await provider.authorize(order())
    teller.answers.clear()
    teller.tell(under_way())
    still = await provider.complete(orders.completion(waiting.handle))
    teller.answers.clear()
    teller.tell(done(approved()))
    held = await provider.complete(orders.completion(waiting.handle))

    assert waiting == ActionRequired(action=ConfirmOnDevice(device=DEVICE), handle=waiting.handle)
    assert still == waiting
    assert (held.type, held.handle) == ("succeeded", Handle(id=PSP))
    assert set(categories(teller)) == {"TransactionStatus"}


async def test_lost_answer_is_asked_for(teller, provider):
    """The payment's own answer is unreadable: what became of it is asked once."""
    teller.tell(never_heard_of())
    teller.tell(b"<html>gone</html>")
    teller.tell(done(approved(19.99)))

    outcome = await provider.authorize(order())

    assert categories(teller) == ["TransactionStatus", "Payment", "TransactionStatus"]
    assert outcome.amount == eur("19.99")


@pytest.mark.parametrize("after", [never_heard_of(), b"", {"SaleToPOIResponse": None}])
async def test_lost_answer_that_nobody_knows_of_is_unknown(teller, provider, after):
    """The payment may still be on its way to the terminal."""
    teller.tell(never_heard_of())
    teller.tell(b"", status=504)
    teller.tell(after)

    assert isinstance(await provider.authorize(order()), Unknown)


@pytest.mark.parametrize(("status", "body"), [(500, {}), (200, b""), (200, {"SaleToPOIRequest": {}}), (200, [])])
async def test_without_a_status_nothing_is_asked_for(teller, provider, status, body):
    """A payment that may exist is not asked for a second time."""
    teller.tell(body, status=status)

    assert isinstance(await provider.authorize(order()), Unknown)
    assert categories(teller) == ["TransactionStatus"]


@pytest.mark.parametrize(
    ("payment", "expected"),
    [
        (failed("Refusal", "message=NOT_ENOUGH_BALANCE&refusalReason=210%20Not%20enough%20balance"),
         Declined(reason=Reason.INSUFFICIENT_FUNDS, code="12")),
        (failed("Refusal", "message=BLOCK_CARD&refusalReason=199%20Card%20blocked"),
         Declined(reason=Reason.LOST_OR_STOLEN, code="BLOCK_CARD")),
        (failed("Refusal", "message=CARD_EXPIRED&refusalReason=228%20Card%20expired"),
         Declined(reason=Reason.EXPIRED_METHOD, code="CARD_EXPIRED")),
        (failed("Refusal", "message=INVALID_AMOUNT&refusalReason=214%20Declined%20online"),
         Declined(reason=Reason.LIMIT_EXCEEDED, code="INVALID_AMOUNT")),
        (failed("Refusal", "message=DECLINED&refusalReason=214%20Declined%20online"),
         Declined(reason=Reason.OTHER, code="Declined online")),
        (failed("Refusal", "message=ODD"), Declined(reason=Reason.OTHER, code="ODD")),
        (failed("Cancel"), Declined(reason=Reason.CANCELLED_BY_DRIVER, code="Cancel")),
        (failed("WrongPIN"), Declined(reason=Reason.AUTHENTICATION_FAILED, code="WrongPIN")),
        (failed("InvalidCard"), Declined(reason=Reason.INVALID_METHOD, code="InvalidCard")),
        (failed("Busy"), Failed(reason=Reason.INVALID_STATE, code="Busy")),
        (failed("UnavailableDevice"), Failed(reason=Reason.MISCONFIGURED, code="UnavailableDevice")),
    ],
)  # fmt: skip
async def test_terminal_says_no(teller, provider, payment, expected):
    """By its condition, and for a refusal by its words."""
    teller.tell(never_heard_of())
    teller.tell(paid(payment))

    assert await provider.authorize(order()) == expected


@pytest.mark.parametrize(
    "payment",
    [
        failed("UnreachableHost"), failed("NeverHeardOf"), {"Response": {"Result": "Perhaps"}}, {"Response": {}},
        {"x": 1}, approved(psp="short"), approved(amount="many"), approved(currency="NOK"),
        {**approved(), "PaymentResult": {}}, {**approved(), "SaleData": None}, {**approved(), "SaleData": []},
        approved(whose="p0000000000000000000000002"), approved(whose=""),
        {**approved(whose="p0000000000000000000000002"), **failed("Cancel")},
    ],
)  # fmt: skip
async def test_terminal_that_proves_nothing_is_unknown(teller, provider, payment):
    """Conditions and shapes that no table knows, and answers that are not of this payment."""
    waiting = Handle(id=PAYMENT, memo={"terminal": DEVICE, "service": "ABCDEFGHIJ"})
    teller.tell(never_heard_of())
    teller.tell(paid(payment))
    assert isinstance(await provider.authorize(order()), Unknown)
    teller.answers.clear()
    teller.tell(done(payment))

    assert isinstance(await provider.complete(orders.completion(waiting)), Unknown)


async def test_less_is_held_than_was_asked(teller, provider):
    """The confirmed amount wins."""
    teller.tell(never_heard_of())
    teller.tell(paid(approved(12.5, result="Partial")))

    assert (await provider.authorize(order())).amount == eur("12.50")


async def test_amount_is_a_number_of_exact_digits(teller, provider):
    """No float is ever made of it."""
    teller.tell(never_heard_of())
    teller.tell(paid(approved(0.07)))
    names = orders.names(
        reference=PAYMENT, amount=Money(Decimal("0.07"), "EUR"), method=PaymentMethod(DEVICE, kind=MethodKind.TERMINAL)
    )

    outcome = await provider.authorize(orders.AuthorizeRequest(**names))

    assert outcome.amount == eur("0.07")


@pytest.mark.parametrize("token", ["../x", "a b", "V400m-1/../2", "x"])
async def test_device_that_is_none_sends_nothing(teller, provider, token):
    """It stands in an address."""
    with pytest.raises(InvalidInput):
        await provider.authorize(orders.authorization(method=PaymentMethod(token, kind=MethodKind.TERMINAL)))

    assert teller.seen == []


async def test_refused_by_the_cloud(teller, provider):
    """A key without the role, before any terminal is asked."""
    teller.tell(answers.error(401, "000", "security"), status=401)

    assert await provider.authorize(order()) == Failed(reason=Reason.INVALID_CREDENTIALS, code="000")


async def test_complete_that_cannot_ask_is_unknown(teller, provider):
    """It ends nothing."""
    teller.tell(answers.error(401, "000", "security"), status=401)
    waiting = Handle(id=PAYMENT, memo={"terminal": DEVICE, "service": "ABCDEFGHIJ"})

    assert isinstance(await provider.complete(orders.completion(waiting)), Unknown)


async def test_waiting_payment_is_voided_by_our_reference(teller, provider):
    """Adyen's is not known yet."""
    teller.tell(answers.received(), status=201)
    waiting = Handle(id=PAYMENT, memo={"terminal": DEVICE, "service": "ABCDEFGHIJ"})

    await provider.void(orders.cancellation(waiting))

    assert (teller.seen[0].path, teller.seen[0].body["paymentReference"]) == ("/v72/cancels", PAYMENT)
