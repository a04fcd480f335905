"""An answer about something else than was asked for: another kind of thing, or another currency. It proves nothing."""

import json
from datetime import date

import pytest
import stripe

from evpay.providers import Handle, SettlementsRequest, Succeeded, Unknown
from evpay_providers.stripe import StripeProvider, StripeSettings
from tests.providers.stripe import answers, orders

pytestmark = pytest.mark.anyio

HELD = Handle(id="pi_1", memo={"terms": "stated", "multicapture": "available"})
READER = Handle(id="pi_1", memo={"reader": "tmr_1"})
ORDERS = {
    "authorize": orders.authorization(),
    "complete": orders.completion(HELD),
    "increment": orders.increase(HELD, "30.00"),
    "capture": orders.taking(HELD, "5.00"),
    "void": orders.cancellation(HELD),
    "refund": orders.giving_back(HELD, "5.00"),
    "look_up": orders.question(HELD),
}
# What each is answered with when all is well, in the currency of the orders.
RIGHT = {
    "authorize": answers.intent(currency="eur"),
    "complete": answers.intent(currency="eur"),
    "increment": answers.intent(currency="eur"),
    "capture": answers.captured(currency="eur"),
    "void": answers.intent(currency="eur", status="canceled"),
    "refund": answers.refund(currency="eur"),
    "look_up": answers.intent(currency="eur"),
}
# Each of them has an id, a currency, an amount, and a status that a payment or a refund can have too.
THINGS = {
    "charge": answers.CHARGE | {"currency": "eur"},
    "refund": answers.refund(currency="eur"),
    "dispute": answers.dispute(-2900, currency="eur", status="succeeded"),
    "setup_intent": {"id": "seti_1", "object": "setup_intent", "status": "succeeded", "currency": "eur", "amount": 1},
    "terminal.reader": {"id": "tmr_1", "object": "terminal.reader", "status": "succeeded", "currency": "eur"},
    "payment_intent": answers.captured(currency="eur"),
    "list": {"object": "list", "data": [answers.intent(currency="eur")], "has_more": False, "url": "/v1/x"},
    "nothing": {name: value for name, value in answers.intent(currency="eur").items() if name != "object"},
}
OTHERS = [(verb, name) for verb in ORDERS for name in THINGS if name != RIGHT[verb]["object"]]


class Answering(stripe.HTTPClient):
    """Gives an answer by the end of the path, or always the same."""

    name = "answering"

    def __init__(self, answer=None, **by_path):
        super().__init__()
        self._answer, self._by_path = answer, by_path

    async def request_async(self, method, url, headers, post_data=None):
        last = url.partition("?")[0].rpartition("/")[2]
        return json.dumps(self._by_path.get(last, self._answer)).encode(), 200, {}


def asking(answer=None, **by_path):
    settings = StripeSettings(api_key="sk_test_x", request_increment=True)
    return StripeProvider(settings, http_client=Answering(answer, **by_path))


@pytest.mark.parametrize("verb", [verb for verb in ORDERS if verb != "look_up"])
async def test_right_answer_is_believed(verb):
    """Otherwise the refusals below would prove nothing."""
    assert isinstance(await getattr(asking(RIGHT[verb]), verb)(ORDERS[verb]), Succeeded)


@pytest.mark.parametrize(("verb", "thing"), OTHERS)
async def test_thing_of_another_kind_is_unknown(verb, thing):
    """Whatever its status and amount."""
    assert isinstance(await getattr(asking(THINGS[thing]), verb)(ORDERS[verb]), Unknown)


@pytest.mark.parametrize("currency", ["usd", "isk", "zzz", "", None, 978, {"eur": 1}])
@pytest.mark.parametrize("verb", [verb for verb in ORDERS if verb != "look_up"])
async def test_answer_in_another_currency_is_unknown(verb, currency):
    """It is never taken for the amount that was asked, nor told as an amount that nobody asked."""
    answer = RIGHT[verb] | {"currency": currency}

    assert isinstance(await getattr(asking(answer), verb)(ORDERS[verb]), Unknown)


@pytest.mark.parametrize("verb", ["capture", "void"])
async def test_answer_that_states_no_amount_does_not_hide_its_currency(verb):
    """Where the request's amount stands in, it must be about the same money."""
    answer = answers.terse(status="succeeded" if verb == "capture" else "canceled")

    assert isinstance(await getattr(asking(answer), verb)(ORDERS[verb]), Unknown)


@pytest.mark.parametrize("reader", [answers.intent(currency="eur"), answers.CHARGE, {"id": "tmr_1"}])
async def test_reader_that_is_none_was_not_told(reader):
    """Neither read nor told."""
    waiting = answers.intent(currency="eur", status="requires_payment_method", metadata={"evpay_reader": "tmr_1"})
    told = asking(waiting, tmr_1={"object": "terminal.reader", "action": None}, process_payment_intent=reader)

    assert isinstance(await asking(waiting, tmr_1=reader).complete(orders.completion(READER)), Unknown)
    assert isinstance(await told.complete(orders.completion(READER)), Unknown)


@pytest.mark.parametrize("entry", [answers.CHARGE, answers.dispute(-2900), {"id": "re_1", "currency": "usd"}, "re_1"])
async def test_list_with_something_else_in_it_is_unknown(entry):
    """Half an observation would look like absence."""
    refunds = {"object": "list", "data": [answers.refund(), entry], "has_more": False, "url": "/v1/refunds"}

    assert isinstance(await asking(answers.captured(), refunds=refunds).look_up(orders.question(HELD)), Unknown)


async def test_refund_in_another_currency_than_its_payment_is_unknown():
    """Its amount cannot be added to the others."""
    refunds = {"object": "list", "data": [answers.refund(currency="eur")], "has_more": False, "url": "/v1/refunds"}

    assert isinstance(await asking(answers.captured(), refunds=refunds).look_up(orders.question(HELD)), Unknown)


async def test_settlements_are_lines_of_the_balance():
    """A list of charges is not one of them."""
    lines = {"object": "list", "data": [answers.CHARGE], "has_more": False, "url": "/v1/balance_transactions"}

    assert isinstance(await asking(lines).settlements(SettlementsRequest(since=date(2026, 1, 1))), Unknown)
