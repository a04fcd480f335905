"""The Adyen emulator's webhooks pass Adyen's own check, and its reports add up."""

import base64
import csv
import io
import json
from decimal import Decimal

import pytest
from Adyen.util import is_valid_hmac_notification

from tests.emulators.adyen_desk import Desk

HMAC_KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"


@pytest.fixture
def desk():
    return Desk(multiple_partial_captures=True)


def body(message):
    return json.loads(message.body)


def is_signed(message, key=HMAC_KEY):
    items = body(message)["notificationItems"]
    return [is_valid_hmac_notification({"notificationItems": [item]}, key) for item in items]


def busy(desk):
    """Let something of everything happen."""
    psp = desk.hold(5000, reference="slashes\\:colons/äöü")
    desk.modify(psp, "amountUpdates", 7000)
    desk.modify(psp, "captures", 4000)
    desk.modify(psp, "captures", 40_000)
    desk.modify(psp, "refunds", 1000)
    desk.modify(psp, "cancels")
    desk.act("chargeback", id=psp)
    desk.act("settle")
    return psp


def test_every_item_passes_the_librarys_check(desk):
    """The signature is right for every event, with characters that others escape, and with another key it is wrong."""
    busy(desk)

    assert len(desk.messages) == 8
    assert all(is_signed(message) == [True] for message in desk.messages)
    assert not any(is_signed(message, "00" * 32)[0] for message in desk.messages)


def test_a_changed_item_does_not_pass(desk):
    """The check is one that can fail: another amount, and it does."""
    desk.hold(5000)
    changed = body(desk.messages[0])
    changed["notificationItems"][0]["NotificationRequestItem"]["amount"]["value"] += 1

    assert not is_valid_hmac_notification(changed, HMAC_KEY)


def test_another_key_signs(desk):
    """The key is an option of the account."""
    desk.gateway.configure({"hmac_key": "ab" * 32})
    desk.hold(5000)

    assert is_signed(desk.messages[0], "ab" * 32) == [True]


def test_a_forged_message_differs_in_its_signatures_only(desk):
    """Each item of it is signed with a wrong key."""
    desk.gateway.configure({"webhook_batch": 2})
    desk.hold()
    desk.hold()
    (true,) = desk.messages

    false = desk.gateway.forged(true)

    assert (is_signed(true), is_signed(false)) == ([True, True], [False, False])
    for wrapper in body(false)["notificationItems"]:
        wrapper["NotificationRequestItem"]["additionalData"].pop("hmacSignature")
    assert len(body(false)["notificationItems"]) == 2
    assert false.event_id == true.event_id


def test_a_message_is_a_test_message_with_texts(desk):
    """`live` and `success` are strings, and the envelope is Adyen's."""
    busy(desk)

    for message in desk.messages:
        assert body(message)["live"] == "false"
        assert {type(item["success"]) for item in desk.items} == {str}
        assert message.kind == body(message)["notificationItems"][0]["NotificationRequestItem"]["eventCode"]


def test_items_travel_together_on_demand(desk):
    """A batch goes when it is full, or when it is told to."""
    desk.gateway.configure({"webhook_batch": 3})

    sent = []
    for _ in range(4):
        desk.hold()
        sent.append(len(desk.messages))
    desk.act("flush")

    assert sent == [0, 0, 1, 1]
    assert [len(body(message)["notificationItems"]) for message in desk.messages] == [3, 1]
    assert is_signed(desk.messages[0]) == [True] * 3


def test_basic_authentication_is_an_option(desk):
    """With a user, each message has the credentials."""
    desk.hold()
    desk.gateway.configure({"webhook_user": "adyen", "webhook_password": "pass:word"})
    desk.hold()

    headers = [message.headers.get("authorization") for message in desk.messages]
    assert headers == [None, "Basic " + base64.b64encode(b"adyen:pass:word").decode()]


def report(desk):
    url = desk.act("settle")["url"]
    path = url.removeprefix("http://127.0.0.1:4020")
    response = desk.send("GET", path)
    assert response.status == 200
    return url, path, list(csv.DictReader(io.StringIO(response.body.decode())))


def test_a_settled_batch_is_a_report_that_a_webhook_names(desk):
    """REPORT_AVAILABLE names the file and where it is; it is given to who has the key only."""
    busy(desk)
    desk.hold(1000, additionalData=None)

    url, path, rows = report(desk)

    assert (desk.last["eventCode"], desk.last["reason"]) == ("REPORT_AVAILABLE", url)
    assert url.endswith("/" + desk.last["pspReference"])
    assert desk.send("GET", path, headers={"x-api-key": "wrong"}).status == 401
    assert [row["Type"] for row in rows] == ["Settled", "MerchantPayout"]


def test_the_lines_of_a_report_are_what_happened(desk):
    """Each capture, refund and chargeback is one line with its references, and the payout is their sum."""
    psp = desk.hold(5000, reference="order-9")
    captures = [desk.modify(psp, "captures", value).message["pspReference"] for value in (3000, 2000)]
    refund = desk.modify(psp, "refunds", 500, reference="back-9").message["pspReference"]
    dispute = desk.act("chargeback", id=psp, amount=1000)["dispute"]

    _, _, rows = report(desk)

    *lines, payout = rows
    assert [(row["Type"], row["Modification Reference"]) for row in lines] == [
        ("Settled", captures[0]),
        ("Settled", captures[1]),
        ("Refunded", refund),
        ("Chargeback", dispute),
    ]
    assert {(row["Psp Reference"], row["Merchant Reference"]) for row in lines} == {(psp, "order-9")}
    assert lines[2]["Modification Merchant Reference"] == "back-9"
    assert [(row["Gross Credit (GC)"], row["Gross Debit (GC)"]) for row in lines] == [
        ("30.00", ""),
        ("20.00", ""),
        ("", "5.00"),
        ("", "10.00"),
    ]
    net = sum(Decimal(row["Net Credit (NC)"] or 0) - Decimal(row["Net Debit (NC)"] or 0) for row in lines)
    fees = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
    costs = sum(Decimal(row[name] or 0) for row in lines for name in fees)
    assert net == Decimal("35.00") - costs
    assert (payout["Net Debit (NC)"], payout["Net Currency"]) == (str(net), "EUR")


def test_a_line_is_reported_once(desk):
    """The next batch has what came since; without anything there is no report."""
    psp = desk.hold(5000)
    desk.modify(psp, "captures", 1000)
    first = report(desk)[2]
    desk.modify(psp, "captures", 2000)
    second = report(desk)[2]

    assert [rows[0]["Gross Credit (GC)"] for rows in (first, second)] == ["10.00", "20.00"]
    assert [rows[0]["Batch Number"] for rows in (first, second)] == ["1", "2"]
    assert desk.act("settle")["url"] is None


def test_amounts_of_a_report_have_adyens_decimals(desk):
    """A report is in whole units, with as many decimals as Adyen gives the currency."""
    for currency, value in (("JPY", 1234), ("KWD", 1234), ("ISK", 123_400)):
        psp = desk.hold(value, currency)
        desk.modify(psp, "captures", value, currency=currency)

    rows = report(desk)[2]

    assert [row["Gross Credit (GC)"] for row in rows[:3]] == ["1234", "1.234", "1234.00"]


def test_settlement_runs_at_night_where_it_is_switched_on(desk):
    """With the option, a new day closes the batch."""
    desk.gateway.configure({"settle_nightly": True})
    psp = desk.hold(5000)
    desk.modify(psp, "captures", 5000)

    desk.advance(86_400)

    assert desk.last["eventCode"] == "REPORT_AVAILABLE"
