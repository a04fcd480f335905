"""What the README promises of each emulator's keys."""

import tomllib
from pathlib import Path

import pytest
from evpay_contrib_emulators import running

from evpay import Money, PaymentMethod
from evpay.providers import AuthorizeRequest, Succeeded
from evpay.providers.registry import build
from evpay_providers.adyen.methods import client_method

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[2] / "contrib/emulators/README.md"
ACCOUNTS = tomllib.loads(README.read_text().partition("```toml")[2].partition("```")[0])["providers"]
CARDS = {
    "stripe": PaymentMethod("pm_card_visa"),
    "adyen": client_method(
        {
            "type": "scheme",
            "encryptedCardNumber": "test_4111111111111111",
            "encryptedExpiryMonth": "test_03",
            "encryptedExpiryYear": "test_2030",
            "encryptedSecurityCode": "test_737",
        }
    ),
    "braintree": PaymentMethod("fake-valid-nonce"),
}


@pytest.mark.parametrize("name", ACCOUNTS)
async def test_account_of_the_readme_is_taken_by_the_emulator(name):
    """As it stands there, but for the port."""
    options = {key: value for key, value in ACCOUNTS[name].items() if key != "use"}

    with running(name) as emulator:
        provider = build(ACCOUNTS[name]["use"], name, {**options, "base_url": emulator.url})
        outcome = await provider.authorize(
            AuthorizeRequest(
                reference="p" * 26,
                idempotency_key="k" * 26,
                amount=Money("20.00", "EUR"),
                method=CARDS[name],
            )
        )
        await provider.aclose()
        shown = str(emulator.journal())

    assert isinstance(outcome, Succeeded), outcome
    assert "4111111111111111" not in shown


async def test_every_emulator_is_in_the_readme():
    """None is forgotten."""
    from evpay_contrib_emulators.registry import GATEWAYS

    assert set(ACCOUNTS) == set(GATEWAYS)
