"""What wallets hand over, and Apple Pay's session for the web."""

import pytest

from evpay.errors import InvalidInput
from evpay.providers import Failed, MethodKind, Reason, Unknown
from evpay_providers.adyen import AdyenSettings, wallets
from evpay_providers.adyen.methods import client_method, is_stored, type_of
from tests.providers.adyen import answers
from tests.providers.adyen.conftest import API_KEY, MERCHANT

pytestmark = pytest.mark.anyio

SHOP = {"domain": "pay.example.com", "display_name": "Acme Charging", "merchant_identifier": "merchant.com.acme"}


def settings(teller):
    return AdyenSettings(api_key=API_KEY, merchant_account=MERCHANT, base_url=teller.url)


async def test_apple_pay_session_over_the_wire(teller):
    """Adyen asks Apple, so that no address from a browser is ever called."""
    teller.tell({"data": "eyJ2Z"})

    data = await wallets.apple_pay_session(settings(teller), **SHOP)

    assert data == "eyJ2Z"
    assert (teller.seen[0].path, teller.seen[0].body) == (
        "/v72/applePay/sessions",
        {"displayName": "Acme Charging", "domainName": "pay.example.com", "merchantIdentifier": "merchant.com.acme"},
    )


async def test_apple_pay_session_that_fails_is_told(teller):
    """As an outcome, not as an exception."""
    teller.tell(answers.error(403, "010"), status=403)
    refused = await wallets.apple_pay_session(settings(teller), **SHOP)
    teller.answers.clear()
    teller.tell({})
    empty = await wallets.apple_pay_session(settings(teller), **SHOP)

    assert refused == Failed(reason=Reason.MISCONFIGURED, code="010")
    assert isinstance(empty, Unknown)


@pytest.mark.parametrize(
    "domain", ["https://pay.example.com", "pay.example.com/x", "localhost", "", "a b.example", "-a.example"]
)
async def test_domain_is_a_plain_name(teller, domain):
    """Nothing else is sent."""
    with pytest.raises(InvalidInput):
        await wallets.apple_pay_session(settings(teller), **{**SHOP, "domain": domain})

    assert teller.seen == []


@pytest.mark.parametrize(
    "make", [wallets.apple_pay, wallets.google_pay, lambda _: wallets.paypal(), lambda _: wallets.venmo()]
)
def test_wallet_is_a_wallet_and_not_stored(make):
    """A token for one charge."""
    method = make("abc")

    assert (method.kind, is_stored(method)) == (MethodKind.WALLET, False)


def test_test_card_passes_as_a_token():
    """Adyen's test values are card numbers behind `test_`; none of them can be read in the token."""
    method = client_method({"type": "scheme", "encryptedCardNumber": "test_4111111111111111"}, customer="s-1")

    assert (type_of(method), method.customer) == ("scheme", "s-1")
    assert "4111" not in method.token


@pytest.mark.parametrize("fields", [{}, {"type": 5}, {"type": "scheme", "number": "x"}, {"type": "scheme", "cvc": "1"}])
def test_card_data_in_the_clear_is_no_method(fields):
    """Only what is encrypted may pass."""
    with pytest.raises(InvalidInput):
        client_method(fields)
