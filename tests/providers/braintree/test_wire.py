"""The real SDK: what goes over the wire, and what its answers are taken for."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from evpay.errors import InvalidInput, UnsupportedOperation
from evpay.money import Money
from evpay.providers import (
    Declined,
    Failed,
    Handle,
    OperationKind,
    PaymentMethod,
    Pending,
    Provider,
    Reason,
    Succeeded,
    Unknown,
)
from evpay_providers.braintree import client_token
from tests.providers.braintree import answers, orders
from tests.providers.braintree.conftest import KEYS, basic
from tests.providers.braintree.orders import eur

pytestmark = pytest.mark.anyio

HELD = Handle(id="tx1")
BEGUN = Handle(id="tx1", memo={"captures": "begun"})
PAYPAL = Handle(id="tx1", memo={"captures": "several"})


async def test_it_is_a_provider(provider, provide):
    """The class has the shape of the contract, and claims what it keeps: without keys only what is done once."""
    claims = provider.capabilities

    assert isinstance(provider, Provider)
    assert (provider.account.provider, provider.account.name, provider.account.live) == (
        "braintree",
        "braintree",
        False,
    )
    assert claims.absence_proven_after is None
    keyed = {OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND}
    once = {OperationKind.CAPTURE, OperationKind.VOID}  # per transaction, which Braintree itself sees to
    assert {kind for kind, life in claims.resend_for.items() if life == timedelta(days=30)} == keyed
    assert claims.resend_for.keys() - keyed == ({OperationKind.INCREMENT} if claims.increment else set())
    assert sorted(claims.amounts) == ["EUR", "JPY", "KWD"]
    assert (provide().capabilities.resend_for, provide().capabilities.increment) == (
        dict.fromkeys(once, timedelta(days=7)),
        False,
    )
    assert provide(request_increment=True).capabilities.resend_for.keys() == once | {OperationKind.INCREMENT}
    assert provide(partial_settlement=("paypal_account",)).capabilities.resend_for.keys() == {OperationKind.VOID}


async def test_authorize_over_the_wire(wire, provider):
    """One POST with our reference as order id, our key, and the merchant account of the currency."""
    wire.will(answers.ok(answers.SALE))
    request = orders.authorization("20.00")

    outcome = await provider.authorize(request)

    assert wire.asked == [
        (
            "POST",
            "/transactions",
            {
                "transaction": {
                    "type": "sale",
                    "amount": "20.00",
                    "merchant_account_id": "eur_account",
                    "order_id": request.reference,
                    "payment_method_nonce": "fake-valid-nonce",
                    "options": {"submit_for_settlement": "false"},
                    "api_request_key": request.idempotency_key,
                }
            },
        )
    ]
    assert (wire.headers[0]["X-ApiVersion"], wire.headers[0]["Authorization"].decode()) == (
        "6",
        basic("public1", KEYS["private_key"]),
    )
    assert (outcome.amount, outcome.id, outcome.handle) == (eur("20.00"), "tx1", Handle(id="tx1"))
    assert outcome.hold.expires == datetime(2026, 11, 27, 12, tzinfo=UTC)
    assert (outcome.hold.increment, outcome.hold.multiple_captures, outcome.saved_method) == (True, False, None)
    assert outcome.slip == {"brand": "visa", "last4": "1881", "authorization_code": "85321V"}


async def test_account_without_keys_is_sent_none(wire, provide):
    """Braintree refuses a key that is not enabled."""
    wire.will(answers.ok(answers.SALE))

    await provide().authorize(orders.authorization())

    assert "api_request_key" not in wire.sent[2]["transaction"]


@pytest.mark.parametrize(
    ("amount", "written"),
    [(Money("12.3", "EUR"), "12.30"), (Money("10", "EUR"), "10.00"), (Money("1000000.05", "EUR"), "1000000.05"),
     (Money(Decimal("1E+1"), "EUR"), "10.00"), (Money("500", "JPY"), "500"), (Money("1.234", "KWD"), "1.234")],
)  # fmt: skip
async def test_amount_is_written_for_its_currency(wire, provide, amount, written):
    """Decimals of the currency, and never an exponent; the answer is read back exactly."""
    currency = amount.currency.code
    history = [answers.event("authorized", written)]
    wire.will(answers.ok(answers.fields(amount=written, currency_iso_code=currency, status_history=history)))

    outcome = await provide().authorize(orders.authorization(amount=amount))

    asked = wire.sent[2]["transaction"]
    assert (asked["amount"], asked["merchant_account_id"]) == (written, f"{currency.lower()}_account")
    assert outcome.amount == amount


async def test_currency_without_a_merchant_account_sends_nothing(provide):
    """The merchant account decides the currency, so there is no guess."""
    with pytest.raises(InvalidInput) as caught:
        await provide().authorize(orders.authorization(amount=Money("5", "NOK")))

    assert caught.value.code == "currency_not_supported"


async def test_answer_in_another_currency_is_unknown(wire, provide):
    """The merchant account is not what the settings say."""
    wire.will(answers.ok(answers.fields(currency_iso_code="USD")))

    assert isinstance(await provide().authorize(orders.authorization()), Unknown)


async def test_partial_approval_is_less(wire, provide):
    """The confirmed amount wins."""
    part = answers.fields(
        amount="10.00", processor_response_code="1004", status_history=[answers.event("authorized", "10.00")]
    )
    wire.will(answers.ok(part))

    outcome = await provide(partial_approval=True).authorize(orders.authorization("20.00"))

    assert wire.sent[2]["transaction"]["accept_partial_authorization"] == "true"
    assert outcome.amount == eur("10.00")


async def test_saved_method_comes_back_and_is_charged_off_session(wire, provider):
    """The token of the vault, told apart from a nonce, with nobody there."""
    card = answers.SALE["credit-card"] | {"token": "9vb1frdb"}
    wire.will(answers.ok(answers.fields(credit_card=card)), answers.ok(answers.SALE))
    method = PaymentMethod("fake-valid-nonce", customer="c1")

    saved = (await provider.authorize(orders.authorization(method=method, save_method=True))).saved_method
    await provider.authorize(orders.authorization(method=saved, off_session=True, reference="p2"))

    first, second = (asked[2]["transaction"] for asked in wire.asked)
    assert (first["customer_id"], first["options"]["store_in_vault_on_success"]) == ("c1", "true")
    assert (saved.token, saved.customer, saved.account, saved.last4, saved.brand, saved.expires) == (
        "vault:9vb1frdb",
        "c1",
        "braintree",
        "1881",
        "visa",
        "2030-12",
    )
    assert (second["payment_method_token"], second["transaction_source"]) == ("9vb1frdb", "unscheduled")
    assert "payment_method_nonce" not in second


async def test_token_that_looks_like_a_card_number_is_left_out(wire, provider):
    """The hold stands; what looks like a card number is not kept."""
    wire.will(answers.ok(answers.fields(credit_card=answers.SALE["credit-card"] | {"token": "4111111111111111"})))

    outcome = await provider.authorize(orders.authorization(save_method=True))

    assert (outcome.type, outcome.amount, outcome.saved_method) == ("succeeded", eur("20.00"), None)


async def test_bare_token_is_a_vault_token_when_nobody_is_there(wire, provide):
    """A nonce is made by a driver who is there, so off session it can be no nonce."""
    wire.will(answers.ok(answers.SALE))

    await provide().authorize(orders.authorization(token="9vb1frdb", off_session=True))

    assert wire.sent[2]["transaction"]["payment_method_token"] == "9vb1frdb"


async def test_vault_token_with_the_driver_there(wire, provide):
    """A saved card that the driver chose: no source is named."""
    wire.will(answers.ok(answers.SALE))

    await provide().authorize(orders.authorization(token="vault:9vb1frdb"))

    asked = wire.sent[2]["transaction"]
    assert asked["payment_method_token"] == "9vb1frdb"
    assert "transaction_source" not in asked


@pytest.mark.parametrize("off_session", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        answers.invalid(
            transaction=answers.fields(status="gateway_rejected", gateway_rejection_reason="three_d_secure")
        ),
        answers.declined(processor_response_code="2099"),
    ],
)
async def test_challenge_is_a_decline(wire, provide, answer, off_session):
    """3-D Secure happens in the browser: a new nonce is a new operation."""
    wire.will(answer)

    outcome = await provide().authorize(orders.authorization(off_session=off_session))

    assert isinstance(outcome, Declined)
    assert (outcome.reason, outcome.id) == (Reason.AUTHENTICATION_REQUIRED, "tx1")


async def test_complete_is_refused(provider):
    """Nothing ever waits."""
    with pytest.raises(UnsupportedOperation):
        await provider.complete(orders.completion(HELD))


async def test_settings_of_a_sale(wire, provide):
    """Descriptor, custom field and estimate, where they are configured; an extra field beside them."""
    wire.will(answers.ok(answers.SALE))
    provider = provide(company="EVPAY  OSLO1"[:12], reference_field="evpay_reference", request_estimated=True)

    await provider.authorize(orders.authorization(descriptor="4711-A*<b>", extra={"device_data": "d"}))

    asked = wire.sent[2]["transaction"]
    assert asked["descriptor"] == {"name": "EVPAY  OSLO1*4711-Ab"}
    assert asked["custom_fields"] == {"evpay_reference": orders.PAYMENT}
    assert (asked["transaction_source"], asked["device_data"]) == ("estimated", "d")


@pytest.mark.parametrize("extra", [{"amount": "1"}, {"type": "credit"}, {"api_request_key": "k"}, {"order_id": "x"}])
async def test_extra_cannot_override(provider, extra):
    """Ours stay ours, and nothing is sent."""
    with pytest.raises(InvalidInput) as caught:
        await provider.authorize(orders.authorization(extra=extra))

    assert caught.value.code == "extra_overrides"


@pytest.mark.parametrize("extra", [{"no_such_field": "x"}, {"tax_amount": 1.5}, {"recurring": True}])
async def test_extra_that_the_sdk_does_not_send_is_refused(wire, provider, extra):
    """Unknown to it, a float, or deprecated: nothing goes out."""
    with pytest.raises(InvalidInput):
        await provider.authorize(orders.authorization(extra=extra))

    assert wire.asked == []


async def test_increment_over_the_wire(wire, provider):
    """The new total, and nothing else: there is no key for it."""
    wire.will(answers.ok(answers.fields(amount="30.00", authorization_adjustments=[answers.adjustment("10.00")])))

    outcome = await provider.increment(orders.increase(HELD, "30.00"))

    assert wire.asked == [("PUT", "/transactions/tx1/adjust_authorization", {"transaction": {"amount": "30.00"}})]
    assert (outcome.amount, outcome.hold.expires) == (eur("30.00"), datetime(2026, 11, 27, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answers.invalid("95602", transaction=answers.fields(
            authorization_adjustments=[answers.adjustment("10.00", success=False, code="2001")])),
         Declined(reason=Reason.INSUFFICIENT_FUNDS, code="2001", id="tx1")),
        (answers.invalid("95602", transaction=answers.SALE),
         Declined(reason=Reason.DO_NOT_HONOR, code="95602", id="tx1")),
        (answers.invalid("95603", transaction=answers.SALE),
         Declined(reason=Reason.ISSUER_UNAVAILABLE, code="95603", id="tx1")),
        (answers.invalid("915222", transaction=answers.SALE),
         Failed(reason=Reason.INCREMENT_NOT_AVAILABLE, code="915222", id="tx1")),
        (answers.invalid("915219"), Failed(reason=Reason.INCREMENT_NOT_AVAILABLE, code="915219")),
        (answers.invalid("915218"), Failed(reason=Reason.INVALID_STATE, code="915218")),
    ],
)  # fmt: skip
async def test_increment_that_is_refused_keeps_the_hold(wire, provider, answer, outcome):
    """By the issuer, by the processor, or because the hold is gone."""
    wire.will(answer)

    assert await provider.increment(orders.increase(HELD, "30.00")) == outcome


async def test_increment_that_cannot_be_told_sends_nothing(provide, provider):
    """Not claimed, the same total for more time, or with a field beside it."""
    for account, request in [
        (provide(), orders.increase(HELD, "30.00")),
        (provider, orders.increase(HELD, "20.00")),
    ]:
        with pytest.raises(UnsupportedOperation):
            await account.increment(request)
    with pytest.raises(InvalidInput):
        await provider.increment(orders.increase(HELD, "30.00", extra={"a": "b"}))


async def test_capture_less_over_the_wire(wire, provider):
    """The whole transaction is submitted with what was used; the payment's order id stays as it is."""
    wire.will(answers.ok(answers.submitted("12.34")))
    request = orders.taking(HELD, "12.34")

    outcome = await provider.capture(request)

    body = {"transaction": {"amount": "12.34", "api_request_key": request.idempotency_key}}
    assert wire.asked == [("PUT", "/transactions/tx1/submit_for_settlement", body)]
    assert (outcome.amount, outcome.id, outcome.handle.id) == (eur("12.34"), "tx1", "tx1")


async def test_several_captures_are_parts_and_the_last_one_says_so(wire, provider):
    """Each part is a transaction with our reference; the handle remembers that it began."""
    part = {"authorized_transaction_id": "tx1", "status_history": []}
    wire.will(
        answers.ok(answers.submitted("5.00", id="tx2", **part)), answers.ok(answers.submitted("7.00", id="tx3", **part))
    )
    first_request = orders.taking(PAYPAL, "5.00", final=False)

    first = await provider.capture(first_request)
    last_request = orders.taking(first.handle, "7.00")
    last = await provider.capture(last_request)

    names = {"order_id": first_request.reference, "api_request_key": first_request.idempotency_key}
    more = {"order_id": last_request.reference, "api_request_key": last_request.idempotency_key}
    assert wire.asked == [
        ("POST", "/transactions/tx1/submit_for_partial_settlement", {"transaction": {"amount": "5.00", **names}}),
        (
            "POST",
            "/transactions/tx1/submit_for_partial_settlement",
            {"transaction": {"amount": "7.00", "final_capture": "true", **more}},
        ),
    ]
    assert [(one.amount, one.id, one.handle.id) for one in (first, last)] == [
        (eur("5.00"), "tx2", "tx1"),
        (eur("7.00"), "tx3", "tx1"),
    ]


async def test_first_capture_that_is_final_too_is_of_the_whole(wire, provider):
    """Several are allowed, and one is enough."""
    wire.will(answers.ok(answers.submitted("5.00")))

    await provider.capture(orders.taking(PAYPAL, "5.00"))

    assert wire.sent[:2] == ("PUT", "/transactions/tx1/submit_for_settlement")


async def test_capture_that_cannot_be_the_first_of_several_sends_nothing(provider):
    """A card's hold is captured once."""
    with pytest.raises(UnsupportedOperation):
        await provider.capture(orders.taking(HELD, "5.00", final=False))


async def test_paypal_may_be_captured_several_times(wire, provider):
    """What the settings name is what the hold allows."""
    account = {"token": None, "payer-email": "d@example.com"}
    wire.will(answers.ok(answers.fields(payment_instrument_type="paypal_account", paypal=account)))

    outcome = await provider.authorize(
        orders.authorization(method=PaymentMethod("fake-paypal-one-time-nonce", kind="wallet"))
    )

    assert (outcome.hold.multiple_captures, outcome.hold.increment) == (True, False)
    assert (outcome.handle.memo, outcome.slip["method"]) == ({"captures": "several"}, "PayPal")


@pytest.mark.parametrize(
    ("kind", "part", "details", "brand"),
    [
        (
            "apple_pay_card",
            "apple-pay",
            {"token": "t1", "card-type": "Apple Pay - Visa", "last-4": "1881"},
            "visa",
        ),
        (
            "android_pay_card",
            "android-pay-card",
            {"token": "t1", "virtual-card-type": "American Express", "virtual-card-last-4": "1881"},
            "amex",
        ),
    ],
)
async def test_wallets_card_is_described(wire, provider, kind, part, details, brand):
    """Apple Pay and Google Pay hand over a card, whose hold may be raised."""
    wire.will(answers.ok(answers.SALE | {"payment-instrument-type": kind, part: details}))

    outcome = await provider.authorize(orders.authorization(save_method=True))

    assert (outcome.saved_method.token, outcome.saved_method.kind, outcome.saved_method.brand) == (
        "vault:t1",
        "wallet",
        brand,
    )
    assert (outcome.hold.increment, outcome.slip["last4"]) == (True, "1881")


@pytest.mark.parametrize(
    ("handle", "fields"),
    [
        (HELD, {"id": "tx9"}),
        (HELD, {"id": "tx9", "authorized_transaction_id": "tx1"}),
        (BEGUN, {"id": "tx9"}),
        (BEGUN, {"id": "tx1"}),
        (BEGUN, {"id": "tx9", "authorized_transaction_id": "tx8"}),
    ],
)
async def test_capture_of_another_transaction_is_unknown(wire, provider, handle, fields):
    """Only what is captured in parts has another id, and then it names the hold that it is of."""
    wire.will(answers.ok(answers.submitted("5.00", **fields)))

    assert isinstance(await provider.capture(orders.taking(handle, "5.00")), Unknown)


async def test_increment_of_another_transaction_is_unknown(wire, provide):
    """The hold that is raised is the one that was named."""
    wire.will(answers.ok(answers.fields(id="tx9", amount="30.00")))

    assert isinstance(await provide(request_increment=True).increment(orders.increase(HELD, "30.00")), Unknown)


@pytest.mark.parametrize(("of_it", "is_sent"), [("r2", False), ("another", True)])
async def test_part_without_a_key_is_looked_for_first(wire, provide, of_it, is_sent):
    """Where captures may be sent again, but parts have begun elsewhere: the same part is never made twice."""
    parent = answers.fields(status="settlement_pending", partial_settlement_transaction_ids=["tx2"])
    part = answers.submitted("5.00", id="tx2", authorized_transaction_id="tx1", order_id=of_it)
    wire.will(answers.ok(parent), answers.ok(part))
    if is_sent:
        wire.will(answers.ok({**part, "id": "tx3", "order-id": "r2"}))

    outcome = await provide().capture(orders.taking(BEGUN, "5.00", reference="r2"))

    assert [asked[0] for asked in wire.asked] == ["GET", "GET"] + ["POST"] * is_sent
    assert outcome.type == ("succeeded" if is_sent else "unknown")


async def test_void_looks_first_and_then_voids(wire, provider):
    """A read, and one effect with our key."""
    wire.will(answers.ok(answers.SALE), answers.ok(answers.fields(status="voided")))
    request = orders.cancellation(HELD)

    outcome = await provider.void(request)

    assert wire.asked == [
        ("GET", "/transactions/tx1", None),
        ("PUT", "/transactions/tx1/void", {"transaction": {"api_request_key": request.idempotency_key}}),
    ]
    assert (outcome.amount, outcome.id) == (eur("20.00"), "tx1")


async def test_void_without_keys_has_no_body(wire, provide):
    """As the SDK sends it."""
    wire.will(answers.ok(answers.SALE), answers.ok(answers.fields(status="voided")))

    await provide().void(orders.cancellation(HELD))

    assert wire.sent == ("PUT", "/transactions/tx1/void", None)


@pytest.mark.parametrize(
    "status", ["submitted_for_settlement", "settling", "settlement_confirmed", "settled", "settlement_declined",
               "settlement_pending"],
)  # fmt: skip
async def test_void_never_gives_captured_money_back(wire, provider, status):
    """Braintree would void a submitted capture; the rest of it is free already."""
    wire.will(answers.ok(answers.submitted(status=status)))

    outcome = await provider.void(orders.cancellation(HELD))

    assert outcome == Failed(reason=Reason.INVALID_STATE, code=status, id="tx1")
    assert [asked[0] for asked in wire.asked] == ["GET"]


async def test_void_of_the_rest_frees_what_the_parts_left(wire, provider):
    """The parent is voided; what was captured of it stays."""
    parent = answers.fields(status="settlement_pending", partial_settlement_transaction_ids=["tx2"])
    part = answers.submitted("5.00", id="tx2", authorized_transaction_id="tx1")
    wire.will(answers.ok(parent), answers.ok(part), answers.ok(parent | {"status": "voided"}))

    outcome = await provider.void(orders.cancellation(PAYPAL))

    assert outcome.amount == eur("15.00")
    assert [asked[:2] for asked in wire.asked][1:] == [("GET", "/transactions/tx2"), ("PUT", "/transactions/tx1/void")]


async def test_void_that_met_a_capture_is_unknown(wire, provider):
    """Submitted after the look and before the void: what was held did not simply come free."""
    parent = answers.fields(status="settlement_pending", partial_settlement_transaction_ids=["tx2"])
    part = answers.submitted("5.00", id="tx2", authorized_transaction_id="tx1")
    more = answers.fields(status="voided", partial_settlement_transaction_ids=["tx2", "tx3"])
    wire.will(answers.ok(answers.SALE), answers.ok(answers.submitted("20.00", status="voided")))
    wire.will(answers.ok(parent), answers.ok(part), answers.ok(more))

    assert isinstance(await provider.void(orders.cancellation(HELD)), Unknown)
    assert isinstance(await provider.void(orders.cancellation(PAYPAL)), Unknown)


@pytest.mark.parametrize("status", ["processor_declined", "gateway_rejected", "failed"])
async def test_void_of_what_was_never_held_frees_nothing(wire, provider, status):
    """It was declined: nothing to send."""
    wire.will(answers.ok(answers.fields(status=status)))

    assert (await provider.void(orders.cancellation(HELD))).amount == eur("0.00")


async def test_void_by_reference(wire, provider):
    """The id never arrived; refunds and parts with the same order id are not meant."""
    wire.will(
        answers.ids("re1", "tx1", "tx2"),
        answers.found(answers.refund(), answers.SALE, answers.submitted(id="tx2", authorized_transaction_id="tx1")),
        answers.ok(answers.fields(status="voided")),
    )

    outcome = await provider.void(orders.cancellation(None))

    assert wire.asked[0] == (
        "POST",
        "/transactions/advanced_search_ids",
        {"search": {"order_id": {"is": orders.PAYMENT}}},
    )
    assert (outcome.amount, outcome.handle.id) == (eur("20.00"), "tx1")


async def test_void_of_what_search_does_not_find_is_unknown(wire, provider):
    """Nobody says how search lags."""
    wire.will(answers.ids())

    assert isinstance(await provider.void(orders.cancellation(None)), Unknown)


async def test_refund_before_settlement_is_a_void_of_the_whole(wire, provider):
    """The operation stays a REFUND; its key is another than that of a refund."""
    wire.will(answers.ok(answers.submitted("12.34")), answers.ok(answers.submitted("12.34", status="voided")))
    request = orders.giving_back(HELD, "12.34")

    outcome = await provider.refund(request)

    body = {"transaction": {"api_request_key": f"{request.idempotency_key}-void"}}
    assert wire.sent == ("PUT", "/transactions/tx1/void", body)
    assert outcome == Succeeded(amount=eur("12.34"), id="tx1")


async def test_part_before_settlement_has_to_wait(wire, provider):
    """A part of a capture can be given back only when it is settled."""
    wire.will(answers.ok(answers.submitted("12.34")))

    outcome = await provider.refund(orders.giving_back(HELD, "2.00"))

    assert outcome == Failed(reason=Reason.NOT_SETTLED_YET, code="submitted_for_settlement", id="tx1")


async def test_capture_whose_settlement_has_just_begun_was_not_voided(wire, provider):
    """A second look tells it from an echo of our own void."""
    refused = answers.invalid("91504")
    wire.will(answers.ok(answers.submitted()), refused, answers.ok(answers.settled(status="settling")))
    wire.will(answers.ok(answers.submitted()), refused, answers.ok(answers.submitted(status="voided")))
    wire.will(answers.ok(answers.submitted()), refused, (503, ""))

    outcomes = [await provider.refund(orders.giving_back(HELD, "12.34")) for _ in range(3)]

    assert outcomes[0] == Failed(reason=Reason.NOT_SETTLED_YET, code="settling", id="tx1")
    assert [outcome.type for outcome in outcomes] == ["failed", "unknown", "unknown"]


@pytest.mark.parametrize(("status", "kind"), [("settled", Succeeded), ("submitted_for_settlement", Pending)])
async def test_refund_after_settlement_is_a_transaction(wire, provider, status, kind):
    """With our reference as its order id; it is on its way until it is settled itself."""
    wire.will(answers.ok(answers.settled()), answers.ok(answers.refund(status=status)))
    request = orders.giving_back(HELD, "5.00", capture_id="tx9")

    outcome = await provider.refund(request)

    body = {"amount": "5.00", "order_id": request.reference, "api_request_key": request.idempotency_key}
    assert wire.asked[0][:2] == ("GET", "/transactions/tx9")
    assert wire.sent == ("POST", "/transactions/tx1/refund", {"transaction": body})
    assert isinstance(outcome, kind)
    assert outcome.id == "re1"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answers.invalid("91506"), Failed(reason=Reason.NOT_SETTLED_YET, code="91506")),
        (answers.invalid("91574"), Failed(reason=Reason.NOT_SETTLED_YET, code="91574")),
        (answers.invalid("91521"), Failed(reason=Reason.AMOUNT_TOO_LARGE, code="91521")),
        (answers.invalid(transaction=answers.refund(status="processor_declined", processor_response_code="2004")),
         Failed(reason=Reason.EXPIRED_METHOD, code="2004", id="re1")),
    ],
)  # fmt: skip
async def test_refund_that_is_refused(wire, provider, answer, outcome):
    """Too early, too much, or declined by the issuer."""
    wire.will(answers.ok(answers.settled(status="settling")), answer)

    assert await provider.refund(orders.giving_back(HELD, "5.00")) == outcome


async def test_refund_of_several_captures_finds_one_that_is_large_enough(wire, provider):
    """The parent itself cannot be refunded."""
    parent = answers.settled("20.00", partial_settlement_transaction_ids=["tx2", "tx3"])
    parts = [
        answers.settled(amount, id=one, authorized_transaction_id="tx1")
        for one, amount in [("tx2", "3.00"), ("tx3", "9.00")]
    ]
    wire.will(answers.ok(parent), *map(answers.ok, parts), answers.ok(answers.refund(status="settled")))

    await provider.refund(orders.giving_back(HELD, "5.00"))

    assert wire.sent[:2] == ("POST", "/transactions/tx3/refund")


@pytest.mark.parametrize("verb", ["increment", "capture", "void", "refund"])
@pytest.mark.parametrize("odd", ["../tx", "tx/1", "tx 1", "tx.1", "tx%2f", "ü", "x" * 65])
async def test_id_that_is_no_id_sends_nothing(wire, provider, verb, odd):
    """It would be another path."""
    handle = Handle(id=odd)
    order = {
        "increment": lambda: orders.increase(handle, "30.00"),
        "capture": lambda: orders.taking(handle, "5.00"),
        "void": lambda: orders.cancellation(handle),
        "refund": lambda: orders.giving_back(handle, "5.00"),
    }[verb]()

    with pytest.raises(InvalidInput):
        await getattr(provider, verb)(order)

    assert isinstance(await provider.look_up(orders.question(handle)), Unknown)
    assert wire.asked == []


async def test_client_token_for_a_customer(wire, provider):
    """What the app's SDK begins with."""
    wire.will((201, "<client-token><value>dG9rZW4=</value></client-token>"))

    token = await client_token(provider, customer="c1", currency="EUR")

    assert token == "dG9rZW4="
    assert wire.sent == (
        "POST",
        "/client_token",
        {"client_token": {"customer_id": "c1", "merchant_account_id": "eur_account", "version": "2"}},
    )
