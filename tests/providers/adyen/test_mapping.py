"""What Adyen's results mean."""

from datetime import timedelta

import pytest

from evpay.providers import (
    ActionRequired,
    Declined,
    Failed,
    Handle,
    Hold,
    MethodKind,
    OpenLink,
    PaymentMethod,
    Pending,
    Reason,
    RunClientSdk,
    Succeeded,
    Unknown,
)
from evpay_providers.adyen.failures import REFUSAL_TEXTS, REFUSALS, failure
from evpay_providers.adyen.methods import method_param
from tests.providers.adyen import answers, orders
from tests.providers.adyen.orders import PAYMENT, PSP, eur

pytestmark = pytest.mark.anyio


async def authorized(teller, provider, answer, **fields):
    teller.tell(answer)
    return await provider.authorize(orders.authorization(**fields))


async def test_hold_is_what_the_account_allows(teller, provide):
    """Adyen says nothing of a hold's terms, so the settings do."""
    provider = provide(multiple_captures=True, overcapture_percent=15, hold_lasts=timedelta(days=5))

    outcome = await authorized(teller, provider, answers.authorised())

    assert outcome.hold == Hold(
        expires=timedelta(days=5), increment=True, extend=True, multiple_captures=True, capture_limit=eur("23.00")
    )


async def test_hold_is_cautious_by_default(teller, provider):
    """One capture, no more than is held; a charge with nobody there is relied upon for less long."""
    there = await authorized(teller, provider, answers.authorised())
    nobody = await authorized(teller, provider, answers.authorised(), off_session=True)

    assert there.hold == Hold(expires=timedelta(days=7), increment=True, extend=True)
    assert nobody.hold.expires == timedelta(days=4, hours=18)


async def test_partial_approval_is_less(teller, provider):
    """The confirmed amount wins, and it stands among the texts."""
    data = {"authorisedAmountValue": "1000", "authorisedAmountCurrency": "EUR"}

    outcome = await authorized(
        teller, provider, answers.authorised(resultCode="PartiallyAuthorised", additionalData=data)
    )

    assert outcome.amount == eur("10.00")


async def test_partial_approval_without_an_amount_is_unknown(teller, provider):
    """How much is not known, so nothing is."""
    outcome = await authorized(teller, provider, answers.authorised(resultCode="PartiallyAuthorised"))

    assert isinstance(outcome, Unknown)


async def test_answer_without_an_amount_is_of_all_of_it(teller, provider):
    """`Authorised` means the amount that was asked."""
    answer = answers.authorised()
    del answer["amount"]

    assert (await authorized(teller, provider, answer)).amount == eur("20.00")


async def test_confirmed_amount_wins(teller, provider):
    """Less than was asked, if so much was held."""
    answer = answers.authorised(amount={"currency": "EUR", "value": 1500})

    assert (await authorized(teller, provider, answer)).amount == eur("15.00")


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": {"currency": "NOK", "value": 2000}},
        {"additionalData": {"authorisedAmountValue": "2000", "authorisedAmountCurrency": "NOK"}},
    ],
)
async def test_hold_in_another_currency_is_unknown(teller, provider, fields):
    """It is not what was asked, so nothing is proven."""
    assert isinstance(await authorized(teller, provider, answers.authorised(**fields)), Unknown)


@pytest.mark.parametrize(
    "fields",
    [
        {"pspReference": None},
        {"pspReference": "../../evil"},
        {"pspReference": 5},
        {"merchantReference": "another"},
        {"amount": {"currency": "EUR", "value": 20.5}},
        {"amount": {"currency": "EUR", "value": "2000"}},
        {"amount": {"currency": "EUR"}},
        {"amount": {"currency": "ZZZ", "value": 1}},
        {"amount": {"currency": "ISK", "value": 150}},
        {"amount": [1]},
        {"additionalData": {"authorisedAmountValue": "1e3"}},
    ],
)
async def test_answer_that_is_not_as_documented_is_unknown(teller, provider, fields):
    """No reference, another payment, or what is no amount."""
    assert isinstance(await authorized(teller, provider, answers.authorised(**fields)), Unknown)


async def test_blob_and_rail_are_kept(teller, provider):
    """For the next adjustment, and for a refund through PayPal."""
    data = {"adjustAuthorisationData": "BQAB", "paymentMethod": "paypal"}

    outcome = await authorized(
        teller, provider, answers.authorised(additionalData=data, paymentMethod={"type": "paypal"})
    )

    assert outcome.handle == Handle(id=PSP, memo={"adjust": "BQAB", "method": "paypal"})
    assert (outcome.hold.increment, outcome.hold.extend) == (False, False)


async def test_blob_that_is_too_long_is_left_out(teller, provider):
    """A memo has four KiB; without the blob the answer only comes later."""
    outcome = await authorized(
        teller, provider, answers.authorised(additionalData={"adjustAuthorisationData": "x" * 5_000})
    )

    assert outcome.handle.memo == {}


async def test_saved_method_comes_back(teller, provider):
    """A token and whose it is, to be charged with nobody there."""
    data = {
        "tokenization.storedPaymentMethodId": "M5N7TQ4TG5PFWR50",
        "tokenization.shopperReference": "shopper-1",
        "cardSummary": "1142",
        "expiryDate": "03/2030",
        "paymentMethod": "visa",
    }

    outcome = await authorized(teller, provider, answers.authorised(additionalData=data))

    assert outcome.saved_method == PaymentMethod(
        "M5N7TQ4TG5PFWR50", account="adyen", customer="shopper-1", brand="visa", last4="1142", expires="2030-03"
    )


async def test_saved_paypal_is_charged_as_paypal(teller, provider):
    """Its token says what it is."""
    data = {"tokenization.storedPaymentMethodId": "P1", "tokenization.shopperReference": "s-1"}

    outcome = await authorized(
        teller, provider, answers.authorised(additionalData=data, paymentMethod={"type": "paypal"})
    )

    assert outcome.saved_method.kind is MethodKind.WALLET
    assert method_param(outcome.saved_method, live=True) == {"type": "paypal", "storedPaymentMethodId": "P1"}


async def test_saved_method_that_looks_like_a_card_number_is_left_out(teller, provider):
    """The hold stands; what looks like a card number is not kept."""
    data = {"tokenization.storedPaymentMethodId": "4111111111111111", "tokenization.shopperReference": "s-1"}

    outcome = await authorized(teller, provider, answers.authorised(additionalData=data))

    assert (outcome.type, outcome.amount, outcome.saved_method) == ("succeeded", eur("20.00"), None)


@pytest.mark.parametrize(
    "data",
    [
        {"tokenization.storedPaymentMethodId": "M5"},
        {"tokenization.shopperReference": "s"},
        {"tokenization.storedPaymentMethodId": "", "tokenization.shopperReference": "s"},
    ],
)
async def test_half_a_saved_method_is_none(teller, provider, data):
    """A token is worth nothing without its shopper."""
    assert (await authorized(teller, provider, answers.authorised(additionalData=data))).saved_method is None


async def test_redirect_is_a_link(teller, provider):
    """Adyen has no reference yet, so ours stands in."""
    outcome = await authorized(teller, provider, answers.redirect())

    assert outcome == ActionRequired(
        action=OpenLink(uri="https://bank.example/3ds"), id=None, handle=Handle(id=PAYMENT)
    )


async def test_redirect_by_post_is_for_the_client(teller, provider):
    """A link cannot carry the form."""
    action = {**answers.redirect()["action"], "method": "POST", "data": {"MD": "x"}}

    outcome = await authorized(teller, provider, answers.redirect(action=action, pspReference=PSP))

    assert (outcome.action, outcome.handle) == (RunClientSdk(payload=action), Handle(id=PSP))


@pytest.mark.parametrize("result", ["IdentifyShopper", "ChallengeShopper", "PresentToShopper"])
async def test_native_action_is_for_the_client(teller, provider, result):
    """The whole action, as Adyen's library wants it."""
    answer = answers.native(resultCode=result)

    outcome = await authorized(teller, provider, answer)

    assert outcome.action == RunClientSdk(payload=answer["action"])


@pytest.mark.parametrize("answer", [answers.redirect(), answers.native()])
async def test_driver_needed_off_session_is_a_decline(teller, provider, answer):
    """Nobody is there."""
    outcome = await authorized(teller, provider, answer, off_session=True)

    assert (type(outcome), outcome.reason) == (Declined, Reason.AUTHENTICATION_REQUIRED)


@pytest.mark.parametrize("code", ["11", "38", "42"])
async def test_authentication_off_session_is_required_not_failed(teller, provider, code):
    """Nobody was there to fail it."""
    off = await authorized(teller, provider, answers.refused(code), off_session=True)

    assert off == Declined(reason=Reason.AUTHENTICATION_REQUIRED, code=code, id=PSP)


async def test_action_without_an_action_is_unknown(teller, provider):
    """There is nothing to show."""
    assert isinstance(await authorized(teller, provider, {"resultCode": "RedirectShopper"}), Unknown)


@pytest.mark.parametrize("result", ["Pending", "Received"])
async def test_not_yet_is_pending(teller, provider, result):
    """A webhook tells."""
    outcome = await authorized(teller, provider, {"resultCode": result, "pspReference": PSP})

    assert outcome == Pending(id=PSP, handle=Handle(id=PSP))


async def test_cancelled_by_the_driver(teller, provider):
    """Not a refusal of the bank."""
    outcome = await authorized(teller, provider, {"resultCode": "Cancelled", "pspReference": PSP})

    assert outcome == Declined(reason=Reason.CANCELLED_BY_DRIVER, code="Cancelled", id=PSP)


@pytest.mark.parametrize(
    ("code", "reason"), [(None, Reason.ISSUER_UNAVAILABLE), ("4", Reason.ISSUER_UNAVAILABLE), ("99", Reason.OTHER)]
)
async def test_error_is_a_failure(teller, provider, code, reason):
    """The processor's side, not the payer's."""
    answer = {"resultCode": "Error", "pspReference": PSP, **({"refusalReasonCode": code} if code else {})}

    assert await authorized(teller, provider, answer) == Failed(reason=reason, code=code or "Error", id=PSP)


# Re-read from the vendor's page, not from the adapter: https://docs.adyen.com/development-resources/refusal-reasons
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("2", Reason.DO_NOT_HONOR), ("5", Reason.LOST_OR_STOLEN), ("6", Reason.EXPIRED_METHOD),
        ("8", Reason.INVALID_METHOD), ("9", Reason.ISSUER_UNAVAILABLE), ("12", Reason.INSUFFICIENT_FUNDS),
        ("16", Reason.CANCELLED_BY_DRIVER), ("20", Reason.SUSPECTED_FRAUD), ("23", Reason.NOT_PERMITTED),
        ("24", Reason.INVALID_METHOD), ("26", Reason.METHOD_REVOKED), ("28", Reason.LIMIT_EXCEEDED),
        ("38", Reason.AUTHENTICATION_REQUIRED), ("99", Reason.OTHER),
    ],
)  # fmt: skip
async def test_refusal_has_its_reason(teller, provider, code, reason):
    """And its code; a code that no table knows is OTHER."""
    assert await authorized(teller, provider, answers.refused(code)) == Declined(reason=reason, code=code, id=PSP)


async def test_refusal_without_a_code_keeps_its_words(teller, provider):
    """What Adyen said is not lost."""
    answer = {"resultCode": "Refused", "refusalReason": "Something new", "pspReference": PSP}

    assert await authorized(teller, provider, answer) == Declined(reason=Reason.OTHER, code="Something new", id=PSP)


def test_words_and_codes_are_one_list():
    """Every word stands for a code that has a reason."""
    assert set(REFUSAL_TEXTS.values()) <= set(REFUSALS)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (401, "000", Reason.INVALID_CREDENTIALS), (403, "010", Reason.MISCONFIGURED),
        (403, "901", Reason.MISCONFIGURED), (422, "000", Reason.INVALID_REQUEST), (422, "100", Reason.INVALID_REQUEST),
        (422, "101", Reason.INVALID_METHOD), (422, "103", Reason.INVALID_METHOD), (422, "130", Reason.INVALID_REQUEST),
        (422, "167", Reason.INVALID_STATE), (422, "177", Reason.INVALID_REQUEST),
        (422, "14_030", Reason.INVALID_REQUEST), (422, "905_1", Reason.MISCONFIGURED), (422, "999", Reason.OTHER),
        (400, "999", Reason.OTHER), (404, "999", Reason.OTHER), (429, "whatever", Reason.RATE_LIMITED),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["authorize", "capture"])
async def test_refused_request_has_its_reason(teller, provider, verb, status, code, reason):
    """By status and code, and never by the SDK's class, which is one for 404 and 500."""
    teller.tell(answers.error(status, code, pspReference=PSP), status=status)
    order = {"authorize": orders.authorization, "capture": orders.taking}[verb]()

    assert await getattr(provider, verb)(order) == Failed(reason=reason, code=code, id=PSP)


def test_error_without_a_code_is_the_requests_fault():
    """Its type is documented, its code is missing."""
    found = failure(status=422, body={"errorType": "validation"}, transient=False)

    assert found == Failed(reason=Reason.INVALID_REQUEST)


async def test_refused_adjustment_with_blob_is_declined(teller, provider):
    """At once, and the old hold stands."""
    teller.tell(answers.received(status="refused"), status=201)

    outcome = await provider.increment(orders.increase(Handle(id=PSP, memo={"adjust": "BQAB"})))

    assert outcome == Declined(reason=Reason.INCREMENT_NOT_AVAILABLE, code="refused", id=answers.MODIFICATION)


async def test_adjustment_in_another_currency_is_unknown(teller, provider):
    """The old hold stands, as far as anybody knows."""
    teller.tell(answers.received(status="authorised", amount={"currency": "NOK", "value": 3000}), status=201)

    outcome = await provider.increment(orders.increase(Handle(id=PSP, memo={"adjust": "old"})))

    assert isinstance(outcome, Unknown)


async def test_adjustment_keeps_what_was_remembered(teller, provider):
    """A new blob replaces the old one; an answer without one ends it."""
    teller.tell(answers.received(status="authorised", amount={"currency": "EUR", "value": 3000}), status=201)

    outcome = await provider.increment(orders.increase(Handle(id=PSP, memo={"adjust": "old", "other": "kept"})))

    assert isinstance(outcome, Succeeded)
    assert outcome.handle == Handle(id=PSP, memo={"other": "kept"})
