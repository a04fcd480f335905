"""The real SDK over real HTTP: what goes over the wire."""

import asyncio
from datetime import timedelta

import pytest

from evpay.errors import CardNumberRefused, InvalidInput, UnsupportedOperation
from evpay.money import Money
from evpay.providers import (
    Handle,
    LookUpRequest,
    MethodKind,
    OperationKind,
    PaymentMethod,
    Pending,
    Provider,
    SettlementsRequest,
    Succeeded,
    Unknown,
)
from evpay_providers.adyen import AdyenProvider, AdyenSettings, wallets
from evpay_providers.adyen.methods import client_method
from tests.providers.adyen import answers, orders
from tests.providers.adyen.conftest import API_KEY, MERCHANT
from tests.providers.adyen.orders import HANDLE, PAYMENT, PSP, STORED, eur

pytestmark = [pytest.mark.anyio, pytest.mark.scenario]

PREAUTH = {"authorisationType": "PreAuth", "manualCapture": "true"}


def sent(teller, number=-1):
    """Return method, path, body and key of a request."""
    seen = teller.seen[number]
    return seen.method, seen.path, seen.body, seen.headers.get("idempotency-key")


async def test_it_is_a_provider(provider):
    """The class has the shape of the contract, and claims what it keeps."""
    claims = provider.capabilities

    assert isinstance(provider, Provider)
    assert (provider.account.provider, provider.account.name, provider.account.live) == ("adyen", "adyen", False)
    assert (claims.increment, claims.releases_remainder, claims.refund, claims.off_session) == (True, True, True, True)
    assert (claims.look_up, claims.absence_proven_after, claims.settlements) == (False, None, False)
    assert claims.resend_for == dict.fromkeys(set(OperationKind) - {OperationKind.CHARGEBACK}, timedelta(days=31))


async def test_authorize_over_the_wire(teller, provider):
    """One POST with our reference, key and account; what Adyen wants as text is text."""
    teller.tell(answers.authorised())
    method = client_method({"type": "scheme", "encryptedCardNumber": "test_4111111111111111"})
    request = orders.authorization(method=method, return_url="https://pay.example/back")

    outcome = await provider.authorize(request)

    assert sent(teller) == (
        "POST",
        "/v72/payments",
        {
            "amount": {"value": 2000, "currency": "EUR"},
            "merchantAccount": MERCHANT,
            "paymentMethod": {"type": "scheme", "encryptedCardNumber": "test_4111111111111111"},
            "reference": PAYMENT,
            "returnUrl": "https://pay.example/back",
            "shopperInteraction": "Ecommerce",
            "additionalData": PREAUTH,
            "metadata": {"evpay_reference": PAYMENT},
        },
        request.idempotency_key,
    )
    assert (teller.seen[0].headers["x-api-key"], "authorization" in teller.seen[0].headers) == (API_KEY, False)
    assert isinstance(outcome, Succeeded)
    assert (outcome.amount, outcome.id, outcome.handle) == (eur("20.00"), PSP, Handle(id=PSP))
    assert outcome.slip == {"brand": "visa", "last4": "1142", "authorization_code": "044925"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"off_session": True}, ("ContAuth", "UnscheduledCardOnFile", None)),
        ({}, ("ContAuth", "CardOnFile", None)),
        ({"save_method": True, "method": wallets.google_pay("abc", customer="shopper-1")},
         ("Ecommerce", "UnscheduledCardOnFile", True)),
        ({"method": wallets.google_pay("abc")}, ("Ecommerce", None, None)),
    ],
)  # fmt: skip
async def test_who_is_there_and_what_is_kept(teller, provider, fields, said):
    """A charge with nobody there says so, one with the driver there says that, and saving is asked for."""
    teller.tell(answers.authorised())

    await provider.authorize(orders.authorization(**fields))

    body = teller.seen[0].body
    assert (body["shopperInteraction"], body.get("recurringProcessingModel"), body.get("storePaymentMethod")) == said


async def test_stored_method_over_the_wire(teller, provider):
    """The token is the id of the stored method; the address is demanded even here."""
    teller.tell(answers.authorised())

    await provider.authorize(orders.authorization(off_session=True))

    body = teller.seen[0].body
    assert body["paymentMethod"] == {"type": "scheme", "storedPaymentMethodId": STORED}
    assert (body["shopperReference"], body["returnUrl"]) == ("shopper-1", "https://return.invalid/")


@pytest.mark.parametrize(
    ("method", "wire", "held"),
    [
        (wallets.apple_pay("VNRWtu"), {"type": "applepay", "applePayToken": "VNRWtu"}, PREAUTH),
        (wallets.google_pay("{x}"), {"type": "googlepay", "googlePayToken": "{x}"}, PREAUTH),
        (wallets.paypal({"subtype": "sdk"}), {"type": "paypal", "subtype": "sdk"}, {"manualCapture": "true"}),
        (wallets.venmo(), {"type": "venmo"}, {"manualCapture": "true"}),
        (PaymentMethod('{"type":"scheme","encryptedCardNumber":"eyJh"}'),
         {"type": "scheme", "encryptedCardNumber": "eyJh"}, PREAUTH),
    ],
)  # fmt: skip
async def test_wallets_over_the_wire(teller, provider, method, wire, held):
    """Each wallet in Adyen's words; a card's pre-authorization is not asked of PayPal and Venmo."""
    teller.tell(answers.authorised())

    await provider.authorize(orders.authorization(method=method))

    assert (teller.seen[0].body["paymentMethod"], teller.seen[0].body["additionalData"]) == (wire, held)


async def test_longest_wallet_token_fits(teller, provider):
    """Apple Pay's may have ten thousand characters."""
    teller.tell(answers.authorised())

    await provider.authorize(orders.authorization(method=wallets.apple_pay("a" * 10_000)))

    assert teller.seen[0].body["paymentMethod"]["applePayToken"] == "a" * 10_000


@pytest.mark.parametrize(
    "token",
    [
        '{"no":"type"}',
        "{",
        "[]",
        "eyJ!!",
        '{"type":"scheme","number":"x"}',
        '{"type":"scheme","cvc":"123"}',
        "a b",
        "é",
    ],
)
async def test_token_that_is_none_sends_nothing(teller, provider, token):
    """Neither JSON of Adyen's, nor an id; or card data in the clear."""
    with pytest.raises(InvalidInput):
        await provider.authorize(orders.authorization(token=token))

    assert teller.seen == []


async def test_test_card_is_refused_in_live():
    """Behind `test_` stands a card number."""
    settings = AdyenSettings(
        api_key=API_KEY, merchant_account=MERCHANT, live=True, live_endpoint_prefix="1797a841fbb37ca7-Acme"
    )
    method = client_method({"type": "scheme", "encryptedCardNumber": "test_4111111111111111"})

    with pytest.raises(CardNumberRefused):
        await AdyenProvider(settings).authorize(orders.authorization(method=method))


async def test_saving_needs_a_customer(teller, provider):
    """Adyen keeps methods by shopper."""
    with pytest.raises(InvalidInput, match="customer"):
        await provider.authorize(orders.authorization(method=wallets.google_pay("abc"), save_method=True))

    assert teller.seen == []


@pytest.mark.parametrize("kind", [MethodKind.BANK, MethodKind.CRYPTO, MethodKind.FREE])
async def test_other_kinds_send_nothing(teller, provider, kind):
    """What Adyen does not hold here is refused at once."""
    with pytest.raises(InvalidInput):
        await provider.authorize(orders.authorization(method=PaymentMethod("x1", kind=kind)))

    assert teller.seen == []


@pytest.mark.parametrize(
    ("asked", "on", "statement"),
    [("Kai 3 #A7-X<>", True, "Kai 3 A7-X"), ("x" * 30, True, "x" * 22), ("Kai", False, None), ("<>", True, None)],
)
async def test_statement_is_what_may_stand_there(teller, provide, asked, on, statement):
    """Only where the settings ask for it; what is not allowed is left out."""
    teller.tell(answers.authorised())

    await provide(send_descriptor=on).authorize(orders.authorization(descriptor=asked))

    assert teller.seen[0].body.get("shopperStatement") == statement


async def test_native_three_ds_is_asked_for(teller, provide):
    """By setting, and never with nobody there."""
    teller.tell(answers.authorised())
    provider = provide(native_three_ds=True)

    await provider.authorize(orders.authorization())
    await provider.authorize(orders.authorization(off_session=True))

    asked = [seen.body.get("authenticationData") for seen in teller.seen]
    assert asked == [{"threeDSRequestData": {"nativeThreeDS": "preferred"}}, None]


@pytest.mark.parametrize(
    ("verb", "order", "path", "params"),
    [
        ("increment", orders.increase, "amountUpdates", {"amount": {"value": 3000, "currency": "EUR"}}),
        ("capture", orders.taking, "captures", {"amount": {"value": 500, "currency": "EUR"}}),
        ("refund", orders.giving_back, "refunds", {"amount": {"value": 100, "currency": "EUR"}}),
    ],
)
async def test_effect_over_the_wire(teller, provider, verb, order, path, params):
    """Path, body and key of each effect on a hold; it was received, no more."""
    teller.tell(answers.received(), status=201)
    request = order()

    outcome = await getattr(provider, verb)(request)

    whole = {"merchantAccount": MERCHANT, "reference": request.reference, **params}
    assert sent(teller) == ("POST", f"/v72/payments/{PSP}/{path}", whole, request.idempotency_key)
    assert outcome == Pending(id=answers.MODIFICATION)


@pytest.mark.parametrize("handle", [HANDLE, None, Handle(id=PAYMENT)])
async def test_void_over_the_wire(teller, provider, handle):
    """By their reference, or by ours where theirs is not known; what should come free goes along."""
    teller.tell(answers.received(), status=201)
    request = orders.cancellation(handle)

    outcome = await provider.void(request)

    known = handle == HANDLE
    body = {"merchantAccount": MERCHANT, "reference": f"{request.reference}-2000"}
    assert sent(teller) == (
        "POST",
        f"/v72/payments/{PSP}/cancels" if known else "/v72/cancels",
        body if known else {**body, "paymentReference": PAYMENT},
        request.idempotency_key,
    )
    assert outcome == Pending(id=answers.MODIFICATION)


async def test_blob_makes_an_increment_answer_at_once(teller, provider):
    """The last blob goes out, the new one is kept, and the whole total is confirmed."""
    blob, fresh = "BQABAQ-old", "BQABAQ-new"
    teller.tell(
        answers.received(status="authorised", amount={"value": 3000, "currency": "EUR"}, adjustAuthorisationData=fresh),
        status=201,
    )

    outcome = await provider.increment(orders.increase(Handle(id=PSP, memo={"adjust": blob})))

    assert teller.seen[0].body["adjustAuthorisationData"] == blob
    assert (outcome.amount, outcome.handle) == (eur("30.00"), Handle(id=PSP, memo={"adjust": fresh}))
    assert (outcome.hold.expires, outcome.hold.extend) == (timedelta(days=7), True)


async def test_extension_states_the_same_total(teller, provider):
    """More time is asked for with the present amount."""
    teller.tell(answers.received(), status=201)

    await provider.increment(orders.increase(total="20.00"))

    assert teller.seen[0].body["amount"] == {"value": 2000, "currency": "EUR"}


async def test_details_over_the_wire(teller, provider):
    """What came back with the driver is handed on by the names that Adyen knows, and nothing else."""
    teller.tell(answers.authorised())
    answer = {"redirectResult": "X6Xt", "shopperOrder": "12", "paymentData": "Ab02"}
    request = orders.completion(Handle(id=PAYMENT), answer=answer)

    outcome = await provider.complete(request)

    body = {"details": {"redirectResult": "X6Xt"}, "paymentData": "Ab02"}
    assert sent(teller) == ("POST", "/v72/payments/details", body, request.idempotency_key)
    assert (outcome.type, outcome.handle) == ("succeeded", Handle(id=PSP))


@pytest.mark.parametrize("whose", [None, "p0000000000000000000000002"])
@pytest.mark.parametrize("answer", [answers.authorised(), answers.refused(), answers.authorised(resultCode="Pending")])
async def test_details_of_another_payment_are_unknown(teller, provider, whose, answer):
    """A browser may bring back what belongs to another payment: its hold is not ours, and its refusal neither."""
    teller.tell({**answer, "merchantReference": whose})

    outcome = await provider.complete(orders.completion(Handle(id=PAYMENT), answer={"redirectResult": "X6Xt"}))

    assert isinstance(outcome, Unknown)


async def test_details_may_ask_for_one_thing_more(teller, provider):
    """Without saying whose payment it is; then nothing of the payment changes but what the driver has to do."""
    teller.tell(answers.native(resultCode="ChallengeShopper", pspReference=PSP))

    outcome = await provider.complete(orders.completion(Handle(id=PAYMENT), answer={"threeDSResult": "X6Xt"}))

    assert (outcome.type, outcome.id, outcome.handle) == ("action_required", None, Handle(id=PAYMENT))


async def test_refund_of_paypal_names_the_capture(teller, provider):
    """PayPal alone wants to know which."""
    teller.tell(answers.received(), status=201)

    await provider.refund(orders.giving_back(Handle(id=PSP, memo={"method": "paypal"}), capture_id="C1"))
    await provider.refund(orders.giving_back(HANDLE, capture_id="C1"))

    assert [seen.body.get("capturePspReference") for seen in teller.seen] == ["C1", None]


async def test_several_captures_only_where_the_account_has_them(teller, provide):
    """The setting is also what decides on a void after the last one."""
    teller.tell(answers.received(), status=201)
    one, several = provide(), provide(multiple_captures=True)

    with pytest.raises(UnsupportedOperation):
        await one.capture(orders.taking(final=False))

    assert (await several.capture(orders.taking(final=False))).type == "pending"
    assert (one.capabilities.releases_remainder, several.capabilities.releases_remainder) == (True, False)
    assert len(teller.seen) == 1


async def test_account_without_adjustments_refuses_them(teller, provide):
    """Not claimed, not sent."""
    provider = provide(increment=False)

    with pytest.raises(UnsupportedOperation):
        await provider.increment(orders.increase())

    assert (provider.capabilities.increment, teller.seen) == (False, [])


@pytest.mark.parametrize(
    "bad", ["../../evil?x=1", "p" * 16, "PAYMENT00000000", "PAYMENT000000001/x", "PAYMENT000000001\n", ""]
)
@pytest.mark.parametrize(
    ("verb", "order"), [("capture", orders.taking), ("refund", orders.giving_back), ("increment", orders.increase)]
)
async def test_what_is_no_reference_of_theirs_goes_into_no_path(teller, provider, bad, verb, order):
    """The SDK would put it into the address as it is."""
    with pytest.raises(InvalidInput):
        await getattr(provider, verb)(order(Handle(id=bad)))

    assert teller.seen == []


@pytest.mark.parametrize(
    ("verb", "order"),
    [("authorize", orders.authorization), ("increment", orders.increase), ("capture", orders.taking),
     ("void", orders.cancellation), ("refund", orders.giving_back)],
)  # fmt: skip
async def test_extra_passes_and_cannot_override(teller, provider, verb, order):
    """Outermost fields, untouched; not those that the adapter sets."""
    teller.tell(answers.received(), status=201)

    await getattr(provider, verb)(order(extra={"store": "Kai 3"}))
    with pytest.raises(InvalidInput, match="merchantAccount"):
        await getattr(provider, verb)(order(extra={"merchantAccount": "Other"}))

    assert (len(teller.seen), teller.seen[0].body["store"]) == (1, "Kai 3")


@pytest.mark.parametrize(
    ("amount", "currency", "wire"), [("500", "ISK", 50_000), ("5000", "IDR", 5000), ("1.234", "KWD", 1234)]
)
async def test_amount_in_adyens_exponent(teller, provider, amount, currency, wire):
    """Where Adyen departs from ISO 4217, its own table counts, out and in."""
    money = Money(amount, currency)
    teller.tell(answers.authorised(amount={"value": wire, "currency": currency}))

    request = orders.names(reference=PAYMENT, amount=money, method=PaymentMethod(STORED))
    outcome = await provider.authorize(orders.AuthorizeRequest(**request))

    assert teller.seen[0].body["amount"] == {"value": wire, "currency": currency}
    assert outcome.amount == money


async def test_same_key_for_a_resend(teller, provider):
    """Nothing about a request changes when it is sent again."""
    teller.tell(answers.received(), status=201)
    request = orders.taking()

    await provider.capture(request)
    await provider.capture(request)

    assert sent(teller, 0) == sent(teller, 1)


async def test_connections_are_kept(teller, provider):
    """The SDK's own client opens one for every call."""
    teller.tell(answers.received(), status=201)

    for _ in range(5):
        await provider.capture(orders.taking())

    pools = provider._calls._own._session.get_adapter("http://x").poolmanager.pools
    assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118 - not a mapping


async def test_many_calls_at_once(teller, provide):
    """Calls for different payments do not wait for each other."""
    teller.tell(answers.received(), status=201)
    teller.gate.clear()
    provider = provide(threads=8)
    running = [asyncio.create_task(provider.capture(orders.taking())) for _ in range(8)]
    while len(teller.seen) < 8:  # noqa: ASYNC110 - the server is another thread
        await asyncio.sleep(0.01)
    teller.gate.set()

    assert {outcome.type for outcome in await asyncio.gather(*running)} == {"pending"}


async def test_look_up_knows_nothing(teller, provider):
    """There is no call for it."""
    assert isinstance(await provider.look_up(LookUpRequest(payment_reference=PAYMENT, handle=HANDLE)), Unknown)
    assert teller.seen == []


async def test_settlements_without_a_report_user_are_empty(teller, provider):
    """Not claimed, not sent."""
    from datetime import date

    page = await provider.settlements(SettlementsRequest(since=date(2026, 1, 1), cursor="4"))

    assert (page.lines, page.cursor, teller.seen) == ((), "4", [])


async def test_close_twice(provide):
    """Closing is harmless, and what an account is stays known."""
    provider = provide()

    await provider.aclose()
    await provider.aclose()

    assert (provider.account.provider, provider.account.live) == ("adyen", False)
